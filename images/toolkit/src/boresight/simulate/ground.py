"""Deserts as a satellite sees them: brightness by direction, texture, and clouds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boresight.simulate.terrain import fractal

FloatArray = NDArray[np.float64]


def desert_reflectance(
    sun_zenith_rad: FloatArray,
    view_zenith_rad: FloatArray,
    relative_azimuth_rad: FloatArray,
    *,
    rho: float = 0.26,
    k: float = 0.85,
    asymmetry: float = -0.06,
    hot_spot: float = 0.38,
) -> FloatArray:
    """Reflectance by direction, of a form that no sum of kernels has [1].

    Parameters
    ----------
    sun_zenith_rad, view_zenith_rad, relative_azimuth_rad : ndarray, shape (n,)
        Azimuth 0 is the hot spot [rad].
    rho, k, asymmetry, hot_spot : float
        Level; bowl (1 is Lambert's law); forward (above 0) or backward scattering; 1 - height of
        the hot spot [1].

    References
    ----------
    Rahman, Pinty & Verstraete 1993, J. Geophys. Res. 98:20791, doi:10.1029/93JD02072, equation 2.
    """
    c_sun, c_view = np.cos(sun_zenith_rad), np.cos(view_zenith_rad)
    t_sun, t_view = np.tan(sun_zenith_rad), np.tan(view_zenith_rad)
    cos_phase = c_sun * c_view * (1 + t_sun * t_view * np.cos(relative_azimuth_rad))
    bowl = (c_sun * c_view * (c_sun + c_view)) ** (k - 1)
    # the angle of the paper is that of scattering: its cosine is the phase angle's, negative
    scattered = (1 - asymmetry**2) / (1 + asymmetry**2 - 2 * asymmetry * -cos_phase) ** 1.5
    gap = np.sqrt(
        np.maximum(t_sun**2 + t_view**2 - 2 * t_sun * t_view * np.cos(relative_azimuth_rad), 0.0)
    )
    return np.asarray(rho * bowl * scattered * (1 + (1 - hot_spot) / (1 + gap)))


def desert_scene(
    radiance: float, size_px: int, seed: int, *, texture: float = 0.015, cloud: float = 0.0
) -> FloatArray:
    """Radiance over a site, shape (size, size) [W m-2 sr-1 um-1].

    Parameters
    ----------
    radiance : float
        Mean of the clear site [W m-2 sr-1 um-1].
    size_px : int
        [px]
    seed : int
        Of dunes and clouds.
    texture : float
        Standard deviation of the dunes, relative [1].
    cloud : float
        Share of the site below cloud of three times its brightness, 0 to 1 [1].
    """
    rng = np.random.default_rng([seed, 111])
    dunes = fractal(size_px, 0.6, rng).astype(np.float64)
    scene = radiance * (1 + texture * (dunes - dunes.mean()))
    if cloud:
        cover = fractal(size_px, 2.0, rng)
        scene = np.where(cover > np.quantile(cover, 1 - cloud), 3.0 * radiance, scene)
    return np.asarray(np.maximum(scene, 0.0))
