"""Absolute gain over deserts that do not change (PICS), from their reflectance by direction.

The sites are those of Cosnefroy, Leroy & Briottet (1996, Remote Sens. Environ. 58:101,
doi:10.1016/0034-4257(95)00211-1), even to 3 % and stable to 1 or 2 % over years. A reference
instrument tells their reflectance at the top of the atmosphere, a model of its change with
direction carries it to the angles of another acquisition (Lacherade et al. 2013, IEEE Trans.
Geosci. Remote Sens. 51:1098, doi:10.1109/TGRS.2012.2227061; Helder et al. 2013, 51:1360,
doi:10.1109/TGRS.2013.2243738).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from boresight.conventions import NMAD_SCALE
from boresight.errors import (
    CloudError,
    EmptyFrameError,
    FramesError,
    InputError,
    SingularError,
    TooFewFramesError,
    UnitsError,
)
from boresight.figures import COLOURS, new_figure
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry.absolute import gain_from_radiance
from boresight.radiometry.angles import SunView
from boresight.radiometry.spectral import Spectrum, band_average
from boresight.units import counts, finite

FloatArray = NDArray[np.float64]

#: least acquisitions of the reference: three unknowns, and a scatter to be known to a quarter
MIN_ACQUISITIONS = 10
#: a clear PICS is even to 3 % over some tens of kilometres (Cosnefroy et al. 1996)
MAX_SPREAD = 0.03
#: acquisitions further from the model than this many robust standard deviations are cloudy
_CLOUD_SIGMA = 4.0
_MAX_CLOUDY_SHARE = 0.3
#: the scatter that a desert's clear days have at most, relative
_MAX_SCATTER = 0.03
_MAX_ROUNDS = 5
#: how far beyond the fitted zenith angles the model is trusted [deg]
_MARGIN_DEG = 5.0
_BLOCKS = 4
_MAX_CONDITION = 1e8


@dataclass(frozen=True)
class DesertModel:
    """Reflectance of a site at the top of the atmosphere, by direction, in one band.

    Parameters
    ----------
    weights : ndarray, shape (3,)
        Of the even, the volumetric and the geometric kernel [1].
    covariance : ndarray, shape (3, 3)
        Of the weights, from scatter alone [1].
    repeatability : float
        Standard deviation of single acquisitions about the model, relative [1].
    u_reference : float
        Standard uncertainty of the reference's calibration, relative [1].
    used : ndarray of bool, shape (n,)
        Acquisitions that were not found cloudy.
    sun_range_deg, view_range_deg : tuple of 2 float
        Zenith angles fitted [deg].
    """

    weights: FloatArray
    covariance: FloatArray
    repeatability: float
    u_reference: float
    used: NDArray[np.bool_]
    sun_range_deg: tuple[float, float]
    view_range_deg: tuple[float, float]

    def reflectance(self, angles: SunView) -> Quantity:
        """Reflectance for a pair of directions [1].

        Raises
        ------
        InputError
            Zenith angles that the fit has not seen.
        """
        for name, (low, high) in (
            ("sun_zenith_deg", self.sun_range_deg),
            ("view_zenith_deg", self.view_range_deg),
        ):
            value = getattr(angles, name)
            if not low - _MARGIN_DEG <= value <= high + _MARGIN_DEG:
                raise InputError(
                    f"{name} is {value:.1f}; the model was fitted from {low:.1f} to {high:.1f}, "
                    f"and the rule is no more than {_MARGIN_DEG:g} degrees beyond.",
                    remedy="Choose another acquisition, or fit with more directions.",
                )
        row = kernels([angles])[0]
        value = float(row @ self.weights)
        return Quantity(
            value=value,
            unit="1",
            uncertainties=(
                Uncertainty(effect="site", correlation="random", u=self.repeatability * value),
                Uncertainty(
                    effect="site model",
                    correlation="systematic",
                    u=float(np.sqrt(row @ self.covariance @ row)),
                ),
                Uncertainty(
                    effect="reference instrument",
                    correlation="systematic",
                    u=self.u_reference * value,
                ),
            ),
        )


def kernels(angles: Sequence[SunView]) -> FloatArray:
    """Values of the three kernels, shape (n, 3) [1].

    Notes
    -----
    1; Ross-Thick, ``((pi/2 - x) cos x + sin x) / (cos s + cos v) - pi/4`` with phase angle x; and
    Li-Sparse, reciprocal, h/b = 2 and b/r = 1 (Lucht, Schaaf & Strahler 2000, IEEE Trans. Geosci.
    Remote Sens. 38:977, doi:10.1109/36.841980, equations 38 to 44).
    """
    sun, view, azimuth = np.array([entry.radians for entry in angles]).T
    cosine = np.cos(sun) * np.cos(view) + np.sin(sun) * np.sin(view) * np.cos(azimuth)
    phase = np.arccos(np.clip(cosine, -1.0, 1.0))
    thick = ((np.pi / 2 - phase) * np.cos(phase) + np.sin(phase)) / (np.cos(sun) + np.cos(view))
    thick -= np.pi / 4
    secants = 1 / np.cos(sun) + 1 / np.cos(view)
    a, b = np.tan(sun), np.tan(view)
    square = a**2 + b**2 - 2 * a * b * np.cos(azimuth)
    reach = np.sqrt(np.maximum(square + (a * b * np.sin(azimuth)) ** 2, 0.0))
    t = np.arccos(np.clip(2.0 * reach / secants, -1.0, 1.0))
    overlap = (t - np.sin(t) * np.cos(t)) * secants / np.pi
    sparse = overlap - secants + 0.5 * (1 + cosine) / (np.cos(sun) * np.cos(view))
    return np.stack([np.ones_like(thick), thick, sparse], axis=1)


def fit_desert(
    reflectance: FloatArray, angles: Sequence[SunView], *, u_reference: float
) -> DesertModel:
    """Fit a site's reflectance by direction to acquisitions of a reference instrument.

    Parameters
    ----------
    reflectance : ndarray, shape (n,)
        At the top of the atmosphere, mean over the site, one for each clear acquisition; at least
        :data:`MIN_ACQUISITIONS` [1].
    angles : sequence of SunView, length n
    u_reference : float
        Standard uncertainty of the reference's absolute calibration, relative [1].

    Returns
    -------
    DesertModel
        By least squares on the kernels (linear: no iteration but for clouds, which is bounded).

    Raises
    ------
    TooFewFramesError, NotFiniteError, UnitsError
        Too few, NaN, or radiances or numbers where reflectance is due.
    CloudError
        More than 30 % of the acquisitions lie off the model.
    SingularError
        All of one direction.
    """
    value = np.asarray(reflectance, np.float64)
    if value.ndim != 1 or value.size != len(angles):
        raise InputError(
            f"there are reflectances of shape {value.shape} and {len(angles)} angles; one rule "
            "each."
        )
    if value.size < MIN_ACQUISITIONS:
        raise TooFewFramesError(
            f"there are {value.size} acquisitions; the rule is at least {MIN_ACQUISITIONS}.",
            remedy="Take more of the reference's clear days.",
        )
    finite(value, "reflectance")
    if float(value.min()) <= 0 or float(np.median(value)) > 1.2:
        raise UnitsError(
            f"reflectance is {value.min():.4g} to {value.max():.4g}; the rule is above 0, with a "
            "median of at most 1.2.",
            remedy="Give pi L d² / (E cos(zenith)), neither radiance nor DN.",
        )
    if not 0 < u_reference < 0.5:
        raise InputError(f"u_reference is {u_reference}; the rule is above 0, below 0.5.")
    design = kernels(angles)
    used = np.ones(value.size, bool)
    for _ in range(_MAX_ROUNDS):
        weights, inverse = _solve(design[used], value[used])
        residual = value / (design @ weights) - 1.0
        spread = NMAD_SCALE * float(np.median(np.abs(residual[used] - np.median(residual[used]))))
        clear = np.abs(residual) <= _CLOUD_SIGMA * np.clip(spread, 1e-9, _MAX_SCATTER)
        if (clear == used).all():
            break
        used = clear
        cloudy = int((~used).sum())
        if cloudy > _MAX_CLOUDY_SHARE * value.size:
            raise CloudError(
                f"{cloudy} of {value.size} acquisitions lie off the site's model; the rule is at "
                f"most {100 * _MAX_CLOUDY_SHARE:g} %.",
                remedy="Leave out days with clouds, dust or rain.",
            )
    free = int(used.sum()) - 3
    scatter = value[used] - design[used] @ weights
    variance = float(scatter @ scatter) / free
    suns = np.array([entry.sun_zenith_deg for entry in angles])[used]
    views = np.array([entry.view_zenith_deg for entry in angles])[used]
    return DesertModel(
        weights=weights,
        covariance=inverse * variance,
        repeatability=float(np.sqrt(variance) / value[used].mean()),
        u_reference=u_reference,
        used=used,
        sun_range_deg=(float(suns.min()), float(suns.max())),
        view_range_deg=(float(views.min()), float(views.max())),
    )


def site_signal(signal: object, *, max_spread: float = MAX_SPREAD) -> Quantity:
    """Mean signal over a site, refused where there are clouds.

    Parameters
    ----------
    signal : xarray.DataArray, shape (rows, cols), units ``DN``
        Above dark, linear and equalised, as ``level1(..., absolute=False)`` gives it, cut to the
        site; NaN where a pixel is bad [DN].
    max_spread : float
        Largest standard deviation over the site's 16 parts, relative: a desert is even, clouds and
        their shadows are not [1].

    Raises
    ------
    UnitsError, FramesError, EmptyFrameError
        Radiance, a wrong shape, too many bad pixels, no light.
    CloudError
        Parts of the site are brighter or darker than a desert is.
    """
    if not isinstance(signal, xr.DataArray):
        raise UnitsError(
            f"signal is of {type(signal).__name__}; the rule is a DataArray that states its units.",
            remedy="Give xarray.DataArray(values, attrs={'units': 'DN'}).",
        )
    values = np.asarray(counts(signal, "signal", ndim=2), np.float64)
    if min(values.shape) < 4 * _BLOCKS:
        raise FramesError(
            f"signal has shape {values.shape}; the rule is {4 * _BLOCKS} pixels or more a side.",
            remedy="Cut a larger part of the site.",
        )
    bad = float(np.isnan(values).mean())
    if bad > 0.05:
        raise FramesError(
            f"{100 * bad:.1f} % of the pixels are bad or saturated; the rule is at most 5 %.",
            remedy="Check the bad-pixel map, or the exposure.",
        )
    parts = np.array(
        [
            float(np.nanmean(block))
            for rows in np.array_split(values, _BLOCKS, axis=0)
            for block in np.array_split(rows, _BLOCKS, axis=1)
        ]
    )
    mean = float(np.nanmean(values))
    if not mean > 0:
        raise EmptyFrameError(f"the mean signal is {mean:.4g} DN; the rule is above 0.")
    spread = float(parts.std(ddof=1)) / mean
    if spread > max_spread:
        raise CloudError(
            f"the site's parts differ by {100 * spread:.1f} % (standard deviation); the rule is at "
            f"most {100 * max_spread:g} %, as clear desert has it.",
            remedy="Choose a clear day, or a more even part of the site.",
        )
    return Quantity(
        value=mean,
        unit="DN",
        uncertainties=(
            Uncertainty(
                effect="site texture", correlation="random", u=spread * mean / np.sqrt(parts.size)
            ),
        ),
    )


def gain_from_desert(
    signal: Quantity,
    response: SpectralResponse,
    model: DesertModel,
    angles: SunView,
    solar: Spectrum,
    *,
    sun_distance_au: float,
    adjustment: Quantity | None = None,
    u_solar_relative: float = 0.01,
) -> Quantity:
    """Absolute gain from one clear acquisition of a desert [DN/(W m-2 sr-1 um-1)].

    Parameters
    ----------
    signal : Quantity
        Of :func:`site_signal` [DN].
    response : SpectralResponse
        Of the band to be calibrated.
    model : DesertModel
        In the reference's band.
    angles : SunView
        Of this acquisition.
    solar : Spectrum
        Irradiance at 1 au [W m-2 um-1].
    sun_distance_au : float
        0.98 to 1.02 [au].
    adjustment : Quantity, optional
        Reflectance in this band over that in the reference's, of
        :func:`boresight.radiometry.spectral_adjustment`; without it the bands are taken as the
        same [1].
    u_solar_relative : float
        Standard uncertainty of the solar spectrum [1].

    Raises
    ------
    InputError, SpectralRangeError, EmptyFrameError, UnitsError
        Angles the model has not seen, a response outside the solar spectrum, no signal.

    Notes
    -----
    ``A = S / L``, ``L = B rho E cos(zenith) / (pi d²)`` with adjustment B.
    """
    if not 0.98 <= sun_distance_au <= 1.02:
        raise InputError(f"sun_distance_au is {sun_distance_au}; the rule is 0.98 to 1.02.")
    site = model.reflectance(angles)
    factor = 1.0 if adjustment is None else adjustment.number
    light = band_average(response, solar) * np.cos(angles.radians[0]) / np.pi / sun_distance_au**2
    radiance = float(site.number * factor * light)
    sources = [(site, site.uncertainties)]
    if adjustment is not None:
        sources.append((adjustment, adjustment.uncertainties))
    parts = [
        Uncertainty(
            effect=part.effect,
            correlation=part.correlation,
            u=float(radiance * np.max(part.u) / source.number),
            length=part.length,
        )
        for source, own in sources
        for part in own
    ]
    parts.append(
        Uncertainty(
            effect="solar spectrum", correlation="systematic", u=u_solar_relative * radiance
        )
    )
    return gain_from_radiance(
        signal, Quantity(value=radiance, unit="W m-2 sr-1 um-1", uncertainties=tuple(parts))
    )


def plot_desert(model: DesertModel, reflectance: FloatArray, angles: Sequence[SunView]) -> Figure:
    """Reflectance by view angle with the fit, and what is left of it by acquisition."""
    figure = new_figure(11, 3.8)
    left, right = figure.subplots(1, 2)
    value = np.asarray(reflectance, np.float64)
    fitted = kernels(angles) @ model.weights
    # negative on the side of the hot spot, as is the custom
    view = np.array(
        [entry.view_zenith_deg * -np.sign(np.cos(entry.radians[2]) or 1.0) for entry in angles]
    )
    used = model.used
    left.plot(view[used], value[used], "o", markersize=4, label="reference")
    left.plot(view[~used], value[~used], "x", color=COLOURS[1], label="taken as cloudy")
    left.plot(view, fitted, "k+", label="model")
    left.margins(y=0.2)
    left.set_xlabel("view zenith, negative on the Sun's side [deg]")
    left.set_ylabel("reflectance at the top of the atmosphere [1]")
    left.legend()
    right.axhline(0.0, color="black", linewidth=0.7)
    right.plot(np.flatnonzero(used), 100 * (value / fitted - 1)[used], "o", markersize=4)
    right.set_xlabel("number of the acquisition")
    right.set_ylabel("measured less model [%]")
    right.set_title(f"repeatability {100 * model.repeatability:.2f} %")
    return figure


def _solve(design: FloatArray, value: FloatArray) -> tuple[FloatArray, FloatArray]:
    normal = design.T @ design
    scale = np.sqrt(np.diag(normal))
    condition = np.linalg.cond(normal / np.outer(scale, scale)) if (scale > 0).all() else np.inf
    if design.shape[0] < MIN_ACQUISITIONS - 3 or condition > _MAX_CONDITION:
        raise SingularError(
            f"{design.shape[0]} acquisitions leave the three kernels undetermined (condition "
            f"{condition:.3g}); the rule is below {_MAX_CONDITION:g}.",
            remedy="Take acquisitions of other sun and view angles.",
        )
    inverse = np.asarray(np.linalg.inv(normal), np.float64)
    return inverse @ design.T @ value, inverse
