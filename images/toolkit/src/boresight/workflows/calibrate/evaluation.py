"""A surface model against the surface it should show: errors, and the bands in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pystac
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.features import geometry_mask
from shapely.geometry import mapping
from shapely.geometry import shape as to_shape
from shapely.ops import transform

from boresight import access
from boresight.dsm import Banding, banding, compare, resample
from boresight.geometry import FrameCamera
from boresight.io import Dsm, read_dsm
from boresight.workflows.calibrate.job import Arrays

FloatArray = NDArray[np.float64]

#: side of maps kept for the dossier; more is not seen
_MAP_PX = 420

#: ground left out along the border of what both images see: windows there are cut [m]
_INSET_M = 10.0


def evaluate(
    dsm: str,
    surface: str,
    outline: dict[str, Any],
    *,
    azimuth_deg: float,
    gsd_m: float,
    line_time_s: float,
    base_to_height: float,
    waves_per_m: float | None,
) -> tuple[dict[str, Any], Arrays]:
    """Compare a surface model with the true surface.

    Parameters
    ----------
    dsm, surface : str
        As GDAL opens them, in one reference system, above one datum.
    outline : dict
        Ground that both images see: GeoJSON geometry (longitude, latitude).
    azimuth_deg : float
        Direction in which image rows follow one another, clockwise from north [deg].
    gsd_m, line_time_s, base_to_height : float
        Of the pair [m], [s], [1].
    waves_per_m : float, optional
        Frequency of bands that are looked for; default: the strongest [1/m].

    Returns
    -------
    numbers : dict
        As JSON takes them.
    arrays : dict of ndarray
        Map of errors, profile and spectrum.
    """
    truth = read_dsm(surface)
    model = read_dsm(dsm)
    grid = tuple(truth.transform)[:6]
    heights = resample(model.heights, tuple(model.transform)[:6], grid, truth.heights.shape)
    seen = _seen(outline, truth)
    rows, cols = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    reference = np.where(seen, truth.heights, np.nan)[part].astype(np.float64)
    heights = np.where(seen, heights, np.nan)[part]
    comparison = compare(heights, reference, resolution_m=truth.resolution_m)
    error = heights - reference
    bands = banding(
        error,
        truth.resolution_m,
        azimuth_deg=azimuth_deg,
        gsd_m=gsd_m,
        line_time_s=line_time_s,
        base_to_height=base_to_height,
    )
    wave = 1.0 / bands.wavelength_m if waves_per_m is None else waves_per_m
    numbers = comparison.as_dict()
    numbers["banding"] = {
        "amplitude_m": bands.amplitude_m,
        "u_amplitude_m": bands.u_amplitude_m,
        "wavelength_m": bands.wavelength_m,
        "frequency_hz": bands.frequency_hz,
        "detected": bool(bands.detected),
        "false_alarm": bands.false_alarm,
        "cause": bands.cause,
        "waves_per_m": wave,
        "amplitude_there_m": _amplitude_at(bands, wave),
    }
    step = max(math.ceil(max(error.shape) / _MAP_PX), 1)
    arrays: Arrays = {
        "error_m": error[::step, ::step].astype(np.float32),
        "step_m": np.array(step * truth.resolution_m),
        "distance_m": bands.distance_m,
        "profile_m": bands.profile_m,
        "frequencies_per_m": bands.frequencies_per_m,
        "spectrum_m": bands.spectrum_m,
        "histogram": _histogram(error - comparison.median_m),
    }
    return numbers, arrays


def rows_azimuth_deg(camera: FrameCamera, height_m: float, epsg: int) -> float:
    """Direction on the map in which image rows follow one another, from north [deg]."""
    rows, cols = camera.focal_plane.shape
    lon, lat = camera.localize(np.array([0.0, rows]), np.full(2, cols / 2.0), height_m)
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
    return float(np.degrees(np.arctan2(x[1] - x[0], y[1] - y[0])) % 360.0)


def seen_by_both(items: tuple[pystac.Item, pystac.Item]) -> dict[str, Any]:
    """Ground that both images see: GeoJSON geometry."""
    shapes = [to_shape(item.geometry) for item in items if item.geometry is not None]
    result: dict[str, Any] = mapping(shapely.intersection_all(shapes))
    return result


def gdal_path(href: str) -> str:
    """Address of an asset as GDAL opens it."""
    return href if href.startswith("/") else access.to_vsis3(href)


def _amplitude_at(bands: Banding, waves_per_m: float) -> float:
    """Largest amplitude within half an independent frequency [m]."""
    span = float(bands.distance_m[-1] - bands.distance_m[0])
    near = np.abs(bands.frequencies_per_m - waves_per_m) <= 0.5 / span
    return float(bands.spectrum_m[near].max()) if near.any() else float("nan")


def _seen(outline: dict[str, Any], truth: Dsm) -> NDArray[np.bool_]:
    project = Transformer.from_crs(4326, truth.epsg, always_xy=True).transform
    ground = transform(project, to_shape(outline)).buffer(-_INSET_M)
    inside: NDArray[np.bool_] = geometry_mask(
        [mapping(ground)], truth.heights.shape, truth.transform, invert=True
    )
    return inside & np.isfinite(truth.heights)


def _histogram(centred: FloatArray) -> FloatArray:
    """Counts of errors about their median in 61 bins from -3 to 3 m; the ends take the rest."""
    values = np.clip(centred[np.isfinite(centred)], -3.0, 3.0)
    counts, _ = np.histogram(values, bins=61, range=(-3.0, 3.0))
    return counts.astype(np.float64)
