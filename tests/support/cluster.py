"""The real one-node Kubernetes of the tests, driven by its own command.

``python tests/support/cluster.py up`` starts it and brings the images, ``run COMMAND`` runs in its
network, ``down`` stops and wipes it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from boresight_hub.session import HubSession
from boresight_hub.settings import HubSettings

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "boresight"
USERS = "boresight-users"
ORIGIN = f"https://proxy-public.{NAMESPACE}.svc.cluster.local"
CHART = ROOT / "helm" / "charts" / "boresight"
VALUES = ROOT / "helm" / "environments" / "local" / "values.yaml"
_DEFAULT = ROOT.parent / "shared" / "cluster" / "cluster"


#: gives somebody signed in: ``with person("marie") as session``
Person = Callable[..., AbstractContextManager[HubSession]]


class ClusterError(AssertionError):
    """A command of the cluster failed."""


def printed(outputs: list[dict[str, Any]]) -> str:
    """What a cell printed."""
    return "".join(one["text"] for one in outputs if one.get("name") == "stdout")


class Cluster:
    """The node, and what is installed on it."""

    def __init__(self) -> None:
        self.program = os.environ.get("BORESIGHT_TEST_CLUSTER", str(_DEFAULT))

    def run(self, *arguments: str, stdin: str = "", timeout_s: float = 300.0) -> str:
        """Run a command of the cluster; returns what it printed."""
        done = self.attempt(*arguments, stdin=stdin, timeout_s=timeout_s)
        if done.returncode:
            text = f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-3000:]}"
            raise ClusterError(text)
        return done.stdout

    def attempt(
        self, *arguments: str, stdin: str = "", timeout_s: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the cluster, whether or not it succeeds."""
        return subprocess.run(
            [self.program, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kubectl(self, *arguments: str, **options: Any) -> str:
        """Run kubectl as administrator."""
        return self.run("kubectl", *arguments, **options)

    def get(self, *arguments: str) -> dict[str, Any]:
        """Objects as JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found

    def up(self) -> None:
        """Start the node, with NetworkPolicies enforced."""
        self.run("up", "--netpol")

    def down(self) -> None:
        """Stop the node and forget what was on it."""
        self.run("down", "--wipe")

    def images(self) -> None:
        """Build what is not built yet, and bring all images into the node."""
        command = [sys.executable, str(ROOT / "images" / "build.py"), "--engine=cluster", "--tests"]
        subprocess.run(command, check=True, timeout=3600)
        listed = self.run("images")
        names = [line.split()[0] for line in listed.splitlines() if "/boresight-" in line]
        for name in sorted({name.removeprefix("localhost/") for name in names}):
            self.run("load", f"{name}:0.1.0", timeout_s=600)

    def has_environment(self) -> bool:
        """Whether the chart is installed."""
        listed = self.attempt("helm", "status", "boresight", f"--namespace={NAMESPACE}")
        return listed.returncode == 0

    def install(self, *options: str, chart: Path = CHART) -> None:
        """Install or upgrade the chart with the local environment's values."""
        self.run(
            "helm",
            "upgrade",
            "--install",
            "boresight",
            str(chart),
            f"--namespace={NAMESPACE}",
            "--create-namespace",
            f"--values={VALUES}",
            *options,
        )

    def wait_ready(self, timeout_s: float = 420.0) -> None:
        """Wait for every Deployment and StatefulSet of the platform.

        Raises
        ------
        ClusterError
            With events and the state of pods, when one does not become ready.
        """
        until_s = time.monotonic() + timeout_s
        listed = self.kubectl(
            "--namespace", NAMESPACE, "get", "deployments,statefulsets", "--output=name"
        )
        for name in listed.split():
            left_s = max(1.0, until_s - time.monotonic())
            done = self.attempt(
                *("kubectl", "--namespace", NAMESPACE, "rollout", "status", name),
                f"--timeout={left_s:.0f}s",
                timeout_s=left_s + 30,
            )
            if done.returncode:
                raise ClusterError(f"{name} is not ready.\n{self.state()}")

    def secret(self, name: str, key: str, namespace: str = NAMESPACE) -> str:
        """Content of a key of a Secret."""
        data = self.get("secret", name, f"--namespace={namespace}")["data"]
        return base64.b64decode(data[key]).decode()

    def authorities(self) -> str:
        """Authority of the origin's certificate (PEM)."""
        found = self.get("configmap", "boresight-ca", f"--namespace={NAMESPACE}")
        return str(found["data"]["ca.crt"])

    def password(self, username: str) -> str:
        """Password of one of the people of the local environment."""
        people = yaml.safe_load(VALUES.read_text())["keycloak"]["people"]
        number = [one["username"] for one in people].index(username)
        return self.secret("boresight-people", f"person-{number}")

    @contextmanager
    def session(
        self,
        username: str,
        authorities: Path,
        *,
        password: str = "",
        start: bool = True,
        profile: str = "",
    ) -> Iterator[HubSession]:
        """``username`` signed in, with a running server if asked for."""
        settings = HubSettings(platform="kubernetes", origin=ORIGIN, authorities_path=authorities)
        with HubSession(settings) as session:
            session.sign_in(username, password or self.password(username))
            if start:
                session.start_server(options={"profile": profile} if profile else None)
            yield session

    @contextmanager
    def keycloak_admin(self) -> Iterator[httpx.Client]:
        """Administration of our realm, past the proxy: from the node, which may."""
        inside = f"http://keycloak.{NAMESPACE}.svc.cluster.local:8080/idp"
        with httpx.Client(timeout=30) as client:
            answer = client.post(
                f"{inside}/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password",
                    "client_id": "admin-cli",
                    "username": "admin",
                    "password": self.secret("boresight-secrets", "keycloak-admin-password"),
                },
            )
            answer.raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            client.base_url = f"{inside}/admin/realms/boresight/"
            yield client

    def on_node(self, *command: str) -> None:
        """Run a command among the node's own mounts."""
        kubelets = [one.pid for one in psutil.process_iter(["name"]) if one.name() == "kubelet"]
        if not kubelets:
            raise ClusterError("no kubelet runs here")
        done = subprocess.run(
            [shutil.which("nsenter") or "", f"--target={kubelets[0]}", "--mount", "--", *command],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode:
            raise ClusterError(f"{' '.join(command)} on the node: {done.stderr}")

    def state(self) -> str:
        """Pods and events, for who has to find out what is wrong."""
        shown = []
        for namespace in (NAMESPACE, USERS):
            for what in (("pods", "--output=wide"), ("events", "--sort-by=.lastTimestamp")):
                shown.append(self.attempt("kubectl", "-n", namespace, "get", *what).stdout[-4000:])
        return "\n".join(shown)


def main(command: str, arguments: list[str]) -> int:
    """Start the node with all images, run something in its network, or stop it."""
    cluster = Cluster()
    if command == "up":
        cluster.up()
        cluster.images()
    elif command == "run":
        return subprocess.run([cluster.program, "in-net", *arguments], check=False).returncode
    elif command == "down":
        cluster.down()
    else:
        sys.stderr.write(f"{command!r} is none of up, run, down\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else "", sys.argv[2:]))
