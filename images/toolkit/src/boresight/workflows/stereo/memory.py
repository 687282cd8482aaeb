"""Memory of a stereo run: foretold from the images before it, compared with what it took after.

What grows with a run is what CARS holds for each image pixel of its ground. The range of
disparities makes the cost volume of an epipolar tile deeper; CARS makes the tile smaller for it
(``max_ram_per_run_mb``), so that a wide range costs time before it costs memory. It is told beside
the memory, since it explains runs that took longer, or more, than others of their size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from boresight.workflows.stereo.engine.process import RunRecord
from boresight.workflows.stereo.tiles import RUN_BYTES, RUN_BYTES_PER_PX, Layout


@dataclass(frozen=True)
class MemoryForecast:
    """What the largest run of a job will take.

    Attributes
    ----------
    predicted_bytes : int
    image_px : int
        Image pixels of its ground, margins included.
    disparity_range_px : float
        Between the lowest and the highest ground.
    available_bytes : int or None
        What a run may take on the workers; None without a limit.
    """

    predicted_bytes: int
    image_px: int
    disparity_range_px: float
    available_bytes: int | None

    @property
    def words(self) -> str:
        """The forecast as people read it."""
        text = (
            f"Each run takes about {self.predicted_bytes / 1e9:.1f} GB: "
            f"{self.image_px / 1e6:.1f} Mpx, disparities over {self.disparity_range_px:.0f} px"
        )
        if self.available_bytes is None:
            return f"{text}."
        return f"{text}; workers have {self.available_bytes / 1e9:.1f} GB for it."

    @property
    def is_short(self) -> bool:
        """Whether workers have less than it takes."""
        return self.available_bytes is not None and self.predicted_bytes > self.available_bytes


def forecast(
    layout: Layout,
    *,
    ground_m2: float,
    gsd_m: float,
    margin_m: float,
    heights_m: tuple[float, float],
    base_to_height: float,
    available_bytes: int | None,
) -> MemoryForecast:
    """Foretell the memory of the largest run of ``layout``.

    Parameters
    ----------
    layout : Layout
    ground_m2 : float
        Ground that both images see [m²].
    gsd_m : float
        Ground sampling of the images [m].
    margin_m : float
        Ground that is computed around each tile [m]; a whole run has none.
    heights_m : tuple of float
        Lowest and highest ground.
    base_to_height : float
    available_bytes : int, optional
    """
    tiles = layout.tiles
    margin_m = margin_m if len(tiles) > 1 else 0.0
    boxes = [tile.with_margin(margin_m) for tile in tiles]
    largest_m2 = max((east - west) * (north - south) for west, south, east, north in boxes)
    # no run has more ground than there is
    image_px = min(largest_m2, ground_m2) / gsd_m**2
    low_m, high_m = heights_m
    return MemoryForecast(
        predicted_bytes=round(RUN_BYTES + RUN_BYTES_PER_PX * image_px),
        image_px=round(image_px),
        disparity_range_px=(high_m - low_m) * base_to_height / gsd_m,
        available_bytes=available_bytes,
    )


def compared(foretold: MemoryForecast, runs: Iterable[RunRecord]) -> dict[str, Any]:
    """Forecast beside what the runs took, for the product's report.

    Parameters
    ----------
    foretold : MemoryForecast
    runs : iterable of RunRecord
        Those that ran; none when all was found as it was.
    """
    peak_mb = max((run.peak_memory_mb for run in runs), default=None)
    predicted_mb = foretold.predicted_bytes / 1e6
    return {
        "predicted_mb": round(predicted_mb),
        "peak_mb": None if peak_mb is None else round(peak_mb),
        "peak_to_predicted": None if peak_mb is None else round(peak_mb / predicted_mb, 3),
        "image_px": foretold.image_px,
        "disparity_range_px": round(foretold.disparity_range_px, 1),
    }
