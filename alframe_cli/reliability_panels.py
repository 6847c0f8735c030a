"""The reliability diagram on the page: numbers for a drawing, a panel a strategy, 100 units wide and high."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alframe.comparison.calibration import Calibration, ReliabilityBin
from alframe.records.rounds import BINS
from alframe_cli.palette import Look

FEW = 10  # samples of a bin below which its accuracy says little
TALL = 26  # units of the highest bar


def reliability_panels(found: Mapping[str, Calibration], looks: Mapping[str, Look]) -> list[dict[str, Any]]:
    """What the page draws of each strategy; downwards is positive, as in SVG.

    Args:
        found: by strategy.
        looks: how each is drawn.
    """
    shares = {name: [row.samples / one.samples for row in one.bins] for name, one in found.items()}
    most = max((share for of in shares.values() for share in of), default=1.0)
    panels = []
    for name, one in found.items():
        many, few = parted(one.bins)
        line = [_point(row) for row in many]
        diagonal = [(x, round(100 - x, 2)) for x, _ in reversed(line)]
        rows = zip(one.bins, shares[name], strict=True)
        panels.append(
            {
                "name": name,
                "colour": looks[name].colour,
                "words": f"{name}: calibration error {one.ece.mean:.3f}, Brier score {one.brier.mean:.3f}",
                "line": _joined(line),
                "gap": _joined([*line, *diagonal]),
                "many": line,
                "few": [_point(row) for row in few],
                "bars": [(round(100 * row.number / BINS, 2), round(TALL * s / most, 2)) for row, s in rows],
            }
        )
    return panels


def parted(bins: Iterable[ReliabilityBin]) -> tuple[list[ReliabilityBin], list[ReliabilityBin]]:
    """The bins of many samples, which a line joins, and those of `FEW`."""
    bins = list(bins)
    return [row for row in bins if row.samples >= FEW], [row for row in bins if row.samples < FEW]


def _point(row: ReliabilityBin) -> tuple[float, float]:
    return round(100 * row.confidence, 2), round(100 - 100 * row.accuracy, 2)


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
