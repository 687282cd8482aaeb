"""The main job: from sign-in to a DSM, through the whole environment, as an engineer would.

It signs in by the provider's form, starts the engineer's server, runs the quickstart notebook
there, and afterwards reads the DSM from S3 in a second kernel and computes the accuracy again. It
is the same on one machine and on a cluster; only how images of one's own get there differs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boresight_hub.errors import BoresightError, SettingsError
from boresight_hub.notebookrun import run_notebook
from boresight_hub.reporting import Reporter
from boresight_hub.session import HubSession
from boresight_hub.settings import HubSettings
from boresight_hub.upload import upload_folder

NOTEBOOK = Path("quickstart") / "stereo_to_dsm.ipynb"
#: Bound of the median |error| against simulated truth, in units of GSD·(H/B); the reasons are in
#: the page "Accuracy" of the documentation.
TOLERANCE_GSD_HB = 0.25

_VERIFY = """
import json
from boresight.workflows.report import verify_item
print(json.dumps(verify_item({collection!r}, {item!r}).figures()))
"""


@dataclass(frozen=True)
class Engineer:
    """Who does it."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Job:
    """What to run.

    Parameters
    ----------
    pair_dir : Path, optional
        Folder of two real images with RPC; default: a simulated pair.
    size_px : int
        Side of the simulated images.
    seed : int
        Of the simulation.
    workers : int
        Dask workers.
    """

    pair_dir: Path | None = None
    size_px: int = 1000
    seed: int = 7
    workers: int = 2

    @property
    def name(self) -> str:
        """Name of the job's folder in the engineer's home."""
        if self.pair_dir is not None:
            return "".join(c if c.isalnum() else "-" for c in self.pair_dir.name.lower()) or "pair"
        return f"simulated-{self.size_px}-{self.seed}"


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Parameters
    ----------
    figures : dict
        As recomputed outside the notebook from the object in S3.
    item_url, picture, notebook_url : str
        STAC item, picture (on one machine its path, else where it is in the home), and the page to
        open.
    seconds : dict of str to float
        Time of each phase [s].
    """

    figures: dict[str, Any]
    item_url: str
    picture: str
    notebook_url: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def tolerance_m(self) -> float | None:
        """Bound of the median |error| [m]; None where there is no truth."""
        if "median_abs_error_m" not in self.figures:
            return None
        ground = float(self.figures["gsd_m"]) / float(self.figures["base_to_height"])
        return TOLERANCE_GSD_HB * ground

    @property
    def within_tolerance(self) -> bool:
        """Whether the DSM is as good as is promised; True where there is no truth."""
        bound = self.tolerance_m
        return bound is None or float(self.figures["median_abs_error_m"]) <= bound


def run(settings: HubSettings, job: Job, engineer: Engineer, reporter: Reporter) -> Outcome:
    """Run ``job`` in a running environment.

    Parameters
    ----------
    settings : HubSettings
        With the environment's origin.
    job : Job
    engineer : Engineer
    reporter : Reporter

    Raises
    ------
    BoresightError
        With what failed, the rule and the remedy.
    """
    source = _notebook(settings)
    seconds: dict[str, float] = {}
    with HubSession(settings) as session:
        with _phase(reporter, seconds, "sign-in"):
            session.sign_in(engineer.name, engineer.password)
        with _phase(reporter, seconds, "user server") as say:
            session.start_server(progress=say)
        folder = f"results/{job.name}"
        target = f"{folder}/{NOTEBOOK.name}"
        parameters = _parameters(job)
        if job.pair_dir is not None and settings.platform == "kubernetes":
            with _phase(reporter, seconds, "upload") as say:
                upload_folder(session, job.pair_dir, f"{folder}/pair", say)
            parameters["pair_dir"] = "pair"  # the notebook runs beside it
        with _phase(reporter, seconds, "notebook") as say:
            done = run_notebook(
                session,
                source,
                target,
                parameters,
                on_cell=lambda number, count, heading: say(f"cell {number} of {count}: {heading}"),
                on_text=lambda text: say(_last_line(text)),
            )
        result = done.results
        seconds |= {f"notebook: {k}": float(v) for k, v in result.get("seconds", {}).items()}
        with _phase(reporter, seconds, "verification"), session.kernel() as kernel:
            code = _VERIFY.format(collection=result["collection"], item=result["item"])
            figures = json.loads(_text(kernel.execute(code)))
        picture = f"{folder}/{result['picture']}"
        if settings.platform == "one-machine":
            picture = str(settings.state_dir / "homes" / engineer.name / picture)
        return Outcome(
            figures=figures,
            item_url=f"{settings.stac_url}/collections/{result['collection']}/items/{result['item']}",
            picture=picture,
            notebook_url=f"{session.server_url()}lab/tree/{target}",
            seconds=seconds,
        )


@contextmanager
def _phase(
    reporter: Reporter, seconds: dict[str, float], name: str
) -> Iterator[Callable[[str], None]]:
    """Time a phase and tell the reporter; yields what tells its news."""
    reporter.begin(name)
    started = time.monotonic()
    yield lambda text: reporter.say(name, text)
    seconds[name] = time.monotonic() - started
    reporter.end(name, seconds[name])


def _notebook(settings: HubSettings) -> Path:
    folder = settings.server.examples_dir
    source = folder / NOTEBOOK if folder else None
    if source is None or not source.is_file():
        raise SettingsError(
            f"The notebook {NOTEBOOK} is not in {folder}.",
            remedy="Run from a checkout, or set BORESIGHT_SERVER__EXAMPLES_DIR to its notebooks/.",
        )
    return source


def _parameters(job: Job) -> dict[str, object]:
    if job.pair_dir is not None:
        folder = job.pair_dir.expanduser().resolve()
        if not folder.is_dir():
            raise BoresightError(
                f"--pair {job.pair_dir} is not a folder.",
                remedy="Name the folder that holds the two images and their RPC.",
            )
        return {"pair_dir": str(folder), "n_workers": job.workers}
    return {"size_px": job.size_px, "seed": job.seed, "n_workers": job.workers}


def _text(outputs: list[dict[str, Any]]) -> str:
    text = "".join(o["text"] for o in outputs if o.get("name") == "stdout")
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise BoresightError(
            "The verification printed no figures.", remedy="See the log of the user's server."
        )
    return lines[-1]


def _last_line(text: str) -> str:
    lines = [line for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
