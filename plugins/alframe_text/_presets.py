"""Protocols of active learning on texts. Nothing here imports torch."""

from __future__ import annotations

from alframe import PresetInfo

PRESETS: dict[str, PresetInfo] = {}
