"""What a stereo run may be asked for."""

from __future__ import annotations

import hashlib
import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

VerticalDatum = Literal["ellipsoid", "egm96"]

#: margin in DSM pixels around a tile; 40 and 80 px gave every pixel as in the whole run (Gizeh)
DEFAULT_MARGIN_PX = 80

#: options that say how the work is done, and leave the product as it is
_EXECUTION = frozenset(
    {
        "tile_size_px",
        "keep_intermediate",
        "retries",
        "run_timeout_s",
        "shared_matching_px",
        "distribution",
        "shared_volume",
    }
)


class StereoOptions(BaseModel):
    """Options of a stereo run. Frozen; unknown names are refused.

    Attributes
    ----------
    resolution_m : float, optional
        Side of a DSM pixel [m]. Default: the images' ground sampling, to one digit.
    epsg : int, optional
        Projected reference system in metres. Default: the UTM zone of the common ground.
    vertical_datum : {"ellipsoid", "egm96"}
        Heights above the WGS 84 ellipsoid, or above the EGM96 geoid.
    tile_size_px : int
        Side of a ground tile [DSM px]. A pair no larger than 1.5 tiles a side is one task.
    margin_m : float, optional
        Ground computed around each tile and dropped again [m]. Default: 80 DSM pixels.
    initial_elevation : str, optional
        A DEM (path, ``/vsi…``) that holds the ground of the pair. Default: heights are found
        from the images themselves, so that crops and high ground need none.
    initial_elevation_datum : {"ellipsoid", "egm96"}
        What its heights are above.
    height_range_m : tuple of float, optional
        Lowest and highest ground [m above the ellipsoid]. Default: what the RPC allow.
    color : bool
        Whether to make the image layer beside the DSM.
    quality : bool
        Whether to make the ambiguity layer.
    max_ram_per_run_mb : int
        What CARS plans its epipolar tiles with [MB]. It is part of the result (another size
        moves about 4 % of the pixels by centimetres): keep it equal for runs to be compared.
    distribution : {"tiles", "shared-volume"}
        One task per ground tile on the worker's own disk, or CARS' own tiles over a volume that
        all workers share.
    shared_volume : str, optional
        Folder that the caller and all workers see under this path.
    keep_intermediate : bool
        Keep tiles and what is computed once per pair after the end.
    retries : int
        How often a failed task is tried anew, on any worker.
    run_timeout_s : float
        Longest time for one run of CARS [s].
    shared_matching_px : int
        From so many epipolar pixels on, the workers share the matching that is done once per pair.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution_m: float | None = Field(default=None, gt=0, le=1000)
    epsg: int | None = None
    vertical_datum: VerticalDatum = "ellipsoid"
    tile_size_px: int = Field(default=4000, ge=100, le=20000)
    margin_m: float | None = Field(default=None, ge=0)
    initial_elevation: str | None = None
    initial_elevation_datum: VerticalDatum = "egm96"
    height_range_m: tuple[float, float] | None = None
    color: bool = True
    quality: bool = True
    max_ram_per_run_mb: int = Field(default=2000, ge=500)
    distribution: Literal["tiles", "shared-volume"] = "tiles"
    shared_volume: str | None = None
    keep_intermediate: bool = False
    retries: int = Field(default=2, ge=0, le=10)
    run_timeout_s: float = Field(default=4 * 3600.0, gt=0)
    shared_matching_px: int = Field(default=4_000_000, ge=0)

    @field_validator("epsg")
    @classmethod
    def _projected_in_metres(cls, epsg: int | None) -> int | None:
        if epsg is None:
            return None
        try:
            crs = CRS.from_epsg(epsg)
        except CRSError as exc:
            raise ValueError(
                f"epsg = {epsg} is not known; the rule is a code of the EPSG registry. "
                "Leave it out for the UTM zone of the pair."
            ) from exc
        if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
            raise ValueError(
                f"epsg = {epsg} ({crs.name}) is not allowed: the DSM needs a projected system in "
                "metres. Leave it out for the UTM zone of the pair."
            )
        return epsg

    @field_validator("height_range_m")
    @classmethod
    def _ordered(cls, heights: tuple[float, float] | None) -> tuple[float, float] | None:
        if heights is not None and not -1000 <= heights[0] < heights[1] <= 9500:
            raise ValueError(
                f"height_range_m = {heights} is not allowed: lowest before highest, between "
                "-1000 and 9500 m."
            )
        return heights

    @model_validator(mode="after")
    def _volume_where_needed(self) -> Self:
        if self.distribution == "shared-volume" and not self.shared_volume:
            raise ValueError(
                'distribution = "shared-volume" needs shared_volume: a folder that the caller '
                "and all workers see under the same path."
            )
        return self

    def margin_for(self, resolution_m: float) -> float:
        """Margin around a tile [m]."""
        return DEFAULT_MARGIN_PX * resolution_m if self.margin_m is None else self.margin_m

    def product_digest(self) -> str:
        """Digest of what the product depends on; how the work is done is left out."""
        values = self.model_dump(mode="json", exclude=set(_EXECUTION))
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
