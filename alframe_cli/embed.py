"""``embed``: frozen features of a data set, as files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe_cli import completion
from alframe_cli.flags import default_of, help_of
from alframe_cli.params import by_section, data_dir, option_flags, plugin_files
from alframe_cli.plain_text import echo
from alframe_cli.streams import output_for_results

if TYPE_CHECKING:
    from alframe.experiments.embedding import Embedded, Progress

PATIENCE = 30  # seconds between two lines where there is no terminal
STAGES = {"look": "looking at the images", "embed": "features"}


@click.command(epilog="`alframe query FOLDER` chooses among the rows; list-models shows the networks.")
@click.argument("dataset", shell_complete=completion.data_set_name)
@click.option(
    "--model", required=True, shell_complete=completion.model_name, help="The network, see list-models."
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for the features."
)
@click.option("--weights", type=click.Path(path_type=Path), metavar="FILE", help="As -o model.weights=FILE.")
@click.option(
    "--split",
    default="train",
    show_default=True,
    help="The data set's part: train, which without a test part is all, or test.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="Of the numbers in the files.",
)
@click.option("--labels", is_flag=True, help="Also write targets.npy, a class number a row.")
@click.option(
    "--part-rows", type=click.IntRange(min=1), default=65_536, show_default=True, help="Rows of a file."
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Samples that pass the network at once.  [default: as many as in a run, 1,024 on a CPU]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Processes that decode images; 0: threads.",
)
@click.option(
    "--device",
    metavar="NAME",
    default=default_of("run.device"),
    show_default=True,
    help=help_of("run.device"),
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of drawn weights.")
@data_dir
@click.option("--download", is_flag=True, help=help_of("data.download"))
@option_flags("An option of the data set or the network, as data.size=224; see show.")
@plugin_files
@click.option("--force", is_flag=True, help="Make the features anew: those in the folder are removed.")
@click.option("-q", "--quiet", is_flag=True, help="Print the folder and errors only.")
def embed(
    dataset: str,
    model: str,
    out: Path,
    weights: Path | None,
    overrides: tuple[tuple[str, str, str], ...],
    data_dir: str,
    download: bool,
    force: bool,
    quiet: bool,
    **others: Any,
) -> int:
    """Write features of DATASET by a network that nothing trains, for `alframe query`; prints the folder.

    The folder has parts of many rows, parts.json, which lists those that are whole, and for images in files
    ids.txt, a path a line. The same command goes on after the last whole part, and makes a damaged one anew.
    Images of imagefolder and domainnet are read from their files a batch at a time.

    \b
    alframe embed imagefolder:photos --model resnet50 --weights resnet50.pth -o data.size=224 --out feats
    alframe query --strategy typiclust -n 100 feats
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    from alframe.experiments import embedding
    from alframe.experiments.configuration import merge
    from alframe.registry.registry import installed

    given: dict[str, dict[str, Any]] = {"data": {"dir": data_dir}}
    if download:
        given["data"]["download"] = True
    if weights is not None:
        given["model"] = {"weights": str(weights)}
    try:
        with output_for_results():
            job = embedding.job_of(installed(), dataset, model, merge(given, by_section(overrides)), **others)
            with _shown(quiet) as progress:
                result = embedding.embed(job, out, progress, force=force)
    except KeyboardInterrupt as stop:
        raise click.Abort("the same command goes on after the last whole part") from stop
    if not quiet:
        for note in result.notes:
            echo(f"note: {note}", err=True)
        echo(_summary(result, others["dtype"]), err=True)
    echo(str(out))
    return 0


def _summary(result: Embedded, dtype: str) -> str:
    parts = f"{result.parts:,} part{'s' * (result.parts != 1)}"
    made = f"{result.made:,} made now" if result.made else "all there already"
    return f"{result.rows:,} rows of {result.columns:,} numbers in {dtype}, {parts}: {made}"


@contextlib.contextmanager
def _shown(quiet: bool) -> Iterator[Progress]:
    """Bars on a terminal; elsewhere a line now and then."""
    import sys
    import time

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from alframe_cli.output import console

    if quiet or not sys.stderr.isatty():
        last = time.monotonic()

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal last
            if not quiet and time.monotonic() - last > PATIENCE:
                last = time.monotonic()
                echo(f"{STAGES[stage]}: {done:,} of {total:,}", err=True)

        yield tell
        return
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    )
    tasks: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(STAGES[stage], total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with bars:
        yield show
