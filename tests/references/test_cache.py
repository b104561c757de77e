import logging

import numpy as np
import pytest

from pinn import Problem
from pinn.references.cache import cached, folder


def heat(k=1, t=(0, 1), start="sin(x)", name="heat"):
    return Problem(
        coordinates={"t": t, "x": [0, "2*pi"]}, fields=["u"], parameters={"k": k}, equations={"e": "u_t = k*u_xx"},
        conditions={"start": f"u(t={t[0]}) = {start}"}, name=name,
    )  # fmt: skip


class Solver:
    """Counts how often it is asked."""

    def __init__(self):
        self.runs = 0

    def __call__(self):
        self.runs += 1
        return {"u": np.arange(5) + 0.5, "w": np.ones((2, 3), dtype=complex)}


def test_the_second_time_it_is_read(cache):
    solver = Solver()
    first, second = (cached(heat(), "s", 1, {}, solver) for _ in range(2))
    assert solver.runs == 1 and len(list(cache.iterdir())) == 1
    for name, values in first.items():
        assert values.dtype == second[name].dtype and np.array_equal(values, second[name])


@pytest.mark.parametrize(
    ("problem", "solver", "version", "options"),
    [
        (heat(k=2), "s", 1, {}),
        (heat(t=(0, 2)), "s", 1, {}),
        (heat(start="cos(x)"), "s", 1, {}),
        (heat(), "other", 1, {}),
        (heat(), "s", 2, {}),
        (heat(), "s", 1, {"modes": 8}),
    ],
)
def test_whatever_matters_has_a_file_of_its_own(problem, solver, version, options):
    run = Solver()
    cached(heat(), "s", 1, {}, run)
    cached(problem, solver, version, options, run)
    assert run.runs == 2
    cached(heat(name="another name"), "s", 1, {}, run)
    assert run.runs == 2


def region(radius, at="0.5"):
    return Problem(
        coordinates={"x": [0, 1], "y": [0, 1]}, fields=["u"], equations={"e": "lap(u) = 1"},
        domain={"difference": ["box", {"disk": {"center": [0.5, at], "radius": radius}}]},
        parameters={"a": 0.25}, conditions={"b": "u(boundary) = 0"},
    )  # fmt: skip


def test_a_hole_matters():
    run = Solver()
    for problem in (region("a"), region(0.3), region("a", "0.4"), region("a")):
        cached(problem, "s", 1, {}, run)
    assert run.runs == 3


def test_what_a_key_cannot_say_is_never_kept(cache, tmp_path):
    """The stale truth: of a Python function, and of a table, the residual has the name alone."""
    run, table = Solver(), tmp_path / "k.csv"
    for factor in (-1.0, -2.0):
        table.write_text(f"x,k\n0,{factor}\n7,{factor}\n")
        for functions in ({"k": lambda u, f=factor: f * u}, {"k": {"table": str(table)}}):
            law = "k(u)" if callable(functions["k"]) else "k*u"
            problem = Problem(
                coordinates={"t": [0, 1], "x": [0, "2*pi"]}, fields=["u"], functions=functions,
                equations={"e": f"u_t = u_xx + {law}"}, conditions={"start": "u(t=0) = sin(x)"},
            )  # fmt: skip
            cached(problem, "s", 1, {}, run)
    assert run.runs == 4 and not cache.exists()


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no archive", lambda b: b[:60] + b"\0" * 9 + b[69:]],
)
def test_a_broken_file_is_computed_anew_with_one_line(cache, caplog, damage):
    solver = Solver()
    cached(heat(), "s", 1, {}, solver)
    (path,) = cache.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        values = cached(heat(), "s", 1, {}, solver)
    assert solver.runs == 2 and values["u"][2] == 2.5
    assert len(caplog.records) == 1 and "cannot be read" in caplog.text and path.name in caplog.text
    cached(heat(), "s", 1, {}, solver)
    assert solver.runs == 2 and list(cache.iterdir()) == [path]


def test_nothing_but_arrays_is_read(cache):
    solver = Solver()
    cached(heat(), "s", 1, {}, solver)
    (path,) = cache.iterdir()
    np.savez(path, u=np.array([{"an": "object"}], dtype=object))
    assert cached(heat(), "s", 1, {}, solver)["u"].dtype == float and solver.runs == 2


def test_an_interrupted_computation_leaves_nothing(cache):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(heat(), "s", 1, {}, interrupted)
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_to(cache, caplog):
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the folder should be")
    assert cached(heat(), "s", 1, {}, Solver())["u"].shape == (5,)
    assert "cannot be written" in caplog.text


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "pinn"
    for ignored in ("", "relative"):  # the specification: a relative path is to be ignored
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert folder() == tmp_path / ".cache" / "pinn"
