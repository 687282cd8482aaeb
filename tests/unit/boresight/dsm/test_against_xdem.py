"""NMAD, LE90 and the shift of a surface model as others compute them."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from scipy.ndimage import gaussian_filter, shift
from support.comparisons import Recorder

from boresight.dsm import compare, coregister, nmad

pytestmark = pytest.mark.others

RESOLUTION_M = 0.5


def errors(seed: int) -> np.ndarray:
    """Errors as surface models have them: most small, some large, some unknown."""
    rng = np.random.default_rng(seed)
    values = 0.4 * rng.standard_normal((200, 200)) + 0.15
    values[rng.random(values.shape) < 0.05] *= 12
    values[rng.random(values.shape) < 0.03] = np.nan
    return values


@pytest.mark.parametrize("seed", range(3))
def test_nmad_is_that_of_geoutils(seed: int, compared: Recorder) -> None:
    from geoutils.stats import nmad as theirs

    values = errors(seed)
    apart = abs(nmad(values) / float(theirs(values)) - 1)
    compared("NMAD", "xdem (geoutils)", apart, 1e-12, "relative")


def test_le90_is_half_the_width_that_geoutils_gives(compared: Recorder) -> None:
    from geoutils.stats import linear_error

    values = errors(4)
    known = values[np.isfinite(values)]
    # symmetric about 0, so that the central 90 % reach as far on both sides
    both = np.concatenate([known, -known]).reshape(1, -1)
    reference = np.zeros_like(both)
    ours = compare(both, reference).le90_m
    apart = abs(2.0 * ours / float(linear_error(both, 90)) - 1)
    compared("LE90", "xdem (geoutils)", apart, 1e-3, "relative")


def test_shift_is_what_xdem_finds_when_it_is_asked_itself(compared: Recorder) -> None:
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
    found = [ours.east_m, ours.north_m, ours.up_m]
    apart = np.abs(np.subtract(found, [theirs[f"shift_{axis}"] for axis in "xyz"])).max()
    compared("shift of a surface model (Nuth and Kääb)", "xdem", apart, 0.02, "m")
