"""Bodies without weights of their own: hashed words, and static embeddings that a package ships."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe import Classifier, ModelRequest, UsageError, sentence_features, texts_of

if TYPE_CHECKING:
    from alframe_text import HashedOptions

Rows = np.ndarray[Any, np.dtype[np.float32]]
NORM = 3.0  # of a row: from 100 to 400 labels better than 1 or more than 8, with the linear probe's c = 1
KEPT_BYTES = 1 << 28  # of features of texts that were trained on


class TextFeatures(nn.Module):
    """Features that a function makes of texts, each row of norm 3, or 0.

    Those of texts that pass while it trains are kept, for they come again in each epoch.

    Args:
        make: makes ``n x D`` rows of unit length, or of zeros, of ``n`` texts.
    """

    fingerprint: Tensor

    def __init__(self, make: Callable[[Sequence[str]], Rows]) -> None:
        super().__init__()
        self._make = make
        self._kept: dict[str, Tensor] = {}
        probe = torch.from_numpy(make(["an example of a text"]))
        self.width = probe.shape[1]
        self.register_buffer("fingerprint", probe[0, :256].clone())  # another version of a package shows

    def forward(self, x: Tensor) -> Tensor:
        """``n x D`` features of ``n x L`` bytes."""
        texts = texts_of(x)
        features = self._remembered(texts) if self.training else self._made(texts)
        return features.to(x.device)

    def _made(self, texts: Sequence[str]) -> Tensor:
        return torch.from_numpy(self._make(texts)) * NORM

    def _remembered(self, texts: Sequence[str]) -> Tensor:
        new = sorted({text for text in texts if text not in self._kept})
        if (len(self._kept) + len(new)) * self.width * torch.float32.itemsize > KEPT_BYTES:
            return self._made(texts)
        if new:
            self._kept |= zip(new, self._made(new), strict=True)
        return torch.stack([self._kept[text] for text in texts])

    def __getstate__(self) -> dict[str, Any]:
        """For copies and other processes: they keep what they need themselves."""
        return super().__getstate__() | {"_kept": {}}


def hashed(request: ModelRequest) -> Classifier:
    """A linear head on hashed words.

    Args:
        request: the number of classes, and the options.
    """
    options: HashedOptions = request.options
    make = functools.partial(hashed_rows, columns=options.columns, ngrams=options.ngrams, of=options.of)
    return _with_head(make, request)


def static(request: ModelRequest) -> Classifier:
    """A linear head on the mean of static embeddings of a text's tokens.

    Args:
        request: the number of classes, and the options.

    Raises:
        UsageError: the package that ships them is not installed, or can't be used.
    """
    try:
        return _with_head(static_rows, request)
    except UsageError as error:
        raise UsageError(f"{error}; the network text-hashed needs nothing") from error


def _with_head(make: Callable[[Sequence[str]], Rows], request: ModelRequest) -> Classifier:
    body = TextFeatures(make)
    return Classifier(body, nn.Linear(body.width, request.num_classes), request.options.dropout)


def static_rows(texts: Sequence[str]) -> Rows:
    """``n x 256`` rows of unit length, zeros for a text without words."""
    return sentence_features(texts)[0]


def hashed_rows(texts: Sequence[str], columns: int, ngrams: int, of: str) -> Rows:
    """Rows of hashed words: what occurs ``c`` times counts ``1 + log(c)``, with a sign that its hash gives.

    The signs make words that fall on one column cancel on average, and not add up.

    Args:
        texts: ``n`` texts.
        columns: how many numbers of a text.
        ngrams: most words, or characters, in a row that count as one.
        of: "words" or "characters", which don't cross words.

    Returns:
        ``n x columns`` rows of unit length, zeros for a text without words.
    """
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    analyzer = "word" if of == "words" else "char_wb"
    vectorizer = HashingVectorizer(
        n_features=columns, ngram_range=(1, ngrams), analyzer=analyzer, norm=None, dtype=np.float32
    )
    counts = vectorizer.transform(texts)
    counts.eliminate_zeros()
    counts.data = np.sign(counts.data) * (1 + np.log(np.abs(counts.data)))
    return normalize(counts, copy=False).toarray()
