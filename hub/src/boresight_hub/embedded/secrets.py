"""Secrets of an environment on one machine: made once, one file each, 0600."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Callable

from boresight_hub.embedded.provider import make_idp_secrets
from boresight_hub.settings import HubSettings


def _token() -> str:
    return secrets.token_hex(32)


def _access_key() -> str:
    letters = string.ascii_uppercase + string.digits
    return "BSROOT" + "".join(secrets.choice(letters) for _ in range(14))


#: Every secret of this module and how it is made; the provider makes its own keys beside them.
MAKERS: dict[str, Callable[[], str]] = {
    "proxy-auth-token": _token,
    "auth-state-key": _token,
    "hub-client-secret": _token,
    "hub-cookie-secret": _token,
    "access-client-secret": _token,
    "access-signing-key": _token,
    "gateway-api-token": _token,
    "culler-api-token": _token,
    "supervisor-api-token": _token,
    "dashboard-key": _token,
    "s3-root-access-key": _access_key,
    "s3-root-secret-key": _token,
}


def make_secrets(settings: HubSettings) -> list[str]:
    """Make each secret that is missing; returns the names of those made now.

    A secret that exists is never changed: others have it.
    """
    folder = settings.secrets_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []
    for name, make in MAKERS.items():
        path = folder / name
        if path.exists():
            continue
        temporary = folder / f".{name}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(make() + "\n")
        temporary.replace(path)
        made.append(name)
    make_idp_secrets(settings)
    return made
