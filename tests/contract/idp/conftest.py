"""The real identity providers; Keycloak where BORESIGHT_TEST_KEYCLOAK=1 asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.idp import Environment, make_settings, prepare

from boresight_hub.embedded import keycloak

KINDS = ["oidc-provider"]
if os.environ.get("BORESIGHT_TEST_KEYCLOAK") == "1":
    KINDS.append("keycloak")


@pytest.fixture(scope="package", params=KINDS)
def idp(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    """A running provider; tests that stop it start it again."""
    settings = make_settings(tmp_path_factory.mktemp(request.param) / "state", request.param)
    prepare(settings)
    if request.param == "keycloak":
        keycloak.install(settings)
    environment = Environment(settings)
    try:
        environment.start()
        yield environment
    finally:
        environment.stop_all()


@pytest.fixture
def node_idp(tmp_path: Path) -> Iterator[Environment]:
    """An embedded provider of the test's own."""
    settings = make_settings(tmp_path / "state")
    prepare(settings)
    environment = Environment(settings)
    try:
        environment.start()
        yield environment
    finally:
        environment.stop_all()
