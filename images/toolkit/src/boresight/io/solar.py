"""The Sun's spectrum."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from boresight.radiometry import Spectrum

#: standard uncertainty, relative: from 460 to 2365 nm, and elsewhere (Coddington et al. 2021)
_U_RELATIVE = (0.003, 0.013)
_SURE_NM = (460.0, 2365.0)


@cache
def solar_spectrum() -> Spectrum:
    """Solar irradiance at 1 au from 300 to 2500 nm, by 1 nm [W m-2 um-1].

    Returns
    -------
    Spectrum
        With uncertainty, which is common to neighbouring wavelengths.

    Notes
    -----
    The TSIS-1 Hybrid Solar Reference Spectrum, version 2, which CEOS recommends: Coddington et al.
    2021, Geophys. Res. Lett. 48, doi:10.1029/2020GL091709; 2023, Earth Space Sci. 10,
    doi:10.1029/2022EA002637. Products that state reflectance by another spectrum (Thuillier 2003
    for Sentinel-2) have to be turned into radiance by that one.

    Examples
    --------
    >>> bool(1.9 < solar_spectrum().value[200] / 1000 < 2.0)
    True
    """
    table = resources.files("boresight.io").joinpath("data", "tsis1_hsrs_v2.csv")
    with table.open("r", encoding="ascii") as lines:
        wavelength, value = np.loadtxt(lines, delimiter=",", skiprows=3, unpack=True)
    sure = (wavelength >= _SURE_NM[0]) & (wavelength <= _SURE_NM[1])
    relative = np.where(sure, *_U_RELATIVE)
    return Spectrum(wavelength, value, relative * value, name="solar spectrum (TSIS-1 HSRS)")
