"""Light scattered by the air alone, over water: multiple scattering with polarisation.

A plane-parallel layer of molecules over a flat water surface. Operators act on the radiances
(I, Q, U) at the nodes of a quadrature over zenith and are added layer by layer (doubling: van de
Hulst 1963; Hansen & Travis 1974, Space Sci. Rev. 16:527, doi:10.1007/BF00168069, section 3), for
each of the three Fourier components in azimuth that molecules have. V stays 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boresight.errors import InputError

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: of dry air at 550 nm: King's factor 1.0488 (Bodhaine et al. 1999, equations 5, 6 and 23)
DEPOLARISATION = 0.0283
STANDARD_PRESSURE_HPA = 1013.25

#: nodes over zenith: with 12 the published tables are met to 1e-4, with 16 to 1e-5
_NODES = 12
#: scattering matrices have Fourier components 0 to 2: eight azimuths hold them exactly
_AZIMUTHS = 8
#: the first layer is 2**-19 of the whole, thin enough for single scattering
_DOUBLINGS = 19
#: share of a quadrature's weight that the directions of Sun and view get: none that counts
_NO_WEIGHT = 1e-9


@dataclass(frozen=True)
class Surface:
    """What lies below the air.

    Parameters
    ----------
    water_reflectance : float
        Of the light that leaves the water, even in all directions, 0 to 1 [1].
    refractive_index : float, optional
        Of still water, which mirrors; None for ground that does not [1].
    """

    water_reflectance: float = 0.0
    refractive_index: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.water_reflectance <= 1:
            raise InputError(
                f"water_reflectance is {self.water_reflectance}; the rule is 0 to 1.",
                remedy="Give reflectance, not per cent or radiance.",
            )
        if self.refractive_index is not None and not 1.2 <= self.refractive_index <= 1.6:
            raise InputError(
                f"refractive_index is {self.refractive_index}; the rule is 1.2 to 1.6."
            )


def molecular_optical_depth(
    wavelength_nm: float | FloatArray, *, pressure_hpa: float = STANDARD_PRESSURE_HPA
) -> FloatArray:
    """Optical depth of the molecules of the air above a place [1].

    Parameters
    ----------
    wavelength_nm : float or ndarray
        250 to 2500 [nm].
    pressure_hpa : float
        At the ground, 300 to 1100 [hPa].

    Raises
    ------
    InputError
        Outside these.

    References
    ----------
    Bodhaine et al. 1999, J. Atmos. Oceanic Technol. 16:1854,
    doi:10.1175/1520-0426(1999)016<1854:ORODC>2.0.CO;2, equation 30 (sea level, 45° N, 360 ppm CO2).
    """
    wavelength_um = np.asarray(wavelength_nm, np.float64) / 1000.0
    if not ((wavelength_um >= 0.25) & (wavelength_um <= 2.5)).all():
        raise InputError(
            f"wavelength_nm is {np.min(wavelength_nm):g} to {np.max(wavelength_nm):g}; the rule is "
            "250 to 2500.",
            remedy="Give nanometres.",
        )
    if not 300 <= pressure_hpa <= 1100:
        raise InputError(
            f"pressure_hpa is {pressure_hpa}; the rule is 300 to 1100.", remedy="Give hPa, not Pa."
        )
    square = wavelength_um**2
    numerator = 1.0455996 - 341.29061 / square - 0.90230850 * square
    denominator = 1.0 + 0.0027059889 / square - 85.968563 * square
    depth = 0.0021520 * numerator / denominator
    return np.asarray(depth * pressure_hpa / STANDARD_PRESSURE_HPA)


def molecular_reflectance(
    optical_depth: float,
    *,
    cos_sun: float,
    cos_view: float,
    relative_azimuth_rad: float,
    surface: Surface | None = None,
    depolarisation: float = DEPOLARISATION,
) -> FloatArray:
    """Reflectance of molecules and surface at the top of the air, shape (3,): I, Q, U [1].

    Parameters
    ----------
    optical_depth : float
        Above 0, at most 2 [1].
    cos_sun, cos_view : float
        Cosines of the zenith angles, above 0, at most 1 [1].
    relative_azimuth_rad : float
        Between the directions *to* Sun and sensor; 0 is backscatter [rad].
    surface : Surface, optional
        Black without it. Still water's image of the Sun itself is left out.
    depolarisation : float
        Depolarisation factor of the molecules, 0 to 0.1 [1].

    Returns
    -------
    ndarray, shape (3,)
        ``pi (I, Q, U) / (cos_sun E)``; Q above 0 along the meridian of the view.

    Raises
    ------
    InputError
        Values outside these.
    """
    for name, value, low, high in (
        ("optical_depth", optical_depth, 0.0, 2.0),
        ("cos_sun", cos_sun, 0.0, 1.0),
        ("cos_view", cos_view, 0.0, 1.0),
    ):
        if not low < value <= high:
            raise InputError(f"{name} is {value}; the rule is above {low:g}, at most {high:g}.")
    if not 0 <= depolarisation <= 0.1:
        raise InputError(f"depolarisation is {depolarisation}; the rule is 0 to 0.1.")
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    # the last two: where the Sun stands, and where it is looked from
    mu = np.concatenate([(nodes + 1) / 2, [cos_sun, cos_view]])
    weight = np.concatenate([weights / 2, [_NO_WEIGHT, _NO_WEIGHT]])
    shapes = _scattering(mu, depolarisation)
    result = np.zeros(3)
    sun, view = slice(3 * _NODES, 3 * _NODES + 3), slice(3 * _NODES + 3, 3 * _NODES + 6)
    for m, scattering in enumerate(shapes):
        layer = _layer(scattering, mu, weight, optical_depth)
        ground = _ground(surface or Surface(), mu, weight, even=m == 0)
        down = np.linalg.solve(np.eye(3 * mu.size) - layer.back @ ground, layer.through)
        total = layer.mirror + layer.rise @ ground @ down
        # light that comes in moves away from the Sun: its azimuth is the Sun's less 180 degrees
        turn = np.exp(1j * m * (relative_azimuth_rad - np.pi))
        part = (total[view, sun][:, 0] * turn).real / _NO_WEIGHT
        result += part if m == 0 else 2 * part
    return result / (2 * cos_sun)


@dataclass(frozen=True)
class _Layer:
    """Operators from radiances that come in to those that go out, shape (3 n, 3 n).

    Parameters
    ----------
    mirror, through : ndarray
        Of light from above: what goes up, what goes down.
    back, rise : ndarray
        Of light from below: what goes down, what goes up.
    """

    mirror: ComplexArray
    through: ComplexArray
    back: ComplexArray
    rise: ComplexArray


def _layer(
    scattering: dict[str, ComplexArray], mu: FloatArray, weight: FloatArray, optical_depth: float
) -> _Layer:
    thin = optical_depth / 2**_DOUBLINGS
    out, into = np.repeat(mu, 3)[:, None], np.repeat(mu, 3)[None]
    w = np.repeat(weight, 3)[None]
    reflected = into / (into + out) * -np.expm1(-thin * (1 / into + 1 / out)) * w / 2
    passed = thin / out * np.exp(-thin * (1 / into + 1 / out) / 2) * w / 2
    direct = np.diag(np.exp(-thin / np.repeat(mu, 3)))
    layer = _Layer(
        mirror=scattering["up from above"] * reflected,
        through=scattering["down from above"] * passed + direct,
        back=scattering["down from below"] * reflected,
        rise=scattering["up from below"] * passed + direct,
    )
    unit = np.eye(3 * mu.size)
    for _ in range(_DOUBLINGS):
        down = np.linalg.solve(unit - layer.back @ layer.mirror, layer.through)
        up = np.linalg.solve(unit - layer.mirror @ layer.back, layer.rise)
        layer = _Layer(
            mirror=layer.mirror + layer.rise @ layer.mirror @ down,
            through=layer.through @ down,
            back=layer.back + layer.through @ layer.back @ up,
            rise=layer.rise @ up,
        )
    return layer


def _scattering(mu: FloatArray, depolarisation: float) -> list[dict[str, ComplexArray]]:
    """Fourier components 0 to 2 of the scattering matrix between all nodes.

    An electric field that meets a molecule leaves its component across the new direction; so the
    matrix of (I, Q, U) follows from products of the unit vectors of both meridian planes.
    """
    azimuth = 2 * np.pi * np.arange(_AZIMUTHS) / _AZIMUTHS
    pure = (1 - depolarisation) / (1 + depolarisation / 2)
    cases = {
        "up from above": (1.0, -1.0),
        "down from above": (-1.0, -1.0),
        "down from below": (-1.0, 1.0),
        "up from below": (1.0, 1.0),
    }
    found: list[dict[str, ComplexArray]] = [{}, {}, {}]
    for name, (sign_out, sign_in) in cases.items():
        matrix = _rayleigh_matrix(sign_out * mu, sign_in * mu, azimuth)
        matrix *= 1.5 * pure
        matrix[..., 0, 0] += 1 - pure
        for m in range(3):
            part = np.tensordot(np.exp(-1j * m * azimuth), matrix, axes=1) / _AZIMUTHS
            flat = part.transpose(0, 2, 1, 3).reshape(3 * mu.size, 3 * mu.size)
            found[m][name] = flat.astype(np.complex128)
    return found


def _rayleigh_matrix(mu_out: FloatArray, mu_in: FloatArray, azimuth: FloatArray) -> FloatArray:
    """Shape (azimuth, out, in, 3, 3), mean of the first element over all directions 2/3."""
    c_out = mu_out[None, :, None]
    s_out = np.sqrt(1 - c_out**2)
    c_in = mu_in[None, None, :]
    s_in = np.sqrt(1 - c_in**2)
    cosine, sine = np.cos(azimuth)[:, None, None], np.sin(azimuth)[:, None, None]
    a = c_out * c_in * cosine + s_out * s_in
    b = c_out * sine * np.ones_like(c_in)
    c = -c_in * sine * np.ones_like(c_out)
    d = cosine * np.ones_like(c_out * c_in)
    along = [(a**2 + b**2) / 2, (a**2 - b**2) / 2, a * b]
    across = [(c**2 + d**2) / 2, (c**2 - d**2) / 2, c * d]
    both = [a * c + b * d, a * c - b * d, a * d + b * c]
    rows = [
        [p + q for p, q in zip(along, across, strict=True)],
        [p - q for p, q in zip(along, across, strict=True)],
        both,
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _ground(surface: Surface, mu: FloatArray, weight: FloatArray, *, even: bool) -> FloatArray:
    """Operator from radiances that fall on the ground to those that leave it."""
    size = 3 * mu.size
    ground = np.zeros((size, size))
    if surface.refractive_index is not None:
        n = surface.refractive_index
        inside = np.sqrt(1 - (1 - mu**2) / n**2)
        across = (mu - n * inside) / (mu + n * inside)
        along = (n * mu - inside) / (n * mu + inside)
        half, rest = (along**2 + across**2) / 2, (along**2 - across**2) / 2
        for k in range(mu.size):
            ground[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = [
                [half[k], rest[k], 0.0],
                [rest[k], half[k], 0.0],
                [0.0, 0.0, along[k] * across[k]],
            ]
    if even and surface.water_reflectance:
        ground[::3, ::3] += 2 * surface.water_reflectance * (mu * weight)[None]
    return ground
