"""API keys at rest."""

from __future__ import annotations

import sqlite3
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from boresight_hub.access.database import sqlite_file
from boresight_hub.access.signing.keystore import ApiKey, KeyStore, is_batch_id, new_key_id
from boresight_hub.errors import StateError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def key(subject: str = "id-of-marie", **changes: object) -> ApiKey:
    fields: dict[str, object] = {
        "key_id": new_key_id(),
        "subject": subject,
        "username": "marie",
        "description": "laptop",
        "can_read": True,
        "can_write": False,
        "prefix": "",
        "created_at": NOW,
        "last_used_at": None,
    }
    return ApiKey(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite"


@pytest.fixture
def store(path: Path):
    made = KeyStore(sqlite_file(path), "secret of the service")
    yield made
    made.close()


def test_only_the_right_secret_opens(store: KeyStore) -> None:
    mine = key()
    secret = store.add(mine, grant_session="s", grant_token="refresh-1")
    assert store.authentic(mine.key_id, secret) == mine
    other = key()
    store.add(other, grant_session="s", grant_token="refresh-2")
    for key_id, wrong in (
        (mine.key_id, ""),
        (mine.key_id, secret[:-1]),
        (mine.key_id, secret + "x"),
        (other.key_id, secret),
        ("bsk-0", secret),
        ("", ""),
        ("' OR 1=1 --", secret),
        (mine.key_id, "é\ud800"),
    ):
        assert store.authentic(key_id, wrong) is None, (key_id, wrong)


def test_survives_a_restart_and_not_another_secret(path: Path) -> None:
    first = KeyStore(sqlite_file(path), "secret of the service")
    mine = key()
    secret = first.add(mine, grant_session="s", grant_token="refresh-1")
    first.close()
    again = KeyStore(sqlite_file(path), "secret of the service")
    assert again.authentic(mine.key_id, secret) == mine
    assert again.grant(mine.key_id) == "refresh-1"
    again.close()
    other = KeyStore(sqlite_file(path), "another secret")
    assert other.authentic(mine.key_id, secret) is None
    assert other.grant(mine.key_id) is None
    other.close()


def test_neither_secret_nor_grant_stands_in_the_file(store: KeyStore, path: Path) -> None:
    mine = key()
    secret = store.add(mine, grant_session="s", grant_token="refresh-token-1")
    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert mine.key_id.encode() in written
    for hidden in (secret, "refresh-token-1"):
        assert hidden.encode() not in written
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.parent.iterdir())


def test_listed_by_owner(store: KeyStore) -> None:
    one, two = key(), key(created_at=NOW + timedelta(seconds=1), prefix="home/marie/")
    for each in (two, one, key("id-of-paul")):
        store.add(each, grant_session="s", grant_token="r")
    assert store.of("id-of-marie") == [one, two]


def test_last_use_is_exact_to_a_minute(store: KeyStore) -> None:
    mine = key()
    store.add(mine, grant_session="s", grant_token="r")
    for after_s, expected_s in ((0, 0), (59, 0), (61, 61)):
        known = store.find(mine.key_id)
        assert known
        store.used(known, NOW + timedelta(seconds=after_s))
        (seen,) = store.of("id-of-marie")
        assert seen.last_used_at == NOW + timedelta(seconds=expected_s)


def test_removed_by_the_owner_only(store: KeyStore) -> None:
    mine = key()
    secret = store.add(mine, grant_session="s", grant_token="r")
    assert store.remove(mine.key_id, "id-of-paul") is None
    assert store.authentic(mine.key_id, secret) == mine
    assert store.remove(mine.key_id, "id-of-marie") == "r"
    assert store.authentic(mine.key_id, secret) is None
    assert store.remove(mine.key_id, "id-of-marie") is None


def test_a_shared_grant_is_told_with_the_last_key(store: KeyStore) -> None:
    one, two = key(), key()
    store.add(one, grant_session="same", grant_token="r1")
    store.add(two, grant_session="same", grant_token="r2")
    assert store.remove(one.key_id, "id-of-marie") == ""
    assert store.remove(two.key_id, "id-of-marie") == "r2"


def test_grant_is_renewed(store: KeyStore) -> None:
    mine = key()
    store.add(mine, grant_session="s", grant_token="first")
    store.renew_grant(mine.key_id, "second")
    assert store.grant(mine.key_id) == "second"


def test_file_of_something_else(path: Path) -> None:
    path.write_bytes(b"something else, and long enough to be looked at" * 100)
    with pytest.raises(StateError, match="cannot be used as the store of API keys"):
        KeyStore(sqlite_file(path), "s")


def test_newer_file(store: KeyStore, path: Path) -> None:
    by_hand(path, "PRAGMA user_version = 99")
    with pytest.raises(StateError, match="has version 99"):
        KeyStore(sqlite_file(path), "s")


@pytest.mark.parametrize("version", [1, 2])
def test_file_of_a_version_before(path: Path, version: int) -> None:
    """As an earlier version wrote it; its keys go on."""
    before = KeyStore(sqlite_file(path), "secret of the service")
    mine = key()
    secret = before.add(mine, grant_session="s", grant_token="r")
    before.close()
    for column, since in (("leased_until", 3), ("kind", 2), ("ends_at", 2)):
        if since > version:
            by_hand(path, f"ALTER TABLE api_key DROP COLUMN {column}")
    by_hand(path, f"PRAGMA user_version = {version}")
    after = KeyStore(sqlite_file(path), "secret of the service")
    assert after.authentic(mine.key_id, secret) == mine
    assert after.of("id-of-marie") == [mine]
    assert after.lease(mine.key_id, 1)
    after.close()


def by_hand(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_grant_is_leased_to_one_at_a_time(path: Path) -> None:
    one, other = (KeyStore(sqlite_file(path), "secret of the service") for _ in range(2))
    mine = key()
    one.add(mine, grant_session="s", grant_token="r")
    assert one.lease(mine.key_id, 60)
    assert not other.lease(mine.key_id, 60)
    assert not one.lease(mine.key_id, 60)
    one.release(mine.key_id)
    # whoever dies with it loses it
    assert other.lease(mine.key_id, -1)
    assert one.lease(mine.key_id, 60)
    assert not one.lease("bsk-0", 60)
    one.close()
    other.close()


def test_the_limit_counts_what_goes_on(store: KeyStore) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    for mine in (key(), key(ends_at=past), key("id-of-paul"), key(kind="batch")):
        assert store.add(mine, grant_session="s", grant_token="r", limit=2)
    assert store.add(key(), grant_session="s", grant_token="r", limit=2)
    refused = key()
    assert store.add(refused, grant_session="s", grant_token="r", limit=2) is None
    assert store.find(refused.key_id) is None


def test_kinds_are_kept_apart(store: KeyStore) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    api_key = key()
    batch = key(key_id=new_key_id("batch"), kind="batch", ends_at=soon.replace(microsecond=0))
    secrets = {
        each.kind: store.add(each, grant_session=each.kind, grant_token="r")
        for each in (api_key, batch)
    }
    assert store.of("id-of-marie") == [api_key]
    assert store.of("id-of-marie", "batch") == [batch]
    assert store.authentic(batch.key_id, secrets["batch"], "batch") == batch
    assert store.authentic(batch.key_id, secrets["batch"]) is None
    assert store.authentic(api_key.key_id, secrets["key"], "batch") is None
    assert is_batch_id(batch.key_id)
    assert not is_batch_id(api_key.key_id)


def test_what_is_past_its_end(store: KeyStore) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    over, going = (
        key(key_id=new_key_id("batch"), kind="batch", ends_at=ends_at)
        for ends_at in (past, past + timedelta(hours=1))
    )
    secrets = {
        each.key_id: store.add(each, grant_session=each.key_id, grant_token="r")
        for each in (over, going)
    }
    assert store.authentic(going.key_id, secrets[going.key_id], "batch")
    assert store.authentic(over.key_id, secrets[over.key_id], "batch") is None
    assert [each.key_id for each in store.of("id-of-marie", "batch")] == [going.key_id]
    assert [each.key_id for each in store.over()] == [over.key_id]


def test_unknown_and_wrong_take_equal_time(store: KeyStore) -> None:
    mine = key()
    store.add(mine, grant_session="s", grant_token="r" * 1000)

    def took_ns(key_id: str) -> int:
        begun = time.perf_counter_ns()
        for _ in range(20):
            store.authentic(key_id, "w" * 43)
        return time.perf_counter_ns() - begun

    wrong, unknown = [], []
    for _ in range(150):  # taking turns: whatever slows the machine slows both
        wrong.append(took_ns(mine.key_id))
        unknown.append(took_ns("bsk-0123456789abcdef"))
    ratio = statistics.median(wrong) / statistics.median(unknown)
    assert 0.7 < ratio < 1.4, ratio
