import mmap
import sys

import pytest
import torch

from alframe.experiments.cost import measured


def test_measures_time_and_memory():
    with measured(torch.device("cpu")) as cost:
        block = torch.ones(20_000_000)
        block.sum()
    assert cost.seconds > 0
    assert cost.peak_memory > 80_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep one peak for the whole process")
def test_the_peak_is_the_blocks_own():
    with measured(torch.device("cpu")) as large, mmap.mmap(-1, 160_000_000) as pages:
        pages.write(bytes(160_000_000))  # memory of its own, which earlier tests have not left behind
    with measured(torch.device("cpu")) as small:
        torch.ones(10).sum()
    assert small.peak_memory < large.peak_memory - 100_000_000


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_measures_the_devices_memory():
    with measured(torch.device("cuda", 0)) as cost:
        torch.ones(1_000_000, device="cuda")
    assert cost.peak_memory >= 4_000_000
