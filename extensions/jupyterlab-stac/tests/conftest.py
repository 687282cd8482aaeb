"""A host on loopback that answers well and badly, a store, and a Jupyter server of its own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass
class Host:
    """A server on loopback; what it was asked is kept."""

    port: int
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    cancelled: int = 0

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.netloc}/{path}"


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Answers by path: json, html, slow, redirect/<where>, status/<n>, large, drop, file."""
    here = Host(0)

    async def answer(request: web.Request) -> web.StreamResponse:
        here.asked.append((request.method, request.path_qs, dict(request.headers)))
        kind, _, rest = request.path.lstrip("/").partition("/")
        match kind:
            case "html":
                return web.Response(text="<h1>hello</h1>", content_type="text/html")
            case "slow":
                try:
                    await asyncio.sleep(20)
                except asyncio.CancelledError:
                    here.cancelled += 1
                    raise
            case "redirect":
                raise web.HTTPFound(request.query["to"])
            case "circle":
                raise web.HTTPFound("/circle")
            case "status":
                headers = {"Retry-After": "7"} if rest == "429" else {}
                body = json.dumps({"detail": "because <b>"})
                return web.Response(status=int(rest), text=body, headers=headers)
            case "large":
                return web.Response(body=b"[" + b"1," * 600_000 + b"1]")
            case "drop":
                assert request.transport is not None
                request.transport.abort()
            case "file":
                return web.Response(body=bytes(range(256)) * 8192)
            case "drip":
                response = web.StreamResponse(headers={"Content-Length": "1000000"})
                await response.prepare(request)
                for _ in range(200):
                    await response.write(b"x" * 1000)
                    await asyncio.sleep(0.05)
                return response
        return web.json_response({"path": request.path, "token": request.headers.get("X-Token")})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here.port = runner.addresses[0][1]
    yield here
    await runner.cleanup()


@dataclass
class Jupyter:
    """A Jupyter server with nothing but the panel's part."""

    url: str
    token: str
    root: Path

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: object = None,
        signed_in: bool = True,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                **({"Authorization": f"token {self.token}"} if signed_in else {}),
                **(headers or {}),
            },
        )
        opener = urllib.request.build_opener(_Stay)
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as exc:
            return exc.code, dict(exc.headers), exc.read()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """Run one; its catalogue is what is found at the port in the variable, by the fixture below."""
    folder = tmp_path_factory.mktemp("jupyter")
    root = folder / "root"
    (root / "sub").mkdir(parents=True)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    token = "not-a-secret"
    config = folder / "jupyter_server_config.json"
    config.write_text(
        json.dumps(
            {
                "ServerApp": {"jpserver_extensions": {"jupyterlab_stac": True}},
                "StacPanel": {
                    "apis": [],
                    # every port of loopback that a test may be given
                    "hosts": [],
                },
            }
        )
    )
    env = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "run"),
        "JUPYTER_NO_CONFIG": "",
    }
    env.pop("BORESIGHT_STAC_URL", None)
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root",
            f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
            f"--ServerApp.root_dir={root}", "--ip=127.0.0.1",
        ],
        env=env, stdout=log, stderr=log, cwd=root,
    )  # fmt: skip
    here = Jupyter(f"http://127.0.0.1:{port}", token, root)
    try:
        until = time.monotonic() + 200
        while True:
            try:
                if here.ask("api/status")[0] == 200:
                    break
            except OSError:
                pass
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text()[-3000:])
            time.sleep(0.5)
        yield here
    finally:
        process.terminate()
        process.wait(20)
        log.close()
