"""A comparison as one page for the browser: nothing is loaded from elsewhere, nothing leaves it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import numpy as np

from alframe.comparison.compare import Comparison, SettingComparison
from alframe.comparison.significance import Criterion, PenaltyMatrix
from alframe.errors import UsageError
from alframe.records.provenance import configuration, environment
from alframe.records.tree import ResultsTree
from alframe_cli import comparison_tables as tables
from alframe_cli.output_file import write_output
from alframe_cli.palette import COLOURS, DARK_COLOURS, DASHES, MARKERS, Look, looks_of
from alframe_cli.rank_figure import groups
from alframe_cli.reliability_panels import FEW, reliability_panels


def write_page(found: Comparison, tree: ResultsTree, criterion: Criterion, file: Path) -> None:
    """Writes the page.

    Args:
        found: the comparison.
        tree: what it is made of, with its notes.
        criterion: when a difference counts in the matrix.
        file: replaced if it is there; its folder is made if need be.

    Raises:
        UsageError: the file can't be written.
    """
    text = page(found, tree, criterion)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_output(file, lambda opened: opened.write(text.encode("utf-8", "backslashreplace")))
    except OSError as error:
        raise UsageError(
            f"the page can't be written to {file}: {error.strerror}; name another file with --html"
        ) from error


def page(found: Comparison, tree: ResultsTree, criterion: Criterion) -> str:
    """The page as HTML. Every name and value of the runs is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("alframe_cli"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = _breakable
    script = _part("page.js")
    looks = looks_of(found)
    ranks = found.ranks
    return environment.get_template("page.html").render(
        title=_title(found, tree),
        version=version("alframe"),
        colours=list(zip(COLOURS, DARK_COLOURS, strict=True)),
        css=markupsafe.Markup(_part("page.css")),
        script=markupsafe.Markup(script),
        script_hash=_hash(script),
        data=[_curves(one, looks) for one in found.settings],
        settings=[_setting(one, looks) for one in found.settings],
        total=found.total and tables.total_sheet(found.total),
        total_shades=found.total and _shades(found.total),
        ranks=ranks and tables.rank_sheet(ranks),
        rank_lines=[*tables.rank_lines(ranks), *_alike(found)] if ranks else [],
        tally=tables.tally_lines(found),
        remarks=[*tree.notes, *found.notes, *(ranks.notes if ranks else ())],
        criterion=_words(criterion),
        few=FEW,
        holm=criterion.holm,
    )


def _part(name: str) -> str:
    return (files("alframe_cli") / "templates" / name).read_text(encoding="utf-8")


def _breakable(name: str) -> markupsafe.Markup:
    """The name as HTML that may go on in the next line behind a plus or an equals sign."""
    return markupsafe.Markup(re.sub("([+=])", r"\1<wbr>", str(markupsafe.escape(name))))


def _hash(script: str) -> str:
    """What the page's policy lets run: this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _title(found: Comparison, tree: ResultsTree) -> str:
    if len(found.settings) == 1:
        return f"Strategies on {found.settings[0].setting.dataset}"
    datasets = {one.setting.dataset for one in found.settings}
    where = datasets.pop() if len(datasets) == 1 else f"{len(datasets)} data sets"
    return f"Strategies on {where}, {len(tree.settings)} settings"


def _curves(one: SettingComparison, looks: dict[str, Look]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "colour": looks[name].colour,
            "marker": MARKERS[looks[name].marker],
            "dash": DASHES[looks[name].dash],
            "points": [dataclasses.asdict(point) for point in curve],
        }
        for name, curve in one.curves.items()
    ]


def _setting(one: SettingComparison, looks: dict[str, Look]) -> dict[str, Any]:
    written, notes = configuration(one.setting)
    made_on, more = environment(one.setting)
    accuracy = tables.accuracy_sheet(one)
    spread = any(point.std is not None for curve in one.curves.values() for point in curve)
    return {
        "title": f"{one.setting.dataset}, {one.setting.name}",
        "caption": "Mean accuracy on the test part over seeds; bands: ± 1 standard deviation."
        if spread
        else "Accuracy on the test part, one seed.",
        "accuracy": accuracy,
        "summary": tables.summary_sheet(one),
        "calibration": tables.calibration_sheet(one),
        "reliability": reliability_panels(one.calibrations, looks),
        "matrix": tables.matrix_sheet(one) if len(one.penalties.strategies) > 1 else None,
        "shades": _shades(one.penalties),
        "verdicts": [verdict.words for verdict in one.verdicts],
        "notes": [*one.notes, *notes, *more],
        "configuration": written,
        "environment": made_on,
    }


def _shades(matrix: PenaltyMatrix) -> list[list[float]]:
    """How dark each cell is, from 0 to 1; the penalties last."""
    cells = np.vstack([matrix.wins, matrix.penalties]) / max(matrix.settings, 1)
    shades: list[list[float]] = np.nan_to_num(cells).round(3).tolist()
    return shades


def _alike(found: Comparison) -> list[str]:
    """Who can't be told from whom by their mean ranks, a line a group."""
    assert found.ranks is not None
    names = found.ranks.strategies
    return [
        f"mean ranks can't tell apart: {', '.join(names[first : last + 1])}"
        for first, last in groups(found.ranks.mean_ranks, found.ranks.critical_difference)
    ]


def _words(criterion: Criterion) -> str:
    test = "a paired t-test over seeds"
    if criterion.holm:
        test += " at 5 %, corrected by Holm's procedure"
    elif criterion.critical is None:
        test += " at 5 %"
    else:
        test += f" with |t| above {criterion.critical:g}"
    spread = "" if criterion.ddof == 1 else ", its deviation over all S seeds (ddof 0)"
    return f"In the penalty matrix a strategy beats another in a round by {test}{spread}."
