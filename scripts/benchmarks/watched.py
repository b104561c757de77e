"""A command in a process of its own, watched from outside: when its measurements came, when it ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pinn.files import HISTORY

OUTPUT = "output.txt"
LOOK = 0.1  # seconds between two looks
LAST_WORDS = 20.0  # seconds to write its result after it was told to end
PATIENCE = 10  # so many times may seconds of the processor last where there is other work


@dataclass
class Watched:
    """What was seen.

    Attributes:
        seconds: Of the whole process.
        processor: Seconds of processor time that it took; other work on the machine hardly changes them.
        timed_out: Whether it was stopped.
        times: When each line of metrics.csv was there, in seconds from the start of the command.
        last_line: Of its output.
    """

    seconds: float = 0.0
    processor: float = 0.0
    timed_out: bool = False
    times: list[float] = field(default_factory=list)
    last_line: str = ""


def watch(command: list[str], folder: Path, limit: float, *, of_processor: bool = False) -> Watched:
    """Run it until it ends or `limit` seconds are over; then ask it to end, and shortly after end it.

    Args:
        command: What to run.
        folder: Where it writes metrics.csv; its output goes to output.txt there.
        limit: In seconds.
        of_processor: Whether these are seconds of processor time.
    """
    seen, start = Watched(), time.perf_counter()
    with (folder / OUTPUT).open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        clock = partial(processor_time, process.pid) if of_processor else time.perf_counter
        try:
            over = after(limit, clock)
            while not ended(process, LOOK) and not over():
                seen.processor = processor_time(process.pid)
                look(seen, folder / HISTORY, time.perf_counter() - start)
            seen.seconds = time.perf_counter() - start
            if process.poll() is None:
                seen.timed_out = True
                process.terminate()
                over = after(LAST_WORDS, clock)
                while not ended(process, LOOK) and not over():
                    pass
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    look(seen, folder / HISTORY, seen.seconds)
    lines = (folder / OUTPUT).read_text(errors="replace").strip().splitlines()
    seen.last_line = lines[-1] if lines else f"no output, exit status {process.returncode}"
    return seen


def after(limit: float, clock: Callable[[], float]) -> Callable[[], bool]:
    """Whether so many seconds of a clock are over; what does not move it is given some patience."""
    start, begun = clock(), time.perf_counter()
    return lambda: clock() - start >= limit or time.perf_counter() - begun >= PATIENCE * limit


def processor_time(pid: int) -> float:
    """Seconds that a process has had of the processors; 0 where the system does not tell."""
    try:
        user, kernel = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(kernel)) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def look(seen: Watched, history: Path, now: float) -> None:
    """Note the lines that were not there before; the first is the header."""
    if history.exists():
        lines = history.read_bytes().count(b"\n") - 1
        seen.times += [now] * (lines - len(seen.times))


def ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ends within so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
