"""Somebody who works with batch runs: in a server of their own, by its commands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from boresight_hub.session import HubSession
from support.environment import Environment, printed

ENDED = {"succeeded", "failed", "cancelled", "timed-out", "interrupted"}


def notebook(*cells: str, parameters: str = "") -> dict[str, Any]:
    """A notebook of code cells, the first one tagged when there are ``parameters``."""

    def cell(number: int, source: str, tags: list[str]) -> dict[str, Any]:
        return {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": tags},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }

    made = [cell(0, parameters, ["parameters"])] if parameters else []
    made += [cell(number, source, []) for number, source in enumerate(cells, 1)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def wait_for(what: Callable[[], bool], *, timeout_s: float = 300.0) -> None:
    until = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < until, f"not within {timeout_s:.0f} s"
        time.sleep(0.2)


class BatchPerson:
    """A person with a running server and a terminal in it."""

    def __init__(self, environment: Environment, username: str) -> None:
        self.environment = environment
        self.username = username
        self.session = HubSession(environment.settings)

    def __enter__(self) -> Self:
        self.sign_in()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()

    @property
    def home(self) -> Path:
        return self.environment.state / "homes" / self.username

    def sign_in(self) -> None:
        self.session.sign_in(self.username, self.environment.password(self.username))
        self.session.start_server()

    def sign_out(self) -> None:
        """Sign out, which stops the server; whoever comes back is another session."""
        self.session.sign_out()
        self.session.close()
        self.session = HubSession(self.environment.settings)

    def python(self, source: str) -> str:
        """What a cell in the person's server prints."""
        with self.session.kernel() as kernel:
            return printed(kernel.execute(source, timeout_s=300))

    def boresight(self, *arguments: str, code: int = 0) -> str:
        """Run the command ``boresight`` as in a terminal of the server; what it prints."""
        answer = self.python(
            "import json, subprocess\n"
            f"done = subprocess.run(['boresight', *{list(arguments)!r}], text=True,\n"
            "    capture_output=True, timeout=280)\n"
            "print(json.dumps([done.returncode, done.stdout, done.stderr]))"
        )
        returned, out, err = json.loads(answer)
        assert returned == code, f"boresight {' '.join(arguments)}: {returned}\n{out}\n{err}"
        return str(out if code == 0 else err)

    def write(self, path: str, content: dict[str, Any]) -> None:
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content))

    def submit(self, content: dict[str, Any], *arguments: str, path: str = "run.ipynb") -> str:
        """Hand in a notebook; the id of its run."""
        self.write(path, content)
        return self.boresight("batch", "run", path, *arguments).strip()

    def api(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the service itself, with a token as the server has it."""
        return httpx.request(
            method,
            f"{self.environment.settings.batch_url}/{path}",
            headers={"authorization": f"token {self.session.token}"},
            json=body,
            timeout=30,
            trust_env=False,
        )

    def runs(self) -> dict[str, dict[str, Any]]:
        return {run["run_id"]: run for run in self.api("GET", "runs").json()["runs"]}

    def wait(self, run_id: str, *states: str, timeout_s: float = 300.0) -> dict[str, Any]:
        """Wait for one of ``states``, default any that lasts; the run."""
        wanted = set(states) or ENDED
        seen: dict[str, Any] = {}

        def reached() -> bool:
            nonlocal seen
            seen = self.api("GET", f"runs/{run_id}").json()
            assert seen["state"] in wanted | {"queued", "running", "saving"}, (seen, self.log(seen))
            return seen["state"] in wanted

        wait_for(reached, timeout_s=timeout_s)
        return seen

    def log(self, run: dict[str, Any]) -> str:
        return self.api("GET", f"runs/{run['run_id']}/log").text

    def folder(self, run_id: str) -> Path:
        return self.environment.state / "batch" / "runs" / self.username / run_id

    def objects(self, run: dict[str, Any]) -> dict[str, bytes]:
        """What lies in S3 below the results of a run, read with the person's own credentials."""
        bucket, _, prefix = run["results"].removeprefix("s3://").partition("/")
        answer = self.python(
            "import base64, boto3, json\n"
            f"s3, bucket, prefix = boto3.client('s3'), {bucket!r}, {prefix + '/'!r}\n"
            "found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get('Contents', [])\n"
            "read = lambda key: s3.get_object(Bucket=bucket, Key=key)['Body'].read()\n"
            "print(json.dumps({e['Key'][len(prefix):]:\n"
            "    base64.b64encode(read(e['Key'])).decode() for e in found}))"
        )
        import base64

        return {name: base64.b64decode(text) for name, text in json.loads(answer).items()}

    def grants(self) -> list[dict[str, Any]]:
        """Batch grants of the person that have not ended."""
        answer = self.python(
            "import json, os, pathlib, requests\n"
            "token = pathlib.Path(os.environ['BORESIGHT_ACCESS_TOKEN_FILE']).read_text()\n"
            "answer = requests.get(os.environ['BORESIGHT_ACCESS_URL'] + '/batch-grants',\n"
            "    headers={'authorization': f'Bearer {token}'})\n"
            "print(json.dumps(answer.json()['grants']))"
        )
        found: list[dict[str, Any]] = json.loads(answer)
        return found

    def cancel_all(self) -> None:
        if not self.session.token:
            return  # a test has left them signed out
        for run_id, run in self.runs().items():
            if run["state"] not in ENDED:
                self.api("POST", f"runs/{run_id}/cancel")
                self.wait(run_id)
