from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
from support.stac_stack import FOREIGN, Catalogue


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    made = Catalogue(
        tmp_path_factory.mktemp("state"),
        foreign_asset_prefixes=(FOREIGN,),
        max_body_bytes=4 * 2**20,
        count_timeout_s=5,  # counts are asserted
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def people(catalogue: Catalogue) -> Iterator[SimpleNamespace]:
    """Clients of everybody who may come, by name."""
    token = catalogue.origin.token
    tokens = {
        **{name: token(name, "stac") for name in ("marie", "paul", "lea", "nobody")},
        "access": token(None, "stac"),
        "other_service": token(None, "stac", azp="hub"),
        "anonymous": None,
    }
    clients: dict[str, httpx.Client] = {k: catalogue.client(v) for k, v in tokens.items()}
    yield SimpleNamespace(**clients, tokens=tokens)
    for client in clients.values():
        client.close()
