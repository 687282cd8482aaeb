"""How far a run of CARS is, by its log."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TASK = re.compile(r"Started task (\w+) in pipeline (\S+?)(?:,|$)")
_SHARE = re.compile(r"(\d+)% complete")
_STEP = re.compile(r"step (\w+)")
# the images are resampled tile by tile before the first tile is matched
_RESAMPLED, _MATCHED = "generate_epipolar_images_wrapper", "basic_dense_matching_wrapper"

#: what is running and the share of the run it begins and ends at; times of pairs of 0.6 and 1 Mpx
_WHOLE = {
    ("subsampling", "reduced"): (0.03, 0.06),
    ("tie_points", "reduced"): (0.06, 0.15),
    ("generate_disparity_grids", "reduced"): (0.15, 0.17),
    ("disparity_to_depth_maps", "reduced"): (0.17, 0.24),
    ("rasterize_point_cloud", "reduced"): (0.24, 0.26),
    ("tie_points", "full"): (0.26, 0.42),
    ("generate_disparity_grids", "full"): (0.42, 0.45),
    ("disparity_to_depth_maps", "full"): (0.45, 0.90),
    ("rasterize_point_cloud", "full"): (0.90, 1.0),
}
#: where a whole run begins with the images as they are; where it would begin to match densely
_FULL, DENSE = 0.26, 0.45
_WORDS = {
    "subsampling": "reducing the images",
    "tie_points": "tie points",
    "generate_disparity_grids": "disparity range",
    "disparity_to_depth_maps": "matching",
    "rasterize_point_cloud": "surface",
}


@dataclass
class Milestones:
    """Follows the log of one run.

    Parameters
    ----------
    first, last : float
        Which part of a whole run this one is.
    """

    first: float = 0.0
    last: float = 1.0
    words: str = "starting"
    _at: float = 0.0
    _begin: float = 0.0
    _end: float = 0.0
    _resampled: int = 0
    _matched: int = 0

    def __post_init__(self) -> None:
        self._at = self._begin = self._end = self.first

    @property
    def share(self) -> float:
        """Done of this run, 0 to 1."""
        return min(1.0, round((self._at - self.first) / (self.last - self.first), 3))

    def read(self, text: str) -> bool:
        """Take new lines of the log; whether anything has changed."""
        before = (self.share, self.words)
        for line in text.splitlines():
            if found := _TASK.search(line):
                self._enter(found[1], found[2])
            elif found := _SHARE.search(line):
                done = int(found[1]) / 100
                self._move(self._begin + done * (self._end - self._begin))
            elif found := _STEP.search(line):
                self._step(found[1])
        return (self.share, self.words) != before

    def _enter(self, task: str, pipeline: str) -> None:
        name = pipeline.lower()
        level = "reduced" if "subsampling" in name else None
        if level is None and (found := re.search(r"res_?(\d+)", name)):
            level = "full" if found[1] == "1" else "reduced"
        if level is None:
            # tie points name no resolution: the second time is the full one
            level = "reduced" if self._at < _FULL else "full"
        if (stretch := _WHOLE.get((task, level))) is not None:
            self._begin, self._end = stretch
            again = level == "reduced" and task != "subsampling"
            self.words = _WORDS[task] + (", reduced images" if again else "")
            self._move(self._begin)

    def _step(self, name: str) -> None:
        if name == _RESAMPLED:
            if self._matched:  # of the next resolution
                self._resampled = self._matched = 0
            self._resampled += 1
        elif name == _MATCHED:
            # a run with shared files has no other resolution than the full one
            level = "reduced" if self._at < _FULL else "full"
            self._enter("disparity_to_depth_maps", "subsampling" if level == "reduced" else "res1")
            done = min(1.0, self._matched / max(1, self._resampled))
            self._move(self._begin + done * (self._end - self._begin))
            self._matched += 1

    def _move(self, share: float) -> None:
        # tasks come back (a second resolution, a second pass): the share never does
        self._at = max(self._at, share)
