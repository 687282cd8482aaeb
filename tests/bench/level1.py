"""L0 to L1 of ten frames against this machine's copy rate, in one run; prints one JSON record.

The method needs one pass: of each pixel the number (2 bytes), the dark signal and the factor (4
each) are read and the radiance (4) is written, 14 bytes. The copy rate is that of NumPy's copy of
an array as large as a radiance frame, as bytes read and written. One thread in both; frames come
one by one and memory holds one result.

uv run --group dev python tests/bench/level1.py [--side 4000] [--frames 10] [--record DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from boresight.instrument import Band, Detector, Nonlinearity, Quantity
from boresight.radiometry import Level1

#: share of the copy rate
MIN_RATIO = 0.6
#: growth of memory from the first frame to the last, as a share of one result
MAX_GROWTH = 0.5
_BYTES_PER_PX = 14
_PASSES = 1
_REPEATS = 7


def timed(work: Callable[[], object]) -> float:
    """[s]"""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--record", type=Path, help="folder for the dated record")
    options = parser.parse_args()
    shape = (options.side, options.side)
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 4095, shape, dtype=np.uint16) for _ in range(options.frames)]
    frame = frames[0]
    values = {
        "dark": Quantity(value=np.full(shape, 64, np.float32), unit="DN"),
        "relative_gain": Quantity(value=np.ones(shape, np.float32), unit="1"),
        "saturation_dn": 4095.0,
    }
    curve = Nonlinearity(
        coefficients=(0.01, 0.002, 0.001),
        covariance=np.eye(3) * 1e-9,
        reference_dn=4095.0,
        domain_dn=(0.0, 4000.0),
    )
    gain = Quantity(value=10.0, unit="DN W-1 m2 sr um")
    source = rng.random(frame.size, np.float32)
    target = np.zeros_like(source)
    out = np.zeros(shape, np.float32)
    record: dict[str, object] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_at_start": os.getloadavg()[0],
        "frames": options.frames,
        "megapixels": frame.size / 1e6,
        "passes": _PASSES,
    }
    worst, growth = np.inf, 0.0
    for name, extra in (("linear", {}), ("cubic", {"nonlinearity": curve})):
        band = Band(name="red", detector=Detector(**values, **extra), absolute_gain=gain)
        correct = Level1(band)
        correct(frame, out=out)
        peak_mib = memory_mib()

        # others use the machine too: copies between the frames, and the best of several rounds of
        # each frame
        copies, rounds = [], []
        for _ in range(_REPEATS):
            taken = []
            for one in frames:
                copies.append(timed(lambda: np.copyto(target, source)))
                taken.append(timed(lambda one=one, correct=correct: correct(one, out=out)))
            rounds.append(taken)
        per_frame = float(np.min(rounds, axis=0).mean())
        copy_rate = 2 * source.nbytes / min(copies)
        rate = _BYTES_PER_PX * frame.size / per_frame
        ratio = rate / (copy_rate / _PASSES)
        record[name] = {
            "copy_gb_per_s": copy_rate / 1e9,
            "allowed_gb_per_s": copy_rate / _PASSES / 1e9,
            "ms_per_frame": 1e3 * per_frame,
            "gb_per_s": rate / 1e9,
            "ratio_to_copy": ratio,
            "memory_growth_mib": memory_mib() - peak_mib,
        }
        growth = max(growth, memory_mib() - peak_mib)
        worst = min(worst, ratio)
    record["rule"] = MIN_RATIO
    text = json.dumps(record, indent=1) + "\n"
    sys.stdout.write(text)
    if options.record:
        (options.record / f"level1-{str(record['date'])[:10]}.json").write_text(text, "utf-8")
    return int(worst < MIN_RATIO or growth > MAX_GROWTH * out.nbytes / 2**20)


def memory_mib() -> float:
    """Most memory that this process has held [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
