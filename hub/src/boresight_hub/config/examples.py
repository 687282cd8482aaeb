"""Example notebooks in homes: delivered, brought up to date, and never in anybody's way.

``python -m boresight_hub.config.examples SOURCE TARGET`` delivers them in an image, which has this
module alone of the control plane.

What was delivered is remembered by its digest. An example that its owner has not touched follows
the one that is delivered; one that was changed stays, and the new version is put beside it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

#: In the folder of the examples: digests of what was delivered, by path.
RECORD = ".delivered.json"


def deliver(source: Path, target: Path) -> None:
    """Bring the files of ``source`` into the folder ``target``.

    Parameters
    ----------
    source : Path
        Hidden files are left out.
    target : Path
        Made when absent.

    Raises
    ------
    OSError
        When there is no room; what was delivered so far is remembered.
    """
    before = _read_record(target / RECORD)
    known = dict(before)
    try:
        for path in sorted(source.rglob("*")):
            relative = path.relative_to(source)
            hidden = any(part.startswith((".", "__pycache__")) for part in relative.parts)
            if not hidden and path.is_file():
                _deliver_one(path, target / relative, known, str(relative))
    finally:
        if known != before:
            target.mkdir(parents=True, exist_ok=True)
            (target / RECORD).write_text(json.dumps(known, indent=1, sort_keys=True))


def updated_name(path: Path) -> Path:
    """Where the new version of an example goes whose owner has changed it.

    Examples
    --------
    >>> updated_name(Path("stereo/to_dsm.ipynb")).as_posix()
    'stereo/to_dsm.updated.ipynb'
    """
    return path.with_name(f"{path.stem}.updated{path.suffix}")


def _deliver_one(source: Path, target: Path, known: dict[str, str], name: str) -> None:
    fresh = _digest(source)
    if not target.exists() and not target.is_symlink():
        _copy(source, target)
    elif target.is_symlink() or not target.is_file():
        return  # it is its owner's affair
    else:
        there = _digest(target)
        if there == fresh:
            pass
        elif known.get(name) == there:
            _copy(source, target)
        elif known.get(name) not in (None, fresh):
            _copy(source, updated_name(target))
        elif known.get(name) is None:
            return  # of before there was a record: whose it is cannot be told
    known[name] = fresh


def _copy(source: Path, target: Path) -> None:
    """Copy in one step: a home that is full keeps what it has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.new")
    try:
        shutil.copyfile(source, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_record(path: Path) -> dict[str, str]:
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in record.items()} if isinstance(record, dict) else {}


if __name__ == "__main__":
    deliver(*(Path(argument) for argument in sys.argv[1:3]))
