"""Checks of what every plugin says of itself."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from types import ModuleType
from typing import Any

from alframe.contract.options import build, check_declaration
from alframe.registry.offers import KINDS, Kind
from alframe.testing.kit import CheckFailedError, CheckSkippedError, check, once
from alframe.testing.subject import Subject

PROBE = """
import importlib, importlib.util, json, sys
path, name, file, hooks = json.loads(sys.argv[1])
sys.path[:] = path
if importlib.util.find_spec(name.partition(".")[0]):
    module = importlib.import_module(name)
else:
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
imported = "torch" in sys.modules
for hook in hooks:
    getattr(module, hook)()
print("\\n" + json.dumps([imported, "torch" in sys.modules]))
"""
LISTED = ("alframe_info", "alframe_datasets", "alframe_models", "alframe_presets")


@check("plugin")
def imports_without_torch(subject: Subject) -> None:
    """Importing the module does not import torch: listings and ``--help`` are instant."""
    if _torch_after(subject)[0]:
        raise CheckFailedError(
            "importing the module imports torch; import it inside the hooks, and the names of alframe that "
            "need it (Embeddings, Dataset, Classifier, ...); for annotations under `if TYPE_CHECKING:`"
        )


@check("plugin", after=("imports_without_torch",))
def lists_without_torch(subject: Subject) -> None:
    """Describing itself and listing data sets, networks and presets does not import torch."""
    if _torch_after(subject)[1]:
        raise CheckFailedError(
            f"calling {', '.join(hook for hook in LISTED if hook in subject.plugin.hooks)} imports torch; "
            "import it inside `load` and `build`"
        )


@once
def _torch_after(subject: Subject) -> tuple[bool, bool]:
    """Whether torch is there after the import, and after the listings, in a process of its own."""
    module = subject.plugin.module
    if not isinstance(module, ModuleType):
        raise CheckSkippedError("the plugin is an object, not a module that is imported")
    hooks = [hook for hook in LISTED if hook in subject.plugin.hooks]
    arguments = json.dumps([sys.path, module.__name__, getattr(module, "__file__", None), hooks])
    done = subprocess.run([sys.executable, "-c", PROBE, arguments], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CheckFailedError(f"in a fresh process the module can't be imported and listed: {last}")
    imported, listed = json.loads(done.stdout.splitlines()[-1])
    return imported, listed


@check("plugin")
def says_what_it_offers(subject: Subject) -> None:
    """What it offers can be listed, and the stages that it borrows are there."""
    _described(subject)
    if subject.plugin.info.uses:
        _ = subject.pipeline  # a lender that is missing, or has no such stage, is an error of the engine


@check("plugin", after=("says_what_it_offers",))
def has_summaries(subject: Subject) -> None:
    """It and all that it offers have a summary of one line, for listings."""
    for what, info in _described(subject):
        if not info.summary.strip() or "\n" in info.summary.strip():
            raise CheckFailedError(
                f"{what} needs a summary of one line, got {info.summary!r}; a plugin's is the first "
                "line of its docstring, or what alframe_info returns: PluginInfo(summary=...)"
            )


@check("plugin", after=("says_what_it_offers",))
def options_have_defaults_and_help(subject: Subject) -> None:
    """Every option has a default that it accepts, and a help; also of data sets and networks."""
    for what, info in _described(subject):
        if hasattr(info, "options"):
            _check_options(what, info.options)


def _check_options(what: str, options_type: Any) -> None:
    check_declaration(options_type)
    for field in dataclasses.fields(options_type):
        if not field.metadata["help"].strip():
            raise CheckFailedError(f"{what}: option {field.name} has an empty help")
    values = dataclasses.asdict(options_type())
    # A configuration that is written down and read again is the same, and so are texts after -o.
    for form in (values, {key: _as_text(value) for key, value in values.items()}):
        again = build(options_type, form, what)
        if dataclasses.asdict(again) != values:
            raise CheckFailedError(f"{what}: the defaults {values} are read as {dataclasses.asdict(again)}")


def _as_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _described(subject: Subject) -> list[tuple[str, Any]]:
    """The plugin and all its offers, with what they are called in messages."""
    found: list[tuple[str, Any]] = [(f"plugin {subject.plugin.name!r}", subject.plugin.info)]
    for kind in KINDS:
        found += [(f"{kind.name} {name!r}", info) for name, info in offers(subject, kind).items()]
    return found


def offers(subject: Subject, kind: Kind[Any]) -> dict[str, Any]:
    """What the plugin offers of a kind, by name; a failure where it can't say."""
    for name, _, problem in subject.registry.problems():
        if name == subject.plugin.name and kind.hook in problem:
            raise CheckFailedError(problem)
    return {
        offer.name: offer.value
        for offer in subject.registry.offers.of(kind)
        if offer.plugin.key == subject.plugin.key
    }
