"""What a server, a worker or a signed-in laptop knows of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from boresight.errors import AccessError


@dataclass(frozen=True)
class Environment:
    """Addresses and files, as the environment's variables say.

    Parameters
    ----------
    s3_url : str
        Scheme, host and port of our S3; hrefs of ours start with it.
    buckets : tuple of str
        Our buckets.
    stac_url : str
        Root of the STAC API.
    stac_token_file : Path or None
        Token for it; renewed in place, so it is read anew for each request. None on a laptop.
    user : str
        Whose server or worker this is.
    access_url : str
        Root of the access service: signing API and exchange of tokens.
    access_token_file, s3_token_file : Path or None
        Like ``stac_token_file``, for the audiences ``access`` and ``s3``.
    """

    s3_url: str
    buckets: tuple[str, ...]
    stac_url: str
    stac_token_file: Path | None
    user: str
    access_url: str = ""
    access_token_file: Path | None = None
    s3_token_file: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Environment:
        """Read the variables.

        Raises
        ------
        AccessError
            When one is missing.
        """
        values = os.environ if env is None else env

        def take(name: str) -> str:
            value = values.get(name, "")
            if not value:
                raise AccessError(
                    f"The variable {name} is not set; inside a Boresight server or worker it is.",
                    remedy="Run this in a notebook of the environment.",
                )
            return value

        def path(name: str) -> Path | None:
            # servers that were started by an older hub do not have it
            value = values.get(name, "")
            return Path(value) if value else None

        return cls(
            s3_url=take("BORESIGHT_S3_URL").rstrip("/"),
            buckets=tuple(name for name in take("BORESIGHT_BUCKETS").split(",") if name),
            stac_url=take("BORESIGHT_STAC_URL").rstrip("/"),
            stac_token_file=Path(take("BORESIGHT_STAC_TOKEN_FILE")),
            user=take("BORESIGHT_USER"),
            access_url=values.get("BORESIGHT_ACCESS_URL", "").rstrip("/"),
            access_token_file=path("BORESIGHT_ACCESS_TOKEN_FILE"),
            s3_token_file=path("BORESIGHT_S3_TOKEN_FILE"),
        )

    @staticmethod
    def is_here(env: Mapping[str, str] | None = None) -> bool:
        """Whether this is a server or a worker of an environment."""
        return bool((os.environ if env is None else env).get("BORESIGHT_STAC_URL"))
