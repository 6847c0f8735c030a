import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import alframe
from alframe_selectal import Options
from alframe_selectal._removals import left_out_at_random, left_out_by_typicality, share_of_classes
from alframe_selectal._selectal import accuracies_without, family_of, predicted


def context(num_classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return SimpleNamespace(generator=generator, num_classes=num_classes, progress=lambda done, total: None)


def labelled(make, L, C=3, spread=1.0):
    problem = make(L=L, C=C, D=4)
    centres = np.random.default_rng(9).normal(size=(C, 4)) * 0.3
    return torch.tensor(centres[problem.yL] + spread * problem.XL), torch.tensor(problem.yL)


def transcribed(X, y, num_classes, options, seed):
    """35 fits: held out first, the same for the three; the random removals are averaged."""
    draws = torch.Generator().manual_seed(seed)
    L, found = len(y), {"typical": [], "any": [], "untypical": []}
    for _ in range(options.repeats):
        held = torch.randperm(L, generator=draws)[: max(1, round(options.held_out * L))].tolist()
        rest = [i for i in range(L) if i not in held]
        count = share_of_classes(y[rest], options.epsilon, num_classes)
        typical, untypical = left_out_by_typicality(X[rest], y[rest], count, draws)
        out = {"typical": [typical], "untypical": [untypical]}
        out["any"] = [left_out_at_random(y[rest], count, draws) for _ in range(options.draws)]
        for name, removals in out.items():
            for removal in removals:
                kept = [i for i, gone in zip(rest, removal.tolist(), strict=True) if not gone]
                model = LogisticRegression(max_iter=1000).fit(X[kept], y[kept])
                found[name].append(model.score(X[held], y[held]))
    return {name: np.mean(accuracies) for name, accuracies in found.items()}


@pytest.mark.parametrize("L", [25, 60])
def test_is_the_algorithm(make, L):
    X, y = labelled(make, L)
    options = Options(repeats=3, draws=2, held_out=0.2, epsilon=0.3)
    found = accuracies_without(X, y, options, context(3, seed=4))
    assert found == pytest.approx(transcribed(X, y, 3, options, seed=4))
    assert len(set(found.values())) > 1


def test_defaults_are_35_fits(make, monkeypatch):
    fits = []
    monkeypatch.setattr(
        "alframe_selectal._selectal.predicted", lambda x, y, others: fits.append(len(y)) or y[: len(others)]
    )
    accuracies_without(*labelled(make, 200), Options(), context(3))
    assert fits == [200 - 10 - 9] * 35  # 5 % held out; of the rest 5 % left out, 3 a class


@pytest.mark.parametrize(
    ("accuracies", "family"),
    [
        ((0.5, 0.6, 0.7), "low"),
        ((0.7, 0.6, 0.5), "high"),
        ((0.7, 0.5, 0.6), "neither"),
        ((0.5, 0.5, 0.5), "low"),
        ((0.6, 0.5, 0.5), "neither"),
        ((math.nan,) * 3, "low"),
    ],
)
def test_what_is_missed_most_names_the_family(accuracies, family):
    assert family_of(dict(zip(("typical", "any", "untypical"), accuracies, strict=True))) == family


def test_one_label_and_one_class_have_no_accuracy_to_compare(make):
    X, y = labelled(make, 20)
    assert all(map(math.isnan, accuracies_without(X[:1], y[:1], Options(), context(3)).values()))
    assert all(map(math.isnan, accuracies_without(X[:0], y[:0], Options(), context(3)).values()))
    alone = accuracies_without(X, torch.zeros_like(y), Options(), context(3))
    assert set(alone.values()) == {1.0}


def test_without_any_label_left_nothing_is_right():
    """Trap: of three classes with one label each all that is not held out is left out."""
    found = accuracies_without(torch.eye(3), torch.arange(3), Options(), context(3))
    assert set(found.values()) == {0.0}
    assert predicted(torch.eye(3)[:0], torch.arange(0), torch.eye(3)).tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("accuracies", "strategy"),
    [((0.5, 0.6, 0.7), "least-confidence"), ((0.7, 0.5, 0.6), "margin"), ((0.7, 0.6, 0.5), "entropy")],
)
def test_the_familys_strategy_is_asked(make, monkeypatch, accuracies, strategy):
    monkeypatch.setattr(
        "alframe_selectal._selectal.accuracies_without",
        lambda *args: dict(zip(("typical", "any", "untypical"), accuracies, strict=True)),
    )
    options = {"low": "least-confidence", "neither": "margin", "high": "entropy"}
    query = make(L=30).query
    found = alframe.query("selectal", options=options, **query)
    assert found.indices.tolist() == alframe.query(strategy, **query).indices.tolist()
    logged = found.logged["selectal"]
    assert [logged[f"accuracy_without_{name}"] for name in ("typical", "any", "untypical")] == list(
        accuracies
    )
    assert logged["labels_are_few"] == (strategy == "least-confidence")
