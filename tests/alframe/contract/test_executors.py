import pytest

from alframe import Job, PluginError, work_command


@pytest.mark.parametrize("state", ["waiting", "running", "ended"])
def test_states(state):
    assert Job(state).note == ""


def test_a_job_is_in_one_of_three_states():
    with pytest.raises(PluginError, match="a job is waiting, running, ended, got 'done'"):
        Job("done")


def test_the_command_of_a_task(tmp_path):
    assert work_command(tmp_path / "0.json")[1:5] == ["-m", "alframe_cli", "work", f"{tmp_path}/0.json"]
