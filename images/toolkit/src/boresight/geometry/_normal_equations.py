"""Normal equations of an adjustment: images' unknowns, with the places of points eliminated.

References
----------
Triggs et al. 2000, doi:10.1007/3-540-44480-7_21 (elimination of points, section 6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.errors import NonConvergenceError, PointsError, SingularError
from boresight.geometry.image_models import ImageModel
from boresight.geometry.observations import Measurements, Points

FloatArray = NDArray[np.float64]

#: metres of a degree of latitude, to turn metres into degrees: no accuracy hangs on it
METRES_PER_DEG = 111_320.0

#: a place known better than this is as good as fixed [m]
FIXED_M = 1e-4

_MAX_STEPS = 30

#: steps while weights still change
_ROUGH_STEPS = 6

#: smallest eigenvalue of the normal matrix of unit diagonal
_SINGULAR = 1e-10

#: the same of a point's own matrix: below, a direction is held by nothing but rounding
_UNHELD = 1e-12

#: standard uncertainty of a place along such a direction [m]
_FAR_M = 1e4


@dataclass(frozen=True)
class Solution:
    values: FloatArray
    places: FloatArray
    residual: FloatArray
    covariance: FloatArray
    point_covariance: FloatArray
    fitted: FloatArray
    steps: int


class Problem:
    """Images, measurements and points, with the unknowns' numbers."""

    def __init__(
        self,
        images: Sequence[ImageModel],
        measurements: Measurements,
        points: Points,
        u_prior: FloatArray,
        unknowns: Sequence[NDArray[np.int64]],
    ) -> None:
        self.images, self.measured, self.points = images, measurements, points
        self.unknowns, self.count = unknowns, u_prior.size
        self.prior = np.where(np.isfinite(u_prior), 1.0 / np.maximum(u_prior, 1e-30) ** 2, 0.0)
        known = np.isfinite(points.u_m)
        self.point_prior = np.where(known, 1.0 / np.maximum(points.u_m, FIXED_M) ** 2, 0.0)
        self.east_per_deg = METRES_PER_DEG * np.cos(np.radians(points.lat))
        self.rows_of = [np.flatnonzero(measurements.image == i) for i in range(len(images))]
        self.scale = np.ones(self.count)
        for ids, image in zip(unknowns, images, strict=True):
            self.scale[ids] = image.steps

    def linearise(
        self, values: FloatArray, places: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Residuals (n, 2), derivatives by unknowns (n, 2, k) and by places (n, 2, 3)."""
        m, p = self.measured, self.points
        n = m.row.size
        residual = np.empty((n, 2))
        by_value, by_place = np.zeros((n, 2, self.count)), np.empty((n, 2, 3))
        lon = p.lon + places[:, 0] / self.east_per_deg
        lat = p.lat + places[:, 1] / METRES_PER_DEG
        height = p.height_m + places[:, 2]
        for rows, ids, image in zip(self.rows_of, self.unknowns, self.images, strict=True):
            if rows.size == 0:
                continue
            at = m.point[rows]
            seen = image.linearise(values[ids], lon[at], lat[at], height[at])
            residual[rows, 0], residual[rows, 1] = m.row[rows] - seen.row, m.col[rows] - seen.col
            by_value[np.ix_(rows, np.arange(2), ids)] = seen.by_value
            by_place[rows] = seen.by_ground
        by_place[..., 0] /= self.east_per_deg[m.point, None]
        by_place[..., 1] /= METRES_PER_DEG
        if not np.isfinite(residual).all():
            lost = int((~np.isfinite(residual)).any(axis=1).sum())
            raise PointsError(
                f"{lost} of {n} points cannot be projected into their image; the rule is all.",
                remedy="Check their coordinates, and that each belongs to its image.",
            )
        return residual, by_value, by_place

    def solve(
        self, weight: FloatArray, start: tuple[FloatArray, FloatArray], *, rough: bool = False
    ) -> Solution:
        """Gauss-Newton with given weights of measurements [1/px²]; ``rough``: wherever it ends."""
        values, places = start
        for step in range(1, _MAX_STEPS + 1):
            residual, by_value, by_place = self.linearise(values, places)
            d_values, d_places, parts = self._step(residual, by_value, by_place, weight, start=(
                values, places
            ))  # fmt: skip
            values, places = values + d_values, places + d_places
            size = max(
                float(np.abs(d_values / self.scale).max(initial=0.0)),
                float(np.abs(d_places).max(initial=0.0)) * 0.1,
            )
            if size < 1e-3 or (rough and step == _ROUGH_STEPS):
                residual, by_value, by_place = self.linearise(values, places)
                return self._covariances(values, places, residual, by_value, by_place, parts, step)
        raise NonConvergenceError(
            f"adjustment: the last of {_MAX_STEPS} steps was {size:.3g} tenths of a pixel; the rule"
            " is below 0.001.",
            remedy="Start nearer: check the points' coordinates and the images' models.",
        )

    def _step(
        self,
        residual: FloatArray,
        by_value: FloatArray,
        by_place: FloatArray,
        weight: FloatArray,
        *,
        start: tuple[FloatArray, FloatArray],
    ) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray, FloatArray]]:
        values, places = start
        count, points = self.count, self.points.lon.size
        w_value, w_place = by_value * weight[:, None, None], by_place * weight[:, None, None]
        normal = w_value.reshape(-1, count).T @ by_value.reshape(-1, count) + np.diag(self.prior)
        right = w_value.reshape(-1, count).T @ residual.ravel() - self.prior * values
        own = np.zeros((points, 3, 3))
        own_right = -self.point_prior * places
        mixed = np.zeros((points, count, 3))
        chosen = self.measured.point
        np.add.at(own, chosen, w_place.transpose(0, 2, 1) @ by_place)
        np.add.at(own_right, chosen, np.einsum("nij,ni->nj", w_place, residual))
        np.add.at(mixed, chosen, w_value.transpose(0, 2, 1) @ by_place)
        index = np.arange(3)
        own[:, index, index] += self.point_prior
        inverse, unknown = _inverted(own)
        carried = mixed @ inverse
        reduced = normal - _columns(carried) @ _columns(mixed).T
        right = right - np.einsum("pkj,pj->k", carried, own_right)
        d_values, covariance = self._invert(reduced, right)
        left = own_right - np.einsum("pki,k->pi", mixed, d_values)
        d_places = (inverse @ left[:, :, None])[:, :, 0]
        return d_values, d_places, (covariance, inverse + unknown, carried)

    def _invert(self, reduced: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.count == 0:
            return np.zeros(0), np.zeros((0, 0))
        diagonal = np.sqrt(np.maximum(np.diag(reduced), 0.0))
        # an unknown nobody measures has a diagonal of rounding only
        floor = 1e-9 * (1.0 / self.scale)
        diagonal = np.where(diagonal > floor, diagonal, floor)
        scaled = reduced / np.outer(diagonal, diagonal)
        eigen, vectors = np.linalg.eigh(scaled)
        if eigen[0] < _SINGULAR:
            names = unknown_names(self.images, self.unknowns, self.count)
            share = np.abs(vectors[:, 0])
            mixed = ", ".join(names[k] for k in np.flatnonzero(share > 0.3 * share.max()))
            raise SingularError(
                f"the points do not determine {mixed} (smallest eigenvalue {eigen[0]:.2g} of a "
                f"normal matrix of unit diagonal; the rule is {_SINGULAR:g}).",
                remedy="Add control points away from a line, or state a prior for these unknowns.",
            )
        inverse = (vectors / eigen) @ vectors.T / np.outer(diagonal, diagonal)
        return inverse @ right, inverse

    def _covariances(
        self,
        values: FloatArray,
        places: FloatArray,
        residual: FloatArray,
        by_value: FloatArray,
        by_place: FloatArray,
        parts: tuple[FloatArray, FloatArray, FloatArray],
        steps: int,
    ) -> Solution:
        covariance, inverse, carried = parts
        points, count = carried.shape[:2]
        # covariance of unknowns and places, but for its sign
        cross = (covariance @ _columns(carried)).reshape(count, points, 3).transpose(1, 0, 2)
        own = inverse + carried.transpose(0, 2, 1) @ cross
        chosen = self.measured.point
        fitted = by_value @ covariance @ by_value.transpose(0, 2, 1)
        both = by_value @ cross[chosen] @ by_place.transpose(0, 2, 1)
        fitted -= both + both.transpose(0, 2, 1)
        fitted += by_place @ own[chosen] @ by_place.transpose(0, 2, 1)
        return Solution(values, places, residual, covariance, own, fitted, steps)


def _columns(by_point: FloatArray) -> FloatArray:
    """Shape (points, k, 3) to (k, 3 points)."""
    return by_point.transpose(1, 0, 2).reshape(by_point.shape[1], -1)


def _inverted(own: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inverse of each point's matrix, and the variance of the directions that nothing holds.

    Along these (the line of sight of a point whose other measurements are outliers) the point
    stays where it is, and gives the images' unknowns nothing.
    """
    size = np.sqrt(np.maximum(np.einsum("pii->pi", own), np.finfo(float).tiny))
    eigen, vectors = np.linalg.eigh(own / (size[:, :, None] * size[:, None, :]))
    held = eigen > _UNHELD
    scaled = vectors / size[:, :, None]
    inverse = (scaled * np.where(held, 1.0 / np.where(held, eigen, 1.0), 0.0)[:, None, :]) @ (
        scaled.transpose(0, 2, 1)
    )
    direction = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    unknown = (direction * np.where(held, 0.0, _FAR_M**2)[:, None, :]) @ direction.transpose(
        0, 2, 1
    )
    return inverse, unknown


def unknown_names(
    images: Sequence[ImageModel], unknowns: Sequence[NDArray[np.int64]], total: int
) -> tuple[str, ...]:
    """Names of all unknowns, by their numbers."""
    names = [""] * total
    for i, (image, ids) in enumerate(zip(images, unknowns, strict=True)):
        for number, name in zip(ids, image.names, strict=True):
            # an unknown that images share carries no image's number
            names[number] = name if names[number] else f"image {i}: {name}"
    return tuple(names)
