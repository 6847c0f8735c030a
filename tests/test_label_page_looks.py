"""How the page of ``alframe label`` looks: measured, in a headless Chromium."""

import numpy as np
import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from label_doubles import FakeLearner, QuickLearner  # noqa: E402
from label_pages import caption, in_chromium, press  # noqa: E402

pytestmark = in_chromium
expect = playwright.expect
PHONES = [(390, 844), (320, 568)]
SHAPES = [(32, 32), (4000, 300), (60, 2400), (1600, 1200), (8, 8), (500, 20), (161, 161), (700, 900)]
LONG = ("short", "a class with a name that someone wrote as a sentence", "Donaudampfschifffahrtsgesellschaft")

BOXES = """() => [...document.querySelectorAll("#classes button, #acts button, nav button, #picture")
].map(one => one.getBoundingClientRect()).map(box => [box.x, box.y, box.width, box.height].map(Math.round))"""

SMALL_TARGETS = """() => [...document.querySelectorAll("button, select, input")]
  .filter(one => one.offsetParent && !one.closest("[inert]"))
  .map(one => [one.id || one.textContent, (one.closest("label.check") ?? one).getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 30)
  .map(([name, box]) => [name, box.width, box.height])"""

# The ratio of WCAG of each text to what is behind it: the nearest ground that is not transparent.
CONTRASTS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map(one => one / 255)
    .map(one => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (one) => {
    for (let up = one; up; up = up.parentElement) {
      const rgba = channels(getComputedStyle(up).backgroundColor);
      if (rgba.length === 3 || rgba[3] === 1) return rgba;
    }
    return [255, 255, 255];
  };
  const found = {};
  for (const one of document.querySelectorAll("body *")) {
    const texts = [...one.childNodes].filter(node => node.nodeType === 3);
    const text = texts.map(node => node.data.trim()).join("");
    if (!text || !one.checkVisibility() || one.closest("[inert], :disabled, .unseen, .leap")) continue;
    const [a, b] = [light(channels(getComputedStyle(one).color)), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found[text.slice(0, 30)] = ratio;
  }
  return found;
}"""


@pytest.fixture
def shapes(tmp_path):
    folder = tmp_path / "shapes"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, (width, height) in enumerate(SHAPES):
        blocks = Image.fromarray(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8))
        blocks.resize((width, height)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 700), (1280, 800), (320, 568)])
def test_it_fits_every_window(served, visit, scheme, width, height):
    page = visit(served(QuickLearner([1] * 60)), width=width, height=height, color_scheme=scheme)
    for key in "1234":
        press(page, key)
    size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [width, height]
    picture = page.locator("#picture img").bounding_box()
    assert picture["height"] > 100
    for button in page.locator("#acts button").all():
        box = button.bounding_box()
        assert box["y"] + box["height"] <= height
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 23, 27)")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), *PHONES, (844, 390)])
def test_nothing_moves_from_sample_to_sample(served, visit, shapes, width, height):
    one = served(QuickLearner([1] * 8), source=shapes, classes=LONG, audit=1, until=0.5)
    page = visit(one, width=width, height=height)
    page.wait_for_timeout(600)
    before = page.evaluate(BOXES)
    for key in "123132":
        press(page, key)
        page.wait_for_timeout(250)  # the facts, the model, its suggestion
        assert page.evaluate(BOXES) == before
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.documentElement.scrollHeight") == height


def test_no_picture_leaves_its_place_and_small_ones_are_large_and_crisp(served, visit, shapes):
    page = visit(served(source=shapes, audit=0))
    seen = {}
    for _ in SHAPES:
        picture, place = page.locator("#picture img"), page.locator("#picture").bounding_box()
        box = picture.bounding_box()
        assert place["x"] <= box["x"]
        assert place["y"] <= box["y"]
        assert box["x"] + box["width"] <= place["x"] + place["width"] + 1
        assert box["y"] + box["height"] <= place["y"] + place["height"] + 1
        drawn = picture.evaluate("one => getComputedStyle(one).imageRendering")
        seen[SHAPES[int(caption(page)[0])]] = box, drawn
        page.keyboard.press("1")
        page.wait_for_timeout(300)
    assert len(seen) == len(SHAPES)
    for shape, width in {(32, 32): 448, (8, 8): 112}.items():
        box, drawn = seen[shape]
        assert drawn == "pixelated"
        assert box["width"] == width  # a multiple: all its pixels are alike
    for (width, height), (box, _) in seen.items():
        assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.02)


def test_plus_shows_a_picture_in_its_own_size_and_arrows_move_it(served, visit, shapes):
    (shapes / "0.png").rename(shapes / "aside")
    for number in range(1, 8):
        if number != 3:
            (shapes / f"{number}.png").unlink()
    page = visit(served(source=shapes, audit=0))
    page.keyboard.press("+")
    assert page.locator("#picture img").bounding_box()["width"] == 1600
    place = page.locator("#picture")
    expect(place).to_be_focused()
    middle = place.evaluate("one => one.scrollLeft")
    assert middle > 0
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert place.evaluate("one => one.scrollLeft") > middle
    page.keyboard.press("+")
    assert page.locator("#picture img").bounding_box()["width"] < 1000


@pytest.mark.parametrize(("width", "height"), PHONES)
def test_a_finger_hits_everything(served, visit, width, height):
    page = visit(
        served(QuickLearner([1] * 60), people=("ada", "bob")),
        "ada",
        width=width,
        height=height,
        has_touch=True,
        is_mobile=True,
    )
    for key in "1234":
        press(page, key)
    assert page.evaluate(SMALL_TARGETS) == []
    page.keyboard.press("g")
    page.wait_for_selector("#tiles img")
    assert page.evaluate(SMALL_TARGETS) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.evaluate(SMALL_TARGETS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(served, visit, scheme):
    page = visit(served(QuickLearner([1] * 60), until=0.1), color_scheme=scheme)
    for key in "1234222222":
        press(page, key)
    page.wait_for_timeout(600)
    assert page.evaluate(CONTRASTS) == {}
    page.keyboard.press("g")
    page.wait_for_selector("#tiles img")
    page.locator("#grid-order").select_option("doubtful")
    page.wait_for_timeout(400)
    assert page.evaluate(CONTRASTS) == {}
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.evaluate(CONTRASTS) == {}
    page.keyboard.press("Escape")
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.locator("#link")).to_be_visible()
    page.wait_for_timeout(500)  # the key's flash
    assert page.evaluate(CONTRASTS) == {}


def test_a_long_failure_is_one_line_until_it_is_unfolded(served, visit):
    learner = FakeLearner()
    learner.failed = "three deaths: " + "CUDA out of memory. " * 20
    page = visit(served(learner), width=390, height=844)
    advice = page.locator("#advice")
    expect(advice).to_contain_text("out of memory")
    assert advice.bounding_box()["height"] < 30
    page.locator("#unfold").click()
    assert advice.bounding_box()["height"] > 60
    expect(page.locator("#unfold")).to_have_attribute("aria-expanded", "true")


def test_the_suggested_one_of_many_classes_has_a_place_of_its_own(served, visit):
    names = tuple(f"species {number}" for number in range(40))
    one = served(QuickLearner([33] * 60, wrong=0.0), classes=names, audit=0)
    page = visit(one, width=320, height=568)
    press(page, "1")
    press(page, "2")
    place = page.locator("#suggestion")
    expect(place).to_contain_text("species 33")
    place.click()
    one.wait(3)
    assert one.events()[-1] == ("label", "species 33")


def test_what_was_looked_at_from_the_grid_goes_back_to_the_grid(served, visit):
    one = served(audit=0)
    page = visit(one)
    for _ in range(3):
        press(page, "1")
    one.wait(3)
    shown = caption(page)
    page.keyboard.press("g")
    tiles = page.locator("#tiles button")
    expect(tiles).to_have_count(3)
    tiles.nth(1).click()
    expect(page.locator("#caption")).to_contain_text("now zero")
    page.keyboard.press("3")
    expect(tiles.nth(1)).to_be_focused()
    expect(tiles.nth(1)).to_contain_text("two")
    tiles.nth(2).click()
    page.keyboard.press("Escape")
    expect(tiles.nth(2)).to_be_focused()
    page.keyboard.press("Escape")
    assert caption(page) == shown
    assert sorted(label.label for label in one.session.labels().values()) == ["two", "zero", "zero"]


def test_nothing_is_said_of_a_sample_that_nobody_has_seen(served, visit):
    one = served(audit=0)
    page = visit(one)
    page.wait_for_timeout(600)
    page.route("**/sample/*", lambda route: None)  # those that come are on their way for ever
    for _ in range(9):
        page.keyboard.press("1")
        page.wait_for_timeout(60)
    expect(page.locator("#picture")).to_have_class("waits")
    seen = len(one.session.events)
    page.keyboard.press("2")
    page.wait_for_timeout(300)
    assert len(one.session.events) == seen
    page.unroute_all(behavior="ignoreErrors")


def test_a_long_text_moves_by_arrow_keys_and_one_from_right_to_left_stands_right(served, visit):
    texts = ["long words " * 500, "مرحبا بالعالم", "kurz"]
    page = visit(served(texts=texts, classes=("good", "bad"), audit=0), width=390, height=844)
    seen = {}
    for _ in texts:
        page.wait_for_timeout(300)
        text = page.locator("#picture blockquote")
        before = text.evaluate("one => one.scrollTop")
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(200)
        moved = text.evaluate("one => one.scrollTop") - before
        seen[text.inner_text()[:4]] = moved, text.evaluate("one => one.matches(':dir(rtl)')")
        page.keyboard.press("1")
    assert seen == {"long": (60, False), "مرحب": (0, True), "kurz": (0, False)}
