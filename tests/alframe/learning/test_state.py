import dataclasses

import torch

from alframe import seeds
from alframe.learning.state import RoundState


def numbers(state, *names):
    return torch.randn(4, generator=state.stream(*names)).tolist()


def test_each_query_of_a_round_and_each_call_has_its_own_stream():
    state = RoundState(3, 2, 4, torch.device("cpu"), None)
    first = torch.randn(4, generator=seeds.generator(3, 2, "select", "badge")).tolist()
    assert numbers(state, "select", "badge") == first  # as it was before rounds had several queries
    others = [
        dataclasses.replace(state, step=1),
        dataclasses.replace(state, step=2),
        dataclasses.replace(state, calls=(0, "select", "refine", 1)),
        dataclasses.replace(state, calls=(0, "select", "refine", 2)),
        dataclasses.replace(state, number=3),
    ]
    drawn = [numbers(other, "select", "badge") for other in (state, *others)]
    assert len({tuple(one) for one in drawn}) == len(drawn)


def test_what_is_logged_and_what_is_not():
    state = RoundState(0, 1, 2, torch.device("cpu"), None, logged={"a": {"x": 1.0}, "b": {}})
    assert state.numbers() == {"a": {"x": 1.0}}
