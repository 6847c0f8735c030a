"""docs/figures: small, used, and readable by who can't see them."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
FIGURES = sorted((ROOT / "docs" / "figures").iterdir())
TEXT = {page: page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]}
SHOWN = [(page, *shown) for page, text in TEXT.items() for shown in re.findall(r"!\[(.*?)\]\((.+?)\)", text)]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda path: path.name)
def test_a_figure_is_small_and_shown(figure):
    assert figure.stat().st_size < 200_000
    assert figure in [(page.parent / target).resolve() for page, _, target in SHOWN]
    if figure.suffix == ".svg":
        root = ElementTree.parse(figure).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        fills = [(element.get("style") or "") + (element.get("fill") or "") for element in root.iter()]
        assert [fill for fill in fills if "#ffffff" in fill], "a figure brings its white ground along"


def test_every_figure_is_told_in_words():
    assert SHOWN
    assert [told for _, told, _ in SHOWN if len(told) < 20] == []
