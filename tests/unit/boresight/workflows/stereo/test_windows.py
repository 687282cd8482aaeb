from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import generic_filter

from boresight.workflows.stereo.engine.windows import missing_share


@pytest.mark.parametrize("size", [1, 4, 20, 21])
@pytest.mark.parametrize("shape", [(30, 41), (7, 60), (1, 1)])
def test_equals_one_call_a_pixel(shape: tuple[int, int], size: int) -> None:
    rng = np.random.default_rng(size)
    values = rng.random(shape).astype(np.float32)
    values[rng.random(shape) < 0.3] = np.nan
    expected = generic_filter(
        values, lambda window: np.isnan(window).sum() / window.size, size=size
    )
    share = missing_share(values, size)
    assert share.dtype == expected.dtype
    np.testing.assert_array_equal(share, expected)


def test_cars_is_answered_as_by_scipy() -> None:
    script = """
import numpy as np, scipy.ndimage, xarray as xr
from cars.applications.dense_matching import dense_matching_wrappers as w
from boresight.workflows.stereo.engine import windows
rng = np.random.default_rng(0)
values = rng.random((50, 60)).astype(np.float32)
values[rng.random(values.shape) < 0.2] = np.nan
values = xr.DataArray(values)
expected = w.generic_filter(values, w.nan_ratio_func, size=20)
windows.install()
assert w.generic_filter is not scipy.ndimage.generic_filter
found = w.generic_filter(values, w.nan_ratio_func, size=20)
assert found.dtype == expected.dtype and (found == expected).all()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
