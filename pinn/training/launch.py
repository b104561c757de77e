"""How this process was started: alone, or as one of several that train together. Known before Lightning is loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

PORTS = range(15000, 30000)  # one of them, by the job's name, where a scheduler gives none


@dataclass(frozen=True)
class Launch:
    """The place of this process among those of the run.

    Attributes:
        rank: Its number among all.
        local: Its number on its machine.
        node: The number of its machine.
        size: How many there are, where something else than this program started them; else None.
        nodes: On how many machines, likewise.
        address: Of the first of them.
        port: Where its first process listens.
        job: Name of the scheduler's job, the same when it is requeued; None without one.
    """

    rank: int = 0
    local: int = 0
    node: int = 0
    size: int | None = None
    nodes: int = 1
    address: str = "127.0.0.1"
    port: int = 0
    job: str | None = None

    @property
    def devices(self) -> int:
        """How many processes there are on a machine."""
        return (self.size or 1) // self.nodes


def launch(environment: Mapping[str, str] = os.environ) -> Launch:
    """What the environment says, as `torchrun`, `srun`, submitit or Lightning have set it."""

    def number(name: str, default: int = 0) -> int:
        return int(environment.get(name, default))

    job = _job(environment)
    if "TORCHELASTIC_RUN_ID" in environment:
        size, here = number("WORLD_SIZE", 1), number("LOCAL_WORLD_SIZE", 1)
        address, port = environment["MASTER_ADDR"], number("MASTER_PORT")
        nodes = max(1, size // here)
        return Launch(number("RANK"), number("LOCAL_RANK"), number("GROUP_RANK"), size, nodes, address, port, job)
    if number("SLURM_STEP_NUM_TASKS", 1) > 1:
        place = number("SLURM_PROCID"), number("SLURM_LOCALID"), number("SLURM_NODEID")
        nodes = number("SLURM_STEP_NUM_NODES", number("SLURM_NNODES", 1))
        address = environment.get("MASTER_ADDR") or first_host(environment.get("SLURM_STEP_NODELIST", "127.0.0.1"))
        step = f"{job}.{environment.get('SLURM_STEP_ID', '')}"
        return Launch(*place, number("SLURM_STEP_NUM_TASKS"), nodes, address, _port(environment, step), job)
    if number("SUBMITIT_LOCAL_NTASKS", 1) > 1:
        rank, size = number("SUBMITIT_LOCAL_GLOBALID"), number("SUBMITIT_LOCAL_NTASKS")
        return Launch(
            rank,
            number("SUBMITIT_LOCAL_LOCALID"),
            0,
            size,
            port=_port(environment, environment["SUBMITIT_LOCAL_JOB_ID"]),
        )
    node, local = number("NODE_RANK"), number("LOCAL_RANK")  # set by Lightning in the processes that it starts
    return Launch(node * max(1, number("WORLD_SIZE", 1)) + local, local, node, job=job)


def requeue(job: str) -> str:
    """Put a SLURM job back into the queue, where it may; what became of it.

    A job that its user has cancelled stays cancelled, and one that SLURM itself has pre-empted needs no help.
    """
    if not shutil.which("scontrol"):
        return f"job {job}: not requeued, there is no scontrol here"
    shown = _scontrol("show", "job", job).stdout
    if "JobState=RUNNING" not in shown or "Requeue=1" not in shown:
        return f"job {job}: not requeued, {'SLURM ends it' if 'Requeue=1' in shown else 'it was submitted without'}"
    answer = _scontrol("requeue", job)
    return f"job {job}: " + ("requeued" if not answer.returncode else f"not requeued: {answer.stderr.strip()}")


def _scontrol(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["scontrol", *words], capture_output=True, text=True, timeout=60, check=False)


def first_host(nodes: str) -> str:
    """The first of SLURM's compressed list of hosts: `a` of `a,b`, `n07` of `n[07-09,12]`."""
    head, bracket, rest = nodes.partition("[")
    if "," in head or not bracket:
        return head.split(",")[0]
    return head + rest.replace("]", ",").replace("-", ",").split(",")[0]


def _job(environment: Mapping[str, str]) -> str | None:
    if "SLURM_ARRAY_JOB_ID" in environment:
        return f"{environment['SLURM_ARRAY_JOB_ID']}_{environment.get('SLURM_ARRAY_TASK_ID', 0)}"
    return environment.get("SLURM_JOB_ID")


def _port(environment: Mapping[str, str], name: str) -> int:
    given = environment.get("MASTER_PORT")
    return int(given) if given else PORTS[zlib.crc32(name.encode()) % len(PORTS)]
