"""Thousands of hostile cases, each in a process of its own: does alframe answer rightly or in one clear line?

    python benchmarks/fuzz.py --cases 20000 --jobs 2
    python benchmarks/fuzz.py --families npz,csv --cases 500 --seed 7
    python benchmarks/fuzz.py --only npz-123 --seed 7 --keep /tmp/kept

A case is a command line or a call, with files that were made for it; its number and the seed say all of it.
Wrong are: a traceback, a hang, an exit code that does not fit, a message that is none (empty, of several
lines, with raw control characters, a warning of Python's), an answer that is none, anything written outside
what the case may write, code that a file brought and that was run, much memory, a crash. Prints a table, and
of each kind of fault the first case. Exit code 1 when there is any.
"""

from __future__ import annotations

import argparse
import collections
import math
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process with threads can't be forked safely
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from fuzzing import arrays, calls, images, known, pickles, plugins, runs, settings, stores, tables
from fuzzing.attempt import Ended, attempt
from fuzzing.case import Case, Draw, Family, Sandbox
from fuzzing.judge import VERDICTS, judge
from fuzzing.material import make

FAMILIES: dict[str, tuple[Family, int]] = {  # each with its share of the cases
    "options": (settings.options, 20),
    "flags": (settings.flags, 15),
    "toml": (settings.toml, 8),
    "environment": (settings.environment, 8),
    "runs": (runs.run_folders, 20),
    "npz": (arrays.npz, 12),
    "query": (arrays.query, 15),
    "csv": (tables.csv, 12),
    "images": (images.images, 12),
    "pickles": (pickles.pickles, 6),
    "stores": (stores.stores, 5),
    "openml": (stores.openml, 4),
    "weights": (pickles.weights, 4),
    "plugins": (plugins.plugins, 12),
    "calls": (calls.calls, 20),
    "known": (known.known, 0),  # faults that the program must find
}
Fault = tuple[str, str, str, str, str]  # family, verdict, kind, case, what it does
_base = Path()


def start(base: str) -> None:
    """Prepares a worker: everything imported, data and runs made."""
    global _base
    import torch

    torch.set_num_threads(1)
    _base = Path(base) / str(os.getpid())
    for name in [name for name in os.environ if name.startswith("ALFRAME_")]:
        del os.environ[name]
    os.environ["MPLCONFIGDIR"] = os.fspath(_base / "matplotlib")
    made = _base / "box" / "work"  # where the cases will stand: a setting's name is made of its data's path
    make(made)
    made.rename(_base / "templates")


def build(name: str, seed: int) -> tuple[Case, Sandbox]:
    """A case and its folders, from nothing but its name and the seed."""
    family, _, number = name.rpartition("-")
    root = _base / "box"
    shutil.rmtree(root, ignore_errors=True)
    box = Sandbox(root)
    draw = Draw(random.Random(f"{seed} {name}"), int(number), box, _base / "templates")
    try:
        return FAMILIES[family][0](draw), box
    except Exception as error:
        error.add_note(f"while case {name} of seed {seed} was made")
        raise


def one(asked: tuple[str, int, str | None, bool]) -> tuple[str, list[Fault], Ended, str]:
    """Tries a case, and keeps its files where it fails and that is wanted."""
    name, seed, keep, always = asked
    case, box = build(name, seed)
    fresh = Path(keep) / name if keep else None
    if fresh:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        shutil.copytree(box.work, fresh / "work", symlinks=True, copy_function=_copied)
    ended = attempt(case, box)
    faults = [
        (name.rpartition("-")[0], verdict, kind, name, str(case)) for verdict, kind in judge(case, ended)
    ]
    if fresh and (faults or always):
        for file, text in (
            ("command.txt", str(case)),
            ("stdout.txt", ended.output),
            ("stderr.txt", ended.errors),
        ):
            (fresh / file).write_text(text + "\n", errors="backslashreplace")
    elif fresh:
        shutil.rmtree(fresh)
    shutil.rmtree(box.root, ignore_errors=True)
    return name, faults, ended, str(case)


def _copied(source: str, target: str) -> str:
    """Copies a file; what is none, as a FIFO, is left out."""
    if os.path.isfile(source):
        shutil.copyfile(source, target)
    return target


def names(cases: int, families: list[str]) -> Iterator[str]:
    """Names of cases, as many of each family as its share says, all families from the beginning."""
    shares = {family: FAMILIES[family][1] or len(families) == 1 for family in families}
    counts = {family: math.ceil(cases * share / sum(shares.values())) for family, share in shares.items()}
    for number in range(max(counts.values())):
        yield from (f"{family}-{number}" for family in families if number < counts[family])


def _table(tried: collections.Counter[str], faults: list[Fault]) -> str:
    found = collections.Counter(
        (family, verdict) for family, verdict in {(f[0], f[1], f[3]): f[:2] for f in faults}.values()
    )
    lines = ["| family | tried | " + " | ".join(VERDICTS.values()) + " |", "|---" * (len(VERDICTS) + 2) + "|"]
    for family, count in [*tried.items(), ("all", sum(tried.values()))]:
        cells = [
            sum(
                number
                for (one, verdict), number in found.items()
                if verdict == wanted and family in (one, "all")
            )
            for wanted in VERDICTS
        ]
        lines.append(f"| {family} | {count} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _kinds(faults: list[Fault]) -> Iterator[str]:
    """Each kind of fault with how often it came and the case that is shortest to say."""
    kinds: dict[tuple[str, str], list[Fault]] = collections.defaultdict(list)
    for fault in faults:
        kinds[fault[1], fault[2]].append(fault)
    for (verdict, kind), those in sorted(kinds.items(), key=lambda item: (item[0][0], -len(item[1]))):
        shortest = min(those, key=lambda fault: (len(fault[4]), fault[3]))
        families = ", ".join(sorted({fault[0] for fault in those}))
        shown = shortest[4].encode("ascii", "backslashreplace").decode()
        yield f"{VERDICTS[verdict]} x {len(those)} ({families}): {kind}\n    {shortest[3]}: {shown!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--families", default=",".join(name for name, (_, share) in FAMILIES.items() if share)
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", metavar="CASE", help="try this one case, and show all of it")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the files and the output of cases that fail")
    options = parser.parse_args()
    families = options.families.split(",")
    if unknown := [family for family in families if family not in FAMILIES]:
        parser.error(f"unknown families {', '.join(unknown)}; known are {', '.join(FAMILIES)}")
    wanted = [options.only] if options.only else list(names(options.cases, families))
    tried: collections.Counter[str] = collections.Counter()
    faults: list[Fault] = []
    begun = time.monotonic()
    base = tempfile.mkdtemp(prefix="fuzz-")
    keep = os.path.abspath(options.keep) if options.keep else None
    try:
        asked = [(name, options.seed, keep, bool(options.only)) for name in wanted]
        with multiprocessing.get_context("spawn").Pool(options.jobs, start, (base,)) as workers:
            for name, found, ended, shown in workers.imap_unordered(one, asked, chunksize=1):
                tried[name.rpartition("-")[0]] += 1
                faults += found
                if options.only:
                    print(shown.encode("ascii", "backslashreplace").decode(), ended, sep="\n")
                elif sum(tried.values()) % 200 == 0:
                    wrong = len({fault[3] for fault in faults})
                    print(f"{sum(tried.values())} of {len(wanted)}, {wrong} wrong", file=sys.stderr)
    finally:
        shutil.rmtree(base, ignore_errors=True)
        print(*_kinds(faults), sep="\n")  # of those tried so far, where the rest was interrupted
        print(_table(tried, faults))
        print(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    if faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
