"""Picks of ours and of scikit-activeml on one problem, both given the same clusters, masks or random numbers.

    python benchmarks/picks.py
    python benchmarks/picks.py -s N=500 -s n=20 --strategies maxherding,cal

"Right" are picks that are the best by the published formula, in float64, given the picks before them: where
samples are equally good, all picks of both programs can be right and yet differ. The objective is that of the
formula, of either program's picks. A line below the table says by what the two programs differ where they do.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import formulas
import numpy as np
import peers
import torch
from query import SCALES, Scale, Size, as_arrays, ask, make_problem
from rich.console import Console
from rich.table import Table

from alframe_cli.params import NameList

HALVES = "clusters of under 40: half of their members are neighbours, as in the authors' program, or all"
RADII = "it tries 0.2, 0.4, .. 2.0; by the formula any number, the quantile of distances to other clusters"


class Outcome(NamedTuple):
    """What two programs picked, ours first.

    Attributes:
        settings: of the peer.
        equal: share of the picks that both have; NaN where there are none.
        right: shares of the picks that are right.
        measure: what the objective is.
        objective: of the picks.
        why: how the formulas differ, or "" where they are the same.
    """

    settings: str
    equal: float
    right: tuple[float, float]
    measure: str
    objective: tuple[float, float]
    why: str

    def verdict(self) -> str:
        """In a few words."""
        mine, its = self.objective
        if self.equal == 1 or (np.isnan(self.equal) and self.right == (1, 1)):
            return "equal"
        if self.right == (1, 1):
            return "ties"
        return f"{'lower' if its < mine else 'higher'} by {abs(its - mine):.3g}" if its != mine else "others"


def main_problem(scale: Scale, data: str = "dead") -> tuple[Any, Any]:
    """The problem as tensors, and as arrays in float64."""
    problem = make_problem(scale, data)
    return problem, formulas.in_64_bits(as_arrays(problem))


def asked(strategy: str, problem: Any, n: int, **options: Any) -> np.ndarray:
    """Our picks."""
    return np.asarray(ask(strategy, n, options, "cpu", 0, problem).indices.numpy())


def maxherding(scale: Scale) -> Iterator[Outcome]:
    """The peer with the paper's kernel, and with its own."""
    from skactiveml.pool import MaxHerding

    problem, arrays = main_problem(scale)
    X, y = peers.together(arrays)
    kernel = np.exp(-formulas.squared_distances(formulas.unit(X)))
    mine = asked("maxherding", problem, scale.n)
    for settings, gamma in (("gamma=1", 1.0), ("its own", None)):
        peer = MaxHerding(metric_dict={"gamma": gamma}, random_state=0)
        picks = mine, peer.query(X, y, batch_size=scale.n)
        why = "" if gamma else "its kernel has gamma = 1 / D, a width of sqrt(D); the paper's width is 1"
        yield _covered(kernel, scale, settings, "mean coverage", picks, why)


def probcover(scale: Scale) -> Iterator[Outcome]:
    """At one radius; and the radius, of the same clusters."""
    from skactiveml.pool import ProbCover
    from sklearn.cluster import KMeans

    problem, arrays = main_problem(scale)
    X, y = peers.together(arrays)
    x = formulas.unit(X)
    labels = KMeans(scale.C, random_state=0).fit_predict(x)
    exact, mine = formulas.pure_radius(x, labels, 0.95), _our_radius(x, labels)
    its = ProbCover(n_classes=scale.C, random_state=0)
    its.query(x, y, batch_size=1)
    right = float(abs(mine - exact) < 1e-4), float(abs(its.delta_max_ - exact) < 1e-4)
    yield Outcome("its own", np.nan, right, "radius of purity 0.95", (mine, float(its.delta_max_)), RADII)
    ours = asked("probcover", problem, scale.n, radius=exact)
    picks = ours, ProbCover(deltas=[exact], random_state=0).query(x, y, batch_size=scale.n)
    kernel = (formulas.squared_distances(x) < exact**2).astype(float)
    yield _covered(kernel, scale, "same radius", "share covered", picks, "")


def _our_radius(x: np.ndarray, labels: np.ndarray) -> float:
    from alframe_probcover._probcover import Euclidean, nearest_of_others

    points = Euclidean(torch.from_numpy(x).float())
    nearest = nearest_of_others(points, torch.from_numpy(labels).long()).sort().values
    return float(nearest[int(0.05 * len(x))].sqrt())


def _covered(
    kernel: np.ndarray, scale: Scale, settings: str, measure: str, picks: tuple[Any, Any], why: str
) -> Outcome:
    right, objective = zip(*(formulas.coverage(kernel, scale.N, one) for one in picks), strict=True)
    return Outcome(settings, _share(*picks), right, measure, objective, why)


def typiclust(scale: Scale) -> Iterator[Outcome]:
    """The same clusters, large ones and small ones; and fewer different samples than clusters."""
    from skactiveml.pool import TypiClust
    from sklearn.cluster import KMeans

    from alframe_typiclust import Options
    from alframe_typiclust._typiclust import most_typical_in_turn

    for settings, k, n, why in (
        ("k=20, large clusters", 20, scale.n // 3, HALVES),
        ("k=20, small clusters", 20, scale.n, HALVES),
        ("its own", 5, scale.n // 3, "it looks at 5 neighbours, the paper at 20"),
    ):
        _, arrays = main_problem(scale._replace(L=scale.C))
        X, y = peers.together(arrays)
        x = formulas.unit(X)
        labels = KMeans(scale.C + n, random_state=0).fit_predict(x)
        given = torch.from_numpy(x).float(), torch.from_numpy(labels).long(), torch.from_numpy(np.isnan(y))
        mine = most_typical_in_turn(*given, n, Options(), torch.Generator().manual_seed(0)).numpy()
        its = TypiClust(k=k, random_state=0, cluster_algo_dict={"random_state": 0}).query(x, y, batch_size=n)
        right, objective = zip(*(formulas.typicality(x, labels, y, p) for p in (mine, its)), strict=True)
        yield Outcome(settings, _share(mine, its), right, "mean typicality", objective, why)
    problem, _ = main_problem(scale._replace(N=scale.n))
    problem["features"] = problem["features"][torch.arange(scale.n) % (scale.n // 2)]
    X, y = peers.together(as_arrays(problem))
    picks = asked("typiclust", problem, scale.n), TypiClust(random_state=0).query(X, y, batch_size=scale.n)
    distinct = len(set(picks[0])), len(set(picks[1]))
    right = distinct[0] / scale.n, distinct[1] / scale.n
    why = "once all clusters are used up it draws among all, its picks of this query included"
    yield Outcome(f"pairs of equal rows, N = n = {scale.n}", np.nan, right, "distinct picks", distinct, why)


def cal(scale: Scale) -> Iterator[Outcome]:
    """The peer with the paper's neighbours, and with its own."""
    from skactiveml.pool import ContrastiveAL

    problem, arrays = main_problem(scale)
    X, y = peers.together(arrays)
    mine = asked("cal", problem, scale.n)
    scores = formulas.divergence_from_neighbours(arrays, 10)
    for settings, neighbours, unit_length, why in (
        ("10, unit length", {"n_neighbors": 10}, True, ""),
        ("its own", None, False, "it looks at 5 neighbours of the features as they are, the paper at 10"),
    ):
        clf = peers.linear_head(arrays["head"], unit_length)
        strategy = ContrastiveAL(nearest_neighbors_dict=neighbours, random_state=0)
        its = strategy.query(X, y, clf=clf, fit_clf=False, batch_size=scale.n)
        yield _top(scores, settings, "mean divergence", (mine, its), why)


def falcun(scale: Scale) -> Iterator[Outcome]:
    """The same random numbers."""
    from unittest.mock import patch

    from skactiveml.pool import Falcun

    from alframe_falcun import _falcun as ours

    _, arrays = main_problem(scale)
    X, y = peers.together(arrays)
    probs = formulas.softmax(arrays["features"] @ arrays["head"][0].T + arrays["head"][1])
    strategy = Falcun(random_state=0)
    strategy._validate_data(X, y, None, scale.n, False, reset=True)  # seeds it, as each query does
    luck, chances, made = strategy.random_state_.random_sample(scale.n), ours.chances, list[Any]()

    def kept(*given: Any) -> Any:
        made.append(chances(*given))
        return made[-1]

    with patch("torch.rand", return_value=torch.from_numpy(luck)), patch.object(ours, "chances", kept):
        mine = ours.draw_relevant(torch.from_numpy(probs), scale.n, 10.0, torch.Generator()).numpy()
    clf = peers.linear_head(arrays["head"])
    its, utilities = strategy.query(X, y, clf=clf, fit_clf=False, batch_size=scale.n, return_utilities=True)
    right, exact = zip(*(formulas.draws(probs, picks, luck, 10.0) for picks in (mine, its)), strict=True)
    own = torch.stack(made).numpy(), np.nan_to_num(utilities[:, : scale.N])
    mine_off, its_off = (
        float(np.abs(a / a.sum(axis=1, keepdims=True) - b).sum(axis=1).max() / 2)
        for a, b in zip(own, exact, strict=True)
    )
    why = (
        "it scales the distances in place, so that each scaling works on those scaled before, over a range "
        "that the picks are part of, and does not scale those of the first draw"
    )
    yield Outcome("its own", _share(mine, its), right, "draws off by, at most", (mine_off, its_off), why)


def dropquery(scale: Scale) -> Iterator[Outcome]:
    """Candidates from the same masks: of clusters that are seeded otherwise picks differ rightly."""
    from unittest.mock import patch

    from skactiveml.pool import DropQuery

    from alframe_dropquery import _dropquery as ours

    unscaled = "it does not divide what is left by 1 - rate, beside the bias of a head, which is not dropped"
    few = "it takes what changes in over half of the passes, or n, where the authors' rule goes on to 25 n"
    for data, rate, why in (("low-rank", 0.75, unscaled), ("dead", 0.25, few)):
        problem, _ = main_problem(scale, data)
        problem["features"] = problem["features"] + 1e-3  # so that zeros are dropped ones
        arrays = formulas.in_64_bits(as_arrays(problem))
        X, y = peers.together(arrays)
        clf, passed = peers.linear_head(arrays["head"]), list[Any]()
        clf.predict = lambda x, f=clf.predict, passed=passed: (passed.append(x), f(x))[1]
        strategy = DropQuery(rate, n_dropout_samples=3, random_state=0)
        _, utilities = strategy.query(X, y, clf=clf, fit_clf=False, batch_size=scale.n, return_utilities=True)
        masks = [x != 0 for x in passed[1:]]
        given = iter([torch.from_numpy(mask).float() for mask in masks])
        head = torch.nn.Linear(scale.D, scale.C)
        head.weight.data, head.bias.data = problem["head"]
        with (
            patch.object(ours, "dropout_mask", lambda *_, given=given: next(given)),
            patch.object(ours, "order_by_content", lambda rows, _: torch.arange(len(rows))),
        ):
            shares = ours.share_of_changes(head, problem["features"], 3, rate, torch.Generator())
        mine = ours.with_most_changes(shares, scale.n, 3, 25.0).numpy()
        its = np.flatnonzero(np.isfinite(utilities[0]))
        exact = formulas.changed_enough(arrays["features"], arrays["head"], masks, rate, scale.n)
        right, sizes = (_overlap(mine, exact), _overlap(its, exact)), (len(mine), len(its))
        settings = f"rate {rate:g}, {'a' if data == 'low-rank' else 'no'} bias"
        yield Outcome(settings, _overlap(mine, its), right, "candidates", sizes, why)


def committee(strategy: str, scale: Scale) -> Iterator[Outcome]:
    """The same heads."""
    problem, arrays = main_problem(scale)
    X, y = peers.together(arrays)
    probs = [formulas.softmax(arrays["features"] @ W.T + b) for W, b in arrays["heads"]]
    scores = formulas.COMMITTEES[strategy](np.stack(probs))
    picks = asked(strategy, problem, scale.n), peers.PEERS[strategy](X, y, arrays["heads"], scale.n)
    yield _top(scores, "same heads", "mean score", picks, "")


def batchbald(scale: Scale) -> Iterator[Outcome]:
    """The same heads, and so few picks that all configurations are enumerated."""
    n = 4
    problem, arrays = main_problem(scale)
    X, y = peers.together(arrays)
    probs = np.stack([formulas.softmax(arrays["features"] @ W.T + b) for W, b in arrays["heads"]])
    mine = asked("batchbald", problem, n)
    its = peers.PEERS["batchbald"](X, y, arrays["heads"], n)
    right, told = zip(*(formulas.joint_information(probs, picks) for picks in (mine, its)), strict=True)
    yield Outcome(f"same heads, n = {n}", _share(mine, its), right, "a(S)", told, "")


def _top(scores: np.ndarray, settings: str, measure: str, picks: tuple[Any, Any], why: str) -> Outcome:
    least = np.sort(scores)[-len(picks[0])] - 1e-6
    right = float((scores[picks[0]] >= least).mean()), float((scores[picks[1]] >= least).mean())
    objective = float(scores[picks[0]].mean()), float(scores[picks[1]].mean())
    return Outcome(settings, _share(*picks), right, measure, objective, why)


def _share(mine: Any, its: Any) -> float:
    return len(set(map(int, mine)) & set(map(int, its))) / len(mine)


def _overlap(one: Any, other: Any) -> float:
    both = set(map(int, one)), set(map(int, other))
    return len(both[0] & both[1]) / len(both[0] | both[1])


COMPARED = {
    "batchbald": batchbald,
    "cal": cal,
    "dropquery": dropquery,
    "falcun": falcun,
    "maxherding": maxherding,
    "probcover": probcover,
    "qbc": lambda scale: committee("qbc", scale),
    "typiclust": typiclust,
    "variationratio": lambda scale: committee("variationratio", scale),
}


@click.command()
@click.option("-s", "changed", type=Size(), multiple=True, help="A size unlike those of `small`, as N=500.")
@click.option("--strategies", type=NameList(), help="By default all that have a peer.")
def main(changed: tuple[tuple[str, int], ...], strategies: list[str] | None) -> None:
    """Prints the table."""
    if not peers.names():
        raise click.UsageError('scikit-activeml is not installed: pip install -e ".[bench]"')
    if unknown := set(strategies or ()) - set(COMPARED):
        raise click.UsageError(f"no peer is compared for {', '.join(sorted(unknown))}: {', '.join(COMPARED)}")
    scale = SCALES["small"]._replace(**dict(changed))
    described = ", ".join(f"{name} = {value:,}" for name, value in scale._asdict().items())
    table = Table(title=f"{described}; ours / scikit-activeml's")
    for heading in ("strategy", "settings", "equal", "right", "objective", "ours / its", "its is"):
        table.add_column(heading)
    reasons = []
    for name in strategies or COMPARED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcomes = list(COMPARED[name](scale))
        for one in outcomes:
            equal = "" if np.isnan(one.equal) else f"{one.equal:.2f}"
            right = " / ".join(f"{share:.2f}" for share in one.right)
            objective = " / ".join(f"{value:.5g}" for value in one.objective)
            table.add_row(name, one.settings, equal, right, one.measure, objective, one.verdict())
            if one.why and one.verdict() != "equal":
                reasons.append(f"{name}, {one.settings}: {one.why}.")
    Console(width=110).print(table)
    click.echo("\n".join(reasons))


if __name__ == "__main__":
    main()
