"""Which strategy when: all that suit, on features of CIFAR-10 and CIFAR-100, with a linear head.

    python benchmarks/evidence.py run DATA OUT --jobs 2
    python benchmarks/evidence.py run DATA OUT --studies c10-few,c10-starts --seeds 1-5
    python benchmarks/evidence.py run DATA OUT --strategies random,margin,badge --seeds 1-10
    python benchmarks/evidence.py tables DATA OUT

DATA holds `cifar10_effnetlite0.npz` and `cifar100_effnetlite0.npz`: features of all images. The head is
fitted anew each round by `linear-probe`, whose `c` was chosen once for random by cross-validation. A query
looks at a random part of the pool, as in the studies of the literature. `run` continues what was interrupted;
`tables` prints, in Markdown, areas under the learning curves against random, ranks, seconds, starts, and
what was found of rare classes. A strategy with another option or stage goes by the label that `alframe run`
gives it, as `balanced+of=badge`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

import alframe
from alframe import seeds as streams
from alframe.comparison.ranks import rank
from alframe_cli.params import NameList

SCORES = "margin,entropy,least-confidence,powermargin,powerentropy"
COVERS = "coreset,centroids,typiclust,probcover,maxherding,uherding,lcmd,maxdet,freesel,activeft"
BOTH = "clustermargin,dcom,dal,learningloss,badge,alfamix,bait,dropquery,falcun,cal,cdal,base,randomweighted"
BAYES = "bald,powerbald,qbc,variationratio"  # a committee of five heads: for ten classes alone
SLOW = "coregcn,uncertaingcn,deepfool"
RARER = "galaxy,direct,direct+batch=1"  # labels come within a round
WRAPPED = "balanced,balanced+of=badge,anchoral,seals"
MIXED = "tcm,selectal"
FILTERS = "refine,refine+depth=2+subsets=4"  # half a minute a query, and a seventh of that
JOINT = "bald+passes=5+masks=shared,batchbald,epig,epig+select=stochastic"  # of the committee
CLOSE = "clustermargin+candidates=1.25+mean_size=1.25"  # as published for CIFAR
MANY = f"random,{SCORES},{COVERS},{BOTH},{RARER},{WRAPPED},{MIXED}"
LARGE = "random,margin,entropy,least-confidence,badge,alfamix,coreset,typiclust,centroids,maxherding"
NARROW = ("c100-more", "c10-unit", "c100-unit", "c10-dropout", "c10-committee")  # not of all strategies
TAIL = "margin,entropy,least-confidence,powermargin,badge,base,randomweighted,uherding"
RARE = f"random,{TAIL},{RARER},{WRAPPED}"
SMALL = "random,margin,bald,powerbald,batchbald,epig,epig+select=stochastic"  # for small batches of Bayesians
MEMBERS = "random,margin,qbc,bald+masks=shared,powerbald+bald.masks=shared,batchbald,epig"
STAGES = ("embed", "score", "select")
STARTS = (
    "balanced",
    "centroids",
    "typiclust",
    "probcover",
    "maxherding",
    "coreset",
    "freesel",
    "activeft",
    "dcom",
)


def study(
    data: str, c: float, initial: int, query: int, rounds: int, strategies: str, **more: Any
) -> list[str]:
    """Arguments of `alframe run`."""
    options = {"linear-probe.c": c, "model.dropout": 0.5, "run.pool_size": 5000}
    committee = data.startswith("cifar10-") or data == "cifar10"
    if more.pop("committee", committee):
        options["linear-probe.members"] = 5
    options |= {key.replace("__", "."): value for key, value in more.items() if key != "start"}
    words = ["--dataset", data, "--initial-size", initial, "--query-size", query, "--rounds", rounds]
    words += ["--initial", more.get("start", "random"), "--strategy", strategies]
    for key, value in options.items():
        words += ["-o", f"{key}={value}"]
    return [str(word) for word in words]


def commands(words: list[str], only: Sequence[str] = ()) -> list[list[str]]:
    """A study as arguments of `alframe run`: one for all plain strategies, one for each with options.

    Args:
        words: of the study.
        only: strategies of it by label; all by default.
    """
    at = words.index("--strategy") + 1
    labels = [label for label in words[at].split(",") if not only or label in only]
    plain = [label for label in labels if "+" not in label]
    found = [[*words[:at], ",".join(plain), *words[at + 1 :]]] if plain else []
    for label in labels:
        name, *parts = label.split("+")
        if not parts:
            continue
        flags: list[str] = []
        for part in parts:
            key, _, value = part.partition("=")
            where = key if "." in key else f"{name}.{key}"
            flags += [f"--{key}", value] if key in STAGES else ["-o", f"{where}={value}"]
        found.append([*words[:at], name, *words[at + 1 :], *flags])
    return found


STUDIES = {
    "c10-few": study("cifar10", 0.1, 10, 10, 4, f"{MANY},{BAYES},{JOINT},{FILTERS},{CLOSE}"),
    "c100-few": study("cifar100", 0.1, 100, 100, 4, MANY),
    "c10-mid": study("cifar10", 0.03, 50, 90, 5, f"{MANY},{BAYES},{SLOW},{CLOSE}"),
    "c100-mid": study("cifar100", 0.03, 500, 1000, 3, MANY),
    "c10-more": study("cifar10", 0.03, 500, 500, 5, f"{MANY},{BAYES},deepfool"),
    "c100-more": study("cifar100", 0.03, 5000, 2500, 2, LARGE, run__pool_size=10_000),
    "c10-tail": study("cifar10", 0.03, 50, 90, 5, f"{MANY},{BAYES}", data__imbalance=0.05),
    "c100-tail": study("cifar100", 0.03, 500, 1000, 3, MANY, data__imbalance=0.05),
}
STUDIES["c10-dropout"] = study("cifar10", 0.03, 50, 10, 10, SMALL, committee=False)
STUDIES["c10-committee"] = study("cifar10", 0.03, 50, 10, 10, MEMBERS, **{"linear-probe.members": 20})
for factor in (10, 100):  # how many samples the first class has for one of the last
    tail = {"data__imbalance": 1 / factor, "committee": False}
    STUDIES[f"c10-tail{factor}"] = study("cifar10", 0.03, 50, 90, 5, RARE, **tail)
    STUDIES[f"c100-tail{factor}"] = study("cifar100", 0.03, 500, 1000, 3, RARE, **tail)
TAILS = {f"c{n}-tail{factor}": (f"cifar{n}", factor) for n in (10, 100) for factor in (10, 100)}
UNIT = "random,qbc,bald,cal,coreset,variationratio"  # again with features of one length
STUDIES["c10-unit"] = study("cifar10-unit", 0.1, 10, 10, 4, UNIT)
STUDIES["c100-unit"] = study("cifar100-unit", 0.03, 500, 1000, 3, "random,bait")
JOINT = "random,margin,bald,powerbald,batchbald,epig"  # small batches, by dropout masks and not by five heads
ALONE = {"linear-probe.members": 0}
STUDIES["c10-joint"] = study("cifar10", 0.1, 10, 10, 10, JOINT, **ALONE)
STUDIES["c10-joint-more"] = study("cifar10", 0.03, 500, 10, 10, JOINT, **ALONE)
for start in STARTS:
    STUDIES[f"c10-start-{start}"] = study("cifar10", 0.1, 10, 10, 4, "random,margin", start=start)
    STUDIES[f"c100-start-{start}"] = study("cifar100", 0.1, 100, 100, 4, "random,margin", start=start)
GROUPS = {f"{data}-starts": [f"{data}-start-{start}" for start in STARTS] for data in ("c10", "c100")}


@click.group()
def main() -> None:
    """Runs the studies, or prints their tables."""


@main.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--studies", type=NameList(), help="Those alone.  [default: all]")
@click.option("--strategies", type=NameList(), help="Those alone.  [default: all of each study]")
@click.option("--seeds", default="1-20", show_default=True)
@click.option("--jobs", default=1, show_default=True)
def run(
    data: Path, out: Path, studies: list[str] | None, strategies: list[str] | None, seeds: str, jobs: int
) -> None:
    """Runs studies, or goes on with them."""
    names = [name for one in studies or STUDIES for name in GROUPS.get(one, [one])]
    if unknown := [name for name in names if name not in STUDIES]:
        raise click.UsageError(f"no study {unknown[0]!r}; there are {', '.join([*STUDIES, *GROUPS])}")
    for name in names:
        words = STUDIES[name].copy()
        words[1] = f"npz:{features_file(words[1], data, out)}"
        fixed = ["--train", "linear-probe", "--device", "cpu", "--seeds", seeds, "--jobs", str(jobs)]
        print(f"{name}, seeds {seeds}", flush=True)
        program = [sys.executable, "-m", "alframe_cli", "run"]
        for command in commands(words, strategies or ()):
            subprocess.run([*program, *command, *fixed, "--out", str(out / name)], check=True)


def features_file(name: str, data: Path, out: Path) -> Path:
    """The file of a data set; of one that ends in ``-unit`` it is made: features of length 16, the mean."""
    full, _, unit = name.partition("-")
    file = data / f"{full}_effnetlite0.npz"
    if not unit:
        return file
    made = out / f"{full}_unit.npz"
    if not made.exists():
        arrays = dict(np.load(file))
        for part in ("x_train", "x_test"):
            x = arrays[part].astype(np.float32)
            arrays[part] = (16 * x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float16)
        out.mkdir(parents=True, exist_ok=True)
        np.savez(made, **arrays)
    return made


@main.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--studies", type=NameList(), help="Those alone.  [default: all that were run]")
def tables(data: Path, out: Path, studies: list[str] | None) -> None:
    """Prints what was found."""
    names = [name for one in studies or STUDIES for name in GROUPS.get(one, [one])]
    found = {name: compared(out / name) for name in names if (out / name).is_dir()}
    rare = {name: one for name, one in found.items() if name in TAILS}
    regimes = {name: one for name, one in found.items() if "-start-" not in name and name not in TAILS}
    print_areas(regimes)
    for name, one in rare.items():
        full, factor = TAILS[name]
        print_rare(name, out / name, one, data / f"{full}_effnetlite0.npz", factor)
    print_ranks({name: one for name, one in regimes.items() if name not in NARROW})
    for short, full in (("c10", "cifar10"), ("c100", "cifar100")):
        arrays = np.load(data / f"{full}_effnetlite0.npz")
        labels, features = arrays["y_train"], arrays["x_train"].astype(np.float32)
        for name in (f"{short}-few", f"{short}-mid", f"{short}-unit"):  # of a long tail the rows are others
            if name in regimes:
                print_picks(name, out / name, regimes[name], features, labels)
        begun = {s: out / f"{short}-start-{s}" for s in STARTS if f"{short}-start-{s}" in found}
        if begun:
            print_starts(short, {"random": out / f"{short}-few"} | begun, labels)


def compared(folder: Path) -> dict[str, Any]:
    """The one setting of a study, as `alframe compare` has it."""
    command = [sys.executable, "-m", "alframe_cli", "compare", str(folder), "--format", "json"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (setting,) = answer["settings"]
    return dict(setting)


def print_areas(regimes: dict[str, dict[str, Any]]) -> None:
    """Area against random in points of accuracy with its 95 % interval, and what a query costs."""
    if not regimes:
        return
    against = {
        name: {v["strategy"]: v for v in one["verdicts"] if v["reference"] == "random"}
        for name, one in regimes.items()
    }
    strategies = dict.fromkeys(strategy for verdicts in against.values() for strategy in verdicts)

    def mean(strategy: str) -> float:
        return float(np.mean([v[strategy]["difference"] for v in against.values() if strategy in v]))

    print_row("strategy", *(f"{name} ({seeds_of(one)} seeds)" for name, one in regimes.items()))
    print_row(*["---"] * (1 + len(regimes)))
    print_row("random: mean accuracy", *(f"{area(one, 'random'):.3f}" for one in regimes.values()))
    for strategy in sorted(strategies, key=mean, reverse=True):
        print_row(strategy, *(cell(v.get(strategy), seeds_of(regimes[name])) for name, v in against.items()))
    print()
    print_row("seconds a query", *regimes)
    print_row(*["---"] * (1 + len(regimes)))
    for strategy in sorted(strategies, key=mean, reverse=True):
        costs = [one["strategies"].get(strategy, {}).get("cost") for one in regimes.values()]
        print_row(strategy, *("" if cost is None else f"{query_seconds(cost):.2f}" for cost in costs))
    print()


def cell(verdict: dict[str, Any] | None, usual: int | None = None) -> str:
    """The difference in points, bold where it is none of chance, with half its interval; and fewer seeds."""
    if verdict is None or verdict["low"] is None:
        return ""
    text = f"{100 * verdict['difference']:+.1f} ± {50 * (verdict['high'] - verdict['low']):.1f}"
    text = f"**{text}**" if verdict["outcome"] in ("beats", "loses to") else text
    return text if usual in (None, verdict["seeds"]) else f"{text}, {verdict['seeds']} seeds"


def print_ranks(regimes: dict[str, dict[str, Any]]) -> None:
    """Mean ranks by area of those that every study has."""
    if len(regimes) < 2:
        return
    shared = sorted(set.intersection(*(set(one["strategies"]) for one in regimes.values())))
    values = np.array([[area(one, strategy) for strategy in shared] for one in regimes.values()])
    ranks = rank(shared, values)
    print(f"Mean ranks over {ranks.settings} studies, critical difference {ranks.critical_difference:.1f}: ")
    pairs = zip(ranks.strategies, ranks.mean_ranks, strict=True)
    print(", ".join(f"{strategy} {number:.1f}" for strategy, number in pairs))
    print()


def print_starts(short: str, folders: dict[str, Path], labels: np.ndarray[Any, Any]) -> None:
    """Classes hit by the first labels, accuracy there and at the end, mean and standard deviation."""
    print_row(f"{short}: start", "classes", "random, first", "random, last", "margin, last", "seeds")
    print_row(*["---"] * 6)
    for start, folder in folders.items():
        rounds = {s: read_rounds(folder, s) for s in ("random", "margin")}
        hit = [len(np.unique(labels[trial[0]["queried"]])) for trial in rounds["random"]]
        first = [trial[0]["accuracy"] for trial in rounds["random"]]
        last = {s: [trial[-1]["accuracy"] for trial in trials] for s, trials in rounds.items()}
        columns = [spread(hit, 1), *(spread(x, 3) for x in (first, last["random"], last["margin"]))]
        print_row(start, *columns, len(hit))
    print()


def print_rare(name: str, folder: Path, one: dict[str, Any], file: Path, factor: int) -> None:
    """Of the rarest class and the rarest fifth of the classes: labels asked for, mean and deviation.

    The start's labels are not counted: they are the same for all. Accuracy is balanced, for the test part is.
    """
    dataset = alframe.load_dataset(f"npz:{file}")
    rarest, fifth = dataset.num_classes - 1, dataset.num_classes * 4 // 5
    labels = {}
    for seed in sorted({int(path.name[5:]) for path in folder.glob("*/*/*/seed-*")}):
        tail = dataset.long_tailed(1 / factor, streams.generator(seed, "imbalance"))
        labels[seed] = tail.targets.numpy()
    found = next(iter(labels.values()))
    print(
        f"{name}: of {(found == rarest).sum()} of the rarest class and {(found >= fifth).sum()} of its fifth"
    )
    print()
    heads = ("strategy", "balanced accuracy", "of the rarest class", "of the rarest fifth", "seconds a query")
    print_row(*heads, "seeds")
    print_row(*["---"] * 6)
    verdicts = {v["strategy"]: v for v in one["verdicts"] if v["reference"] == "random"}
    for strategy in sorted(one["strategies"], key=lambda s: area(one, s), reverse=True):
        asked = picks_by_seed(folder, strategy)
        counts = [
            [(labels[seed][picks] >= least).sum() for seed, picks in asked.items()]
            for least in (rarest, fifth)
        ]
        cost = query_seconds(one["strategies"][strategy]["cost"])
        gained = cell(verdicts.get(strategy)) or f"{area(one, strategy):.3f}"
        print_row(strategy, gained, *(spread(x, 1) for x in counts), f"{cost:.2f}", len(asked))
    print()


def picks_by_seed(folder: Path, strategy: str) -> dict[int, np.ndarray[Any, Any]]:
    """What a strategy's trials asked for, all rounds but the start."""
    found = {}
    for file in sorted(folder.glob(f"*/*/{strategy}/seed-*/rounds.jsonl")):
        records = [json.loads(line) for line in file.read_text().splitlines()]
        found[int(file.parent.name[5:])] = np.concatenate([record["queried"] for record in records[1:]])
    return found


def print_picks(
    name: str, folder: Path, one: dict[str, Any], features: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]
) -> None:
    """What is picked: how long features are, how alike in a batch, how typical, of which classes.

    Alike by the cosine of two; typical by the mean cosine to the 20 nearest of 8,000 drawn samples;
    unequal in a trial by the classes' standard deviation in shares of their mean.
    """
    lengths = np.linalg.norm(features, axis=1)
    directions = features / lengths[:, None]
    some = directions[
        np.random.default_rng(0).choice(len(directions), min(8000, len(directions)), replace=False)
    ]
    columns = ("length of features", "cosine in a batch", "cosine to the nearest", "classes in a batch")
    print_row(f"{name}: picks of", *columns, "inequality of classes")
    print_row(*["---"] * 6)
    for strategy in sorted(one["strategies"], key=lambda s: area(one, s), reverse=True):
        batches = [
            [record["queried"] for record in trial[1:]]
            for trial in read_rounds(folder, strategy)
            if trial[1:]
        ]
        trials = [np.concatenate(trial) for trial in batches]
        counts = [np.bincount(labels[picks], minlength=labels.max() + 1) for picks in trials]
        unequal = np.mean([count.std() / count.mean() for count in counts])
        alike = np.mean([mean_cosine(directions[batch]) for trial in batches for batch in trial])
        hit = np.mean([len(np.unique(labels[batch])) for trial in batches for batch in trial])
        long = lengths[np.concatenate(trials)].mean()
        typical = to_nearest(directions[np.concatenate(trials)[:2000]], some)
        print_row(strategy, f"{long:.1f}", f"{alike:.2f}", f"{typical:.2f}", f"{hit:.1f}", f"{unequal:.2f}")
    print()


def to_nearest(directions: np.ndarray[Any, Any], others: np.ndarray[Any, Any], count: int = 20) -> float:
    """Mean cosine to the nearest of other rows, all but the very nearest, which may be the row itself."""
    cosines = np.sort(directions @ others.T, axis=1)
    return float(cosines[:, -count - 1 : -1].mean())


def mean_cosine(directions: np.ndarray[Any, Any]) -> float:
    """Of two different rows of unit length."""
    count = len(directions)
    return float((np.square(directions.sum(axis=0)).sum() - count) / (count * (count - 1)))


def read_rounds(folder: Path, strategy: str) -> list[list[dict[str, Any]]]:
    """The records of a strategy's trials."""
    files = sorted(folder.glob(f"*/*/{strategy}/seed-*/rounds.jsonl"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def spread(values: Sequence[float], digits: int) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def area(one: dict[str, Any], strategy: str) -> float:
    """A strategy's mean accuracy over the budget."""
    return float(one["strategies"][strategy]["area"]["mean"])


def seeds_of(one: dict[str, Any]) -> int:
    """How many seeds the verdicts rest on, but for those of strategies that had fewer."""
    return max(verdict["seeds"] for verdict in one["verdicts"])


def query_seconds(cost: dict[str, Any]) -> float:
    """Seconds of a query, in the mean."""
    return float(cost["seconds"])


def print_row(*cells: object) -> None:
    """A row of a Markdown table."""
    print("|", " | ".join(map(str, cells)), "|")


if __name__ == "__main__":
    main()
