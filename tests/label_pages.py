"""The page of ``alframe label`` in a headless Chromium: a session, its server, the people at it."""

import re
import shutil
import threading
import time

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NAMES = ("zero", "one", "two", "three")
PATIENCE = 20_000  # milliseconds; the machine may be busy

in_chromium = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("starlette", reason="the extra label is not installed")
    pytest.importorskip("uvicorn", reason="the extra label is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Served:
    """A session and its server in a thread."""

    def __init__(self, session, learner, until=None):
        import uvicorn

        from alframe.labelling.server import make_app
        from alframe.labelling.serving import take_place

        self.session, self.learner = session, learner
        self.place = take_place(session.folder, session.settings.people, "127.0.0.1", 0, False)
        self.app = make_app(session, learner, self.place.tokens, self.place.hosts, until)
        config = uvicorn.Config(self.app, log_level="error", ws="none", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.place.socket],))
        self.thread.start()

    def stop(self):
        self.app.state.desk.news.close()
        self.server.should_exit = True
        self.thread.join()
        self.session.close()

    def events(self):
        return [(one.event, one.label) for one in self.session.events]

    def wait(self, labels):
        """Until so many samples have a label."""
        end = time.monotonic() + PATIENCE / 1000
        while len(self.session.labels()) != labels:
            assert time.monotonic() < end, f"{len(self.session.labels())} labels, expected {labels}"
            time.sleep(0.02)


@pytest.fixture
def served(chromium, tmp_path):
    """Serves digits, texts, or the pictures that are in ``source``."""
    from alframe.labelling.session import Session
    from alframe.labelling.settings import SessionSettings
    from label_doubles import write_digits

    running = []

    def serve(learner=None, count=60, texts=None, source=None, until=None, **settings):
        if texts:
            source = tmp_path / "texts.txt"
            source.write_text("\n".join(texts) + "\n")
        elif source is None:
            source = tmp_path / "digits"
            write_digits(source, count)
        settings = {"classes": NAMES, "audit": 6, "kind": "texts" if texts else "images"} | settings
        session = Session.create(
            source, tmp_path / "s.alframe", SessionSettings(source=str(source), **settings)
        )
        running.append(Served(session, learner, until))
        return running[-1]

    yield serve
    for one in running:
        one.stop()


@pytest.fixture
def visit(chromium):
    """Opens a person's page; at the end nothing was complained of and nothing came from elsewhere."""
    opened = []

    def go(served, person="me", width=1280, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.messages, page.foreign = [], []
        page.on("pageerror", lambda error: page.messages.append(str(error)))
        page.on("console", lambda message: page.messages.append(message.text))
        root = f"http://127.0.0.1:{served.place.port}/"
        page.on("request", lambda request: request.url.startswith(root) or page.foreign.append(request.url))
        page.goto(served.place.addresses()[person])
        page.wait_for_selector("#picture img, #picture blockquote, #picture audio")
        opened.append(page)
        return page

    yield go
    for page in opened:
        page.context.close()
    for page in opened:
        # The browser itself tells of a lost connection and of a file that is gone; all else is our fault.
        told = [text for text in page.messages if not re.search("ERR_INTERNET_DISCONNECTED|410", text)]
        assert told == []
        assert page.foreign == []


def caption(page):
    return page.locator("#caption").inner_text()


def press(page, key):
    """Presses a key, and waits for the next sample."""
    before = caption(page)
    page.keyboard.press(key)
    page.wait_for_function("before => document.getElementById('caption').textContent !== before", arg=before)
