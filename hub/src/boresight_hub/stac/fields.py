"""The fields extension: which parts of an item are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from boresight_hub.stac.problems import RequestError

_MAX_FIELDS = 200
_MAX_PARTS = 8
_ALWAYS = ("type", "stac_version", "id", "collection")
DEFAULTS = (
    "type",
    "stac_version",
    "id",
    "collection",
    "geometry",
    "bbox",
    "links",
    "assets",
    "properties.datetime",
)
"""What is kept when somebody asks to include nothing in particular, and excludes something."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Paths (keys joined by dots) to keep and to leave out.

    Without ``include`` everything is kept. A path in both is kept.
    """

    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()

    @classmethod
    def of(cls, include: Iterable[str] | None, exclude: Iterable[str] | None) -> Fields:
        """Check and hold the paths.

        Raises
        ------
        RequestError
            When there are too many, or one is too deep.
        """
        keep, drop = frozenset(include or ()), frozenset(exclude or ())
        if len(keep) + len(drop) > _MAX_FIELDS:
            raise RequestError(f"fields names more than {_MAX_FIELDS} paths; name fewer.")
        for path in keep | drop:
            if not path or len(path.split(".")) > _MAX_PARTS:
                raise RequestError(
                    f"The field {path[:100]!r} is not 1 to {_MAX_PARTS} keys joined by dots."
                )
        return cls(keep, drop - keep)

    @classmethod
    def of_terms(cls, terms: Iterable[str] | None) -> Fields:
        """Fields of a GET parameter: ``a``, ``+a`` keeps, ``-a`` leaves out."""
        include: list[str] = []
        exclude: list[str] = []
        for term in terms or ():
            # an unescaped plus sign of a query string arrives as a space
            (exclude if term.startswith("-") else include).append(term.lstrip("+- "))
        return cls.of(include, exclude)

    def apply(self, item: dict[str, Any]) -> dict[str, Any]:
        """Part of ``item`` that is wanted; ``item`` itself may be changed."""
        if self.include:
            # without these nobody could tell what it is, and which
            kept: dict[str, Any] = {key: item[key] for key in _ALWAYS if key in item}
            for path in sorted(self.include):
                _copy(item, kept, self._parts(item, path))
            wanted = kept
        else:
            wanted = item
        for path in self.exclude:
            if not any(kept_path.startswith(f"{path}.") for kept_path in self.include):
                _drop(wanted, self._parts(wanted, path))
        return wanted

    @staticmethod
    def _parts(item: dict[str, Any], path: str) -> list[str]:
        """Keys of a path; a property may be named without ``properties.`` in front."""
        parts = path.split(".")
        if parts[0] not in item and parts[0] != "properties":
            return ["properties", *parts]
        return parts


def _copy(source: Any, target: dict[str, Any], parts: list[str]) -> None:
    head, rest = parts[0], parts[1:]
    # a key may hold dots itself
    joined = ".".join(parts)
    if rest and isinstance(source, dict) and joined in source:
        head, rest = joined, []
    if not isinstance(source, dict) or head not in source:
        return
    if not rest:
        target[head] = source[head]
        return
    below = target.setdefault(head, {})
    if isinstance(below, dict) and below is not source[head]:
        _copy(source[head], below, rest)


def _drop(target: Any, parts: list[str]) -> None:
    for part in parts[:-1]:
        if not isinstance(target, dict) or part not in target:
            return
        target = target[part]
    if isinstance(target, dict):
        target.pop(parts[-1], None)
