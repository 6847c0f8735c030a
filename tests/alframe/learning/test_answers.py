import pytest
import torch

from alframe import UsageError
from alframe.learning.answers import require_answer

LABELLED = torch.tensor([7, 2])


@pytest.mark.parametrize(
    ("positions", "targets", "line"),
    [
        ([1, 3], [0], "2 indices but 1 labels"),
        ([], [], "no labels were given"),
        ([1, 3, 1], [0, 0, 0], "an index is repeated: 1"),
        ([1, 2], [0, 0], "a sample is labelled already: 2"),
        ([1], [3], r"labels must lie in 0\.\.2, got 3$"),
        ([1], [-1], "got -1; leave samples without a label out of both"),
    ],
)
def test_what_can_not_be(positions, targets, line):
    told = torch.tensor(positions, dtype=torch.int64), torch.tensor(targets, dtype=torch.int64)
    with pytest.raises(UsageError, match=line):
        require_answer(*told, LABELLED, 3)


def test_what_can_be():
    require_answer(torch.tensor([3, 1]), torch.tensor([2, 0]), LABELLED, 3)
