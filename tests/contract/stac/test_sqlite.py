"""What only the backend on a file promises."""

import stat

import psutil
from support.stac_stack import Catalogue


def test_the_database_is_its_owners_alone_and_the_service_is_small(tmp_path):
    made = Catalogue(tmp_path)
    try:
        state = made.settings.state_dir
        assert stat.S_IMODE((state / "stac" / "stac.sqlite").stat().st_mode) == 0o600
        assert stat.S_IMODE((state / "stac").stat().st_mode) == 0o700
        # measured: 88 MiB, of which 32 are libraries shared with the other services
        assert psutil.Process(made.process.pid).memory_info().rss / 2**20 < 92
    finally:
        made.close()
