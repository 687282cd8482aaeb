"""From matches to a calibrated geometry: focal plane, boresight, and the shutter's vibration.

The focal plane is fitted to all windows at once; what it leaves, row by row, is the vibration,
which is taken out before the focal plane is fitted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.geometry import (
    CrossedView,
    FocalPlaneCalibration,
    Jitter,
    ReferenceView,
    calibrate_jointly,
    calibrate_on_crossed,
    rolling_shutter_jitter,
)
from boresight.geometry.virtual_sensor import nodes, viewing_directions
from boresight.instrument import (
    Band,
    Boresight,
    Quantity,
    RollingShutter,
    Uncertainty,
    Vibration,
)

FloatArray = NDArray[np.float64]

_ROUNDS = 3

#: radius that holds 90 % of errors over the standard deviation of either coordinate
CE90_PER_SIGMA = 2.146

#: side of the grid on which fields are kept for the dossier
_FIELD = 17
Shake = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Geometry:
    """Geometric calibration of one satellite.

    Parameters
    ----------
    calibration : FocalPlaneCalibration
        Of all windows.
    without_reference : FocalPlaneCalibration
        Of the crossed images alone; its scale is held at zero.
    jitter : Jitter
        The shutter's vibration; of amplitude zero in what follows unless it was detected.
    boresight : Boresight
        Mean over images.
    u_boresight_rad : ndarray, shape (3,)
        Standard uncertainties [rad].
    difference_90_px : float
        90th percentile of what the two fields differ by, the scale set aside [px]. Windows are too
        many for their noise to do that: it is what errors of the reference (its heights above all)
        do to either.
    """

    calibration: FocalPlaneCalibration
    without_reference: FocalPlaneCalibration
    jitter: Jitter
    boresight: Boresight
    u_boresight_rad: FloatArray
    difference_90_px: float

    @property
    def u_reference_px(self) -> float:
        """Standard uncertainty that errors of the reference give an offset [px]."""
        return self.difference_90_px / CE90_PER_SIGMA


def estimate_geometry(
    references: Mapping[int, ReferenceView],
    crossed: list[CrossedView],
    *,
    shape: tuple[int, int],
    degree: int,
    focal_px: float,
    line_time_s: float,
    window_px: int,
) -> Geometry:
    """Estimate focal plane, boresight and vibration.

    Parameters
    ----------
    references : mapping of int to ReferenceView
        Of each image, by its number.
    crossed : list of CrossedView
        Of the first image with others.
    shape : tuple of int
        Rows and columns of the frame [px].
    degree : int
        Of the focal plane.
    focal_px : float
        Designed focal length [px].
    line_time_s : float
        From row to row [s].
    window_px : int
        Side of the windows [px].

    Raises
    ------
    PointsError, SingularError, NonConvergenceError
        Windows that do not determine it.
    """
    jitter: Jitter | None = None
    found: FocalPlaneCalibration

    def shake(row: FloatArray) -> FloatArray:
        if jitter is None or not jitter.detected:
            return np.zeros((row.size, 2))
        return jitter.shake_px(row, line_time_s, focal_px)

    for _ in range(_ROUNDS):
        still = {index: _still(view, shake) for index, view in references.items()}
        still_crossed = [_still_crossed(view, shake) for view in crossed]
        found = calibrate_jointly(still, still_crossed, shape, degree=degree)
        jitter = _jitter(references, found, focal_px, line_time_s, window_px)
    if jitter is None:
        raise AssertionError("no round was made")
    alone = calibrate_on_crossed(
        [_still_crossed(view, shake) for view in crossed], shape, degree=degree
    )
    angles = np.stack(
        [_rotation(one, focal_px, shape) for one in found.attitude_px[sorted(references)]]
    )
    spread = angles.std(axis=0, ddof=1) if len(angles) > 1 else np.zeros(3)
    # three images say little of a spread: that of rows and columns is taken as one
    spread[:2] = np.sqrt(np.mean(spread[:2] ** 2))
    fitted = np.abs(_rotation(np.median(found.u_attitude_px, axis=0), focal_px, shape))
    u = np.sqrt((np.maximum(spread, fitted) ** 2) / len(angles))
    mean = angles.mean(axis=0)
    return Geometry(
        calibration=found,
        without_reference=alone,
        jitter=jitter,
        boresight=Boresight(
            angles_rad=(float(mean[0]), float(mean[1]), float(mean[2])),
            covariance_rad2=np.diag(u**2),
        ),
        u_boresight_rad=u,
        difference_90_px=_difference(found, alone),
    )


def calibrated_band(band: Band, geometry: Geometry, *, focal_px: float, line_time_s: float) -> Band:
    """The band with its viewing directions and its shutter's vibration.

    Parameters
    ----------
    band : Band
        With a detector.
    geometry : Geometry
    focal_px : float
        Designed focal length [px].
    line_time_s : float
        From row to row [s].
    """
    plane = geometry.calibration.focal_plane
    grid = np.meshgrid(*nodes(plane.shape), indexing="ij")
    u_row, u_col = geometry.calibration.uncertainty(*grid)
    found = geometry.jitter
    vibration = None
    if found.detected:
        vibration = Vibration(
            frequency_hz=_known(found.frequency_hz, found.u_frequency_hz, "Hz"),
            amplitude_rad=_known(
                np.array([found.amplitude_col_rad, found.amplitude_row_rad]),
                np.array([found.u_amplitude_col_rad, found.u_amplitude_row_rad]),
                "rad",
            ),
            phase_rad=_known(
                np.array([found.phase_col_rad, found.phase_row_rad]),
                np.array([found.u_phase_col_rad, found.u_phase_row_rad]),
                "rad",
            ),
        )
    return band.model_copy(
        update={
            "viewing_directions": viewing_directions(
                plane, focal_px, (u_row, u_col), u_reference_px=geometry.u_reference_px
            ),
            "rolling_shutter": RollingShutter(
                line_time_s=Quantity(value=line_time_s, unit="s"),
                frame_delay_s=Quantity(value=0.0, unit="s"),
                vibration=vibration,
            ),
        }
    )


def _known(value: float | FloatArray, u: float | FloatArray, unit: str) -> Quantity:
    part = Uncertainty(effect="matching", correlation="random", u=u)
    return Quantity(value=value, unit=unit, uncertainties=(part,))


def _rotation(attitude_px: FloatArray, focal_px: float, shape: tuple[int, int]) -> FloatArray:
    """Shift of rows and columns and turn at the edge [px] as a rotation vector [rad]."""
    row, col, turn = attitude_px
    return np.array([-row / focal_px, col / focal_px, turn / (max(shape) / 2.0)])


def _still(view: ReferenceView, shake: Shake) -> ReferenceView:
    moved = shake(view.row)
    return replace(
        view, ideal_row=view.ideal_row - moved[:, 0], ideal_col=view.ideal_col - moved[:, 1]
    )


def _still_crossed(view: CrossedView, shake: Shake) -> CrossedView:
    # what the second camera's row does, less what the first one's does as the second sees it
    first = np.einsum("nij,nj->ni", view.jacobian, shake(view.row))
    moved = shake(view.second_row) - first
    return replace(
        view, ideal_row=view.ideal_row - moved[:, 0], ideal_col=view.ideal_col - moved[:, 1]
    )


def _jitter(
    references: Mapping[int, ReferenceView],
    found: FocalPlaneCalibration,
    focal_px: float,
    line_time_s: float,
    window_px: int,
) -> Jitter:
    """Vibration in what focal plane and attitude leave of the displacements."""
    rows, d_rows, d_cols, us = [], [], [], []
    for index, view in references.items():
        d_row, d_col = found.focal_plane.offsets(view.row, view.col)
        u, v = found.focal_plane.normalised(view.row, view.col)
        shift_row, shift_col, turn = found.attitude_px[index]
        size = max(found.focal_plane.shape)
        d_row = d_row + shift_row + turn * u * found.focal_plane.shape[1] / size
        d_col = d_col + shift_col - turn * v * found.focal_plane.shape[0] / size
        rows.append(view.row)
        d_rows.append(view.ideal_row - view.row - d_row)
        d_cols.append(view.ideal_col - view.col - d_col)
        us.append(view.u_px)
    return rolling_shutter_jitter(
        np.concatenate(rows),
        np.concatenate(d_rows),
        np.concatenate(d_cols),
        np.concatenate(us),
        line_time_s=line_time_s,
        focal_px=focal_px,
        window_px=window_px,
    )


def geometry_numbers(found: Geometry) -> dict[str, Any]:
    """What was found, as JSON takes it."""
    both, jitter = found.calibration, found.jitter
    return {
        "boresight_rad": list(found.boresight.angles_rad),
        "u_boresight_rad": found.u_boresight_rad.tolist(),
        "windows": both.n,
        "outliers": both.n_outliers,
        "sigma0": both.sigma0,
        "residual_px": list(both.residual_rms_px),
        "without_reference_difference_px": found.difference_90_px,
        "u_reference_px": found.u_reference_px,
        "jitter": {
            "detected": bool(jitter.detected),
            "false_alarm": jitter.false_alarm,
            "frequency_hz": jitter.frequency_hz,
            "u_frequency_hz": jitter.u_frequency_hz,
            "amplitude_col_rad": jitter.amplitude_col_rad,
            "u_amplitude_col_rad": jitter.u_amplitude_col_rad,
            "amplitude_row_rad": jitter.amplitude_row_rad,
            "u_amplitude_row_rad": jitter.u_amplitude_row_rad,
            "phase_col_rad": jitter.phase_col_rad,
            "u_phase_col_rad": jitter.u_phase_col_rad,
            "phase_row_rad": jitter.phase_row_rad,
            "u_phase_row_rad": jitter.u_phase_row_rad,
        },
    }


def geometry_arrays(found: Geometry) -> dict[str, NDArray[Any]]:
    """Field of the focal plane and what the rows show, for the dossier."""
    plane = found.calibration.focal_plane
    row, col = (v.ravel() for v in _field(plane.shape))
    d_row, d_col = plane.offsets(row, col)
    u_row, u_col = found.calibration.uncertainty(row, col)
    jitter = found.jitter
    return {
        "field_row": row,
        "field_col": col,
        "d_row_px": d_row,
        "d_col_px": d_col,
        "u_row_px": np.hypot(u_row, found.u_reference_px),
        "u_col_px": np.hypot(u_col, found.u_reference_px),
        "jitter_row": jitter.row,
        "jitter_d_row_px": jitter.d_row_px,
        "jitter_d_col_px": jitter.d_col_px,
        "jitter_hz": jitter.frequencies_hz,
        "jitter_power": jitter.power,
    }


def _field(shape: tuple[int, int]) -> list[FloatArray]:
    """Rows and columns of a grid over the frame [px]."""
    edges = (np.linspace(0.02 * n, 0.98 * n, _FIELD) for n in shape)
    return list(np.meshgrid(*edges, indexing="ij"))


def _difference(both: FocalPlaneCalibration, alone: FocalPlaneCalibration) -> float:
    """90th percentile of what the two fields differ by, the scale set aside [px]."""
    plane = both.focal_plane
    row, col = (v.ravel() for v in _field(plane.shape))
    difference = np.stack(plane.offsets(row, col)) - np.stack(alone.focal_plane.offsets(row, col))
    u, v = plane.normalised(row, col)
    scale = np.concatenate([v * plane.shape[0], u * plane.shape[1]])
    flat = difference.ravel()
    rest = (flat - scale * float(scale @ flat) / float(scale @ scale)).reshape(2, -1)
    return float(np.percentile(np.hypot(*rest), 90))
