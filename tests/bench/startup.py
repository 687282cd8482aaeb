"""How long starts take and what the platform needs at rest; prints one JSON record.

uv run --group dev python tests/bench/startup.py [--keep FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.environment import Environment

MEMORY_BOUND_MIB = 600.0
_SETTLE_S = 20.0


def measure() -> dict[str, object]:
    """Start an environment twice, and a user server; times [s] and memory [MiB]."""
    with tempfile.TemporaryDirectory(prefix="boresight-bench-") as folder:
        environment = Environment(Path(folder) / "state")
        record: dict[str, object] = {"date": datetime.now(UTC).isoformat(timespec="seconds")}
        record["first_up_s"] = _timed(environment.up)
        try:
            # what a start needs and frees again is not what the platform needs
            time.sleep(_SETTLE_S)
            status = environment.status()
            record["memory_at_rest_mib"] = round(status["memory_at_rest_bytes"] / 2**20, 1)
            record["memory_mib"] = {
                name: round(service["memory_bytes"] / 2**20, 1)
                for name, service in status["services"].items()
            }
            started = time.monotonic()
            with environment.session("marie") as session:
                record["sign_in_and_server_s"] = round(time.monotonic() - started, 2)
                with session.kernel() as kernel:
                    kernel.execute("1 + 1")
                record["to_first_result_s"] = round(time.monotonic() - started, 2)
                session.stop_server()
        finally:
            record["down_s"] = _timed(environment.down)
        record["second_up_s"] = _timed(environment.up)
        environment.down()
    return record


def _timed(action: object) -> float:
    started = time.monotonic()
    action()
    return round(time.monotonic() - started, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="also write the record to this file")
    arguments = parser.parse_args()
    record = measure()
    text = json.dumps(record, indent=1)
    sys.stdout.write(text + "\n")
    if arguments.keep:
        arguments.keep.write_text(text + "\n")
    if record["memory_at_rest_mib"] > MEMORY_BOUND_MIB:
        sys.stderr.write(f"the platform needs more than {MEMORY_BOUND_MIB} MiB at rest\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
