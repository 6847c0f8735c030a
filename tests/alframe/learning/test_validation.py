import pytest
import torch

from alframe import Embeddings, PluginError, TrainResult
from alframe.learning.validation import (
    check_dataset,
    check_embeddings,
    check_network,
    check_picks,
    check_scores,
    check_training,
)
from alframe.ops.geometry import Euclidean


def test_what_is_right_passes():
    scores = torch.tensor([0.5, -torch.inf, 2.0])
    assert check_scores(scores, 3) is scores
    assert check_picks(torch.tensor([2, 0]), 3, 2).tolist() == [2, 0]
    assert check_picks(torch.tensor([], dtype=torch.int64), 3, 2).tolist() == []
    result = TrainResult(1, 1.0, 0.0)
    assert check_training(result) is result
    pool, labelled = check_embeddings(Embeddings(torch.zeros(3, 2), Euclidean(torch.zeros(1, 2))), 3, 1)
    assert (len(pool), len(labelled)) == (3, 1)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "got None"),
        ([0.1, 0.2, 0.3], "got list"),
        (
            torch.zeros(2),
            r"wanted a floating-point tensor of shape \[3\], got a float32 tensor of shape \[2\]",
        ),
        (torch.zeros(3, 1), r"shape \[3, 1\]"),
        (torch.zeros(3, dtype=torch.int64), "int64"),
        (torch.tensor([0.0, torch.nan, torch.nan]), "got 2 NaN"),
        (torch.tensor([0.0, torch.inf, 0.0]), r"got \+inf"),
    ],
)
def test_scores(answer, message):
    with pytest.raises(PluginError, match=message):
        check_scores(answer, 3)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "got None"),
        ([0, 1], "got list"),
        (torch.tensor([0.0, 1.0]), "float32"),
        (torch.tensor([[0, 1]]), r"shape \[1, 2\]"),
        (torch.tensor([0, 1, 2]), "up to n = 2 distinct positions in 0..9, got 3"),
        (torch.tensor([0, 10]), r"got positions 0..10"),
        (torch.tensor([-1, 0]), r"got positions -1..0"),
        (torch.tensor([4, 4]), "got 1 repeated"),
    ],
)
def test_picks(answer, message):
    with pytest.raises(PluginError, match=message):
        check_picks(answer, 10, 2)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "got None"),
        (torch.zeros(3, 2), r"Embeddings\(pool, labelled\), got a float32 tensor"),
        (Embeddings(torch.zeros(2, 2), torch.zeros(1, 2)), r"\[3, E\] for the pool, got 2 points"),
        (Embeddings(torch.zeros(3, 2), torch.zeros(2, 2)), r"\[1, E\] for the labelled, got 2 points"),
        (Embeddings(torch.zeros(3), torch.zeros(1, 2)), r"shape \[3\]"),
        (Embeddings("x", torch.zeros(1, 2)), "got str"),
        (Embeddings(torch.full((3, 2), torch.nan), torch.zeros(1, 2)), "finite squared norms"),
    ],
)
def test_embeddings(answer, message):
    with pytest.raises(PluginError, match=message):
        check_embeddings(answer, 3, 1)


def test_embeddings_of_two_geometries():
    class Other(Euclidean):
        pass

    with pytest.raises(PluginError, match="one geometry for both, got Euclidean and Other"):
        check_embeddings(Embeddings(torch.zeros(3, 2), Other(torch.zeros(1, 2))), 3, 1)


def test_training():
    with pytest.raises(PluginError, match="wanted a TrainResult, got None"):
        check_training(None)


def test_what_plugins_load_and_build():
    with pytest.raises(PluginError, match=r"wanted an alframe.Dataset, got None \(is a `return` missing"):
        check_dataset(None)
    with pytest.raises(PluginError, match="wanted an alframe.Classifier, got Linear"):
        check_network(torch.nn.Linear(2, 2))
