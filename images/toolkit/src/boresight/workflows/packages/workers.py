"""A person's own packages on the workers of their clusters.

A kernel that has packages of its person's own (``boresight packages``) hands them to each cluster
it connects to. Workers that see the home take them from there; the others fetch an archive from
the person's own prefix of the object store, with the person's own credentials.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Client
from distributed.diagnostics.plugin import WorkerPlugin

from boresight.access import Environment, exists, read_bytes, upload
from boresight.errors import ComputeError
from boresight.workflows.ownprefix import own_prefix
from boresight.workflows.packages.environment import FOLDER_VARIABLE

#: Keeps an archive under a name for workers that do not see the home, unless it is there already.
Publish = Callable[[Path, str], str]


class OwnPackages(WorkerPlugin):
    """Makes a folder of packages importable on each worker.

    Parameters
    ----------
    folder : str
        Where they lie for those that see it.
    digest : str
        Of the lock they were built of.
    href : str
        ``s3://`` address of an archive for the others; empty when all see the folder.
    """

    name = "boresight-own-packages"

    def __init__(self, folder: str, digest: str, href: str) -> None:
        self._folder = folder
        self._digest = digest
        self._href = href

    def setup(self, worker: Any) -> None:
        """Add the packages behind those of the image."""
        folder = Path(self._folder)
        if not folder.is_dir():
            folder = self._fetch(Path(worker.local_directory))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))

    def _fetch(self, scratch: Path) -> Path:
        target = scratch / f"own-packages-{self._digest[:12]}"
        if target.is_dir():
            return target
        if not self._href:
            raise ComputeError(
                f"{self._folder} is not there on this worker, and nothing was published for it.",
                remedy="Connect to the cluster anew: boresight.compute.connect(name).",
            )
        with tempfile.TemporaryDirectory(dir=scratch) as name:
            archive = Path(name) / "packages.tar.gz"
            archive.write_bytes(read_bytes(self._href))
            draft = Path(name) / "packages"
            with tarfile.open(archive) as opened:
                opened.extractall(draft, filter="data")
            draft.rename(target)
        return target


def attach_own_packages(client: Client, publish: Publish | None = None) -> bool:
    """Have the workers of a cluster import what this kernel imports; whether there is any.

    Parameters
    ----------
    client : distributed.Client
    publish : callable, optional
        Default: the person's own prefix.

    Raises
    ------
    ComputeError
        When workers cannot get them.
    """
    packages = own_packages()
    if packages is None:
        return False
    folder, digest = packages
    sees = client.run_on_scheduler(_is_folder, str(folder))
    href = "" if sees else _published(folder, digest, publish or _publish)
    told = client.register_plugin(OwnPackages(str(folder), digest, href))
    problems = [one for one in told.values() if one.get("status") == "error"]
    if problems:
        raise ComputeError(
            f"The workers have not taken your packages: {problems[0].get('exception')}",
            remedy="See them with: boresight packages list.",
        )
    return True


def own_packages() -> tuple[Path, str] | None:
    """Folder of the packages of this process, and the digest of their lock; None without any."""
    root = os.environ.get(FOLDER_VARIABLE, "")
    if not root:
        return None
    found = sorted((Path(root) / "current" / "lib").glob("python*/site-packages"))
    try:
        lock = (Path(root) / "lock.txt").read_bytes()
    except OSError:
        return None
    # not the link: it is another folder after the next change
    return (found[-1].resolve(), hashlib.sha256(lock).hexdigest()) if found else None


def _published(folder: Path, digest: str, publish: Publish) -> str:
    with tempfile.TemporaryDirectory(prefix="boresight-") as name:
        archive = Path(name) / "packages.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as opened:
            for path in sorted(folder.iterdir()):
                # the link to the base means nothing elsewhere: a worker has its own
                if path.name != "boresight-base.pth":
                    opened.add(path, path.name, filter=_plain)
        return publish(archive, digest)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "__pycache__" in member.name:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _publish(archive: Path, digest: str) -> str:
    href = f"{own_prefix(Environment.from_env())}/.boresight/packages/{digest}.tar.gz"
    if not exists(href):
        upload(archive, href, content_type="application/gzip")
    return href


def _is_folder(path: str) -> bool:
    return Path(path).is_dir()
