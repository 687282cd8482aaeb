"""The home: what fills it, snapshots of it, and files brought back from them."""

from boresight.workflows.home.usage import Entry, Usage, home_usage

__all__ = ["Entry", "Usage", "home_usage"]
