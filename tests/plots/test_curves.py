"""The history of a run."""

import math

import pytest

from pinn.plots import history


@pytest.mark.parametrize(
    "rows",
    [
        [
            {"step": k, "loss/plate": 0.9**k, "loss/edge": 0.8**k, "error/u": 0.95**k, "time/step": 1.0}
            for k in range(50)
        ],
        [{"step": 0, "loss/plate": 1.0}],
        [{"step": 0, "loss/plate": 1.0, "error/u": None}, {"step": 10, "loss/plate": 0.1, "error/u": 0.5}],
        [{"step": 0, "loss/plate": 1.0, "error/u": None}],
        [{"step": 0, "loss/plate": 0.0}, {"step": 1, "loss/plate": math.nan}],
        [],
    ],
)
def test_history(rows, tmp_path):
    path = history(rows, tmp_path / "run" / "history.png")
    assert path.stat().st_size > 500
