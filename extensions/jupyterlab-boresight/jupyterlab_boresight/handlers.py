"""Routes below ``/jupyterlab-boresight/``: each is authenticated, and thin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from jupyter_server.base.handlers import APIHandler
from tornado import web

from boresight.errors import (
    AccessError,
    BoresightError,
    ComputeError,
    ExpiredSessionError,
    InputError,
    JobError,
)
from jupyterlab_boresight.service import Service

T = TypeVar("T")

_JOB = r"jobs/(?P<job_id>[^/]+)"
#: most specific first
_STATUS: tuple[tuple[type[BoresightError], HTTPStatus], ...] = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (ExpiredSessionError, HTTPStatus.FORBIDDEN),
    (AccessError, HTTPStatus.BAD_GATEWAY),
    (JobError, HTTPStatus.CONFLICT),
    (ComputeError, HTTPStatus.SERVICE_UNAVAILABLE),
)


class _Handler(APIHandler):
    """What the routes share: work in a thread, errors in words."""

    def initialize(self, service: Service) -> None:
        self.service = service

    async def told(self, call: Callable[..., T], *arguments: Any) -> T:
        """Do ``call`` in a thread, within the time there is."""
        work = asyncio.to_thread(call, *arguments)
        return await asyncio.wait_for(work, self.service.timeout_s)

    def answer(self, content: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with JSON that nobody keeps."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(content))

    def body(self) -> dict[str, Any]:
        """JSON of the request.

        Raises
        ------
        InputError
            When it is none, or no object.
        """
        try:
            found = json.loads(self.request.body or b"{}")
        except ValueError as exc:
            raise InputError("The request is no JSON; the rule is an object.") from exc
        if not isinstance(found, dict):
            raise InputError("The request is no object; the rule is one.")
        return found

    def send_error(self, status_code: int = 500, **options: Any) -> None:
        """As tornado's, with the status of our errors."""
        exc = options.get("exc_info", (None, None, None))[1]
        if isinstance(exc, TimeoutError):
            status_code = HTTPStatus.GATEWAY_TIMEOUT
        for kind, status in _STATUS:
            if isinstance(exc, kind):
                status_code = status
                break
        options["reason"] = HTTPStatus(status_code).phrase
        super().send_error(status_code, **options)

    def write_error(self, status_code: int, **options: Any) -> None:
        """Tell errors of ours as they are, of others the status only."""
        exc = options.get("exc_info", (None, None, None))[1]
        kind, message, remedy = "failed", self._reason, ""
        if isinstance(exc, BoresightError):
            kind, message, remedy = type(exc).__name__, exc.message, exc.remedy
        elif isinstance(exc, TimeoutError):
            kind, message = "slow", f"There is no answer after {self.service.timeout_s:g} s."
            remedy = "Try again, or search a smaller area."
        elif isinstance(exc, web.HTTPError):
            message = exc.log_message or message
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"kind": kind, "message": message, "remedy": remedy}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is ours in a line."""
        if isinstance(value, BoresightError | TimeoutError):
            self.log.info("Boresight's panels: %s", value)
        else:
            super().log_exception(typ, value, tb)


class SettingsHandler(_Handler):
    """What the panels have to know."""

    @web.authenticated
    async def get(self) -> None:
        """All settings."""
        self.answer(self.service.settings())


class PairsHandler(_Handler):
    """Stereo pairs."""

    @web.authenticated
    async def post(self) -> None:
        """Search."""
        self.answer(await self.told(self.service.pairs, self.body()))


class JobsHandler(_Handler):
    """All jobs."""

    @web.authenticated
    async def get(self) -> None:
        """List them."""
        self.answer({"jobs": await self.told(self.service.jobs)})

    @web.authenticated
    async def post(self) -> None:
        """Start one."""
        self.answer(await self.told(self.service.start, self.body()), HTTPStatus.CREATED)


class JobHandler(_Handler):
    """One job."""

    @web.authenticated
    async def get(self, job_id: str) -> None:
        """How it stands."""
        self.answer(await self.told(self.service.job, job_id))

    @web.authenticated
    async def delete(self, job_id: str) -> None:
        """Forget it."""
        await self.told(self.service.forget, job_id)
        self.answer({"jobs": await self.told(self.service.jobs)})


class CancelHandler(_Handler):
    """The end of a job."""

    @web.authenticated
    async def post(self, job_id: str) -> None:
        """Ask for it."""
        self.answer(await self.told(self.service.cancel, job_id))


class LogHandler(_Handler):
    """What a job wrote."""

    @web.authenticated
    async def get(self, job_id: str) -> None:
        """Read a part."""
        text = self.get_query_argument("start", "")
        if text and not (text.isascii() and text.isdigit() and len(text) < 16):
            raise InputError(f"start is {text[:40]!r}; the rule is a number of bytes.")
        self.answer(await self.told(self.service.log, job_id, int(text) if text else None))


class DaskHandler(_Handler):
    """Live Dask clusters."""

    @web.authenticated
    async def get(self) -> None:
        """List them."""
        self.answer(await self.told(self.service.dask))


ROUTES: dict[str, type[_Handler]] = {
    "settings": SettingsHandler,
    "pairs": PairsHandler,
    "jobs": JobsHandler,
    _JOB: JobHandler,
    f"{_JOB}/cancel": CancelHandler,
    f"{_JOB}/log": LogHandler,
    "dask": DaskHandler,
}


def routes(service: Service) -> list[tuple[str, type[_Handler], dict[str, Any]]]:
    """Routes for tornado; the server puts its own base before them."""
    return [
        (f"/jupyterlab-boresight/{name}", handler, {"service": service})
        for name, handler in ROUTES.items()
    ]
