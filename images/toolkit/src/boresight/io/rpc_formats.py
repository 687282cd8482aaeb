"""Formats of RPC files, from their text to a model: ``_RPC.TXT``, ``.RPB``, DIMAP and ``.geom``.

What each counts as the first pixel's centre:

==========================  ======
TIFF tag, ``_RPC.TXT``      (0, 0)
``.RPB``                    (0, 0)
OTB/OSSIM ``.geom``         (0, 0)
DIMAP v1 and v2 (Pléiades)  (1, 1)
DIMAP v3 (Pléiades Neo)     (0.5, 0.5)
==========================  ======
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from xml.etree import ElementTree

from boresight.conventions import RPC_PIXEL_SHIFT
from boresight.errors import RpcError
from boresight.rpc import N_COEFFICIENTS, RpcModel

_DIMAP_FIRST_CENTRE = {1: 1.0, 2: 1.0, 3: 0.5}

_SCALARS = {
    "row_off": "LINE_OFF",
    "col_off": "SAMP_OFF",
    "row_scale": "LINE_SCALE",
    "col_scale": "SAMP_SCALE",
    "lon_off": "LONG_OFF",
    "lat_off": "LAT_OFF",
    "lon_scale": "LONG_SCALE",
    "lat_scale": "LAT_SCALE",
    "height_off": "HEIGHT_OFF",
    "height_scale": "HEIGHT_SCALE",
}
_POLYNOMIALS = {
    "row_num": "LINE_NUM_COEFF",
    "row_den": "LINE_DEN_COEFF",
    "col_num": "SAMP_NUM_COEFF",
    "col_den": "SAMP_DEN_COEFF",
}


def to_tiff_tags(rpc: RpcModel) -> dict[str, str]:
    """Items of GDAL's metadata domain ``RPC``, and of an ``_RPC.TXT``.

    Returns
    -------
    dict of str
        Offsets count the centre of the first pixel as (0, 0).
    """
    tags = {}
    for field, name in _SCALARS.items():
        shift = RPC_PIXEL_SHIFT if field in ("row_off", "col_off") else 0.0
        tags[name] = repr(float(getattr(rpc, field)) - shift)
    for field, name in _POLYNOMIALS.items():
        tags[name] = " ".join(repr(value) for value in getattr(rpc, field))
    for name, value in (("ERR_BIAS", rpc.err_bias_m), ("ERR_RAND", rpc.err_rand_m)):
        if value is not None:
            tags[name] = repr(value)
    return tags


def from_tiff_tags(tags: Mapping[str, str], *, source: str) -> RpcModel:
    """Model from GDAL's metadata domain ``RPC``; the counterpart of :func:`to_tiff_tags`."""
    upper = {key.upper(): value for key, value in tags.items()}
    return _build(
        lambda name: _number(_need(upper, name, source), name, source),
        lambda name: _numbers(_need(upper, name, source), name, source),
        first_centre=0.0,
        errors=(_optional(upper.get("ERR_BIAS")), _optional(upper.get("ERR_RAND"))),
    )


def from_text(text: str, *, source: str) -> RpcModel:
    """Model from an ``_RPC.TXT``: ``KEY: value unit``, one coefficient per line or all in one."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and value.strip():
            found[key.strip().upper()] = value.strip()
    for name in _POLYNOMIALS.values():
        singles = [found.get(f"{name}_{i}") for i in range(1, N_COEFFICIENTS + 1)]
        if name not in found and any(singles):
            found[name] = " ".join(value.split()[0] for value in singles if value)
    # units may follow a scalar: "LINE_OFF: 6821.50 pixels"
    for name in (*_SCALARS.values(), "ERR_BIAS", "ERR_RAND"):
        if name in found:
            found[name] = found[name].split()[0]
    return from_tiff_tags(found, source=source)


def from_rpb(text: str, *, source: str) -> RpcModel:
    """Model from a DigitalGlobe ``.RPB``."""
    names = {
        "LINE_OFF": "lineOffset",
        "SAMP_OFF": "sampOffset",
        "LAT_OFF": "latOffset",
        "LONG_OFF": "longOffset",
        "HEIGHT_OFF": "heightOffset",
        "LINE_SCALE": "lineScale",
        "SAMP_SCALE": "sampScale",
        "LAT_SCALE": "latScale",
        "LONG_SCALE": "longScale",
        "HEIGHT_SCALE": "heightScale",
        "LINE_NUM_COEFF": "lineNumCoef",
        "LINE_DEN_COEFF": "lineDenCoef",
        "SAMP_NUM_COEFF": "sampNumCoef",
        "SAMP_DEN_COEFF": "sampDenCoef",
        "ERR_BIAS": "errBias",
        "ERR_RAND": "errRand",
    }
    found = {}
    for key, value in re.findall(r"(\w+)\s*=\s*(\([^)]*\)|[^;\n]+);", text):
        found[key.lower()] = value.strip("() \n\t").replace(",", " ")
    tags = {tag: found[name.lower()] for tag, name in names.items() if name.lower() in found}
    return from_tiff_tags(tags, source=source)


def from_geom(text: str, *, source: str) -> RpcModel:
    """Model from an OTB/OSSIM keyword list (``.geom``)."""
    found = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found[key.strip().upper()] = value.strip()
    style = found.get("POLYNOMIAL_FORMAT", "B")
    if style != "B":
        raise RpcError(
            f"{source}: polynomial_format is {style}; only B (RPC00B) is understood.",
            remedy="Export the model as RPC00B.",
        )
    for name in _POLYNOMIALS.values():
        keys = [f"{name}_{i:02d}" for i in range(N_COEFFICIENTS)]
        found[name] = " ".join(found[key] for key in keys if key in found)
    # bias_error and rand_error of a .geom carry no agreed unit: left out
    return from_tiff_tags(found, source=source)


def from_dimap(text: str, *, source: str) -> RpcModel:
    """Model from a DIMAP document: v1 (``F_ROW``…), v2 or v3 (``Inverse_Model``…).

    The ground-to-image model is taken: it is the one RPC00B defines.
    """
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - expat expands no external entities
    except ElementTree.ParseError as exc:
        raise RpcError(
            f"{source}: not well-formed XML ({exc}).", remedy="Fetch the file again."
        ) from exc
    if root.find(".//Global_RFM/F_ROW") is not None:
        return _from_dimap_v1(root, source)
    inverse = root.find(".//Global_RFM/Inverse_Model")
    version = 2
    if inverse is None:
        inverse = root.find(".//Global_RFM/GroundtoImage_Values")
        version = 3
    validity = root.find(".//Global_RFM/RFM_Validity")
    if inverse is None or validity is None:
        raise RpcError(
            f"{source}: XML without a rational model (Global_RFM/Inverse_Model and RFM_Validity).",
            remedy="Give the product's RPC*.XML, not its DIM*.XML.",
        )
    coefficients = {child.tag: child.text or "" for child in inverse}
    scalars = {child.tag: child.text or "" for child in validity}

    def polynomial(name: str) -> list[float]:
        keys = [f"{name}_{i}" for i in range(1, N_COEFFICIENTS + 1)]
        return [_number(_need(coefficients, key, source), key, source) for key in keys]

    return _build(
        lambda name: _number(_need(scalars, name, source), name, source),
        polynomial,
        first_centre=_DIMAP_FIRST_CENTRE[version],
    )


def _from_dimap_v1(root: ElementTree.Element, source: str) -> RpcModel:
    places = {"LINE": "Row", "SAMP": "Col", "LONG": "Lon", "LAT": "Lat", "HEIGHT": "Alt"}

    def text_of(path: str) -> str:
        return (root.findtext(f".//{path}") or "").strip()

    def scalar(name: str) -> float:
        stem, _, kind = name.partition("_")
        path = f"RFM_Validity/{places[stem]}/{'A' if kind == 'SCALE' else 'B'}"
        return _number(text_of(path), path, source)

    def polynomial(name: str) -> list[float]:
        path = "Global_RFM/F_ROW" if name.startswith("LINE") else "Global_RFM/F_COL"
        values = _numbers(text_of(path), path, source)
        return values[:N_COEFFICIENTS] if "_NUM_" in name else values[N_COEFFICIENTS:]

    return _build(scalar, polynomial, first_centre=_DIMAP_FIRST_CENTRE[1])


def _build(
    scalar: Callable[[str], float],
    polynomial: Callable[[str], Sequence[float]],
    *,
    first_centre: float,
    errors: tuple[float | None, float | None] = (None, None),
) -> RpcModel:
    values = {field: scalar(name) for field, name in _SCALARS.items()}
    shift = RPC_PIXEL_SHIFT - first_centre
    values["row_off"] += shift
    values["col_off"] += shift
    return RpcModel(
        **values,
        row_num=tuple(polynomial("LINE_NUM_COEFF")),
        row_den=tuple(polynomial("LINE_DEN_COEFF")),
        col_num=tuple(polynomial("SAMP_NUM_COEFF")),
        col_den=tuple(polynomial("SAMP_DEN_COEFF")),
        err_bias_m=errors[0],
        err_rand_m=errors[1],
    )


def _need(found: Mapping[str, str], name: str, source: str) -> str:
    if not found.get(name, "").strip():
        raise RpcError(
            f"{source}: RPC without {name}; offsets, scales and 4 x 20 coefficients are needed.",
            remedy="Get the RPC file again from the producer.",
        )
    return found[name]


def _number(text: str, name: str, source: str) -> float:
    values = _numbers(text, name, source)
    if len(values) != 1:
        raise RpcError(
            f"{source}: {name} is {text[:40]!r}; the rule is one number.",
            remedy="Get the RPC file again from the producer.",
        )
    return values[0]


def _numbers(text: str, name: str, source: str) -> list[float]:
    try:
        return [float(part) for part in text.split()]
    except ValueError as exc:
        raise RpcError(
            f"{source}: {name} is {text[:40]!r}; the rule is numbers.",
            remedy="Get the RPC file again from the producer.",
        ) from exc


def _optional(text: str | None) -> float | None:
    """Stated error, unless missing or GDAL's "unknown" (negative)."""
    try:
        value = float(text) if text else -1.0
    except ValueError:
        return None
    return value if value >= 0 else None
