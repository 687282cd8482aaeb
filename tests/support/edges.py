"""Simulated edges, and their MTF by VIGRA 1.11.1 (`tests/verify/slanted_edge.py` prints it)."""

from __future__ import annotations

import numpy as np

from boresight.simulate import Optics, edge_image

SHAPE = (200, 96)

#: cycles a pixel
FREQUENCIES = (0.1, 0.2, 0.3, 0.4, 0.5)

#: optics and slant [deg]: MTF at the frequencies [1]
VIGRA = {
    ("gaussian", 5.3): (0.9354, 0.7668, 0.5490, 0.3417, 0.1830),
    ("gaussian", -7.1): (0.9354, 0.7670, 0.5496, 0.3421, 0.1837),
    ("aperture", 5.3): (0.8115, 0.5452, 0.3303, 0.2220, 0.1663),
    ("aperture", -7.1): (0.8114, 0.5452, 0.3312, 0.2216, 0.1664),
}


def simulated_edge(optics: str, lean_deg: float) -> np.ndarray:
    """Edge without noise through a Gaussian of 0.5 px, or a defocused annular aperture."""
    chosen = {"gaussian": Optics.gaussian(0.5, 0.5), "aperture": Optics.aperture()}[optics]
    return edge_image(chosen, SHAPE, lean_deg=lean_deg)
