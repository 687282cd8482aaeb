from __future__ import annotations

from boresight.workflows.stereo.engine.milestones import DENSE, Milestones
from boresight.workflows.stereo.progress import Teller

#: as CARS 1.3.0 writes them
_LOG = """
x :: INFO :: Started task subsampling in pipeline Subsampling, total: 2
x :: INFO :: Data list to process: 100% complete (2/2 tiles) [run 1/1]
x :: INFO :: Starting surface modeling pipeline for resolution 1/4
x :: INFO :: Started task tie_points in pipeline Tie Points, total: 2
x :: INFO :: Started task disparity_to_depth_maps in pipeline surface_modeling_res4, total: 1
x :: INFO :: Started task rasterize_point_cloud in pipeline surface_modeling_res4, total: 1
x :: INFO :: Data list to process: 100% complete (1/1 tiles) [run 1/1]
x :: INFO :: Started task tie_points in pipeline Tie Points, total: 9
x :: INFO :: Started task generate_disparity_grids in pipeline surface_modeling_res1, total: 2
x :: INFO :: Started task disparity_to_depth_maps in pipeline surface_modeling_res1, total: 4
x :: INFO :: Data list to process: 50% complete (2/4 tiles) [run 1/1]
x :: INFO :: Started task rasterize_point_cloud in pipeline surface_modeling_res1, total: 4
x :: INFO :: Data list to process: 100% complete (4/4 tiles) [run 2/2]
""".strip().splitlines()


def test_share_never_falls_and_ends_at_one() -> None:
    milestones = Milestones()
    shares, words = [], []
    for line in _LOG:
        milestones.read(line)
        shares.append(milestones.share)
        words.append(milestones.words)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert "matching, reduced images" in words
    assert "matching" in words
    assert words[-1] == "surface"
    assert not milestones.read("nothing new\n")


def test_parts_of_a_run_count_from_zero_to_one() -> None:
    once = Milestones(0.0, DENSE)
    for line in _LOG[:9]:
        once.read(line)
    assert 0.9 < once.share <= 1.0
    tile = Milestones(DENSE, 1.0)
    assert tile.share == 0.0
    for line in _LOG[8:]:
        tile.read(line)
    assert tile.share == 1.0


def test_steps_are_told_while_they_run() -> None:
    """In one process the task is told of when it is over: the steps are what one sees."""
    tile = Milestones(DENSE, 1.0)
    seen = []
    for name in 4 * ["generate_epipolar_images"] + 4 * ["basic_dense_matching"]:
        tile.read(f"x :: INFO :: step {name}_wrapper")
        seen.append((tile.words, tile.share))
    assert seen[:4] == 4 * [("starting", 0.0)]
    assert {words for words, _ in seen[4:]} == {"matching"}
    shares = [share for _, share in seen[4:]]
    assert shares == sorted(set(shares))
    assert 0.5 < shares[-1] < 1.0


def test_teller_adds_up_tasks() -> None:
    told: list[tuple[float, str]] = []
    teller = Teller(lambda share, what: told.append((share, what)))
    teller.begin("tiles", 4)
    teller.news((0.0, {"share": 0.5, "what": "matching", "key": "a"}))
    teller.tell()
    teller.finished("a")
    teller.tell()
    teller.tell()
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[1] == (0.29, "tiles: 0 of 4")  # an eighth of the way from 0.20 to 0.92
    assert told[-1][1].startswith("tiles: 1 of 4, one every 0 s")
    assert len(told) == 3, "what has not changed is not told"
