"""Running code in a kernel of a person's server, also while what lies between restarts.

The websocket goes through proxy and server. When it breaks in mid-cell it is opened again under
the same session, and the server hands over what the kernel said meanwhile. What was on its way when
the connection broke is lost; so afterwards a kernel that is idle is asked how the cell ended.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from boresight_hub.errors import ServiceError

Output = dict[str, Any]

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0
#: Silence after which a kernel is asked for its state, once the connection was lost [s].
_QUIET_S = 2.0
#: Time between two questions to a busy kernel which process it is [s].
_WHO_PAUSE_S = 10.0

# {cell} is the identity of the cell in question. The finding is kept with the shell, where no name
# of the person's is: the question is an execution too, and may have to be asked again.
_HOW_IT_ENDED = """
(lambda shell, last: print(__import__("json").dumps(
    vars(shell).setdefault("_boresight_ends", {{}}).setdefault({cell!r},
        {{"ran": False}} if last is None or last.info.cell_id != {cell!r} else
        {{"ran": True, "error": (lambda e: e and [type(e).__name__, str(e)])(
            last.error_before_exec or last.error_in_exec)}}
    )
)))(get_ipython(), get_ipython().last_execution_result)
"""


class KernelError(ServiceError):
    """Code raised an error in the kernel.

    Attributes
    ----------
    outputs : list of dict
        What the code had put out before, and the error, as in a notebook.
    """

    def __init__(self, message: str, outputs: list[Output]) -> None:
        super().__init__(message, remedy="The traceback is in the outputs.")
        self.outputs = outputs


class Route(Protocol):
    """The way to a kernel."""

    def open(self, session_id: str) -> AbstractContextManager[ClientConnection]:
        """Open the kernel's websocket."""
        ...

    def state(self) -> str:
        """Ask for the kernel's state, such as ``idle`` or ``busy``; empty when nobody answers.

        Raises
        ------
        ServiceError
            When the kernel or its server is gone.
        """
        ...


@dataclass
class _Cell:
    request: str
    outputs: list[Output] = field(default_factory=list)
    replied: bool = False
    idle: bool = False
    kernel_session: str = ""

    @property
    def has_ended(self) -> bool:
        return self.replied and self.idle


class Kernel:
    """A running kernel.

    Parameters
    ----------
    route : Route
    patience_s : float
        How long a lost connection is tried to be opened again [s].
    """

    def __init__(self, route: Route, *, patience_s: float = 60.0) -> None:
        self._route = route
        self._patience_s = patience_s
        self._session = uuid.uuid4().hex
        self._was_lost = False
        self._heard_at = self._asked_who_at = time.monotonic()
        self._who = ""
        self._held = contextlib.ExitStack()
        self._kernel_session = ""
        self._channel = self._open()
        # which process it is, to tell one that was started anew
        self._kernel_session = self._run("", silent=True).kernel_session

    def close(self) -> None:
        """Close the connection; the kernel goes on."""
        with contextlib.suppress(OSError, WebSocketException):
            self._held.close()

    def execute(
        self,
        code: str,
        *,
        timeout_s: float = 600.0,
        on_output: Callable[[Output], None] | None = None,
    ) -> list[Output]:
        """Run ``code`` and return its outputs as a notebook holds them.

        Parameters
        ----------
        code : str
        timeout_s : float
            Longest silence of the kernel that is waited for [s].
        on_output : callable, optional
            Called with each output as it comes.

        Raises
        ------
        KernelError
            When the code raises.
        ServiceError
            When the kernel falls silent or goes away.
        """
        outputs = self._run(code, timeout_s=timeout_s, on_output=on_output).outputs
        error = next((o for o in outputs if o["output_type"] == "error"), None)
        if error is not None:
            raise KernelError(f"{error['ename']}: {error['evalue']}", outputs)
        return outputs

    def _run(
        self,
        code: str,
        *,
        silent: bool = False,
        timeout_s: float = 600.0,
        on_output: Callable[[Output], None] | None = None,
    ) -> _Cell:
        cell = _Cell(uuid.uuid4().hex)
        self._was_lost = False
        self._send(cell.request, code, silent=silent)
        while not cell.has_ended:
            message = self._receive(timeout_s)
            if message is None:
                # one that was started anew may never say that it is idle
                state = self._route.state()
                if state == "busy":
                    self._ask_who()
                elif state and self._settle(cell, code, silent=silent, on_output=on_output):
                    break
                continue
            of = message.get("parent_header", {}).get("msg_id")
            if of == cell.request:
                self._take(cell, message, on_output)
            elif of and of == self._who:
                if message["header"]["session"] != self._kernel_session:
                    raise _died()
            elif message["msg_type"] == "status" and (
                message["content"]["execution_state"] in ("restarting", "dead")
            ):
                raise _died()
        return cell

    def _take(
        self, cell: _Cell, message: dict[str, Any], on_output: Callable[[Output], None] | None
    ) -> None:
        if message["msg_type"] == "execute_reply":
            cell.replied = True
            cell.kernel_session = message["header"]["session"]
        elif message["msg_type"] == "status":
            cell.idle = cell.idle or message["content"]["execution_state"] == "idle"
        output = _as_output(message)
        if output is not None:
            _append(cell.outputs, output)
            if on_output:
                on_output(output)

    def _settle(
        self,
        cell: _Cell,
        code: str,
        *,
        silent: bool,
        on_output: Callable[[Output], None] | None,
    ) -> bool:
        """Settle a silent cell of an idle kernel: its end was lost on the way, or its request.

        Returns
        -------
        bool
            Whether the cell has ended. If not, it never began, and was sent again.
        """
        if silent:
            self._was_lost = False
            cell.request = uuid.uuid4().hex
            self._send(cell.request, code, silent=True)
            return False
        probe = _Cell(uuid.uuid4().hex)
        self._was_lost = False
        self._send(probe.request, _HOW_IT_ENDED.format(cell=cell.request), history=False)
        while not probe.has_ended:
            message = self._receive(30.0)
            if message is None:
                if self._route.state() not in ("busy", ""):
                    return False  # lost again: asked again after the next silence
                continue
            of = message.get("parent_header", {}).get("msg_id")
            if of == cell.request:  # late, not lost
                self._take(cell, message, on_output)
            elif of == probe.request:
                self._take(probe, message, None)
        if probe.kernel_session != self._kernel_session:
            raise _died()
        if cell.has_ended:
            return True
        answer = json.loads("".join(o.get("text", "") for o in probe.outputs))
        if not answer["ran"]:
            cell.request = uuid.uuid4().hex
            self._send(cell.request, code)
            return False
        if answer["error"] and not any(o["output_type"] == "error" for o in cell.outputs):
            name, text = answer["error"]
            lost = {"output_type": "error", "ename": name, "evalue": text, "traceback": []}
            cell.outputs.append(lost)
            if on_output:
                on_output(lost)
        return True

    def _ask_who(self) -> None:
        """Ask a busy kernel which process it is; it answers beside its work.

        The server keeps "busy" of a kernel that died at work if it missed how the next one began.
        """
        if time.monotonic() < self._asked_who_at + _WHO_PAUSE_S or not self._kernel_session:
            return
        self._asked_who_at = time.monotonic()
        self._who = uuid.uuid4().hex
        self._put("control", self._who, "kernel_info_request", {})

    def _send(self, request: str, code: str, *, silent: bool = False, history: bool = True) -> None:
        self._heard_at = self._asked_who_at = time.monotonic()
        content = {
            "code": code,
            "silent": silent,
            "store_history": history and not silent,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        self._put("shell", request, "execute_request", content)

    def _put(self, channel: str, request: str, kind: str, content: dict[str, Any]) -> None:
        message = {
            "header": {
                "msg_id": request,
                "msg_type": kind,
                "username": "",
                "session": self._session,
                "version": "5.3",
            },
            "parent_header": {},
            "metadata": {"cellId": request},
            "content": content,
            "channel": channel,
            "buffers": [],
        }
        try:
            self._channel.send(json.dumps(message))
        except (OSError, WebSocketException):
            # whether it arrived is asked once the kernel is silent
            self._reopen()

    def _receive(self, timeout_s: float) -> dict[str, Any] | None:
        """Next message; None when none came for a while after a loss of the connection."""
        while True:
            silent_s = time.monotonic() - self._heard_at
            patience_s = max(timeout_s - silent_s, 0.0)
            if self._was_lost:
                patience_s = min(_QUIET_S, patience_s)
            try:
                text = self._channel.recv(timeout=patience_s)
                message = _parse(text)
                if message.get("parent_header", {}).get("msg_id") != self._who or not self._who:
                    self._heard_at = time.monotonic()
                return message
            except TimeoutError as exc:
                if self._was_lost and silent_s < timeout_s:
                    return None
                raise ServiceError(
                    f"The kernel said nothing for {timeout_s:.0f} s.",
                    remedy="See the log of the user's server.",
                ) from exc
            except (OSError, WebSocketException):
                self._reopen()

    def _reopen(self) -> None:
        self.close()
        self._was_lost = True
        self._channel = self._open()

    def _open(self) -> ClientConnection:
        until = time.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return self._held.enter_context(self._route.open(self._session))
            except (OSError, WebSocketException) as exc:
                self._route.state()  # says so when there is nothing left to wait for
                if time.monotonic() > until:
                    raise ServiceError(
                        f"The kernel is out of reach for {self._patience_s:.0f} s "
                        f"({type(exc).__name__}).",
                        remedy="See whether the environment runs: boresight status.",
                    ) from exc
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _died() -> ServiceError:
    return ServiceError(
        "The kernel died, most likely for want of memory.",
        remedy="Use smaller inputs or fewer things at once.",
    )


def _parse(text: str | bytes) -> dict[str, Any]:
    if isinstance(text, bytes):  # a widget's message with binary parts; the text stands first
        count = int.from_bytes(text[:4], "big")
        offsets = [int.from_bytes(text[4 * i : 4 * i + 4], "big") for i in range(1, count + 1)]
        end = offsets[1] if count > 1 else len(text)
        text = text[offsets[0] : end].decode()
    message: dict[str, Any] = json.loads(text)
    message.setdefault("msg_type", message.get("header", {}).get("msg_type", ""))
    return message


def _as_output(message: dict[str, Any]) -> dict[str, Any] | None:
    """Output of a notebook cell, if ``message`` is one."""
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        return {"output_type": "stream", "name": content["name"], "text": content["text"]}
    if kind in ("display_data", "execute_result"):
        output = {"output_type": kind, "data": content["data"], "metadata": content["metadata"]}
        if kind == "execute_result":
            output["execution_count"] = content["execution_count"]
        return output
    if kind == "error":
        return {
            "output_type": "error",
            "ename": content["ename"],
            "evalue": content["evalue"],
            "traceback": content["traceback"],
        }
    return None


def _append(outputs: list[dict[str, Any]], output: dict[str, Any]) -> None:
    last = outputs[-1] if outputs else None
    if (
        last is not None
        and output["output_type"] == last["output_type"] == "stream"
        and output["name"] == last["name"]
    ):
        last["text"] += output["text"]
    else:
        outputs.append(dict(output))
