"""Where tasks leave files for each other: a bucket, or a folder that all of them see."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from boresight import access
from boresight.errors import AccessError
from boresight.io import whole_or_nothing
from boresight.workflows.targets import CatalogueTarget, FolderTarget, Target


class Storage(Protocol):
    """Objects by key. Travels to workers, so it holds names and no connection."""

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        """Store a file, whole or not at all."""
        ...

    def get(self, key: str, path: Path) -> None:
        """Fetch an object to a file."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        ...

    def size(self, key: str) -> int | None:
        """Size of an object [byte]; None when it is absent."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is absent is no error."""
        ...

    def delete_below(self, prefix: str) -> None:
        """Remove every object whose key starts with ``prefix/``."""
        ...


@dataclass(frozen=True)
class BucketStorage:
    """A bucket of the environment, by the credentials of whoever's worker this is.

    Parameters
    ----------
    bucket : str
    """

    bucket: str = "products"

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        """Store a file, whole or not at all."""
        access.upload(path, self._uri(key), content_type=media_type)

    def get(self, key: str, path: Path) -> None:
        """Fetch an object to a file."""
        access.download(self._uri(key), path)

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        return bool(access.exists(self._uri(key)))

    def size(self, key: str) -> int | None:
        """Size of an object [byte]; None when it is absent."""
        info = access.object_info(self._uri(key))
        return None if info is None else int(info["size"])

    def delete(self, key: str) -> None:
        """Remove an object; one that is absent is no error."""
        access.delete(self._uri(key))

    def delete_below(self, prefix: str) -> None:
        """Remove every object whose key starts with ``prefix/``."""
        access.delete_prefix(self._uri(prefix))

    def _uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


@dataclass(frozen=True)
class FolderStorage:
    """A folder that the caller and all workers see under one path.

    Parameters
    ----------
    folder : str
    """

    folder: str

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        """Store a file, whole or not at all."""
        del media_type
        goal = Path(self.folder) / key
        goal.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_nothing(goal) as draft:
            shutil.copyfile(path, draft)

    def get(self, key: str, path: Path) -> None:
        """Fetch an object to a file."""
        source = Path(self.folder) / key
        if not source.is_file():
            raise AccessError(f"{source} does not exist.", remedy="Run the job again.")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        return (Path(self.folder) / key).is_file()

    def size(self, key: str) -> int | None:
        """Size of an object [byte]; None when it is absent."""
        path = Path(self.folder) / key
        return path.stat().st_size if path.is_file() else None

    def delete(self, key: str) -> None:
        """Remove an object; one that is absent is no error."""
        (Path(self.folder) / key).unlink(missing_ok=True)

    def delete_below(self, prefix: str) -> None:
        """Remove every object whose key starts with ``prefix/``."""
        shutil.rmtree(Path(self.folder) / prefix, ignore_errors=True)


def storage_of(target: Target) -> Storage:
    """Storage in which the objects of ``target`` lie."""
    if isinstance(target, FolderTarget):
        return FolderStorage(str(target.folder))
    if isinstance(target, CatalogueTarget):
        return BucketStorage(target.bucket)
    raise TypeError(f"{type(target).__name__}: no storage is known for it")
