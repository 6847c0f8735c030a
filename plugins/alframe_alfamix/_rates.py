"""The fastest way of each sample to another class, over all anchors and classes, in few large products.

Anchors that share features with a sample leave those still (see `_alfamix`), so each has its own slope
towards each class: samples times anchors times classes times features to multiply. Upper bounds over the
anchors cost little more than the head itself, and leave one or two classes of a hundred or of a thousand.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

SURELY = 1 + 1e-5  # rounding must not lower a bound


class Step(NamedTuple):
    """Where the gradient leads ``b`` samples, and how far it is to other classes.

    Attributes:
        label: predicted classes ``y``.
        direction: ``g/||g||``, or 0 where ``g`` is 0.
        gap: ``l_y - l_c``, positive (a tie counts as the smallest number there is).
        distance: from samples to anchors.
    """

    label: Int64[Tensor, "b 1"]
    direction: Float[Tensor, "b d"]
    gap: Float[Tensor, "b c"]
    distance: Float[Tensor, "b k"]

    def slopes(self, direction: Tensor, weight: Tensor) -> Float[Tensor, "b c"]:
        """``d_c - d_y`` of steps in these directions, for a head of these weights."""
        speed = direction @ weight.T
        return speed.sub_(speed.gather(1, self.label))


class Pairs(NamedTuple):
    """Pairs of a feature and a value, and which of the ``k`` anchors have them.

    Attributes:
        columns: the features of ``m`` pairs.
        values: their values.
        has: 1 where the anchor has the value, else 0.
    """

    columns: Int64[Tensor, " m"]
    values: Float[Tensor, " m"]
    has: Float[Tensor, "k m"]

    def and_more(self, columns: Tensor, values: Tensor, has: Tensor) -> Pairs:
        """These pairs and others."""
        return Pairs(
            torch.cat([self.columns, columns]),
            torch.cat([self.values, values]),
            torch.cat([self.has, has.to(self.has.dtype)], dim=1),
        )


def fastest_rates(
    features: Float[Tensor, "b d"], step: Step, weight: Float[Tensor, "c d"], pairs: Pairs, at_once: int
) -> tuple[Float[Tensor, " b"], Int64[Tensor, " b"]]:
    """``max_kc ||z*_k - z|| (d_kc - d_ky)/(l_y - l_c)``, 0 if all are negative, and the anchor ``k``.

    Each sample is tried with its most promising class; then with all classes whose upper bound exceeds what
    was found. What is left out can't be the maximum. The device is waited for once.

    Args:
        features: of the samples.
        step: of the samples; its direction is overwritten.
        weight: of the head.
        pairs: in which anchors and samples agree; at least one.
        at_once: for how many classes of samples the temporary tensors have room.
    """
    still = features.index_select(1, pairs.columns).eq_(pairs.values)  # 1 where the sample has the pair
    still.mul_(step.direction.index_select(1, pairs.columns))  # the part of the step that it may lose
    share = pairs.has.mean(dim=0)
    spread = pairs.has - share
    # Around an anchor that has each pair in part, by the share of the anchors that have it:
    slope = step.slopes(step.direction.index_add_(1, pairs.columns, still * -share), weight)
    weight = weight.index_select(1, pairs.columns)
    own = weight.index_select(0, step.label[:, 0])
    bound = _bounds(step, still, slope, spread, weight, own)
    everyone = torch.arange(len(still), device=still.device)

    def fastest(i: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Rates of samples ``i`` towards classes ``c``, and their anchors: all anchors in one product."""
        own_i, still_i, distance_i = (
            part if i is everyone else part.index_select(0, i) for part in (own, still, step.distance)
        )
        lost = weight.index_select(0, c).sub_(own_i).mul_(still_i)
        rates = torch.addmm(slope[i, c, None], lost, spread.T, alpha=-1).mul_(distance_i)
        rate, anchor = rates.max(dim=1)
        return rate.div_(step.gap[i, c]), anchor

    promising = bound.argmax(dim=1)
    rate, anchor = fastest(everyone, promising)
    rate.clamp_(min=0)
    bound.scatter_(1, promising[:, None], 0.0)
    for part in (bound > rate[:, None]).nonzero().split(at_once):
        i, c = part.unbind(dim=1)
        rates, anchors = fastest(i, c)
        before, rate = rate, rate.scatter_reduce(0, i, rates, "amax")
        # Of equally fast ones the last anchor, so that no order of the device's decides.
        anchors = anchors.where((rates == rate[i]) & (rates > before[i]), -1)
        faster = torch.full_like(anchor, -1).scatter_reduce(0, i, anchors, "amax")
        anchor = anchor.where(faster < 0, faster)
    return rate, anchor


def _bounds(
    step: Step, still: Tensor, slope: Tensor, spread: Tensor, weight: Tensor, own: Tensor
) -> Float[Tensor, "b c"]:
    """Upper bounds over the anchors of ``||z*_k - z|| (d_kc - d_ky)/(l_y - l_c)``; 0 for the label.

    An anchor's slope differs from the average one's by ``sum still spread_k (W_c - W_y)`` over the pairs,
    which is at most the root of ``sum |still| spread_k^2`` times ``sum |still| (W_c - W_y)^2``
    (Cauchy-Schwarz): matrix products all.

    Args:
        step: of ``b`` samples.
        still: ``b x m`` tensor, the step's direction in the pairs that the sample has, 0 elsewhere.
        slope: ``b x c`` slopes of an average anchor.
        spread: ``k x m`` tensor, how much more than the average each anchor has the pairs.
        weight: ``c x m`` weights of the head.
        own: ``b x m`` weights of the samples' labels.
    """
    held = still.abs()
    reach = (held @ spread.square().T).sqrt_().mul_(step.distance).amax(dim=1, keepdim=True)
    norm = held @ weight.square().T
    apart = torch.addmm(norm, held.mul_(own), weight.T, beta=SURELY, alpha=-2)
    apart.add_(norm.gather(1, step.label), alpha=SURELY).clamp_(min=0).sqrt_()
    near, far = step.distance.amin(dim=1, keepdim=True), step.distance.amax(dim=1, keepdim=True)
    bound = apart.mul_(reach).addcmul_(slope.clamp(min=0), far).addcmul_(slope.clamp(max=0), near)
    return bound.div_(step.gap).scatter_(1, step.label, 0.0)
