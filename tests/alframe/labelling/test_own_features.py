import numpy as np
import pytest
import torch

from alframe import PluginError, SourceContent, SourceInfo, SourceItem, UsageError
from alframe.labelling.formats.dataset import dataset, labelled
from alframe.labelling.learner_process import Request
from alframe.labelling.learning import Learning
from alframe.registry.registry import installed

ROWS = {str(n): [float(n), 1000.0 * (n % 2), 5.0] for n in range(20)}


class Table:
    def __init__(self, request):
        self.gone = {"7"} if request.column == "less" else set()

    def items(self):
        return [SourceItem(name) for name in ROWS if name not in self.gone]

    def content(self, name):
        return SourceContent(text=str(ROWS[name]))


@pytest.fixture
def table(start, make_plugin, tmp_path):
    """Starts a session of rows with given features."""

    def make(features, shown_as="texts", **settings):
        info = SourceInfo("", Table, shown_as=shown_as, features=features)
        installed().register(make_plugin(alframe_labelled_sources=lambda: {"table": info}), "mine")
        (path := tmp_path / "x.table").write_text("")
        return start(path, kind="table", **settings)

    return make


def rows(source, ids):
    return np.array([ROWS[name] for name in ids])


def test_rows_are_the_plugins_in_the_order_of_positions(table):
    data = dataset(table(rows))
    assert data.inputs.dtype == torch.float32
    assert data.inputs.tolist() == list(ROWS.values())


def test_what_has_no_numbers_is_zeros_and_has_no_label(table):
    def holes(source, ids):
        found = rows(source, ids)
        found[3, 0], found[5, 1], found[8] = np.nan, np.inf, 0
        return found

    session = table(holes)
    for sample in (3, 4):
        session.post({"event": "label", "sample": sample, "label": "cat"}, "me")
    data = dataset(session)
    assert [n for n in range(20) if not data.inputs[n].any()] == [3, 5, 8]
    assert [n for n in range(20) if data.targets[n] >= 0] == [4]
    assert data.notes == ("samples that are missing or have no numbers: 3, 5, 8",)


def test_missing_samples_are_not_asked_for(table, start, tmp_path):
    session = table(rows)
    session.close()
    path = session.folder / "session.toml"
    path.write_text('text = "less"\n' + path.read_text())
    data = dataset(start.again(session))
    assert not data.inputs[7].any()
    assert data.inputs[8].tolist() == ROWS["8"]


@pytest.mark.parametrize("shown_as", ["texts", "sounds"])
def test_the_model_learns_columns_of_any_unit(table, shown_as):
    session = table(rows, shown_as, strategy="margin")
    answer = Learning(session.folder)
    *notes, model = answer(Request(list(range(12)), [n % 2 for n in range(12)], 2))
    assert "the model is linear on 3 numbers a sample" in [note.text for note in notes]
    assert [model.suggestions[n][0] for n in range(12, 20)] == [n % 2 for n in range(12, 20)]


def test_a_plugin_that_fails_is_named_where_the_model_would_be(table):
    session = table(lambda source, ids: 1 / 0)
    with pytest.raises(PluginError, match="plugin 'mine'.*features of 'table': ZeroDivisionError"):
        dataset(session)


def test_the_labelled_part_is_a_data_set(table):
    session = table(rows, audit=2)
    for n in range(20):
        session.post({"event": "label", "sample": n, "label": ("cat", "dog")[n % 2]}, "me")
    data = labelled(session)
    assert (len(data), len(data.test_inputs)) == (18, 2)


def test_sounds_without_features_are_no_inputs(table):
    session = table(None, "sounds")
    assert session.learns is False
    assert any("labelling goes on without a model" in note for note in session.notes)
    with pytest.raises(UsageError, match="source 'table' gives no features"):
        dataset(session)
