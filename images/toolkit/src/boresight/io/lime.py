"""The Moon's irradiance by the LIME toolbox, where that is installed.

LIME (Lunar Irradiance Model of ESA; Toledano et al. 2024, Atmos. Chem. Phys. 24:3649,
doi:10.5194/acp-24-3649-2024) needs an environment of its own and runs as a program; what it writes
is read back. Without it :func:`boresight.radiometry.moon_irradiance` (ROLO) remains.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from boresight.errors import InputError, ProgramError
from boresight.radiometry import MoonGeometry, Spectrum

#: the program's own range
PHASE_RANGE_DEG = (2.0, 90.0)
_OUTPUTS = ("refl.csv", "irr.csv", "dolp.csv", "aolp.csv", "integrated.csv")
_PER_NM = "nm⁻¹"


def lime_irradiance(
    geometry: MoonGeometry, *, program: str = "lime", timeout_s: float = 900.0
) -> Spectrum:
    """Irradiance of the Moon at the observer, with standard uncertainty [W m-2 um-1].

    Parameters
    ----------
    geometry : MoonGeometry
        Phase angle 2 to 90 degrees.
    program : str
        Name or path of LIME's command.
    timeout_s : float
        After which it is stopped [s].

    Raises
    ------
    ProgramError
        LIME is not installed, failed, or did not end.
    InputError
        A phase angle outside its range.
    """
    low, high = PHASE_RANGE_DEG
    if not low <= geometry.phase_deg <= high:
        raise InputError(
            f"phase_deg is {geometry.phase_deg}; the rule is {low:g} to {high:g} for LIME.",
            remedy="Choose another acquisition, or use moon_irradiance (ROLO).",
        )
    found = shutil.which(program)
    if found is None:
        raise ProgramError(
            f"the program {program!r} is not found; LIME's toolbox has to be installed for this.",
            remedy="Install it in an environment of its own and give its path, or use "
            "boresight.radiometry.moon_irradiance (ROLO).",
        )
    place = ",".join(
        f"{value:.10g}"
        for value in (
            geometry.sun_moon_au,
            geometry.observer_moon_km,
            geometry.observer_lat_deg,
            geometry.observer_lon_deg,
            geometry.sun_lon_deg,
            geometry.phase_deg,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        outputs = [str(Path(folder) / name) for name in _OUTPUTS]
        command = [found, "-l", place, "-o", ",".join(["csv", *outputs])]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise ProgramError(
                f"{program!r} did not run to its end: {exc}.", remedy="Try it by hand."
            ) from exc
        written = Path(outputs[1])
        if done.returncode or not written.exists():
            raise ProgramError(
                f"{program!r} ended with {done.returncode} and says "
                f"{done.stderr.strip()[-300:]!r}; the rule is 0 and a file of irradiances.",
                remedy="Try it by hand, and update its coefficients (lime -u).",
            )
        return read_lime(written)


def read_lime(path: str | Path) -> Spectrum:
    """Read a file of irradiances that LIME wrote as CSV, of one observation [W m-2 um-1].

    Raises
    ------
    InputError
        Another file, several observations, or no uncertainties.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path.name} cannot be read: {exc}.") from exc
    heads = [k for k, row in enumerate(rows) if row[0].strip().lower().startswith("wavelength")]
    if not heads or len(rows[heads[-1]]) != 3 or "k=2" not in rows[heads[-1]][2]:
        raise InputError(
            f"{path.name} has no table of wavelength, irradiance and its uncertainty (k=2) of one "
            "observation; the rule is LIME's CSV of irradiances.",
            remedy="Write it with -o csv,… and uncertainties, for one place and time.",
        )
    head = rows[heads[-1]]
    if "rradiance" not in head[1] or _PER_NM not in head[1]:
        raise InputError(
            f"{path.name} holds {head[1]!r}; the rule is irradiances in W m⁻² nm⁻¹.",
            remedy="Take the second of LIME's files.",
        )
    try:
        table = np.array([[float(field) for field in row] for row in rows[heads[-1] + 1 :]])
    except ValueError as exc:
        raise InputError(f"{path.name} has a field that is no number: {exc}.") from exc
    return Spectrum(
        table[:, 0], 1000.0 * table[:, 1], 500.0 * table[:, 2], name="the Moon's irradiance (LIME)"
    )
