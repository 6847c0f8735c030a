"""A real Slurm of one node, this machine: daemons on free ports, with all their files in one folder."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ADMINISTRATORS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
CONFIGURATION = """\
ClusterName=alframe
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
CommunicationParameters=NoInAddrAny
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PluginDir={plugins}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdTimeout=10
KillWait=5
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def program(name):
    """Where a program of Slurm is; Debian calls ``slurmd`` also ``slurmd-wlm``."""
    found = shutil.which(name, path=ADMINISTRATORS) or shutil.which(f"{name}-wlm", path=ADMINISTRATORS)
    return None if found is None else Path(found).resolve()


def lacking():
    """Why no cluster can be started here; "" if one can."""
    missing = [name for name in ("slurmctld", "slurmd", "slurmstepd", "sbatch") if program(name) is None]
    if missing and missing != ["slurmstepd"]:
        return (
            f"there is no {missing[0]}: apt-get install slurmctld slurmd slurm-client slurm-wlm-basic-plugins"
        )
    return "" if os.geteuid() == 0 else "a Slurm of one's own needs root"


def until(done, seconds=90, every=0.2):
    """Waits for something, and gives it."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(every)
    return found


class Cluster:
    """Started by ``with``.

    Attributes:
        environment: what commands need to find it.
    """

    def __init__(self, folder):
        self.folder = folder
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
        self._processes = []

    def __enter__(self):
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        prefix = program("slurmctld").parents[1]
        plugins = next(path for name in ("slurm-wlm", "slurm") for path in prefix.glob(f"lib*/**/{name}"))
        controller, daemon = free_ports(2)
        host = socket.gethostname().partition(".")[0]
        text = CONFIGURATION.format(
            host=host, controller=controller, daemon=daemon, folder=self.folder, plugins=plugins
        )
        (self.folder / "slurm.conf").write_text(text)
        self._start("slurmctld", "-D")
        self.start_node()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.SubprocessError):
            self("scancel", "--user=root")
        self.kill_node()
        for _, process in self._processes:
            _kill(process.pid)
            process.wait()

    def __call__(self, *command):
        """What a command of Slurm prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def start_node(self, without=None):
        """Starts the node's daemon, for which one folder is empty, where that is said."""
        for stale in (self.folder / "spool").glob("job*"):  # Slurm starts no job again over its old files
            shutil.rmtree(stale, ignore_errors=True)
        step = program("slurmstepd") or next(program("slurmd").parent.glob("slurmstepd*"))
        hidden = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{without}" && exec "$@"', "sh"]
        self._start("slurmd", "-D", "-d", str(step), before=hidden if without else ())
        until(lambda: self("sinfo", "--noheader", "--format=%T").startswith(("idle", "mixed", "allocated")))

    def kill_node(self):
        """What a power cut does to a node: its daemon, and all that it had started."""
        for name, process in tuple(self._processes):
            if name == "slurmd":
                _kill(process.pid)
                process.wait()
                self._processes.remove((name, process))
        mark = f"SLURM_CONF={self.folder / 'slurm.conf'}".encode()
        for pid in [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]:
            with contextlib.suppress(OSError):
                content = (Path("/proc") / str(pid) / "environ").read_bytes()
                command = (Path("/proc") / str(pid) / "cmdline").read_bytes()
                is_job = mark in content.split(b"\0") and b"SLURM_JOB_ID=" in content
                if is_job or (b"slurmstepd" in command and mark in content.split(b"\0")):
                    os.kill(pid, signal.SIGKILL)

    def states(self, job):
        return self("squeue", "--noheader", "--array", "--states=all", "--format=%T", f"--jobs={job}").split()

    def _start(self, name, *arguments, before=()):
        with (self.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                [*before, str(program(name)), *arguments],
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._processes.append((name, process))


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _kill(pid):
    """A daemon, with what it has started in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
