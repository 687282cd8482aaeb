"""What the figures of all methods have in common: size, colours, maps of images.

Figures are returned, not shown and not written. Colours are those of Okabe and Ito, maps are
``cividis`` or, about zero, ``PuOr``: all can be told apart without red and green.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

#: blue, vermilion, green, purple, orange, sky blue, black
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

#: maps of values, and of what has a sign
MAP, SIGNED_MAP = "cividis", "PuOr"


def new_figure(width_in: float, height_in: float) -> Figure:
    """Empty figure with a canvas that needs no screen."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def stated(value: float, u: float) -> str:
    """``10.31 ± 0.51``: as many digits as two of the uncertainty's ask for."""
    if not (np.isfinite(u) and u > 0):
        return f"{value:.6g}"
    digits = max(int(1 - np.floor(np.log10(u))), 0)
    if digits > 6:
        return f"{value:.6g} ± {u:.2g}"
    return f"{value:.{digits}f} ± {u:.{digits}f}"


def map_panel(
    ax: Axes,
    values: NDArray[Any],
    label: str,
    *,
    signed: bool = False,
    limits: tuple[float, float] | None = None,
    pixel_m: float | None = None,
    step_px: float = 1.0,
) -> None:
    """Draw an image with its colour bar.

    Parameters
    ----------
    ax : Axes
        Where.
    values : ndarray, shape (rows, cols)
        NaN where missing: grey.
    label : str
        What is shown, and its unit.
    signed : bool
        Colours about zero.
    limits : tuple of float, optional
        Values of the colour bar's ends; default: 1st and 99th percentile.
    pixel_m : float, optional
        Side of a pixel: axes are metres, not pixels [m].
    step_px : float
        Pixels from one value to the next, where these are of windows [px].
    """
    data = np.asarray(values, dtype=np.float64)
    if limits is None:
        finite = data[np.isfinite(data)]
        low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
        if signed:
            high = max(abs(low), abs(high))
            low = -high
        limits = float(low), float(high) if high > low else float(low) + 1e-12
    side = pixel_m or step_px
    ax.set_facecolor("#bbbbbb")
    shown = ax.imshow(
        data,
        vmin=limits[0],
        vmax=limits[1],
        cmap=SIGNED_MAP if signed else MAP,
        interpolation="nearest",
        extent=(0.0, data.shape[1] * side, data.shape[0] * side, 0.0),
    )
    ax.figure.colorbar(shown, ax=ax, label=label, shrink=0.85)
    ax.set_xlabel("column [px]" if pixel_m is None else "east [m]")
    ax.set_ylabel("row [px]" if pixel_m is None else "south [m]")


def plot_images(
    images: Sequence[NDArray[Any]],
    titles: Sequence[str],
    label: str,
    *,
    same_scale: bool = True,
    signed: bool = False,
    shown_percent: tuple[float, float] = (1.0, 99.0),
    step_px: float = 1.0,
) -> Figure:
    """Images side by side.

    Parameters
    ----------
    images : sequence of ndarray, each shape (rows, cols)
        NaN where missing.
    titles : sequence of str
        One each.
    label : str
        What is shown, and its unit.
    same_scale : bool
        One range of colours for all: percentiles over all of them.
    signed : bool
        Colours about zero.
    shown_percent : tuple of float
        Percentiles at the ends of the colours: wider ones show single pixels.
    step_px : float
        Pixels from one value to the next, where these are of windows [px].
    """
    figure = new_figure(4.6 * len(images), 3.9)
    panels = figure.subplots(1, len(images), squeeze=False)[0]
    everything = np.concatenate([np.asarray(image, np.float64).ravel() for image in images])
    for ax, image, title in zip(panels, images, titles, strict=True):
        low, high = np.nanpercentile(everything if same_scale else image, shown_percent)
        high = max(abs(low), abs(high)) if signed else high
        limits = (-float(high) if signed else float(low)), float(high) + 1e-12
        map_panel(ax, image, label, signed=signed, limits=limits, step_px=step_px)
        ax.set_title(title)
    return figure


def plot_curves(
    x: ArrayLike,
    curves: dict[str, ArrayLike],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    markers: bool = False,
) -> Figure:
    """Curves over one axis.

    Parameters
    ----------
    x : array_like, shape (n,)
        Common abscissa.
    curves : dict of str to array_like, shape (n,)
        By the name in the legend.
    x_label, y_label : str
        With units.
    title : str
        Above the figure.
    markers : bool
        Points, not lines.
    """
    figure = new_figure(8.0, 3.6)
    ax = figure.subplots()
    for k, (name, values) in enumerate(curves.items()):
        drawn = ax.plot(np.asarray(x), np.asarray(values), color=COLOURS[k % 7], label=name)[0]
        drawn.set_linewidth(1.2)
        if markers:  # hollow, so that what is equal is seen as two
            drawn.set(linestyle="none", marker="oxs+^vD"[k % 7], markerfacecolor="none")
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_title(title)
    if len(curves) > 1:
        ax.legend()
    return figure
