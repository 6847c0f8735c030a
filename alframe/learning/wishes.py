"""What a user asks for by stage and by plugin: whether it has the form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alframe.errors import UsageError, unknown_name
from alframe.hookspecs import STAGES


def checked_stages(stages: Any) -> dict[str, str]:
    """Providers by stage; `UsageError` where they are none."""
    if not isinstance(stages, Mapping | None):
        raise UsageError(f"stages must be a dictionary, as {{'select': 'coreset'}}, got {stages!r}")
    for name in stages or {}:
        if name not in STAGES:
            raise unknown_name("stage", name, STAGES, "See `alframe show stages`.")
    return dict(stages or {})


def checked_options(options: Any) -> Mapping[str, Mapping[str, Any]]:
    """Options by plugin name; `UsageError` where they are none."""
    if not isinstance(options, Mapping | None) or not all(
        isinstance(values, Mapping) for values in (options or {}).values()
    ):
        raise UsageError(
            f"options must be a dictionary by plugin name, as {{'alfamix': {{'cap': 0.1}}}}, got {options!r}"
        )
    return options or {}
