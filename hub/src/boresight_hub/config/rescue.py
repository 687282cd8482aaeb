"""A server for somebody whose home is full: it starts, and writes nothing of its own into the home.

Lab writes when it starts (runtime files, workspaces, signatures), and would end at once where
nothing can be written. In a rescue all that goes to a folder beside: its owner gets in, sees
what fills the home, and removes it. The next start is an ordinary one.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

#: What Lab needs to start, and a little to work with [byte].
ROOM_BYTES = 2**20
#: Set in a server that was started so.
VARIABLE = "BORESIGHT_RESCUE"

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def has_room(home: Path) -> bool:
    """Whether something can still be written to ``home``; it is tried, since quotas do not tell.

    Raises
    ------
    OSError
        When writing fails for another reason.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix=".boresight-room-") as probe:
            probe.write(os.urandom(ROOM_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as exc:
        if exc.errno in _NO_ROOM:
            return False
        raise
    return True


def is_no_room(error: OSError) -> bool:
    """Whether ``error`` says that a home is full."""
    return error.errno in _NO_ROOM


def rescue_environment(scratch: Path) -> dict[str, str]:
    """Variables by which a server and its kernels write to ``scratch``, which is made anew.

    Parameters
    ----------
    scratch : Path
        On another file system than the home.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    variables = {VARIABLE: "1"}
    for name, folder in {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "XDG_CACHE_HOME": "cache",
        "NUMBA_CACHE_DIR": "cache/numba",
        "TMPDIR": "tmp",
    }.items():
        (scratch / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        variables[name] = str(scratch / folder)
    return variables
