import pytest

from alframe.experiments.executors.performer import device_of
from alframe.experiments.trials import Task


@pytest.mark.parametrize(
    ("asked", "gpu", "device"),
    [
        ("auto", 2, "cuda:2"),
        ("cuda", 0, "cuda:0"),
        ("cuda:2", 0, "cuda:2"),
        ("cpu", 1, "cpu"),
        ("auto", None, "auto"),
    ],
)
def test_of_several_gpus_each_process_has_one_and_a_named_device_stays(asked, gpu, device):
    assert device_of(Task({"run": {"device": asked}}, {}, ()), gpu) == device
