import json

import numpy as np
import pandas as pd
import pytest

import alframe as package

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(3), 40)
NAMES = ["cat", "dog", "emu"]
WANTED = package.query("margin", probs=P, n=5, device="cpu").indices.tolist()


@pytest.fixture(autouse=True)
def files(tmp_path):
    np.save(tmp_path / "p.npy", P)
    np.save(tmp_path / "members.npy", np.stack([P, P[::-1]]))
    np.save(tmp_path / "percent.npy", P * 100)
    np.savez(tmp_path / "p.npz", probs=P)
    np.savetxt(tmp_path / "bare.csv", P, delimiter=",")
    named = pd.DataFrame(P, columns=NAMES)
    named.to_csv(tmp_path / "named.csv", index=False)
    named.to_csv(tmp_path / "with_index.csv")
    pd.DataFrame(P).to_csv(tmp_path / "numbered.csv", index=False)
    named.to_csv(tmp_path / "named.tsv", index=False, sep="\t")
    (tmp_path / "cut.csv").write_text('a,b\n1,"2\n')
    (tmp_path / "empty.csv").touch()
    (tmp_path / "no.parquet").write_text("no table")
    (tmp_path / "rows.txt").write_text("0\n1\n2\n")
    (tmp_path / "labels.txt").write_text("cat\ndog\ncat\n")
    (tmp_path / "numbers.txt").write_text("0\n1\n0\n")
    (tmp_path / "labels.csv").write_text("animal\ncat\nyak\ncat\n")


def rows(outcome):
    assert outcome.code == 0, outcome.err
    return [int(line) for line in outcome.out.splitlines()]


@pytest.mark.parametrize(
    "given",
    [
        ["--probs", "p.npy"],
        ["p.npz"],
        *(["--probs", f"{name}.csv"] for name in ("bare", "named", "with_index", "numbered")),
        ["--probs", "named.tsv"],
    ],
)
def test_probabilities_from_any_file(alframe, given):
    assert rows(alframe("query", "--strategy", "margin", "-n", "5", *given)) == WANTED


def test_members_and_features_beside_them(alframe):
    given = ["--probs", "members.npy", "--features", "p.npy"]
    assert len(rows(alframe("query", "--strategy", "qbc", "-n", "5", *given))) == 5
    assert len(rows(alframe("query", "--strategy", "coreset", "-n", "5", *given))) == 5


def test_labels_are_texts_and_the_classes_are_told(alframe):
    command = ["query", "--strategy", "falcun", "-n", "5", "--labelled-rows", "rows.txt"]
    given = ["--probs", "named.csv", "--labelled-targets", "labels.txt", "--json"]
    outcome = alframe(*command, *given)
    assert outcome.code == 0
    assert json.loads(outcome.out)["classes"] == NAMES
    given = ["--probs", "p.npy", "--labelled-targets", "numbers.txt"]
    assert len(rows(alframe(*command, *given))) == 5
    given = ["--probs", "p.npy", "--labelled-targets", "labels.txt"]
    assert "3 classes and 2 labels of classes, 'cat', 'dog': pass classes=" in alframe(*command, *given).err
    outcome = alframe(*command, *given, "--classes", "emu, dog,cat", "--json")
    assert json.loads(outcome.out)["classes"] == ["emu", "dog", "cat"]
    given = ["--probs", "named.csv", "--labelled-targets", "labels.csv"]
    assert "labelled_targets has 'yak' at 1, and probs's columns has 'cat'" in alframe(*command, *given).err


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--probs", "percent.npy"], 2, "these are percent"),
        (["--probs", "absent.csv"], 2, "absent.csv can't be read: it is no file"),
        (["--probs", "cut.csv"], 1, "cut.csv can't be read as CSV"),
        (["--probs", "empty.csv"], 1, "empty.csv can't be read as CSV"),
        (["--probs", "no.parquet"], 1, "no.parquet can't be read"),
        (["--probs", "p.npy", "--logits", "p.npy"], 2, "probs and logits both say what is predicted"),
        (["--probs", "p.npy", "--weight", "p.npy"], 2, "head and probs both say"),
    ],
)
def test_what_cannot_be_read_is_one_line(alframe, given, code, message):
    outcome = alframe("query", "--strategy", "margin", "-n", "5", *given)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
