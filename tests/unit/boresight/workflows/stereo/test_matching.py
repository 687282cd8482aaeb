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
    """Three pairs of textures, the right one moved by some pixels and noisier."""
    rng = np.random.default_rng(5)
    made = []
    for i in range(3):
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
    matching._write(tmp_path / "request.npz", matching.pack(calls))
    read = matching.unpack(tmp_path / "request.npz")
    assert [call.numbers for call in read] == [call.numbers for call in calls]
    for one, other in zip(read, calls, strict=True):
        for name, array in other.arrays.items():
            np.testing.assert_array_equal(one.arrays[name], array)
            assert one.arrays[name].dtype == array.dtype


class Helper:
    """Answers, in a process of its own, while the run does its own part."""

    def __init__(self, folder: Path, *, fails: bool = False) -> None:
        self.sharing, self.fails = Sharing(folder, 2, 0), fails
        self.answered = 0

    def answer(self, request: Path) -> None:
        if self.fails:
            matching.failure_of(request).touch()
            return
        answer = matching.answer_to(request)
        command = [sys.executable, "-m", matching.__name__, str(request), str(answer)]
        environment = {**os.environ, **process._ONE_THREAD}
        subprocess.run([*command, str(os.getpid())], check=True, timeout=120, env=environment)
        self.answered += 1


@pytest.mark.parametrize("fails", [False, True])
def test_helpers_and_run_match_alike(
    calls: list[Call],
    expected: list[matching.Matches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: bool,
) -> None:
    helper = Helper(tmp_path, fails=fails)
    write = matching._write

    def written(path: Path, arrays: dict[str, np.ndarray]) -> None:
        write(path, arrays)
        helper.answer(path)

    monkeypatch.setattr(matching, "_write", written)
    for _ in range(2):  # CARS matches at several resolutions
        check(matching.match_together(calls, helper.sharing), expected)
    assert helper.answered == (0 if fails else 2)


def test_silent_helper_is_not_waited_for_for_ever(
    calls: list[Call],
    expected: list[matching.Matches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matching, "_PATIENCE_S", 0.5)
    check(matching.match_together(calls, Sharing(tmp_path, 2, 0)), expected)
    assert len(list(tmp_path.glob("request-*.npz"))) == 1
