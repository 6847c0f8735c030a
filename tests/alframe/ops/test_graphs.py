import pytest
import torch

from alframe.ops import graphs

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_a_processor_has_nothing_to_give_back():
    graphs.give_memory_back(torch.device("cpu"))


@pytest.mark.cuda
@CUDA
def test_what_is_captured_is_done_when_it_is_replayed():
    total, one = torch.zeros(3, device="cuda"), torch.ones(3, device="cuda")
    replay = graphs.Recorder(total.device).record(lambda: total.add_(one))
    assert total.tolist() == [0, 0, 0]
    replay()
    replay()
    assert total.tolist() == [2, 2, 2]


@pytest.mark.cuda
@CUDA
def test_a_capture_that_fails_leaves_random_streams_as_they_were():
    device = torch.device("cuda", 0)
    torch.cuda.manual_seed(0)
    expected = torch.rand(4, device=device)
    torch.cuda.manual_seed(0)
    with pytest.raises(RuntimeError):
        graphs.Recorder(device).record(lambda: torch.rand(1, device=device).item())
    assert torch.equal(torch.rand(4, device=device), expected)
