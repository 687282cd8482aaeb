"""Parameter sets: rules, files, comparison, and what they are refused for."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pystac
import pytest
import xarray as xr
from support.instruments import END, SHAPE, START, band, parameter_set, quantity

from boresight.errors import (
    BandOrderError,
    BoresightError,
    ForeignInstrumentError,
    NotFiniteError,
    ParameterSetError,
    ValidityError,
)
from boresight.instrument import (
    Band,
    Detector,
    Quantity,
    Uncertainty,
    Validity,
    compare,
    json_schema,
    plot_comparison,
    plot_parameter_set,
    to_document,
)
from boresight.io import parameter_sets
from boresight.io.parameter_sets import read_parameter_set, write_parameter_set

ACQUISITION: dict[str, Any] = {
    "platform": "co3d-1",
    "instrument": "camera",
    "acquired_at": START + dt.timedelta(days=3),
    "bands": ["red", "nir"],
}


def test_round_trip_gives_the_same_numbers(tmp_path: Path) -> None:
    made = parameter_set()
    folder = write_parameter_set(made, tmp_path / made.id)
    read = read_parameter_set(folder)
    assert compare(made, read) == ()
    assert to_document(read)[0] == to_document(made)[0]
    dark = read.band("red").detector.dark.grid  # type: ignore[union-attr]
    assert dark.dtype == np.float64
    assert read.validity.end == END
    assert sorted(path.name for path in folder.iterdir()) == [
        "arrays.nc",
        "item.json",
        "parameter-set.json",
    ]


def test_files_are_read_by_others(tmp_path: Path) -> None:
    made = parameter_set()
    folder = write_parameter_set(made, tmp_path / made.id)
    document = json.loads((folder / "parameter-set.json").read_text())
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(document, json_schema())
    with xr.open_dataset(folder / "arrays.nc") as arrays:
        assert arrays["bands.nir.detector.dark.value"].shape == SHAPE
    item = pystac.Item.from_file(str(folder / "item.json"))
    assert item.properties["platform"] == "co3d-1"
    assert item.assets["arrays"].extra_fields["file:size"] > 0
    assert [link.rel for link in item.links if link.rel == "derived_from"] == ["derived_from"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema_version",), "2.0"),
        (("bands", 0, "detector", "dark", "unit"), "V"),
        (("bands", 0, "name"), "nir"),
        (("bands", 0, "surprise"), 1),
        (("provenance", "environment_digest"), "unknown"),
        (("created_at",), "2026-03-01T00:00:00"),
        (("bands", 0, "noise", "a", "uncertainties", 0, "u"), -1.0),
        (("bands", 0, "detector", "dark", "value", "sha256"), "0" * 64),
        (("bands", 0, "detector", "dark", "value", "$array"), "absent"),
    ],
    ids=lambda case: "/".join(map(str, case)) if isinstance(case, tuple) else "",
)
def test_damaged_documents_are_refused(tmp_path: Path, place: Any, value: object) -> None:
    folder = write_parameter_set(parameter_set(), tmp_path / "set")
    assert read_parameter_set(folder).id == "co3d-1-2026-03"
    path = folder / "parameter-set.json"
    document = json.loads(path.read_text())
    spot = document
    for key in place[:-1]:
        spot = spot[key]
    spot[place[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ParameterSetError):
        read_parameter_set(folder)


def test_changed_or_torn_arrays_are_refused(tmp_path: Path) -> None:
    folder = write_parameter_set(parameter_set(), tmp_path / "set")
    path = folder / "arrays.nc"
    with xr.load_dataset(path) as arrays:
        arrays["bands.red.detector.dark.value"][0, 0] += 0.001
        arrays.to_netcdf(path)
    with pytest.raises(ParameterSetError, match=r"bands.red.detector.dark.value.*checksums differ"):
        read_parameter_set(folder)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ParameterSetError, match=r"arrays.nc cannot be read"):
        read_parameter_set(folder)
    path.unlink()
    with pytest.raises(ParameterSetError, match=r"arrays.nc cannot be read"):
        read_parameter_set(folder)


def test_a_set_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        # the last of the three files
        patch.setattr(parameter_sets, "parameter_set_item", full)
        with pytest.raises(ParameterSetError, match="No space left"):
            write_parameter_set(parameter_set(), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []
    write_parameter_set(parameter_set(), tmp_path / "set")
    with pytest.raises(ParameterSetError, match="never written over"):
        write_parameter_set(parameter_set(), tmp_path / "set")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"platform": "co3d-2"}, ForeignInstrumentError, "co3d-2/camera"),
        ({"instrument": "other"}, ForeignInstrumentError, "co3d-1/other"),
        ({"acquired_at": END}, ValidityError, "outside the validity"),
        ({"acquired_at": START - dt.timedelta(seconds=1)}, ValidityError, "outside"),
        ({"acquired_at": dt.datetime(2026, 4, 1)}, ValidityError, "time zone"),  # noqa: DTZ001
        ({"bands": ["nir", "red"]}, BandOrderError, "red, nir"),
        ({"bands": ["red", "blue"]}, BandOrderError, "blue"),
        ({"bands": ["red", "red"]}, BandOrderError, "red, red"),
    ],
    ids=["platform", "instrument", "after", "before", "naive", "order", "unknown", "twice"],
)
def test_a_set_is_not_applied_where_it_does_not_hold(
    change: dict[str, Any], error: type[BoresightError], says: str
) -> None:
    made = parameter_set()
    assert made.require(**ACQUISITION) is made
    with pytest.raises(error, match=says):
        made.require(**(ACQUISITION | change))


def test_one_band_of_several_will_do() -> None:
    assert parameter_set().require(**(ACQUISITION | {"bands": ["nir"]})).band("nir").name == "nir"
    with pytest.raises(BandOrderError, match="'green' is not in"):
        parameter_set().band("green")


def test_nan_is_named() -> None:
    values = np.ones(SHAPE)
    assert Quantity(value=values, unit="1").grid.shape == SHAPE
    values[2, 3] = np.nan
    with pytest.raises(NotFiniteError, match="1 values that are NaN"):
        Quantity(value=values, unit="1")
    with pytest.raises(NotFiniteError):
        Uncertainty(effect="x", correlation="random", u=values)
    with pytest.raises(NotFiniteError):
        Quantity(value=float("nan"), unit="1")
    assert Quantity(value=np.float32(2.0), unit="1").number == 2.0


@pytest.mark.parametrize(
    "change",
    [
        {"relative_gain": quantity(np.ones((3, 3)), "1", 0.1)},
        {"relative_gain": quantity(np.zeros(SHAPE), "1", 0.1)},
        {"dark": quantity(np.ones(SHAPE), "V", 0.1)},
        {"bad_pixels": np.zeros((2, 2), np.uint8)},
        {"saturation_dn": 0.0},
    ],
    ids=["shape", "zero gain", "unit", "mask", "saturation"],
)
def test_detector_rules(change: dict[str, Any]) -> None:
    detector = band("red", 1).detector
    assert detector is not None
    values = {name: getattr(detector, name) for name in Detector.model_fields}
    assert Detector(**values).shape == SHAPE
    with pytest.raises(ParameterSetError):
        Detector(**(values | change))


def test_sets_do_not_change_with_the_arrays_they_were_made_of() -> None:
    values = np.ones(SHAPE)
    made = Quantity(value=values, unit="1")
    values[:] = 7.0
    assert made.grid.max() == 1.0
    with pytest.raises(ValueError, match="read-only"):
        made.grid[0, 0] = 2.0


def test_uncertainties_add_in_squares() -> None:
    parts = (
        Uncertainty(effect="noise", correlation="random", u=np.full(4, 3.0)),
        Uncertainty(effect="lamp", correlation="systematic", u=4.0),
    )
    made = Quantity(value=np.ones(4), unit="1", uncertainties=parts)
    np.testing.assert_allclose(made.u, 5.0)
    np.testing.assert_allclose(made.u_of("random"), 3.0)
    assert made.u_of("structured") == 0.0
    assert np.isnan(Quantity(value=1.0, unit="1").u)


def test_comparison_tells_what_moved_and_whether_it_matters() -> None:
    old = parameter_set()
    red = old.band("red")
    assert red.detector is not None
    # u is 0.05 DN in both sets, so k = 2 of the difference is 0.1414 DN
    moved = Detector(
        dark=quantity(red.detector.dark.grid + 0.3, "DN", np.full(SHAPE, 0.05)),
        relative_gain=red.detector.relative_gain,
        saturation_dn=4095.0,
        nonlinearity=red.detector.nonlinearity,
    )
    new = parameter_set(
        id="next", bands=(Band(name="red", detector=moved, noise=red.noise), old.band("nir"))
    )
    found = {entry.path: entry for entry in compare(old, new)}
    dark = found["bands.red.detector.dark"]
    assert dark.mean == pytest.approx(0.3)
    assert dark.en == pytest.approx(0.3 / (2 * np.hypot(0.05, 0.05)))
    assert dark.significant
    assert found["bands.red.detector.bad_pixels"].kind == "removed"
    assert found["bands.red.absolute_gain"].kind == "removed"
    assert not any(path.startswith("bands.nir") for path in found)
    with pytest.raises(ForeignInstrumentError):
        compare(old, parameter_set(platform="co3d-2"))


def test_plots_show_every_part() -> None:
    figure = plot_parameter_set(parameter_set())
    titles = {axis.get_title() for axis in figure.axes}
    assert {"red: dark [DN]", "nir: SNR", "red: MTF", "nir: linearity correction"} <= titles
    empty = parameter_set(bands=(Band(name="red"),))
    with pytest.raises(ParameterSetError, match="no part that is drawn"):
        plot_parameter_set(empty)
    assert plot_comparison(compare(parameter_set(), empty)).axes


def test_validity_is_half_open() -> None:
    validity = Validity(start=START, end=END)
    assert START in validity
    assert END not in validity
    assert END in Validity(start=START)
    with pytest.raises(ParameterSetError, match="not after start"):
        Validity(start=END, end=START)
