"""Stages: each leaves less than the one before, down to rounding; the parts of a run that goes on are the same."""

import pytest
import torch

from pinn import load, solve
from pinn.files import read_history
from pinn.problem import Problem
from pinn.schema import ConfigError

# not linear; the first network is too slow for its waves
PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "u_xx - u**3 = f"},
    conditions={"ends": "u(boundary) = U"},
    functions={"U": "sin(7*x) + x", "f": "-49*sin(7*x) - U**3"},
    exact={"u": "U"},
    name="stages",
)
SLOW = ("network.width=30", "network.scale=8", "sampling.points=400", "optimizer=least_squares", "optimizer.steps=6")


def error(*typed, **options):
    return solve(PROBLEM, *SLOW, *typed, **options).error["u"]["relative_l2"]


def test_a_second_stage_finds_what_the_first_has_left(tmp_path):
    first, second = error(), error("stages=2", run_dir=tmp_path / "run")
    assert second < 1e-3 * first
    solution = load(tmp_path / "run")
    assert solution.error["u"]["relative_l2"] == pytest.approx(second)
    first_alone = solution.residuals.network
    with first_alone.at(0), torch.no_grad():  # positive control: the first stage is what it was alone
        x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
        left = solution.predict(x)[:, 0] - torch.sin(7 * x[:, 0]) - x[:, 0]
    assert float(left.norm()) > 100 * second


def test_stages_end_at_rounding(tmp_path, caplog):
    reached = error("stages=9", run_dir=tmp_path / "run")
    begun = [record.message for record in caplog.records if record.message.startswith("stage ")]
    assert 1 <= len(begun) < 8
    assert reached < 1e-13


def test_a_run_that_goes_on_in_its_second_stage_is_the_same(tmp_path):
    whole, parts = (tmp_path / name for name in ("whole", "parts"))
    error("stages=2", "trainer.log_every_n_steps=1", run_dir=whole)
    steps = len(read_history(whole / "metrics.csv"))
    for most in range(1, steps + 1):
        error("stages=2", "trainer.log_every_n_steps=1", f"trainer.max_steps={most}", run_dir=parts)
    one, other = (load(folder).residuals.state_dict() for folder in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("stages=2", "slabs=3"), "stages=2: they take the whole time"),
        (("stages=0",), "stages"),
    ],
)
def test_what_stages_do_not_go_with(typed, said):
    with pytest.raises(ConfigError, match=said):
        error(*typed)


def test_data_take_one_stage():
    learned = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], parameters={"a": {"learn": 1.0, "truth": 2.0}},
        equations={"e": "u_x = a"}, exact={"u": "2*x"}, observations={"data": {"points": 5}},
    )  # fmt: skip
    with pytest.raises(ConfigError, match="stages=2: what is to be found from data takes one"):
        solve(learned, "stages=2")
