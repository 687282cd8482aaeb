"""Hand the connection to a cluster on to a child process, through a file only its owner reads."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from distributed import Client
from distributed.security import Security

from boresight.errors import ComputeError


def write_connection(client: Client, path: Path) -> None:
    """Write what another process needs to connect to the scheduler of ``client``.

    The file holds the key of the cluster: it is made with mode 0600, and belongs in a folder of
    this machine, not on a shared one.

    Raises
    ------
    ComputeError
        When the scheduler lives in this very process, where no other can reach it.
    """
    address = client.scheduler.address if client.scheduler is not None else ""
    if not address or address.startswith("inproc://"):
        raise ComputeError(
            f"The scheduler's address is {address or 'unknown'!r}; the rule is one that another "
            "process can reach.",
            remedy="Start the cluster with processes, as boresight.compute.cluster() does.",
        )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # by pickle: loading it also loads the module that knows the address's protocol
        pickle.dump((address, client.security), file)


def open_connection(path: Path, *, timeout_s: float) -> Client:
    """Connect as :func:`write_connection` has said.

    Parameters
    ----------
    path : Path
        A file that this person's own process has written.
    timeout_s : float
        Longest time for the scheduler to answer [s].
    """
    content: tuple[str, Security] = pickle.loads(path.read_bytes())  # noqa: S301 - our own, 0600
    address, security = content
    try:
        return Client(address, security=security, timeout=timeout_s)
    except (OSError, TimeoutError) as exc:
        raise ComputeError(
            f"The scheduler did not answer within {timeout_s:g} s.",
            remedy="Try again; start a new cluster if it stays so.",
        ) from exc
