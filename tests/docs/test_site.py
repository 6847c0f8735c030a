"""The site builds without a warning, its links and anchors lead somewhere, and it needs no network."""

import html.parser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import alframe
import alframe.ops
from alframe.contract.options import describe

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]  # one process builds it for all


class Page(html.parser.HTMLParser):
    """What a page of HTML points to, and what can be pointed to in it."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.parts, self.tags = set(), [], [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.add(tag)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "link", "img") and (source := given.get("src") or given.get("href")):
            self.parts.append(source)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("furo", reason="the extra `docs` is not installed")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-E", "docs", str(out)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert built.returncode == 0, built.stdout + built.stderr
    return {path.resolve(): Page(path) for path in out.rglob("*.html")}


def page_of(site, name):
    return next(path for path in site if path.match(name))


def test_links_and_anchors_lead_somewhere(site):
    broken = []
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https"):
                assert re.fullmatch(r"[\w.-]+\.[a-z]+", parts.netloc), link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in site[target].ids):
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_every_page_is_built_and_can_be_reached(site):
    built = {path for path in site if path.stem not in ("genindex", "py-modindex", "search")}
    sources = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs" / "notebooks").glob("*.ipynb")]
    assert len(built) == len(sources)
    start = min((path for path in site if path.name == "index.html"), key=lambda path: len(path.parts))
    linked = {(start.parent / urlsplit(link).path).resolve() for link in site[start].links}
    assert built - linked <= {start}


def test_nothing_is_fetched_from_elsewhere(site):
    """Formulas are MathML, so that they are read without a network."""
    for page in site.values():
        assert not [part for part in page.parts if urlsplit(part).netloc]
    assert "math" in site[page_of(site, "strategies/alfamix.html")].tags


def test_options_are_those_of_the_plugin(site, registry):
    for plugin in registry.strategies:
        if plugin.distribution != "alframe":
            continue
        shown = page_of(site, f"strategies/{plugin.name}.html").read_text()
        text = html.unescape(re.sub(r"<[^>]+>", "", shown))
        assert plugin.info.summary[1:] in text
        for field in describe(plugin.info.options):
            assert f"{plugin.name}.{field.name}" in text
            assert field.help in text


def test_every_public_name_is_in_the_reference(site):
    ids = site[page_of(site, "api.html")].ids
    assert {f"alframe.{name}" for name in alframe.__all__} <= ids
    assert {f"alframe.ops.{name}" for name in alframe.ops.__all__} <= ids


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.parametrize("width", [1200, 420])
def test_formulas_fit_their_boxes_and_pages_the_window(site, width):
    """A formula that is higher than its box has a scroll bar of its own, or is cut off."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": width, "height": 900})
        formulas = 0
        for path in site:
            window.goto(path.as_uri())
            heights = window.eval_on_selector_all(
                "div.math", "boxes => boxes.map(box => [box.scrollHeight, box.clientHeight])"
            )
            assert not [box for box in heights if box[0] > box[1]], path.name
            formulas += len(heights)
            page = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            scrolled, shown = window.evaluate(page)
            assert scrolled <= shown, f"{path.name} is {scrolled} wide in a window of {shown}"
        browser.close()
    assert formulas >= len(list((ROOT / "docs" / "strategies").glob("*.md"))) - 1
