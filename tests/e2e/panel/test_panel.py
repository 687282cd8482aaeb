"""The catalogue's panel in a JupyterLab of its own, over other vendors' answers; no environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect
from support.bare_lab import BareLab, bare_lab
from support.browser import CHROMIUM
from support.panel_page import PICTURES, Panel, colours
from support.stac_vendors import SLOW_S, VENDORS, Vendors, vendors

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]


@pytest.fixture(scope="module")
def apis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendors]:
    with vendors(tmp_path_factory.mktemp("files")) as server:
        yield server


@pytest.fixture(scope="module")
def lab(apis: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareLab]:
    panel = {
        "apis": [{"url": apis.url(name), "title": title} for name, title in VENDORS.items()],
        "hosts": [apis.netloc],
        "timeout_s": SLOW_S - 5,
    }
    with bare_lab(tmp_path_factory.mktemp("lab") / "lab", panel) as lab:
        yield lab


@pytest.fixture
def panel(context: BrowserContext, lab: BareLab, apis: Vendors) -> Iterator[Panel]:
    apis.faults.clear()
    page = context.new_page()
    yield Panel(page, lab)
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "last.png")
    page.close()


def test_search_open_preview_insert_and_run(panel: Panel, apis: Vendors, lab: BareLab) -> None:
    panel.open()
    panel.choose("Earth Search")
    panel.root.get_by_label("Sentinel-2 Level-2A").check()
    panel.root.get_by_role("button", name="Draw a box").click()
    area = panel.root.locator(".jp-Stac-map")
    box = area.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    panel.page.mouse.click(x - 60, y - 80)
    panel.page.mouse.move(x, y, steps=4)
    panel.page.mouse.click(x + 60, y + 40)
    expect(panel.root.get_by_label("West", exact=True)).not_to_have_value("")
    panel.search()
    expect(panel.root.get_by_text("12 of 24 items")).to_be_visible()
    asked = apis.searches[-1]
    assert asked["collections"] == ["sentinel-2-l2a"]
    west, south, east, north = asked["bbox"]
    assert -180 <= west < east <= 180
    assert -90 <= south < north <= 90

    panel.root.locator(".jp-Stac-more").scroll_into_view_if_needed()
    expect(panel.root.get_by_text("24 of 24 items")).to_be_visible()
    assert panel.cards().count() == 24
    thumbnails = panel.root.locator(".jp-Stac-thumbnail img")
    thumbnails.first.wait_for()
    assert (
        thumbnails.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 128
    )

    # footprints alone, of few colours; then the picture of the one that is chosen
    bare = colours(area)
    panel.cards().nth(0).click()
    item = panel.root.locator(".jp-Stac-item")
    expect(item.get_by_role("heading", level=2)).to_contain_text("S2A_31TFJ")
    panel.root.get_by_role("button", name="Show selected").click()
    for _ in range(60):
        if colours(area) > bare + 100:
            break
        panel.page.wait_for_timeout(500)
    print(f"colours of the map: {bare}, with a picture {colours(area)}")
    assert colours(area) > bare + 100
    panel.picture("panel-map")
    expect(item.get_by_text("Sun: azimuth 155.2°, elevation 52.7°")).to_be_visible()
    item.get_by_role("button", name="Preview").nth(1).click()
    picture = item.get_by_role("img", name="Picture of Red (band 4) - 10m")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 512
    expect(item.get_by_text("px, uint16, EPSG:32631")).to_be_visible()
    before = picture.get_attribute("src")
    item.get_by_label("Black at").fill("300")
    item.get_by_label("White at").fill("2700")
    item.get_by_role("button", name="Stretch").click()
    expect(picture).not_to_have_attribute("src", before or "")
    picture.scroll_into_view_if_needed()
    panel.picture("panel-light")
    assert panel.axe() == []

    item.get_by_role("button", name="Open in notebook").click()
    cell = panel.page.locator(".jp-NotebookPanel .jp-CodeCell").first
    expect(cell).to_contain_text("Client.open")
    panel.page.get_by_text("| Idle").wait_for()
    panel.command("notebook:run-cell")
    output = cell.locator(".jp-OutputArea-output")
    output.first.wait_for()
    assert "Error" not in output.first.inner_text()
    assert "S2A_31TFJ" in output.first.inner_text()
    hosts = {url.split("/")[2] for url in panel.requests if url.startswith(("http", "ws"))}
    assert hosts <= {lab.url.split("/")[2], apis.netloc}
    assert panel.problems == []


def test_a_reload_brings_everything_back_and_keys_do_it_all(panel: Panel) -> None:
    panel.load()
    panel.page.evaluate(
        """() => Promise.all(
            [1, 2].map(() => window.jupyterapp.commands.execute('jupyterlab-stac:open'))
        ).then(() => 0)"""
    )
    panel.root.locator(".jp-Stac-collections input").first.wait_for()
    expect(panel.root).to_have_count(1)
    panel.choose("Earth Search")
    panel.search()
    panel.cards().first.wait_for()
    panel.cards().first.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        panel.page.keyboard.press(key)
    heading = panel.root.get_by_role("heading", level=2)
    chosen = heading.inner_text()
    assert panel.cards().nth(2).get_attribute("aria-selected") == "true"
    assert chosen in panel.cards().nth(2).inner_text()
    panel.page.keyboard.press("ArrowRight")
    panel.page.keyboard.press("Space")
    expect(panel.root.get_by_text("2 selected")).to_be_visible()
    panel.root.get_by_role("button", name="Table").click()
    expect(panel.root.get_by_role("grid")).to_be_visible()
    panel.page.wait_for_timeout(1500)  # state is saved
    panel.load()
    panel.root.get_by_role("grid").wait_for()
    expect(panel.root.get_by_role("heading", level=2)).to_have_text(chosen)
    assert panel.axe() == []


def test_a_card_is_dragged_into_a_notebook_and_its_cell_runs(panel: Panel) -> None:
    panel.open()
    panel.choose("Earth Search")
    panel.search()
    panel.cards().first.wait_for()
    panel.command("notebook:create-new", kernelName="python3")
    panel.page.get_by_text("| Idle").wait_for()
    # side by side
    panel.page.evaluate(
        """() => {
            const { shell } = window.jupyterapp;
            const catalogue = [...shell.widgets('main')].find(one => one.id === 'jupyterlab-stac');
            shell.add(catalogue, 'main', { mode: 'split-left' });
        }"""
    )
    notebook = panel.page.locator(".jp-NotebookPanel")
    card = panel.cards().first
    card.scroll_into_view_if_needed()
    panel.page.wait_for_timeout(500)
    begin, end = card.bounding_box(), notebook.locator(".jp-CodeCell").first.bounding_box()
    assert begin is not None
    assert end is not None
    mouse = panel.page.mouse
    mouse.move(begin["x"] + 60, begin["y"] + 40)
    mouse.down()
    mouse.move(begin["x"] + 90, begin["y"] + 60, steps=4)
    expect(panel.page.locator(".jp-dragImage")).to_be_visible()
    mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=10)
    mouse.up()
    expect(notebook.locator(".jp-CodeCell")).to_have_count(2)
    dropped = notebook.locator(".jp-CodeCell", has_text="Client.open")
    expect(dropped).to_contain_text("S2A_31TFJ")
    dropped.locator(".cm-content").click()
    panel.command("notebook:run-cell")
    output = dropped.locator(".jp-OutputArea-output")
    output.first.wait_for()
    assert "Error" not in output.first.inner_text()
    assert "S2A_31TFJ" in output.first.inner_text()
    panel.picture("panel-dragged")
    assert panel.problems == []


def test_lab_loads_little_of_the_panel_before_it_is_opened(panel: Panel) -> None:
    panel.load()
    before_b = panel.loaded_b
    panel.command("jupyterlab-stac:open")
    panel.root.locator(".jp-Stac-collections input").first.wait_for()
    print(f"loaded with Lab {before_b} B, with the panel {panel.loaded_b} B")
    assert 0 < before_b < 80_000
    assert panel.loaded_b < 1_200_000


def test_hostile_items_are_text_and_odd_footprints_are_shown(panel: Panel) -> None:
    panel.open()
    panel.choose("Copernicus Data Space")
    panel.search()
    expect(panel.cards()).to_have_count(4)
    for number in range(4):
        panel.cards().nth(number).click()
        panel.root.get_by_role("heading", level=2).wait_for()
    expect(panel.root.get_by_role("heading", level=2)).to_have_text(
        '<img src=x onerror="window.stolen=1">'
    )
    panel.root.get_by_role("button", name="Open in notebook").click()
    panel.page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    assert panel.page.evaluate("() => window.stolen") is None
    assert panel.problems == []


def test_an_api_that_fails_is_told_and_tried_again(panel: Panel, apis: Vendors) -> None:
    panel.open()
    panel.choose("Planetary Computer")
    for fault, words in (
        ("slow", f"has not answered within {SLOW_S - 5:g} s"),
        ("401", "asks for a sign-in"),
        ("429", "Search again in 7 s"),
        ("html", "answers with a page for people"),
    ):
        apis.faults["planetary-computer"] = fault
        panel.search()
        expect(panel.root.get_by_role("alert")).to_contain_text(words)
    apis.faults.clear()
    panel.root.get_by_role("button", name="Try again").click()
    expect(panel.cards()).to_have_count(5)


def test_dark_and_french(panel: Panel) -> None:
    panel.load()
    panel.command("apputils:change-theme", theme="JupyterLab Dark")
    panel.page.evaluate(
        """() => window.jupyterapp.serviceManager.settings
            .save('jupyterlab-stac:plugin', '{"language": "fr"}')"""
    )
    panel.command("jupyterlab-stac:open")
    panel.load()
    panel.command("jupyterlab-stac:open")
    panel.root.get_by_text("API STAC").first.wait_for()
    panel.choose("Earth Search")
    panel.search()
    expect(panel.root.get_by_text("12 produits sur 24")).to_be_visible()
    panel.cards().nth(1).click()
    expect(panel.root.get_by_text("Élévation du soleil")).to_be_visible()
    panel.picture("panel-dark")
    assert panel.axe() == []
    panel.page.evaluate(
        "() => window.jupyterapp.serviceManager.settings.save('jupyterlab-stac:plugin', '{}')"
    )
    panel.command("apputils:change-theme", theme="JupyterLab Light")
