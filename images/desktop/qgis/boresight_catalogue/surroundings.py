"""What this desktop knows of its environment: addresses, and files with tokens that are kept fresh.

QGIS runs on the system's Python, where the toolkit is not installed: nothing but the standard
library and QGIS is used in this plugin.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

_TIMEOUT_S = 20


class CatalogueError(Exception):
    """Something that people are told."""


@dataclass(frozen=True)
class Surroundings:
    """Addresses and files, as the environment's variables say.

    Attributes
    ----------
    stac_url, stac_token_file : str
        Catalogue, and the file with the token for it.
    s3_url : str
        Hrefs of ours begin with it.
    buckets : tuple of str
    credentials_url, s3_token_file : str
        Where S3 credentials are given out, and the file with the token for that.
    """

    stac_url: str
    stac_token_file: str
    s3_url: str
    buckets: tuple[str, ...]
    credentials_url: str
    s3_token_file: str

    @classmethod
    def from_env(cls) -> Surroundings:
        """Read the variables.

        Raises
        ------
        CatalogueError
            When one is missing: this QGIS is in no environment.
        """
        names = {
            "stac_url": "BORESIGHT_STAC_URL",
            "stac_token_file": "BORESIGHT_STAC_TOKEN_FILE",
            "s3_url": "BORESIGHT_S3_URL",
            "buckets": "BORESIGHT_BUCKETS",
            "credentials_url": "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "s3_token_file": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        }
        found = {field: os.environ.get(name, "") for field, name in names.items()}
        missing = [names[field] for field, value in found.items() if not value]
        if missing:
            raise CatalogueError(
                f"{', '.join(missing)}: not set. Start QGIS in the desktop of an environment."
            )
        return cls(
            stac_url=found["stac_url"].rstrip("/"),
            stac_token_file=found["stac_token_file"],
            s3_url=found["s3_url"].rstrip("/"),
            buckets=tuple(name for name in found["buckets"].split(",") if name),
            credentials_url=found["credentials_url"],
            s3_token_file=found["s3_token_file"],
        )

    def gdal_path(self, href: str) -> str | None:
        """Path by which GDAL reads an asset of ours; None for anybody else's."""
        if not href.startswith(f"{self.s3_url}/") or urlsplit(href).query:
            return None
        bucket, _, key = unquote(href.removeprefix(f"{self.s3_url}/")).partition("/")
        if bucket not in self.buckets or any(p in ("", ".", "..") for p in key.split("/")):
            return None
        return f"/vsis3/{bucket}/{key}"


class _StaysHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:  # a token is for nobody else
        return None


def ask(url: str, authorization: str, content: object = None) -> dict:
    """Ask a service of the environment; its JSON.

    Raises
    ------
    CatalogueError
        When it refuses, or is out of reach.
    """
    request = urllib.request.Request(  # noqa: S310 - an address out of the environment
        url,
        data=None if content is None else json.dumps(content).encode(),
        headers={"Authorization": authorization, "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(_StaysHere)
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        if exc.code == 401:
            raise CatalogueError("The session is over: sign in again.") from exc
        raise CatalogueError(f"{_name_of(url)} refuses ({exc.code}).") from exc
    except (OSError, ValueError) as exc:
        raise CatalogueError(f"{_name_of(url)} is out of reach ({exc}).") from exc


def token_of(path: str) -> str:
    """Content of a token file, read anew for each request.

    Raises
    ------
    CatalogueError
        When it is gone: the session is over.
    """
    try:
        return Path(path).read_text().strip()
    except OSError as exc:
        raise CatalogueError("The session is over: sign in again.") from exc


def _name_of(url: str) -> str:
    return f"The service at {urlsplit(url).path}"
