"""Stereo pairs and jobs inside JupyterLab: the server's part, and the files of the browser's."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyterlab-boresight"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyterlab_boresight.app import BoresightPanels

    return [{"module": "jupyterlab_boresight", "app": BoresightPanels}]
