"""What finished or interrupted runs show: the comparison of a folder, in Python as a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from alframe.comparison import compare as comparison
from alframe.comparison.significance import Criterion
from alframe.contract.sections import REFERENCES
from alframe.errors import UsageError, unknown_name
from alframe.records.tree import ResultsTree, read_tree
from alframe.registry.registry import Registry, installed

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("summary", "curves", "verdicts", "rounds")


def compared(
    folder: Path,
    *,
    level: str | None = None,
    strategies: Sequence[str] = (),
    reference: Sequence[str] = (),
    criterion: Criterion | None = None,
    registry: Registry | None = None,
) -> tuple[ResultsTree, comparison.Comparison]:
    """Reads the runs under a folder and compares them.

    Args:
        folder: as `read_tree` has it.
        level: likewise.
        strategies: these alone; all by default.
        reference: whom the others are held against; random and margin by default.
        criterion: when a difference counts.
        registry: knows other names of strategies; that of the installed plugins by default.

    Raises:
        UsageError: as `read_tree`, or a strategy that there are no runs of.
    """
    known = (registry or installed()).strategies
    aliases = {alias: plugin.name for plugin in known for alias in plugin.info.aliases}
    tree = read_tree(folder, level, aliases)
    strategies = [aliases.get(name, name) for name in strategies]
    reference = [aliases.get(name, name) for name in reference]
    comparison.require_strategies(tree, reference)
    settings = comparison.choose(tree, strategies) if strategies else tree.settings
    return tree, comparison.compare(settings, reference or REFERENCES, criterion or Criterion())


def compare(
    folder: str | os.PathLike[str],
    table: Literal["summary", "curves", "verdicts", "rounds"] = "summary",
    *,
    strategies: str | Sequence[str] = (),
    reference: str | Sequence[str] = (),
    level: Literal["overall", "dataset", "setting"] | None = None,
    ddof: int = 1,
    critical: float | None = None,
    holm: bool = False,
    registry: Registry | None = None,
) -> pd.DataFrame:
    """What ``alframe compare`` says of runs, as a DataFrame.

    Args:
        folder: what ``alframe run`` wrote, all of it or a data set's or a setting's.
        table: ``"summary"``: a row a setting and strategy, the largest area under the budget curve first,
            with the accuracy at its last labelled-set size, seconds, and how it does against each reference.
            ``"curves"``: a row a labelled-set size, the mean over seeds. ``"verdicts"``: a row a strategy and
            reference, with the 95 % interval of the difference of areas, p and the labels saved.
            ``"rounds"``: a row a trial and round, with all numbers that were recorded.
        strategies: compare these alone; all by default.
        reference: whom to hold the others against; random and margin by default.
        level: what the folder is; found out by default.
        ddof: degrees of freedom that the penalty matrix's deviation lacks; 1 or 0.
        critical: the magnitude of t that counts in the matrix; Student's by default.
        holm: correct for many comparisons by Holm's procedure.
        registry: where strategies' other names are looked up; the installed plugins by default.

    Returns:
        The table. What is left out, and what else there is to remark, is in ``frame.attrs["notes"]``, a line
        each.

    Raises:
        UsageError: there are no runs in the folder, or none of a strategy; or a value that can't be used.

    Example:
        >>> import alframe, tempfile
        >>> out = tempfile.TemporaryDirectory()
        >>> run = {"strategy": ["margin", "random"], "seeds": [1, 2], "rounds": 1, "out": out.name}
        >>> _ = alframe.run({"run": run, "train": {"epochs": 2}})
        >>> frame = alframe.compare(out.name)
        >>> sorted(frame.strategy), frame.seeds.tolist(), frame.labelled.tolist()
        (['margin', 'random'], [2, 2], [200, 200])
        >>> len(alframe.compare(out.name, "rounds"))
        8
        >>> out.cleanup()
    """
    from alframe.comparison import frames

    if table not in TABLES:
        raise unknown_name("table", str(table), TABLES)
    if level not in (None, "overall", "dataset", "setting"):
        raise UsageError(f"level is overall, dataset or setting, got {level!r}")
    tree, found = compared(
        Path(folder),
        level=level,
        strategies=[strategies] if isinstance(strategies, str) else strategies,
        reference=[reference] if isinstance(reference, str) else reference,
        criterion=Criterion(ddof, critical, holm),
        registry=registry,
    )
    if table == "rounds":
        frame = frames.rounds_frame([one.setting for one in found.settings])
    else:
        make = {
            "summary": frames.summary_frame,
            "curves": frames.curves_frame,
            "verdicts": frames.verdicts_frame,
        }
        frame = make[table](found)
    frame.attrs["notes"] = [*tree.notes, *comparison.notes_of(found)]
    return frame
