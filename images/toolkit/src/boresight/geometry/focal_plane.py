"""Viewing directions of a frame: polynomials over the focal plane.

Positions are (u, v) from -1 to 1 along columns and rows; the basis are products of Legendre
polynomials up to a total degree, so that coefficients are nearly uncorrelated on a full frame and
each is the size of its effect at the edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import InputError

FloatArray = NDArray[np.float64]

MAX_DEGREE = 9


def degrees(degree: int) -> list[tuple[int, int]]:
    """Degrees in u and v of the terms up to a total degree, in the order of coefficients."""
    if not 0 <= degree <= MAX_DEGREE:
        raise InputError(f"degree is {degree}; the rule is 0 to {MAX_DEGREE}.")
    return [(total - v, v) for total in range(degree + 1) for v in range(total + 1)]


def basis(u: ArrayLike, v: ArrayLike, degree: int) -> FloatArray:
    """Terms at positions, shape (..., number of terms)."""
    u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
    # for a single position legvander adds an axis of its own
    in_u = np.polynomial.legendre.legvander(u, degree).reshape(*u.shape, degree + 1)
    in_v = np.polynomial.legendre.legvander(v, degree).reshape(*v.shape, degree + 1)
    return np.stack([in_u[..., a] * in_v[..., b] for a, b in degrees(degree)], axis=-1)


def basis_slopes(u: ArrayLike, v: ArrayLike, degree: int) -> tuple[FloatArray, FloatArray]:
    """Derivatives of the terms by u and by v, each of shape (..., number of terms)."""
    u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
    # columns: the derivative of each polynomial as a sum of those below it
    slope = np.zeros((degree + 1, degree + 1))
    if degree:
        slope[:degree] = np.polynomial.legendre.legder(np.eye(degree + 1))
    in_u = np.polynomial.legendre.legvander(u, degree).reshape(*u.shape, degree + 1)
    in_v = np.polynomial.legendre.legvander(v, degree).reshape(*v.shape, degree + 1)
    by_u, by_v = in_u @ slope, in_v @ slope
    terms = degrees(degree)
    return (
        np.stack([by_u[..., a] * in_v[..., b] for a, b in terms], axis=-1),
        np.stack([in_u[..., a] * by_v[..., b] for a, b in terms], axis=-1),
    )


@dataclass(frozen=True)
class FocalPlane:
    """Offsets of the viewing directions from those of an ideal camera.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the frame [px].
    degree : int
        Highest total degree, 0 to 9.
    d_col, d_row : ndarray, shape (number of terms,)
        Coefficients [px]: a pixel looks to where an ideal camera's pixel at column + d_col(u, v),
        row + d_row(u, v) looks.
    """

    shape: tuple[int, int]
    degree: int
    d_col: FloatArray
    d_row: FloatArray

    def __post_init__(self) -> None:
        count = len(degrees(self.degree))
        for name in ("d_col", "d_row"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, value)
            if value.shape != (count,) or not np.isfinite(value).all():
                raise InputError(
                    f"{name} has shape {value.shape}; the rule is {count} finite coefficients for "
                    f"degree {self.degree}."
                )

    @classmethod
    def ideal(cls, shape: tuple[int, int], degree: int = 0) -> FocalPlane:
        """Without offsets."""
        count = len(degrees(degree))
        return cls(shape, degree, np.zeros(count), np.zeros(count))

    def normalised(self, row: ArrayLike, col: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """(u, v) of positions, internal pixel convention."""
        rows, cols = self.shape
        u = 2.0 * np.asarray(col, np.float64) / cols - 1.0
        v = 2.0 * np.asarray(row, np.float64) / rows - 1.0
        return u, v

    def offsets(self, row: ArrayLike, col: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Offsets of row and column at positions [px]."""
        terms = basis(*self.normalised(row, col), self.degree)
        return terms @ self.d_row, terms @ self.d_col

    def slopes(self, row: ArrayLike, col: ArrayLike) -> FloatArray:
        """Derivatives of the offsets of row and column by row and column, shape (..., 2, 2) [1]."""
        u, v = self.normalised(row, col)
        if self.degree == 0:
            return np.zeros((*np.shape(u), 2, 2))
        by_u, by_v = basis_slopes(u, v, self.degree)
        rows, cols = self.shape
        by_row, by_col = by_v * (2.0 / rows), by_u * (2.0 / cols)
        return np.stack(
            [
                np.stack([by_row @ self.d_row, by_col @ self.d_row], axis=-1),
                np.stack([by_row @ self.d_col, by_col @ self.d_col], axis=-1),
            ],
            axis=-2,
        )
