"""A comparison for people: tables on a terminal, in Markdown, in LaTeX."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence

from alframe.comparison.compare import Comparison, SettingComparison
from alframe.comparison.curves import CurvePoint
from alframe.comparison.ranks import Ranks
from alframe.comparison.significance import PenaltyMatrix
from alframe_cli.output import print_table, side_by_side
from alframe_cli.plain_text import echo, plain_line

MISSING = "-"
MARKDOWN = re.compile(r"[\\|*`\[]|<(?=[A-Za-z/!?])")  # what means more than itself
LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",  # the usual fonts have other signs in these three places
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "±": r"$\pm$",
    }
)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A table of strings.

    Attributes:
        title: what it shows.
        columns: the headings; the first column names the rows.
        rows: the cells.
        last_apart: whether the last row is a summary of those above.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    last_apart: bool = False


def print_comparison(found: Comparison) -> None:
    """Prints everything but the single trials."""
    for part in _parts(found):
        if isinstance(part, Sheet):
            _print(part)
        else:
            echo("".join(f"{line}\n" for line in part))


def print_markdown(found: Comparison) -> None:
    """Prints the tables and the verdicts as Markdown."""
    for part in _parts(found):
        echo(as_markdown(part) if isinstance(part, Sheet) else _listed(part))


def print_latex(found: Comparison) -> None:
    """Prints the tables as LaTeX's, and the verdicts as comments between them."""
    echo("% needs \\usepackage{booktabs}\n")
    for part in _parts(found):
        echo(as_latex(part) if isinstance(part, Sheet) else _commented(part))


def _markdown(text: str) -> str:
    return MARKDOWN.sub(r"\\\g<0>", plain_line(text))


def _latex(text: str) -> str:
    return plain_line(text).translate(LATEX)


def _listed(lines: list[str]) -> str:
    return "".join(f"- {_markdown(line)}\n" for line in lines)


def _commented(lines: list[str]) -> str:
    return "".join(f"% {plain_line(line)}\n" for line in lines)


def as_markdown(sheet: Sheet) -> str:
    """A heading and a table of GitHub's Markdown."""
    lines = [
        sheet.columns,
        ("---", *("---:" for _ in sheet.columns[1:])),
        *sheet.rows,
    ]
    escaped = [[_markdown(cell) for cell in line] for line in lines]
    table = "\n".join(f"| {' | '.join(line)} |" for line in escaped)
    return f"**{_markdown(sheet.title)}**\n\n{table}\n"


def as_latex(sheet: Sheet) -> str:
    """A ``table`` with booktabs' rules and every special character escaped."""
    lines = [" & ".join(_latex(cell) for cell in line) + r" \\" for line in sheet.rows]
    if sheet.last_apart:
        lines.insert(-1, r"\midrule")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(sheet.title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}",
            r"\toprule",
            " & ".join(_latex(cell) for cell in sheet.columns) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _parts(found: Comparison) -> Iterable[Sheet | list[str]]:
    """Tables and, between them, what is said in words, in the order of the printed comparison."""
    for one in found.settings:
        yield accuracy_sheet(one)
        yield summary_sheet(one)
        if len(one.penalties.strategies) > 1:
            yield matrix_sheet(one)
        yield [verdict.words for verdict in one.verdicts]
    if found.total:
        yield total_sheet(found.total)
    if found.ranks:
        yield rank_sheet(found.ranks)
        yield rank_lines(found.ranks)
    if found.tally:
        yield tally_lines(found)


def _where(one: SettingComparison) -> str:
    return f"{one.setting.dataset}, {one.setting.name}"


def _most_seeds(one: SettingComparison) -> int:
    return max(point.seeds for curve in one.curves.values() for point in curve)


def _cells(one: SettingComparison) -> dict[str, dict[int, str]]:
    most = _most_seeds(one)
    return {
        name: {point.labelled: _cell(point, most) for point in curve} for name, curve in one.curves.items()
    }


def _cell(point: CurvePoint, most: int) -> str:
    spread = "" if point.std is None else f" ± {point.std:.3f}"
    return f"{point.mean:.3f}{spread}" + (f" ({point.seeds})" if point.seeds < most else "")


def _accuracy_title(one: SettingComparison) -> str:
    most = _most_seeds(one)
    if most == 1:
        return f"Accuracy on {_where(one)}, one seed"
    fewer = any(point.seeds < most for curve in one.curves.values() for point in curve)
    brackets = "; in brackets where fewer" if fewer else ""
    return f"Accuracy on {_where(one)}, mean ± standard deviation over {most} seeds{brackets}"


def accuracy_sheet(one: SettingComparison) -> Sheet:
    """Accuracy by labelled-set size, a column a strategy."""
    cells = _cells(one)
    sizes = sorted({size for column in cells.values() for size in column})
    rows = [(f"{size:,}", *(column.get(size, MISSING) for column in cells.values())) for size in sizes]
    return Sheet(_accuracy_title(one), ("labels", *cells), rows)


def summary_sheet(one: SettingComparison) -> Sheet:
    """Area, cost and labels saved; a row a strategy, the best area first."""
    references = list(dict.fromkeys(saving.reference for saving in one.savings))
    saved = {
        (saving.strategy, saving.reference): "not reached" if saving.saved is None else f"{saving.saved:,.0f}"
        for saving in one.savings
    }
    names = sorted(one.curves, key=lambda name: -one.areas[name].mean if name in one.areas else math.inf)
    rows = []
    for name in names:
        area, cost = one.areas.get(name), one.costs[name]
        interval = f"{area.low:.4f} to {area.high:.4f}" if area and area.low is not None else MISSING
        spread = f" ± {area.std:.4f}" if area and area.std is not None else ""
        rows.append(
            (
                name,
                f"{area.mean:.4f}{spread}" if area else MISSING,
                interval,
                MISSING if cost.seconds is None else _seconds(cost.seconds, cost.seconds_std),
                f"{cost.peak_memory / 2**20:,.0f}" if cost.peak_memory is not None else MISSING,
                *(saved.get((name, reference), MISSING) for reference in references),
            )
        )
    columns = ("strategy", "area", "95 % interval", "query, s", "peak, MiB")
    saving = tuple(f"labels saved v. {reference}" for reference in references)
    what = "area under the budget curve (a mean accuracy), cost of a query, labels saved at equal accuracy"
    title = f"{_where(one)}: {what}"
    return Sheet(title, (*columns, *saving), rows)


def _seconds(mean: float, std: float | None) -> str:
    """Three digits of the mean, and as many decimals of the deviation."""
    decimals = max(0, 2 - math.floor(math.log10(mean))) if mean > 0 else 0
    return f"{mean:,.{decimals}f}" + ("" if std is None else f" ± {std:,.{decimals}f}")


def calibration_sheet(one: SettingComparison) -> Sheet | None:
    """Calibration error and Brier score at the last size in common, the best calibrated first."""
    if not one.calibrations:
        return None
    found = sorted(one.calibrations.items(), key=lambda pair: pair[1].ece.mean)
    most = max(calibration.ece.seeds for _, calibration in found)
    rows = [(name, _cell(of.ece, most), _cell(of.brier, most)) for name, of in found]
    title = f"Calibration on {_where(one)} at {found[0][1].labelled:,} labels: lower is better"
    return Sheet(title, ("strategy", "calibration error (ECE)", "Brier score"), rows)


def matrix_sheet(one: SettingComparison) -> Sheet:
    """The penalty matrix of a setting."""
    return penalty_sheet(one.penalties, f"Penalty matrix of {_where(one)}")


def penalty_sheet(matrix: PenaltyMatrix, title: str) -> Sheet:
    """A penalty matrix, the penalties as its last row."""
    rows = [
        (name, *(_share(value) for value in row))
        for name, row in zip(matrix.strategies, matrix.wins.tolist(), strict=True)
    ]
    rows.append(("penalty", *(_share(value) for value in matrix.penalties.tolist())))
    meaning = "share of rounds in which the row beats the column; penalty: the column's mean, lower is better"
    return Sheet(f"{title}: {meaning}", ("", *matrix.strategies), rows, last_apart=True)


def _settings(count: int) -> str:
    return f"{count} setting" + ("s" if count != 1 else "")


def _share(value: float) -> str:
    return MISSING if math.isnan(value) else f"{value:.2f}"


def rank_sheet(ranks: Ranks) -> Sheet:
    """Mean ranks, the best first."""
    friedman = "" if ranks.friedman_p is None else f"; Friedman's test: p = {ranks.friedman_p:.3g}"
    title = f"Mean ranks by area over {ranks.settings} settings{friedman}"
    rows = [(name, f"{mean:.2f}") for name, mean in zip(ranks.strategies, ranks.mean_ranks, strict=True)]
    return Sheet(title, ("strategy", "mean rank"), rows)


def rank_lines(ranks: Ranks) -> list[str]:
    """The tests of the ranks in words."""
    return [
        f"critical difference of mean ranks (Nemenyi, 5 %): {ranks.critical_difference:.2f}",
        *(f"{pair.first} and {pair.second}: p = {pair.p:.3g} (Wilcoxon, Holm)" for pair in ranks.pairs),
    ]


def tally_lines(found: Comparison) -> list[str]:
    """In how many settings each verdict falls, a line a strategy and reference."""
    return [
        f"{strategy} against {reference}, of {_settings(sum(counts.values()))}: "
        + ", ".join(f"{outcome} in {count}" for outcome, count in counts.items())
        for (strategy, reference), counts in found.tally.items()
    ]


def total_sheet(total: PenaltyMatrix) -> Sheet:
    """The sum of the settings' penalty matrices."""
    return penalty_sheet(total, f"Sum of the matrices of {_settings(total.settings)}")


def _print(sheet: Sheet) -> None:
    head, *names = sheet.columns
    cells = {name: {n: row[k] for n, row in enumerate(sheet.rows)} for k, name in enumerate(names, start=1)}
    title = sheet.title
    for group in side_by_side(cells, max(len(row[0]) for row in sheet.rows)):
        rows = [(row[0], *(cells[name][n] for name in group)) for n, row in enumerate(sheet.rows)]
        right = (head, *group) if head == "labels" else group
        print_table((head, *group), rows, title=title, right=right)
        title = ""
