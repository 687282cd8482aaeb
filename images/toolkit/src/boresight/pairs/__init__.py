"""Stereo pairs among the items of a STAC API, ranked, with the reasons.

::

    from boresight.access import get_item, open_catalog
    from boresight.pairs import find_pairs

    found = find_pairs(open_catalog(), item=get_item("co3d-l1", "scene-left"))
    for pair in found.pairs:
        print(pair.score, pair.base_to_height, [score.sentence() for score in pair.scores])

Only what items say is read, and the RPC of images whose items carry no angles.
"""

from boresight.pairs.acquisitions import Acquisition, acquisition_of
from boresight.pairs.ranking import CandidatePair, pair_of, rank
from boresight.pairs.scores import CRITERIA, Score, Verdict
from boresight.pairs.search import LeftOut, PairSearch, SearchBounds, find_pairs

__all__ = [
    "CRITERIA",
    "Acquisition",
    "CandidatePair",
    "LeftOut",
    "PairSearch",
    "Score",
    "SearchBounds",
    "Verdict",
    "acquisition_of",
    "find_pairs",
    "pair_of",
    "rank",
]
