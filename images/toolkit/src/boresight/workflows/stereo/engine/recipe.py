"""Configurations of CARS: the whole pair, what is computed once per pair, one ground tile.

A tile equals the whole run pixel by pixel only if everything global is handed to it: the coarse
surface, the three DEMs made from it, the filtered matches (hence the epipolar correction), and the
memory limit that sets the epipolar tiles. The first are files of :class:`SharedFiles`; the last is
in every configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: names of the two images in a configuration; CARS calls the pair by both
LEFT, RIGHT = "left", "right"
PAIR = f"{LEFT}_{RIGHT}"

#: value of unknown heights in files of CARS
NODATA = -32768.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SensorFile:
    """An image and its geometric model.

    Attributes
    ----------
    image : str
        Path or ``/vsi…``.
    geomodel : str, optional
        File with the RPC; default: tags of the image.
    """

    image: str
    geomodel: str | None = None

    def configuration(self) -> dict[str, str]:
        """As CARS reads it."""
        return {"image": self.image, "geomodel": self.geomodel or self.image}


@dataclass(frozen=True)
class Recipe:
    """What every run of one pair has in common.

    Attributes
    ----------
    left, right : SensorFile
    resolution_m : float
    epsg : int
    geoid : bool
        Heights above EGM96 instead of the ellipsoid.
    color, quality : bool
        Layers beside the DSM.
    max_ram_mb : int
    reach_m : float, optional
        How far the ground may be above or below the initial elevation [m]. Default: what CARS
        assumes (-500 to 1000 m).
    """

    left: SensorFile
    right: SensorFile
    resolution_m: float
    epsg: int
    geoid: bool
    color: bool
    quality: bool
    max_ram_mb: int
    reach_m: float | None = None


@dataclass(frozen=True)
class SharedFiles:
    """What is computed once per pair, as files of one folder."""

    folder: Path

    NAMES = (
        "initial_elevation.tif",
        "coarse_dsm.tif",
        "dem_median.tif",
        "dem_min.tif",
        "dem_max.tif",
        "matches.npy",
    )

    def __getitem__(self, name: str) -> Path:
        """Path of one of :attr:`NAMES`."""
        if name not in self.NAMES:
            raise KeyError(name)
        return self.folder / name


def whole_pair(
    recipe: Recipe,
    out: Path,
    initial_elevation: Path,
    *,
    orchestrator: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One run over all the common ground."""
    conf = _base(recipe, out, initial_elevation)
    conf["pipeline"] = ["subsampling", "surface_modeling", "tie_points", "formatting"]
    if orchestrator is not None:
        conf["orchestrator"] = orchestrator
    return conf


def once_per_pair(recipe: Recipe, out: Path, initial_elevation: Path) -> dict[str, Any]:
    """Coarse surface, DEMs and matches; ends before dense matching at full resolution."""
    conf = _base(recipe, out, initial_elevation)
    conf["pipeline"] = ["subsampling", "surface_modeling", "tie_points"]
    # no product: CARS then stops after the last application whose intermediate data are asked for
    conf["output"]["product_level"] = []
    last = {"save_intermediate_data": True}
    conf["surface_modeling"]["applications"]["1"] |= {
        "grid_correction": last,
        "dem_generation": last,
    }
    conf["tie_points"]["applications"]["1"] = {"sparse_matching": last}
    return conf


def ground_tile(recipe: Recipe, out: Path, shared: SharedFiles, box: Box) -> dict[str, Any]:
    """One region of the ground, given what was computed once.

    Parameters
    ----------
    box : tuple of float
        West, south, east, north with margins, in ``recipe.epsg`` [m].
    """
    conf = _base(recipe, out, shared["initial_elevation.tif"])
    # without subsampling only resolution 1 is run
    conf["pipeline"] = ["surface_modeling", "tie_points", "formatting"]
    west, south, east, north = box
    ring = [[west, south], [west, north], [east, north], [east, south], [west, south]]
    conf["input"]["roi"] = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": f"EPSG:{recipe.epsg}"}},
        "features": [
            {
                "type": "Feature",
                "properties": {},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        ],
    }
    conf["input"]["low_res_dsm"] = str(shared["coarse_dsm.tif"])
    conf["input"]["ignore_roi_during_a_priori"] = True
    # what the multi-resolution run uses at resolution 1
    conf["surface_modeling"]["applications"]["1"]["dense_matching"] |= {
        "confidence_filtering": {"use_bounds_intervals": False}
    }
    return conf


def _base(recipe: Recipe, out: Path, initial_elevation: Path) -> dict[str, Any]:
    return {
        "input": {
            "sensors": {
                LEFT: recipe.left.configuration(),
                RIGHT: recipe.right.configuration(),
            },
            "pairing": [[LEFT, RIGHT]],
            # no geoid named: it is taken as above EGM96, as CARS' own coarse surface is later
            "initial_elevation": {"dem": str(initial_elevation)},
        },
        "output": {
            "directory": str(out),
            "resolution": recipe.resolution_m,
            "epsg": recipe.epsg,
            "geoid": recipe.geoid,
            # CARS cannot do without the image (TypeError at its dense matching): a recipe that
            # does not want it leaves it behind
            "auxiliary": {"image": True, "ambiguity": recipe.quality},
        },
        "surface_modeling": {
            # the DEM given is a start only: the coarse surface takes its place
            "advanced": {"all": {"use_endogenous_dem": True}},
            "applications": {
                # in reduced images of a crop nearly every pixel has a part of its disparity
                # range outside: the coarse surface would be empty
                "all": {
                    "dense_matching": {"filter_incomplete_disparity_range": False},
                    # CARS fits the initial elevation to its surface, and never uses the result
                    "dem_generation": {"coregistration": False},
                },
                "1": {"dense_matching": {"filter_incomplete_disparity_range": True}},
            },
        },
        "tie_points": {"applications": {"all": {"sparse_matching": _reach(recipe.reach_m)}}},
        "orchestrator": {"mode": "sequential", "max_ram_per_worker": recipe.max_ram_mb},
    }


def _reach(reach_m: float | None) -> dict[str, Any]:
    """Range of heights at the coarsest resolution; later ones take it from the DEMs."""
    if reach_m is None:
        return {}
    margin = max(1, round(reach_m / 2))
    return {
        "elevation_delta_lower_bound": -float(reach_m),
        "elevation_delta_upper_bound": float(reach_m),
        "disparity_bounds_estimation": {"upper_margin": margin, "lower_margin": margin},
    }
