"""States of pods, as a cluster reports them, in words.

The messages are those of Kubernetes 1.34's kubelet and scheduler.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from boresight_hub.config.kubernetes import explain
from boresight_hub.config.kubernetes.progress import History, step_of


def pod(**status: Any) -> dict[str, Any]:
    return {
        "spec": {
            "nodeName": "node",
            "containers": [{"name": "notebook", "resources": {"limits": {"memory": "4294967296"}}}],
        },
        "status": status,
    }


def waiting(reason: str, message: str) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return pod(
        phase="Pending", containerStatuses=[{"name": "notebook", "image": "x:1", "state": state}]
    )


def unscheduled(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "message": message}
    return pod(phase="Pending", conditions=[condition])


def ended(**terminated: Any) -> dict[str, Any]:
    state = {"terminated": terminated}
    return pod(phase="Failed", containerStatuses=[{"name": "notebook", "state": state}])


CASES = {
    "image": (
        waiting("ImagePullBackOff", 'Back-off pulling image "x:1"'),
        "The image x:1 cannot be fetched",
        True,
    ),
    "secret": (
        waiting("CreateContainerConfigError", 'secret "tokens-1" not found'),
        "Something the server needs is missing",
        True,
    ),
    "memory": (
        unscheduled("0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes"),
        "No machine has room just now: memory is short",
        False,
    ),
    "kind of machine": (
        unscheduled(
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        ),
        "No machine of the kind this profile wants",
        False,
    ),
    "volume": (
        unscheduled('0/1 nodes are available: persistentvolumeclaim "scenes" not found.'),
        "A volume of this profile is not there",
        True,
    ),
    "out of memory": (
        ended(reason="OOMKilled", exitCode=137),
        "needed more memory than its profile allows (4 GiB)",
        True,
    ),
    "full home": (
        ended(reason="Error", exitCode=1, message="OSError: [Errno 28] No space left on device"),
        "Your home is full",
        True,
    ),
    "evicted": (
        pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
        "The machine ran short of memory",
        True,
    ),
}


@pytest.mark.parametrize(("state", "words", "is_final"), CASES.values(), ids=CASES)
def test_state_in_words(state: dict[str, Any], words: str, is_final: bool) -> None:
    found = explain.of_pod(state)
    assert found is not None
    assert words in found.cause
    assert found.is_final is is_final
    assert found.remedy


def test_pod_that_is_well_is_nothing_to_explain() -> None:
    running = pod(
        phase="Running", containerStatuses=[{"name": "notebook", "state": {"running": {}}}]
    )
    assert explain.of_pod(running) is None
    assert explain.of_exit(running) is None


@pytest.mark.parametrize("code", [0, 143], ids=["by itself", "asked to"])
def test_server_that_ended_as_it_should(code: int) -> None:
    assert explain.of_exit(ended(exitCode=1)) is not None
    assert explain.of_exit(ended(exitCode=code)) is None


def test_quota_in_words() -> None:
    body = json.dumps(
        {
            "message": 'pods "jupyter-marie" is forbidden: exceeded quota: people, requested: '
            "requests.memory=8Gi, used: requests.memory=12Gi, limited: requests.memory=16Gi"
        }
    )
    found = explain.of_refusal(403, body)
    assert "quota people" in found.cause
    assert "requests.memory=8Gi" in found.cause
    assert "12Gi" not in found.cause
    assert found.is_final


@pytest.mark.parametrize("body", ["", "not JSON", "[]"], ids=["empty", "text", "list"])
def test_refusal_without_a_reason_is_still_one(body: str) -> None:
    assert explain.of_refusal(500, body).is_final is False
    assert explain.of_refusal(422, body).is_final is True


def test_steps_of_a_start() -> None:
    history = History()
    assert step_of(None, [], history).name == "room"
    placed = pod(phase="Pending")
    assert step_of(placed, [{"reason": "Pulling"}], history).name == "image"
    assert step_of(placed, [{"reason": "Pulling"}, {"reason": "Pulled"}], history).name == "start"
    assert "usually" not in step_of(placed, [{"reason": "Pulled"}], history).message
    for duration_s in (6.0, 8.0, 60.0):
        history.note("start", duration_s)
    assert "(usually 8 s)" in step_of(placed, [{"reason": "Pulled"}], history).message


def test_step_tells_what_is_wrong_in_place_of_what_is_usual() -> None:
    history = History()
    history.note("room", 1.0)
    state = unscheduled("0/1 nodes are available: 1 Insufficient cpu.")
    state["spec"].pop("nodeName")
    step = step_of(state, [], history)
    assert step.name == "room"
    assert "processor time is short" in step.message
    assert "usually" not in step.message
