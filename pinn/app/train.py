"""The command `train`: Hydra starts one run or many, here or in processes of a launcher."""

from __future__ import annotations

import os
import shutil
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from pinn.app.compose import CONFIGS
from pinn.app.errors import USER_ERRORS, check_dashes, complain
from pinn.app.guard import check_arguments, guard
from pinn.app.run import process_start, run
from pinn.schema import ConfigError


def train(arguments: list[str]) -> int:
    """Run what was typed, once or as a sweep; the worst exit status."""
    refused: set[Path] = set()  # folders that Hydra makes for a sweep before it is known to be good
    begun: list[bool] = []  # until then whatever fails is what was typed
    here, statuses, noted = os.getpid(), [], Path("runs", ".sweep", f"{time.time_ns()}").absolute()

    def job(composed: DictConfig) -> int:
        """One run, in this process or in one that a launcher has started: the other runs of a sweep go on."""
        begun.append(True)
        try:
            status = run(composed, process_start() if not statuses else time.time())
        except USER_ERRORS as error:
            status = complain(error)
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                refused.add(Path(HydraConfig.get().sweep.dir))
        except Exception:
            if HydraConfig.get().mode != RunMode.MULTIRUN:
                raise
            traceback.print_exc()
            status = 1
        statuses.append(status)
        if os.getpid() != here:
            noted.mkdir(parents=True, exist_ok=True)
            (noted / f"{HydraConfig.get().job.num}.{os.getpid()}").write_text(f"{status}")
        return status

    check_dashes(arguments)
    sys.argv[1:] = check_arguments(arguments)  # what Hydra reads, and the processes that it starts
    guard()
    try:
        hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")(job)()
    except USER_ERRORS as error:
        statuses.append(complain(error))
    except (ValueError, OSError, RecursionError) as error:
        if begun:
            raise
        raise ConfigError(f"{' '.join(arguments)}: {error}; write key=value, with names that are there.") from error
    statuses += [int(file.read_text()) for file in noted.glob("*")]
    for folder in (noted, *(refused if set(statuses) == {2} else ())):
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are there
            folder.parent.rmdir()
            folder.parent.parent.rmdir()
    return max(statuses, default=0)
