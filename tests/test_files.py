"""Files of a run: whole or not there, and a history whose later rows may have more columns."""

from pinn.files import read_history, write
from pinn.training.loggers import History


def test_a_file_is_written_in_one_piece(tmp_path):
    write(tmp_path / "a", "one")
    write(tmp_path / "a", "two")
    assert (tmp_path / "a").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_column_may_come_later_and_not_in_every_row(tmp_path):
    history = History(tmp_path / "metrics.csv")
    rows = [{"step": 1, "a": 1.0}, {"step": 2, "a": 2.0, "b": 5.0}, {"step": 3, "a": 3.0}]
    for row in rows:
        history.log_metrics({name: value for name, value in row.items() if name != "step"}, int(row["step"]))
    assert read_history(history.path) == rows
    again = History(history.path)  # goes on from step 2
    again.log_metrics({"a": 4.0}, 3)
    assert read_history(history.path) == [*rows[:2], {"step": 3, "a": 4.0}]


def test_there_may_be_no_history(tmp_path):
    assert read_history(tmp_path / "metrics.csv") == []
