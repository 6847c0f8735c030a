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
from torch.linalg import vector_norm
from torch.nn.functional import linear, normalize

from alframe.ops import LazyRows, rows_per_block
from alframe_alfamix._agreement import Agreements
from alframe_alfamix._rates import Pairs, Step, fastest_rates

BLOCK_ELEMENTS = 1 << 23  # numbers in the temporary tensors of a block: 32 MB in float32
TEMPORARIES = 8  # that are alive at once, about


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
    features: Float[Tensor, "n d"] | LazyRows,
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, " c"] | None,
    anchors: Float[Tensor, "k d"],
) -> Float[Tensor, " n"]:
    """Smallest cap at which an anchor changes the class, for the linear head ``logits = W z + b``; exact.

    ``e*(z) = sqrt(D) min_k s_k / ||z*_k - z||`` with ``s_k = min_c (l_y - l_c)/(d_kc - d_ky)`` over the
    classes with ``d_kc > d_ky``, and ``d_k = W g/||g||`` over the features in which ``z`` and ``z*_k``
    differ. A sample is a candidate (eq. 6) at cap ``e`` exactly when ``e* < e``.

    Args:
        features: ``n x d`` tensor of features of the samples, or rows in files.
        weight: ``c x d`` weights of the head.
        bias: ``c`` biases of the head, or none.
        anchors: ``k x d`` tensor, at least one anchor.

    Returns:
        ``n`` thresholds in the dtype of ``features``, in units in which the paper's cap is 0.2; ``inf`` where
        no anchor ever changes the class. Memory beyond it does not grow with ``n``.
    """
    head, agreements = _Head.of(weight, bias, anchors), Agreements(anchors)
    rows = _rows_per_block(anchors, *weight.shape, len(anchors))
    return torch.cat([_block_thresholds(block, head, agreements) for block in features.split(rows)])


class _Head(NamedTuple):
    """What a block needs of head and anchors.

    Pairs of a feature and the value zero are for all blocks, those of other values for blocks in which some
    sample has the value, too.
    """

    weight: Float[Tensor, "c d"]
    bias: Float[Tensor, " c"] | None
    relative: Float[Tensor, "c d"]
    anchors: Float[Tensor, "k d"]
    pairs: Pairs

    @staticmethod
    def of(weight: Tensor, bias: Tensor | None, anchors: Tensor) -> _Head:
        columns = (anchors == 0).any(dim=0).nonzero()[:, 0]
        has = (anchors[:, columns] == 0).to(anchors.dtype)
        # What is common to all rows moves all logits alike. Without it equal rows give a gradient of 0.
        relative = weight - weight[:1]
        return _Head(weight, bias, relative, anchors, Pairs(columns, has.new_zeros(len(columns)), has))

    def step(self, features: Tensor) -> Step:
        """Where the gradient leads the samples."""
        logits = linear(features, self.weight, self.bias)
        label, residual = label_and_residual(logits)
        gap = (logits.gather(1, label) - logits).clamp_(min=torch.finfo(logits.dtype).tiny)
        return Step(label, unit(residual @ self.relative), gap, self._distances(features))

    def _distances(self, features: Tensor) -> Float[Tensor, "b k"]:
        """From samples to anchors, all moved to the origin: a product loses digits far from it."""
        centre = self.anchors.mean(dim=0)
        features, anchors = features - centre, self.anchors - centre
        squared = torch.addmm(anchors.square().sum(dim=1), features, anchors.T, alpha=-2)
        squared.add_(vector_norm(features, dim=1, keepdim=True).square_())
        return squared.clamp_(min=0).sqrt_()


def _rows_per_block(like: Tensor, *widths: int) -> int:
    """How many rows have temporary tensors of bounded size, if the widest are of these widths."""
    return rows_per_block(TEMPORARIES * max(1, *widths), like.device, BLOCK_ELEMENTS)


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


def _block_thresholds(features: Tensor, head: _Head, agreements: Agreements) -> Tensor:
    """Flip thresholds of one block: the exact distance to the anchor that flips each sample first."""
    more = agreements.among(features)
    rows = _rows_per_block(features, len(more[0]))
    if rows < len(features):  # fewer samples agree with anchors on fewer values
        parts = [_block_thresholds(part, head, agreements) for part in features.split(rows)]
        return torch.cat(parts)
    pairs, step = head.pairs.and_more(*more), head.step(features)
    if len(pairs.columns):
        at_once = _rows_per_block(features, *pairs.has.shape)
        rate, first = fastest_rates(features, step, head.relative, pairs, at_once)
    else:  # all anchors lead the same way: the farthest leads farthest
        farthest, first = step.distance.max(dim=1)
        rate = farthest * (step.slopes(step.direction, head.relative) / step.gap).amax(dim=1)
    # The product's distance is not 0 from a point to itself, and only one distance a sample matters.
    exact = (head.anchors.index_select(0, first) - features).norm(dim=1)
    exact_rate = rate * exact / step.distance.gather(1, first[:, None])[:, 0]
    return torch.where(exact_rate > 0, math.sqrt(features.shape[1]) / exact_rate, math.inf)
