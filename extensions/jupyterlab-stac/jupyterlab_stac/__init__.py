"""STAC catalogues inside JupyterLab: the server's part, and the files of the browser's part."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyterlab-stac"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyterlab_stac.app import StacPanel

    return [{"module": "jupyterlab_stac", "app": StacPanel}]
