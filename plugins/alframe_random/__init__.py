"""Random sampling: the baseline that every strategy has to beat.

It brings no code: without a scorer the engine's default selector draws uniformly at random.
"""

from alframe import PluginInfo, hookimpl


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="uniformly at random: the baseline", aliases=("RandomSampling",), family="baseline", api=3
    )
