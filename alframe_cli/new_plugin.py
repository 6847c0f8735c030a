"""``new-plugin NAME``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from alframe_cli.plain_text import echo

KINDS = ("strategy", "dataset", "model", "trainer", "events")


@click.command()
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(KINDS), default="strategy", show_default=True, help="What the plugin is."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=".",
    help="Where the package's folder is made.  [default: here]",
)
def new_plugin(name: str, kind: str, out: Path) -> None:
    """Make a package for a plugin called NAME: it installs, runs and passes its tests as it is.

    \b
    alframe new-plugin gini
    alframe new-plugin two-moons --kind dataset --out plugins
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.registry.registry import installed
    from alframe.scaffold.package import create

    package = create(name, kind, out, installed())
    folder = shlex.quote(str(package.folder))
    editable = shlex.quote(f"{package.folder}[test]")
    echo(f"{package.folder}: {package.description.lower()} that works. Make it yours, and")
    echo(f"    pip install -e {editable}")
    echo(f"    {package.command}")
    echo(f"    pytest {folder}")
