"""What a job is asked for. It is kept on disk and shown, so it holds no credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from boresight.workflows.stereo.options import StereoOptions

if TYPE_CHECKING:
    import pystac

_FROZEN = ConfigDict(frozen=True, extra="forbid")

#: names of items and collections: what can stand in an address
_NAME = Field(min_length=1, max_length=250)


class ItemReference(BaseModel):
    """An item by its names; what lies behind is read when the job runs.

    Attributes
    ----------
    collection, id : str
    """

    model_config = _FROZEN

    collection: str = _NAME
    id: str = _NAME

    @classmethod
    def of(cls, item: pystac.Item) -> ItemReference:
        """Names of ``item``."""
        return cls(collection=str(item.collection_id or ""), id=item.id)


class ComputeRequest(BaseModel):
    """The Dask cluster of a job.

    Attributes
    ----------
    n_workers, worker_cores : int
    worker_memory_gib : float, optional
        [GiB]; default: the environment's.
    cluster : str, optional
        Name of a running cluster to use, which goes on afterwards; default: one of its own.
    backend : str, optional
        As ``BORESIGHT_COMPUTE`` names it; default: what that says.
    workers_within_s : float
        How long to wait for the first worker [s].
    """

    model_config = _FROZEN

    n_workers: int = Field(default=2, ge=1, le=64)
    worker_cores: int = Field(default=1, ge=1, le=16)
    worker_memory_gib: float | None = Field(default=None, gt=0, le=1024)
    cluster: str | None = Field(default=None, max_length=250)
    backend: str | None = Field(default=None, max_length=50)
    workers_within_s: float = Field(default=1800.0, gt=0, le=86400)


class StereoRequest(BaseModel):
    """A surface model of a pair.

    Attributes
    ----------
    left, right : ItemReference
    options : StereoOptions
    collection : str
        Of the product.
    compute : ComputeRequest
    folder : str, optional
        Where items and product lie, for use without an environment; default: its catalogue.
    force : bool
        Compute even if the product is there.
    """

    model_config = _FROZEN

    kind: Literal["stereo"] = "stereo"
    left: ItemReference
    right: ItemReference
    options: StereoOptions = StereoOptions()
    collection: str = Field(default="co3d-dsm", min_length=1, max_length=250)
    compute: ComputeRequest = ComputeRequest()
    folder: str | None = None
    force: bool = False

    @field_validator("options")
    @classmethod
    def _no_signed_address(cls, options: StereoOptions) -> StereoOptions:
        source = options.initial_elevation or ""
        if "?" in source or "@" in source:
            raise ValueError(
                "initial_elevation carries a signature or a password; the rule is an address "
                "without, since a job's record is kept. Give the path, or the address as the "
                "catalogue has it."
            )
        return options

    def as_dict(self) -> dict[str, Any]:
        """What was asked for, as JSON takes it."""
        return self.model_dump(mode="json", exclude_none=True)
