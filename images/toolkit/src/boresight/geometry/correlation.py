"""Dense sub-pixel correlation: where each window of one image lies in another.

A window's whole shift is the maximum of the zero-mean normalised correlation; its fraction solves

    secondary(x + d) = g · reference(x) + o

for shift ``d``, gain ``g`` and offset ``o`` by Gauss-Newton steps on the reference's gradients
(inverse compositional form), with an eight-sample Kaiser-windowed sinc. Gradients come from the
reference alone, so that noise of neither image moves the solution in the mean.

References
----------
Baker and Matthews 2004, Int. J. Computer Vision 56(3), doi:10.1023/B:VISI.0000011205.11775.fd,
section 3.2 (inverse compositional step). Limit of accuracy: Robinson and Milanfar 2004, IEEE
Trans. Image Processing 13(9), doi:10.1109/TIP.2004.832923, equation 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.errors import ImageError, InputError, NonConvergenceError
from boresight.geometry import _matching

FloatArray = NDArray[np.float64]

#: what became of a window, by its status
STATUS = (
    "found",
    "outside",
    "no data",
    "without texture",
    "at the edge of the search",
    "no convergence",
    "low score",
)


@dataclass(frozen=True)
class CorrelationOptions:
    """How windows are matched.

    Parameters
    ----------
    window_px : int
        Side of a window, 8 to 256 [px].
    step_px : int
        Distance of windows, at least 1 [px].
    search_px : int
        Reach of the search around the first guess, 0 to 64 [px].
    max_steps : int
        Bound of the Gauss-Newton steps, 1 to 100.
    tolerance_px : float
        A step below this ends the search [px].
    min_score : float
        Windows that correlate less are marked [1].
    """

    window_px: int = 32
    step_px: int = 16
    search_px: int = 3
    max_steps: int = 15
    tolerance_px: float = 1e-3
    min_score: float = 0.5

    def __post_init__(self) -> None:
        bounds = {
            "window_px": (8, 256),
            "step_px": (1, 4096),
            "search_px": (0, 64),
            "max_steps": (1, 100),
            "tolerance_px": (1e-6, 0.1),
            "min_score": (-1.0, 1.0),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(
                    f"{name} is {value}; the rule is {low:g} to {high:g}.",
                    remedy=f"Choose {name} within.",
                )


@dataclass(frozen=True)
class Displacements:
    """Where windows of the reference lie in the secondary image.

    All arrays have one value a window. What was not found is NaN.

    Parameters
    ----------
    row, col : ndarray
        Centres in the reference, internal pixel convention [px].
    d_row, d_col : ndarray
        Secondary less reference position [px].
    u_row, u_col : ndarray
        Standard uncertainty from the misfit of the window (noise and aliasing; random) [px].
    covariance : ndarray
        Of ``d_row`` and ``d_col`` [px²].
    score : ndarray
        Normalised correlation at the solution [1].
    status : ndarray of uint8
        Index into :data:`STATUS`.
    shape : tuple of int
        Rows and columns of the grid of windows; (n,) when places were given.
    """

    row: FloatArray
    col: FloatArray
    d_row: FloatArray
    d_col: FloatArray
    u_row: FloatArray
    u_col: FloatArray
    covariance: FloatArray
    score: FloatArray
    status: NDArray[np.uint8]
    shape: tuple[int, ...]

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which windows were found."""
        found: NDArray[np.bool_] = self.status == _matching.OK
        return found

    def counts(self) -> dict[str, int]:
        """How many windows ended how; empty classes left out."""
        numbers = np.bincount(self.status, minlength=len(STATUS)).tolist()
        return {name: n for name, n in zip(STATUS, numbers, strict=True) if n}


def correlate(
    reference: NDArray[Any],
    secondary: NDArray[Any],
    options: CorrelationOptions | None = None,
    *,
    places: tuple[NDArray[Any], NDArray[Any]] | None = None,
    guess: tuple[NDArray[Any] | float, NDArray[Any] | float] = (0.0, 0.0),
) -> Displacements:
    """Find windows of one image in another.

    Parameters
    ----------
    reference, secondary : ndarray, shape (rows, cols)
        Images [any one unit]; NaN where there is no data.
    options : CorrelationOptions, optional
        Window, grid and search.
    places : tuple of ndarray, optional
        Rows and columns of window centres in the reference [px]; default: a grid over all of it.
        Centres are moved to the nearest place at which the window holds whole pixels.
    guess : tuple of ndarray or float
        First guess of the displacement in rows and columns, one for all or one a window [px].

    Returns
    -------
    Displacements
        One entry a window.

    Raises
    ------
    ImageError
        An image that is not two-dimensional, has no finite pixel, or is smaller than a window.
    NonConvergenceError
        Not one window was found.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> scene = rng.normal(size=(96, 96)).cumsum(0).cumsum(1)
    >>> found = correlate(scene[:-2], scene[2:])
    >>> float(np.round(np.median(found.d_row[found.found]), 3))
    -2.0
    """
    options = options or CorrelationOptions()
    first, bad_first = _prepared(reference, "reference", options.window_px)
    second, bad_second = _prepared(secondary, "secondary", options.window_px)
    side = options.window_px
    if places is None:
        margin = _matching.MARGIN
        starts = [
            np.arange(margin, max(n - side - margin, margin) + 1, options.step_px)
            for n in first.shape
        ]
        tops, lefts = (v.ravel() for v in np.meshgrid(*starts, indexing="ij"))
        shape: tuple[int, ...] = (starts[0].size, starts[1].size)
    else:
        row, col = (np.asarray(v, dtype=np.float64).ravel() for v in places)
        if row.size != col.size or not (np.isfinite(row).all() and np.isfinite(col).all()):
            raise InputError(
                f"places have {row.size} rows and {col.size} columns; the rule is as many, finite.",
                remedy="Leave out places that are NaN.",
            )
        tops, lefts = (np.rint(v - side / 2).astype(np.int64) for v in (row, col))
        shape = (tops.size,)
    guesses = [
        np.ascontiguousarray(np.broadcast_to(np.asarray(g, np.float64).ravel(), tops.shape))
        if np.size(g) == 1
        else np.ascontiguousarray(np.asarray(g, np.float64).ravel())
        for g in guess
    ]
    if any(g.shape != tops.shape or not np.isfinite(g).all() for g in guesses):
        raise InputError(
            f"guess of {[g.size for g in guesses]} values for {tops.size} windows; the rule is one "
            "finite value each, or one for all.",
        )
    out = np.full((tops.size, _matching.N_RESULTS), np.nan)
    status = np.zeros(tops.size, dtype=np.uint8)
    _matching.match(
        first, second, bad_first, bad_second, tops.astype(np.int64), lefts.astype(np.int64),
        guesses[0], guesses[1], side, options.search_px, options.max_steps, options.tolerance_px,
        options.min_score, out, status,
    )  # fmt: skip
    out[status != _matching.OK] = np.nan
    result = Displacements(
        row=tops + side / 2.0,
        col=lefts + side / 2.0,
        d_row=out[:, 0],
        d_col=out[:, 1],
        u_row=np.sqrt(out[:, 2]),
        u_col=np.sqrt(out[:, 3]),
        covariance=out[:, 4],
        score=out[:, 5],
        status=status,
        shape=shape,
    )
    if not result.found.any():
        raise NonConvergenceError(
            f"not one of {tops.size} windows was found ({result.counts()}); the rule is at least "
            f"one with a score of {options.min_score:g}.",
            remedy="Check that the images show the same place, and widen search_px or the guess.",
        )
    return result


def _prepared(
    image: NDArray[Any], name: str, side: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Image about its median, without NaN, and the summed-area table of its missing pixels."""
    if image.ndim != 2 or min(image.shape) < side + 2 * _matching.MARGIN:
        raise ImageError(
            f"{name} image has shape {image.shape}; the rule is two dimensions of at least "
            f"{side + 2 * _matching.MARGIN} px, window and margin.",
            remedy="Choose a smaller window_px.",
        )
    bad = ~np.isfinite(image)
    if bad.all():
        raise ImageError(f"{name} image has no finite pixel; the rule is at least one window.")
    table = np.zeros((image.shape[0] + 1, image.shape[1] + 1), dtype=np.int64)
    if bad.any():
        np.cumsum(np.cumsum(bad, axis=0), axis=1, out=table[1:, 1:])
    # about the median of a sample: single precision then holds 16-bit numbers and their noise
    level = np.median(np.asarray(image, dtype=np.float64)[~bad][::49])
    values = np.asarray(image, dtype=np.float64) - level
    return np.where(bad, 0.0, values).astype(np.float32), table
