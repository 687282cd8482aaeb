"""What a server or a worker was told about the environment it runs in."""

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
    stac_token_file : Path
        Token for it; renewed in place, so it is read anew for each request.
    user : str
        Whose server or worker this is.
    """

    s3_url: str
    buckets: tuple[str, ...]
    stac_url: str
    stac_token_file: Path
    user: str

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

        return cls(
            s3_url=take("BORESIGHT_S3_URL").rstrip("/"),
            buckets=tuple(name for name in take("BORESIGHT_BUCKETS").split(",") if name),
            stac_url=take("BORESIGHT_STAC_URL").rstrip("/"),
            stac_token_file=Path(take("BORESIGHT_STAC_TOKEN_FILE")),
            user=take("BORESIGHT_USER"),
        )
