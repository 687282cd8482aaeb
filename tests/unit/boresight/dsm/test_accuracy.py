"""Numbers of accuracy: definitions, an outside implementation, edges."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from boresight.dsm import compare, nmad, slope_deg, statistics
from boresight.errors import InputError

RNG = np.random.default_rng(4)


def test_known_errors() -> None:
    reference = RNG.normal(500, 30, (200, 200))
    error = RNG.normal(0.3, 0.5, reference.shape)
    found = compare(reference + error, reference)
    assert found.bias_mean_m == pytest.approx(error.mean())
    assert found.median_m == pytest.approx(np.median(error))
    assert found.nmad_m == pytest.approx(0.5, rel=0.02)
    assert found.rmse_m == pytest.approx(np.hypot(0.3, 0.5), rel=0.02)
    # 1.645 sigma for a centred normal error
    assert found.le90_centred_m == pytest.approx(1.645 * 0.5, rel=0.02)
    assert found.le90_m == pytest.approx(np.percentile(np.abs(error), 90))
    assert found.median_abs_m == pytest.approx(np.median(np.abs(error)))
    assert (found.n, found.n_reference, found.completeness) == (40000, 40000, 1.0)
    assert "empirical" in str(found)


def test_completeness_counts_the_reference() -> None:
    reference = np.zeros((10, 10))
    reference[:5] = np.nan
    dsm = np.zeros((10, 10))
    dsm[5:7, :5] = np.nan
    found = compare(dsm, reference)
    assert (found.n, found.n_reference) == (40, 50)
    assert found.completeness == 0.8


def test_one_gross_error_moves_the_mean_only() -> None:
    reference = np.zeros((50, 50))
    dsm = RNG.normal(0, 0.1, reference.shape)
    dsm[0, 0] = 1e4
    found = compare(dsm, reference)
    assert found.bias_mean_m > 3
    assert abs(found.median_m) < 0.01
    assert found.nmad_m == pytest.approx(0.1, rel=0.05)


def test_slope_classes() -> None:
    x = np.arange(200.0)
    profile = np.where(x < 100, 0.0, (x - 100) * np.tan(np.radians(20.0)))
    reference = np.tile(profile, (50, 1))
    dsm = reference + np.where(x < 100, 0.1, 0.7)
    found = compare(dsm, reference, resolution_m=1.0).by_slope
    assert found is not None
    assert found["0-5"].median_m == pytest.approx(0.1)
    assert found["15-30"].median_m == pytest.approx(0.7)
    assert sum(part.n for part in found.values()) == reference.size


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="one grid"):
        compare(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(InputError, match="no pixel is valid in both"):
        compare(np.full((2, 2), np.nan), np.zeros((2, 2)))


def test_one_pixel_and_json() -> None:
    found = compare(np.array([[2.0]]), np.array([[1.5]]))
    assert (found.n, found.bias_mean_m, found.nmad_m) == (1, 0.5, 0.0)
    assert json.loads(json.dumps(found.as_dict()))["percentiles"]["50"] == 0.5


def test_statistics() -> None:
    dsm = np.arange(101.0)[None].repeat(2, 0)
    dsm[1] = np.nan
    found = statistics(dsm)
    assert (found.n, found.n_valid, found.valid_share) == (202, 101, 0.5)
    assert (found.minimum, found.median, found.maximum) == (0.0, 50.0, 100.0)
    assert found.percentiles[95] == 95.0
    json.dumps(found.as_dict())
    assert statistics(np.full((3, 3), np.nan)).n_valid == 0
    assert statistics(np.empty((0, 0))).valid_share == 0.0


def test_nmad_agrees_with_geoutils() -> None:
    from geoutils.stats import nmad as theirs

    values = RNG.standard_t(3, 5000)
    values[::50] = np.nan
    assert nmad(values) == pytest.approx(float(theirs(values)), rel=1e-6)
    assert np.isnan(nmad(np.array([np.nan])))


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (5, 6), elements=st.floats(-1000, 1000)), st.floats(-50, 50))
def test_a_shift_is_bias_and_nothing_else(dsm: np.ndarray, shift: float) -> None:
    reference = np.zeros_like(dsm)
    a, b = compare(dsm, reference), compare(dsm + shift, reference)
    assert b.bias_mean_m - a.bias_mean_m == pytest.approx(shift, abs=1e-9)
    assert b.median_m - a.median_m == pytest.approx(shift, abs=1e-9)
    assert b.nmad_m == pytest.approx(a.nmad_m, abs=1e-9)
    assert b.le90_m <= a.le90_m + abs(shift) + 1e-9


def test_slope_of_a_plane() -> None:
    y, x = np.mgrid[0:20, 0:30].astype(float)
    z = 0.5 * (x * np.tan(np.radians(30.0)))
    inner = slope_deg(z, 0.5)[1:-1, 1:-1]
    assert inner == pytest.approx(30.0)
    assert np.isnan(slope_deg(np.where((x == 5) & (y == 5), np.nan, z), 0.5)[4:7, 4:7]).sum() == 9
