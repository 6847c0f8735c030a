"""DeepFool on batches: every sample steps to its own nearest linearised boundary until its class changes.

Moosavi-Dezfooli et al., CVPR 2016, arXiv 1511.04599, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from alframe.ops import rows_per_block
from alframe_deepfool._coordinates import in_fewer_coordinates
from alframe_deepfool._perceptron import Perceptron, Step

if TYPE_CHECKING:
    from alframe import Context, PoolView
    from alframe_deepfool import Options


class Perturbations(NamedTuple):
    """Smallest perturbations found for ``b`` samples.

    Attributes:
        squared_norms: ``b`` squared Euclidean norms; ``inf`` where the network has no gradient.
        flipped: whether the class changed within the steps allowed.
    """

    squared_norms: Tensor
    flipped: Tensor


def scores(pool: PoolView, options: Options, ctx: Context) -> Tensor:
    """Minus the squared norms of the whole pool, a batch at a time.

    Args:
        pool: ``N`` samples.
        options: of DeepFool.
        ctx: the hook's context.
    """
    first = next(iter(pool.inputs(1)))
    assert ctx.model is not None  # who has inputs has a network
    project, network = in_fewer_coordinates(ctx.model)
    quick = Perceptron.of(network)
    sample = project(first)
    size = rows_per_block(sample.numel() * min(options.classes, ctx.num_classes - 1), sample.device)
    parts = []
    for batch in pool.inputs(size):
        parts.append(
            deepfool(quick or network, project(batch), options.steps, options.classes, options.overshoot)
        )
        ctx.progress(sum(len(part.flipped) for part in parts), len(pool))
    ctx.log("not_flipped", sum(int((~part.flipped).sum()) for part in parts))
    return -torch.cat([part.squared_norms for part in parts])


@torch.enable_grad()
def deepfool(
    model: Callable[[Tensor], Tensor],
    x: Float[Tensor, "b ..."],
    steps: int,
    classes: int,
    overshoot: float,
) -> Perturbations:
    """Perturbs each sample until its class changes, by shortest steps to linearised boundaries.

    At ``x + (1 + overshoot) r``, with ``f_c`` the logits' differences from the first class's and ``w_c``
    their gradients, ``r`` grows by ``|f_c| / ||w_c||^2 w_c`` for the class of least ``|f_c| / ||w_c||``.

    Args:
        model: maps ``b x ...`` inputs to ``b x c`` logits, each sample on its own.
        x: ``b`` samples.
        steps: most steps of each.
        classes: other classes looked at, those with the highest logits at ``x``.
        overshoot: see above.
    """
    perceptron = model if isinstance(model, Perceptron) else Perceptron.of(model)
    total = torch.zeros_like(x)
    active = torch.arange(len(x), device=x.device)
    flipped = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    stuck = flipped.clone()
    with torch.no_grad():
        ranked = model(x).argsort(dim=1, descending=True, stable=True)[:, : classes + 1]
    for step in range(steps + 1):
        point = x[active] + (1 + overshoot) * total[active]
        if step:
            with torch.no_grad():
                changed = model(point).argmax(dim=1) != ranked[active, 0]
            flipped[active[changed]] = True
            active, point = active[~changed], point[~changed]
        label, others = ranked[active, :1], ranked[active, 1:]
        if step == steps or len(active) == 0 or others.shape[1] == 0:
            break
        if perceptron:
            move, at_boundary, no_gradient = perceptron.step(point, label, others)
        else:
            logits = model(point.requires_grad_())
            gaps = logits.gather(1, label) - logits.gather(1, others)
            gradients = _gradients(gaps, point)
            move, at_boundary, no_gradient = _nearest_boundary(gaps.detach(), gradients)
        flipped[active[at_boundary]] = True
        stuck[active[no_gradient]] = True
        total[active] += move
        active = active[~(at_boundary | no_gradient)]
        if len(active) == 0:
            break
    norms = total.flatten(1).square().sum(dim=1)
    return Perturbations(norms.masked_fill(stuck, torch.inf), flipped)


def _gradients(gaps: Tensor, point: Tensor) -> Tensor:
    """``b x k x ...`` gradients of ``b x k`` numbers in ``b`` inputs: ``k`` of them in one backward pass."""
    k = gaps.shape[1]
    one_each = torch.eye(k, dtype=gaps.dtype, device=gaps.device)[:, None, :].expand(k, len(gaps), k)
    (gradients,) = torch.autograd.grad(gaps, point, one_each, is_grads_batched=True)
    return gradients.transpose(0, 1)


def _nearest_boundary(gaps: Float[Tensor, "b k"], gradients: Float[Tensor, "b k ..."]) -> Step:
    """The step to the nearest boundary."""
    norms = gradients.flatten(2).norm(dim=2)
    distance = torch.where(norms > 0, gaps / norms, torch.inf)  # the gaps are not negative
    nearest = distance.argmin(dim=1, keepdim=True)
    rows = torch.arange(len(gaps), device=gaps.device)
    w = gradients[rows, nearest[:, 0]]
    length = distance.gather(1, nearest) / norms.gather(1, nearest)
    at_boundary = (gaps == 0).any(dim=1)
    no_gradient = distance.isinf().all(dim=1) & ~at_boundary
    length = length.masked_fill((at_boundary | no_gradient)[:, None], 0)
    # the gap is label minus other: it shrinks against its gradient
    return Step(-w * length.reshape(-1, *[1] * (w.ndim - 1)), at_boundary, no_gradient)
