"""``compare DIR``: what finished runs show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.contract.sections import REFERENCES
from alframe_cli import completion
from alframe_cli.params import NameList, plugin_files
from alframe_cli.plain_text import echo

if TYPE_CHECKING:
    from alframe.comparison.compare import Comparison


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.Choice(["overall", "dataset", "setting"]),
    help="What DIR is: all runs, those of a data set, or of a setting.  [default: found out]",
)
@click.option(
    "--strategies",
    shell_complete=completion.strategies_alone,
    type=NameList(),
    help="Compare these alone.  [default: all]",
)
@click.option(
    "--reference",
    shell_complete=completion.strategies_alone,
    type=NameList(),
    help=f"Whom to hold the others against.  [default: {','.join(REFERENCES)}]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "latex", "markdown"]),
    default="table",
    show_default=True,
    help="json has everything; csv the curves; latex and markdown the tables and verdicts.",
)
@click.option(
    "--ddof",
    type=click.Choice(["0", "1"]),
    default="1",
    show_default=True,
    help="Degrees of freedom that the matrix's deviation lacks; 0 as the ALFA-Mix authors' program.",
)
@click.option(
    "--critical",
    type=float,
    metavar="X",
    help="The |t| that counts in the matrix.  [default: Student's t at 5 %]",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write learning curves, seconds, reliability, penalty matrix and mean ranks as PDF, SVG, PNG.",
)
@click.option(
    "--embedding",
    type=click.Choice(["tsne", "pca"]),
    help="Draw the pool with the queried samples by round, where runs kept features, into --figures.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one page for the browser: curves, tables, verdicts, configuration, environment.",
)
@click.option("--holm", is_flag=True, help="Correct for many comparisons by Holm's procedure.")
@plugin_files
def compare(
    folder: Path,
    level: str | None,
    strategies: list[str] | None,
    reference: list[str] | None,
    form: str,
    figures: Path | None,
    embedding: str | None,
    html: Path | None,
    ddof: str,
    critical: float | None,
    holm: bool,
) -> None:
    """Compare the strategies of finished or interrupted runs.

    DIR is what `alframe run` wrote, or what the ALFA-Mix authors' program wrote. Prints accuracy by
    labelled-set size, area under the budget curve, cost of a query, labels saved, pairwise penalty matrix,
    a verdict in words, and over several settings mean ranks.

    \b
    alframe compare runs
    alframe compare runs/digits --strategies alfamix,badge,random --reference random
    alframe compare runs --ddof 0 --critical 2.776     # the published program's matrix
    alframe compare runs --format csv > curves.csv
    alframe compare runs --figures figures --html comparison.html
    alframe compare runs --figures figures --embedding tsne
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.comparison.compare import notes_of
    from alframe.comparison.significance import Criterion
    from alframe.errors import UsageError
    from alframe.experiments.comparing import compared
    from alframe_cli import comparison_data, comparison_tables

    if embedding and not figures:
        raise UsageError("--embedding draws figures: name a folder for them with --figures")
    if html:
        _require_no_run(html, folder)
    criterion = Criterion(int(ddof), critical, holm)
    tree, found = compared(
        folder, level=level, strategies=strategies or (), reference=reference or (), criterion=criterion
    )
    notes: list[str] = []
    written: list[str] = []
    if figures:
        files, notes = _draw(found, figures, embedding)
        written.append(f"figures: {figures} ({len(files)} files)")
    if html:
        from alframe_cli.page import write_page

        write_page(found, tree, criterion, html)
        written.append(f"page: {html}")
    print_as: dict[str, Any] = {
        "table": comparison_tables.print_comparison,
        "markdown": comparison_tables.print_markdown,
        "latex": comparison_tables.print_latex,
        "csv": comparison_data.print_csv,
        "json": lambda found: comparison_data.print_everything(found, tree, criterion),
    }
    print_as[form](found)
    for note in [*tree.notes, *notes_of(found), *notes]:
        echo(f"note: {note}", err=True)
    for line in written:
        echo(line, err=True)


def _require_no_run(page: Path, folder: Path) -> None:
    """Raises `UsageError` where the page would overwrite a file of the runs."""
    is_page = page.suffix.lower() in (".html", ".htm")
    if page.is_file() and not is_page and page.resolve().is_relative_to(folder.resolve()):
        from alframe.errors import UsageError

        raise UsageError(f"--html {page} would overwrite a file of {folder}; name another file")


def _draw(found: Comparison, folder: Path, embedding: str | None) -> tuple[list[Path], list[str]]:
    """Writes the figures; gives the files, and notes on what could not be drawn."""
    from alframe_cli.embedding_figure import require_features, write_embeddings
    from alframe_cli.figure_files import write_figures

    settings = [one.setting for one in found.settings]
    if embedding:
        require_features(settings)
    files, notes = write_figures(found, folder)
    if embedding:
        more, remarks = write_embeddings(settings, folder, embedding, lambda text: echo(text, err=True))
        files, notes = files + more, notes + remarks
    return files, notes
