"""Flags that stand for keys of a configuration, and a help that shows flags in groups.

Name, help and default of such a flag come from the option itself, so they are said once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import click

from alframe.contract.options import written
from alframe.contract.sections import SECTIONS

Decorator = Callable[[Any], Any]
FIRST_COLUMN = 26  # columns at most; the help of a longer flag begins below it


class KeyFlag(click.Option):
    """An option of click that knows which key it stands for, as ``run.rounds``."""

    def __init__(self, *args: Any, key: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key


class GroupedCommand(click.Command):
    """A command whose help has a section a group of flags; ``--help`` is in the last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections, with the texts of all below one another."""
        groups: dict[str, list[tuple[str, str]]] = {}
        title = "Options"
        for param in self.get_params(ctx):
            title = getattr(param, "group", title)
            if record := param.get_help_record(ctx):
                groups.setdefault(title, []).append(record)
        flags = [flag for rows in groups.values() for flag, _ in rows]
        width = max(len(flag) for flag in flags if len(flag) <= FIRST_COLUMN)
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(flag.ljust(width), text) for flag, text in rows], col_max=width)


def group(title: str, *flags: Decorator) -> Decorator:
    """Several flags, which the help shows below a title in this order."""

    def decorate(command: Any) -> Any:
        for flag in reversed(flags):
            known = len(getattr(command, "__click_params__", ()))
            command = flag(command)
            for param in command.__click_params__[known:]:
                param.group = title
        return command

    return decorate


def key_flag(key: str, name: str = "", **attributes: Any) -> Decorator:
    """The flag of a key, which is None where the user does not give it.

    Args:
        key: as ``run.rounds``.
        name: where it is not the key's own.
        attributes: as `click.option` takes them.
    """
    field = _field(key)
    default = "" if field.default in (None, False, ()) else f"  [default: {written(field.default)}]"
    flag = f"--{(name or field.name).replace('_', '-')}"
    attributes = {"default": None, "help": help_of(key) + default} | attributes
    return click.option(flag, cls=KeyFlag, key=key, **attributes)


def keys_of(command: click.Command) -> dict[str, str]:
    """The keys that the flags of a command stand for, by the name of the flag's parameter."""
    return {str(flag.name): flag.key for flag in command.params if isinstance(flag, KeyFlag)}


def help_of(key: str) -> str:
    """An option's help as a sentence."""
    text: str = _field(key).metadata["help"]
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def default_of(key: str) -> Any:
    """An option's default."""
    return _field(key).default


def _field(key: str) -> dataclasses.Field[Any]:
    section, _, name = key.partition(".")
    return {field.name: field for field in dataclasses.fields(SECTIONS[section])}[name]
