"""Dense correlation against scikit-image's phase correlation, on the same windows.

Prints a table and one JSON record; fails when a bound is missed. Two textures, three shifts, two
noise levels; the better of scikit-image's two normalisations counts for noise and for speed. Times
are the processor's, on one thread, so that what else the machine does is not in the ratio.

uv run --group dev python tests/bench/correlation.py [--windows 150] [--record DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

# one thread each: the ratio is of methods, not of cores
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from skimage.registration import phase_cross_correlation
from support.scenes import waves

from boresight.geometry import CorrelationOptions, correlate

MIN_SPEED_RATIO = 10.0
MAX_NOISE_PX = 1 / 50

_SIDE = 32
_SIZE = 600


def theirs(a: np.ndarray, b: np.ndarray, row: np.ndarray, col: np.ndarray, norm: str | None):
    """scikit-image's displacements and its seconds a window."""
    tops, lefts = (row - _SIDE / 2).astype(int), (col - _SIDE / 2).astype(int)
    found = []
    started = time.process_time()
    for top, left in zip(tops, lefts, strict=True):
        place = np.s_[top : top + _SIDE, left : left + _SIDE]
        shift, _, _ = phase_cross_correlation(
            a[place], b[place], upsample_factor=100, normalization=norm
        )
        found.append(-shift)
    return np.array(found), (time.process_time() - started) / row.size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=150)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    options = CorrelationOptions(window_px=_SIDE, step_px=_SIDE // 2)
    rng = np.random.default_rng(0)
    rows = []
    # the smoother texture carries less: with more noise no method could hold 1/50 px there
    for slope, noises_dn in ((1.0, (5.0, 20.0)), (1.5, (2.0, 8.0))):
        for shift in ((0.3, -0.7), (0.5, 0.25), (-1.85, 1.4)):
            still, moved = waves(_SIZE, (0.0, 0.0), slope=slope), waves(_SIZE, shift, slope=slope)
            for noise_dn in noises_dn:
                a, b = (v + noise_dn * rng.normal(size=v.shape) for v in (still, moved))
                correlate(a, b, options)  # compiled
                started = time.process_time()
                found = correlate(a, b, options)
                ours_s = (time.process_time() - started) / found.row.size
                kept = np.flatnonzero(found.found)
                error = np.stack([found.d_row - shift[0], found.d_col - shift[1]])[:, kept]
                some = rng.permutation(kept)[: arguments.windows]
                other, other_s = {}, {}
                for norm in ("phase", None):
                    values, seconds = theirs(a, b, found.row[some], found.col[some], norm)
                    other[str(norm)] = float(np.sqrt(((values - shift) ** 2).mean()))
                    other_s[str(norm)] = seconds
                rows.append(
                    {
                        "slope": slope,
                        "shift_px": shift,
                        "noise_dn": noise_dn,
                        "windows": int(kept.size),
                        "ours_us": 1e6 * ours_s,
                        "ours_rms_px": float(np.sqrt((error**2).mean())),
                        "pull_std": float(
                            np.std(error / np.stack([found.u_row, found.u_col])[:, kept])
                        ),
                        "theirs_us": 1e6 * min(other_s.values()),
                        "theirs_rms_px": min(other.values()),
                        "ratio": min(other_s.values()) / ours_s,
                    }
                )
                sys.stdout.write(
                    "slope {slope}, shift {shift_px}, noise {noise_dn:g} DN: ours {ours_us:.0f} us "
                    "rms {ours_rms_px:.4f} px pull {pull_std:.2f}; scikit-image {theirs_us:.0f} us "
                    "rms {theirs_rms_px:.4f} px; {ratio:.0f} times as fast\n".format(**rows[-1])
                )
    record = {
        "bench": "correlation",
        "scikit-image": version("scikit-image"),
        "window_px": _SIDE,
        "least_ratio": min(row["ratio"] for row in rows),
        "worst_rms_px": max(row["ours_rms_px"] for row in rows),
        "bounds": {"ratio": MIN_SPEED_RATIO, "rms_px": MAX_NOISE_PX},
        "cases": rows,
    }
    record["held"] = (
        record["least_ratio"] >= MIN_SPEED_RATIO
        and record["worst_rms_px"] <= MAX_NOISE_PX
        and all(row["ours_rms_px"] <= row["theirs_rms_px"] for row in rows)
    )
    sys.stdout.write(json.dumps(record) + "\n")
    if arguments.record:
        name = f"correlation-{datetime.now(UTC):%Y-%m-%d}.json"
        (arguments.record / name).write_text(json.dumps(record, indent=1) + "\n")
    return 0 if record["held"] else 1


if __name__ == "__main__":
    sys.exit(main())
