import pytest
import torch

from alframe.learning.initial import initial_set

ORDER = torch.tensor([4, 0, 5, 1, 3, 2])
LABELS = torch.tensor([0, 0, 0, 1, 0, 2])


def test_at_random_is_the_order():
    assert initial_set(ORDER, LABELS, 3, "random").tolist() == [4, 0, 5]
    assert initial_set(ORDER, LABELS, 99, "random").tolist() == ORDER.tolist()


@pytest.mark.parametrize(("size", "wanted"), [(3, [4, 5, 3]), (5, [4, 5, 3, 0, 1]), (6, [4, 5, 3, 0, 1, 2])])
def test_balanced_takes_the_classes_in_turn_and_fills_short_ones_up(size, wanted):
    assert initial_set(ORDER, LABELS, size, "balanced").tolist() == wanted
