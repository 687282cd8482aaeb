"""Frame camera against the simulator's, rational models against shareloc and GDAL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import RPCTransformer
from scipy.spatial.transform import Rotation
from support.comparisons import Recorder
from support.frames import as_rotation, biased, designed

from boresight.errors import InputError, NonConvergenceError, SingularError
from boresight.geometry import FocalPlane
from boresight.geometry.camera import rotation_matrix
from boresight.geometry.focal_plane import basis
from boresight.io import read_rpc, to_rasterio
from boresight.io.gdal import quiet
from boresight.rpc_fit import fit_rpc_points

BIAS = (6.0, -4.0, 30.0)
RNG = np.random.default_rng(4)


def places(n: int = 200) -> tuple[np.ndarray, ...]:
    return RNG.uniform(0, 1000, n), RNG.uniform(0, 1000, n), RNG.uniform(0, 500, n)


def test_agrees_with_the_simulator_which_shares_no_code() -> None:
    simulated = biased("left", BIAS)
    camera = designed(simulated).turned(as_rotation(BIAS))
    row, col, height = places()
    lon, lat = simulated.localize(row, col, height)
    found = camera.project(lon, lat, height)
    # the simulator adds small angles, this camera turns: they differ by squares of the angles
    assert np.hypot(found[0] - row, found[1] - col).max() < 3e-4


def test_round_trip_through_a_crooked_focal_plane() -> None:
    camera = designed(biased("left", (0, 0, 0)))
    crooked = FocalPlane((1000, 1000), 3, RNG.normal(size=10), RNG.normal(size=10))
    camera = replace(camera, focal_plane=crooked)
    row, col, height = places()
    back = camera.project(*camera.localize(row, col, height), height)
    assert np.hypot(back[0] - row, back[1] - col).max() < 1e-5


def test_offsets_too_steep_to_invert_are_named() -> None:
    camera = designed(biased("left", (0, 0, 0)))
    row, col, height = places(20)
    ground = camera.localize(row, col, height)
    steep = FocalPlane((1000, 1000), 3, 800 * RNG.normal(size=10), 800 * RNG.normal(size=10))
    camera.project(*ground, height)
    with pytest.raises(NonConvergenceError, match="rounds"):
        replace(camera, focal_plane=steep).project(*ground, height)


def test_rotation_agrees_with_scipy() -> None:
    vectors = np.array([[0.3, -1.2, 0.4], [1e-9, 2e-9, 0.0], [0.0, 0.0, 0.0]])
    assert (
        np.abs(rotation_matrix(vectors) - Rotation.from_rotvec(vectors).as_matrix()).max() < 1e-14
    )


def test_basis_is_orthogonal_over_the_frame() -> None:
    grid, weight = np.polynomial.legendre.leggauss(12)
    u, v = np.meshgrid(grid, grid)
    terms = basis(u, v, 5).reshape(-1, 21)
    products = (terms.T * np.outer(weight, weight).ravel()) @ terms
    assert np.abs(products - np.diag(np.diag(products))).max() < 1e-13


def test_axes_are_checked() -> None:
    camera = designed(biased("left", BIAS))
    with pytest.raises(InputError, match="orthonormal"):
        replace(camera, axes_ecef=camera.axes_ecef * 1.01)
    with pytest.raises(InputError, match="10 finite"):
        FocalPlane((10, 10), 3, np.zeros(6), np.zeros(10))


@pytest.mark.others
def test_rational_model_of_the_camera_by_gdal(compared: Recorder) -> None:
    camera = designed(biased("right", BIAS)).turned(as_rotation(BIAS))
    fit = camera.fit_rpc((0.0, 500.0))
    assert fit.max_residual_px < 1e-4
    row, col, height = places()
    lon, lat = camera.localize(row, col, height)
    with RPCTransformer(to_rasterio(fit.rpc)) as gdal:
        theirs = gdal.rowcol(lon, lat, height, op=float)
    apart = np.abs([theirs[0] - row, theirs[1] - col]).max()
    compared("RPC fitted to a frame camera", "GDAL's transformer", apart, 0.01, "px")


@pytest.mark.others
@pytest.mark.parametrize("name", ["gizeh/img1", "ventoux/left_image"])
def test_fit_to_a_real_model_localised_by_shareloc(
    real_data: Path, name: str, compared: Recorder
) -> None:
    from shareloc.geomodels.rpc import RPC

    with quiet():
        theirs = RPC.load(str(real_data / f"{name}.geom"))
    delivered = read_rpc(real_data / f"{name}.geom")
    grid = np.linspace(-1, 1, 15)
    row, col, height = (
        v.ravel()
        for v in np.meshgrid(
            delivered.row_off + delivered.row_scale * grid,
            delivered.col_off + delivered.col_scale * grid,
            np.linspace(*delivered.height_range, 7),
            indexing="ij",
        )
    )
    ground = theirs.direct_loc_h(row, col, height)
    fit = fit_rpc_points(row, col, ground[:, 0], ground[:, 1], height)
    # at other places than those of the fit, by shareloc and by GDAL
    row, col = (
        off + scale * RNG.uniform(-0.95, 0.95, 300)
        for off, scale in (
            (delivered.row_off, delivered.row_scale),
            (delivered.col_off, delivered.col_scale),
        )
    )
    height = RNG.uniform(*delivered.height_range, 300)
    ground = theirs.direct_loc_h(row, col, height)
    with RPCTransformer(to_rasterio(fit.rpc)) as gdal:
        by_gdal = gdal.rowcol(ground[:, 0], ground[:, 1], height, op=float)
    apart = np.abs([by_gdal[0] - row, by_gdal[1] - col]).max()
    compared("RPC fitted to shareloc's places", "GDAL's transformer", apart, 0.01, "px")


def test_too_few_points_for_a_rational_model() -> None:
    camera = designed(biased("left", BIAS))
    row, col, height = places()
    lon, lat = camera.localize(row, col, height)
    fit_rpc_points(row, col, lon, lat, height)
    with pytest.raises(SingularError, match="40 points"):
        fit_rpc_points(*(v[:40] for v in (row, col, lon, lat, height)))
    with pytest.raises(SingularError, match="heights"):
        fit_rpc_points(row, col, lon, lat, np.full(200, 7.0))
