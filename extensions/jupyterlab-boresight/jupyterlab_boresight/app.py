"""The server extension, and what an operator configures of it."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Int, Unicode

from jupyterlab_boresight.handlers import routes
from jupyterlab_boresight.service import Service


class BoresightPanels(ExtensionApp):
    """Stereo pairs and jobs for the panels in the browser."""

    name = "jupyterlab_boresight"
    load_other_extensions = True

    collection = Unicode("co3d-dsm", help="where surface models are published").tag(config=True)
    n_workers = Int(2, min=1, help="workers that a job asks for unless told").tag(config=True)
    timeout_s = Float(60.0, help="for a search of pairs [s]").tag(config=True)

    def initialize_handlers(self) -> None:
        """Make the routes."""
        service = Service(
            collection=self.collection, n_workers=self.n_workers, timeout_s=self.timeout_s
        )
        self.handlers.extend(routes(service))
