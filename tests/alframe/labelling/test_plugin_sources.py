"""Kinds of sources of plugins: what they get wrong is named, and costs as little as can be."""

import hashlib

import numpy as np
import pytest

from alframe import PluginError, SourceContent, SourceInfo, SourceItem, UsageError
from alframe.contract.labelling import SourceRequest
from alframe.labelling.plugin_sources import NotShownError, kind_by_plugins, plugins_info
from alframe.labelling.session import Session
from alframe.labelling.sources import SOURCES as OWN
from alframe.labelling.sources import kind_of
from alframe.registry.offers import SOURCES
from alframe.registry.registry import installed


class Tapes:
    """A good source; tests spoil parts of it."""

    def __init__(self, request=None, ids=("a", "b", "c"), **parts):
        self.ids = ids
        self.__dict__.update(parts)

    def items(self):
        return [SourceItem(one, 1) for one in self.ids]

    def content(self, name):
        return SourceContent(text=f"tape {name}")


@pytest.fixture
def offer(make_plugin):
    """Registers a plugin with the kind ``tapes``."""

    def put(open_=Tapes, name="mine", kind="tapes", **more):
        info = SourceInfo("tapes", open_, **({"matches": lambda path: path.suffix == ".tape"} | more))
        return installed().register(
            make_plugin(alframe_labelled_sources=lambda: {kind: info}), name, f"of-{name}"
        )

    return put


@pytest.fixture
def opened(offer, tmp_path):
    def put(source, **more):
        offer(lambda request: source, **more)
        return plugins_info("tapes").open(SourceRequest(tmp_path, None, tmp_path / "s"))

    return put


def test_the_names_of_alframes_own_are_no_plugins(offer):
    assert SOURCES.own == tuple(OWN)
    offer(kind="images")
    assert [
        row for row in installed().problems() if "'images' is that of alframe's own kind of source" in row[2]
    ]
    with pytest.raises(PluginError, match="give another"):
        plugins_info("tapes")


def test_a_path_that_is_none_of_alframes_own_is_asked_about(offer, tmp_path, photos, texts):
    offer()
    (tmp_path / "x.tape").write_text("")
    assert kind_of(tmp_path / "x.tape") == "tapes"
    assert kind_of(texts, "tapes") == "tapes"
    (tmp_path / "x.pdf").write_text("")
    with pytest.raises(UsageError, match="--kind names another kind of source"):
        kind_of(tmp_path / "x.pdf")


def test_alframes_own_sources_look_no_plugin_up(photos, texts):
    assert (kind_of(photos), kind_of(texts), kind_of(photos, "images")) == ("images", "texts", "images")
    assert installed.cache_info().currsize == 0


def test_two_kinds_of_a_path(offer, tmp_path):
    offer()
    offer(name="other", kind="reels")
    (path := tmp_path / "x.tape").write_text("")
    with pytest.raises(UsageError, match="several kinds: say --kind tapes or --kind reels"):
        kind_by_plugins(path)
    offer(name="third")
    with pytest.raises(UsageError, match="2 plugins offer the kind of source 'tapes'.*of-third/tapes"):
        plugins_info("tapes")


def test_who_can_not_say_whose_a_path_is_hinders_nobody_else(offer, tmp_path):
    (path := tmp_path / "x.tape").write_text("")
    offer(name="bad", kind="bad", matches=lambda path: 1 / 0)
    with pytest.raises(PluginError, match=r"plugin 'bad' \(of-bad\), matches of 'bad': ZeroDivisionError"):
        kind_by_plugins(path)
    offer()
    assert kind_by_plugins(path) == "tapes"
    offer(name="shy", kind="shy", matches=None)
    assert kind_by_plugins(path) == "tapes"


def test_two_methods_are_enough(opened):
    source = opened(Tapes())
    assert [item.id for item in source.items()] == ["a", "b", "c"]
    assert source.content("a").text == "tape a"
    assert source.digest("a") == hashlib.sha256(b"tape a").hexdigest()
    assert source.notes == []


def test_what_a_source_has_of_its_own_counts(opened):
    source = opened(Tapes(digest=lambda name: "mine", notes=["odd"]))
    assert (source.digest("a"), source.notes) == ("mine", ["odd"])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, "wanted a source with items"),
        (Tapes(items=None), "wanted a source with items"),
        (Tapes(items=lambda: 1 / 0), "items of 'tapes': ZeroDivisionError"),
        (Tapes(items=lambda: ["a"]), "wanted a SourceItem with a text as id, got 'a'"),
        (Tapes(items=lambda: None), "TypeError"),
        (Tapes(ids=("a", "a")), "two samples have the id 'a'"),
        (Tapes(ids=("a\nb",)), "is empty or has line breaks"),
        (Tapes(ids=("",)), "is empty or has line breaks"),
        (Tapes(notes=3), "notes of 'tapes'"),
        (Tapes(digest=lambda name: 1 / 0), "digest of 'tapes': ZeroDivisionError"),
    ],
)
def test_a_bad_source_is_named(opened, made, message):
    def use():
        source = opened(made)
        return source.items(), source.notes, source.digest("a")

    with pytest.raises(PluginError, match=message):
        use()


@pytest.mark.parametrize("name", ["../x.wav", "/etc/passwd", "a/../../x", "..\\x"])
def test_ids_of_files_lead_nowhere_else(opened, name):
    with pytest.raises(PluginError, match="is no path below the source"):
        opened(Tapes(ids=(name,)), shown_as="sounds").items()


@pytest.mark.parametrize(
    ("content", "shown_as", "message"),
    [
        (lambda name: 1 / 0, "texts", "ZeroDivisionError"),
        (lambda name: "text", "texts", "wanted a SourceContent, got 'text'"),
        (lambda name: SourceContent(), "texts", "with a text"),
        (lambda name: SourceContent(text="x"), "images", "with a path and no text"),
        (lambda name: SourceContent(path="x.wav", media_type="audio/wav"), "sounds", "with a path"),
    ],
)
def test_a_sample_that_can_not_be_shown_is_like_one_that_is_gone(opened, content, shown_as, message):
    source = opened(Tapes(content=content), shown_as=shown_as)
    with pytest.raises(UsageError, match=f"a can't be shown: plugin 'mine'.*{message}") as found:
        source.content("a")
    assert isinstance(found.value, NotShownError)
    assert found.value.exit_code == 3
    assert source.digest("a") == ""


def test_files(opened, tmp_path):
    (tmp_path / "a").write_bytes(b"RIFF")
    kinds = iter(["audio/wav", "audio/wav\r\nx: y", "audio/wav"])
    given = lambda name: SourceContent(path=tmp_path / name, media_type=next(kinds))  # noqa: E731
    source = opened(Tapes(content=given), shown_as="sounds")
    assert source.content("a").path == tmp_path / "a"
    with pytest.raises(UsageError, match="is no media type"):
        source.content("a")
    with pytest.raises(UsageError, match="b: the file is gone"):
        source.content("b")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (lambda source, ids: 1 / 0, "features of 'tapes': ZeroDivisionError"),
        (lambda source, ids: None, "wanted 3 rows of numbers"),
        (lambda source, ids: [[1.0]], r"wanted 3 rows of numbers, got an array of float64, shape \(1, 1\)"),
        (lambda source, ids: np.zeros(3), r"shape \(3,\)"),
        (lambda source, ids: np.zeros((3, 0)), r"shape \(3, 0\)"),
        (lambda source, ids: [["x"]] * 3, "rows of numbers"),
    ],
)
def test_features_that_can_not_be(opened, features, message):
    source = opened(Tapes(), features=features)
    with pytest.raises(PluginError, match=message):
        plugins_info("tapes").features(source, ["a", "b", "c"])


def test_features_are_given_the_plugins_own_source(opened):
    mine = Tapes()
    given = []
    source = opened(mine, features=lambda own, ids: [given.append((own, ids)), np.ones((2, 2))][1])
    rows = plugins_info("tapes").features(source, ["a", "b"])
    assert given == [(mine, ["a", "b"])]
    assert rows.dtype == np.float32


def test_a_session_goes_on_with_the_plugins_samples(offer, start, tmp_path):
    offer()
    (path := tmp_path / "x.tape").write_text("")
    session = start(path, kind="tapes")
    session.post({"event": "label", "sample": 1, "label": "cat"}, "me")
    session = start.again(session)
    assert session.content(1).text == "tape b"
    assert (session.shown_as, session.learns) == ("texts", True)
    installed.cache_clear()  # the plugin is gone
    look = Session.read(session.folder)
    assert look.labels()[1].label == "cat"
    assert any("unknown kind of source 'tapes'" in note for note in look.notes)
    assert all(sample.missing for sample in look.samples)
