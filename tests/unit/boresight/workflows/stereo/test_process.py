"""Where a run of CARS keeps what is temporary."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from boresight.workflows.stereo.engine.process import _temporary_folder

_LISTENER = Path("pymp-xxxxxxxx") / "listener-xxxxxxxx"


def _listen(folder: Path) -> None:
    (folder / _LISTENER).parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / _LISTENER))


def test_sockets_fit_below_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    (deep / "direct").mkdir(parents=True)
    with pytest.raises(OSError, match="too long"):
        _listen(deep / "direct")
    with _temporary_folder(deep) as folder:
        _listen(folder)
        assert (deep / "tmp" / _LISTENER).is_socket()
        private = folder.parent
        assert private.stat().st_mode & 0o777 == 0o700
    assert not private.exists()
    assert (deep / "tmp").is_dir()


def test_short_folder_is_taken_as_it_is() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short, _temporary_folder(Path(short)) as folder:
        assert folder == Path(short) / "tmp"
