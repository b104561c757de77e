"""What this machine has not is refused before anything is made."""

import pytest

import pinn
from pinn.problem import Problem
from pinn.schema import ConfigError

LINE = Problem(
    coordinates={"x": [0, 1]}, fields=["u"], equations={"bend": "u_xx = 1"}, conditions={"ends": "u(boundary) = 0"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("network.width=1000000000000",), "network.width=1000000000000 .* needs .*B at least"),
        (("network.width=5", "sampling.points=1000000000000"), "sampling.points=1000000000000"),
        (("trainer.devices=100000", "trainer.accelerator=cpu"), "trainer.devices=100000: here are cores for"),
        (("seed=18446744073709551616",), "seed=18446744073709551616"),
        (("tolerance=nan",), "tolerance=nan: should be a finite number"),
        (("optimizer=adam", "optimizer.lr=1e300"), r"optimizer.lr=1e\+300: should be at most"),
    ],
)
def test_what_does_not_fit_is_refused(lines, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        pinn.solve(LINE, *lines, run_dir=tmp_path / "runs" / "one")
    assert not list(tmp_path.iterdir())


def test_a_reference_that_does_not_fit_leaves_no_directory(tmp_path):
    other = Problem(**{**LINE.definition, "reference": "cole_hopf"})
    with pytest.raises(ConfigError, match="reference: cole_hopf"):
        pinn.solve(other, "network.width=5", "optimizer=adam", run_dir=tmp_path / "runs" / "one")
    assert not list(tmp_path.iterdir())


def test_a_directory_that_was_there_stays(tmp_path):
    other = Problem(**{**LINE.definition, "reference": "cole_hopf"})
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigError):
        pinn.solve(other, "network.width=5", "optimizer=adam", run_dir=tmp_path / "mine")
    assert (tmp_path / "mine").is_dir()
