"""A calibration campaign of two satellites that are not what they were designed to be.

Each satellite shows its detector darkness and even light, sees a calibration site three times
(straight, turned by 90 degrees, turned and aimed aside), and takes its image of a stereo pair of
another place. Everything goes through one detector and one optics per satellite; every injected
error is on record.

Shapes that a calibration cannot represent are among them: attitude that differs from image to
image, a reference whose heights are wrong by a smooth field, texture of the even scenes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from boresight.errors import InputError
from boresight.simulate.acquisitions import dark_frames, uniform_frames
from boresight.simulate.config import PairConfig
from boresight.simulate.focal_plane import FocalPlane, FocalPlaneConfig, make_focal_plane
from boresight.simulate.rendering import Renderer
from boresight.simulate.sensor import Camera, make_camera
from boresight.simulate.sightings import see_again
from boresight.simulate.terrain import NODES_PER_PIXEL, Scene, fractal, make_scene, truth_grid

FloatArray = NDArray[np.float64]

#: radiance of a surface of reflectance 1 in full sun [W m-2 sr-1 um-1]
FULL_RADIANCE = 600.0

#: radiance of the even scenes [W m-2 sr-1 um-1]
_FLAT_RADIANCE = 350.0

#: the site is this much larger than a frame: turned and shifted frames have to lie in it
_SITE_SCALE = 1.7

#: signal over noise of the reference ortho image
_ORTHO_SNR = 150.0

_SATELLITE_STREAM, _ATTITUDE_STREAM, _REFERENCE_STREAM = 300, 301, 302


@dataclass(frozen=True)
class SatelliteErrors:
    """What one satellite has wrong.

    Parameters
    ----------
    name : str
        Of the satellite.
    bias_urad : tuple of 3 float
        Boresight: shift of the line of sight along columns and rows, turn about it [µrad].
    distortion_px : tuple of two tuples of 7 float
        As :class:`PairConfig` has it [px].
    jitter_phase_rad : float
        Phase of its vibration at the frame's start [rad].
    """

    name: str
    bias_urad: tuple[float, float, float]
    distortion_px: tuple[tuple[float, ...], tuple[float, ...]]
    jitter_phase_rad: float


_DEFAULT_SATELLITES = (
    SatelliteErrors(
        "co3d-sim-1",
        (6.0, -4.0, 20.0),
        ((0.8, -0.3, 0.5, 0.6, -0.2, 0.4, -0.5), (-0.4, 0.6, 0.3, -0.3, 0.5, 0.2, 0.7)),
        0.3,
    ),
    SatelliteErrors(
        "co3d-sim-2",
        (-5.0, 8.0, -15.0),
        ((-0.6, 0.4, 0.3, -0.5, 0.3, -0.2, 0.6), (0.5, -0.4, -0.6, 0.4, -0.3, 0.5, -0.4)),
        1.9,
    ),
)


@dataclass(frozen=True)
class CampaignConfig:
    """What is simulated.

    Parameters
    ----------
    size_px : int
        Side of the frames, 256 or more [px].
    seed : int
        Everything random follows from it.
    gsd_m, altitude_m : float
        [m]
    pair_incidence_deg, site_incidence_deg : float
        Of the stereo pair, and of the calibration passes [deg].
    relief_m, buildings_per_km2 : float
        Ground of the stereo pair [m], [1/km2]. Matching's errors of a part of a pixel follow
        contours of height: on ground as flat as a few pixels of disparity they pass for bands.
    site_relief_m : float
        Ground of the calibration site [m].
    jitter_urad, jitter_hz, line_time_s : float
        Vibration along columns; along rows 0.6 of it [µrad], [Hz], [s].
    n_dark, n_flat : int
        Frames in the dark and of even light.
    texture : float
        Relative texture of the even scenes, another piece in each [1].
    attitude_noise_urad : float
        Standard deviation of each image's own attitude error [µrad].
    dem_error_m : float
        Standard deviation of the smooth error of the reference's heights [m].
    satellites : tuple of 2 SatelliteErrors
        Left and right of the pair.
    """

    size_px: int = 1000
    seed: int = 7
    gsd_m: float = 0.5
    altitude_m: float = 502e3
    pair_incidence_deg: float = 8.0
    site_incidence_deg: float = 1.5
    relief_m: float = 30.0
    buildings_per_km2: float = 60.0
    site_relief_m: float = 10.0
    jitter_urad: float = 0.6
    jitter_hz: float = 300.0
    line_time_s: float = 30e-6
    n_dark: int = 32
    n_flat: int = 48
    texture: float = 0.0
    attitude_noise_urad: float = 0.005
    dem_error_m: float = 0.3
    satellites: tuple[SatelliteErrors, SatelliteErrors] = field(default=_DEFAULT_SATELLITES)

    def __post_init__(self) -> None:
        if self.size_px < 256:
            raise InputError(f"size_px is {self.size_px}; the rule is at least 256 px.")
        if len(self.satellites) != 2:
            raise InputError(f"{len(self.satellites)} satellites; the rule is left and right.")
        for name in ("attitude_noise_urad", "dem_error_m", "texture"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)}; the rule is 0 or more.")
        self.pair()  # checks the other numbers

    def pair(self) -> PairConfig:
        """Stereo pair of another place, as the pair's simulator has it."""
        return PairConfig(
            size_px=self.size_px,
            seed=self.seed,
            gsd_m=self.gsd_m,
            altitude_m=self.altitude_m,
            incidence_deg=self.pair_incidence_deg,
            relief_m=self.relief_m,
            buildings_per_km2=self.buildings_per_km2,
            jitter_urad=self.jitter_urad,
            jitter_hz=self.jitter_hz,
            line_time_s=self.line_time_s,
        )

    def as_dict(self) -> dict[str, object]:
        """All numbers, as JSON takes them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> CampaignConfig:
        """The configuration of :meth:`as_dict`, also after JSON."""
        given: dict[str, Any] = dict(values)
        satellites = given.pop("satellites")
        if not isinstance(satellites, (list, tuple)):
            raise InputError("satellites is no list; the rule is two of them.")
        made = []
        for one in satellites:
            own = dict(one)
            cols, rows = own["distortion_px"]
            bias = tuple(own["bias_urad"])
            made.append(
                SatelliteErrors(
                    own["name"], bias, (tuple(cols), tuple(rows)), own["jitter_phase_rad"]
                )
            )
        return cls(**given, satellites=(made[0], made[1]))


@dataclass(frozen=True)
class Shot:
    """One image of one satellite.

    Parameters
    ----------
    name : str
        ``straight``, ``crossed``, ``aside`` or ``pair``.
    designed : Camera
        As the satellite's telemetry and design have it.
    true : Camera
        As it was.
    """

    name: str
    designed: Camera
    true: Camera


@dataclass(frozen=True)
class Reference:
    """Ortho image and heights of the calibration site, on one grid.

    Parameters
    ----------
    ortho, heights_m : ndarray, shape (rows, cols), float32
        Radiance [W m-2 sr-1 um-1] and height above the ellipsoid [m].
    transform : tuple of 6 float
        Columns and rows to map.
    epsg : int
        UTM zone.
    """

    ortho: NDArray[np.float32]
    heights_m: NDArray[np.float32]
    transform: tuple[float, float, float, float, float, float]
    epsg: int


#: name, position of the satellite (azimuth), turn of the frame [deg], aim aside [share of a side]
_PASSES = (
    ("straight", 0.0, 0.0, (0.0, 0.0)),
    ("crossed", 180.0, 90.0, (0.0, 0.0)),
    ("aside", 90.0, 90.0, (0.26, -0.18)),
)


class SimulatedCampaign:
    """The campaign, made piece by piece: nothing is kept that is not asked for.

    Parameters
    ----------
    config : CampaignConfig
        What is wanted.

    Examples
    --------
    >>> campaign = SimulatedCampaign(CampaignConfig(size_px=256))
    >>> next(campaign.dark_frames(0)).shape
    (256, 256)
    """

    def __init__(self, config: CampaignConfig) -> None:
        self.config = config
        self._planes: dict[int, FocalPlane] = {}

    def detector(self, satellite: int) -> FocalPlane:
        """Detector of a satellite, with its truth."""
        if satellite not in self._planes:
            size = self.config.size_px
            seed = np.random.SeedSequence([self.config.seed, _SATELLITE_STREAM, satellite])
            self._planes[satellite] = make_focal_plane(
                FocalPlaneConfig(
                    rows=size,
                    cols=size,
                    seed=int(seed.generate_state(1)[0]),
                    electrons_per_dn=15.0,
                    prnu_rms=0.013,
                    prnu_column_rms=0.008,
                    prnu_vignetting=0.02,
                    saturation_dn=16383,
                )
            )
        return self._planes[satellite]

    def dark_frames(self, satellite: int) -> Iterator[NDArray[np.uint16]]:
        """Frames without light, one after the other [DN]."""
        for k in range(self.config.n_dark):
            yield dark_frames(self.detector(satellite), 1, stream=k)[0]

    def flat_frames(self, satellite: int) -> Iterator[NDArray[np.uint16]]:
        """Frames of even light, one after the other [DN]."""
        for k in range(self.config.n_flat):
            plane = self.detector(satellite)
            yield uniform_frames(plane, _FLAT_RADIANCE, 1, texture=self.config.texture, stream=k)[0]

    def site(self) -> Scene:
        """Ground of the calibration site: flat, and without buildings."""
        config = self.config
        return make_scene(
            replace(
                config.pair(),
                size_px=int(_SITE_SCALE * config.size_px),
                seed=config.seed + 1,
                relief_m=config.site_relief_m,
                buildings_per_km2=0.0,
                incidence_deg=config.site_incidence_deg,
            )
        )

    def ground(self) -> Scene:
        """Ground of the stereo pair."""
        return make_scene(self.config.pair())

    def passes(self, satellite: int) -> list[Shot]:
        """The satellite's three images of the calibration site."""
        shots = []
        for index, (name, azimuth, turn, aim) in enumerate(_PASSES):
            base = replace(
                self.config.pair(),
                incidence_deg=self.config.site_incidence_deg,
                azimuth_deg=azimuth,
            )
            camera = self._designed(base, "left")
            size = self.config.size_px
            designed = see_again(camera, turn, row_px=aim[0] * size, col_px=aim[1] * size)
            shots.append(Shot(name, designed, self._with_errors(designed, satellite, index)))
        return shots

    def pair_shot(self, satellite: int) -> Shot:
        """The satellite's image of the stereo pair."""
        side = ("left", "right")[satellite]
        designed = self._designed(self.config.pair(), side)
        return Shot("pair", designed, self._with_errors(designed, satellite, len(_PASSES)))

    def image(
        self, satellite: int, shot: Shot, renderer: Renderer, *, threads: int = 1
    ) -> NDArray[np.uint16]:
        """Raw numbers of a shot [DN]."""
        psf = self.config.pair().psf_sigma_px
        seen = renderer.image(shot.true, psf, threads=threads)
        stream = [name for name, *_ in _PASSES].index(shot.name) if shot.name != "pair" else 9
        plane = self.detector(satellite)
        return plane.expose(seen.astype(np.float64) * FULL_RADIANCE, 6, stream)

    def reference(self, site: Scene) -> Reference:
        """Ortho image and heights of the site, each with its own error."""
        config = self.config
        rng = np.random.default_rng([config.seed, _REFERENCE_STREAM])
        heights, transform = truth_grid(site)
        psf = config.pair().psf_sigma_px * NODES_PER_PIXEL
        blurred = ndimage.gaussian_filter(site.brightness, psf, mode="nearest")
        # a pixel's own width: two nodes, about its centre
        for axis in (0, 1):
            blurred = ndimage.convolve1d(blurred, np.array([0.25, 0.5, 0.25]), axis, mode="nearest")
        half = NODES_PER_PIXEL // 2
        ortho = blurred[half::NODES_PER_PIXEL, half::NODES_PER_PIXEL] * np.float32(FULL_RADIANCE)
        ortho += rng.standard_normal(ortho.shape, dtype=np.float32) * ortho.mean() / _ORTHO_SNR
        side = max(heights.shape)
        wrong = fractal(side, 4.0, rng)[: heights.shape[0], : heights.shape[1]]
        heights += np.float32(config.dem_error_m) * wrong
        return Reference(ortho.astype(np.float32), heights, transform, site.epsg)

    def truth(self) -> dict[str, object]:
        """Every injected error, as JSON takes it."""
        return {
            "config": self.config.as_dict(),
            "satellites": [
                {
                    "name": errors.name,
                    "prnu_rms": float(self.detector(k).gain.std()),
                    "dsnu_rms_dn": float(self.detector(k).offset_dn.std()),
                    "rotation_rad": _rotation(errors.bias_urad),
                    "attitude_errors_urad": [
                        self._attitude_error(k, index).tolist() for index in range(len(_PASSES) + 1)
                    ],
                }
                for k, errors in enumerate(self.config.satellites)
            ],
        }

    def _designed(self, config: PairConfig, side: str) -> Camera:
        """Camera without errors, of the one focal length that the instrument has."""
        camera = make_camera(config, side, bias=False, distortion=False, jitter=False)
        return replace(camera, focal_px=self.config.altitude_m / self.config.gsd_m)

    def _attitude_error(self, satellite: int, index: int) -> FloatArray:
        rng = np.random.default_rng([self.config.seed, _ATTITUDE_STREAM, satellite, index])
        return self.config.attitude_noise_urad * rng.standard_normal(2)

    def _with_errors(self, designed: Camera, satellite: int, index: int) -> Camera:
        config, errors = self.config, self.config.satellites[satellite]
        own = self._attitude_error(satellite, index)
        along, across, turn = errors.bias_urad
        return replace(
            designed,
            bias_rad=((along + own[0]) * 1e-6, (across + own[1]) * 1e-6, turn * 1e-6),
            distortion_px=errors.distortion_px,
            jitter=(
                config.jitter_urad * 1e-6,
                config.jitter_hz,
                errors.jitter_phase_rad,
                config.line_time_s,
            ),
        )


def _rotation(bias_urad: tuple[float, float, float]) -> list[float]:
    """Shifts along columns and rows and the turn as a rotation vector about these axes [rad]."""
    along, across, turn = bias_urad
    return [-across * 1e-6, along * 1e-6, turn * 1e-6]
