"""How much memory there is, so that no level begins that would need more."""

from __future__ import annotations

import os

import torch

SHARE = 0.7  # of what there is: the rest is for what stands beside a level


def there_is(device: torch.device, processes: int = 1) -> float:
    """Bytes that a level may take on a device, in each of so many processes, which share a machine's memory."""
    if device.type == "cuda":
        return SHARE * torch.cuda.mem_get_info(device)[0]
    try:
        return SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / processes
    except (AttributeError, OSError, ValueError):  # a system that does not say
        return float("inf")


def size(*tensors: torch.Tensor) -> int:
    """Bytes of tensors."""
    return sum(t.numel() * t.element_size() for t in tensors)
