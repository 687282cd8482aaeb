"""Signing out of the data everywhere: what to do when a laptop is lost."""

from __future__ import annotations

from boresight.access.identity import Bearer
from boresight.access.services import ask, reason_of
from boresight.access.signin import connect, sign_out
from boresight.errors import AccessError


def sign_out_everywhere(url: str = "") -> dict[str, int]:
    """End all your S3 sessions, API keys and batch grants, and refuse every sign-in from before.

    Running jobs of yours end with it, on whatever machine. Sign in again to go on.

    Parameters
    ----------
    url : str
        As in :func:`~boresight.access.sign_in`; may be left out when there is but one.

    Returns
    -------
    dict of str to int
        How many ended: ``sessions``, ``api_keys``, ``batch_grants``.

    Raises
    ------
    AccessError
        When nobody has signed in, or the service refuses or is out of reach.
    """
    identity = connect(url)
    root = identity.environment.access_url
    answer = ask(
        "POST",
        f"{root}/sign-out-everywhere",
        service="The access service",
        auth=Bearer(identity, "access", root),
    )
    if answer.status_code == 401:
        raise identity.over
    if not answer.ok:
        text, remedy = reason_of(answer)
        raise AccessError(f"Nothing has ended ({answer.status_code}): {text}", remedy=remedy)
    if not identity.is_inside:
        sign_out(url)
    return {str(name): int(count) for name, count in answer.json().items()}
