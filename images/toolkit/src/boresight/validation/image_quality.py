"""Trials of image quality: focus over a sweep and over time, stripes of an even scene."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from boresight.image_quality import best_focus, drift, parametric_edge, striping
from boresight.simulate import (
    FocalPlaneConfig,
    Optics,
    add_noise,
    edge_image,
    make_focal_plane,
    uniform_frames,
)
from boresight.validation.proof import Estimate, Trial

FloatArray = NDArray[np.float64]

_NOISE = (9.0, 0.06)
_LEAN_DEG = 6.0

#: best setting [um], width there [px] and rise of its square [px2/um2]
_BEST_UM, _SHARPEST_PX, _RISE = 12.0, 0.50, 2.2e-5
_SETTINGS_UM = np.array([-120.0, -80.0, -40.0, 0.0, 40.0, 80.0, 120.0])

#: growth of the width [px/yr], and months in which it is measured
_GROWTH_PX, _MONTHS = 0.02, 18

_COLUMN_RMS = 0.003


def focus_trial(seed: int) -> Iterator[Estimate]:
    """Sharpest setting of a sweep, from edges."""
    true = np.sqrt(_SHARPEST_PX**2 + _RISE * (_SETTINGS_UM - _BEST_UM) ** 2)
    sigma, u = _widths(true.tolist(), seed, 0)
    found = best_focus(_SETTINGS_UM, sigma, u)
    yield Estimate("best setting", "um", _BEST_UM, found.setting, found.u_setting)
    yield Estimate("width there", "px", _SHARPEST_PX, found.sigma_px, found.u_sigma_px, 0.005)


def drift_trial(seed: int) -> Iterator[Estimate]:
    """Growth of the width of edges over months."""
    days = 30.4 * np.arange(_MONTHS)
    true = _SHARPEST_PX + _GROWTH_PX * days / 365.25
    sigma, u = _widths(true.tolist(), seed, 100)
    found = drift(days, sigma, u)
    year = 365.25
    yield Estimate(
        "drift of the width", "px/yr", _GROWTH_PX, year * found.rate, year * found.u_rate
    )


def striping_trial(seed: int) -> Iterator[Estimate]:
    """Striping index of an even scene whose columns differ in their gain."""
    config = FocalPlaneConfig(
        rows=300, cols=300, seed=seed, prnu_column_rms=_COLUMN_RMS, prnu_vignetting=0.0
    )
    plane = make_focal_plane(config)
    frame = uniform_frames(plane, 200.0, 1)[0] - config.offset_dn
    found = striping(frame)
    # a white offset c of columns makes steps of c times the root of 3/2
    truth = _COLUMN_RMS * float(np.sqrt(1.5))
    yield Estimate("striping index", "1", truth, found.index, found.u_index)


METHODS: dict[str, Trial] = {
    "striping": striping_trial,
    "focus, sweep": focus_trial,
    "focus, over time": drift_trial,
}


@functools.cache
def _edge(sigma_px: float) -> FloatArray:
    """The same for every seed, and what takes longest."""
    return edge_image(Optics.gaussian(sigma_px, sigma_px), (80, 40), lean_deg=_LEAN_DEG)


def _widths(true_px: list[float], seed: int, stream: int) -> tuple[FloatArray, FloatArray]:
    found = [
        parametric_edge(add_noise(_edge(sigma), *_NOISE, seed=1000 * seed + stream + k))
        for k, sigma in enumerate(true_px)
    ]
    return np.array([e.sigma_px for e in found]), np.array([e.u_sigma_px for e in found])
