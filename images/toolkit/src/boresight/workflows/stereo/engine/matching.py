"""Matching of a pair's epipolar tiles, shared with helpers: through files, with equal results.

Most of what CARS does once per pair is to match SIFT points, epipolar tile after epipolar tile,
while all other workers wait. In a run that has helpers the tiles are collected first. Every
n-th goes to a helper, as a file, who answers tile after tile; the run does its own part, then that
of its helpers from the end, until all is done. So it is done when all are, however late a helper
began. Every tile is matched by CARS' own function from equal arrays, so who did it makes no
difference.

This module is run twice: inside a run of CARS (:func:`install`), and by a helper as
``python -m …engine.matching REQUEST.npz PARENT``.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Matches = NDArray[np.float64]

_ALGORITHM = "cars.applications.sparse_matching.sparse_matching_algo"
_ARRAYS = ("left", "right", "left_mask", "right_mask")
_POLL_S = 0.2
#: how long the last tile of a helper is waited for: so many times as long as one took, and this [s]
_PATIENCE, _PATIENCE_S = 2.0, 10.0


@dataclass(frozen=True)
class Sharing:
    """How a run shares its matching.

    Attributes
    ----------
    folder : Path
        Requests and answers.
    parts : int
        Helpers and the run itself.
    least_px : int
        Epipolar pixels from which on it is worth it.
    """

    folder: Path
    parts: int
    least_px: int

    def requests(self) -> list[Path]:
        """Files with the tiles of a helper that there are by now; whole."""
        return sorted(self.folder.glob("request-*.npz"))


def answer_to(request: Path, number: int) -> Path:
    """File with the matches of a tile of ``request``, the first is 0; whole, or not there."""
    return request.with_name(f"{request.stem.replace('request', 'answer')}.{number}.npy")


def failure_of(request: Path) -> Path:
    """Empty file that says: no more answers will come."""
    return request.with_name(f"{request.stem.replace('request', 'answer')}.failed")


@dataclass(frozen=True)
class Call:
    """One call of CARS' matching function: four arrays of shape (rows, cols), and numbers."""

    arrays: dict[str, NDArray[Any]]
    numbers: dict[str, Any]

    @classmethod
    def of(cls, *images: NDArray[Any], **others: Any) -> Call:
        """Call as CARS makes it."""
        given = dict(zip(_ARRAYS, images, strict=False)) | others
        arrays = {name: np.array(given.pop(name)) for name in _ARRAYS}
        return cls(arrays, {name: _plain(value) for name, value in given.items()})

    def matches(self) -> Matches:
        """Matches, shape (n, 4): x, y left, x, y right."""
        found: Matches = import_module(_ALGORITHM).compute_matches(**self.arrays, **self.numbers)
        return found


def install(sharing: Sharing) -> None:
    """Have CARS, in this process and one by one, share its matching."""
    cluster: Any = import_module("cars.orchestrator.cluster.sequential_cluster").SequentialCluster
    task: Any = import_module(
        "cars.applications.sparse_matching.basic_sparse_matching_app"
    ).compute_matches_wrapper

    def create_task_wrapped(self: Any, func: Callable[..., Any], nout: int = 2) -> Any:
        del self, nout

        def call(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get("func") is task:
                return _Later(lambda: func(*args, **kwargs))
            return func(*args, **kwargs)

        return call

    def start_tasks(self: Any, tasks: list[Any]) -> list[Any]:
        del self
        done = iter(_settle([one for one in tasks if isinstance(one, _Later)], sharing))
        return [next(done) if isinstance(one, _Later) else one for one in tasks]

    cluster.create_task_wrapped = create_task_wrapped
    cluster.start_tasks = start_tasks


@dataclass(frozen=True)
class _Later:
    """A task that is run when its result is asked for."""

    run: Callable[[], Any]


def _settle(tasks: Sequence[_Later], sharing: Sharing) -> list[Any]:
    """Results of ``tasks``: once through them for the calls, once more with what was matched."""
    if len(tasks) < 2:
        return [task.run() for task in tasks]
    algorithm: Any = import_module(_ALGORITHM)
    original = algorithm.compute_matches
    calls: list[Call] = []

    def collect(*images: NDArray[Any], **others: Any) -> Matches:
        calls.append(Call.of(*images, **others))
        return np.empty((0, 4))

    try:
        algorithm.compute_matches = collect
        for task in tasks:
            task.run()
        algorithm.compute_matches = original
        if len(calls) < sharing.parts or _pixels(calls) < sharing.least_px:
            return [task.run() for task in tasks]
        matched = iter(match_together(calls, sharing))
        algorithm.compute_matches = lambda *_images, **_others: next(matched)
        return [task.run() for task in tasks]
    finally:
        algorithm.compute_matches = original


def match_together(calls: Sequence[Call], sharing: Sharing) -> list[Matches]:
    """Matches of all ``calls``, in their order, with what helpers answer."""
    sharing.folder.mkdir(parents=True, exist_ok=True)
    # CARS matches at several resolutions
    number = len(sharing.requests())
    shares = []
    for part in range(1, sharing.parts):
        request = sharing.folder / f"request-{number + part - 1}.npz"
        _write_request(request, pack(calls[part :: sharing.parts]))
        shares.append(_Share(request, list(range(part, len(calls), sharing.parts))))
    found: dict[int, Matches] = {}
    longest_s = 0.0
    for index in range(0, len(calls), sharing.parts):
        began_s = time.monotonic()
        found[index] = calls[index].matches()
        longest_s = max(longest_s, time.monotonic() - began_s)
    own = len(found)
    answered = 0
    until_s = time.monotonic() + _PATIENCE * longest_s + _PATIENCE_S
    while True:
        for share in shares:
            answers = share.take()
            answered += len(answers)
            found |= answers
        slowest = max(shares, key=lambda share: len(share.missing))
        if not slowest.missing:
            break
        # a helper begins with the first: its last but one is not begun, or soon not
        if len(slowest.missing) == 1 and slowest.is_at_work() and time.monotonic() < until_s:
            time.sleep(_POLL_S)
            continue
        index = slowest.missing.pop()
        found[index] = calls[index].matches()
        until_s = time.monotonic() + _PATIENCE * longest_s + _PATIENCE_S
    logger.info(
        "%d epipolar tiles matched: %d were this run's, %d were answered by helpers, %d left over",
        len(calls), own, answered, len(calls) - own - answered,
    )  # fmt: skip
    return [found[index] for index in range(len(calls))]


class _Share:
    """A helper's part.

    Parameters
    ----------
    request : Path
    indices : list of int
        Of its tiles among all, in the order in which they are answered.
    """

    def __init__(self, request: Path, indices: list[int]) -> None:
        self._request, self._answered = request, 0
        self.missing = indices

    def take(self) -> dict[int, Matches]:
        """Answers that are new."""
        new: dict[int, Matches] = {}
        while self.missing and (path := answer_to(self._request, self._answered)).exists():
            new[self.missing.pop(0)] = np.load(path)
            self._answered += 1
        return new

    def is_at_work(self) -> bool:
        """Whether more answers may come."""
        return not failure_of(self._request).exists()


def pack(calls: Sequence[Call]) -> dict[str, NDArray[Any]]:
    """Arrays of a request."""
    arrays = {f"{name}_{i}": call.arrays[name] for i, call in enumerate(calls) for name in _ARRAYS}
    return {**arrays, "numbers": np.array(json.dumps([call.numbers for call in calls]))}


def unpack(path: Path) -> list[Call]:
    """Calls of a request."""
    with np.load(path) as request:
        numbers = json.loads(str(request["numbers"]))
        return [
            Call({name: request[f"{name}_{i}"] for name in _ARRAYS}, values)
            for i, values in enumerate(numbers)
        ]


def _write_request(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    # the name appears when the file is whole
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    partial.rename(path)


def _write_answer(path: Path, matches: Matches) -> None:
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, matches, allow_pickle=False)
    partial.rename(path)


def _pixels(calls: Sequence[Call]) -> int:
    return sum(call.arrays["left"].size for call in calls)


def _plain(value: Any) -> Any:
    """``value`` as JSON holds it; numbers keep every bit."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def main(request: Path, parent: int) -> int:
    """Match the tiles of ``request``, which may come while CARS is loaded."""
    from boresight.workflows.stereo.engine.child import die_with

    die_with(parent)
    import_module("cars")  # sets its environment; what follows comes after
    import_module(_ALGORITHM)
    while not request.exists():
        time.sleep(_POLL_S)
    for number, call in enumerate(unpack(request)):
        _write_answer(answer_to(request, number), call.matches())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
