"""Makes the picture of docs/guide/tour.md: the comparison page of the demo's runs.

``python docs/_ext/tour_picture.py alframe-demo/comparison.html`` needs playwright and a Chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FIGURE = Path(__file__).parents[1] / "figures" / "tour-page.png"
WIDTH, HEIGHT = 1120, 840


def draw(page: Path) -> None:
    """Writes what a browser shows of a page at first."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        view.goto(page.absolute().as_uri())
        view.screenshot(path=str(FIGURE))
        browser.close()


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
