"""Figures of surface models. They are returned, not shown and not written."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from boresight.dsm.accuracy import Comparison, nmad
from boresight.dsm.banding import Banding
from boresight.dsm.coregistration import Shift, SlopeError
from boresight.dsm.shading import hillshade
from boresight.figures import COLOURS, map_panel, new_figure

FloatArray = NDArray[np.floating[Any]]

#: maps of differences, and histograms, end at this many NMAD
_RANGE_NMAD = 4.0


def plot_comparison(
    dsm: FloatArray, reference: FloatArray, comparison: Comparison, *, resolution_m: float
) -> Figure:
    """Relief of a model, its difference from a reference, and how the difference is distributed.

    Parameters
    ----------
    dsm, reference : ndarray, same shape
        On one grid, north up [m]; NaN where unknown.
    comparison : Comparison
        Their comparison.
    resolution_m : float
        Side of a pixel [m].
    """
    figure = new_figure(15.0, 4.4)
    relief, difference, histogram = figure.subplots(1, 3)
    map_panel(relief, dsm, "height [m]", pixel_m=resolution_m)
    shade = hillshade(dsm, resolution_m)
    side = dsm.shape[1] * resolution_m, dsm.shape[0] * resolution_m
    relief.imshow(
        shade, cmap="gray", vmin=0, vmax=1, alpha=0.45, extent=(0.0, side[0], side[1], 0.0)
    )
    relief.set_title("surface model")
    bound = max(_RANGE_NMAD * comparison.nmad_m, 1e-3) + abs(comparison.median_m)
    error = np.asarray(dsm, np.float64) - reference
    map_panel(
        difference, error, "model less reference [m]", signed=True, limits=(-bound, bound),
        pixel_m=resolution_m,
    )  # fmt: skip
    difference.set_title(f"completeness {100 * comparison.completeness:.1f} %; grey: no height")
    values = error[np.isfinite(error)]
    clipped = np.clip(values, -bound, bound)
    histogram.hist(clipped, bins=81, range=(-bound, bound), color=COLOURS[0])
    histogram.axvline(comparison.median_m, color=COLOURS[1], label="median")
    for sign in (-1, 1):
        histogram.axvline(
            sign * comparison.le90_m, color="black", linestyle=":",
            label="± LE90 (empirical, bias included)" if sign > 0 else None,
        )  # fmt: skip
    histogram.set_xlim(-bound, bound)
    histogram.set_ylim(0, 1.35 * histogram.get_ylim()[1])
    histogram.set_xlabel("model less reference [m]")
    histogram.set_ylabel("pixels (beyond the ends: in the outer bins)")
    histogram.set_title(
        f"median {comparison.median_m:+.3f} m, NMAD {comparison.nmad_m:.3f} m, "
        f"LE90 {comparison.le90_m:.3f} m",
        fontsize="medium",
    )
    histogram.legend(loc="upper left", fontsize="small")
    return figure


def plot_shift(
    dsm: FloatArray, reference: FloatArray, shift: Shift, *, resolution_m: float
) -> Figure:
    """Difference before and after co-registration.

    Parameters
    ----------
    dsm, reference : ndarray, same shape
        On one grid, north up [m]; NaN where unknown.
    shift : Shift
        Result of :func:`boresight.dsm.coregister`.
    resolution_m : float
        Side of a pixel [m].
    """
    figure = new_figure(10.5, 4.4)
    panels = figure.subplots(1, 2)
    before = np.asarray(dsm, np.float64) - reference
    after = np.asarray(shift.aligned, np.float64) - reference
    bound = _RANGE_NMAD * nmad(before) + abs(float(np.nanmedian(before)))
    for ax, error, title in (
        (panels[0], before, f"before: NMAD {shift.nmad_before_m:.3f} m"),
        (panels[1], after, f"after: NMAD {shift.nmad_after_m:.3f} m"),
    ):
        map_panel(
            ax, error, "model less reference [m]", signed=True, limits=(-bound, bound),
            pixel_m=resolution_m,
        )  # fmt: skip
        ax.set_title(title)
    figure.suptitle(
        f"to be added: {shift.east_m:+.2f} m east, {shift.north_m:+.2f} m north, "
        f"{shift.up_m:+.2f} m up"
    )
    return figure


def plot_slope_error(found: SlopeError) -> Figure:
    """Spread of the error against slope, with the fitted law."""
    figure = new_figure(6.5, 4.0)
    ax = figure.subplots()
    ax.plot(found.tan_slope, found.nmad_m, "o", color=COLOURS[0], label="classes of equal size")
    x = np.linspace(0.0, float(found.tan_slope.max()), 200)
    law = np.hypot(found.vertical_m, found.horizontal_m * x)
    ax.plot(x, law, color=COLOURS[1], label="σ² = vertical² + (horizontal · tan slope)²")
    ax.set_ylim(0, None)
    ax.set_xlabel("tangent of the slope [1]")
    ax.set_ylabel("NMAD of the error [m]")
    ax.set_title(
        f"vertical {found.vertical_m:.3f} ± {found.u_vertical_m:.2g} m, "
        f"horizontal {found.horizontal_m:.3f} ± {found.u_horizontal_m:.2g} m"
    )
    ax.legend()
    return figure


def plot_banding(error: FloatArray, found: Banding, *, resolution_m: float) -> Figure:
    """The error, its mean across the bands, and the spectrum of that.

    Parameters
    ----------
    error : ndarray, shape (rows, cols)
        Surface model less reference, north up [m]; NaN where unknown.
    found : Banding
        Result of :func:`boresight.dsm.banding`.
    resolution_m : float
        Side of a pixel [m].
    """
    figure = new_figure(15.0, 4.2)
    picture, profile, spectrum = figure.subplots(1, 3)
    centred = np.asarray(error, np.float64) - np.nanmedian(error)
    bound = 3.0 * nmad(error)
    map_panel(
        picture, centred, "error less its median [m]", signed=True, limits=(-bound, bound),
        pixel_m=resolution_m,
    )  # fmt: skip
    picture.set_title("what the eye may see")
    distance = found.distance_m - found.distance_m[0]
    profile.plot(distance, found.profile_m, color=COLOURS[0], linewidth=0.9)
    profile.set_xlabel(f"distance towards azimuth {found.azimuth_deg:g}° [m]")
    profile.set_ylabel("mean error across the bands [m]")
    profile.set_title("profile")
    spectrum.plot(1e3 * found.frequencies_per_m, found.spectrum_m, color=COLOURS[0], linewidth=0.9)
    spectrum.axvline(1e3 / found.wavelength_m, color=COLOURS[1], linestyle="--", linewidth=1.0)
    spectrum.set_xlabel("waves a kilometre [1/km]")
    spectrum.set_ylabel("amplitude [m]")
    verdict = f"cause: {found.cause}" if found.detected else "no bands"
    spectrum.set_title(
        f"{found.amplitude_m:.3f} ± {found.u_amplitude_m:.2g} m, wavelength "
        f"{found.wavelength_m:.1f} m; {verdict}",
        fontsize="medium",
    )
    return figure
