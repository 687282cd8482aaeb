"""Image quality: MTF by edges and points, artefacts, focus. Pure numerics on arrays."""

from __future__ import annotations

from boresight.image_quality.artefacts import LineNoise, Striping, line_noise, striping
from boresight.image_quality.defocus import BestFocus, Drift, best_focus, drift
from boresight.image_quality.edge import EdgeMtf, parametric_edge, slanted_edge
from boresight.image_quality.plots import (
    plot_artefacts,
    plot_drift,
    plot_edges,
    plot_focus,
    plot_points,
)
from boresight.image_quality.points import PointMtf, point_sources

__all__ = [
    "BestFocus",
    "Drift",
    "EdgeMtf",
    "LineNoise",
    "PointMtf",
    "Striping",
    "best_focus",
    "drift",
    "line_noise",
    "parametric_edge",
    "plot_artefacts",
    "plot_drift",
    "plot_edges",
    "plot_focus",
    "plot_points",
    "point_sources",
    "slanted_edge",
    "striping",
]
