"""A raw frame made into a product by a parameter set: equalised, and seen by the virtual sensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

from boresight.errors import ParameterSetError
from boresight.geometry import VirtualSensor, interpolate
from boresight.geometry.virtual_sensor import HALO_PX
from boresight.instrument import ParameterSet
from boresight.io import to_rasterio
from boresight.io.gdal import quiet
from boresight.workflows.calibrate.campaign import Image, Satellite
from boresight.workflows.calibrate.imagery import level1_rows


def reprocess(
    source: str,
    target: Path,
    satellite: Satellite,
    image: Image,
    parameters: ParameterSet,
    heights_m: tuple[float, float],
    *,
    block_rows: int,
) -> dict[str, Any]:
    """Write the product of a raw frame, strip by strip.

    Parameters
    ----------
    source : str
        Raw frame as GDAL opens it.
    target : Path
        GeoTIFF to write, with the virtual sensor's rational model.
    satellite : Satellite
    image : Image
        With its telemetry.
    parameters : ParameterSet
        With a detector, viewing directions and a boresight.
    heights_m : tuple of float
        Heights above the ellipsoid that the rational model holds for [m].
    block_rows : int
        Rows in memory at a time [px].

    Returns
    -------
    dict
        Shape, margin, largest residual of the rational model, largest move of a pixel.

    Raises
    ------
    ParameterSetError
        Parts of the set are missing.
    """
    band = parameters.band(satellite.band)
    if parameters.boresight is None:
        raise ParameterSetError(
            f"{parameters.id} has no boresight, without which there is no rational model.",
            remedy="Calibrate it, or choose another set.",
        )
    sensor = VirtualSensor.of(band, satellite.focal_px)
    if sensor.shape != satellite.shape:
        raise ParameterSetError(
            f"The viewing directions of {parameters.id} are of a frame of {sensor.shape}, the "
            f"image has {satellite.shape}; they have to agree.",
            remedy="Choose the parameter set of this instrument.",
        )
    camera = image.camera(satellite.focal_px, sensor.focal_plane, parameters.boresight.angles_rad)
    fit = camera.fit_rpc(heights_m)
    rows, cols = sensor.virtual_shape
    profile = {"driver": "GTiff", "height": rows, "width": cols, "count": 1, "dtype": "float32"}
    moved = 0.0
    with quiet(), rasterio.open(target, "w", tiled=True, bigtiff="IF_SAFER", **profile) as out:
        out.rpcs = to_rasterio(fit.rpc)
        out.descriptions, out.units = (satellite.band,), ("1",)
        for first in range(0, rows, block_rows):
            last = min(first + block_rows, rows)
            row, col = sensor.source(first, last)
            top = max(int(np.floor(row.min())) - HALO_PX, 0)
            bottom = min(int(np.ceil(row.max())) + HALO_PX, satellite.shape[0])
            signal = level1_rows(source, band, top, bottom)
            values = interpolate(signal, row - top, col)
            out.write(values, 1, window=Window(0, first, cols, last - first))
            straight_row = np.arange(first, last)[:, None] + 0.5 + sensor.margin_px
            straight_col = np.arange(cols)[None] + 0.5 + sensor.margin_px
            moved = max(moved, float(np.hypot(row - straight_row, col - straight_col).max()))
    return {
        "shape": [rows, cols],
        "margin_px": sensor.margin_px,
        "rpc_max_residual_px": fit.max_residual_px,
        "largest_move_px": moved,
    }
