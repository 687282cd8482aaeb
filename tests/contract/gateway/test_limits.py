"""What is refused, and how it is said."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.gateway_stack import LIMITS, GatewayStack

from boresight.compute import Backend, cluster, clusters
from boresight.errors import ComputeError

Compute = Callable[[str], Backend]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"worker_cores": 3}, "worker_cores = 3 is not allowed: it is a whole number from 1 to 2"),
        ({"worker_cores": 0}, "worker_cores = 0"),
        ({"worker_cores": 1.5}, "whole number"),
        ({"worker_cores": True}, "worker_cores = True"),
        ({"worker_cores": "2"}, "worker_cores = '2'"),
        ({"worker_memory_gib": 64}, "worker_memory_gib = 64 is not allowed"),
        ({"worker_memory_gib": -1}, "from 0.25 to 2"),
        ({"worker_memory_gib": None}, "worker_memory_gib = None"),
        ({"idle_timeout_s": 601}, "from 5 to 600"),
        ({"environment": {"AWS_ROLE_ARN": "mine"}}, "'environment' is not an option"),
        ({"worker_cmd": ["sh"]}, "'worker_cmd' is not an option"),
        ({"cluster_max_workers": 99}, "'cluster_max_workers' is not an option"),
        (["worker_cores"], "Options are a mapping"),
    ],
    ids=str,
)
def test_options_that_are_refused(
    stack: GatewayStack, compute: Compute, options: object, words: str
) -> None:
    answer = stack.api("marie", "POST", "v1/clusters/", {"cluster_options": options})
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert clusters(backend=compute("marie")) == []


def test_the_toolkit_passes_the_words_on(compute: Compute) -> None:
    with pytest.raises(ComputeError, match=r"worker_cores = 9 .* from 1 to 2"):
        cluster(1, worker_cores=9, backend=compute("marie"))


def test_too_many_workers_for_a_cluster_is_refused_and_leaves_none(compute: Compute) -> None:
    with pytest.raises(ComputeError, match=r"n_workers = 4 is too many: .* at most 3 workers"):
        cluster(4, backend=compute("marie"))
    assert clusters(backend=compute("marie")) == []


def test_clusters_a_person(stack: GatewayStack, compute: Compute) -> None:
    made = [cluster(0, backend=compute("marie")) for _ in range(LIMITS.max_clusters_per_user)]
    with pytest.raises(ComputeError, match=r"You have 2 live clusters; .* at most 2"):
        cluster(0, backend=compute("marie"))
    # somebody else is not concerned
    cluster(0, backend=compute("paul")).close()
    made.pop().close()
    made.append(cluster(0, backend=compute("marie")))
    for each in made:
        each.close()


def test_cores_over_all_clusters_and_why_workers_wait(
    stack: GatewayStack, compute: Compute
) -> None:
    said: list[str] = []
    with (
        cluster(2, worker_memory_gib=0.5, backend=compute("marie")) as first,
        cluster(0, worker_cores=2, worker_memory_gib=0.5, backend=compute("marie")) as second,
    ):
        second.scale(1)
        with pytest.raises(
            ComputeError, match=r"0 of 1 .*use 2 cores.*needs 2.*at most 3 in all clusters"
        ):
            second.wait_for_workers(1, timeout_s=3, progress=said.append)
        assert any("wait" in sentence for sentence in said)
        assert stack.report("marie", second.name)["workers"]["running"] == 0
        # room is made, and the worker starts by itself
        first.scale(1)
        second.wait_for_workers(1, timeout_s=60)


def test_memory_over_all_clusters(compute: Compute) -> None:
    with cluster(2, worker_memory_gib=1.5, backend=compute("marie")) as made:
        made.scale(3)
        with pytest.raises(ComputeError, match=r"use 3 GiB.*needs 1.5 GiB.*at most 4 GiB"):
            made.wait_for_workers(3, timeout_s=3)


def test_calls_are_bounded_when_the_gateway_is_away(stack: GatewayStack) -> None:
    from boresight.compute.gateway import GatewayBackend

    away = GatewayBackend("http://127.0.0.1:26899", "token", retry_for_s=1)
    begun = time.monotonic()
    with pytest.raises(ComputeError, match=r"127.0.0.1:26899 is out of reach"):
        clusters(backend=away)
    assert time.monotonic() - begun < 5


def test_a_session_that_is_over(stack: GatewayStack) -> None:
    from boresight.compute.gateway import GatewayBackend

    with pytest.raises(ComputeError, match=r"session is over.*Sign in"):
        clusters(backend=GatewayBackend(stack.settings.gateway_url, "0" * 32))
