"""ALFA-Mix with learned and with random mixing ratios: which samples flip, and by how small a ratio?

Parvaneh et al., CVPR 2022, arXiv 2203.07034, equation 4 solved by gradient steps; the starting draw, the
number and the size of the steps and the weight of the norm are the authors' program's.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.nn.functional import linear

from alframe.ops import LazyRows, row_blocks, rows_per_block

BLOCK_ELEMENTS = 1 << 18  # numbers in one temporary tensor: 1 MB in float32 stays in the cache of a core
LEARNING_RATES = (0.1, 0.1, 0.1, 0.1, 0.01)
NORM_WEIGHT = 0.01
SMALLEST_RATIO = 1e-8


@torch.no_grad()
def smallest_flipping_norms(
    head: nn.Module,
    features: Float[Tensor, "n d"] | LazyRows,
    anchors: Float[Tensor, "k d"],
    cap: float,
    learned: bool,
    generator: torch.Generator,
) -> Float[Tensor, " n"]:
    """Norm of the smallest mixing ratio tried that changes the predicted class, over all anchors.

    For each anchor a ratio for every feature is drawn from ``N(cap/2, cap/2)`` and clamped to ``1e-8..cap``.
    If it is to be learned, five steps follow on ``-CE(head((1-a) z + a z*), y) + 0.01 ||a||``, each
    ``a - rate sign(gradient)``, clamped again: the authors' program makes a new Adam every step, and the
    first step of Adam is the sign of the gradient times the learning rate. The class is looked at before the
    first step and after each.

    Args:
        head: maps ``b x d`` features to ``b x c`` logits; differentiable, and without autograd if linear.
        features: ``n x d`` tensor of features of the samples, or rows in files.
        anchors: ``k x d`` tensor of anchors; there may be none.
        cap: largest ratio of any feature.
        learned: whether to take the steps, or the starting draw alone.
        generator: CPU generator. Drawing on the CPU would take most of a GPU's time: there it only seeds the
            device's, so draws differ between kinds of devices.

    Returns:
        ``n`` Euclidean norms; ``inf`` where nothing that was tried changes the class.
    """
    smallest = torch.full((len(features),), math.inf, dtype=features.dtype, device=features.device)
    if len(features) == 0 or len(anchors) == 0:
        return smallest
    rates = LEARNING_RATES if learned else ()
    draws = _on(features.device, generator)
    width = features.shape[1]
    widest = max(width, head(features[:1]).shape[1])
    if draws is not generator:
        width = widest  # on the CPU larger blocks of rows would be other draws
    for rows in row_blocks(len(features), width, features.device, BLOCK_ELEMENTS):
        z = features[rows]
        label = head(z).argmax(dim=1)
        at_once = rows_per_block(len(z) * widest, z.device, BLOCK_ELEMENTS)
        for some in anchors.split(at_once):
            norms = _smallest_norms(head, z, label, some, cap, rates, draws)
            smallest[rows] = torch.minimum(smallest[rows], norms)
    return smallest


def _on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """The generator itself, or one of the device that it seeds."""
    if device.type == "cpu":
        return generator
    seed = int(torch.randint(1 << 62, (), generator=generator))
    return torch.Generator(device).manual_seed(seed)


def _smallest_norms(
    head: nn.Module,
    z: Float[Tensor, "b d"],
    label: Int64[Tensor, " b"],
    anchors: Float[Tensor, "k d"],
    cap: float,
    rates: tuple[float, ...],
    generator: torch.Generator,
) -> Float[Tensor, " b"]:
    """The same for samples and anchors whose ``k b d`` ratios are held at once."""
    labels = label.repeat(len(anchors))[:, None]
    difference = (anchors[:, None] - z).view(-1, z.shape[1])
    ratio = torch.empty_like(difference)
    for part in ratio.split(len(z)):  # an anchor's on its own, so that they don't depend on how many are held
        part.normal_(generator=generator)
    ratio.mul_(cap / 2).add_(cap / 2).clamp_(SMALLEST_RATIO, cap)
    smallest = z.new_full((len(ratio),), math.inf)
    for rate in (*rates, None):
        mixed = torch.addcmul(z, ratio.view(-1, *z.shape), difference.view(-1, *z.shape)).view(ratio.shape)
        logits, gradient = _logits_and_gradient(head, mixed, labels, rate is not None)
        norm = vector_norm(ratio, dim=1)
        flipped = logits.argmax(dim=1) != labels[:, 0]
        smallest = torch.minimum(smallest, norm.masked_fill(~flipped, math.inf))
        if rate is None or gradient is None:
            break
        ascent = gradient.mul_(difference).addcmul_(ratio, (-NORM_WEIGHT / norm)[:, None])
        ratio.add_(ascent.sign_(), alpha=rate).clamp_(SMALLEST_RATIO, cap)
    return smallest.view(-1, len(z)).amin(dim=0)


def _logits_and_gradient(
    head: nn.Module, mixed: Tensor, label: Tensor, wanted: bool
) -> tuple[Tensor, Tensor | None]:
    """Logits of ``b`` mixed points, and the gradient in them of the label's cross-entropy."""
    if isinstance(head, nn.Linear):
        logits = linear(mixed, head.weight, head.bias)
        return logits, _residual(logits, label) @ head.weight if wanted else None
    with torch.enable_grad():
        mixed = mixed.requires_grad_()
        logits = head(mixed)
        gradient = None
        if wanted:
            (gradient,) = torch.autograd.grad(logits, mixed, _residual(logits.detach(), label))
    return logits.detach(), gradient


def _residual(logits: Tensor, label: Tensor) -> Tensor:
    """``p - onehot(y)``, the label's entry as a sum: ``p_y - 1`` would cancel where ``p_y`` is all but 1."""
    others = logits.softmax(dim=1).scatter_(1, label, 0.0)
    return others.scatter_(1, label, -others.sum(dim=1, keepdim=True))
