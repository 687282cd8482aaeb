"""Where a workflow publishes: the environment's catalogue and buckets, or a folder.

A target takes objects by key and items by collection. :func:`publish` puts objects first and items
last, and takes back what it uploaded when something fails.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pystac

from boresight import access
from boresight.errors import BoresightError, CatalogueError
from boresight.io import file_checksum, whole_or_nothing

Progress = Callable[[float, str], None]


class Target(Protocol):
    """Objects by key, items by collection."""

    def href(self, key: str) -> str:
        """Address of an object as catalogues carry it."""
        ...

    def item_href(self, collection: str, item_id: str) -> str:
        """Address of an item."""
        ...

    def check_collection(self, collection: str) -> None:
        """Raise CatalogueError unless there is such a collection."""
        ...

    def find_item(self, collection: str, item_id: str) -> pystac.Item | None:
        """Item as published, or None."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        ...

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        """Upload a file, whole or not at all."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object."""
        ...

    def publish_item(self, item: pystac.Item) -> None:
        """Create or replace an item of its collection."""
        ...


class CatalogueTarget:
    """The environment the user is signed in to.

    Parameters
    ----------
    bucket : str
        ``catalogue`` (source imagery) or ``products``.
    """

    def __init__(self, bucket: str = "catalogue") -> None:
        self.bucket = bucket

    def href(self, key: str) -> str:
        """Address of an object as catalogues carry it."""
        return access.to_href(self._uri(key))

    def item_href(self, collection: str, item_id: str) -> str:
        """Address of an item."""
        base = access.Environment.from_env().stac_url.rstrip("/")
        return f"{base}/collections/{collection}/items/{item_id}"

    def check_collection(self, collection: str) -> None:
        """Raise CatalogueError unless there is such a collection."""
        known = sorted(c.id for c in access.open_catalog().get_collections())
        if collection not in known:
            raise CatalogueError(
                f"There is no collection {collection!r} that you may read.",
                remedy=f"Choose one of: {', '.join(known) or 'none is open to your groups'}.",
            )

    def find_item(self, collection: str, item_id: str) -> pystac.Item | None:
        """Item as published, or None."""
        catalog = access.open_catalog()
        found = list(catalog.search(collections=[collection], ids=[item_id], limit=1).items())
        return found[0] if found else None

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        return bool(access.exists(self._uri(key)))

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        """Upload a file, whole or not at all."""
        access.upload(path, self._uri(key), content_type=media_type)

    def delete(self, key: str) -> None:
        """Remove an object."""
        access.delete(self._uri(key))

    def publish_item(self, item: pystac.Item) -> None:
        """Create or replace an item of its collection."""
        access.publish_item(item)

    def _uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


class FolderTarget:
    """A folder: objects as files, items as JSON beside them. For use without an environment.

    Parameters
    ----------
    folder : Path
        Made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def href(self, key: str) -> str:
        """Address of an object as catalogues carry it."""
        return str(self.folder / key)

    def item_href(self, collection: str, item_id: str) -> str:
        """Address of an item."""
        return str(self.folder / collection / item_id / f"{item_id}.json")

    def find_item(self, collection: str, item_id: str) -> pystac.Item | None:
        """Item as published, or None."""
        path = Path(self.item_href(collection, item_id))
        return pystac.Item.from_file(path) if path.is_file() else None

    def check_collection(self, collection: str) -> None:
        """Raise CatalogueError when the name cannot be a folder's."""
        if collection != Path(collection).name:
            raise CatalogueError(f"{collection!r} cannot name a collection: it is a path.")

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        return (self.folder / key).is_file()

    def put(self, path: Path, key: str, media_type: str | None = None) -> None:
        """Upload a file, whole or not at all."""
        goal = self.folder / key
        goal.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_nothing(goal) as draft:
            shutil.copyfile(path, draft)

    def delete(self, key: str) -> None:
        """Remove an object."""
        (self.folder / key).unlink(missing_ok=True)

    def publish_item(self, item: pystac.Item) -> None:
        """Create or replace an item of its collection."""
        if item.collection_id is None:
            raise CatalogueError(f"{item.id} names no collection; the rule is one.")
        goal = Path(self.item_href(item.collection_id, item.id))
        goal.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_nothing(goal) as draft:
            draft.write_text(
                json.dumps(item.to_dict(transform_hrefs=False), indent=1), encoding="utf-8"
            )


@dataclass(frozen=True)
class Draft:
    """An item and the files of its assets.

    Parameters
    ----------
    item : pystac.Item
        With assets whose href is a key until it is published.
    files : dict of str to Path
        File of each asset, by asset name.
    """

    item: pystac.Item
    files: Mapping[str, Path] = field(default_factory=dict)


def publish(
    drafts: Sequence[Draft], target: Target, progress: Progress | None = None
) -> list[pystac.Item]:
    """Upload the files of ``drafts``, then publish their items.

    A file whose checksum the published item already carries is not uploaded again. When anything
    fails, new objects that no published item names are removed.

    Parameters
    ----------
    drafts : sequence of Draft
        Items with ``file:checksum`` in their assets.
    target : Target
        Where to.
    progress : callable, optional
        Called with the share done and what is being done.
    """
    report = progress or (lambda _share, _what: None)
    new_keys: dict[str, str] = {}
    total = sum(len(draft.files) for draft in drafts) or 1
    done = 0
    try:
        for draft in drafts:
            known = _published_checksums(draft.item, target)
            for name, path in draft.files.items():
                asset = draft.item.assets[name]
                key = asset.href
                checksum = str(asset.extra_fields.get("file:checksum") or file_checksum(path))
                there = target.exists(key)
                if not there or known.get(name) != checksum:
                    if not there:
                        new_keys[key] = draft.item.id
                    report(done / total, f"uploading {Path(key).name}")
                    target.put(path, key, asset.media_type)
                asset.href = target.href(key)
                done += 1
        for draft in drafts:
            report(1.0, f"publishing {draft.item.id}")
            target.publish_item(draft.item)
            new_keys = {key: owner for key, owner in new_keys.items() if owner != draft.item.id}
    except BaseException:
        # the first error is the one to tell, and a store that is away is not waited for key by key
        with contextlib.suppress(BoresightError, OSError):
            for key in new_keys:
                target.delete(key)
        raise
    return [draft.item for draft in drafts]


def _published_checksums(item: pystac.Item, target: Target) -> dict[str, str]:
    found = target.find_item(str(item.collection_id), item.id)
    if found is None:
        return {}
    return {
        name: str(asset.extra_fields.get("file:checksum"))
        for name, asset in found.assets.items()
        if asset.extra_fields.get("file:checksum")
    }
