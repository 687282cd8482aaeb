"""Faces of a solid in a surface model: inclination, aspect and height, by one robust fit.

Method (no number of any site enters)

1. *Ground*: the plane, at most 15° steep, that most heights agree with (RANSAC), refined by Tukey's
   biweight.
2. *Solid*: the largest volume that stands above the ground in one piece.
3. *Faces*: peaks of the distribution of aspects of the smoothed surface within the solid; around
   each peak a plane by Tukey's biweight.
4. *Interior*: a convex solid is, everywhere, the lowest of its faces' planes. Pixels belong to the
   lowest plane; those nearer than ``edge_m`` to where two planes meet, or in the lowest or highest
   tenth of the solid, are left out. Planes are fitted again on the interior until they stay.
5. *Ground level*: a plane through the ring around the solid's foot (Tukey's biweight), read below
   the top. *Top*: highest value of the median-filtered surface in the solid.

Uncertainty: jackknife over square blocks (Bell and McCaffrey 2002, Survey Methodology 28:169), for
neighbours in a matched surface err together. k = 1, random effects only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from boresight.conventions import NMAD_SCALE
from boresight.dsm.plane_search import (
    FloatArray,
    dominant_solid,
    first_planes,
    fit_plane,
    ground_plane,
    height,
)
from boresight.dsm.solids import BoolArray, Facet, FacetOptions, Solid
from boresight.errors import InputError


def fit_facets(
    dsm: NDArray[np.floating[Any]],
    resolution_m: float,
    *,
    exclude: BoolArray | None = None,
    options: FacetOptions | None = None,
) -> Solid:
    """Fit the faces of the dominant solid of a surface model.

    Parameters
    ----------
    dsm : ndarray, shape (rows, cols)
        Heights, north up [m]; NaN where unknown.
    resolution_m : float
        Side of a pixel [m].
    exclude : ndarray of bool, optional
        Pixels that may not be used: shadow, low confidence.
    options : FacetOptions, optional
        How faces are found.

    Raises
    ------
    InputError
        Too few heights, nothing stands above the ground, or fewer than two faces are found.
    """
    options = options or FacetOptions()
    z = dsm.astype(np.float64)
    z[~np.isfinite(z)] = np.nan
    if exclude is not None:
        z[exclude] = np.nan
    valid = np.isfinite(z)
    if int(valid.sum()) < 400:
        raise InputError(
            f"{int(valid.sum())} heights; the rule is at least 400.", remedy="Give a larger model."
        )
    rows, cols = z.shape
    east = (np.arange(cols) - cols / 2 + 0.5)[None, :] * resolution_m
    north = (rows / 2 - 0.5 - np.arange(rows))[:, None] * resolution_m
    x, y = (np.broadcast_to(v, z.shape) for v in (east, north))
    rng = np.random.default_rng(options.seed)
    ground = ground_plane(x[valid], y[valid], z[valid], rng)
    above = z - height(ground, x, y)
    footprint = dominant_solid(above, ground, z, resolution_m)
    planes = first_planes(z, footprint, x, y, resolution_m, options)
    relief = float(np.nanpercentile(above[footprint], 99.5))
    planes, labels, owners = _refine(planes, z, above, footprint, relief, x, y, options)
    facets = [
        _facet(plane, index, z, labels, owners, footprint, x, y, options)
        for index, plane in enumerate(planes, start=1)
    ]
    order = sorted(range(len(facets)), key=lambda i: facets[i].aspect_deg)
    renumber = np.zeros(len(facets) + 1, np.int32)
    for new, old in enumerate(order, start=1):
        renumber[old + 1] = new
    top_row, top_col, top = _top(z, footprint, resolution_m, options)
    level, u_level = _ground_level(
        z, footprint, x, y, (x[top_row, top_col], y[top_row, top_col]), resolution_m, options
    )
    return Solid(
        facets=tuple(facets[i] for i in order),
        top_m=top,
        ground_m=level,
        top_row=top_row,
        top_col=top_col,
        u_ground_m=u_level,
        completeness=float(valid[footprint].mean()),
        labels=renumber[labels],
        footprint=footprint,
    )


def _refine(
    planes: list[FloatArray],
    z: FloatArray,
    above: FloatArray,
    footprint: BoolArray,
    relief_m: float,
    x: FloatArray,
    y: FloatArray,
    options: FacetOptions,
) -> tuple[list[FloatArray], NDArray[np.int32], NDArray[np.int32]]:
    """Fit planes again on their interiors until they stay.

    Returns planes, labels of interiors (0: none) and owners (face of every pixel, from 1).
    """
    for _ in range(8):
        labels, owners = _interiors(planes, above, z, footprint, relief_m, x, y, options)
        new = []
        for index, plane in enumerate(planes, start=1):
            chosen = (labels == index) & np.isfinite(z)
            if chosen.sum() < 50:
                raise InputError(
                    f"a face has {int(chosen.sum())} heights away from its edges; the rule is at "
                    "least 50.",
                    remedy="Give a finer model, or a smaller edge_m.",
                )
            new.append(fit_plane(x[chosen], y[chosen], z[chosen], start=plane)[0])
        moved = max(float(np.abs(a[:2] - b[:2]).max()) for a, b in zip(planes, new, strict=True))
        planes = new
        if moved < 1e-5:
            break
    labels, owners = _interiors(planes, above, z, footprint, relief_m, x, y, options)
    return planes, labels, owners


def _interiors(
    planes: list[FloatArray],
    above: FloatArray,
    z: FloatArray,
    footprint: BoolArray,
    relief_m: float,
    x: FloatArray,
    y: FloatArray,
    options: FacetOptions,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    heights = np.stack([height(plane, x, y) for plane in planes])
    owners = heights.argmin(axis=0)
    ordered = np.sort(heights, axis=0)
    gap = ordered[1] - ordered[0]
    # the gap grows by the difference of two gradients with each metre from the edge
    slopes = np.array([plane[:2] for plane in planes])
    apart = np.linalg.norm(slopes[:, None] - slopes[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    inner = gap > options.edge_m * apart.min(axis=1)[owners]
    # heights of the faces' own planes, not of the noisy surface, choose the band
    band = heights.min(axis=0) - (z - above)
    ground_less = np.isfinite(band)
    share = np.where(ground_less, band / relief_m, 0.5)
    inner &= footprint & (share > 0.1) & (share < 0.9)
    labels = np.where(inner, owners + 1, 0).astype(np.int32)
    return labels, (owners + 1).astype(np.int32)


def _facet(
    plane: FloatArray,
    index: int,
    z: FloatArray,
    labels: NDArray[np.int32],
    owners: NDArray[np.int32],
    footprint: BoolArray,
    x: FloatArray,
    y: FloatArray,
    options: FacetOptions,
) -> Facet:
    valid = np.isfinite(z)
    chosen = (labels == index) & valid
    plane, weights = fit_plane(x[chosen], y[chosen], z[chosen], start=plane)
    residual = z[chosen] - height(plane, x[chosen], y[chosen])
    covariance = _block_covariance(x[chosen], y[chosen], residual, weights, options.block_m)
    a, b = float(plane[0]), float(plane[1])
    rise = float(np.hypot(a, b))
    # inclination = atan(rise): derivative by a is a / (rise (1 + rise^2)), by b alike
    by_plane = np.array([a, b, 0.0]) / (rise * (1 + rise**2))
    face = (owners == index) & footprint
    return Facet(
        aspect_deg=float(np.degrees(np.arctan2(-a, -b)) % 360.0),
        inclination_deg=float(np.degrees(np.arctan(rise))),
        u_inclination_deg=float(np.degrees(np.sqrt(by_plane @ covariance @ by_plane))),
        rms_m=float(np.sqrt((residual**2).mean())),
        nmad_m=float(NMAD_SCALE * np.median(np.abs(residual - np.median(residual)))),
        n=int(chosen.sum()),
        completeness=float(valid[face].mean()),
        inlier_share=float((weights > 0).mean()),
        plane=(a, b, float(plane[2])),
    )


def _block_covariance(
    x: FloatArray, y: FloatArray, residual: FloatArray, weights: FloatArray, block_m: float
) -> FloatArray:
    """Covariance of a robust plane whose errors depend on each other within blocks: jackknife."""
    design = np.stack([x, y, np.ones_like(x)], axis=-1)
    # influence of a residual is psi = weight * residual; its slope takes the weight's place.
    # weight = (1 - u^2)^2, so psi' = (1 - u^2) (1 - 5 u^2)
    root = np.sqrt(weights)
    slope = np.where(weights > 0, root * (5 * root - 4), 0.0)
    block = np.stack([np.floor(x / block_m), np.floor(y / block_m)], axis=-1).astype(np.int64)
    _, number = np.unique(block, axis=0, return_inverse=True)
    number = number.ravel()
    count = int(number.max()) + 1

    def sums(values: FloatArray) -> FloatArray:
        return np.bincount(number, values, count).astype(np.float64)

    scores = np.stack([sums(design[:, k] * weights * residual) for k in range(3)], axis=-1)
    normal = np.empty((count, 3, 3))
    for k in range(3):
        for m in range(3):
            normal[:, k, m] = sums(design[:, k] * design[:, m] * slope)
    if count < 4:
        return np.full((3, 3), np.nan)
    # the plane without one block, to first order
    without = np.linalg.pinv(normal.sum(axis=0) - normal)
    change = -(without @ scores[..., None])[..., 0]
    change -= change.mean(axis=0)
    result: FloatArray = change.T @ change * (count - 1) / count
    return result


def _top(
    z: FloatArray, footprint: BoolArray, resolution_m: float, options: FacetOptions
) -> tuple[int, int, float]:
    window = max(round(options.top_window_m / resolution_m) | 1, 3)
    row_range, col_range = (np.flatnonzero(footprint.any(axis=axis)) for axis in (1, 0))
    part = np.s_[row_range[0] : row_range[-1] + 1, col_range[0] : col_range[-1] + 1]
    low = float(np.nanmin(z[part])) - 1.0
    # unknown heights count as low: a median over mostly unknown pixels cannot be the top
    filled = np.where(np.isfinite(z[part]) & footprint[part], z[part], low)
    filtered = ndimage.median_filter(filled, size=window)
    row, col = np.unravel_index(int(np.argmax(filtered)), filtered.shape)
    return int(row + row_range[0]), int(col + col_range[0]), float(filtered[row, col])


def _ground_level(
    z: FloatArray,
    footprint: BoolArray,
    x: FloatArray,
    y: FloatArray,
    below: tuple[float, float],
    resolution_m: float,
    options: FacetOptions,
) -> tuple[float, float]:
    """Height of the surrounding ground below a point, and its standard uncertainty."""
    distance = ndimage.distance_transform_edt(~footprint) * resolution_m
    ring = (distance > options.ring_m[0]) & (distance < options.ring_m[1]) & np.isfinite(z)
    if ring.sum() < 50:
        raise InputError(
            f"{int(ring.sum())} heights around the solid; the rule is at least 50.",
            remedy="Give a model that shows the ground around the solid.",
        )
    plane, weights = fit_plane(x[ring], y[ring], z[ring])
    residual = z[ring] - height(plane, x[ring], y[ring])
    covariance = _block_covariance(x[ring], y[ring], residual, weights, options.block_m)
    point = np.array([below[0], below[1], 1.0])
    return float(plane @ point), float(np.sqrt(point @ covariance @ point))
