"""Raw frames read in strips and brought to equalised signal: what matching and products start from.

No more than a strip of a frame is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import rasterio
from numpy.typing import NDArray

from boresight.instrument import Band, Detector, Quantity
from boresight.io import read_image
from boresight.io.gdal import quiet
from boresight.radiometry import Level1


def frames(source: str) -> Iterator[NDArray[np.uint16]]:
    """Frames of a file, one a band, one in memory at a time [DN]."""
    with quiet(), rasterio.open(source) as dataset:
        for band in range(1, dataset.count + 1):
            yield dataset.read(band)


def level1_rows(source: str, band: Band, first_row: int, last_row: int) -> NDArray[np.float32]:
    """Equalised signal of some rows of a raw frame.

    Parameters
    ----------
    source : str
        Raw frame as GDAL opens it.
    band : Band
        With a detector.
    first_row, last_row : int
        The last one is not among them.

    Returns
    -------
    ndarray, shape (last_row - first_row, cols), float32
        [DN] above dark. Bad and saturated pixels carry their row's interpolated signal.
    """
    raw = read_image(source, window=(slice(first_row, last_row), slice(None)), masked=False)
    signal = Level1(_rows_of(band, first_row, last_row), absolute=False)(raw.values[0])
    return _filled(signal)


def _rows_of(band: Band, first_row: int, last_row: int) -> Band:
    """The band with the part of its detector that sees these rows."""
    detector = band.detector
    if detector is None or detector.shape[0] == 1:
        return band
    rows = slice(first_row, last_row)
    bad = detector.bad_pixels
    part = Detector(
        dark=Quantity(value=detector.dark.grid[rows], unit="DN"),
        relative_gain=Quantity(value=detector.relative_gain.grid[rows], unit="1"),
        saturation_dn=detector.saturation_dn,
        nonlinearity=detector.nonlinearity,
        bad_pixels=None if bad is None else bad[rows],
    )
    return band.model_copy(update={"detector": part})


def _filled(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Signal with the gaps of each row bridged along the row."""
    for index in np.flatnonzero(~np.isfinite(signal).all(axis=1)):
        line = signal[index]
        known = np.isfinite(line)
        if known.any():
            places = np.arange(line.size)
            signal[index] = np.interp(places, places[known], line[known])
    return signal
