"""HTTP routes of the batch service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Header, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from boresight_hub.batch.callers import Callers
from boresight_hub.batch.queue import Queue, Wanted
from boresight_hub.batch.records import Run
from boresight_hub.batch.refusals import BatchError, answer_exception
from boresight_hub.errors import ServiceError
from boresight_hub.notebookrun import with_parameters
from boresight_hub.settings import HubSettings

PREFIX = "/services/batch"

_HEADERS = {"cache-control": "no-store"}
_MAX_TEXT_CHARS = 200
_MAX_LOG_BYTES = 1 << 20

Authorization = Annotated[str, Header()]


class RunRequest(BaseModel):
    """Body of ``POST /runs``."""

    model_config = ConfigDict(extra="forbid")

    notebook: dict[str, Any] = Field(description="the notebook itself, format 4")
    name: str = Field(min_length=1, max_length=_MAX_TEXT_CHARS, description="for the list")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="values in the place of those of the tagged cell"
    )
    folder: str = Field("", description="working folder of the notebook, relative to the home")
    time_limit_s: int | None = Field(None, strict=True, ge=1, description="the run ends then [s]")
    credential: str = Field(max_length=500, description="of a batch grant of one's own")


class RerunRequest(BaseModel):
    """Body of ``POST /runs/{run_id}/rerun``."""

    model_config = ConfigDict(extra="forbid")

    credential: str = Field(max_length=500, description="of another batch grant of one's own")


def create_app(settings: HubSettings) -> FastAPI:
    """Make the batch service.

    Parameters
    ----------
    settings : HubSettings
    """
    callers = Callers(settings)
    queue = Queue(settings, callers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        look = asyncio.create_task(queue.run_for_ever())
        try:
            yield
        finally:
            look.cancel()
            with suppress(asyncio.CancelledError):
                await look
            await callers.close()

    app = FastAPI(
        title="Boresight batch",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    router = APIRouter(prefix=PREFIX)
    _Routes(settings, callers, queue).install(router)
    app.include_router(router)
    for kind in (BatchError, ServiceError, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer_exception)
    app.add_middleware(_Bounded, max_bytes=settings.batch.max_notebook_bytes)
    return app


class _Routes:
    def __init__(self, settings: HubSettings, callers: Callers, queue: Queue) -> None:
        self._settings = settings
        self._limits = settings.batch
        self._callers = callers
        self._queue = queue

    def install(self, router: APIRouter) -> None:
        add = router.add_api_route
        add("/health", self.health, methods=["GET"])
        add("/limits", self.limits, methods=["GET"])
        add("/runs", self.submit, methods=["POST"], status_code=201)
        add("/runs", self.list_mine, methods=["GET"])
        add("/runs/{run_id}", self.show, methods=["GET"])
        add("/runs/{run_id}", self.forget, methods=["DELETE"], status_code=204)
        add("/runs/{run_id}/log", self.log, methods=["GET"], response_class=PlainTextResponse)
        add("/runs/{run_id}/cancel", self.cancel, methods=["POST"], status_code=202)
        add("/runs/{run_id}/rerun", self.rerun, methods=["POST"], status_code=201)

    async def health(self) -> dict[str, str]:
        """Say that the service runs."""
        return {"status": "ok"}

    async def limits(self, authorization: Authorization = "") -> Response:
        """Bounds of runs, and how long their grants have to live [s]."""
        await self._callers.person(authorization)
        limits = self._limits
        return _json(
            {
                "max_running": limits.max_running_per_user,
                "max_queued": limits.max_queued_per_user,
                "default_time_s": limits.default_time_s,
                "max_time_s": limits.max_time_s,
                "max_wait_s": limits.max_wait_s,
                "max_grant_s": self._settings.access.batch_grants.max_life_s,
            }
        )

    async def submit(
        self, wanted: Annotated[RunRequest, Body()], authorization: Authorization = ""
    ) -> Response:
        """Queue a run."""
        user = await self._callers.person(authorization)
        run = await self._queue.submit(
            Wanted(
                user=user,
                name=_shown(wanted.name),
                notebook=_prepared(wanted.notebook, wanted.parameters),
                parameters=wanted.parameters,
                folder=_checked_folder(wanted.folder),
                time_limit_s=self._time_limit_s(wanted.time_limit_s),
                credential=await self._checked_credential(user, wanted.credential),
            )
        )
        return _json(self._told(run), 201)

    async def rerun(
        self,
        run_id: str,
        wanted: Annotated[RerunRequest, Body()],
        authorization: Authorization = "",
    ) -> Response:
        """Queue the same notebook with the same parameters once more."""
        user = await self._callers.person(authorization)
        before = self._queue.found(user, run_id)
        run = await self._queue.submit(
            Wanted(
                user=user,
                name=before.name,
                notebook=self._queue.runs.notebook(before),
                parameters=before.parameters,
                folder=before.folder,
                time_limit_s=before.time_limit_s,
                credential=await self._checked_credential(user, wanted.credential),
                rerun_of=before.run_id,
            )
        )
        return _json(self._told(run), 201)

    async def list_mine(self, authorization: Authorization = "") -> Response:
        """List one's own runs, the oldest first."""
        user = await self._callers.person(authorization)
        return _json({"runs": [self._told(run) for run in self._queue.runs.of(user)]})

    async def show(self, run_id: str, authorization: Authorization = "") -> Response:
        """Tell all there is to tell of a run."""
        user = await self._callers.person(authorization)
        return _json(self._told(self._queue.found(user, run_id)))

    async def log(
        self,
        run_id: str,
        authorization: Authorization = "",
        offset: Annotated[int, Query(ge=0, description="from this byte on")] = 0,
    ) -> Response:
        """Give what the notebook has printed so far, at most 1 MiB from ``offset`` on."""
        user = await self._callers.person(authorization)
        path = self._queue.runs.folder(self._queue.found(user, run_id)) / "log.txt"
        content = b""
        if path.exists():
            with path.open("rb") as stream:
                stream.seek(offset)
                content = stream.read(_MAX_LOG_BYTES)
        headers = _HEADERS | {"boresight-next-offset": str(offset + len(content))}
        return Response(content, 200, headers, media_type="text/plain; charset=utf-8")

    async def cancel(self, run_id: str, authorization: Authorization = "") -> Response:
        """End a run; what it has so far is kept."""
        user = await self._callers.person(authorization)
        return _json(self._told(await self._queue.cancel(user, run_id)), 202)

    async def forget(self, run_id: str, authorization: Authorization = "") -> Response:
        """Take a run that has ended off the list; its results in S3 stay."""
        user = await self._callers.person(authorization)
        await self._queue.forget(user, run_id)
        return Response(status_code=204, headers=_HEADERS)

    async def _checked_credential(self, user: str, credential: str) -> str:
        await self._callers.check_credential(user, credential)
        return credential

    def _time_limit_s(self, wanted_s: int | None) -> int:
        if wanted_s is None:
            return self._limits.default_time_s
        if wanted_s > self._limits.max_time_s:
            raise BatchError(
                "time-limit",
                f"A time limit of {wanted_s} s was asked for: at most {self._limits.max_time_s} s "
                "are given.",
                status=400,
                remedy="Ask for less, and split the work.",
            )
        return wanted_s

    def _told(self, run: Run) -> dict[str, Any]:
        outcome = self._queue.outcome(run)
        told = run.model_dump(mode="json", exclude={"process", "user", "grant"})
        said = outcome.model_dump(mode="json") if outcome else {"state": "queued"}
        return {**told, **said}


class _Bounded:
    """Refuses bodies that are too long before they are read whole.

    Parameters
    ----------
    app : ASGIApp
    max_bytes : int
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        # in chunks its length is not known beforehand
        chunked = b"transfer-encoding" in headers
        if chunked or (length.isdigit() and int(length) > self._max_bytes):
            error = BatchError(
                "length",
                f"The request is longer than {self._max_bytes} bytes, or does not say how long.",
                status=413,
                remedy="Clear the outputs of the notebook, and keep data in files.",
            )
            await (await answer_exception(_NO_REQUEST, error))(scope, receive, send)
            return
        await self._app(scope, receive, send)


_NO_REQUEST: Any = None


def _json(content: object, status: int = 200) -> Response:
    return JSONResponse(content, status, _HEADERS)


def _shown(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:_MAX_TEXT_CHARS]


def _checked_folder(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or "\0" in folder or len(folder) > 1000:
        raise BatchError(
            "folder",
            f"The folder {folder[:100]!a} is not plainly below the home.",
            status=400,
            remedy="Give it relative to your home, without '..'.",
        )
    return str(path)


def _prepared(notebook: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Notebook to run: checked, with its parameters."""
    cells = notebook.get("cells")
    is_notebook = (
        notebook.get("nbformat") == 4
        and isinstance(cells, list)
        and all(isinstance(c, dict) and {"cell_type", "source"} <= c.keys() for c in cells)
    )
    if not is_notebook or not any(cell["cell_type"] == "code" for cell in cells or []):
        raise BatchError(
            "notebook",
            "What was sent is no notebook of format 4 with a code cell.",
            status=400,
            remedy="Open it in Lab and save it, then try again.",
        )
    if not parameters:
        return notebook
    try:
        return with_parameters(notebook, parameters)
    except ServiceError as exc:
        raise BatchError("parameters", exc.message, status=400, remedy=exc.remedy) from exc
