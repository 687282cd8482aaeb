"""Calibration of a focal plane's viewing directions, with a reference or with none.

Unknown are the Legendre coefficients of the focal plane, common to all images, and for each image
a shift and a turn (its attitude). What attitude can take over is not the focal plane's: its mean
shift and turn are held at zero.

With a reference (ortho image and elevation), each window says where the ideal camera would see
what was seen. Without one, an image is compared with another of the same ground in which the
camera was turned, or shifted: what moves with the camera is the focal plane's, what stays is the
ground's. Of one crossed pair at 90° about its own centre, the part of the field that looks alike
after a quarter turn cannot be seen (for degree 3 the radial distortion r²·r); a shifted image
shows it. Scale cannot be seen without a reference at all and is held at zero.

References
----------
Greslou et al. 2012, ISPRS Archives XXXIX-B1 (auto-calibration on crossed pairs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError, PointsError
from boresight.geometry.focal_plane import FocalPlane, basis, degrees
from boresight.geometry.smooth_fields import LinearFit, fit_vectors

FloatArray = NDArray[np.float64]

_ATTITUDE = 3


@dataclass(frozen=True)
class ReferenceView:
    """Windows of one image against a reference.

    Parameters
    ----------
    row, col : ndarray, shape (n,)
        Where they are seen [px].
    ideal_row, ideal_col : ndarray, shape (n,)
        Where the camera as designed would see them [px].
    u_px : ndarray, shape (n,)
        Standard uncertainty of the difference in rows and in columns [px].
    """

    row: FloatArray
    col: FloatArray
    ideal_row: FloatArray
    ideal_col: FloatArray
    u_px: FloatArray


@dataclass(frozen=True)
class CrossedView:
    """Windows of one image found in another of the same ground.

    Parameters
    ----------
    first, second : int
        Numbers of the images.
    row, col : ndarray, shape (n,)
        Where they are seen in the first [px].
    second_row, second_col : ndarray, shape (n,)
        Where they are seen in the second [px].
    ideal_row, ideal_col : ndarray, shape (n,)
        Where the second camera as designed would see what the first one as designed sees at (row,
        col) [px].
    jacobian : ndarray, shape (n, 2, 2)
        Change of (ideal_row, ideal_col) with (row, col): for a quarter turn ((0, 1), (-1, 0)) or
        its opposite [1].
    u_px : ndarray, shape (n,) or (n, 2)
        Standard uncertainty of the match in the second image [px]; large along the direction in
        which unknown relief moves windows.
    """

    first: int
    second: int
    row: FloatArray
    col: FloatArray
    second_row: FloatArray
    second_col: FloatArray
    ideal_row: FloatArray
    ideal_col: FloatArray
    jacobian: FloatArray
    u_px: FloatArray


@dataclass(frozen=True)
class FocalPlaneCalibration:
    """Calibrated viewing directions.

    Parameters
    ----------
    focal_plane : FocalPlane
        Offsets, without mean shift and turn (and without scale, where there was no reference).
    covariance : ndarray, shape (2 k, 2 k)
        Of the coefficients of rows, then of columns [px²].
    attitude_px, u_attitude_px : ndarray, shape (images, 3)
        Shift of rows, of columns, and turn at the edge of the frame, of each image, and their
        standard uncertainties [px].
    residual_rms_px : tuple of 2 float
        Rows and columns, outliers left out [px].
    sigma0 : float
        Misfit over what was stated [1].
    n, n_outliers : int
        Windows, and those left out of them.
    scale_known : bool
        Whether the scale was measured (reference) or held (crossed pairs).
    """

    focal_plane: FocalPlane
    covariance: FloatArray
    attitude_px: FloatArray
    u_attitude_px: FloatArray
    residual_rms_px: tuple[float, float]
    sigma0: float
    n: int
    n_outliers: int
    scale_known: bool

    def uncertainty(self, row: FloatArray, col: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Standard uncertainties of the offsets of rows and columns at positions [px]."""
        terms = basis(*self.focal_plane.normalised(row, col), self.focal_plane.degree)
        k = terms.shape[-1]
        parts = self.covariance[:k, :k], self.covariance[k:, k:]
        u = [np.sqrt(np.einsum("...i,ij,...j->...", terms, part, terms)) for part in parts]
        return u[0], u[1]


def calibrate_on_reference(
    views: Sequence[ReferenceView], shape: tuple[int, int], *, degree: int = 3
) -> FocalPlaneCalibration:
    """Viewing directions from images against a reference.

    Parameters
    ----------
    views : sequence of ReferenceView
        One an image, at least one.
    shape : tuple of int
        Rows and columns of the frame [px].
    degree : int
        Of the Legendre polynomials, 1 to 9.

    Raises
    ------
    PointsError, SingularError
        Windows too few, badly spread, or mostly outliers.
    """
    plane = FocalPlane.ideal(shape, degree)
    rows = _Rows()
    for index, view in enumerate(views):
        rows.add_reference(plane, view, index, len(views))
    return _solve(plane, rows, _held(shape, len(degrees(degree)), scale=False), scale_known=True)


def calibrate_on_crossed(
    views: Sequence[CrossedView], shape: tuple[int, int], *, degree: int = 3
) -> FocalPlaneCalibration:
    """Viewing directions from images against one another.

    Parameters
    ----------
    views : sequence of CrossedView
        Pairs of images, numbered from 0; the first image's shift and turn are held at zero.
    shape : tuple of int
        Rows and columns of the frame [px].
    degree : int
        Of the Legendre polynomials, 1 to 9.

    Raises
    ------
    SingularError
        Parts of the field that these pairs cannot show, by name.
    PointsError
        Windows too few, or mostly outliers.
    """
    plane = FocalPlane.ideal(shape, degree)
    k = len(degrees(degree))
    images = _count(views)
    rows = _Rows()
    for view in views:
        rows.add_crossed(plane, view, images)
    held = _held(shape, k, scale=True)
    first = np.zeros((_ATTITUDE, 2 * k + _ATTITUDE * images))
    first[np.arange(_ATTITUDE), 2 * k + np.arange(_ATTITUDE)] = 1.0
    held = np.concatenate([np.pad(held, ((0, 0), (0, _ATTITUDE * images))), first])
    return _solve(plane, rows, held, scale_known=False)


def calibrate_jointly(
    references: Mapping[int, ReferenceView],
    crossed: Sequence[CrossedView],
    shape: tuple[int, int],
    *,
    degree: int = 3,
) -> FocalPlaneCalibration:
    """Viewing directions from images against one another and against a reference, in one solution.

    What crossed pairs cannot show, the scale and each image's attitude, comes from the reference.

    Parameters
    ----------
    references : mapping of int to ReferenceView
        By the image's number, at least one.
    crossed : sequence of CrossedView
        Pairs of images; may be empty.
    shape : tuple of int
        Rows and columns of the frame [px].
    degree : int
        Of the Legendre polynomials, 1 to 9.

    Raises
    ------
    PointsError, SingularError
        Windows too few, badly spread, or mostly outliers; an image that nothing ties down.
    """
    plane = FocalPlane.ideal(shape, degree)
    images = max(_count(crossed), 1 + max(references, default=0))
    rows = _Rows()
    for index, view in references.items():
        rows.add_reference(plane, view, index, images)
    for pair in crossed:
        rows.add_crossed(plane, pair, images)
    held = _held(shape, len(degrees(degree)), scale=False)
    return _solve(plane, rows, held, scale_known=True)


def _count(views: Sequence[CrossedView]) -> int:
    return 1 + max((max(view.first, view.second) for view in views), default=0)


class _Rows:
    """Derivatives, vectors and uncertainties of all windows, view by view."""

    def __init__(self) -> None:
        self.designs: list[FloatArray] = []
        self.observed: list[FloatArray] = []
        self.u: list[FloatArray] = []

    def add_reference(
        self, plane: FocalPlane, view: ReferenceView, index: int, images: int
    ) -> None:
        _check(view.row, view.col, view.ideal_row, view.ideal_col)
        self.designs.append(_effects(plane, view.row, view.col, index, images))
        self.observed.append(
            np.stack([view.ideal_row - view.row, view.ideal_col - view.col], axis=1)
        )
        self.u.append(_both(view.u_px, view.row.size))

    def add_crossed(self, plane: FocalPlane, view: CrossedView, images: int) -> None:
        _check(view.row, view.col, view.second_row, view.second_col, view.ideal_row, view.ideal_col)
        at_second = _effects(plane, view.second_row, view.second_col, view.second, images)
        at_first = _effects(plane, view.row, view.col, view.first, images)
        self.designs.append(at_second - np.einsum("nij,njk->nik", view.jacobian, at_first))
        self.observed.append(
            np.stack([view.ideal_row - view.second_row, view.ideal_col - view.second_col], axis=1)
        )
        self.u.append(_both(view.u_px, view.row.size))


def _effects(
    plane: FocalPlane, row: FloatArray, col: FloatArray, image: int, images: int
) -> FloatArray:
    """Derivatives of (row, col) where the ideal camera sees a pixel's target, (n, 2, unknowns)."""
    u, v = plane.normalised(row, col)
    terms = basis(u, v, plane.degree)
    n, k = terms.shape
    out = np.zeros((n, 2, 2 * k + _ATTITUDE * images))
    out[:, 0, :k] = out[:, 1, k : 2 * k] = terms
    at = 2 * k + _ATTITUDE * image
    out[:, 0, at] = out[:, 1, at + 1] = 1.0
    half = max(plane.shape) / 2.0
    out[:, 0, at + 2] = u * plane.shape[1] / 2.0 / half
    out[:, 1, at + 2] = -v * plane.shape[0] / 2.0 / half
    return out


def _held(shape: tuple[int, int], k: int, *, scale: bool) -> FloatArray:
    """Combinations of the coefficients (rows, columns) that are not the focal plane's."""
    rows, cols = shape
    held = np.zeros((4 if scale else 3, 2 * k))
    held[0, 0] = held[1, k] = 1.0
    # terms 1 and 2 are u and v: a turn moves rows with u and columns against v
    held[2, 1], held[2, k + 2] = cols, -rows
    if scale:
        held[3, 2], held[3, k + 1] = rows, cols
    return held


def _solve(
    plane: FocalPlane, rows: _Rows, held: FloatArray, *, scale_known: bool
) -> FocalPlaneCalibration:
    if not rows.designs or plane.degree < 1:
        raise InputError(
            f"{len(rows.designs)} views and degree {plane.degree}; the rule is at least one of "
            "each."
        )
    design, vectors = np.concatenate(rows.designs), np.concatenate(rows.observed)
    k = len(degrees(plane.degree))
    total = design.shape[2]
    held = np.pad(held, ((0, 0), (0, total - held.shape[1])))
    terms = [f"P{a}(u)P{b}(v)" for a, b in degrees(plane.degree)]
    names = [f"{t} of {axis}" for axis in ("rows", "columns") for t in terms]
    names += [
        f"{what} of image {i}"
        for i in range((total - 2 * k) // _ATTITUDE)
        for what in ("row shift", "column shift", "turn")
    ]
    fit: LinearFit = fit_vectors(
        design, vectors, np.concatenate(rows.u), constraints=held, names=tuple(names)
    )
    rms = np.sqrt((fit.residual[fit.kept] ** 2).mean(axis=0))
    return FocalPlaneCalibration(
        focal_plane=FocalPlane(plane.shape, plane.degree, fit.values[k : 2 * k], fit.values[:k]),
        covariance=fit.covariance[: 2 * k, : 2 * k],
        attitude_px=fit.values[2 * k :].reshape(-1, _ATTITUDE),
        u_attitude_px=fit.u_values[2 * k :].reshape(-1, _ATTITUDE),
        residual_rms_px=(float(rms[0]), float(rms[1])),
        sigma0=fit.sigma0,
        n=len(vectors),
        n_outliers=int((~fit.kept).sum()),
        scale_known=scale_known,
    )


def _both(u_px: FloatArray, n: int) -> FloatArray:
    u = np.asarray(u_px, dtype=np.float64)
    u = np.broadcast_to(u[:, None] if u.ndim == 1 else u, (n, 2)).copy()
    if not (u > 0).all():
        raise InputError("u_px has values that are not above 0; the rule is above 0.")
    return u


def _check(*arrays: FloatArray) -> None:
    if len({np.shape(a) for a in arrays}) != 1 or not all(np.isfinite(a).all() for a in arrays):
        raise PointsError(
            f"positions of sizes {[np.size(a) for a in arrays]}, "
            f"{'all' if all(np.isfinite(a).all() for a in arrays) else 'not all'} finite; the rule "
            "is as many of each, all finite.",
            remedy="Leave out windows that were not found.",
        )
