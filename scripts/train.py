"""Train a network on a problem: `python scripts/train.py pde=biharmonic`; `--help` shows what else can be said."""

from pinn.app import main

if __name__ == "__main__":
    main("train")
