"""What is simulated: one frozen set of numbers, checked at once."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from boresight.errors import InputError
from boresight.simulate._bounds import Bounds, check_bounds

_BOUNDS: Bounds = {
    "size_px": (128, 20_000, "px"),
    "seed": (0, 2**63 - 1, ""),
    "gsd_m": (0.1, 10.0, "m"),
    "altitude_m": (200e3, 1500e3, "m"),
    "incidence_deg": (0.5, 40.0, "deg"),
    "azimuth_deg": (-360.0, 360.0, "deg"),
    "lon_deg": (-180.0, 180.0, "deg"),
    # beyond, UTM is not defined
    "lat_deg": (-79.0, 83.0, "deg"),
    "base_height_m": (-500.0, 8000.0, "m"),
    "relief_m": (0.0, 2000.0, "m"),
    "buildings_per_km2": (0.0, 2000.0, "1/km2"),
    "psf_sigma_px": (0.0, 3.0, "px"),
    "gain_dn": (100.0, 50_000.0, "DN"),
    "noise_a": (0.0, 1e6, "DN2"),
    "noise_b": (0.0, 100.0, "DN"),
    "prnu_rms": (0.0, 0.1, "1"),
    "dsnu_rms_dn": (0.0, 50.0, "DN"),
    "dark_dn": (0.0, 1000.0, "DN"),
    "jitter_urad": (0.0, 10.0, "urad"),
    "jitter_hz": (0.0, 5000.0, "Hz"),
    "line_time_s": (1e-6, 1e-2, "s"),
}


@dataclass(frozen=True)
class PairConfig:
    """A stereo pair of a CO3D-like frame camera over procedural terrain.

    Parameters
    ----------
    size_px : int
        Side of the square images [px].
    seed : int
        Everything random follows from it.
    gsd_m : float
        Ground sampling distance [m].
    altitude_m : float
        Height of the satellites above the scene [m].
    incidence_deg, azimuth_deg : float
        The left satellite stands this far from the vertical, in this direction (clockwise from
        north); the right one opposite [deg].
    lon_deg, lat_deg : float
        Centre of the scene [deg].
    base_height_m : float
        Mean height of the terrain above the ellipsoid [m].
    relief_m : float
        Highest less lowest terrain, buildings apart [m].
    buildings_per_km2 : float
        Density of buildings of 4 to 15 m.
    psf_sigma_px : float
        Gaussian part of the point spread; the pixel's own width comes on top [px].
    gain_dn : float
        DN of a surface of reflectance 1 in full sun [DN].
    noise_a, noise_b : float
        Variance of the noise is ``a + b * signal`` [DN²], [DN].
    prnu_rms, dsnu_rms_dn, dark_dn : float
        Spread of the pixels' gains [1], of their offsets [DN], mean offset [DN].
    distortion_px : tuple of two tuples of 7 float
        Focal-plane distortion of columns and of rows: coefficients of u², uv, v², u³, u²v, uv², v³
        at the edge, u along columns [px].
    bias_left_urad, bias_right_urad : tuple of 3 float
        Attitude errors about rows, columns and line of sight: in the images and the calibrated
        RPC, not in the nominal RPC [µrad].
    jitter_urad, jitter_hz, line_time_s : float
        Rolling-shutter jitter: amplitude, frequency, time from line to line. No RPC carries it.
    """

    size_px: int = 1000
    seed: int = 7
    gsd_m: float = 0.5
    altitude_m: float = 502e3
    incidence_deg: float = 8.0
    azimuth_deg: float = 0.0
    lon_deg: float = 1.44
    lat_deg: float = 43.60
    base_height_m: float = 200.0
    relief_m: float = 40.0
    buildings_per_km2: float = 150.0
    psf_sigma_px: float = 0.55
    gain_dn: float = 8000.0
    noise_a: float = 9.0
    noise_b: float = 0.06
    prnu_rms: float = 0.015
    dsnu_rms_dn: float = 2.0
    dark_dn: float = 64.0
    distortion_px: tuple[tuple[float, ...], tuple[float, ...]] = (
        (0.8, -0.3, 0.5, 0.6, -0.2, 0.4, -0.5),
        (-0.4, 0.6, 0.3, -0.3, 0.5, 0.2, 0.7),
    )
    bias_left_urad: tuple[float, float, float] = (6.0, -4.0, 0.0)
    bias_right_urad: tuple[float, float, float] = (-5.0, 8.0, 0.0)
    # 0.05 urad is 25 mm on the ground, a twentieth of a pixel
    jitter_urad: float = 0.05
    jitter_hz: float = 60.0
    line_time_s: float = 30e-6

    def __post_init__(self) -> None:
        check_bounds(self, _BOUNDS)
        for name in ("size_px", "seed"):
            if getattr(self, name) != int(getattr(self, name)):
                raise InputError(f"{name} is {getattr(self, name)}; the rule is a whole number.")
        for name, count in (("bias_left_urad", 3), ("bias_right_urad", 3)):
            self._check_tuple(name, getattr(self, name), count, 1000.0)
        if len(self.distortion_px) != 2:
            raise InputError(
                f"distortion_px has {len(self.distortion_px)} parts; columns and rows."
            )
        for part in self.distortion_px:
            self._check_tuple("distortion_px", part, 7, 50.0)

    @property
    def base_to_height(self) -> float:
        """Distance of the satellites over their height [1]."""
        return 2.0 * math.tan(math.radians(self.incidence_deg))

    def as_dict(self) -> dict[str, object]:
        """All numbers, as JSON takes them."""
        return dataclasses.asdict(self)

    @staticmethod
    def _check_tuple(name: str, values: tuple[float, ...], count: int, bound: float) -> None:
        if len(values) != count or not all(abs(value) <= bound for value in values):
            raise InputError(
                f"{name} is {values}; the rule is {count} numbers within ±{bound:g}.",
                remedy=f"Choose {name} within.",
            )
