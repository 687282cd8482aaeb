"""What the state of a pod means to the person who waits for it: cause and next step.

Pods and events come as the API server gives them (JSON). Nothing here asks anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Pod = Mapping[str, Any]

#: Name of the container in which a person works; kubespawner's.
CONTAINER = "notebook"

_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_NOT_MADE = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_QUOTA = re.compile(r"exceeded quota: (?P<name>[^,]+), requested: (?P<requested>[^,]+(?:,[^:]+)?)")
_ROOM = (
    ("Insufficient memory", "memory"),
    ("Insufficient cpu", "processor time"),
    ("Insufficient ephemeral-storage", "disk"),
    ("Insufficient nvidia.com/gpu", "a free GPU"),
)


@dataclass(frozen=True)
class Finding:
    """Why a pod is not at work.

    Attributes
    ----------
    cause : str
        What is the matter, in words.
    remedy : str
        What the person, or whoever runs the environment, can do.
    is_final : bool
        Whether waiting is of no use.
    """

    cause: str
    remedy: str
    is_final: bool

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}"


def of_pod(pod: Pod, events: Sequence[Mapping[str, Any]] = ()) -> Finding | None:
    """Say why ``pod`` is not at work; None when nothing is wrong with it so far."""
    return _of_containers(pod) or _of_scheduling(pod) or _of_end(pod) or _of_events(events)


def of_refusal(status: int, body: str) -> Finding:
    """Say why the API server did not take a pod.

    Parameters
    ----------
    status : int
        HTTP status of its answer.
    body : str
        Its answer.
    """
    try:
        message = str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        message = ""
    found = _QUOTA.search(message)
    if status == 403 and found:
        return Finding(
            f"All that may be used at once is in use (quota {found['name']}; this server asks for "
            f"{found['requested']}).",
            "Choose a smaller profile, or stop a server or cluster of yours that you do not need.",
            is_final=True,
        )
    if status == 403 and "violates PodSecurity" in message:
        return Finding(
            "The cluster refuses pods of this kind as unsafe.",
            f"Tell the people who run this environment: {message[:300]}",
            is_final=True,
        )
    return Finding(
        f"The cluster refuses to start the server ({status}).",
        f"Tell the people who run this environment: {message[:300] or 'no reason was given'}.",
        is_final=400 <= status < 500,
    )


def of_exit(pod: Pod) -> Finding | None:
    """Say why a server that ran has ended; None when it ended as it should."""
    last = _terminated(pod)
    if last is None:
        reason = pod.get("status", {}).get("reason", "")
        if reason == "Evicted":
            return Finding(
                f"The machine ran short of {_evicted_of(pod)} and ended the server.",
                "What was saved is there. Start again; a larger profile has more of its own.",
                is_final=True,
            )
        return None
    code = int(last.get("exitCode", 0))
    if last.get("reason") == "OOMKilled":
        return Finding(
            f"The server needed more memory than its profile allows{_limit(pod)} and was ended.",
            "What was saved is there. Start again with a larger profile, or do less at once; large "
            "data belongs on a Dask cluster.",
            is_final=True,
        )
    if code == 0 or code == 143:  # asked to end
        return None
    words = str(last.get("message", "")).strip()
    if _FULL.search(words):
        return _home_is_full()
    return Finding(
        f"The server ended with code {code}.",
        f"Its last words: {words[-400:]}" if words else "See its log, or start it again.",
        is_final=True,
    )


def _of_containers(pod: Pod) -> Finding | None:
    for state in pod.get("status", {}).get("containerStatuses") or ():
        waiting = state.get("state", {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), str(waiting.get("message", ""))
        if reason in _NO_IMAGE:
            return Finding(
                f"The image {state.get('image', '')} cannot be fetched: {_first(message)}.",
                "Choose another profile. Whoever runs this environment: see the name of the image "
                "and the registry's access.",
                is_final=True,
            )
        if reason in _NOT_MADE:
            if "secret" in message and "not found" in message:
                return Finding(
                    f"Something the server needs is missing: {_first(message)}.",
                    "Stop it and start it again; the hub makes it anew.",
                    is_final=True,
                )
            return Finding(
                f"The machine cannot make the container: {_first(message)}.",
                "Tell the people who run this environment.",
                is_final=True,
            )
        if reason == "CrashLoopBackOff":
            return of_exit(pod) or Finding(
                "The server ends again and again.", "See its log.", is_final=True
            )
    return None


def _of_scheduling(pod: Pod) -> Finding | None:
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") != "PodScheduled" or condition.get("status") != "False":
            continue
        message = str(condition.get("message", ""))
        if "persistentvolumeclaim" in message and "not found" in message:
            return Finding(
                f"A volume of this profile is not there: {_first(message)}.",
                "Tell the people who run this environment.",
                is_final=True,
            )
        if "didn't match" in message and "Insufficient" not in message:
            return Finding(
                "No machine of the kind this profile wants is there.",
                "Choose another profile, or wait if machines are added on demand.",
                is_final=False,
            )
        lacking = [words for text, words in _ROOM if text in message]
        return Finding(
            f"No machine has room just now: {' and '.join(lacking) or _first(message)} is short.",
            "It starts by itself as soon as there is room. A smaller profile may start at once.",
            is_final=False,
        )
    return None


def _of_end(pod: Pod) -> Finding | None:
    if pod.get("status", {}).get("phase") not in ("Failed", "Succeeded"):
        return None
    return of_exit(pod) or Finding(
        "The server ended while it started.", "Start it again.", is_final=True
    )


def _of_events(events: Sequence[Mapping[str, Any]]) -> Finding | None:
    for event in reversed(events):
        message = str(event.get("message", ""))
        if event.get("reason") == "FailedMount":
            return Finding(
                f"The home or another volume cannot be mounted yet: {_first(message)}.",
                "Where it is in use on another machine: stop the other server. Else wait a minute.",
                is_final=False,
            )
        if event.get("reason") == "ProvisioningFailed":
            return Finding(
                f"The volume of the home cannot be made: {_first(message)}.",
                "Tell the people who run this environment.",
                is_final=False,
            )
    return None


def _home_is_full() -> Finding:
    return Finding(
        "Your home is full.",
        "Start the rescue profile, and delete what you no longer need; then start as usual.",
        is_final=True,
    )


def _terminated(pod: Pod) -> Mapping[str, Any] | None:
    for state in pod.get("status", {}).get("containerStatuses") or ():
        if state.get("name") == CONTAINER:
            found = state.get("state", {}).get("terminated") or state.get("lastState", {}).get(
                "terminated"
            )
            return found or None
    return None


def _limit(pod: Pod) -> str:
    for container in pod.get("spec", {}).get("containers", ()):
        limit = (container.get("resources") or {}).get("limits", {}).get("memory")
        if container.get("name") == CONTAINER and limit:
            return f" ({_readable(str(limit))})"
    return ""


def _readable(quantity: str) -> str:
    return f"{int(quantity) / 2**30:g} GiB" if quantity.isdigit() else quantity


def _evicted_of(pod: Pod) -> str:
    message = str(pod.get("status", {}).get("message", ""))
    return "disk" if "ephemeral" in message or "disk" in message else "memory"


def _first(message: str) -> str:
    """First part of a message of the cluster, without the full stop."""
    return message.strip().split("\n")[0][:300].rstrip(". ")
