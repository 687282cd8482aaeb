"""The services of an environment on one machine: what each runs, needs and answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from boresight_hub.embedded import keycloak, nodejs, provider, versitygw
from boresight_hub.embedded.plan import Command, Plan, Request, RestartRules, Service
from boresight_hub.embedded.processes import MARK_VARIABLE
from boresight_hub.errors import SettingsError
from boresight_hub.settings import HubSettings

#: Every service, in the order people see them.
NAMES = ("proxy", "s3-iam", "s3", "idp", "stac", "access", "hub", "gateway", "batch", "culler")

_HUB_CONFIG = Path(__file__).parents[1] / "config" / "jupyterhub_config.py"
_OWN = "BORESIGHT_"


def base_environment(settings: HubSettings) -> dict[str, str]:
    """Environment every service starts from: little, and no secret."""
    programs = str(Path(sys.executable).parent)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME")
        # settings of this environment; BORESIGHT_TEST_DATA and the like do no harm
        or name.startswith(_OWN)
    }
    return kept | {
        "PATH": os.pathsep.join((programs, os.environ.get("PATH", os.defpath))),
        "HOME": os.environ.get("HOME", str(Path.home())),
        "PYTHONUNBUFFERED": "1",
        # glibc keeps an arena a core for each thread; two are enough and save tens of MiB
        "MALLOC_ARENA_MAX": "2",
        MARK_VARIABLE: str(settings.state_dir),
        "BORESIGHT_STATE_DIR": str(settings.state_dir),
        "BORESIGHT_PORT": str(settings.port),
        "BORESIGHT_OIDC__KIND": settings.oidc.kind,
    }


def make_plan(
    settings: HubSettings,
    *,
    only: Iterable[str] | None = None,
    rules: RestartRules | None = None,
) -> Plan:
    """Plan of the environment, or of the services named in ``only``.

    Raises
    ------
    SettingsError
        When ``only`` names something that is no service.
    """
    table = {service.name: service for service in _table(settings)}
    chosen = set(only) if only is not None else set(table)
    if unknown := chosen - set(table):
        raise SettingsError(
            f"There is no service {', '.join(sorted(unknown))}.",
            remedy=f"Services: {', '.join(NAMES)}.",
        )
    services = [
        Service(
            **{
                **vars(service),
                "needs": [need for need in service.needs if need in chosen],
            }
        )
        for name, service in table.items()
        if name in chosen
    ]
    return Plan(
        state_dir=str(settings.state_dir),
        secrets_dir=str(settings.secrets_dir),
        url=settings.public_url,
        services=services,
        rules=rules or RestartRules(),
    )


def _table(settings: HubSettings) -> list[Service]:
    env = base_environment(settings)
    own_store = settings.access.broker == "versitygw"
    return [
        _proxy(settings, env),
        *([_s3_iam(settings, env), _s3(settings, env)] if own_store else []),
        _idp(settings, env),
        _python_service(settings, env, "stac", "/services/stac/_mgmt/ping", needs=["idp"]),
        _python_service(
            settings, env, "access", "/services/access/health", needs=["s3", "idp", "stac"]
        ),
        _hub(settings, env),
        _python_service(
            settings,
            env,
            "gateway",
            "/services/dask-gateway/api/health",
            needs=["hub"],
            stop_stage=3,
            stop_timeout_s=3.0,
        ),
        _python_service(
            settings, env, "batch", "/services/batch/health", needs=["access", "hub"], stop_stage=3
        ),
        _culler(settings, env),
    ]


def _proxy(settings: HubSettings, env: dict[str, str]) -> Service:
    api = settings.url_of("proxy_api")
    routes = {
        "idp": settings.url_of("idp"),
        "services/stac": settings.url_of("stac"),
        "services/access": settings.url_of("access"),
    }
    return Service(
        name="proxy",
        url=settings.public_url,
        command=Command(
            argv=[
                *nodejs.node_command(),
                str(nodejs.proxy_script(settings)),
                "--ip",
                settings.host,
                "--port",
                str(settings.port),
                "--api-ip",
                settings.host,
                "--api-port",
                str(settings.port_of("proxy_api")),
                "--error-target",
                f"{settings.url_of('hub')}/hub/error",
                "--log-level",
                "warn",
            ],
            env=env,
            secret_env={"CONFIGPROXY_AUTH_TOKEN": "proxy-auth-token"},
            cwd=str(settings.state_dir),
        ),
        health_url=f"{settings.public_url}/_chp_healthz",
        # the proxy forgets its routes: ours come first, since the hub needs the provider
        on_ready=[
            Request(
                f"{api}/api/routes/{path}",
                method="POST",
                token_secret="proxy-auth-token",  # noqa: S106 - the name of a file
                body=json.dumps({"target": target}),
            )
            for path, target in routes.items()
        ],
        # the hub adds its own when it starts; after a restart of the proxy it is asked to
        on_restart=[
            Request(
                f"{settings.url_of('hub')}/hub/api/proxy",
                method="POST",
                token_secret="supervisor-api-token",  # noqa: S106 - the name of a file
            )
        ],
        stop_stage=0,
        stop_timeout_s=1.0,
    )


def _s3_iam(settings: HubSettings, env: dict[str, str]) -> Service:
    return Service(
        name="s3-iam",
        command=versitygw.iam_command(settings, env),
        # it has no page of its own that answers everybody
        health_url=f"tcp://{settings.host}:{settings.port_of('s3_iam')}",
        stop_stage=1,
        stop_timeout_s=1.5,
    )


def _s3(settings: HubSettings, env: dict[str, str]) -> Service:
    return Service(
        name="s3",
        url=settings.s3_url,
        command=versitygw.s3_command(settings, env),
        health_url=f"{settings.s3_url}/health",
        needs=["s3-iam"],
        setup=Command(
            argv=[sys.executable, "-m", "boresight_hub.embedded.versitygw"],
            env=env,
            cwd=str(settings.state_dir),
        ),
        setup_done=[str(path) for path in versitygw.bucket_paths(settings)],
        stop_stage=1,
        stop_timeout_s=1.5,
    )


def _idp(settings: HubSettings, env: dict[str, str]) -> Service:
    if settings.oidc.kind == "keycloak":
        return Service(
            name="idp",
            url=settings.issuer,
            command=Command(
                argv=keycloak.command(settings),
                env=env | keycloak.environment(settings),
                secret_env=keycloak.secret_environment(),
                cwd=str(settings.folder("idp")),
            ),
            health_url=keycloak.health_url(settings),
            needs=["proxy"],
            # its first start imports the realm, on one core in well over half a minute
            ready_timeout_s=240.0,
            stop_stage=1,
            stop_timeout_s=2.0,
        )
    return Service(
        name="idp",
        url=settings.issuer,
        command=Command(
            argv=provider.command(),
            env=env | provider.environment(settings),
            cwd=str(settings.folder("idp")),
        ),
        health_url=provider.health_url(settings),
        needs=["proxy"],
        stop_stage=1,
        stop_timeout_s=1.5,
    )


def _python_service(
    settings: HubSettings,
    env: dict[str, str],
    name: str,
    health_path: str,
    *,
    needs: list[str],
    stop_stage: int = 1,
    stop_timeout_s: float = 1.5,
) -> Service:
    public = {
        "stac": settings.stac_url,
        "access": settings.sts_url,
        "gateway": settings.gateway_url,
        "batch": settings.batch_url,
    }
    return Service(
        name=name,
        url=public[name],
        command=Command(
            argv=[sys.executable, "-m", f"boresight_hub.{name}"],
            env=env,
            cwd=str(settings.folder(name)),
        ),
        health_url=f"{settings.url_of(name)}{health_path}",
        needs=needs,
        stop_stage=stop_stage,
        stop_timeout_s=stop_timeout_s,
    )


def _hub(settings: HubSettings, env: dict[str, str]) -> Service:
    return Service(
        name="hub",
        url=f"{settings.public_url}/hub",
        command=Command(
            argv=[sys.executable, "-m", "jupyterhub", "-f", str(_HUB_CONFIG)],
            env=env,
            cwd=str(settings.folder("hub")),
        ),
        health_url=f"{settings.url_of('hub')}/hub/health",
        needs=["proxy", "idp"],
        ready_timeout_s=120.0,
        stop_stage=2,
        stop_timeout_s=3.0,
    )


def _culler(settings: HubSettings, env: dict[str, str]) -> Service:
    return Service(
        name="culler",
        command=Command(
            argv=[
                sys.executable,
                "-m",
                "boresight_hub.config.culler",
                f"--url={settings.url_of('hub')}/hub/api",
                f"--every={settings.idle.every_s}",
            ],
            env=env,
            secret_env={"JUPYTERHUB_API_TOKEN": "culler-api-token"},
            cwd=str(settings.state_dir),
        ),
        needs=["hub"],
        stop_stage=3,
        stop_timeout_s=1.0,
    )
