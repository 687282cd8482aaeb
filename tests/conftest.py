"""What every suite shares: the real images, and which tests run beside which."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support import comparisons
from xdist.scheduler import LoadScopeScheduling

# Before NumPy is loaded: suites run side by side, and sums of several threads differ in their last
# bits from those of a run of CARS, which has one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real images; the test is skipped where there is none."""
    folder = Path(os.environ.get("BORESIGHT_TEST_DATA", _DEFAULT_DATA))
    if not (folder / "gizeh").is_dir():
        message = f"no real images in {folder}: set BORESIGHT_TEST_DATA to a folder with gizeh/"
        if os.environ.get("BORESIGHT_REQUIRE_TEST_DATA"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture
def compared(request: pytest.FixtureRequest) -> comparisons.Recorder:
    """Keep how far something is from what another program or a publication says."""
    return comparisons.Recorder(request)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-comparisons", type=Path, help="file for the table of what was compared"
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was found against others, and keep it where that was asked for."""
    found = comparisons.of_reports(terminalreporter.stats.get("passed", []))
    if not found:
        return
    table = comparisons.markdown(found)
    terminalreporter.section("against others")
    terminalreporter.write(table)
    path = config.getoption("--record-comparisons")
    if path is not None:
        path.write_text(table, "utf-8")


class _SuiteScheduling(LoadScopeScheduling):
    """Tests that share running services stay on one worker: a folder of these, else a file."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder = path.rpartition("/")[0]
        return folder if folder.endswith(_ONE_STACK) else path


#: Suites of which all files use one stack of services.
_ONE_STACK = (
    *("contract/batch", "contract/gateway", "contract/home", "contract/hub", "contract/idp"),
    *(f"contract/access/{folder}" for folder in ("grants", "passthrough", "signing", "toolkit")),
)
#: What waits longest for processes begins while there is still something to compute beside it.
_FIRST = ("gateway", "supervisor", "hub", "access", "idp", "stac", "stereo")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return _SuiteScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        _, contract, rest = item.nodeid.rpartition("contract/")
        suite = rest.partition("/")[0] if contract else ""
        return _FIRST.index(suite) if suite in _FIRST else len(_FIRST)

    items.sort(key=place)
