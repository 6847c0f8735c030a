"""What runs were made with: their configuration and environment, read back and held against each other."""

from __future__ import annotations

import dataclasses
import json
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
            content = dict(_flat(_read(file)))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged or cut off"
            notes.append(f"{file} can't be read: {reason}")
            continue
        for key, value in content.items():
            said.setdefault(key, {}).setdefault(strategy, {})[value] = None
    return [_fact(key, answers) for key, answers in said.items()], notes


def _fact(name: str, answers: Mapping[str, Mapping[str, None]]) -> Fact:
    by_strategy = {strategy: " | ".join(values) for strategy, values in answers.items()}
    different = set(by_strategy.values())
    return Fact(name, different.pop(), {}) if len(different) == 1 else Fact(name, None, by_strategy)


def _read(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    content = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("no table")
    return content


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif key == "command" and isinstance(value, list):
            yield f"{prefix}{key}", shlex.join(map(str, value))
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value))
        else:
            yield (
                f"{prefix}{key}",
                json.dumps(value) if value is None or isinstance(value, bool) else str(value),
            )
