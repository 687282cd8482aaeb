"""RadCalNet's format, on a file of our own that holds some published numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from support.comparisons import Recorder

from boresight.errors import InputError, ValidityError
from boresight.io.radcalnet import read_radcalnet

#: Baotou, 2018 day 148, reflectance at the top of the atmosphere at 03:30, 04:00 and 04:30 UTC as
#: RadCalNet published it (BTCN02_2018_148_v02.03.output); 9998 and 9999 stand for "none"
PUBLISHED = {
    400: ("9998", "0.1872", "0.1882"),
    550: ("9998", "0.2011", "0.2052"),
    760: ("9998", "0.1785", "0.1825"),
    1000: ("9998", "0.2047", "0.2101"),
    1010: ("9998", "9999", "9999"),
}
#: published at 400 nm, our own beyond
UNCERTAINTY = {
    400: ("9998", " 0.0027", " 0.0023"),
    550: ("9998", " 0.0050", " 0.0050"),
    760: ("9998", " 0.0050", " 0.0050"),
    1000: ("9998", " 0.0050", " 0.0050"),
    1010: ("9998", "9999", "9999"),
}


def text() -> str:
    weather = {
        "P": ("869", "869", "868"),
        "T": ("291.490", "292.070", "292.350"),
        "WV": ("0.5599", "0.5938", "0.6476"),
        "O3": ("280", "280", "280"),
        "AOD": ("0.3931", "0.2981", "9999"),
        "Ang": ("0.0331", "0.0658", "0.0752"),
    }
    # real files end some lines with a tab, others not
    lines = ["Site:\tBTCN02", "Lat:\t40.85486", "Lon:\t109.6272", "Alt:\t1270", ""]
    lines += ["Year:\t2018\t2018\t2018\t", "DOY(U):\t148\t148\t148\t", "UTC:\t03:30\t04:00\t04:30"]
    lines += ["DOY(L):\t148\t148\t148\t", "Local:\t11:30\t12:00\t12:30"]
    lines += [f"{name}:\t" + "\t".join(values) + "\t" for name, values in weather.items()]
    lines += ["Type:\tR\tR\tR"]
    lines += [f"{nm}\t" + "\t".join(values) for nm, values in PUBLISHED.items()]
    lines += [""]
    lines += [f"{name}:\t" + "\t".join(values) + "\t" for name, values in weather.items()]
    lines += [f"{nm}\t" + "\t".join(values) for nm, values in UNCERTAINTY.items()]
    return "\r\n".join(lines) + "\r\n"


def write(folder: Path, content: str, name: str = "BTCN02_2018_148_v02.03.output") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


@pytest.mark.others
def test_published_numbers_are_read(tmp_path: Path, compared: Recorder) -> None:
    day = read_radcalnet(write(tmp_path, text()))
    assert (day.site, day.kind) == ("BTCN02", "toa")
    assert (day.lon_deg, day.lat_deg, day.altitude_m) == (109.6272, 40.85486, 1270.0)
    assert day.times[1] == dt.datetime(2018, 5, 28, 4, 0, tzinfo=dt.UTC)
    np.testing.assert_array_equal(day.wavelength_nm, [400, 550, 760, 1000, 1010])
    # what the site published that day, as printed there
    published = np.array([[float(v) for v in PUBLISHED[nm][1:]] for nm in (400, 550, 760, 1000)])
    apart = np.abs(day.reflectance[:4, 1:] - published).max()
    compared("reflectance of a site's day", "RadCalNet, BTCN02 2018-148", apart, 1e-12, "1")
    assert np.isnan(day.reflectance[:, 0]).all()
    assert np.isnan(day.reflectance[4]).all()
    assert day.u_reflectance[0, 1] == 0.0027
    assert day.weather["WV"][1] == 0.5938
    assert np.isnan(day.weather["AOD"][2])


def test_spectrum_between_two_measurements(tmp_path: Path) -> None:
    day = read_radcalnet(write(tmp_path, text()))
    found = day.spectrum_at(dt.datetime(2018, 5, 28, 4, 15, tzinfo=dt.UTC))
    np.testing.assert_array_equal(found.wavelength_nm, [400, 550, 760, 1000])
    assert found.value[1] == pytest.approx((0.2011 + 0.2052) / 2)
    assert found.u is not None
    assert found.u[0] == pytest.approx(0.0025)
    exact = day.spectrum_at(dt.datetime(2018, 5, 28, 4, 30, tzinfo=dt.UTC))
    assert exact.value[1] == pytest.approx(0.2052)
    # 03:30 has no reflectance, so nothing is known before 04:00
    with pytest.raises(ValidityError, match="one on either side"):
        day.spectrum_at(dt.datetime(2018, 5, 28, 3, 45, tzinfo=dt.UTC))
    with pytest.raises(ValidityError, match="time zone"):
        day.spectrum_at(dt.datetime(2018, 5, 28, 4, 15))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Lat:\t40.85486", "Lat:\tnorth"),
        ("UTC:\t03:30\t04:00\t04:30", "UTC:\t03:30\t04:00"),
        ("550\t9998\t0.2011\t0.2052", "550\t9998\t0.2011"),
        ("760\t9998\t0.1785", "550\t9998\t0.1785"),
        ("Site:\tBTCN02\r\n", ""),
        ("\r\n\r\n", "\r\n"),
    ],
    ids=["number", "times", "values", "twice", "site", "parts"],
)
def test_other_files_are_refused(tmp_path: Path, old: str, new: str) -> None:
    content = text()
    assert read_radcalnet(write(tmp_path, content)).site == "BTCN02"
    assert old in content
    with pytest.raises(InputError):
        read_radcalnet(write(tmp_path, content.replace(old, new)))


def test_names_and_bytes_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\.csv'; the rule is \.input or \.output"):
        read_radcalnet(write(tmp_path, text(), "a.csv"))
    with pytest.raises(InputError, match="cannot be read"):
        read_radcalnet(tmp_path / "absent.output")
    assert read_radcalnet(write(tmp_path, text(), "a.input")).kind == "surface"
    (tmp_path / "b.output").write_bytes(b"\xff\xfe" + text().encode())
    with pytest.raises(InputError, match="cannot be read"):
        read_radcalnet(tmp_path / "b.output")
