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
        # measured: 56 MiB; what is shared with other services (32 to 41 MiB, files of libraries)
        # depends on what else has read them
        memory = psutil.Process(made.process.pid).memory_info()
        assert (memory.rss - memory.shared) / 2**20 < 60
    finally:
        made.close()
