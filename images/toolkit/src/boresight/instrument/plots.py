"""Figures of parameter sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boresight.errors import ParameterSetError
from boresight.figures import COLOURS, new_figure
from boresight.instrument.comparison import Difference
from boresight.instrument.model import Band
from boresight.instrument.parameter_set import ParameterSet

Panel = Callable[[Axes, Band], None]

#: panels beside one another, which a page still shows large enough to be read
_MAX_COLUMNS = 3


def plot_parameter_set(parameters: ParameterSet) -> Figure:
    """Rows for each band, one panel for each part that is calibrated.

    Raises
    ------
    ParameterSetError
        Nothing in the set can be drawn.
    """
    found = [(band, _panels(band)) for band in parameters.bands]
    columns = min(max(len(panels) for _, panels in found), _MAX_COLUMNS)
    if columns == 0:
        raise ParameterSetError(
            f"{parameters.id} has no part that is drawn; the rule is at least one.",
            remedy="Calibrate the detector, noise, spectral response or MTF of a band first.",
        )
    rows = [
        (band, panels[k : k + columns])
        for band, panels in found
        for k in range(0, max(len(panels), 1), columns)
    ]
    figure = new_figure(3.6 * columns, 3.1 * len(rows))
    figure.suptitle(f"{parameters.id}: {parameters.platform} / {parameters.instrument}")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (band, panels) in zip(axes, rows, strict=True):
        for k, axis in enumerate(line):
            if k < len(panels):
                panels[k](axis, band)
            else:
                axis.set_visible(False)
    return figure


def plot_comparison(differences: tuple[Difference, ...]) -> Figure:
    """E_n of each changed parameter, with the limit of 1."""
    changed = [entry for entry in differences if entry.kind == "changed"]
    figure = new_figure(8, 1.2 + 0.3 * max(len(changed), 1))
    axis = figure.subplots()
    values = [entry.en if np.isfinite(entry.en) else 0.0 for entry in changed]
    colours = [COLOURS[1] if entry.significant else COLOURS[0] for entry in changed]
    axis.barh([entry.path for entry in changed], values, color=colours)
    axis.axvline(1.0, color="black", linewidth=0.8)
    axis.invert_yaxis()
    axis.set_xlabel("E_n [1]; orange: beyond its uncertainty, or none known")
    return figure


def _panels(band: Band) -> list[Panel]:
    panels: list[Panel] = []
    if band.detector is not None:
        panels += [_dark, _gain]
        if band.detector.nonlinearity is not None:
            panels.append(_nonlinearity)
    if band.noise is not None:
        panels.append(_noise)
    if band.spectral_response is not None:
        panels.append(_response)
    if band.mtf:
        panels.append(_mtf)
    return panels


def _dark(axis: Axes, band: Band) -> None:
    assert band.detector is not None  # noqa: S101
    _map(axis, band.detector.dark.grid, f"{band.name}: dark [DN]")


def _gain(axis: Axes, band: Band) -> None:
    assert band.detector is not None  # noqa: S101
    _map(axis, band.detector.relative_gain.grid, f"{band.name}: relative gain [1]")


def _map(axis: Axes, values: np.ndarray, title: str) -> None:
    axis.set_title(title)
    if values.shape[0] == 1:
        axis.plot(values[0], linewidth=0.6)
        axis.set_xlabel("column [px]")
        return
    low, high = np.percentile(values, (1, 99))
    image = axis.imshow(values, vmin=low, vmax=high, cmap="cividis", interpolation="nearest")
    axis.figure.colorbar(image, ax=axis, shrink=0.8)
    axis.set_xlabel("column [px]")
    axis.set_ylabel("row [px]")


def _nonlinearity(axis: Axes, band: Band) -> None:
    assert band.detector is not None  # noqa: S101
    curve = band.detector.nonlinearity
    assert curve is not None  # noqa: S101
    x = np.linspace(*curve.domain_dn, 200)
    powers = (x / curve.reference_dn)[:, None] ** np.arange(1, len(curve.coefficients) + 1)
    change = powers @ np.array(curve.coefficients)
    u = np.sqrt(np.einsum("ij,jk,ik->i", powers, curve.covariance, powers))
    axis.plot(x, 100 * change)
    axis.fill_between(x, 100 * (change - 2 * u), 100 * (change + 2 * u), alpha=0.3)
    axis.set_title(f"{band.name}: linearity correction")
    axis.set_xlabel("signal [DN]")
    axis.set_ylabel("%")


def _noise(axis: Axes, band: Band) -> None:
    assert band.noise is not None  # noqa: S101
    full = band.detector.saturation_dn if band.detector else 4000.0
    signal = np.linspace(0.0, full, 200)[1:]
    variance = band.noise.a.number + band.noise.b.number * signal
    axis.plot(signal, signal / np.sqrt(np.maximum(variance, 1e-12)))
    axis.set_title(f"{band.name}: SNR")
    axis.set_ylabel("signal to noise [1]")
    axis.set_xlabel("signal [DN]")


def _response(axis: Axes, band: Band) -> None:
    assert band.spectral_response is not None  # noqa: S101
    axis.plot(band.spectral_response.wavelength_nm, band.spectral_response.response.grid)
    axis.set_title(f"{band.name}: spectral response")
    axis.set_ylabel("response [1]")
    axis.set_xlabel("wavelength [nm]")


def _mtf(axis: Axes, band: Band) -> None:
    for mtf in band.mtf:
        u = np.nan_to_num(mtf.value.u)
        line = axis.plot(
            mtf.frequency_cycles_per_px, mtf.value.grid, label=f"along {mtf.direction}s"
        )
        axis.fill_between(
            mtf.frequency_cycles_per_px,
            mtf.value.grid - 2 * u,
            mtf.value.grid + 2 * u,
            alpha=0.3,
            color=line[0].get_color(),
        )
    axis.axvline(0.5, color="black", linewidth=0.6)
    axis.set_title(f"{band.name}: MTF")
    axis.set_ylabel("MTF [1], band: ±2 u")
    axis.set_xlabel("cycles / px")
    axis.legend()
