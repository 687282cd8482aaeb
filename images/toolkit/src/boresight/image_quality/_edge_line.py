"""Where an edge lies in an image: a straight line through the centroids of its derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from boresight.errors import EdgeError, ImageError, SaturationError

FloatArray = NDArray[np.float64]

Direction = Literal["row", "col"]

#: shortest edge [px], nearest end of the image on either side [px]
MIN_LENGTH_PX = 20
MIN_REACH_PX = 8

#: the edge crosses at least this many columns (or rows) over its length, so that all phases of the
#: pixel grid occur; beyond 40 deg it is no longer an edge of its direction
MIN_CROSSED_PX = 1.5
MAX_ANGLE_DEG = 40.0

#: contrast over noise below which centroids wander
MIN_CONTRAST_TO_NOISE = 5.0

#: share of pixels at the saturation level that is borne [1]
MAX_SATURATED_SHARE = 1e-4

#: pixels this far from the edge are plateaus [px]; 5 σ of a blur of 0.8 px
_PLATEAU_PX = 4.5

#: rows used on either side of the edge for its place [px]
_LINE_REACH_PX = 4.0


@dataclass(frozen=True)
class EdgeLine:
    """Edge of an upright image: column = offset + slope * (row - middle), rising to the right."""

    image: FloatArray
    direction: Direction
    offset: float
    slope: float
    u_smear_px: float
    dark: float
    bright: float
    noise_dark: float
    noise_bright: float
    reach_px: float

    @property
    def angle_rad(self) -> float:
        return math.atan(self.slope)

    @property
    def distance(self) -> FloatArray:
        """Of every pixel's centre along the normal [px]."""
        rows, cols = self.image.shape
        place = self.offset + self.slope * (np.arange(rows) - (rows - 1) / 2.0)
        d: FloatArray = (np.arange(cols)[None] - place[:, None]) * math.cos(self.angle_rad)
        return d

    def variance(self, level: FloatArray) -> FloatArray:
        """Noise at a level from 0 to 1: its variance is linear in the signal."""
        share = np.clip(level, 0.0, 1.0)
        variance: FloatArray = self.noise_dark**2 + share * (
            self.noise_bright**2 - self.noise_dark**2
        )
        return variance


def find_edge(image: NDArray[Any], saturation_dn: float | None, reach_px: float) -> EdgeLine:
    """Turn the image so that the edge stands upright and rises to the right, and fit its line."""
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ImageError(
            f"edge image has shape {values.shape} and {int((~np.isfinite(values)).sum())} values "
            "that are not finite; the rule is two dimensions without gaps.",
            remedy="Cut out a part around the edge without missing pixels.",
        )
    _check_saturation(values, saturation_dn)
    across_cols = np.abs(values[:, -3:].mean() - values[:, :3].mean()) if values.size else 0.0
    across_rows = np.abs(values[-3:].mean() - values[:3].mean()) if values.size else 0.0
    direction: Direction = "col" if across_cols >= across_rows else "row"
    if direction == "row":
        values = values.T
    if values.shape[0] < MIN_LENGTH_PX or values.shape[1] < 2 * MIN_REACH_PX:
        raise EdgeError(
            f"edge image is {values.shape[0]} px along and {values.shape[1]} px across the edge; "
            f"the rule is at least {MIN_LENGTH_PX} and {2 * MIN_REACH_PX}.",
            remedy="Use a longer edge with more even ground on both sides.",
        )
    if values[:, -3:].mean() < values[:, :3].mean():
        values = values[:, ::-1]
    rows, cols = values.shape
    low, high = float(np.median(values[:, :3])), float(np.median(values[:, -3:]))
    spread = float(np.median(np.abs(np.diff(values[:, :4], axis=1)))) / 0.954
    if not high - low > MIN_CONTRAST_TO_NOISE * max(spread, 1e-12):
        raise EdgeError(
            f"step of {high - low:.4g} over noise of {spread:.3g}; the rule is a contrast of at "
            f"least {MIN_CONTRAST_TO_NOISE:g} times the noise.",
            remedy="Choose a scene with brighter and darker sides.",
        )
    offset, slope, u_slope = _fit_line(values)
    angle = abs(math.degrees(math.atan(slope)))
    crossed = abs(slope) * rows
    if crossed < MIN_CROSSED_PX or angle > MAX_ANGLE_DEG:
        raise EdgeError(
            f"edge is slanted by {angle:.2f} deg and crosses {crossed:.2f} px over {rows} px; the "
            f"rule is at least {MIN_CROSSED_PX:g} px, and at most {MAX_ANGLE_DEG:g} deg.",
            remedy="Turn the edge by 2 to 10 deg against the pixel grid.",
        )
    ends = [offset + sign * slope * (rows - 1) / 2 for sign in (-1, 1)]
    reach = min(min(ends), cols - 1 - max(ends)) * math.cos(math.atan(slope))
    if reach < MIN_REACH_PX - 1:
        raise EdgeError(
            f"edge comes within {reach:.1f} px of the image's side; the rule is "
            f"{MIN_REACH_PX - 1} px.",
            remedy="Cut the image out with the edge in its middle.",
        )
    reach = min(reach, reach_px)
    line = EdgeLine(
        values, direction, offset, slope, u_slope * rows / math.sqrt(12.0), 0, 1, 0, 0, reach
    )
    distance = line.distance
    dark = values[(distance < -_PLATEAU_PX) & (distance > -reach)]
    bright = values[(distance > _PLATEAU_PX) & (distance < reach)]
    # not less than rounding to whole numbers makes
    floor = (
        math.sqrt(1.0 / 12.0) if np.array_equal(values, np.rint(values)) else 1e-9 * (high - low)
    )
    return replace(
        line,
        dark=float(dark.mean()),
        bright=float(bright.mean()),
        noise_dark=max(float(dark.std(ddof=1)), floor),
        noise_bright=max(float(bright.std(ddof=1)), floor),
    )


def _check_saturation(values: FloatArray, saturation_dn: float | None) -> None:
    if saturation_dn is None:
        return
    share = float((values >= saturation_dn).mean())
    if share > MAX_SATURATED_SHARE:
        raise SaturationError(
            f"{100 * share:.2f} % of the pixels reach {saturation_dn:g}; the rule is at most "
            f"{100 * MAX_SATURATED_SHARE:g} %.",
            remedy="Choose a darker scene or a shorter exposure: a clipped edge looks too sharp.",
        )


def _fit_line(values: FloatArray) -> tuple[float, float, float]:
    """Offset at the middle row, slope, and the slope's uncertainty, by centroids of derivatives."""
    rows, cols = values.shape
    derivative = np.diff(values, axis=1)
    # positions of differences are half a pixel right of the left sample
    x = np.arange(cols - 1) + 0.5
    y = np.arange(rows) - (rows - 1) / 2.0
    # rows help one another to the first guess: a noisy row's largest difference may be anywhere
    smooth = np.apply_along_axis(np.convolve, 1, derivative, np.ones(3) / 3.0, "same")
    place = x[np.argmax(smooth, axis=1)]
    slope, offset = _theil_sen(y, place)
    u_slope = 0.0
    for _ in range(4):
        from_line = x[None] - (offset + slope * y)[:, None]
        # a Hamming window about the line, as wide on its left as on its right
        window = np.where(
            np.abs(from_line) <= _LINE_REACH_PX,
            0.54 + 0.46 * np.cos(np.pi * from_line / _LINE_REACH_PX),
            0.0,
        )
        weight = derivative * window
        total = weight.sum(axis=1)
        usable = total > 0.2 * np.median(total)
        centroid = (weight * from_line).sum(axis=1)[usable] / total[usable]
        design = np.stack([np.ones(int(usable.sum())), y[usable]], axis=1)
        step, *_ = np.linalg.lstsq(design, centroid, rcond=None)
        offset, slope = offset + float(step[0]), slope + float(step[1])
        scatter = centroid - design @ step
        freedom = max(scatter.size - 2, 1)
        u_slope = math.sqrt(
            float(scatter @ scatter) / freedom / max(float((y[usable] ** 2).sum()), 1e-12)
        )
    return offset, slope, u_slope


def _theil_sen(y: FloatArray, place: FloatArray) -> tuple[float, float]:
    """Median slope over half the length, and median offset: a third of the rows may be wrong."""
    half = y.size // 2
    slope = float(
        np.median((place[half:] - place[: y.size - half]) / (y[half:] - y[: y.size - half]))
    )
    return slope, float(np.median(place - slope * y))
