"""The Python of docs/ runs, its modules are plugins that work, and the output it shows is what is printed."""

import contextlib
import itertools
import re
import textwrap
import types
from pathlib import Path

import pytest
import torch

import alframe
from alframe.registry.registry import installed
from alframe.testing import CHECKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# tests/test_docs.py, test_hooks.py, test_cli_page.py, test_my_model.py
ELSEWHERE = {"plugins", "plugin-reference", "kit", "hooks", "cli", "my-model"}


@pytest.fixture
def run_page(tmp_path, monkeypatch, blocks, install_page):
    """Installs a page's modules and runs the rest of its Python as one program."""
    monkeypatch.chdir(tmp_path)

    def run(page):
        modules = install_page(page)
        program = types.ModuleType("page")
        for block in blocks(page):
            if block.language == "python" and block.text not in modules.values():
                exec(compile(block.text, str(page), "exec"), program.__dict__)
        return program

    return run


def test_python_runs(page, run_page):
    if page.stem not in ELSEWHERE:
        run_page(page)


@pytest.mark.parametrize("name", ["network", "trainer", "stages", "asking"])
def test_the_commands_of_a_how_to_run(
    name, tmp_path, monkeypatch, blocks, install_page, alframe_command, small
):
    page = DOCS / "howto" / f"{name}.md"
    monkeypatch.chdir(tmp_path)
    modules = install_page(page)
    assert modules
    assert not [plugin.problem for plugin in installed().plugins if plugin.problem]
    shown = [block.text.splitlines() for block in blocks(page) if block.language == "sh"]
    runs = [line.split()[1:] for lines in shown for line in lines if line.startswith("alframe run")]
    for arguments in runs:
        alframe_command(*arguments, *small)
    assert len(list(tmp_path.glob("runs/digits/*/*/seed-1/rounds.jsonl"))) >= len(runs)


def test_your_own_data_can_be_queried(run_page):
    program = run_page(DOCS / "guide" / "data.md")
    assert len(program.learner.labelled) == 60
    assert len(program.result.indices.unique()) == 20
    assert alframe.load_dataset("npz:mine.npz").num_classes == 3


@pytest.mark.parametrize("name", ["network", "trainer", "asking"])
def test_the_learner_of_a_how_to_has_learned(name, run_page):
    assert run_page(DOCS / "howto" / f"{name}.md").learner.evaluate().accuracy > 0.6


def test_focal_loss_without_focus_is_cross_entropy(toy, install_page):
    install_page(DOCS / "howto" / "trainer.md")

    def losses(stages, options):
        recipe = alframe.Recipe(epochs=3)
        learner = alframe.ActiveLearner(
            toy, "mlp", "random", stages=stages, options=options, recipe=recipe, device="cpu"
        )
        return learner.fit().loss

    stages = {"train": "focal"}
    default = alframe.ActiveLearner(toy, "mlp", "random", recipe=alframe.Recipe(epochs=3), device="cpu")
    plain = default.fit().loss
    assert losses(stages, {"focal": {"gamma": 0}}) == pytest.approx(plain, rel=0.2)
    assert losses(stages, {"focal": {"gamma": 5}}) < 0.5 * plain


def test_prototypes_are_the_nearest_class_mean(toy, install_page):
    install_page(DOCS / "howto" / "trainer.md")
    body = torch.nn.Identity()
    model = alframe.Classifier(body, torch.nn.Linear(6, 3))
    learner = alframe.ActiveLearner(toy, model, "random", stages={"train": "prototypes"}, device="cpu")
    learner.fit()
    means = torch.stack([toy.inputs[toy.targets == c].mean(dim=0) for c in range(3)])
    nearest = torch.cdist(toy.test_inputs, means).argmin(dim=1)
    with torch.no_grad():
        assert torch.equal(learner.model(toy.test_inputs).argmax(dim=1), nearest)


def test_a_borrowed_strategy_is_what_the_flags_make(install_page):
    install_page(DOCS / "howto" / "stages.md")
    features, head = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)), (torch.eye(4), None)
    one = alframe.query("divergence", features=features, head=head, n=5, device="cpu")
    stages = {"embed": "cdal", "select": "badge"}
    other = alframe.query("random", features=features, head=head, n=5, stages=stages, device="cpu")
    assert one.indices.tolist() == other.indices.tolist()


def test_the_tutorials_module_is_what_new_plugin_writes(tmp_path, blocks, alframe_command):
    alframe_command("new-plugin", "mine", "--out", str(tmp_path))
    written = (tmp_path / "alframe-strategy-mine" / "alframe_strategy_mine.py").read_text()
    assert written in [block.text for block in blocks(DOCS / "plugins.md")]


def test_the_kits_page_and_the_tutorials_package(blocks, install_page):
    """The Python of the one runs on the plugin of the other, which passes."""
    assert "alframe_strategy_mine" in install_page(DOCS / "plugins.md")
    suite, plugin = [types.ModuleType("suite"), types.ModuleType("plugin")]
    codes = [block.text for block in blocks(DOCS / "kit.md") if block.language == "python"]
    for module, code in zip((suite, plugin), codes, strict=True):
        exec(compile(code, "kit.md", "exec"), module.__dict__)
    assert set(plugin.alframe_info().expected_failures) <= set(CHECKS)
    (mark,) = suite.test_conforms.pytestmark
    assert len(mark.args[1]) > 20
    for parameter in mark.args[1]:
        with contextlib.suppress(pytest.skip.Exception):
            suite.test_conforms(*parameter.values)


def stable(text):
    """Words of an output: no rules, and no hash of a setting."""
    words = re.sub(r"[─,|]+", " ", text).split()
    return [re.sub(r"-[0-9a-f]{8}$", "", word) for word in words]


def agree(shown, printed):
    """Whether two outputs are the same but for numbers with fractions, which vary by a tenth."""
    head, _, _ = shown.partition("\n...")
    wanted, got = stable(head), stable(printed)
    if len(got) < len(wanted) or (not shown.rstrip().endswith("...") and len(got) > len(wanted)):
        return False
    return all(_same(a, b) for a, b in zip(wanted, got, strict=False))


def _same(a, b):
    both = [re.fullmatch(r"-?\d+\.\d+", word) for word in (a, b)]
    return abs(float(a) - float(b)) <= 0.1 if all(both) else a == b


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a 0.91 x-0123abcd", "a  0.95\nx-ffffffff", True),
        ("a 0.91", "a 0.5", False),
        ("a 3", "a 4", False),
        ("a b", "a b c", False),
        ("a\n...\n", "a b c", True),
        ("a b c\n...\n", "a b", False),
    ],
)
def test_what_counts_as_the_same(shown, printed, same):
    assert agree(shown, printed) == same


def test_outputs_are_current(tmp_path, monkeypatch, blocks, alframe_command):
    """Those of the guide's first run, and of what compare says of it."""
    monkeypatch.chdir(tmp_path)
    first, *others = [DOCS / "guide" / f"{name}.md" for name in ("first-run", "comparing")]
    checked = 0
    for page in (first, *others):
        found = blocks(page)
        for before, block in itertools.pairwise(found):
            if block.language == "text":
                assert before.language == "sh"
                printed = alframe_command(*before.text.split()[1:])
                assert agree(block.text, printed), printed
                checked += 1
    everywhere = [
        block for page in DOCS.rglob("*.md") for block in blocks(page) if page.stem not in ELSEWHERE
    ]
    assert checked == sum(block.language == "text" for block in everywhere)


@pytest.mark.slow
def test_the_first_output_is_current(tmp_path, monkeypatch, alframe_command):
    """The whole of it on the page of installing, its beginning in README."""
    monkeypatch.chdir(tmp_path)
    pages = [page.read_text() for page in (ROOT / "README.md", DOCS / "guide" / "install.md")]
    begin, whole = [re.search(r"and prints\n\n(.*?)\n\n(?=\S)", page, re.DOTALL)[1] for page in pages]
    printed = alframe_command("run", "--strategy", "alfamix")
    assert agree(whole, printed), printed
    assert agree(textwrap.dedent(begin), printed), printed
    assert "..." not in whole
