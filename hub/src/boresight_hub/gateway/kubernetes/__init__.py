"""Clusters as pods: dask-gateway's Kubernetes backend and controller, in one namespace.

The server makes ``DaskCluster`` objects, the controller makes pods of them. Traefik asks the server
for the routes, so it needs no right at the API server. ``boresight-hub[kubernetes]`` is needed.
"""
