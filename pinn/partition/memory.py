"""How much memory there is, so that no level begins that would need more."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import torch

SHARE = 0.8  # of what is free: the rest is for what stands beside a level
SYSTEM = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # what a container, or a job of a cluster, is allowed


def there_is(device: torch.device, processes: int = 1) -> float:
    """Bytes that a level may take on a device now, in each of so many processes, which share a machine's memory."""
    if device.type == "cuda":
        return SHARE * torch.cuda.mem_get_info(device)[0]
    return SHARE * min(_free_of_system(), _free_of_group()) / processes


def _free_of_system() -> float:
    """Bytes that no program uses; all there are, or infinite, where the system does not say."""
    with suppress(OSError):
        if found := re.search(r"MemAvailable: *([0-9]+) kB", SYSTEM.read_text()):
            return 1024.0 * int(found[1])
    with suppress(AttributeError, OSError, ValueError):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return float("inf")


def _free_of_group() -> float:
    """Bytes that are left of what the control group may use (version 2); infinite where there is no limit."""
    with suppress(OSError, ValueError):
        used, most = (int((GROUP / name).read_text()) for name in ("memory.current", "memory.max"))
        cached = re.search(r"^inactive_file ([0-9]+)$", (GROUP / "memory.stat").read_text(), re.MULTILINE)
        return float(most - used + (int(cached[1]) if cached else 0))
    return float("inf")


def size(*tensors: torch.Tensor) -> int:
    """Bytes of tensors."""
    return sum(t.numel() * t.element_size() for t in tensors)
