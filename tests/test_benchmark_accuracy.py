"""The table of accuracy: every run is a row, however it ended, and a bar is met only by runs that finished."""

import argparse
import math
import sys
from pathlib import Path

import pytest
from benchmarks import accuracy
from benchmarks.accuracy_table import BARS, BEGIN, END, Bar, figure_of, ordered, read, table, verdict
from benchmarks.watched import watch

from pinn import Problem

FAKE = """
import json, sys, time
from pathlib import Path
folder = Path(next(a for a in sys.argv if a.startswith("run_dir=")).partition("=")[2])
seed = int(next(a for a in sys.argv if a.startswith("seed=")).partition("=")[2])
def measured(*errors):
    rows = [f"{step},{error}" for step, error in enumerate(errors, 1)]
    (folder / "metrics.csv").write_text("\\n".join(["step,error/u", *rows]) + "\\n")
def result(error, status="finished", **more):
    told = {"status": status, "error": {"u": {"relative_l2": error}}, "steps": 2, "unknowns": 9}
    (folder / "result.json").write_text(json.dumps({**told, "versions": {"torch": "2"}, **more}))
"""
ENDINGS = {
    "finished": "measured(1e-3, 1e-13); result(1e-13 * (seed + 1))",
    "coarse": "measured(1e-3); result(1e-3)",
    "diverged": "measured(1e-3, 'nan'); result(None, 'diverged'); sys.exit(1)",
    "nan": "measured('nan'); result(None)",
    "failed": "print('first'); sys.exit('no such thing')",
    "hangs": "measured(0.5, 0.25); time.sleep(60)",
    "numbers": "result(1e-9, parameters={'nu': 0.0032})",
}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Run the benchmark with a command of the given ending in place of ours."""

    def run(ending, problem="poisson", seeds=1, keep=False, limit=30.0):
        script = tmp_path / "fake.py"
        script.write_text(FAKE + ENDINGS[ending])
        monkeypatch.setattr(
            accuracy, "solvers", lambda *_: iter([(accuracy.OURS, [sys.executable, str(script)], limit)])
        )
        options = argparse.Namespace(problems=[problem], seeds=seeds, keep=keep, out=tmp_path / "out")
        rows = accuracy.run(options)
        accuracy.picture(rows, tmp_path / "out" / "results.png")
        return rows

    return run


def test_runs_that_meet_the_bar(bench, tmp_path):
    rows = bench("finished", seeds=3)
    assert [row["error"] for row in rows] == ["1.000e-13", "2.000e-13", "3.000e-13"]
    assert {row["status"] for row in rows} == {"finished"}
    assert {(row["steps"], row["unknowns"], row["versions"]) for row in rows} == {("2", "9", "torch:2")}
    assert verdict(rows, BARS["poisson"][0]) == "met"
    assert read(tmp_path / "out" / "results.csv") == rows
    curve = read(tmp_path / "out" / "curves.csv")
    assert [(point["seed"], point["step"], point["error"]) for point in curve[:2]] == [
        ("0", "1", "1.000e-03"),
        ("0", "2", "1.000e-13"),
    ]
    assert 0 < float(curve[0]["seconds"]) <= float(rows[0]["seconds"]) + 0.1
    assert (tmp_path / "out" / "results.png").stat().st_size > 1000


def test_a_bar_is_missed_in_error_or_in_time(bench):
    (row,) = bench("coarse")
    assert row["status"] == "finished"
    assert verdict([row], Bar(1e-12, 20)) == "missed: error above 1e-12"
    assert verdict([row | {"seconds": 30.0}], Bar(1e-2, 20)) == "missed: longer than 20 s"
    assert verdict([row], Bar(1e-2, 20)) == "met"


@pytest.mark.parametrize("ending", ["diverged", "nan"])
def test_a_run_that_diverged_is_a_row(bench, ending):
    (row,) = bench(ending)
    assert row["status"] == "diverged"
    assert figure_of(row) == math.inf
    assert verdict([row], Bar(1.0, 60)).startswith("missed")


def test_a_run_that_failed_is_a_row_and_its_last_line_is_told(bench, capsys):
    (row,) = bench("failed")
    assert (row["status"], row["error"], row["unknowns"]) == ("failed", "", "")
    assert verdict([row], Bar(1.0, 60)).startswith("missed")
    assert "no such thing" in capsys.readouterr().out


def test_a_run_that_does_not_end_is_stopped_and_says_how_far_it_came(bench):
    (row,) = bench("hangs", limit=1.0)
    assert (row["status"], row["error"], row["steps"]) == ("timed out", "2.500e-01", "2")
    assert 1 <= float(row["seconds"]) < 20
    assert verdict([row], Bar(1.0, 60)).startswith("missed")


def test_a_process_that_will_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.watched.LAST_WORDS", 0.2)
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    assert watch([sys.executable, "-c", stubborn], tmp_path, 2.0).timed_out


def test_where_numbers_are_to_be_found_they_are_the_figure(bench):
    (row,) = bench("numbers", problem="burgers_viscosity")
    assert float(row["error"]) == pytest.approx(0.0032 / (0.01 / math.pi) - 1, rel=1e-3)
    assert row["errors"].startswith("nu:")
    problem = Problem.load("burgers_viscosity")
    of_line = accuracy.of_history(problem, {"step": 1, "error/u": 1.0, "parameter/nu": 0.02 / math.pi})
    assert of_line == {"nu": pytest.approx(1.0)}


def test_kept_rows_are_not_run_again_unless_the_code_has_changed(bench, monkeypatch):
    first = bench("finished")
    again = bench("coarse", seeds=2, keep=True)
    assert [row["error"] for row in again] == [first[0]["error"], "1.000e-03"]
    other = bench("coarse", problem="heat", keep=True)
    assert [(row["problem"], row["seed"]) for row in other] == [("poisson", "0"), ("poisson", "1"), ("heat", "0")]
    monkeypatch.setattr(accuracy, "code", lambda *_: "changed")
    assert [row["error"] for row in bench("coarse", keep=True)] == ["1.000e-03"]


def test_the_recipe_of_another_problem_changes_nothing(tmp_path, monkeypatch):
    recipe = tmp_path / "configs" / "experiment" / "poisson.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("seed: 1")
    monkeypatch.setattr(accuracy, "ROOT", tmp_path)
    before = [accuracy.code(name, accuracy.OURS) for name in ("poisson", "heat")]
    recipe.write_text("seed: 2")
    after = [accuracy.code(name, accuracy.OURS) for name in ("poisson", "heat")]
    assert after[0] != before[0] and after[1] == before[1]


def test_words_in_the_code_change_nothing(tmp_path, monkeypatch):
    module = tmp_path / "pinn" / "solver.py"
    module.parent.mkdir()
    monkeypatch.setattr(accuracy, "ROOT", tmp_path)

    def code(text):
        module.write_text(text)
        return accuracy.code("poisson", accuracy.OURS)

    first = code('"""Solver."""\ndef tolerance():\n    """Of a run."""\n    return 1e-9  # small\n')
    assert code('def tolerance():\n    """When a run ends."""\n\n    return 1e-9\n') == first
    assert code('def tolerance():\n    """Of a run."""\n    return 1e-8\n') != first


def test_without_keep_everything_is_run_again(bench):
    bench("finished")
    assert [row["error"] for row in bench("coarse")] == ["1.000e-03"]


def test_one_run_in_two_that_fails_misses_the_bar(bench):
    (good,), (bad,) = bench("finished"), bench("failed")
    assert verdict([good, good, bad], Bar(1e-12, 60)) == "met"
    assert verdict([good, bad, bad], Bar(1e-12, 60)) != "met"
    assert "| 1 finished, 2 failed |" in table([good, bad, bad])


def test_the_page_holds_the_table_of_the_last_run(bench, tmp_path):
    page = tmp_path / "out" / "README.md"
    page.parent.mkdir()
    page.write_text(f"# Question\n\n{BEGIN}\nstale\n{END}\n\nwords\n")
    rows = bench("finished")
    text = page.read_text()
    assert table(rows) in text and "stale" not in text
    assert text.startswith("# Question\n") and text.endswith("\n\nwords\n")
    bench("finished")
    assert page.read_text().count(BEGIN) == 1


def test_peers_stand_below_and_keep_their_own_code(bench, monkeypatch):
    (row,) = bench("finished")
    text = table(ordered([{**row, "solver": "deepxde"}, row]))
    assert "| poisson | deepxde | 1.0e-13" in text
    assert accuracy.code("poisson", "deepxde") != accuracy.code("poisson", accuracy.OURS)


def test_curves_are_thinned_and_keep_their_end():
    points = [{"step": str(step)} for step in range(1001)]
    kept = accuracy.thinned(points)
    assert len(kept) <= accuracy.CURVE and kept[-1] == points[-1]
    assert accuracy.thinned(points[:5]) == points[:5]


def test_the_command_is_that_of_a_user():
    options = argparse.Namespace(budget=None, peers=["deepxde=python3"], peer_budget=10.0)
    (_, command, limit), (peer, its_command, its_limit) = accuracy.solvers("poisson", options)
    assert command[1:3] == [str(accuracy.ROOT / "scripts/train.py"), "pde=poisson"]
    assert limit == 2 * BARS["poisson"][0].seconds
    assert (peer, its_command[0], its_limit) == ("deepxde", "python3", 10.0)
    assert Path(its_command[1]).exists()
    assert [solver for solver, *_ in accuracy.solvers("heat", options)] == [accuracy.OURS]


@pytest.mark.parametrize("name", BARS)
def test_every_problem_of_the_table_is_in_the_catalogue_and_has_a_truth(name):
    problem = Problem.load(name)
    assert problem.exact or problem.reference or problem.learned
