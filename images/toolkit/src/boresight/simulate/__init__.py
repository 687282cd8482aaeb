"""Simulated stereo pairs with known truth: pure numerics, deterministic by seed.

See :class:`PairConfig` for what is simulated and :func:`simulate_pair` for how to ask for it.
"""

from __future__ import annotations

from boresight.simulate.config import PairConfig
from boresight.simulate.pair import SimulatedPair, simulate_pair
from boresight.simulate.rpc_fit import RpcFit, fit_rpc
from boresight.simulate.sensor import Camera, make_camera
from boresight.simulate.terrain import Scene, make_scene, utm_epsg

__all__ = [
    "Camera",
    "PairConfig",
    "RpcFit",
    "Scene",
    "SimulatedPair",
    "fit_rpc",
    "make_camera",
    "make_scene",
    "simulate_pair",
    "utm_epsg",
]
