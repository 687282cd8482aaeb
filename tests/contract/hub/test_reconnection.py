"""A cell goes on and is heard to its end while proxy or hub are killed and started again."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import psutil
import pytest
from support.hub_stack import HubStack

from boresight_hub.embedded.provider import health_url
from boresight_hub.errors import ServiceError
from boresight_hub.session import HubSession, KernelRoute
from boresight_hub.session.kernel import Kernel, KernelError

pytestmark = pytest.mark.slow

# It is silent while it is struck: what is under way at that moment is lost with the connection.
COUNT = """
import time
for i in range(60):
    print(i, flush=True)
    time.sleep(0.1 if i else 2)
"""
NUMBERS = "".join(f"{i}\n" for i in range(60))


@pytest.fixture(scope="module")
def server(stack: HubStack) -> Iterator[HubSession]:
    with HubSession(stack.settings, patience_s=40) as session:
        session.sign_in("marie", stack.password("marie"))
        session.start_server()
        yield session
        session.stop_server()


@pytest.fixture
def kernel(server: HubSession) -> Iterator[Kernel]:
    with server.kernel() as kernel:
        yield kernel


class Fault:
    """Kills a service once a cell has put something out, and starts it again after a while."""

    def __init__(self, stack: HubStack, name: str, *, away_s: float) -> None:
        self.stack, self.name, self.away_s = stack, name, away_s
        self._thread = threading.Thread(target=self._strike)
        self.struck_at = self.back_at = 0.0

    def __call__(self, _output: object) -> None:
        if not self._thread.is_alive() and not self.struck_at:
            self._thread.start()

    def _strike(self) -> None:
        self.struck_at = time.monotonic()
        self.stack.stop(self.name, signal.SIGKILL)
        time.sleep(self.away_s)
        self.stack.start(self.name)
        if self.name == "proxy":  # as the supervisor does
            self._ask_for_routes()
        self.back_at = time.monotonic()

    def _ask_for_routes(self) -> None:
        settings = self.stack.settings
        headers = {"Authorization": f"token {settings.secret('supervisor-api-token')}"}
        url = f"{settings.url_of('hub')}/hub/api/proxy"
        until = time.monotonic() + 40
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.post(url, headers=headers, timeout=20).status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError("the hub did not set its routes")

    def join(self) -> None:
        self._thread.join(60)
        assert self.back_at, f"{self.name} did not come back"


@pytest.fixture
def fault(stack: HubStack) -> Iterator[Callable[..., Fault]]:
    made: list[Fault] = []

    def make(name: str, *, away_s: float) -> Fault:
        made.append(Fault(stack, name, away_s=away_s))
        return made[-1]

    yield make
    for one in made:
        one.join()


def text(outputs: list[dict[str, object]]) -> str:
    return "".join(str(o.get("text", "")) for o in outputs)


@pytest.mark.parametrize("name", ["proxy", "hub"])
def test_outputs_are_complete(kernel: Kernel, fault: Callable[..., Fault], name: str) -> None:
    """The cell still runs when the service is back."""
    strike = fault(name, away_s=1)
    outputs = kernel.execute(COUNT, on_output=strike)
    strike.join()
    assert text(outputs) == NUMBERS
    assert kernel.execute("i + 1")[0]["data"]["text/plain"] == "60", "it ran once, to its end"


def test_cell_that_ends_meanwhile(kernel: Kernel, fault: Callable[..., Fault]) -> None:
    strike = fault("proxy", away_s=8)
    code = COUNT + "print('end')\nraise KeyError('of the cell')"
    with pytest.raises(KernelError, match="KeyError: 'of the cell'") as caught:
        kernel.execute(code, on_output=strike)
    strike.join()
    assert text(caught.value.outputs) == f"{NUMBERS}end\n"


class LossyRoute:
    """The real way to a kernel, on which messages are lost and then the connection.

    ``lose`` names which: ``requests``, or whatever comes after one (``answers``).
    """

    def __init__(self, session: HubSession, lose: str) -> None:
        model = session.server_api("POST", "kernels", expect=(201,), json={}).json()
        self.way = KernelRoute(session, model["id"], "")
        self.lose, self.losses_left, self.opened = lose, 0, 0
        self.deaf_s = 3.0

    @contextmanager
    def open(self, session_id: str) -> Iterator[LossyRoute]:
        self.opened += 1
        with self.way.open(session_id) as self.channel:
            yield self

    def state(self) -> str:
        return self.way.state()

    def send(self, text: str) -> None:
        if not self.losses_left:
            self.channel.send(text)
            return
        self.losses_left -= 1
        if self.lose == "answers":
            self.channel.send(text)
            until = time.monotonic() + self.deaf_s
            with suppress(TimeoutError):
                while time.monotonic() < until:
                    self.channel.recv(timeout=1)
        raise ConnectionResetError

    def recv(self, timeout: float) -> str | bytes:
        return self.channel.recv(timeout=timeout)


@pytest.mark.parametrize("lose", ["requests", "answers"])
def test_what_was_on_its_way_is_lost_and_the_cell_runs_once(server: HubSession, lose: str) -> None:
    route = LossyRoute(server, lose)
    kernel = Kernel(route)
    route.losses_left = 1
    with pytest.raises(KernelError, match="ValueError: run 1"):
        kernel.execute("runs = globals().get('runs', 0) + 1; raise ValueError(f'run {runs}')")
    assert route.opened == 2
    route.losses_left = 2  # the question how it ended is lost too
    kernel.execute("runs += 1")
    assert route.opened == 4
    assert kernel.execute("runs")[0]["data"]["text/plain"] == "2"
    kernel.close()


def test_requests_wait_for_the_proxy(
    stack: HubStack, server: HubSession, fault: Callable[..., Fault]
) -> None:
    strike = fault("proxy", away_s=2)
    strike(None)
    while not strike.struck_at:
        time.sleep(0.01)
    server.write_file("meanwhile.txt", "kept")
    assert server.read_file("meanwhile.txt") == "kept"
    with server.kernel() as kernel:
        assert kernel.execute("2 + 2")[0]["data"]["text/plain"] == "4"


def test_sign_in_waits_for_the_provider(stack: HubStack, fault: Callable[..., Fault]) -> None:
    strike = fault("idp", away_s=2)
    strike(None)
    while _answers(health_url(stack.settings)):
        time.sleep(0.01)
    with HubSession(stack.settings) as lea:
        lea.sign_in("lea", stack.password("lea"))
        assert lea.username == "lea"


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        httpx.get(url, timeout=20)
        return True
    return False


def test_code_that_the_provider_has_forgotten(stack: HubStack) -> None:
    """Killed after it gave its code, and begun anew without: so does the sign-in."""
    callbacks: list[str] = []

    def forget_once(response: httpx.Response) -> None:
        location = response.headers.get("location", "")
        if "/hub/oauth_callback?" not in location:
            return
        callbacks.append(location)
        if len(callbacks) == 1:
            stack.stop("idp", signal.SIGKILL)
            # other providers keep them in memory only
            with sqlite3.connect(stack.settings.folder("idp") / "sessions.sqlite") as database:
                database.execute("DELETE FROM entry WHERE model = 'AuthorizationCode'")
            stack.start("idp")

    with HubSession(stack.settings) as lea:
        lea.browser.event_hooks["response"].append(forget_once)
        lea.sign_in("lea", stack.password("lea"))
        assert lea.username == "lea"
    assert len(callbacks) == 2


def test_killed_kernel_is_told(kernel: Kernel) -> None:
    with pytest.raises(ServiceError, match="kernel died"):
        kernel.execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


def test_kernel_that_was_started_anew_while_nobody_listened(
    stack: HubStack, kernel: Kernel, fault: Callable[..., Fault]
) -> None:
    strike = fault("proxy", away_s=6)
    code = COUNT.replace("range(60)", "range(20)") + "import os\nos.kill(os.getpid(), 9)"
    with pytest.raises(ServiceError, match="kernel died"):
        kernel.execute(code, on_output=strike)


class StaleRoute(LossyRoute):
    """A way to a server that missed how the kernel began again: it stays with "busy"."""

    def state(self) -> str:
        return "busy"


@pytest.mark.parametrize("dies", [True, False])
def test_kernel_that_seems_busy_for_ever(server: HubSession, dies: bool) -> None:
    route = StaleRoute(server, "answers")
    kernel = Kernel(route)
    route.losses_left, route.deaf_s = 1, 8.0
    last = "import os; os.kill(os.getpid(), 9)" if dies else "time.sleep(25)"
    code = f"import time; time.sleep(0.5); {last}"
    if dies:
        with pytest.raises(ServiceError, match="kernel died"):
            kernel.execute(code)
    else:
        kernel.execute(code)
    assert route.opened == 2
    assert kernel._who, "it was asked which process it is"
    kernel.close()


def test_killed_server_is_told(stack: HubStack, server: HubSession, kernel: Kernel) -> None:
    """Last: the server is gone."""
    (parent,) = kernel.execute("import os; print(os.getppid())")
    process = psutil.Process(int(parent["text"]))
    threading.Timer(1.0, process.kill).start()
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"does not run any more|out of reach"):
        kernel.execute("import time; time.sleep(60)")
    assert time.monotonic() - started < 60
