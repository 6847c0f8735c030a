"""Flags that several commands have, and what they accept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from alframe.contract.sections import MOST_TRIALS
from alframe_cli import completion
from alframe_cli.flags import Decorator, default_of, help_of, key_flag

LONGEST_RANGE = 50  # digits and more of a part of --seeds


def _load_plugins(ctx: click.Context, param: click.Parameter, paths: tuple[Path, ...]) -> None:
    from alframe.errors import AlframeError
    from alframe.registry.registry import installed

    for path in paths:
        try:
            installed().require_file(path)
        except AlframeError:
            if not ctx.resilient_parsing:  # completion completes what it can
                raise


def files_given() -> list[Path]:
    """The plugins that are files and were loaded, for another process; none where no plugin was looked up."""
    from alframe.registry.registry import installed

    return installed().files if installed.cache_info().currsize else []


plugin_files = click.option(
    "--plugin",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE.py",
    callback=_load_plugins,
    expose_value=False,
    help="A plugin that is a file, beside the installed ones; repeatable.",
)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
data_dir = click.option(
    "--data-dir",
    metavar="DIR",
    envvar="ALFRAME_DATA_DIR",
    default=default_of("data.dir"),
    show_default=True,
    help=help_of("data.dir"),
)


class NameList(click.ParamType):
    """Names separated by commas."""

    name = "a,b"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Splits."""
        names = [part.strip() for part in str(value).split(",") if part.strip()]
        if not names:
            self.fail("name at least one", param, ctx)
        return names


class SeedList(click.ParamType):
    """Numbers and ranges separated by commas: ``1,2,5-8``."""

    name = "1,2,5-8"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Expands the ranges."""
        seeds: list[int] = []
        for part in str(value).split(","):
            match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
            if not match:
                self.fail(f"{part.strip()!r} is not a seed; write numbers and ranges as 1,2,5-8", param, ctx)
            if len(part) > LONGEST_RANGE:
                self.fail(f"{part.strip()[:LONGEST_RANGE]}... is too large a seed", param, ctx)
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first:
                self.fail(f"the range {part.strip()} is empty", param, ctx)
            if (number := last - first + 1 + len(seeds)) > MOST_TRIALS:
                self.fail(f"these are {number:,} seeds; a run has at most {MOST_TRIALS:,} trials", param, ctx)
            seeds.extend(range(first, last + 1))
        return seeds


class Override(click.ParamType):
    """``section.key=value``."""

    name = "section.key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str, str]:
        """Takes it apart."""
        path, equals, text = str(value).partition("=")
        section, dot, key = path.strip().rpartition(".")
        if not (equals and dot and section and key):
            self.fail(
                f"{value!r} is not of the form section.key=value, as train.weight_decay=5e-4", param, ctx
            )
        return section, key, text.strip()


def stage_flags(*stages: str, kind: click.ParamType | None = None) -> Decorator:
    """A flag a stage, which names the plugin that serves it in the strategy's place.

    Args:
        stages: in the order of the help.
        kind: where a flag takes several names; one by default.
    """

    def decorate(command: Any) -> Any:
        for stage in reversed(stages):
            complete = completion.provider(stage, many=kind is not None)
            command = key_flag(f"stages.{stage}", type=kind, shell_complete=complete)(command)
        return command

    return decorate


def option_flags(help_: str) -> Decorator:
    """The flag ``-o section.key=value``; `by_section` makes a configuration of what it gives.

    Args:
        help_: what of the options this command takes.
    """
    return click.option(
        "-o",
        "overrides",
        shell_complete=completion.option_name,
        type=Override(),
        multiple=True,
        help=help_,
    )


def by_section(overrides: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, Any]]:
    """Sections of keys and texts, of several ``-o``; the last of a key counts."""
    sections: dict[str, dict[str, Any]] = {}
    for section, key, text in overrides:
        sections.setdefault(section, {})[key] = text
    return sections
