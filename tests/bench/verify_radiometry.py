"""Radiometry against what others have published or measured; prints tables and one JSON record.

The Moon: reflectance of ROLO's bands as rimopy 0.4.2 computes it. The Sun: band values that
Sentinel-2A's products state. The air: the corrected tables of Coulson, Dave & Sekera. Lines:
Pearson's data with York's weights. RadCalNet: a site-day's published ground, carried through the
air to what is published above it. Equalisation: columns of a real Pléiades image,
before and after.

uv run --group dev python tests/bench/verify_radiometry.py [--data DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from boresight.instrument import Quantity, SpectralResponse
from boresight.io import read_image
from boresight.io.solar import solar_spectrum
from boresight.radiometry import (
    MoonGeometry,
    Spectrum,
    Surface,
    band_average,
    estimate_gain_yaw_steered,
    fit_line,
    match_histograms,
    molecular_optical_depth,
    molecular_reflectance,
    moon_reflectance,
    moon_wavelengths_nm,
    sun_position,
)

#: what, found, published, largest relative difference that passes
Row = tuple[str, float, float, float]

_SPECTRA = Path(__file__).parents[1] / "data" / "spectra"
_DETECTORS = 150


def moon() -> Iterator[Row]:
    """rimopy 0.4.2 (elref, neither Apollo nor RIMO factors)."""
    wavelengths = list(moon_wavelengths_nm())
    for angles, nm, published in (
        ((7.0, 3.0, -5.0, 6.0), 441.6, 0.081513),
        ((7.0, 3.0, -5.0, 6.0), 865.3, 0.139752),
        ((45.0, -6.5, 4.0, -40.0), 553.8, 0.035728),
        ((85.0, 0.0, 6.5, 85.0), 2383.6, 0.048342),
    ):
        found = moon_reflectance(MoonGeometry(*angles)).value[wavelengths.index(nm)]
        yield f"Moon, phase {angles[0]:g} deg, {nm} nm", float(found), published, 2e-5


def sun() -> Iterator[Row]:
    """Sentinel-2A, SOLAR_IRRADIANCE [W m-2 um-1], by Thuillier 2003; TSIS-1 for comparison."""
    nm, value = np.loadtxt(_SPECTRA / "thuillier2003.csv", delimiter=",", skiprows=1, unpack=True)
    lines = (_SPECTRA / "sentinel2a_responses.csv").read_text().split()[1:]
    rows = [line.split(",") for line in lines]
    for band, published in (("3", 1823.24), ("4", 1512.06), ("8A", 955.32)):
        table = np.array([[float(a), float(b)] for name, a, b in rows if name == band])
        response = SpectralResponse(
            wavelength_nm=table[:, 0], response=Quantity(value=table[:, 1], unit="1")
        )
        near = (nm >= table[0, 0] - 1.5) & (nm <= table[-1, 0] + 1.5)
        found = band_average(response, Spectrum(nm[near], value[near]))
        yield f"Sun, Sentinel-2A B{band}, Thuillier", found, published, 2e-4
        tsis = band_average(response, solar_spectrum())
        yield f"Sun, Sentinel-2A B{band}, TSIS-1", tsis, published, 0.03


def air() -> Iterator[Row]:
    """Natraj, Li & Yung 2009, ApJ 691:1909: optical depth 0.5, cosine of the Sun 0.2."""
    for albedo, mu, azimuth_deg, published in (
        (0.0, 0.40, 0, 0.16889020),
        (0.0, 1.00, 0, 0.05300496),
        (0.0, 0.92, 60, 0.05643322),
        (0.8, 0.40, 60, 0.18923236),
    ):
        found = molecular_reflectance(
            0.5,
            cos_sun=0.2,
            cos_view=mu,
            relative_azimuth_rad=np.pi - np.radians(azimuth_deg),
            surface=Surface(albedo),
            depolarisation=0.0,
        )
        name = f"air over albedo {albedo:g}, view cosine {mu:g}, azimuth {azimuth_deg} deg"
        yield name, float(0.2 * found[0]), published, 2e-4


def radcalnet() -> Iterator[Row]:
    """Baotou, 2018-05-28 07:00 UTC (BTCN02_2018_148): published ground to published top of air."""
    time = datetime(2018, 5, 28, 7, tzinfo=UTC).timestamp()
    sun_then = sun_position(time, lon_deg=109.6272, lat_deg=40.85486)
    for nm, ground, published, u in (
        (450.0, 0.1115, 0.1684, 0.0027),
        (500.0, 0.1419, 0.1725, 0.0031),
        (860.0, 0.1932, 0.1937, 0.0053),
    ):
        found = molecular_reflectance(
            float(molecular_optical_depth(nm, pressure_hpa=868.0)),
            cos_sun=float(np.cos(np.radians(sun_then.zenith_deg))),
            cos_view=1.0,
            relative_azimuth_rad=0.0,
            surface=Surface(ground),
        )
        # the rule is the site's own standard uncertainty
        yield f"RadCalNet Baotou, {nm:g} nm", float(found[0]), published, u / published


def line() -> Iterator[Row]:
    """York et al. 2004, Am. J. Phys. 72:367, table II."""
    x = np.array([0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
    y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
    u_x = 1 / np.sqrt([1000.0, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1.0])
    u_y = 1 / np.sqrt([1.0, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    found = fit_line(x, y, u_x, u_y, through_zero=False)
    yield "line with errors in both, slope", found.slope, -0.480533407, 1e-8
    yield "line with errors in both, intercept", found.intercept, 5.47991022, 1e-8


def columns(data: Path) -> dict[str, dict[str, float]]:
    """Column means of Gizeh's image over those before 1.5 % stripes: standard deviation."""
    image = read_image(data / "gizeh" / "img1.tif").values.squeeze().astype(np.float64)
    rng = np.random.default_rng(6)
    gain = 1.0 + 0.015 * rng.standard_normal(_DETECTORS)
    gain /= gain.mean()
    # up one column of the image and down another, so that the track does not jump
    track = np.concatenate([image[:: 1 - 2 * (k % 2), 80 * k] for k in range(6)])
    lines = track.size - _DETECTORS
    index = np.arange(lines)[:, None] - np.arange(_DETECTORS)[None] + _DETECTORS
    turned = track[index] * gain
    noise = rng.standard_normal(turned.shape) * np.sqrt(4.0 + 0.05 * turned)
    dn = np.clip(np.rint(turned + noise + 64.0), 0, 4095).astype(np.uint16)
    dark = Quantity(value=np.full((1, _DETECTORS), 64.0), unit="DN")
    clean = image[:, :_DETECTORS].mean(axis=0)
    striped = image[:, :_DETECTORS] * gain
    result = {}
    for name, method in (
        ("yaw-steered", estimate_gain_yaw_steered),
        ("histograms", match_histograms),
    ):
        found = method(dn, dark, saturation_dn=4095, lines_per_detector=1.0).gain
        result[name] = {
            "before": float(np.std(striped.mean(axis=0) / clean)),
            "after": float(np.std((striped / found.grid).mean(axis=0) / clean)),
            "stated_u": float(np.sqrt(np.mean(np.square(found.u)))),
        }
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("BORESIGHT_TEST_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default), help="folder with real images")
    options = parser.parse_args()
    rows = [*moon(), *sun(), *air(), *radcalnet(), *line()]
    table = ["| what | here | published | difference | rule |", "|---|---:|---:|---:|---:|"]
    failed = []
    for name, found, published, limit in rows:
        difference = found / published - 1.0
        table.append(
            f"| {name} | {found:.6g} | {published:.6g} | {100 * difference:+.4f} % | "
            f"{100 * limit:.3g} % |"
        )
        if not abs(difference) <= limit:
            failed.append(name)
    stripes = columns(options.data)
    table += [
        "",
        "| columns of Gizeh | before | after | stated u |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {100 * found['before']:.3f} % | {100 * found['after']:.3f} % | "
            f"{100 * found['stated_u']:.3f} % |"
            for name, found in stripes.items()
        ),
    ]
    failed += [name for name, found in stripes.items() if found["after"] > found["before"] / 8]
    sys.stdout.write("\n".join(table) + "\n")
    sys.stdout.write(json.dumps({"compared": len(rows), "columns": stripes, "failed": failed}))
    sys.stdout.write("\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
