"""L0 to L1: what was injected is taken out again."""

from __future__ import annotations

import numpy as np
import pytest
from support.instruments import quantity

from boresight.errors import FramesError, ParameterSetError, UnitsError
from boresight.instrument import Band, Detector, Nonlinearity, Quantity
from boresight.radiometry import Level1, level1
from boresight.simulate import FocalPlaneConfig, make_focal_plane

PLANE = make_focal_plane(
    FocalPlaneConfig(rows=48, cols=64, seed=4, read_noise_e=0.0, electrons_per_dn=200.0)
)


def band(**changes: object) -> Band:
    flags = np.zeros((48, 64), np.uint8)
    flags[4, 7] = 1
    detector = Detector(
        dark=Quantity(value=PLANE.offset_dn, unit="DN"),
        relative_gain=Quantity(value=PLANE.gain, unit="1"),
        saturation_dn=4095.0,
        bad_pixels=flags,
    )
    values = {"detector": detector, "absolute_gain": quantity(10.0, "DN W-1 m2 sr um", 0.1)}
    return Band(name="red", **(values | changes))  # type: ignore[arg-type]


def test_radiance_comes_back() -> None:
    scene = np.linspace(50.0, 350.0, 48 * 64).reshape(48, 64)
    frame = PLANE.expose(scene, 0)
    frame[9, 9] = 4095
    found = level1(frame, band())
    assert found.dtype == np.float32
    assert np.isnan(found[4, 7])
    assert np.isnan(found[9, 9])
    error = (found - scene) / scene
    assert np.isfinite(error).sum() == 48 * 64 - 2
    # shot noise of 100 000 electrons and more is 0.3 %, rounding 0.06 %
    assert np.nanstd(error) < 0.003
    assert abs(np.nanmean(error)) < 3.3 * np.nanstd(error) / np.sqrt(48 * 64)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_nonlinearity_is_the_polynomial_of_the_model(degree: int) -> None:
    """Against NumPy's polynomials, coefficient by coefficient."""
    made = band()
    assert made.detector is not None
    coefficients = (0.02, -0.01, 0.005, 0.003, -0.002)[:degree]
    values = {name: getattr(made.detector, name) for name in Detector.model_fields}
    values["nonlinearity"] = Nonlinearity(
        coefficients=coefficients,
        covariance=np.eye(degree) * 1e-9,
        reference_dn=4000.0,
        domain_dn=(10.0, 4000.0),
    )
    frame = PLANE.expose(200.0, 1)
    found = level1(frame, band(detector=Detector(**values)), absolute=False)
    x = frame - PLANE.offset_dn
    wanted = x * np.polynomial.Polynomial((1.0, *coefficients))(x / 4000.0) / PLANE.gain
    good = np.isfinite(found)
    np.testing.assert_allclose(found[good], wanted[good], rtol=2e-6)


def test_a_line_takes_any_number_of_lines() -> None:
    line = Detector(
        dark=Quantity(value=np.full((1, 5), 10.0), unit="DN"),
        relative_gain=Quantity(value=np.ones((1, 5)), unit="1"),
        saturation_dn=4095.0,
    )
    found = level1(np.full((7, 5), 110, np.uint16), Band(name="red", detector=line), absolute=False)
    np.testing.assert_allclose(found, 100.0)


def test_what_cannot_be_applied_is_refused() -> None:
    frame = PLANE.expose(200.0, 1)
    assert np.isfinite(level1(frame, band())).sum() == 48 * 64 - 1
    with pytest.raises(ParameterSetError, match="no absolute gain"):
        level1(frame, band(absolute_gain=None))
    with pytest.raises(ParameterSetError, match="no detector"):
        level1(frame, band(detector=None))
    with pytest.raises(FramesError, match="shape"):
        level1(frame[:, :20], band())
    with pytest.raises(FramesError, match="shape"):
        level1(frame[:20], band())
    with pytest.raises(UnitsError):
        level1(frame / 10.0, band())


def test_output_can_be_given() -> None:
    frame = PLANE.expose(200.0, 1)
    correct = Level1(band())
    out = np.zeros((48, 64), np.float32)
    assert correct(frame, out=out) is out
    np.testing.assert_array_equal(out, level1(frame, band()))
    with pytest.raises(FramesError, match="out has shape"):
        correct(frame, out=np.zeros((48, 64)))
