"""Gain of one instrument from another that saw the same ground at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from boresight.conventions import NMAD_SCALE
from boresight.errors import (
    EmptyFrameError,
    InputError,
    NonConvergenceError,
    TooFewFramesError,
)
from boresight.figures import COLOURS, new_figure, stated
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry.absolute import GAIN_UNIT
from boresight.radiometry.spectral import Spectrum, band_average
from boresight.units import RADIANCE, finite, radiances

FloatArray = NDArray[np.float64]

MIN_PATCHES = 8
_OUTLIER_SIGMA = 4.0
#: patches scatter more than their noise (the ground, the time between), but no more than so
_MAX_WIDENING = 5.0
_MAX_OUTLYING_SHARE = 0.3
_MAX_ROUNDS = 10
_MAX_ITERATIONS = 100
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class CrossResult:
    """Gain of the instrument that is calibrated.

    Parameters
    ----------
    gain : Quantity
        [DN/(W m-2 sr-1 um-1)]
    intercept_dn : Quantity
        Signal where the reference sees none, of a second fit: 0 within its uncertainty unless the
        dark signal or the reference's offset is wrong [DN].
    signal, radiance : ndarray, shape (n,)
        What was compared, radiance as adjusted to the band [DN], [W m-2 sr-1 um-1].
    used : ndarray of bool, shape (n,)
        Patches that were not found to have changed.
    chi2_reduced, p_value : float
        Whether patches scatter as their random uncertainties say.
    """

    gain: Quantity
    intercept_dn: Quantity
    signal: FloatArray
    radiance: FloatArray
    used: NDArray[np.bool_]
    chi2_reduced: float
    p_value: float


@dataclass(frozen=True)
class Line:
    """A straight line with errors in both coordinates.

    Parameters
    ----------
    slope, intercept, u_slope, u_intercept : float
        From the points' own uncertainties; an intercept that is held at 0 has ``u`` 0.
    chi2 : float
        Weighted sum of squares.
    """

    slope: float
    intercept: float
    u_slope: float
    u_intercept: float
    chi2: float


def spectral_adjustment(
    target: SpectralResponse,
    reference: SpectralResponse,
    spectra: Sequence[Spectrum],
    solar: Spectrum,
) -> Quantity:
    """Reflectance in the band of one instrument over that in the band of another (SBAF) [1].

    Parameters
    ----------
    target, reference : SpectralResponse
        Of the band to be calibrated, and of the one that is known.
    spectra : sequence of Spectrum
        Reflectance of the ground at the top of the atmosphere, as a spectrometer saw it: two or
        more, whose differences give the uncertainty, or one with an uncertainty of its own [1].
    solar : Spectrum
        Irradiance at 1 au [W m-2 um-1].

    Raises
    ------
    SpectralRangeError
        A spectrum ends where a band still responds.
    TooFewFramesError
        One spectrum without uncertainty.

    Notes
    -----
    ``B = (∫ rho E R_t / ∫ E R_t) / (∫ rho E R_r / ∫ E R_r)``, after Chander et al. (2013, IEEE
    Trans. Geosci. Remote Sens. 51:1267, doi:10.1109/TGRS.2012.2228007). An error that is common to
    all of a spectrum cancels; of a lone spectrum's uncertainty only what differs between the bands'
    ends is counted, as a slope across them.
    """
    own = band_average(target, solar)
    other = band_average(reference, solar)
    factors = [
        band_average(target, entry, solar) / own / (band_average(reference, entry, solar) / other)
        for entry in spectra
    ]
    if len(factors) > 1:
        u = float(np.std(factors, ddof=1))
    elif factors and spectra[0].u is not None:
        uncertain = Spectrum(spectra[0].wavelength_nm, spectra[0].u, name="u of the spectrum")
        parts = [band_average(band, uncertain, solar) for band in (target, reference)]
        levels = [band_average(band, spectra[0], solar) for band in (target, reference)]
        u = factors[0] * abs(parts[0] / levels[0] - parts[1] / levels[1])
        u = max(u, 1e-4 * factors[0])
    else:
        raise TooFewFramesError(
            f"there are {len(factors)} spectra without uncertainty; the rule is two, or one with "
            "uncertainty.",
            remedy="Take spectra of several days, or state how well the one is known.",
        )
    return Quantity(
        value=float(np.mean(factors)),
        unit="1",
        uncertainties=(Uncertainty(effect="spectral bands", correlation="systematic", u=float(u)),),
    )


def cross_calibrate(
    signal: Quantity,
    radiance: Quantity,
    *,
    adjustment: Quantity | None = None,
    geometry: FloatArray | None = None,
) -> CrossResult:
    """Gain from patches of ground that a calibrated instrument saw at nearly the same time.

    Parameters
    ----------
    signal : Quantity, shape (n,)
        Above dark, linear and equalised, mean over a patch; at least :data:`MIN_PATCHES`, of all
        brightnesses, with random uncertainty [DN].
    radiance : Quantity, shape (n,)
        Of the same patches by the reference in its own band, with random uncertainty; its
        systematic part (the reference's calibration) goes to the gain undiminished
        [W m-2 sr-1 um-1].
    adjustment : Quantity, optional
        Radiance in this band over that in the reference's: of :func:`spectral_adjustment`, times
        the ratio of the bands' solar irradiances [1].
    geometry : ndarray, shape (n,), optional
        What else differs: cosine of the Sun's zenith over that of the reference's pass, and the
        ground's change with direction [1].

    Raises
    ------
    UnitsError, NotFiniteError, EmptyFrameError
        DN where radiance is due, NaN, no light.
    TooFewFramesError
        Too few patches.
    InputError
        No random uncertainties, arrays that do not fit, or more than 30 % of the patches off the
        line: clouds, or patches mixed up.
    NonConvergenceError
        The fit did not settle in 100 steps.

    Notes
    -----
    A line through 0 with errors in both coordinates (York et al. 2004, Am. J. Phys. 72:367,
    doi:10.1119/1.1632486, equations 13): ordinary least squares would make the gain too low by the
    share of noise in the reference's radiance.
    """
    y = np.asarray(signal.grid, np.float64)
    if y.ndim != 1 or np.shape(radiance.value) != y.shape:
        raise InputError(
            f"signal has shape {y.shape} and radiance {np.shape(radiance.value)}; one rule each."
        )
    if signal.unit != "DN" or radiance.unit != RADIANCE:
        raise InputError(
            f"units are {signal.unit!r} and {radiance.unit!r}; the rule is 'DN' and {RADIANCE!r}.",
            remedy="Give the signal of the instrument to be calibrated first.",
        )
    if y.size < MIN_PATCHES:
        raise TooFewFramesError(
            f"there are {y.size} patches; the rule is at least {MIN_PATCHES}.",
            remedy="Take more ground that both saw.",
        )
    factor = np.full(y.size, 1.0 if adjustment is None else adjustment.number)
    if geometry is not None:
        factor = factor * np.asarray(geometry, np.float64)
    if factor.shape != y.shape or not (factor > 0).all():
        raise InputError(
            f"adjustment and geometry have shape {factor.shape} and are {factor.min():.4g} or "
            f"more; the rule is {y.shape}, above 0."
        )
    x = radiances(radiance.grid, "radiance", ndim=1) * factor
    finite(y, "signal")
    if float(np.median(y)) <= 0 or float(np.median(x)) <= 0:
        raise EmptyFrameError(
            f"medians are {np.median(y):.4g} DN and {np.median(x):.4g}; the rule is above 0."
        )
    u_y = np.broadcast_to(np.asarray(signal.u_of("random"), np.float64), y.shape)
    u_x = np.broadcast_to(np.asarray(radiance.u_of("random"), np.float64), x.shape) * factor
    if not (np.hypot(u_x, u_y) > 0).all():
        raise InputError(
            "patches have no random uncertainty; the rule is one for signal or radiance.",
            remedy="State the scatter of each patch's mean.",
        )
    used = _agreeing(x, y, u_x, u_y)
    line = fit_line(x[used], y[used], u_x[used], u_y[used], through_zero=True)
    free = int(used.sum()) - 1
    chi2 = line.chi2 / free
    # a scatter that is wider than the patches' noise says is real: the ground, the time between
    widened = max(1.0, float(np.sqrt(chi2)))
    second = fit_line(x[used], y[used], u_x[used], u_y[used], through_zero=False)
    second_widened = max(1.0, float(np.sqrt(second.chi2 / (free - 1))))
    parts = [Uncertainty(effect="patches", correlation="random", u=line.u_slope * widened)]
    for source in (radiance, adjustment):
        if source is None:
            continue
        for part in source.uncertainties:
            if part.correlation != "random":
                relative = float(np.median(np.asarray(part.u) / np.asarray(source.value)))
                parts.append(
                    Uncertainty(
                        effect=part.effect,
                        correlation=part.correlation,
                        u=line.slope * relative,
                        length=part.length,
                    )
                )
    return CrossResult(
        gain=Quantity(value=line.slope, unit=GAIN_UNIT, uncertainties=tuple(parts)),
        intercept_dn=Quantity(
            value=second.intercept,
            unit="DN",
            uncertainties=(
                Uncertainty(
                    effect="patches", correlation="random", u=second.u_intercept * second_widened
                ),
            ),
        ),
        signal=y,
        radiance=x,
        used=used,
        chi2_reduced=chi2,
        p_value=float(stats.chi2.sf(line.chi2, free)),
    )


def fit_line(
    x: FloatArray, y: FloatArray, u_x: FloatArray, u_y: FloatArray, *, through_zero: bool
) -> Line:
    """Straight line with errors in both coordinates, independent from point to point.

    Parameters
    ----------
    x, y, u_x, u_y : ndarray, shape (n,)
        Points and their standard uncertainties; not both 0 at a point.
    through_zero : bool
        Whether the intercept is held at 0.

    Raises
    ------
    NonConvergenceError
        After 100 steps; the message has the last change.

    References
    ----------
    York et al. 2004, Am. J. Phys. 72:367, doi:10.1119/1.1632486, equations 13.
    """
    slope = float((x @ y) / (x @ x)) if through_zero else float(np.polyfit(x, y, 1)[0])
    step = np.inf
    for _ in range(_MAX_ITERATIONS):
        weight = 1.0 / (u_y**2 + slope**2 * u_x**2)
        share = weight / weight.sum()
        x_mean = 0.0 if through_zero else float(share @ x)
        y_mean = 0.0 if through_zero else float(share @ y)
        u, v = x - x_mean, y - y_mean
        beta = weight * (u * u_y**2 + slope * v * u_x**2)
        new = float((weight * beta) @ v / ((weight * beta) @ u))
        step = abs(new - slope)
        slope = new
        if step <= _TOLERANCE * abs(slope):
            break
    else:
        raise NonConvergenceError(
            f"the line's slope still moved by {step:.3g} after {_MAX_ITERATIONS} steps; the rule "
            f"is {_TOLERANCE:g} of it.",
            remedy="Check the points and their uncertainties.",
        )
    weight = 1.0 / (u_y**2 + slope**2 * u_x**2)
    intercept = y_mean - slope * x_mean
    adjusted = x_mean + beta
    centre = 0.0 if through_zero else float(weight @ adjusted / weight.sum())
    variance = 1.0 / float(weight @ (adjusted - centre) ** 2)
    return Line(
        slope=slope,
        intercept=intercept,
        u_slope=float(np.sqrt(variance)),
        u_intercept=0.0
        if through_zero
        else float(np.sqrt(1.0 / weight.sum() + centre**2 * variance)),
        chi2=float(weight @ (y - intercept - slope * x) ** 2),
    )


def plot_cross(result: CrossResult) -> Figure:
    """Signal over radiance with the line, and what is left of it."""
    figure = new_figure(11, 3.8)
    left, right = figure.subplots(1, 2)
    used, gain = result.used, result.gain.number
    left.plot(result.radiance[used], result.signal[used], "o", markersize=4, label="patches")
    left.plot(result.radiance[~used], result.signal[~used], "x", color=COLOURS[1], label="left out")
    end = float(result.radiance.max())
    left.plot([0.0, end], [0.0, gain * end], color="black", linewidth=0.8)
    left.set_xlabel("reference radiance [W m⁻² sr⁻¹ µm⁻¹]")
    left.set_ylabel("signal [DN]")
    left.set_title(f"{stated(gain, float(result.gain.u))} DN/(W m⁻² sr⁻¹ µm⁻¹)")
    left.legend()
    right.axhline(0.0, color="black", linewidth=0.7)
    rest = result.signal - gain * result.radiance
    right.plot(result.radiance[used], rest[used], "o", markersize=4)
    right.set_xlabel("reference radiance [W m⁻² sr⁻¹ µm⁻¹]")
    right.set_ylabel("signal less line [DN]")
    right.set_title(
        f"reduced chi² {result.chi2_reduced:.2f}, intercept "
        f"{stated(result.intercept_dn.number, float(result.intercept_dn.u))} DN"
    )
    return figure


def _agreeing(x: FloatArray, y: FloatArray, u_x: FloatArray, u_y: FloatArray) -> NDArray[np.bool_]:
    used = np.ones(x.size, bool)
    # to begin with a slope that outliers do not move
    slope = float(np.median(y[x > 0] / x[x > 0]))
    for _ in range(_MAX_ROUNDS):
        pull = (y - slope * x) / np.hypot(u_y, slope * u_x)
        spread = NMAD_SCALE * float(np.median(np.abs(pull)))
        chosen = np.abs(pull) <= _OUTLIER_SIGMA * np.clip(spread, 1.0, _MAX_WIDENING)
        outlying = int((~chosen).sum())
        if outlying > _MAX_OUTLYING_SHARE * x.size:
            raise InputError(
                f"{outlying} of {x.size} patches lie off the line; the rule is at most "
                f"{100 * _MAX_OUTLYING_SHARE:g} %.",
                remedy="Check for clouds, time between the passes, and that patches are paired.",
            )
        if (chosen == used).all():
            break
        used = chosen
        slope = fit_line(x[used], y[used], u_x[used], u_y[used], through_zero=True).slope
    return used
