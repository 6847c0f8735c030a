"""Packages for plugins, made of the templates beside this file."""

from __future__ import annotations

import dataclasses
import datetime
import re
import shutil
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any

from alframe.contract.sections import SECTIONS
from alframe.errors import UsageError
from alframe.registry.offers import DATASETS, MODELS
from alframe.registry.offers import Kind as OfferKind
from alframe.registry.registry import ALL, OWN_DISTRIBUTION, Registry

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".template"  # so that no tool takes a template for what it will be
LONGEST_NAME = 30
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of plugin that there is a template for.

    Attributes:
        description: what it is, for the package's description.
        flags: of ``alframe run`` with it; ``{name}`` is its name.
        offers: the resource that its name is also the name of, or None.
    """

    description: str
    flags: str
    offers: OfferKind[Any] | None = None


KINDS = {
    "strategy": Kind("A query strategy", "--strategy {name}"),
    "dataset": Kind("A data set", "--dataset {name} --strategy margin", DATASETS),
    "model": Kind("A network", "--model {name} --strategy margin", MODELS),
    "trainer": Kind("A trainer", "--train {name} --strategy margin"),
    "events": Kind("A listener", "--strategy margin"),
}


@dataclasses.dataclass(frozen=True)
class Package:
    """A package that was made.

    Attributes:
        folder: where it is.
        description: what it is a package for.
        command: what runs it once it is installed.
    """

    folder: Path
    description: str
    command: str


def create(name: str, kind: str, out: Path, registry: Registry) -> Package:
    """Writes a complete package for a plugin: module, tests, pyproject, README, licence, workflow.

    Args:
        name: the plugin's name.
        kind: one of `KINDS`.
        out: the folder to make the package's folder in; made if need be.
        registry: the plugins that there are, whose names are taken.

    Raises:
        UsageError: the name can't be used or is taken, the folder exists, or can't be written to.
    """
    _require_free(name, kind, registry)
    distribution = f"alframe-{kind}-{name}"
    flags = KINDS[kind].flags.format(name=name)
    values = {
        "name": name,
        "title": name.replace("-", " ").capitalize(),
        "distribution": distribution,
        "module": distribution.replace("-", "_"),
        "description": KINDS[kind].description,
        "flags": flags,
        "command": f"alframe run {flags}",
        "version": metadata.version(OWN_DISTRIBUTION),
        "year": str(datetime.date.today().year),
    }
    folder = out / distribution
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        try:
            _fill(folder, kind, values)
        except BaseException:  # half a package would be in the way of a whole one
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except FileExistsError as error:
        raise UsageError(f"{error.filename} exists already; choose another name or --out") from error
    except OSError as error:
        raise UsageError(
            f"folder {folder} can't be written to: {error.strerror}; choose another with --out"
        ) from error
    return Package(folder, values["description"], values["command"])


def _fill(folder: Path, kind: str, values: dict[str, str]) -> None:
    for templates in (TEMPLATES / "common", TEMPLATES / kind):
        for template in sorted(templates.rglob(f"*{SUFFIX}")):
            where = str(template.relative_to(templates)).removesuffix(SUFFIX)
            path = folder / Template(where).substitute(values)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(template.read_text("utf-8")).substitute(values), "utf-8")


def _require_free(name: str, kind: str, registry: Registry) -> None:
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise UsageError(
            f"{name!r} is no name for a plugin; wanted lower-case letters, digits and single hyphens, "
            f"beginning with a letter, {LONGEST_NAME} at most, as in my-strategy"
        )
    if name in SECTIONS or name == ALL:
        raise UsageError(f"the name {name!r} is taken by alframe itself; choose another")
    owners = [plugin.provider for plugin in registry.named(name)]
    if what := KINDS[kind].offers:
        owners += [offer.plugin.provider for offer in registry.offers.of(what) if offer.name == name]
    if owners:
        raise UsageError(f"the name {name!r} is taken by a plugin of {owners[0]}; choose another")
