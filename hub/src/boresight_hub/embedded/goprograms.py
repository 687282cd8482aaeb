"""Programs written in Go: built once an account from their sources, then taken from its cache."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from boresight_hub.embedded.plan import write_private
from boresight_hub.errors import ProvisionError
from boresight_hub.settings import HubSettings

_BUILD_TIMEOUT_S = 1800.0
# what a build may need from the outside: proxies, certificates, a module proxy of the site's own
_PASSED_ON = re.compile(
    r"^(PATH|HOME|TMPDIR|LANG|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_\w+|BORESIGHT_SUPERVISED"
    r"|GO(PROXY|SUMDB|NOSUMDB|NOSUMCHECK|NOPROXY|PRIVATE|INSECURE|AUTH|VCS|ENV))$",
    re.IGNORECASE,
)


def cache_dir() -> Path:
    """Folder in which what was built or fetched is kept for other environments of this account."""
    chosen = os.environ.get("BORESIGHT_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("boresight")


@dataclass(frozen=True)
class GoProgram:
    """A program, and how it is built.

    Attributes
    ----------
    name : str
        Of the program.
    version : str
    title : str
        What people call it, at the beginning of a sentence.
    package : str
        Go package that is built.
    packages : int
        Packages compiled for it, the standard library's included (counted with -v).
    why : str
        Beginning of a sentence that says when it is fetched.
    module_dir : Path, optional
        Folder with ``go.mod`` and ``go.sum``, by which everything it is built from is fixed;
        without it the package is fetched at its version.
    """

    name: str
    version: str
    title: str
    package: str
    packages: int
    why: str
    module_dir: Path | None = None

    def path(self, settings: HubSettings) -> Path:
        """Path of the program in an environment."""
        return settings.state_dir / "bin" / self.name

    def is_installed(self, settings: HubSettings) -> bool:
        """Whether the program is there, in the version we want."""
        return self.is_good(self.path(settings))

    def kept(self) -> Path:
        """Path of the program in the account's cache."""
        return cache_dir() / f"{self.name}-{self.version}-{platform.machine()}" / self.name

    def install(self, settings: HubSettings, progress: Callable[[str], None] | None = None) -> Path:
        """Build the program unless it is there; returns its path.

        Raises
        ------
        ProvisionError
            When it cannot be fetched or built.
        """
        target = self.path(settings)
        if self.is_good(target):
            return target
        say = progress or (lambda text: None)
        kept = self.kept()
        if not (self._is_ours(kept) and self.is_good(kept)):
            work = settings.folder("cache") / self.name
            work.mkdir(mode=0o700, exist_ok=True)
            try:
                self.place(self.build(work, say), target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            try:
                self.place(target, kept)
            except OSError:
                say("kept for this environment only: the cache cannot be written")
            return target
        say("taken from the cache")
        self.place(kept, target)
        return target

    def is_good(self, path: Path) -> bool:
        """Whether ``path`` is the program in the version we want, as a whole."""
        try:
            stamp = json.loads(_stamp(path).read_text())
            return bool(
                stamp["version"] == self.version
                and path.stat().st_size == stamp["size"]
                and os.access(path, os.X_OK)
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def place(self, source: Path, target: Path) -> None:
        """Copy ``source`` to ``target`` in one step, then stamp it."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(source, temporary)
            temporary.chmod(0o700)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        stamp = {
            "version": self.version,
            "sha256": _sha256(target),
            "size": target.stat().st_size,
        }
        write_private(_stamp(target), json.dumps(stamp))

    def build(self, work: Path, say: Callable[[str], None]) -> Path:
        """Build the program in the folder ``work``; returns where it lies there.

        Raises
        ------
        ProvisionError
            When it cannot be fetched or built.
        """
        root, program = _go(self.title)
        env = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
        env |= {
            "GOROOT": str(root),
            "GOPATH": str(work / "gopath"),
            "GOCACHE": str(work / "gocache"),
            "GOBIN": str(work / "gobin"),
            "GOFLAGS": "-buildvcs=false -modcacherw -trimpath",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        say(f"fetching the sources of {self.name} {self.version}")
        code, last = self._compile(
            [str(program), *self._arguments(work)], env, self._folder(work), say
        )
        built = work / "gobin" / self.name
        if code != 0 or not built.exists():
            raise ProvisionError(
                f"{self.title} ({self.name} {self.version}) could not be fetched and built: "
                f"{last[-600:] or f'go ended with exit code {code}'}",
                remedy=f"{self.why} and needs a Go module proxy: see the network, a proxy "
                "(HTTPS_PROXY) or GOPROXY, then start again. Later starts need no network.",
            )
        return built

    def _folder(self, work: Path) -> Path:
        if self.module_dir is None:
            return work
        # go locks its files, and an installed package may be read-only
        module = work / "module"
        module.mkdir(exist_ok=True)
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(self.module_dir / name, module / name)
        return module

    def _arguments(self, work: Path) -> list[str]:
        if self.module_dir is None:
            return ["install", "-v", "-ldflags=-s -w", f"{self.package}@{self.version}"]
        target = str(work / "gobin" / self.name)
        return ["build", "-v", "-mod=readonly", "-ldflags=-s -w", "-o", target, self.package]

    def _compile(
        self, command: list[str], env: dict[str, str], folder: Path, say: Callable[[str], None]
    ) -> tuple[int, str]:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        late = threading.Timer(_BUILD_TIMEOUT_S, process.kill)
        late.start()
        last: deque[str] = deque(maxlen=8)
        fetched = compiled = 0
        try:
            for line in process.stderr or ():
                line = line.strip()
                if line.startswith("go: downloading"):
                    fetched += 1
                    say(f"fetching sources: {fetched} modules")
                elif re.fullmatch(r"[\w.~/-]+", line):
                    compiled += 1
                    say(f"compiling: {min(99, 100 * compiled // self.packages)} %")
                elif line:
                    last.append(line)
            return process.wait(), " ".join(last)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            late.cancel()

    def _is_ours(self, path: Path) -> bool:
        """Whether nobody else can have put ``path`` there, and it is what its stamp says."""
        try:
            for part in (path, path.parent, _stamp(path)):
                status = part.stat()
                if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                    return False
            stamp = json.loads(_stamp(path).read_text())
            return bool(_sha256(path) == stamp["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            return False


def _stamp(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _go(title: str) -> tuple[Path, Path]:
    """Go's own root folder and program, from its wheel."""
    spec = importlib.util.find_spec("go")
    root = Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
    program = root / "bin" / "go"
    if not program.exists():
        raise ProvisionError(
            f"The Go tool, which builds what is needed ({title}), is not installed.",
            remedy="Install the environment again (uv sync): Go is part of it.",
        )
    return root, program
