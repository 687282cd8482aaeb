"""Images whose geometry is adjusted: rational models with a correction in the image, and cameras.

A model projects ground to image under values of its own few unknowns. Which of the whole
adjustment's unknowns these are is the adjustment's business: two images may share some (a
boresight common to all images of an instrument).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError
from boresight.geometry.camera import FrameCamera, rotation_matrix
from boresight.geometry.linearisation import Sighting, see_by_camera, see_by_rpc
from boresight.rpc import RpcModel
from boresight.rpc_fit import RpcFit, fit_rpc_points

FloatArray = NDArray[np.float64]


class ImageModel(Protocol):
    """What the adjustment asks of an image."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the unknowns."""
        ...

    @property
    def steps(self) -> FloatArray:
        """Changes of the unknowns that move the image by about a tenth of a pixel."""
        ...

    def project(
        self, values: FloatArray, lon: FloatArray, lat: FloatArray, height_m: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Ground [deg], [m] to image, internal pixel convention [px]."""
        ...

    def linearise(
        self, values: FloatArray, lon: FloatArray, lat: FloatArray, height_m: FloatArray
    ) -> Sighting:
        """The same with its derivatives by values and places."""
        ...


@dataclass(frozen=True)
class RpcImage:
    """A rational model with a correction in the image.

    The image is at ``project(ground) + correction``. Affine: constant, and changes along rows and
    columns, these normalised by the model's scales so that they are sizes at the edge [px].

    Parameters
    ----------
    rpc : RpcModel
        As delivered.
    kind : {"bias", "affine"}
        Two or six unknowns.

    References
    ----------
    Fraser and Hanley 2005, Photogrammetric Engineering & Remote Sensing 71(8):909 (bias and affine
    correction in image space).
    """

    rpc: RpcModel
    kind: Literal["bias", "affine"] = "bias"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the unknowns, all in pixels."""
        if self.kind == "bias":
            return ("row", "col")
        if self.kind == "affine":
            return ("row", "row/row", "row/col", "col", "col/row", "col/col")
        raise InputError(f'kind is {self.kind!r}; the rule is "bias" or "affine".')

    @property
    def steps(self) -> FloatArray:
        """A tenth of a pixel each."""
        return np.full(len(self.names), 0.1)

    def project(
        self, values: FloatArray, lon: FloatArray, lat: FloatArray, height_m: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Ground to image with the correction [px]."""
        row, col = self.rpc.project(lon, lat, height_m)
        if self.kind == "bias":
            return row + values[0], col + values[1]
        v = (row - self.rpc.row_off) / self.rpc.row_scale
        u = (col - self.rpc.col_off) / self.rpc.col_scale
        return (
            row + values[0] + values[1] * v + values[2] * u,
            col + values[3] + values[4] * v + values[5] * u,
        )

    def linearise(
        self, values: FloatArray, lon: FloatArray, lat: FloatArray, height_m: FloatArray
    ) -> Sighting:
        """Position with its derivatives by the correction's values and by the place."""
        plain = see_by_rpc(self.rpc, lon, lat, height_m)
        n = np.size(plain.row)
        by_value = np.zeros((n, 2, len(self.names)))
        if self.kind == "bias":
            by_value[:, 0, 0] = by_value[:, 1, 1] = 1.0
            return Sighting(plain.row + values[0], plain.col + values[1], by_value, plain.by_ground)
        rpc = self.rpc
        v, u = (plain.row - rpc.row_off) / rpc.row_scale, (plain.col - rpc.col_off) / rpc.col_scale
        terms = np.stack([np.ones(n), v, u], axis=-1)
        by_value[:, 0, :3] = by_value[:, 1, 3:] = terms
        slope = np.eye(2) + np.array([values[1:3], values[4:6]]) / [rpc.row_scale, rpc.col_scale]
        return Sighting(
            plain.row + terms @ values[:3],
            plain.col + terms @ values[3:],
            by_value,
            slope @ plain.by_ground,
        )

    def corrected(self, values: FloatArray) -> RpcFit:
        """Rational model with the correction in it, over the whole domain of the delivered one.

        A bias is taken in exactly; an affine correction is fitted (``max_residual_px`` says how
        well).
        """
        rpc = self.rpc
        if self.kind == "bias":
            return RpcFit(rpc.cropped(-float(values[0]), -float(values[1])), 0.0)
        row, col, height = (
            v.ravel()
            for v in np.meshgrid(
                rpc.row_off + rpc.row_scale * np.linspace(-1, 1, 25),
                rpc.col_off + rpc.col_scale * np.linspace(-1, 1, 25),
                np.linspace(*rpc.height_range, 9),
                indexing="ij",
            )
        )
        lon, lat = rpc.localize(row, col, height)
        row, col = self.project(values, lon, lat, height)
        return fit_rpc_points(row, col, lon, lat, height)


@dataclass(frozen=True)
class FrameImage:
    """A frame camera with its attitude unknown, and the boresight if asked for.

    Parameters
    ----------
    camera : FrameCamera
        With its attitude correction as known so far: unknowns come on top.
    boresight : bool
        Three further unknowns before the attitude's own, meant to be shared by images: the
        instrument is turned by boresight first, then the platform by the attitude.
    """

    camera: FrameCamera
    boresight: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the unknowns, all in radians."""
        own = ("attitude x", "attitude y", "attitude z")
        return ("boresight x", "boresight y", "boresight z", *own) if self.boresight else own

    @property
    def steps(self) -> FloatArray:
        """Of a tenth of a pixel."""
        small = 0.1 / self.camera.focal_px
        # about the line of sight a turn moves the edge by half the frame, not the focal length
        turn = 0.2 / max(self.camera.focal_plane.shape)
        return np.array([small, small, turn] * (2 if self.boresight else 1))

    def project(
        self, values: FloatArray, lon: FloatArray, lat: FloatArray, height_m: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Ground to image under the turned camera [px]."""
        return self.turned(values).project(lon, lat, height_m)

    def linearise(
        self, values: FloatArray, lon: FloatArray, lat: FloatArray, height_m: FloatArray
    ) -> Sighting:
        """Position with its derivatives by the rotation vectors and by the place."""
        own = np.asarray(values[-3:], np.float64)
        if not self.boresight:
            return see_by_camera(self.camera, (own,), lon, lat, height_m)
        seen = see_by_camera(
            self.camera, (own, np.asarray(values[:3], np.float64)), lon, lat, height_m
        )
        # the boresight's unknowns come first
        return replace(seen, by_value=np.roll(seen.by_value, 3, axis=-1))

    def turned(self, values: FloatArray) -> FrameCamera:
        """The camera with the unknowns' values in its attitude."""
        turn = rotation_matrix(self.camera.attitude_rad) @ rotation_matrix(values[-3:])
        if self.boresight:
            turn = turn @ rotation_matrix(values[:3])
        return self.camera.turned(_vector(turn))


def _vector(turn: FloatArray) -> FloatArray:
    """Rotation vector of a matrix of a turn below 90 deg."""
    sine = 0.5 * np.array(
        [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
    )
    size = float(np.linalg.norm(sine))
    if size < 1e-12:
        return sine
    result: FloatArray = sine * (np.arcsin(min(size, 1.0)) / size)
    return result
