"""Orchestrator mode of CARS for a Dask cluster that somebody else has started.

Loaded by CARS itself, through the entry point of the group ``cars.plugins``::

    orchestrator:
      mode: boresight_attach
      connection: /path/of/a/file/of/boresight.compute.write_connection
      max_ram_per_worker: 2000
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from dask.delayed import delayed
from distributed import CancelledError, Client, Future, as_completed

from boresight.compute import open_connection
from boresight.workflows.stereo.shared_volume.quiet_import import quiet_import

with quiet_import():
    from cars.orchestrator.cluster.abstract_cluster import AbstractCluster
    from cars.orchestrator.cluster.abstract_dask_cluster import AbstractDaskCluster
    from cars.orchestrator.cluster.dask_cluster_tools import (
        check_configuration,
        create_checker_schema,
    )

T = TypeVar("T")

MODE = "boresight_attach"

_CONNECT_S = 60.0

_clients: dict[str, Client] = {}


def _same(data: T) -> T:
    return data


@AbstractCluster.register_subclass(MODE)
class AttachedCluster(AbstractDaskCluster):  # type: ignore[misc]
    """Tasks of CARS on a cluster it did not start.

    Parameters
    ----------
    conf_cluster : dict
        ``mode``, ``connection``, ``max_ram_per_worker``.
    out_dir, log_dir : str
    launch_worker : bool
        Whether tasks will be run; if not, only the configuration is checked.
    data_to_propagate : set of str, optional
        Keys of tasks that ended without a tile, from the cluster this one replaces.
    """

    def __init__(
        self,
        conf_cluster: dict[str, Any],
        out_dir: str,
        log_dir: str,
        launch_worker: bool = True,
        data_to_propagate: set[str] | None = None,
    ) -> None:
        # AbstractDaskCluster's own is passed over: it writes all of Dask's configuration, which
        # may hold secrets, into out_dir (before that is made), and sets a scheduler for everybody
        AbstractCluster.__init__(self, conf_cluster, out_dir, log_dir, launch_worker=launch_worker)
        self.launch_worker = launch_worker
        self._without_tile = data_to_propagate if data_to_propagate is not None else set()
        self.data_to_propagate = self._without_tile
        if launch_worker:
            self.cluster, self.client = self.start_dask_cluster()

    def check_conf(self, conf: dict[str, Any]) -> dict[str, Any]:
        """Complete and check the configuration of the orchestrator."""
        overloaded, schema = create_checker_schema(conf)
        checked: dict[str, Any] = check_configuration(overloaded, {**schema, "connection": str})
        return checked

    def start_dask_cluster(self) -> tuple[None, Client]:
        """Connect to the scheduler, once per process.

        CARS makes a cluster per stage and another one to repeat failed tiles: data scattered
        through an earlier client would be lost with it.
        """
        connection = self.checked_conf_cluster["connection"]
        client = _clients.get(connection)
        if client is None or client.status != "running":
            client = open_connection(Path(connection), timeout_s=_CONNECT_S)
            _clients[connection] = client
            atexit.register(client.close)
        return None, client

    def create_task_wrapped(self, func: Callable[..., Any], nout: int = 1) -> Any:
        """Make a task. CARS' own adds a log handler to the worker at each, and removes none."""
        return delayed(func, nout=nout)

    def scatter(self, data: Any, broadcast: bool = True) -> Future[Any]:
        """Give data to all tasks, so that they outlive the worker they lie on.

        What is scattered in Dask's way is lost with its worker: the scheduler drops copies beyond
        the first. The answer of a task is computed again.
        """
        del broadcast
        future: Future[Any] = self.client.submit(_same, data, pure=False)
        return future

    def start_tasks(self, task_list: list[Any]) -> list[Future[Any]]:
        """Start tasks, save those known to give no tile.

        CARS takes a tile without content for a failed one and computes it again.
        """
        tasks = [task for task in task_list if task.key not in self._without_tile]
        futures: list[Future[Any]] = self.client.compute(tasks) if tasks else []
        return futures

    def future_iterator(
        self, future_list: list[Future[Any]], timeout: float | None = None
    ) -> Iterator[Any]:
        """Give results as they come, and free them on the workers."""
        del timeout  # whoever started this process ends it in time
        for future, result in as_completed(future_list, with_results=True):
            if isinstance(result, CancelledError):
                raise RuntimeError(f"The task {future.key} was cancelled: {result}")
            if result is None:
                self._without_tile.add(future.key)
            future.release()
            yield result

    def cleanup(self, **kwargs: Any) -> None:
        """Keep the connection: it is closed when the process ends."""
        del kwargs
