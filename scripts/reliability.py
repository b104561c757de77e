"""Feed bad input to the commands and to Python, and write docs/reliability.md: `python scripts/reliability.py`.

The tables are `benchmarks/bad_input.py` and `bad_problems.py`; ten minutes on one core. `--kind 'shapes|names'` runs
some kinds, and leaves what was measured of the others; `--sample 1` runs one case a kind, and writes nothing. Linux.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from benchmarks import refusals
from benchmarks.bad_input import cases
from benchmarks.bad_problems import LINE, SMALL

import pinn

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "build" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"
TEXT = """\
# Bad input

What is wrong gets an exit status that is not 0 and one message, `error: ...`, that quotes what was typed and says what
would be right: within {seconds} s and 2 GB, without a traceback, and without a directory left behind. In Python it is a
`pinn.LanguageError` or a `ConfigError`, both of them a `ValueError`, with the same text.

`python scripts/reliability.py` tries {cases} bad inputs, each in a process of its own with those limits, {commands} of
them as commands and {python} in Python. {processes} more are typed as real commands. On {machine}, Python {version},
torch {torch}:

| kind | cases | handled | slowest | most memory |
| --- | --- | --- | --- | --- |
{rows}

{failed}
"""
REAL = ("pde=poison", "pde=poisson seed=18446744073709551616", "pde=poisson trainer.devices=9999", "report nowhere")


def main() -> None:
    """Try, print what failed, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="", help="a regular expression that finds the kinds")
    parser.add_argument("--sample", type=int, default=0, help="cases a kind; 0: all")
    options = parser.parse_args()
    refusals.warm()
    found: dict[str, list] = json.loads(MEASURED.read_text()) if MEASURED.exists() and options.kind else {}
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        child = os.fork()
        if not child:
            with open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), 1)
            pinn.solve(pinn.Problem(**LINE), *SMALL, run_dir=run)
            os._exit(0)
        os.waitpid(child, 0)
        chosen = [case for case in cases(run) if re.search(options.kind, case.kind)]
        found |= {case.kind: [] for case in chosen}
        for case in chosen:
            if options.sample and len(found[case.kind]) >= options.sample:
                continue
            end = refusals.ends(case)
            faults = refusals.faults(case, end)
            found[case.kind].append([case.text, end.seconds, end.size, faults, bool(case.python)])
            if faults:
                print(f"{case.kind}: {case.text}: {'; '.join(faults)}\n{end.said[-500:]}", flush=True)
    if options.sample:
        print(f"{sum(map(len, found.values()))} cases")
        sys.exit(any(end[3] for ends in found.values() for end in ends))
    MEASURED.parent.mkdir(exist_ok=True)
    MEASURED.write_text(json.dumps(found))
    PAGE.write_text(page(found, sum(map(real, REAL))))
    print(f"{sum(map(len, found.values()))} cases; {PAGE.relative_to(ROOT)}")


def real(line: str) -> int:
    """Type a command; 1 where it was refused as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from pinn.app import main; main()", *line.split()]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        return int(done.returncode == 2 and done.stderr.startswith("error: ") and not any(Path(folder).iterdir()))


def page(found: dict[str, list], processes: int) -> str:
    """The page, from what was measured: text, seconds, bytes, faults, whether in Python, of each case by kind."""
    rows = [
        f"| {kind} | {len(ends)} | {sum(not end[3] for end in ends)} | {max(end[1] for end in ends):.1f} s | "
        f"{max(end[2] for end in ends) / 1e6:.0f} MB |"
        for kind, ends in found.items()
    ]
    every = [end for ends in found.values() for end in ends]
    failed = [f"- `{end[0]}`: {'; '.join(end[3])}" for end in every if end[3]]
    return TEXT.format(
        seconds=refusals.SECONDS, cases=len(every), commands=sum(not end[4] for end in every),
        python=sum(end[4] for end in every), processes=processes, rows="\n".join(rows),
        machine=f"{os.cpu_count()} cores of {platform.machine()}, of which one was used",
        version=platform.python_version(), torch=torch.__version__,
        failed="\n".join(["These were not handled:", "", *failed]) if failed else "All were handled.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
