"""Published formulas in float64, as plainly as they are printed, for `benchmarks/picks.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import entr
from scipy.special import softmax as _softmax

Array = np.ndarray[Any, Any]
Picks = Sequence[int] | Array
ROUNDING = 1e-5  # of gains: what is this near to the best in 32 bits counts as the best


def in_64_bits(value: Any) -> Any:
    """Arrays of floats in float64; also those in tuples, lists and dictionaries."""
    if isinstance(value, dict):
        return {key: in_64_bits(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(in_64_bits(part) for part in value)
    return value.astype(float) if value.dtype.kind == "f" else value


def softmax(logits: Array) -> Array:
    """Probabilities of each row."""
    return np.asarray(_softmax(logits, axis=1))


def unit(X: Array) -> Array:
    """Rows at unit length; a row of zeros stays one."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(lengths > 0, lengths, 1)


def squared_distances(X: Array) -> Array:
    """Of all pairs of rows; of a row to itself exactly 0."""
    return np.asarray(cdist(X, X, "sqeuclidean"))


def coverage(kernel: Array, unlabelled: int, picks: Picks) -> tuple[float, float]:
    """Share of the picks of largest gain given those before, and the mean coverage of all.

    Bae et al., ECCV 2024, the objective f(S); with a top-hat for a kernel Yehuda et al., NeurIPS 2022. Once
    nothing is left to cover, every pick is as good.

    Args:
        kernel: ``M x M``, the pool first.
        unlabelled: rows of the pool; the others cover already.
        picks: positions in the pool.
    """
    covered = kernel[:, unlabelled:].max(axis=1, initial=0)
    right = 0
    for pick in picks:
        gains = np.maximum(kernel[:, :unlabelled] - covered[:, None], 0).sum(axis=0)
        right += gains[pick] >= gains.max() - ROUNDING * max(1.0, gains.max())
        covered = np.maximum(covered, kernel[:, pick])
    return right / len(picks), float(covered.mean())


def pure_radius(x: Array, labels: Array, purity: float) -> float:
    """The radius up to which a share of all balls hold rows of their own cluster alone.

    Yehuda et al., section 3: the quantile of the distances to the nearest row of another cluster.
    """
    distances = np.where(labels[:, None] == labels, np.inf, squared_distances(x))
    return float(np.sqrt(np.sort(distances.min(axis=1))[int((1 - purity) * len(x) + 1e-9)]))


def typicality(x: Array, labels: Array, y: Array, picks: Picks) -> tuple[float, float]:
    """Share of the picks that are the most typical of a cluster whose turn it is; mean typicality.

    Hacohen et al., ICML 2022, equation 1, with 20 neighbours, or half of a cluster of fewer than 40. Clusters
    without labels come first; those of up to 5 members wait, as in the authors' program.
    """
    labelled, right, values = set(labels[~np.isnan(y)]), 0, []
    first = {one for one, size in enumerate(np.bincount(labels)) if size > 5} - labelled
    for pick in picks:
        members = np.flatnonzero(labels == labels[pick])
        k = max(1, min(20, len(members) // 2))
        distances = np.sort(np.sqrt(squared_distances(x[members])), axis=1)[:, 1 : k + 1]
        typical = 1 / np.maximum(distances.mean(axis=1), 1e-12) if len(members) > 1 else np.ones(1)
        values.append(typical[members == pick].item())
        its_turn = labels[pick] in first or len(first) < len(picks)
        right += its_turn and values[-1] >= typical.max() * (1 - ROUNDING)
    return right / len(picks), float(np.mean(values))


def divergence_from_neighbours(problem: dict[str, Any], k: int) -> Array:
    """Mean ``KL(p_j || p)`` over the ``k`` nearest labelled rows ``j`` of unit length.

    Margatina et al., EMNLP 2021, algorithm 1.
    """
    W, b = problem["head"]
    p, q = (softmax(problem[name] @ W.T + b) for name in ("features", "labelled_features"))
    distances = cdist(unit(problem["features"]), unit(problem["labelled_features"]))
    nearest = q[distances.argsort(axis=1, kind="stable")[:, :k]]
    return np.asarray((nearest * np.log(nearest / p[:, None])).sum(axis=2).mean(axis=1))


def draws(probs: Array, picks: Picks, luck: Array, gamma: float) -> tuple[float, Array]:
    """Share of the picks that the random numbers draw, given those before; and the chances of each draw.

    Gilhuber et al., ECML-PKDD 2024, algorithm 1, with distances scaled over what is left.
    """
    ordered = np.sort(probs, axis=1)
    u = 1 - (ordered[:, -1] - ordered[:, -2])
    d, left, right, all_chances = u.copy(), np.ones(len(u), bool), 0, []
    for pick, drawn in zip(picks, luck, strict=True):
        spread = np.ptp(d[left])
        relevance = u + ((d - d[left].min()) / spread if spread > 0 else 0)
        chances = np.where(left, relevance, 0) ** gamma
        chances /= chances.sum()
        right += np.searchsorted(chances.cumsum(), drawn, side="right") == pick
        all_chances.append(chances)
        left[pick] = False
        d = np.minimum(d, np.abs(probs - probs[pick]).sum(axis=1))
    return right / len(picks), np.stack(all_chances)


def changed_enough(X: Array, head: tuple[Array, Array], masks: Sequence[Array], rate: float, n: int) -> Array:
    """DropQuery's candidates: in more than half of the passes, or fewer, until there are ``25 n``.

    Gupte et al., TMLR 2024; masked features are divided by the share that is kept, ``1 - rate``.
    """
    W, b = head
    label = (X @ W.T + b).argmax(axis=1)
    changes = sum((((X * mask) / (1 - rate)) @ W.T + b).argmax(axis=1) != label for mask in masks)
    threshold = len(masks) // 2
    while threshold > 0 and (changes > threshold).sum() < 25 * n:
        threshold -= 1
    return np.flatnonzero(changes > threshold)


def consensus_divergence(probs: Array) -> Array:
    """``mean_t KL(p_t || mean p)`` of ``T x n x C`` probabilities: McCallum and Nigam, ICML 1998."""
    return np.asarray(entr(probs.mean(axis=0)).sum(axis=1) - entr(probs).sum(axis=2).mean(axis=0))


def variation_ratio(probs: Array) -> Array:
    """``1 - max_c share_c`` of the votes: Beluch et al., CVPR 2018."""
    votes = np.eye(probs.shape[2])[probs.argmax(axis=2)].mean(axis=0)
    return np.asarray(1 - votes.max(axis=1))


def joint_information(probs: Array, picks: Picks) -> tuple[float, float]:
    """Share of the picks that tell most beyond those before, and the mutual information ``a(S)`` of all.

    Kirsch et al., NeurIPS 2019; all configurations of the labels.

    Args:
        probs: ``T x n x C`` probabilities.
        picks: positions.
    """
    rows = probs.transpose(1, 2, 0)
    within = entr(rows).sum(axis=1).mean(axis=1)
    joint, right, told = np.full((1, len(probs)), 1 / len(probs)), 0, 0.0
    left = np.ones(len(rows), dtype=bool)
    for pick in picks:
        gains = np.array([entr(one @ joint.T).sum() for one in rows]) - entr(joint.sum(axis=1)).sum() - within
        right += gains[pick] >= gains[left].max() - ROUNDING
        told += gains[pick]
        left[pick] = False
        joint = (joint[:, None, :] * rows[pick]).reshape(-1, len(probs))
    return right / len(picks), float(told)


COMMITTEES = {"qbc": consensus_divergence, "variationratio": variation_ratio}
