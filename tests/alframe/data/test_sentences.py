import logging
import sys
from types import ModuleType

import numpy as np
import pytest

from alframe.data import sentences
from alframe.data.sentences import SentencesMissingError, sentence_features


class Loaded:
    def embed(self, texts, norm):
        assert not norm
        return np.array([[len(text), 0.0] for text in texts], dtype=np.float32).reshape(-1, 2)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A stand-in for the package, which loads what ``load`` says."""

    def put(load):
        module = ModuleType("wordllama")
        module.__file__ = str(tmp_path / "wordllama" / "__init__.py")
        module.WordLlama = type("WordLlama", (), {"load": staticmethod(load)})
        monkeypatch.setitem(sys.modules, "wordllama", module)

    return put


def test_rows_have_unit_length_and_a_text_without_words_is_zeros(package, monkeypatch, tmp_path):
    asked = {}
    package(lambda **given: asked.update(given) or Loaded())
    monkeypatch.setattr(sentences, "BLOCK", 2)
    rows, how = sentence_features(["abc", "", "d"])
    assert rows.tolist() == [[1, 0], [0, 0], [1, 0]]
    assert rows.dtype == np.float32
    assert how == "texts are 2 features of WordLlama's static embeddings"
    assert asked == {"cache_dir": tmp_path / "wordllama", "disable_download": True}


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(SentencesMissingError, match=r"pip install 'alframe\[text\]'") as caught:
        sentence_features(["a"])
    assert not caught.value.is_installed


def test_a_package_that_fails_is_named(package):
    def load(**given):
        raise FileNotFoundError("no weights")

    package(load)
    with pytest.raises(
        SentencesMissingError, match="wordllama is installed and can't be used: no weights"
    ) as caught:
        sentence_features(["a"])
    assert caught.value.is_installed


def test_the_package_itself():
    pytest.importorskip("wordllama")
    rows, _ = sentence_features(["a good film", "a fine movie", "tax law of 1987", ""])
    assert rows.shape == (4, 256)
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    assert not rows[3].any()


def test_what_the_package_does_to_the_root_logger_is_undone(tmp_path, monkeypatch):
    (tmp_path / "wordllama.py").write_text("import logging\nlogging.basicConfig(level=1, force=True)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "wordllama", raising=False)
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    with pytest.raises(SentencesMissingError, match="is installed and can't be used"):
        sentence_features(["a"])
    assert (root.level, root.handlers) == before
    sys.modules.pop("wordllama")


def test_the_embeddings_are_read_once(package):
    asked = []
    package(lambda **given: asked.append(given) or Loaded())
    assert sentence_features(["a"])[0].tolist() == sentence_features(["ab"])[0].tolist()
    assert len(asked) == 1
    assert sentence_features([])[0].shape == (0, 2)
