"""Parameter sets on disk: a folder with a JSON file, a NetCDF file of arrays and a STAC item.

A folder is written whole or not at all, and never changed afterwards: another calibration is
another set.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pystac
import xarray as xr
from numpy.typing import NDArray

from boresight.errors import ParameterSetError
from boresight.instrument import ParameterSet, from_document, to_document
from boresight.io.checksums import file_checksum, file_size

DOCUMENT = "parameter-set.json"
ARRAYS = "arrays.nc"
ITEM = "item.json"

EXTENSIONS = (
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
)

_MEDIA_TYPES = {DOCUMENT: pystac.MediaType.JSON, ARRAYS: "application/netcdf"}


def write_parameter_set(parameters: ParameterSet, folder: str | Path) -> Path:
    """Write a set into a new folder, whole or not at all.

    Parameters
    ----------
    parameters : ParameterSet
    folder : str or Path
        Where; its parent has to exist.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ParameterSetError
        There is something already.
    """
    folder = Path(folder)
    if folder.exists():
        raise ParameterSetError(
            f"{folder.name} is there already; a parameter set is never written over.",
            remedy="Give the new set an id of its own.",
        )
    document, arrays = to_document(parameters)
    # beside the target: a rename within one file system happens whole or not at all
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_arrays(arrays, scratch / ARRAYS)
        (scratch / DOCUMENT).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        item = parameter_set_item(parameters, scratch)
        (scratch / ITEM).write_text(json.dumps(item.to_dict(), indent=2) + "\n", "utf-8")
        scratch.chmod(0o755)
        for path in scratch.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        scratch.rename(folder)
    except OSError as exc:
        raise ParameterSetError(
            f"{folder.name} was not written: {exc}; nothing is left of it.",
            remedy="Make room, or choose another folder.",
        ) from exc
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def read_parameter_set(folder: str | Path) -> ParameterSet:
    """Read a set and check every array against the checksum in its JSON file.

    Raises
    ------
    ParameterSetError
        A file is missing, damaged or breaks a rule.
    """
    folder = Path(folder)
    try:
        document = json.loads((folder / DOCUMENT).read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise ParameterSetError(
            f"{folder.name}/{DOCUMENT} cannot be read: {exc}.",
            remedy="Fetch the whole parameter set again.",
        ) from exc
    if not isinstance(document, dict):
        raise ParameterSetError(f"{folder.name}/{DOCUMENT} is no JSON object.")
    return from_document(document, _read_arrays(folder / ARRAYS))


def parameter_set_item(parameters: ParameterSet, folder: str | Path) -> pystac.Item:
    """Describe a set as a STAC item.

    Parameters
    ----------
    parameters : ParameterSet
    folder : str or Path
        Where its files are; assets are relative to the item.
    """
    folder = Path(folder)
    validity = parameters.validity
    item = pystac.Item(
        id=parameters.id,
        geometry=None,  # a calibration is of no place
        bbox=None,
        datetime=validity.start,
        properties={
            "created": parameters.created_at.isoformat(),
            "platform": parameters.platform,
            "instruments": [parameters.instrument],
            "bands": [{"name": name} for name in parameters.band_names],
            "processing:lineage": parameters.provenance.method,
            "processing:software": {"boresight": parameters.provenance.code_version},
            "boresight:kind": "parameter-set",
            "boresight:schema_version": parameters.schema_version,
            "boresight:environment_digest": parameters.provenance.environment_digest,
            "boresight:valid_until": validity.end.isoformat() if validity.end else None,
        },
        stac_extensions=list(EXTENSIONS),
    )
    if validity.end is not None:
        item.common_metadata.start_datetime = validity.start
        item.common_metadata.end_datetime = validity.end
    for name, media_type in _MEDIA_TYPES.items():
        item.add_asset(
            name.partition(".")[0],
            pystac.Asset(
                href=f"./{name}",
                media_type=media_type,
                roles=["data" if name == ARRAYS else "metadata"],
                extra_fields={
                    "file:checksum": file_checksum(folder / name),
                    "file:size": file_size(folder / name),
                },
            ),
        )
    for source in parameters.provenance.inputs:
        item.add_link(pystac.Link("derived_from", source.href))
    if parameters.parent is not None:
        # sets lie side by side
        item.add_link(pystac.Link("predecessor-version", f"../{parameters.parent}/{ITEM}"))
    return item


def _write_arrays(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    variables = {
        name: xr.Variable(
            [f"{name}.{axis}" for axis in range(array.ndim)],
            np.asarray(array),
            encoding={"zlib": array.size > 1024, "complevel": 1, "_FillValue": None},
        )
        for name, array in arrays.items()
    }
    xr.Dataset(variables, attrs={"Conventions": "CF-1.11"}).to_netcdf(
        path, engine="netcdf4", format="NETCDF4"
    )


def _read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_cf=False) as dataset:
            return {str(name): variable.values for name, variable in dataset.variables.items()}
    except (OSError, ValueError, RuntimeError) as exc:
        raise ParameterSetError(
            f"{path.parent.name}/{path.name} cannot be read: {exc}.",
            remedy="Fetch the whole parameter set again.",
        ) from exc
