"""Derivatives in closed form against central differences of the projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from support.frames import biased, designed

from boresight.geometry import FocalPlane, FrameCamera, FrameImage, ImageModel, RpcImage
from boresight.geometry.camera import geodetic_to_ecef, rotation_matrix
from boresight.geometry.focal_plane import degrees
from boresight.geometry.linearisation import by_geodetic, right_jacobian
from boresight.io import read_rpc

FloatArray = NDArray[np.float64]

#: of the largest derivative of its kind; the differences themselves are no better
RELATIVE = 1e-6


def differences(of: Callable[[FloatArray], FloatArray], at: FloatArray, steps: FloatArray):
    """Central differences by the last axis of ``at``, of fourth order."""
    columns = []
    for k, step in enumerate(steps):
        change = np.zeros_like(at)
        change[..., k] = step
        near = of(at + change) - of(at - change)
        far = of(at + 2 * change) - of(at - 2 * change)
        columns.append((8.0 * near - far) / (12.0 * step))
    return np.stack(columns, axis=-1)


def camera(turn: tuple[float, float, float] = (2e-5, -1e-5, 1e-3)) -> FrameCamera:
    """As designed, but for its attitude and a focal plane of the third degree."""
    ideal = designed(biased("left", (0.0, 0.0, 0.0)))
    rng = np.random.default_rng(5)
    count = len(degrees(3))
    plane = FocalPlane((1000, 1000), 3, rng.normal(size=count), rng.normal(size=count))
    return replace(ideal, focal_plane=plane, attitude_rad=np.array(turn))


def model(kind: str) -> tuple[ImageModel, FloatArray]:
    rpc = designed(biased("left", (0.0, 0.0, 0.0))).fit_rpc((100.0, 400.0)).rpc
    return {
        "bias": (RpcImage(rpc), np.array([1.5, -2.0])),
        "affine": (RpcImage(rpc, "affine"), np.array([1, 0.4, -0.2, 2, 0.3, 0.1])),
        "attitude": (FrameImage(camera()), np.array([1e-5, -2e-5, 3e-4])),
        "large turn": (FrameImage(camera((0.0, 0.0, 0.3))), np.array([1e-3, -2e-3, 0.2])),
        "boresight": (
            FrameImage(camera(), boresight=True),
            np.array([2e-5, 1e-5, -0.1, -1e-5, 3e-5, 0.2]),
        ),
    }[kind]


def check(image: ImageModel, values: FloatArray, places: FloatArray) -> None:
    seen = image.linearise(values, *places.T)
    plain = np.stack(image.project(values, *places.T), axis=-1)
    np.testing.assert_allclose(np.stack([seen.row, seen.col], axis=-1), plain, rtol=0, atol=1e-7)
    by_value = differences(
        lambda v: np.stack(image.project(v, *places.T), axis=-1), values, image.steps
    )
    by_ground = differences(
        lambda p: np.stack(image.project(values, *p.T), axis=-1),
        places,
        np.array([2e-4, 2e-4, 20.0]),  # about 20 m each
    )
    for found, expected in ((seen.by_value, by_value), (seen.by_ground, by_ground)):
        scale = np.abs(expected).max(axis=(0, 1))
        assert (scale > 0).all()
        assert (np.abs(found - expected) / scale).max() < RELATIVE


@pytest.mark.parametrize("kind", ["bias", "affine", "attitude", "large turn", "boresight"])
def test_derivatives_of_images(kind: str) -> None:
    image, values = model(kind)
    rng = np.random.default_rng(1)
    centre = designed(biased("left", (0.0, 0.0, 0.0))).localize(500.0, 500.0, 250.0)
    places = np.array([*(float(v) for v in centre), 250.0])
    places = places + rng.uniform(-1, 1, (40, 3)) * [2e-3, 2e-3, 100.0]
    check(image, values, places)


@pytest.mark.parametrize(
    ("folder", "name"), [("gizeh", "img2"), ("ventoux", "left_image"), ("ventoux", "right_image")]
)
def test_derivatives_of_real_rational_models(real_data: Path, folder: str, name: str) -> None:
    rpc = read_rpc(real_data / folder / f"{name}.tif")
    rng = np.random.default_rng(2)
    height = rpc.height_off + rpc.height_scale * rng.uniform(-0.9, 0.9, 60)
    row = rpc.row_off + rpc.row_scale * rng.uniform(-0.9, 0.9, 60)
    col = rpc.col_off + rpc.col_scale * rng.uniform(-0.9, 0.9, 60)
    lon, lat = rpc.localize(row, col, height)
    check(RpcImage(rpc), np.array([0.3, -0.2]), np.stack([lon, lat, height], axis=-1))


@given(arrays(float, 3, elements=st.floats(-1.5, 1.5)))
@settings(max_examples=60, deadline=None)
def test_turn_after_a_turn(vector: FloatArray) -> None:
    by_vector = differences(
        lambda v: (rotation_matrix(vector).T @ rotation_matrix(v)).ravel(),
        vector,
        np.full(3, 1e-3),
    )
    # a small turn a has the matrix 1 + [a]x
    small = np.stack([by_vector[7], by_vector[2], by_vector[3]])
    np.testing.assert_allclose(right_jacobian(vector), small, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("lon", "lat"), [(5.2, 44.2), (-179.9999, -33.0), (31.1, 0.0)])
def test_earth_fixed_coordinates(lon: float, lat: float) -> None:
    place = np.array([[lon, lat, 300.0]])
    by = differences(lambda p: geodetic_to_ecef(*p.T), place, np.array([1e-3, 1e-3, 100.0]))
    found = by_geodetic(*place.T)
    assert np.abs(found - by).max() < 1e-7 * np.abs(by).max()
