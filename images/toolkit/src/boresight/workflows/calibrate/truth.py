"""What was found against what was injected, where the campaign is a simulated one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.geometry import FocalPlane
from boresight.geometry.camera import rotation_matrix
from boresight.geometry.focal_plane import basis
from boresight.simulate import CampaignConfig, SimulatedCampaign, sight_offsets
from boresight.workflows.calibrate.campaign import Satellite
from boresight.workflows.calibrate.estimate import CE90_PER_SIGMA
from boresight.workflows.calibrate.job import Arrays

FloatArray = NDArray[np.float64]

#: of polynomials that hold any field that is injected
_DEGREE = 4


def against_truth(
    simulation: dict[str, object],
    index: int,
    satellite: Satellite,
    numbers: dict[str, Any],
    geometry: Arrays,
    detector: Arrays,
) -> tuple[dict[str, Any], Arrays]:
    """Errors of a satellite's calibration.

    Parameters
    ----------
    simulation : dict
        Configuration the campaign was simulated from.
    index : int
        Which satellite.
    satellite : Satellite
    numbers : dict
        Of its geometry.
    geometry, detector : dict of ndarray
        Arrays of those steps.

    Returns
    -------
    numbers : dict
        As JSON takes them.
    arrays : dict of ndarray
        Error of the viewing directions over the frame [px], and of the gain, thinned [1].
    """
    config = CampaignConfig.from_dict(simulation)
    campaign = SimulatedCampaign(config)
    row, col = geometry["field_row"], geometry["field_col"]
    true_row, true_col = _true_offsets(campaign, index, row, col)
    found_row, found_col = _found_offsets(satellite, numbers, geometry)
    error = np.stack([found_row - true_row, found_col - true_col])
    mean = error.mean(axis=1)
    shape_error = error - mean[:, None]
    plane = campaign.detector(index)
    gain_error = detector["gain"] - plane.gain
    dark_error = detector["dark"] - plane.offset_dn
    jitter = numbers["jitter"]
    amplitude = config.jitter_urad * 1e-6
    phase = config.satellites[index].jitter_phase_rad
    turn = (jitter["phase_col_rad"] - phase + np.pi) % (2.0 * np.pi) - np.pi
    step = max(min(gain_error.shape) // 256, 1)
    u = CE90_PER_SIGMA * np.sqrt((geometry["u_row_px"] ** 2 + geometry["u_col_px"] ** 2) / 2.0)
    return (
        {
            "viewing_error_90_px": float(np.percentile(np.hypot(*shape_error), 90)),
            "viewing_u_90_px": float(np.median(u)),
            "boresight_error_urad": float(np.hypot(*mean) / satellite.focal_px * 1e6),
            "boresight_error_row_urad": float(mean[0] / satellite.focal_px * 1e6),
            "boresight_error_col_urad": float(mean[1] / satellite.focal_px * 1e6),
            "injected_attitude_urad": list(config.satellites[index].bias_urad),
            "injected_boresight_urad": _boresight_urad(satellite, row, col, true_row, true_col),
            "injected_distortion_90_px": float(
                np.percentile(np.hypot(true_row - true_row.mean(), true_col - true_col.mean()), 90)
            ),
            "injected_jitter_urad": config.jitter_urad,
            "injected_jitter_hz": config.jitter_hz,
            "jitter_amplitude_error": (
                float(jitter["amplitude_col_rad"] / amplitude - 1.0) if amplitude else 0.0
            ),
            "jitter_frequency_error_hz": float(jitter["frequency_hz"] - config.jitter_hz),
            "jitter_phase_error_rad": float(turn),
            "gain_error_rms": float(gain_error.std()),
            "gain_pull_rms": _pull(gain_error, detector["u_gain"]),
            "dark_error_rms_dn": float(dark_error.std()),
            "dark_pull_rms": _pull(dark_error, detector["u_dark"]),
        },
        {
            "error_row_px": shape_error[0],
            "error_col_px": shape_error[1],
            "gain_error": gain_error[::step, ::step].astype(np.float32),
        },
    )


def _boresight_urad(
    satellite: Satellite, row: FloatArray, col: FloatArray, d_row: FloatArray, d_col: FloatArray
) -> list[float]:
    """Shifts along columns and rows and turn that a field of offsets has on the whole.

    Attitude and the mean of the distortion are one: no image tells them apart.
    """
    rows, cols = satellite.shape
    terms = basis(*FocalPlane.ideal(satellite.shape).normalised(row, col), _DEGREE)
    by_row, by_col = np.linalg.lstsq(terms, np.stack([d_row, d_col], axis=1), rcond=None)[0].T
    # terms 0, 1 and 2 are 1, u and v; a turn moves rows with u and columns against v
    turn = 2.0 * (by_row[1] * cols - by_col[2] * rows) / (cols**2 + rows**2)
    shifts = by_col[0] / satellite.focal_px, by_row[0] / satellite.focal_px
    return [float(value * 1e6) for value in (*shifts, turn)]


def _pull(error: FloatArray, u: FloatArray) -> float:
    return float(np.sqrt(np.mean((error / u) ** 2)))


def _true_offsets(
    campaign: SimulatedCampaign, index: int, row: FloatArray, col: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Where the simulated line of sight cuts the ideal focal plane, less where designed [px]."""
    shot = campaign.pair_shot(index)
    along, across, turn = campaign.config.satellites[index].bias_urad
    camera = replace(
        shot.true,
        jitter=(0.0, 0.0, 0.0, 0.0),
        bias_rad=(along * 1e-6, across * 1e-6, turn * 1e-6),
    )
    return sight_offsets(camera, row, col)


def _found_offsets(
    satellite: Satellite, numbers: dict[str, Any], geometry: Arrays
) -> tuple[FloatArray, FloatArray]:
    rows, cols = satellite.shape
    row, col = geometry["field_row"], geometry["field_col"]
    x = (col + geometry["d_col_px"] - cols / 2.0) / satellite.focal_px
    y = (row + geometry["d_row_px"] - rows / 2.0) / satellite.focal_px
    turned = (
        np.stack([x, y, np.ones_like(x)], axis=-1) @ rotation_matrix(numbers["boresight_rad"]).T
    )
    found_col = turned[:, 0] / turned[:, 2] * satellite.focal_px + cols / 2.0
    found_row = turned[:, 1] / turned[:, 2] * satellite.focal_px + rows / 2.0
    return found_row - row, found_col - col
