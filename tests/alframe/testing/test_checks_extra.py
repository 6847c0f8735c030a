import pytest
import torch

from alframe.registry.registry import Registry
from alframe.testing import checks_of, outcome_of


def extra(plugin, flag, registry=None):
    (check,) = [c for c in checks_of(plugin, flags=(flag,), registry=registry) if c.name == flag]
    return outcome_of(check)


def test_extra_checks_are_made_when_they_are_asked_for():
    assert not {"scale", "cuda"} & {check.name for check in checks_of("margin")}


def test_scale_reports_time_and_memory():
    outcome = extra("margin", "scale")
    assert outcome.verdict == "passed"
    assert outcome.reason.startswith("500 of 20,000 x 128: ")
    assert outcome.reason.endswith("MiB")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_the_check_is_skipped():
    outcome = extra("margin", "cuda")
    assert (outcome.verdict, outcome.reason) == ("skipped", "there is no CUDA device")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_plugin_that_answers_otherwise_on_a_gpu(make_plugin):
    def score(pool):
        return pool.features.sum(dim=1) * (-1 if pool.features.is_cuda else 1)

    registry = Registry(entry_points=[])
    registry.register(make_plugin(alframe_score=score), "bad")
    assert extra("margin", "cuda").verdict == "passed"
    assert "on the GPU there are other picks" in extra("bad", "cuda", registry).reason
