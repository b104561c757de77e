"""How much memory a run has taken."""

import resource
import sys

import torch

UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def peak_bytes(device: torch.device) -> int:
    """The most that was held at a time: by tensors on an accelerator, by the whole process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
