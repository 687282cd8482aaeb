"""Surface models: statistics, comparison, mosaic, shading, faces. Pure numerics on arrays."""

from __future__ import annotations

from boresight.dsm.accuracy import (
    LE90_ESTIMATOR,
    Comparison,
    ErrorSummary,
    Statistics,
    compare,
    nmad,
    statistics,
)
from boresight.dsm.grids import SeamStatistics, Tile, mosaic, resample, sample, seam_statistics
from boresight.dsm.planes import Facet, FacetOptions, Solid, fit_facets, fit_plane
from boresight.dsm.shading import gradient, hillshade, slope_deg

__all__ = [
    "LE90_ESTIMATOR",
    "Comparison",
    "ErrorSummary",
    "Facet",
    "FacetOptions",
    "SeamStatistics",
    "Solid",
    "Statistics",
    "Tile",
    "compare",
    "fit_facets",
    "fit_plane",
    "gradient",
    "hillshade",
    "mosaic",
    "nmad",
    "resample",
    "sample",
    "seam_statistics",
    "slope_deg",
    "statistics",
]
