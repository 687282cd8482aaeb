"""A parameter set as JSON and a heap of named arrays, and back: files are :mod:`boresight.io`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boresight.errors import ParameterSetError
from boresight.instrument.parameter_set import SCHEMA_VERSION, ParameterSet
from boresight.instrument.quantities import array_digest

#: small arrays would be as well off in the JSON; one rule for all is simpler
_KEY = "$array"


def to_document(parameters: ParameterSet) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Part a set into what JSON takes and the arrays, each by name.

    Returns
    -------
    document : dict
        Arrays stand there as ``{"$array": name, "shape": …, "dtype": …, "sha256": …}``.
    arrays : dict of str to ndarray
        Named by their place: ``bands.red.detector.dark.value``.
    """
    arrays: dict[str, NDArray[Any]] = {}

    def part(value: object, path: str) -> object:
        if isinstance(value, np.ndarray):
            arrays[path] = value
            return {
                _KEY: path,
                "shape": list(value.shape),
                "dtype": value.dtype.name,
                "sha256": array_digest(value),
            }
        if isinstance(value, dict):
            return {key: part(entry, f"{path}.{key}".lstrip(".")) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [part(entry, f"{path}.{_label(entry, k)}") for k, entry in enumerate(value)]
        if hasattr(value, "isoformat"):
            return value.isoformat()
        return value

    document = part(parameters.model_dump(), "")
    assert isinstance(document, dict)  # noqa: S101  # for the type checker: a model dumps to a dict
    return document, arrays


def from_document(document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ParameterSet:
    """Put a set together again.

    Raises
    ------
    ParameterSetError
        Another version, a missing or changed array, or values that break a rule.
    """
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ParameterSetError(
            f"schema_version is {version!r}; this toolkit reads {SCHEMA_VERSION!r}.",
            remedy="Use the toolkit of that version.",
        )

    def join(value: object) -> object:
        if isinstance(value, dict):
            if _KEY in value:
                return _array(value, arrays)
            return {key: join(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return tuple(join(entry) for entry in value)
        return value

    return ParameterSet.load(join(dict(document)))


def _label(entry: object, index: int) -> str:
    if isinstance(entry, dict):
        for key in ("name", "direction"):
            if isinstance(entry.get(key), str):
                return str(entry[key])
    return str(index)


def _array(reference: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    name = reference[_KEY]
    if name not in arrays:
        raise ParameterSetError(
            f"array {name!r} is not in the array file; the rule is that all are.",
            remedy="Fetch the whole parameter set again.",
        )
    array = arrays[name]
    if array_digest(array) != reference.get("sha256"):
        raise ParameterSetError(
            f"array {name!r} ({array.dtype}, shape {array.shape}) is not the one the JSON file was "
            "written with: checksums differ.",
            remedy="Fetch the whole parameter set again.",
        )
    return array
