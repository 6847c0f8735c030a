"""The pool in two dimensions, by the features that a trial kept; never imports torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alframe.records.reading import Unusable, parse_json, read_text
from alframe.records.rounds import FEATURES

MOST = 5000  # samples drawn that were not queried, and that were; t-SNE of 10,000 takes a minute or two
LEAST = 5
LARGEST = 1e100  # squares of larger ones are infinite
WIDEST = 50  # features that t-SNE is given; of more the principal components, as its authors do
SEED = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """Samples of a pool as points of a plane.

    Attributes:
        points: ``n x 2`` coordinates.
        rounds: ``n`` numbers: the round that the sample was queried in, 0 for the initial set, -1 for none.
        queried: how many samples of the pool were labelled, the initial set included.
        pool: how many samples there are.
        method: ``"tsne"`` or ``"pca"``.
    """

    points: NDArray[np.float64]
    rounds: NDArray[np.int64]
    queried: int
    pool: int
    method: str


def read_features(trial: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Reads what a trial kept.

    Args:
        trial: its folder.

    Returns:
        ``M x D`` features of all samples, left on disk until used; ``M`` rounds as in `Picture`.

    Raises:
        Unusable: a file is missing or damaged, or the two don't fit each other.
    """
    features = _load(trial / FEATURES)
    try:
        lines = read_text(trial / "rounds.jsonl").splitlines()
        queried = [parse_json(line)["queried"] for line in lines]
        rounds = np.full(len(features), -1, dtype=np.int64)
        for number, positions in enumerate(queried):
            if not all(type(position) is int and position >= 0 for position in positions):
                raise ValueError
            rounds[positions] = number
    except FileNotFoundError as error:
        raise Unusable(str(error.strerror)) from error
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise Unusable("damaged or cut off, or not of these rounds") from error
    return features, rounds


def _load(path: Path) -> NDArray[np.float32]:
    """A matrix, left on disk until used; `Unusable` where the file is none."""
    if path.exists() and not path.is_file():
        raise Unusable("not a file, but a pipe or a device")
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise Unusable(error.strerror or str(error)) from error
    except Exception as error:  # a file's head can make NumPy raise whatever Python's parser does
        raise Unusable("damaged or cut off, or not of these rounds") from error
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.dtype.kind != "f":
        raise Unusable("not a matrix of features")
    return features


def picture(features: NDArray[np.float32], rounds: NDArray[np.int64], method: str) -> Picture:
    """Projects queried samples and a random part of the others.

    Args:
        features: ``M x D`` numbers.
        rounds: ``M`` rounds as in `Picture`.
        method: ``"tsne"`` (van der Maaten and Hinton, JMLR 9, 2008) or ``"pca"``.

    Raises:
        Unusable: fewer than five samples, features that are not finite, or the same for all samples.
    """
    draw = np.random.default_rng(SEED)
    asked, others = np.flatnonzero(rounds >= 0), np.flatnonzero(rounds < 0)
    parts = [np.sort(draw.permutation(part)[:MOST]) for part in (others, asked)]
    chosen = np.concatenate(parts)
    x = np.asarray(features[chosen], dtype=np.float64)
    if len(x) < LEAST:
        raise Unusable(f"{LEAST} samples or more make a picture, there are {len(x)}")
    if not (np.abs(x) < LARGEST).all():
        raise Unusable("features are not finite, or too large to be drawn")
    if not np.ptp(x, axis=0).any():
        raise Unusable("all samples have the same features")
    return Picture(project(x, method), rounds[chosen], len(asked), len(features), method)


def project(x: NDArray[np.float64], method: str) -> NDArray[np.float64]:
    """Projects points to the plane.

    Args:
        x: ``n x D`` numbers, not all rows the same; n at least 5.
        method: ``"tsne"`` or ``"pca"``.

    Returns:
        ``n x 2`` numbers.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if x.shape[1] < 2:
        x = np.hstack([x, np.zeros((len(x), 2 - x.shape[1]))])
    if method == "pca":
        return np.asarray(PCA(n_components=2, random_state=SEED).fit_transform(x))
    if x.shape[1] > WIDEST:
        x = PCA(n_components=min(WIDEST, len(x)), random_state=SEED).fit_transform(x)
    perplexity = min(30.0, (len(x) - 1) / 3)
    return np.asarray(TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(x))
