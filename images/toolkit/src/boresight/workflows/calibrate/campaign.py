"""What a calibration is made from: the acquisitions of a campaign, by key and checksum."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from boresight import access
from boresight.errors import CatalogueError
from boresight.geometry import FocalPlane, FrameCamera
from boresight.workflows.stereo.storage import FolderStorage, Storage

Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$")]
Triple = tuple[float, float, float]

#: names of the images of the calibration site; the pair's image is "pair"
STRAIGHT, CROSSED, ASIDE, PAIR = "straight", "crossed", "aside", "pair"
SITE_IMAGES = (STRAIGHT, CROSSED, ASIDE)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class File(_Model):
    """An object of the storage.

    Attributes
    ----------
    key, checksum : str
        Where it lies, and its multihash in hexadecimal.
    """

    key: str
    checksum: str = Field(pattern=r"^1220[0-9a-f]{64}$")


class Image(_Model):
    """A frame with its telemetry.

    Attributes
    ----------
    name : str
        ``straight``, ``crossed``, ``aside`` or ``pair``.
    file : File
        Raw numbers, one band [DN].
    position_ecef : tuple of 3 float
        [m]
    axes_ecef : tuple of 3 tuples
        Rows of the matrix whose columns are the camera's axes.
    """

    name: str
    file: File
    position_ecef: Triple
    axes_ecef: tuple[Triple, Triple, Triple]

    def camera(self, focal_px: float, plane: FocalPlane, attitude_rad: Triple) -> FrameCamera:
        """Camera of the image with a focal plane and a rotation."""
        return FrameCamera(
            focal_px,
            np.array(self.position_ecef),
            np.array(self.axes_ecef),
            plane,
            np.array(attitude_rad),
        )


class Satellite(_Model):
    """One satellite's design and acquisitions.

    Attributes
    ----------
    platform, instrument, band : str
    shape : tuple of int
        Rows and columns of the frame [px].
    focal_px : float
        Designed focal length [px].
    line_time_s : float
        From row to row [s].
    saturation_dn, factory_dark_dn : float
        [DN]
    dark, flat : File
        One frame a band [DN].
    images : tuple of Image
        ``straight``, ``crossed``, ``aside``, ``pair``.
    """

    platform: Slug
    instrument: Slug
    band: str
    shape: tuple[int, int]
    focal_px: float = Field(gt=0)
    line_time_s: float = Field(gt=0)
    saturation_dn: float = Field(gt=0)
    factory_dark_dn: float = Field(ge=0)
    dark: File
    flat: File
    images: tuple[Image, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [image.name for image in self.images]
        if names != [*SITE_IMAGES, PAIR]:
            raise ValueError(f"images are {names}; the rule is {[*SITE_IMAGES, PAIR]}")
        return self

    def image(self, name: str) -> Image:
        """Image of that name."""
        return next(image for image in self.images if image.name == name)

    @property
    def ideal(self) -> FocalPlane:
        """Focal plane as designed."""
        return FocalPlane.ideal(self.shape)


class Campaign(_Model):
    """Everything that a calibration reads.

    Attributes
    ----------
    id : str
    acquired_at : str
        Time of the acquisitions, ISO 8601 with time zone.
    left, right : Satellite
        Those of the stereo pair.
    ortho, heights : File
        Reference of the calibration site on one map grid: radiance in any unit, and heights above
        the ellipsoid [m].
    pair_heights_m : tuple of 2 float
        Lowest and highest ground of the pair above the ellipsoid [m].
    surface : File, optional
        Surface of the pair's ground that its models are compared with.
    truth : File, optional
        Injected errors, where the campaign is a simulated one.
    simulation : dict, optional
        Configuration it was simulated from.
    """

    id: Slug
    acquired_at: str
    left: Satellite
    right: Satellite
    ortho: File
    heights: File
    pair_heights_m: tuple[float, float]
    surface: File
    truth: File | None = None
    simulation: dict[str, object] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.left.platform == self.right.platform:
            raise ValueError(
                f"left and right are both {self.left.platform}; the rule is two satellites"
            )
        if dt.datetime.fromisoformat(self.acquired_at).tzinfo is None:
            raise ValueError(f"acquired_at is {self.acquired_at}, without a time zone; give UTC")
        if not self.pair_heights_m[0] < self.pair_heights_m[1]:
            raise ValueError(f"pair_heights_m are {self.pair_heights_m}; the rule is low < high")
        return self

    @property
    def satellites(self) -> tuple[Satellite, Satellite]:
        """Left and right."""
        return self.left, self.right

    def digest(self) -> str:
        """SHA-256 of the whole description, checksums of all files among it."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def files(self) -> list[File]:
        """Every file of the campaign."""
        own = [self.ortho, self.heights, self.surface]
        for satellite in self.satellites:
            own += [satellite.dark, satellite.flat, *(image.file for image in satellite.images)]
        return own + ([self.truth] if self.truth else [])


def source_of(storage: Storage, key: str) -> str:
    """Name by which GDAL opens an object, block by block.

    Raises
    ------
    CatalogueError
        A storage that GDAL cannot read from.
    """
    if isinstance(storage, FolderStorage):
        return f"{storage.folder}/{key}"
    bucket = getattr(storage, "bucket", None)
    if bucket is None:
        raise CatalogueError(f"{type(storage).__name__}: no storage that GDAL reads from.")
    return access.to_vsis3(f"s3://{bucket}/{key}")
