"""The real Keycloak on one machine, for ``--idp keycloak``.

It needs Java 17 or newer and Maven, which fetches it. The realm file of this repository is
imported at the first start, with the people of this machine in it; what happens to people
afterwards is Keycloak's own matter.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from boresight_hub.embedded.nodejs import Progress
from boresight_hub.embedded.people import ensure_people, write_private
from boresight_hub.errors import ProvisionError
from boresight_hub.settings import HubSettings

VERSION = "26.7.3"
#: Of the distribution's zip file: what is run is what was tested.
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"

REALM_FILE = Path(__file__).parent / "idp" / "boresight-realm.json"
ADMIN_SECRET = "keycloak-admin-password"  # noqa: S105 - the name of a file

_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_MIN_JAVA = 17
_DOWNLOAD_TIMEOUT_S = 900.0
_BUILD_TIMEOUT_S = 300.0
_MARKER = ".boresight-built"
# choices that Keycloak compiles in; they have to be known before it starts
_BUILD_OPTIONS = ("--db=dev-file", "--health-enabled=true", "--http-relative-path=/idp")
# as in Keycloak's own kc.sh, but for the size of the heap
_JAVA_OPTIONS = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:MetaspaceSize=96M",
    "-XX:MaxMetaspaceSize=256m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
    "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "-Duser.language=en",
    "-Duser.country=US",
)
_PLACEHOLDER = re.compile(r"\$\{(BORESIGHT_[A-Z_]+)\}")


def home(settings: HubSettings) -> Path:
    """Folder of the installed Keycloak."""
    return settings.state_dir / "keycloak"


def health_url(settings: HubSettings) -> str:
    """Address that answers 200 when Keycloak is ready."""
    return f"{settings.url_of('idp_management')}/idp/health/ready"


def is_installed(settings: HubSettings) -> bool:
    """Whether this version is there, built with these options."""
    try:
        return (home(settings) / _MARKER).read_text() == _build_digest()
    except OSError:
        return False


def install(settings: HubSettings, progress: Progress | None = None) -> Path:
    """Fetch, check and build Keycloak unless that is done, then make ready the realm file.

    Returns
    -------
    Path
        Folder of the installed Keycloak.

    Raises
    ------
    ProvisionError
        When Java or Maven are absent, the download fails or is not what was tested.
    """
    java = _java()
    target = home(settings)
    if not is_installed(settings):
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix="keycloak-", suffix=".new", dir=settings.state_dir))
        try:
            _report(progress, f"Keycloak {VERSION}: download")
            archive = download(staging)
            _report(progress, f"Keycloak {VERSION}: unpack")
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(staging)
            shutil.rmtree(target, ignore_errors=True)
            (staging / f"keycloak-{VERSION}").rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        _report(progress, f"Keycloak {VERSION}: build")
        _run(
            [*_program(java, target), "build", *_BUILD_OPTIONS],
            what="Building Keycloak",
            timeout_s=_BUILD_TIMEOUT_S,
            remedy="See the message above; Java 17 to 25 are known to work.",
        )
        # an interrupted build has no marker and is begun again
        (target / _MARKER).write_text(_build_digest())
    _write_realm(settings)
    return target


def command(settings: HubSettings) -> list[str]:
    """Command that runs Keycloak in the foreground, on loopback only.

    Java is run directly: Keycloak's own script would stay between it and whoever stops it.
    """
    database = settings.folder("idp") / "keycloak"
    # no delay: a sign-in that was answered has to survive a kill
    h2 = "NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE;WRITE_DELAY=0"
    return [
        *_program(_java(), home(settings)),
        "start",
        "--optimized",
        "--import-realm",
        f"--hostname={settings.public_url}/idp",
        "--http-enabled=true",
        f"--http-host={settings.host}",
        f"--http-port={settings.port_of('idp')}",
        f"--http-management-host={settings.host}",
        f"--http-management-port={settings.port_of('idp_management')}",
        "--proxy-headers=xforwarded",
        "--proxy-trusted-addresses=127.0.0.1,::1",
        # one server: without this it would look for others on a public port
        "--cache=local",
        f"--db-url=jdbc:h2:file:{database};{h2}",
        "--log-console-color=false",
    ]


def environment(settings: HubSettings) -> dict[str, str]:
    """Variables of the process beside those every process has; no secret is in them."""
    return {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin"}


def secret_environment() -> dict[str, str]:
    """Variables that get the content of a secret file: variable to name of the file."""
    return {"KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_SECRET}


def make_keycloak_secrets(settings: HubSettings) -> None:
    """Make the password of Keycloak's administrator, unless it is there."""
    directory = settings.secrets_dir
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (directory / ADMIN_SECRET).exists():
        write_private(directory / ADMIN_SECRET, secrets.token_urlsafe(24) + "\n")


def render_realm(settings: HubSettings) -> dict[str, Any]:
    """Return the realm with this machine's addresses, secrets and people in it."""
    values = {
        "BORESIGHT_PUBLIC_URL": settings.public_url,
        "BORESIGHT_HUB_CLIENT_SECRET": settings.secret("hub-client-secret"),
        "BORESIGHT_ACCESS_CLIENT_SECRET": settings.secret("access-client-secret"),
    }
    realm: dict[str, Any] = _filled(json.loads(REALM_FILE.read_text()), values)
    realm["realm"] = settings.oidc.realm
    realm["accessTokenLifespan"] = settings.oidc.token_life_s
    people = ensure_people(settings)
    known = {group["name"] for group in realm["groups"]}
    realm["groups"] += [
        {"name": group}
        for group in sorted({group for person in people for group in person.groups} - known)
    ]
    for person in people:
        first, _, last = person.name.partition(" ")
        realm["users"].append(
            {
                "id": person.subject,
                "username": person.username,
                "enabled": True,
                "firstName": first,
                # Keycloak asks people to complete a profile that lacks one of these
                "lastName": last or person.username,
                "email": f"{person.username}@boresight.invalid",
                "emailVerified": True,
                "credentials": [{"type": "password", "value": person.password, "temporary": False}],
                "realmRoles": [f"default-roles-{settings.oidc.realm}", "person"],
                "groups": [f"/{group}" for group in person.groups],
            }
        )
    return realm


def _write_realm(settings: HubSettings) -> None:
    folder = home(settings) / "data" / "import"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / REALM_FILE.name, json.dumps(render_realm(settings), indent=2))


def _filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: values[found[1]], value)
    return value


def _program(java: str, target: Path) -> list[str]:
    return [
        java,
        *_JAVA_OPTIONS,
        f"-Dkc.home.dir={target}",
        f"-Djboss.server.config.dir={target / 'conf'}",
        "-cp",
        str(target / "lib" / "quarkus-run.jar"),
        "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
    ]


def _build_digest() -> str:
    return f"{VERSION} {SHA256} {' '.join(_BUILD_OPTIONS)}\n"


def _java() -> str:
    """Path of a Java that is new enough."""
    from_home = Path(os.environ.get("JAVA_HOME", "/nowhere")) / "bin" / "java"
    java = str(from_home) if from_home.is_file() else shutil.which("java")
    remedy = "Install a Java runtime (Debian: openjdk-17-jre-headless), or leave out --idp."
    if java is None:
        raise ProvisionError(f"Keycloak needs Java {_MIN_JAVA} and there is none.", remedy=remedy)
    try:
        shown = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError) as exc:
        raise ProvisionError(f"{java} cannot be run.", remedy=remedy) from exc
    found = re.search(r'version "(\d+)', shown)
    if not found or int(found[1]) < _MIN_JAVA:
        seen = found[1] if found else "unknown"
        raise ProvisionError(
            f"Keycloak needs Java {_MIN_JAVA} or newer; {java} is version {seen}.", remedy=remedy
        )
    return java


def _maven() -> str:
    maven = shutil.which("mvn")
    if maven is None:
        raise ProvisionError(
            "Keycloak is fetched with Maven and there is none.",
            remedy="Install it (Debian: maven), or leave out --idp.",
        )
    return maven


def download(staging: Path) -> Path:
    """Fetch the distribution into ``staging`` and check it; returns its zip file.

    Raises
    ------
    ProvisionError
        When Maven is absent, the download fails or is not what was tested.
    """
    _run(
        [
            _maven(),
            "--quiet",
            "--batch-mode",
            _COPY_GOAL,
            f"-Dartifact={_ARTIFACT}",
            f"-DoutputDirectory={staging}",
        ],
        what=f"Fetching Keycloak {VERSION}",
        timeout_s=_DOWNLOAD_TIMEOUT_S,
        remedy="The first start with Keycloak needs Maven's package registry: see the network or "
        "Maven's own settings, then start again.",
        directory=staging,
    )
    archive = staging / f"keycloak-quarkus-dist-{VERSION}.zip"
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ProvisionError(
            f"The Keycloak that was fetched has the SHA-256 {digest}; {SHA256} is expected.",
            remedy="Remove it from Maven's local repository, and distrust where it came from.",
        )
    return archive


def _run(
    arguments: Sequence[str],
    *,
    what: str,
    timeout_s: float,
    remedy: str,
    directory: Path | None = None,
) -> None:
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            cwd=directory,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise ProvisionError(
            f"{what} did not end within {timeout_s:.0f} s.", remedy=remedy
        ) from exc
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise ProvisionError(
            f"{what} failed with exit code {done.returncode}: {' '.join(lines)[:400]}",
            remedy=remedy,
        )


def _report(progress: Progress | None, text: str) -> None:
    if progress:
        progress(text)
