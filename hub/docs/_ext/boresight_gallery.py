"""Write the gallery: title, first words and picture of every calibration notebook."""

from __future__ import annotations

import json
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

#: folders of notebooks in the gallery's order, and their headings
FOLDERS = {
    "radiometry": "Radiometry",
    "image_quality": "Image quality",
    "geometry": "Geometry and surface models",
}

_INTRO = """# Gallery of calibration methods

Each method has a notebook: what it is for, how it is done, how certain its answer is, and whether
that answer is the truth that was injected. They lie in every home below `examples/`, run in
seconds, and end in a table of what was injected and what was found. The pictures are made by
`poe gallery`.
"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Hook the generation into the build."""
    app.connect("builder-inited", write_gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_gallery(app: Sphinx) -> None:
    """Write `tutorial/generated/gallery.md` anew."""
    docs = Path(app.srcdir)
    folder = docs / "tutorial" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gallery.md").write_text(gallery_page(docs), "utf-8")


def gallery_page(docs: Path) -> str:
    """The page; a notebook without a picture stops the build."""
    lines = [_INTRO]
    for name, heading in FOLDERS.items():
        lines += [f"## {heading}", ""]
        for path in sorted((docs.parents[1] / "notebooks" / name).glob("*.ipynb")):
            title, words = _opening(path)
            picture = docs / "pictures" / "gallery" / f"{name}-{path.stem}.png"
            if not picture.exists():
                raise ExtensionError(
                    f"{name}/{path.name} has no picture; the remedy is `poe gallery {path.stem}`."
                )
            lines += [f"### {title}", "", words, ""]
            lines += [f"![{title}](../../pictures/gallery/{picture.name})", ""]
            lines += [f"`examples/{name}/{path.name}`", ""]
    return "\n".join(lines)


def _opening(path: Path) -> tuple[str, str]:
    """Title and first paragraph of a notebook."""
    first = json.loads(path.read_text("utf-8"))["cells"][0]
    paragraphs = "".join(first["source"]).split("\n\n")
    return paragraphs[0].removeprefix("# "), paragraphs[1]
