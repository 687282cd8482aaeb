"""A JupyterLab with the panel and no environment around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.ports import free_base_port

_START_S = 400.0


@dataclass(frozen=True)
class BareLab:
    """Where it answers, and the folder it works in."""

    port: int
    root: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def bare_lab(
    folder: Path,
    panel: Mapping[str, Any],
    *,
    python: str = sys.executable,
    environ: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Iterator[BareLab]:
    """Run it.

    Parameters
    ----------
    folder : Path
        New, or one in which it ran before.
    panel : mapping
        Configures the panel's part in the server.
    python : str
    environ : mapping, optional
        Its variables; ours, without an environment around them, unless given.
    without : sequence of str
        Extensions that are switched off, ``package`` of npm or its part in the server.
    """
    root = folder / "work"
    root.mkdir(parents=True, exist_ok=True)
    config = {
        "ServerApp": {"jpserver_extensions": {"panel.io.jupyter_server_extension": False,
                                              "localtileserver.jupyter": False,
                                              **dict.fromkeys(without, False)}},
        "LabApp": {"news_url": None, "expose_app_in_browser": True,
                   "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                   "extension_manager": "readonly"},
        "StacPanel": dict(panel),
    }  # fmt: skip
    (folder / "jupyter_server_config.json").write_text(json.dumps(config))
    labconfig = folder / "labconfig"
    labconfig.mkdir(exist_ok=True)
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (labconfig / "default_setting_overrides.json").write_text(json.dumps(quiet))
    page = {"disabledExtensions": dict.fromkeys(without, True)}
    (labconfig / "page_config.json").write_text(json.dumps(page))
    here = BareLab(free_base_port(), root)
    if environ is None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("BORESIGHT_")}
    env = dict(environ)
    env |= {"JUPYTER_CONFIG_DIR": str(folder), "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "run"), "HOME": str(folder)}  # fmt: skip
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
             f"--port={here.port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
             f"--ServerApp.root_dir={root}"],
            env=env, stdout=log, stderr=log, cwd=root,
        )  # fmt: skip
        try:
            _wait(process, f"{here.url}/api", folder / "lab.log")
            yield here
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-3000:]}")
