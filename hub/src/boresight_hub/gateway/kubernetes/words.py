"""Why workers are not at work yet, in words, from their pods as the API server shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_ROOM = (
    ("Insufficient memory", "memory"),
    ("Insufficient cpu", "processor time"),
    ("Insufficient ephemeral-storage", "disk"),
    ("Insufficient nvidia.com/gpu", "a free GPU"),
)
_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}


def is_at_work(pod: Mapping[str, Any]) -> bool:
    """Whether the container of ``pod`` runs."""
    return any("running" in (state.get("state") or {}) for state in _states(pod))


def pending_reason(pods: Iterable[Mapping[str, Any]], wanted: int, quota: str = "") -> str:
    """Say why not all workers are at work; empty when they are.

    Parameters
    ----------
    pods : iterable of mapping
        Pods of the cluster's workers.
    wanted : int
        How many workers there should be.
    quota : str
        What of the namespace's quota is used up; empty when there is room.
    """
    listed = list(pods)
    running = sum(is_at_work(pod) for pod in listed)
    missing = wanted - len(listed)
    reasons = Counter(_reason(pod) for pod in listed if not is_at_work(pod))
    if missing > 0:
        text = (
            f"what all people may use together is used up ({quota}); they start by themselves as "
            "soon as there is room"
            if quota
            else "they are being made"
        )
        reasons[text] += missing
    if running >= wanted:
        return ""
    parts = [f"{count} of the workers wait: {text}." for text, count in reasons.most_common()]
    return " ".join(parts)


def _reason(pod: Mapping[str, Any]) -> str:
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message = str(condition.get("message", ""))
            lacking = [words for text, words in _ROOM if text in message]
            return (
                f"no machine has room ({' and '.join(lacking) or message[:200].rstrip('. ')}); "
                "smaller workers may start at once"
            )
    for state in _states(pod):
        waiting = (state.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _NO_IMAGE:
            return f"their image {state.get('image', '')} cannot be fetched"
        ended = (state.get("state") or {}).get("terminated") or (state.get("lastState") or {}).get(
            "terminated"
        )
        if ended and ended.get("reason") == "OOMKilled":
            return "they needed more memory than they have and were ended; ask for larger ones"
        if ended:
            return f"they ended with code {ended.get('exitCode')}"
    return "they are starting"


def _states(pod: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return pod.get("status", {}).get("containerStatuses") or ()


def used_up(quotas: Iterable[Mapping[str, Any]]) -> str:
    """Name what of the namespace's quotas is used to nine tenths or more; empty when nothing is."""
    found = []
    for quota in quotas:
        status = quota.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        for name, limit in hard.items():
            share = _amount(str(used.get(name, "0"))) / max(_amount(str(limit)), 1e-9)
            if share >= 0.9:
                found.append(f"{name}: {used.get(name)} of {limit}")
    return ", ".join(sorted(found))


_SUFFIXES = {
    "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def _amount(quantity: str) -> float:
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * _SUFFIXES[suffix]
    return float(quantity)
