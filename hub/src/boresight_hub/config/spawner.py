"""User servers on one machine.

Every server is a process of the account that runs the hub: one machine is one trust domain. What
is kept apart is what people would otherwise mix up by accident: a home of their own, an
environment without anything of the hub's, token files of their own. Isolation between people is
the part of Kubernetes.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Any, Unicode

from boresight_hub.config import profiles
from boresight_hub.config.examples import deliver
from boresight_hub.config.holders import folder_name
from boresight_hub.config.language import language_of_request
from boresight_hub.config.machine import GIB, Machine, limit_memory
from boresight_hub.config.rescue import has_room, is_no_room, rescue_environment
from boresight_hub.config.serverholders import HoldsTokens, server_token_scopes
from boresight_hub.environment import blas_threads, threads, user_environment
from boresight_hub.errors import BoresightError, ServiceError
from boresight_hub.settings import HubSettings
from boresight_hub.settings_kubernetes import ProfileSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from traitlets.config import Config

#: Names what a process belongs to; processes that carry it end with their server.
MARKER = "BORESIGHT_HOLDER"

# Server extensions that every server would load, at 200 MiB together, and that nobody asked for.
_HEAVY_EXTENSIONS = (
    "localtileserver",
    "localtileserver.jupyter",
    "panel.io.jupyter_server_extension",
)
# Those of the toolkit, by name: servers have it, this process need not.
_OWN_EXTENSIONS = ("boresight.workflows.home.server_extension",)
# Workers that have one thread a core share the cores with these servers. Threads of BLAS wait for
# one another by spinning: beside other work they cost a solve of small matrices far more than they
# bring. Whoever wants them sets the variable before NumPy is loaded.
_NUMERICS = blas_threads(1)
_ENV_KEEP = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV"]
_GOODBYE_S = 2.0
_ATTEMPTS = 2
_LOOK_EVERY_S = 0.1


class OneMachineSpawner(HoldsTokens, LocalProcessSpawner):
    """Starts ``jupyterhub-singleuser`` from the hub's own Python environment."""

    state_dir = Unicode(config=True, help="state directory of the environment")
    site_url = Unicode(config=True, help="address of the environment, without a slash at its end")
    examples_dir = Unicode(config=True, help="notebooks to put into every home; none when empty")
    user_env_of = Any(config=True, help="gives the environment for a user name and a token folder")
    hub_settings = Any(config=True, help="the settings of the environment")
    #: What was chosen; None where the environment has no profiles of its own.
    profile: ProfileSettings | None = None
    #: Variables that only the server of a full home gets.
    _rescue: dict[str, str] = {}  # noqa: RUF012 - replaced at each start, never changed

    @property
    def home(self) -> Path:
        """Home of this user, below the state directory."""
        return Path(self.state_dir) / "homes" / folder_name(self.user.name)

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """Change no account: the server runs as the hub does, for its owner's eyes only."""
        home, profile = self.home, self.profile

        def preexec() -> None:
            os.umask(0o077)
            os.chdir(home)
            if profile is not None:
                limit_memory(profile)

        return preexec

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Add what makes the process this user's."""
        home = str(self.home)
        token_dir = self.keeper.holders.path(self.user.name, self.holder)
        programs = str(Path(sys.executable).parent)
        return {
            **env,
            **_NUMERICS,
            **self.user_env_of(self.user.name, token_dir),
            "PATH": os.pathsep.join((programs, env.get("PATH", os.defpath))),
            "HOME": home,
            "USER": self.user.name,
            "LOGNAME": self.user.name,
            "SHELL": shutil.which("bash") or "/bin/sh",
            "LANG": env.get("LANG", "C.UTF-8"),
            "XDG_CACHE_HOME": f"{home}/.cache",
            "NUMBA_CACHE_DIR": f"{home}/.cache/numba",
            "JUPYTER_CONFIG_PATH": str(Path(self.state_dir) / "hub" / "lab"),
            # plots take their styles and scripts from here, not from a host outside
            "PANEL_CDN_ROOT": f"{self.site_url}{self.server.base_url}lab/extensions/panel/",
            MARKER: str(token_dir),
            **self._size(),
            **self._rescue,
        }

    def _chosen(self) -> ProfileSettings | None:
        """Profile that was asked for, or the default one; None where there are none of our own."""
        if not self.hub_settings.server.profiles:
            return None
        groups = {group.name for group in self.user.groups}
        options = self.user_options or {}
        return profiles.choose(self.hub_settings, groups, options, Machine.here().refusal)

    def _size(self) -> dict[str, str]:
        """Variables of the profile's size."""
        if self.profile is None:
            return {}
        limit_bytes = int(self.profile.memory_limit_gib * GIB)
        return {**threads(self.profile.cores_limit), "MEM_LIMIT": str(limit_bytes)}

    def get_args(self) -> list[str]:
        """Arguments of the server; root may run it because a container often has nobody else."""
        arguments: list[str] = super().get_args()
        return [*arguments, *(["--allow-root"] if os.geteuid() == 0 else [])]

    async def start(self) -> tuple[str, int]:
        """Prepare home and token files, then start the process."""
        try:
            self.profile = self._chosen()
            self._rescue = await asyncio.to_thread(self._prepare_home)
            await self.keeper.add(self.user.name, self.holder)
        except BoresightError as exc:
            # shown on the page of the failed start
            exc.jupyterhub_message = str(exc)  # type: ignore[attr-defined]
            raise
        for _ in range(_ATTEMPTS):
            ip, port = await self._launch()
            if await self._listens(ip, port):
                return ip, port
            # somebody else may have taken the port between its choice and its use
            self.port = 0
        await self.keeper.remove(self.user.name, self.holder)
        message = f"The server ended while it started; its last words are in {self._log_file()}."
        error = ServiceError(message)
        error.jupyterhub_message = message  # type: ignore[attr-defined]
        raise error

    async def stop(self, now: bool = False) -> None:
        """Stop the server and everything that was started in it."""
        await super().stop(now=now)
        await asyncio.to_thread(self._sweep)

    async def run_post_stop_hook(self) -> None:
        """Also after a server that ended by itself: no process and no token of it stays."""
        await asyncio.to_thread(self._sweep)
        await self.keeper.remove(self.user.name, self.holder)
        self.give_back_kept_time()
        super().run_post_stop_hook()

    async def _launch(self) -> tuple[str, int]:
        descriptor = os.open(self._log_file(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as stream:
            self.popen_kwargs = {
                "stdin": asyncio.subprocess.DEVNULL,
                "stdout": stream,
                "stderr": stream,
            }
            ip, port = await super().start()
        return ip, port

    async def _listens(self, ip: str, port: int) -> bool:
        """Wait until the server listens; False when it ends before.

        JupyterHub itself would go on waiting for a server that is dead already.
        """
        while self.proc.poll() is None:
            try:
                _, writer = await asyncio.open_connection(ip, port)
            except OSError:
                await asyncio.sleep(_LOOK_EVERY_S)
            else:
                writer.close()
                return True
        return False

    def _sweep(self) -> None:
        """End what carries this server's marker: kernels start sessions of their own."""
        marker = str(self.keeper.holders.path(self.user.name, self.holder))
        left = list(_processes_of(marker))
        for process in left:
            _send(process, "terminate")
        _, alive = psutil.wait_procs(left, timeout=_GOODBYE_S)
        for process in alive:
            _send(process, "kill")
        psutil.wait_procs(alive, timeout=_GOODBYE_S)

    def _prepare_home(self) -> dict[str, str]:
        """Make the home ready; returns variables by which a server starts in one that is full."""
        home = self.home
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        try:
            if self.examples_dir:
                deliver(Path(self.examples_dir), home / "examples")
        except OSError as exc:
            if not is_no_room(exc):
                raise
        if has_room(home):
            return {}
        self.log.warning("the home of %s is full: its server starts as a rescue", self.user.name)
        scratch = Path(self.state_dir) / "run" / "rescue" / folder_name(self.user.name)
        return rescue_environment(scratch / self.holder)

    def _log_file(self) -> Path:
        folder = Path(self.state_dir) / "logs"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / f"server-{folder_name(self.user.name)}{self.holder[6:]}.log"


def _processes_of(marker: str) -> list[psutil.Process]:
    """Processes of this account that carry ``marker`` in their environment."""
    uid = os.geteuid()
    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().effective == uid and process.environ().get(MARKER) == marker:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _send(process: psutil.Process, action: str) -> None:
    try:
        getattr(process, action)()
    except psutil.NoSuchProcess:
        return


def write_lab_config(settings: HubSettings) -> Path:
    """Write what every user server reads before its user's own configuration."""
    folder = settings.folder("hub") / "lab"
    folder.mkdir(mode=0o700, exist_ok=True)
    _link_panel_files(folder / "files")
    config = {
        "ServerApp": {
            "jpserver_extensions": dict.fromkeys(_HEAVY_EXTENSIONS, False)
            | dict.fromkeys(_OWN_EXTENSIONS, True),
        },
        # who may come in is asked anew after so long [s], so that what is unshared is closed
        "HubOAuth": {"cache_max_age": 60},
        # versions are the environment's business, and there may be no way out
        "LabApp": {
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "news_url": None,
            "extra_labextensions_path": [str(folder / "files")],
            "extension_manager": "readonly",
        },
    }
    (folder / "jupyter_server_config.json").write_text(json.dumps(config, indent=1))
    # nobody is asked whether to fetch news
    labconfig = folder / "labconfig"
    labconfig.mkdir(mode=0o700, exist_ok=True)
    overrides = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (labconfig / "default_setting_overrides.json").write_text(json.dumps(overrides, indent=1))
    return folder


def _link_panel_files(folder: Path) -> None:
    """Let every server offer Panel's files, which hvPlot's pictures ask for, as Panel's host does.

    Panel's own server extension does it too, at 100 MiB a server. The place is that of Lab's own
    extensions, since the server's plain static files may not be links.
    """
    found = util.find_spec("panel")
    if found is None or found.origin is None:
        return
    link = folder / "panel" / metadata.version("panel") / "dist"
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(Path(found.origin).with_name("dist"), target_is_directory=True)


def form_of(spawner: OneMachineSpawner) -> str:
    """Form of one person: the same as on Kubernetes, with what this machine cannot give."""
    if not spawner.hub_settings.server.profiles:
        return ""
    return profiles.form(
        spawner.hub_settings,
        {group.name for group in spawner.user.groups},
        str((spawner.user_options or {}).get(profiles.OPTION, "")),
        language="en" if spawner.handler is None else language_of_request(spawner.handler),
        refusal=Machine.here().refusal,
    )


def apply_spawner(c: Config, settings: HubSettings) -> None:
    """Configure user servers."""
    c.JupyterHub.spawner_class = OneMachineSpawner
    spawner = c.OneMachineSpawner
    spawner.hub_settings = settings
    spawner.options_form = form_of
    spawner.options_from_form = profiles.options_of
    spawner.state_dir = str(settings.state_dir)
    spawner.site_url = settings.public_url
    spawner.examples_dir = str(settings.server.examples_dir or "")
    spawner.user_env_of = lambda username, token_dir: user_environment(
        settings, username=username, token_dir=token_dir
    )
    spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
    spawner.ip = settings.host
    spawner.default_url = "/lab"
    spawner.env_keep = _ENV_KEEP
    spawner.start_timeout = settings.server.start_timeout_s
    spawner.http_timeout = settings.server.start_timeout_s
    spawner.interrupt_timeout = 3
    spawner.term_timeout = 2
    spawner.kill_timeout = 2
    spawner.server_token_scopes = server_token_scopes(settings)
