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

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from boresight.conventions import NMAD_SCALE
from boresight.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Tukey's constant: 95 % efficiency with normal errors
_TUKEY = 4.685


@dataclass(frozen=True)
class FacetOptions:
    """How faces are found.

    Parameters
    ----------
    smoothing_m : float
        Standard deviation of the Gaussian under which aspects are judged [m].
    edge_m : float
        What is nearer to an edge of the solid is left out [m].
    block_m : float
        Side of the blocks within which errors may be dependent [m].
    ring_m : tuple of float
        Ground level is taken from so far to so far from the solid's foot [m].
    min_slope_deg, max_slope_deg : float
        Slopes that a face may have [deg].
    min_face_share : float
        A face has at least this share of the solid [1].
    top_window_m : float
        Side of the median window of the top [m].
    seed : int
        Of the random samples.
    """

    smoothing_m: float = 2.0
    edge_m: float = 6.0
    block_m: float = 10.0
    ring_m: tuple[float, float] = (8.0, 60.0)
    min_slope_deg: float = 20.0
    max_slope_deg: float = 80.0
    min_face_share: float = 0.05
    top_window_m: float = 3.0
    seed: int = 0


@dataclass(frozen=True)
class Facet:
    """One face.

    Parameters
    ----------
    aspect_deg : float
        Direction it looks to, clockwise from grid north [deg].
    inclination_deg, u_inclination_deg : float
        Against the horizontal, and its standard uncertainty (k = 1, random) [deg].
    rms_m, nmad_m : float
        Vertical residuals over the interior, outliers included [m].
    n : int
        Pixels of the interior with a height.
    completeness : float
        Share of the face's pixels with a height [1].
    inlier_share : float
        Share of the interior's heights that have weight in the fit [1].
    plane : tuple of float
        Rise to the east, to the north [1], and height at the solid's centre [m].
    """

    aspect_deg: float
    inclination_deg: float
    u_inclination_deg: float
    rms_m: float
    nmad_m: float
    n: int
    completeness: float
    inlier_share: float
    plane: tuple[float, float, float]


@dataclass(frozen=True)
class Solid:
    """A solid and its faces.

    Parameters
    ----------
    facets : tuple of Facet
        By aspect.
    top_m, ground_m : float
        Heights of the top, and of the surrounding ground below it [m].
    top_row, top_col : int
        Pixel of the top.
    u_ground_m : float
        Standard uncertainty of the ground level (k = 1, random) [m].
    completeness : float
        Share of the solid's pixels with a height [1].
    labels : ndarray of int, shape of the model
        Number of the face (from 1) in its interior; 0 elsewhere.
    footprint : ndarray of bool
        The solid.
    """

    facets: tuple[Facet, ...]
    top_m: float
    ground_m: float
    top_row: int
    top_col: int
    u_ground_m: float
    completeness: float
    labels: NDArray[np.int32]
    footprint: BoolArray

    @property
    def height_m(self) -> float:
        """Top above the surrounding ground [m]."""
        return self.top_m - self.ground_m

    @property
    def well_observed(self) -> tuple[Facet, ...]:
        """Faces whose residuals are like those of the best face, not those of a shadow.

        At least half of the pixels, and an NMAD of at most three times the smallest one.
        """
        best = min(facet.nmad_m for facet in self.facets)
        bound = max(3.0 * best, 1e-6)
        return tuple(f for f in self.facets if f.completeness >= 0.5 and f.nmad_m <= bound)


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
    ground = _ground(x[valid], y[valid], z[valid], rng)
    above = z - _height(ground, x, y)
    footprint = _dominant_solid(above, ground, z, resolution_m)
    planes = _first_planes(z, footprint, x, y, resolution_m, options)
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


def _height(plane: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    result: FloatArray = plane[0] * x + plane[1] * y + plane[2]
    return result


def _ground(x: FloatArray, y: FloatArray, z: FloatArray, rng: np.random.Generator) -> FloatArray:
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
        agree = int((np.abs(z - _height(plane, x, y)) < bound).sum())
        if agree > most:
            best, most = plane, agree
    near = np.abs(z - _height(best, x, y)) < 3 * bound
    return fit_plane(x[near], y[near], z[near], start=best)[0]


def _dominant_solid(
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


def _first_planes(
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
            lowest = np.min([_height(plane, x, y) for plane in planes], axis=0)
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
    heights = np.stack([_height(plane, x, y) for plane in planes])
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
    residual = z[chosen] - _height(plane, x[chosen], y[chosen])
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
    residual = z[ring] - _height(plane, x[ring], y[ring])
    covariance = _block_covariance(x[ring], y[ring], residual, weights, options.block_m)
    point = np.array([below[0], below[1], 1.0])
    return float(plane @ point), float(np.sqrt(point @ covariance @ point))
