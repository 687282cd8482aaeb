"""The pair: everything put together, with every injected error on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.rpc import RpcModel
from boresight.simulate.config import PairConfig
from boresight.simulate.radiometry import equalise, expose, make_detector
from boresight.simulate.rendering import RAYS_PER_PIXEL, Renderer
from boresight.simulate.rpc_fit import fit_rpc
from boresight.simulate.sensor import make_camera
from boresight.simulate.terrain import make_scene, truth_grid

Progress = Callable[[float, str], None]

#: share of the time of each stage, measured on 1000 px
_SCENE_SHARE = 0.3
_IMAGE_SHARE = 0.34


@dataclass(frozen=True)
class SimulatedPair:
    """Two images, their models and the truth.

    Parameters
    ----------
    config : PairConfig
        What was asked for.
    left, right : ndarray, shape (size_px, size_px), uint16
        Level 1 numbers [DN].
    rpc_left, rpc_right : RpcModel
        Calibrated models: attitude and distortion as they are, jitter left out.
    rpc_left_nominal, rpc_right_nominal : RpcModel
        Models of the cameras as designed.
    truth : ndarray, shape (rows, cols), float32
        Height of the surface above the ellipsoid at pixel centres [m].
    transform : tuple of 6 float
        Affine coefficients of columns and rows of ``truth`` to the map.
    epsg : int
        UTM zone of ``truth``.
    base_to_height : float
        [1].
    meta : dict
        Every injected error and every residual, as JSON takes them.
    """

    config: PairConfig
    left: NDArray[np.uint16]
    right: NDArray[np.uint16]
    rpc_left: RpcModel
    rpc_right: RpcModel
    rpc_left_nominal: RpcModel
    rpc_right_nominal: RpcModel
    truth: NDArray[np.float32]
    transform: tuple[float, float, float, float, float, float]
    epsg: int
    base_to_height: float
    meta: dict[str, Any]


def simulate_pair(
    config: PairConfig | None = None, progress: Progress | None = None, *, threads: int = 2
) -> SimulatedPair:
    """Simulate a stereo pair.

    Parameters
    ----------
    config : PairConfig, optional
        Default: the pair of the demo.
    progress : callable, optional
        Called with the share done (0 to 1) and what is being done.
    threads : int
        Strips rendered at once; the result does not depend on it.

    Examples
    --------
    >>> pair = simulate_pair(PairConfig(size_px=128, seed=1))
    >>> pair.left.shape, pair.epsg
    ((128, 128), 32631)
    """
    config = config or PairConfig()
    report = progress or (lambda _share, _what: None)
    report(0.0, "terrain")
    scene = make_scene(config)
    renderer = Renderer.of(scene)
    detector = make_detector(config)
    images: dict[str, NDArray[np.uint16]] = {}
    calibrated: dict[str, RpcModel] = {}
    nominal: dict[str, RpcModel] = {}
    residuals: dict[str, float] = {}
    for index, side in enumerate(("left", "right")):
        start = _SCENE_SHARE + index * _IMAGE_SHARE

        def advance(share: float, start: float = start, side: str = side) -> None:
            report(start + _IMAGE_SHARE * share, f"{side} image")

        advance(0.0)
        brightness = renderer.image(
            make_camera(config, side), config.psf_sigma_px, threads=threads, progress=advance
        )
        raw = expose(brightness, detector, config, index)
        images[side] = equalise(raw, detector, config.dark_dn)
        for kind, models, errors in (("calibrated", calibrated, True), ("nominal", nominal, False)):
            camera = make_camera(config, side, bias=errors, distortion=errors, jitter=False)
            fit = fit_rpc(camera, scene.height_bounds)
            models[side] = fit.rpc
            residuals[f"{side}_{kind}"] = fit.max_residual_px
    truth, transform = truth_grid(scene)
    meta: dict[str, Any] = {
        "config": config.as_dict(),
        "rays_per_pixel": RAYS_PER_PIXEL**2,
        "rpc_max_residual_px": residuals,
        "prnu_rms": float(detector.gain.std()),
        "dsnu_rms_dn": float(detector.offset_dn.std()),
        "height_range_m": [float(truth.min()), float(truth.max())],
        "jitter_ground_m": config.jitter_urad * 1e-6 * config.altitude_m,
        "base_to_height": config.base_to_height,
        "vertical_datum": "WGS 84 ellipsoid",
    }
    report(1.0, "done")
    return SimulatedPair(
        config=config,
        left=images["left"],
        right=images["right"],
        rpc_left=calibrated["left"],
        rpc_right=calibrated["right"],
        rpc_left_nominal=nominal["left"],
        rpc_right_nominal=nominal["right"],
        truth=truth,
        transform=transform,
        epsg=scene.epsg,
        base_to_height=config.base_to_height,
        meta=meta,
    )
