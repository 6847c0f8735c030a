"""Query by committee: label what trained networks disagree on.

Seung, Opper and Sompolinsky, "Query by committee", COLT 1992; Dagan and Engelson, "Committee-based sampling
for training probabilistic classifiers", ICML 1995 (vote entropy); McCallum and Nigam, "Employing EM and
pool-based active learning for text classification", ICML 1998 (divergence from the consensus).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import PoolView


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of query by committee."""

    disagreement: Literal["consensus", "votes"] = option(
        "consensus", "mean divergence of the members from their mean, or entropy of their votes"
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="largest disagreement of several trained networks first",
        reference="Seung et al., COLT 1992",
        options=Options,
        uses={"train": "ensemble"},
        needs=("committee",),
        family="Bayesian",
        score_range="nonnegative",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, options: Options) -> Tensor:
    """Disagreement in nats."""
    from alframe_qbc._disagreement import consensus_divergence, vote_entropy

    return pool.members_by_rows(vote_entropy if options.disagreement == "votes" else consensus_divergence)
