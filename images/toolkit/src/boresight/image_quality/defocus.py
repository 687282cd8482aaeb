"""Focus over time: drift of a width or of an MTF, and the setting of best focus.

References
----------
Weighted least squares and their χ²: JCGM 100:2008, H.3. Defocus adds its square to the variance
of the point spread, so that a sweep through focus is a parabola of σ².
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from boresight.errors import InputError, SingularError

FloatArray = NDArray[np.float64]

MIN_POINTS = 4


@dataclass(frozen=True)
class Drift:
    """Straight line through measurements in time.

    Parameters
    ----------
    value, u_value : float
        At the weighted mean time [units of the measurements].
    time_days : float
        That time [days].
    rate, u_rate : float
        Change a day.
    p_constant : float
        Probability of a χ² as large, were the value constant [1].
    p_line : float
        The same for the line: a small one says that the line does not explain the measurements.
    drifting : bool
        Whether the rate differs from 0 at the level asked for.
    n : int
        Measurements.
    """

    value: float
    u_value: float
    time_days: float
    rate: float
    u_rate: float
    p_constant: float
    p_line: float
    drifting: bool
    n: int

    def at(self, time_days: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Value of the line and its standard uncertainty."""
        since = np.asarray(time_days, dtype=np.float64) - self.time_days
        return self.value + self.rate * since, np.hypot(self.u_value, self.u_rate * since)


@dataclass(frozen=True)
class BestFocus:
    """Sharpest setting of a sweep through focus.

    Parameters
    ----------
    setting, u_setting : float
        [units of the settings].
    sigma_px, u_sigma_px : float
        Width there [px].
    p_fit : float
        Probability of a misfit as large, were the parabola right [1].
    n : int
        Measurements.
    """

    setting: float
    u_setting: float
    sigma_px: float
    u_sigma_px: float
    p_fit: float
    n: int


def drift(
    time_days: ArrayLike, values: ArrayLike, u_values: ArrayLike, *, level: float = 0.01
) -> Drift:
    """Whether measurements drift.

    Parameters
    ----------
    time_days, values, u_values : array_like, shape (n,)
        Times [days], measurements (a width or an MTF) and their standard uncertainties, > 0.
    level : float
        Share of false alarms, 0 to 1 [1].

    Raises
    ------
    InputError
        Fewer than four measurements, values that are not finite, uncertainties not above 0.
    SingularError
        All at one time.
    """
    t, y, u = _checked(time_days, values, u_values)
    w = u**-2
    middle = float((w * t).sum() / w.sum())
    since = t - middle
    spread = float((w * since**2).sum())
    if spread * float(u.min()) ** 2 < 1e-20:
        raise SingularError(
            f"all {t.size} measurements are of one time; the rule is two times at least.",
            remedy="Measure again later.",
        )
    value, rate = float((w * y).sum() / w.sum()), float((w * since * y).sum() / spread)
    constant = float((w * (y - value) ** 2).sum())
    line = float((w * (y - value - rate * since) ** 2).sum())
    u_rate = spread**-0.5
    return Drift(
        value=value,
        u_value=float(w.sum()) ** -0.5,
        time_days=middle,
        rate=rate,
        u_rate=u_rate,
        p_constant=float(stats.chi2.sf(constant, t.size - 1)),
        p_line=float(stats.chi2.sf(line, t.size - 2)),
        drifting=bool(2.0 * stats.norm.sf(abs(rate) / u_rate) < level),
        n=t.size,
    )


def best_focus(settings: ArrayLike, sigma_px: ArrayLike, u_sigma_px: ArrayLike) -> BestFocus:
    """Lowest point of the parabola of σ² through a sweep.

    Parameters
    ----------
    settings, sigma_px, u_sigma_px : array_like, shape (n,)
        Settings of the mechanism (any unit), widths of the Gaussian part and their standard
        uncertainties [px].

    Raises
    ------
    InputError
        As :func:`drift`.
    SingularError
        The widths show no minimum: no curvature, or one beyond the settings.
    """
    x, y, u = _checked(settings, sigma_px, u_sigma_px)
    middle, scale = float(x.mean()), float(np.ptp(x)) / 2.0 or 1.0
    z = (x - middle) / scale
    w = 1.0 / (2.0 * y * u)
    design = np.stack([np.ones_like(z), z, z * z], axis=1) * w[:, None]
    normal = design.T @ design
    if np.linalg.matrix_rank(design) < 3:
        raise SingularError(
            f"{np.unique(x).size} different settings; the rule is at least three.",
            remedy="Sweep further through focus.",
        )
    covariance = np.linalg.inv(normal)
    c = covariance @ (design.T @ (y * y * w))
    if c[2] <= 3.0 * math.sqrt(covariance[2, 2]) or abs(c[1] / (2.0 * c[2])) > 1.0:
        raise SingularError(
            f"widths curve by {c[2]:.3g} ± {math.sqrt(covariance[2, 2]):.2g} px² and are lowest at "
            f"{middle - scale * c[1] / (2 * c[2]):.4g}; the rule is a minimum within "
            f"{x.min():g} to {x.max():g}, of three standard uncertainties.",
            remedy="Sweep further through focus.",
        )
    place = -c[1] / (2.0 * c[2])
    by_place = np.array([0.0, -1.0 / (2.0 * c[2]), c[1] / (2.0 * c[2] ** 2)])
    lowest = float(c[0] - c[1] ** 2 / (4.0 * c[2]))
    by_lowest = np.array([1.0, place, place**2])
    sigma = math.sqrt(max(lowest, 1e-12))
    misfit = (y * y) * w - design @ c
    return BestFocus(
        setting=float(middle + scale * place),
        u_setting=scale * math.sqrt(float(by_place @ covariance @ by_place)),
        sigma_px=sigma,
        u_sigma_px=math.sqrt(float(by_lowest @ covariance @ by_lowest)) / (2.0 * sigma),
        p_fit=float(stats.chi2.sf(float(misfit @ misfit), x.size - 3)),
        n=x.size,
    )


def _checked(x: ArrayLike, y: ArrayLike, u: ArrayLike) -> tuple[FloatArray, ...]:
    arrays = [np.asarray(v, dtype=np.float64).ravel() for v in (x, y, u)]
    sizes = {a.size for a in arrays}
    if len(sizes) != 1 or min(sizes) < MIN_POINTS:
        raise InputError(
            f"{[a.size for a in arrays]} places, values and uncertainties; the rule is as many of "
            f"each, at least {MIN_POINTS}.",
        )
    if not all(np.isfinite(a).all() for a in arrays) or not (arrays[2] > 0).all():
        raise InputError(
            "values are not finite, or uncertainties not above 0.",
            remedy="Leave such measurements out.",
        )
    return tuple(arrays)
