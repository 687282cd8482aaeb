"""Bands in the error of a surface model, and what they point back to.

Jitter of a rolling shutter, or steps of a focal plane, leave waves across the image's rows. The
error is averaged along a direction, which leaves a profile across it; the spectrum of that shows
waves, whose wavelength is a frequency of the line of sight by the time of a row.

References
----------
Scargle 1982, ApJ 263:835, doi:10.1086/160554 (least-squares spectrum and its false alarms).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from boresight.dsm.accuracy import nmad
from boresight.errors import InputError

FloatArray = NDArray[np.floating[Any]]

MIN_BINS = 32

#: chance that noise alone makes as strong a wave, below which bands are believed
FALSE_ALARM = 1e-3

#: errors beyond this many NMAD are the terrain's, not the geometry's
_CLIP_NMAD = 4.0

_OVERSAMPLING = 4

#: waves longer than this share of the profile are the focal plane's or the attitude's smooth part
_LONG_SHARE = 0.4


@dataclass(frozen=True)
class Banding:
    """The strongest wave of an error.

    Parameters
    ----------
    amplitude_m, u_amplitude_m : float
        Of the sine, and its standard uncertainty [m].
    wavelength_m, u_wavelength_m : float
        [m].
    azimuth_deg : float
        Direction across the bands, clockwise from north, 0 to 180 [deg].
    false_alarm : float
        Chance that noise alone makes as strong a wave [1].
    detected : bool
        Whether that is below 0.001.
    frequency_hz : float
        Frequency of the line of sight, where the time of a row was given; else NaN [Hz].
    los_amplitude_px : float
        Amplitude of the line of sight across the base, where base to height was given; else NaN
        [px].
    cause : {"none", "jitter", "focal plane"}
        Short waves point to jitter, waves as long as the scene to the focal plane or attitude.
    distance_m, profile_m : ndarray
        Mean error across the bands [m]; NaN where nothing is known.
    frequencies_per_m, spectrum_m : ndarray
        Amplitude of the wave of each frequency [m].
    n : int
        Pixels used.
    """

    amplitude_m: float
    u_amplitude_m: float
    wavelength_m: float
    u_wavelength_m: float
    azimuth_deg: float
    false_alarm: float
    detected: bool
    frequency_hz: float
    los_amplitude_px: float
    cause: Literal["none", "jitter", "focal plane"]
    distance_m: FloatArray
    profile_m: FloatArray
    frequencies_per_m: FloatArray
    spectrum_m: FloatArray
    n: int


def banding(
    error: FloatArray,
    resolution_m: float,
    *,
    azimuth_deg: float | None = None,
    gsd_m: float | None = None,
    line_time_s: float | None = None,
    base_to_height: float | None = None,
) -> Banding:
    """Look for bands.

    Parameters
    ----------
    error : ndarray, shape (rows, cols)
        Surface model less reference, north up [m]; NaN where unknown.
    resolution_m : float
        Side of a pixel, above 0 [m].
    azimuth_deg : float, optional
        Direction across the bands (in which image rows follow one another), clockwise from north;
        default: the one of 36 whose wave is strongest [deg].
    gsd_m, line_time_s : float, optional
        Ground distance and time from row to row: wavelengths become frequencies.
    base_to_height : float, optional
        Errors of height become errors of the line of sight.

    Raises
    ------
    InputError
        Fewer than 32 steps across the bands with a known error, or a resolution not above 0.
    """
    if not resolution_m > 0:
        raise InputError(f"resolution_m is {resolution_m}; the rule is above 0.")
    values = np.asarray(error, dtype=np.float64)
    known = np.isfinite(values)
    middle, spread = (float(np.median(values[known])), nmad(values)) if known.any() else (0.0, 0.0)
    known &= np.abs(values - middle) <= max(_CLIP_NMAD * spread, 1e-12)
    directions = [azimuth_deg] if azimuth_deg is not None else list(np.arange(0.0, 180.0, 5.0))
    # with every direction tried, chance has as many more tries
    best = _along(values, known, resolution_m, directions[0] % 180.0, len(directions))
    for direction in directions[1:]:
        found = _along(values, known, resolution_m, direction % 180.0, len(directions))
        better = found.false_alarm < best.false_alarm
        same = found.false_alarm == best.false_alarm
        if better or (same and found.amplitude_m > best.amplitude_m):
            best = found
    frequency = los = math.nan
    if gsd_m is not None and line_time_s is not None:
        frequency = gsd_m / (best.wavelength_m * line_time_s)
    if base_to_height is not None and gsd_m is not None:
        los = best.amplitude_m * base_to_height / gsd_m
    span = float(best.distance_m[-1] - best.distance_m[0])
    cause: Literal["none", "jitter", "focal plane"] = "none"
    if best.detected:
        cause = "jitter" if best.wavelength_m < _LONG_SHARE * span else "focal plane"
    return Banding(
        **{**best.__dict__, "frequency_hz": frequency, "los_amplitude_px": los, "cause": cause}
    )


def _along(
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    resolution_m: float,
    azimuth_deg: float,
    tries: int,
) -> Banding:
    rows, cols = values.shape
    angle = math.radians(azimuth_deg)
    north = -np.arange(rows)[:, None] * resolution_m
    east = np.arange(cols)[None] * resolution_m
    distance = north * math.cos(angle) + east * math.sin(angle)
    index = np.floor((distance - distance.min()) / resolution_m + 0.5).astype(np.int64)
    counts = np.bincount(index[known], minlength=int(index.max()) + 1)
    sums = np.bincount(index[known], values[known], minlength=counts.size)
    full = counts >= max(0.2 * counts.max(initial=1), 8)
    if full.sum() < MIN_BINS:
        raise InputError(
            f"{int(full.sum())} steps across azimuth {azimuth_deg:g} deg have enough known errors; "
            f"the rule is at least {MIN_BINS}.",
            remedy="Use a larger or more complete surface model.",
        )
    s = np.arange(counts.size)[full] * resolution_m
    profile = sums[full] / counts[full]
    weight = counts[full].astype(np.float64)
    span = float(np.ptp(s))
    x = 2.0 * (s - s[0]) / span - 1.0
    slow = np.stack([np.ones_like(x), x], axis=1)
    root = np.sqrt(weight / weight.mean())
    rest = _residual(slow * root[:, None], profile * root)
    total = float(rest @ rest)
    # neighbouring heights come from overlapping windows: waves below four pixels are not seen
    low, high = 1.0 / span, 0.25 / resolution_m
    independent = max(int((high - low) * span), 1)
    frequencies = np.linspace(low, high, _OVERSAMPLING * independent + 1)
    basis = np.linalg.qr(slow * root[:, None])[0]
    grid = _waves(frequencies, s, root, basis, rest)
    spectrum = np.hypot(grid[0], grid[1])
    top = int(grid[2].argmax())
    # between the frequencies tried, or what is left of the wave would pass for noise
    near = np.linspace(
        frequencies[max(top - 1, 0)], frequencies[min(top + 1, grid[2].size - 1)], 41
    )
    a, b, gain, sine, cosine = _waves(near, s, root, basis, rest)
    power = np.clip(gain / max(total, 1e-300), 0.0, 1.0)
    peak = int(power.argmax())
    ss, cc = float((sine[peak] ** 2).sum()), float((cosine[peak] ** 2).sum())
    determinant = max(ss * cc - float((sine[peak] * cosine[peak]).sum()) ** 2, 1e-12)
    left = total * (1.0 - power[peak])
    # noise of neighbours hangs together: what counts are independent stretches of the profile
    remainder = rest - a[peak] * sine[peak] - b[peak] * cosine[peak]
    effective = _independent(remainder)
    m = max((effective - 4.0) / 2.0, 1.0)
    single = float((1.0 - power[peak]) ** m)
    false_alarm = float(-math.expm1(independent * tries * math.log1p(-min(single, 1.0 - 1e-16))))
    size = float(math.hypot(a[peak], b[peak]))
    noise = left / max(rest.size - 4, 1) * rest.size / effective
    u_size = math.sqrt(noise * (cc + ss) / 2.0 / determinant)
    frequency = float(near[peak])
    u_frequency = math.sqrt(6.0) * u_size / (math.pi * span * max(size, 1e-300))
    u_frequency = min(u_frequency, 0.5 / span)
    everywhere = np.full(counts.size, np.nan)
    everywhere[full] = profile
    return Banding(
        amplitude_m=size,
        u_amplitude_m=u_size,
        wavelength_m=1.0 / frequency,
        u_wavelength_m=u_frequency / frequency**2,
        azimuth_deg=azimuth_deg,
        false_alarm=false_alarm,
        detected=false_alarm < FALSE_ALARM,
        frequency_hz=math.nan,
        los_amplitude_px=math.nan,
        cause="none",
        distance_m=np.arange(counts.size) * resolution_m,
        profile_m=everywhere,
        frequencies_per_m=frequencies,
        spectrum_m=spectrum,
        n=int(known.sum()),
    )


def _waves(
    frequencies: NDArray[np.float64],
    s: NDArray[np.float64],
    root: NDArray[np.float64],
    basis: NDArray[np.float64],
    rest: NDArray[np.float64],
) -> tuple[NDArray[np.float64], ...]:
    """Sine's and cosine's coefficients, squares explained, and both waves, a frequency a row."""
    wave = np.exp(2j * np.pi * frequencies[:, None] * s) * root
    sine, cosine = (part - (part @ basis) @ basis.T for part in (wave.imag, wave.real))
    ss, cc, sc = (sine**2).sum(1), (cosine**2).sum(1), (sine * cosine).sum(1)
    ys, yc = sine @ rest, cosine @ rest
    determinant = np.maximum(ss * cc - sc**2, 1e-12)
    a, b = (cc * ys - sc * yc) / determinant, (ss * yc - sc * ys) / determinant
    return a, b, a * ys + b * yc, sine, cosine


def _residual(design: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    result: NDArray[np.float64] = values - design @ solution
    return result


def _independent(values: NDArray[np.float64]) -> float:
    """Number of independent values in a profile, by its correlation to where that ends."""
    centred = values - values.mean()
    power = float(centred @ centred)
    if power <= 0:
        return float(values.size)
    total = 1.0
    for lag in range(1, values.size // 4):
        share = float(centred[:-lag] @ centred[lag:]) / power
        if share < 2.0 / math.sqrt(values.size):
            break
        total += 2.0 * share
    return max(values.size / total, 8.0)
