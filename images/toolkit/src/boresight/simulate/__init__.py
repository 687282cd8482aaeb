"""Simulated acquisitions with known truth: pure numerics, deterministic by seed.

See :class:`PairConfig` and :func:`simulate_pair` for stereo pairs, :class:`FocalPlaneConfig` and
:func:`make_focal_plane` for detectors and what they are shown for their calibration.
"""

from __future__ import annotations

from boresight.simulate.acquisitions import (
    Ladder,
    MovedFrames,
    YawSteered,
    dark_frames,
    light_ladder,
    moved_frames,
    uniform_frames,
    yaw_steered,
)
from boresight.simulate.campaign import (
    CampaignConfig,
    Reference,
    SatelliteErrors,
    Shot,
    SimulatedCampaign,
)
from boresight.simulate.config import PairConfig
from boresight.simulate.focal_plane import FocalPlane, FocalPlaneConfig, make_focal_plane
from boresight.simulate.ground import desert_reflectance, desert_scene
from boresight.simulate.lights import BrightSite, band_response, black_body_sun, moon_disk
from boresight.simulate.optics import FINE_SAMPLES, Optics, add_noise, edge_image, point_image
from boresight.simulate.pair import SimulatedPair, simulate_pair
from boresight.simulate.rendering import Renderer
from boresight.simulate.rpc_fit import RpcFit, fit_rpc
from boresight.simulate.sensor import Camera, make_camera
from boresight.simulate.sightings import see_again, sight, sight_offsets, take_image
from boresight.simulate.sky import SeaScene, air_optical_depth, sea_reflectance
from boresight.simulate.surfaces import DsmFaults, faulty_dsm
from boresight.simulate.terrain import Scene, make_scene, utm_epsg

__all__ = [
    "FINE_SAMPLES",
    "BrightSite",
    "Camera",
    "CampaignConfig",
    "DsmFaults",
    "FocalPlane",
    "FocalPlaneConfig",
    "Ladder",
    "MovedFrames",
    "Optics",
    "PairConfig",
    "Reference",
    "Renderer",
    "RpcFit",
    "SatelliteErrors",
    "Scene",
    "SeaScene",
    "Shot",
    "SimulatedCampaign",
    "SimulatedPair",
    "YawSteered",
    "add_noise",
    "air_optical_depth",
    "band_response",
    "black_body_sun",
    "dark_frames",
    "desert_reflectance",
    "desert_scene",
    "edge_image",
    "faulty_dsm",
    "fit_rpc",
    "light_ladder",
    "make_camera",
    "make_focal_plane",
    "make_scene",
    "moon_disk",
    "moved_frames",
    "point_image",
    "sea_reflectance",
    "see_again",
    "sight",
    "sight_offsets",
    "simulate_pair",
    "take_image",
    "uniform_frames",
    "utm_epsg",
    "yaw_steered",
]
