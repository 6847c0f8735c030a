"""ALFA-Mix in closed form: at which cap does mixing with an anchor change a sample's predicted class?

Parvaneh et al., "Active Learning by Feature Mixing", CVPR 2022, arXiv 2203.07034, equations 5 and 6. With
``z`` a sample's features, ``y`` its predicted class and ``z*`` an anchor, the mixing ratio of eq. 5 puts
the mixed point at ``z + e/sqrt(D) ||z*-z|| g/||g||``, where ``g`` is the gradient of the cross-entropy of
``y`` and features on which ``z`` and ``z*`` agree stay where they are. The anchor gives the length of the
step, the gradient its direction, so with a linear head the logits move on straight lines and the cap ``e``
at which another class overtakes ``y`` is a quotient: the *flip threshold*.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import linear, normalize

from alframe_alfamix._agreement import Agreements

BLOCK_ELEMENTS = (
    1 << 21
)  # numbers in one temporary tensor: 8 MB in float32, of which about eight live at once


def class_anchors(
    features: Float[Tensor, "l d"], targets: Int64[Tensor, " l"], num_classes: int, missing: str
) -> Float[Tensor, "k d"]:
    """Anchors ``z*``: the mean feature of the labelled samples of each class.

    A feature that has one value in all samples of a class has exactly that value in its anchor.

    Args:
        features: ``l x d`` tensor of features of the labelled samples.
        targets: ``l`` classes, each below ``num_classes``.
        num_classes: number of classes, those without a label included.
        missing: what a class without labelled sample gets: ``"mean"``, the mean of all labelled features as
            the authors' program does (one row at the end, however many classes are missing), or ``"none"``.

    Returns:
        ``k x d`` tensor: classes with labels in ascending order, then the mean if it is needed.

    Raises:
        ValueError: There is no labelled sample, or ``missing`` is neither word.
    """
    if missing not in ("mean", "none"):
        raise ValueError(f"missing must be 'mean' or 'none', got {missing!r}")
    if len(features) == 0:
        raise ValueError("anchors are means of labelled features: expected at least one sample, got 0")
    counts = targets.bincount(minlength=num_classes).tolist()
    classes = features[targets.argsort(stable=True)].split(counts)
    anchors = [_mean(members) for members in classes if len(members)]
    if missing == "mean" and len(anchors) < num_classes:
        anchors.append(_mean(features))
    return torch.stack(anchors)


def _mean(rows: Tensor) -> Tensor:
    """The mean row, by differences from the first: rounding moves no number that all have in common."""
    return rows[0] + (rows - rows[0]).mean(dim=0)


@torch.no_grad()
def flip_thresholds(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, " c"] | None,
    anchors: Float[Tensor, "k d"],
) -> Float[Tensor, " n"]:
    """Smallest cap at which an anchor changes the class, for the linear head ``logits = W z + b``; exact.

    ``e*(z) = sqrt(D) min_k s_k / ||z*_k - z||`` with ``s_k = min_c (l_y - l_c)/(d_kc - d_ky)`` over the
    classes with ``d_kc > d_ky``, and ``d_k = W g/||g||`` over the features in which ``z`` and ``z*_k``
    differ. A sample is a candidate (eq. 6) at cap ``e`` exactly when ``e* < e``.

    Args:
        features: ``n x d`` tensor of features of the samples.
        weight: ``c x d`` weights of the head.
        bias: ``c`` biases of the head, or none.
        anchors: ``k x d`` tensor, at least one anchor.

    Returns:
        ``n`` thresholds in the dtype of ``features``, in units in which the paper's cap is 0.2; ``inf`` where
        no anchor ever changes the class. Memory beyond it does not grow with ``n``.
    """
    shared, agreements = _Shared.of(weight, bias, anchors), Agreements(anchors)
    rows = _block_rows(*weight.shape, len(anchors))
    return torch.cat([_block_thresholds(block, shared, agreements) for block in features.split(rows)])


class _Shared(NamedTuple):
    """What a block needs of head and anchors.

    A pair is a feature and a value that some anchor has there. Those with zero are for all blocks, the others
    for blocks in which some sample has the value, too.
    """

    weight: Float[Tensor, "c d"]
    bias: Float[Tensor, " c"] | None
    relative: Float[Tensor, "c d"]
    anchors: Float[Tensor, "k d"]
    columns: Int64[Tensor, " m"]
    values: Float[Tensor, " m"]
    has: Float[Tensor, "k m"]  # 1 where the anchor has the value, else 0

    @staticmethod
    def of(weight: Tensor, bias: Tensor | None, anchors: Tensor) -> _Shared:
        columns = (anchors == 0).any(dim=0).nonzero()[:, 0]
        has = (anchors[:, columns] == 0).to(anchors.dtype)
        # What is common to all rows moves all logits alike. Without it equal rows give a gradient of 0.
        relative = weight - weight[:1]
        return _Shared(weight, bias, relative, anchors, columns, has.new_zeros(len(columns)), has)

    def with_pairs(self, columns: Tensor, values: Tensor, has: Tensor) -> _Shared:
        """The same with more pairs of a feature and a value."""
        return self._replace(
            columns=torch.cat([self.columns, columns]),
            values=torch.cat([self.values, values]),
            has=torch.cat([self.has, has.to(self.has.dtype)], dim=1),
        )


class _Step(NamedTuple):
    """Where the gradient leads ``b`` samples: the logits' distances to the label's, and their speeds."""

    label: Int64[Tensor, "b 1"]
    direction: Float[Tensor, "b d"]  # g/||g||, or 0 where g is 0
    gap: Float[Tensor, "b c"]  # l_y - l_c, positive (a tie counts as the smallest number there is)
    slope: Float[Tensor, "b c"]  # d_c - d_y


def _block_rows(*widths: int) -> int:
    return max(1, BLOCK_ELEMENTS // max(1, *widths))


def label_and_residual(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Pseudo-label ``y`` and ``(p - onehot(y)) / (1 - p_y)``, the loss's gradient up to a positive factor.

    ``p - onehot(y)`` itself underflows for logits of 100; scaled, it is the softmax over the other classes.
    """
    label = logits.argmax(dim=1, keepdim=True)
    others = logits.scatter(1, label, -math.inf).softmax(dim=1)
    return label, others.scatter(1, label, -1.0)


def unit(gradient: Tensor) -> Tensor:
    """Rows of length 1; a row of zeros stays one."""
    return normalize(gradient, eps=torch.finfo(gradient.dtype).tiny)


def _step(features: Tensor, shared: _Shared) -> _Step:
    logits = linear(features, shared.weight, shared.bias)
    label, residual = label_and_residual(logits)
    direction = unit(residual @ shared.relative)
    gap = (logits.gather(1, label) - logits).clamp(min=torch.finfo(logits.dtype).tiny)
    speed = direction @ shared.relative.T
    return _Step(label, direction, gap, speed - speed.gather(1, label))


def _block_thresholds(features: Tensor, shared: _Shared, agreements: Agreements) -> Tensor:
    """Flip thresholds of one block: the exact distance to the anchor that flips each sample first."""
    pairs = agreements.among(features)
    rows = _block_rows(len(pairs[0]))
    if rows < len(features):  # fewer samples agree with anchors on fewer values
        parts = [_block_thresholds(part, shared, agreements) for part in features.split(rows)]
        return torch.cat(parts)
    shared = shared.with_pairs(*pairs)
    step = _step(features, shared)
    centre = shared.anchors.mean(dim=0)  # distances through a matrix product lose digits far from the origin
    distance = torch.cdist(features - centre, shared.anchors - centre)
    still = step.direction[:, shared.columns] * (features[:, shared.columns] == shared.values)
    if still.any():
        rate, first = _rates(step, still, shared, distance)
    else:  # all anchors lead the same way: the farthest leads farthest
        farthest, first = distance.max(dim=1)
        rate = farthest * (step.slope / step.gap).amax(dim=1)
    # The product's distance is not 0 from a point to itself, and only one distance a sample matters.
    exact = (shared.anchors[first] - features).norm(dim=1)
    exact_rate = rate * exact / distance.gather(1, first[:, None])[:, 0]
    return torch.where(exact_rate > 0, math.sqrt(features.shape[1]) / exact_rate, math.inf)


def _rates(step: _Step, still: Tensor, shared: _Shared, distance: Tensor) -> tuple[Tensor, Tensor]:
    """``max_kc ||z*_k - z|| (d_kc - d_ky)/(l_y - l_c)``, one over the threshold, and its anchor.

    ``d_kc = d_c - sum of still * W_c over the pairs that anchor k has`` for all anchors is one matrix
    product a class. A sample needs it only for classes whose upper bound exceeds the rate found so far:
    its most promising class first, then the rest. What is left out cannot be the maximum.

    Args:
        step: of ``b`` samples.
        still: ``b x m`` tensor, the step's direction in the pairs that the sample has, 0 elsewhere.
        shared: head and anchors.
        distance: ``b x k`` distances from samples to anchors.
    """
    relative = shared.relative[:, shared.columns]
    bound = _rate_bounds(step, still, shared.has, relative, distance)
    label_loss = (still * relative[step.label[:, 0]]) @ shared.has.T
    rate, anchor = distance.new_zeros(len(distance)), step.label.new_zeros(len(distance))
    promising = bound.argmax(dim=1)
    for everything in (False, True):
        for c, row in enumerate(relative):
            open_ = bound[:, c] > rate
            i = (open_ if everything else open_ & (promising == c)).nonzero()[:, 0]
            if len(i) == 0:
                continue
            slope = step.slope[i, c, None] - still[i] @ (shared.has * row).T + label_loss[i]
            fastest, k = (distance[i] * slope).max(dim=1)
            fastest /= step.gap[i, c]
            anchor[i] = torch.where(fastest > rate[i], k, anchor[i])
            rate[i] = torch.maximum(fastest, rate[i])
            bound[i, c] = 0
    return rate, anchor


def _rate_bounds(step: _Step, still: Tensor, has: Tensor, relative: Tensor, distance: Tensor) -> Tensor:
    """``b x c`` upper bounds over anchors of ``||z*_k - z|| (d_kc - d_ky)/(l_y - l_c)``; 0 for the label.

    Around an anchor that has each pair in part, by the share of anchors which do, the slope is one matrix
    product. Each anchor's own slope differs from it by
    ``sum still (has_k - share) (W_c - W_y) <= ||still (has_k - share)|| ||W_c - W_y||`` (Cauchy-Schwarz),
    the last norm over the pairs that the sample has.
    """
    share = has.mean(dim=0)
    loss = (still * share) @ relative.T
    slope = step.slope - loss + loss.gather(1, step.label)
    deviation = (still.square() @ (has - share).square().T).sqrt()

    held = (still != 0).to(still.dtype)
    norm = held @ relative.square().T
    norms = norm + norm.gather(1, step.label)
    product = (held * relative[step.label[:, 0]]) @ relative.T
    apart = (norms - 2 * product).clamp(min=0) + 1e-5 * norms  # rounding must not lower a bound

    near, far = distance.amin(dim=1, keepdim=True), distance.amax(dim=1, keepdim=True)
    reach = (distance * deviation).amax(dim=1, keepdim=True)
    bound = torch.where(slope > 0, slope * far, slope * near) + apart.sqrt() * reach
    return (bound / step.gap).scatter(1, step.label, 0.0)
