"""Figures of image quality. They are returned, not shown and not written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from boresight.figures import COLOURS, new_figure, stated
from boresight.image_quality.artefacts import LineNoise, Striping
from boresight.image_quality.defocus import BestFocus, Drift
from boresight.image_quality.edge import EdgeMtf
from boresight.image_quality.models import NYQUIST
from boresight.image_quality.points import PointMtf


def plot_edges(edges: Sequence[EdgeMtf]) -> Figure:
    """Edge spreads, line spreads and MTFs with their uncertainties (k = 2)."""
    figure = new_figure(13, 4)
    esf, lsf, mtf = figure.subplots(1, 3)
    for i, edge in enumerate(edges):
        colour = COLOURS[i % len(COLOURS)]
        name = f"{edge.direction}, {edge.method}"
        esf.plot(edge.distance_px, edge.esf, color=colour, label=name)
        x = edge.distance_px
        x = (x[1:] + x[:-1]) / 2 if edge.lsf.size == x.size - 1 else x
        lsf.plot(x, edge.lsf, color=colour, label=f"FWHM {edge.fwhm_px:.2f} px")
        mtf.plot(edge.frequency, edge.mtf, color=colour, label=name)
        low, high = edge.mtf - 2 * edge.u_mtf, edge.mtf + 2 * edge.u_mtf
        mtf.fill_between(edge.frequency, low, high, color=colour, alpha=0.25, linewidth=0)
        value, u = edge.at_nyquist
        mtf.annotate(
            stated(value, u), (NYQUIST, value), xytext=(6, 10 + 12 * i),
            textcoords="offset points", color=colour,
        )  # fmt: skip
    mtf.axvline(NYQUIST, color="#000000", linestyle=":")
    mtf.set_ylim(0, 1.1)
    for ax, x_label, y_label in (
        (esf, "distance from the edge [px]", "edge spread [1]"),
        (lsf, "distance from the edge [px]", "line spread [1/px]"),
        (mtf, "frequency [cycles/px]", "MTF [1], band: ±2 u"),
    ):
        ax.set_xlabel(x_label)
        ax.set_ylabel(y_label)
        ax.legend(loc="best", fontsize="small")
    esf.set_xlim(-6, 6)
    lsf.set_xlim(-6, 6)
    return figure


def plot_points(points: PointMtf) -> Figure:
    """MTF of both directions, and where in the pixel the sources lay."""
    figure = new_figure(10, 4)
    mtf, phases = figure.subplots(1, 2)
    frequency = np.linspace(0.0, 1.0, 101)
    for direction, colour in zip(("row", "col"), COLOURS, strict=False):
        value, u = points.mtf(frequency, direction)
        at, u_at = points.at_nyquist(direction)
        label = f"{direction}: {stated(at, u_at)} at Nyquist"
        mtf.plot(frequency, value, color=colour, label=label)
        mtf.fill_between(frequency, value - 2 * u, value + 2 * u, color=colour, alpha=0.25)
    mtf.axvline(NYQUIST, color="#000000", linestyle=":")
    mtf.set_xlabel("frequency [cycles/px]")
    mtf.set_ylabel("MTF [1], band: ±2 u")
    mtf.legend()
    phases.plot(points.places[:, 1] % 1, points.places[:, 0] % 1, "o", color=COLOURS[0])
    phases.set_xlim(0, 1)
    phases.set_ylim(1, 0)
    phases.set_aspect("equal")
    phases.set_xlabel("column in the pixel [px]")
    phases.set_ylabel("row in the pixel [px]")
    phases.set_title(f"{points.n_sources} sources")
    return figure


def plot_artefacts(noise: LineNoise, stripes: Striping) -> Figure:
    """Lines' own offsets, and the streaking metric."""
    figure = new_figure(10, 6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot(noise.means, color=COLOURS[0], linewidth=0.7)
    upper.set_ylabel("mean less slow part [units of the image]")
    upper.set_title(
        f"{noise.axis}: fixed noise {stated(noise.sigma, noise.u_sigma)}, "
        f"{noise.ratio:.2g} of a pixel's"
    )
    lower.plot(np.arange(stripes.metric.size) + 1, stripes.metric, color=COLOURS[1], linewidth=0.7)
    lower.axhline(2 * stripes.u_metric, color="#000000", linestyle=":", label="noise alone, 2 u")
    lower.set_ylabel("streaking metric [1]")
    lower.set_xlabel(f"{noise.axis} [px]")
    lower.set_title(f"striping index {stated(stripes.index, stripes.u_index)}")
    lower.legend()
    return figure


def plot_drift(
    time_days: ArrayLike, values: ArrayLike, u_values: ArrayLike, line: Drift, *, name: str
) -> Figure:
    """Measurements in time with the line through them (±2 u)."""
    figure = new_figure(8, 4)
    ax = figure.subplots()
    t = np.asarray(time_days, dtype=np.float64)
    ax.errorbar(t, values, yerr=2 * np.asarray(u_values), fmt="o", color=COLOURS[0], label="±2 u")
    grid = np.linspace(float(t.min()), float(t.max()), 101)
    value, u = line.at(grid)
    ax.plot(grid, value, color=COLOURS[1])
    ax.fill_between(grid, value - 2 * u, value + 2 * u, color=COLOURS[1], alpha=0.25)
    verdict = "drifting" if line.drifting else "no drift seen"
    ax.set_title(f"{line.rate:+.3g} ± {line.u_rate:.2g} a day: {verdict}")
    ax.set_xlabel("time [days]")
    ax.set_ylabel(name)
    ax.legend()
    return figure


def plot_focus(
    settings: ArrayLike, sigma_px: ArrayLike, u_sigma_px: ArrayLike, best: BestFocus, *, unit: str
) -> Figure:
    """Widths of a sweep through focus with the parabola of σ² and its lowest point (±2 u).

    Parameters
    ----------
    settings, sigma_px, u_sigma_px : array_like, shape (n,)
        As given to :func:`boresight.image_quality.best_focus`.
    best : BestFocus
        Its result.
    unit : str
        Of the settings.
    """
    figure = new_figure(8, 4)
    ax = figure.subplots()
    x, y, u = (np.asarray(v, dtype=np.float64) for v in (settings, sigma_px, u_sigma_px))
    ax.errorbar(x, y, yerr=2 * u, fmt="o", color=COLOURS[0], label="±2 u")
    # the curvature is the mean one of the measurements about the lowest point
    away = (x - best.setting) ** 2
    weight = 1.0 / (2.0 * y * u) ** 2
    rise = float((weight * away * (y**2 - best.sigma_px**2)).sum() / (weight * away**2).sum())
    grid = np.linspace(float(x.min()), float(x.max()), 200)
    curve = best.sigma_px**2 + rise * (grid - best.setting) ** 2
    ax.plot(grid, np.sqrt(np.maximum(curve, 0.0)), color=COLOURS[1])
    ax.axvspan(
        best.setting - 2 * best.u_setting, best.setting + 2 * best.u_setting, color=COLOURS[2],
        alpha=0.3, linewidth=0, label="best focus ±2 u",
    )  # fmt: skip
    ax.set_title(
        f"best at {stated(best.setting, best.u_setting)} {unit}: "
        f"{stated(best.sigma_px, best.u_sigma_px)} px"
    )
    ax.set_xlabel(f"setting [{unit}]")
    ax.set_ylabel("width of the Gaussian part [px]")
    ax.legend()
    return figure
