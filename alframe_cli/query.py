"""``query``: one query on features in files, for who has a pool and a budget."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Literal

import click

from alframe.errors import DamagedFileError, UsageError
from alframe_cli import completion
from alframe_cli.flags import default_of, help_of
from alframe_cli.output_file import require_no_input, write_output
from alframe_cli.params import by_section, option_flags, plugin_files, stage_flags
from alframe_cli.plain_text import echo
from alframe_cli.streams import output_for_results

ARRAYS = {  # each with what it holds
    "features": "N x D features of the unlabelled pool",
    "weight": "C x D weights of the head",
    "bias": "C biases of the head",
    "labelled_features": "L x D features of the labelled set",
    "labelled_targets": "L class numbers",
}
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
Arrays = dict[str, Any]


def _array_flags(command: Any) -> Any:
    for name, holds in reversed(ARRAYS.items()):
        flag = f"--{name.replace('_', '-')}"
        kind = click.Path(path_type=Path)
        command = click.option(flag, name, type=kind, metavar="FILE.npy", help=f"{holds}.")(command)
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

    FILE.npz holds the arrays that the flags name (features, weight, bias, labelled_features,
    labelled_targets); a flag gives one from a file of its own. FILE.npy holds the features, or a folder
    does whose parts are .npy files: those are read a block at a time where they are large, see --memory.

    \b
    alframe query --strategy alfamix -n 100 pool.npz
    alframe query --strategy coreset -n 100 features.npy --labelled-features labelled.npy
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    if out is not None and out.suffix not in (".npy", ".npz"):
        raise UsageError(f"--out {out}: wanted a file that ends in .npy or .npz")
    if out is not None:
        require_no_input(out, "--out", [path for path in (file, *map(others.get, ARRAYS)) if path])
    arrays = _read(file) if file else {}
    arrays |= {name: _read_array(others[name], name) for name in ARRAYS if others[name]}
    _require(arrays)

    from alframe.learning.querying import query as choose

    with output_for_results():
        result = choose(
            strategy,
            features=arrays["features"],
            n=n,
            head=(arrays["weight"], arrays.get("bias")) if "weight" in arrays else None,
            labelled_features=arrays.get("labelled_features"),
            labelled_targets=arrays.get("labelled_targets"),
            seed=seed,
            options=by_section(overrides),
            stages={stage: others[stage] for stage in ("embed", "score", "select") if others[stage]},
            device=device,
            memory=memory,
            workers=workers or 0,
        )
    if not quiet:
        echo(_summary(strategy, n, result), err=True)
    _print(strategy, result, as_json)
    if out is not None:  # last, so that a full disk costs no answer
        _write(out, result)
    return 0


def _read(path: Path) -> Arrays:
    """The arrays of FILE, by name.

    Raises:
        UsageError: it can't be read, or holds an array of another name.
    """
    if path.is_dir():
        return {"features": path}
    content = _load(path, "c")
    if not isinstance(content, dict):
        return {"features": content}
    if unknown := sorted(content.keys() - ARRAYS.keys()):
        raise UsageError(f"{path} holds {', '.join(unknown)}; known are {', '.join(ARRAYS)}")
    return content


def _read_array(path: Path, name: str) -> Any:
    if name == "features" and path.is_dir():
        return path
    content = _load(path, "c" if name == "features" else None)
    if isinstance(content, dict):
        raise UsageError(
            f"{path} holds several arrays; give it without a flag, with arrays named as the flags"
        )
    return content


def _load(path: Path, mapped: Literal["c"] | None = None) -> Any:
    """An array, which may be mapped, or those of an archive by name.

    Raises:
        UsageError: there is no such file, or it holds Python objects.
        DamagedFileError: it is not what NumPy writes.
    """
    import numpy as np

    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UsageError(f"{path} can't be read: it is no file")
    try:
        with path.open("rb") as file:
            is_array = file.read(6) == b"\x93NUMPY"
            file.seek(0)
            if is_array and mapped:
                return np.load(path, mmap_mode=mapped, allow_pickle=False)
            content = np.load(file, allow_pickle=False)
            return {**content} if isinstance(content, np.lib.npyio.NpzFile) else content
    except OSError as error:
        if error.strerror:
            raise UsageError(f"{path} can't be read: {error.strerror}") from error
        raise _damaged(path) from error
    except MemoryError as error:
        raise UsageError(
            f"{path} can't be read: there is no memory for as much as it says it holds"
        ) from error
    except Exception as error:  # what NumPy, zipfile and zlib raise for damage is of a dozen kinds
        if ("allow_pickle" in str(error) or "Python objects" in str(error)) and _is_numpy(path):
            raise UsageError(f"{path} can't be read: it holds Python objects, not numbers") from error
        raise _damaged(path) from error


def _is_numpy(path: Path) -> bool:
    """Whether a file begins as one that NumPy writes; it takes any other for a pickle."""
    with path.open("rb") as file:
        return file.read(6) in (b"\x93NUMPY", b"PK\x03\x04\x14\x00", b"PK\x03\x04\x2d\x00")


def _damaged(path: Path) -> DamagedFileError:
    return DamagedFileError(
        f"{path} can't be read: it is no array of numbers in NumPy's format, or is cut off or changed; "
        "write it again with numpy.save or numpy.savez"
    )


def _require(arrays: Mapping[str, Any]) -> None:
    if "features" not in arrays:
        raise UsageError("there are no features: give FILE.npy, FILE.npz with features in it, or --features")
    for one, other in (("bias", "weight"), ("labelled_features", "labelled_targets")):
        if one in arrays and other not in arrays:
            raise UsageError(f"there is {one} without {other}: give --{other.replace('_', '-')} too")


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
        text += f"; read {_read_of(result.reading)}"
    return f"{text} (the pool has no {n:,})" if chosen < n else text


def _read_of(reading: Any) -> str:
    text = f"{reading.bytes / 10**6:,.1f} MB, the pool {reading.passes:.1f} times"
    if reading.passes_skipped:
        text += f", where {reading.passes + reading.passes_skipped:.1f} would have been without bounds"
    if reading.workers:
        text += f", by {reading.workers} workers"
    if reading.workers_lost:
        text += f", of which {reading.workers_lost} died; their rows were read by others"
    return text


def _print(strategy: str, result: Any, as_json: bool) -> None:
    rows = result.indices.tolist()
    if not as_json:
        echo("\n".join(map(str, rows)))
        return
    from alframe_cli.output import print_json

    scores = None if result.scores is None else [_finite(s) for s in result.scores[result.indices].tolist()]
    print_json(
        {
            "strategy": strategy,
            "indices": rows,
            "scores": scores,
            "topped_up": result.topped_up,
            "seconds": result.seconds,
            "logged": result.logged,
            **({"reading": dataclasses.asdict(result.reading)} if result.reading else {}),
        }
    )


def _finite(score: float) -> float | None:
    """JSON has no infinity: a row that a strategy would never choose has no score."""
    return score if abs(score) != float("inf") else None
