"""Write what a run has found to files: `python scripts/predict.py run=runs/... grid=50 quantities=[u,u_xx]`."""

from pinn.app import main

if __name__ == "__main__":
    main("predict")
