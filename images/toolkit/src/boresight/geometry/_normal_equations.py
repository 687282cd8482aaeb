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

    def _project(
        self, index: int, values: FloatArray, places: FloatArray, moved: FloatArray | float = 0.0
    ) -> FloatArray:
        chosen = self.measured.point[self.rows_of[index]]
        east, north, up = np.moveaxis(places[chosen] + moved, -1, 0)
        p = self.points
        row, col = self.images[index].project(
            values,
            p.lon[chosen] + east / self.east_per_deg[chosen],
            p.lat[chosen] + north / METRES_PER_DEG,
            p.height_m[chosen] + up,
        )
        return np.stack([row, col], axis=-1)

    def linearise(
        self, values: FloatArray, places: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Residuals (n, 2), derivatives by unknowns (n, 2, k) and by places (n, 2, 3)."""
        m = self.measured
        n = m.row.size
        residual = np.empty((n, 2))
        by_value, by_place = np.zeros((n, 2, self.count)), np.empty((n, 2, 3))
        measured = np.stack([m.row, m.col], axis=-1)
        for i, rows in enumerate(self.rows_of):
            if rows.size == 0:
                continue
            own = values[self.unknowns[i]]
            residual[rows] = measured[rows] - self._project(i, own, places)
            for k, (number, step) in enumerate(
                zip(self.unknowns[i], self.images[i].steps, strict=True)
            ):
                change = np.zeros(own.size)
                change[k] = step
                ahead = self._project(i, own + change, places)
                behind = self._project(i, own - change, places)
                by_value[rows, :, number] = (ahead - behind) / (2.0 * step)
            for axis in range(3):
                shift = np.eye(3)[axis]
                ahead = self._project(i, own, places, shift)
                behind = self._project(i, own, places, -shift)
                by_place[rows, :, axis] = (ahead - behind) / 2.0
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
        normal = np.einsum("nij,nik->jk", w_value, by_value) + np.diag(self.prior)
        right = np.einsum("nij,ni->j", w_value, residual) - self.prior * values
        own = np.zeros((points, 3, 3))
        own_right = -self.point_prior * places
        mixed = np.zeros((points, count, 3))
        np.add.at(own, self.measured.point, np.einsum("nij,nik->njk", w_place, by_place))
        np.add.at(own_right, self.measured.point, np.einsum("nij,ni->nj", w_place, residual))
        np.add.at(mixed, self.measured.point, np.einsum("nij,nik->njk", w_value, by_place))
        index = np.arange(3)
        own[:, index, index] += self.point_prior
        # points without any weight left (all their measurements are outliers) stay where they are
        own[:, index, index] += 1e-12 / FIXED_M
        inverse: FloatArray = np.asarray(np.linalg.inv(own), dtype=np.float64)
        reduced = normal - np.einsum("pki,pij,plj->kl", mixed, inverse, mixed)
        right = right - np.einsum("pki,pij,pj->k", mixed, inverse, own_right)
        d_values, covariance = self._invert(reduced, right)
        d_places = np.einsum(
            "pij,pj->pi", inverse, own_right - np.einsum("pki,k->pi", mixed, d_values)
        )
        return d_values, d_places, (covariance, inverse, mixed)

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
        covariance, inverse, mixed = parts
        carried = np.einsum("kl,plj,pji->pki", covariance, mixed, inverse)  # -(value, place)
        back = np.einsum("pij,pkj,pkl->pil", inverse, mixed, carried)
        own = inverse + back
        chosen = self.measured.point
        fitted = np.einsum("nik,kl,njl->nij", by_value, covariance, by_value)
        cross = np.einsum("nik,nkl,njl->nij", by_value, carried[chosen], by_place)
        fitted -= cross + cross.transpose(0, 2, 1)
        fitted += np.einsum("nik,nkl,njl->nij", by_place, own[chosen], by_place)
        return Solution(values, places, residual, covariance, own, fitted, steps)


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
