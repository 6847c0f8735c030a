"""Which labelled samples are left out: the most typical of each class, the least typical, or any.

Hacohen and Weinshall, NeurIPS 2023, arXiv 2306.03543, section 3. Typicality and clusters are those of
TypiClust: Hacohen et al., ICML 2022, arXiv 2202.02794.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from alframe.ops import kmeans

NEIGHBOURS = 20  # of a sample that its typicality is measured by


def share_of_classes(targets: Int64[Tensor, " n"], epsilon: float, num_classes: int) -> int:
    """How many samples of each class are left out: ``max(1, epsilon n / C)``, at most the rarest class.

    Args:
        targets: labels; classes without any do not count as rarest.
        epsilon: share of the labels.
        num_classes: number of classes, ``C``.

    Example:
        >>> share_of_classes(torch.arange(1000) % 10, 0.05, 10)
        5
    """
    counts = targets.bincount()
    wanted = max(1, int(epsilon * len(targets) / max(1, num_classes)))
    return min(wanted, int(counts[counts > 0].min()))


def left_out_at_random(
    targets: Int64[Tensor, " n"], count: int, generator: torch.Generator
) -> Bool[Tensor, " n"]:
    """Which samples are left out: ``count`` of each class, drawn.

    Args:
        targets: labels, on the CPU.
        count: of each class.
        generator: CPU generator.
    """
    out = torch.zeros(len(targets), dtype=torch.bool)
    order = torch.randperm(len(targets), generator=generator)
    for number in targets.unique():
        out[order[targets[order] == number][:count]] = True
    return out


def left_out_by_typicality(
    features: Float[Tensor, "n d"], targets: Int64[Tensor, " n"], count: int, generator: torch.Generator
) -> tuple[Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """Which samples are left out, as TypiClust would pick them, and as its opposite would.

    Each class has ``count`` clusters. One sample of each is left out: the most typical, and the least.

    Args:
        features: ``n x d`` tensor on the CPU, brought to unit length here.
        targets: labels, on the CPU.
        count: of each class.
        generator: CPU generator of k-means.
    """
    x = normalize(features.double())
    typical, untypical = torch.zeros(2, len(targets), dtype=torch.bool)
    for number in targets.unique():
        members = (targets == number).nonzero()[:, 0]
        labels = kmeans(x[members], count, generator).labels
        for cluster in range(count):
            inside = members[labels == cluster]
            typicality = typicality_of(x[inside])
            typical[inside[typicality.argmax()]] = True
            untypical[inside[typicality.argmin()]] = True
    return typical, untypical


def typicality_of(x: Float[Tensor, "q d"]) -> Float[Tensor, " q"]:
    """One over the mean distance to the nearest ``min(20, q // 2)`` others; 0 mean distance is infinite.

    Args:
        x: ``q x d`` tensor of a cluster's rows.

    Example:
        >>> typicality_of(torch.tensor([[0.0], [1.0], [1.5], [5.0]])).tolist()
        [0.8, 1.3333333730697632, 1.0, 0.26666668057441711]
    """
    k = min(NEIGHBOURS, len(x) // 2)
    if k == 0:
        return x.new_full((len(x),), torch.inf)
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)  # itself, by its place: copies of it count
    return 1 / distances.topk(k, dim=1, largest=False).values.mean(dim=1)
