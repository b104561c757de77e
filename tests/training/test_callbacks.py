"""Who is told of what on the way."""

from types import SimpleNamespace

from pinn.training.callbacks import Watched


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
