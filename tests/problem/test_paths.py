"""Files that a problem names are found in the command's folder first, then beside the problem."""

from pathlib import Path

import pytest

from pinn.language import LanguageError
from pinn.problem import Problem
from pinn.problem.paths import located

PROBLEM = """
coordinates: {x: [0, 1]}
fields: [u]
functions: {k: {table: data/k.csv}}
equations: {flux: u_x = k}
observations: {sensors: {file: u.csv}}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `mine` with a problem and its data, seen from another one."""
    folder = tmp_path / "mine" / "pde"
    (tmp_path / "mine" / "data").mkdir(parents=True)
    folder.mkdir()
    (folder / "own.yaml").write_text(PROBLEM)
    (folder / "u.csv").write_text("x,u\n0,0\n1,2\n")
    (tmp_path / "mine" / "data" / "k.csv").write_text("x,k\n0,2\n1,2\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder / "own.yaml"


def test_files_beside_the_problem_and_in_the_folder_above_are_found(own):
    problem = Problem.load(own)
    (sensors,) = problem.observations.values()
    assert sensors.points.values["sensors__u"].tolist() == [0, 2]
    assert problem.name == "own"


def test_the_folder_of_the_command_comes_first(own):
    Path("u.csv").write_text("x,u\n0,5\n1,7\n")
    (sensors,) = Problem.load(own).observations.values()
    assert sensors.points.values["sensors__u"].tolist() == [5, 7]


def test_a_file_that_is_nowhere_is_quoted_as_it_was_written(own):
    (own.parent / "u.csv").unlink()
    with pytest.raises(LanguageError, match=r"there is no file 'u\.csv' in the folder of the command, nor beside"):
        Problem.load(own)


@pytest.mark.parametrize("name", [f"{'a' * 10_000}.csv", "a\0b.csv"])
def test_a_name_that_no_file_can_have_is_one_that_is_not_there(name, own):
    own.write_text(PROBLEM.replace("u.csv", f'"{name}"'.replace("\0", "\\0")))
    assert located({"file": name}, own.parent) == {"file": name}
    with pytest.raises(LanguageError, match="there is no file"):
        Problem.load(own)


def test_only_paths_change(tmp_path):
    (tmp_path / "a.csv").write_text("x\n")
    given = {"note": "a.csv", "file": {"file": "a.csv"}, "list": [{"table": "a.csv"}, 1, None], "file2": "a.csv"}
    path = str(tmp_path / "a.csv")
    assert located(given, tmp_path) == {**given, "file": {"file": path}, "list": [{"table": path}, 1, None]}
