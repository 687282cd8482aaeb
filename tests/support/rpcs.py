"""RPC models made for tests, and the same model in every file format."""

from __future__ import annotations

from pathlib import Path

from boresight.io import to_tiff_tags, write_rpc_text
from boresight.rpc import RpcModel


def toy_rpc(lon: float = 5.0, lat: float = 44.0, size_px: float = 500.0) -> RpcModel:
    """Near-affine model with small terms of every order; rows go south."""
    higher = tuple(1e-5 * (k % 5 - 2) for k in range(16))
    return RpcModel(
        row_off=size_px / 2,
        col_off=size_px / 2,
        row_scale=size_px / 2,
        col_scale=size_px / 2,
        lon_off=lon,
        lat_off=lat,
        lon_scale=0.0016,
        lat_scale=0.0012,
        height_off=300.0,
        height_scale=400.0,
        row_num=(0.001, 0.02, -1.0, 0.15, *higher),
        row_den=(1.0, 1e-4, -2e-4, 1e-4, *higher[::-1]),
        col_num=(-0.002, 1.0, 0.03, -0.01, *higher[::-1]),
        col_den=(1.0, -1e-4, 1e-4, 2e-4, *higher),
    )


def write_geom(path: Path, rpc: RpcModel) -> None:
    """Write the model as OTB keyword list."""
    lines = ["polynomial_format:  B", "type:  ossimRpcModel"]
    for name, value in to_tiff_tags(rpc).items():
        parts = value.split()
        if len(parts) == 20:
            lines += [f"{name.lower()}_{i:02d}:  {part}" for i, part in enumerate(parts)]
        else:
            lines.append(f"{name.lower()}:  {value}")
    path.write_text("\n".join(lines) + "\n")


def write_rpb(path: Path, rpc: RpcModel) -> None:
    """Write the model as DigitalGlobe RPB."""
    stems = {"LINE": "line", "SAMP": "samp", "LAT": "lat", "LONG": "long", "HEIGHT": "height"}
    ends = {"OFF": "Offset", "SCALE": "Scale", "NUM_COEFF": "NumCoef", "DEN_COEFF": "DenCoef"}
    lines = ['satId = "XX";', 'SpecId = "RPC00B";', "BEGIN_GROUP = IMAGE"]
    for name, value in to_tiff_tags(rpc).items():
        stem, _, end = name.partition("_")
        parts = value.split()
        text = value if len(parts) == 1 else "(\n\t\t" + ",\n\t\t".join(parts) + ")"
        lines.append(f"\t{stems[stem]}{ends[end]} = {text};")
    path.write_text("\n".join([*lines, "END_GROUP = IMAGE", "END;"]) + "\n")


def write_dimap(path: Path, rpc: RpcModel, version: int) -> None:
    """Write the model as DIMAP: v1 and v2 count the first centre as 1, v3 as 0.5."""
    tags = to_tiff_tags(rpc)
    first = 0.5 if version == 3 else 1.0
    tags["LINE_OFF"] = repr(float(tags["LINE_OFF"]) + first)
    tags["SAMP_OFF"] = repr(float(tags["SAMP_OFF"]) + first)
    if version == 1:
        names = {"Lon": "LONG", "Lat": "LAT", "Alt": "HEIGHT", "Col": "SAMP", "Row": "LINE"}
        validity = "".join(
            f"<{k}><A>{tags[v + '_SCALE']}</A><B>{tags[v + '_OFF']}</B></{k}>"
            for k, v in names.items()
        )
        model = "".join(
            f"<{k}>{tags[v + '_NUM_COEFF']} {tags[v + '_DEN_COEFF']}</{k}>"
            for k, v in (("F_COL", "SAMP"), ("F_ROW", "LINE"))
        )
    else:
        element = "GroundtoImage_Values" if version == 3 else "Inverse_Model"
        rows = []
        for name, value in tags.items():
            if name.endswith("COEFF"):
                rows += [f"<{name}_{i}>{v}</{name}_{i}>" for i, v in enumerate(value.split(), 1)]
        model = f"<{element}>{''.join(rows)}</{element}>"
        validity = "".join(
            f"<{name}>{value}</{name}>" for name, value in tags.items() if "COEFF" not in name
        )
    path.write_text(
        "<Dimap_Document><Metadata_Identification>"
        f'<METADATA_FORMAT version="{version}.0">DIMAP</METADATA_FORMAT>'
        "</Metadata_Identification><Rational_Function_Model><Global_RFM>"
        f"{model}<RFM_Validity>{validity}</RFM_Validity>"
        "</Global_RFM></Rational_Function_Model></Dimap_Document>"
    )


WRITERS = {
    "txt": lambda path, rpc: write_rpc_text(path.with_name(f"{path.stem}_RPC.TXT"), rpc),
    "rpb": lambda path, rpc: write_rpb(path.with_suffix(".RPB"), rpc),
    "geom": lambda path, rpc: write_geom(path.with_suffix(".geom"), rpc),
    "dimap1": lambda path, rpc: write_dimap(path.with_name(f"RPC_{path.stem}.XML"), rpc, 1),
    "dimap2": lambda path, rpc: write_dimap(path.with_name(f"RPC_{path.stem}.XML"), rpc, 2),
    "dimap3": lambda path, rpc: write_dimap(path.with_name(f"RPC_{path.stem}.XML"), rpc, 3),
}
