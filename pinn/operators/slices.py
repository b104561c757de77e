"""How many points a step takes at a time: so few that their channels stay in the cache and the whole in the memory.

A loss is a sum over points, so the sum of the gradients of slices of points is the gradient: nothing is lost. On a CPU
the channels that one layer reads and writes are read again by the next, and a slice that fits the cache is measured
1.2 to 2 times as fast as the whole batch (`python scripts/benchmark.py operators`).

Shape letters: C channels, N points, W features.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pinn.operators.kernels import CHUNK

FEWEST = 500  # points of a slice where they fit LARGEST: of fewer, calling the rules costs more than what they do
LARGEST = 32 * 1024 * 1024  # bytes of all channels of so few
TEMPORARIES = 6  # tensors like the largest that is kept, in use at a time besides those: measured in backward passes


def points_in_cache(network: nn.Module, channels: int) -> int | None:
    """The number of points whose channels (C, N, W) take `CHUNK` bytes, or FEWEST; None off the CPU: all go at once.

    A network of which a point meets only a part says so by `spread`: over how many such parts points are spread.
    """
    like = next(network.parameters())
    if like.device.type != "cpu":
        return None
    width = max((p.shape[0] for p in network.parameters() if p.dim() == 2), default=1)
    point = channels * width * like.element_size()
    return max(1, CHUNK // point, min(FEWEST, LARGEST // point)) * getattr(network, "spread", 1)


def bytes_a_point(loss: Callable[[int], Tensor], points: int = 128) -> float:
    """Memory that the forward and backward pass of one more point need, by the tensors that are kept in between.

    Args:
        loss: Of so many points.
        points: A few; twice as many are tried too.
    """
    return (_bytes(lambda: loss(2 * points)) - _bytes(lambda: loss(points))) / points


def _bytes(loss: Callable[[], Tensor]) -> int:
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        value = loss()
    size = sum(kept.values()) + TEMPORARIES * max(kept.values(), default=0)
    del value  # lives until here, so that no storage is used for two tensors
    return size


def even(total: int, most: int) -> int:
    """The size of slices of at most `most`: a divisor of the total where one is near, so that all are alike."""
    if most >= total:
        return max(1, total)
    return next((size for size in range(most, most // 2, -1) if total % size == 0), most)
