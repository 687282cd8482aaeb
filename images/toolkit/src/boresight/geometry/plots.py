"""Figures of geometry. They are returned, not shown and not written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from boresight.figures import COLOURS, MAP, map_panel, new_figure
from boresight.geometry.adjustment import Adjustment
from boresight.geometry.autocalibration import FocalPlaneCalibration
from boresight.geometry.jitter import Jitter
from boresight.geometry.location import Accuracy
from boresight.geometry.observations import Measurements
from boresight.geometry.registration import Registration

FloatArray = NDArray[np.float64]

#: arrows along each side of a frame
_ARROWS = 17

#: images side by side
_PANELS = 3


def plot_field(
    row: ArrayLike,
    col: ArrayLike,
    d_row_px: ArrayLike,
    d_col_px: ArrayLike,
    shape: tuple[int, int],
    *,
    title: str = "",
) -> Figure:
    """Arrows over a frame, and how long they are.

    Parameters
    ----------
    row, col : array_like, shape (n,)
        Places [px].
    d_row_px, d_col_px : array_like, shape (n,)
        Arrows [px].
    shape : tuple of int
        Rows and columns of the frame [px].
    title : str
        Above the arrows.
    """
    figure = new_figure(10.0, 4.4)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.1))
    flat = [np.asarray(v, dtype=np.float64).ravel() for v in (row, col, d_row_px, d_col_px)]
    _arrows(left, flat[0], flat[1], flat[2], flat[3], shape)
    left.set_title(title)
    size = np.hypot(flat[2], flat[3])
    ordered = np.sort(size[np.isfinite(size)])
    right.plot(ordered, np.arange(1, ordered.size + 1) / ordered.size, color=COLOURS[0])
    at = float(np.quantile(ordered, 0.9))
    right.axhline(0.9, color="black", linestyle=":", linewidth=0.8)
    right.axvline(at, color=COLOURS[1], label=f"90 % within {at:.3g} px")
    right.set_xlim(0, 1.05 * max(float(ordered[-1]), 1e-12))
    right.set_ylim(0, 1.02)
    right.set_xlabel("length [px]")
    right.set_ylabel("share of the frame [1]")
    right.legend(loc="lower right")
    return figure


def plot_focal_plane(calibration: FocalPlaneCalibration) -> Figure:
    """Offsets of the viewing directions, and their standard uncertainty over the frame."""
    figure = new_figure(10.5, 4.6)
    left, right = figure.subplots(1, 2)
    plane = calibration.focal_plane
    row, col = _grid(plane.shape, _ARROWS)
    _arrows(left, row, col, *plane.offsets(row, col), plane.shape)
    left.set_title("offsets of the lines of sight")
    fine_row, fine_col = _grid(plane.shape, 60)
    u = np.hypot(*calibration.uncertainty(fine_row, fine_col)).reshape(60, 60)
    _surface(right, 1e3 * u, plane.shape, "standard uncertainty [px / 1000]")
    right.set_title(
        f"{calibration.n - calibration.n_outliers} windows, "
        f"{calibration.n_outliers} outliers, σ₀ {calibration.sigma0:.2f}"
    )
    return figure


def plot_registration(registration: Registration) -> Figure:
    """Shift of a band over the frame, and what the polynomial leaves of the windows."""
    figure = new_figure(13.0, 4.2)
    shift, left, histogram = figure.subplots(1, 3)
    row, col = _grid(registration.shape, _ARROWS)
    d_row, d_col, _, _ = registration.at(row, col)
    _arrows(shift, row, col, d_row, d_col, registration.shape)
    shift.set_title(f"shift, polynomial of degree {registration.degree}")
    windows = registration.windows
    good = windows.found
    at = registration.at(windows.row[good], windows.col[good])
    residual = windows.d_row[good] - at[0], windows.d_col[good] - at[1]
    points = left.scatter(
        windows.col[good], windows.row[good], c=1e3 * np.hypot(*residual), s=9, cmap=MAP,
        vmin=0, vmax=1e3 * float(np.quantile(np.hypot(*residual), 0.95)),
    )  # fmt: skip
    figure.colorbar(points, ax=left, label="residual [px / 1000]", shrink=0.85)
    _frame(left, registration.shape)
    left.set_title(f"{registration.n} windows, {registration.n_outliers} outliers")
    bound = 4.0 * max(max(registration.residual_rms_px), 1e-6)
    for values, name, colour, line in (
        (residual[0], "rows", COLOURS[0], "-"),
        (residual[1], "columns", COLOURS[1], "--"),
    ):
        rms = registration.residual_rms_px[0 if name == "rows" else 1]
        histogram.hist(
            values, bins=60, range=(-bound, bound), histtype="step", color=colour, linestyle=line,
            linewidth=1.4, label=f"{name}, rms {rms:.4f} px",
        )  # fmt: skip
    histogram.set_xlabel("residual [px]")
    histogram.set_ylabel("windows")
    histogram.set_ylim(0, 1.3 * histogram.get_ylim()[1])
    histogram.legend(loc="upper right")
    return figure


def plot_jitter(jitter: Jitter, *, line_time_s: float, focal_px: float) -> Figure:
    """Spectrum of the displacements, and the wave over the rows.

    Parameters
    ----------
    jitter : Jitter
        Result of :func:`boresight.geometry.rolling_shutter_jitter`.
    line_time_s, focal_px : float
        As given there [s], [px].
    """
    figure = new_figure(13.0, 4.0)
    spectrum, wave = figure.subplots(1, 2, width_ratios=(1.0, 1.5))
    spectrum.plot(jitter.frequencies_hz, jitter.power, color=COLOURS[0], linewidth=1.0)
    spectrum.axvline(jitter.frequency_hz, color=COLOURS[1], linestyle="--", linewidth=1.0)
    spectrum.set_xlabel("frequency [Hz]")
    spectrum.set_ylabel("share of the variance explained [1]")
    verdict = "jitter" if jitter.detected else "no jitter seen"
    spectrum.set_title(
        f"{verdict}: {jitter.frequency_hz:.2f} ± {jitter.u_frequency_hz:.2g} Hz, "
        f"false alarm {jitter.false_alarm:.1g}"
    )
    rows = np.linspace(jitter.row.min(), jitter.row.max(), 1000)
    shake = jitter.shake_px(rows, line_time_s, focal_px)
    for axis, values, colour, shift, name in (
        (1, jitter.d_col_px, COLOURS[0], 0.0, "columns"),
        (0, jitter.d_row_px, COLOURS[1], 1.0, "rows"),
    ):
        # one above the other: the two would hide one another
        room = shift * -4.0 * max(float(np.abs(jitter.d_col_px).max()), 1e-6)
        amplitude = jitter.amplitude_col_rad if axis else jitter.amplitude_row_rad
        u = jitter.u_amplitude_col_rad if axis else jitter.u_amplitude_row_rad
        wave.plot(jitter.row, values + room, ".", color=colour, markersize=4)
        wave.plot(
            rows, shake[:, axis] + room, color=colour, linewidth=1.0,
            label=f"{name}: {1e6 * amplitude:.4f} ± {1e6 * u:.2g} µrad"
            + (f", drawn {-room:.2f} px lower" if shift else ""),
        )  # fmt: skip
    wave.set_xlabel("row [px]")
    wave.set_ylabel("displacement of rows of windows [px]")
    low, high = wave.get_ylim()
    wave.set_ylim(low, high + 0.35 * (high - low))
    wave.legend(loc="upper left")
    return figure


def plot_residuals(
    adjustment: Adjustment, measurements: Measurements, *, names: Sequence[str] = ()
) -> Figure:
    """Residuals by image: those that were kept as arrows, outliers as crosses where they were seen.

    Parameters
    ----------
    adjustment : Adjustment
        Result of :func:`boresight.geometry.adjust`.
    measurements : Measurements
        As given there.
    names : sequence of str
        Of the images.
    """
    images = np.unique(measurements.image)
    across = min(images.size, _PANELS)
    down = -(-images.size // across)
    figure = new_figure(4.6 * across, 4.4 * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for spare in panels[images.size :]:
        spare.set_axis_off()
    shape = int(np.ceil(measurements.row.max())), int(np.ceil(measurements.col.max()))
    for ax, image in zip(panels, images.tolist(), strict=False):
        own = measurements.image == image
        kept, out = own & adjustment.kept, own & ~adjustment.kept
        _arrows(
            ax, measurements.row[kept], measurements.col[kept],
            adjustment.residual_px[kept, 0], adjustment.residual_px[kept, 1], shape,
        )  # fmt: skip
        ax.plot(
            measurements.col[out], measurements.row[out], "x", color=COLOURS[1], markersize=8,
            markeredgewidth=2,
        )  # fmt: skip
        name = names[image] if image < len(names) else f"image {image}"
        ax.set_title(f"{name}: {int(out.sum())} outliers of {int(own.sum())}")
    return figure


def plot_correlations(adjustment: Adjustment, labels: Sequence[str] = ()) -> Figure:
    """Correlation of the unknowns: what the covariance says beyond its diagonal.

    Parameters
    ----------
    adjustment : Adjustment
        Result of :func:`boresight.geometry.adjust`.
    labels : sequence of str
        Of the unknowns; default: the adjustment's own names.
    """
    names = list(labels) or list(adjustment.names)
    side = 3.2 + 0.28 * len(names)
    figure = new_figure(side + 1.0, side)
    ax = figure.subplots()
    u = np.maximum(adjustment.u_values, 1e-300)
    shown = ax.imshow(adjustment.covariance / np.outer(u, u), vmin=-1, vmax=1, cmap="PuOr")
    figure.colorbar(shown, ax=ax, label="correlation [1]", shrink=0.8)
    ax.set_xticks(range(len(names)), names, rotation=90)
    ax.set_yticks(range(len(names)), names)
    return figure


def plot_location(
    east_m: ArrayLike, north_m: ArrayLike, up_m: ArrayLike, horizontal: Accuracy, vertical: Accuracy
) -> Figure:
    """Errors on the ground with CE90, and in height with LE90.

    Parameters
    ----------
    east_m, north_m, up_m : array_like, shape (n,)
        Errors, measured less true [m].
    horizontal, vertical : Accuracy
        Results of :func:`boresight.geometry.ce90` and :func:`boresight.geometry.le90`.
    """
    figure = new_figure(11.0, 4.8)
    ground, height = figure.subplots(1, 2)
    ground.plot(np.asarray(east_m), np.asarray(north_m), ".", color=COLOURS[0], markersize=4)
    ground.add_patch(Circle((0, 0), horizontal.value_m, fill=False, color=COLOURS[1], linewidth=2))
    ground.plot(
        *horizontal.bias_m, "+", color="black", markersize=14, markeredgewidth=2, label="bias"
    )
    ground.legend(loc="upper left")
    reach = 1.1 * max(float(np.abs(east_m).max()), float(np.abs(north_m).max()), horizontal.value_m)
    ground.set_xlim(-reach, reach)
    ground.set_ylim(-reach, reach)
    ground.set_aspect("equal")
    ground.set_xlabel("east [m]")
    ground.set_ylabel("north [m]")
    ground.set_title(
        f"CE90 {horizontal.value_m:.2f} m ({horizontal.low_m:.2f} to {horizontal.high_m:.2f} m "
        f"at 95 %)\n{horizontal.estimator}; N {horizontal.n}",
        fontsize="medium",
    )
    height.hist(np.asarray(up_m), bins=40, color=COLOURS[0])
    for sign in (-1, 1):
        label = "± LE90" if sign > 0 else None
        height.axvline(sign * vertical.value_m, color=COLOURS[1], linewidth=2, label=label)
    height.axvline(vertical.bias_m[0], color="black", linestyle="--", label="bias")
    height.legend(loc="upper left")
    height.set_xlabel("up [m]")
    height.set_ylabel("points")
    height.set_title(
        f"LE90 {vertical.value_m:.2f} m ({vertical.low_m:.2f} to {vertical.high_m:.2f} m at 95 %)\n"
        f"{vertical.estimator}; N {vertical.n}",
        fontsize="medium",
    )
    return figure


def _grid(shape: tuple[int, int], count: int) -> tuple[FloatArray, FloatArray]:
    axes = [(np.arange(count) + 0.5) / count * n for n in shape]
    row, col = np.meshgrid(*axes, indexing="ij")
    return row.ravel(), col.ravel()


def _arrows(
    ax: Axes,
    row: FloatArray,
    col: FloatArray,
    d_row: FloatArray,
    d_col: FloatArray,
    shape: tuple[int, int],
) -> None:
    """Arrows whose 95th percentile is as long as the frame over twelve, with a key."""
    _frame(ax, shape)
    size = np.hypot(d_row, d_col)
    if not size.size:
        return
    typical = max(float(np.nanquantile(size, 0.95)), 1e-12)
    arrows = ax.quiver(
        col, row, d_col, d_row, angles="xy", scale_units="xy", scale=12.0 * typical / max(shape),
        color=COLOURS[0], width=0.004,
    )  # fmt: skip
    ax.quiverkey(
        arrows, 0.86, -0.105, typical, f"{typical:.2g} px", labelpos="W", coordinates="axes",
        color=COLOURS[1],
    )  # fmt: skip


def _frame(ax: Axes, shape: tuple[int, int]) -> None:
    room = 0.04 * max(shape)
    ax.set_xlim(-room, shape[1] + room)
    ax.set_ylim(shape[0] + room, -room)
    ax.set_aspect("equal")
    ax.set_xlabel("column [px]")
    ax.set_ylabel("row [px]")


def _surface(ax: Axes, values: FloatArray, shape: tuple[int, int], label: str) -> None:
    map_panel(ax, values, label, limits=(0.0, float(values.max())))
    ax.images[0].set_extent((0.0, shape[1], shape[0], 0.0))
    _frame(ax, shape)
