"""Workflows: what puts numerics, files, catalogue and compute together.

Each module is one job; import it by name (``from boresight.workflows import ingest``).
"""
