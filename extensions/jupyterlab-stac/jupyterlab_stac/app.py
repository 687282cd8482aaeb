"""The server extension, and what an operator configures of it."""

from __future__ import annotations

from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Float, List, Unicode

from jupyterlab_stac.catalogue import Catalogue
from jupyterlab_stac.handlers import routes
from jupyterlab_stac.providers import Providers
from jupyterlab_stac.remembered import Remembered

#: Public APIs that anybody may search, offered unless others are configured.
PUBLIC_APIS = [
    {"title": "Earth Search", "url": "https://earth-search.aws.element84.com/v1"},
    {
        "title": "Planetary Computer",
        "url": "https://planetarycomputer.microsoft.com/api/stac/v1",
    },
    {"title": "Copernicus Data Space", "url": "https://stac.dataspace.copernicus.eu/v1"},
]
#: Where their assets lie.
PUBLIC_HOSTS = [
    "sentinel-cogs.s3.us-west-2.amazonaws.com",
    "planetarycomputer.microsoft.com",
    "*.blob.core.windows.net",
    "datahub.creodias.eu",
]


class StacPanel(ExtensionApp):
    """STAC catalogues for the panel in the browser."""

    name = "jupyterlab_stac"
    load_other_extensions = True

    apis = List(
        Dict(),
        default_value=PUBLIC_APIS,
        help="APIs to offer: {'url': ..., 'title': ...}; those of installed packages come first",
    ).tag(config=True)
    hosts = List(
        Unicode(),
        default_value=PUBLIC_HOSTS,
        help="hosts of assets: 'host', 'host:port', '*.domain'; their addresses may be private",
    ).tag(config=True)
    may_add = Bool(
        True, help="whether readers may add APIs and hosts, of public addresses and by https"
    ).tag(config=True)
    timeout_s = Float(30.0, help="for an answer of an API [s]").tag(config=True)

    catalogue: Catalogue | None = None

    def initialize_handlers(self) -> None:
        """Make the routes."""
        server = self.serverapp
        if server is None:  # pragma: no cover - jupyter_server sets it first
            raise RuntimeError("The panel's part needs a Jupyter server around it.")
        self.catalogue = Catalogue(
            apis=self.apis,
            hosts=self.hosts,
            providers=Providers.installed(),
            remembered=Remembered(Path(jupyter_data_dir()) / "jupyterlab-stac.json"),
            root=Path(server.root_dir),
            may_add=self.may_add,
            timeout_s=self.timeout_s,
        )
        self.handlers.extend(routes("", self.catalogue))

    async def stop_extension(self) -> None:
        """Close connections, end downloads."""
        if self.catalogue is not None:
            await self.catalogue.close()
