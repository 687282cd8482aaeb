"""The first start: secrets, people, Node packages, the S3 server. Later starts find it all there.

Each step leaves either all of its result or nothing, so a first start that was interrupted goes
on at the next one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from boresight_hub.embedded import keycloak, nodejs, people, secrets, versitygw
from boresight_hub.embedded.goprograms import cache_dir
from boresight_hub.reporting import Reporter
from boresight_hub.settings import HubSettings


def is_provisioned(settings: HubSettings) -> bool:
    """Whether a start needs no network."""
    return (
        nodejs.is_installed(settings)
        and versitygw.is_installed(settings)
        and (settings.oidc.kind != "keycloak" or keycloak.is_installed(settings))
    )


def provision(settings: HubSettings, reporter: Reporter) -> None:
    """Make everything a start needs and that is not there.

    Raises
    ------
    ProvisionError
        When something could not be fetched or built.
    """
    _phase(reporter, "keys and people", lambda say: _identities(settings))
    steps: dict[str, Callable[[Callable[[str], None]], object]] = {}
    if not nodejs.is_installed(settings):
        steps["Node packages"] = lambda say: _install_node(settings, say)
    if not versitygw.is_installed(settings):
        steps["S3 server"] = lambda say: versitygw.install(settings, say)
    if settings.oidc.kind == "keycloak":  # also when it is there: it renews its realm file
        steps["Keycloak"] = lambda say: keycloak.install(settings, say)
    if not steps:
        return
    with ThreadPoolExecutor(len(steps)) as pool:
        running = [pool.submit(_phase, reporter, name, step) for name, step in steps.items()]
    for future in running:
        future.result()


def _phase(reporter: Reporter, name: str, step: Callable[[Callable[[str], None]], object]) -> None:
    reporter.begin(name)
    started = time.monotonic()
    step(lambda text: reporter.say(name, text))
    reporter.end(name, time.monotonic() - started)


def _identities(settings: HubSettings) -> None:
    secrets.make_secrets(settings)
    people.ensure_people(settings)
    if settings.oidc.kind == "keycloak":
        keycloak.make_keycloak_secrets(settings)


def _install_node(settings: HubSettings, say: Callable[[str], None]) -> None:
    """Install the Node packages, from the account's cache when another environment has them."""
    kept = cache_dir() / f"node-{_lock_digest()}"
    target = nodejs.node_directory(settings)
    if _is_ours(kept) and not target.exists():
        say("taken from the cache")
        _copy(kept, target)
        if nodejs.is_installed(settings):
            return
    nodejs.install(settings, say)
    if not kept.exists():
        try:
            _copy(target, kept)
        except OSError:
            say("kept for this environment only: the cache cannot be written")


def _lock_digest() -> str:
    lock = Path(nodejs.__file__).with_name("node") / "package-lock.json"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16]


def _is_ours(folder: Path) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _copy(source: Path, target: Path) -> None:
    """Copy a folder in one step."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copytree(source, temporary, symlinks=True)
        temporary.chmod(0o700)
        if not target.exists():
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
