"""Irradiance of the Moon after the ROLO model (Kieffer & Stone 2005, AJ 129:2887)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry.spectral import Spectrum, band_average

FloatArray = NDArray[np.float64]

#: wavelength [nm] and a0…a3, b1…b3, d1…d3 of 32 bands (their table 4)
_BANDS = """
 350.0 -2.67511 -1.78539  0.50612 -0.25578  0.03744  0.00981 -0.00322  0.34185  0.01441 -0.01602
 355.1 -2.71924 -1.74298  0.44523 -0.23315  0.03492  0.01142 -0.00383  0.33875  0.01612 -0.00996
 405.0 -2.35754 -1.72134  0.40337 -0.21105  0.03505  0.01043 -0.00341  0.35235 -0.03818 -0.00006
 412.3 -2.34185 -1.74337  0.42156 -0.21512  0.03141  0.01364 -0.00472  0.36591 -0.05902  0.00080
 414.4 -2.43367 -1.72184  0.43600 -0.22675  0.03474  0.01188 -0.00422  0.35558 -0.03247 -0.00503
 441.6 -2.31964 -1.72114  0.37286 -0.19304  0.03736  0.01545 -0.00559  0.37935 -0.09562  0.00970
 465.8 -2.35085 -1.66538  0.41802 -0.22541  0.04274  0.01127 -0.00439  0.33450 -0.02546 -0.00484
 475.0 -2.28999 -1.63180  0.36193 -0.20381  0.04007  0.01216 -0.00437  0.33024 -0.03131  0.00222
 486.9 -2.23351 -1.68573  0.37632 -0.19877  0.03881  0.01566 -0.00555  0.36590 -0.08945  0.00678
 544.0 -2.13864 -1.60613  0.27886 -0.16426  0.03833  0.01189 -0.00390  0.37190 -0.10629  0.01428
 549.1 -2.10782 -1.66736  0.41697 -0.22026  0.03451  0.01452 -0.00517  0.36814 -0.09815 -0.00000
 553.8 -2.12504 -1.65970  0.38409 -0.20655  0.04052  0.01009 -0.00388  0.37206 -0.10745  0.00347
 665.1 -1.88914 -1.58096  0.30477 -0.17908  0.04415  0.00983 -0.00389  0.37141 -0.13514  0.01248
 693.1 -1.89410 -1.58509  0.28080 -0.16427  0.04429  0.00914 -0.00351  0.39109 -0.17048  0.01754
 703.6 -1.92103 -1.60151  0.36924 -0.20567  0.04494  0.00987 -0.00386  0.37155 -0.13989  0.00412
 745.3 -1.86896 -1.57522  0.33712 -0.19415  0.03967  0.01318 -0.00464  0.36888 -0.14828  0.00958
 763.7 -1.85258 -1.47181  0.14377 -0.11589  0.04435  0.02000 -0.00738  0.39126 -0.16957  0.03053
 774.8 -1.80271 -1.59357  0.36351 -0.20326  0.04710  0.01196 -0.00476  0.36908 -0.16182  0.00830
 865.3 -1.74561 -1.58482  0.35009 -0.19569  0.04142  0.01612 -0.00550  0.39200 -0.18837  0.00978
 872.6 -1.76779 -1.60345  0.37974 -0.20625  0.04645  0.01170 -0.00424  0.39354 -0.19360  0.00568
 882.0 -1.73011 -1.61156  0.36115 -0.19576  0.04847  0.01065 -0.00404  0.40714 -0.21499  0.01146
 928.4 -1.75981 -1.45395  0.13780 -0.11254  0.05000  0.01476 -0.00513  0.41900 -0.19963  0.02940
 939.3 -1.76245 -1.49892  0.07956 -0.07546  0.05461  0.01355 -0.00464  0.47936 -0.29463  0.04706
 942.1 -1.66473 -1.61875  0.14630 -0.09216  0.04533  0.03010 -0.01166  0.57275 -0.38204  0.04902
1059.5 -1.59323 -1.71358  0.50599 -0.25178  0.04906  0.03178 -0.01138  0.48160 -0.29486  0.00116
1243.2 -1.53594 -1.55214  0.31479 -0.18178  0.03965  0.03009 -0.01123  0.49040 -0.30970  0.01237
1538.7 -1.33802 -1.46208  0.15784 -0.11712  0.04674  0.01471 -0.00656  0.53831 -0.38432  0.03473
1633.6 -1.34567 -1.46057  0.23813 -0.15494  0.03883  0.02280 -0.00877  0.54393 -0.37182  0.01845
1981.5 -1.26203 -1.25138 -0.06569 -0.04005  0.04157  0.02036 -0.00772  0.49099 -0.36092  0.04707
2126.3 -1.18946 -2.55069  2.10026 -0.87285  0.03819 -0.00685 -0.00200  0.29239 -0.34784 -0.13444
2250.9 -1.04232 -1.46809  0.43817 -0.24632  0.04893  0.00617 -0.00259  0.38154 -0.28937 -0.01110
2383.6 -1.08403 -1.31032  0.20323 -0.15863  0.05955 -0.00940  0.00083  0.36134 -0.28408  0.01010
"""
_TABLE = np.array([row.split() for row in _BANDS.strip().splitlines()], np.float64)
#: c1…c4 [1/deg, 1/deg, 1/(deg rad), 1/(deg rad)] and p1…p4 [deg] (their section 5)
_C = (0.00034115, -0.0013425, 0.00095906, 0.00066229)
_P = (4.06054, 12.8802, -30.5858, 16.7498)

#: the Moon's disk at 384 400 km [sr], and that distance [km]
_SOLID_ANGLE_SR = 6.4177e-5
_DISTANCE_KM = 384_400.0

#: phase angles over which the model was fitted [deg]
PHASE_RANGE_DEG = (1.55, 97.0)

#: standard uncertainty of the scale; of changes in time it is about 0.01
U_ABSOLUTE = 0.05


@dataclass(frozen=True)
class MoonGeometry:
    """How Sun, Moon and observer stand.

    Parameters
    ----------
    phase_deg : float
        Absolute phase angle [deg].
    observer_lon_deg, observer_lat_deg : float
        Selenographic coordinates of the observer (libration) [deg].
    sun_lon_deg : float
        Selenographic longitude of the Sun [deg].
    sun_moon_au, observer_moon_km : float
        Distances [au], [km].
    """

    phase_deg: float
    observer_lon_deg: float
    observer_lat_deg: float
    sun_lon_deg: float
    sun_moon_au: float = 1.0
    observer_moon_km: float = _DISTANCE_KM

    def __post_init__(self) -> None:
        bounds = {
            "phase_deg": PHASE_RANGE_DEG,
            "observer_lon_deg": (-20.0, 20.0),
            "observer_lat_deg": (-20.0, 20.0),
            "sun_lon_deg": (-120.0, 120.0),
            "sun_moon_au": (0.97, 1.03),
            "observer_moon_km": (340_000.0, 420_000.0),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(
                    f"{name} is {value}; the rule is {low:g} to {high:g}.",
                    remedy="The model holds there alone: choose another acquisition.",
                )


def moon_wavelengths_nm() -> FloatArray:
    """Wavelengths of the model's bands, shape (32,) [nm]."""
    return _TABLE[:, 0].copy()


def moon_reflectance(geometry: MoonGeometry, *, as_printed: bool = False) -> Spectrum:
    """Reflectance of the whole disk in the model's bands.

    Parameters
    ----------
    geometry : MoonGeometry
    as_printed : bool
        Take the observer's latitude and longitude as equation 10 prints them. Later users hold
        them to be interchanged there (Román et al. 2020, Remote Sens. Environ. 236:111422,
        equation 2): c1 and c3 then go with longitude. The difference is up to 1 %.

    Returns
    -------
    Spectrum
        32 wavelengths [1]; linear between them, which shows steps of some percent from band to
        band that are the model's own.
    """
    _, a0, a1, a2, a3, b1, b2, b3, d1, d2, d3 = _TABLE.T
    g_deg = geometry.phase_deg
    g = np.radians(g_deg)
    sun = np.radians(geometry.sun_lon_deg)
    first, second = geometry.observer_lon_deg, geometry.observer_lat_deg
    if as_printed:
        first, second = second, first
    c1, c2, c3, c4 = _C
    p1, p2, p3, p4 = _P
    logarithm = a0 + a1 * g + a2 * g**2 + a3 * g**3
    logarithm = logarithm + b1 * sun + b2 * sun**3 + b3 * sun**5
    logarithm += c1 * first + c2 * second + sun * (c3 * first + c4 * second)
    logarithm += d1 * np.exp(-g_deg / p1) + d2 * np.exp(-g_deg / p2)
    logarithm += d3 * np.cos((g_deg - p3) / p4)
    return Spectrum(_TABLE[:, 0], np.exp(logarithm), name="the Moon's reflectance")


def moon_irradiance(
    response: SpectralResponse, geometry: MoonGeometry, solar: Spectrum
) -> Quantity:
    """Irradiance of the Moon at the observer in a band [W m-2 um-1].

    Parameters
    ----------
    response : SpectralResponse
    geometry : MoonGeometry
    solar : Spectrum
        Irradiance at 1 au [W m-2 um-1].

    Raises
    ------
    SpectralRangeError
        The band lies outside 350 to 2384 nm, or outside the solar spectrum.

    Notes
    -----
    Equation 8 with the distances of equation 7: ``I = A Ω E / pi / f``, Ω = 6.4177e-5 sr,
    f = (Sun-Moon / 1 au)² (observer-Moon / 384 400 km)².
    """
    reflected = band_average(response, moon_reflectance(geometry), solar)
    distance = geometry.sun_moon_au**2 * (geometry.observer_moon_km / _DISTANCE_KM) ** 2
    value = reflected * _SOLID_ANGLE_SR / np.pi / distance
    return Quantity(
        value=float(value),
        unit="W m-2 um-1",
        uncertainties=(
            Uncertainty(effect="ROLO fit", correlation="random", u=0.01 * float(value)),
            Uncertainty(effect="ROLO scale", correlation="systematic", u=U_ABSOLUTE * float(value)),
        ),
    )
