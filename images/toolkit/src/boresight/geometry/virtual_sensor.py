"""The camera as it should be: without distortion and jitter, seen through the one that is there.

No rational model of the third degree carries jitter. So the image is resampled to a virtual camera
of the same place and boresight whose viewing directions are ideal; the rational model of that one
fits, and goes with the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import map_coordinates

from boresight.errors import InputError, NonConvergenceError, ParameterSetError
from boresight.geometry.focal_plane import FocalPlane
from boresight.instrument import Band, Quantity, Uncertainty, ViewingDirections

FloatArray = NDArray[np.float64]

#: rows and columns that a position's value depends on around it (quintic spline, 1e-4) [px]
HALO_PX = 16

_NODES = 33
_MAX_ROUNDS = 12
_TOLERANCE_PX = 1e-6

_SPLINE_ORDER = 5


def viewing_directions(
    focal_plane: FocalPlane,
    focal_px: float,
    u_px: tuple[FloatArray, FloatArray] | None = None,
    *,
    u_reference_px: float = 0.0,
) -> ViewingDirections:
    """Tangents of the lines of sight at 33 × 33 nodes, for a parameter set.

    Parameters
    ----------
    focal_plane : FocalPlane
        Calibrated offsets.
    focal_px : float
        Focal length, above 0 [px].
    u_px : tuple of 2 ndarray, shape (33, 33), optional
        Standard uncertainty of the offsets of rows and columns at :func:`nodes` [px].
    u_reference_px : float
        What errors of the reference add to it, smooth over the frame [px].
    """
    row, col = nodes(focal_plane.shape)
    grid_row, grid_col = np.meshgrid(row, col, indexing="ij")
    d_row, d_col = focal_plane.offsets(grid_row, grid_col)
    rows, cols = focal_plane.shape
    parts = []
    for axis, tangent in (
        (1, (grid_col + d_col - cols / 2.0) / focal_px),
        (0, (grid_row + d_row - rows / 2.0) / focal_px),
    ):
        # errors of coefficients are alike over the length of a term
        length = max(rows, cols) / max(focal_plane.degree, 1)
        effects = []
        if u_px is not None:
            effects.append(_structured("matching", u_px[axis] / focal_px, length))
        if u_reference_px:
            effects.append(_structured("reference", u_reference_px / focal_px, length))
        parts.append(Quantity(value=tangent, unit="1", uncertainties=tuple(effects)))
    return ViewingDirections(
        kind="frame", node_row_px=row, node_col_px=col, tan_x=parts[0], tan_y=parts[1]
    )


def _structured(effect: str, u: float | FloatArray, length: float) -> Uncertainty:
    return Uncertainty(effect=effect, correlation="structured", u=u, length=length)


def nodes(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Rows and columns of the nodes of :func:`viewing_directions` [px]."""
    return np.linspace(0, shape[0], _NODES), np.linspace(0, shape[1], _NODES)


@dataclass(frozen=True)
class VirtualSensor:
    """Where a virtual camera's pixels are seen in the real frame.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the real frame [px].
    margin_px : int
        By so many pixels the virtual frame is smaller on each side.
    offset_row, offset_col : RectBivariateSpline
        Offsets of the real viewing directions from ideal ones [px].
    wave : tuple of float
        Angular frequency per row, then amplitude and phase of columns, and of rows [px], [rad].
    """

    shape: tuple[int, int]
    margin_px: int
    offset_row: Any
    offset_col: Any
    wave: tuple[float, float, float, float, float]

    @classmethod
    def of(cls, band: Band, focal_px: float) -> VirtualSensor:
        """Virtual camera of a calibrated band.

        Parameters
        ----------
        band : Band
            With viewing directions of a frame; with a rolling shutter's vibration if it has one.
        focal_px : float
            Designed focal length, above 0 [px].

        Raises
        ------
        ParameterSetError
            The band has no viewing directions of a frame.
        """
        directions = band.viewing_directions
        if directions is None or directions.kind != "frame":
            raise ParameterSetError(
                f"Band {band.name} has no viewing directions of a frame, without which there is "
                "no virtual sensor.",
                remedy="Calibrate the focal plane first.",
            )
        if not focal_px > 0:
            raise InputError(f"focal_px is {focal_px}; the rule is above 0.")
        row, col = directions.node_row_px, directions.node_col_px
        # nodes reach from edge to edge
        rows, cols = round(float(row[-1])), round(float(col[-1]))
        d_col = directions.tan_x.grid * focal_px + cols / 2.0 - col[None, :]
        d_row = directions.tan_y.grid * focal_px + rows / 2.0 - row[:, None]
        wave = _wave(band, focal_px)
        reach = max(float(np.abs(d_col).max()), float(np.abs(d_row).max()))
        reach += max(abs(wave[1]), abs(wave[3]))
        return cls(
            (rows, cols),
            int(np.ceil(reach)) + 2,
            RectBivariateSpline(row, col, d_row),
            RectBivariateSpline(row, col, d_col),
            wave,
        )

    @property
    def virtual_shape(self) -> tuple[int, int]:
        """Rows and columns of the virtual frame [px]."""
        return self.shape[0] - 2 * self.margin_px, self.shape[1] - 2 * self.margin_px

    @property
    def focal_plane(self) -> FocalPlane:
        """Of the virtual camera: ideal, and about the same point."""
        return FocalPlane.ideal(self.virtual_shape)

    def offsets(self, row: FloatArray, col: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where real pixels look, less where ideal ones would: of rows and of columns [px]."""
        speed, a_col, p_col, a_row, p_row = self.wave
        d_row = self.offset_row(row, col, grid=False) + a_row * np.sin(speed * row + p_row)
        d_col = self.offset_col(row, col, grid=False) + a_col * np.sin(speed * row + p_col)
        return d_row, d_col

    def source(self, first_row: int, last_row: int) -> tuple[FloatArray, FloatArray]:
        """Where pixels of some rows of the virtual frame are in the real one.

        Parameters
        ----------
        first_row, last_row : int
            Rows of the virtual frame, the last one not among them.

        Returns
        -------
        row, col : ndarray, shape (last_row - first_row, virtual columns)
            Internal pixel convention of the real frame [px].

        Raises
        ------
        NonConvergenceError
            The offsets are so steep that a place cannot be found.
        """
        want_row, want_col = (
            np.ascontiguousarray(v)
            for v in np.meshgrid(
                np.arange(first_row, last_row) + 0.5 + self.margin_px,
                np.arange(self.virtual_shape[1]) + 0.5 + self.margin_px,
                indexing="ij",
            )
        )
        row, col = want_row, want_col
        for _ in range(_MAX_ROUNDS):
            d_row, d_col = self.offsets(row, col)
            step = np.hypot(want_row - d_row - row, want_col - d_col - col)
            row, col = want_row - d_row, want_col - d_col
            if not float(step.max()) > _TOLERANCE_PX:
                return row, col
        raise NonConvergenceError(
            f"virtual sensor: {float(step.max()):.3g} px off after {_MAX_ROUNDS} rounds; the rule "
            f"is {_TOLERANCE_PX:g} px.",
            remedy="Check the parameter set's viewing directions and vibration.",
        )


def interpolate(image: NDArray[Any], row: ArrayLike, col: ArrayLike) -> NDArray[np.float32]:
    """Values of an image at positions, by a quintic spline.

    Parameters
    ----------
    image : ndarray, shape (rows, cols)
        Finite; :data:`HALO_PX` around the positions make their values those of the whole image.
    row, col : array_like, same shape
        Internal pixel convention [px].

    Returns
    -------
    ndarray, float32
        In the image's unit; near its edges as if it were mirrored there.

    References
    ----------
    Unser 1999, IEEE Signal Processing Magazine 16(6):22, doi:10.1109/79.799930 (splines).
    """
    places = np.stack(
        np.broadcast_arrays(np.asarray(row, np.float64) - 0.5, np.asarray(col, np.float64) - 0.5)
    )
    values = np.asarray(image, np.float64)
    result: NDArray[np.float32] = map_coordinates(
        values, places, order=_SPLINE_ORDER, mode="mirror"
    ).astype(np.float32)
    return result


def _wave(band: Band, focal_px: float) -> tuple[float, float, float, float, float]:
    shutter = band.rolling_shutter
    if shutter is None or shutter.vibration is None:
        return (0.0, 0.0, 0.0, 0.0, 0.0)
    vibration = shutter.vibration
    speed = 2.0 * np.pi * vibration.frequency_hz.number * shutter.line_time_s.number
    amplitude, phase = vibration.amplitude_rad.grid * focal_px, vibration.phase_rad.grid
    return (
        float(speed),
        float(amplitude[0]),
        float(phase[0]),
        float(amplitude[1]),
        float(phase[1]),
    )
