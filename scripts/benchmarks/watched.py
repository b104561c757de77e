"""A command in a process of its own, watched from outside: when its measurements came, when it ended."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from pinn.files import HISTORY

LOOK = 0.1  # seconds between two looks
LAST_WORDS = 20.0  # seconds to write its result after it was told to end


@dataclass
class Watched:
    """What was seen.

    Attributes:
        seconds: Of the whole process.
        timed_out: Whether it was stopped.
        times: When each line of metrics.csv was there, in seconds from the start of the command.
        last_line: Of its output.
    """

    seconds: float = 0.0
    timed_out: bool = False
    times: list[float] = field(default_factory=list)
    last_line: str = ""


def watch(command: list[str], folder: Path, limit: float) -> Watched:
    """Run it until it ends or `limit` seconds are over; then ask it to end, and shortly after end it.

    Args:
        command: What to run.
        folder: Where it writes metrics.csv; its output goes to output.txt there.
        limit: In seconds.
    """
    seen, start = Watched(), time.perf_counter()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            while not ended(process, LOOK) and time.perf_counter() - start < limit:
                look(seen, folder / HISTORY, time.perf_counter() - start)
            seen.seconds = time.perf_counter() - start
            if process.poll() is None:
                seen.timed_out = True
                process.terminate()
                ended(process, LAST_WORDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    look(seen, folder / HISTORY, seen.seconds)
    lines = (folder / "output.txt").read_text(errors="replace").strip().splitlines()
    seen.last_line = lines[-1] if lines else f"no output, exit status {process.returncode}"
    return seen


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
