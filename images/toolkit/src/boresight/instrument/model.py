"""What is known of one instrument: detectors, response, sharpness, directions, timing.

The forward model behind the radiometric part, for one band::

    DN = d[i,j] + h(g[i,j] * A * L) + noise,   var(noise) = a + b * (DN - d[i,j])

``d`` dark signal, ``g`` relative gain with mean 1 over good pixels, ``A`` absolute gain
[DN / (W m-2 sr-1 um-1)], ``h`` the non-linearity, kept as its inverse.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from boresight.instrument.quantities import Array, Model, Quantity

#: names of bands: ``red``, ``nir``, ``B02``
BandName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")]
Positive = Annotated[float, Field(gt=0)]


class BadPixel(enum.IntFlag):
    """Why a pixel is left out; several may hold."""

    HOT = 1
    DEAD = 2
    NOISY = 4
    UNSTABLE = 8
    NONLINEAR = 16
    OUTLYING_GAIN = 32


class Nonlinearity(Model):
    """From signal above dark to linear signal.

    ``linear = x * (1 + sum over k >= 1 of c[k] * (x / reference_dn)**k)``, x = DN - dark.

    Parameters
    ----------
    coefficients : tuple of float
        c[1], c[2], … [1].
    covariance : ndarray, shape (n, n)
        Of the coefficients [1].
    reference_dn : float
        Scale of the polynomial [DN].
    domain_dn : tuple of 2 float
        Lowest and highest signal measured [DN]; nothing is promised outside.
    """

    coefficients: tuple[float, ...]
    covariance: Array
    reference_dn: Positive
    domain_dn: tuple[float, float]

    @model_validator(mode="after")
    def _check(self) -> Self:
        count = len(self.coefficients)
        if self.covariance.shape != (count, count):
            raise ValueError(
                f"covariance has shape {self.covariance.shape}; the rule is {(count, count)}"
            )
        if not self.domain_dn[0] < self.domain_dn[1]:
            raise ValueError(f"domain_dn is {self.domain_dn}; the rule is low < high")
        return self


class Detector(Model):
    """Dark signal, relative gain and limits of the pixels of one band.

    Parameters
    ----------
    dark : Quantity
        Dark signal, shape (rows, cols), or (1, cols) for a push-broom line [DN].
    relative_gain : Quantity
        PRNU: gain with mean 1 over good pixels, same shape [1].
    saturation_dn : float
        Numbers from here on are saturated [DN].
    nonlinearity : Nonlinearity, optional
        Without it the response is taken as linear.
    bad_pixels : ndarray of uint8, optional
        Flags of :class:`BadPixel`, same shape; 0 is good.
    """

    dark: Quantity
    relative_gain: Quantity
    saturation_dn: Positive
    nonlinearity: Nonlinearity | None = None
    bad_pixels: Array | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        shape = np.shape(self.dark.value)
        others = {"relative_gain": self.relative_gain.value, "bad_pixels": self.bad_pixels}
        for name, value in others.items():
            if value is not None and np.shape(value) != shape:
                raise ValueError(f"{name} has shape {np.shape(value)}, dark {shape}; one rule each")
        if self.dark.unit != "DN" or self.relative_gain.unit != "1":
            raise ValueError(
                f"units are {self.dark.unit!r} (dark) and {self.relative_gain.unit!r} (gain); "
                "the rule is 'DN' and '1'"
            )
        if len(shape) != 2:
            raise ValueError(f"dark has shape {shape}; the rule is (rows, cols)")
        if float(np.min(self.relative_gain.grid)) <= 0:
            raise ValueError("a relative gain is 0 or less; name such pixels in bad_pixels")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.dark.grid.shape
        return rows, cols

    @property
    def good(self) -> NDArray[np.bool_]:
        """Pixels without a flag."""
        if self.bad_pixels is None:
            return np.ones(self.shape, bool)
        return np.asarray(self.bad_pixels == 0)


class Noise(Model):
    """Variance of the noise, ``a + b * signal`` (signal: DN above dark).

    Parameters
    ----------
    a : Quantity
        [DN2]
    b : Quantity
        [DN]
    covariance_ab : float
        Of the estimates of a and b [DN3].
    """

    a: Quantity
    b: Quantity
    covariance_ab: float = 0.0


class SpectralResponse(Model):
    """Relative response of a band.

    Parameters
    ----------
    wavelength_nm : ndarray, shape (n,)
        Increasing [nm].
    response : Quantity
        Shape (n,), peak 1 [1].
    """

    wavelength_nm: Array
    response: Quantity

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.wavelength_nm.ndim != 1 or self.wavelength_nm.size < 2:
            raise ValueError("wavelength_nm needs one dimension and two values")
        if not (np.diff(self.wavelength_nm) > 0).all() or float(self.wavelength_nm[0]) <= 0:
            raise ValueError("wavelength_nm has to be positive and to increase")
        if np.shape(self.response.value) != self.wavelength_nm.shape:
            raise ValueError("response and wavelength_nm differ in shape")
        return self


class Mtf(Model):
    """Modulation transfer in one direction.

    Parameters
    ----------
    direction : {"row", "col"}
        Along which index the pattern varies.
    frequency_cycles_per_px : ndarray, shape (n,)
        0 to 1; Nyquist is 0.5.
    value : Quantity
        Shape (n,) [1].
    """

    direction: Literal["row", "col"]
    frequency_cycles_per_px: Array
    value: Quantity

    @model_validator(mode="after")
    def _check(self) -> Self:
        if np.shape(self.value.value) != self.frequency_cycles_per_px.shape:
            raise ValueError("value and frequency_cycles_per_px differ in shape")
        return self


class ViewingDirections(Model):
    """Tangents of the lines of sight in the frame of the focal plane.

    Parameters
    ----------
    kind : {"frame", "push-broom"}
        Nodes over rows and columns, or along the one line (a single row).
    node_row_px, node_col_px : ndarray, shape (m,), (n,)
        Where the nodes are, (0, 0) being the upper-left corner [px].
    tan_x, tan_y : Quantity
        Shape (m, n): along columns and along rows [1].
    """

    kind: Literal["frame", "push-broom"]
    node_row_px: Array
    node_col_px: Array
    tan_x: Quantity
    tan_y: Quantity

    @model_validator(mode="after")
    def _check(self) -> Self:
        shape = (self.node_row_px.size, self.node_col_px.size)
        for name, values in (("tan_x", self.tan_x), ("tan_y", self.tan_y)):
            if np.shape(values.value) != shape:
                raise ValueError(f"{name} has shape {np.shape(values.value)}; the rule is {shape}")
        if self.kind == "push-broom" and shape[0] != 1:
            raise ValueError(f"a push-broom line has one row of nodes, not {shape[0]}")
        return self


class Boresight(Model):
    """Rotation from the satellite's attitude frame to the focal plane's.

    Parameters
    ----------
    angles_rad : tuple of 3 float
        Rotation vector in the camera's axes, which point along columns, along rows and along the
        line of sight [rad].
    covariance_rad2 : ndarray, shape (3, 3)
        [rad2]
    """

    angles_rad: tuple[float, float, float]
    covariance_rad2: Array

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.covariance_rad2.shape != (3, 3):
            raise ValueError(f"covariance has shape {self.covariance_rad2.shape}, not (3, 3)")
        return self


class Vibration(Model):
    """A wave of the line of sight that keeps step with the shutter.

    The line of sight of a row exposed ``t`` after the frame's start is moved by
    ``amplitude * sin(2 pi frequency t + phase)`` along columns and along rows.

    Parameters
    ----------
    frequency_hz : Quantity
        [Hz]
    amplitude_rad : Quantity, shape (2,)
        Along columns, along rows [rad].
    phase_rad : Quantity, shape (2,)
        [rad]
    """

    frequency_hz: Quantity
    amplitude_rad: Quantity
    phase_rad: Quantity

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("amplitude_rad", "phase_rad"):
            shape = np.shape(getattr(self, name).value)
            if shape != (2,):
                raise ValueError(f"{name} has shape {shape}; the rule is (2,)")
        return self


class RollingShutter(Model):
    """When each row is exposed.

    Parameters
    ----------
    line_time_s : Quantity
        From row to row, negative when read from below [s].
    frame_delay_s : Quantity
        From the frame's time stamp to the middle of row 0's exposure [s].
    vibration : Vibration, optional
        What the shutter sees of the instrument's own jitter.
    """

    line_time_s: Quantity
    frame_delay_s: Quantity
    vibration: Vibration | None = None


class Band(Model):
    """All parameters of one band; what is not calibrated is absent.

    Parameters
    ----------
    name : str
        Name of the band.
    absolute_gain : Quantity, optional
        [DN / (W m-2 sr-1 um-1)], unit ``DN W-1 m2 sr um``.
    mtf : tuple of Mtf
        One for each direction.
    """

    name: BandName
    detector: Detector | None = None
    noise: Noise | None = None
    spectral_response: SpectralResponse | None = None
    absolute_gain: Quantity | None = None
    mtf: tuple[Mtf, ...] = ()
    viewing_directions: ViewingDirections | None = None
    rolling_shutter: RollingShutter | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        gain = self.absolute_gain
        if gain is not None and (gain.unit != "DN W-1 m2 sr um" or gain.number <= 0):
            raise ValueError(
                f"absolute_gain is {gain.number} {gain.unit}; the rule is > 0, 'DN W-1 m2 sr um'"
            )
        directions = [mtf.direction for mtf in self.mtf]
        if len(set(directions)) != len(directions):
            raise ValueError(f"mtf has directions {directions}; the rule is one of each")
        return self
