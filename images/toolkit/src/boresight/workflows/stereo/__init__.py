"""Stereo: two images in, a surface model out.

::

    from boresight.compute import cluster
    from boresight.workflows.stereo import StereoOptions, stereo

    with cluster(n_workers=2) as c:
        result = stereo(left, right, StereoOptions(vertical_datum="egm96"), compute=c)
    result.item, result.statistics

CARS does the work, one run per ground tile, in child processes of the workers
(:mod:`boresight.workflows.stereo.engine`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boresight.workflows.stereo.options import StereoOptions
    from boresight.workflows.stereo.workflow import StereoResult, stereo

__all__ = ["StereoOptions", "StereoResult", "stereo"]

_HOMES = {"StereoOptions": "options", "StereoResult": "workflow", "stereo": "workflow"}


def __getattr__(name: str) -> object:
    # on demand: every run of CARS imports this package, and needs neither Dask nor the catalogue
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
