"""The order of the core's wings, and what of it never imports torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "alframe"

# A file imports its own wing and wings of an earlier line, never another of its own line or of a later one.
ORDER = (
    ("ops", "errors", "seeds", "notebooks", "watching"),
    ("data", "networks"),
    ("contract",),
    ("hookspecs", "records"),
    ("defaults", "comparison"),
    ("registry",),
    ("learning", "installation", "scaffold"),
    ("experiments", "labelling"),
    ("testing",),
)
ABOVE_ALL = {"__init__"}  # the public names, loaded when first used


def wing_of(path, core=CORE):
    return path.relative_to(core).with_suffix("").parts[0]


def modules_imported(path, core=CORE):
    """Every module of the core that a file imports: at its top, in a function, under TYPE_CHECKING."""

    def is_module(name):
        place = core.parent.joinpath(*name.split("."))
        return place.with_suffix(".py").exists() or (place / "__init__.py").exists()

    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: imports are absolute"
            inner = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name for name in inner if is_module(name)} or {node.module}
    return {name for name in found if name.split(".")[0] == "alframe"}


def upward(core=CORE, order=ORDER):
    """The imports that break the rule, each as text."""
    floors = {wing: floor for floor, wings in enumerate(order) for wing in wings}
    wrong = []
    for path in sorted(core.rglob("*.py")):
        own = wing_of(path, core)
        if own in ABOVE_ALL or own not in floors:
            continue
        for name in sorted(modules_imported(path, core)):
            wing = [*name.split("."), "__init__"][1]
            if wing != own and floors.get(wing, len(order)) >= floors[own]:
                wrong.append(f"{path.relative_to(core)} imports {name}")
    return wrong


def test_no_import_runs_upwards():
    assert upward() == []


@pytest.mark.parametrize(
    "line",
    [
        "import alframe.registry",
        "from alframe import registry",
        "from alframe.registry import x",
        "def f():\n    from alframe.registry import x",
        "if TYPE_CHECKING:\n    from alframe.registry import x",
        "from alframe import Dataset",
        "import alframe",
    ],
)
def test_an_import_upwards_is_seen(tmp_path, line):
    core = tmp_path / "alframe"
    core.mkdir()
    (core / "__init__.py").write_text("")
    (core / "registry.py").write_text("")
    (core / "errors.py").write_text(line + "\n")
    assert len(upward(core, (("errors",), ("registry",)))) == 1


WITHOUT_TORCH = [
    "alframe",
    "alframe.comparison.areas",
    "alframe.comparison.compare",
    "alframe.comparison.curves",
    "alframe.comparison.frames",
    "alframe.comparison.projection",
    "alframe.comparison.ranks",
    "alframe.comparison.significance",
    "alframe.comparison.verdicts",
    "alframe.contract.info",
    "alframe.contract.labelling",
    "alframe.contract.needs",
    "alframe.contract.options",
    "alframe.contract.ranges",
    "alframe.contract.recipe",
    "alframe.contract.resources",
    "alframe.contract.sections",
    "alframe.contract.stopping",
    "alframe.contract.trial",
    "alframe.data.depths",
    "alframe.data.pictures",
    "alframe.defaults",
    "alframe.experiments.comparing",
    "alframe.experiments.status",
    "alframe.experiments.task_files",
    "alframe.hookspecs",
    "alframe.installation.commit",
    "alframe.installation.data_files",
    "alframe.installation.doctor",
    "alframe.labelling.advice",
    "alframe.labelling.agreement",
    "alframe.labelling.backend",
    "alframe.labelling.checking",
    "alframe.labelling.estimates",
    "alframe.labelling.events",
    "alframe.labelling.formats.catalogue",
    "alframe.labelling.formats.coco",
    "alframe.labelling.formats.common",
    "alframe.labelling.formats.csv",
    "alframe.labelling.formats.dataset",
    "alframe.labelling.formats.imagefolder",
    "alframe.labelling.formats.jsonl",
    "alframe.labelling.formats.label_studio",
    "alframe.labelling.formats.label_studio_rows",
    "alframe.labelling.formats.label_studio_tasks",
    "alframe.labelling.formats.matching",
    "alframe.labelling.formats.offered",
    "alframe.labelling.grid",
    "alframe.labelling.guard",
    "alframe.labelling.image_files",
    "alframe.labelling.journal",
    "alframe.labelling.learner_process",
    "alframe.labelling.link",
    "alframe.labelling.live",
    "alframe.labelling.loop",
    "alframe.labelling.opening",
    "alframe.labelling.oracle",
    "alframe.labelling.own_features",
    "alframe.labelling.plugin_sources",
    "alframe.labelling.progress",
    "alframe.labelling.queue",
    "alframe.labelling.requests",
    "alframe.labelling.reservations",
    "alframe.labelling.samples",
    "alframe.labelling.server",
    "alframe.labelling.serving",
    "alframe.labelling.session",
    "alframe.labelling.settings",
    "alframe.labelling.simulate",
    "alframe.labelling.sources",
    "alframe.labelling.state",
    "alframe.labelling.table",
    "alframe.labelling.telling",
    "alframe.labelling.text_features",
    "alframe.labelling.text_rows",
    "alframe.labelling.thumbnails",
    "alframe.records.authors",
    "alframe.records.belonging",
    "alframe.records.code",
    "alframe.records.fence",
    "alframe.records.lease",
    "alframe.records.live",
    "alframe.records.locking",
    "alframe.records.origin",
    "alframe.records.progress",
    "alframe.records.provenance",
    "alframe.records.reading",
    "alframe.records.rounds",
    "alframe.records.tree",
    "alframe.registry.blame",
    "alframe.registry.listeners",
    "alframe.registry.offers",
    "alframe.registry.process",
    "alframe.registry.registry",
    "alframe.registry.streams",
    "alframe.scaffold.package",
    "alframe_cli.status",
]


def torch_is_imported_by(code):
    probe = f"import sys\n{code}\nsys.exit('torch' in sys.modules)"
    return subprocess.run([sys.executable, "-c", probe]).returncode


@pytest.fixture(scope="module")
def importing_torch():
    """Which of them import torch: none where all together do not, or else each is asked alone."""
    if torch_is_imported_by("\n".join(f"import {module}" for module in WITHOUT_TORCH)) == 0:
        return set()
    return {module for module in WITHOUT_TORCH if torch_is_imported_by(f"import {module}")}


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_a_module_imports_no_torch(module, importing_torch):
    assert module not in importing_torch


def test_discovery_imports_no_torch():
    assert torch_is_imported_by("from alframe.registry.registry import Registry; Registry()") == 0


def test_an_import_of_torch_is_seen():
    assert torch_is_imported_by("import alframe.seeds") == 1
