"""Build the images of ``images.yaml`` in order, and refuse one that is over its budget.

``python images/build.py`` builds all but those for tests and those that are built by name only;
``--tests`` those for tests as well; names build only these. With ``--engine cluster`` they are
built by the test cluster's own builder (``BORESIGHT_TEST_CLUSTER``), with ``docker`` or ``podman``
by that. Needs the environment of the repository (``uv sync``).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

ROOT = Path(__file__).resolve().parents[1]
_UNITS = {"B": 1e-6, "kB": 1e-3, "KB": 1e-3, "MB": 1.0, "GB": 1e3}


class BuildError(Exception):
    """An image that cannot be built, or is too large."""


@dataclass(frozen=True)
class Image:
    """One image.

    Attributes
    ----------
    name, dockerfile, parent : str
    budget_mb : float
        Largest size on disk [MB].
    sbom : bool
        Whether it has a list of what it is made of, in ``/usr/share/boresight``.
    test_only : bool
    by_name : bool
        Whether it is built only when it is named.
    fetch : str
        What has to be put beside the Dockerfile before: ``keycloak``, ``versitygw`` or nothing.
    """

    name: str
    dockerfile: str
    parent: str
    budget_mb: float
    sbom: bool = False
    test_only: bool = False
    by_name: bool = False
    fetch: str = ""


@dataclass(frozen=True)
class Catalogue:
    """All images, parents first."""

    tag: str
    images: tuple[Image, ...]

    @classmethod
    def load(cls, path: Path) -> Catalogue:
        """Read ``images.yaml``.

        Raises
        ------
        BuildError
            When a parent is unknown, or two images wait for each other.
        """
        raw = yaml.safe_load(path.read_text())
        images = {name: Image(name=name, **entry) for name, entry in raw["images"].items()}
        ordered: list[Image] = []
        while len(ordered) < len(images):
            done = {raw["base"], *(image.name for image in ordered)}
            ready = [i for i in images.values() if i.parent in done and i not in ordered]
            if not ready:
                left = ", ".join(sorted(set(images) - done))
                raise BuildError(f"{left}: the parent is no image of ours, or waits for it.")
            ordered += ready
        return cls(tag=str(raw["tag"]), images=tuple(ordered))

    def chosen(self, names: list[str], *, tests: bool) -> list[Image]:
        """Return the images ``names``, or without names all, those for tests if wanted."""
        known = {image.name for image in self.images}
        if unknown := sorted(set(names) - known):
            raise BuildError(f"There is no image {', '.join(unknown)}; there are {sorted(known)}.")
        if names:
            return [image for image in self.images if image.name in names]
        return [i for i in self.images if not i.by_name and (tests or not i.test_only)]


class Engine(Protocol):
    """What builds."""

    def build(self, image: Image, reference: str) -> None:
        """Build ``image`` and name it ``reference``."""

    def size_mb(self, reference: str) -> float:
        """Size on disk [MB]."""


class DockerEngine:
    """docker or podman."""

    def __init__(self, program: str) -> None:
        self._program = program

    def build(self, image: Image, reference: str) -> None:
        """Build ``image`` and name it ``reference``."""
        _run([self._program, "build", "-t", reference, "-f", image.dockerfile, "."])

    def size_mb(self, reference: str) -> float:
        """Size on disk [MB]."""
        shown = _run(
            [self._program, "image", "inspect", "-f", "{{.Size}}", reference], captured=True
        )
        return int(shown) / 1e6


class ClusterEngine:
    """The test cluster's builder."""

    def __init__(self) -> None:
        default = ROOT.parent / "shared" / "cluster" / "cluster"
        self._program = os.environ.get("BORESIGHT_TEST_CLUSTER", str(default))

    def build(self, image: Image, reference: str) -> None:
        """Build ``image`` and name it ``reference``."""
        _run([self._program, "build", "-t", reference, "-f", image.dockerfile, str(ROOT)])

    def size_mb(self, reference: str) -> float:
        """Size on disk [MB]."""
        return listed_size_mb(_run([self._program, "images"], captured=True), reference)


def listed_size_mb(listing: str, reference: str) -> float:
    """Size [MB] of ``reference`` in a table of images as buildah prints it.

    Raises
    ------
    BuildError
        When it is not there.
    """
    name, _, tag = reference.rpartition(":")
    for line in listing.splitlines():
        columns = line.split()
        if len(columns) > 3 and columns[0].removeprefix("localhost/") == name and columns[1] == tag:
            found = re.search(r"([\d.]+) ?(B|kB|KB|MB|GB)\s*$", line)
            if found:
                return float(found[1]) * _UNITS[found[2]]
    raise BuildError(f"{reference} is not among the images that were built.")


def fetch(image: Image) -> None:
    """Put beside the Dockerfile what the builder could not fetch by itself, checked."""
    if not image.fetch:
        return
    from boresight_hub.embedded import keycloak, versitygw
    from boresight_hub.settings import HubSettings

    folder = (ROOT / image.dockerfile).parent / "fetched"
    folder.mkdir(exist_ok=True)
    if image.fetch == "versitygw":
        target = folder / "versitygw"
        if not target.exists():
            with tempfile.TemporaryDirectory() as state:
                shutil.copy(versitygw.install(HubSettings(state_dir=Path(state)), _say), target)
        return
    target = folder / "keycloak.zip"
    if target.exists():
        with target.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == keycloak.SHA256:
                return
    with tempfile.TemporaryDirectory() as staging:
        shutil.copy(keycloak.download(Path(staging)), target)


def build(engine: Engine, images: list[Image], tag: str) -> None:
    """Build ``images`` one after the other.

    Raises
    ------
    BuildError
        At the first that fails or is over its budget.
    """
    for image in images:
        reference = f"{image.name}:{tag}"
        began_s = time.monotonic()
        fetch(image)
        engine.build(image, reference)
        size_mb = engine.size_mb(reference)
        _say(
            f"{reference}: {size_mb:.0f} MB of {image.budget_mb:.0f} MB, "
            f"{time.monotonic() - began_s:.0f} s"
        )
        if size_mb > image.budget_mb:
            raise BuildError(
                f"{reference} has {size_mb:.0f} MB and may have {image.budget_mb:.0f} MB: find "
                "what came in (its list is /usr/share/boresight/sbom.cdx.json), or raise budget_mb "
                "in images.yaml and say why."
            )


def _run(command: list[str], *, captured: bool = False) -> str:
    try:
        done = subprocess.run(
            command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE if captured else None
        )
    except (subprocess.CalledProcessError, OSError) as exc:
        raise BuildError(f"{' '.join(command)} failed: {exc}") from exc
    return (done.stdout or "").strip() if not captured else (done.stdout or "")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Build what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="images; default: all")
    parser.add_argument("--engine", choices=["docker", "podman", "cluster"], default="docker")
    parser.add_argument("--tests", action="store_true", help="also those for tests only")
    parser.add_argument("--tag", help="default: that of images.yaml")
    arguments = parser.parse_args()
    engine = ClusterEngine() if arguments.engine == "cluster" else DockerEngine(arguments.engine)
    try:
        catalogue = Catalogue.load(ROOT / "images" / "images.yaml")
        build(
            engine,
            catalogue.chosen(arguments.names, tests=arguments.tests),
            arguments.tag or catalogue.tag,
        )
    except BuildError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
