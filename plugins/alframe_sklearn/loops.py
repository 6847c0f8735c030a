"""alframe's strategies in the loops of others: those of scikit-activeml and of modAL.

Both call their strategies once a round. These call `alframe.query`, so the picks are its picks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alframe import UsageError, one_line

if TYPE_CHECKING:
    import numpy as np

    from alframe_sklearn._skactiveml import AlframeQueryStrategy

__all__ = ["AlframeQueryStrategy", "modal_query"]


def __getattr__(name: str) -> Any:
    """`AlframeQueryStrategy`, which inherits from scikit-activeml and so needs it."""
    if name != "AlframeQueryStrategy":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from alframe_sklearn._skactiveml import AlframeQueryStrategy
    except ImportError as error:
        raise UsageError(
            f"AlframeQueryStrategy needs scikit-activeml ({one_line(error)}): pip install scikit-activeml"
        ) from error
    return AlframeQueryStrategy


def modal_query(
    strategy: str, *, seed: int = 0, options: Mapping[str, Any] | None = None, **given: Any
) -> Callable[..., tuple[np.ndarray, Any]]:
    """A strategy as a query function of modAL.

    Args:
        strategy: a strategy's name, as ``alframe list-strategies`` shows it.
        seed: everything random derives from it.
        options: the strategy's options.
        **given: further arguments of `alframe.query`, as ``device="cpu"``.

    Returns:
        ``function(learner, X_pool, n_instances=1)``, what modAL's learners take as their ``query_strategy``.
        It returns the positions of ``n_instances`` rows of ``X_pool``, best first, and their scores, None
        where the strategy has none. The labelled set is the learner's ``X_training`` and ``y_training``. A
        ``Committee`` gives the probabilities of its members, for `bald`, `qbc` and the like.

    Raises:
        UsageError: by the function: shapes, values or names that don't fit; the message says which.

    Example:
        >>> from alframe_sklearn.loops import modal_query
        >>> callable(modal_query("badge", seed=1))
        True
    """

    def chosen(learner: Any, X_pool: Any, n_instances: int = 1) -> tuple[np.ndarray, Any]:
        import alframe

        result = alframe.query(
            strategy,
            features=X_pool,
            n=n_instances,
            seed=seed,
            options=options,
            **_of_learner(learner, X_pool),
            **given,
        )
        scores = None if result.scores is None else result.scores[result.indices].numpy()
        return result.indices.numpy(), scores

    chosen.__name__ = f"alframe_{strategy.replace('-', '_')}"
    return chosen


def _of_learner(learner: Any, X_pool: Any) -> dict[str, Any]:
    """The head and the labelled set of a learner, or of a committee of them."""
    members = getattr(learner, "learner_list", None)
    one = members[0] if members else learner
    if members:
        head = {"probs": learner.vote_proba(X_pool).swapaxes(0, 1), "classes": learner.classes_}
    else:
        head = {"head": getattr(learner, "estimator", learner)}
    if getattr(one, "X_training", None) is None:
        return head
    return {**head, "labelled_features": one.X_training, "labelled_targets": one.y_training}
