"""The pair: truth, registration, occlusion, determinism, what is on record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from boresight.errors import InputError
from boresight.simulate import (
    PairConfig,
    Scene,
    SimulatedPair,
    make_camera,
    make_scene,
    simulate_pair,
)
from boresight.simulate.rendering import Renderer
from boresight.simulate.terrain import fractal, truth_grid

SMALL = PairConfig(size_px=320, seed=3)


@pytest.fixture(scope="module")
def pair() -> SimulatedPair:
    return simulate_pair(SMALL)


def truth_points(pair: SimulatedPair) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, _, c, _, e, f = pair.transform
    rows, cols = np.indices(pair.truth.shape)
    to_geographic = Transformer.from_crs(pair.epsg, 4326, always_xy=True)
    lon, lat = to_geographic.transform(c + (cols + 0.5) * a, f + (rows + 0.5) * e)
    return lon, lat, pair.truth.astype(float)


def seen(image: np.ndarray, rpc, points) -> np.ndarray:  # type: ignore[no-untyped-def]
    row, col = rpc.project(*points)
    return map_coordinates(image.astype(float), [row - 0.5, col - 0.5], order=1, cval=np.nan)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    assert both.sum() > 30_000
    return float(np.corrcoef(a[both], b[both])[0, 1])


def test_same_point_looks_the_same_in_both_images(pair: SimulatedPair) -> None:
    points = truth_points(pair)
    left, right = seen(pair.left, pair.rpc_left, points), seen(pair.right, pair.rpc_right, points)
    registered = correlation(left, right)
    assert registered > 0.95
    # and it is the truth that registers them: neither other heights nor other models do
    higher = (points[0], points[1], points[2] + 5.0)
    assert (
        correlation(
            seen(pair.left, pair.rpc_left, higher), seen(pair.right, pair.rpc_right, higher)
        )
        < registered - 0.1
    )
    nominal = seen(pair.left, pair.rpc_left_nominal, points)
    assert correlation(nominal, right) < registered - 0.1


def test_offset_of_registration_is_subpixel(pair: SimulatedPair) -> None:
    """Moving one image by a tenth of a pixel in any direction makes it worse."""
    points = truth_points(pair)
    left = seen(pair.left, pair.rpc_left, points)
    row, col = pair.rpc_right.project(*points)

    def score(d_row: float, d_col: float) -> float:
        right = map_coordinates(
            pair.right.astype(float), [row - 0.5 + d_row, col - 0.5 + d_col], order=3, cval=np.nan
        )
        return correlation(left, right)

    steps = np.array([-0.4, 0.0, 0.4])
    for axis in (0, 1):
        values = [score(*(s if k == axis else 0.0 for k in (0, 1))) for s in steps]
        below, middle, above = values
        peak = 0.4 * 0.5 * (below - above) / (below - 2 * middle + above)
        assert abs(peak) < 0.1


def test_truth_is_the_surface_at_pixel_centres() -> None:
    scene = make_scene(SMALL)
    heights, transform = truth_grid(scene)
    pixel, _, west, _, minus, north = transform
    assert (pixel, minus) == (0.5, -0.5)
    # the map grid is aligned to whole pixels, as CARS aligns its own
    assert west % pixel == 0
    assert north % pixel == 0
    # node (2 i + 1, 2 j + 1) lies in the middle of pixel (i, j)
    x = west + (7 + 0.5) * pixel
    y = north + (11 + 0.5) * minus
    node_col, node_row = (x - scene.west_m) / scene.step_m, (scene.north_m - y) / scene.step_m
    assert heights[11, 7] == scene.heights[round(node_row), round(node_col)]
    assert node_row == pytest.approx(round(node_row), abs=1e-6)


def test_relief_and_level_are_as_asked() -> None:
    scene = make_scene(PairConfig(size_px=256, buildings_per_km2=0, relief_m=25, base_height_m=900))
    assert np.ptp(scene.heights) == pytest.approx(25.0, abs=1e-2)
    assert scene.heights.mean() == pytest.approx(900.0, abs=1e-2)


def test_flat_ground_is_flat() -> None:
    scene = make_scene(PairConfig(size_px=128, buildings_per_km2=0, relief_m=0))
    assert np.ptp(scene.heights) < 1e-3


def step_scene(height_m: float) -> Scene:
    """A plateau in the north half: its southern wall hides or shows the ground."""
    base = make_scene(PairConfig(size_px=128, relief_m=0, buildings_per_km2=0))
    middle = base.heights.shape[0] // 2
    heights = np.full_like(base.heights, 200.0)
    heights[:middle] += height_m
    brightness = np.full_like(heights, 0.2)
    brightness[:middle] = 0.8
    return Scene(heights, brightness, base.west_m, base.north_m, base.step_m, base.epsg)


@pytest.mark.parametrize("side", ["left", "right"])
def test_rays_stop_at_what_they_meet_first(side: str) -> None:
    scene = step_scene(20.0)
    camera = make_camera(PairConfig(size_px=128), side, bias=False, distortion=False, jitter=False)
    rows = np.arange(128) + 0.5
    brightness, height = Renderer.of(scene).trace(camera, rows, rows)
    assert np.isfinite(height).all()
    # where the ray meets 200 m and 220 m tells which it must have met first
    to_map = Transformer.from_crs(4326, scene.epsg, always_xy=True)
    wall = scene.north_m - (scene.heights.shape[0] // 2) * scene.step_m
    lower = np.array(to_map.transform(*camera.localize(rows[:, None], rows[None], 200.0))[1])
    upper = np.array(to_map.transform(*camera.localize(rows[:, None], rows[None], 220.0))[1])
    clear = 3 * scene.step_m
    on_top, on_ground = upper > wall + clear, (upper < wall - clear) & (lower < wall - clear)
    assert on_top.any()
    assert on_ground.any()
    assert np.abs(height[on_top] - 220.0).max() < 1e-2
    assert np.abs(height[on_ground] - 200.0).max() < 1e-2
    assert np.abs(brightness[on_top] - 0.8).max() < 1e-3
    hidden = (upper < wall - clear) & (lower > wall + clear)
    if side == "right":
        # from the south the wall itself is seen, at heights in between
        assert hidden.any()
        assert ((height[hidden] > 199.9) & (height[hidden] < 220.1)).all()
        assert np.ptp(height[hidden]) > 5.0
    else:
        assert not hidden.any()


def test_heights_seen_lie_on_the_surface() -> None:
    scene = make_scene(SMALL)
    camera = make_camera(SMALL, "right")
    rows = np.linspace(5.5, 314.5, 40)
    cols = np.linspace(5.5, 314.5, 60)
    _, height = Renderer.of(scene).trace(camera, rows, cols)
    lon, lat = camera.localize(rows[:, None], cols[None], height)
    x, y = Transformer.from_crs(4326, scene.epsg, always_xy=True).transform(lon, lat)
    surface = map_coordinates(
        scene.heights,
        [(scene.north_m - y) / scene.step_m, (x - scene.west_m) / scene.step_m],
        order=1,
    )
    assert np.median(np.abs(surface - height)) < 2e-3
    # walls are a quarter of a metre wide and metres high: a hair sideways is much
    assert np.percentile(np.abs(surface - height), 95) < 5e-2


def test_leaving_the_scene_is_an_error() -> None:
    scene = make_scene(PairConfig(size_px=128))
    far = make_camera(PairConfig(size_px=128, bias_left_urad=(900.0, 0, 0)), "left")
    with pytest.raises(InputError, match="leave the scene"):
        Renderer.of(scene).image(far, 0.5)


def test_bit_equal_by_seed_whatever_the_threads(pair: SimulatedPair) -> None:
    again = simulate_pair(SMALL, threads=1)
    assert np.array_equal(pair.left, again.left)
    assert np.array_equal(pair.right, again.right)
    assert np.array_equal(pair.truth, again.truth)
    assert pair.rpc_left == again.rpc_left
    assert pair.meta == again.meta
    other = simulate_pair(PairConfig(size_px=320, seed=4))
    assert not np.array_equal(pair.left, other.left)


def test_everything_injected_is_on_record(pair: SimulatedPair) -> None:
    meta = json.loads(json.dumps(pair.meta))
    assert meta["config"]["bias_left_urad"] == list(SMALL.bias_left_urad)
    assert meta["config"]["noise_b"] == SMALL.noise_b
    assert meta["rpc_max_residual_px"]["left_nominal"] < 1e-6
    assert meta["prnu_rms"] == pytest.approx(SMALL.prnu_rms, rel=0.05)
    assert pair.base_to_height == pytest.approx(2 * np.tan(np.radians(8.0)))


def test_southern_hemisphere_and_progress() -> None:
    calls: list[tuple[float, str]] = []
    config = PairConfig(size_px=256, lon_deg=-70.3, lat_deg=-33.4, base_height_m=2800.0)
    south = simulate_pair(config, lambda share, what: calls.append((share, what)))
    assert south.epsg == 32719
    points = truth_points(south)
    left, right = (
        seen(south.left, south.rpc_left, points),
        seen(south.right, south.rpc_right, points),
    )
    assert correlation(left, right) > 0.93
    shares = [share for share, _ in calls]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("beta", [0.8, 1.6, 3.6])
def test_fractal_has_its_power_law(beta: float) -> None:
    field = fractal(512, beta, np.random.default_rng(2)).astype(float)
    assert abs(field.mean()) < 1e-4
    assert field.std() == pytest.approx(1.0, abs=1e-3)
    power = np.abs(np.fft.rfft2(field)) ** 2
    frequency = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.rfftfreq(512)[None])
    band = (frequency > 0.02) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-beta, abs=0.05)
