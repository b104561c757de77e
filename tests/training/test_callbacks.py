"""Who is told of what on the way."""

from types import SimpleNamespace

import pytest
from rich.console import Console

from pinn.training import callbacks
from pinn.training.callbacks import Bar, Watched
from pinn.training.choice import LEVELS


def test_who_watches_is_told_each_measurement_once_and_may_end_the_run():
    told, trainer = [], SimpleNamespace(should_stop=False)
    module = SimpleNamespace(metrics={}, global_step=1, ended="finished")

    def watch(step, metrics):
        told.append(step)
        return metrics["loss/bend"] > 1

    watched = Watched(watch)
    for step, metrics in enumerate([{}, {"loss/bend": 0.5}, None, {}, {"loss/bend": 2.0}], 1):  # None: not measured
        module.global_step, module.metrics = step, module.metrics if metrics is None else metrics
        watched.on_train_batch_end(trainer, module)
    assert told == [2, 5]
    assert trainer.should_stop and module.ended == "pruned"


@pytest.mark.parametrize("finished", [False, True])
def test_a_phase_that_ends_early_has_the_steps_that_it_took(finished, monkeypatch):
    monkeypatch.setattr(callbacks, "BETWEEN_LINES", -1)
    monkeypatch.setattr(callbacks, "_measured", lambda module: "loss 1")
    console = Console(record=True, width=80, force_terminal=False)
    turns = SimpleNamespace(present=SimpleNamespace(name="gauss_newton", steps=500), step=11)
    bar, module = Bar(console), SimpleNamespace(turns=turns, finished=finished)
    bar.on_train_batch_end(SimpleNamespace(should_stop=True), module)
    assert console.export_text().split() == ["gauss_newton", "11/500", "loss", "1"]
    assert bar.progress.finished == finished  # a bar that has ended is full


@pytest.mark.parametrize(("steps", "said"), [(LEVELS, "11"), (20, "11/20")])
def test_levels_have_a_total_where_it_was_given(steps, said, monkeypatch):
    monkeypatch.setattr(callbacks, "BETWEEN_LINES", -1)
    monkeypatch.setattr(callbacks, "_measured", lambda module: "loss 1")
    console = Console(record=True, width=80, force_terminal=False)
    turns = SimpleNamespace(present=SimpleNamespace(name="least_squares", steps=steps), step=11)
    Bar(console).on_train_batch_end(SimpleNamespace(), SimpleNamespace(turns=turns, finished=False))
    assert console.export_text().split() == ["least_squares", said, "loss", "1"]
