import threading

import numpy as np
import pytest
import torch

from alframe import seeds


def test_streams_are_stable_across_releases():
    assert seeds.derive(1, "split") == 6289437342324778734


def test_streams_differ_by_seed_and_by_name():
    made = {seeds.derive(seed, *names) for seed in (0, 1) for names in (("a",), ("b",), ("a", "b"), (1, "a"))}
    assert len(made) == 8


def test_generators_repeat():
    first, second = (torch.rand(3, generator=seeds.generator(7, "x")) for _ in range(2))
    assert torch.equal(first, second)


def test_global_stream_does_not_depend_on_the_state_outside_and_restores_it():
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 (that nobody touches it is the point)
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with seeds.global_stream(0, "x"):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], before_numpy)  # noqa: NPY002
    torch.manual_seed(2)
    with seeds.global_stream(0, "x"):
        assert torch.equal(torch.rand(3), first)


def test_global_stream_is_one_threads_at_a_time_and_may_stand_in_itself():
    with seeds.global_stream(0, "x"):
        alone = torch.rand(3)
    entered, left = threading.Event(), []

    def other():
        entered.set()
        with seeds.global_stream(1, "y"):
            torch.rand(3)
        left.append(True)

    thread = threading.Thread(target=other)
    with seeds.global_stream(0, "x"):
        with seeds.global_stream(2, "z"):
            torch.rand(3)
        thread.start()
        entered.wait(5)
        thread.join(0.05)
        assert not left  # it waits
        assert torch.equal(torch.rand(3), alone)
    thread.join(5)
    assert left


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_global_stream_restores_the_device_too():
    device = torch.device("cuda", 0)
    before = torch.cuda.get_rng_state(device)
    with seeds.global_stream(0, "x", device=device):
        first = torch.rand(3, device=device)
    assert torch.equal(torch.cuda.get_rng_state(device), before)
    with seeds.global_stream(0, "x", device=device):
        assert torch.equal(torch.rand(3, device=device), first)
