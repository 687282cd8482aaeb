"""Backup and restore of an environment on Kubernetes: databases, objects, homes, Secrets.

Everything goes through ``kubectl exec`` into pods that are there, or that are made for the purpose:
no port is opened, and no credential leaves the cluster but in the part ``secrets``.
"""
