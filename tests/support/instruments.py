"""A parameter set with every part in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from boresight.instrument import (
    Band,
    Boresight,
    Detector,
    Mtf,
    Noise,
    Nonlinearity,
    ParameterSet,
    Provenance,
    Quantity,
    RollingShutter,
    Source,
    SpectralResponse,
    Uncertainty,
    Validity,
    ViewingDirections,
)

SHAPE = (24, 32)
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
END = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)


def quantity(value: Any, unit: str, u: Any, correlation: Any = "random") -> Quantity:
    return Quantity(
        value=value,
        unit=unit,
        uncertainties=(Uncertainty(effect="noise", correlation=correlation, u=u),),
    )


def band(name: str, seed: int) -> Band:
    rng = np.random.default_rng(seed)
    flags = np.zeros(SHAPE, np.uint8)
    flags[3, 5] = 1
    wavelength = np.linspace(500.0, 700.0, 41)
    return Band(
        name=name,
        detector=Detector(
            dark=quantity(rng.normal(64, 2, SHAPE), "DN", np.full(SHAPE, 0.05)),
            relative_gain=quantity(rng.normal(1, 0.01, SHAPE), "1", 5e-4, "systematic"),
            saturation_dn=4095.0,
            nonlinearity=Nonlinearity(
                coefficients=(0.01, 0.02),
                covariance=np.array([[1e-8, 2e-9], [2e-9, 3e-8]]),
                reference_dn=4095.0,
                domain_dn=(20.0, 3900.0),
            ),
            bad_pixels=flags,
        ),
        noise=Noise(a=quantity(9.0, "DN2", 0.1), b=quantity(0.1, "DN", 1e-3), covariance_ab=-5e-5),
        spectral_response=SpectralResponse(
            wavelength_nm=wavelength,
            response=quantity(np.exp(-(((wavelength - 600) / 40) ** 2)), "1", 0.01),
        ),
        absolute_gain=quantity(10.0, "DN W-1 m2 sr um", 0.1, "systematic"),
        mtf=tuple(
            Mtf(
                direction=direction,  # type: ignore[arg-type]
                frequency_cycles_per_px=np.linspace(0, 1, 11),
                value=quantity(np.linspace(1, 0.02, 11), "1", 0.01),
            )
            for direction in ("row", "col")
        ),
        viewing_directions=ViewingDirections(
            kind="frame",
            node_row_px=np.array([0.0, 24.0]),
            node_col_px=np.array([0.0, 16.0, 32.0]),
            tan_x=quantity(rng.normal(0, 1e-3, (2, 3)), "1", 1e-7),
            tan_y=quantity(rng.normal(0, 1e-3, (2, 3)), "1", 1e-7),
        ),
        rolling_shutter=RollingShutter(
            line_time_s=quantity(30e-6, "s", 1e-9), frame_delay_s=quantity(0.0, "s", 1e-6)
        ),
    )


def parameter_set(**changes: Any) -> ParameterSet:
    values: dict[str, Any] = {
        "id": "co3d-1-2026-03",
        "platform": "co3d-1",
        "instrument": "camera",
        "bands": (band("red", 1), band("nir", 2)),
        "validity": Validity(start=START, end=END),
        "created_at": START,
        "provenance": Provenance(
            method="uniform scenes",
            inputs=(Source(href="https://s3.example/l0/1.tif", checksum="1220" + "0" * 64),),
            parameters={"frames": 20, "degree": 2},
            code_version="0.1.0",
            environment_digest="a" * 64,
        ),
        "parent": "co3d-1-2026-02",
        "boresight": Boresight(angles_rad=(1e-5, -2e-5, 3e-6), covariance_rad2=np.eye(3) * 1e-12),
    }
    return ParameterSet(**(values | changes))
