"""NMAD, LE90 and the shift of a surface model as others compute them."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from scipy.ndimage import gaussian_filter, shift

from boresight.dsm import compare, coregister, nmad

RESOLUTION_M = 0.5


def errors(seed: int) -> np.ndarray:
    """Errors as surface models have them: most small, some large, some unknown."""
    rng = np.random.default_rng(seed)
    values = 0.4 * rng.standard_normal((200, 200)) + 0.15
    values[rng.random(values.shape) < 0.05] *= 12
    values[rng.random(values.shape) < 0.03] = np.nan
    return values


@pytest.mark.parametrize("seed", range(3))
def test_nmad_is_that_of_geoutils(seed: int) -> None:
    from geoutils.stats import nmad as theirs

    values = errors(seed)
    assert nmad(values) == pytest.approx(float(theirs(values)), rel=1e-12)


def test_le90_is_half_the_width_that_geoutils_gives() -> None:
    from geoutils.stats import linear_error

    values = errors(4)
    known = values[np.isfinite(values)]
    # symmetric about 0, so that the central 90 % reach as far on both sides
    both = np.concatenate([known, -known]).reshape(1, -1)
    reference = np.zeros_like(both)
    ours = compare(both, reference).le90_m
    assert 2.0 * ours == pytest.approx(float(linear_error(both, 90)), rel=1e-3)


def test_shift_is_what_xdem_finds_when_it_is_asked_itself() -> None:
    import geoutils as gu
    import xdem

    surface = gaussian_filter(np.random.default_rng(2).normal(size=(300, 300)), 12)
    reference = 200 + 60 * surface / surface.std()
    moved = shift(reference, (1.6, -2.2), order=3, mode="nearest") + 3.0
    moved += 0.05 * np.random.default_rng(0).normal(size=moved.shape)
    transform = (RESOLUTION_M, 0.0, 400000.0, 0.0, -RESOLUTION_M, 4800000.0)
    ours = coregister(moved, reference, transform, 32631)
    rasters = [
        gu.Raster.from_array(values, transform=Affine(*transform), crs=32631, nodata=-9999)
        for values in (reference, moved)
    ]
    method = xdem.coreg.NuthKaab()
    method.fit(*(xdem.DEM(raster) for raster in rasters), random_state=0)
    theirs = method.meta["outputs"]["affine"]
    assert ours.east_m == pytest.approx(theirs["shift_x"], abs=0.02)
    assert ours.north_m == pytest.approx(theirs["shift_y"], abs=0.02)
    assert ours.up_m == pytest.approx(theirs["shift_z"], abs=0.02)
