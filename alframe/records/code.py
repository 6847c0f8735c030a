"""What ``environment.json`` says of the plugins' code, whatever else stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Facts = dict[str, dict[str, str | None]]  # by plugin: version, hash of the code, file


def code_of(environment: Mapping[str, Any]) -> dict[str, Any]:
    """``plugins``, and ``earlier`` where code has changed on the way, as far as they are what alframe writes.

    Args:
        environment: the content of a file that anybody may have edited.
    """
    earlier = environment.get("earlier")
    kept = [
        {"rounds": one["rounds"], "plugins": _plugins(one.get("plugins"))}
        for one in (earlier if isinstance(earlier, list) else [])
        if isinstance(one, dict) and type(one.get("rounds")) is int
    ]
    return {"plugins": _plugins(environment.get("plugins"))} | ({"earlier": kept} if kept else {})


def _plugins(value: Any) -> Facts:
    return {
        key: {name: fact for name, fact in facts.items() if fact is None or isinstance(fact, str)}
        for key, facts in (value.items() if isinstance(value, dict) else ())
        if isinstance(facts, dict)
    }
