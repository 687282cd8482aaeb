"""restic, which takes snapshots of homes: an addition, built when it is asked for.

Older versions, such as Debian 12 has, do not know the container credentials by which S3 clients of
a user server renew theirs.
"""

from __future__ import annotations

from pathlib import Path

from boresight_hub.embedded.goprograms import GoProgram

#: Everything it is built from stands in ``go/restic/go.sum``.
PROGRAM = GoProgram(
    name="restic",
    version="v0.18.1",
    title="The program for snapshots of homes",
    package="github.com/restic/restic/cmd/restic",
    packages=865,
    why="Adding it fetches its sources",
    module_dir=Path(__file__).with_name("go") / "restic",
)
