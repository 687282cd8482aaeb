"""What tasks of one stereo job are told, and what they answer. All of it travels by pickle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from boresight.errors import BoresightError
from boresight.workflows.stereo.engine.process import RunRecord
from boresight.workflows.stereo.engine.recipe import Recipe
from boresight.workflows.stereo.options import StereoOptions
from boresight.workflows.stereo.storage import Storage
from boresight.workflows.stereo.tiles import Layout


@dataclass(frozen=True)
class Job:
    """One pair, one set of options, one place for results.

    Attributes
    ----------
    item_id, collection : str
        Of the product.
    recipe : Recipe
    options : StereoOptions
    storage : Storage
    initial_elevation : str, optional
        A DEM given by the user, as GDAL opens it.
    """

    item_id: str
    collection: str
    recipe: Recipe
    options: StereoOptions
    storage: Storage
    initial_elevation: str | None = None

    @property
    def prefix(self) -> str:
        """Where the product's objects lie."""
        return f"{self.collection}/{self.item_id}"

    @property
    def scratch(self) -> str:
        """Where tasks leave files for each other; removed at the end."""
        return f"{self.prefix}/.scratch"

    @property
    def shared_key(self) -> str:
        """Archive of what is computed once per pair."""
        return f"{self.scratch}/once.tar"

    def tile_key(self, name: str) -> str:
        """Archive of a tile's layers."""
        return f"{self.scratch}/tile-{name}.tar"

    def matching_key(self, part: str) -> str:
        """Request or answer of a part of the matching."""
        return f"{self.scratch}/matching-{part}.npz"

    def log_key(self, task: str) -> str:
        """Log of a run that failed; kept."""
        return f"{self.prefix}/logs/{task}.log"


@dataclass(frozen=True)
class OnceRecord:
    """Answer of the task that computes what all tiles share.

    Attributes
    ----------
    heights_m : tuple of float
        Lowest and highest ground [m above the ellipsoid].
    reach_m : float, optional
        Range of heights that the runs were told [m].
    reused : bool
        Whether it was found in the job's scratch.
    run : RunRecord, optional
    """

    heights_m: tuple[float, float]
    reach_m: float | None
    reused: bool
    run: RunRecord | None


@dataclass(frozen=True)
class TileRecord:
    """Answer of a tile's task.

    Attributes
    ----------
    name : str
    is_empty : bool
        Whether nothing of the pair lies in it.
    reused : bool
    run : RunRecord, optional
    """

    name: str
    is_empty: bool
    reused: bool
    run: RunRecord | None


@dataclass(frozen=True)
class FileRecord:
    """A file of the product.

    Attributes
    ----------
    name, key, media_type, checksum : str
    size : int
        [byte]
    """

    name: str
    key: str
    media_type: str
    checksum: str
    size: int


@dataclass(frozen=True)
class ProductRecord:
    """Answer of the task that makes the product.

    Attributes
    ----------
    files : tuple of FileRecord
    shape : tuple of int
        Rows, columns.
    transform : tuple of float
        Six affine coefficients.
    statistics : dict
    """

    files: tuple[FileRecord, ...]
    shape: tuple[int, int]
    transform: tuple[float, float, float, float, float, float]
    statistics: dict[str, Any]
    layout: Layout | None = None
    runs: tuple[RunRecord, ...] = field(default=())


@dataclass(frozen=True)
class Refusal:
    """An error that no repetition mends: returned, so that Dask does not try again."""

    error: BoresightError
