"""The command ``boresight``."""

from boresight_hub.cli.main import app

__all__ = ["app"]
