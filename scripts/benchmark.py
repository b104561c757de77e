"""Measurements of the framework itself: `python scripts/benchmark.py NAME`; --help lists them.

Each prints its rows and writes results.csv and results.png to experiments/<name>/.
"""

import argparse
import csv
import platform
import sys
from pathlib import Path

import torch
from benchmarks import accuracy, cells, gallery, operators, overhead, precision, scaling

BENCHMARKS = {
    "accuracy": accuracy,
    "catalogue": gallery,
    "cells": cells,
    "operators": operators,
    "overhead": overhead,
    "precision": precision,
    "scaling": scaling,
}
EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def main() -> None:
    """Measure, print, and write."""
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["peak"]:
        return operators.print_peak(sys.argv[2], getattr(torch, sys.argv[3]), sys.argv[4])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="name", required=True)
    for name, benchmark in BENCHMARKS.items():
        command = commands.add_parser(
            name, description=benchmark.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        benchmark.add_options(command)
        command.add_argument("--out", type=Path, default=EXPERIMENTS / name)
    options = parser.parse_args()
    print(f"{platform.machine()}, torch {torch.__version__}")
    rows = BENCHMARKS[options.name].run(options)
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return BENCHMARKS[options.name].picture(rows, options.out / "results.png")


if __name__ == "__main__":
    main()
