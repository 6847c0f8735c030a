import numpy as np
import pytest

from alframe.labelling.text_features import text_features

TEXTS = [f"{word} film number {number}" for number in range(20) for word in ("good", "dreadful")]


def test_texts_of_one_kind_are_near_each_other():
    rows, note = text_features(TEXTS, 0, 8)
    assert (rows.shape, rows.dtype) == ((40, 8), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    good, bad = rows[::2], rows[1::2]
    assert (good @ good.T).mean() > (good @ bad.T).mean() + 0.1
    assert note.startswith("texts are 8 features")


def test_the_seed_makes_them():
    np.testing.assert_array_equal(text_features(TEXTS, 3)[0], text_features(TEXTS, 3)[0])


@pytest.mark.parametrize("texts", [["one two"], ["a", "a"], ["", "!"], ["one two", "", "three four"]])
def test_few_texts_and_texts_without_words(texts):
    rows, _ = text_features(texts, 0)
    assert len(rows) == len(texts)
    assert np.isfinite(rows).all()
