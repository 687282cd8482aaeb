"""What a fit of a solid's faces is asked for, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class FacetOptions:
    """How faces are found.

    Parameters
    ----------
    smoothing_m : float
        Standard deviation of the Gaussian under which aspects are judged [m].
    edge_m : float
        What is nearer to an edge of the solid is left out [m].
    block_m : float
        Side of the blocks within which errors may be dependent [m].
    ring_m : tuple of float
        Ground level is taken from so far to so far from the solid's foot [m].
    min_slope_deg, max_slope_deg : float
        Slopes that a face may have [deg].
    min_face_share : float
        A face has at least this share of the solid [1].
    top_window_m : float
        Side of the median window of the top [m].
    seed : int
        Of the random samples.
    """

    smoothing_m: float = 2.0
    edge_m: float = 6.0
    block_m: float = 10.0
    ring_m: tuple[float, float] = (8.0, 60.0)
    min_slope_deg: float = 20.0
    max_slope_deg: float = 80.0
    min_face_share: float = 0.05
    top_window_m: float = 3.0
    seed: int = 0


@dataclass(frozen=True)
class Facet:
    """One face.

    Parameters
    ----------
    aspect_deg : float
        Direction it looks to, clockwise from grid north [deg].
    inclination_deg, u_inclination_deg : float
        Against the horizontal, and its standard uncertainty (k = 1, random) [deg].
    rms_m, nmad_m : float
        Vertical residuals over the interior, outliers included [m].
    n : int
        Pixels of the interior with a height.
    completeness : float
        Share of the face's pixels with a height [1].
    inlier_share : float
        Share of the interior's heights that have weight in the fit [1].
    plane : tuple of float
        Rise to the east, to the north [1], and height at the solid's centre [m].
    """

    aspect_deg: float
    inclination_deg: float
    u_inclination_deg: float
    rms_m: float
    nmad_m: float
    n: int
    completeness: float
    inlier_share: float
    plane: tuple[float, float, float]


@dataclass(frozen=True)
class Solid:
    """A solid and its faces.

    Parameters
    ----------
    facets : tuple of Facet
        By aspect.
    top_m, ground_m : float
        Heights of the top, and of the surrounding ground below it [m].
    top_row, top_col : int
        Pixel of the top.
    u_ground_m : float
        Standard uncertainty of the ground level (k = 1, random) [m].
    completeness : float
        Share of the solid's pixels with a height [1].
    labels : ndarray of int, shape of the model
        Number of the face (from 1) in its interior; 0 elsewhere.
    footprint : ndarray of bool
        The solid.
    """

    facets: tuple[Facet, ...]
    top_m: float
    ground_m: float
    top_row: int
    top_col: int
    u_ground_m: float
    completeness: float
    labels: NDArray[np.int32]
    footprint: BoolArray

    @property
    def height_m(self) -> float:
        """Top above the surrounding ground [m]."""
        return self.top_m - self.ground_m

    @property
    def well_observed(self) -> tuple[Facet, ...]:
        """Faces whose residuals are like those of the best face, not those of a shadow.

        At least half of the pixels, and an NMAD of at most three times the smallest one.
        """
        best = min(facet.nmad_m for facet in self.facets)
        bound = max(3.0 * best, 1e-6)
        return tuple(f for f in self.facets if f.completeness >= 0.5 and f.nmad_m <= bound)
