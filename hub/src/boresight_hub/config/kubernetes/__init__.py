"""The hub on Kubernetes: servers are pods, token files are Secrets.

``boresight-hub[kubernetes]`` is needed. Nothing here has rights beyond the namespace of users; what
each right is for stands in the documentation.
"""
