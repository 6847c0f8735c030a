"""What a labelling session comes to, simulated over HTTP by `alframe label --simulate`.

    python benchmarks/label_study.py lag0 OUT --seeds 1-10
    python benchmarks/label_study.py real OUT ../shared/data --seeds 1-5

`lag0`: digits, an oracle that waits for the model after each batch, beside `alframe run` on the same samples
with the same split: the difference of the two at each number of labels, over the seeds.

`real`: pictures of CIFAR-10 and of MNIST as PNG files, and the labels that each strategy needs for an
accuracy. For CIFAR-10 the model is a linear head on features of EfficientNet-Lite0, if its packages are
installed.

Sessions that are finished are kept in OUT and read back.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

STRATEGIES = ("random", "margin", "alfamix", "uherding")
ROW = re.compile(r"^ *([\d,]+) +([01]\.\d{3})\b", re.M)
SHARE = 0.8  # of what is shown the model learns; the rest is the audit's
Curve = list[tuple[int, float]]


def alframe(*arguments: object) -> str:
    """Standard output of a command.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "alframe_cli", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def session(
    out: Path, data: str, labels: int, batch: int, model_folder: Path | None, **settings: Any
) -> Curve:
    """Accuracy on the audit by labels learned.

    Args:
        out: the session's folder; its curve is kept beside it.
        data: the data set.
        labels: in the end, the audit's among them.
        batch: labels between two waits.
        model_folder: features of an earlier session of the same pictures.
        settings: flags.
    """
    kept = out.with_suffix(".json")
    if not kept.exists():
        for folder in (out, out.with_name(f"{out.name}-pictures")):
            shutil.rmtree(folder, ignore_errors=True)
        if model_folder is not None and model_folder.is_dir():
            shutil.copytree(model_folder, out / "model")
        flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
        counts = ("--labels", labels, "--batch", batch)
        told = alframe("label", "--simulate", data, *counts, "--session", out, *flags)
        curve = [(int(count.replace(",", "")), float(accuracy)) for count, accuracy in ROW.findall(told)]
        kept.write_text(json.dumps(curve))
    return [(count, accuracy) for count, accuracy in json.loads(kept.read_text())]


def run(out: Path, strategy: str, seed: int, batch: int, labels: int) -> Curve:
    """The same by `alframe run`, on what the session kept apart."""
    import torch

    from alframe.labelling.formats.dataset import dataset
    from alframe.labelling.session import Session

    opened = Session.read(out)
    data = dataset(opened)
    classes = _digits_of(opened)
    apart = torch.zeros(len(data), dtype=torch.bool)
    apart[list(opened.audit)] = True
    parts = {"train": ~apart, "test": apart}
    arrays: dict[str, Any] = {f"x_{name}": data.inputs[rows].numpy() for name, rows in parts.items()}
    arrays |= {f"y_{name}": classes[rows.numpy()] for name, rows in parts.items()}
    np.savez(out.with_suffix(".npz"), **arrays)
    runs = out.with_name(f"{out.name}-run")
    sizes = ("--initial-size", batch, "--query-size", batch, "--rounds", labels // batch - 1)
    alframe(
        *("run", "--dataset", f"npz:{out.with_suffix('.npz')}", "--strategy", strategy, "--model", "mlp"),
        *(*sizes, "--seeds", seed, "--out", runs, "--display", "plain"),
    )
    (path,) = runs.rglob("rounds.jsonl")
    rounds = [json.loads(line) for line in path.read_text().splitlines()]
    return [(one["labelled"], one["accuracy"]) for one in rounds]


def _digits_of(opened: Any) -> np.ndarray:
    from alframe import load_dataset

    targets: np.ndarray = load_dataset("digits").targets.numpy()
    return targets[[int(sample.id[:5]) for sample in opened.samples]]


def at(curve: Curve, labels: int) -> float:
    """Accuracy at a number of labels, by a straight line between two."""
    counts, accuracies = zip(*curve, strict=True)
    return float(np.interp(labels, counts, accuracies))


def lag0(out: Path, seeds: Sequence[int]) -> None:
    """Prints the differences."""
    batch, labels = 20, 300
    learned = int(SHARE * batch)
    print("| strategy | labels | session | alframe run | difference | 95 % of it |")
    print("|---|---|---|---|---|---|")
    for strategy in ("margin", "badge", "random"):
        pairs = []
        for seed in seeds:
            folder = out / f"{strategy}-{seed}"
            settings = {"strategy": strategy, "model": "mlp", "audit": 143, "seed": seed}
            ours = session(folder, "digits", labels, batch, None, **settings)
            pairs.append((ours, run(folder, strategy, seed, learned, int(SHARE * labels))))
        counts = range(learned, int(SHARE * labels) + 1, learned)
        rows = {f"{count}": [(at(a, count), at(b, count)) for a, b in pairs] for count in counts[2::3]}
        rows["all, mean"] = [(_mean(a, counts), _mean(b, counts)) for a, b in pairs]
        for name, found in rows.items():
            a, b = np.array(found).T
            half = _t(len(a)) * (a - b).std(ddof=1) / len(a) ** 0.5
            difference = (a - b).mean()
            interval = f"{difference - half:+.3f} to {difference + half:+.3f}"
            print(
                f"| {strategy} | {name} | {a.mean():.3f} | {b.mean():.3f} | {difference:+.3f} | {interval} |",
                flush=True,
            )


def _mean(curve: Curve, counts: Sequence[int]) -> float:
    return float(np.mean([at(curve, count) for count in counts]))


def _t(count: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1))


def write_data(out: Path, data: Path, count: int) -> dict[str, str]:
    """The first pictures of CIFAR-10 and of MNIST, as data sets; labels nobody is told but the oracle."""
    import torch

    from alframe import load_dataset

    out.mkdir(parents=True, exist_ok=True)
    cifar = np.load(data / "cifar10_subset.npz")
    mnist = load_dataset("mnist", data_dir=data)
    pictures = {
        "cifar10": (torch.from_numpy(cifar["x_train"]).permute(0, 3, 1, 2).numpy(), cifar["y_train"]),
        "mnist": (mnist.inputs.numpy(), mnist.targets.numpy()),
    }
    for name, (x, y) in pictures.items():
        np.savez(out / f"{name}.npz", x_train=x[:count], y_train=y[:count], x_test=x[-10:], y_test=y[-10:])
    return {name: f"npz:{out / name}.npz" for name in pictures}


def real(out: Path, data: Path, seeds: Sequence[int], count: int) -> None:
    """Prints the tables."""
    sets = write_data(out, data, count)
    for name, labels, aims in (("cifar10", 700, (0.5, 0.6, 0.65, 0.7)), ("mnist", 400, (0.8, 0.9, 0.95))):
        print(
            f"\n{name}: {count:,} PNG files, {count // 10} of them the audit; means over {len(seeds)} seeds\n"
        )
        steps = tuple(n for n in (50, 100, 200, 300) if n < SHARE * labels)
        heads = [f"at {n}" for n in steps] + [f"labels for {aim:.0%}" for aim in aims]
        print("| strategy | " + " | ".join(heads) + " |")
        print("|---" * (len(heads) + 1) + "|", flush=True)
        for strategy in STRATEGIES:
            curves = []
            for seed in seeds:
                folder = out / f"{name}-{strategy}-{seed}"
                first = out / f"{name}-{STRATEGIES[0]}-{seeds[0]}" / "model"
                settings = {"strategy": strategy, "audit": count // 10, "seed": seed}
                curves.append(session(folder, sets[name], labels, 32, first, **settings))
            cells = [f"{np.mean([at(c, n) for c in curves]):.3f}" for n in steps]
            cells += [_needed([_first(curve, aim) for curve in curves]) for aim in aims]
            print(f"| {strategy} | " + " | ".join(cells) + " |", flush=True)


def _first(curve: Curve, aim: float) -> float:
    """The fewest labels at which the accuracy is reached, by a straight line between two."""
    for (before, low), (after, high) in itertools.pairwise(curve):
        if high >= aim:
            return before if low >= aim else before + (after - before) * (aim - low) / (high - low)
    return float("inf")


def _needed(counts: Sequence[float]) -> str:
    """The median, with those of which it is."""
    shown = ["not reached" if count == float("inf") else f"{count:.0f}" for count in sorted(counts)]
    return f"{shown[len(shown) // 2]} ({shown[0]} to {shown[-1]})"


def main() -> None:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("lag0", "real"))
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--seeds", default="1-5")
    parser.add_argument("--count", type=int, default=4000, help="pictures, for real")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    given.out.mkdir(parents=True, exist_ok=True)
    if given.what == "lag0":
        lag0(given.out, seeds)
    else:
        real(given.out, given.data, seeds, given.count)


if __name__ == "__main__":
    main()
