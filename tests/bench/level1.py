"""L0 to L1 of ten frames against this machine's copy rate, in one run; prints one JSON record.

The method needs one pass: of each pixel the number (2 bytes), the dark signal and the factor (4
each) are read and the radiance (4) is written, 14 bytes. The copy rate is that of NumPy's copy of
an array as large as a radiance frame, as bytes read and written. One thread in both; frames come
one by one and memory holds one result.

uv run --group dev python tests/bench/level1.py [--side 4000] [--frames 10]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np

from boresight.instrument import Band, Detector, Nonlinearity, Quantity
from boresight.radiometry import Level1

#: share of the copy rate
MIN_RATIO = 0.6
_BYTES_PER_PX = 14
_PASSES = 1
_REPEATS = 5


def best(work: Callable[[], object], times: int) -> float:
    """Shortest time of several runs [s]: others use the machine too."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--frames", type=int, default=10)
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
    copy_s = best(lambda: np.copyto(target, source), _REPEATS * options.frames)
    copy_rate = 2 * source.nbytes / copy_s
    record: dict[str, object] = {
        "frames": options.frames,
        "megapixels": frame.size / 1e6,
        "copy_gb_per_s": copy_rate / 1e9,
        "passes": _PASSES,
        "allowed_gb_per_s": copy_rate / _PASSES / 1e9,
    }
    worst = np.inf
    for name, extra in (("linear", {}), ("cubic", {"nonlinearity": curve})):
        band = Band(name="red", detector=Detector(**values, **extra), absolute_gain=gain)
        correct = Level1(band)
        correct(frame, out=out)

        def stream(correct: Level1 = correct) -> None:
            for one in frames:
                correct(one, out=out)

        taken = best(stream, _REPEATS) / options.frames
        rate = _BYTES_PER_PX * frame.size / taken
        ratio = rate / (copy_rate / _PASSES)
        record[name] = {
            "ms_per_frame": 1e3 * taken,
            "gb_per_s": rate / 1e9,
            "ratio_to_copy": ratio,
        }
        worst = min(worst, ratio)
    record["rule"] = MIN_RATIO
    sys.stdout.write(json.dumps(record) + "\n")
    return int(worst < MIN_RATIO)


if __name__ == "__main__":
    sys.exit(main())
