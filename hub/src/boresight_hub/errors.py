"""Errors of the control plane.

::

    BoresightError             message = value seen, rule, remedy; shown to people
    ├── SettingsError          a setting is missing, unreadable or contradicts another
    ├── StateError             the state directory is not ours, newer, in use or full
    ├── PortInUseError         somebody else listens where we want to
    ├── ProvisionError         a first-start step (Node packages, S3 server) failed
    ├── ServiceError           a supervised service did not become or stay ready
    ├── SignInError            the identity provider refused, or is out of reach
    ├── CatalogueError         the STAC service refused, or is out of reach
    ├── IdleQuotaError         a server may not be kept for so long
    └── CredentialError        no credentials, or credentials that are refused
"""

from __future__ import annotations


class BoresightError(Exception):
    """Base of every error that is meant for people.

    Parameters
    ----------
    message : str
        What was seen and the rule it breaks. Never a secret.
    remedy : str, optional
        What the reader can do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class SettingsError(BoresightError, ValueError):
    """A setting is missing, unreadable or contradicts another."""

    exit_code = 2


class StateError(BoresightError):
    """The state directory is not ours, of a newer version, in use or full."""

    exit_code = 3


class PortInUseError(BoresightError):
    """Somebody else listens where a service of ours has to."""

    exit_code = 4


class ProvisionError(BoresightError):
    """A step of the first start failed."""

    exit_code = 5


class ServiceError(BoresightError):
    """A supervised service did not become ready, or did not stay so."""

    exit_code = 6


class SignInError(BoresightError):
    """The identity provider refused somebody, or is out of reach."""

    exit_code = 7


class CatalogueError(BoresightError):
    """The STAC service refused a request, or is out of reach."""

    exit_code = 8


class CredentialError(BoresightError):
    """No credentials, or credentials that are refused."""

    exit_code = 9


class IdleQuotaError(BoresightError):
    """A server may not be kept for so long."""
