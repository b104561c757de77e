"""A SLURM of one machine: `sbatch`, `srun`, `scontrol` and `sacct`, chosen by the name under which it is called.

Its state lies in the folder that FAKE_SLURM names: `pids` of the tasks, `log` of what was asked, `requeue.<job>`.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

STATE = Path(os.environ.get("FAKE_SLURM", "."))
FIRST = 1000


def sbatch(script: str) -> None:
    """Start the job in the background, as often as it is put back into the queue."""
    job = FIRST + len(list(STATE.glob("job.*")))
    (STATE / f"job.{job}").touch()
    print(f"Submitted batch job {job}", flush=True)
    for task in range(_tasks(script)):
        command = [sys.executable, __file__, "run", script, str(job), str(task)]
        null = subprocess.DEVNULL
        subprocess.Popen(command, start_new_session=True, stdout=null, stderr=null, stdin=null)


def run(script: str, job: str, task: str) -> None:
    """The batch step."""
    text = Path(script).read_text()
    array = "--array=" in text
    mine = {"SLURM_JOB_ID": job, "SLURM_JOB_NODELIST": "127.0.0.1"}
    mine |= {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": task} if array else {}
    mine |= {"SLURM_NNODES": _option(text, "nodes"), "SLURM_NTASKS_PER_NODE": _option(text, "ntasks-per-node")}
    again = STATE / f"requeue.{job}_{task}" if array else STATE / f"requeue.{job}"
    for _ in range(3):
        again.unlink(missing_ok=True)
        with (STATE / f"out.{job}").open("a") as out:
            status = subprocess.run(["bash", script], env=os.environ | mine, stdout=out, stderr=out).returncode
        _log(f"job {job} ended with {status}")
        if not again.exists():
            break


def srun(*words: str) -> None:
    """A step: one process a task."""
    command = list(words)
    while command[0].startswith("-"):
        takes_value = command[0] in ("--output", "--error")
        del command[: 1 + takes_value]
    count = int(os.environ["SLURM_NNODES"]) * int(os.environ["SLURM_NTASKS_PER_NODE"])
    shared = {"SLURM_NTASKS": count, "SLURM_STEP_NUM_TASKS": count, "SLURM_STEP_NUM_NODES": 1, "SLURM_STEP_ID": 0}
    shared |= {"SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NODEID": 0}
    tasks = []
    for rank in range(count):
        mine = {key: str(value) for key, value in (shared | {"SLURM_PROCID": rank, "SLURM_LOCALID": rank}).items()}
        tasks.append(subprocess.Popen(command, env=os.environ | mine))
    (STATE / "pids").write_text(" ".join(str(task.pid) for task in tasks))
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.exit(max(task.wait() % 256 for task in tasks))


def scontrol(verb: str, *words: str) -> None:
    """Whether a job may be put back, and putting it back."""
    if verb == "show":
        print(f"JobId={words[-1]} JobName=x\n   JobState=RUNNING Reason=None\n   Requeue=1 Restarts=0")
        return
    _log(f"{verb} {' '.join(words)}")
    (STATE / f"requeue.{words[-1]}").touch()


def sacct(*words: str) -> None:
    """Everything runs."""
    print("JobID|State|NodeList")
    for job in STATE.glob("job.*"):
        print(f"{job.suffix[1:]}|RUNNING|localhost")


def _tasks(script: str) -> int:
    found = re.search(r"--array=0-(\d+)", Path(script).read_text())
    return int(found[1]) + 1 if found else 1


def _option(text: str, name: str) -> str:
    found = re.search(rf"#SBATCH --{name}=(\d+)", text)
    return found[1] if found else "1"


def _log(line: str) -> None:
    with (STATE / "log").open("a") as file:
        file.write(line + "\n")


def put_on_path(folder: Path) -> dict[str, str]:
    """Make the commands, in a folder; the environment with which they are found."""
    state, programs = folder / "state", folder / "bin"
    state.mkdir(parents=True)
    programs.mkdir()
    for name in ("sbatch", "srun", "scontrol", "sacct"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {name} "$@"\n')
        program.chmod(0o755)
    return {"FAKE_SLURM": str(state), "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"}


if __name__ == "__main__":
    {"sbatch": sbatch, "run": run, "srun": srun, "scontrol": scontrol, "sacct": sacct}[sys.argv[1]](*sys.argv[2:])
