import numpy as np
import pandas as pd
import pytest
import torch

from alframe import UsageError
from alframe.learning import tables
from alframe.learning.tables import Table
from alframe.ops import blocks

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(3), 50)
SEVERAL = RNG.dirichlet(np.ones(3), (4, 50))
CPU = torch.device("cpu")


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "p.npy", P.astype(np.float32))
    return tmp_path / "p.npy"


def same(mapped):
    return {
        "array": P,
        "float32": P.astype(np.float32),
        "read-only": np.broadcast_to(P, (2, 50, 3))[0],
        "tensor": torch.tensor(P, requires_grad=True),
        "lists": P.tolist(),
        "DataFrame": pd.DataFrame(P, index=range(50, 0, -1)),
        "logs": np.log(P),
        "path": mapped,
        "text of a path": str(mapped),
        "mapped": np.load(mapped, mmap_mode="r"),
        "one member": P[None],
    }


def test_probabilities_in_any_form_are_the_same(mapped, monkeypatch):
    for elements in (blocks.BLOCK_ELEMENTS, 12):  # also in blocks of four rows
        monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", elements)
        for kind, given in same(mapped).items():
            table = Table(given, "logits" if kind == "logs" else "probs", CPU)
            assert (len(table), table.members, table.names) == (50, 0, None), kind
            np.testing.assert_allclose(table.logits().softmax(dim=1), P, atol=1e-6, err_msg=kind)


@pytest.mark.parametrize("kind", ["probs", "logits", "list", "tensor"])
def test_members_and_their_mean(kind):
    given = {"logits": np.log(SEVERAL) + 1, "list": list(SEVERAL), "tensor": torch.tensor(SEVERAL)}
    table = Table(given.get(kind, SEVERAL), "logits" if kind == "logits" else "probs", CPU)
    assert (len(table), table.members) == (50, 4)
    np.testing.assert_allclose(table.logits().softmax(dim=1), SEVERAL.mean(axis=0), atol=1e-6)
    rows = torch.tensor([7, 3])
    np.testing.assert_allclose(table.member_probs(range(1, 3), rows), SEVERAL[1:3, [7, 3]], atol=1e-6)
    np.testing.assert_allclose(table.member_probs(range(4), slice(5, 9)), SEVERAL[:, 5:9], atol=1e-6)


@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_one_logit_is_that_of_the_second_of_two_classes(shape):
    z = RNG.normal(size=shape)
    probs = Table(z, "logits", CPU).logits().softmax(dim=1)
    np.testing.assert_allclose(probs[:, 1], 1 / (1 + np.exp(-z.ravel())), atol=1e-6)


def test_columns_have_names():
    assert Table(pd.DataFrame(P, columns=["a", "b", "c"]), "probs", CPU).names == ("a", "b", "c")
    assert Table(pd.DataFrame(P, columns=[2, 1, 0]), "probs", CPU).names == (2, 1, 0)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (P * 100, "probs", "row 0 adds up to 100: these are percent"),
        (np.log(P), "probs", "are they logits"),
        (np.where(np.arange(50)[:, None] == 30, np.nan, P), "probs", "probs: row 30 has NaN"),
        (np.where(np.arange(50)[:, None] == 30, np.inf, P), "logits", "logits: row 30 has NaN or infinite"),
        (P, "logits", "all rows add up to 1: these are probabilities, pass them as probs="),
        (P[:, 0], "probs", r"N x C, got shape \[50\]"),
        (SEVERAL[None], "probs", r"got shape \[1, 4, 50, 3\]"),
        (SEVERAL * 2, "probs", "row 0 "),
        (
            pd.DataFrame({"a": ["x"], "b": ["y"]}),
            "probs",
            "probs must be an array or tensor of numbers, got str",
        ),
        ("absent.npy", "probs", "absent.npy can't be read"),
        ({"a": 1}, "probs", "probs must be an array or tensor of numbers"),
    ],
)
def test_what_are_no_predictions_is_one_line(given, kind, message):
    with pytest.raises(UsageError, match=message) as caught:
        Table(given, kind, CPU)
    assert "\n" not in str(caught.value)


def test_rows_of_later_blocks_are_counted_from_the_first(monkeypatch):
    monkeypatch.setattr(tables, "row_blocks", lambda n, *_: (slice(k, k + 10) for k in range(0, n, 10)))
    wrong = P.copy()
    wrong[33] *= 2
    with pytest.raises(UsageError, match="probs: row 33 "):
        Table(wrong, "probs", CPU)
