"""Daily files of one's own, written in RadCalNet's format."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from boresight.errors import InputError
from boresight.io.radcalnet import RadCalNetDay, read_radcalnet, write_radcalnet

NOON = dt.datetime(2026, 3, 2, 23, 30, tzinfo=dt.UTC)
NONE = {name: np.array([np.nan, np.nan]) for name in ("P", "T", "WV", "O3", "AOD", "Ang")}
DAY = RadCalNetDay(
    site="SIMU00",
    kind="toa",
    lon_deg=15.1196,
    lat_deg=-23.6002,
    altitude_m=510.0,
    times=(NOON, NOON + dt.timedelta(minutes=30)),
    wavelength_nm=np.array([400.0, 410.0, 1000.0]),
    reflectance=np.array([[0.2, 0.21], [np.nan, 0.22], [0.3, 0.31]]),
    u_reflectance=np.full((3, 2), 0.005),
    weather=NONE | {"T": np.array([291.5, 292.25])},
    u_weather=NONE,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write_radcalnet(DAY, tmp_path)
    assert path.name == "SIMU00_2026_061_v00.00.output"
    found = read_radcalnet(path)
    assert (found.site, found.kind, found.times) == (DAY.site, DAY.kind, DAY.times)
    assert (found.lon_deg, found.lat_deg, found.altitude_m) == (15.1196, -23.6002, 510.0)
    np.testing.assert_array_equal(found.wavelength_nm, DAY.wavelength_nm)
    np.testing.assert_array_equal(found.reflectance, DAY.reflectance)
    np.testing.assert_array_equal(found.u_reflectance, DAY.u_reflectance)
    np.testing.assert_array_equal(found.weather["T"], DAY.weather["T"])
    assert np.isnan(found.weather["AOD"]).all()


def test_nothing_is_written_over_and_shapes_are_checked(tmp_path: Path) -> None:
    path = write_radcalnet(DAY, tmp_path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="already"):
        write_radcalnet(DAY, tmp_path)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="wavelengths and times"):
        write_radcalnet(replace(DAY, times=DAY.times[:1]), tmp_path)
