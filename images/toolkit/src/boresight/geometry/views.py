"""From matched windows to what the calibration of a focal plane takes.

The cameras here are those of the design: where they would see what was matched is the yardstick.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError
from boresight.geometry.autocalibration import CrossedView, ReferenceView
from boresight.geometry.camera import FrameCamera
from boresight.geometry.correlation import Displacements

FloatArray = NDArray[np.float64]

#: error of the correlation that its misfit does not show: interpolation, light inside a window [px]
U_FLOOR_PX = 0.01


def reference_view(windows: Displacements, *, u_floor_px: float = U_FLOOR_PX) -> ReferenceView:
    """View of an image matched with a reference that was brought into the designed geometry.

    Parameters
    ----------
    windows : Displacements
        Image first, reference (ortho image on its elevation, seen by the designed camera) second.
    u_floor_px : float
        Added to each window's uncertainty in quadrature, above 0 [px].
    """
    good = windows.found
    u = np.hypot(windows.u_row, windows.u_col)[good] / np.sqrt(2.0)
    return ReferenceView(
        row=windows.row[good],
        col=windows.col[good],
        ideal_row=(windows.row + windows.d_row)[good],
        ideal_col=(windows.col + windows.d_col)[good],
        u_px=np.hypot(u, u_floor_px),
    )


def unturned(
    row: FloatArray, col: FloatArray, quarter_turns: int, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Positions in an image whose ``numpy.rot90`` by ``quarter_turns`` they were found in.

    Parameters
    ----------
    row, col : ndarray
        In the turned image, internal pixel convention [px].
    quarter_turns : int
        As given to ``numpy.rot90``.
    shape : tuple of int
        Rows and columns of the image as it was, before it was turned [px].
    """
    rows, cols = shape
    turns = quarter_turns % 4
    if turns == 1:
        return col, cols - row
    if turns == 2:
        return rows - row, cols - col
    if turns == 3:
        return rows - col, row
    return row, col


def crossed_view(
    numbers: tuple[int, int],
    cameras: tuple[FrameCamera, FrameCamera],
    windows: Displacements,
    height_ellipsoid_m: float | FloatArray,
    *,
    quarter_turns: int = 0,
    u_floor_px: float = U_FLOOR_PX,
) -> CrossedView:
    """View of two images of the same ground, the second matched as turned by ``numpy.rot90``.

    Parameters
    ----------
    numbers : tuple of int
        Of the images.
    cameras : tuple of FrameCamera
        As designed, where they stood.
    windows : Displacements
        First image first, turned second image second.
    height_ellipsoid_m : float or ndarray, shape (found windows,)
        Of the ground; of no matter where both cameras stand at one place [m].
    quarter_turns : int
        By which the second image was turned for the matching.
    u_floor_px : float
        Added to each window's uncertainty in quadrature, above 0 [px].
    """
    if numbers[0] == numbers[1]:
        raise InputError(f"images are {numbers}; the rule is two different ones.")
    good = windows.found
    row, col = windows.row[good], windows.col[good]
    height = np.broadcast_to(np.asarray(height_ellipsoid_m, np.float64), row.shape)
    second = unturned(
        row + windows.d_row[good],
        col + windows.d_col[good],
        quarter_turns,
        cameras[1].focal_plane.shape,
    )

    def ideal(r: FloatArray, c: FloatArray) -> FloatArray:
        return np.stack(cameras[1].project(*cameras[0].localize(r, c, height), height), axis=-1)

    at = ideal(row, col)
    by_row, by_col = ideal(row + 1.0, col) - at, ideal(row, col + 1.0) - at
    u = np.hypot(windows.u_row, windows.u_col)[good] / np.sqrt(2.0)
    return CrossedView(
        first=numbers[0],
        second=numbers[1],
        row=row,
        col=col,
        second_row=second[0],
        second_col=second[1],
        ideal_row=at[:, 0],
        ideal_col=at[:, 1],
        jacobian=np.stack([by_row, by_col], axis=-1),
        u_px=np.hypot(u, u_floor_px),
    )


def without_attitude(
    row: FloatArray,
    col: FloatArray,
    d_row_px: FloatArray,
    d_col_px: FloatArray,
    shape: tuple[int, int],
    *,
    scale: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Offsets of lines of sight less what attitude could take over: mean shifts and turn.

    Parameters
    ----------
    row, col, d_row_px, d_col_px : ndarray, shape (n,)
        Positions and offsets [px].
    shape : tuple of int
        Rows and columns of the frame [px].
    scale : bool
        Take out a change of scale too, which crossed images do not show.
    """
    v, u = np.asarray(row) - shape[0] / 2.0, np.asarray(col) - shape[1] / 2.0
    one, none = np.ones_like(u), np.zeros_like(u)
    own = [np.stack([one, none]), np.stack([none, one]), np.stack([u, -v]) / max(shape)]
    if scale:
        own.append(np.stack([v, u]) / max(shape))
    design = np.stack([part.ravel() for part in own], axis=1)
    offsets = np.stack([d_row_px, d_col_px])
    fit = np.linalg.lstsq(design, offsets.ravel(), rcond=None)[0]
    left = offsets - (design @ fit).reshape(offsets.shape)
    return left[0], left[1]
