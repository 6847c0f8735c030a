"""Texts as numbers, of nothing but scikit-learn: hashed words, in few columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Rows = np.ndarray[Any, np.dtype[np.float32]]

COLUMNS = 128
HASHED = 2**16
ROUNDS = 3  # of power iterations in the projection


def text_features(texts: Sequence[str], seed: int, columns: int = COLUMNS) -> tuple[Rows, str]:
    """Features of words and pairs of words, by their rarity, projected on their main directions.

    Args:
        texts: ``N`` texts.
        seed: of the projection.
        columns: at most so many features; with fewer texts there are fewer.

    Returns:
        ``N x D`` float32 rows of unit length, zeros for a text without words; and how they were made.
    """
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.preprocessing import normalize

    hashed = HashingVectorizer(n_features=HASHED, ngram_range=(1, 2), alternate_sign=False, norm=None)
    counts = hashed.transform(texts)
    counts = counts[:, np.unique(counts.indices)]  # words that are there
    width = max(1, min(columns, len(texts) - 1, counts.shape[1] - 1))
    rows = np.zeros((len(texts), width))
    if counts.shape[1] > 1:
        weights = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
        with np.errstate(invalid="ignore"):  # the share of no variance, which nobody asks for
            rows = TruncatedSVD(width, n_iter=ROUNDS, random_state=seed).fit_transform(weights)
    note = f"texts are {width} features of hashed words and pairs of words, by TF-IDF and a truncated SVD"
    return normalize(rows).astype(np.float32), note
