"""Makes the pictures of docs/guide/label.md: scikit-learn's digits on the page, labelled by a program.

``python docs/_ext/label_pictures.py`` needs playwright and a Chromium on this machine.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
FIGURES = ROOT / "docs" / "figures"
SAMPLES, LABELS, PAUSE = 400, 150, 0.12
WIDTH, HEIGHT = 1120, 700


def serve(folder: Path) -> tuple[Any, Any, str, list[int]]:
    """A session of digits with a learner that knows most answers, its server in a thread, the address."""
    from alframe.labelling.server import make_app
    from alframe.labelling.serving import take_place
    from alframe.labelling.session import Session
    from alframe.labelling.settings import SessionSettings
    from label_doubles import QuickLearner, write_digits

    targets = write_digits(folder / "digits", SAMPLES)
    for file in (folder / "digits").iterdir():
        with Image.open(file) as image:
            image.resize((32, 32), Image.Resampling.BICUBIC).save(file)
    settings = SessionSettings(source="digits", classes=tuple("0123456789"), audit=40)
    session = Session.create(folder / "digits", folder / "digits.alframe", settings)
    place = take_place(session.folder, ("me",), "127.0.0.1", 0, False)
    app = make_app(session, QuickLearner(targets, learns=60), place.tokens, place.hosts)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1))
    threading.Thread(target=server.run, args=([place.socket],)).start()
    return server, app, place.addresses()["me"], targets


def label(page: Page, targets: list[int]) -> None:
    """Presses the keys."""
    for _ in range(LABELS):
        number = int(str(page.locator("#caption").text_content())[:4])
        key = page.locator("#classes kbd").nth(targets[number]).text_content()
        page.keyboard.press(str(key))
        time.sleep(PAUSE)
    page.wait_for_selector("#classes .suggested")
    time.sleep(1)


def shoot(page: Page, name: str) -> None:
    """A picture of the page, in few colours."""
    file = FIGURES / f"{name}.png"
    page.screenshot(path=str(file))
    Image.open(file).convert("RGB").quantize(232, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Makes the pictures."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        server, app, address, targets = serve(Path(folder))
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(address)
        page.wait_for_selector("#picture img")
        label(page, targets)
        shoot(page, "label-page-light")
        page.emulate_media(color_scheme="dark")
        page.keyboard.press("g")
        page.locator("#grid-order").select_option("doubtful")
        page.wait_for_selector("#tiles img")
        time.sleep(3)
        shoot(page, "label-grid-dark")
        page.context.close()
        phone = browser.new_page(
            viewport={"width": 390, "height": 760}, color_scheme="dark", has_touch=True, is_mobile=True
        )
        phone.goto(address)
        phone.wait_for_selector("#classes .suggested")
        time.sleep(1)
        shoot(phone, "label-phone-dark")
        browser.close()
        app.state.desk.news.close()
        server.should_exit = True


if __name__ == "__main__":
    main()
