"""The loop closed at full size: simulate, calibrate, compare surface models, keep the record.

uv run --group dev python tests/bench/closed_loop.py [--size-px 1000] [--workers 2]
       [--folder DIR] [--record DIR] [--redo]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boresight.compute import cluster
from boresight.compute.local import LocalBackend
from boresight.simulate import CampaignConfig
from boresight.workflows.calibrate import calibrate, redo, simulate_campaign
from boresight.workflows.targets import FolderTarget


def measure(folder: Path, size_px: int, workers: int, *, again: bool) -> dict[str, Any]:
    """Run the loop, and once more from its record if asked to."""
    target = FolderTarget(folder / "first")
    began_s = time.monotonic()
    with cluster(workers, worker_memory_gib=3, backend=LocalBackend(), timeout_s=120) as made:
        campaign = simulate_campaign(
            CampaignConfig(size_px=size_px), target=target, compute=made, progress=_tell
        )
        simulated_s = time.monotonic() - began_s
        result = calibrate(campaign, compute=made, target=target, progress=_tell)
        numbers = result.record["numbers"]
        record: dict[str, Any] = {
            "bench": "closed_loop",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "size_px": size_px,
            "workers": workers,
            "cores": len(os.sched_getaffinity(0)),
            "software": result.record["software"],
            "simulated_s": round(simulated_s, 1),
            "calibrated_s": round(result.elapsed_s, 1),
            "dossier": str(target.folder / result.folder_key),
            "satellites": {
                name: one["truth"] | {"jitter_found": one["geometry"]["jitter"]}
                for name, one in numbers["satellites"].items()
            },
            "surface": {
                which: {
                    key: value
                    for key, value in numbers["surface"][which].items()
                    if key not in ("percentiles", "by_slope")
                }
                for which in ("before", "after")
            },
            "banding_ratio": numbers["surface"]["banding_ratio"],
            "requirements": {
                f.requirement.id: {"seen": f.seen, "met": f.met} for f in result.findings
            },
            "met": result.is_met,
        }
        if again:
            redone = redo(
                target.folder / result.folder_key / "dossier.json",
                compute=made,
                target=FolderTarget(folder / "second"),
                progress=_tell,
            )
            record["redone"] = {"numbers": redone.n, "different": len(redone.differences)}
            record["met"] = record["met"] and not redone.differences
    return record


def _tell(share: float, what: str) -> None:
    sys.stderr.write(f"\r{100 * share:5.1f} % {what[:70]:70}")
    sys.stderr.flush()


def main() -> int:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-px", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where files stay; default: nowhere")
    parser.add_argument("--redo", action="store_true", help="once more, from the record")
    parser.add_argument("--record", type=Path, help="folder to keep the dated record in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="boresight-loop-") as name:
        record = measure(
            options.folder or Path(name), options.size_px, options.workers, again=options.redo
        )
    sys.stderr.write("\n")
    if options.record or not options.folder:
        record.pop("dossier")
    text = json.dumps(record, indent=1)
    sys.stdout.write(text + "\n")
    if options.record:
        day = record["date"][:10]
        name = f"closed_loop-{day}-{options.size_px}.json"
        (options.record / name).write_text(text + "\n", "utf-8")
    return 0 if record["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
