"""From raw numbers (L0) to radiance (L1) in one pass over each frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from boresight.errors import FramesError, ParameterSetError
from boresight.instrument import Band
from boresight.units import counts

FloatImage = NDArray[np.float32]


def level1(dn: object, band: Band, *, absolute: bool = True) -> FloatImage:
    """Correct one frame for dark signal, non-linearity, relative and absolute gain.

    Parameters
    ----------
    dn : ndarray, shape (rows, cols), whole numbers
        [DN]; for a push-broom line (lines, cols).
    band : Band
        With a detector, and an absolute gain if ``absolute``. Check first that the set is of this
        satellite and time: :meth:`boresight.instrument.ParameterSet.require`.
    absolute : bool
        Whether to give radiance, not equalised signal.

    Returns
    -------
    ndarray, shape (rows, cols), float32
        Radiance [W m-2 sr-1 um-1], or equalised linear signal above dark [DN]; NaN where a pixel
        is bad or saturated.

    Raises
    ------
    ParameterSetError
        The band has no detector, or no absolute gain.
    FramesError, UnitsError
        The frame does not fit.
    """
    return Level1(band, absolute=absolute)(dn)


class Level1:
    """The correction of one band, made ready once for many frames.

    Parameters
    ----------
    band : Band
    absolute : bool
        As for :func:`level1`.
    """

    def __init__(self, band: Band, *, absolute: bool = True) -> None:
        detector = band.detector
        if detector is None:
            raise ParameterSetError(
                f"Band {band.name} has no detector parameters; the rule is dark signal and gain.",
                remedy="Calibrate the band, or choose another set.",
            )
        if absolute and band.absolute_gain is None:
            raise ParameterSetError(
                f"Band {band.name} has no absolute gain, without which there is no radiance.",
                remedy="Calibrate it, or ask for equalised signal with absolute=False.",
            )
        scale = band.absolute_gain.number if absolute and band.absolute_gain else 1.0
        factor = 1.0 / (detector.relative_gain.grid * scale)
        self._shape = detector.shape
        self._dark = detector.dark.grid.astype(np.float32)
        # a bad pixel's factor is NaN, and so is what becomes of it
        self._factor = np.where(detector.good, factor, np.nan).astype(np.float32)
        curve = detector.nonlinearity
        coefficients = () if curve is None else curve.coefficients
        reference_dn = 1.0 if curve is None else curve.reference_dn
        # of powers of the signal itself, which saves the kernel a product for each pixel
        powers = reference_dn ** np.arange(1.0, len(coefficients) + 1.0)
        self._coefficients = (np.array(coefficients, np.float64) / powers).astype(np.float32)
        self._saturation_dn = float(detector.saturation_dn)

    def __call__(self, dn: object, out: FloatImage | None = None) -> FloatImage:
        """Correct one frame, into ``out`` where given (same shape, float32)."""
        frame = counts(dn, "dn", ndim=2)
        rows, cols = self._shape
        if frame.shape[1] != cols or (rows > 1 and frame.shape[0] != rows):
            raise FramesError(
                f"dn has shape {frame.shape}; the rule is {self._shape}, as the detector has it.",
                remedy="Choose the parameter set of this instrument and band.",
            )
        if out is None:
            out = np.empty(frame.shape, np.float32)
        elif out.shape != frame.shape or out.dtype != np.float32:
            raise FramesError(
                f"out has shape {out.shape} and type {out.dtype}; the rule is {frame.shape} and "
                "float32."
            )
        _correct(
            frame,
            self._dark,
            self._factor,
            self._coefficients,
            np.float32(self._saturation_dn),
            out,
        )
        return out


# products and sums may be fused, nothing else: NaN has to stay NaN
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _correct(
    dn: Any,
    dark: Any,
    factor: Any,
    coefficients: Any,
    saturation_dn: Any,
    out: Any,
) -> None:
    rows, cols = dn.shape
    degree = coefficients.size
    nothing = np.float32(np.nan)
    one = np.float32(1.0)
    for i in range(rows):
        line = 0 if dark.shape[0] == 1 else i
        numbers, offsets, factors, radiances = dn[i], dark[line], factor[line], out[i]
        # a choice of values, not of ways: only so is the loop made of vector instructions
        if degree == 0:
            for j in range(cols):
                value = np.float32(numbers[j])
                x = (value - offsets[j]) * factors[j]
                radiances[j] = x if value < saturation_dn else nothing
        elif degree <= 3:
            first = coefficients[0]
            second = coefficients[1] if degree > 1 else np.float32(0.0)
            third = coefficients[2] if degree > 2 else np.float32(0.0)
            for j in range(cols):
                value = np.float32(numbers[j])
                x = value - offsets[j]
                x *= (one + x * (first + x * (second + x * third))) * factors[j]
                radiances[j] = x if value < saturation_dn else nothing
        else:
            for j in range(cols):
                value = np.float32(numbers[j])
                x = value - offsets[j]
                bend = np.float32(0.0)
                for k in range(degree - 1, -1, -1):
                    bend = (bend + coefficients[k]) * x
                x *= (one + bend) * factors[j]
                radiances[j] = x if value < saturation_dn else nothing
