"""When the first strategy's turn is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alframe_tcm import Options


def is_early(number: int, labels: int, num_classes: int, options: Options) -> bool:
    """Whether the first strategy answers: always without labels, then by labels a class or by queries.

    Args:
        number: of the query, from 1; 0 of the start.
        labels: how many samples are labelled.
        num_classes: number of classes.
        options: of the strategy.

    Example:
        >>> from alframe_tcm import Options
        >>> [is_early(number, 100, 10, Options()) for number in (0, 1, 3, 4)]
        [True, True, True, False]
    """
    if labels == 0:
        return True
    if options.switch_at is not None:
        return labels < options.switch_at * num_classes
    return number <= options.steps
