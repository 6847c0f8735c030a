import copy
import pickle

import torch

from alframe.learning import recent
from alframe.learning.recent import Recent


def test_a_view_of_the_same_rows_has_the_answer():
    kept, x = Recent(), torch.randn(6, 3)
    assert kept.of(x[:4]) is None
    kept.keep(x[:4], torch.ones(4, 2))
    found = kept.of(x[:4])
    assert torch.equal(found, torch.ones(4, 2))
    found += 1  # whoever changes it changes a copy
    assert torch.equal(kept.of(x[:4]), torch.ones(4, 2))
    assert kept.of(x[:3]) is None
    assert kept.of(x[1:5]) is None
    assert kept.of(x[:4].clone()) is None


def test_numbers_that_have_changed_are_others():
    kept, x = Recent(), torch.randn(6, 3)
    kept.keep(x, torch.ones(6, 2))
    x[0] += 1
    assert kept.of(x) is None


def test_the_oldest_goes_and_what_is_too_much_is_not_kept(monkeypatch):
    monkeypatch.setattr(recent, "MOST_NUMBERS", 20)
    kept, x = Recent(), torch.randn(6, 3)
    for block in (x[:3], x[3:], x[:1]):
        kept.keep(block, block)
    assert kept.of(x[:3]) is None
    assert kept.of(x[3:]) is not None
    kept.keep(torch.zeros(7, 3), torch.zeros(7))
    assert kept.of(x[3:]) is not None
    kept.forget()
    assert kept.of(x[3:]) is None


def test_copies_hold_nothing():
    kept, x = Recent(), torch.randn(6, 3)
    kept.keep(x, x)
    assert copy.deepcopy(kept).of(x) is None
    assert pickle.loads(pickle.dumps(kept)).of(x) is None


def test_what_nobody_counts_the_changes_of_is_not_kept():
    kept = Recent()
    with torch.inference_mode():
        x = torch.randn(6, 3)
        kept.keep(x, x)
        assert kept.of(x) is None
