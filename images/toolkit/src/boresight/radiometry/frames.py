"""Moments of frames, one frame in memory at a time, and what makes frames unfit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from boresight.errors import EmptyFrameError, FramesError, SaturatedError, TooFewFramesError
from boresight.units import counts

FloatArray = NDArray[np.float64]

#: share of saturated pixels beyond which a frame is refused: hot pixels are fewer
MAX_SATURATED_SHARE = 0.02


@dataclass(frozen=True)
class Moments:
    """What a series of frames of one scene says about each pixel.

    Parameters
    ----------
    n : int
        Frames.
    mean : ndarray, shape (rows, cols), float64
        [DN]
    variance : ndarray, shape (rows, cols), float64
        Sample variance over frames (divisor n - 1), the frames' common level taken out [DN2].
    frame_means : ndarray, shape (n,), float64
        Mean of each frame over its pixels below saturation [DN].
    saturated : ndarray, shape (rows, cols), int64
        In how many frames the pixel was saturated.
    """

    n: int
    mean: FloatArray
    variance: FloatArray
    frame_means: FloatArray
    saturated: NDArray[np.int64]


def moments(
    frames: Iterable[object], *, saturation_dn: float, min_frames: int, name: str = "frames"
) -> Moments:
    """Accumulate mean and variance of every pixel.

    Parameters
    ----------
    frames : iterable of ndarray, each shape (rows, cols), whole numbers
        A stack, or a generator that reads one frame after the other [DN].
    saturation_dn : float
        Numbers from here on are saturated [DN].
    min_frames : int
        Fewest frames.
    name : str
        What they are called in messages.

    Raises
    ------
    TooFewFramesError, SaturatedError, EmptyFrameError, FramesError, UnitsError
        Frames that tell nothing.
    """
    total: FloatArray | None = None
    squares = first = np.empty(0)
    saturated: NDArray[np.int64] = np.empty(0, np.int64)
    frame_means: list[float] = []
    for k, frame in enumerate(frames):
        dn = counts(frame, f"{name}[{k}]", ndim=2)
        if total is None:
            if dn.size == 0:
                raise EmptyFrameError(f"{name}[{k}] has shape {dn.shape}; the rule is pixels.")
            first = dn.astype(np.float64)
            total, squares = np.zeros(dn.shape), np.zeros(dn.shape)
            saturated = np.zeros(dn.shape, np.int64)
        elif dn.shape != total.shape:
            raise FramesError(
                f"{name}[{k}] has shape {dn.shape}, the first {total.shape}; the rule is one shape."
            )
        if dn.min() == dn.max():
            raise EmptyFrameError(
                f"all {dn.size} pixels of {name}[{k}] are {dn.flat[0]} DN; the rule is that a "
                "detector shows noise.",
                remedy="Leave the frame out: it is empty, or wholly saturated.",
            )
        full = dn >= saturation_dn
        share = float(full.mean())
        if share > MAX_SATURATED_SHARE:
            raise SaturatedError(
                f"{100 * share:.2f} % of the pixels of {name}[{k}] are at {saturation_dn:g} DN or "
                f"more; the rule is at most {100 * MAX_SATURATED_SHARE:g} %.",
                remedy="Take a darker scene or a shorter exposure.",
            )
        saturated += full
        level = float(dn.mean() if share == 0 else dn[~full].mean())
        frame_means.append(level)
        # about the first frame, so that squares of large numbers do not eat the small variance
        _add(dn, first, level - frame_means[0], total, squares)
    if total is None or len(frame_means) < min_frames:
        raise TooFewFramesError(
            f"{name} has {len(frame_means)} frames; the rule is at least {min_frames}.",
            remedy="Take more frames.",
        )
    n = len(frame_means)
    variance = (squares - total**2 / n) / (n - 1) if n > 1 else np.full(total.shape, np.nan)
    common = float(np.mean(frame_means)) - frame_means[0]
    return Moments(
        n=n,
        mean=first + total / n + common,
        variance=np.maximum(variance, 0.0),
        frame_means=np.array(frame_means),
        saturated=saturated,
    )


@njit(cache=True, nogil=True)
def _add(dn: Any, first: Any, common: float, total: Any, squares: Any) -> None:
    rows, cols = dn.shape
    for i in range(rows):
        for j in range(cols):
            value = dn[i, j] - first[i, j] - common
            total[i, j] += value
            squares[i, j] += value * value


def check_lit(mean_signal_dn: float, noise_dn: float, name: str) -> None:
    """Refuse a scene that is no brighter than the dark.

    Parameters
    ----------
    mean_signal_dn : float
        Mean over pixels, above dark [DN].
    noise_dn : float
        Of one pixel in one frame [DN].
    name : str
        What it is called in messages.

    Raises
    ------
    EmptyFrameError
        The signal is below three times the noise of one pixel.
    """
    if not mean_signal_dn > 3.0 * noise_dn:
        raise EmptyFrameError(
            f"{name} has a mean signal of {mean_signal_dn:.4g} DN above dark, and {noise_dn:.3g} "
            "DN of noise; the rule is three times as much.",
            remedy="Take a brighter scene; check that the dark frames are dark.",
        )


def check_shape(array: NDArray[Any], shape: tuple[int, ...], name: str) -> None:
    """Refuse an array of another shape.

    Raises
    ------
    FramesError
        Shapes differ.
    """
    if array.shape != shape:
        raise FramesError(f"{name} has shape {array.shape}; the rule is {shape}, as the frames.")
