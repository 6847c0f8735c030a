"""docs/guide/my-model.md: each example runs by itself with its library; the table is what queries say."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "my-model.md"
PROGRAM = "docs/_ext/model_table.py"
SLOW = {"skorch", "modAL", "skactiveml"}  # what takes seconds to import
PARTS = re.findall(r"^(#+ .*?)$|^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def examples():
    """Each block of Python, called by its heading and a number."""
    found, heading = {}, ""
    for title, code in PARTS:
        if code:
            found[f"{heading}, {1 + sum(name.startswith(heading) for name in found)}"] = code
        heading = title.lstrip("# ") or heading
    return found


def imported(code):
    """The packages that an example imports."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.partition(".")[0])
    return names


def marked(name, code):
    return pytest.param(code, id=name, marks=[pytest.mark.slow] if imported(code) & SLOW else [])


@pytest.mark.parametrize("code", [marked(*one) for one in examples().items()])
def test_an_example_runs_by_itself(code, tmp_path, monkeypatch):
    for name in imported(code):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(PAGE), "exec"), {"__name__": "example"})


def test_the_promised_models_have_an_example():
    codes = examples()
    assert len(next(iter(codes.values())).splitlines()) <= 9  # the first one: three imports, five lines
    together = set().union(*map(imported, codes.values()))
    assert {"sklearn", "xgboost", "lightgbm", "skorch", "torch", "numpy", "pandas"} <= together


@pytest.mark.slow
def test_the_table_is_what_queries_say():
    spec = importlib.util.spec_from_file_location("model_table", ROOT / PROGRAM)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    current = PAGE.read_text() == program.page()
    assert current, (
        f"a strategy has come, or a refusal has changed: run `python {PROGRAM}` and commit the page"
    )
