"""Problems as people asked about them, by their text alone: right, or said not to be. Those that take seconds, here."""

from pathlib import Path

import pytest
from benchmarks.accuracy_table import read
from benchmarks.gallery import measure

FOLDER = Path(__file__).parents[1] / "experiments" / "strangers" / "pde"
FORWARD, DEVIATIONS = 1e-4, 3.0  # the most that a field is wrong by, and a number in what the run tells of it
SECONDS = 9.0  # of the processor, in the table: those that take less are run here
QUICK = [row["problem"] for row in read(FOLDER.parent / "results.csv") if float(row["seconds"]) < SECONDS]


def wrong(row: dict[str, str]) -> str:
    """Why a run is not what a person should get; nothing where it is."""
    if row["status"] != "finished" or row["doubted"]:
        return f"{row['status']}, doubted: {row['doubted'] or 'no'}"
    if row["deviations"]:
        return "" if float(row["deviations"]) <= DEVIATIONS else f"{row['deviations']} deviations off"
    return "" if float(row["error"] or 0) <= FORWARD else f"wrong by {row['error']}"


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_it_is_solved(name):
    assert len(QUICK) > 20
    assert not wrong(measure(FOLDER / f"{name}.yaml", 0, 120.0))


@pytest.mark.slow
def test_a_wrong_one_would_be_seen(tmp_path):
    """A line, and a truth that is not its own."""
    (tmp_path / "pde").mkdir()
    file = tmp_path / "pde" / "line.yaml"
    file.write_text(
        "coordinates: {x: [0, 1]}\nfields: [u]\nequations: {line: u_xx = 0}\nconditions: {ends: u(boundary) = x}\n"
        "exact: {u: 1.001*x}\n"
    )
    row = measure(file, 0, 120.0)
    assert wrong(row).startswith("wrong by")
    right = {**row, "error": "1e-9"}
    assert not wrong(right)
    assert wrong({**right, "deviations": "3.1"}) and not wrong({**right, "deviations": "2.9"})
    assert wrong({**right, "doubted": "yes"}) and wrong({**right, "status": "timed out"})
