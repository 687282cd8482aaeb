"""How GDAL is called: its environment, and the warning that is no news."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import rasterio
from rasterio.errors import NotGeoreferencedWarning


@contextmanager
def quiet(*, sidecars: bool = True) -> Iterator[None]:
    """GDAL without the warning that sensor images have no map.

    Parameters
    ----------
    sidecars : bool
        Whether ``.aux.xml`` files are read and written; writers that must leave one file say no.
    """
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="YES" if sidecars else "NO"):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
