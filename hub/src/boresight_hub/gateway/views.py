"""A cluster as the gateway's own routes see it, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClusterView:
    """One cluster.

    Attributes
    ----------
    name, username : str
    is_running : bool
        Whether its scheduler is at work.
    dashboard_address : str
        Address of the scheduler's HTTP server; empty when there is none.
    """

    name: str
    username: str
    is_running: bool
    dashboard_address: str
