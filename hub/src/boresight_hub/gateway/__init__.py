"""Dask clusters of a person's own: dask-gateway's server, tied to the hub.

``python -m boresight_hub.gateway`` runs it. Everything listens on loopback and works as an
ordinary user: every cluster runs under the account of the environment itself. One account is one
trust domain; isolation between people is Kubernetes' part.

This package is also loaded in schedulers and workers (:mod:`~boresight_hub.gateway.http_guard`,
:mod:`~boresight_hub.gateway.orphan_watch`), so this file imports nothing.
"""
