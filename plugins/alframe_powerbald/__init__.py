"""PowerBALD: draw samples in proportion to how much the model's parameters disagree on them.

Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active learning", TMLR 2023,
arXiv 2106.12059. It brings no code: the score is that of `bald`, the draw that of `stochastic`.
"""

from alframe import PluginInfo, hookimpl


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="drawn in proportion to the mutual information of prediction and parameters",
        reference="Kirsch et al., TMLR 2023, arXiv 2106.12059",
        uses={"score": "bald", "select": "stochastic"},
        family="Bayesian",
        api=3,
    )
