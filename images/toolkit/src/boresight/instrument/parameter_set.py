"""One versioned calibration of one instrument."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from boresight.errors import BandOrderError, ForeignInstrumentError, ValidityError
from boresight.instrument.model import Band, Boresight
from boresight.instrument.quantities import Model

SCHEMA_VERSION: Final = "1.0"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$")]


class Validity(Model):
    """When a parameter set holds: from ``start`` up to, but without, ``end``.

    Parameters
    ----------
    start : datetime
        Aware.
    end : datetime, optional
        Aware; none is until further notice.
    """

    start: AwareDatetime
    end: AwareDatetime | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        return self

    def __contains__(self, time: dt.datetime) -> bool:
        return self.start <= time and (self.end is None or time < self.end)


class Source(Model):
    """An input of the calibration.

    Parameters
    ----------
    href : str
        Where it is.
    checksum : str
        Multihash in hexadecimal, as STAC's ``file:checksum``.
    """

    href: str = Field(min_length=1)
    checksum: str = Field(pattern=r"^1220[0-9a-f]{64}$")


class Provenance(Model):
    """How the numbers came about, enough to make them again.

    Parameters
    ----------
    method : str
        Name of the method or workflow.
    inputs : tuple of Source
        Everything read.
    parameters : dict
        Everything chosen.
    code_version : str
        Of the toolkit.
    environment_digest : str
        SHA-256 of the lock that the software was installed from, in hexadecimal.
    """

    method: str = Field(min_length=1)
    inputs: tuple[Source, ...]
    parameters: dict[str, JsonValue]
    code_version: str = Field(min_length=1)
    environment_digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class ParameterSet(Model):
    """One versioned calibration of one instrument.

    Parameters
    ----------
    id : str
        Unique, lower case.
    platform, instrument : str
        Which satellite, which of its instruments.
    bands : tuple of Band
        In the instrument's order.
    validity : Validity
        When it holds.
    created_at : datetime
        Aware.
    provenance : Provenance
        How it came about.
    parent : str, optional
        Id of the set this one was made from.
    boresight : Boresight, optional
        Of the whole instrument.
    """

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    id: Slug
    platform: Slug
    instrument: Slug
    bands: tuple[Band, ...] = Field(min_length=1)
    validity: Validity
    created_at: AwareDatetime
    provenance: Provenance
    parent: Slug | None = None
    boresight: Boresight | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.band_names)) != len(self.bands):
            raise ValueError(f"bands are {self.band_names}; the rule is each once")
        if self.parent == self.id:
            raise ValueError(f"parent is {self.parent}, the set itself")
        return self

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names in the instrument's order."""
        return tuple(band.name for band in self.bands)

    def band(self, name: str) -> Band:
        """The parameters of a band.

        Raises
        ------
        BandOrderError
            No such band.
        """
        for band in self.bands:
            if band.name == name:
                return band
        raise BandOrderError(
            f"Band {name!r} is not in {self.id}, which has {', '.join(self.band_names)}.",
            remedy="Name one of these.",
        )

    def require(
        self,
        *,
        platform: str,
        instrument: str,
        acquired_at: dt.datetime,
        bands: Sequence[str] | None = None,
    ) -> Self:
        """Check that the set is made for an acquisition, before it is applied.

        Parameters
        ----------
        platform, instrument : str
            Of the acquisition.
        acquired_at : datetime
            Aware.
        bands : sequence of str, optional
            Bands of the acquisition, in its order: all of the set's, or fewer in the same order.

        Returns
        -------
        ParameterSet
            This one.

        Raises
        ------
        ForeignInstrumentError, ValidityError, BandOrderError
            It is not.
        """
        if (platform, instrument) != (self.platform, self.instrument):
            raise ForeignInstrumentError(
                f"The acquisition is of {platform}/{instrument}, {self.id} of "
                f"{self.platform}/{self.instrument}; they have to agree.",
                remedy="Choose a parameter set of that satellite.",
            )
        if acquired_at.tzinfo is None:
            raise ValidityError(
                f"acquired_at is {acquired_at}, without a time zone; the rule is aware times.",
                remedy="Give UTC.",
            )
        if acquired_at not in self.validity:
            raise ValidityError(
                f"The acquisition is of {acquired_at.isoformat()}, outside the validity of "
                f"{self.id}, {self.validity.start.isoformat()} to "
                f"{self.validity.end.isoformat() if self.validity.end else 'further notice'}.",
                remedy="Choose the set that was valid then.",
            )
        if bands is not None:
            expected = [name for name in self.band_names if name in bands]
            if list(bands) != expected:
                raise BandOrderError(
                    f"The acquisition has bands {', '.join(bands)}; the rule is the order of "
                    f"{self.id}: {', '.join(self.band_names)}.",
                    remedy="Bring the bands into this order.",
                )
        return self


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the JSON file of a parameter set."""
    schema = ParameterSet.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://boresight.example/schemas/parameter-set-1.0.json",
    } | schema
