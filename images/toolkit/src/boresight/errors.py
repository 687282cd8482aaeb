"""Errors of the toolkit.

::

    BoresightError                 message = value seen, rule, remedy
    ├── InputError (ValueError)    an input breaks a rule
    │   ├── ImageError             unreadable, truncated, empty, without texture or all nodata
    │   ├── RpcError               no RPC, or one that cannot be used
    │   └── OverlapError           images that do not see the same ground
    ├── AccessError                no credentials, refused, or a service out of reach
    │   ├── ForeignHrefError       an address outside our buckets
    │   ├── CatalogueError         unknown collection or item, or the catalogue refused
    │   └── ExpiredSessionError    the session is over: sign in again
    ├── ComputeError               no cluster, a limit, or work that failed
    ├── StereoError                the stereo engine failed
    └── NonConvergenceError        a bounded solver ended without an answer
"""

from __future__ import annotations


class BoresightError(Exception):
    """Base of every error that is meant for people.

    Parameters
    ----------
    message : str
        The value seen and the rule it breaks.
    remedy : str, optional
        What the reader can do about it.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # errors travel from workers to notebooks by pickle, which forgets keyword arguments
        return (_rebuild, (type(self), self.message, self.remedy))


def _rebuild(kind: type[BoresightError], message: str, remedy: str) -> BoresightError:
    return kind(message, remedy=remedy)


class InputError(BoresightError, ValueError):
    """An input breaks a rule."""


class ImageError(InputError):
    """An image is unreadable, truncated, empty, without texture or all nodata."""


class RpcError(InputError):
    """An image has no RPC, or one that cannot be used."""


class OverlapError(InputError):
    """Two images do not see the same ground."""


class AccessError(BoresightError):
    """No credentials, a refusal, or a service out of reach."""


class ForeignHrefError(AccessError, ValueError):
    """An address lies outside our buckets."""


class CatalogueError(AccessError):
    """An unknown collection or item, or the catalogue refused."""


class ExpiredSessionError(AccessError):
    """The session is over: sign in again."""


class ComputeError(BoresightError):
    """No cluster, a limit, or work that failed."""


class StereoError(BoresightError):
    """The stereo engine failed."""


class NonConvergenceError(BoresightError):
    """A bounded solver ended without an answer."""
