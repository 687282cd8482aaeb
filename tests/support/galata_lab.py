"""A JupyterLab as Galata wants it, with the panel over other vendors' answers.

``python -m support.galata_lab PORT`` runs until it is ended; Galata's own tests start it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support.stac_vendors import VENDORS, vendors

_CONFIG = """
from jupyterlab.galata import configure_jupyter_server

configure_jupyter_server(c)
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {port}
c.ServerApp.allow_root = True
c.ServerApp.log_level = "ERROR"
c.ServerApp.jpserver_extensions = {{
    "panel.io.jupyter_server_extension": False, "localtileserver.jupyter": False
}}
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.StacPanel.apis = {apis!r}
c.StacPanel.hosts = {hosts!r}
"""


def main(port: int) -> int:
    """Run it; the code that Lab ends with."""
    with (
        tempfile.TemporaryDirectory(prefix="boresight-galata-") as folder,
        vendors(Path(folder) / "files") as server,
    ):
        root = Path(folder) / "work"
        root.mkdir()
        apis = [{"url": server.url(name), "title": title} for name, title in VENDORS.items()]
        config = Path(folder) / "jupyter_server_test_config.py"
        config.write_text(_CONFIG.format(port=port, apis=apis, hosts=[server.netloc]))
        env = {k: v for k, v in os.environ.items() if not k.startswith("BORESIGHT_")}
        env |= {"HOME": folder, "JUPYTERLAB_GALATA_ROOT_DIR": str(root),
                "JUPYTER_DATA_DIR": f"{folder}/data", "JUPYTER_CONFIG_DIR": f"{folder}/config",
                "JUPYTER_RUNTIME_DIR": f"{folder}/run"}  # fmt: skip
        return subprocess.call(
            [sys.executable, "-m", "jupyterlab", "--config", str(config)], cwd=root, env=env
        )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
