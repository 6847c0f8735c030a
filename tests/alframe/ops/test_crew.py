"""Passes by several workers are those of one, whoever of them is lost."""

import random

import numpy as np
import pytest
import torch

from alframe.ops import crew as crews
from alframe.ops.crew import Bench, counting, dumps, gathered, loads, over_rows, working
from doubles import BenchCrew

CPU = torch.device("cpu")
BLOCKS = [slice(start, start + 3) for start in range(0, 30, 3)]


def doubled(kept, payload, block):
    crews.count(rows=block.stop - block.start)
    return kept[block] * payload


def by(crew, function=doubled, blocks=BLOCKS):
    kept = torch.arange(30.0)
    with working(crew, CPU):
        return gathered(over_rows(function, kept, 2.0, iter(blocks)), 30)


@pytest.mark.parametrize("losses", [(), (0,), (0, 4), (1, 2, 3), (0, 0, 0)])
@pytest.mark.parametrize("workers", [1, 3, 40])
def test_results_are_those_of_one_process(workers, losses):
    crew = BenchCrew(workers, losses)
    with counting() as counted:
        assert by(crew).equal(2 * torch.arange(30.0))
    assert counted["rows"] == 30
    assert counted["workers_lost"] == min(len(losses), workers)


def test_functions_without_a_name():
    factor = torch.tensor(3.0)
    assert by(BenchCrew(2), lambda kept, payload, block: kept[block] * factor).equal(3 * torch.arange(30.0))


def test_what_makes_rows_is_sent_once(monkeypatch):
    sent = []
    monkeypatch.setattr(crews, "dumps", lambda value: (sent.append(type(value)), dumps(value))[1])
    crew, kept = BenchCrew(2), torch.arange(30.0)
    with working(crew, CPU):
        for _ in range(5):
            list(over_rows(doubled, kept, 2.0, iter(BLOCKS)))
    assert crew.fetched == 2 * (1 + 5)  # it, and five calls
    assert sent.count(torch.Tensor) == 1


def test_a_worker_holds_few_things():
    def piece(number):
        return dumps((dict, dumps((doubled, 2.0) if number % 2 else torch.ones(3))))

    bench = Bench()
    for number in range(10):
        bench.work(2 * number, 2 * number + 1, piece, [])
    assert len(bench._kept) == crews.KEPT


@pytest.mark.parametrize("seed", range(5))
def test_the_first_error_is_that_of_one_process(seed):
    def broken(kept, payload, block):
        if block.start in (9, 15, 27):
            raise ValueError(f"at {block.start}")
        return kept[block]

    crew = BenchCrew(3, shuffled=random.Random(seed))
    with pytest.raises(ValueError, match="at 9") as raised:
        by(crew, broken)
    assert "in broken" in raised.value.__notes__[0]  # where, which does not come over the line


class OddError(Exception):
    def __init__(self, one, other):
        super().__init__(f"{one} {other}")


def test_an_error_that_can_not_be_pickled_is_told_in_words():
    def broken(kept, payload, block):
        raise OddError("this", "that")

    with pytest.raises(RuntimeError, match="OddError: this that"):
        by(BenchCrew(1), broken)


def test_who_was_left_alone_looks_before_it_does_the_same():
    def check():
        raise OSError("cut off")

    with working(BenchCrew(1, (0,)), CPU):
        crews.before_taking_over(check)
        with pytest.raises(OSError, match="cut off"):
            list(over_rows(doubled, torch.arange(30.0), 2.0, iter(BLOCKS)))


def test_workers_prepare_themselves_before_they_look_at_what_they_are_sent(monkeypatch):
    done = []
    monkeypatch.setattr(crews, "prepared", done.append, raising=False)
    with working(BenchCrew(2), CPU, lambda: crews.prepared(1)):
        list(over_rows(doubled, torch.arange(30.0), 2.0, iter(BLOCKS)))
    assert len(done) == 4


def test_one_block_is_not_worth_a_message():
    crew = BenchCrew(2)
    by(crew, blocks=[slice(0, 30)])
    assert crew.fetched == 0


def test_a_view_of_a_tensor_is_sent_without_the_rest():
    whole = torch.zeros(10**6)
    assert len(dumps(whole[5:8])) < 1000
    for tensor in (
        whole[3:5],
        torch.ones(2, 2).bfloat16(),
        torch.nn.Parameter(torch.ones(2)),
        torch.tensor(1),
    ):
        found = loads(dumps(tensor), CPU)
        assert found.equal(tensor)
        assert found.dtype == tensor.dtype
        assert found.requires_grad == tensor.requires_grad
    array = np.arange(3)
    assert (loads(dumps(array), CPU) == array).all()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_what_is_on_a_gpu_is_on_the_worker_s():
    kept = torch.arange(30.0, device="cuda"), torch.device("cuda:0"), torch.nn.Linear(2, 2).cuda()
    tensor, device, module = loads(dumps(kept), CPU)
    assert (tensor.device, device, module.weight.device) == (CPU, CPU, CPU)
    assert tensor.equal(kept[0].cpu())
