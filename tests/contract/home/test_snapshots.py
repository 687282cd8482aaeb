"""Snapshots of a home: taken and brought back by its owner, closed to everybody else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.batch_person import BatchPerson
from support.environment import Environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PASSWORD = ".config/boresight/home-snapshots.password"


@pytest.fixture(scope="module")
def marie(environment: Environment) -> Iterator[BatchPerson]:
    with BatchPerson(environment, "marie") as person:
        yield person


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.soak
def test_a_deleted_file_comes_back(marie: BatchPerson) -> None:
    assert "no snapshots" not in marie.boresight("home", "list")
    refused = marie.boresight("home", "restore", "notes.txt", code=1)
    assert "no snapshots of this home yet" in refused
    odd = marie.home / "work" / "[a] *.txt"
    odd.parent.mkdir(exist_ok=True)
    odd.write_text("odd")
    (odd.parent / "[a] b.txt").write_text("not asked for")
    (marie.home / "notes.txt").write_text("first")
    (marie.home / ".cache").mkdir(exist_ok=True)
    (marie.home / ".cache" / "big").write_bytes(os.urandom(1000))
    marie.boresight("home", "snapshot")
    password = marie.home / PASSWORD
    assert password.stat().st_mode & 0o777 == 0o600

    (marie.home / "notes.txt").write_text("second")
    marie.boresight("home", "snapshot")
    before = tree(marie.home / "work")
    shutil.rmtree(marie.home / "work")
    (marie.home / "notes.txt").unlink()
    taken = json.loads(marie.boresight("home", "list", "--json"))
    assert len(taken) == 2
    first = taken[0]["snapshot_id"]

    assert marie.boresight("home", "restore", "notes.txt").strip() == str(marie.home / "notes.txt")
    assert (marie.home / "notes.txt").read_text() == "second"
    beside = Path(marie.boresight("home", "restore", "notes.txt", "--snapshot", first).strip())
    assert beside.read_text() == "first"
    assert beside != marie.home / "notes.txt"
    assert (marie.home / "notes.txt").read_text() == "second"
    marie.boresight("home", "restore", "notes.txt", "--snapshot", first, "--overwrite")
    assert (marie.home / "notes.txt").read_text() == "first"
    marie.boresight("home", "restore", str(odd))
    assert tree(marie.home / "work") == {"[a] *.txt": b"odd"}, "that file and no other"
    marie.boresight("home", "restore", "work", "--overwrite")
    assert tree(marie.home / "work") == before
    # what is gone from the latest one is found in the one before
    (marie.home / "work" / "[a] b.txt").unlink()
    marie.boresight("home", "snapshot")
    marie.boresight("home", "restore", "work/[a] b.txt")
    assert tree(marie.home / "work") == before
    assert not list(marie.home.rglob(".restored-*"))
    assert "No snapshot holds" in marie.boresight("home", "restore", ".cache/big", code=1)
    assert "outside of your home" in marie.boresight("home", "restore", "/etc/passwd", code=1)


@pytest.mark.soak
def test_a_lost_home_loses_nothing(marie: BatchPerson) -> None:
    (marie.home / "kept.txt").write_text("kept")
    marie.boresight("home", "snapshot")
    lost = (marie.home / PASSWORD).read_text()
    (marie.home / PASSWORD).unlink()
    (marie.home / "kept.txt").unlink()
    marie.boresight("home", "restore", "kept.txt")
    assert (marie.home / "kept.txt").read_text() == "kept"
    assert (marie.home / PASSWORD).read_text() != lost
    marie.boresight("home", "snapshot")


KILLED = """
import json, os, subprocess, sys, time
from pathlib import Path
from boresight.access import Environment
from boresight.workflows.home.restic import Repository

repository = Repository.of(Environment.from_env(), Path.home() / PASSWORD)
restic = [os.environ["BORESIGHT_RESTIC"], "-r", repository.url, "-o", "s3.bucket-lookup=path",
          "--password-file", str(repository.password_file)]
child = subprocess.Popen([*restic, "backup", "--stdin"], stdin=subprocess.PIPE)
locks = [*restic, "--no-lock", "list", "locks"]
while not subprocess.run(locks, capture_output=True).stdout.strip():
    assert child.poll() is None
child.kill(); child.wait()
refused = subprocess.run([*restic, "prune"], capture_output=True, text=True)
print(json.dumps([refused.returncode, refused.stderr]))
"""


@pytest.mark.soak
def test_killed_in_the_middle(marie: BatchPerson) -> None:
    """A server that is stopped takes its restic along; the next snapshot does not wait for it."""
    marie.boresight("home", "snapshot")
    code, text = json.loads(marie.python(KILLED.replace("PASSWORD", repr(PASSWORD))))
    assert (code, "already locked" in text) == (11, True), text
    before = json.loads(marie.boresight("home", "list", "--json"))
    marie.boresight("home", "snapshot")
    after = json.loads(marie.boresight("home", "list", "--json"))
    # of one day no more than so many stay
    assert after[-1] not in before
    assert before[-1] in after


def restic(person: BatchPerson, owner: str, password: Path, **changes: str) -> tuple[int, str]:
    """Ask for the snapshots in ``owner``'s repository from the server of ``person``."""
    settings = person.environment.settings
    answer = person.python(
        "import json, os, subprocess\n"
        "done = subprocess.run([os.environ['BORESIGHT_RESTIC'], 'snapshots', '-o',\n"
        "    's3.bucket-lookup=path', '--stuck-request-timeout', '20s', '-r',\n"
        f"    's3:{settings.s3_url}/home/{owner}/.boresight/home-snapshots',\n"
        f"    '--password-file', {str(password)!r}], env=os.environ | {changes!r},\n"
        "    capture_output=True, text=True, timeout=100)\n"
        "print(json.dumps([done.returncode, done.stdout + done.stderr]))"
    )
    code, text = json.loads(answer)
    return int(code), str(text)


def test_another_is_refused(marie: BatchPerson, tmp_path: Path) -> None:
    marie.boresight("home", "snapshot")
    password = marie.home / PASSWORD
    wrong = tmp_path / "wrong"
    wrong.write_text("guessed")
    settings = marie.environment.settings
    # without the store's policy: its root key, which none applies to
    root = {
        "AWS_ACCESS_KEY_ID": settings.secret("s3-root-access-key"),
        "AWS_SECRET_ACCESS_KEY": settings.secret("s3-root-secret-key"),
    }
    with BatchPerson(marie.environment, "paul") as paul:
        code, text = restic(paul, "marie", password, **root)
        assert (code, "boresight-home" in text) == (0, True), text
        code, text = restic(paul, "marie", password)
        assert code != 0, "the same request with Paul's own credentials"
        assert "Access Denied" in text
        # and a store without a policy does not give it away either: it is encrypted
        code, text = restic(paul, "marie", wrong, **root)
        assert code != 0
        assert "wrong password" in text
        key = "s3://home/marie/.boresight/home-snapshots.key"
        read = f"from boresight.access import read_bytes; print(len(read_bytes({key!r})))"
        assert int(marie.python(read)) > 20
        refused = paul.python(
            "from boresight.errors import AccessError\n"
            f"try:\n    {read}\n"
            "except AccessError as exc: print(exc)"
        )
        assert "S3 refuses to read" in refused


def test_credentials_are_short_lived_and_nowhere_written(marie: BatchPerson) -> None:
    marie.boresight("home", "snapshot")
    root = marie.environment.settings.secret("s3-root-secret-key")
    kept = tree(marie.home)
    assert PASSWORD in kept
    assert not [name for name, content in kept.items() if root.encode() in content]
    assert "AWS_SECRET_ACCESS_KEY" not in marie.python("import os; print(sorted(os.environ))")
