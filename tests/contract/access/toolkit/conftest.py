"""Everything real; tokens live 12 s and S3 sessions 5 s."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.people import (
    TokenFiles,
    enter_server,
    forget_environment,
    geotiff,
    image,
    sign_in_here,
)
from support.signing_stack import SigningStack

TOKEN_LIFE_S = 12
SESSION_LIFE_S = 5
KEY = "co3d-dsm/scene/dsm.tif"


@pytest.fixture(scope="package")
def pixels() -> np.ndarray[Any, Any]:
    return image()


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray[Any, Any]
) -> Iterator[SigningStack]:
    folder = tmp_path_factory.mktemp("toolkit")
    made = SigningStack(
        folder / "state",
        token_life_s=TOKEN_LIFE_S,
        session_life_s=SESSION_LIFE_S,
        sweep_interval_s=1,
    )
    try:
        made.start()
        root = made.access.root()
        root.put_object(Bucket="products", Key=KEY, Body=geotiff(folder, pixels))
        root.put_object(Bucket="home", Key="paul/secret.tif", Body=b"of paul")
        yield made
    finally:
        made.close()


@pytest.fixture
def server(
    stack: SigningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TokenFiles]:
    """This process is one of marie's server."""
    files = TokenFiles(stack.idp, "marie", tmp_path / "tokens")
    enter_server(stack.settings, "marie", files.folder, monkeypatch)
    with files.kept_fresh(TOKEN_LIFE_S / 4):
        yield files


@pytest.fixture(scope="package")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state-home")


@pytest.fixture
def laptop(stack: SigningStack, state_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process is outside, and marie has signed in; gives the folder of her sign-ins.

    The sign-in is that of the test before: one that ends it takes ``own_laptop``.
    """
    return _outside(stack, state_home, monkeypatch)


@pytest.fixture
def own_laptop(stack: SigningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with a sign-in of the test's own."""
    return _outside(stack, tmp_path, monkeypatch)


def _outside(stack: SigningStack, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    forget_environment(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    folder = home / "boresight-access"
    if not list(folder.glob("*.json")):
        assert sign_in_here(stack.idp, "marie") == "marie"
    return folder


@pytest.fixture(params=["server", "laptop"])
def anywhere(request: pytest.FixtureRequest) -> str:
    """In the server, and outside."""
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.fixture
def href(stack: SigningStack) -> str:
    return f"{stack.settings.s3_url}/products/{KEY}"
