"""Dark signal of every pixel, its spread (DSNU) and the noise of reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from boresight.conventions import NMAD_SCALE
from boresight.errors import EmptyFrameError
from boresight.figures import COLOURS, new_figure, stated
from boresight.instrument import Quantity, Uncertainty
from boresight.radiometry.frames import Moments, moments

#: below, a pixel's own scatter is not told from that of its neighbours
MIN_DARK_FRAMES = 4

#: with more pixels at 0 the mean is no longer the dark signal
MAX_CLIPPED_SHARE = 0.001

#: pixels whose variance is this many times the typical one speak for themselves
_NOISY_RATIO = 4.0


@dataclass(frozen=True)
class DarkResult:
    """Dark signal of a detector.

    Parameters
    ----------
    dark : Quantity, shape (rows, cols)
        Dark signal [DN]; random uncertainty per pixel, systematic of the common level.
    level : Quantity
        Mean over ordinary pixels [DN].
    dsnu_rms : Quantity
        Standard deviation over ordinary pixels, noise taken out [DN].
    noise_variance : Quantity
        Of one frame's pixel in the dark, rounding included [DN2].
    variance : ndarray, shape (rows, cols)
        Sample variance of each pixel [DN2].
    n_frames : int
        Frames used.
    """

    dark: Quantity
    level: Quantity
    dsnu_rms: Quantity
    noise_variance: Quantity
    variance: NDArray[np.float64]
    n_frames: int


def estimate_dark(frames: Iterable[object], *, saturation_dn: float) -> DarkResult:
    """Estimate the dark signal from frames without light.

    Parameters
    ----------
    frames : iterable of ndarray, each shape (rows, cols), whole numbers
        [DN]
    saturation_dn : float
        Numbers from here on are saturated [DN].

    Raises
    ------
    TooFewFramesError, SaturatedError, EmptyFrameError, FramesError, UnitsError
        Frames that tell nothing.

    Notes
    -----
    A pixel's mean has variance s²/n. With few frames s² of one pixel scatters by more than the
    pixels differ, so s² is that of ordinary pixels, but for pixels far above it.

    Ordinary pixels, over which level and spread are taken, lie within six robust standard
    deviations of the median.
    """
    found = moments(frames, saturation_dn=saturation_dn, min_frames=MIN_DARK_FRAMES, name="dark")
    clipped = float((found.mean < 1.0).mean())
    if clipped > MAX_CLIPPED_SHARE:
        raise EmptyFrameError(
            f"{100 * clipped:.2f} % of the dark pixels are below 1 DN in the mean, clipped at 0; "
            f"the rule is at most {100 * MAX_CLIPPED_SHARE:g} %.",
            remedy="Raise the detector's offset: negative noise has to show.",
        )
    n = found.n
    typical = pooled_variance(found)
    own = np.where(found.variance > _NOISY_RATIO * typical, found.variance, typical)
    u_pixel = np.sqrt(own / n)
    drift = float(np.std(found.frame_means, ddof=1))
    # the common level of a frame also carries its pixels' noise, which is counted above
    drift = np.sqrt(max(drift**2 - typical / found.mean.size, 0.0))
    u_common = drift / np.sqrt(n)
    ordinary = ordinary_pixels(found.mean)
    values = found.mean[ordinary]
    count = values.size
    raw = float(values.var(ddof=1))
    spread = np.sqrt(max(raw - typical / n, 0.0))
    # of a sample variance, through the root; below the noise there is nothing to divide by
    u_spread = raw * np.sqrt(2.0 / (count - 1)) / (2.0 * max(spread, np.sqrt(raw) / 10))
    u_variance = typical * np.sqrt(2.0 / ((n - 1) * count))
    return DarkResult(
        dark=Quantity(
            value=found.mean,
            unit="DN",
            uncertainties=(
                Uncertainty(effect="noise", correlation="random", u=u_pixel),
                Uncertainty(effect="common level", correlation="systematic", u=float(u_common)),
            ),
        ),
        level=Quantity(
            value=float(values.mean()),
            unit="DN",
            uncertainties=(
                Uncertainty(
                    effect="noise", correlation="random", u=float(np.sqrt(typical / n / count))
                ),
                Uncertainty(effect="common level", correlation="systematic", u=float(u_common)),
            ),
        ),
        dsnu_rms=Quantity(
            value=float(spread),
            unit="DN",
            uncertainties=(
                Uncertainty(effect="sampling", correlation="random", u=float(u_spread)),
            ),
        ),
        noise_variance=Quantity(
            value=typical,
            unit="DN2",
            uncertainties=(
                Uncertainty(effect="sampling", correlation="random", u=float(u_variance)),
            ),
        ),
        variance=found.variance,
        n_frames=n,
    )


def pooled_variance(found: Moments) -> float:
    """Variance of an ordinary pixel: the mean of those variances that are not outliers [DN2].

    The first guess is the median; pixels beyond :data:`_NOISY_RATIO` times it, plus room for the
    scatter of a sample variance, are left out.
    """
    dof = found.n - 1
    median = float(np.median(found.variance)) * dof / float(stats.chi2.median(dof))
    limit = median * float(stats.chi2.isf(1e-6, dof)) / dof
    return float(found.variance[found.variance <= limit].mean())


def ordinary_pixels(values: NDArray[np.float64], *, z: float = 6.0) -> NDArray[np.bool_]:
    """Pixels within ``z`` robust standard deviations of the median."""
    median = float(np.median(values))
    spread = NMAD_SCALE * float(np.median(np.abs(values - median)))
    return np.asarray(np.abs(values - median) <= z * max(spread, 1e-12))


def plot_dark(result: DarkResult) -> Figure:
    """Map of the dark signal, its profile along columns, and its distribution."""
    figure = new_figure(13, 3.8)
    left, middle, right = figure.subplots(1, 3)
    dark = result.dark.grid
    low, high = np.percentile(dark, (0.5, 99.5))
    image = left.imshow(dark, vmin=low, vmax=high, cmap="cividis", interpolation="nearest")
    figure.colorbar(image, ax=left, label="dark signal [DN]")
    left.set_title("Dark signal")
    left.set_xlabel("column [px]")
    left.set_ylabel("row [px]")
    middle.plot(dark.mean(axis=0), linewidth=0.7)
    middle.set_title("Mean of columns")
    middle.set_xlabel("column [px]")
    middle.set_ylabel("mean dark signal [DN]")
    right.hist(dark.ravel(), bins=100, range=(low, high), color=COLOURS[0])
    right.set_title(
        f"{stated(result.level.number, float(result.level.u))} DN,\n"
        f"DSNU {stated(result.dsnu_rms.number, float(result.dsnu_rms.u))} DN"
    )
    right.set_xlabel("dark signal [DN]")
    right.set_ylabel("pixels")
    return figure
