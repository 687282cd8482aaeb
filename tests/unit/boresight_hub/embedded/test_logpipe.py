"""What services say: one file each, secrets out, size bounded."""

from __future__ import annotations

import os
import time
from pathlib import Path

from boresight_hub.embedded.logpipe import LogPipes, RotatingFile, tail

_TOKEN = "0123456789abcdef0123456789abcdef"


def _said(tmp_path: Path, *chunks: bytes) -> str:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "proxy-auth-token").write_text(_TOKEN + "\n")
    (secrets / "short").write_text("error\n")
    pipes = LogPipes(tmp_path / "logs", secrets)
    writer = pipes.pipe("hub")
    for chunk in chunks:
        os.write(writer, chunk)
        time.sleep(0.01)
    os.close(writer)
    pipes.close()
    return (tmp_path / "logs" / "hub.log").read_text()


def test_lines_arrive_whole(tmp_path: Path) -> None:
    assert _said(tmp_path, b"one\ntw", b"o\nthr", b"ee") == "one\ntwo\nthree\n"


def test_secrets_are_taken_out(tmp_path: Path) -> None:
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtYXJpZSJ9.c2lnbmF0dXJl"
    text = _said(
        tmp_path,
        f"using {_TOKEN[:10]}".encode(),  # a secret may come in two pieces
        f"{_TOKEN[10:]} now\n".encode(),
        f"GET /x?X-Amz-Signature=deadbeef&y=1 {jwt}\n".encode(),
        b"an error happened\n",
    )
    assert _TOKEN not in text
    assert "using <proxy-auth-token> now" in text
    assert "deadbeef" not in text
    assert jwt not in text
    assert "an error happened" in text


def test_endless_line_is_cut(tmp_path: Path) -> None:
    text = _said(tmp_path, *[b"x" * 60_000] * 3, b"\nend\n")
    lines = text.splitlines()
    assert lines[-1] == "end"
    assert len(lines) > 2
    assert sum(map(len, lines[:-1])) == 180_000


def test_not_utf8(tmp_path: Path) -> None:
    assert _said(tmp_path, b"na\xefve\n") == "na\N{REPLACEMENT CHARACTER}ve\n"


def test_logs_are_private_and_bounded(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "a.log", max_bytes=100, files=3)
    for number in range(60):
        log.write(f"line {number:03}\n".encode())
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["a.log", "a.log.1", "a.log.2"]
    assert all(file.stat().st_size <= 100 for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    assert (tmp_path / "a.log").read_text().endswith("line 059\n")
    newest = [int(line[5:]) for file in reversed(files) for line in file.read_text().splitlines()]
    assert newest == list(range(newest[0], 60))  # nothing lost in between


def test_tail(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"{number}\n" for number in range(10_000)))
    assert tail(log, 3) == ["9997", "9998", "9999"]
    assert tail(tmp_path / "none.log", 3) == []
    assert tail(log, 0) == []
