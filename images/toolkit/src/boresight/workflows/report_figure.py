"""Figure of a comparison: both surfaces, their difference, and its distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.dsm import Comparison, hillshade
from boresight.figures import new_figure

FloatArray = NDArray[np.floating[Any]]

#: the map of differences ends at this many NMAD
_RANGE_NMAD = 4.0

#: longer side of a panel's image; more is not seen
_PANEL_PX = 1200


def draw(
    path: Path,
    dsm: FloatArray,
    reference: FloatArray,
    comparison: Comparison,
    *,
    resolution_m: float,
    title: str,
    datum: str,
) -> None:
    """Write the figure as PNG.

    Parameters
    ----------
    path : Path
        Target.
    dsm, reference : ndarray, same shape
        Heights on one grid, north up [m]; NaN where unknown.
    comparison : Comparison
        Their comparison.
    resolution_m : float
        Side of a pixel [m].
    title, datum : str
        What is compared, and above what heights are.
    """
    step = max(int(np.ceil(max(dsm.shape) / _PANEL_PX)), 1)
    model, truth = dsm[::step, ::step], reference[::step, ::step]
    side_m = resolution_m * step
    extent = (0.0, model.shape[1] * side_m, model.shape[0] * side_m, 0.0)
    figure = new_figure(12, 10.5)
    axes = figure.subplots(2, 2)
    figure.suptitle(f"{title}\nheights above {datum}")
    for ax, surface, name in ((axes[0, 0], model, "DSM"), (axes[0, 1], truth, "reference")):
        ax.imshow(hillshade(surface, side_m), cmap="gray", vmin=0, vmax=1, extent=extent)
        tint = ax.imshow(surface, cmap="viridis", alpha=0.45, extent=extent)
        figure.colorbar(tint, ax=ax, label="height [m]", shrink=0.85)
        ax.set_title(name)
    bound = max(_RANGE_NMAD * comparison.nmad_m, 1e-3) + abs(comparison.median_m)
    picture = axes[1, 0].imshow(
        model - truth, cmap="RdBu_r", vmin=-bound, vmax=bound, extent=extent
    )
    figure.colorbar(picture, ax=axes[1, 0], label="DSM - reference [m]", shrink=0.85)
    axes[1, 0].set_title("difference")
    for ax in (axes[0, 0], axes[0, 1], axes[1, 0]):
        ax.set_xlabel("east [m]")
        ax.set_ylabel("south [m]")
    _histogram(axes[1, 1], dsm - reference, comparison, bound)
    figure.savefig(path, dpi=100, format="png", metadata={"Software": None})


def _histogram(ax: Any, error: FloatArray, comparison: Comparison, bound: float) -> None:
    values = error[np.isfinite(error)]
    ax.hist(np.clip(values, -bound, bound), bins=101, range=(-bound, bound), color="#0072b2")
    ax.axvline(comparison.median_m, color="#d55e00", label="median")
    for sign in (-1, 1):
        label = "± LE90" if sign > 0 else None
        ax.axvline(sign * comparison.le90_m, color="#000000", linestyle=":", label=label)
    lines = [
        f"N {comparison.n}",
        f"completeness {100 * comparison.completeness:.1f} %",
        f"bias {comparison.bias_mean_m:+.3f} m",
        f"median {comparison.median_m:+.3f} m",
        f"NMAD {comparison.nmad_m:.3f} m",
        f"LE90 {comparison.le90_m:.3f} m",
        "(LE90: empirical, bias included)",
    ]
    ax.text(0.02, 0.98, "\n".join(lines), transform=ax.transAxes, va="top", family="monospace")
    ax.set_xlim(-bound, bound)
    # room for the numbers above the bars
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    ax.set_xlabel("DSM - reference [m]")
    ax.set_ylabel("pixels (beyond the ends: in the outer bins)")
    ax.legend(loc="upper right")
    ax.set_title("distribution of errors")
