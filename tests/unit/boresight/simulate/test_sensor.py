"""Lines of sight, ellipsoid and RPC fit: against PROJ, round trips, stated residuals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from boresight.errors import InputError, NonConvergenceError
from boresight.simulate import PairConfig, fit_rpc, make_camera, utm_epsg
from boresight.simulate.sensor import ecef_to_geodetic, geodetic_to_ecef

TO_ECEF = Transformer.from_crs(4979, 4978, always_xy=True)


@settings(max_examples=100, deadline=None)
@given(lon=st.floats(-180, 180), lat=st.floats(-90, 90), height=st.floats(-500, 9000))
def test_ellipsoid_agrees_with_proj(lon: float, lat: float, height: float) -> None:
    ours = geodetic_to_ecef(lon, lat, height)
    assert np.allclose(ours, TO_ECEF.transform(lon, lat, height), atol=1e-6, rtol=0)
    back = geodetic_to_ecef(*ecef_to_geodetic(ours))
    assert np.abs(back - ours).max() < 1e-6


def test_centre_looks_at_the_scene() -> None:
    config = PairConfig()
    for side in ("left", "right"):
        camera = make_camera(config, side, bias=False, distortion=False, jitter=False)
        lon, lat = camera.localize(500.0, 500.0, config.base_height_m)
        assert float(lon) == pytest.approx(config.lon_deg, abs=1e-9)
        assert float(lat) == pytest.approx(config.lat_deg, abs=1e-9)


def test_rows_go_south_and_columns_east() -> None:
    camera = make_camera(PairConfig(), "left")
    lon, lat = camera.localize([10.0, 990.0, 10.0], [10.0, 10.0, 990.0], 200.0)
    assert lat[1] < lat[0]
    assert lon[2] > lon[0]


def test_a_point_lies_on_its_line_of_sight() -> None:
    camera = make_camera(PairConfig(), "left")
    lon, lat = camera.localize([0.0, 700.0], [1000.0, 3.0], [150.0, 900.0])
    point = geodetic_to_ecef(lon, lat, [150.0, 900.0])
    along = point - camera.position_ecef
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    # 1e-9 rad from 507 km is half a millimetre
    assert np.abs(along - camera.los_ecef([0.0, 700.0], [1000.0, 3.0])).max() < 1e-9


def test_injected_bias_moves_the_ground_point_as_much() -> None:
    config = replace(PairConfig(), bias_left_urad=(10.0, 0.0, 0.0))
    points = [
        make_camera(config, "left", bias=bias, distortion=False, jitter=False).localize(
            500.0, 500.0, 200.0
        )
        for bias in (False, True)
    ]
    east = (points[1][0] - points[0][0]) * 111_320 * np.cos(np.radians(config.lat_deg))
    distance = config.altitude_m / np.cos(np.radians(config.incidence_deg))
    assert float(east) == pytest.approx(10e-6 * distance, rel=5e-3)


def test_line_of_sight_that_misses_the_earth() -> None:
    camera = make_camera(PairConfig(), "left")
    away = replace(camera, axes_ecef=camera.axes_ecef * np.array([1, 1, -1]))
    with pytest.raises(NonConvergenceError, match="miss the Earth"):
        # looking up, both intersections lie behind; a grazing ray has none
        replace(away, bias_rad=(50.0, 0.0, 0.0)).localize(500.0, 500.0, 200.0)


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [(1.44, 43.6, 32631), (-70.3, -33.4, 32719), (179.999, -17.0, 32760), (-180.0, 5.0, 32601)],
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_rpc_fits_the_camera(lon: float, lat: float, epsg: int, side: str) -> None:
    config = PairConfig(lon_deg=lon, lat_deg=lat)
    assert utm_epsg(lon, lat) == epsg
    camera = make_camera(config, side, jitter=False)
    fit = fit_rpc(camera, (170.0, 240.0))
    assert fit.max_residual_px < 1e-3
    # at points that the fit has not seen
    rng = np.random.default_rng(5)
    row, col = rng.uniform(0, 1000, (2, 500))
    height = rng.uniform(130.0, 280.0, 500)
    found = fit.rpc.project(*camera.localize(row, col, height), height)
    assert np.hypot(found[0] - row, found[1] - col).max() < 1e-3


def test_rpc_of_the_design_is_nearly_exact() -> None:
    camera = make_camera(PairConfig(), "left", bias=False, distortion=False, jitter=False)
    assert fit_rpc(camera, (170.0, 240.0)).max_residual_px < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size_px": 10}, "size_px is 10; the rule is 128 to 20000 px"),
        ({"size_px": 500.5}, "whole number"),
        ({"gsd_m": 0.0}, "gsd_m is 0.0"),
        ({"gsd_m": float("nan")}, "gsd_m is nan"),
        ({"incidence_deg": 0.0}, "incidence_deg"),
        ({"lat_deg": 85.0}, "lat_deg is 85.0; the rule is -79 to 83 deg"),
        ({"relief_m": -1.0}, "relief_m"),
        ({"noise_a": -1.0}, "noise_a"),
        ({"seed": -1}, "seed"),
        ({"bias_left_urad": (1.0, 2.0)}, "3 numbers"),
        ({"distortion_px": ((0.0,) * 7,)}, "columns and rows"),
        ({"distortion_px": ((0.0,) * 7, (float("nan"),) * 7)}, "7 numbers"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else None,
)
def test_degenerate_configurations_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PairConfig(**change)  # type: ignore[arg-type]
