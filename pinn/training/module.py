"""The LightningModule: draws points, takes residuals, steps the optimizers in turn. It knows no PDE."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from itertools import repeat
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.optim import Optimizer

from pinn import metrics
from pinn.geometry import Place, Points
from pinn.networks import Partition
from pinn.operators import Estimator
from pinn.optimizers import LeastSquares
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.schema import Config
from pinn.schema import Partition as Chosen
from pinn.training.balance import Balance
from pinn.training.budget import Budget
from pinn.training.build import output_layer, solved, trained
from pinn.training.checkpoint import about
from pinn.training.closer import closer, due
from pinn.training.collocation import Collocation
from pinn.training.compilation import compile_if_worthwhile
from pinn.training.curriculum import lessons
from pinn.training.levels import Levels
from pinn.training.memory import peak_bytes
from pinn.training.noise import NoiseFloor
from pinn.training.pace import evaluation_seconds, in_time, solve_size
from pinn.training.ranks import Ranks, Together
from pinn.training.recovery import Recovery
from pinn.training.stopwatch import Stopwatch
from pinn.training.system import System
from pinn.training.turns import Turns

UNEVEN = 100.0  # ratio of sizes of equations that is worth a line
TURN = 0.5  # seconds
NOISY = 4.0  # a loss so many times that of rounding has come to its end
log = logging.getLogger("pinn")


class PINN(LightningModule):
    """Minimise the weighted mean squares of the residuals at points drawn from a domain.

    Args:
        residuals: The network and the learned parameters, and what should be zero.
        problem: What is solved.
        config: Phases, sampling, weights, precision and seed.
        truth: Held-out points (N, D) and the true fields there (N, F), to log the error; or None.
        budget: When the run has to be over; or None.
    """

    def __init__(
        self,
        residuals: Residuals,
        problem: Problem,
        config: Config,
        truth: tuple[Tensor, Tensor] | None,
        budget: Budget | None = None,
    ):
        super().__init__()
        self.automatic_optimization = False
        self.residuals, self.config, self.truth = residuals, config, truth
        self.whole, self.problem = problem, solved(problem, config)
        self.balance = Balance(self.problem, residuals, config, self._autocast)
        self.turns = Turns(config.phases)
        self.budget = budget
        self.lessons, self._lesson = lessons(problem, config), 0
        self.collocation = Collocation(self.problem, config, residuals, self._autocast)
        refined = isinstance(config.network, Chosen) and config.network.refined
        self.levels = Levels(self) if refined else None
        self.ranks = Ranks()
        self.diverged, self.ended = False, "finished"  # what ends it otherwise says so
        self.recovery = Recovery()
        self.metrics: dict[str, float] = {}  # of the last measurement
        self.history: list[dict[str, float]] = []  # of all of this process
        self.loss_of_zero = 0.0  # not measured yet
        self._clock = (0, time.perf_counter())
        self._begun = time.perf_counter()  # when the last measurement began
        self.stopwatch = Stopwatch()  # since then
        self._all = list(residuals.parameters())  # to collect them takes a hundredth of a small step
        self._noise = None if self.levels else NoiseFloor(residuals, self._autocast)
        self.noise: dict[str, float] = {}  # the loss that rounding alone makes, by equation
        self._noise_measured, self._noise_said = 0, False
        self._noisy = False  # whether the loss is that of rounding

    def configure_optimizers(self) -> list[Optimizer]:
        """One optimizer a phase, of each lesson of a curriculum."""
        phases = self.config.phases * self.parts
        return [phase.method.make(trained(self.residuals, phase), **phase.options) for phase in phases]

    @property
    def parts(self) -> int:
        """How many lessons of a curriculum there are; 1 without one."""
        return max(1, len(self.lessons))

    @property
    def part(self) -> int:
        """The present one."""
        return self._lesson

    def train_dataloader(self) -> Iterable[int]:
        """One long epoch; what a step needs it draws itself."""
        return repeat(0)

    def on_fit_start(self) -> None:
        """Find out which of the processes this is."""
        self.ranks = self.collocation.ranks = self.balance.ranks = Ranks(self.global_rank, self.trainer.world_size)

    def on_train_start(self) -> None:
        """Start the clock of `time/step`; a run that goes on may have finished already."""
        if self.lessons:
            self.teach(self._lesson)
        self._balance()
        if not self.levels:
            self.loss_of_zero = self.loss_of_zero or self._loss_of_zero()
        if self.config.derivatives.compile and self.config.derivatives.engine == "jet":
            compile_if_worthwhile(self)
        self._clock, self._begun = (self.global_step, time.perf_counter()), time.perf_counter()
        self.trainer.should_stop = self.finished
        if self.budget and not self.finished:
            self.budget.evaluation = evaluation_seconds(self)

    def _balance(self) -> None:
        """Measure how large the equations are, and say so where they differ much."""
        if self.levels:  # rows are scaled cell by cell
            self.balance.sizes = dict.fromkeys(self.problem.equations, 1.0)
        self.balance.begin(self.points())
        sizes = self.balance.sizes
        if max(sizes.values()) > UNEVEN * min(sizes.values()) and not self.global_rank:
            said = ", ".join(f"{size:.1e} ({name})" for name, size in sizes.items())
            log.warning("balancing: the residuals are divided by %s", said)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Steps for some milliseconds, or until one was measured: a turn of Lightning's loop costs a third of one."""
        if not in_time(self):
            return
        before, most, began = self.metrics, self.trainer.max_steps, time.perf_counter()
        size = solve_size(self) if self.budget else 0.0
        for _ in range(max(1, int(TURN / self.metrics.get("time/step", TURN)))):  # the same in all processes
            self._step()
            if self.trainer.should_stop or self.metrics is not before or self.global_step == most:
                break
        if self.budget:
            self.budget.took(time.perf_counter() - began, size)

    def _step(self) -> None:
        """One step of the present phase's optimizer."""
        optimizers, phase = self.optimizers(), self.turns.present
        number = self.part * len(self.config.phases) + self.turns.index
        optimizer = optimizers[number] if isinstance(optimizers, list) else optimizers
        with self.stopwatch:
            self.residuals.draw_directions(self.config.seed + 2**32 * self.global_step)
            if not self.levels:  # which have points of their own, and weights
                self.balance.update(self.points(), self.global_step)
            if phase.method.scheduled:
                self.recovery.begin(self, optimizer.optimizer)
                for group in optimizer.param_groups:
                    whole = group.setdefault("initial_lr", group["lr"])
                    group["lr"] = whole * phase.factor(self.turns.step) * self.recovery.factor
            closure = self._closure(optimizer.optimizer)
        try:
            optimizer.step(closure)  # under the stopwatch as well, but for what Lightning does
            self.turns.step += 1
            if phase.solve_output_every and self.turns.step % phase.solve_output_every == 0:
                with self.stopwatch:
                    layer: list[Tensor] = list(output_layer(self.residuals).parameters())
                    LeastSquares(layer).step(self._system(layer))
        except FloatingPointError:  # second-order methods notice at once
            self.diverged = self.trainer.should_stop = True
            return
        converged = self.balance.steady and getattr(optimizer.optimizer, "converged", False)
        # a step of the other methods is long: measuring it costs little, and waiting for the tenth much
        rare = self.levels.rare if self.levels else 1
        every = self.config.trainer.log_every_n_steps if phase.method.scheduled else rare
        if converged or self.turns.step == phase.steps or self.global_step % every == 0:
            self._measure(closely=not self.levels and due(self.global_step, every))
            if not self.diverged:
                self.turns.measured(self.loss)
            if phase.method.scheduled and not self.diverged:
                self.recovery.keep(self, optimizer.optimizer)
            elif phase.method.scheduled:
                self.diverged = not self.recovery.back(self, optimizer.optimizer) or self.turns.step == phase.steps
            if why := self.turns.end(converged, self._noisy):
                self.end_phase(why)
            if (self.turns.finished or self.solved) and not self.finished and not self.diverged:
                self.next_part()
            self.trainer.should_stop = self.finished or self.diverged

    def next_part(self) -> None:
        """Begin the next lesson, where this one ends."""
        self.teach(self.part + 1)
        self.balance.sizes = {}
        self.balance.begin(self.points())
        self.loss_of_zero = self._loss_of_zero()
        self.turns = Turns(self.config.phases)
        self.noise, self._noise_said, self.metrics = {}, True, {}

    def teach(self, k: int) -> None:
        """Take lesson k of the curriculum: its residuals, of the same network."""
        self._lesson, problem, config = k, self.lessons[k], self.config
        estimator = Estimator(config.derivatives.estimate_above, config.derivatives.directions)
        network, engine = self.residuals.network, config.derivatives.engine
        self.residuals.become(Residuals(problem, network, engine, config.memory_budget, estimator))
        self.problem = self.balance.problem = self.collocation.problem = problem
        self._noise = NoiseFloor(self.residuals, self._autocast)

    def end_phase(self, why: str) -> None:
        """Go on to the next one; one line about a phase that ends early."""
        phase, steps = self.turns.present, self.turns.step
        if steps < phase.steps and self.parts == 1 and not self.levels and not self.ranks.rank:
            log.warning("%s ends after %d of %d steps: %s", phase.name, steps, phase.steps, why)
        self.turns.next()

    def on_train_end(self) -> None:
        """Measure once more, unless the last step was measured."""
        if self._clock[0] != self.global_step or not self.metrics:
            self._measure()

    @property
    def finished(self) -> bool:
        """Whether all phases are done, or the loss is as small as was asked for."""
        return self.part == self.parts - 1 and (self.turns.finished or self.solved)

    @property
    def solved(self) -> bool:
        """Whether the loss has fallen below `tolerance` times the loss of zero."""
        small = bool(self.metrics) and self.loss <= self.config.tolerance * self.loss_of_zero
        return small and not self._underway

    @property
    def _underway(self) -> bool:
        """Whether the loss is of a time most of which is not reached yet."""
        return self.levels is not None and self.levels.underway

    @property
    def loss(self) -> float:
        """Mean squares of the last measurement, times given weights and normalisation, whatever the scheme."""
        return sum(factor * self.metrics[f"loss/{name}"] for name, factor in self.balance.factors.items())

    @property
    def reached(self) -> dict[str, float | None]:
        """The mean square of each equation at the points of training."""
        return {name: self.metrics.get(f"loss/{name}") for name in self.problem.equations}

    def points(self) -> dict[Place, Points]:
        """The points of the present step, on the device."""
        return self.collocation.at(self.global_step, self.device)

    def losses(self) -> dict[str, Tensor]:
        """The mean square of each equation's residual at the present points, those of all processes."""
        with self._autocast():
            found = self.residuals.losses(self.points())
        zero = torch.zeros((), device=self.device, dtype=next(self.residuals.parameters()).dtype)
        names = list(self.problem.equations)
        return dict(zip(names, self.ranks.sums(found.get(name, zero) for name in names), strict=True))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the place in the list of phases."""
        checkpoint["pinn"] = {
            **self.turns.state(),
            "part": self.part,
            "loss_of_zero": self.loss_of_zero,
            "tries": self.recovery.tries,
            "adaptive": self.collocation.adaptive,
            "metrics": self.metrics,
            "noise": (self.noise, self._noise_measured, self._noise_said),
            "balance": self.balance.state(),
            "levels": self.levels.state() if self.levels else {},
            **about(self.whole, self.config),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Find the place in the list of phases again."""
        state = checkpoint["pinn"]
        self.turns.load(state)
        self.recovery.tries = state.get("tries", 0)
        if self.lessons:
            self.teach(state["part"])
        self.balance.load(state["balance"])
        if self.levels:
            self.levels.kept = state["levels"]
        self.loss_of_zero, self.collocation.adaptive = state["loss_of_zero"], state["adaptive"]
        self.metrics, (self.noise, self._noise_measured, self._noise_said) = state["metrics"], state["noise"]
        self._noisy = bool(self.metrics) and self.loss <= NOISY * self._floor

    def _closure(self, optimizer: Optimizer) -> Callable[[], Any]:
        if self.levels and self.turns.present.method.trains == "output":
            return lambda: self.levels
        if self.turns.present.method.closure == "system":
            return self._system(optimizer.param_groups[0]["params"])

        def closure() -> Tensor:
            loss, gradient = self.gradient(self.ranks)
            for parameter, found in zip(self._all, gradient, strict=True):
                parameter.grad = found
            return loss

        return closure

    def _system(self, parameters: list[Tensor]) -> Callable[[], System | Together]:
        """A closure that gives the least-squares system in these parameters."""
        system = System(self.residuals, self.points(), self.balance, parameters, self._autocast)
        together = system if self.ranks.size == 1 else Together(system, parameters, self.ranks)
        return lambda: together

    def gradient(self, ranks: Ranks) -> tuple[Tensor, list[Tensor]]:
        """The loss at the points of these processes, and the gradient of a step."""
        with self._autocast():
            return self.balance.gradient(self.points(), ranks)

    @torch.no_grad()
    def _loss_of_zero(self) -> float:
        """The loss when the output layer is zero: the size of the sources and of the data.

        Zero, which no loss is below, where that is infinite, as of 1/u.
        """
        layer = output_layer(self.residuals)
        kept = [parameter.clone() for parameter in layer.parameters()]
        for parameter in layer.parameters():
            parameter.zero_()
        factors = self.balance.factors
        loss = sum(factors[name] * float(value) for name, value in self.losses().items())
        for parameter, value in zip(layer.parameters(), kept, strict=True):
            parameter.copy_(value)
        return loss if math.isfinite(loss) else 0.0

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision.autocast)

    def _measure(self, *, closely: bool = False) -> None:
        """Log losses, weights, errors, the time of a step, and the share of the time that went to something else.

        This is the only place that waits for the device.
        """
        began = time.perf_counter()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # what is still to be done of the steps
        steps, now = self.global_step - self._clock[0], time.perf_counter()
        inside = self.stopwatch.seconds + now - began
        losses = {name: loss.detach() for name, loss in self.losses().items()}
        values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
        self.metrics = {f"loss/{name}": value for name, value in values.items()}
        self.metrics |= {f"weight/{name}": weight for name, weight in self.balance.means().items()}
        self.metrics |= self.levels.metrics() if self.levels else {}
        self.metrics |= {f"error/{field}": error for field, error in self.errors().items()}
        self.metrics |= {f"parameter/{name}": value.item() for name, value in self.residuals.learned.items()}
        measured = [peak_bytes(self.device) / 1e6, (now - self._clock[1]) / max(steps, 1)]
        memory, seconds = self.ranks.largest(measured, self.device)
        self.metrics |= {"memory/peak": memory, "time/step": seconds, "time/outside": 1 - inside / (now - self._begun)}
        self.metrics["time/points_per_second"] = self.collocation.count / max(seconds, 1e-9)
        if closely:
            with self._autocast():
                self.metrics |= closer(self.residuals, self.points(), self.balance, self.ranks)
        self.diverged = not self._underway and not all(map(math.isfinite, values.values()))
        self._look_for_the_noise_floor()
        if not self.history or self.history[-1]["step"] < self.global_step:
            self.history.append({"step": self.global_step, **self.metrics})
            for logger in self.loggers:
                logger.log_metrics(self.metrics, self.global_step)
        self._clock, self._begun, self.stopwatch.seconds = (self.global_step, time.perf_counter()), now, 0.0

    def _look_for_the_noise_floor(self) -> None:
        """Say once when the loss is that of rounding; the floor is measured anew when the steps have doubled."""
        if self._noise is None:  # the network is another one at each level
            return
        if not self.noise or self.global_step >= 2 * self._noise_measured:
            found = self._noise.losses(self.points())
            names = list(self.problem.equations)
            worst = self.ranks.largest([found.get(name, 0.0) for name in names], self.device)
            self.noise, self._noise_measured = dict(zip(names, worst, strict=True)), self.global_step
        self._noisy = self.loss <= NOISY * self._floor
        if self._noisy and not self._noise_said and not self.ranks.rank:
            self._noise_said = True
            remedy = "nothing is left to gain" if self._noise.double else "precision=fp64 goes further"
            log.warning(
                "noise floor: rounding alone makes a loss of %.1e in precision=%s, and the loss is %.1e: %s",
                *(self._floor, self.config.precision.name, self.loss, remedy),
            )

    @property
    def _floor(self) -> float:
        """The loss that rounding alone makes."""
        return sum(self.balance.factors[name] * value for name, value in self.noise.items())

    def errors(self) -> dict[str, float]:
        """The relative L2 error of each field at held-out points, where the truth is known."""
        if self.truth is None or self.part < len(self.lessons) - 1:  # the truth is that of the last lesson
            return {}
        x, true = self.truth
        if isinstance(self.residuals.network, Partition):
            here = self.residuals.network.covers(x.to(self.device)).cpu()
            x, true = x[here], true[here]
        if not len(x):  # of a short strip
            return {}
        with torch.no_grad():
            prediction = self.residuals.solution(x.to(self.device, getattr(torch, self.config.precision.dtype))).cpu()
        return {
            field: error["relative_l2"]
            for field, error in metrics.errors(prediction, true, self.problem.fields).items()
        }
