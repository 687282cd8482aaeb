"""Ready the workers of a cluster for tasks of CARS, or say why they cannot be."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from distributed import Client, Worker, WorkerPlugin

from boresight.errors import ComputeError
from boresight.workflows.stereo.shared_volume.quiet_import import quiet_import

T = TypeVar("T")

#: they compute on both sides, so they have to agree
_PACKAGES = ("boresight", "cars", "pandora", "shareloc", "numpy", "xarray", "dask", "distributed")
_WORKER_WAIT_S = 300
_ANSWER_S = 60.0
#: a file system on the network may show a new file late [s]
_VISIBLE_S = 5.0


class EngineOnWorker(WorkerPlugin):
    """CARS in a worker's process, mended as in the child processes of the other way."""

    name = "boresight-cars"
    idempotent = True

    def setup(self, worker: Worker) -> None:
        """Load CARS; workers that join later are told by the scheduler."""
        del worker
        with quiet_import():
            import cars  # noqa: F401 - sets its environment, so it comes first

        from boresight.workflows.stereo.engine import confidence

        confidence.install()


def ready_workers(client: Client, folder: Path) -> None:
    """Check every worker against ``folder`` and this process, and load CARS there.

    Parameters
    ----------
    client : Client
    folder : Path
        On the shared volume.

    Raises
    ------
    ComputeError
        No worker, one that does not see or write the folder, that has more than one thread, or
        other versions.
    """
    try:
        client.wait_for_workers(1, timeout=_WORKER_WAIT_S)
    except TimeoutError as exc:
        raise ComputeError(
            f"The cluster has no worker after {_WORKER_WAIT_S} s.", remedy="Scale it up."
        ) from exc
    _check_threads(client)
    _check_versions(client)
    check_folder(client, folder)
    client.register_plugin(EngineOnWorker())


def check_folder(client: Client, folder: Path) -> None:
    """Let every worker read a file written here, and write one beside it."""
    probe = folder / f".probe-{uuid.uuid4().hex}"
    token = uuid.uuid4().hex
    probe.write_text(token)
    try:
        for worker, reason in _ask(client, _folder_probe(str(probe), token, _VISIBLE_S)).items():
            if reason:
                raise ComputeError(
                    f"The worker {worker} does not share the folder {folder} ({reason}); the "
                    "rule is that the caller and all workers read and write it under this path.",
                    remedy="Name a folder of a volume that all of them mount, or take "
                    'distribution="tiles", which needs none.',
                )
    finally:
        for left in folder.glob(f"{probe.name}*"):
            left.unlink(missing_ok=True)


def _check_threads(client: Client) -> None:
    for worker, threads in client.nthreads().items():
        if threads != 1:
            raise ComputeError(
                f"The worker {worker} has {threads} threads; the rule for CARS' own tiles is one, "
                "as its libraries are not made for several in a process.",
                remedy="Take worker_cores=1 and more workers.",
            )


def _check_versions(client: Client) -> None:
    probe = _version_probe()
    here = probe()
    for worker, there in _ask(client, probe).items():
        different = [
            f"{name} {there.get(name)} there, {ours} here"
            for name, ours in here.items()
            if there.get(name) != ours
        ]
        if different:
            raise ComputeError(
                f"The worker {worker} runs other software than this process "
                f"({'; '.join(different)}); they have to agree.",
                remedy="Start a new cluster; if that does not help, restart your server.",
            )


def _ask(client: Client, function: Callable[[], T]) -> dict[str, T]:
    try:
        answers: dict[str, T] = client.sync(client._run, function, callback_timeout=_ANSWER_S)
    except (OSError, TimeoutError) as exc:
        raise ComputeError(
            f"The workers did not answer within {_ANSWER_S:g} s.",
            remedy="Look at the dashboard; start a new cluster if they hang.",
        ) from exc
    return answers


def _version_probe() -> Callable[[], dict[str, str]]:
    packages = _PACKAGES

    def probe() -> dict[str, str]:
        found = {}
        for package in packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                found[package] = "absent"
        return found

    return probe


def _folder_probe(path: str, token: str, patience_s: float) -> Callable[[], str]:
    """Make what a worker runs; its answer is empty when all is well."""

    def probe() -> str:
        import os
        import time
        from pathlib import Path

        until_s = time.monotonic() + patience_s
        while not Path(path).is_file():
            if time.monotonic() > until_s:
                return "a file written by the caller is not there"
            time.sleep(0.2)
        try:
            if Path(path).read_text() != token:
                return "a file written by the caller has other content"
            Path(f"{path}-{os.getpid()}").write_text(token)
        except OSError as exc:
            return f"{type(exc).__name__}: {exc.strerror}"
        return ""

    return probe
