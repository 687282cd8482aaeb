"""The virtual sensor: where its pixels are in the real frame, by the simulator's lines of sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.scenes import waves

from boresight.errors import InputError, NonConvergenceError, ParameterSetError
from boresight.geometry import FocalPlane, VirtualSensor, interpolate, viewing_directions
from boresight.geometry.focal_plane import basis
from boresight.instrument import Band, Quantity, RollingShutter, Vibration
from boresight.simulate import Camera, PairConfig, make_camera

SIZE_PX = 400
CONFIG = replace(
    PairConfig(), size_px=SIZE_PX, jitter_urad=0.6, jitter_hz=300.0, bias_left_urad=(0.0, 0.0, 0.0)
)


def known_band(camera: Camera) -> Band:
    """Parameters of a camera, from its lines of sight on a grid: nothing is estimated."""
    grid = np.linspace(0, SIZE_PX, 30)
    row, col = (v.ravel() for v in np.meshgrid(grid, grid, indexing="ij"))
    still = replace(camera, jitter=(0.0, 0.0, 0.0, 0.0))
    seen = still.los_ecef(row, col) @ camera.axes_ecef
    offset = camera.focal_px * seen[:, :2] / seen[:, 2:] + SIZE_PX / 2
    plane = FocalPlane.ideal((SIZE_PX, SIZE_PX), 3)
    terms = basis(*plane.normalised(row, col), 3)
    fit = np.linalg.lstsq(terms, np.stack([offset[:, 0] - col, offset[:, 1] - row], 1), rcond=None)
    plane = FocalPlane((SIZE_PX, SIZE_PX), 3, fit[0][:, 0], fit[0][:, 1])
    amplitude, frequency, phase, line_time = camera.jitter
    return Band(
        name="pan",
        viewing_directions=viewing_directions(plane, camera.focal_px),
        rolling_shutter=RollingShutter(
            line_time_s=Quantity(value=line_time, unit="s"),
            frame_delay_s=Quantity(value=0.0, unit="s"),
            vibration=Vibration(
                frequency_hz=Quantity(value=frequency, unit="Hz"),
                amplitude_rad=Quantity(value=np.array([amplitude, 0.6 * amplitude]), unit="rad"),
                phase_rad=Quantity(value=np.array([phase, phase]), unit="rad"),
            ),
        ),
    )


def test_a_virtual_pixel_looks_where_an_ideal_one_does() -> None:
    camera = make_camera(CONFIG, "left")
    sensor = VirtualSensor.of(known_band(camera), camera.focal_px)
    rows, cols = sensor.virtual_shape
    assert rows == cols == SIZE_PX - 2 * sensor.margin_px
    row, col = sensor.source(100, 140)
    assert row.shape == (40, cols)
    ideal = make_camera(CONFIG, "left", distortion=False, jitter=False)
    want_row = np.arange(100, 140)[:, None] + 0.5 + sensor.margin_px + np.zeros(cols)
    want_col = np.arange(cols)[None] + 0.5 + sensor.margin_px + np.zeros((40, 1))
    apart = camera.los_ecef(row, col) - ideal.los_ecef(want_row, want_col)
    assert np.abs(apart).max() * camera.focal_px < 1e-4  # px
    # it does something: pixels move by more than one
    assert np.hypot(row - want_row, col - want_col).max() > 1.0
    # rows come out alike, whichever strip they are of
    np.testing.assert_allclose(sensor.source(120, 125)[0], row[20:25], atol=1e-9)


def test_every_source_lies_in_the_frame() -> None:
    camera = make_camera(CONFIG, "left")
    sensor = VirtualSensor.of(known_band(camera), camera.focal_px)
    row, col = sensor.source(0, sensor.virtual_shape[0])
    for place in (row, col):
        assert place.min() > 0.5
        assert place.max() < SIZE_PX - 0.5


@pytest.mark.parametrize("shift", [0.0, 0.31, -0.5])
def test_interpolation_of_a_known_texture(shift: float) -> None:
    image, moved = waves(200, (0.0, 0.0), seed=3), waves(200, (-shift, shift), seed=3)
    row, col = (v + 0.5 for v in np.meshgrid(np.arange(20, 180), np.arange(20, 180), indexing="ij"))
    found = interpolate(image, row + shift, col - shift)
    error = found - moved[20:180, 20:180]
    # spread of the texture: 300 DN, much of it near the Nyquist frequency
    assert np.sqrt(np.mean(error**2)) < (1e-3 if shift == 0 else 6.0)


def test_a_strip_with_its_halo_gives_what_the_whole_image_gives() -> None:
    from boresight.geometry.virtual_sensor import HALO_PX

    image = waves(200, (0.0, 0.0), seed=5)
    row, col = np.meshgrid(np.linspace(100, 120, 41), np.linspace(30, 170, 99), indexing="ij")
    whole = interpolate(image, row, col)
    strip = interpolate(image[100 - HALO_PX : 120 + HALO_PX], row - 100 + HALO_PX, col)
    assert np.abs(whole - strip).max() < 0.05  # DN of 1000


def test_refusals() -> None:
    camera = make_camera(CONFIG, "left")
    band = known_band(camera)
    VirtualSensor.of(band, camera.focal_px)
    with pytest.raises(ParameterSetError, match="no viewing directions"):
        VirtualSensor.of(Band(name="pan"), camera.focal_px)
    with pytest.raises(InputError, match="focal_px is 0"):
        VirtualSensor.of(band, 0.0)
    sensor = VirtualSensor.of(band, camera.focal_px)
    sensor.source(0, 5)
    # waves so short and high that rows fold over
    steep = replace(sensor, wave=(3.0, 2.0, 0.0, 2.0, 0.0))
    with pytest.raises(NonConvergenceError, match="px off"):
        steep.source(0, 5)
