"""What the routes do, without HTTP. All of it waits for disks or services: call it in a thread.

The toolkit is imported when it is first needed: a server whose reader never searches pairs does
not hold it in memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

from boresight.errors import InputError

#: pairs that are told at once
MOST_PAIRS = 50
#: characters of a request's names and dates
_LONGEST = 250


@dataclass(frozen=True)
class Service:
    """Pairs and jobs of whoever's server this is.

    Parameters
    ----------
    collection : str
        Where surface models go.
    n_workers : int
        Workers of a job, unless told.
    timeout_s : float
        For a search [s].
    """

    collection: str
    n_workers: int
    timeout_s: float

    def settings(self) -> dict[str, Any]:
        """What the panels have to know."""
        return {
            "api": os.environ.get("BORESIGHT_STAC_URL", "").rstrip("/"),
            "collection": self.collection,
            "n_workers": self.n_workers,
            # a page that asks for a route that is not there leaves an error in its console
            "has_desktop": find_spec("boresight.server.desktop_routes") is not None,
        }

    def pairs(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Search pairs.

        Parameters
        ----------
        wanted : mapping
            ``item`` (collection and id), ``bbox`` or ``area``; ``collections``, ``datetime``,
            ``max_days_apart``, ``language``.
        """
        from boresight import access
        from boresight.pairs import SearchBounds, find_pairs
        from boresight.pairs.images import read_item_rpc

        item = wanted.get("item")
        area = wanted.get("area") or wanted.get("bbox")
        if area is not None and not isinstance(area, Mapping | list):
            raise InputError("The area is neither GeoJSON nor a box; the rule is one of them.")
        names = wanted.get("collections")
        if names is not None:
            names = [_text(name, "a collection") for name in _list(names, "collections")]
        days = wanted.get("max_days_apart", SearchBounds.max_days_apart)
        if isinstance(days, bool) or not isinstance(days, int | float):
            raise InputError(f"max_days_apart is {str(days)[:40]!r}; the rule is a number of days.")
        when = wanted.get("datetime")
        found = find_pairs(
            access.open_catalog(),
            item=None if item is None else self._item(item),
            area=area if item is None else None,
            collections=names or None,
            datetime=None if not when else _text(when, "datetime"),
            bounds=SearchBounds(max_pairs=MOST_PAIRS, max_days_apart=days),
            read_rpc=read_item_rpc,
        )
        language = str(wanted.get("language") or "en")
        return {
            "pairs": [pair.as_dict(language) for pair in found.pairs],
            "n_items": found.n_items,
            "is_truncated": found.is_truncated,
            "left_out": [asdict(one) for one in found.left_out],
        }

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, newest first; clusters that killed ones have left are ended meanwhile."""
        from boresight.workflows import jobs

        found = jobs.listed()
        jobs.end_left_clusters_soon(found)
        return [job.as_dict() for job in found]

    def job(self, job_id: str) -> dict[str, Any]:
        """One job."""
        from boresight.workflows import jobs

        return jobs.read(job_id).as_dict()

    def start(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Start the surface model of a pair.

        Parameters
        ----------
        wanted : mapping
            ``left``, ``right`` (collection and id); ``options``, ``n_workers``, ``force``.
        """
        from pydantic import ValidationError

        from boresight.workflows.jobs import StereoRequest
        from boresight.workflows.jobs.start import refused, start

        unknown = set(wanted) - {"left", "right", "options", "n_workers", "force"}
        if unknown:
            raise InputError(f"{sorted(unknown)[0][:60]!r} is nothing that can be asked for.")
        try:
            request = StereoRequest.model_validate(
                {
                    "left": wanted.get("left"),
                    "right": wanted.get("right"),
                    "options": wanted.get("options") or {},
                    "collection": self.collection,
                    "compute": {"n_workers": wanted.get("n_workers") or self.n_workers},
                    "force": wanted.get("force") or False,
                }
            )
        except ValidationError as exc:
            raise refused(exc) from exc
        return start(request).as_dict()

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Ask a job to end."""
        from boresight.workflows import jobs

        return jobs.cancel(job_id).as_dict()

    def forget(self, job_id: str) -> None:
        """Remove the record of a job that is over."""
        from boresight.workflows import jobs

        jobs.forget(job_id)

    def log(self, job_id: str, start: int | None) -> dict[str, Any]:
        """Part of a job's log."""
        from boresight.workflows import jobs

        text, end = jobs.log_part(job_id, start)
        return {"text": text, "end": end}

    def dask(self) -> dict[str, Any]:
        """Live clusters of this user: workers, and why some are missing."""
        from boresight import compute

        return {
            "clusters": [
                {
                    "name": info.name,
                    "status": str(info.status),
                    "workers_running": info.workers_running,
                    "workers_requested": info.workers_requested,
                    "workers_maximum": info.workers_maximum,
                    "pending_reason": info.pending_reason,
                    "failure": info.failure,
                    "dashboard_link": info.dashboard_link,
                }
                for info in compute.clusters()
            ]
        }

    @staticmethod
    def _item(item: object) -> Mapping[str, Any]:
        from boresight import access

        if not isinstance(item, Mapping):
            raise InputError("The item is no object; the rule is a collection and an id.")
        found = access.get_item(
            _text(item.get("collection"), "the item's collection"), _text(item.get("id"), "its id")
        )
        told: dict[str, Any] = found.to_dict(include_self_link=False, transform_hrefs=False)
        return told


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise InputError(
            f"{what} is {str(value)[:40]!r}; the rule is a text of 1 to {_LONGEST} characters."
        )
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise InputError(f"{what} is no list; the rule is one.")
    return value
