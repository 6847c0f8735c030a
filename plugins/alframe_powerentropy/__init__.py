"""PowerEntropy: draw samples in proportion to the entropy of their prediction.

Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active learning", TMLR 2023,
arXiv 2106.12059. It brings no code: the score is that of `entropy`, the draw that of `stochastic`.
"""

from alframe import PluginInfo, hookimpl


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="drawn in proportion to the entropy of the prediction",
        reference="Kirsch et al., TMLR 2023, arXiv 2106.12059",
        uses={"score": "entropy", "select": "stochastic"},
        family="uncertainty",
        api=3,
    )
