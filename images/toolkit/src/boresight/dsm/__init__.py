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
from boresight.dsm.banding import Banding, banding
from boresight.dsm.coregistration import Shift, SlopeError, coregister, slope_error
from boresight.dsm.grids import SeamStatistics, Tile, mosaic, resample, sample, seam_statistics
from boresight.dsm.plane_search import fit_plane
from boresight.dsm.planes import fit_facets
from boresight.dsm.plots import plot_banding, plot_comparison, plot_shift, plot_slope_error
from boresight.dsm.shading import gradient, hillshade, slope_deg
from boresight.dsm.solids import Facet, FacetOptions, Solid
from boresight.dsm.uncertainty import (
    ComparisonUncertainty,
    comparison_uncertainty,
    shift_uncertainty,
)

__all__ = [
    "LE90_ESTIMATOR",
    "Banding",
    "Comparison",
    "ComparisonUncertainty",
    "ErrorSummary",
    "Facet",
    "FacetOptions",
    "SeamStatistics",
    "Shift",
    "SlopeError",
    "Solid",
    "Statistics",
    "Tile",
    "banding",
    "compare",
    "comparison_uncertainty",
    "coregister",
    "fit_facets",
    "fit_plane",
    "gradient",
    "hillshade",
    "mosaic",
    "nmad",
    "plot_banding",
    "plot_comparison",
    "plot_shift",
    "plot_slope_error",
    "resample",
    "sample",
    "seam_statistics",
    "shift_uncertainty",
    "slope_deg",
    "slope_error",
    "statistics",
]
