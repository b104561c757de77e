"""A script for `sbatch`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pinn.schema import Slurm


def script(slurm: Slurm, name: str, command: Sequence[str]) -> str:
    """A job that starts a process a device, is warned before it ends, and goes on when it is started again.

    Args:
        slurm: Where, and how much.
        name: Of the job.
        command: What every process runs. Without a run_dir its files lie in `runs/<problem>/<job>`, also when SLURM
            starts the job again.
    """
    hours, minutes = divmod(slurm.minutes, 60)
    options = {
        "job-name": name,
        "partition": slurm.partition,
        "account": slurm.account,
        "nodes": slurm.nodes,
        "ntasks-per-node": slurm.devices,
        "gpus-per-node": slurm.gpus or None,
        "cpus-per-task": slurm.cpus,
        "mem": slurm.memory_gb and f"{slurm.memory_gb}G",
        "time": f"{hours}:{minutes:02}:00",
        "signal": f"USR1@{slurm.warning}",
        "open-mode": "append",
        "output": "slurm-%j.out",
    }
    lines = [f"#SBATCH --{key}={value}" for key, value in options.items() if value is not None]
    run = f"srun --kill-on-bad-exit=1 {shlex.join(command)}"
    return "\n".join(["#!/bin/bash", *lines, "#SBATCH --requeue", "", *slurm.setup, run, ""])
