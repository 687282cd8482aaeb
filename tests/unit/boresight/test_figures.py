"""Figures: every panel says what is on its axes, and shows what it was given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from support.scenes import waves

from boresight import dsm, geometry, image_quality, radiometry
from boresight.figures import new_figure, plot_curves, plot_images, stated
from boresight.instrument import Quantity, SpectralResponse, Uncertainty
from boresight.radiometry import GainEstimate, MoonGeometry, Spectrum, SunView
from boresight.radiometry.absolute import GAIN_UNIT

RNG = np.random.default_rng(0)


def response() -> SpectralResponse:
    nm = np.arange(600.0, 701.0)
    return SpectralResponse(
        wavelength_nm=nm, response=Quantity(value=np.exp(-(((nm - 650) / 30) ** 2)), unit="1")
    )


def spectra() -> Figure:
    nm = np.arange(400.0, 1001.0, 10.0)
    site = Spectrum(nm, np.linspace(0.1, 0.4, nm.size), np.full(nm.size, 0.01), name="site")
    return radiometry.plot_spectra({"red": response()}, [site], y_label="reflectance [1]")


def number(value: object, unit: str, u: object) -> Quantity:
    part = Uncertainty(effect="noise", correlation="random", u=u)
    return Quantity(value=value, unit=unit, uncertainties=(part,))


def desert() -> Figure:
    angles = [SunView(s, v, a) for s, v, a in RNG.uniform((20, 0, 0), (55, 30, 180), (30, 3))]
    seen = 0.3 * (1 + 0.01 * RNG.normal(size=30))
    model = radiometry.fit_desert(seen, angles, u_reference=0.02)
    return radiometry.plot_desert(model, seen, angles)


def ocean() -> Figure:
    nm = np.arange(425.0, 462.0)
    band = SpectralResponse(
        wavelength_nm=nm, response=Quantity(value=np.exp(-(((nm - 443) / 7) ** 2)), unit="1")
    )
    sea = radiometry.Ocean(
        number(0.015, "1", 1e-3), number(0.003, "1", 1e-3), number(0.99, "1", 1e-3),
        number(1013.0, "hPa", 2.0),
    )  # fmt: skip
    solar = Spectrum(np.arange(380.0, 901.0), np.full(521, 1800.0), name="Sun")
    found = radiometry.gain_from_ocean(
        number(900.0, "DN", 1.0), band, sea, SunView(40.0, 20.0, 60.0), solar, sun_distance_au=1.0
    )
    return radiometry.plot_ocean(found)


def another_instrument() -> Figure:
    light = np.linspace(20.0, 200.0, 12)
    signal, known = (
        number(factor * light, unit, 0.01 * factor * light)
        for factor, unit in ((10.0, "DN"), (1.0, "W m-2 sr-1 um-1"))
    )
    return radiometry.plot_cross(radiometry.cross_calibrate(signal, known))


def gains() -> Figure:
    answers = [
        GainEstimate(method, float(day), number(10.0 + 0.1 * RNG.normal(), GAIN_UNIT, 0.1))
        for method in ("moon", "desert")
        for day in range(0, 100, 10)
    ]
    return radiometry.plot_gains(radiometry.fuse_gains(answers))


def moon() -> Figure:
    frame = xr.DataArray(RNG.uniform(0, 900, (40, 50)), attrs={"units": "DN"})
    return radiometry.plot_moon(frame, number(10.0, GAIN_UNIT, 0.1))


def level1() -> Figure:
    dn = RNG.integers(500, 600, (30, 40)).astype(np.uint16)
    radiance = dn / 10.0
    radiance[3, 4] = np.nan
    figure = radiometry.plot_level1(dn, radiance)
    assert "1 pixels left out" in figure.axes[1].get_title()
    return figure


def focus() -> Figure:
    x = np.linspace(-100, 100, 7)
    sigma = np.sqrt(0.25 + 2e-5 * (x - 10) ** 2)
    best = image_quality.best_focus(x, sigma, np.full(7, 0.003))
    figure = image_quality.plot_focus(x, sigma, np.full(7, 0.003), best, unit="um")
    # the drawn parabola goes through what it was fitted to
    line = figure.axes[0].lines[-1] if len(figure.axes[0].lines[-1].get_xdata()) > 10 else None
    line = line or next(item for item in figure.axes[0].lines if len(item.get_xdata()) > 10)
    drawn = np.interp(x, line.get_xdata(), line.get_ydata())
    np.testing.assert_allclose(drawn, sigma, atol=2e-3)
    return figure


def field() -> Figure:
    row, col = RNG.uniform(0, 100, (2, 30))
    return geometry.plot_field(row, col, 0.01 * row, 0.02 * col, (100, 100), title="a field")


def focal_plane() -> Figure:
    row, col = (v.ravel() for v in np.meshgrid(np.linspace(5, 95, 9), np.linspace(5, 95, 9)))
    u = np.full(row.size, 0.05)
    noise = 0.05 * RNG.normal(size=(2, row.size))
    view = geometry.ReferenceView(row, col, row + 0.01 * (row - 50) + noise[0], col + noise[1], u)
    return geometry.plot_focal_plane(geometry.calibrate_on_reference([view], (100, 100), degree=2))


def registration() -> Figure:
    found = geometry.register_bands(waves(120, (0, 0)), waves(120, (0.4, -0.3)), degree=0)
    return geometry.plot_registration(found)


def jitter() -> Figure:
    rows = np.repeat(np.arange(20, 980, 16.0), 10)
    wave = 0.1 * np.sin(2 * np.pi * 80 * rows * 30e-6)
    noise = 0.02 * RNG.normal(size=(2, rows.size))
    found = geometry.rolling_shutter_jitter(
        rows, noise[0], wave + noise[1], 0.02, line_time_s=30e-6, focal_px=1e6, window_px=16
    )
    return geometry.plot_jitter(found, line_time_s=30e-6, focal_px=1e6)


def location() -> Figure:
    east, north, up = RNG.normal(size=(3, 60))
    return geometry.plot_location(east, north, up, geometry.ce90(east, north), geometry.le90(up))


SURFACE = np.cumsum(RNG.normal(size=(80, 90)), axis=0)
ERROR = 0.1 * RNG.normal(size=SURFACE.shape)


def comparison() -> Figure:
    model = SURFACE + ERROR
    model[5:9, 5:9] = np.nan
    found = dsm.compare(model, SURFACE)
    return dsm.plot_comparison(model, SURFACE, found, resolution_m=0.5)


def shift() -> Figure:
    found = dsm.Shift(1.0, 2.0, 0.5, SURFACE + 0.5 * ERROR, 0.1, 0.05, SURFACE.size)
    return dsm.plot_shift(SURFACE + ERROR, SURFACE, found, resolution_m=0.5)


def slope_error() -> Figure:
    return dsm.plot_slope_error(dsm.slope_error(SURFACE + ERROR, SURFACE, 0.5))


def banding() -> Figure:
    found = dsm.banding(ERROR, 0.5, azimuth_deg=0.0)
    return dsm.plot_banding(ERROR, found, resolution_m=0.5)


MAKERS: list[Callable[[], Figure]] = [
    spectra,
    desert,
    ocean,
    another_instrument,
    gains,
    moon,
    lambda: radiometry.plot_moon_reflectance(MoonGeometry(7.0, 3.0, -5.0, 6.0), response()),
    level1,
    focus,
    field,
    focal_plane,
    registration,
    jitter,
    location,
    comparison,
    shift,
    slope_error,
    banding,
    lambda: plot_images([SURFACE, ERROR], ["a", "b"], "height [m]"),
    lambda: plot_curves([1, 2], {"a": [1, 2], "b": [2, 3]}, x_label="x [1]", y_label="y [m]"),
]


@pytest.mark.parametrize("make", MAKERS, ids=[m.__name__.strip("<>") for m in MAKERS])
def test_every_axis_is_named(make: Callable[[], Figure]) -> None:
    figure = make()
    figure.canvas.draw()  # nothing that only drawing would show, such as a layout that collapses
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert panels
    for ax in panels:
        # an axis that is shared with another panel has the other's label
        for label, shared in (
            ("xlabel", ax.get_shared_x_axes()),
            ("ylabel", ax.get_shared_y_axes()),
        ):
            own = [ax, *(other for other in panels if shared.joined(ax, other))]
            assert any(getattr(one, f"get_{label}")() for one in own), (label, ax.get_title())
    for ax in figure.axes:
        if ax.get_label() == "<colorbar>":
            assert ax.get_ylabel()


def test_an_axis_without_a_name_is_noticed() -> None:
    figure = new_figure(3, 3)
    figure.subplots().plot([1, 2])
    with pytest.raises(AssertionError):
        test_every_axis_is_named(lambda: figure)


@pytest.mark.parametrize(
    ("value", "u", "text"),
    [
        (10.3053, 0.51, "10.31 ± 0.51"),
        (1234.5, 27.0, "1234 ± 27"),
        (0.01234567, 0.00021, "0.01235 ± 0.00021"),
        (1e-9, 2e-11, "1e-09 ± 2e-11"),
        (3.0, float("nan"), "3"),
    ],
)
def test_numbers_have_the_digits_of_their_uncertainty(value: float, u: float, text: str) -> None:
    assert stated(value, u) == text
