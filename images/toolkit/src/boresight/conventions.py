"""Conventions that hold in the whole toolkit, stated once.

Pixels
    Inside, an image position is ``(row, col)`` with (0, 0) at the *upper-left corner* of the first
    pixel, so that its centre is (0.5, 0.5). RPC (as in TIFF tags, ``_RPC.TXT`` and DIMAP after
    conversion) count the centre of the first pixel as 0; readers and writers in
    :mod:`boresight.io` add or take :data:`RPC_PIXEL_SHIFT`, and nothing else does.
Ground
    ``lon, lat, height`` in degrees and metres (``always_xy``). Heights say what they are above:
    ``ellipsoid`` or a geoid.
Vertical accuracy
    ``le90_m`` is the 90th percentile of |vertical error|.
    ``nmad_m`` is 1.4826 · median(|e - median(e)|).
"""

from __future__ import annotations

#: internal = RPC + shift, in pixels, for rows and columns alike
RPC_PIXEL_SHIFT = 0.5

#: consistency constant of the median absolute deviation for a normal distribution
NMAD_SCALE = 1.4826
