"""What CARS refuses, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from boresight.errors import BoresightError, ImageError, OverlapError, RpcError, StereoError


class StereoRunError(StereoError):
    """A run of CARS failed for a reason that has no name of its own.

    Parameters
    ----------
    log_tail : str
        Last lines of the run's log.
    """

    def __init__(self, message: str, *, remedy: str = "", log_tail: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.log_tail = log_tail

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.message, self.remedy, self.log_tail))


def _rebuild(message: str, remedy: str, log_tail: str) -> StereoRunError:
    return StereoRunError(message, remedy=remedy, log_tail=log_tail)


class NoMatchError(StereoError):
    """The images could not be matched."""


class EmptyTileError(StereoError):
    """A ground tile holds no surface: sea, cloud, or the edge of the overlap."""


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    error: Callable[..., BoresightError]
    message: str
    remedy: str


def _rule(pattern: str, error: Callable[..., BoresightError], message: str, remedy: str) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), error, message, remedy)


_NO_MATCH = (
    "The images could not be matched ({seen}); the rule is that both show the same textured ground."
)
_RULES = (
    _rule(
        r"do not intersect|don't intersect|no intersection|empty intersection",
        OverlapError,
        "The images do not see the same ground ({seen}).",
        "Give two images of one place; give initial_elevation if the ground is far from what "
        "their RPC were made for.",
    ),
    _rule(
        r"roi.*(outside|not intersect|empty)|no tile|epipolar.*roi.*empty",
        EmptyTileError,
        "Nothing of the pair lies in this tile ({seen}).",
        "Nothing to do: the tile is left empty.",
    ),
    _rule(
        r"no match|not enough matches|matches.*empty|number of matches|zero.size array|"
        r"DSM generated at resolution \d+ is empty|all.nan",
        NoMatchError,
        _NO_MATCH,
        "Look at the pair: cloud, sea, change between the two dates, or an RPC of another image.",
    ),
    _rule(
        r"rpc|geomodel|geom model|could not be read by shareloc",
        RpcError,
        "An image has no geometric model that can be used ({seen}).",
        "Ingest the image again with its RPC.",
    ),
    _rule(
        r"not recognized as|does not exist in the file system|RasterioIOError|Read failed|"
        r"TIFFFillTile|TIFFReadEncoded",
        ImageError,
        "An image could not be read ({seen}).",
        "Check that the object is there and whole, and that the storage answers.",
    ),
    _rule(
        r"initial elevation",
        StereoError,
        "The initial elevation cannot be used ({seen}); the rule is that it holds the ground of "
        "the pair with two kilometres around.",
        "Give a larger DEM, or none.",
    ),
    _rule(
        r"MemoryError|Unable to allocate|cannot allocate",
        StereoError,
        "CARS ran out of memory ({seen}).",
        "Ask for workers with more memory, or take smaller tiles.",
    ),
)


def named_error(report: dict[str, str], tail: str) -> BoresightError:
    """Error of the toolkit for what a run has reported.

    Parameters
    ----------
    report : dict
        ``type``, ``message`` and ``traceback`` as the child wrote them.
    tail : str
        Last lines of the log.
    """
    seen = f"{report['type']}: {' '.join(report['message'].split())}"[:400]
    for rule in _RULES:
        if rule.pattern.search(seen):
            return rule.error(rule.message.format(seen=seen), remedy=rule.remedy)
    return StereoRunError(
        f"A run of CARS failed ({seen}).",
        remedy="See the last lines of its log.",
        log_tail=tail or report["traceback"],
    )
