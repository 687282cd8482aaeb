"""What becomes of methods when the instrument has a shape that they cannot represent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from boresight.radiometry import (
    EqualisationResult,
    estimate_dark,
    estimate_gain_uniform,
    estimate_gain_yaw_steered,
    estimate_linearity,
    estimate_noise,
)
from boresight.simulate import (
    FocalPlane,
    FocalPlaneConfig,
    dark_frames,
    light_ladder,
    make_focal_plane,
    uniform_frames,
    yaw_steered,
)
from boresight.validation.absolute import desert_trial, ocean_trial
from boresight.validation.proof import Estimate

_FULL = 4095


@dataclass(frozen=True)
class Degradation:
    """One method under one amount of what it does not know of.

    Parameters
    ----------
    method, shape, quantity, unit : str
        What.
    amount : str
        How much was injected.
    error, u : float
        Root mean square error over seeds (or pixels) and stated standard uncertainty.
    tells : str
        What the result itself says of it.
    """

    method: str
    shape: str
    amount: str
    quantity: str
    unit: str
    error: float
    u: float
    tells: str


def degradations(n: int = 5) -> Iterator[Degradation]:
    """All cases, each over the seeds 0 to ``n - 1``."""
    cases: tuple[tuple[Callable[[int, float], Degradation], tuple[float, ...]], ...] = (
        (_kink, (0.0, 0.005, 0.02)),
        (_bent_noise, (0.0, 0.02, 0.05)),
        (_gradient, (0.0, 0.002, 0.01)),
        (_drift, (0.0, 1.0, 4.0)),
        (_hot_spot, (0.38, 0.0, -0.5)),
        (_haze, (0.0, 0.002, 0.005)),
    )
    for case, amounts in cases:
        for amount in amounts:
            yield _mean([case(seed, amount) for seed in range(n)])


def markdown_degradations(rows: list[Degradation]) -> str:
    """Table for the docs."""
    lines = [
        "| method | injected | amount | quantity | error (rms) | stated u | the result says |",
        "|---|---|---|---|---:|---:|---|",
    ]
    lines += [
        f"| {row.method} | {row.shape} | {row.amount} | {row.quantity} [{row.unit}] | "
        f"{row.error:.2g} | {row.u:.2g} | {row.tells} |"
        for row in rows
    ]
    return "\n".join(lines)


def _mean(rows: list[Degradation]) -> Degradation:
    last = rows[-1]
    return Degradation(
        last.method,
        last.shape,
        last.amount,
        last.quantity,
        last.unit,
        error=float(np.sqrt(np.mean([row.error**2 for row in rows]))),
        u=float(np.sqrt(np.mean([row.u**2 for row in rows]))),
        tells=last.tells,
    )


def _plane(seed: int, **changes: Any) -> FocalPlane:
    values = {"rows": 96, "cols": 96, "prnu_vignetting": 0.0} | changes
    return make_focal_plane(FocalPlaneConfig(seed=seed, **values))


def _kink(seed: int, kink: float) -> Degradation:
    plane = _plane(seed, kink=kink, kink_at=0.4)
    dark = estimate_dark(dark_frames(plane, 16), saturation_dn=_FULL).dark
    ladder = light_ladder(plane, np.geomspace(8.0, 390.0, 16), 2, u_relative=3e-4)
    found = estimate_linearity(
        list(ladder.frames),
        ladder.radiance_stated,
        dark,
        saturation_dn=_FULL,
        u_radiance_relative=ladder.u_relative,
        degree=3,
    )
    linear = 0.45 * _FULL
    per_dn = plane.config.electrons_per_dn
    shown = float(plane.bent(np.array([linear * per_dn]))[0]) / per_dn
    answer = found.correction(shown)
    return Degradation(
        "non-linearity",
        "kink of the slope at 40 % of full scale",
        f"{100 * kink:g} %",
        "correction at 45 %",
        "1",
        answer.number - (linear / shown - 1.0),
        float(answer.u),
        f"chi-square has p {found.p_value:.2g}",
    )


def _bent_noise(seed: int, bend: float) -> Degradation:
    plane = _plane(seed, bend=bend)
    dark = estimate_dark(dark_frames(plane, 16), saturation_dn=_FULL).dark.grid
    levels = [
        uniform_frames(plane, radiance, 6, stream=k)
        for k, radiance in enumerate((5.0, 20.0, 60.0, 120.0, 200.0, 280.0, 360.0))
    ]
    found = estimate_noise(levels, dark, saturation_dn=_FULL)
    return Degradation(
        "noise model",
        "response bent at full scale, not corrected first",
        f"{100 * bend:g} %",
        "b",
        "DN",
        found.noise.b.number - plane.config.noise_b_dn,
        float(found.noise.b.u),
        f"chi-square has p {found.p_value:.2g}",
    )


def _gradient(seed: int, gradient: float) -> Degradation:
    plane = _plane(seed)
    dark = estimate_dark(dark_frames(plane, 64), saturation_dn=_FULL).dark
    frames = uniform_frames(plane, 300.0, 64, gradient=gradient)
    found = estimate_gain_uniform(frames, dark, saturation_dn=_FULL)
    return _of_pixels(
        found,
        plane,
        "PRNU, even scenes",
        "scene brighter at one edge",
        f"{100 * gradient:g} %",
        "nothing: state it as u_scene, or take it out by scene_degree",
    )


def _drift(seed: int, drift: float) -> Degradation:
    plane = _plane(seed, rows=1, cols=96)
    night = plane.expose(np.zeros((2000, 96)), 1, 0)
    dark = estimate_dark([night[k : k + 1] for k in range(2000)], saturation_dn=_FULL).dark
    scene = yaw_steered(plane, 2500, cross_drift_px=drift)
    found = estimate_gain_yaw_steered(scene.dn, dark, saturation_dn=_FULL)
    return _of_pixels(
        found,
        plane,
        "PRNU, yaw-steered",
        "residual yaw, over the line",
        f"{drift:g} px",
        "its uncertainty",
    )


def _of_pixels(
    found: EqualisationResult, plane: FocalPlane, method: str, shape: str, amount: str, tells: str
) -> Degradation:
    error = float(np.sqrt(np.mean((found.gain.grid - plane.gain) ** 2)))
    u = float(np.sqrt(np.mean(np.square(found.gain.u))))
    return Degradation(method, shape, amount, "gain", "1", error, u, tells)


def _hot_spot(seed: int, hot_spot: float) -> Degradation:
    return _of_gain(
        next(iter(desert_trial(seed, hot_spot=hot_spot))),
        "absolute gain, desert",
        "a peak of brightness about the Sun's direction",
        f"{100 * (1 - hot_spot):g} %",
        "repeatability and u grow with what the kernels leave",
    )


def _haze(seed: int, haze: float) -> Degradation:
    return _of_gain(
        next(iter(ocean_trial(seed, untold_aerosol=haze))),
        "absolute gain, ocean",
        "haze that nobody told of",
        f"reflectance {haze:g}",
        "nothing: measure it in the near infrared",
    )


def _of_gain(found: Estimate, method: str, shape: str, amount: str, tells: str) -> Degradation:
    error, u = found.estimate / found.truth - 1.0, found.u / found.truth
    return Degradation(method, shape, amount, "relative gain", "1", error, u, tells)
