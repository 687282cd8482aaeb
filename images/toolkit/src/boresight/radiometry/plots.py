"""Figures of spectra, the Moon and level 1. They are returned, not shown and not written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from boresight.figures import COLOURS, map_panel, new_figure
from boresight.instrument import SpectralResponse
from boresight.radiometry.moon import MoonGeometry, moon_reflectance
from boresight.radiometry.spectral import Spectrum

#: bands of usual names look like their name
_BAND_COLOURS = {
    "blue": COLOURS[0],
    "green": COLOURS[2],
    "red": COLOURS[1],
    "nir": COLOURS[3],
}

#: shown of spectra that are longer [nm]
_RANGE_NM = 380.0, 1050.0

#: phases of the Moon's curve [deg]
_PHASES = np.linspace(2.0, 90.0, 90)


def plot_spectra(
    responses: dict[str, SpectralResponse], spectra: Sequence[Spectrum], *, y_label: str
) -> Figure:
    """Spectra with their uncertainty (k = 2), and the bands that see them.

    Parameters
    ----------
    responses : dict of str to SpectralResponse
        By band.
    spectra : sequence of Spectrum
        Of one quantity.
    y_label : str
        The quantity and its unit.
    """
    figure = new_figure(9.0, 4.0)
    ax = figure.subplots()
    # all of the bands, and of the spectra what lies in the visible and near infrared
    edges = [r.wavelength_nm for r in responses.values()] + [s.wavelength_nm for s in spectra]
    low = max(min(float(nm[0]) for nm in edges), _RANGE_NM[0])
    high = min(max(float(nm[-1]) for nm in edges), _RANGE_NM[1])
    low = min([low, *(float(r.wavelength_nm[0]) for r in responses.values())])
    high = max([high, *(float(r.wavelength_nm[-1]) for r in responses.values())])
    for k, spectrum in enumerate(spectra):
        colour = COLOURS[-1 - k]
        ax.plot(spectrum.wavelength_nm, spectrum.value, color=colour, label=spectrum.name)
        if spectrum.u is not None:
            ax.fill_between(
                spectrum.wavelength_nm, spectrum.value - 2 * spectrum.u,
                spectrum.value + 2 * spectrum.u, color=colour, alpha=0.25, linewidth=0,
            )  # fmt: skip
    ax.set_xlim(low, high)
    ax.set_xlabel("wavelength [nm]")
    ax.set_ylabel(y_label)
    ax.set_ylim(0, 1.12 * ax.get_ylim()[1])
    ax.legend(loc="upper left")
    shapes = ax.twinx()
    for k, (name, response) in enumerate(responses.items()):
        values = np.asarray(response.response.grid)
        colour = _BAND_COLOURS.get(name, COLOURS[k % 6])
        shapes.fill_between(response.wavelength_nm, values, color=colour, alpha=0.3, linewidth=0)
        middle = float((response.wavelength_nm * values).sum() / values.sum())
        shapes.text(middle, 1.03, name, ha="center", color=colour)
    # in the lower part, so that names and spectra do not lie on one another
    shapes.set_ylim(0, 3.2)
    shapes.set_yticks([0.0, 0.5, 1.0])
    shapes.set_ylabel("response of the bands [1]")
    return figure


def plot_moon_reflectance(
    geometry: MoonGeometry, response: SpectralResponse | None = None
) -> Figure:
    """Reflectance of the Moon's disk over wavelength, and over phase.

    Parameters
    ----------
    geometry : MoonGeometry
        Of the spectrum; the curve keeps its libration.
    response : SpectralResponse, optional
        A band to be shown.
    """
    figure = new_figure(11.0, 4.0)
    left, right = figure.subplots(1, 2)
    spectrum = moon_reflectance(geometry)
    left.plot(spectrum.wavelength_nm, spectrum.value, ".-", color=COLOURS[0], linewidth=0.8)
    left.set_xlabel("wavelength [nm]")
    left.set_ylabel("reflectance of the disk [1]")
    left.set_title(f"phase {geometry.phase_deg:.1f}°: 32 bands of ROLO")
    left.set_ylim(0, None)
    if response is not None:
        seen = response.wavelength_nm[np.asarray(response.response.grid) > 0.5]
        left.axvspan(float(seen[0]), float(seen[-1]), color=COLOURS[1], alpha=0.25, label="band")
        left.legend(loc="lower right")
    for nm, colour in ((440.0, COLOURS[0]), (550.0, COLOURS[2]), (865.0, COLOURS[1])):
        curve = []
        for phase in _PHASES:
            other = MoonGeometry(
                float(phase), geometry.observer_lon_deg, geometry.observer_lat_deg, float(phase)
            )
            found = moon_reflectance(other)
            curve.append(float(np.interp(nm, found.wavelength_nm, found.value)))
        right.plot(_PHASES, curve, color=colour, label=f"{nm:g} nm")
    right.axvline(geometry.phase_deg, color="black", linestyle=":", linewidth=0.8)
    right.set_xlabel("phase [°]")
    right.set_ylabel("reflectance of the disk [1]")
    right.set_ylim(0, None)
    right.legend()
    return figure


def plot_level1(dn: NDArray[Any], radiance: NDArray[Any]) -> Figure:
    """A frame before and after, and what was taken out of its columns.

    Parameters
    ----------
    dn : ndarray, shape (rows, cols)
        Raw numbers [DN].
    radiance : ndarray, shape (rows, cols)
        Level 1 of it, NaN where a pixel is bad or saturated [W m-2 sr-1 um-1].
    """
    figure = new_figure(15.0, 4.2)
    before, after, profile = figure.subplots(1, 3)
    map_panel(before, dn, "DN")
    before.set_title("level 0")
    map_panel(after, radiance, "radiance [W m⁻² sr⁻¹ µm⁻¹]")
    bad = int((~np.isfinite(radiance)).sum())
    after.set_title(f"level 1; {bad} pixels left out")
    ratio = np.nanmedian(np.asarray(dn, np.float64) / radiance, axis=0)
    profile.plot(100 * (ratio / ratio.mean() - 1), color=COLOURS[0], linewidth=0.8)
    profile.set_xlabel("column [px]")
    profile.set_ylabel("level 0 over level 1, against the mean [%]")
    profile.set_title("what was taken out, median of each column")
    return figure
