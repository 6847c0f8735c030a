"""test_session.py has what `default_folder` and `held` are for."""

import pytest

from alframe import PluginError, SourceInfo, UsageError
from alframe.labelling.opening import about, draw_audit, source_now
from alframe.labelling.settings import SessionSettings
from alframe.labelling.sources import SOURCES
from alframe.registry.registry import installed


def test_a_source_that_is_gone_still_has_a_kind(tmp_path):
    settings = SessionSettings(str(tmp_path / "photos"))
    info, source, (note,) = source_now(settings, tmp_path / "s", only_look=False)
    assert (info, source) == (SOURCES["images"], None)
    assert "there is no folder" in note
    assert note.endswith("the labels are there, the samples are not")


def test_a_kind_whose_plugin_is_gone(tmp_path):
    info, source, (note,) = source_now(SessionSettings("x", "tapes"), tmp_path, only_look=False)
    assert (info, source) == (None, None)
    assert "unknown kind of source 'tapes'" in note


def test_a_plugin_that_fails_hinders_no_look_at_the_labels(tmp_path, make_plugin):
    offer = {"tapes": SourceInfo("", lambda request: 1 / 0)}
    installed().register(make_plugin(alframe_labelled_sources=lambda: offer), "mine")
    settings = SessionSettings("x", "tapes")
    with pytest.raises(PluginError, match="plugin 'mine' .*open of 'tapes': ZeroDivisionError"):
        source_now(settings, tmp_path, only_look=False)
    _, source, (note,) = source_now(settings, tmp_path, only_look=True)
    assert source is None
    assert "ZeroDivisionError" in note


@pytest.mark.parametrize(
    ("shown_as", "features", "model", "count"),
    [
        ("sounds", None, "auto", 1),
        ("sounds", None, "none", 0),
        ("sounds", len, "auto", 0),
        ("texts", None, "auto", 0),
    ],
)
def test_where_no_model_can_learn_it_is_said(shown_as, features, model, count):
    info = SourceInfo("", open, shown_as=shown_as, features=features)
    notes = about(SessionSettings("x", "tapes", model=model), info)
    assert [note.startswith("source 'tapes' gives no features") for note in notes] == [True] * count


@pytest.mark.parametrize(
    ("by", "count", "wanted"), [("random", 50, 5), ("random", 5000, 100), ("active", 1000, 200)]
)
def test_the_audit_is_drawn_by_the_seed(by, count, wanted):
    drawn = [draw_audit(SessionSettings("x", audit_by=by, seed=seed), count) for seed in (1, 1, 2)]
    assert [len(set(one)) for one in drawn] == [wanted] * 3
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_unknown_kind_starts_no_session(start, texts):
    with pytest.raises(UsageError, match="unknown kind of source 'tapes'. Did you mean 'texts'"):
        start(texts, kind="tapes")
