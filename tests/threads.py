"""Processes as threads of one: each works on its share, and all must tell each other the same things in one order."""

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import torch

TIMEOUT = 60  # seconds, after which a thread that waits for the others has lost them


class Thread:
    """One of several: see `pinn.partition.processes.Processes`."""

    def __init__(self, rank, size, barrier, slots, mail):
        self.rank, self.size, self.barrier, self.slots, self.mail = rank, size, barrier, slots, mail

    def all(self, value):
        """The values of all."""
        self.barrier.wait(TIMEOUT)
        self.slots[self.rank] = value
        self.barrier.wait(TIMEOUT)
        found = list(self.slots)
        self.barrier.wait(TIMEOUT)
        return found

    def sums(self, tensors):
        """Each tensor summed."""
        return [sum(parts[1:], parts[0].clone()) for parts in zip(*self.all(list(tensors)), strict=True)]

    def rows(self, part):
        """Below each other."""
        return torch.cat(self.all(part))

    def agree(self, tensors):
        """Those of the first."""
        mine = list(tensors)
        for x, first in zip(mine, self.all([x.clone() for x in mine])[0], strict=True):
            x.copy_(first)

    def largest(self, values, device="cpu"):
        """Of each value."""
        return [max(of_value) for of_value in zip(*self.all(list(values)), strict=True)]

    def send(self, x, to):
        """By mail."""
        self.mail[self.rank, to].put(x.clone())

    def receive(self, x, source):
        """The next one."""
        x.copy_(self.mail[source, self.rank].get(timeout=TIMEOUT))


def together(size, work):
    """What `work` returns in each of so many, of which it gets one."""
    barrier, slots = threading.Barrier(size), [None] * size
    mail = {(a, b): Queue() for a in range(size) for b in range(size)}

    def run(rank):
        try:
            return work(Thread(rank, size, barrier, slots, mail))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        running = [pool.submit(run, rank) for rank in range(size)]
        errors = [error for one in running if (error := one.exception())]
        broken = [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]
        for error in [*broken, *errors]:
            raise error
        return [one.result() for one in running]
