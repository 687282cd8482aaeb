"""A person's own packages, on top of what their server's image has, and lasting beyond it.

asked
    What the person has named: a package, perhaps with versions.
locked
    Each package that takes, beside those of the image, with its version and hashes.
base
    The environment of the image, on which the others stand. Its versions stay as they are.
"""

from boresight.workflows.packages.base import Base
from boresight.workflows.packages.environment import PackageSet, State

__all__ = ["Base", "PackageSet", "State"]
