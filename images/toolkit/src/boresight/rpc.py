"""Rational polynomial model of an image (RPC00B): ground to image and back.

Pure numerics. Positions are in the internal pixel convention of :mod:`boresight.conventions`;
files are read and written, and conventions shifted, in :mod:`boresight.io`.

References
----------
NGA STDI-0002, appendix E, RPC00B: order of the twenty terms and normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boresight.errors import NonConvergenceError, RpcError

FloatArray = NDArray[np.float64]

#: terms of a polynomial
N_COEFFICIENTS = 20

#: Newton steps of :meth:`RpcModel.localize`; real models need 3 to 5
MAX_ITERATIONS = 20

#: residual at which a position counts as found [px]
TOLERANCE_PX = 1e-6

#: normalised coordinates beyond which a rational function means nothing
_FAR_OUTSIDE = 10.0


@dataclass(frozen=True)
class RpcModel:
    """Rational polynomial camera.

    Parameters
    ----------
    row_off, col_off : float
        Centre of the image domain, internal pixel convention [px].
    row_scale, col_scale : float
        Half-size of the image domain, > 0 [px].
    lon_off, lat_off, lon_scale, lat_scale : float
        Centre and half-size of the ground domain [deg].
    height_off, height_scale : float
        Centre and half-size of the range of heights above the WGS 84 ellipsoid [m].
    row_num, row_den, col_num, col_den : tuple of 20 float
        Coefficients in RPC00B order of normalised (longitude, latitude, height).
    err_bias_m, err_rand_m : float, optional
        Errors stated by the producer [m].
    """

    row_off: float
    col_off: float
    row_scale: float
    col_scale: float
    lon_off: float
    lat_off: float
    lon_scale: float
    lat_scale: float
    height_off: float
    height_scale: float
    row_num: tuple[float, ...]
    row_den: tuple[float, ...]
    col_num: tuple[float, ...]
    col_den: tuple[float, ...]
    err_bias_m: float | None = None
    err_rand_m: float | None = None

    def __post_init__(self) -> None:
        for name in ("row_num", "row_den", "col_num", "col_den"):
            values = tuple(float(v) for v in getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != N_COEFFICIENTS or not np.isfinite(values).all():
                raise RpcError(
                    f"RPC: {name} has {len(values)} coefficients, "
                    f"{int(np.isfinite(values).sum())} of them finite; the rule is 20 finite ones.",
                    remedy="Get the RPC file again from the producer.",
                )
        for field in fields(self)[:10]:
            value = float(getattr(self, field.name))
            if not np.isfinite(value) or (field.name.endswith("_scale") and value <= 0):
                raise RpcError(
                    f"RPC: {field.name} is {value}; offsets are finite and scales above 0.",
                    remedy="Get the RPC file again from the producer.",
                )

    @property
    def height_range(self) -> tuple[float, float]:
        """Lowest and highest height above the ellipsoid the model was made for [m]."""
        return self.height_off - self.height_scale, self.height_off + self.height_scale

    def project(
        self, lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Ground to image.

        Parameters
        ----------
        lon, lat : array_like
            Longitude and latitude, WGS 84 [deg]; any turn of the longitude is understood.
        height_ellipsoid_m : array_like
            Height above the ellipsoid [m]. The three broadcast; NaN in gives NaN out.

        Returns
        -------
        row, col : ndarray
            Position, internal pixel convention [px].
        """
        x, y, z = self._normalise(lon, lat, height_ellipsoid_m)
        with np.errstate(divide="ignore", invalid="ignore"):
            row = _polynomial(self.row_num, x, y, z) / _polynomial(self.row_den, x, y, z)
            col = _polynomial(self.col_num, x, y, z) / _polynomial(self.col_den, x, y, z)
        return row * self.row_scale + self.row_off, col * self.col_scale + self.col_off

    def project_with_derivatives(
        self, lon: ArrayLike, lat: ArrayLike, height_ellipsoid_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Ground to image, and how the position changes with the place.

        Parameters
        ----------
        lon, lat, height_ellipsoid_m : array_like
            As :meth:`project`.

        Returns
        -------
        row, col : ndarray
            Position, internal pixel convention [px].
        derivatives : ndarray, shape (..., 2, 3)
            Of row and column by longitude, latitude [px/deg] and height [px/m].
        """
        x, y, z = self._normalise(lon, lat, height_ellipsoid_m)
        with np.errstate(divide="ignore", invalid="ignore"):
            row, *row_by = _rational(self.row_num, self.row_den, x, y, z)
            col, *col_by = _rational(self.col_num, self.col_den, x, y, z)
            row_by.append(_by_height(self.row_num, self.row_den, row, x, y, z))
            col_by.append(_by_height(self.col_num, self.col_den, col, x, y, z))
        by = np.stack([np.stack(row_by, axis=-1), np.stack(col_by, axis=-1)], axis=-2)
        by *= np.array([[self.row_scale], [self.col_scale]])
        by /= np.array([self.lon_scale, self.lat_scale, self.height_scale])
        return row * self.row_scale + self.row_off, col * self.col_scale + self.col_off, by

    def localize(
        self, row: ArrayLike, col: ArrayLike, height_ellipsoid_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Image to ground at given heights, by Newton's method on :meth:`project`.

        Parameters
        ----------
        row, col : array_like
            Position, internal pixel convention [px].
        height_ellipsoid_m : array_like
            Height above the ellipsoid [m]. The three broadcast.

        Returns
        -------
        lon, lat : ndarray
            [deg], longitude within ±180. NaN where the input is not finite or no point was found.

        Raises
        ------
        NonConvergenceError
            No point was found for any of the (finite) positions.
        """
        rows, cols, heights = np.broadcast_arrays(
            *(np.asarray(v, dtype=np.float64) for v in (row, col, height_ellipsoid_m))
        )
        shape = rows.shape
        u = (rows.ravel() - self.row_off) / self.row_scale
        v = (cols.ravel() - self.col_off) / self.col_scale
        z = (heights.ravel() - self.height_off) / self.height_scale
        given = np.isfinite(u) & np.isfinite(v) & np.isfinite(z)
        u, v, z = u[given], v[given], z[given]
        x, y = np.zeros_like(u), np.zeros_like(u)
        todo = np.arange(u.size)
        worst = 0.0
        for _ in range(MAX_ITERATIONS):
            if todo.size == 0:
                break
            step = self._newton_step(x[todo], y[todo], z[todo], u[todo], v[todo])
            x[todo] += step[0]
            y[todo] += step[1]
            residual_px = step[2]
            worst = float(np.nanmax(residual_px)) if residual_px.size else 0.0
            alive = (np.abs(x[todo]) < _FAR_OUTSIDE) & (np.abs(y[todo]) < _FAR_OUTSIDE)
            x[todo[~alive]] = np.nan
            todo = todo[alive & (residual_px > TOLERANCE_PX)]
        x[todo] = np.nan
        failed = np.isnan(x)
        if u.size and failed.all():
            raise NonConvergenceError(
                f"localize: none of {u.size} positions was found in {MAX_ITERATIONS} steps; "
                f"residual up to {worst:.3g} px, the rule is {TOLERANCE_PX:g} px.",
                remedy="Check that the RPC belongs to this image and the heights to this place.",
            )
        lon, lat = np.full(given.shape, np.nan), np.full(given.shape, np.nan)
        lon[given] = _wrap(x * self.lon_scale + self.lon_off)
        lat[given] = np.where(failed, np.nan, y * self.lat_scale + self.lat_off)
        return lon.reshape(shape), lat.reshape(shape)

    def cropped(
        self, row: float, col: float, *, row_step: float = 1.0, col_step: float = 1.0
    ) -> RpcModel:
        """Model of a part of the image.

        Parameters
        ----------
        row, col : float
            Where the upper-left corner of the part lies in this image [px].
        row_step, col_step : float
            Pixels of this image in one pixel of the part (above 1: a reduced image).
        """
        return replace(
            self,
            row_off=(self.row_off - row) / row_step,
            col_off=(self.col_off - col) / col_step,
            row_scale=self.row_scale / row_step,
            col_scale=self.col_scale / col_step,
        )

    def _normalise(
        self, lon: ArrayLike, lat: ArrayLike, height_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        x = _wrap(np.asarray(lon, dtype=np.float64) - self.lon_off) / self.lon_scale
        y = (np.asarray(lat, dtype=np.float64) - self.lat_off) / self.lat_scale
        z = (np.asarray(height_m, dtype=np.float64) - self.height_off) / self.height_scale
        x, y, z = np.broadcast_arrays(x, y, z)
        return x, y, z

    def _newton_step(
        self, x: FloatArray, y: FloatArray, z: FloatArray, u: FloatArray, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        with np.errstate(all="ignore"):
            row, row_x, row_y = _rational(self.row_num, self.row_den, x, y, z)
            col, col_x, col_y = _rational(self.col_num, self.col_den, x, y, z)
            du, dv = u - row, v - col
            determinant = row_x * col_y - row_y * col_x
            step_x = (du * col_y - dv * row_y) / determinant
            step_y = (dv * row_x - du * col_x) / determinant
            residual = np.hypot(du * self.row_scale, dv * self.col_scale)
        return step_x, step_y, residual


def _wrap(degrees: FloatArray) -> FloatArray:
    """Bring to ±180; values within are returned bit for bit."""
    outside = np.abs(degrees) > 180.0
    if not outside.any():
        return degrees
    return np.where(outside, (degrees + 180.0) % 360.0 - 180.0, degrees)


def _polynomial(c: tuple[float, ...], x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Polynomial of RPC00B, gathered by powers of ``z`` and then ``y``: no array of terms."""
    flat = c[0] + x * (c[1] + x * (c[7] + x * c[11]))
    flat = flat + y * (c[2] + x * (c[4] + x * c[14]) + y * (c[8] + x * c[12] + y * c[15]))
    once = c[3] + x * (c[5] + x * c[17]) + y * (c[6] + x * c[10] + y * c[18])
    result: FloatArray = flat + z * (once + z * (c[9] + x * c[13] + y * c[16] + z * c[19]))
    return result


def _derivatives(
    c: tuple[float, ...], x: FloatArray, y: FloatArray, z: FloatArray
) -> tuple[FloatArray, FloatArray]:
    d_x = c[1] + x * (2 * c[7] + 3 * c[11] * x) + y * (c[4] + 2 * c[14] * x + c[12] * y)
    d_x = d_x + z * (c[5] + 2 * c[17] * x + c[10] * y + c[13] * z)
    d_y = c[2] + x * (c[4] + c[14] * x) + y * (2 * c[8] + 2 * c[12] * x + 3 * c[15] * y)
    d_y = d_y + z * (c[6] + c[10] * x + 2 * c[18] * y + c[16] * z)
    return d_x, d_y


def _rational(
    num: tuple[float, ...], den: tuple[float, ...], x: FloatArray, y: FloatArray, z: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Value and derivatives by ``x`` and ``y`` of a rational function."""
    n, d = _polynomial(num, x, y, z), _polynomial(den, x, y, z)
    n_x, n_y = _derivatives(num, x, y, z)
    d_x, d_y = _derivatives(den, x, y, z)
    value = n / d
    return value, (n_x - value * d_x) / d, (n_y - value * d_y) / d


def _by_height(
    num: tuple[float, ...],
    den: tuple[float, ...],
    value: FloatArray,
    x: FloatArray,
    y: FloatArray,
    z: FloatArray,
) -> FloatArray:
    """Derivative by ``z`` of a rational function that has ``value``."""
    n_z, d_z = _height_derivative(num, x, y, z), _height_derivative(den, x, y, z)
    result: FloatArray = (n_z - value * d_z) / _polynomial(den, x, y, z)
    return result


def _height_derivative(
    c: tuple[float, ...], x: FloatArray, y: FloatArray, z: FloatArray
) -> FloatArray:
    once = c[3] + x * (c[5] + x * c[17]) + y * (c[6] + x * c[10] + y * c[18])
    result: FloatArray = once + z * (2 * (c[9] + x * c[13] + y * c[16]) + 3 * c[19] * z)
    return result
