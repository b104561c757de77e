"""Bad input is refused: what is run of a case, under which limits, and when its end is right.

Each case is a process of its own, a copy of one that has loaded everything, so that what hangs or fills the memory ends
alone. Linux.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

import pinn
from pinn.app import main
from pinn.schema import ConfigError

SECONDS = 10
BYTES = 2 * 1024**3
LINE = 1600  # characters of a line that lists all problems
WORD = 300  # characters: a text of thousands is not printed back
LINES = 8
SAYS = (  # words with which a message says what would be right
    "write|take|takes|should|must|need|needs|needed|there (is|are)|did you mean|known here|choose|give|say|at most|"
    "at least|such as|they are|are missing|is missing|belongs?|has|have|goes|holds?|lies?|cannot|without|leave|than|no|"
    "not|more|put|only|alone|pip install|from|expected|indent|use|add|possible|report|leaves|solves|stands|end|change|"
    "problems are"
)
RIGHT = re.compile(rf"\b({SAYS})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        kind: What is wrong with it.
        quotes: What of it the message has to show.
        typed: What stands behind `pinn`.
        files: What lies in the folder of the command.
        python: Called in place of a command: it has to raise an error of the user's.
    """

    kind: str
    quotes: str
    typed: tuple[str, ...] = ()
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    python: Callable[[], object] | None = None

    @property
    def text(self) -> str:
        """What was typed, shortened."""
        line = " ".join(self.typed) or getattr(self.python, "__name__", "")
        return line if len(line) <= 100 else f"{line[:97]}..."


@dataclass(frozen=True)
class End:
    """How a case ended.

    Attributes:
        status: Of the process; None where it was killed for its time.
        said: What it printed as errors.
        seconds: How long it took.
        size: How many bytes more than before it held at most.
        left: What it left in the folder.
    """

    status: int | None
    said: str
    seconds: float
    size: int
    left: tuple[str, ...] = ()


def faults(case: Case, end: End) -> list[str]:
    """What is wrong with an end; nothing where the input was refused as it should be."""
    lines = end.said.strip().splitlines()
    message = " ".join(lines)
    shown = end.said.count("error: ")
    checks = {
        f"it took more than {SECONDS} s": end.status is None or end.seconds > SECONDS,
        "it took more than 2 GB": end.size > BYTES,
        f"the status is {end.status}": end.status not in (None, 2),
        "a traceback": "Traceback (most recent call last)" in end.said,
        "no line that begins with error:": not end.said.startswith("error: ") or shown < 1,
        "too long a message": len(lines) > LINES or any(len(line) > LINE for line in lines),
        "what was typed is printed back whole": any(len(word) > WORD for word in end.said.split()),
        f"the message does not quote {case.quotes!r}": case.quotes not in message,
        "the message does not say what would be right": not RIGHT.search(message),
        "it asks to report a bug": "please report" in message,
        f"it left {', '.join(end.left)}": bool(end.left),
    }
    return [fault for fault, found in checks.items() if found]


def ends(case: Case, seconds: float = SECONDS) -> End:
    """Run a case in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        lay(Path(folder), case.files)
        before = contents(Path(folder))
        started = time.monotonic()
        child = os.fork()
        if not child:
            _in_the_copy(case, folder, out.fileno(), errors.fileno())
        status, size = _wait(child, started + seconds + 1)
        took = time.monotonic() - started
        errors.seek(0)
        said = errors.read().decode(errors="replace")
        left = sorted(contents(Path(folder)) - before)
    return End(status, said, took, size, tuple(left[:5]))


def lay(folder: Path, files: Mapping[str, str | bytes | None]) -> None:
    """Write files; None is a folder, and a text that begins with `copy:` names a folder to copy."""
    for name, content in files.items():
        path = folder / name
        if isinstance(content, str) and content.startswith("copy:"):
            shutil.copytree(content.removeprefix("copy:"), path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def contents(folder: Path) -> set[str]:
    """All that is in a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _in_the_copy(case: Case, folder: str, out: int, errors: int) -> None:
    """The case itself; it never returns."""
    status = 1
    try:
        os.setsid()
        os.chdir(folder)
        os.dup2(out, 1)
        os.dup2(errors, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        held = int(re.search(r"VmSize:\s*(\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # type: ignore[index]
        resource.setrlimit(resource.RLIMIT_AS, (held + 2 * BYTES, held + 2 * BYTES))
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        status = _run(case)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _run(case: Case) -> int:
    if case.python:
        try:
            case.python()
        except (pinn.LanguageError, ConfigError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        return 0
    sys.argv = ["pinn", *case.typed]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _wait(child: int, until: float) -> tuple[int | None, int]:
    """The status, and the most that was held, in bytes."""
    peak = first = 0
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), max(0, peak - first)
        with contextlib.suppress(OSError, TypeError):
            said = Path(f"/proc/{child}/status").read_text()
            peak = max(peak, int(re.search(r"VmHWM:\s*(\d+)", said)[1]) * 1024)  # type: ignore[index]
            first = first or peak
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None, max(0, peak - first)
        time.sleep(0.005)


def warm() -> None:
    """Load what the cases need, once."""
    import pinn.commands
    import pinn.pages
    import pinn.training.build
    import pinn.training.choice
    import pinn.training.run  # noqa: F401

    torch.set_num_threads(1)
