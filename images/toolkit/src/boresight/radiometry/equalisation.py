"""Relative gain of pixels (PRNU) from even scenes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from boresight.errors import (
    EmptyFrameError,
    InputError,
)
from boresight.figures import new_figure
from boresight.instrument import Quantity, Uncertainty
from boresight.radiometry.dark import pooled_variance
from boresight.radiometry.frames import check_lit, check_shape, moments

FloatArray = NDArray[np.float64]

MIN_UNIFORM_FRAMES = 4


@dataclass(frozen=True)
class EqualisationResult:
    """Relative gains.

    Parameters
    ----------
    gain : Quantity, shape (rows, cols)
        Mean 1 over good pixels; 1 where nothing is known [1].
    good : ndarray of bool, shape (rows, cols)
        Pixels the mean is taken over.
    prnu_rms : Quantity
        Standard deviation of the gain over good pixels, noise taken out [1].
    signal_dn : float
        Mean signal above dark [DN].
    n : int
        Frames, or lines seen by all detectors.
    offset : Quantity, optional
        What histogram matching finds left of the dark signal, shape (rows, cols) [DN].
    """

    gain: Quantity
    good: NDArray[np.bool_]
    prnu_rms: Quantity
    signal_dn: float
    n: int
    offset: Quantity | None = None


def estimate_gain_uniform(
    frames: Iterable[object],
    dark: Quantity,
    *,
    saturation_dn: float,
    good: NDArray[np.bool_] | None = None,
    scene_degree: int = 0,
    u_scene: float = 0.0,
) -> EqualisationResult:
    """Relative gain of every pixel from frames of even scenes of one brightness.

    Parameters
    ----------
    frames : iterable of ndarray, each shape (rows, cols), whole numbers
        At least :data:`MIN_UNIFORM_FRAMES`: desert, snow, a sphere; other ground in each averages
        the texture out [DN].
    dark : Quantity, shape (rows, cols)
        Dark signal [DN].
    saturation_dn : float
        Numbers from here on are saturated [DN].
    good : ndarray of bool, shape (rows, cols), optional
        Pixels to take the mean over.
    scene_degree : int
        The scene's brightness is taken as a polynomial of this degree in row and column, which is
        taken out, and with it any such part of the gain; 0 takes the scene as even.
    u_scene : float
        Standard uncertainty of the scene's evenness over the field, relative [1].

    Raises
    ------
    TooFewFramesError, SaturatedError, EmptyFrameError, FramesError, UnitsError, NotFiniteError
        Frames that tell nothing.
    """
    if scene_degree not in (0, 1, 2, 3):
        raise InputError(f"scene_degree is {scene_degree}; the rule is 0 to 3.")
    found = moments(
        frames, saturation_dn=saturation_dn, min_frames=MIN_UNIFORM_FRAMES, name="frames"
    )
    check_shape(dark.grid, found.mean.shape, "dark")
    used = found.saturated == 0
    if good is not None:
        check_shape(good, used.shape, "good")
        used = used & good
    signal = found.mean - dark.grid
    if not used.any():
        raise EmptyFrameError("no pixel is good and below saturation; the rule is at least one.")
    mean = float(signal[used].mean())
    variance = pooled_variance(found)
    check_lit(mean, float(np.sqrt(variance)), "frames")
    scene = _polynomial(signal, used, scene_degree) if scene_degree else mean
    ratio = signal / scene
    usable = used & (ratio > 0)
    gain = np.where(usable, ratio / ratio[usable].mean(), 1.0)
    # the noise of a pixel grows with its own signal
    own = variance * np.clip(ratio, 0.05, 20.0) / found.n
    u_random = np.sqrt(own + np.square(dark.u_of("random"))) / mean
    u_offset = np.abs(gain - 1.0) * float(np.max(dark.u_of("systematic"))) / mean
    parts = [
        Uncertainty(effect="noise", correlation="random", u=u_random),
        Uncertainty(effect="dark level", correlation="systematic", u=u_offset),
    ]
    if u_scene:
        length = float(max(gain.shape))
        parts.append(
            Uncertainty(effect="scene", correlation="structured", u=u_scene, length=length)
        )
    return EqualisationResult(
        gain=Quantity(value=gain, unit="1", uncertainties=tuple(parts)),
        good=usable,
        prnu_rms=spread_of(gain[usable], u_random[usable]),
        signal_dn=mean,
        n=found.n,
    )


def plot_equalisation(result: EqualisationResult) -> Figure:
    """Gain over the detector, and its uncertainty."""
    figure = new_figure(12, 3.6)
    left, right = figure.subplots(1, 2)
    gain = result.gain.grid
    u = np.broadcast_to(np.asarray(result.gain.u), gain.shape)
    title = f"Relative gain, PRNU {100 * result.prnu_rms.number:.3f} %"
    if gain.shape[0] == 1:
        col = np.arange(gain.shape[1])
        left.plot(col, gain[0], linewidth=0.7)
        left.fill_between(col, gain[0] - 2 * u[0], gain[0] + 2 * u[0], alpha=0.3)
        left.set_xlabel("detector [px]")
        left.set_ylabel("relative gain [1], band: ±2 u")
    else:
        low, high = np.percentile(gain[result.good], (0.5, 99.5))
        image = left.imshow(gain, vmin=low, vmax=high, cmap="cividis", interpolation="nearest")
        figure.colorbar(image, ax=left, label="relative gain [1]")
        left.set_xlabel("column [px]")
        left.set_ylabel("row [px]")
    left.set_title(title)
    values = 100 * u[result.good]
    right.hist(values, bins=60)
    right.set_title(f"Uncertainty, median {np.median(values):.4f} %")
    right.set_xlabel("standard uncertainty [%]")
    right.set_ylabel("pixels")
    return figure


def spread_of(gain: FloatArray, u: FloatArray) -> Quantity:
    """Standard deviation of gains without what their uncertainties add [1]."""
    raw = float(gain.var(ddof=1)) if gain.size > 1 else 0.0
    spread = np.sqrt(max(raw - float(np.mean(u**2)), 0.0))
    floor = max(spread, np.sqrt(raw) / 10, 1e-12)
    u_spread = raw * np.sqrt(2.0 / max(gain.size - 1, 1)) / (2 * floor)
    return Quantity(
        value=float(spread),
        unit="1",
        uncertainties=(Uncertainty(effect="sampling", correlation="random", u=float(u_spread)),),
    )


def _polynomial(signal: FloatArray, used: NDArray[np.bool_], degree: int) -> FloatArray:
    rows, cols = signal.shape
    row = np.linspace(-1, 1, rows)[:, None]
    col = np.linspace(-1, 1, cols)[None]
    terms = [
        row**i * col**k
        for i in range(degree + 1)
        for k in range(degree + 1 - i)
        if (rows > 1 or i == 0) and (cols > 1 or k == 0)
    ]
    # every 7th pixel or so is enough for at most ten terms
    chosen = np.zeros_like(used)
    step = max(1, int(np.sqrt(signal.size / 40_000)))
    chosen[::step, ::step] = used[::step, ::step]
    design = np.stack([np.broadcast_to(term, signal.shape)[chosen] for term in terms], axis=1)
    coefficients, *_ = np.linalg.lstsq(design, signal[chosen], rcond=None)
    scene: FloatArray = sum(
        (c * term for c, term in zip(coefficients, terms, strict=True)), np.zeros(signal.shape)
    )
    if float(scene.min()) <= 0:
        raise InputError(
            f"the fitted scene falls to {scene.min():.4g} DN; the rule is above 0.",
            remedy="Lower scene_degree.",
        )
    return scene
