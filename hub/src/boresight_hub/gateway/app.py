"""The gateway's server, configured from :class:`~boresight_hub.settings.HubSettings`."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import sys
import warnings
from typing import Any

from aiohttp import web
from aiohttp.web_exceptions import NotAppKeyWarning
from dask_gateway_server.app import DaskGateway
from dask_gateway_server.routes import default_routes
from dask_gateway_server.utils import AccessLogger, run_main
from traitlets.config import Config

from boresight_hub.gateway import reports
from boresight_hub.gateway.auth import HubAuthenticator, ProviderTokens, TokenCache
from boresight_hub.gateway.backend import ClusterBackend
from boresight_hub.gateway.dashboard import PREFIX, Dashboards
from boresight_hub.gateway.hubapi import HubApi
from boresight_hub.gateway.keys import MASTER_SECRET, GatewayKeys
from boresight_hub.gateway.options import cluster_options
from boresight_hub.settings import HubSettings

log = logging.getLogger(__name__)

_ROUTINE = re.compile(r"Cluster \w+ heartbeat \[|[23]\d\d (GET|POST \S+/heartbeat)\b")
_HEARTBEAT_S = 5
_START_TIMEOUT_S = 60.0
_CLOSE_CONNECTIONS_S = 1.0


def gateway_config(settings: HubSettings, keys: GatewayKeys) -> Config:
    """Configure dask-gateway's server; secrets go from memory to memory."""
    c = Config()
    c.Proxy.address = f"{settings.host}:{settings.port_of('gateway')}"
    c.Proxy.tcp_address = f"{settings.host}:{settings.port_of('gateway_scheduler')}"
    c.Proxy.prefix = PREFIX
    c.Proxy.api_token = keys.proxy_token()
    # the proxy outlives a crash of the gateway, so the gateway's own start is not used
    c.Proxy.externally_managed = True
    backend = c.ClusterBackend
    backend.cluster_options = cluster_options(settings, _platform_values)
    backend.api_url = f"{settings.url_of('gateway_api')}/api"
    backend.db_url = f"sqlite:///{settings.folder('gateway') / 'gateway.sqlite'}"
    backend.db_encrypt_keys = [keys.database()]
    backend.stop_clusters_on_shutdown = True
    backend.cluster_heartbeat_period = _HEARTBEAT_S
    # a scheduler on a machine that is busy with its own workers may be silent for long
    backend.cluster_heartbeat_timeout = 24.0 * _HEARTBEAT_S
    backend.cluster_status_period = 1.0
    backend.worker_status_period = 1.0
    backend.cluster_start_timeout = _START_TIMEOUT_S
    backend.worker_start_timeout = _START_TIMEOUT_S
    backend.check_timeouts_period = 5.0
    return c


def _platform_values() -> dict[str, Any]:
    # the same interpreter as this one: scheduler, workers and notebooks share one environment
    dask = [sys.executable, "-m", "dask"]
    return {
        "scheduler_cmd": [*dask, "scheduler"],
        "worker_cmd": [*dask, "worker"],
        "environment": {},
    }


def _config(settings: HubSettings, keys: GatewayKeys) -> Config:
    if settings.platform == "kubernetes":
        from boresight_hub.gateway.kubernetes.backend import backend_config

        return backend_config(settings)
    return gateway_config(settings, keys)


def _backend_class(settings: HubSettings) -> type[Any]:
    if settings.platform == "kubernetes":
        from boresight_hub.gateway.kubernetes.backend import PodBackend

        return PodBackend
    return ClusterBackend


class _Quiet(logging.Filter):
    """Leaves out what comes every few seconds and tells nothing: polls and heartbeats."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not _ROUTINE.match(message)


class GatewayApp(DaskGateway):  # type: ignore[misc]  # the server has no types
    """dask-gateway's server without command line and configuration file."""

    @classmethod
    def serve(cls, settings: HubSettings) -> None:
        """Run until SIGTERM or SIGINT; then stop all clusters and return."""
        keys = GatewayKeys(settings.secret(MASTER_SECRET))
        app = cls(config=_config(settings, keys))
        app.settings = settings
        app.keys = keys
        app.log = log
        requests = logging.getLogger("boresight_hub.gateway.requests")
        for logger in (log, requests):
            logger.addFilter(_Quiet())
        app.address = f"{settings.host}:{settings.port_of('gateway_api')}"
        try:
            run_main(app.main())
        except (KeyboardInterrupt, web.GracefulExit):
            return

    async def setup(self) -> None:
        """Start everything; the stock version reads files and waits long for open connections."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_shutdown_signal, number)
        # keys of an application are plain texts in the stock routes
        warnings.simplefilter("ignore", NotAppKeyWarning)
        self.authenticator = HubAuthenticator(parent=self, log=self.log)
        self.backend = _backend_class(self.settings)(parent=self, log=self.log)
        self.hub = HubApi(self.settings)
        self.app = web.Application(logger=self.log, client_max_size=1 << 20)
        self.app["gateway"] = self
        self.app["settings"] = self.settings
        self.app["hub"] = self.hub
        self.app["tokens"] = TokenCache(self.hub, ProviderTokens(self.settings))
        self.app["backend"] = self.backend
        self.app["authenticator"] = self.authenticator
        self.app["log"] = self.log
        self.app.add_routes(default_routes)
        self.app.add_routes(reports.routes())
        Dashboards(self.settings, self.keys).add_to(self.app)
        await self.authenticator.setup(self.app)
        await self.backend.setup(self.app)
        self.runner = web.AppRunner(
            self.app,
            handle_signals=False,
            access_log_class=AccessLogger,
            access_log=logging.getLogger("boresight_hub.gateway.requests"),
            shutdown_timeout=_CLOSE_CONNECTIONS_S,
        )
        await self.runner.setup()
        port = self.settings.port_of("gateway_api")
        await web.TCPSite(self.runner, self.settings.host, port, backlog=128).start()
        if self.settings.platform == "one-machine":
            await self.backend.start_proxy()
        log.info("The gateway is ready.")

    async def cleanup(self) -> None:
        """Stop all clusters, then everything else."""
        await super().cleanup()
        if hasattr(self, "hub"):
            await self.hub.close()
