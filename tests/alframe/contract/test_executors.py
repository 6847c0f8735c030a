import pytest

from alframe import Job, PluginError


@pytest.mark.parametrize("state", ["waiting", "running", "ended"])
def test_states(state):
    assert Job(state).note == ""


def test_a_job_is_in_one_of_three_states():
    with pytest.raises(PluginError, match="a job is waiting, running, ended, got 'done'"):
        Job("done")
