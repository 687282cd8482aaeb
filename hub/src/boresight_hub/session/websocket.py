"""The way to a kernel: its websocket, and its state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from boresight_hub.errors import ServiceError

if TYPE_CHECKING:
    from boresight_hub.session.person import HubSession

_OPEN_TIMEOUT_S = 30.0
# outputs of a cell come as one message, and a picture may be large
_MAX_MESSAGE_BYTES = 256 * 2**20


class KernelRoute:
    """The way to one kernel of a person's server."""

    def __init__(self, session: HubSession, kernel_id: str, server_name: str) -> None:
        self._session, self._kernel_id, self._server_name = session, kernel_id, server_name

    def open(self, session_id: str) -> AbstractContextManager[ClientConnection]:
        """Open the kernel's websocket."""
        address = f"{self._session.server_url(self._server_name)}api/kernels/{self._kernel_id}"
        return open_within(
            lambda: connect(
                f"{address.replace('http', 'ws', 1)}/channels?session_id={session_id}",
                ssl=self._session.trust if address.startswith("https:") else None,
                additional_headers={"Authorization": f"token {self._session.token}"},
                open_timeout=_OPEN_TIMEOUT_S,
                max_size=_MAX_MESSAGE_BYTES,
                proxy=None,
            ),
            _OPEN_TIMEOUT_S + 5.0,
        )

    def state(self) -> str:
        """Ask for the kernel's state; empty when nobody answers."""
        try:
            answer = self._session.server_api(
                "GET",
                f"kernels/{self._kernel_id}",
                expect=(200, 404),
                name=self._server_name,
                patience_s=0.0,
            )
        except ServiceError:
            self._session.check_runs(self._server_name)
            return ""
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise ServiceError(
                "The kernel is gone: its server was started anew, or somebody shut it down.",
                remedy="Run the notebook again.",
            )
        return str(answer.json().get("execution_state", ""))


def open_within(
    opener: Callable[[], ClientConnection], timeout_s: float
) -> AbstractContextManager[ClientConnection]:
    """Open a websocket, or give up.

    Where a handshake over TLS comes to nothing, websockets waits without end for its own reader,
    which waits for the other side. Such an attempt is left behind.

    Raises
    ------
    TimeoutError
        When it took longer than ``timeout_s``.
    OSError, WebSocketException
        What the attempt itself ended with.
    """
    found: Future[ClientConnection] = Future()

    def attempt() -> None:
        opened, error = None, None
        try:
            opened = opener()
        except (OSError, WebSocketException) as exc:
            error = exc
        if not found.set_running_or_notify_cancel():  # nobody waits any more
            if opened is not None:
                opened.close()
        elif opened is not None:
            found.set_result(opened)
        else:
            found.set_exception(error)

    threading.Thread(target=attempt, daemon=True).start()
    try:
        return found.result(timeout_s)
    except TimeoutError:
        if not found.cancel():  # it came at the last moment, or is what the attempt ended with
            return found.result()
        raise TimeoutError(f"no websocket within {timeout_s:.0f} s") from None
