"""Pictures of raster assets: a few hundred pixels, read from overviews, with their histogram.

GDAL reads with the reader's credentials where the signer has a path for it, and by HTTP otherwise.
numpy and rasterio are loaded at the first picture, and need not be installed.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

from jupyterlab_stac.errors import PreviewError

#: Side of a picture at most [px].
MAX_SIDE_PX = 1024
_QUERY = re.compile(r"\?[^\s'\"]*")


@dataclass(frozen=True)
class PreviewRequest:
    """What to show.

    Parameters
    ----------
    bands : tuple of int
        From 1; one for grey, three for colours. Empty: chosen.
    stretch : tuple of float, optional
        Values that become black and white; by percentiles 2 and 98 unless given.
    side_px : int
        Of the longer side.
    """

    bands: tuple[int, ...] = ()
    stretch: tuple[float, float] | None = None
    side_px: int = 512


@dataclass(frozen=True)
class Preview:
    """A picture and what it was made of."""

    png: bytes
    about: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the panel takes it."""
        return {"png": base64.b64encode(self.png).decode(), **self.about}


def read_preview(path: str, wanted: PreviewRequest) -> Preview:
    """Read a picture; blocks.

    Parameters
    ----------
    path : str
        As GDAL takes it.
    wanted : PreviewRequest

    Raises
    ------
    PreviewError
        When rasterio is not installed, the file cannot be read, or is too large.
    """
    try:
        from jupyterlab_stac.picture import draw
    except ImportError as exc:
        raise PreviewError(
            "Pictures need rasterio, which is not installed.",
            remedy="pip install 'jupyterlab-stac[preview]'",
            kind="rasterio",
        ) from exc
    return draw(path, wanted)


def without_query(text: str) -> str:
    """Return ``text`` without what signs an address."""
    return _QUERY.sub("", text)
