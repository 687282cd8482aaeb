"""Token files of a run, kept fresh from its batch grant for as long as the run lasts.

S3 clients need none: they show the grant's credential itself. The catalogue takes tokens only.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

from boresight.access.services import ask
from boresight.errors import AccessError

_AUDIENCES = ("s3", "stac")
_RETRY_S = 5.0
# of a token's life, before it is replaced
_RENEW_AT = 0.5

logger = logging.getLogger(__name__)


class TokenFiles:
    """Writes ``s3.jwt`` and ``stac.jwt`` into ``folder``, and replaces them in time.

    Parameters
    ----------
    folder : Path
        Holds the file ``credential``.
    access_url : str
        Root of the access service.
    """

    def __init__(self, folder: Path, access_url: str) -> None:
        self._folder = folder
        self._url = f"{access_url}/batch-grants/token"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="token-files", daemon=True)

    def start(self) -> None:
        """Write the files once, then go on in a thread.

        Raises
        ------
        AccessError
            When the grant is not accepted.
        """
        self._next_s = self._renew()
        self._thread.start()

    def close(self) -> None:
        """Stop; the files are removed."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(5)
        for audience in _AUDIENCES:
            (self._folder / f"{audience}.jwt").unlink(missing_ok=True)

    def _keep(self) -> None:
        while not self._stopped.wait(self._next_s):
            try:
                self._next_s = self._renew()
            except AccessError as exc:
                # the notebook is told by whatever needs a token, if anything does
                logger.warning("the tokens of this run are not renewed: %s", exc)
                self._next_s = _RETRY_S

    def _renew(self) -> float:
        """Replace the files; returns when to do so again [s]."""
        begun = time.monotonic()
        credential = (self._folder / "credential").read_text().strip()
        lives_s = []
        for audience in _AUDIENCES:
            answer = ask(
                "POST",
                self._url,
                service="The access service",
                headers={"Authorization": f"Bearer {credential}"},
                json={"audience": audience},
            )
            if not answer.ok:
                raise AccessError(
                    f"The grant of this run gives no token for {audience} ({answer.status_code}).",
                    remedy="It was revoked, or has ended: run the notebook again.",
                )
            content = answer.json()
            self._write(audience, str(content["access_token"]))
            lives_s.append(float(content["expires_in"]))
        return max(1.0, _RENEW_AT * min(lives_s) - (time.monotonic() - begun))

    def _write(self, audience: str, token: str) -> None:
        draft = self._folder / f".{audience}.jwt"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(token)
        draft.replace(self._folder / f"{audience}.jwt")
