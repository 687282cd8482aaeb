"""What a user's server and a user's Dask worker find in their environment.

No key and no token stands here, only the *names* of files that are kept fresh and the addresses of
services. With nothing but these variables boto3, s3fs, obstore and GDAL find credentials and renew
them by themselves; a contract test runs each of them so.

Credentials come by the container-credentials protocol (as EKS Pod Identity has it): the SDK reads
the token file and sends its content, in a header, to the access service. The other way, an
AssumeRoleWithWebIdentity request by the SDK itself (``AWS_WEB_IDENTITY_TOKEN_FILE``), is answered
by the access service too, but it cannot be the one for everybody:

- obstore (object_store 0.14) sends it over https only, and one machine has no certificate;
- GDAL (3.10) puts the token into a URL, and takes no answer without a session token, which
  versitygw does not accept beside the key of a user.

Both would be used *before* container credentials if ``AWS_WEB_IDENTITY_TOKEN_FILE`` were set, so
it is not. Whoever needs STS calls it with the token in ``BORESIGHT_S3_TOKEN_FILE``; address, role
and session name are here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from boresight_hub.settings import HubSettings

S3_TOKEN_FILE = "s3.jwt"  # noqa: S105 - the name of a file
STAC_TOKEN_FILE = "stac.jwt"  # noqa: S105 - the name of a file
ACCESS_TOKEN_FILE = "access.jwt"  # noqa: S105 - the name of a file

#: Where a pod has its token files.
POD_TOKEN_DIR = Path("/var/run/boresight/tokens")


_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def blas_threads(count: int) -> dict[str, str]:
    """Variables by which linear algebra starts ``count`` threads."""
    return dict.fromkeys(_BLAS, str(count))


def threads(cores: float) -> dict[str, str]:
    """Variables by which numerics start a thread a core, at least one.

    By themselves they count the machine's cores, not those of a pod.
    """
    count = max(1, int(cores))
    return blas_threads(count) | dict.fromkeys(
        ("NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), str(count)
    )


def token_secret_name(username: str, holder: str) -> str:
    """Name of the Kubernetes Secret with the token files of a holder, different for different ones.

    Examples
    --------
    >>> token_secret_name("marie", "server-default")
    'tokens-718aab381b110fd2fec1c2f6ea7eee3b'
    """
    digest = hashlib.sha256(f"{username}\0{holder}".encode()).hexdigest()
    return f"tokens-{digest[:32]}"


def user_environment(settings: HubSettings, *, username: str, token_dir: Path) -> dict[str, str]:
    """Environment variables of one holder of ``username``'s tokens.

    Parameters
    ----------
    settings : HubSettings
    username : str
        Name of the person as in their token.
    token_dir : Path
        Folder in which the hub keeps this holder's token files.
    """
    s3 = urlsplit(settings.s3_url)
    s3_token_file = str(token_dir / S3_TOKEN_FILE)
    return {
        # credentials, for all four SDKs
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": settings.credentials_url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": s3_token_file,
        "AWS_REGION": settings.s3.region,
        "AWS_DEFAULT_REGION": settings.s3.region,
        # what a person has in ~/.aws must not win over the environment's own credentials
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        # and nobody waits for a metadata service that is not there
        "AWS_EC2_METADATA_DISABLED": "true",
        # boto3, s3fs, obstore; not AWS_ENDPOINT_URL, which boto3 would use for every service
        "AWS_ENDPOINT_URL_S3": settings.s3_url,
        # for STS by hand
        "AWS_ENDPOINT_URL_STS": settings.sts_url,
        "AWS_ROLE_ARN": settings.access.role_arn,
        "AWS_ROLE_SESSION_NAME": username,
        "BORESIGHT_S3_TOKEN_FILE": s3_token_file,
        # GDAL does not read AWS_ENDPOINT_URL*
        "AWS_S3_ENDPOINT": s3.netloc,
        "AWS_HTTPS": "YES" if s3.scheme == "https" else "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        # unlike the other three it does not try again by itself, neither for an object nor for
        # credentials, when something is restarted just now
        "GDAL_HTTP_MAX_RETRY": "6",
        "GDAL_HTTP_RETRY_DELAY": "0.5",
        # a GeoTIFF is written by seeking, an object is not
        "CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE": "YES",
        # obstore
        "AWS_ALLOW_HTTP": "true" if s3.scheme == "http" else "false",
        "BORESIGHT_USER": username,
        "BORESIGHT_STAC_URL": settings.stac_url,
        "BORESIGHT_STAC_TOKEN_FILE": str(token_dir / STAC_TOKEN_FILE),
        # traded there for tokens of other audiences
        "BORESIGHT_ACCESS_URL": f"{settings.public_url}/services/access",
        "BORESIGHT_ACCESS_TOKEN_FILE": str(token_dir / ACCESS_TOKEN_FILE),
        "BORESIGHT_S3_URL": settings.s3_url,
        "BORESIGHT_BUCKETS": ",".join(
            (settings.s3.catalogue_bucket, settings.s3.products_bucket, settings.s3.home_bucket)
        ),
        "BORESIGHT_GATEWAY_URL": settings.gateway_url,
        # in an image it is on the path, if anywhere
        **(
            {
                "BORESIGHT_RESTIC": str(settings.state_dir / "bin" / "restic"),
                "BORESIGHT_NOVNC": str(settings.state_dir / "node/node_modules/@novnc/novnc"),
            }
            if settings.platform == "one-machine"
            else {}
        ),
        **({"BORESIGHT_BATCH_URL": settings.batch_url} if settings.batch_url else {}),
    }
