"""``query``: one query on features or predictions in files, for who has a pool and a budget."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from alframe.errors import UsageError
from alframe_cli import completion
from alframe_cli import query_inputs as inputs
from alframe_cli.flags import default_of, help_of
from alframe_cli.output_file import require_no_input, write_output
from alframe_cli.params import by_section, option_flags, plugin_files, stage_flags
from alframe_cli.plain_text import echo
from alframe_cli.query_inputs import ARRAYS
from alframe_cli.query_models import columns_for, read_model
from alframe_cli.streams import output_for_results

if TYPE_CHECKING:
    from alframe.data.ids import RowNames

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _array_flags(command: Any) -> Any:
    for name, (holds, file) in reversed(ARRAYS.items()):
        flag = f"--{name.replace('_', '-')}"
        kind = click.Path(path_type=Path)
        command = click.option(flag, name, type=kind, metavar=file, help=f"{holds}.")(command)
    return command


def _bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A size such as 8GB, in bytes."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B", value.strip(), re.IGNORECASE)
    if match is None or not float(match[1]):
        raise UsageError(f"--memory {value}: expected a size such as 8GB or 500MB")
    return float(match[1]) * UNITS[match[2].upper()]


@click.command(epilog="Strategies that look at features alone need no head.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--strategy", required=True, shell_complete=completion.strategy_name, help="See list-strategies."
)
@click.option("-n", "n", required=True, type=click.IntRange(min=1), help="How many rows to choose.")
@_array_flags
@click.option(
    "--model",
    "model_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A fitted classifier in place of a head: a .skops file, XGBoost's .json or .ubj, or with --trust a "
    ".joblib or .pkl.",
)
@click.option(
    "--trust", is_flag=True, help="Read --model though it may run any code: it is your own, or a friend's."
)
@click.option(
    "--labelled-rows",
    type=click.Path(path_type=Path),
    metavar="FILE.txt",
    help="Rows of the pool that are labelled, a number or an id a line, or a .npy of numbers; in place of "
    "--labelled-features.",
)
@click.option(
    "--classes",
    metavar="LABEL,...",
    help="Labels of classes in the order of --probs or --weight.  [default: the model's or the table's, or "
    "else sorted]",
)
@stage_flags("embed", "score", "select")
@option_flags("A plugin's option, as alfamix.cap=0.1; see show.")
@plugin_files
@click.option("--seed", type=int, default=0, show_default=True, help="Everything random derives from it.")
@click.option(
    "--device",
    metavar="NAME",
    default=default_of("run.device"),
    show_default=True,
    help=help_of("run.device"),
)
@click.option(
    "--memory",
    metavar="SIZE",
    callback=_bytes,
    help="What may be held of a pool in files, as 8GB; it is read by blocks where it takes more than half of "
    "that.  [default: half of this machine's]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Processes that read a pool in files and compute side by side; GPUs take turns. The rows are the "
    "same.  [default: none, or one for each device]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the rows as .npy, or rows and the whole pool's scores as .npz.",
)
@click.option("--json", "as_json", is_flag=True, help="Print rows, their scores and more as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print the rows and errors only.")
def query(
    file: Path | None,
    strategy: str,
    n: int,
    model_file: Path | None,
    trust: bool,
    labelled_rows: Path | None,
    classes: str | None,
    overrides: tuple[tuple[str, str, str], ...],
    seed: int,
    device: str,
    memory: float | None,
    workers: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    **others: Any,
) -> int:
    """Choose the rows of a pool to label next; prints their numbers, best first, counted from 0.

    FILE.npz holds the arrays that the flags name (features, probs, logits, weight, bias, labelled_features,
    labelled_targets); a flag gives one from a file of its own. FILE.npy holds the features, or a folder
    does whose parts are .npy files: those are read a block at a time where they are large, see --memory.
    Where the folder has ids.txt, as `alframe embed` writes it, each row's id is printed behind its number.
    A table, .csv, .tsv or .parquet, has a column a feature, and of --probs a column a class; of it a model
    is given the columns that it was fitted to. Labels may be texts, in a table of one column or a line each
    in a .txt file.

    \b
    alframe query --strategy alfamix -n 100 pool.npz
    alframe query --strategy coreset -n 100 features.npy --labelled-features labelled.npy
    alframe query --strategy coreset -n 100 feats --labelled-rows rows.txt --labelled-targets y.npy
    alframe query --strategy margin -n 100 --probs probs.npy
    alframe query --strategy margin -n 100 table.csv --model model.joblib --trust
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    if out is not None and out.suffix not in (".npy", ".npz"):
        raise UsageError(f"--out {out}: wanted a file that ends in .npy or .npz")
    if out is not None:
        read = (file, labelled_rows, model_file, *map(others.get, ARRAYS))
        require_no_input(out, "--out", [path for path in read if path])
    arrays = inputs.read_file(file) if file else {}
    arrays |= {name: inputs.read_array(others[name], name) for name in ARRAYS if others[name]}
    inputs.require(arrays)
    if model_file is None and trust:
        raise UsageError("--trust says that --model may be read, and there is none")
    if model_file is not None and "weight" in arrays:
        raise UsageError("--model and --weight both give a head: leave one out")
    head = (arrays["weight"], arrays.get("bias")) if "weight" in arrays else None

    from alframe.learning.querying import query as choose

    names, rows = inputs.row_names(arrays.get("features")), None
    if labelled_rows is not None:
        rows = inputs.labelled_rows(labelled_rows, names)
    with output_for_results():
        if model_file is not None:
            head = read_model(model_file, trust)
            for name in ("features", "labelled_features"):
                arrays[name] = columns_for(head, arrays.get(name), name)
        result = choose(
            strategy,
            features=arrays.get("features"),
            n=n,
            head=head,
            probs=arrays.get("probs"),
            logits=arrays.get("logits"),
            labelled_features=arrays.get("labelled_features"),
            labelled_targets=arrays.get("labelled_targets"),
            labelled_rows=rows,
            classes=None if classes is None else inputs.labels_of(classes.split(",")),
            seed=seed,
            options=by_section(overrides),
            stages={stage: others[stage] for stage in ("embed", "score", "select") if others[stage]},
            device=device,
            memory=memory,
            workers=workers or 0,
        )
    if not quiet:
        echo(_summary(strategy, n, result), err=True)
    _print(strategy, result, as_json, names)
    if out is not None:  # last, so that a full disk costs no answer
        _write(out, result)
    return 0


def _write(path: Path, result: Any) -> None:
    import numpy as np

    def write(file: IO[bytes]) -> None:
        if path.suffix == ".npy":
            np.save(file, result.indices.numpy())
        else:
            scores = {} if result.scores is None else {"scores": result.scores.numpy()}
            np.savez(file, indices=result.indices.numpy(), **scores)

    try:
        write_output(path, write)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error


def _summary(strategy: str, n: int, result: Any) -> str:
    chosen, size = len(result.indices), result.pool_size
    text = f"{chosen:,} of {size:,} rows chosen by {strategy} in {result.seconds:.2f} s"
    if result.topped_up:
        text += f", the last {result.topped_up:,} of them drawn at random: the strategy chose no more"
    if result.reading:
        text += _as_read(result.reading)
    return f"{text} (the pool has no {n:,})" if chosen < n else text


def _as_read(reading: Any) -> str:
    text = f"; read {reading.bytes / 10**6:,.1f} MB, the pool {reading.passes:.1f} times"
    if reading.passes_skipped:
        text += f", where {reading.passes + reading.passes_skipped:.1f} would have been without bounds"
    if reading.workers:
        text += f", by {reading.workers} workers"
    if reading.workers_lost:
        text += f", of which {reading.workers_lost} died; their rows were read by others"
    if reading.peak_memory:
        text += f"; at most {reading.peak_memory / 10**6:,.0f} MB of memory"
    if reading.device_memory:
        text += f"; at most {reading.device_memory / 10**6:,.0f} MB of the GPU's"
    return text


def _print(strategy: str, result: Any, as_json: bool, names: RowNames | None) -> None:
    rows = result.indices.tolist()
    ids = None if names is None else names.of(rows)
    if not as_json:
        echo("\n".join(map(str, rows) if ids is None else map("{}\t{}".format, rows, ids)))
        return
    from alframe_cli.output import print_json

    scores = None if result.scores is None else [_finite(s) for s in result.scores[result.indices].tolist()]
    print_json(
        {
            "strategy": strategy,
            "indices": rows,
            **({} if ids is None else {"ids": ids}),
            "scores": scores,
            "topped_up": result.topped_up,
            "seconds": result.seconds,
            "logged": result.logged,
            **({} if result.classes is None else {"classes": list(map(_plain, result.classes))}),
            **({"reading": dataclasses.asdict(result.reading)} if result.reading else {}),
        }
    )


def _plain(label: Any) -> Any:
    """A class label as JSON has it."""
    return label if isinstance(label, str | int | float | bool) else str(label)


def _finite(score: float) -> float | None:
    """JSON has no infinity: a row that a strategy would never choose has no score."""
    return score if abs(score) != float("inf") else None
