"""The page of ``alframe label`` as a person has it: headless Chromium, keys, two people, no connection."""

import re
import wave

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from alframe import SourceContent, SourceInfo, SourceItem  # noqa: E402
from alframe.registry.registry import installed  # noqa: E402
from label_doubles import FakeLearner, QuickLearner  # noqa: E402
from label_pages import NAMES, caption, in_chromium, press  # noqa: E402

pytestmark = in_chromium
expect = playwright.expect


def test_thirty_digits_by_keys(served, visit):
    one = served()
    page = visit(one)
    assert page.url.endswith("/")  # the token is not in the address any more
    pressed = []
    for number in range(30):
        pressed.append(NAMES[number % 4])
        press(page, str(number % 4 + 1))
    one.wait(30)
    assert [label for _, label in one.events()] == pressed
    expect(page.locator("#line")).to_contain_text("30 of 60 labelled")
    assert len({event.sample for event in one.session.events}) == 30
    assert all(0 <= event.seconds < 60 for event in one.session.events)
    assert page.locator("#recent li").count() == 12


def test_undo_goes_back_sample_by_sample(served, visit):
    one = served()
    page = visit(one)
    first = caption(page)
    press(page, "1")
    second = caption(page)
    press(page, "2")
    one.wait(2)
    press(page, "z")
    assert caption(page).startswith(second)
    press(page, "z")
    assert caption(page).startswith(first)
    one.wait(0)
    press(page, "4")
    assert caption(page).startswith(second)  # what was taken off the screen is next
    one.wait(1)
    assert one.events() == [
        ("label", "zero"),
        ("label", "one"),
        ("undo", None),
        ("undo", None),
        ("label", "three"),
    ]


def test_undo_after_a_reload_shows_the_last_one_again(served, visit):
    one = served()
    page = visit(one)
    first = caption(page)
    press(page, "1")
    one.wait(1)
    page.reload()
    page.wait_for_selector("#recent li")
    page.keyboard.press("z")
    expect(page.locator("#caption")).to_have_text(first)
    one.wait(0)


def test_a_reload_shows_the_same_sample(served, visit):
    one = served()
    page = visit(one)
    press(page, "1")
    one.wait(1)
    shown = caption(page)
    page.reload()
    expect(page.locator("#caption")).to_have_text(shown)


def test_skip_unsure_and_held_keys(served, visit):
    one = served()
    page = visit(one)
    press(page, "Space")
    press(page, "u")
    page.keyboard.down("1")
    page.keyboard.down("1")  # a key that is held repeats
    page.keyboard.down("1")
    page.keyboard.up("1")
    one.wait(1)
    page.wait_for_timeout(300)
    assert [event for event, _ in one.events()] == ["skip", "unsure", "label"]


def test_a_new_class_gets_a_key(served, visit):
    one = served()
    page = visit(one)
    page.keyboard.press("n")
    page.keyboard.type("four")
    page.keyboard.press("Enter")
    button = page.locator("#classes button", has_text="four")
    expect(button).to_have_attribute("aria-keyshortcuts", "5")
    expect(page.locator("#new-class")).not_to_be_visible()
    press(page, "5")
    one.wait(1)
    assert one.events() == [("class-add", "four"), ("label", "four")]
    page.keyboard.press("n")
    page.keyboard.type("four")
    page.keyboard.press("Enter")
    assert "already" in page.locator("#new-error").inner_text()
    page.keyboard.press("Escape")


def test_classes_are_found_by_name(served, visit):
    one = served(classes=tuple(f"species {number}" for number in range(40)))
    page = visit(one)
    page.keyboard.press("/")
    page.keyboard.type("37")
    assert page.locator("#classes button:visible").count() == 1
    page.keyboard.press("Enter")
    one.wait(1)
    assert one.events() == [("label", "species 37")]
    assert page.locator("#classes button:visible").count() == 40


def test_suggestions_are_weak_and_taken_by_enter_and_never_on_audit_samples(served, visit):
    targets = [1] * 60
    one = served(QuickLearner(targets, wrong=0.0))
    page = visit(one)
    blind = 0
    for _ in range(25):
        number = int(re.match(r"(\d+)", caption(page))[1])
        suggested = page.locator("#classes .suggested")
        if number in one.session.audit:
            expect(suggested).to_have_count(0)
            before = caption(page)
            page.keyboard.press("Enter")  # there is nothing to take
            assert caption(page) == before
            press(page, "2")
            blind += 1
        else:
            page.wait_for_selector("#classes .suggested")
            assert "0." in suggested.locator(".model").inner_text()
            assert suggested.get_attribute("data-name") == "one"
            press(page, "Enter")
    assert blind
    one.wait(25)
    audit = {one.session.samples[position].id for position in one.session.audit}
    assert {event.suggested for event in one.session.events} == {"one", None}
    assert {event.suggested for event in one.session.events if event.sample in audit} == {None}
    expect(page.locator("#line")).to_contain_text("accuracy")


def test_two_people_see_different_samples_and_settle_what_they_differ_on(served, visit):
    one = served(people=("ada", "bob"), overlap=1.0, count=20, audit=0)
    ada, bob = visit(one, "ada"), visit(one, "bob")
    assert "ada" in ada.locator("#title").inner_text()
    for _ in range(20):
        ada.keyboard.press("1")
        ada.wait_for_timeout(20)
        bob.keyboard.press("2")
        bob.wait_for_timeout(20)
    expect(ada.locator(".words")).to_contain_text("Every sample has an answer")
    expect(ada.locator("#to-settle")).to_be_visible()
    assert {event.by for event in one.session.events} == {"ada", "bob"}
    assert len(one.session.disagreements()) == 20
    ada.keyboard.press("a")
    expect(ada.locator("#caption")).to_contain_text("ada: zero")
    press(ada, "3")
    one.wait(1)
    assert one.events()[-1] == ("adjudicate", "two")


def test_two_people_without_overlap_never_get_the_same(served, visit):
    one = served(people=("ada", "bob"), count=30, audit=0)
    pages = [visit(one, "ada"), visit(one, "bob")]
    for _ in range(10):
        for page in pages:
            press(page, "1")
    one.wait(20)
    assert len({event.sample for event in one.session.events}) == 20


def test_the_grid_corrects(served, visit):
    one = served()
    page = visit(one)
    for _ in range(5):
        press(page, "1")
    one.wait(5)
    page.keyboard.press("g")
    tiles = page.locator("#tiles button")
    expect(tiles).to_have_count(5)
    expect(tiles.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("3")
    expect(tiles.nth(1)).to_contain_text("two")
    expect(tiles.nth(2)).to_be_focused()
    page.locator("#grid-class").select_option("two")
    expect(tiles).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#work")).to_be_visible()
    labels = sorted(label.label for label in one.session.labels().values())
    assert labels == ["two", "zero", "zero", "zero", "zero"]


def test_the_grid_shows_first_what_the_model_would_label_otherwise(served, visit):
    one = served(QuickLearner([1] * 60, wrong=0.0), audit=0)
    page = visit(one)
    for key in "221222":
        press(page, key)
    one.wait(6)
    page.keyboard.press("g")
    page.locator("#grid-order").select_option("doubtful")  # while the other order is still on its way
    tiles = page.locator("#tiles button")
    expect(tiles.first).to_contain_text("model: one")
    expect(tiles).to_have_count(6)
    assert "zero" in tiles.first.inner_text()


def test_a_label_is_corrected_from_those_given_last(served, visit):
    one = served()
    page = visit(one)
    first = caption(page)
    press(page, "1")
    now = caption(page)
    page.locator("#recent button").first.click()
    expect(page.locator("#caption")).to_contain_text("now zero")
    assert caption(page).startswith(first)
    press(page, "2")
    assert caption(page) == now
    one.wait(1)
    assert one.events() == [("label", "zero"), ("label", "one")]


def test_answers_without_a_connection_wait_and_are_sent(served, visit):
    one = served()
    page = visit(one)
    press(page, "1")
    one.wait(1)
    page.wait_for_timeout(500)  # the next ones are loaded
    page.context.set_offline(True)
    for key in "234":
        press(page, key)
    expect(page.locator("#link")).to_contain_text("3 answers wait")
    assert len(one.session.labels()) == 1
    stored = page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('alframe /')).length")
    assert stored == 3
    page.context.set_offline(False)
    one.wait(4)
    assert [label for _, label in one.events()] == ["zero", "one", "two", "three"]
    expect(page.locator("#link")).not_to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('alframe /')).length") == 0


def test_answers_that_waited_survive_a_closed_page(served, visit):
    one = served()
    page = visit(one)
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    press(page, "2")
    expect(page.locator("#link")).to_contain_text("1 answer waits")
    again = page.context.new_page()
    page.close()
    page.context.set_offline(False)
    again.goto(f"http://127.0.0.1:{one.place.port}/")
    one.wait(1)
    assert one.events() == [("label", "one")]


def test_it_works_by_tab_and_enter_and_says_what_it_does(served, visit):
    one = served()
    page = visit(one)
    page.locator("#classes button").nth(1).focus()
    press(page, "Enter")
    one.wait(1)
    assert one.events() == [("label", "one")]
    said = page.locator("#said")
    expect(said).to_have_attribute("aria-live", "polite")
    expect(said).to_contain_text("Saved: one")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, img, [role]')].filter(one => "
        "one.offsetParent && !(one.getAttribute('aria-label') || one.textContent.trim() "
        "|| one.alt !== undefined || one.labels?.length || one.placeholder)).length"
    )
    assert unnamed == 0


def test_single_keys_can_be_switched_off(served, visit):
    one = served()
    page = visit(one)
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert one.events() == []
    page.locator("#classes button").first.click()
    one.wait(1)


def test_texts(served, visit):
    one = served(texts=["a fine day", "<b>rain</b> & wind", "snow"], classes=("good", "bad"), audit=0)
    page = visit(one)
    seen = set()
    for _ in range(3):
        page.wait_for_selector("#picture blockquote")
        seen.add(page.locator("#picture blockquote").inner_text())
        page.keyboard.press("1")
        page.wait_for_timeout(400)
    assert seen == {"a fine day", "<b>rain</b> & wind", "snow"}
    expect(page.locator(".words")).to_contain_text("alframe label export")


def test_a_picture_that_is_broken_is_skipped_and_named(served, visit):
    one = served(count=3, audit=0)
    (tmp := one.session.folder.parent / "digits" / "0001.png").write_bytes(b"no image")
    assert tmp.exists()
    page = visit(one)
    for _ in range(2):
        page.wait_for_selector("#picture img")
        page.keyboard.press("1")
        page.wait_for_timeout(500)
    one.wait(2)
    expect(page.locator("#notice")).to_contain_text("0001.png")
    assert {event.why for event in one.session.events if event.event == "skip"} == {"unreadable"}


def test_a_failed_model_is_said_and_labelling_goes_on(served, visit):
    learner = FakeLearner()
    learner.failed = "three deaths: out of memory"
    one = served(learner)
    page = visit(one)
    expect(page.locator("#advice")).to_contain_text("out of memory")
    press(page, "1")
    one.wait(1)


def test_what_the_process_says_is_shown(served, visit):
    learner = FakeLearner()
    page = visit(served(learner))
    learner.note("the model is cnn, <b>trained</b> from nothing")
    expect(page.locator("#advice")).to_have_text("The model is cnn, <b>trained</b> from nothing.")


def test_a_newer_order_leaves_what_is_shown_and_the_next_one(served, visit):
    learner = FakeLearner()
    one = served(learner, audit=0)
    learner.answer(picks=list(range(20)))
    page = visit(one)
    page.wait_for_timeout(600)
    shown = caption(page)
    learner.answer(picks=list(range(40, 60)), version=2)
    expect(page.locator("#line")).to_contain_text("model 2")
    page.wait_for_timeout(600)
    assert caption(page) == shown
    press(page, "1")
    press(page, "1")
    assert int(caption(page)[:4]) >= 40


def test_sounds_can_be_heard_and_what_is_none_is_passed_over(served, tmp_path, visit, make_plugin):
    """Of a plugin's source; its samples are named where pictures would be drawn."""

    class Tapes:
        def __init__(self, request):
            self.folder = request.path

        def items(self):
            return [SourceItem(path.name) for path in sorted(self.folder.glob("*.wav"))]

        def content(self, name):
            return SourceContent(path=self.folder / name, media_type="audio/wav")

    info = SourceInfo("recordings", Tapes, shown_as="sounds")
    installed().register(make_plugin(alframe_labelled_sources=lambda: {"tapes": info}), "mine")
    (tmp_path / "room").mkdir()
    for number in range(3):
        with wave.open(str(tmp_path / "room" / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"\0\x10\0\xf0" * 4000)
    (tmp_path / "room" / "torn.wav").write_bytes(b"RIFF")
    one = served(source=tmp_path / "room", kind="tapes", audit=0, model="none")
    page = visit(one)
    sound = page.locator("#picture audio")
    expect(sound).to_have_attribute("src", re.compile("sample/"))
    assert sound.evaluate("sound => Math.round(sound.duration)") == 1
    for number in range(3):
        press(page, "1")
        one.wait(number + 1)
    expect(page.locator("#picture")).to_contain_text("very sample")
    page.keyboard.press("g")
    expect(page.locator("#tiles li")).to_have_count(3)
    expect(page.locator("#tiles .text").first).to_contain_text(".wav")
    assert sorted(event.event for event in one.session.events) == [
        *("label", "label", "label"),
        "skip",
    ]
