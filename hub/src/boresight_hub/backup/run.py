"""A backup as a folder: its parts, each with its files, and a manifest that is written last."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from boresight_hub import __version__
from boresight_hub.backup.kubectl import Kubectl
from boresight_hub.backup.parts import Databases, Homes, Part, Secrets, Store
from boresight_hub.errors import StateError

MANIFEST = "manifest.json"
_FORMAT = 1
#: in the order in which they are restored
PARTS = ("secrets", "hub", "catalogue", "store", "homes")

Tell = Callable[[str, str], None]


def parts_of(kubectl: Kubectl) -> dict[str, Part]:
    """Parts of the environment in the namespace of ``kubectl``.

    Raises
    ------
    StateError
        When there is none.
    """
    if not kubectl.exists("configmap", "boresight-settings"):
        raise StateError(
            f"There is no Boresight in the namespace {kubectl.namespace}.",
            remedy="Name it with --namespace; install the chart first, if it is gone.",
        )
    settings = kubectl.get("configmap", "boresight-settings")["data"]
    pods = json.loads(settings["BORESIGHT_KUBERNETES"])
    catalogue = settings["BORESIGHT_STAC__PGSTAC__DATABASE"]
    return {
        "secrets": Secrets(
            kubectl,
            {
                "postgres-password": "postgres",
                "hub-db-password": settings["BORESIGHT_DATABASE__USER"],
                "access-database-password": settings["BORESIGHT_ACCESS__LEDGER__USER"],
                "pgstac-password": settings["BORESIGHT_STAC__PGSTAC__USER"],
                "keycloak-db-password": _role_of_keycloak(kubectl),
            },
            pods["namespace"],
        ),
        "hub": Databases(
            kubectl,
            lambda name: name != catalogue,
            ("hub", "culler", "access", "keycloak", "dask-gateway"),
        ),
        "catalogue": Databases(kubectl, lambda name: name == catalogue, ("stac",)),
        "store": Store(kubectl),
        "homes": Homes(kubectl, pods["namespace"], pods["image"], pods["group_id"]),
    }


def _role_of_keycloak(kubectl: Kubectl) -> str:
    """Role of the chart's Keycloak; empty when the provider is another one."""
    if not kubectl.exists("deployment", "keycloak"):
        return ""
    (container,) = kubectl.get("deployment", "keycloak")["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one.get("value", "") for one in container["env"]}
    return str(given["KC_DB_USERNAME"])


def save(kubectl: Kubectl, folder: Path, only: tuple[str, ...], tell: Tell) -> dict[str, Any]:
    """Save the parts ``only`` into ``folder``, which is new; returns the manifest.

    Raises
    ------
    BoresightError
        With what went wrong; the folder then has no manifest, and is not taken for a backup.
    """
    parts = parts_of(kubectl)
    if folder.exists() and any(folder.iterdir()):
        raise StateError(
            f"{folder} is not empty; a backup is a folder of its own.", remedy="Name a new one."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    manifest: dict[str, Any] = {
        "format": _FORMAT,
        "version": __version__,
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "namespace": kubectl.namespace,
        "parts": {},
    }
    for name in only:
        began_s = time.monotonic()
        place = folder / name
        place.mkdir(mode=0o700)
        counted = parts[name].save(place, partial(tell, name))
        files: dict[str, dict[str, Any]] = {
            path.name: {"bytes": path.stat().st_size, "sha256": _checksum(path)}
            for path in sorted(place.iterdir())
        }
        seconds = round(time.monotonic() - began_s, 1)
        manifest["parts"][name] = {"counted": counted, "seconds": seconds, "files": files}
        size_mb = sum(one["bytes"] for one in files.values()) / 1e6
        tell(name, f"done: {_words(counted)}, {size_mb:.1f} MB, {seconds:.1f} s")
    draft = folder / f"{MANIFEST}.draft"
    draft.write_text(json.dumps(manifest, indent=1))
    draft.rename(folder / MANIFEST)
    return manifest


def restore(kubectl: Kubectl, folder: Path, only: tuple[str, ...], tell: Tell) -> dict[str, float]:
    """Bring the parts ``only`` back; returns the time of each [s]."""
    manifest = check(folder, only, tell)
    parts = parts_of(kubectl)
    took: dict[str, float] = {}
    for name in PARTS:
        if name not in only or name not in manifest["parts"]:
            continue
        began_s = time.monotonic()
        parts[name].restore(folder / name, partial(tell, name))
        took[name] = round(time.monotonic() - began_s, 1)
        tell(name, f"done: {took[name]:.1f} s")
    return took


def check(folder: Path, only: tuple[str, ...], tell: Tell) -> dict[str, Any]:
    """Read the manifest, and every file against it.

    Raises
    ------
    StateError
        When it is no backup, of a newer version, or was changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise StateError(
            f"{folder} is no backup: it has no {MANIFEST}, which is written last.",
            remedy="Name one that was finished.",
        )
    manifest: dict[str, Any] = json.loads(path.read_text())
    if manifest["format"] > _FORMAT:
        raise StateError(
            f"{folder} has format {manifest['format']}; this version knows up to {_FORMAT}.",
            remedy="Use the version that wrote it, or a newer one.",
        )
    missing = [name for name in only if name not in manifest["parts"]]
    if missing:
        raise StateError(
            f"{folder} has no {', '.join(missing)}; it has {', '.join(manifest['parts'])}.",
            remedy="Choose others with --only.",
        )
    for name in only:
        tell(name, "checking")
        for file, about in manifest["parts"][name]["files"].items():
            found = folder / name / file
            if not found.is_file() or _checksum(found) != about["sha256"]:
                raise StateError(
                    f"{found} is not what was saved (SHA-256).",
                    remedy="Take another backup; nothing was restored.",
                )
    return manifest


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _words(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counted.items())
