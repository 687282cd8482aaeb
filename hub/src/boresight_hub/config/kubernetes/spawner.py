"""User servers as pods.

A pod has a home of its person's own, the token files of this server, shared volumes by group, and
no right to ask the API server anything. Its size is that of a profile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client.exceptions import ApiException
from kubespawner import KubeSpawner
from traitlets import Any as AnyTrait

from boresight_hub.config import profiles
from boresight_hub.config.kubernetes import explain
from boresight_hub.config.kubernetes.progress import History, step_of
from boresight_hub.config.kubernetes.secretholders import TOKENS_LABEL
from boresight_hub.config.language import language_of_request
from boresight_hub.config.serverholders import HoldsTokens, server_token_scopes
from boresight_hub.environment import (
    POD_TOKEN_DIR,
    threads,
    token_secret_name,
    user_environment,
)
from boresight_hub.errors import BoresightError, ServiceError, SettingsError
from boresight_hub.settings import HubSettings
from boresight_hub.settings_kubernetes import ProfileSettings

if TYPE_CHECKING:
    from traitlets.config import Config

log = logging.getLogger(__name__)

PORT = 8888
#: What the ``restricted`` Pod Security Standard asks of a container, and a root nobody writes to.
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_GIB = 2**30
_RESCUE_HOME = "/tmp/home"  # noqa: S108 - in the pod, for this person alone
_LOOK_EVERY_S = 0.5
# a registry that is away for a moment ends nobody's start
_FINAL_AFTER_S = 20.0
_BEFORE_THE_HUB_S = 5.0
_history = History()


class StartError(ServiceError):
    """Why a server did not start; the hub's page shows what is meant for people."""

    @property
    def jupyterhub_message(self) -> str:
        """What the page shows."""
        return str(self)


class PodSpawner(HoldsTokens, KubeSpawner):
    """Starts ``jupyterhub-singleuser`` in a pod."""

    hub_settings = AnyTrait(config=True, help="the settings of the environment")

    profile: ProfileSettings | None = None

    @property
    def pods_settings(self) -> Any:
        """Settings of pods."""
        return self.hub_settings.kubernetes

    @property
    def group_names(self) -> set[str]:
        """Groups of this user, as of their sign-in."""
        return {group.name for group in self.user.groups}

    def get_env(self) -> dict[str, str]:
        """Add what makes the server this user's."""
        home = self.pods_settings.home.path
        if self.profile is not None and self.profile.rescue:
            home = _RESCUE_HOME
        panel = f"{self.hub_settings.public_url}{self.server.base_url}lab/extensions/panel/"
        env: dict[str, str] = super().get_env()
        return {
            **env,
            **user_environment(self.hub_settings, username=self.user.name, token_dir=POD_TOKEN_DIR),
            # an arbitrary uid has no entry in the image's list of accounts
            "HOME": home,
            "USER": self.user.name,
            "LOGNAME": self.user.name,
            "SHELL": "/bin/bash",
            "XDG_CACHE_HOME": f"{home}/.cache",
            "NUMBA_CACHE_DIR": f"{home}/.cache/numba",
            "JUPYTER_RUNTIME_DIR": "/tmp/jupyter-runtime",  # noqa: S108 - as above
            "PANEL_CDN_ROOT": panel,
            "BORESIGHT_HOME_VOLUME": self.pods_settings.home.path,
            **({} if self.profile is None else threads(self.profile.cores_limit)),
        }

    async def load_user_options(self) -> None:
        """Apply the profile that was chosen."""
        self.profile = profiles.choose(self.hub_settings, self.group_names, self.user_options)
        profile = self.profile
        self.image = profile.image or self.pods_settings.image
        self.cpu_guarantee, self.cpu_limit = profile.cores_guarantee, profile.cores_limit
        self.mem_guarantee = int(profile.memory_guarantee_gib * _GIB)
        self.mem_limit = int(profile.memory_limit_gib * _GIB)
        self.extra_resource_limits = dict(profile.extra_resource_limits)
        self.extra_resource_guarantees = dict(profile.extra_resource_limits)
        self.node_selector = {**self.pods_settings.node_selector, **profile.node_selector}
        self._set_volumes()
        self.extra_labels = {TOKENS_LABEL: token_secret_name(self.user.name, self.holder)}
        self.extra_annotations = {"boresight.io/profile": profile.slug}

    def _set_volumes(self) -> None:
        settings = self.pods_settings
        home = settings.home.path
        volumes: list[dict[str, Any]] = [
            {"name": "home", "persistentVolumeClaim": {"claimName": self.pvc_name}},
            {
                "name": "tokens",
                "secret": {
                    "secretName": token_secret_name(self.user.name, self.holder),
                    "defaultMode": 0o440,
                },
            },
            {"name": "tmp", "emptyDir": {}},
        ]
        mounts: list[dict[str, Any]] = [
            {"name": "home", "mountPath": home},
            {"name": "tokens", "mountPath": str(POD_TOKEN_DIR), "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - as above
        ]
        for volume in settings.volumes:
            if volume.groups and not set(volume.groups) & self.group_names:
                continue
            name = f"shared-{volume.name}"
            claim = {"claimName": volume.claim, "readOnly": volume.read_only}
            volumes.append({"name": name, "persistentVolumeClaim": claim})
            mounts.append({"name": name, "mountPath": volume.path, "readOnly": volume.read_only})
        more_volumes, more_mounts = settings.authorities()
        volumes += more_volumes
        mounts += more_mounts
        self.volumes, self.volume_mounts = volumes, mounts

    async def _start(self) -> Any:
        """Have the token files made, then start the pod; a hopeless start ends with its cause."""
        start: asyncio.Task[Any] | None = None
        try:
            await self.keeper.add(self.user.name, self.holder)
            start = asyncio.ensure_future(super()._start())
            url = await self._until_started(start)
        except ApiException as exc:
            await self._give_up(start)
            found = explain.of_refusal(exc.status or 0, str(exc.body or ""))
            raise StartError(found.cause, remedy=found.remedy) from exc
        except BoresightError as exc:
            await self._give_up(start)
            raise StartError(exc.message, remedy=exc.remedy) from exc
        except BaseException:
            if start is not None:
                start.cancel()
            raise
        return url

    async def _until_started(self, start: asyncio.Task[Any]) -> Any:
        hopeless_since: float | None = None
        # the hub ends a start that takes too long, and knows no cause
        ends_s = time.monotonic() + self.start_timeout - _BEFORE_THE_HUB_S
        while not start.done():
            await asyncio.wait({start}, timeout=_LOOK_EVERY_S)
            finding = self._finding()
            if time.monotonic() > ends_s and not start.done():
                raise self._too_long(finding)
            if finding is None or not finding.is_final:
                hopeless_since = None
                continue
            hopeless_since = hopeless_since or time.monotonic()
            if time.monotonic() - hopeless_since > _FINAL_AFTER_S:
                raise ServiceError(finding.cause, remedy=finding.remedy)
        return start.result()

    def _too_long(self, finding: explain.Finding | None) -> ServiceError:
        if finding is not None:
            return ServiceError(finding.cause, remedy=finding.remedy)
        return ServiceError(
            f"The server has not started within {self.start_timeout} s; nothing is known to be "
            "wrong with it.",
            remedy="Start it again, when there is less to do for the machine.",
        )

    async def _give_up(self, start: asyncio.Task[Any] | None) -> None:
        if start is not None:
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
            await self.stop(now=True)
        await self.keeper.remove(self.user.name, self.holder)

    async def poll(self) -> int | None:
        """Status of the pod; why it ended is kept for the person before the pod is removed."""
        pod = self._pod()
        if pod is not None and (found := explain.of_exit(pod)) is not None:
            _ended[self.user.name, self.name] = str(found)
            log.warning("the server of %s ended: %s", self.user.name, found.cause)
        status: int | None = await super().poll()
        return status

    def run_post_stop_hook(self) -> Any:
        """No token of a server stays after it, however it ended."""
        return self._after_stop()

    async def _after_stop(self) -> None:
        await self.keeper.remove(self.user.name, self.holder)
        self.give_back_kept_time()
        hook = super().run_post_stop_hook()
        if asyncio.iscoroutine(hook):
            await hook

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """Tell where the start is, in words, each thing once."""
        began_s, last = time.monotonic(), None
        while True:
            future = self._start_future
            is_done = future is not None and future.done()
            step = step_of(self._pod(), self.events, _history)
            if last is None or step != last:
                if last is not None and step.name != last.name:
                    _history.note(last.name, time.monotonic() - began_s)
                    began_s = time.monotonic()
                yield {"progress": step.percent, "message": step.message}
                last = step
            if is_done:
                _history.note(step.name, time.monotonic() - began_s)
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    def _pod(self) -> explain.Pod | None:
        reflector = self.pod_reflector
        if reflector is None:
            return None
        pod: explain.Pod | None = reflector.pods.get(f"{self.namespace}/{self.pod_name}")
        return pod

    def _finding(self) -> explain.Finding | None:
        pod = self._pod()
        return explain.of_pod(pod, self.events) if pod is not None else None


# why the last server of this user and name ended; in memory, as it is for the next start only
_ended: dict[tuple[str, str], str] = {}


def form_of(spawner: PodSpawner) -> str:
    """Form of one person, headed by why their last server ended, if it did not as it should."""
    chosen = str((spawner.user_options or {}).get(profiles.OPTION, ""))
    return profiles.form(
        spawner.hub_settings,
        spawner.group_names,
        chosen,
        note=_ended.get((spawner.user.name, spawner.name), ""),
        # the page that asked; there is none when a start that was asked otherwise has failed
        language="en" if spawner.handler is None else language_of_request(spawner.handler),
    )


def apply_pods(c: Config, settings: HubSettings) -> None:
    """Configure user servers as pods."""
    pods = settings.kubernetes
    if not pods.namespace:
        raise SettingsError("kubernetes.namespace is empty.", remedy="Name where pods go.")
    c.JupyterHub.spawner_class = PodSpawner
    spawner = c.PodSpawner
    spawner.hub_settings = settings
    spawner.namespace = pods.namespace
    spawner.cmd = ["boresight-server"]
    spawner.ip = "0.0.0.0"  # noqa: S104 - in the pod; a NetworkPolicy says who reaches it
    spawner.port = PORT
    spawner.default_url = "/lab"
    spawner.env_keep = []
    spawner.start_timeout = settings.server.start_timeout_s
    spawner.http_timeout = settings.server.start_timeout_s
    spawner.server_token_scopes = server_token_scopes(settings)
    spawner.options_form = form_of
    spawner.options_from_form = profiles.options_of
    # names
    spawner.slug_scheme = "safe"
    spawner.pod_name_template = "jupyter-{user_server}"
    spawner.component_label = "singleuser-server"
    # home
    spawner.storage_pvc_ensure = True
    spawner.pvc_name_template = "home-{username}"
    spawner.storage_capacity = pods.home.capacity
    spawner.storage_access_modes = [pods.home.access_mode]
    if pods.home.storage_class is not None:
        spawner.storage_class = pods.home.storage_class
    # rights
    spawner.service_account = None
    spawner.automount_service_account_token = False
    spawner.container_security_context = CONTAINER_SECURITY
    spawner.pod_security_context = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "fsGroupChangePolicy": "OnRootMismatch",
        **({"fsGroup": pods.group_id} if pods.group_id is not None else {}),
    }
    spawner.extra_pod_config = {
        # addresses of services in the environment would be taken for settings of ours
        "enableServiceLinks": False,
        # a server that ended is told of, with its cause, and not started again behind one's back
        "restartPolicy": "Never",
    }
    spawner.image_pull_policy = pods.image_pull_policy
    spawner.image_pull_secrets = list(pods.image_pull_secrets)
    spawner.priority_class_name = pods.user_priority_class
    spawner.tolerations = list(pods.tolerations)
    spawner.delete_grace_period = 10
    spawner.events_enabled = True
