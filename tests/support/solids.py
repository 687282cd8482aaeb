"""Pyramids whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pyramid:
    """A square pyramid on a plane; defaults are nobody's monument."""

    inclination_deg: float = 47.0
    height_m: float = 90.0
    azimuth_deg: float = 0.0
    ground_m: float = 300.0
    slope_east: float = 0.0
    slope_north: float = 0.0
    size_m: float = 320.0
    step_m: float = 0.5
    eroded_m: float = 0.0
    faces: int = 4

    def surface(self) -> NDArray[np.float64]:
        """Heights [m]; faces are inclined against the horizontal, the ground may tilt."""
        n = int(self.size_m / self.step_m)
        axis = (np.arange(n) - n / 2 + 0.5) * self.step_m
        x, y = axis[None, :], -axis[:, None]
        ground = self.ground_m + self.slope_east * x + self.slope_north * y
        solid = np.full((n, n), self.ground_m + self.height_m - self.eroded_m)
        rise = np.tan(np.radians(self.inclination_deg))
        for aspect in self.aspects():
            a = np.radians(aspect)
            down = x * np.sin(a) + y * np.cos(a)
            solid = np.minimum(solid, self.ground_m + self.height_m - rise * down)
        return np.maximum(solid, ground)

    def aspects(self) -> list[float]:
        """Directions the faces look to [deg]."""
        return sorted(
            (self.azimuth_deg + 360.0 / self.faces * k) % 360.0 for k in range(self.faces)
        )
