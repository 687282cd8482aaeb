"""Checksum and size of a file as STAC's ``file`` extension wants them."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: multihash prefix: 0x12 is sha2-256, 0x20 its length of 32 bytes
_SHA2_256 = "1220"


def file_checksum(path: str | Path) -> str:
    """Multihash (sha2-256) of a file in hexadecimal, for ``file:checksum``."""
    with Path(path).open("rb") as stream:
        return _SHA2_256 + hashlib.file_digest(stream, "sha256").hexdigest()


def bytes_checksum(content: bytes) -> str:
    """Multihash (sha2-256) of ``content`` in hexadecimal."""
    return _SHA2_256 + hashlib.sha256(content).hexdigest()


def file_size(path: str | Path) -> int:
    """Size of a file, for ``file:size`` [bytes]."""
    return Path(path).stat().st_size
