"""The instrument model and its parameter sets: typed, versioned, with uncertainty.

Files are read and written by :mod:`boresight.io.parameter_sets`; numbers are applied to images by
:mod:`boresight.radiometry`.
"""

from __future__ import annotations

from boresight.instrument.comparison import Difference, compare, leaves
from boresight.instrument.documents import from_document, to_document
from boresight.instrument.model import (
    BadPixel,
    Band,
    Boresight,
    Detector,
    Mtf,
    Noise,
    Nonlinearity,
    RollingShutter,
    SpectralResponse,
    Vibration,
    ViewingDirections,
)
from boresight.instrument.parameter_set import (
    SCHEMA_VERSION,
    ParameterSet,
    Provenance,
    Source,
    Validity,
    json_schema,
)
from boresight.instrument.plots import plot_comparison, plot_parameter_set
from boresight.instrument.quantities import Correlation, Quantity, Uncertainty

__all__ = [
    "SCHEMA_VERSION",
    "BadPixel",
    "Band",
    "Boresight",
    "Correlation",
    "Detector",
    "Difference",
    "Mtf",
    "Noise",
    "Nonlinearity",
    "ParameterSet",
    "Provenance",
    "Quantity",
    "RollingShutter",
    "Source",
    "SpectralResponse",
    "Uncertainty",
    "Validity",
    "Vibration",
    "ViewingDirections",
    "compare",
    "from_document",
    "json_schema",
    "leaves",
    "plot_comparison",
    "plot_parameter_set",
    "to_document",
]
