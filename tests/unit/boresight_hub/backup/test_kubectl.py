from pathlib import Path

import pytest

from boresight_hub.backup.kubectl import Kubectl
from boresight_hub.errors import ServiceError


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """One that prints its arguments and its input; ``fail`` and ``hang`` do as they say."""
    program = tmp_path / "program"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        "  *fail*) echo half; echo 'no such thing' >&2; exit 1 ;;\n"
        "  *hang*) exec sleep 60 ;;\n"
        "esac\n"
        'echo "$*"; cat\n'
    )
    program.chmod(0o700)
    monkeypatch.setenv("BORESIGHT_KUBECTL", str(program))
    return Kubectl("rooms")


def test_what_it_prints_and_gets(kubectl: Kubectl, tmp_path: Path) -> None:
    assert kubectl.run("apply", stdin="é") == "--namespace=rooms apply\né"
    assert kubectl.run("get", namespace="other") == "--namespace=other get\n"
    kubectl.save(tmp_path / "saved", "exec", "pod")
    assert (tmp_path / "saved").read_text() == "--namespace=rooms exec pod\n"
    assert (tmp_path / "saved").stat().st_mode & 0o777 == 0o600
    assert kubectl.feed(tmp_path / "saved", "cp").endswith("rooms exec pod\n")


def test_failures_say_what_was_said_and_leave_nothing_half(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    (tmp_path / "content").touch()
    for action in (
        lambda: kubectl.run("fail"),
        lambda: kubectl.save(tmp_path / "saved", "fail"),
        lambda: kubectl.feed(tmp_path / "content", "fail"),
    ):
        with pytest.raises(ServiceError, match="kubectl fail … failed: no such thing"):
            action()
    assert {path.name for path in tmp_path.iterdir()} == {"program", "content"}


def test_without_an_end(kubectl: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boresight_hub.backup.kubectl._STREAM_TIMEOUT_S", 0.2)
    for action in (
        lambda: kubectl.run("hang", timeout_s=0.2),
        lambda: kubectl.save(tmp_path / "saved", "hang"),
        lambda: kubectl.feed(tmp_path / "program", "hang"),
    ):
        with pytest.raises(ServiceError, match=r"has not ended within 0\.2 s"):
            action()
    assert {path.name for path in tmp_path.iterdir()} == {"program"}


def test_without_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORESIGHT_KUBECTL", str(tmp_path / "absent"))
    for action in (
        lambda: Kubectl("rooms").run("get"),
        lambda: Kubectl("rooms").save(tmp_path / "saved", "get"),
    ):
        with pytest.raises(ServiceError, match="Install kubectl"):
            action()
    assert not list(tmp_path.iterdir())
