"""Clusters from the environment's gateway. Nothing else in the toolkit names dask-gateway.

The gateway is asked over HTTP by our own bounded calls; of dask-gateway's client only the
``gateway://`` protocol is used, which carries Dask's TLS connections through one port.
"""

from __future__ import annotations

import json
import os
import re
import time
import weakref
from typing import Any

import httpx
from dask_gateway.client import GatewaySecurity
from distributed import Client

from boresight.compute.interface import ClusterInfo, ClusterRequest, ClusterStatus
from boresight.errors import ComputeError

URL_VARIABLE = "BORESIGHT_GATEWAY_URL"
TOKEN_VARIABLE = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - the name of a variable
_TIMEOUT_S = 15.0
#: How long a call that may be repeated is repeated: a gateway is back within a few seconds.
_RETRY_FOR_S = 30.0
_RETRY_PAUSE_S = 0.5
_AWAY = (502, 503, 504)
_NAME = re.compile(r"([A-Za-z0-9-]+\.)?[A-Za-z0-9]+")


class GatewayBackend:
    """Clusters from the gateway.

    Parameters
    ----------
    url : str, optional
        Address of the gateway; default from ``BORESIGHT_GATEWAY_URL``.
    token : str, optional
        Token of the hub; default from ``JUPYTERHUB_API_TOKEN``, which a user's server has.
    retry_for_s : float
        How long calls that may be repeated are repeated while the gateway is away [s].
    transport : httpx.BaseTransport, optional
        Takes the place of the network, for tests.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        retry_for_s: float = _RETRY_FOR_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = (url or os.environ.get(URL_VARIABLE, "")).rstrip("/")
        token = token or os.environ.get(TOKEN_VARIABLE, "")
        if not self._url or not token:
            missing = TOKEN_VARIABLE if self._url else URL_VARIABLE
            raise ComputeError(
                f"{missing} is not set: the gateway is for servers of the environment.",
                remedy="Work in your server, or set BORESIGHT_COMPUTE=local for this machine.",
            )
        self._retry_for_s = retry_for_s
        self._http = httpx.Client(
            headers={"Authorization": f"jupyterhub {token}"},
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,  # the gateway is where we are, behind no proxy
        )
        # not at exit: clusters that were left open are stopped then, through this client
        weakref.finalize(self, self._http.close).atexit = False

    def create(self, request: ClusterRequest) -> str:
        """Ask for a cluster; returns its name."""
        wanted = {
            "worker_cores": request.worker_cores,
            "worker_memory_gib": request.worker_memory_gib,
            "idle_timeout_s": request.idle_timeout_s,
        }
        # a cluster must not be asked for twice, so first wait until the gateway is there
        self._get("boresight/info")
        options = {name: value for name, value in wanted.items() if value is not None}
        answer = self._call("POST", "v1/clusters/", {"cluster_options": options}, repeat=False)
        return str(answer["name"])

    def info(self, name: str) -> ClusterInfo:
        """Return the state of a cluster."""
        return self._info(self._get(f"boresight/clusters/{_checked(name)}"))

    def live(self) -> list[ClusterInfo]:
        """Return the state of every live cluster of this person."""
        return [self.info(name) for name in self._get("v1/clusters/")]

    def open_client(self, name: str, *, timeout_s: float) -> Client:
        """Connect to the scheduler through the gateway's proxy."""
        secret = self._get(f"v1/clusters/{_checked(name)}")
        if not secret.get("tls_key"):
            raise ComputeError(
                f"The cluster {name} is {secret.get('status')}, not running.",
                remedy="Start a new one.",
            )
        address = self._get("boresight/info")["scheduler_proxy"]
        security = GatewaySecurity(tls_key=secret["tls_key"], tls_cert=secret["tls_cert"])
        try:
            return Client(f"gateway://{address}/{name}", security=security, timeout=timeout_s)
        except (OSError, TimeoutError) as exc:
            raise ComputeError(
                f"The scheduler of {name} did not answer within {timeout_s:g} s.",
                remedy="Try again; start a new cluster if it stays so.",
            ) from exc

    def scale(self, name: str, n_workers: int) -> None:
        """Ask for a number of workers; the same number twice is the same request."""
        self._call("POST", f"v1/clusters/{_checked(name)}/scale", {"count": n_workers})

    def adapt(self, name: str, minimum: int, maximum: int) -> None:
        """Let the number of workers follow the load."""
        wanted = {"minimum": minimum, "maximum": maximum, "active": True}
        self._call("POST", f"v1/clusters/{_checked(name)}/adapt", wanted)

    def stop(self, name: str) -> None:
        """Stop a cluster."""
        self._call("DELETE", f"v1/clusters/{_checked(name)}")

    def _info(self, report: dict[str, Any]) -> ClusterInfo:
        workers = report["workers"]
        return ClusterInfo(
            name=report["name"],
            status=ClusterStatus(report["status"]),
            workers_requested=workers["requested"],
            workers_running=workers["running"],
            workers_maximum=workers["maximum"],
            pending_reason=report["pending_reason"],
            failure=report["failure"],
            dashboard_link=self._url + report["dashboard_route"],
        )

    def _get(self, path: str) -> dict[str, Any]:
        return self._call("GET", path)

    def _call(
        self, method: str, path: str, body: object = None, *, repeat: bool = True
    ) -> dict[str, Any]:
        until_s = time.monotonic() + self._retry_for_s
        while True:
            problem = ""
            try:
                answer = self._http.request(method, f"{self._url}/api/{path}", json=body)
            except httpx.HTTPError as exc:
                problem = type(exc).__name__
            else:
                if not _is_away(answer):
                    return _content(answer)
                problem = f"it answers {answer.status_code}: {_reason(answer)}"
            if not repeat or time.monotonic() > until_s:
                raise ComputeError(
                    f"The gateway at {self._url} is out of reach ({problem}).",
                    remedy="Try again in a minute; `boresight status` shows the services' state.",
                )
            time.sleep(_RETRY_PAUSE_S)


def _checked(name: str) -> str:
    """Return ``name`` when it can be one of the gateway's: it becomes part of an address."""
    if not _NAME.fullmatch(name):
        raise ComputeError(
            f"{name!r} is not the name of a cluster: letters, digits and hyphens, on Kubernetes "
            "after a namespace and a dot.",
            remedy="boresight.compute.clusters() lists yours.",
        )
    return name


def _is_away(answer: httpx.Response) -> bool:
    """Whether somebody on the way answers in the gateway's place, as while it is restarted."""
    if answer.status_code == httpx.codes.NOT_FOUND:
        # in the gateway's own words it is JSON; a proxy without a route answers otherwise
        return not answer.headers.get("Content-Type", "").startswith("application/json")
    return answer.status_code in _AWAY


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content
    reason = _reason(answer)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise ComputeError(
            "The gateway does not accept this server's token: the session is over.",
            remedy="Sign in to the hub again and restart your server.",
        )
    if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN):
        raise ComputeError(
            "You have no cluster of this name.",
            remedy="boresight.compute.clusters() lists yours; start a new one.",
        )
    raise ComputeError(reason or f"The gateway answers {answer.status_code}.")


def _reason(answer: httpx.Response) -> str:
    try:
        reason = answer.json().get("error", "")
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
        reason = answer.reason_phrase
    return str(reason)
