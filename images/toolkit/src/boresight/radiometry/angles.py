"""Where Sun and sensor stand over a site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boresight.errors import InputError

#: beyond these a plane-parallel atmosphere is no longer one
MAX_SUN_ZENITH_DEG = 75.0
MAX_VIEW_ZENITH_DEG = 65.0


@dataclass(frozen=True)
class SunView:
    """Directions from the ground.

    Parameters
    ----------
    sun_zenith_deg : float
        0 to 75 [deg].
    view_zenith_deg : float
        0 to 65 [deg].
    relative_azimuth_deg : float
        From the Sun's azimuth to the sensor's: 0 when the sensor stands on the Sun's side
        (backscatter), 180 on the side of the glint [deg].
    """

    sun_zenith_deg: float
    view_zenith_deg: float
    relative_azimuth_deg: float

    def __post_init__(self) -> None:
        bounds = {
            "sun_zenith_deg": (0.0, MAX_SUN_ZENITH_DEG),
            "view_zenith_deg": (0.0, MAX_VIEW_ZENITH_DEG),
            "relative_azimuth_deg": (-360.0, 360.0),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(
                    f"{name} is {value}; the rule is {low:g} to {high:g}.",
                    remedy="Choose another acquisition, and give degrees.",
                )

    @property
    def phase_deg(self) -> float:
        """Angle between the directions to Sun and sensor: 0 in the hot spot [deg]."""
        sun, view, azimuth = self.radians
        cosine = np.cos(sun) * np.cos(view) + np.sin(sun) * np.sin(view) * np.cos(azimuth)
        return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))

    @property
    def glint_deg(self) -> float:
        """Angle between the sensor and the Sun's mirror image in still water [deg]."""
        sun, view, azimuth = self.radians
        cosine = np.cos(sun) * np.cos(view) - np.sin(sun) * np.sin(view) * np.cos(azimuth)
        return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))

    @property
    def radians(self) -> tuple[float, float, float]:
        """Zenith of the Sun and of the view, and relative azimuth [rad]."""
        return (
            float(np.radians(self.sun_zenith_deg)),
            float(np.radians(self.view_zenith_deg)),
            float(np.radians(self.relative_azimuth_deg)),
        )
