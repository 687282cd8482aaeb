"""A run's matching shared with helpers, who answer, fail or stay silent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from boresight.workflows.stereo.engine import matching, process
from boresight.workflows.stereo.engine.matching import Call, Sharing

# of CARS, for descriptors that are nearly equal
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

NUMBERS = {
    "left_origin": [10.0, 20.0],
    "right_origin": [10.0, 20.0],
    "n_octave": np.int64(8),
    "peak_threshold": 4.0,
    "disp_lower_bound": -np.inf,
    "disp_upper_bound": np.inf,
}


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Five pairs of textures, the right one moved by some pixels and noisier."""
    rng = np.random.default_rng(5)
    made = []
    for i in range(5):
        ground = ndimage.gaussian_filter(rng.normal(size=(80, 100)), 1.5) * 400 + 500
        left, right = (ground[:, k : k + 80].astype(np.float32) for k in (10, 10 + i))
        right += rng.normal(scale=2, size=right.shape).astype(np.float32)
        mask = np.ones(left.shape, bool)
        made.append(Call.of(left, right, left_mask=mask, right_mask=mask, **NUMBERS))
    return made


@pytest.fixture(scope="module")
def expected(calls: list[Call]) -> list[matching.Matches]:
    found = [call.matches() for call in calls]
    assert min(len(one) for one in found) > 20
    return found


def check(found: Sequence[matching.Matches], expected: Sequence[matching.Matches]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_calls_survive_a_file(calls: list[Call], tmp_path: Path) -> None:
    matching._write_request(tmp_path / "request.npz", matching.pack(calls))
    read = matching.unpack(tmp_path / "request.npz")
    assert [call.numbers for call in read] == [call.numbers for call in calls]
    for one, other in zip(read, calls, strict=True):
        for name, array in other.arrays.items():
            np.testing.assert_array_equal(one.arrays[name], array)
            assert one.arrays[name].dtype == array.dtype


class Helper:
    """Answers, in a process of its own, while the run does its own part.

    Parameters
    ----------
    folder : Path
    ends : str
        ``well``; ``at once``, before any answer; ``half-way``, with one answer given.
    """

    def __init__(self, folder: Path, ends: str) -> None:
        self.sharing, self._ends = Sharing(folder, 2, 0), ends
        self.answered = 0

    def answer(self, request: Path) -> None:
        if self._ends == "at once":
            matching.failure_of(request).touch()
            return
        command = [sys.executable, "-m", matching.__name__, str(request), str(os.getpid())]
        environment = {**os.environ, **process._ONE_THREAD}
        subprocess.run(command, check=True, timeout=120, env=environment)
        if self._ends == "half-way":
            matching.answer_to(request, 1).unlink()
            matching.failure_of(request).touch()
        self.answered += 1


@pytest.mark.parametrize(
    ("ends", "said"), [("well", (2, 0)), ("at once", (0, 2)), ("half-way", (1, 1))]
)
def test_helpers_and_run_match_alike(
    calls: list[Call],
    expected: list[matching.Matches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ends: str,
    said: tuple[int, int],
) -> None:
    caplog.set_level("INFO")
    helper = Helper(tmp_path, ends)
    write = matching._write_request

    def written(path: Path, arrays: dict[str, np.ndarray]) -> None:
        write(path, arrays)
        helper.answer(path)

    monkeypatch.setattr(matching, "_write_request", written)
    for _ in range(2):  # CARS matches at several resolutions
        check(matching.match_together(calls, helper.sharing), expected)
    assert helper.answered == (0 if ends == "at once" else 2)
    words = f"5 epipolar tiles matched: 3 were this run's, {said[0]} were answered by helpers"
    assert caplog.messages == [f"{words}, {said[1]} left over"] * 2


def test_late_helper_is_left_what_it_can_do(
    calls: list[Call],
    expected: list[matching.Matches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its first answer comes when the run is done with its own part and has begun the helper's."""
    caplog.set_level("INFO")
    monkeypatch.setattr(matching, "_POLL_S", 0.01)
    original, done = Call.matches, 0

    def matches(call: Call) -> matching.Matches:
        nonlocal done
        done += 1
        if done == 4:
            matching._write_answer(tmp_path / "answer-0.0.npy", expected[1])
        return original(call)

    monkeypatch.setattr(Call, "matches", matches)
    check(matching.match_together(calls, Sharing(tmp_path, 2, 0)), expected)
    assert done == 4
    assert caplog.messages[0].endswith("1 were answered by helpers, 1 left over")


def test_silent_helper_is_not_waited_for_for_ever(
    calls: list[Call],
    expected: list[matching.Matches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matching, "_PATIENCE_S", 0.5)
    check(matching.match_together(calls, Sharing(tmp_path, 2, 0)), expected)
    assert len(list(tmp_path.glob("request-*.npz"))) == 1
