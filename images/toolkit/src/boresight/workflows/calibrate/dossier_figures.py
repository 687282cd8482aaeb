"""Pictures of a dossier, each from the record and its evidence alone."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from boresight.figures import COLOURS, map_panel, new_figure

Evidence = Mapping[str, NDArray[Any]]

_DPI = 110
_WIDTH_IN = 10.0

BLUE, ORANGE, GREY = COLOURS[0], COLOURS[1], "#555555"

#: maps of errors end here; what lies beyond keeps the colour of the end [m]
_ERROR_RANGE_M = 2.0


def focal_plane(evidence: Evidence, name: str, shape: tuple[int, int]) -> str:
    """Calibrated offsets as arrows, and what is left of them against the truth."""
    figure, axes = _figure(4.1, 2)
    row, col = evidence[f"{name}/field_row"], evidence[f"{name}/field_col"]
    d_row, d_col = evidence[f"{name}/d_row_px"], evidence[f"{name}/d_col_px"]
    _arrows(axes[0], row, col, d_row, d_col, shape, "Offsets found")
    if f"{name}/error_row_px" in evidence:
        wrong = evidence[f"{name}/error_row_px"], evidence[f"{name}/error_col_px"]
        _arrows(axes[1], row, col, *wrong, shape, "Error against the truth")
    else:
        u = evidence[f"{name}/u_row_px"], evidence[f"{name}/u_col_px"]
        _arrows(axes[1], row, col, *u, shape, "Standard uncertainty")
    return _picture(figure)


def vibration(evidence: Evidence, name: str, told: Mapping[str, Any], line_time_s: float) -> str:
    """Spectrum of what rows show, and the wave on them."""
    figure, axes = _figure(2.9, 2)
    axes[0].plot(evidence[f"{name}/jitter_hz"], evidence[f"{name}/jitter_power"], color=BLUE, lw=1)
    axes[0].axvline(told["frequency_hz"], color=ORANGE, ls=":", lw=1)
    axes[0].set_xlabel("frequency [Hz]")
    axes[0].set_ylabel("share explained [1]")
    u_hz = float(told["u_frequency_hz"])
    digits = max(1 - math.floor(math.log10(u_hz)), 0) if u_hz > 0 else 1
    axes[0].set_title(f"Wave at {told['frequency_hz']:.{digits}f} ± {u_hz:.{digits}f} Hz")
    rows = evidence[f"{name}/jitter_row"]
    axes[1].plot(rows, evidence[f"{name}/jitter_d_col_px"], ".", color=GREY, ms=3, label="seen")
    fine = np.linspace(rows.min(), rows.max(), 1500)
    phase = 2 * np.pi * told["frequency_hz"] * fine * line_time_s + told["phase_col_rad"]
    wave = told["amplitude_col_px"] * np.sin(phase)
    axes[1].plot(fine, wave, color=ORANGE, lw=1, label="wave found")
    axes[1].set_xlabel("row [px]")
    axes[1].set_ylabel("along columns [px]")
    axes[1].set_title("Displacement left by the focal plane")
    axes[1].set_ylim(*(1.35 * np.array(axes[1].get_ylim())))
    axes[1].legend(loc="upper right", ncols=2, frameon=False, fontsize=8)
    return _picture(figure)


def detector(evidence: Evidence, name: str, cols: int) -> str:
    """Map of the relative gain, and of its error against the truth."""
    known = f"{name}/gain_error" in evidence
    figure, axes = _figure(3.7, 2)
    gain = evidence[f"{name}/gain"]
    step_px = cols / gain.shape[1]  # maps are thinned
    map_panel(axes[0], gain, "relative gain found [1]", step_px=step_px)
    if known:
        error = 1e3 * evidence[f"{name}/gain_error"]
        limit = float(np.percentile(np.abs(error), 99.5))
        axes[1].hist(error.ravel(), bins=81, range=(-limit, limit), color=BLUE)
        axes[1].set_xlabel("gain found less injected [0.001]")
        axes[1].set_ylabel("pixels")
        axes[1].set_title("Error against the injected truth")
    else:
        map_panel(axes[1], evidence[f"{name}/dark"], "dark signal found [DN]", step_px=step_px)
    return _picture(figure)


def surfaces(evidence: Evidence, numbers: Mapping[str, Any]) -> str:
    """Errors of both surface models about their medians, on one scale."""
    figure, axes = _figure(4.6, 2)
    for axis, which in zip(axes, ("before", "after"), strict=True):
        told = numbers[which]
        error = evidence[f"{which}/error_m"] - told["median_m"]
        map_panel(
            axis, error, "height error less median [m]", signed=True,
            limits=(-_ERROR_RANGE_M, _ERROR_RANGE_M), pixel_m=float(evidence[f"{which}/step_m"]),
        )  # fmt: skip
        axis.set_title(f"{which}: error less its median of {told['median_m']:+.3f} m")
    return _picture(figure)


def bands(evidence: Evidence, numbers: Mapping[str, Any]) -> str:
    """Mean error across the bands, and its spectrum."""
    figure, axes = _figure(3.2, 2)
    for which, colour in (("before", ORANGE), ("after", BLUE)):
        distance = evidence[f"{which}/distance_m"]
        profile = evidence[f"{which}/profile_m"]
        known = np.isfinite(profile)
        middle = np.median(profile[known])
        axes[0].plot(
            distance[known] - distance[known][0],
            profile[known] - middle,
            color=colour,
            lw=1,
            label=which,
        )
        axes[1].semilogy(
            evidence[f"{which}/frequencies_per_m"],
            np.maximum(evidence[f"{which}/spectrum_m"], 1e-4),
            color=colour,
            lw=1,
            label=which,
        )
    vibration_per_m = numbers["before"]["banding"]["waves_per_m"]
    axes[1].axvline(vibration_per_m, color=GREY, ls=":", lw=1)
    axes[0].set_xlabel("distance across the bands [m]")
    axes[0].set_ylabel("mean error less median [m]")
    axes[0].set_title("Profile")
    axes[0].margins(y=0.25)
    axes[1].set_xlabel("waves a metre [1/m]")
    axes[1].set_ylabel("amplitude [m]")
    axes[1].set_title("Spectrum; dotted: the vibration")
    axes[1].set_ylim(1e-3, None)
    # beyond it there is the noise of matching
    axes[1].set_xlim(0.0, min(6.0 * vibration_per_m, float(axes[1].get_xlim()[1])))
    axes[0].legend(loc="upper right", ncols=2, frameon=False, fontsize=8)
    return _picture(figure)


def histograms(evidence: Evidence) -> str:
    """Distribution of errors about their medians."""
    figure, axes = _figure(2.6, 1)
    edges = np.linspace(-3.0, 3.0, 62)
    for which, colour in (("before", ORANGE), ("after", BLUE)):
        counts = evidence[f"{which}/histogram"]
        axes[0].stairs(counts / counts.sum(), edges, color=colour, lw=1.3, label=which)
    axes[0].set_xlabel("height error less median [m]; the ends hold what lies beyond")
    axes[0].set_ylabel("share of pixels [1]")
    axes[0].legend(frameon=False, fontsize=8)
    return _picture(figure)


def _figure(height_in: float, panels: int) -> tuple[Figure, list[Axes]]:
    figure = new_figure(_WIDTH_IN, height_in)
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _arrows(
    axis: Axes,
    row: NDArray[Any],
    col: NDArray[Any],
    d_row: NDArray[Any],
    d_col: NDArray[Any],
    shape: tuple[int, int],
    title: str,
) -> None:
    size = np.hypot(d_row, d_col)
    high = float(np.percentile(size, 90))
    # the arrow of the key is one digit long
    unit = 10.0 ** np.floor(np.log10(max(high, 1e-9)))
    arrows = axis.quiver(
        col, row, d_col, d_row, size, angles="xy", cmap="viridis", width=0.004,
        scale=max(high, 1e-9) * 17,
    )  # fmt: skip
    axis.quiverkey(
        arrows, 0.9, 1.04, unit, f"{unit:g} px", labelpos="W", fontproperties={"size": 8}
    )
    axis.set_xlim(0, shape[1])
    axis.set_ylim(shape[0], 0)
    axis.set_aspect("equal")
    axis.set_xlabel("column [px]")
    axis.set_ylabel("row [px]")
    axis.set_title(title, loc="left")
    axis.figure.colorbar(arrows, ax=axis, label="length [px]", shrink=0.85)


def _picture(figure: Figure) -> str:
    """The figure as an address that holds it."""
    stream = io.BytesIO()
    figure.savefig(stream, dpi=_DPI, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
