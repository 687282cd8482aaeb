"""Desktop and editor of somebody signed in: QGIS on a private image, clipboard, a reload."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from scipy import ndimage
from support.browser import Visit, accessibility_problems, chromium, visit
from support.desktop import reason_to_skip
from support.environment import Environment, printed

from boresight.server import editor
from boresight_hub.session import HubSession

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.timeout(1500),
]
needs_desktop = pytest.mark.skipif(
    bool(reason_to_skip("qgis", "xclip", "wmctrl")),
    reason=reason_to_skip("qgis", "xclip", "wmctrl") or "there is a desktop",
)
needs_editor = pytest.mark.skipif(bool(editor.why_not()), reason=editor.why_not() or "there is one")

#: folder for the pictures of the documentation; none are kept without
PICTURES = os.environ.get("BORESIGHT_TEST_PICTURES")
#: S3 credentials live so long, so that an image that is open outlives its own [s]
SESSION_LIFE_S = 60
PLUGINS = Path(__file__).parents[2] / "images" / "desktop" / "qgis"
TEXT = "Étalonnage n° 7 : L = 0,42 ± 0,01 · Δλ 20 µm · 校准 🛰"
SCREEN = {"width": 1440, "height": 900}

_INGEST = """
import json
from boresight.workflows.notebook import bring_pair
pair = bring_pair({folder!r})
item = pair.left
name, asset = next((n, a) for n, a in item.assets.items() if "data" in (a.roles or []))
print(json.dumps([item.collection_id, item.id, name, asset.href]))
"""

# by the system's Python, in which QGIS is; without a screen
_SEARCH = """
import json, sys
from qgis.core import QgsApplication, QgsProject, QgsVectorLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QTimer, QEventLoop, QSize
from qgis.PyQt.QtWidgets import QMainWindow

plugin_folder, picture, wished = sys.argv[1:4]
application = QgsApplication([], True)
application.initQgis()
sys.path.insert(0, plugin_folder)
from boresight_catalogue.catalogue import Catalogue
from boresight_catalogue.credentials import Credentials
from boresight_catalogue.dock import CatalogueDock
from boresight_catalogue.layers import FOOTPRINTS, open_raster
from boresight_catalogue.surroundings import Surroundings

def wait(met, for_s=60):
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if met() else None)
    timer.start(50)
    QTimer.singleShot(1000 * for_s, loop.quit)
    loop.exec_()
    assert met(), "not in time"

window, canvas = QMainWindow(), QgsMapCanvas()
window.setCentralWidget(canvas)
window.resize(QSize(1100, 700))
class Iface:
    def mapCanvas(self):
        return canvas
surroundings = Surroundings.from_env()
credentials = Credentials(surroundings)
credentials.ensure()
dock = CatalogueDock(Iface(), Catalogue(surroundings))
from qgis.PyQt.QtCore import Qt
window.addDockWidget(Qt.RightDockWidgetArea, dock)
window.show()
wait(lambda: "collections" in dock._state.text())
dock._words.setText(wished)
dock._search.click()
wait(lambda: "scene" in dock._state.text())
dock._results.expandAll()
chosen = []
dock.wanted.connect(lambda *what: chosen.append(what))
row = dock._results.topLevelItem(0)
dock._results.itemActivated.emit(row.child(0), 0)
layer = open_raster(*chosen[0])
dock._outlines.click()
footprints = QgsProject.instance().mapLayersByName(FOOTPRINTS)[0]
canvas.setDestinationCrs(footprints.crs())
canvas.setLayers([footprints, layer])
canvas.setExtent(footprints.extent().buffered(0.001))
canvas.refresh()
canvas.waitWhileRendering()
window.grab().save(picture)
told = {"found": row.text(0), "images": row.childCount(), "layer": layer.name()}
dock._words.setText("there is no such name")
dock._search.click()
wait(lambda: "Nothing" in dock._state.text())
print(json.dumps(told | {
    "outlines": footprints.featureCount(), "crs": footprints.crs().authid(),
    "empty": dock._results.topLevelItemCount(),
}))
sys.stdout.flush()
import os
os._exit(0)  # QGIS takes its time to end, and nothing is left to do
"""

_QUICKLOOK = """
import base64, numpy, rasterio
from rasterio.vrt import WarpedVRT
from boresight.access import to_vsis3
# as QGIS has it: by the sensor model, in degrees
with rasterio.open(to_vsis3({href!r})) as image, WarpedVRT(
    image, crs="EPSG:4326", src_crs="EPSG:4326", rpcs=image.rpcs,
    RPC_HEIGHT=image.rpcs.height_off,
) as warped:
    average = rasterio.enums.Resampling.average
    look = warped.read(1, out_shape=(64, 64), resampling=average)
    whole = warped.read(1)
    size = warped.width, warped.height
low, high = numpy.percentile(whole[whole > 0], (2, 98))
look = numpy.where(look == 0, 255, numpy.clip(255 * (look - low) / (high - low), 0, 255))
print(size[0], size[1], base64.b64encode(look.astype("uint8").tobytes()).decode())
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment of these tests' own: credentials of a minute."""
    environment = Environment(
        tmp_path_factory.mktemp("desktop") / "state",
        BORESIGHT_ACCESS__SESSION_LIFE_S=str(SESSION_LIFE_S),
    )
    environment.up()
    yield environment
    environment.down()


@pytest.fixture(scope="module")
def marie(own: Environment) -> Iterator[HubSession]:
    with own.session("marie") as session:
        yield session


@pytest.fixture(scope="module")
def scene(marie: HubSession, real_data: Path) -> dict[str, str]:
    """An image on a private bucket, which is in the catalogue."""
    with marie.kernel() as kernel:
        told = printed(
            kernel.execute(_INGEST.format(folder=str(real_data / "ventoux")), timeout_s=600)
        )
    names = ("collection", "item", "asset", "href")
    return dict(zip(names, json.loads(told.strip().splitlines()[-1]), strict=True))


@pytest.fixture
def visitor(browser: Browser, own: Environment, tmp_path: Path) -> Iterator[Visit]:
    options = {"permissions": ["clipboard-read", "clipboard-write"], "locale": "en-GB"}
    with visit(browser, own.settings, tmp_path, "desktop", **options) as visitor:
        visitor.page.set_viewport_size(SCREEN)
        visitor.sign_in("marie", own.password("marie"))
        yield visitor


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def until(met: Callable[[], Any], for_s: float) -> None:
    """Wait until ``met()`` is true."""
    end = time.monotonic() + for_s
    while not (seen := met()):
        assert time.monotonic() < end, f"not within {for_s} s: {seen!r}"
        time.sleep(0.5)


def in_desktop(own: Environment, command: str, text: str = "") -> str:
    """Run a program on Marie's desktop, as from its terminal."""
    return subprocess.run(
        ["/bin/bash", "-c", f'cd "$HOME"; {command}'],
        env=x_environment(own),
        input=text,
        text=True,
        timeout=60,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def x_environment(own: Environment) -> dict[str, str]:
    """Variables of the programs on Marie's desktop; waits until its window manager runs."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for process in psutil.process_iter():
            try:
                env: dict[str, str] = process.environ() if process.name() == "xfwm4" else {}
                if str(own.state) in env.get("HOME", ""):
                    return env
            except psutil.Error:
                continue
        time.sleep(0.5)
    raise AssertionError("no desktop runs in this environment")


def windows(own: Environment) -> set[str]:
    """Names of the windows on the desktop, with their ids."""
    return set(in_desktop(own, "wmctrl -l").splitlines())


def ask(marie: HubSession, method: str, path: str, body: object = None) -> httpx.Response:
    """Ask the desktop's routes in Marie's name."""
    return httpx.request(
        method,
        f"{marie.server_url()}boresight/desktop{path}",
        headers={"Authorization": f"token {marie.token}"},
        json=body,
        timeout=120,
    )


def open_desktop(visitor: Visit) -> Page:
    visitor.go("/user/marie/boresight/desktop/view")
    page = visitor.page
    page.locator("#screen canvas").wait_for(timeout=60_000)
    page.get_by_text("leads out of the desktop").wait_for(timeout=60_000)
    return page


def pixels(page: Page) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(page.locator("#screen").screenshot())) as picture:
        return np.asarray(picture.convert("RGB"))


@needs_desktop
def test_a_private_image_in_qgis(
    visitor: Visit, own: Environment, marie: HubSession, scene: dict[str, str]
) -> None:
    page = open_desktop(visitor)
    assert ask(marie, "GET", "").json()["available"] is True
    refusals(marie, scene)
    begun = time.monotonic()
    asked = ask(marie, "POST", "/open", scene)
    assert asked.status_code == 202, asked.text

    def outcome() -> dict[str, str]:
        found: dict[str, str] = ask(marie, "GET", f"/open/{asked.json()['request']}").json()
        return found

    until(lambda: outcome()["state"] != "waiting", 300)
    assert outcome() == {"state": "opened", "why": ""}
    print(f"QGIS with the image after {time.monotonic() - begun:.1f} s")
    in_desktop(own, "wmctrl -r 'QGIS' -b add,maximized_vert,maximized_horz")
    expected = quicklook(marie, scene["href"])
    until(lambda: likeness(pixels(page), *expected) > 0.9, 60)
    keep(page, "desktop-qgis")
    # longer than the keys it was opened with
    time.sleep(SESSION_LIFE_S * 1.3)
    upside_down = expected[0][::-1], expected[1]
    assert likeness(pixels(page), *expected) > 0.9 > likeness(pixels(page), *upside_down)
    right = {key: value.replace("-left", "-right") for key, value in scene.items()}
    asked = ask(marie, "POST", "/open", right)
    until(lambda: outcome()["state"] != "waiting", 120)
    assert outcome() == {"state": "opened", "why": ""}
    expected = quicklook(marie, right["href"])
    until(lambda: likeness(pixels(page), *expected) > 0.9, 60)
    assert visitor.outside() == []


def refusals(marie: HubSession, scene: dict[str, str]) -> None:
    """What is not in our buckets, and what is not hers, is not opened."""
    for href in (
        "https://elsewhere.example/private.tif",
        scene["href"].replace("/catalogue/", "/no-bucket-of-ours/"),
        scene["href"].rsplit("/", 1)[0] + "/../../../etc/passwd",
        scene["href"].replace("co3d-l1", "not-my-collection"),
    ):
        answer = ask(marie, "POST", "/open", scene | {"href": href})
        assert answer.status_code == 403, (href, answer.text)
        assert answer.json()["message"], href


def quicklook(marie: HubSession, href: str) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], float]:
    """The image as it should look, 64 by 64, and the ratio of its sides."""
    with marie.kernel() as kernel:
        told = printed(kernel.execute(_QUICKLOOK.format(href=href), timeout_s=120)).split()
    look = np.frombuffer(base64.b64decode(told[2]), "uint8").reshape(64, 64)
    return look, int(told[0]) / int(told[1])


def likeness(
    screen: np.ndarray[Any, np.dtype[np.uint8]],
    look: np.ndarray[Any, np.dtype[np.uint8]],
    ratio: float,
) -> float:
    """Correlation of the image with what is drawn where QGIS has its map; 0 when there is none."""
    # an image is where hardly two pixels side by side are the same, unlike paper and buttons
    rough = np.abs(np.diff(screen.astype(int).mean(axis=2), axis=1)) > 0
    blocks, _ = ndimage.label(ndimage.uniform_filter(rough.astype(float), 15) > 0.5)
    places = ndimage.find_objects(blocks)
    if not places:
        return 0.0
    rows, columns = max(
        places, key=lambda place: np.prod([side.stop - side.start for side in place])
    )
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if min(height, width) < 200 or abs(width / height / ratio - 1) > 0.1:
        return 0.0
    drawn = _coarse(Image.fromarray(screen[rows, columns]).convert("L"))
    return float(np.corrcoef(drawn, _coarse(Image.fromarray(look)))[0, 1])


def _coarse(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(picture.resize((16, 16), Image.Resampling.BOX)).ravel()


@needs_desktop
def test_search_and_footprints(
    visitor: Visit, own: Environment, scene: dict[str, str], tmp_path: Path
) -> None:
    """The plugin's dock, in QGIS without a screen, with what a program of the desktop has."""
    open_desktop(visitor)
    picture = Path(PICTURES or tmp_path) / "desktop-search.png"
    done = subprocess.run(
        ["/usr/bin/python3", "-c", _SEARCH, PLUGINS, picture, scene["item"]],
        env=x_environment(own) | {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "found": scene["item"],
        "images": 1,
        "layer": f"{scene['item']} · {scene['asset']}",
        "outlines": 1,
        "crs": "EPSG:4326",
        "empty": 0,
    }
    with Image.open(picture) as drawn:
        seen = np.asarray(drawn.convert("RGB")).astype(int)
    outline = np.abs(seen - (224, 162, 74)).max(axis=2) < 25
    assert outline.sum() > 500, "the outline of the footprint"
    assert np.unique(seen[50:650, 50:650].reshape(-1, 3), axis=0).shape[0] > 150, "the image"


@needs_desktop
def test_clipboard_windows_and_size(visitor: Visit, own: Environment) -> None:
    page = open_desktop(visitor)
    x_environment(own)
    assert accessibility_problems(page) == []
    # from here to there, as somebody comes back to the page with something in the clipboard
    page.evaluate("text => navigator.clipboard.writeText(text)", TEXT)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    until(lambda: in_desktop(own, "timeout 5 xclip -o -selection clipboard || true") == TEXT, 30)
    # and back, another one
    in_desktop(own, "xclip -i -selection clipboard >/dev/null 2>&1", TEXT[::-1])
    until(lambda: page.evaluate("navigator.clipboard.readText()") == TEXT[::-1], 30)
    # the panel, for browsers that give nothing away
    page.get_by_role("button", name="Clipboard", exact=True).click()
    page.get_by_label("Text that the desktop and this page share").fill("à la main")
    until(
        lambda: in_desktop(own, "timeout 5 xclip -o -selection clipboard || true") == "à la main",
        30,
    )
    page.get_by_role("button", name="Clipboard", exact=True).click()
    # a terminal, in which a French keyboard writes
    in_desktop(
        own, "setsid -f xfce4-terminal --title=notes --dynamic-title-mode=none >/dev/null 2>&1"
    )
    until(lambda: any("notes" in line for line in windows(own)), 60)
    in_desktop(own, "wmctrl -a notes; sleep 1")
    page.locator("#screen canvas").click(position={"x": 700, "y": 400})
    in_desktop(own, "wmctrl -a notes; sleep 1")
    page.keyboard.type("cat > typed.txt")
    page.keyboard.press("Enter")
    typed = own.state / "homes" / "marie" / "typed.txt"
    until(typed.exists, 30)
    for sign in "AZERTY éèçàù € ~{}":
        press_sign(page, sign)
    page.keyboard.press("Enter")
    page.keyboard.press("Control+d")
    until(lambda: typed.read_text() == "AZERTY éèçàù € ~{}\n", 30)
    keep(page, "desktop-terminal")
    before = windows(own)
    page.set_viewport_size({"width": 1100, "height": 700})
    until(lambda: "1100x" in in_desktop(own, "xrandr --current"), 30)
    page.reload()
    open_again = page.locator("#screen canvas")
    open_again.wait_for(timeout=60_000)
    page.get_by_text("leads out of the desktop").wait_for(timeout=60_000)
    assert windows(own) == before, "the same windows after a reload"
    page.set_viewport_size(SCREEN)


def press_sign(page: Page, sign: str) -> None:
    """A key as another keyboard has it: the browser tells the sign, not where the key is."""
    page.locator("#screen canvas").evaluate(
        """(canvas, key) => {
            for (const type of ["keydown", "keyup"])
                canvas.dispatchEvent(
                    new KeyboardEvent(type, { key, code: "", bubbles: true, cancelable: true }));
        }""",
        sign,
    )


@needs_editor
def test_the_editor_runs_a_script_with_credentials(visitor: Visit, own: Environment) -> None:
    home = own.state / "homes" / "marie"
    (home / "see.py").write_text(
        "from boresight.access import open_catalog\n"
        "import boto3, pathlib\n"
        "names = sorted(c.id for c in open_catalog().get_collections())\n"
        "boto3.client('s3').put_object(Bucket='home', Key='marie/seen.txt', Body=b'seen')\n"
        "pathlib.Path('seen.txt').write_text(' '.join(names))\n"
    )
    page = visitor.page
    visitor.go("/user/marie/boresight-editor/")
    page.locator(".monaco-workbench").wait_for(timeout=120_000)
    page.get_by_role("treeitem", name="see.py").wait_for(timeout=120_000)
    page.get_by_role("treeitem", name="see.py").dblclick()
    page.locator(".view-lines").get_by_text("open_catalog").first.wait_for(timeout=60_000)
    page.keyboard.press("Control+Shift+Backquote")
    page.locator(".terminal-wrapper .xterm-screen").wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    page.keyboard.type("python see.py && echo done")
    page.keyboard.press("Enter")
    seen = home / "seen.txt"
    until(seen.exists, 180)
    until(lambda: "co3d-l1" in seen.read_text().split(), 10)
    page.wait_for_timeout(2000)
    keep(page, "editor")
    assert visitor.outside() == []
