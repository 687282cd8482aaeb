"""Names that become paths, and files that are replaced whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boresight_hub.config.holders import HolderNameError, Holders, check_holder, folder_name


@pytest.mark.parametrize(
    ("username", "folder"),
    [
        ("marie", "marie"),
        ("m.curie@example.org", "m.curie@example.org"),
        ("../../etc", "%2E.%2F..%2Fetc"),
        (".", "%2E"),
        ("..", "%2E."),
        ("%2E", "%252E"),
        ("é", "%C3%A9"),
    ],
)
def test_folder_name(username: str, folder: str) -> None:
    assert folder_name(username) == folder


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_folder_names_are_one_component_each_and_distinct(one: str, other: str) -> None:
    try:
        first, second = folder_name(one), folder_name(other)
    except HolderNameError:
        return
    assert Path("/root", first).parent == Path("/root")
    assert Path("/root", first).resolve().parent == Path("/root")
    assert (first == second) == (one == other)


@pytest.mark.parametrize("username", ["", "a\x00b", "new\nline", "x" * 201])
def test_folder_name_refuses(username: str) -> None:
    with pytest.raises(HolderNameError):
        folder_name(username)


@pytest.mark.parametrize("holder", ["", ".", "..", "a/b", "a..b", "-x", ".x", "a b", "x" * 101])
def test_check_holder_refuses(holder: str) -> None:
    with pytest.raises(HolderNameError):
        check_holder(holder)


def test_files_are_private_and_replaced_whole(tmp_path: Path) -> None:
    holders = Holders(tmp_path / "tokens")
    folder = holders.create("marie", "worker-1")
    holders.write("marie", "worker-1", "s3.jwt", "first")
    before = (folder / "s3.jwt").stat()
    with (folder / "s3.jwt").open() as reader:
        holders.write("marie", "worker-1", "s3.jwt", "second, longer")
        assert reader.read() == "first"
    after = (folder / "s3.jwt").stat()
    assert (folder / "s3.jwt").read_text() == "second, longer"
    assert before.st_ino != after.st_ino
    assert after.st_mode & 0o777 == 0o600
    assert {p.stat().st_mode & 0o777 for p in (folder, folder.parent, holders.root)} == {0o700}
    assert [p.name for p in folder.iterdir()] == ["s3.jwt"]


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    holders = Holders(tmp_path / "tokens")
    folder = holders.create("marie", "worker-1")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / ".s3.jwt.new").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        holders.write("marie", "worker-1", "s3.jwt", "token")
    assert victim.read_text() == "precious"


def test_removal_takes_only_what_is_ours(tmp_path: Path) -> None:
    holders = Holders(tmp_path / "tokens")
    for holder in ("worker-1", "worker-2"):
        holders.create("marie", holder)
        holders.write("marie", holder, "s3.jwt", "token")
    foreign = holders.path("marie", "worker-2") / "notes.txt"
    foreign.write_text("mine")
    holders.remove("marie", "worker-1")
    holders.remove("marie", "worker-2")
    holders.remove("marie", "never-there")
    assert not holders.path("marie", "worker-1").exists()
    assert foreign.read_text() == "mine"
    assert not (foreign.parent / "s3.jwt").exists()


def test_folders_are_the_registry_and_strays_are_ignored(tmp_path: Path) -> None:
    holders = Holders(tmp_path / "tokens")
    holders.create("m.curie@example.org", "worker-1")
    holders.create("../odd", "cluster-1")
    (holders.root / "a%00b").mkdir()
    (holders.root / "marie" / ".hidden").mkdir(parents=True)
    again = Holders(tmp_path / "tokens")
    assert again.users() == ["../odd", "m.curie@example.org", "marie"]
    assert again.of("../odd") == ["cluster-1"]
    assert again.of("marie") == []
