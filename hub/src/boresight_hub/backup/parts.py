"""What an environment keeps, in parts that can be saved and restored one by one."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from boresight_hub.backup.kubectl import Kubectl
from boresight_hub.errors import ServiceError, StateError

Say = Callable[[str], None]

_HOLDER = "boresight-backup"
_HOME = "/home-of-somebody"
# pg_restore empties the path by which functions find each other, and pgSTAC's, which its tables'
# columns are computed by, rely on it; what is restored is named in full whatever the path
_RESTORE = r"""
set -o pipefail
emptied="SELECT pg_catalog.set_config('search_path', '', false);"
pg_restore --create --exit-on-error --file=- |
sed "s/^$emptied$/SET search_path = pgstac, public;/" |
psql --no-psqlrc --quiet --output=/dev/null --username=postgres --set=ON_ERROR_STOP=1
"""
_IN_DATABASE = ("exec", "statefulset/postgresql", "--container=postgresql", "--stdin", "--")
# as superuser; takes SQL from its input, since arguments are seen in the list of processes
_PSQL = ("psql", "--no-psqlrc", "--quiet", "--username=postgres", "--set=ON_ERROR_STOP=1")


class Part(Protocol):
    """A part of a backup, in a folder of its own."""

    def save(self, folder: Path, say: Say) -> dict[str, int]:
        """Write it; returns what was counted."""
        ...

    def restore(self, folder: Path, say: Say) -> None:
        """Bring it back; what is not in the backup is left as it is, but in databases."""
        ...


class Databases:
    """Databases of the chart's PostgreSQL, each as it was at one moment.

    Parameters
    ----------
    kubectl : Kubectl
    chosen : callable
        Which of the names are of this part.
    users : tuple of str
        Deployments that use them, and are stopped while they are brought back.
    """

    _SUPERUSER = "--username=postgres"

    def __init__(
        self, kubectl: Kubectl, chosen: Callable[[str], bool], users: tuple[str, ...]
    ) -> None:
        self._kubectl, self._chosen, self._users = kubectl, chosen, users

    def save(self, folder: Path, say: Say) -> dict[str, int]:
        """Dump roles and databases."""
        self._check_is_ours()
        names = [name for name in self._names() if self._chosen(name)]
        self._kubectl.save(
            folder / "roles.sql", *_IN_DATABASE, "pg_dumpall", self._SUPERUSER, "--roles-only"
        )
        for name in names:
            say(f"database {name}")
            self._kubectl.save(
                folder / f"{name}.dump",
                *_IN_DATABASE,
                *("pg_dump", self._SUPERUSER, "--format=custom", "--compress=6", name),
            )
        return {"databases": len(names)}

    def restore(self, folder: Path, say: Say) -> None:
        """Replace the databases while nobody uses them."""
        self._check_is_ours()
        known = self._kubectl.get("deployments")["items"]
        replicas = {
            one["metadata"]["name"]: int(one["spec"]["replicas"])
            for one in known
            if one["metadata"]["name"] in self._users
        }
        running = {name: max(1, count) for name, count in replicas.items()}
        say(f"stopping {', '.join(replicas)}")
        self._kubectl.scale(dict.fromkeys(replicas, 0))
        try:
            # roles that are there are told of as errors, and get their passwords all the same
            roles = ("psql", "--quiet", self._SUPERUSER)
            self._kubectl.feed(folder / "roles.sql", *_IN_DATABASE, *roles)
            for path in sorted(folder.glob("*.dump")):
                say(f"database {path.stem}")
                drop = f'DROP DATABASE IF EXISTS "{path.stem}" WITH (FORCE)'
                self._psql("postgres", drop)
                self._kubectl.feed(path, *_IN_DATABASE, "bash", "-c", _RESTORE)
        except BaseException:
            # what went wrong is told at once, and who interrupts it leaves nothing stopped
            self._kubectl.scale(running, wait=False)
            raise
        say(f"starting {', '.join(replicas)}")
        self._kubectl.scale(running)

    def _check_is_ours(self) -> None:
        if not self._kubectl.exists("statefulset", "postgresql"):
            raise ServiceError(
                f"There is no PostgreSQL of the chart's in {self._kubectl.namespace}.",
                remedy="Back up the server that database.host names by its own means, and leave "
                "hub and catalogue out: --only store,homes,secrets.",
            )

    def _names(self) -> list[str]:
        said = self._psql(
            "postgres",
            "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'",
        )
        return sorted(said.split())

    def _psql(self, database: str, sql: str) -> str:
        return self._kubectl.run(
            *(*_IN_DATABASE, *_PSQL, "--tuples-only", "--no-align", f"--dbname={database}"),
            stdin=sql,
        )


class Store:
    """All objects of our buckets, through a pod of the access service."""

    _POD = ("exec", "deployment/access", "--container=access", "--stdin", "--")
    _PROGRAM = ("python", "-m", "boresight_hub.backup.objects")

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def save(self, folder: Path, say: Say) -> dict[str, int]:
        """Write them to one archive, with their types and metadata."""
        say("objects")
        said = self._kubectl.save(folder / "objects.tar", *self._POD, *self._PROGRAM, "dump")
        counted: dict[str, int] = json.loads(said.strip().splitlines()[-1])
        return counted

    def restore(self, folder: Path, say: Say) -> None:
        """Put them where they were; buckets that are gone are made."""
        say("objects")
        self._kubectl.feed(folder / "objects.tar", *self._POD, *self._PROGRAM, "load")


class Homes:
    """The volume of each person's home, through a pod that has it.

    Parameters
    ----------
    kubectl : Kubectl
    namespace : str
        Of people's pods.
    image : str
        With ``tar``.
    group_id : int, optional
        Of the volumes.
    """

    def __init__(self, kubectl: Kubectl, namespace: str, image: str, group_id: int | None) -> None:
        self._kubectl, self._namespace = kubectl, namespace
        self._image, self._group_id = image, group_id

    def save(self, folder: Path, say: Say) -> dict[str, int]:
        """Archive each home; servers go on meanwhile."""
        claims = self._kubectl.get("persistentvolumeclaims", namespace=self._namespace)["items"]
        homes = [claim for claim in claims if claim["metadata"]["name"].startswith("home-")]
        for claim in homes:
            name = claim["metadata"]["name"]
            say(name)
            (folder / f"{name}.json").write_text(json.dumps(_without_state(claim), indent=1))
            with self._held(name, read_only=True) as holder:
                holder.save(folder / f"{name}.tar")
        return {"homes": len(homes)}

    def restore(self, folder: Path, say: Say) -> None:
        """Bring the files back, into new volumes where they are gone."""
        pods = self._kubectl.get(
            *("pods", "--selector=component=singleuser-server"), namespace=self._namespace
        )["items"]
        if pods:
            names = ", ".join(sorted(pod["metadata"]["name"] for pod in pods))
            raise StateError(
                f"Servers run: {names}. A home is brought back while nobody works in it.",
                remedy="Stop them in the hub's admin page, and try again.",
            )
        for path in sorted(folder.glob("home-*.tar")):
            say(path.stem)
            if not self._kubectl.exists("persistentvolumeclaim", path.stem, self._namespace):
                self._kubectl.apply(
                    json.loads(path.with_suffix(".json").read_text()), self._namespace
                )
            with self._held(path.stem, read_only=False) as holder:
                holder.load(path)

    def _held(self, claim: str, *, read_only: bool) -> _Holder:
        return _Holder(self._kubectl, self._namespace, self._pod(claim, read_only=read_only))

    def _pod(self, claim: str, *, read_only: bool) -> dict[str, Any]:
        """Pod that has the volume of ``claim``, and does nothing."""
        security: dict[str, Any] = {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        if self._group_id is not None:
            security["fsGroup"] = self._group_id
            security["fsGroupChangePolicy"] = "OnRootMismatch"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": _HOLDER, "labels": {"app.kubernetes.io/component": "backup"}},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "terminationGracePeriodSeconds": 0,
                "activeDeadlineSeconds": 6 * 3600,
                "securityContext": security,
                "containers": [
                    {
                        "name": "home",
                        "image": self._image,
                        "command": ["sleep", "21600"],
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                            "readOnlyRootFilesystem": True,
                        },
                        "resources": {
                            "requests": {"cpu": "10m", "memory": "32Mi"},
                            "limits": {"memory": "256Mi"},
                        },
                        "volumeMounts": [
                            {"name": "home", "mountPath": _HOME, "readOnly": read_only}
                        ],
                    }
                ],
                "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": claim}}],
            },
        }


class _Holder:
    """The pod of one home, while it is needed."""

    def __init__(self, kubectl: Kubectl, namespace: str, manifest: dict[str, Any]) -> None:
        self._kubectl, self._namespace, self._manifest = kubectl, namespace, manifest

    def __enter__(self) -> _Holder:
        self._delete()
        self._kubectl.apply(self._manifest, self._namespace)
        self._kubectl.run(
            *("wait", f"pod/{_HOLDER}", "--for=condition=Ready", "--timeout=180s"),
            namespace=self._namespace,
            timeout_s=200,
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        self._delete()

    def save(self, path: Path) -> None:
        # the volume's own root is not ours to change at the other end, so it is left out; what
        # changes while it is read is told of (status 1), and is no failure
        script = (
            'cd "$0" || exit 2; find . -mindepth 1 -maxdepth 1 -print0 | '
            "tar --create --file=- --null --files-from=- || [ $? = 1 ]"
        )
        self._kubectl.save(
            path, "exec", _HOLDER, "--", "sh", "-c", script, _HOME, namespace=self._namespace
        )

    def load(self, path: Path) -> None:
        self._kubectl.feed(
            path,
            *("exec", "--stdin", _HOLDER, "--", "tar", "--extract", "--file=-"),
            *(f"--directory={_HOME}", "--no-same-owner"),
            namespace=self._namespace,
        )

    def _delete(self) -> None:
        self._kubectl.run(
            *("delete", "pod", _HOLDER, "--ignore-not-found", "--wait"), namespace=self._namespace
        )


class Secrets:
    """The Secrets that the chart has made; whoever reads them is everybody.

    Parameters
    ----------
    kubectl : Kubectl
    roles : dict of str to str
        Role of the chart's PostgreSQL whose password is under each key of ``boresight-secrets``.
    namespace : str
        Of people's pods.
    """

    NAMES = ("boresight-secrets", "boresight-people", "boresight-tls")
    #: who signed the certificate that is among them: not secret, and read by everybody's pods
    AUTHORITIES = "boresight-ca"

    def __init__(self, kubectl: Kubectl, roles: dict[str, str], namespace: str) -> None:
        self._kubectl, self._roles, self._namespace = kubectl, roles, namespace

    def save(self, folder: Path, say: Say) -> dict[str, int]:
        """Write them, for their owner's eyes only."""
        say("secrets")
        found = [
            _without_state(self._kubectl.get("secret", name))
            for name in self.NAMES
            if self._kubectl.exists("secret", name)
        ]
        if self._kubectl.exists("configmap", self.AUTHORITIES):
            authorities = _without_state(self._kubectl.get("configmap", self.AUTHORITIES))
            (folder / "authorities.json").write_text(json.dumps(authorities))
        path = folder / "secrets.json"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"apiVersion": "v1", "kind": "List", "items": found}, file)
        return {"secrets": len(found)}

    def restore(self, folder: Path, say: Say) -> None:
        """Bring them back; what reads them is started again."""
        say("secrets")
        secrets = json.loads((folder / "secrets.json").read_text())
        self._kubectl.apply(secrets)
        if (folder / "authorities.json").is_file():
            authorities = json.loads((folder / "authorities.json").read_text())
            for namespace in (None, self._namespace):
                self._kubectl.apply(authorities, namespace)
        self._set_passwords(secrets["items"])
        for kind in ("statefulset", "deployment"):
            names = [one["metadata"]["name"] for one in self._kubectl.get(f"{kind}s")["items"]]
            for name in names:
                self._kubectl.run("rollout", "restart", f"{kind}/{name}")
            for name in names:
                say(f"{name} starts again")
                self._kubectl.run(
                    *("rollout", "status", f"{kind}/{name}", "--timeout=600s"), timeout_s=610
                )

    def _set_passwords(self, secrets: list[dict[str, Any]]) -> None:
        """A database keeps the passwords it was made with, and would let nobody in."""
        found = [one["data"] for one in secrets if one["metadata"]["name"] == self.NAMES[0]]
        if not found or not self._kubectl.exists("statefulset", "postgresql"):
            return
        sql = ""
        for key, role in self._roles.items():
            if role and key in found[0]:
                name = role.replace('"', '""')
                word = base64.b64decode(found[0][key]).decode().replace("'", "''")
                sql += f"ALTER ROLE \"{name}\" PASSWORD '{word}';\n"
        self._kubectl.run(*_IN_DATABASE, *_PSQL, stdin=sql)


def _without_state(found: dict[str, Any]) -> dict[str, Any]:
    """The object as it could be made anew."""
    kept = ("name", "labels", "annotations")
    metadata = {key: found["metadata"][key] for key in kept if key in found["metadata"]}
    annotations = metadata.get("annotations", {})
    metadata["annotations"] = {
        key: value for key, value in annotations.items() if not _is_of_the_cluster(key)
    }
    spec = {key: value for key, value in found.get("spec", {}).items() if key != "volumeName"}
    made = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata}
    if spec:
        made["spec"] = spec
    for key in ("type", "data"):
        if key in found:
            made[key] = found[key]
    return made


def _is_of_the_cluster(key: str) -> bool:
    prefixes: Iterable[str] = ("pv.kubernetes.io/", "volume.", "kubectl.kubernetes.io/")
    return any(key.startswith(prefix) for prefix in prefixes)
