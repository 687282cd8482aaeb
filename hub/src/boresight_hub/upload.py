"""Bring files of this machine into a person's home, through their server, as Lab does it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from boresight_hub.errors import BoresightError, ServiceError
from boresight_hub.session import HubSession

_CHUNK_BYTES = 8 * 2**20
_TRIES = 3


def upload_folder(
    session: HubSession,
    source: Path,
    target: str,
    progress: Callable[[str], None] = lambda _text: None,
) -> None:
    """Copy the files of ``source`` (not its folders) to ``target`` in the home.

    Parameters
    ----------
    session : HubSession
        Signed in, with a running server.
    source : Path
        Folder on this machine.
    target : str
        Folder below the home; made where it is missing.
    progress : callable
        Told of each file.

    Raises
    ------
    BoresightError
        When there is nothing to copy, or a file does not arrive whole.
    """
    files = sorted(path for path in source.expanduser().iterdir() if path.is_file())
    if not files:
        raise BoresightError(f"{source} holds no files.", remedy="Name a folder with files.")
    make_folders(session, target)
    for number, path in enumerate(files, start=1):
        progress(f"{path.name} ({number} of {len(files)}, {path.stat().st_size / 1e6:.1f} MB)")
        _upload(session, path, f"{target}/{path.name}")


def make_folders(session: HubSession, folder: str) -> None:
    """Make ``folder`` in the home, and those above it."""
    made = ""
    for part in folder.split("/"):
        made = f"{made}/{part}".lstrip("/")
        # 409: it is there
        session.server_api(
            "PUT", f"contents/{quote(made)}", expect=(200, 201, 409), json={"type": "directory"}
        )


def _upload(session: HubSession, path: Path, target: str) -> None:
    """Copy one file. Chunks are appended, so after a repeated one the size is wrong: once more."""
    size = path.stat().st_size
    for _ in range(_TRIES):
        with path.open("rb") as file:
            chunk = file.read(_CHUNK_BYTES)
            number = 1
            while True:
                following = file.read(_CHUNK_BYTES)
                body: dict[str, object] = {
                    "type": "file",
                    "format": "base64",
                    "content": base64.b64encode(chunk).decode(),
                }
                if following or number > 1:
                    body["chunk"] = number if following else -1
                session.server_api("PUT", f"contents/{quote(target)}", expect=(200, 201), json=body)
                if not following:
                    break
                chunk, number = following, number + 1
        found = session.server_api("GET", f"contents/{quote(target)}?content=0").json()
        if found.get("size") == size:
            return
    raise ServiceError(
        f"{path} has {size} bytes; of {target} in the home {found.get('size')} have arrived.",
        remedy="Try again, or upload it in the browser.",
    )
