"""A simulated campaign, put where a calibration finds it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from distributed import Client
from numpy.typing import NDArray

from boresight.compute import Cluster
from boresight.errors import BoresightError
from boresight.io import file_checksum, write_cog
from boresight.io.gdal import quiet
from boresight.simulate import Camera, CampaignConfig, SimulatedCampaign, make_scene
from boresight.simulate.rendering import Renderer
from boresight.simulate.terrain import truth_grid
from boresight.workflows.calibrate.campaign import PAIR, Campaign, File, Image, Satellite
from boresight.workflows.report import DATUM_TAG
from boresight.workflows.stereo.driver import Driver
from boresight.workflows.stereo.progress import Progress, Teller
from boresight.workflows.stereo.scratch import task_place
from boresight.workflows.stereo.storage import Storage, storage_of
from boresight.workflows.targets import Target

#: simulated campaigns carry this time: they depend on nothing but their numbers
_AT = dt.datetime(2025, 1, 1, 10, 30, tzinfo=dt.UTC)

_PHASES = {"simulating": (0.0, 1.0)}
_RETRIES = 2

#: of the even scenes and darkness one reads what the factory wrote down
_FACTORY_DARK_DN = 64.0
#: heights that the rational models hold for, beyond those of the ground [m]
_BEYOND_M = 50.0


def simulate_campaign(
    config: CampaignConfig,
    *,
    target: Target,
    compute: Cluster | Client,
    collection: str = "calibration",
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Campaign:
    """Simulate a campaign on a cluster; what an earlier attempt has left is not made again.

    Parameters
    ----------
    config : CampaignConfig
    target : Target
        Where files go.
    compute : Cluster or Client
    collection : str
        Under which files are kept.
    progress : callable, optional
        Told the share done (0 to 1) and what is being done.
    stop : threading.Event, optional
        Set it from another thread to cancel.

    Returns
    -------
    Campaign
        Also kept as ``campaign.json`` beside its files.
    """
    storage = storage_of(target)
    numbers = json.dumps({**config.as_dict(), "boresight": version("boresight")}, sort_keys=True)
    name = f"sim-{config.size_px}-{hashlib.sha256(numbers.encode()).hexdigest()[:8]}"
    prefix = f"{collection}/{name}"
    client = compute if isinstance(compute, Client) else compute.client
    shots = [*(shot.name for shot in SimulatedCampaign(config).passes(0)), PAIR]
    calls: list[tuple[object, ...]] = [(storage, prefix, config, "site", 0)]
    for satellite in (0, 1):
        calls += [(storage, prefix, config, what, satellite) for what in ("dark", "flat", *shots)]
    topic = f"boresight-simulate-{name}"
    teller = Teller(progress, _PHASES)
    teller.begin("simulating", len(calls))
    with Driver(client, topic, teller, retries=_RETRIES, stop=stop) as driver:
        made: list[dict[str, str]] = driver.run(
            make_part, [(topic, *call) for call in calls], "simulate"
        )
    files = {
        key: File(key=f"{prefix}/{key}", checksum=checksum)
        for part in made
        for key, checksum in part.items()
    }
    campaign = _describe(config, name, files)
    with tempfile.TemporaryDirectory(prefix="boresight-campaign-") as folder:
        path = Path(folder) / "campaign.json"
        path.write_text(campaign.model_dump_json(indent=1), "utf-8")
        storage.put(path, f"{prefix}/campaign.json", "application/json")
    return campaign


def make_part(
    topic: str, storage: Storage, prefix: str, config: CampaignConfig, what: str, satellite: int
) -> dict[str, str]:
    """Task: make some files and store them; gives their checksums by name."""
    with task_place(topic) as place:
        place.folder.mkdir(parents=True, exist_ok=True)
        place.tell({"share": 0.0, "what": f"{what} of satellite {satellite + 1}"})
        done = f"{prefix}/parts/{what}-{satellite}.json"
        note = place.folder / "done.json"
        with suppress(BoresightError):
            if storage.exists(done):
                storage.get(done, note)
                return dict(json.loads(note.read_text("utf-8")))
        made = {}
        for path in _files(config, what, satellite, place.folder):
            storage.put(path, f"{prefix}/{path.name}")
            made[path.name] = file_checksum(path)
        note.write_text(json.dumps(made), "utf-8")
        storage.put(note, done, "application/json")
        return made


def _files(config: CampaignConfig, what: str, satellite: int, folder: Path) -> Iterator[Path]:
    made = SimulatedCampaign(config)
    if what == "site":
        site = made.site()
        reference = made.reference(site)
        on_map = partial(write_cog, transform=Affine(*reference.transform), crs=reference.epsg)
        tags = {DATUM_TAG: "ellipsoid"}
        yield on_map(folder / "ortho.tif", reference.ortho, names=["pan"])
        yield on_map(folder / "heights.tif", reference.heights_m, tags=tags)
        ground = made.ground()
        heights, transform = truth_grid(ground)
        yield write_cog(
            folder / "surface.tif",
            heights,
            transform=Affine(*transform),
            crs=ground.epsg,
            tags=tags,
            units=["m"],
        )
        path = folder / "truth.json"
        bounds = [ground.height_bounds[0] - _BEYOND_M, ground.height_bounds[1] + _BEYOND_M]
        path.write_text(json.dumps({**made.truth(), "pair_heights_m": bounds}, indent=1), "utf-8")
        yield path
    elif what in ("dark", "flat"):
        frames = made.dark_frames(satellite) if what == "dark" else made.flat_frames(satellite)
        count = config.n_dark if what == "dark" else config.n_flat
        yield _write_frames(folder / f"{what}-{satellite}.tif", frames, count)
    else:
        shots = [*made.passes(satellite), made.pair_shot(satellite)]
        shot = next(shot for shot in shots if shot.name == what)
        scene = made.ground() if what == PAIR else made.site()
        image = made.image(satellite, shot, Renderer.of(scene))
        yield _write_frames(folder / f"{what}-{satellite}.tif", iter([image]), 1)


def _write_frames(path: Path, frames: Iterator[NDArray[np.uint16]], count: int) -> Path:
    """Frames as bands of a file, one in memory at a time."""
    first = next(frames)
    rows, cols = first.shape
    profile = {"driver": "GTiff", "height": rows, "width": cols, "count": count}
    options = {"dtype": "uint16", "tiled": True, "interleave": "band", "bigtiff": "IF_SAFER"}
    with quiet(), rasterio.open(path, "w", **profile, **options) as dataset:
        dataset.write(first, 1)
        for band, frame in enumerate(frames, start=2):
            dataset.write(frame, band)
    return path


def _describe(config: CampaignConfig, name: str, files: dict[str, File]) -> Campaign:
    made = SimulatedCampaign(config)
    scene = make_scene(config.pair())
    low, high = scene.height_bounds
    satellites = []
    for k, errors in enumerate(config.satellites):
        shots = [*made.passes(k), made.pair_shot(k)]
        satellites.append(
            Satellite(
                platform=errors.name,
                instrument="pan",
                band="pan",
                shape=(config.size_px, config.size_px),
                focal_px=shots[0].designed.focal_px,
                line_time_s=config.line_time_s,
                saturation_dn=float(made.detector(k).config.saturation_dn),
                factory_dark_dn=_FACTORY_DARK_DN,
                dark=files[f"dark-{k}.tif"],
                flat=files[f"flat-{k}.tif"],
                images=tuple(
                    _image(shot.name, shot.designed, files[f"{shot.name}-{k}.tif"])
                    for shot in shots
                ),
            )
        )
    return Campaign(
        id=name,
        acquired_at=_AT.isoformat(),
        left=satellites[0],
        right=satellites[1],
        ortho=files["ortho.tif"],
        heights=files["heights.tif"],
        pair_heights_m=(low - _BEYOND_M, high + _BEYOND_M),
        surface=files["surface.tif"],
        truth=files["truth.json"],
        simulation=json.loads(json.dumps(config.as_dict())),
    )


def _image(name: str, camera: Camera, file: File) -> Image:
    x, y, z = (tuple(map(float, row)) for row in camera.axes_ecef)
    position = tuple(map(float, camera.position_ecef))
    return Image.model_validate(
        {"name": name, "file": file, "position_ecef": position, "axes_ecef": (x, y, z)}
    )
