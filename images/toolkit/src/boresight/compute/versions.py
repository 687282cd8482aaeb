"""Scheduler, workers and notebook run the same software, or a job is refused before it starts."""

from __future__ import annotations

from collections.abc import Callable

from distributed import Client

from boresight.errors import ComputeError

#: Packages that have to agree: what is sent to a worker is made of their objects.
PACKAGES = ("boresight", "cloudpickle", "dask", "distributed", "numpy", "xarray")


def version_probe() -> Callable[[], dict[str, str]]:
    """Make a function that tells the versions where it runs.

    It is made here so that it travels by value: a worker without the toolkit can still run it.
    """
    packages = PACKAGES

    def probe() -> dict[str, str]:
        import sys
        from importlib.metadata import PackageNotFoundError, version

        found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
        for package in packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                found[package] = "absent"
        return found

    return probe


def check_versions(client: Client, *, timeout_s: float) -> None:
    """Compare every worker with this process.

    Parameters
    ----------
    client : distributed.Client
    timeout_s : float
        Longest time the workers get to answer [s].

    Raises
    ------
    ComputeError
        When a version differs, or a worker does not answer.
    """
    probe = version_probe()
    here = probe()
    try:
        answers = client.sync(client._run, probe, on_error="return", callback_timeout=timeout_s)
    except (OSError, TimeoutError) as exc:
        raise ComputeError(
            f"The workers did not tell their versions within {timeout_s:g} s.",
            remedy="Look at the dashboard; start a new cluster if they hang.",
        ) from exc
    for worker, there in answers.items():
        if isinstance(there, BaseException):
            raise ComputeError(
                f"The worker {worker} did not tell its versions: {there}.",
                remedy="Start a new cluster.",
            )
        different = [
            f"{name} {there.get(name)} there, {version} here"
            for name, version in here.items()
            if there.get(name) != version
        ]
        if different:
            raise ComputeError(
                f"The worker {worker} runs other software than this process "
                f"({'; '.join(different)}); they have to agree.",
                remedy="Start a new cluster; if that does not help, restart your server.",
            )
