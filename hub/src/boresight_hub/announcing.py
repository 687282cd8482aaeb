"""Announcing something to everybody, by the hub's API."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx

from boresight_hub.errors import CredentialError, ServiceError, SettingsError

_TIMEOUT_S = 15.0


class Announcer:
    """Adds, lists and withdraws announcements.

    Parameters
    ----------
    hub_url : str
        Address of the hub, as ``https://boresight.example.org/hub``.
    token : str
        Of an administrator, or of the service that may announce.
    authorities : Path, optional
        Authorities (PEM) of the hub's certificate, where the system has none.
    transport : httpx.BaseTransport, optional
        Takes the place of the network, for tests.
    """

    def __init__(
        self,
        hub_url: str,
        token: str,
        *,
        authorities: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = f"{hub_url.rstrip('/')}/api/boresight/announcements"
        trust = ssl.create_default_context()
        if authorities is not None:
            trust.load_verify_locations(cafile=authorities)
        self._http = httpx.Client(
            headers={"Authorization": f"token {token}"},
            timeout=_TIMEOUT_S,
            verify=trust,
            transport=transport,
            trust_env=False,
        )

    def add(self, text: dict[str, str], *, level: str, for_s: float) -> dict[str, Any]:
        """Announce ``text``, by language, for a time [s]; returns its number and end."""
        return self._call("POST", {"text": text, "level": level, "for_s": for_s})

    def list(self) -> list[dict[str, Any]]:
        """Announcements that have not expired."""
        found: list[dict[str, Any]] = self._call("GET")["announcements"]
        return found

    def withdraw(self, number: int | None) -> int:
        """Withdraw one, or all; returns how many."""
        return int(self._call("DELETE", {} if number is None else {"id": number})["withdrawn"])

    def _call(self, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, self._url, json=body)
        except httpx.HTTPError as exc:
            raise ServiceError(
                f"The hub at {self._url} is out of reach ({type(exc).__name__}).",
                remedy="See whether the environment runs: boresight status.",
            ) from exc
        if answer.status_code in (401, 403):
            raise CredentialError(
                f"The hub does not let this token announce anything ({answer.status_code}).",
                remedy="Take one of an administrator, from the hub's page Tokens.",
            )
        try:
            content: dict[str, Any] = answer.json()
        except ValueError:
            content = {}
        if not answer.is_success:
            said = content.get("message") or f"The hub answers {answer.status_code}."
            raise SettingsError(str(said))
        return content
