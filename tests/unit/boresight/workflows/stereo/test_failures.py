from __future__ import annotations

import pickle

import pytest

from boresight.errors import ImageError, OverlapError, RpcError, StereoError
from boresight.workflows.stereo.engine.failures import (
    EmptyTileError,
    NoMatchError,
    StereoRunError,
    named_error,
)


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        # as CARS 1.3.0, shareloc 0.3.0 and rasterio say it
        ("Exception", "Inputs envelopes do not intersect one another", OverlapError),
        ("RuntimeError", "The DSM generated at resolution 4 is empty", NoMatchError),
        ("ValueError", "zero-size array to reduction operation minimum", NoMatchError),
        ("ValueError", "Model x could not be read by shareloc", RpcError),
        (
            "RasterioIOError",
            "'/vsis3/b/k.tif' does not exist in the file system, and is not recognized as",
            ImageError,
        ),
        ("Exception", "ROI is outside the images", EmptyTileError),
        ("MemoryError", "Unable to allocate 3 GiB", StereoError),
        ("KeyError", "'surprise'", StereoRunError),
    ],
)
def test_names(kind: str, message: str, expected: type[Exception]) -> None:
    report = {"type": kind, "message": message, "traceback": "…"}
    error = named_error(report, "last line")
    assert type(error) is expected
    assert message in str(error)
    assert error.remedy
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is expected
    assert str(again) == str(error)
    if isinstance(error, StereoRunError):
        assert again.log_tail == "last line"
