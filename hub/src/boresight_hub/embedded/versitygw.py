"""The S3 server: versitygw, built once, run as two processes.

``s3-iam`` keeps the users and their policies and answers the IAM interface; ``s3`` is the gateway
that people talk to and asks ``s3-iam``, over a socket that only our account can open, who
somebody is. The objects are plain files below ``STATE/s3/data``, one folder a bucket.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from boresight_hub.embedded.plan import Command, write_private
from boresight_hub.errors import ProvisionError, SettingsError
from boresight_hub.settings import HubSettings

VERSION = "v1.8.0"
_MODULE = "github.com/versity/versitygw/cmd/versitygw"
_BUILD_TIMEOUT_S = 1200.0
#: Packages compiled for the version above, the standard library's included (counted with -v).
_PACKAGES = 630
_SOCKET = "s3-iam.sock"
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


def binary(settings: HubSettings) -> Path:
    """Path of the server."""
    return settings.state_dir / "bin" / "versitygw"


def is_installed(settings: HubSettings) -> bool:
    """Whether the server is there, in the version we want."""
    return _is_good(binary(settings))


def install(settings: HubSettings, progress: Callable[[str], None] | None = None) -> Path:
    """Build the server unless it is there; returns its path.

    Raises
    ------
    ProvisionError
        When it cannot be fetched or built.
    """
    target = binary(settings)
    if _is_good(target):
        return target
    say = progress or (lambda text: None)
    kept = cache_dir() / f"versitygw-{VERSION}-{platform.machine()}" / "versitygw"
    if not (_is_ours(kept) and _is_good(kept)):
        built = _build(settings, say)
        try:
            _place(built, target)
        finally:
            shutil.rmtree(settings.state_dir / "cache", ignore_errors=True)
        try:
            _place(target, kept)
        except OSError:
            say("kept for this environment only: the cache cannot be written")
        return target
    say("taken from the cache")
    _place(kept, target)
    return target


def _stamp(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _is_good(path: Path) -> bool:
    try:
        stamp = json.loads(_stamp(path).read_text())
        return bool(
            stamp["version"] == VERSION
            and path.stat().st_size == stamp["size"]
            and os.access(path, os.X_OK)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_ours(path: Path) -> bool:
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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _place(source: Path, target: Path) -> None:
    """Copy ``source`` to ``target`` in one step, then stamp it."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(0o700)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    stamp = {"version": VERSION, "sha256": _sha256(target), "size": target.stat().st_size}
    write_private(_stamp(target), json.dumps(stamp))


def _go() -> tuple[Path, Path]:
    """Go's own root folder and program, from its wheel."""
    spec = importlib.util.find_spec("go")
    root = Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
    program = root / "bin" / "go"
    if not program.exists():
        raise ProvisionError(
            "The Go tool, which builds the S3 server, is not installed.",
            remedy="Install the environment again (uv sync): Go is part of it.",
        )
    return root, program


def _build(settings: HubSettings, say: Callable[[str], None]) -> Path:
    root, program = _go()
    work = settings.folder("cache")
    shutil.rmtree(work / "gobin", ignore_errors=True)
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
    say(f"fetching the sources of versitygw {VERSION}")
    process = subprocess.Popen(
        [str(program), "install", "-v", "-ldflags=-s -w", f"{_MODULE}@{VERSION}"],
        cwd=work,
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
                say(f"compiling: {min(99, 100 * compiled // _PACKAGES)} %")
            elif line:
                last.append(line)
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        late.cancel()
    built = work / "gobin" / "versitygw"
    if code != 0 or not built.exists():
        shutil.rmtree(work, ignore_errors=True)
        raise ProvisionError(
            f"The S3 server (versitygw {VERSION}) could not be fetched and built: "
            f"{' '.join(last)[-600:] or f'go ended with exit code {code}'}",
            remedy="The first start fetches its sources and needs a Go module proxy: see the "
            "network, a proxy (HTTPS_PROXY) or GOPROXY, then start again. Later starts need no "
            "network.",
        )
    return built


def supports_xattrs(folder: Path) -> bool:
    """Whether files in ``folder`` can carry user attributes, where S3 metadata is kept."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".xattr-") as probe:
        try:
            os.setxattr(probe.name, "user.boresight", b"1")
        except OSError:
            return False
    return True


def _base_env(settings: HubSettings, env: dict[str, str]) -> dict[str, str]:
    # Go gives memory back sooner; the store is rarely the one that is short of time
    return {**env, "VGW_REGION": settings.s3.region, "GOGC": "50"}


_ROOT_KEYS = {"ROOT_ACCESS_KEY": "s3-root-access-key", "ROOT_SECRET_KEY": "s3-root-secret-key"}


def iam_command(settings: HubSettings, env: dict[str, str]) -> Command:
    """Process that keeps users and policies."""
    return Command(
        argv=[
            str(binary(settings)),
            "--port",
            f"{settings.host}:{settings.port_of('s3_iam')}",
            "iam",
            "--dir",
            str(settings.folder("s3") / "iam"),
            # relative to the working folder: a socket's path may have no more than 107 characters
            "--private-ports",
            _SOCKET,
            "--private-socket-perm",
            "0600",
            "--quiet",
        ],
        env=_base_env(settings, env),
        secret_env=_ROOT_KEYS,
        cwd=str(settings.folder("s3")),
    )


def s3_command(settings: HubSettings, env: dict[str, str]) -> Command:
    """The gateway itself."""
    folder = settings.folder("s3")
    data, sidecar = folder / "data", folder / "meta"
    for path in (data, folder / "iam"):
        path.mkdir(mode=0o700, exist_ok=True)
    # once chosen it stays: the metadata of what is stored is there
    if not sidecar.exists() and not supports_xattrs(data):
        sidecar.mkdir(mode=0o700)
    options = ["--sidecar", str(sidecar)] if sidecar.exists() else []
    return Command(
        argv=[
            str(binary(settings)),
            "--port",
            f"{settings.host}:{settings.port_of('s3')}",
            "--health",
            "/health",
            "--quiet",
            "--keep-alive",
            "--iam-standalone-endpoint",
            f"../{_SOCKET}",
            "posix",
            "--dir-perms",
            "0700",
            "--file-perms",
            "0600",
            *options,
            str(data),
        ],
        env=_base_env(settings, env),
        secret_env=_ROOT_KEYS,
        # versitygw goes there by itself; the socket's path is relative to it
        cwd=str(data),
    )


def bucket_paths(settings: HubSettings) -> list[Path]:
    """Folders of the buckets an environment has."""
    data = settings.state_dir / "s3" / "data"
    s3 = settings.s3
    return [data / name for name in (s3.catalogue_bucket, s3.products_bucket, s3.home_bucket)]


def make_buckets(settings: HubSettings) -> None:
    """Make the buckets that are missing. They are private: only root and policies reach them.

    Raises
    ------
    SettingsError
        When the server refuses a bucket's name.
    """
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from botocore.session import Session

    client = Session().create_client(
        "s3",
        endpoint_url=settings.s3_url,
        region_name=settings.s3.region,
        aws_access_key_id=settings.secret("s3-root-access-key"),
        aws_secret_access_key=settings.secret("s3-root-secret-key"),
        config=Config(
            s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=10, proxies={}
        ),
    )
    for path in bucket_paths(settings):
        try:
            client.create_bucket(Bucket=path.name)
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            # one of another root, such as of before a restore, is as good if it can be used
            is_ours = code == "BucketAlreadyOwnedByYou" or (
                code == "BucketAlreadyExists" and _can_use(client, path.name)
            )
            if not is_ours:
                raise SettingsError(
                    f"The bucket {path.name!r} was refused: {code}.",
                    remedy="Choose another name (BORESIGHT_S3__*_BUCKET).",
                ) from exc


def _can_use(client: Any, bucket: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def main() -> int:
    """Make the buckets of the environment this process belongs to."""
    try:
        make_buckets(HubSettings())
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
