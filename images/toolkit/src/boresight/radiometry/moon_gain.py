"""Absolute gain from an image of the Moon."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from boresight.conventions import NMAD_SCALE
from boresight.errors import EmptyFrameError, FramesError, InputError, UnitsError
from boresight.figures import map_panel, new_figure, stated
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry.absolute import GAIN_UNIT
from boresight.radiometry.spectral import Spectrum, band_average
from boresight.units import counts, finite

FloatArray = NDArray[np.float64]

#: share of an image's side that is taken as sky, at each edge
_BORDER = 0.08
#: a disk that fades to less than this share of its mean at the edges is whole
_MAX_EDGE = 0.02
_MIN_SIDE = 24


def moon_signal(image: object, *, noise_b_dn: float = 0.0) -> Quantity:
    """Sum of the signal of the whole disk [DN].

    Parameters
    ----------
    image : xarray.DataArray, shape (rows, cols), units ``DN``
        Above dark, linear and equalised, without bad pixels; the disk with dark sky all around
        [DN].
    noise_b_dn : float
        Slope of the noise's variance over signal, of :func:`boresight.radiometry.estimate_noise`;
        the noise without signal is taken from the sky [DN].

    Raises
    ------
    UnitsError, FramesError, NotFiniteError, EmptyFrameError
        Radiance, an image too small, NaN, or no disk.
    InputError
        The disk is cut off by an edge.
    """
    if not isinstance(image, xr.DataArray):
        raise UnitsError(
            f"image is of {type(image).__name__}; the rule is a DataArray that states its units.",
            remedy="Give xarray.DataArray(values, attrs={'units': 'DN'}).",
        )
    values = np.asarray(counts(image, "image", ndim=2), np.float64)
    finite(values, "image")
    if min(values.shape) < _MIN_SIDE:
        raise FramesError(
            f"image has shape {values.shape}; the rule is {_MIN_SIDE} pixels or more a side."
        )
    sky = np.ones(values.shape, bool)
    rim = [max(3, int(_BORDER * side)) for side in values.shape]
    sky[rim[0] : -rim[0], rim[1] : -rim[1]] = False
    level = float(np.median(values[sky]))
    noise = NMAD_SCALE * float(np.median(np.abs(values[sky] - level)))
    inner = values[~sky] - level
    bright = float(inner[inner > inner.max() / 4].mean())
    if not bright > 10 * noise:
        raise EmptyFrameError(
            f"the disk is {bright:.4g} DN above a sky with noise {noise:.4g} DN; the rule is ten "
            "times the noise.",
            remedy="Check that the Moon is in the image.",
        )
    edges = [values[0], values[-1], values[:, 0], values[:, -1]]
    worst = max(float(np.percentile(edge, 98)) for edge in edges) - level
    if worst > _MAX_EDGE * bright + 4 * noise:
        raise InputError(
            f"an edge of the image has {worst:.4g} DN above the sky; the rule is at most "
            f"{100 * _MAX_EDGE:g} % of the disk, {_MAX_EDGE * bright:.4g} DN.",
            remedy="Give an image with the whole disk.",
        )
    total = float((values - level).sum())
    # the median of n normal numbers is known to 1.25 sigma / sqrt(n)
    u_level = 1.2533 * noise / np.sqrt(sky.sum())
    return Quantity(
        value=total,
        unit="DN",
        uncertainties=(
            Uncertainty(
                effect="noise",
                correlation="random",
                u=float(np.sqrt(values.size * noise**2 + noise_b_dn * max(total, 0.0))),
            ),
            Uncertainty(effect="sky", correlation="random", u=float(values.size * u_level)),
        ),
    )


def gain_from_moon(
    signal: Quantity, irradiance: Quantity, *, pixel_solid_angle_sr: Quantity
) -> Quantity:
    """Absolute gain from the whole disk [DN/(W m-2 sr-1 um-1)].

    Parameters
    ----------
    signal : Quantity
        Of :func:`moon_signal` [DN].
    irradiance : Quantity
        Of :func:`boresight.radiometry.moon_irradiance` or :func:`irradiance_in_band`
        [W m-2 um-1].
    pixel_solid_angle_sr : Quantity
        Of one pixel; for a scan, along times across the track as sampled [sr].

    Raises
    ------
    UnitsError, EmptyFrameError
        Quantities of another kind, or not above 0.

    Notes
    -----
    ``A = S Omega / I`` (Kieffer & Stone 2005, AJ 129:2887, doi:10.1086/430185, section 6).
    """
    for name, quantity, unit in (
        ("signal", signal, "DN"),
        ("irradiance", irradiance, "W m-2 um-1"),
        ("pixel_solid_angle_sr", pixel_solid_angle_sr, "sr"),
    ):
        if quantity.unit != unit:
            raise UnitsError(f"{name} is in {quantity.unit!r}; the rule is {unit!r}.")
        if not quantity.number > 0:
            raise EmptyFrameError(f"{name} is {quantity.number:.5g}; the rule is above 0.")
    value = signal.number * pixel_solid_angle_sr.number / irradiance.number
    return Quantity(
        value=value,
        unit=GAIN_UNIT,
        uncertainties=tuple(
            Uncertainty(
                effect=part.effect,
                correlation=part.correlation,
                u=float(value * np.max(part.u) / source.number),
                length=part.length,
            )
            for source in (signal, irradiance, pixel_solid_angle_sr)
            for part in source.uncertainties
        ),
    )


def irradiance_in_band(response: SpectralResponse, irradiance: Spectrum) -> Quantity:
    """Mean of a spectrum of irradiance over a band, such as LIME's of the Moon [W m-2 um-1].

    Raises
    ------
    SpectralRangeError
        The band lies outside the spectrum.
    InputError
        The spectrum has no uncertainty.
    """
    if irradiance.u is None:
        raise InputError(
            f"{irradiance.name} has no uncertainty; the rule is one for each wavelength."
        )
    uncertain = Spectrum(irradiance.wavelength_nm, irradiance.u, name=f"u of {irradiance.name}")
    return Quantity(
        value=band_average(response, irradiance),
        unit="W m-2 um-1",
        uncertainties=(
            Uncertainty(
                effect=irradiance.name,
                correlation="systematic",
                u=band_average(response, uncertain),
            ),
        ),
    )


def plot_moon(image: xr.DataArray, gain: Quantity) -> Figure:
    """The disk, and its profile through the brightest row."""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    values = np.asarray(image.data, np.float64)
    map_panel(left, values, "DN", limits=(float(values.min()), float(values.max())))
    row = int(values.sum(axis=1).argmax())
    right.plot(values[row])
    right.set_xlabel("column [px]")
    right.set_ylabel(f"signal of row {row} [DN]")
    right.set_title(f"{stated(gain.number, float(gain.u))} DN/(W m⁻² sr⁻¹ µm⁻¹)")
    return figure
