"""What happens when the gateway dies, and when it is stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from support.gateway_stack import GatewayStack

from boresight.compute import Backend, ClusterRequest, cluster, clusters, connect
from boresight.compute.gateway import GatewayBackend
from boresight.errors import ComputeError
from boresight_hub.embedded.supervisor import STOP_BUDGET_S
from boresight_hub.session import HubSession

pytestmark = pytest.mark.slow

Compute = Callable[[str], Backend]


def slow(seconds: float) -> Callable[[int], int]:
    def work(number: int) -> int:
        import time

        time.sleep(seconds)
        return number

    return work


def test_killed_gateway_finds_its_clusters_and_work_goes_on(
    stack: GatewayStack, compute: Compute
) -> None:
    with cluster(2, worker_memory_gib=0.5, backend=compute("marie")) as made:
        futures = made.client.map(slow(0.5), range(40))
        time.sleep(1)
        before = {p.pid for p in stack.cluster_processes()}
        stack.stop_gateway(signal.SIGKILL)
        time.sleep(1)
        assert {p.pid for p in stack.cluster_processes()} == before
        stack.start_gateway()
        # the connection of the client outlived the gateway, and so did its work
        assert sum(made.client.gather(futures)) == sum(range(40))
        assert {p.pid for p in stack.cluster_processes()} == before
        assert [c.name for c in clusters(backend=compute("marie"))] == [made.name]
        # and the restarted gateway is in command
        with connect(made.name, backend=compute("marie")) as again:
            assert again.client.submit(sum, [1, 2]).result(timeout=30) == 3
        made.scale(3)
        made.wait_for_workers(3, timeout_s=60)
    assert stack.cluster_processes() == []


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.2])
def test_a_cluster_that_was_about_to_start_does_so(
    stack: GatewayStack, compute: Compute, after_s: float
) -> None:
    backend = compute("marie")
    name = backend.create(ClusterRequest())
    time.sleep(after_s)
    stack.stop_gateway(signal.SIGKILL)
    stack.start_gateway()
    with connect(name, backend=backend) as made:
        assert made.n_workers() == 0
    assert sum("scheduler" in p.cmdline() for p in stack.cluster_processes()) == 1


def test_after_a_long_absence_new_clusters_are_reached(
    stack: GatewayStack, compute: Compute
) -> None:
    # the proxy lives on and asks ever more rarely; it must not miss what is new
    with cluster(0, backend=compute("marie")) as made:
        (proxy,) = stack.processes("dask-gateway-proxy")
        stack.stop_gateway(signal.SIGKILL)
        time.sleep(8)
        stack.start_gateway()
        with cluster(0, backend=compute("marie")) as fresh:
            assert fresh.n_workers() == 0
        assert made.n_workers() == 0
        assert [p.pid for p in stack.processes("dask-gateway-proxy")] == [proxy.pid]


def test_a_restart_is_waited_for(stack: GatewayStack, compute: Compute) -> None:
    import threading

    stack.stop_gateway(signal.SIGKILL)
    later = threading.Timer(2.0, stack.start_gateway)
    later.start()
    try:
        with cluster(1, worker_memory_gib=0.5, backend=compute("marie")) as made:
            assert made.n_workers() == 1
    finally:
        later.join()


def test_orderly_stop_ends_everything_soon(stack: GatewayStack, compute: Compute) -> None:
    made = cluster(2, worker_memory_gib=0.5, backend=compute("marie"))
    try:
        futures = made.client.map(slow(5), range(8))
        time.sleep(1)
        assert len(stack.cluster_processes()) >= 3
        took_s = stack.stop_gateway()
        # it is granted three seconds, which a busy machine may exceed; what is then left the
        # supervisor kills, within its own budget
        assert took_s < STOP_BUDGET_S
        assert stack.cluster_processes() == []
        assert stack.processes("dask-gateway-proxy") == []
        assert not list((stack.settings.state_dir / "gateway" / "clusters").iterdir())
        del futures
    finally:
        stack.start_gateway()
        made.close()


def test_scheduler_that_died_while_nobody_watched(stack: GatewayStack, compute: Compute) -> None:
    made = cluster(0, backend=compute("marie"))
    try:
        (scheduler,) = [p for p in stack.cluster_processes() if "scheduler" in p.cmdline()]
        stack.stop_gateway(signal.SIGKILL)
        scheduler.kill()
        stack.start_gateway()
        deadline = time.monotonic() + 10
        while clusters(backend=compute("marie")):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "scheduler was gone" in stack.report("marie", made.name)["failure"]
    finally:
        made.close()


def test_scheduler_that_hangs_holds_nobody_up(stack: GatewayStack, compute: Compute) -> None:
    made = cluster(0, backend=compute("marie"))
    (scheduler,) = [p for p in stack.cluster_processes() if "scheduler" in p.cmdline()]
    scheduler.suspend()
    begun = time.monotonic()
    with pytest.raises(ComputeError, match=r"did not answer within 10 s"):
        made.scale(1)
    assert time.monotonic() - begun < 14
    made.close()
    assert stack.cluster_processes() == []


def test_proxy_that_dies_is_replaced(stack: GatewayStack, compute: Compute) -> None:
    (proxy,) = stack.processes("dask-gateway-proxy")
    proxy.kill()
    with cluster(1, worker_memory_gib=0.5, backend=compute("marie")) as made:
        assert made.client.submit(sum, [1]).result(timeout=30) == 1
    (fresh,) = stack.processes("dask-gateway-proxy")
    assert fresh.pid != proxy.pid


def test_worker_waits_for_an_absent_hub_and_says_so(stack: GatewayStack, compute: Compute) -> None:
    with (
        cluster(0, backend=compute("marie")) as made,
        HubSession(stack.settings) as marie,
    ):
        marie.sign_in("marie", stack.hub.password("marie"))
        known = GatewayBackend(stack.settings.gateway_url, marie.token, retry_for_s=0)
        # for ten seconds from now the gateway believes what the hub says of this token
        known.info(made.name)
        stack.hub.stop("hub", signal.SIGKILL)
        try:
            known.scale(made.name, 1)
            time.sleep(1)
            assert "The hub does not answer" in known.info(made.name).pending_reason
        finally:
            stack.hub.start("hub")
        made.wait_for_workers(1, timeout_s=60)


def test_worker_without_a_session_says_so(stack: GatewayStack, compute: Compute) -> None:
    with cluster(0, backend=compute("paul")) as made:
        # signed out at hub and provider: nobody may have paul's credentials any more
        stack.sessions["paul"].browser.get(f"{stack.settings.public_url}/hub/logout")
        made._backend.scale(made.name, 1)
        deadline = time.monotonic() + 20
        while made.info.status.is_live:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "No credentials for paul" in made.info.failure
        with pytest.raises(ComputeError, match=r"paul.*[Ss]ign in again"):
            made.wait_for_workers(1)
    stack.sessions["paul"].sign_in("paul", stack.hub.password("paul"))
