"""What becomes of geometry's methods when the instrument has a shape that they do not know.

Part of ``proofs.py --degradations``. Each case has one amount that is nothing: there the error is
what is stated.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from geometry_trials import boresight_of, jitter_of
from scipy import ndimage
from support import frames
from support.scenes import waves

from boresight.geometry import (
    CrossedView,
    FocalPlaneCalibration,
    FrameImage,
    Measurements,
    Points,
    ReferenceView,
    RpcImage,
    adjust,
    calibrate_on_crossed,
    calibrate_on_reference,
    register_bands,
)
from boresight.rpc_fit import fit_rpc_points
from boresight.simulate import Camera, PairConfig, make_camera, see_again
from boresight.validation.degradation import Degradation

#: one seed's answer: error and stated uncertainty (rms over what is looked at), and the misfit
Answer = tuple[float, float, float]

_SIDE = 1000
_GRID = np.linspace(10, _SIDE - 10, 25)


@dataclass(frozen=True)
class _Case:
    method: str
    shape: str
    quantity: str
    unit: str
    amounts: tuple[float, ...]
    amount_unit: str
    of: Callable[[int, float], Answer]
    tells: str = "misfit {:.2f} times what is stated"


def geometry_degradations(n: int = 5) -> Iterator[Degradation]:
    """All cases, each over the seeds 0 to ``n - 1``."""
    for case in _CASES:
        for amount in case.amounts:
            errors, us, misfits = zip(*(case.of(seed, amount) for seed in range(n)), strict=True)
            yield Degradation(
                case.method,
                case.shape,
                f"{amount:g} {case.amount_unit}",
                case.quantity,
                case.unit,
                error=float(np.sqrt(np.mean(np.square(errors)))),
                u=float(np.sqrt(np.mean(np.square(us)))),
                tells=case.tells.format(float(np.mean(misfits))),
            )


def _camera(jitter_px: float = 0.0) -> Camera:
    """Distorted; a microradian is a pixel at half a metre from 500 km."""
    config = PairConfig(jitter_urad=jitter_px, bias_left_urad=(3.0, -2.0, 20.0))
    return make_camera(config, "left", jitter=jitter_px > 0)


def _view(camera: Camera, seed: int) -> ReferenceView:
    rng = np.random.default_rng(seed)
    return frames.views_on_reference(camera, frames.designed(camera), 20, 0.05, rng)


def _field(found: FocalPlaneCalibration, camera: Camera, extra: np.ndarray | None = None) -> Answer:
    """Error over the frame; ``extra`` is in the truth of rows, on the grid of places."""
    still = replace(camera, jitter=(0.0, 0.0, 0.0, 0.0))
    error, u = frames.field_error(found, still, scale=found.scale_known)
    if extra is not None:
        error[0] -= extra
    return float(np.sqrt((error**2).mean())), float(np.sqrt((u**2).mean())), found.sigma0


def _bent_rows(seed: int, shape: Callable[[np.ndarray], np.ndarray]) -> Answer:
    """Rows of the focal plane bent along columns (-1 to 1) by what no cubic has."""
    camera = _camera()
    view = _view(camera, seed)
    bent = view.ideal_row + shape(2.0 * view.col / _SIDE - 1.0)
    found = calibrate_on_reference([replace(view, ideal_row=bent)], (_SIDE, _SIDE), degree=3)
    return _field(found, camera, shape(2.0 * np.meshgrid(_GRID, _GRID)[0].ravel() / _SIDE - 1.0))


def _rippled(seed: int, amount_px: float) -> Answer:
    return _bent_rows(seed, lambda u: amount_px * np.sin(4.0 * np.pi * u))


def _fifth_degree(seed: int, amount_px: float) -> Answer:
    fifth = np.polynomial.legendre.Legendre.basis(5)
    return _bent_rows(seed, lambda u: amount_px * np.asarray(fifth(u)))


def _shaken_plane(seed: int, amount_px: float) -> Answer:
    camera = _camera(amount_px)
    view = _view(camera, seed)
    return _field(calibrate_on_reference([view], (_SIDE, _SIDE), degree=3), camera)


def _wrong_heights(seed: int, amount_m: float) -> Answer:
    """Heights of the reference off by a smooth wave, seen 8 degrees from the vertical."""
    camera = _camera()
    ideal, rng = frames.designed(camera), np.random.default_rng(seed)
    grid = np.linspace(20, _SIDE - 20, 20)
    row, col = (v.ravel() for v in np.meshgrid(grid, grid))
    height = rng.uniform(100, 300, row.size)
    lon, lat = camera.localize(row, col, height)
    wave = np.sin(2 * np.pi * row / _SIDE + rng.uniform(-3, 3)) * np.cos(np.pi * col / _SIDE)
    at = np.stack(ideal.project(lon, lat, height + amount_m * np.sqrt(2.0) * wave))
    at += 0.05 * rng.normal(size=at.shape)
    view = ReferenceView(row, col, at[0], at[1], np.full(row.size, 0.05))
    return _field(calibrate_on_reference([view], (_SIDE, _SIDE), degree=3), camera)


def _breathing(seed: int, amount_px: float) -> Answer:
    """Of crossed pairs, the second image with another focal length than the first."""
    cameras = [_camera()]
    cameras += [see_again(cameras[0], **move) for move in frames.CROSSED]
    rng = np.random.default_rng(seed)

    def breathed(view: CrossedView) -> CrossedView:
        grown = 1.0 + 2.0 * amount_px / _SIDE
        rows, cols = (
            _SIDE / 2 + grown * (v - _SIDE / 2) for v in (view.second_row, view.second_col)
        )
        return replace(view, second_row=rows, second_col=cols)

    views = [frames.crossed_view(cameras, i, rng) for i in (1, 2)]
    found = calibrate_on_crossed([breathed(views[0]), views[1]], (_SIDE, _SIDE), degree=3)
    return _field(found, cameras[0])


def _turning(seed: int, amount_px: float) -> Answer:
    """Attitude about columns from control points, while it turns from first row to last."""
    rng = np.random.default_rng([seed, 11])
    bias, n = tuple(rng.normal(size=3) * [10, 10, 200]), 25
    row, col = rng.uniform(0, _SIDE, (2, n))
    height = rng.uniform(150, 300, n)
    lon, lat = frames.biased("left", bias).localize(row, col, height)
    lon, lat = frames.moved(lon, lat, *(0.2 * rng.normal(size=(2, n))))
    points = Points.control(lon, lat, height + 0.2 * rng.normal(size=n), 0.2)
    seen = np.stack([row, col]) + 0.1 * rng.normal(size=(2, n))
    seen += amount_px * (row / _SIDE - 0.5)
    image = FrameImage(frames.designed(frames.biased("left", (0.0, 0.0, 0.0))))
    found = adjust([image], Measurements.of(0, np.arange(n), *seen, 0.1), points)
    error = found.values[0] - frames.as_rotation(bias)[0]
    return 1e6 * float(error), 1e6 * float(found.u_values[0]), found.sigma0


def _untold_attitude(seed: int, times: float) -> Answer:
    truth, found = boresight_of(seed, 0, untold=times)
    return 1e6 * float(found.values[0] - truth), 1e6 * float(found.u_values[0]), found.sigma0


def _shaken_pair(seed: int, amount_px: float) -> Answer:
    """Bias of the second RPC's columns by ties, while the second image trembles across them."""
    rng = np.random.default_rng([seed, 12])
    n = 400
    cameras = [frames.designed(frames.biased(side, (0.0, 0.0, 0.0))) for side in ("left", "right")]
    images = [RpcImage(camera.fit_rpc((100.0, 400.0)).rpc) for camera in cameras]
    row, col = rng.uniform(50, _SIDE - 50, (2, n))
    height = rng.uniform(150, 300, n)
    lon, lat = cameras[0].localize(row, col, height)
    second = np.stack(cameras[1].project(lon, lat, height))
    second[1] += amount_px * np.sin(2 * np.pi * second[0] / 350.0 + rng.uniform(-3, 3))
    seen = Measurements.of(0, np.arange(n), row, col, 0.1)
    seen = seen.joined(Measurements.of(1, np.arange(n), *second, 0.1))
    noise = 0.1 * rng.normal(size=(2, 2 * n))
    seen = replace(seen, row=seen.row + noise[0], col=seen.col + noise[1])
    # north and south of the scene: epipolar lines go along rows, and ties tell of columns
    found = adjust(images, seen, Points.ties(lon, lat, height), u_prior=[1e-6, 1e-6, 5.0, 5.0])
    return float(found.values[3]), float(found.u_values[3]), found.sigma0


def _rippled_band(seed: int, amount_px: float) -> Answer:
    """Shift between bands that waves along columns, fitted by a plane."""
    size = 220
    clean = waves(size, (0.0, 0.0), seed=seed)
    rows, cols = np.indices(clean.shape).astype(float)
    ripple = amount_px * np.sin(2 * np.pi * cols / 70.0)
    moved = ndimage.map_coordinates(
        waves(size, (0.4, -0.3), seed=seed), [rows - ripple, cols], order=5, mode="mirror"
    )
    rng = np.random.default_rng(seed)
    noisy = [band + 30 * rng.normal(size=band.shape) for band in (clean, moved)]
    found = register_bands(*noisy, degree=1)
    at = np.meshgrid(np.linspace(30, size - 30, 30), np.linspace(30, size - 30, 30), indexing="ij")
    d_row, _, u_row, _ = found.at(*at)
    # places are half a pixel from indices
    error = d_row - 0.4 - amount_px * np.sin(2 * np.pi * (at[1] - 0.5) / 70.0)
    return float(np.sqrt((error**2).mean())), float(np.sqrt((u_row**2).mean())), found.sigma0


def _two_waves(seed: int, share: float) -> Answer:
    found = jitter_of(seed, share / 100.0)
    error = found.amplitude_col_rad * 1e6 - 0.05
    return error, found.u_amplitude_col_rad * 1e6, found.chi2_reduced


def _shaken_rpc(seed: int, amount_px: float) -> Answer:
    """A rational model fitted to a camera whose rows tremble; its own residual is what it says."""
    camera = _camera(amount_px)
    rng = np.random.default_rng([seed, 13])
    grid = (np.arange(40) + 0.5) * _SIDE / 40
    row, col, height = (
        v.ravel() for v in np.meshgrid(grid, grid[::4], np.linspace(100, 400, 5), indexing="ij")
    )
    fit = fit_rpc_points(row, col, *camera.localize(row, col, height), height)
    (row, col), height = rng.uniform(0, _SIDE, (2, 500)), rng.uniform(100, 400, 500)
    found = fit.rpc.project(*camera.localize(row, col, height), height)
    error = np.sqrt((np.square(found[0] - row) + np.square(found[1] - col)).mean())
    return float(error), fit.rms_residual_px, fit.max_residual_px


_OFFSET = ("offset over the frame", "px")
_CASES = (
    _Case("focal plane, reference", "ripple of four waves over the frame", *_OFFSET,
          (0.0, 0.05, 0.2), "px", _rippled),
    _Case("focal plane, reference", "distortion of the fifth degree, fitted by the third", *_OFFSET,
          (0.0, 0.05, 0.2), "px", _fifth_degree),
    _Case("focal plane, reference", "jitter of 60 Hz during the exposure", *_OFFSET,
          (0.0, 0.05, 0.2), "px", _shaken_plane),
    _Case("focal plane, reference", "heights of the reference off by a smooth wave", *_OFFSET,
          (0.0, 0.3, 1.0), "m", _wrong_heights),
    _Case("focal plane, crossed pairs", "focal length changes between the images", *_OFFSET,
          (0.0, 0.05, 0.2), "px at the edge", _breathing),
    _Case("attitude, control points", "turns during the exposure", "about columns", "urad",
          (0.0, 0.2, 1.0), "px", _turning),
    _Case("boresight, 64 images", "attitudes err more than is stated", "about columns", "urad",
          (1.0, 2.0, 4.0), "times", _untold_attitude),
    _Case("RPC refinement", "jitter across the epipolar lines", "bias of columns", "px",
          (0.0, 0.05, 0.2), "px", _shaken_pair),
    _Case("RPC fit", "jitter of 60 Hz during the exposure", "position", "px",
          (0.0, 0.05, 0.2), "px", _shaken_rpc, "largest residual {:.2g} px"),
    _Case("inter-band registration", "ripple of 70 px, fitted by a plane", "rows over the frame",
          "px", (0.0, 0.05, 0.2), "px", _rippled_band),
    _Case("rolling-shutter jitter", "a second wave", "amplitude", "urad",
          (0.0, 30.0, 80.0), "% of the first", _two_waves, "misfit {:.2f} (reduced chi-square)"),
)  # fmt: skip
