"""A problem by another library, in its own environment: `python accuracy_peer.py LIBRARY PROBLEM SEED FOLDER`.

FOLDER has held_out.npz, points and the truth there; metrics.csv and result.json go beside it, in the form of this
framework's runs. `benchmark.py accuracy --peers` calls it; it imports nothing of this framework.

The settings are those that the libraries document. DeepXDE: its examples Burgers and Poisson_Lshape, the latter for
both elliptic problems; Adam, then L-BFGS, float32. PINA: for Poisson's equation its tutorial of that problem; it
documents none for the others, which take the network, the points and the steps of Adam of DeepXDE's.
"""

# their libraries are not among ours
# pyright: reportMissingImports=false

import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

EVERY = 1.0  # seconds between two measurements
NU = 0.01 / np.pi
BOX = {"poisson": ((0, 1), (0, 1)), "biharmonic": ((0, 1), (0, 1)), "burgers": ((0, 1), (-1, 1))}


@dataclass(frozen=True)
class Settings:
    """Points, hidden layers and steps."""

    interior: int
    boundary: int
    start: int
    layers: tuple[int, ...]
    adam: int


LSHAPE = Settings(interior=1200, boundary=120, start=0, layers=(50,) * 4, adam=50_000)
BURGERS = Settings(interior=2540, boundary=80, start=160, layers=(20,) * 3, adam=15_000)
SETTINGS = {"poisson": LSHAPE, "biharmonic": LSHAPE, "burgers": BURGERS}


class Record:
    """Measures now and then what a network predicts, and leaves the files of a run.

    Args:
        folder: Where held_out.npz is.
        predict: Points (N, D) to the field there.
    """

    def __init__(self, folder, predict):
        with np.load(folder / "held_out.npz", allow_pickle=False) as held_out:
            self.x, self.truth = held_out["x"], held_out["truth"][:, 0]
        self.folder, self.predict, self.last, self.steps = folder, predict, time.perf_counter(), 0
        (folder / "metrics.csv").write_text("step,error/u\n")

    def error(self):
        """Relative L2."""
        difference = np.asarray(self.predict(self.x), dtype=np.float64).reshape(-1) - self.truth
        return float(np.linalg.norm(difference) / np.linalg.norm(self.truth))

    def step(self, count=1):
        """Steps were taken."""
        self.steps += count
        if time.perf_counter() - self.last >= EVERY:
            self.measure()

    def measure(self):
        """Append a row."""
        error = self.error()
        with (self.folder / "metrics.csv").open("a") as file:
            file.write(f"{self.steps},{error}\n")
        self.last = time.perf_counter()
        return error

    def finish(self, unknowns, *packages):
        """Write result.json."""
        error = self.measure()
        finite = bool(np.isfinite(error))
        result = {
            "status": "finished" if finite else "diverged",
            "error": {"u": {"relative_l2": error if finite else None}},
            "steps": self.steps,
            "unknowns": unknowns,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        }
        (self.folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")


def source(problem, x, sin, cos):
    """What the operator gives for the exact solution; x (N, 2)."""
    a, b = 2 * np.pi * x[:, 0:1], 2 * np.pi * x[:, 1:2]
    if problem == "poisson":  # -lap(sin(pi x) sin(pi y))
        return 2 * np.pi**2 * sin(a / 2) * sin(b / 2)
    # lap(lap(sin(pi x)**2 sin(pi y)**2)), by sin**2 = (1 - cos)/2
    return 4 * np.pi**4 * (4 * cos(a) * cos(b) - cos(a) - cos(b))


def deepxde(problem, seed, folder):
    """`dde.data.PDE` or `TimePDE`, `dde.nn.FNN`, Adam and L-BFGS."""
    os.environ.setdefault("DDE_BACKEND", "pytorch")
    import deepxde as dde
    import torch

    dde.config.set_random_seed(seed)
    settings, first = SETTINGS[problem], problem == "poisson"

    def laplacian(u, x):
        return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)

    def elliptic(x, u):
        f = source(problem, x, torch.sin, torch.cos)
        return -laplacian(u, x) - f if first else laplacian(laplacian(u, x), x) - f

    def burgers(x, u):
        u_x, u_t = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=0, j=1)
        return u_t + u * u_x - NU * dde.grad.hessian(u, x, i=0, j=0)

    def edge(_, on_boundary):
        return on_boundary

    points = {"num_domain": settings.interior, "num_boundary": settings.boundary}
    columns = [0, 1]
    if problem == "burgers":  # the library has time last
        columns = [1, 0]
        space = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
        ends = dde.icbc.DirichletBC(space, lambda _: 0, edge)
        start = dde.icbc.IC(space, lambda x: -np.sin(np.pi * x[:, 0:1]), lambda _, on_initial: on_initial)
        data = dde.data.TimePDE(space, burgers, [ends, start], num_initial=settings.start, **points)
    else:
        space = dde.geometry.Rectangle([0, 0], [1, 1])
        conditions = [dde.icbc.DirichletBC(space, lambda _: 0, edge)]
        conditions += [] if first else [dde.icbc.NeumannBC(space, lambda _: 0, edge)]
        data = dde.data.PDE(space, elliptic, conditions, **points)
    network = dde.nn.FNN([2, *settings.layers, 1], "tanh", "Glorot normal")
    model = dde.Model(data, network)
    record = Record(folder, lambda x: model.predict(x[:, columns]))

    class Watch(dde.callbacks.Callback):
        seen = 0

        def on_epoch_end(self):
            record.step(self.model.train_state.step - self.seen)
            self.seen = self.model.train_state.step

    watch = Watch()
    model.compile("adam", lr=1e-3)
    model.train(iterations=settings.adam, callbacks=[watch], display_every=settings.adam)
    model.compile("L-BFGS")
    model.train(callbacks=[watch], display_every=settings.adam)
    record.finish(sum(p.numel() for p in network.parameters()), "torch", "deepxde")


def pina(problem, seed, folder):
    """A `SpatialProblem`, `FeedForward`, the solver `PINN`, Adam."""
    import torch
    from lightning.pytorch import Callback
    from pina import Condition, LabelTensor, Trainer
    from pina.domain import CartesianDomain
    from pina.equation import Equation, FixedValue
    from pina.model import FeedForward
    from pina.operator import grad, laplacian
    from pina.optim import TorchOptimizer
    from pina.problem import SpatialProblem
    from pina.solver import PINN

    torch.manual_seed(seed)
    names = ["t", "x"] if problem == "burgers" else ["x", "y"]
    box = dict(zip(names, map(list, BOX[problem]), strict=True))

    def two(u, x):
        return laplacian(u, x, components=["u"], d=names)

    def poisson(x, u):
        return -two(u, x) - source(problem, x.extract(names).tensor, torch.sin, torch.cos)

    def biharmonic(x, u):
        inner = two(u, x)
        inner.labels = ["u"]
        return two(inner, x) - source(problem, x.extract(names).tensor, torch.sin, torch.cos)

    def slope(k):
        return lambda x, u: grad(u, x, components=["u"], d=[names[k]])

    def burgers(x, u):
        u_t, u_x = (grad(u, x, components=["u"], d=[name]) for name in names)
        return u_t + u * u_x - NU * laplacian(u, x, components=["u"], d=["x"])

    def start(x, u):
        return u + torch.sin(np.pi * x.extract(["x"]))

    equations = {"interior": Equation({"poisson": poisson, "biharmonic": biharmonic, "burgers": burgers}[problem])}
    places = {"interior": box}
    for k, name in enumerate(names):
        for side, value in enumerate(box[name]):
            face = f"{name}{side}"
            if problem == "burgers" and name == "t":
                if side == 0:
                    places[face], equations[face] = {**box, name: value}, Equation(start)
                continue
            places[face], equations[face] = {**box, name: value}, FixedValue(0.0)
            if problem == "biharmonic":
                places[f"{face}_slope"], equations[f"{face}_slope"] = places[face], Equation(slope(k))

    class Stated(SpatialProblem):
        output_variables = ["u"]
        spatial_domain = CartesianDomain(box)
        domains = {place: CartesianDomain(ranges) for place, ranges in places.items()}
        conditions = {place: Condition(domain=place, equation=equation) for place, equation in equations.items()}

    stated, settings = Stated(), SETTINGS[problem]
    if problem == "poisson":  # the tutorial's
        layers, activation, lr, steps = (10, 10), torch.nn.Softplus, 0.006, 1000
        stated.discretise_domain(25, "grid", domains=list(places))
    else:
        layers, activation, lr, steps = settings.layers, torch.nn.Tanh, 1e-3, settings.adam
        faces = [place for place in places if place != "interior"]
        stated.discretise_domain(settings.interior, "random", domains=["interior"])
        stated.discretise_domain((settings.start or settings.boundary) // 2, "random", domains=faces)
    network = FeedForward(input_dimensions=2, output_dimensions=1, layers=list(layers), func=activation)
    solver = PINN(stated, network, optimizer=TorchOptimizer(torch.optim.Adam, lr=lr))

    def predict(x):
        with torch.no_grad():
            return network(LabelTensor(torch.as_tensor(x, dtype=torch.float32), names)).detach().cpu().numpy()

    record = Record(folder, predict)

    class Watch(Callback):
        def on_train_epoch_end(self, trainer, module):
            record.step()

    options = {"accelerator": "cpu", "enable_model_summary": False, "enable_progress_bar": False, "logger": False}
    Trainer(solver, max_epochs=steps, callbacks=[Watch()], enable_checkpointing=False, **options).train()
    record.finish(sum(p.numel() for p in network.parameters()), "torch", "pina-mathlab")


if __name__ == "__main__":
    library, chosen, drawn, place = sys.argv[1:]
    {"deepxde": deepxde, "pina": pina}[library](chosen, int(drawn), Path(place))
