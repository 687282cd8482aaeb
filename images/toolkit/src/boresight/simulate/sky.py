"""Light over the sea, photon by photon.

Each photon carries its polarisation as the 3 by 3 tensor of its electric field, so that a molecule
or the water's surface acts on it by projections, without any reference plane. What it sends to the
sensor is counted at every event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from boresight.errors import InputError

FloatArray = NDArray[np.float64]

_MAX_EVENTS = 60
_MIN_WEIGHT = 1e-5
#: photons in a batch: how batches differ gives the statistical error
_BATCHES = 32


@dataclass(frozen=True)
class SeaScene:
    """A clear day over the sea.

    Parameters
    ----------
    sun_zenith_deg, view_zenith_deg, relative_azimuth_deg : float
        Azimuth 0 is backscatter [deg].
    water_reflectance : float
        Of light that leaves the water, even in all directions [1].
    refractive_index : float
        Of still water [1].
    depolarisation : float
        Depolarisation factor of the molecules [1].
    """

    sun_zenith_deg: float
    view_zenith_deg: float
    relative_azimuth_deg: float
    water_reflectance: float = 0.0
    refractive_index: float = 1.34
    depolarisation: float = 0.0279

    def __post_init__(self) -> None:
        if not (0 <= self.sun_zenith_deg < 85 and 0 <= self.view_zenith_deg < 85):
            raise InputError(
                f"zenith angles are {self.sun_zenith_deg} and {self.view_zenith_deg}; the rule is "
                "0 to 85."
            )


def air_optical_depth(wavelength_um: FloatArray, pressure_hpa: float) -> FloatArray:
    """Optical depth of the air (Hansen & Travis 1974, equation 2.30) [1]."""
    inverse = 1.0 / np.asarray(wavelength_um, np.float64) ** 2
    depth = 0.008569 * inverse**2 * (1 + 0.0113 * inverse + 0.00013 * inverse**2)
    return np.asarray(depth * pressure_hpa / 1013.25)


def sea_reflectance(
    scene: SeaScene, optical_depths: FloatArray, *, seed: int
) -> tuple[float, float]:
    """Reflectance at the top of the air, and its statistical standard error [1].

    Parameters
    ----------
    scene : SeaScene
    optical_depths : ndarray, shape (photons,)
        Of the air for each photon: one value, or a sample over a band's wavelengths, weighted by
        response and sunlight [1].
    seed : int
        Of the random numbers.
    """
    depths = np.ascontiguousarray(optical_depths, np.float64)
    if depths.size < 10 * _BATCHES or not ((depths > 0) & (depths < 5)).all():
        raise InputError(
            f"there are {depths.size} photons with optical depths {depths.min():.3g} to "
            f"{depths.max():.3g}; the rule is {10 * _BATCHES} or more, above 0, below 5."
        )
    sun, view, azimuth = np.radians(
        [scene.sun_zenith_deg, scene.view_zenith_deg, scene.relative_azimuth_deg]
    )
    # photons run from the Sun, which stands at azimuth 0, downwards
    start = np.array([-np.sin(sun), 0.0, -np.cos(sun)])
    sensor = np.array(
        [np.sin(view) * np.cos(azimuth), np.sin(view) * np.sin(azimuth), np.cos(view)]
    )
    pure = (1 - scene.depolarisation) / (1 + scene.depolarisation / 2)
    seeds = np.random.default_rng([seed, 110]).integers(0, 2**31 - 1, _BATCHES)
    parts = np.array_split(depths, _BATCHES)
    means = np.array(
        [
            _run(
                int(seeds[k]),
                part,
                start,
                sensor,
                pure,
                scene.refractive_index,
                scene.water_reflectance,
            )
            for k, part in enumerate(parts)
        ]
    )
    share = np.array([part.size for part in parts]) / depths.size
    return (
        float(np.pi * share @ means),
        float(np.pi * means.std(ddof=1) / np.sqrt(_BATCHES)),
    )


@njit(cache=True, nogil=True)
def _run(seed: Any, depths: Any, start: Any, sensor: Any, pure: Any, index: Any, water: Any) -> Any:
    np.random.seed(seed)  # noqa: NPY002 (numba's own generator)
    to_x, to_y, to_z = sensor[0], sensor[1], sensor[2]
    # how light from the mirrored direction comes back from still water
    before, _, side, r_plane, r_side = _facets(to_x, to_y, -to_z, index)
    total = 0.0
    for photon in range(depths.size):
        depth = depths[photon]
        x, y, z = start[0], start[1], start[2]
        field = _unpolarised(x, y, z, 1.0)
        place = 0.0
        for _event in range(_MAX_EVENTS):
            place += np.log(np.random.random()) * z  # noqa: NPY002
            if place <= 0.0 and z > 0.0:
                break
            light = field[0] + field[1] + field[2]
            if place < depth:
                straight = 1.5 * pure * (light - _along(field, to_x, to_y, to_z))
                straight += (1.0 - pure) * light
                plane = _along(field, before[0], before[1], before[2])
                level = _along(field, side[0], side[1], side[2])
                glimpse = 1.5 * pure * (r_plane**2 * plane + r_side**2 * level)
                glimpse += 0.5 * (1.0 - pure) * light * (r_plane**2 + r_side**2)
                seen = straight * np.exp(-place / to_z)
                seen += glimpse * np.exp(-(2 * depth - place) / to_z)
                total += seen / (4 * np.pi * to_z)
                z = 2 * np.random.random() - 1  # noqa: NPY002
                turn = 2 * np.pi * np.random.random()  # noqa: NPY002
                flat = np.sqrt(1 - z * z)
                x, y = flat * np.cos(turn), flat * np.sin(turn)
                field = _scatter(field, x, y, z, pure)
            else:
                place = depth
                total += water * light * np.exp(-depth / to_z) / np.pi
                if water > 0.0 and np.random.random() < 0.5:  # noqa: NPY002
                    z = np.sqrt(np.random.random())  # noqa: NPY002
                    turn = 2 * np.pi * np.random.random()  # noqa: NPY002
                    flat = np.sqrt(1 - z * z)
                    x, y = flat * np.cos(turn), flat * np.sin(turn)
                    field = _unpolarised(x, y, z, 2 * water * light)
                else:
                    field = _mirror(field, x, y, z, index, 2.0 if water > 0.0 else 1.0)
                    z = -z
            if field[0] + field[1] + field[2] < _MIN_WEIGHT:
                break
    return total / depths.size


@njit(cache=True, nogil=True)
def _unpolarised(x: Any, y: Any, z: Any, light: Any) -> Any:
    """Field tensor (xx, yy, zz, xy, xz, yz) of light along (x, y, z)."""
    half = 0.5 * light
    return (
        half * (1 - x * x),
        half * (1 - y * y),
        half * (1 - z * z),
        -half * x * y,
        -half * x * z,
        -half * y * z,
    )


@njit(cache=True, nogil=True)
def _along(field: Any, x: Any, y: Any, z: Any) -> Any:
    """Light whose field lies along (x, y, z)."""
    xx, yy, zz, xy, xz, yz = field
    even = xx * x * x + yy * y * y + zz * z * z
    return even + 2 * (xy * x * y + xz * x * z + yz * y * z)


@njit(cache=True, nogil=True)
def _scatter(field: Any, x: Any, y: Any, z: Any, pure: Any) -> Any:
    """Field that a molecule sends along a way: what lies across, and a share without order."""
    xx, yy, zz, xy, xz, yz = field
    # the tensor times the way, and the way's own part of it
    p = xx * x + xy * y + xz * z
    q = xy * x + yy * y + yz * z
    r = xz * x + yz * y + zz * z
    own = p * x + q * y + r * z
    a = 1.5 * pure
    b = 0.5 * (1.0 - pure) * (xx + yy + zz)
    return (
        a * (xx - 2 * p * x + own * x * x) + b * (1 - x * x),
        a * (yy - 2 * q * y + own * y * y) + b * (1 - y * y),
        a * (zz - 2 * r * z + own * z * z) + b * (1 - z * z),
        a * (xy - p * y - q * x + own * x * y) - b * x * y,
        a * (xz - p * z - r * x + own * x * z) - b * x * z,
        a * (yz - q * z - r * y + own * y * z) - b * y * z,
    )


@njit(cache=True, nogil=True)
def _facets(x: Any, y: Any, z: Any, index: Any) -> Any:
    """Directions of the field before and after still water, the level one, and amplitudes."""
    cosine = -z
    flat = np.sqrt(x * x + y * y)
    u, v = 0.0, 1.0
    if flat > 1e-12:
        u, v = -y / flat, x / flat
    # the way across the level direction, for the way down and the way up
    before = (-z * v, z * u, x * v - y * u)
    after = (z * v, -z * u, x * v - y * u)
    inside = np.sqrt(1.0 - (1.0 - cosine * cosine) / (index * index))
    r_side = (cosine - index * inside) / (cosine + index * inside)
    r_plane = (index * cosine - inside) / (index * cosine + inside)
    return before, after, (u, v, 0.0), r_plane, r_side


@njit(cache=True, nogil=True)
def _mirror(field: Any, x: Any, y: Any, z: Any, index: Any, share: Any) -> Any:
    """Field after Fresnel's reflection on still water, of light that falls along (x, y, z)."""
    before, after, side, r_plane, r_side = _facets(x, y, z, index)
    xx, yy, _, xy, xz, yz = field
    plane = share * r_plane**2 * _along(field, before[0], before[1], before[2])
    level = share * r_side**2 * _along(field, side[0], side[1], side[2])
    p = xx * side[0] + xy * side[1]
    q = xy * side[0] + yy * side[1]
    r = xz * side[0] + yz * side[1]
    both = share * r_plane * r_side * (p * before[0] + q * before[1] + r * before[2])
    a, s = after, side
    return (
        plane * a[0] * a[0] + level * s[0] * s[0] + 2 * both * a[0] * s[0],
        plane * a[1] * a[1] + level * s[1] * s[1] + 2 * both * a[1] * s[1],
        plane * a[2] * a[2],
        plane * a[0] * a[1] + level * s[0] * s[1] + both * (a[0] * s[1] + a[1] * s[0]),
        plane * a[0] * a[2] + both * a[2] * s[0],
        plane * a[1] * a[2] + both * a[2] * s[1],
    )
