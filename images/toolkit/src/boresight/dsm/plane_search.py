"""Planes of a surface model before they are refined: the ground, the solid on it, its faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from boresight.conventions import NMAD_SCALE
from boresight.dsm.solids import BoolArray, FacetOptions
from boresight.errors import InputError

FloatArray = NDArray[np.float64]

#: Tukey's constant: 95 % efficiency with normal errors
_TUKEY = 4.685


def fit_plane(
    x: FloatArray, y: FloatArray, z: FloatArray, *, start: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Plane ``z = a x + b y + c`` by Tukey's biweight, scale from the NMAD of the residuals.

    Returns
    -------
    plane : ndarray, shape (3,)
        a, b [1], c [m].
    weights : ndarray, shape of ``z``
        0 (outlier) to 1.
    """
    design = np.stack([x, y, np.ones_like(x)], axis=-1)
    plane: FloatArray = np.zeros(3)
    plane[:] = np.linalg.lstsq(design, z, rcond=None)[0] if start is None else start
    weights = np.ones_like(z)
    for _ in range(30):
        residual = z - design @ plane
        scale = max(NMAD_SCALE * float(np.median(np.abs(residual))), 1e-6)
        weights = np.clip(1 - (residual / (_TUKEY * scale)) ** 2, 0, None) ** 2
        root = np.sqrt(weights)
        new = np.linalg.lstsq(design * root[:, None], z * root, rcond=None)[0]
        moved = float(np.abs(design @ (new - plane)).max())
        plane = new
        if moved < 1e-5:
            break
    return plane, weights


def height(plane: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Heights of ``plane`` [m], shape of ``x`` and ``y``."""
    result: FloatArray = plane[0] * x + plane[1] * y + plane[2]
    return result


def ground_plane(
    x: FloatArray, y: FloatArray, z: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Plane, at most 15° steep, that most heights agree with."""
    few = rng.choice(z.size, min(z.size, 20_000), replace=False)
    x, y, z = x[few], y[few], z[few]
    # agreement within a hundredth of the relief: noise is below, solids are above
    bound = max(0.01 * float(np.percentile(z, 99) - np.percentile(z, 1)), 0.05)
    best: FloatArray = np.array([0.0, 0.0, float(np.median(z))])
    most = -1
    for _ in range(500):
        i = rng.choice(z.size, 3, replace=False)
        design = np.stack([x[i], y[i], np.ones(3)], axis=-1)
        if abs(np.linalg.det(design)) < 1e-6:
            continue
        plane: FloatArray = np.linalg.solve(design, z[i]).astype(np.float64)
        if np.hypot(plane[0], plane[1]) > np.tan(np.radians(15.0)):
            continue
        agree = int((np.abs(z - height(plane, x, y)) < bound).sum())
        if agree > most:
            best, most = plane, agree
    near = np.abs(z - height(best, x, y)) < 3 * bound
    return fit_plane(x[near], y[near], z[near], start=best)[0]


def dominant_solid(
    above: FloatArray, ground: FloatArray, z: FloatArray, resolution_m: float
) -> BoolArray:
    """The connected region above the ground with the largest volume, holes filled."""
    valid = np.isfinite(above)
    peak = float(np.percentile(above[valid], 99.9))
    near = above[valid & (np.abs(above) < 0.2 * max(peak, 1e-6))]
    spread = NMAD_SCALE * float(np.median(np.abs(near - np.median(near)))) if near.size else 0.0
    threshold = max(0.06 * peak, 3.0 * spread)
    if peak < 5.0 * max(spread, 0.1 * resolution_m):
        raise InputError(
            f"highest relief {peak:.2f} m with a spread of the ground of {spread:.2f} m; the rule "
            "is a solid of at least five times the spread.",
            remedy="Give a model in which one solid stands out.",
        )
    # small gaps take their neighbour's height; lone outliers are no bridge to the next building
    gap = max(round(8.0 / resolution_m), 2)
    distance, nearest = ndimage.distance_transform_edt(~valid, return_indices=True)
    filled = np.where(distance <= gap, above[tuple(nearest)], 0.0)
    filled = ndimage.median_filter(filled, size=5)
    core = ndimage.binary_opening(filled > threshold, iterations=2)
    labels, count = ndimage.label(core)
    if count == 0:
        raise InputError(
            f"nothing of more than a few pixels stands {threshold:.1f} m above the ground.",
            remedy="Give a model in which one solid stands out.",
        )
    volume = ndimage.sum_labels(filled, labels, np.arange(1, count + 1))
    solid = labels == 1 + int(np.argmax(volume))
    padded = np.pad(solid, gap + 1)
    closed = ndimage.distance_transform_edt(~padded) <= gap
    closed = ndimage.distance_transform_edt(closed) > gap
    whole: BoolArray = ndimage.binary_fill_holes(closed)[gap + 1 : -gap - 1, gap + 1 : -gap - 1]
    return whole


def first_planes(
    z: FloatArray,
    footprint: BoolArray,
    x: FloatArray,
    y: FloatArray,
    resolution_m: float,
    options: FacetOptions,
) -> list[FloatArray]:
    """One plane for each peak of the distribution of aspects.

    What the planes found leave unexplained (the solid stays well below the lowest of them: a face
    too rough for its aspects to show) is looked at again, smoothed three times as much.
    """
    planes: list[FloatArray] = []
    pool = footprint & np.isfinite(z)
    relief = float(np.ptp(z[pool]))
    for smoothing_m in (options.smoothing_m, 3 * options.smoothing_m):
        planes += _planes_of_aspects(z, footprint, pool, x, y, resolution_m, smoothing_m, options)
        if planes:
            lowest = np.min([height(plane, x, y) for plane in planes], axis=0)
            pool &= lowest - z > 0.05 * relief
    if len(planes) < 2:
        raise InputError(
            f"{len(planes)} faces of {options.min_slope_deg:g} to {options.max_slope_deg:g}° "
            "found; the rule is at least two.",
            remedy="Give a model with a solid of plane faces, or other slopes.",
        )
    return planes


def _planes_of_aspects(
    z: FloatArray,
    footprint: BoolArray,
    pool: BoolArray,
    x: FloatArray,
    y: FloatArray,
    resolution_m: float,
    smoothing_m: float,
    options: FacetOptions,
) -> list[FloatArray]:
    sigma = smoothing_m / resolution_m
    valid = np.isfinite(z)
    level = float(np.nanmedian(z))
    weight = ndimage.gaussian_filter(valid.astype(np.float64), sigma)
    smooth = ndimage.gaussian_filter(np.where(valid, z - level, 0.0), sigma)
    with np.errstate(invalid="ignore", divide="ignore"):
        smooth = np.where(weight > 0.2, smooth / weight, np.nan)
    slope_south, slope_east = np.gradient(smooth, resolution_m)
    slope = np.hypot(slope_east, slope_south)
    steep = pool & np.isfinite(slope)
    steep &= slope > np.tan(np.radians(options.min_slope_deg))
    steep &= slope < np.tan(np.radians(options.max_slope_deg))
    # a face looks downhill: to minus the gradient
    aspect = np.degrees(np.arctan2(-slope_east, slope_south)) % 360.0
    histogram = np.bincount(np.rint(aspect[steep]).astype(np.int64) % 360, minlength=360)
    density = ndimage.gaussian_filter1d(histogram.astype(np.float64), 6.0, mode="wrap")
    peak = density == ndimage.maximum_filter1d(density, 41, mode="wrap")
    planes = []
    for centre in np.flatnonzero(peak & (density > 0)):
        turn = np.abs((aspect - centre + 180.0) % 360.0 - 180.0)
        chosen = steep & (turn < 20.0)
        if chosen.sum() < options.min_face_share * (footprint & valid).sum():
            continue
        # the usual slope of this aspect; the plane's place is then a median
        rise = float(np.median(slope[chosen]))
        direction = np.radians(float(centre))
        a, b = -rise * np.sin(direction), -rise * np.cos(direction)
        c = float(np.median(z[chosen] - a * x[chosen] - b * y[chosen]))
        start = np.array([a, b, c])
        planes.append(fit_plane(x[chosen], y[chosen], z[chosen], start=start)[0])
    return planes
