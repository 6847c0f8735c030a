"""docs/hooks.md: every hook under its signature, and each example a plugin that works."""

import inspect
import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import alframe
from alframe import hookspecs
from alframe.labelling.learner_process import Request
from alframe.labelling.learning import Learning
from alframe.labelling.session import Session
from alframe.labelling.settings import SessionSettings
from alframe.labelling.sources import kind_of
from alframe.labelling.telling import Telling
from alframe.registry.registry import Registry, installed

TEXT = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("alframe_")}
EXAMPLES = dict(re.findall(r"^## (\w+)\b.*?^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
HEAD = (torch.eye(3), None)


@pytest.fixture
def add(install):
    """Installs the example under a heading as the plugin ``mine``."""

    def put(heading):
        install({"documented": EXAMPLES[heading]}, "mine = documented\n")
        (plugin,) = installed().named("mine")
        assert plugin.problem == ""
        return plugin

    return put


@pytest.fixture
def finish(tmp_path, monkeypatch, alframe_command, small):
    """Runs ``alframe run`` with small settings in an empty folder; gives the trial's."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        alframe_command("run", "--strategy", "random", *small, *arguments)
        (folder,) = tmp_path.glob("runs/*/*/*/seed-1")
        return folder

    return run


def ask(strategy, features, n, **more):
    return alframe.query(strategy, features=features, head=HEAD, n=n, device="cpu", **more)


def test_every_hook_is_under_its_signature():
    headings = re.findall(r"^## (alframe_.*)$", TEXT, re.MULTILINE)
    assert headings == [f"{name}({', '.join(inspect.signature(h).parameters)})" for name, h in HOOKS.items()]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_its_example(name, add):
    assert name in add(name).hooks


def test_info(add):
    plugin = add("alframe_info")
    features = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    mine = ask("DivergenceSampling", features, 5)
    theirs = ask("random", features, 5, stages={"embed": "cdal", "select": "badge"})
    assert mine.indices.tolist() == theirs.indices.tolist()
    assert plugin.is_strategy


def test_train(add, toy):
    add("alframe_train")
    recipe = alframe.Recipe(epochs=10, learning_rate=0.1, momentum=0.5)
    learner = alframe.ActiveLearner(
        toy, "mlp", "random", stages={"train": "mine"}, recipe=recipe, device="cpu"
    )
    result = learner.fit()
    assert result.epochs == 10
    assert min(result.accuracy, learner.evaluate().accuracy) > 0.9


def test_embed(add):
    add("alframe_embed")
    pool = torch.tensor([[9.0, 0, 0], [0, 9, 0], [8, 0, 0]])
    result = ask("mine", pool, 1, labelled_features=torch.tensor([[9.0, 0, 0]]), labelled_targets=[0])
    assert result.indices.tolist() == [1]


def test_score(add):
    add("alframe_score")
    pool = torch.tensor([[9.0, 0, 0], [1, 1, 0], [1, 0, 0]])
    result = ask("mine", pool, 2, options={"certain": 0.9})
    assert result.indices.tolist() == [1, 2]
    torch.testing.assert_close(result.scores, torch.tensor([-torch.inf, 1.0, torch.e**-1]))
    assert result.logged == {"mine": {"certain": 1}}
    with pytest.raises(alframe.UsageError, match="certain must lie above 0 and up to 1, got 2"):
        ask("mine", pool, 1, options={"certain": 2})


def test_select(add):
    add("alframe_select")
    pool = torch.zeros(20, 3)
    pool[:, 0] = torch.arange(20)  # the margin grows
    drawn = [ask("mine", pool, 2, seed=seed).indices.tolist() for seed in range(5)]
    assert all(max(picks) < 6 for picks in drawn)
    assert len({tuple(picks) for picks in drawn}) > 1


@pytest.mark.slow
def test_executors(add, finish):
    add("alframe_executors")
    folder = finish("--executor", "shell")
    assert (folder / "rounds.jsonl").read_text().count("\n") == 2
    assert len(list(folder.parents[3].glob(".tasks/*/jobs.json"))) == 1


def test_train_together(add, tmp_path):
    add("alframe_train_together")

    def accuracies(together):
        run = {"strategy": ["margin"], "seeds": [1, 2], "rounds": 2, "device": "cpu", "together": together}
        sections = {"run": run | {"out": str(tmp_path / together)}, "stages": {"train": "mine"}}
        done = alframe.run(sections).done
        company = {tuple(len(one.together) for one in summary.rounds) for _, summary in done}
        return company, [one.accuracy for _, summary in done for one in summary.rounds]

    (alone, wanted), (at_once, found) = accuracies("off"), accuracies("2")
    assert (alone, at_once) == ({(0, 0, 0)}, {(2, 2, 2)})
    assert found == pytest.approx(wanted, abs=0.02)
    assert min(wanted) > 0.7


def test_datasets(add):
    add("alframe_datasets")
    wine = alframe.load_dataset("wine")
    assert (len(wine) + len(wine.test_inputs), wine.inputs.shape[1], wine.num_classes) == (178, 13, 3)


def test_models(add, toy):
    add("alframe_models")
    options = {"layers": 2, "width": 16}
    learner = alframe.ActiveLearner(toy, "deep", "margin", model_options=options, device="cpu")
    learner.fit()
    assert sum(isinstance(layer, torch.nn.Linear) for layer in learner.model.modules()) == 3
    assert learner.evaluate().accuracy > 0.9


def test_presets(add, finish):
    add("alframe_presets")
    folder = finish("--preset", "digits-glance")
    assert "hidden = 64" in (folder / "config.toml").read_text()


def test_labelled_sources(add, tmp_path):
    add("alframe_labelled_sources")
    values = np.random.default_rng(0).normal(size=(40, 3)) * [1, 1000, 1]
    np.save(tmp_path / "genes.npy", values)
    kind = kind_of(tmp_path / "genes.npy")
    settings = SessionSettings("", kind, classes=("low", "high"), strategy="margin", audit=4)
    with Session.create(tmp_path / "genes.npy", tmp_path / "s", settings) as session:
        assert session.content(2).text == "  ".join(f"{value:g}" for value in values[2])
        labels = (values[:, 1] > 0).astype(int).tolist()
        apart = set(session.audit)
        known = [n for n in range(30) if n not in apart]
        request = Request(known, [labels[n] for n in known], 2)
        *notes, model = Learning(session.folder)(request)
    assert kind == "rows"
    assert "the model is linear on 3 numbers a sample" in [note.text for note in notes]
    said = [model.suggestions[n][0] == labels[n] for n in range(40) if n not in apart]
    assert sum(said) / len(said) > 0.9


def test_label_formats(add, tmp_path, alframe_command):
    add("alframe_label_formats")
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    for name in ("s", "t"):
        Session.create(tmp_path / "a.txt", tmp_path / name, SessionSettings("", "texts", audit=0)).close()
    with Session.open(tmp_path / "s") as session:
        session.post({"event": "class-add", "label": "odd"}, "me")
        session.post({"event": "label", "sample": 0, "label": "odd"}, "me")
        name = session.samples[0].id
    out = str(tmp_path / "out.txt")
    alframe_command("label", "export", str(tmp_path / "s"), "--to", "lines", "--out", out)
    assert Path(out).read_text() == f"odd\t{name}\n"
    alframe_command("label", "import", str(tmp_path / "t"), out, "--from", "lines")
    assert {n: one.label for n, one in Session.read(tmp_path / "t").labels().items()} == {0: "odd"}


def test_run_started(add, finish, caplog):
    add("alframe_run_started")
    with caplog.at_level(logging.INFO, "documented"):
        folder = finish()
    assert caplog.messages == [f"random, seed 1: {folder.relative_to(folder.parents[4])}"]


def test_round_finished(add, finish):
    add("alframe_round_finished")
    folder = finish()
    records = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    lines = [f"{record['labelled']},{record['accuracy']}" for record in records]
    assert (folder / "curve.csv").read_text().splitlines() == ["labelled,accuracy", *lines]


def test_run_finished(add, finish):
    add("alframe_run_finished")
    folder = finish()
    records = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    best = json.loads((folder / "best.json").read_text())
    assert best["accuracy"] == max(record["accuracy"] for record in records)


def test_run_failed(add, tmp_path, make_plugin):
    def fills_the_disk(labelled):
        raise OSError(28, "No space left on device")

    add("alframe_run_failed")
    registry = installed()
    registry.register(make_plugin(alframe_train=fills_the_disk), "full")
    run = {"strategy": ["random"], "seeds": [1], "rounds": 0, "out": str(tmp_path)}
    result = alframe.run({"run": run, "stages": {"train": "full"}}, registry=registry)
    [(trial, error)] = result.failed
    assert (trial.folder / "failed.txt").read_text() == f"{error}\n"


def test_labelled(add, tmp_path):
    plugin = add("alframe_labelled")
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    settings = SessionSettings("", "texts", classes=("odd",), audit=0)
    with Session.create(tmp_path / "a.txt", tmp_path / "s", settings) as session:
        telling = Telling(session, installed(), {plugin.key})
        session.post({"event": "label", "sample": 0, "label": "odd"}, "me")
        session.undo("me")
        telling.close()
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["label", "undo"]
    assert lines == [json.loads(line) for line in (tmp_path / "s" / "labels.jsonl").read_text().splitlines()]


def test_wrappers(install, caplog):
    install({"documented": EXAMPLES["Wrappers"]}, "mine = documented\n")
    with caplog.at_level(logging.INFO, "documented"):
        plain = ask("margin", torch.eye(3), 1, registry=Registry())
    assert plain.indices.shape == (1,)
    assert caplog.messages[0].startswith("3 scores in ")
