"""MTF of simulated edges by VIGRA's implementation of ISO 12233 (Debian: libvigraimpex-dev).

Prints what `tests/unit/boresight/image_quality/test_against_vigra.py` holds; run it when the edges
of the simulator change. Its headers are looked for in `VIGRA_INCLUDE` too.

uv run --no-sync python tests/verify/slanted_edge.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.edges import FREQUENCIES, SHAPE, VIGRA, simulated_edge

_SOURCE = Path(__file__).with_name("vigra") / "slanted_edge.cpp"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "slanted_edge"
        include = [f"-I{path}" for path in os.environ.get("VIGRA_INCLUDE", "").split(":") if path]
        libraries = [f"-L{path}" for path in os.environ.get("VIGRA_LIB", "").split(":") if path]
        command = ["g++", "-O1", "-w", "-std=c++14", *include, _SOURCE, *libraries, "-lfftw3"]
        subprocess.run([*command, "-o", program], check=True)
        for (optics, lean_deg), kept in VIGRA.items():
            image = np.ascontiguousarray(simulated_edge(optics, lean_deg))
            rows, cols = SHAPE
            done = subprocess.run(
                [program, str(cols), str(rows)],
                input=image.tobytes(),
                stdout=subprocess.PIPE,
                check=True,
            )
            lines = done.stdout.decode().splitlines()
            table = np.array([line.split() for line in lines], np.float64)
            found = np.interp(FREQUENCIES, *table.T)
            same = np.abs(found - kept).max() < 1e-4
            numbers = ", ".join(f"{value:.4f}" for value in found)
            sys.stdout.write(f"{optics} {lean_deg}: {numbers} {'as kept' if same else 'CHANGED'}\n")


if __name__ == "__main__":
    main()
