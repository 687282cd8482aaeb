"""Boresight's control plane: hub, identity, access, catalogue, and the command ``boresight``."""

__version__ = "0.1.0"
