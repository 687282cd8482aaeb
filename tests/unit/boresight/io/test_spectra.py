"""Solar irradiance in bands, against the values that a mission publishes; LIME's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.comparisons import Recorder

from boresight.errors import InputError, ProgramError, SpectralRangeError
from boresight.instrument import Quantity, SpectralResponse
from boresight.io.lime import lime_irradiance, read_lime
from boresight.io.solar import solar_spectrum
from boresight.radiometry import (
    MoonGeometry,
    Spectrum,
    band_average,
    irradiance_in_band,
)

DATA = Path(__file__).parents[3] / "data" / "spectra"

#: SOLAR_IRRADIANCE in the products of Sentinel-2A [W m-2 um-1], by Thuillier 2003
PUBLISHED = {"3": 1823.24, "4": 1512.06, "8A": 955.32}


def response(band: str) -> SpectralResponse:
    rows = [line.split(",") for line in (DATA / "sentinel2a_responses.csv").read_text().split()[1:]]
    table = np.array([[float(nm), float(value)] for name, nm, value in rows if name == band])
    return SpectralResponse(
        wavelength_nm=table[:, 0], response=Quantity(value=table[:, 1], unit="1")
    )


@pytest.mark.others
@pytest.mark.parametrize("band", PUBLISHED)
def test_band_values_are_those_of_sentinel_2(band: str, compared: Recorder) -> None:
    nm, value = np.loadtxt(DATA / "thuillier2003.csv", delimiter=",", skiprows=1, unpack=True)
    seen = response(band)
    near = (nm >= seen.wavelength_nm[0] - 1.5) & (nm <= seen.wavelength_nm[-1] + 1.5)
    found = band_average(seen, Spectrum(nm[near], value[near], name="Thuillier 2003"))
    products = "Sentinel-2A's products"
    what = "solar irradiance in bands, Thuillier 2003"
    compared(what, products, abs(found / PUBLISHED[band] - 1), 2e-4, "relative")
    # TSIS-1 differs from Thuillier by up to some percent, as its authors say
    apart = abs(band_average(seen, solar_spectrum()) / PUBLISHED[band] - 1)
    compared("solar irradiance in bands, TSIS-1", products, apart, 0.03, "relative")


def test_the_suns_spectrum_adds_up() -> None:
    """Nearly all of the solar constant (1361 W m-2) lies between 300 and 2500 nm."""
    sun = solar_spectrum()
    total = np.trapezoid(sun.value, sun.wavelength_nm) / 1000.0
    assert 0.94 * 1361.0 < total < 0.97 * 1361.0
    assert sun.u is not None
    assert sun.u[300] / sun.value[300] == pytest.approx(0.003)


def test_a_band_beyond_the_suns_spectrum_is_named() -> None:
    assert band_average(response("4"), solar_spectrum()) > 0
    infrared = SpectralResponse(
        wavelength_nm=np.array([2450.0, 2500.0, 2550.0]),
        response=Quantity(value=np.array([0.5, 1.0, 0.5]), unit="1"),
    )
    with pytest.raises(SpectralRangeError, match="known from 300"):
        band_average(infrared, solar_spectrum())


def lime_file(folder: Path, unit: str = "Irradiances (Wm⁻²nm⁻¹)") -> Path:
    """A file of our own in LIME's format: CIMEL bands first, then the spectrum."""
    head = f"{unit},{unit} uncertainties (k=2)"
    lines = ["LIME coefficients version,20231120_v1", "Interpolation spectrum,ASD"]
    lines += ["moon phase angle (deg),30.1", f"CIMEL Wavelengths (nm),{head}"]
    lines += ["440.0,2.1e-06,4e-08", f"Wavelengths (nm),{head}"]
    lines += [f"{nm},{2e-6 + 1e-9 * nm},{4e-8}" for nm in range(400, 1001, 10)]
    path = folder / "irr.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_limes_file_is_read(tmp_path: Path) -> None:
    found = read_lime(lime_file(tmp_path))
    assert found.wavelength_nm.size == 61
    assert np.interp(650.0, found.wavelength_nm, found.value) == pytest.approx(2.65e-3)
    # stated with k = 2
    assert found.u is not None
    assert found.u[0] == pytest.approx(2e-5)
    red = irradiance_in_band(response("4"), found)
    assert red.number == pytest.approx(2.665e-3, rel=2e-3)
    assert red.u == pytest.approx(2e-5)
    with pytest.raises(InputError, match="no uncertainty"):
        irradiance_in_band(response("4"), Spectrum(found.wavelength_nm, found.value))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"W m⁻² nm⁻¹"):
        read_lime(lime_file(tmp_path, "Reflectances (Fractions of unity)"))
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no table of wavelength"):
        read_lime(other)
    with pytest.raises(InputError, match="cannot be read"):
        read_lime(tmp_path / "absent.csv")


def test_lime_that_is_not_there_is_named() -> None:
    geometry = MoonGeometry(30.0, 0.0, 0.0, 30.0)
    with pytest.raises(ProgramError, match="has to be installed"):
        lime_irradiance(geometry, program="lime-that-nobody-has")
    # a program that is there, but is not LIME
    with pytest.raises(ProgramError, match="the rule is 0 and a file"):
        lime_irradiance(geometry, program="true")
    with pytest.raises(InputError, match="phase_deg is 95"):
        lime_irradiance(MoonGeometry(95.0, 0.0, 0.0, 95.0), program="true")
