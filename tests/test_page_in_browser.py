"""The page of ``compare --html`` as a reader has it: headless Chromium, mouse, keyboard, a small window."""

import json
import re
import shutil

import pytest

from alframe.comparison.compare import compare
from alframe.comparison.significance import Criterion
from alframe.records.tree import read_tree
from alframe_cli.page import write_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
EVIL = "<img src=x onerror=document.hacked=1>"
MEANS = {"alfamix": (0.5, 0.7, 0.9), "random": (0.5, 0.6, 0.7), EVIL: (0.5, 0.55, 0.6)}


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for setting in ("a-rather-long-name-of-a-setting-mlp-100+10x100-94cc1558", "s2"):
        for name, means in MEANS.items():
            for seed in (1, 2, 3):
                trial = folder / "runs" / "digits" / setting / name / f"seed-{seed}"
                trial.mkdir(parents=True)
                rounds = [
                    {"labelled": 1000 * (k + 1), "accuracy": mean + 0.01 * (seed - 2)}
                    for k, mean in enumerate(means)
                ]
                (trial / "rounds.jsonl").write_text("".join(json.dumps(record) + "\n" for record in rounds))
                (trial / "config.toml").write_text(f"[data]\ndir = '{'long/' * 60}</script>'\n")
    tree = read_tree(folder / "runs")
    write_page(compare(tree.settings), tree, Criterion(), folder / "page.html")
    return folder / "page.html"


@pytest.fixture
def open_page(chromium, file):
    """Opens the page at a width; at the end nothing was complained of, nothing loaded, nothing run."""
    opened = []

    def open_at(width, **context):
        page = chromium.new_page(viewport={"width": width, "height": 900}, **context)
        page.messages, page.requests = [], []
        page.on("console", lambda message: page.messages.append(message.text))
        page.on("pageerror", lambda error: page.messages.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(file.as_uri())
        opened.append(page)
        return page

    yield open_at
    for page in opened:
        assert page.messages == []
        assert page.requests == [file.as_uri()]
        assert page.evaluate("document.hacked") is None
        page.close()


def curves(page):
    return (
        page.locator(".chart")
        .first.locator("g[data-strategy]")
        .evaluate_all("groups => groups.map(group => group.dataset.strategy)")
    )


def point_at(page, strategy, number):
    """Puts the mouse on a marker."""
    group = page.locator(".chart").first.locator(f"g[data-strategy={json.dumps(strategy)}]")
    box = group.locator(".marker").nth(number).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def tip(page):
    return page.locator(".tip").first


@pytest.mark.parametrize("width", [1280, 400])
def test_pointing_at_a_curve_shows_its_values(open_page, width):
    page = open_page(width)
    assert not tip(page).is_visible()
    point_at(page, "random", 1)
    assert tip(page).inner_text().splitlines()[0] == "2,000 labels"
    near = tip(page).locator(".near td").all_inner_texts()
    assert near[1:] == ["random", "0.600 ± 0.010", "3 seeds"]
    point_at(page, "alfamix", 2)
    assert tip(page).inner_text().splitlines()[0] == "3,000 labels"
    assert tip(page).locator("tr").first.inner_text().split() == [
        "alfamix",
        "0.900",
        "±",
        "0.010",
        "3",
        "seeds",
    ]
    page.mouse.move(1, 1)
    assert not tip(page).is_visible()


def test_a_click_hides_a_strategy_and_another_shows_it(open_page):
    page = open_page(1280)
    button = page.locator(".legend").first.get_by_role("button", name="random")
    assert sorted(curves(page)) == sorted(MEANS)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert sorted(curves(page)) == sorted(set(MEANS) - {"random"})
    point_at(page, "alfamix", 1)
    assert "random" not in tip(page).inner_text()
    assert page.locator(".chart").nth(1).locator("g[data-strategy=random]").count() == 1  # its own legend
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert sorted(curves(page)) == sorted(MEANS)


def test_all_may_be_hidden(open_page):
    page = open_page(1280)
    for button in page.locator(".legend").first.get_by_role("button").all():
        button.click()
    assert curves(page) == []
    box = page.locator(".plot > svg").first.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    assert not tip(page).is_visible()


def test_bands_can_be_switched_off(open_page):
    page = open_page(1280)
    bands = page.locator(".chart").first.locator(".band")
    assert bands.count() == len(MEANS)
    page.locator(".legend").first.get_by_role("button", name="bands").click()
    assert bands.count() == 0


def test_the_keyboard_reaches_everything(open_page):
    page = open_page(1280)
    page.locator(".legend").first.get_by_role("button", name="alfamix").focus()
    page.keyboard.press("Space")
    assert "alfamix" not in curves(page)
    page.keyboard.press("Enter")
    assert "alfamix" in curves(page)
    page.locator(".plot > svg").first.focus()
    for key, labels in (("ArrowRight", "1,000"), ("ArrowRight", "2,000"), ("ArrowLeft", "1,000")):
        page.keyboard.press(key)
        assert tip(page).inner_text().splitlines()[0] == f"{labels} labels"
    page.keyboard.press("Escape")
    assert not tip(page).is_visible()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scrolling(open_page, width, scheme):
    page = open_page(width, color_scheme=scheme)
    for details in page.locator("details").all():
        details.evaluate("element => { element.open = true; }")
    point_at(page, EVIL, 2)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_tables_scroll_by_keyboard_in_a_narrow_window(open_page):
    page = open_page(400)
    region = page.locator(".scroll:visible").first
    assert region.evaluate("element => element.scrollWidth > element.clientWidth")
    region.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("element => element.scrollLeft > 0", arg=region.element_handle())
    first = region.locator("tbody th").first.bounding_box()
    assert first["x"] < 30  # the names stay in sight


def test_the_chart_follows_the_window(open_page):
    page = open_page(1280)
    wide = page.locator(".plot > svg").first.bounding_box()["width"]
    page.set_viewport_size({"width": 400, "height": 900})
    svg = page.locator(".plot > svg").first
    playwright.expect(svg).to_have_attribute("viewBox", re.compile(r"0 0 3\d\d "))  # it is drawn anew
    point_at(page, "random", 2)
    assert wide > 1000
    assert tip(page).locator(".near td").nth(1).inner_text() == "random"


def test_dark_mode(open_page):
    grounds = [
        open_page(1280, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(21, 23, 27)"]


@pytest.mark.slow
def test_without_scripts_the_numbers_are_there(chromium, file):
    page = chromium.new_page(java_script_enabled=False)
    page.goto(file.as_uri())
    page.locator("summary").first.click()
    assert "0.600 ± 0.010" in page.locator("details table").first.inner_text()
    assert "switched off" in page.locator("noscript").first.inner_text()
    page.close()
