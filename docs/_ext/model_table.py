"""Writes the table of docs/guide/my-model.md: which strategy works with what one has, as real calls say.

Run it when a strategy has come or needs something else: ``python docs/_ext/model_table.py``.
"""

from __future__ import annotations

import re
import string
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "my-model.md"
BEGIN, END = "<!-- made by `python docs/_ext/model_table.py` -->", "<!-- end of what it made -->"
COLUMNS = {  # heading: what it stands for in tests/what_one_has.py, whose first gives the lines
    "`features=`": ["features"],
    "`probs=`": ["probs", "logits"],
    "`T` x `probs=`": ["probs of members"],
    "`probs=`, `features=`": ["features, probs"],
    "any model": ["features, boosted trees"],
    "forest": ["features, forest"],
    "linear": ["features, linear model", "features, (W, b)", "texts, linear pipeline"],
}
GIVEN = r"(?<=of |nd )(?:probs|logits|[A-Z]\w+(?:Classifier|Regression))(?= (?:is|has) )"


def answers() -> dict[str, dict[str, str]]:
    """What each strategy says to each thing that one may have."""
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        import what_one_has
    finally:
        sys.path.pop(0)
    return what_one_has.answers()


def table() -> str:
    """The table, and below it what the refusals say, each once."""
    marks: dict[str, str] = {}
    lines = [f"| strategy | {' | '.join(COLUMNS)} |", "|---" * (1 + len(COLUMNS)) + "|"]
    for name, said in answers().items():
        cells = []
        for heading, kinds in COLUMNS.items():
            assert len({said[kind] == "ok" for kind in kinds}) == 1, f"{name}, {heading}: not one column"
            text = re.sub(GIVEN, "GIVEN", said[kinds[0]].replace(name, "NAME"))
            cells.append(text if text == "ok" else marks.setdefault(text, string.ascii_lowercase[len(marks)]))
        lines.append(f"| [{name}](../strategies/{name}.md) | {' | '.join(cells)} |")
    notes = [f"| {mark} | {text} |" for text, mark in marks.items()]
    return "\n".join([*lines, "", "| | the line says |", "|---|---|", *notes])


def page() -> str:
    """The whole page, its table made anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page())
