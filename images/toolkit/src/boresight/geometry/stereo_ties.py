"""Ties of a stereo pair, found along the heights that a pixel of the first image may have.

A window's place in the second image is known but for its height (and the small errors of the
models): it is looked for at a ladder of heights, so that terrain of any relief is matched with a
search of a few pixels, and what lies across the ladder is the error of the models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import InputError, NonConvergenceError, OverlapError
from boresight.geometry.correlation import CorrelationOptions, Displacements, correlate
from boresight.geometry.observations import Measurements, Points

FloatArray = NDArray[np.float64]

_MAX_RUNGS = 400


class GroundModel(Protocol):
    """Image to ground and back, as rational models and cameras have it."""

    def localize(
        self, row: ArrayLike, col: ArrayLike, height_ellipsoid_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Image to ground."""
        ...

    def project(
        self, lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Ground to image."""
        ...


@dataclass(frozen=True)
class StereoTies:
    """Ties of a pair.

    Parameters
    ----------
    points : Points
        First guess of places, of unknown uncertainty.
    measurements : Measurements
        Two a tie: image 0, then image 1.
    across_px, along_px : ndarray, shape (n,)
        Where the tie lies in the second image against the first image's line of sight: across it
        (error of the models), and along it from the first guess (height) [px].
    score : ndarray, shape (n,)
        Normalised correlation [1].
    """

    points: Points
    measurements: Measurements
    across_px: FloatArray
    along_px: FloatArray
    score: FloatArray


def stereo_ties(
    first: NDArray[Any],
    second: NDArray[Any],
    models: tuple[GroundModel, GroundModel],
    heights_m: tuple[float, float],
    options: CorrelationOptions | None = None,
    *,
    u_floor_px: float = 0.02,
) -> StereoTies:
    """Find ties of a pair.

    Parameters
    ----------
    first, second : ndarray, shape (rows, cols)
        Images; NaN where there is no data.
    models : tuple of GroundModel
        Their rational models or cameras.
    heights_m : tuple of float
        Lowest and highest terrain above the ellipsoid [m].
    options : CorrelationOptions, optional
        ``step_px`` is the distance of ties.
    u_floor_px : float
        Least standard uncertainty of a tie: what correlation does not see of relief and light
        inside a window [px].

    Raises
    ------
    OverlapError
        No window of the first image lies in the second one.
    NonConvergenceError
        None was found there.
    """
    options = options or CorrelationOptions(window_px=24, step_px=24, search_px=4, min_score=0.7)
    low, high = heights_m
    if not high > low:
        raise InputError(f"heights_m are {heights_m}; the rule is lowest before highest.")
    half = options.window_px // 2
    starts = [np.arange(half + 8, n - half - 8, options.step_px) for n in first.shape]
    row, col = (v.ravel().astype(float) for v in np.meshgrid(*starts, indexing="ij"))
    ends = [models[1].project(*models[0].localize(row, col, h), h) for h in heights_m]
    length = np.hypot(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1])
    # windows overlap from rung to rung by the reach of the search
    reach = max(options.search_px - 1, 1)
    rungs = int(np.ceil(float(np.nanmax(length)) / reach)) + 1
    if rungs > _MAX_RUNGS:
        raise InputError(
            f"heights of {low:g} to {high:g} m are {float(np.nanmax(length)):.0f} px in the second "
            f"image; the rule is at most {_MAX_RUNGS * reach}.",
            remedy="State a narrower range of heights.",
        )
    best: Displacements | None = None
    chosen = np.full(row.size, np.nan)
    score = np.full(row.size, -np.inf)
    keep: dict[str, FloatArray] = {}
    outside = True
    for height in np.linspace(low, high, max(rungs, 2)):
        seen = models[1].project(*models[0].localize(row, col, height), height)
        guess = np.nan_to_num(seen[0] - row, nan=1e6), np.nan_to_num(seen[1] - col, nan=1e6)
        try:
            found = correlate(first, second, options, places=(row, col), guess=guess)
        except NonConvergenceError:
            continue
        outside = False
        better = found.found & (np.nan_to_num(found.score, nan=-np.inf) > score)
        best = found
        for name in ("d_row", "d_col", "u_row", "u_col", "score"):
            keep.setdefault(name, np.full(row.size, np.nan))[better] = getattr(found, name)[better]
        score[better] = found.score[better]
        chosen[better] = height
    if outside or best is None:
        raise OverlapError(
            f"not one of {row.size} windows of the first image was found in the second, at heights "
            f"of {low:g} to {high:g} m.",
            remedy="Check that images, models and heights belong together.",
        )
    done = np.flatnonzero(np.isfinite(chosen))
    row, col, height = best.row[done], best.col[done], chosen[done]
    measured = row + keep["d_row"][done], col + keep["d_col"][done]
    lon, lat = models[0].localize(row, col, height)
    at = models[1].project(lon, lat, height)
    above = models[1].project(*models[0].localize(row, col, height + 1.0), height + 1.0)
    direction = np.stack([above[0] - at[0], above[1] - at[1]])
    direction /= np.linalg.norm(direction, axis=0)
    off = np.stack([measured[0] - at[0], measured[1] - at[1]])
    u = np.hypot(np.hypot(keep["u_row"][done], keep["u_col"][done]) / np.sqrt(2.0), u_floor_px)
    n = done.size
    left = Measurements.of(0, np.arange(n), row, col, u_floor_px)
    return StereoTies(
        points=Points.ties(lon, lat, height),
        measurements=left.joined(Measurements.of(1, np.arange(n), *measured, u)),
        across_px=off[0] * direction[1] - off[1] * direction[0],
        along_px=off[0] * direction[0] + off[1] * direction[1],
        score=keep["score"][done],
    )


def subset(ties: StereoTies, chosen: NDArray[np.bool_]) -> StereoTies:
    """Some of the ties.

    Parameters
    ----------
    ties : StereoTies
        All of them.
    chosen : ndarray of bool, shape (n,)
        Which to keep.
    """
    count = int(chosen.sum())
    both = np.concatenate([chosen, chosen])
    m, p = ties.measurements, ties.points
    number = np.arange(count)
    return replace(
        ties,
        points=Points(p.lon[chosen], p.lat[chosen], p.height_m[chosen], p.u_m[chosen]),
        measurements=Measurements(
            m.image[both], np.concatenate([number, number]), m.row[both], m.col[both], m.u_px[both]
        ),
        across_px=ties.across_px[chosen],
        along_px=ties.along_px[chosen],
        score=ties.score[chosen],
    )
