"""Where the Sun stands, to 0.01 degree (Meeus 1998, Astronomical Algorithms, chapter 25)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boresight.errors import InputError

_J2000 = 2451545.0
#: Unix time 0 as a Julian date
_UNIX_EPOCH = 2440587.5
#: Terrestrial less universal time; 1 s moves the Sun by 1e-5 degree
_DELTA_T_S = 69.0


@dataclass(frozen=True)
class Sun:
    """The Sun seen from a place.

    Parameters
    ----------
    zenith_deg, azimuth_deg : float
        Without refraction; azimuth clockwise from north [deg].
    distance_au : float
        From the Earth's centre [au].
    """

    zenith_deg: float
    azimuth_deg: float
    distance_au: float


def sun_position(unix_time_s: float, *, lon_deg: float, lat_deg: float) -> Sun:
    """Direction and distance of the Sun.

    Parameters
    ----------
    unix_time_s : float
        UTC; 1950 to 2050 is within 0.01 degree [s].
    lon_deg, lat_deg : float
        Geographic coordinates [deg].

    Raises
    ------
    InputError
        A place that does not exist.
    """
    if not (-90 <= lat_deg <= 90 and -360 <= lon_deg <= 360):
        raise InputError(f"lon {lon_deg}, lat {lat_deg} is no place; the rule is degrees.")
    julian = _UNIX_EPOCH + unix_time_s / 86400.0
    right_ascension, declination, distance = sun_equatorial(julian + _DELTA_T_S / 86400.0)
    centuries = (julian - _J2000) / 36525.0
    # Meeus 12.4, mean sidereal time at Greenwich
    sidereal = 280.46061837 + 360.98564736629 * (julian - _J2000) + 0.000387933 * centuries**2
    hour = np.radians(sidereal + lon_deg - right_ascension)
    lat, dec = np.radians(lat_deg), np.radians(declination)
    sine = np.sin(lat) * np.sin(dec) + np.cos(lat) * np.cos(dec) * np.cos(hour)
    azimuth = np.degrees(
        np.arctan2(np.sin(hour), np.cos(hour) * np.sin(lat) - np.tan(dec) * np.cos(lat))
    )
    return Sun(
        zenith_deg=float(np.degrees(np.arccos(np.clip(sine, -1.0, 1.0)))),
        azimuth_deg=float((azimuth + 180.0) % 360.0),
        distance_au=distance,
    )


def sun_equatorial(julian_ephemeris_date: float) -> tuple[float, float, float]:
    """Apparent right ascension and declination [deg] and distance [au] of the Sun."""
    t = (julian_ephemeris_date - _J2000) / 36525.0
    mean_longitude = 280.46646 + 36000.76983 * t + 0.0003032 * t**2
    anomaly = np.radians(357.52911 + 35999.05029 * t - 0.0001537 * t**2)
    eccentricity = 0.016708634 - 0.000042037 * t - 0.0000001267 * t**2
    centre = (
        (1.914602 - 0.004817 * t - 0.000014 * t**2) * np.sin(anomaly)
        + (0.019993 - 0.000101 * t) * np.sin(2 * anomaly)
        + 0.000289 * np.sin(3 * anomaly)
    )
    true_anomaly = anomaly + np.radians(centre)
    distance = 1.000001018 * (1 - eccentricity**2) / (1 + eccentricity * np.cos(true_anomaly))
    node = np.radians(125.04 - 1934.136 * t)
    longitude = np.radians(mean_longitude + centre - 0.00569 - 0.00478 * np.sin(node))
    obliquity = 23.43929111 - 0.013004167 * t + 0.00256 * np.cos(node)
    tilt = np.radians(obliquity)
    right_ascension = np.degrees(np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude)))
    declination = np.degrees(np.arcsin(np.sin(tilt) * np.sin(longitude)))
    return float(right_ascension % 360.0), float(declination), float(distance)
