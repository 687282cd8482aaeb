"""Dense correlation: known shifts, stated uncertainty, missing pixels, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.registration import phase_cross_correlation
from support.scenes import waves

from boresight.errors import ImageError, InputError, NonConvergenceError
from boresight.geometry import CorrelationOptions, correlate

SIZE = 260


def pair(shift: tuple[float, float], noise_dn: float, seed: int = 1) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    still, moved = waves(SIZE, (0, 0), seed=seed), waves(SIZE, shift, seed=seed)
    return tuple(v + noise_dn * rng.normal(size=v.shape) for v in (still, moved))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.7), (0.5, 0.25), (-2.4, 1.6)])
def test_shift_and_its_uncertainty(shift: tuple[float, float]) -> None:
    found = correlate(*pair(shift, 20.0), CorrelationOptions(step_px=32))
    good = found.found
    assert good.sum() >= 36
    error = np.stack([found.d_row - shift[0], found.d_col - shift[1]])[:, good]
    stated = np.stack([found.u_row, found.u_col])[:, good]
    assert np.sqrt((error**2).mean()) < 1 / 50  # px, the bound
    assert np.abs(error.mean(axis=1)).max() < 0.005
    # 72 values and more: 0.7 to 1.35 holds 99.9 % of standard deviations of one
    assert 0.7 < (error / stated).std() < 1.35


def test_better_than_phase_correlation_on_the_same_windows() -> None:
    shift = (0.3, -0.7)
    a, b = pair(shift, 20.0)
    found = correlate(a, b, CorrelationOptions(step_px=32))
    theirs = []
    for row, col in zip(found.row[found.found], found.col[found.found], strict=True):
        place = np.s_[int(row) - 16 : int(row) + 16, int(col) - 16 : int(col) + 16]
        theirs.append(
            -phase_cross_correlation(a[place], b[place], upsample_factor=50, normalization=None)[0]
        )
    ours = np.stack([found.d_row, found.d_col], axis=1)[found.found]
    assert np.sqrt(((ours - shift) ** 2).mean()) < np.sqrt(((np.array(theirs) - shift) ** 2).mean())
    # the same sign and, but for their windows' ends, the same size
    assert np.abs(np.median(theirs, axis=0) - shift).max() < 0.25


def test_gain_and_offset_do_not_matter() -> None:
    a, b = pair((0.4, 0.1), 0.0)
    plain, brighter = correlate(a, b), correlate(a, 3.0 * b - 500.0)
    assert np.nanmax(np.abs(plain.d_row - brighter.d_row)) < 1e-3


def test_guess_reaches_beyond_the_search() -> None:
    a, b = pair((9.3, -7.6), 5.0)
    found = correlate(a, b, guess=(9.0, -8.0))
    assert abs(np.nanmedian(found.d_row) - 9.3) < 0.005
    with pytest.raises(NonConvergenceError, match="not one of"):
        correlate(a, b, CorrelationOptions(min_score=0.9))


def test_missing_pixels_cost_only_the_windows_that_read_them() -> None:
    a, b = pair((0.3, 0.2), 5.0)
    kept = a.copy()
    a[100, 100] = np.nan
    found, whole = correlate(a, b), correlate(kept, b)
    touched = (np.abs(found.row - 100.5) < 22) & (np.abs(found.col - 100.5) < 22)
    assert found.counts()["no data"] == touched.sum() > 0
    assert np.isnan(found.d_row[touched]).all()
    clear = ~touched & whole.found
    assert np.abs(found.d_row[clear] - whole.d_row[clear]).max() < 1e-3


def test_flat_windows_are_told() -> None:
    a, b = pair((0.3, 0.2), 0.0)
    a[:80], b[:80] = 500.0, 500.0
    found = correlate(a, b)
    assert found.counts()["without texture"] > 0
    assert found.found.any()


def test_inputs_are_left_alone() -> None:
    a, b = pair((0.3, 0.2), 5.0)
    copies = a.copy(), b.copy()
    correlate(a, b)
    assert (a == copies[0]).all()
    assert (b == copies[1]).all()


def test_refusals() -> None:
    a, b = pair((0.3, 0.2), 5.0)
    correlate(a, b)
    with pytest.raises(ImageError, match="at least"):
        correlate(a[:30], b)
    with pytest.raises(ImageError, match="no finite pixel"):
        correlate(np.full_like(a, np.nan), b)
    with pytest.raises(InputError, match="one finite"):
        correlate(a, b, guess=(np.array([1.0, 2.0]), 0.0))
    with pytest.raises(InputError, match="window_px is 4"):
        CorrelationOptions(window_px=4)
