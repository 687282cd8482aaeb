"""The operator's own ``kubectl``: what it may do is what the operator may."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import IO, Any

from boresight_hub.errors import ServiceError

_TIMEOUT_S = 120.0
#: one database, one home, or all objects
_STREAM_TIMEOUT_S = 6 * 3600.0


class Kubectl:
    """Runs ``kubectl``, or what ``BORESIGHT_KUBECTL`` names.

    Parameters
    ----------
    namespace : str
        Of the platform.
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._command = shlex.split(os.environ.get("BORESIGHT_KUBECTL", "kubectl"))

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        namespace: str | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> str:
        """Run a command; returns what it printed.

        Raises
        ------
        ServiceError
            With what kubectl said.
        """
        done = self._call(arguments, namespace, timeout_s, content=stdin.encode())
        return done.stdout.decode(errors="replace")

    def get(self, *arguments: str, namespace: str | None = None) -> dict[str, Any]:
        """Objects, parsed."""
        found: dict[str, Any] = json.loads(
            self.run("get", *arguments, "--output=json", namespace=namespace)
        )
        return found

    def exists(self, kind: str, name: str, namespace: str | None = None) -> bool:
        """Whether there is such an object."""
        found = self.run(
            "get", kind, name, "--ignore-not-found", "--output=name", namespace=namespace
        )
        return bool(found.strip())

    def apply(self, manifest: dict[str, Any], namespace: str | None = None) -> None:
        """Make an object, or change it."""
        self.run("apply", "--filename=-", stdin=json.dumps(manifest), namespace=namespace)

    def save(self, path: Path, *arguments: str, namespace: str | None = None) -> str:
        """Write what a command prints to ``path``; returns what it said beside."""
        draft = path.with_name(f"{path.name}.draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            try:
                done = self._call(
                    *(arguments, namespace, _STREAM_TIMEOUT_S),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                )
            except ServiceError:
                draft.unlink()
                raise
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        return done.stderr.decode(errors="replace")

    def feed(self, path: Path, *arguments: str, namespace: str | None = None) -> str:
        """Give a command the content of ``path``; returns what it said."""
        with path.open("rb") as file:
            done = self._call(arguments, namespace, _STREAM_TIMEOUT_S, stdin=file)
        return (done.stdout + done.stderr).decode(errors="replace")

    def scale(
        self, replicas: dict[str, int], *, wait: bool = True, timeout_s: float = 600.0
    ) -> None:
        """Scale Deployments, and wait until it is so."""
        for name, count in replicas.items():
            self.run("scale", f"deployment/{name}", f"--replicas={count}")
        if not wait:
            return
        for name, count in replicas.items():
            if count:
                self.run(
                    *("rollout", "status", f"deployment/{name}", f"--timeout={timeout_s:.0f}s"),
                    timeout_s=timeout_s + 10,
                )
            else:
                self.run(
                    *("wait", "pods", f"--selector=app.kubernetes.io/component={name}"),
                    *("--for=delete", f"--timeout={timeout_s:.0f}s"),
                    timeout_s=timeout_s + 10,
                )

    def _call(
        self,
        arguments: tuple[str, ...],
        namespace: str | None,
        timeout_s: float,
        *,
        stdin: IO[bytes] | int | None = None,
        stdout: IO[bytes] | int = subprocess.PIPE,
        content: bytes | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        words = " ".join(arguments[:4])
        try:
            done = subprocess.run(
                [*self._command, f"--namespace={namespace or self.namespace}", *arguments],
                stdin=stdin,
                input=content,
                stdout=stdout,
                stderr=subprocess.PIPE,
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as exc:
            raise ServiceError(
                f"{self._command[0]} is not there.",
                remedy="Install kubectl, or name it in BORESIGHT_KUBECTL.",
            ) from exc
        except subprocess.TimeoutExpired as exc:
            raise ServiceError(
                f"kubectl {words} … has not ended within {timeout_s:g} s.",
                remedy="See whether the API server answers.",
            ) from exc
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise ServiceError(
                f"kubectl {words} … failed: {said[-1500:]}",
                remedy="See whether you may do this, and whether the pods run.",
            )
        return done
