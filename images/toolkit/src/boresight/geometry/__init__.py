"""Geometry of images: correlation, cameras, adjustment, location. Pure numerics on arrays."""

from __future__ import annotations

from boresight.geometry.adjustment import Adjustment, adjust
from boresight.geometry.autocalibration import (
    CrossedView,
    FocalPlaneCalibration,
    ReferenceView,
    calibrate_jointly,
    calibrate_on_crossed,
    calibrate_on_reference,
)
from boresight.geometry.camera import FrameCamera
from boresight.geometry.correlation import CorrelationOptions, Displacements, correlate
from boresight.geometry.focal_plane import FocalPlane
from boresight.geometry.image_models import FrameImage, ImageModel, RpcImage
from boresight.geometry.jitter import Jitter, rolling_shutter_jitter
from boresight.geometry.location import Accuracy, ce90, le90
from boresight.geometry.observations import Measurements, Points
from boresight.geometry.plots import (
    plot_correlations,
    plot_field,
    plot_focal_plane,
    plot_jitter,
    plot_location,
    plot_registration,
    plot_residuals,
)
from boresight.geometry.registration import Registration, register_bands
from boresight.geometry.stereo_ties import StereoTies, stereo_ties, subset
from boresight.geometry.views import crossed_view, reference_view, unturned, without_attitude
from boresight.geometry.virtual_sensor import VirtualSensor, interpolate, viewing_directions

__all__ = [
    "Accuracy",
    "Adjustment",
    "CorrelationOptions",
    "CrossedView",
    "Displacements",
    "FocalPlane",
    "FocalPlaneCalibration",
    "FrameCamera",
    "FrameImage",
    "ImageModel",
    "Jitter",
    "Measurements",
    "Points",
    "ReferenceView",
    "Registration",
    "RpcImage",
    "StereoTies",
    "VirtualSensor",
    "adjust",
    "calibrate_jointly",
    "calibrate_on_crossed",
    "calibrate_on_reference",
    "ce90",
    "correlate",
    "crossed_view",
    "interpolate",
    "le90",
    "plot_correlations",
    "plot_field",
    "plot_focal_plane",
    "plot_jitter",
    "plot_location",
    "plot_registration",
    "plot_residuals",
    "reference_view",
    "register_bands",
    "rolling_shutter_jitter",
    "stereo_ties",
    "subset",
    "unturned",
    "viewing_directions",
    "without_attitude",
]
