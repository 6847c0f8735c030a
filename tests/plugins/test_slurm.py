"""The executor against commands that only look like Slurm's: what is asked, and how answers are read."""

import json
import subprocess

import pytest

from alframe import Job, UsageError
from alframe_cli.main import main
from alframe_slurm import Options, open_slurm
from alframe_slurm._script import script, slurm_time

FAKE = """#!/bin/sh
here=$(dirname "$0")
name=$(basename "$0")
echo "$name $*" >> "$here/calls"
cat "$here/$name.out" 2>/dev/null
cat "$here/$name.err" >&2 2>/dev/null
exit $(cat "$here/$name.code" 2>/dev/null || echo 0)
"""


class Fakes:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for name in ("sbatch", "squeue", "sacct", "scancel"):
            (folder / name).write_text(FAKE)
            (folder / name).chmod(0o755)

    def answer(self, name, out="", error="", code=0):
        for suffix, text in (("out", out), ("err", error), ("code", str(code))):
            (self.folder / f"{name}.{suffix}").write_text(text)

    @property
    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    made = Fakes(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    return made


@pytest.fixture
def tasks(tmp_path):
    folder = tmp_path / "tasks of mine"
    folder.mkdir()
    paths = [folder / f"{number}.json" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_text(json.dumps({"folder": str(tmp_path / f"seed-{number}")}))
    return paths


def slurm(tasks, **options):
    return open_slurm(Options(**options), tasks[0].parent)


def flags(tasks, count=1, **options):
    text = script(Options(**options), tasks[0].parent, [[task] for task in tasks[:count]], "mine")
    return [line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH")]


def test_one_array_for_all_tasks(fakes, tasks):
    fakes.answer("sbatch", "12;cluster\n")
    assert slurm(tasks, at_once=3).submit(tasks) == ["12_0", "12_1", "12_2", "12_3", "12_4"]
    asked, call = fakes.calls
    assert asked.endswith("--name=alframe-tasks of mine")
    assert call == f"sbatch --parsable {tasks[0].parent / 'slurm-0.sh'}"
    assert "#SBATCH --array=0-4%3\n" in (tasks[0].parent / "slurm-0.sh").read_text()


def test_a_second_array_leaves_the_first_ones_script(fakes, tasks):
    fakes.answer("sbatch", "12\n")
    jobs = slurm(tasks)
    jobs.submit(tasks[:1])
    jobs.submit(tasks[1:])
    assert "array=0-0" in (tasks[0].parent / "slurm-0.sh").read_text()
    assert "array=0-3" in (tasks[0].parent / "slurm-1.sh").read_text()


def test_an_array_that_no_command_has_noted_is_not_queued_twice(fakes, tasks):
    """The command was killed within sbatch, or the controller was too busy to say that it had the jobs."""
    fakes.answer("sbatch", error="sbatch: error: Socket timed out on send/recv operation\n", code=1)
    with pytest.raises(UsageError, match="Socket timed out"):
        slurm(tasks).submit(tasks)
    fakes.answer("sbatch", "13\n")
    fakes.answer("squeue", "12|PENDING|Priority\n12|RUNNING|None\n")
    with pytest.raises(UsageError, match="by the job 12 that no command has noted; .* `scancel 12`"):
        slurm(tasks).submit(tasks)
    fakes.answer("squeue")
    assert slurm(tasks).submit(tasks[:1]) == ["13_0"]
    fakes.answer("squeue", "13|PENDING|Priority\n")
    fakes.answer("sbatch", "14\n")
    assert slurm(tasks).submit(tasks[1:2]) == ["14_0"]  # what ended is tried again beside what runs


def test_tasks_share_jobs(fakes, tasks):
    fakes.answer("sbatch", "12\n")
    assert slurm(tasks, per_job=2).submit(tasks) == ["12_0", "12_0", "12_1", "12_1", "12_2"]
    assert "#SBATCH --array=0-2\n" in (tasks[0].parent / "slurm-0.sh").read_text()


def test_options_become_flags(tasks):
    asked = flags(
        tasks,
        partition="gpu",
        account="lab a",
        qos="long",
        time="8h",
        gpus=2,
        gpu_type="a100",
        cpus=4,
        memory="16gb",
        constraint="a|b",
        nodelist="n[1-2],n4",
        exclude="n3",
        extra=("mail-type=END", "comment=two words", "exclusive"),
    )
    wanted = "partition=gpu account='lab a' qos=long time=480 gres=gpu:a100:2 cpus-per-task=4 mem=16G"
    wanted += " constraint='a|b' nodelist='n[1-2],n4' exclude=n3 mail-type=END comment='two words' exclusive"
    assert set(flags(tasks)) < set(asked)
    assert " ".join(flag for flag in asked if flag not in flags(tasks)).split() != []
    assert sorted(" ".join(flag for flag in asked if flag not in flags(tasks)).split()) == sorted(
        wanted.split()
    )


def test_nothing_said_leaves_the_clusters_defaults(tasks):
    keys = {flag.partition("=")[0] for flag in flags(tasks)}
    assert keys == {"job-name", "array", "output", "open-mode", "requeue", "signal", "ntasks"}
    assert {"requeue", "open-mode=append"} <= set(flags(tasks))


def test_a_percent_sign_in_the_folder_is_no_pattern(tmp_path):
    folder = tmp_path / "50%j"
    folder.mkdir()
    (folder / "0.json").write_text('{"folder": "x"}')
    assert f"output={folder.parent}/50%%j/logs/%A_%a.txt" in flags([folder / "0.json"])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("8h", "480"),
        ("90m", "90"),
        ("2d", "2880"),
        ("1d12h", "2160"),
        ("1-12:00:00", "1-12:00:00"),
        ("90", "90"),
        ("1:30:00", "1:30:00"),
    ],
)
def test_times_are_read(text, read):
    assert Options(time=text).time == text
    assert slurm_time(text) == read


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": "8 hours"}, "time: expected 8h, 90m, 1d12h or 1-12:00:00, got '8 hours'"),
        ({"time": ""}, "time: expected 8h"),
        ({"memory": "16"}, "memory: expected 16GB or 500MB, got '16'"),
        ({"gpu_type": "a100"}, "gpus is 0"),
        ({"extra": ("--mail-type=END",)}, "a flag of sbatch without its dashes, as mail-type=END"),
        ({"extra": ("array=1-3",)}, "extra: array is what alframe itself sets"),
        ({"partition": "a\n#SBATCH --uid=0"}, "partition: it must be one line"),
    ],
)
def test_what_slurm_could_not_read_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Options(**options)


def test_the_script_runs_tasks_one_after_another_and_ends_with_the_worst_code(fakes, tasks, tmp_path):
    """The batch script without Slurm, and with a command that fails for the second task."""
    text = script(
        Options(setup="export MARK=set", per_job=3), tasks[0].parent, [tasks[:1], tasks[1:4]], "mine"
    )
    (command,) = [line for line in text.splitlines() if line.endswith('"$task" --display plain &')]
    (tasks[0].parent / "logs").mkdir()
    fake = 'case $task in *2.json) exit 3;; esac; echo "$MARK $OMP_NUM_THREADS $(basename "$task")" &'
    (tmp_path / "s.sh").write_text(text.replace(command, f"({fake.removesuffix(' &')}) &"))
    environment = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_JOB_ID": "12", "SLURM_CPUS_PER_TASK": "4"}
    done = subprocess.run(
        ["bash", str(tmp_path / "s.sh")],
        env=environment | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("set 4 1.json\nset 4 3.json\n", 3), done.stderr


@pytest.mark.parametrize(
    ("line", "job"),
    [
        ("12_0|PENDING|Priority", Job("waiting", "Priority")),
        ("12_0|REQUEUE_HOLD|launch failed requeued held", Job("waiting", "launch failed requeued held")),
        ("12_0|CONFIGURING|None", Job("waiting")),
        ("12_0|RUNNING|None", Job("running")),
        ("12_0|COMPLETING|None", Job("running")),
        ("12_0|SOMETHING_OF_2030|None", Job("running")),
        ("12_0|COMPLETED|None", Job("ended", "COMPLETED; it printed nothing to {log}")),
        (
            "12_0|OUT_OF_MEMORY|OutOfMemory",
            Job("ended", "OUT_OF_MEMORY; OutOfMemory; it printed nothing to {log}"),
        ),
        ("12_0|NODE_FAIL|None", Job("ended", "NODE_FAIL; it printed nothing to {log}")),
    ],
)
def test_states_are_read(fakes, tasks, line, job):
    fakes.answer("squeue", f"{line}\n12_1|RUNNING|None\n")
    log = tasks[0].parent / "logs" / "12_0.txt"
    (found,) = slurm(tasks).look(["12_0"])
    assert found == Job(job.state, job.note.format(log=log))


def test_one_call_for_all_jobs(fakes, tasks):
    fakes.answer("squeue", "".join(f"12_{k}|RUNNING|None\n" for k in range(3)) + "13_0|PENDING|Resources\n")
    found = slurm(tasks).look(["12_0", "13_0", "12_2"])
    assert [job.state for job in found] == ["running", "waiting", "running"]
    (call,) = fakes.calls
    assert call.endswith("--jobs=12,13")


def test_a_job_that_squeue_has_forgotten_is_asked_of_sacct_once(fakes, tasks):
    fakes.answer("squeue", error="slurm_load_jobs error: Invalid job id specified\n", code=1)
    fakes.answer("sacct", "12_0|TIMEOUT|0:0\n12_1|FAILED|9:0\n12_2|CANCELLED by 1000|0:0\n")
    jobs = slurm(tasks)
    for _ in range(2):
        notes = [job.note.partition("; it printed")[0] for job in jobs.look(["12_0", "12_1", "12_2"])]
        assert notes == ["TIMEOUT", "FAILED, exit code 9:0", "CANCELLED by 1000"]
    assert sum(call.startswith("sacct") for call in fakes.calls) == 1


def test_a_cluster_without_accounts_knows_no_reason(fakes, tasks):
    fakes.answer("sacct", error="Slurm accounting storage is disabled\n", code=1)
    (job,) = slurm(tasks).look(["12_0"])
    assert job == Job("ended", f"it printed nothing to {tasks[0].parent / 'logs' / '12_0.txt'}")


def test_a_controller_that_does_not_answer_ends_nothing(fakes, tasks):
    jobs = slurm(tasks)
    fakes.answer("squeue", error="slurm_load_jobs error: Unable to contact slurm controller\n", code=1)
    assert jobs.look(["12_0"]) == [Job("running", "squeue does not answer")]
    fakes.answer("squeue", "12_0|PENDING|Priority\n")
    jobs.look(["12_0"])
    fakes.answer("squeue", error="Socket timed out on send/recv operation\n", code=1)
    assert jobs.look(["12_0"]) == [Job("waiting", "Priority")]
    assert not [call for call in fakes.calls if call.startswith("sacct")]


@pytest.mark.parametrize(
    ("printed", "note"),
    [
        ("a\nerror: margin seed 1: no data\n\n", "{log}: error: margin seed 1: no data"),
        (
            "slurmstepd: error: Detected 1 oom_kill event\n",
            "{log}: slurmstepd: error: Detected 1 oom_kill event",
        ),
        ("margin seed 1  round 2/3\n", "see {log}"),
    ],
)
def test_the_last_line_of_a_log_is_told_where_it_is_an_error(fakes, tasks, printed, note):
    log = tasks[0].parent / "logs" / "12_0.txt"
    log.parent.mkdir()
    log.write_text(printed)
    fakes.answer("squeue", "12_0|FAILED|NonZeroExitCode\n")
    (job,) = slurm(tasks).look(["12_0"])
    assert job.note == f"FAILED; NonZeroExitCode; {note.format(log=log)}"


def test_a_refusal_is_one_line(fakes, tasks):
    error = (
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch submission failed: Job violates\n"
    )
    fakes.answer("sbatch", error=error, code=1)
    with pytest.raises(UsageError) as refused:
        slurm(tasks).submit(tasks)
    wanted = "Slurm refuses the jobs: QOSMaxSubmitJobPerUserLimit; Batch submission failed: Job violates; "
    assert str(refused.value) == f"{wanted}the trials are written down in {tasks[0].parent}"


def test_jobs_are_cancelled_in_one_call(fakes, tasks):
    fakes.answer(
        "scancel", error="scancel: error: Kill job error on job id 12_1: Invalid job id specified\n", code=1
    )
    slurm(tasks).cancel(["12_0", "12_1"])  # one that is gone is cancelled enough
    assert fakes.calls == ["scancel 12_0 12_1"]
    fakes.answer("scancel", error="scancel: error: Access/permission denied\n", code=1)
    with pytest.raises(UsageError, match="Slurm does not cancel the jobs: Access/permission denied"):
        slurm(tasks).cancel(["12_0"])


def test_without_slurm_it_says_so(tmp_path, tasks, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="there is no sbatch on the PATH"):
        slurm(tasks)


def test_the_command_ends_with_2_and_the_tasks_stay(tmp_path, fakes, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fakes.answer("sbatch", error="sbatch: error: invalid partition specified: nope\n", code=1)
    run = ["run", "--strategy=margin", "--seeds=1", "--executor=slurm", "-o", "slurm.partition=nope"]
    with pytest.raises(SystemExit) as ended:
        main(run)
    assert ended.value.code == 2
    assert "Slurm refuses the jobs: invalid partition specified: nope" in capsys.readouterr().err
    assert list(tmp_path.glob("runs/.tasks/*/0.json"))
