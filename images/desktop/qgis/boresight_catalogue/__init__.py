"""The catalogue of a Boresight environment inside QGIS."""


def classFactory(iface):  # noqa: N802 - QGIS asks for this name
    """Return the plugin."""
    from .plugin import CataloguePlugin

    return CataloguePlugin(iface)
