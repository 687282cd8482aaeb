"""RadCalNet's daily files: reflectance of a site's ground (.input) and at the top of the air.

The format is plain text in three parts that empty lines separate, fields by tabs (RadCalNet
Requirements, Data Format Specification, V8): the site; times, weather and reflectance by
wavelength; the standard uncertainties of these. Values of 9990 and more stand for "none", and why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError, ValidityError
from boresight.radiometry import Spectrum

FloatArray = NDArray[np.float64]

#: numbers from here on are codes for a missing value
_FILL = 9990.0
_WEATHER = ("P", "T", "WV", "O3", "AOD", "Ang")

#: what the codes of the weather are called, and their units
WEATHER_UNITS = {"P": "hPa", "T": "K", "WV": "g cm-2", "O3": "DU", "AOD": "1", "Ang": "1"}


@dataclass(frozen=True)
class RadCalNetDay:
    """One site on one day.

    Parameters
    ----------
    site : str
        Four letters and two digits: ``BTCN02``.
    kind : {"surface", "toa"}
        Reflectance of the ground, or at the top of the atmosphere seen from the zenith.
    lon_deg, lat_deg, altitude_m : float
        [deg], [m].
    times : tuple of datetime, length m
        UTC, half an hour apart.
    wavelength_nm : ndarray, shape (n,)
        [nm]
    reflectance, u_reflectance : ndarray, shape (n, m)
        And standard uncertainty; NaN where there is none [1].
    weather, u_weather : dict of str to ndarray, shape (m,)
        By the codes of :data:`WEATHER_UNITS`; NaN where there is none.
    """

    site: str
    kind: str
    lon_deg: float
    lat_deg: float
    altitude_m: float
    times: tuple[dt.datetime, ...]
    wavelength_nm: FloatArray
    reflectance: FloatArray
    u_reflectance: FloatArray
    weather: dict[str, FloatArray]
    u_weather: dict[str, FloatArray]

    def spectrum_at(self, time: dt.datetime) -> Spectrum:
        """Reflectance at a time, linear between the two measurements around it.

        Raises
        ------
        ValidityError
            No measurement on one of the sides.
        """
        if time.tzinfo is None:
            raise ValidityError(f"time is {time}, without a time zone; the rule is aware times.")
        usable = [k for k in range(len(self.times)) if np.isfinite(self.reflectance[:, k]).any()]
        before = [k for k in usable if self.times[k] <= time]
        after = [k for k in usable if self.times[k] >= time]
        if not before or not after:
            known = f"{self.times[usable[0]]} to {self.times[usable[-1]]}" if usable else "never"
            raise ValidityError(
                f"{self.site} has no measurement around {time.isoformat()}: it has {known}; the "
                "rule is one on either side.",
                remedy="Choose another acquisition or day.",
            )
        low, high = before[-1], after[0]
        gap = (self.times[high] - self.times[low]).total_seconds()
        share = (time - self.times[low]).total_seconds() / gap if gap else 0.0
        value = (1 - share) * self.reflectance[:, low] + share * self.reflectance[:, high]
        # the same instrument and ground: errors of neighbours are alike
        u = (1 - share) * self.u_reflectance[:, low] + share * self.u_reflectance[:, high]
        known_at = np.isfinite(value) & np.isfinite(u)
        return Spectrum(
            self.wavelength_nm[known_at],
            value[known_at],
            u[known_at],
            name=f"reflectance of {self.site}",
        )


def read_radcalnet(path: str | Path) -> RadCalNetDay:
    """Read a daily file, ``.input`` (surface) or ``.output`` (top of the atmosphere).

    Raises
    ------
    InputError
        The file is not in RadCalNet's format.
    """
    path = Path(path)
    kinds = {".input": "surface", ".output": "toa"}
    if path.suffix not in kinds:
        raise InputError(
            f"{path.name} ends in {path.suffix!r}; the rule is .input or .output.",
            remedy="Give a daily file of RadCalNet.",
        )
    try:
        blocks = _blocks(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path.name} cannot be read: {exc}.") from exc
    if len(blocks) != 3:
        raise InputError(
            f"{path.name} has {len(blocks)} parts; the rule is site, measurements, uncertainties."
        )
    try:
        return _day(kinds[path.suffix], *blocks)
    except (KeyError, ValueError, IndexError) as exc:
        if isinstance(exc, InputError):
            raise
        raise InputError(
            f"{path.name} is not in RadCalNet's format: {type(exc).__name__} {exc}; the rule is "
            "data format specification V8.",
            remedy="Fetch the file again.",
        ) from exc


def write_radcalnet(day: RadCalNetDay, folder: str | Path) -> Path:
    """Write a daily file in RadCalNet's format, for a site of one's own.

    Parameters
    ----------
    day : RadCalNetDay
        NaN is written as 9999.
    folder : str or Path
        Where; the name follows from site and day, as RadCalNet's do.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Arrays do not fit the times, or the file is there already.
    """
    count = len(day.times)
    grids = (day.reflectance, day.u_reflectance)
    if count == 0 or any(grid.shape != (day.wavelength_nm.size, count) for grid in grids):
        raise InputError(
            f"reflectance and uncertainty have shapes {[grid.shape for grid in grids]}; the rule "
            f"is {(day.wavelength_nm.size, count)}: wavelengths and times, at least one."
        )
    suffix = {"surface": ".input", "toa": ".output"}[day.kind]
    first = day.times[0].astimezone(dt.UTC)
    path = Path(folder) / f"{day.site}_{first:%Y_%j}_v00.00{suffix}"
    if path.exists():
        raise InputError(f"{path.name} is there already; the rule is a new file.")
    # local mean time, which is what the local fields hold
    east = dt.timedelta(minutes=round(4.0 * day.lon_deg))
    utc = [time.astimezone(dt.UTC) for time in day.times]
    clocks = (("(U)", "UTC", utc), ("(L)", "Local", [time + east for time in utc]))

    def line(name: str, values: Iterable[str]) -> str:
        return "\t".join([name, *values])

    def number(value: float, digits: int = 4) -> str:
        return f"{value:.{digits}f}" if np.isfinite(value) else "9999"

    def weather(values: dict[str, FloatArray]) -> list[str]:
        return [line(f"{name}:", map(number, values[name])) for name in _WEATHER]

    def spectra(grid: FloatArray) -> list[str]:
        return [
            line(f"{nm:.0f}", map(number, row))
            for nm, row in zip(day.wavelength_nm, grid, strict=True)
        ]

    lines = [line("Site:", [day.site]), line("Lat:", [f"{day.lat_deg:.5f}"])]
    lines += [line("Lon:", [f"{day.lon_deg:.5f}"]), line("Alt:", [f"{day.altitude_m:.0f}"]), ""]
    lines += [line("Year:", (f"{time:%Y}" for time in utc))]
    for mark, clock, times in clocks:
        lines += [line(f"DOY{mark}:", (f"{time:%j}" for time in times))]
        lines += [line(f"{clock}:", (f"{time:%H:%M}" for time in times))]
    lines += [*weather(day.weather), line("Type:", ["U"] * count), *spectra(day.reflectance), ""]
    lines += [*weather(day.u_weather), *spectra(day.u_reflectance)]
    path.write_text("\n".join(lines) + "\n", "ascii")
    return path


Rows = dict[str, list[str]]


def _blocks(text: str) -> list[Rows]:
    blocks: list[Rows] = [{}]
    for line in text.splitlines():
        if not line.strip():
            if blocks[-1]:
                blocks.append({})
            continue
        # a tab may follow the last field
        name, *fields = (field.strip() for field in line.rstrip().split("\t"))
        name = name.rstrip(":")
        if name in blocks[-1]:
            raise InputError(f"{name!r} stands twice in one part; the rule is once.")
        blocks[-1][name] = fields
    return [block for block in blocks if block]


def _day(kind: str, head: Rows, values: Rows, uncertainties: Rows) -> RadCalNetDay:
    times = tuple(
        dt.datetime.strptime(f"{year} {day} {clock}", "%Y %j %H:%M").replace(tzinfo=dt.UTC)
        for year, day, clock in zip(values["Year"], values["DOY(U)"], values["UTC"], strict=True)
    )
    wavelength = [name for name in values if name.isdigit()]
    if wavelength != [name for name in uncertainties if name.isdigit()] or len(wavelength) < 2:
        raise InputError(
            f"{len(wavelength)} wavelengths have values; the rule is two or more, and the same "
            "with uncertainties."
        )
    count = len(times)
    return RadCalNetDay(
        site=head["Site"][0],
        kind=kind,
        lon_deg=float(head["Lon"][0]),
        lat_deg=float(head["Lat"][0]),
        altitude_m=float(head["Alt"][0]),
        times=times,
        wavelength_nm=np.array([float(name) for name in wavelength]),
        reflectance=np.stack([_numbers(values, name, count) for name in wavelength]),
        u_reflectance=np.stack([_numbers(uncertainties, name, count) for name in wavelength]),
        weather={name: _numbers(values, name, count) for name in _WEATHER},
        u_weather={name: _numbers(uncertainties, name, count) for name in _WEATHER},
    )


def _numbers(rows: Rows, name: str, count: int) -> FloatArray:
    numbers = np.array([float(field) for field in rows[name]])
    if numbers.size != count:
        raise InputError(f"{name!r} has {numbers.size} values for {count} times; one rule each.")
    numbers[~(numbers < _FILL)] = np.nan
    return numbers
