"""What runs were made with: their configuration and environment, read back and held against each other."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from alframe.records.reading import Unusable, read_table
from alframe.records.tree import SettingRuns


@dataclasses.dataclass(frozen=True)
class Fact:
    """One entry of the files of all trials of a setting.

    Attributes:
        name: ``section.key``.
        value: what the trials say, several answers separated by " | "; None where strategies differ.
        by_strategy: where they do, what each strategy's say.
    """

    name: str
    value: str | None
    by_strategy: Mapping[str, str]


def configuration(setting: SettingRuns) -> tuple[list[Fact], list[str]]:
    """What the ``config.toml`` of a setting's trials say, and a note on each that can't be read."""
    return _facts(setting, "config.toml")


def environment(setting: SettingRuns) -> tuple[list[Fact], list[str]]:
    """What the ``environment.json`` of a setting's trials say, and a note on each that can't be read."""
    return _facts(setting, "environment.json")


def _facts(setting: SettingRuns, name: str) -> tuple[list[Fact], list[str]]:
    said: dict[str, dict[str, dict[str, None]]] = {}  # by entry, then by strategy, answers in order
    notes = []
    for (strategy, _), file in setting.files(name).items():
        try:
            content = dict(_flat(_known(read_table(file))))
        except (FileNotFoundError, Unusable, RecursionError) as error:
            reason = error if isinstance(error, Unusable) else "it is damaged or cut off"
            notes.append(f"{file} can't be read: {reason}")
            continue
        for key, value in content.items():
            said.setdefault(_printable(key), {}).setdefault(strategy, {})[_printable(value)] = None
    return [_fact(key, answers) for key, answers in said.items()], notes


def _fact(name: str, answers: Mapping[str, Mapping[str, None]]) -> Fact:
    by_strategy = {strategy: " | ".join(values) for strategy, values in answers.items()}
    different = set(by_strategy.values())
    return Fact(name, different.pop(), {}) if len(different) == 1 else Fact(name, None, by_strategy)


def _printable(text: str) -> str:
    """JSON can hold half a character, which no output can."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _known(content: dict[str, Any]) -> dict[str, Any]:
    """Without what is another for each trial, and is looked at where the trials are read."""
    return {name: value for name, value in content.items() if name not in ("trial", "network")}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif key == "command" and isinstance(value, list):
            yield f"{prefix}{key}", shlex.join(map(str, value))
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value))
        else:
            text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
            yield f"{prefix}{key}", text
