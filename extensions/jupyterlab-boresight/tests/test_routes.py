"""Routes of a real Jupyter server: who is let in, what is answered, what is told when it fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from boresight.workflows.jobs import records
from jupyterlab_boresight.handlers import ROUTES

TOKEN = "a-token-of-this-test"
ID = "20261122T183000-1f2e3d4c"
BASE = "/user/marie/"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    """Address of a server with the panels, outside an environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("BORESIGHT_")}
    env |= {
        "HOME": str(home),
        "JUPYTER_TOKEN": TOKEN,
        "BORESIGHT_COMPUTE": "local",
        "BORESIGHT_JOBS_DIR": str(home / "jobs"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    log = (home / "server.log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
            *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.base_url={BASE}", f"--ServerApp.root_dir={home}"),
            "--ServerApp.jpserver_extensions={'jupyterlab_boresight': True}",
        ],
        env=env,
        cwd=home,
        stdout=log,
        stderr=log,
    )
    url = f"http://127.0.0.1:{port}{BASE}jupyterlab-boresight"
    until_s = time.monotonic() + 120
    try:
        while True:
            try:
                if httpx.get(f"{url}/settings", headers=auth(), timeout=10).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert process.poll() is None, (home / "server.log").read_text()
            assert time.monotonic() < until_s, (home / "server.log").read_text()
            time.sleep(0.3)
        yield url
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def auth() -> dict[str, str]:
    return {"Authorization": f"token {TOKEN}"}


def ask(server: str, method: str, path: str, body: Any = None) -> httpx.Response:
    return httpx.request(
        method, f"{server}/{path}", headers=auth(), json=body, timeout=60, trust_env=False
    )


def make_record(home: Path, **state: Any) -> Path:
    folder = home / "jobs" / ID
    folder.mkdir(parents=True, exist_ok=True)
    request = {name: {"collection": "l1", "id": name} for name in ("left", "right")}
    records.write_json(folder / records.REQUEST, request)
    records.write_json(folder / records.STATE, {"state": "done", **state})
    (folder / records.LOG).write_text("what it wrote\n")
    return folder


def calls() -> list[tuple[str, str]]:
    """Each method of each route that the server has."""
    return [
        (method.upper(), path.replace(r"(?P<job_id>[^/]+)", ID))
        for path, handler in ROUTES.items()
        for method in ("get", "post", "put", "patch", "delete")
        if method in vars(handler)
    ]


#: what a signed-in reader is answered outside an environment, with one job that is over
ANSWERS = {
    ("GET", "settings"): 200,
    ("POST", "pairs"): 502,  # there is no catalogue
    ("GET", "jobs"): 200,
    ("POST", "jobs"): 400,  # of nothing
    ("GET", f"jobs/{ID}"): 200,
    ("DELETE", f"jobs/{ID}"): 200,
    ("POST", f"jobs/{ID}/cancel"): 200,
    ("GET", f"jobs/{ID}/log"): 200,
    ("GET", "dask"): 200,
}


def test_no_route_is_forgotten_here() -> None:
    assert set(calls()) == set(ANSWERS)


@pytest.mark.parametrize(("method", "path"), calls())
def test_who_is_not_signed_in_is_refused(server: str, home: Path, method: str, path: str) -> None:
    record = make_record(home)
    body = {"bbox": [0, 0, 1, 1]} if path == "pairs" else {}
    assert ask(server, method, path, body).status_code == ANSWERS[method, path]
    make_record(home)
    for headers in ({}, {"Authorization": "token wrong"}):
        refused = httpx.request(
            method, f"{server}/{path}", headers=headers, json=body, timeout=30, trust_env=False
        )
        assert refused.status_code == 403
        assert "what it wrote" not in refused.text
    assert record.exists()
    assert not (record / records.CANCEL).exists()


def test_another_sites_page_cannot_start_a_job(server: str) -> None:
    """Who holds the cookie alone: a form on somebody else's page."""
    with httpx.Client(timeout=30, trust_env=False) as browser:
        browser.get(f"{server}/settings", params={"token": TOKEN})
        assert browser.get(f"{server}/settings").status_code == 200
        there = {"Origin": "https://elsewhere.example", "Referer": "https://elsewhere.example/"}
        assert browser.post(f"{server}/jobs", json={}, headers=there).status_code in (403, 404)
        # the page itself can read its cookie and say what is in it
        mark = "0123456789abcdef0123456789abcdef"
        browser.cookies.set("_xsrf", mark)
        own = browser.post(f"{server}/jobs", json={}, headers={"X-XSRFToken": mark})
        assert own.status_code == 400


def test_what_the_panels_have_to_know(server: str) -> None:
    found = ask(server, "GET", "settings")
    told = found.json()
    assert isinstance(told.pop("has_desktop"), bool)
    assert told == {"api": "", "collection": "co3d-dsm", "n_workers": 2}
    assert found.headers["Cache-Control"] == "no-store"


def test_a_catalogue_that_is_not_there_is_told_in_words(server: str) -> None:
    found = ask(server, "POST", "pairs", {"bbox": [0, 0, 1, 1]})
    assert found.status_code == 502
    told = found.json()
    assert set(told) == {"kind", "message", "remedy"}
    assert told["message"]
    assert "Traceback" not in found.text


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("pairs", [], "no object"),
        ("pairs", {"area": "everywhere"}, "neither GeoJSON nor a box"),
        ("pairs", {"collections": "l1", "bbox": [0, 0, 1, 1]}, "collections is no list"),
        ("pairs", {"collections": [7], "bbox": [0, 0, 1, 1]}, "a collection is '7'"),
        ("pairs", {"max_days_apart": "many", "bbox": [0, 0, 1, 1]}, "max_days_apart is 'many'"),
        ("jobs", {"left": {"collection": "l1", "id": "a"}}, "right"),
        ("jobs", {"folder": "/etc"}, "'folder' is nothing that can be asked for"),
        ("jobs", {"options": {"unknown": 1}}, "left|options"),
        ("jobs", {"compute": {"backend": "local"}}, "'compute' is nothing"),
    ],
)
def test_requests_that_are_refused(server: str, path: str, body: Any, words: str) -> None:
    found = ask(server, "POST", path, body)
    assert found.status_code == 400, found.text
    told = found.json()
    assert told["kind"] == "InputError"
    assert any(word in told["message"] for word in words.split("|")), told


def test_a_request_that_is_no_json(server: str) -> None:
    found = httpx.post(f"{server}/pairs", headers=auth(), content=b"{", timeout=30)
    assert found.status_code == 400
    assert found.json()["message"].startswith("The request is no JSON")


@pytest.mark.parametrize("job_id", ["nothing", "..%2f..%2fetc", "20261122T183000-00000000"])
def test_jobs_that_there_are_not(server: str, job_id: str) -> None:
    for method, path in (
        ("GET", f"jobs/{job_id}"),
        ("DELETE", f"jobs/{job_id}"),
        ("POST", f"jobs/{job_id}/cancel"),
        ("GET", f"jobs/{job_id}/log"),
    ):
        found = ask(server, method, path, {})
        assert found.status_code == 409, (path, found.text)
        assert found.json()["kind"] == "JobError"


def test_a_job_its_log_and_its_end(server: str, home: Path) -> None:
    make_record(home, ended_at="2026-11-22T18:40:00+00:00")
    assert ask(server, "GET", f"jobs/{ID}").json()["state"] == "done"
    assert [job["id"] for job in ask(server, "GET", "jobs").json()["jobs"]] == [ID]
    log = ask(server, "GET", f"jobs/{ID}/log").json()
    assert log == {"text": "what it wrote\n", "end": 14}
    assert ask(server, "GET", f"jobs/{ID}/log?start=5").json()["text"] == "it wrote\n"
    assert ask(server, "GET", f"jobs/{ID}/log?start=-1").status_code == 400
    assert ask(server, "DELETE", f"jobs/{ID}").json() == {"jobs": []}


def test_a_job_that_is_started_runs_and_tells_its_failure(server: str, home: Path) -> None:
    pair = {name: {"collection": "l1", "id": name} for name in ("left", "right")}
    started = ask(server, "POST", "jobs", {**pair, "n_workers": 1})
    assert started.status_code == 201, started.text
    job = started.json()
    assert job["state"] == "queued"
    assert job["request"]["collection"] == "co3d-dsm"
    until_s = time.monotonic() + 200
    while (job := ask(server, "GET", f"jobs/{job['id']}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < until_s, job
        time.sleep(0.5)
    # there is no environment to find the images in
    assert job["state"] == "failed"
    assert "BORESIGHT_STAC_URL" in json.dumps(job) or "signed in" in json.dumps(job), job
    assert TOKEN not in "".join(
        path.read_text() for path in (home / "jobs" / job["id"]).iterdir() if path.is_file()
    )


def test_no_cluster_is_told_as_none(server: str) -> None:
    assert ask(server, "GET", "dask").json() == {"clusters": []}


def test_the_toolkit_is_not_in_memory_until_it_is_needed() -> None:
    code = (
        "import sys, jupyterlab_boresight.app, boresight.workflows.jobs; "
        "print([m for m in ('rasterio', 'distributed', 'pystac', 'cars') if m in sys.modules])"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
