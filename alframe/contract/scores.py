"""The range of scores: what a scorer promises, what a selector needs, and whether the one suits the other.

Nothing here imports torch: listings must be fast.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from alframe.contract.options import written

# Each range lies within the one before it. A score of -inf, which means never, is in all of them.
RANGES = {"any": "of any sign", "nonnegative": "of at least 0", "unit": "from 0 to 1"}
ROUNDING = 1e-5  # above 1; nothing is below 0, for what weighs by scores can't have that


@dataclasses.dataclass(frozen=True)
class NeededScores:
    """What scores a selector needs.

    Attributes:
        range: one of `RANGES`.
        option: the option that makes it so, as ``"form=power"``; "" where it is so with all options.
    """

    range: str
    option: str = ""

    def met_by(self, promised: str) -> bool:
        """Whether a scorer's range suits.

        Args:
            promised: one of `RANGES`, or "" where the scorer does not say, and the selector will see.
        """
        return not promised or _place(promised) >= _place(self.range)


def needed_scores(declared: str | Mapping[str, str], options: Any) -> NeededScores:
    """What a selector needs with the options that it has.

    Args:
        declared: see `PluginInfo.needs_scores`.
        options: its options object.
    """
    if isinstance(declared, str):
        return NeededScores(declared)
    needed = [NeededScores(range_, option) for option, range_ in declared.items() if _is_set(option, options)]
    return max(needed, key=lambda one: _place(one.range), default=NeededScores("any"))


def in_words(declared: str | Mapping[str, str]) -> str:
    """What a selector declares that it needs, as "of at least 0 with form=power"; "" where that is nothing.

    Args:
        declared: see `PluginInfo.needs_scores`.
    """
    if isinstance(declared, str):
        return "" if declared == "any" else RANGES[declared]
    return ", ".join(f"{RANGES[range_]} with {option}" for option, range_ in declared.items())


def why_refused(selector: str, needed: NeededScores, scorer: str, promised: str, able: Sequence[str]) -> str:
    """Why a scorer's scores are not what a selector needs, and what to do; "" where they are.

    Args:
        selector: its name.
        needed: what it needs.
        scorer: its name.
        promised: the scorer's range, see `NeededScores.met_by`.
        able: names of scorers whose scores are what it needs.
    """
    if needed.met_by(promised):
        return ""
    option, instead = "", "another selector"
    if needed.option:
        option, instead = f" with {needed.option}", f"another {selector}.{needed.option.partition('=')[0]}"
    such = f"such scores, as {', '.join(able)}" if able else "such scores"
    return (
        f"{selector}{option} needs scores {RANGES[needed.range]}, and those of {scorer} are "
        f"{RANGES[promised]}: take a scorer of {such}; or {instead}"
    )


def _is_set(option: str, options: Any) -> bool:
    name, _, value = option.partition("=")
    return written(getattr(options, name)) == value


def _place(range_: str) -> int:
    return list(RANGES).index(range_)
