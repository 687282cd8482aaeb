"""Runs on a whole environment: handed in by the command, finished without their owner."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import httpx
import psutil
import pytest
from support.batch_person import BatchPerson, notebook, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WORK = """
import os, pathlib, time
import boto3
pathlib.Path(os.environ["BORESIGHT_BATCH_OUTPUTS"], "sub").mkdir()
print("waiting in", os.getcwd(), flush=True)
go = pathlib.Path.home() / "go"
while not go.exists():
    time.sleep(0.1)
boto3.client("s3").put_object(Bucket="home", Key=f"{os.environ['BORESIGHT_USER']}/by-the-run",
                              Body=b"renewed")
"""
RESULT = """
from boresight.access import open_catalog
names = sorted(collection.id for collection in open_catalog().get_collections())
text = f"{scale * 2} {label} {names}"
pathlib.Path(os.environ["BORESIGHT_BATCH_OUTPUTS"], "sub", "result.txt").write_text(text)
text
"""


def service(person: BatchPerson, name: str) -> dict[str, Any]:
    # the command ends with 1 while a service is away
    done = person.environment.command("status", "--json", check=False)
    found: dict[str, Any] = json.loads(done.stdout)["services"][name]
    return found


def processes_of(person: BatchPerson, run_id: str) -> list[psutil.Process]:
    """Living processes that bear the mark of a run."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get("BORESIGHT_BATCH_RUN")
            if mark == str(person.folder(run_id)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def kill_service(person: BatchPerson, name: str) -> None:
    """Kill a service; returns when another process has taken its place and answers."""
    pid = service(person, name)["pid"]
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        told = service(person, name)
        return told["state"] == "ready" and told["pid"] != pid

    wait_for(back)


@pytest.mark.soak
def test_it_outlives_sign_out_hub_and_service(marie: BatchPerson) -> None:
    (marie.home / "go").unlink(missing_ok=True)
    content = notebook(WORK, RESULT, parameters="scale = 1\nlabel = 'none'")
    run_id = marie.submit(
        content, "-p", "scale=21", "-p", "label=all bands", path="work/long.ipynb"
    )
    marie.wait(run_id, "running")
    wait_for(lambda: "waiting in" in marie.log({"run_id": run_id}))
    assert str(marie.home / "work") in marie.log({"run_id": run_id})
    assert len(marie.grants()) == 1
    before = {process.pid for process in processes_of(marie, run_id)}
    assert len(before) == 2, "the run and its kernel"

    marie.sign_out()
    kill_service(marie, "hub")
    kill_service(marie, "batch")
    assert {process.pid for process in processes_of(marie, run_id)} == before
    (marie.home / "go").touch()
    outcome = marie.folder(run_id) / "outcome.json"
    # seen from outside: nobody is signed in
    wait_for(lambda: json.loads(outcome.read_text())["state"] == "succeeded")
    wait_for(lambda: not (marie.folder(run_id) / "credential").exists())

    marie.sign_in()
    listed = marie.boresight("batch", "list")
    assert run_id in listed
    assert "succeeded" in listed
    run = marie.runs()[run_id]
    assert run["parameters"] == {"scale": 21, "label": "all bands"}
    assert run["results"] == f"s3://home/marie/batch/{run_id}"
    objects = marie.objects(run)
    assert set(objects) == {
        "executed.ipynb",
        "log.txt",
        "notebook.ipynb",
        "outputs/sub/result.txt",
        "run.json",
    }
    assert objects["outputs/sub/result.txt"].startswith(b"42 all bands ['co3d-")
    executed = json.loads(objects["executed.ipynb"])
    assert "42 all bands" in "".join(executed["cells"][-1]["outputs"][0]["data"]["text/plain"])
    kept = json.loads(objects["run.json"])
    assert (kept["state"], kept["cell"], kept["cells"]) == ("succeeded", 4, 4)
    assert kept["outputs"] == ["sub/result.txt"]
    assert b"waiting in" in objects["log.txt"]
    assert marie.grants() == [], "the grant ends with its run"
    assert processes_of(marie, run_id) == []


@pytest.mark.soak
def test_a_cell_that_fails_is_told(marie: BatchPerson) -> None:
    content = notebook("print('before')", "1 / 0", "print('never')")
    run_id = marie.submit(content, "--name", "division")
    run = marie.wait(run_id, "failed")
    assert run["error"].startswith("Cell 2 of 3 failed. ZeroDivisionError: division by zero")
    assert marie.log(run).strip() == "before"
    executed = json.loads(marie.objects(run)["executed.ipynb"])
    assert executed["cells"][1]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert executed["cells"][2]["outputs"] == []
    shown = marie.boresight("batch", "show", run_id)
    assert "division" in shown
    assert "Cell 2 of 3 failed" in shown
    again = marie.boresight("batch", "rerun", run_id).strip()
    assert again != run_id
    assert marie.wait(again, "failed")["rerun_of"] == run_id
    assert marie.boresight("batch", "log", again).strip() == "before"
    wait_for(lambda: marie.grants() == [])


@pytest.mark.soak
def test_cancelled_and_timed_out(marie: BatchPerson) -> None:
    sleep = notebook("print('begun', flush=True)\nimport time\ntime.sleep(600)")
    run_id = marie.submit(sleep)
    wait_for(lambda: "begun" in marie.log({"run_id": run_id}))
    assert marie.boresight("batch", "cancel", run_id).strip() in ("running", "cancelled")
    run = marie.wait(run_id, "cancelled")
    assert json.loads(marie.objects(run)["run.json"])["state"] == "cancelled"
    wait_for(lambda: processes_of(marie, run_id) == [])
    limited = marie.submit(sleep, "--time-limit", "8s")
    run = marie.wait(limited, "timed-out")
    assert run["error"] == "The time limit of 8 s was reached."
    assert b"begun" in marie.objects(run)["log.txt"]
    wait_for(lambda: marie.grants() == [])
    assert marie.boresight("batch", "forget", limited) == ""
    assert limited not in marie.runs()


def test_killed_without_a_word(marie: BatchPerson) -> None:
    run_id = marie.submit(notebook("print('begun', flush=True)\nimport time\ntime.sleep(600)"))
    wait_for(lambda: "begun" in marie.log({"run_id": run_id}))
    leader = next(p for p in processes_of(marie, run_id) if "runner" in " ".join(p.cmdline()))
    leader.kill()
    run = marie.wait(run_id, "interrupted")
    assert "without a word" in run["error"]
    # the kernel, which nobody looks after any more, goes as well, and so does the grant
    wait_for(lambda: processes_of(marie, run_id) == [])
    wait_for(lambda: marie.grants() == [])


@pytest.mark.soak
def test_bounds_of_one_person(marie: BatchPerson) -> None:
    sleep = notebook("import time\ntime.sleep(600)")
    runs = [marie.submit(sleep) for _ in range(4)]
    for run_id in runs[:2]:
        marie.wait(run_id, "running")
    assert [marie.runs()[run_id]["state"] for run_id in runs[2:]] == ["queued", "queued"]
    assert len(marie.grants()) == 4
    refused = marie.boresight("batch", "run", "run.ipynb", code=1)
    assert "nobody has more than 4" in refused
    assert len(marie.grants()) == 4, "one that came to nothing leaves no grant"
    assert marie.boresight("batch", "cancel", runs[2]).strip() == "cancelled"
    marie.boresight("batch", "cancel", runs[0])
    marie.wait(runs[3], "running")
    assert marie.runs()[runs[2]]["results"] is None


@pytest.mark.soak
def test_of_another(marie: BatchPerson) -> None:
    run_id = marie.submit(notebook("print('mine')"))
    marie.wait(run_id, "succeeded")
    paths = [("GET", ""), ("GET", "/log"), ("POST", "/cancel"), ("DELETE", "")]
    with BatchPerson(marie.environment, "paul") as paul:
        for method, path in paths:
            assert paul.api(method, f"runs/{run_id}{path}").status_code == 404, path
        assert paul.runs() == {}
        # a notebook of Paul's must not run as Marie: the same request with a grant of his own does
        body = {"notebook": notebook("1 + 1"), "name": "x"}
        made = "from boresight.workflows.batch import client\n" + GRANT
        hers, his = marie.python(made).strip(), paul.python(made).strip()
        refused = paul.api("POST", "runs", body | {"credential": hers})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:boresight:problem:grant")
        taken = paul.api("POST", "runs", body | {"credential": his})
        assert taken.status_code == 201, taken.text
        twice = paul.api("POST", "runs", body | {"credential": his})
        assert twice.json()["run_id"] == taken.json()["run_id"], "one grant, one run"
        paul.wait(taken.json()["run_id"], "succeeded")
    assert marie.api("DELETE", f"runs/{run_id}").status_code == 204


GRANT = """
import os, pathlib, requests
token = pathlib.Path(os.environ['BORESIGHT_ACCESS_TOKEN_FILE']).read_text()
print(requests.post(os.environ['BORESIGHT_ACCESS_URL'] + '/batch-grants', json={},
    headers={'authorization': f'Bearer {token}'}).json()['credential'])
"""


def test_what_is_refused(marie: BatchPerson) -> None:
    good = {"notebook": notebook("1", parameters="a = 1"), "name": "x", "credential": "bsb-x:y"}
    wrong = {
        "no notebook": (good | {"notebook": {"nbformat": 4, "cells": []}}, "notebook"),
        "old format": (good | {"notebook": {"nbformat": 3, "worksheets": []}}, "notebook"),
        "unknown parameter": (good | {"parameters": {"b": 1}}, "parameters"),
        "outside of the home": (good | {"folder": "../paul"}, "folder"),
        "absolute": (good | {"folder": "/etc"}, "folder"),
        "for ever": (good | {"time_limit_s": 10**9}, "time-limit"),
        "no time": (good | {"time_limit_s": 0}, "request"),
        "more": (good | {"image": "x"}, "request"),
        "a grant that is none": (good, "grant"),
    }
    for case, (body, kind) in wrong.items():
        answer = marie.api("POST", "runs", body)
        assert answer.status_code in (400, 403), (case, answer.text)
        assert answer.json()["type"].rpartition(":")[2] == kind, (case, answer.text)
    root = marie.environment.settings.batch_url
    assert httpx.get(f"{root}/health", trust_env=False).status_code == 200
    for token in ("", "token nonsense", f"token {'0' * 32}", "Bearer x.y.z"):
        answer = httpx.get(f"{root}/runs", headers={"authorization": token}, trust_env=False)
        assert answer.status_code == 401, token
    long = {"notebook": notebook("#" + "x" * (33 * 2**20)), "name": "x", "credential": "bsb-x:y"}
    assert marie.api("POST", "runs", long).status_code == 413
