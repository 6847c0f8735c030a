"""docs/strategies has a page for every built-in strategy; the page of traps names tests that are there."""

import re
from pathlib import Path

from alframe.contract.options import describe

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SECTIONS = ["What it does", "Formula", "Cost", "When to use it", "Known traps"]


def test_every_built_in_strategy_has_a_page_and_the_other_way_round(registry):
    built_in = {plugin.name for plugin in registry.strategies if plugin.distribution == "alframe"}
    assert {path.stem for path in (DOCS / "strategies").glob("*.md")} == {*built_in, "index"}


def test_every_page_says_the_same_things(strategy_page):
    text = strategy_page.read_text()
    assert text.startswith(f"# {strategy_page.stem}: ")
    assert f"```{{strategy}} {strategy_page.stem}\n```" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert re.search(r"^\$\$\n.+?^\$\$$", text, re.MULTILINE | re.DOTALL)


def test_every_trap_names_a_test_that_is_there():
    traps = (DOCS / "traps.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", traps)
    for path, test in named:
        assert re.search(rf"^\s*def {test}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path}::{test}"
    paragraphs = [part for part in traps.split("\n\n") if part.startswith("**")]
    assert len(paragraphs) > 30
    assert not [part for part in paragraphs if "`tests/" not in part]


def test_an_option_that_a_page_speaks_of_is_there(strategy_page, registry):
    """`name=value` and `name.option` in the text."""
    text = strategy_page.read_text()
    plugin = registry.plugin(strategy_page.stem)
    options = {field.name for field in describe(plugin.info.options)}
    assert set(re.findall(rf"`{plugin.name}\.(\w+)`", text)) <= options
    assert set(re.findall(r"`(\w+)=\w+`", text)) <= options
