"""Who is told of what on the way."""

from types import SimpleNamespace

import pytest
from rich.console import Console

from pinn.training import callbacks
from pinn.training.callbacks import Bar, Watched


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
