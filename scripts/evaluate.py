"""Measure the error of a run in any norm: `python scripts/evaluate.py run=runs/...`; `--help` says more."""

from pinn.app import main

if __name__ == "__main__":
    main("evaluate")
