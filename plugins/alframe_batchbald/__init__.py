"""BatchBALD: label the batch whose labels together tell most about the model's parameters.

Kirsch, van Amersfoort and Gal, "BatchBALD: efficient and diverse batch acquisition for deep Bayesian active
learning", NeurIPS 2019, arXiv 1906.08158.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of BatchBALD."""

    samples: int = option(
        100,
        "posterior samples: dropout masks that all rows share, or at most so many of a committee",
        least=2,
    )
    configurations: int = option(
        10_000, "label configurations of the batch that are enumerated; beyond, as many are drawn", least=1
    )
    subset: int | None = option(None, "of how many samples, drawn at random, the batch is chosen", least=1)
    dropout: float = option(
        0.5,
        "share of the features dropped in `alframe.query`, which has no network with rates of its own",
        above=0,
        below=1,
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="largest mutual information of the whole batch's labels and the parameters",
        reference="Kirsch et al., NeurIPS 2019, arXiv 1906.08158",
        options=Options,
        needs=("samples",),
        family="Bayesian",
        score_range="nonnegative",
        api=4,
    )


@hookimpl
def alframe_score(pool: PoolView, options: Options) -> Tensor:
    """BALD in nats: the mutual information of a label alone, with the same posterior samples as the batch."""
    from alframe_batchbald._candidates import informed

    samples = min(options.samples, pool.members or options.samples)
    return pool.sample_by_rows(informed, samples, options.dropout)[:, 0].float()


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, options: Options, ctx: Context) -> Tensor:
    """The batch, the samples in the order in which they were added to it.

    The scores say which samples may be chosen. What the batch's labels tell, in nats, is logged, and the most
    that so many posterior samples can tell.
    """
    import functools

    import torch

    from alframe_batchbald._batchbald import greedy
    from alframe_batchbald._candidates import Candidates
    from alframe_batchbald.sampled import some_of

    samples = min(options.samples, pool.members or options.samples)
    allowed = torch.ones(len(pool), dtype=torch.bool, device=ctx.device)
    if scores is not None:
        allowed &= scores > -torch.inf
    if options.subset is not None:
        allowed = some_of(pool.lazy_rows(of="logits"), allowed, options.subset, ctx.generator)

    stream = functools.partial(pool.sample_by_rows, samples=samples, dropout=options.dropout)
    batch = greedy(Candidates(stream, allowed, samples), n, options.configurations, ctx.generator)
    ctx.log("information", batch.information)
    ctx.log("most_information", batch.most)
    ctx.log("picks_beyond_it", batch.beyond)
    return batch.picks
