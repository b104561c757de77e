# ruff: noqa: E501 - a table
"""Bad inputs by their kinds: what is typed, what is handed over, and what of it the message has to quote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import yaml
from benchmarks.bad_problems import (
    LINE,
    MINE,
    OWN,
    PLANE,
    SMALL,
    data,
    expressions,
    intervals,
    line,
    own,
    places,
    references,
    shapes,
    yamls,
)
from benchmarks.refusals import Case

import pinn


def numbers() -> Iterator[Case]:
    """Numbers that are none, do not fit, or fit no memory."""
    kind = "numbers of the configuration"
    wrong = ("-1", "abc", "nan", "inf", "1e300", "[1,2]", "{a:1}")
    whole = ("seed", "network.width", "network.depth", "sampling.points", "sampling.boundary_points", "optimizer.steps")
    real = ("tolerance", "budget", "checkpoint_every", "optimizer.lr", "network.scale")
    for key in (*whole, *real):
        for value in wrong:
            if (key, value) in (("network.scale", "{a:1}"), ("budget", "1e300"), ("checkpoint_every", "1e300")):
                continue
            yield line(kind, key, f"{key}={value}")
    for key in whole:
        yield line(kind, f"{key}=1.5", f"{key}=1.5")
        yield line(kind, f"{key}={2**64}", f"{key}={2**64}")
        yield line(kind, key, f"{key}=null")
    for key in ("network.width", "network.depth", "sampling.points", "sampling.boundary_points"):
        yield line(kind, f"{key}=0", f"{key}=0")
        for value in (10**11, 10**13, 10**15):
            soft = {**LINE, "enforce": "soft"} if "boundary" in key else LINE
            yield own("more than there is memory", key, soft, f"{key}={value}")
    for key in ("trainer.devices", "trainer.num_nodes"):
        for value in ("-1", "0", "1.5", "99", str(2**64), "many"):
            if (key, value) != ("trainer.num_nodes", "99"):  # the others may be on their way
                yield line("devices", key, f"{key}={value}")
    yield line("devices", "accelerator=cuda", "trainer.accelerator=cuda")
    yield line("devices", "accelerator=mps", "trainer.accelerator=mps")
    yield line("devices", "trainer.accelerator=tpu", "trainer.accelerator=tpu")
    yield line("devices", "accelerator=gpu", "trainer=gpu")
    yield line("devices", "trainer=tpu", "trainer=tpu")
    for value in ("-1", "abc", "1XB", "1e400"):
        yield line(kind, "memory_budget", f"memory_budget={value}")
    for value in ("-2", "abc", str(2**64)):
        yield line(kind, "trainer.max_steps", f"trainer.max_steps={value}")
    for value in ("soon", "-1", "99"):
        yield line(kind, "trainer.max_time", f"trainer.max_time={value}")
    for key, value in (
        ("optimizer.betas", "[0.9]"), ("optimizer.betas", "[2,3]"), ("optimizer.betas", "[nan,0.9]"),
        ("optimizer.warmup", "-1"), ("optimizer.decay", "nan"), ("optimizer.decay_every", "0"),
        ("network.activation", "relu"), ("precision.dtype", "float16"), ("derivatives.engine", "magic"),
        ("derivatives.directions", "0"), ("derivatives.estimate_above", "-3"), ("balancing.normalise", "perhaps"),
        ("sampling.resample_every", "-1"), ("trainer.log_every_n_steps", "0"), ("dry_run", "maybe"),
        ("resume", "3"), ("silence", "[nothing]"), ("slabs", "10000"), ("+slabs", "10000"),
        ("+balancing.weights.bend", "nan"), ("+balancing.weights.bend", "inf"), ("+balancing.weights.bend", "-1"),
        ("+balancing.causal", "{chunks:1}"), ("+balancing.causal", "{chunks:8}"), ("+curriculum.nu", "[1]"),
        ("+curriculum.nu", "[1,2]"), ("+curriculum.nu", "[nan,2]"), ("network.cells", "{x:3}"),
    ):  # fmt: skip
        said = "time" if value == "{chunks:8}" else key.lstrip("+").split(".")[-1]
        yield line(kind, said, f"{key}={value}")
    for cells in ("{x:0}", "{x:-1}", "{x:1.5}", "{y:3}", "{x:1000000000000}", "many", "{}"):
        yield _of_cells(kind, cells)
    yield _of_cells("more than there is memory", "{x:100000000000}")
    for optimizer in ("gauss_newton", "least_squares", "ssbroyden", "spring", "nystrom_newton_cg"):
        yield own(
            "more than there is memory", "network.width=30000", PLANE, f"optimizer={optimizer}", "network.width=30000",
            "network.depth=3", "network.scale=1", "sampling.points=100000",
        )  # fmt: skip


def _of_cells(kind: str, cells: str) -> Case:
    typed = (*MINE, "network=partition", "optimizer=least_squares", "network.local.width=5", f"network.cells={cells}")
    return Case(kind, "network.cells", typed, {OWN: yaml.safe_dump(LINE)})


def lines() -> Iterator[Case]:
    """What Hydra's command line cannot take."""
    kind = "the command line"
    long = "n" * 10_000
    for typed, quotes in (
        (("pde=",), "pde"), (("pde",), "pde"), (("=3",), "=3"), (("seed==1",), "seed"),
        (("pde=[a,b]",), "pde"), (("pde={a:1}",), "pde"), (("pde=null",), "pde"), (("pde=3",), "pde=3"),
        (("pde=~no_such_user",), "~no_such_user"), (("pde=../poisson",), "../poisson"),
        (("pde=/etc/passwd",), "/etc/passwd"), (("pde=a b",), "a b"),
        ((f"pde={long}",), "nnnn"), ((f"pde=poisson {long}=1",), "nnnn"), (("pde=poisson", f"{long}=1"), "nnnn"),
        (("pde=poisson", f"seed={'9' * 5000}"), "9999"), (("pde=poisson", f"run_dir={long}", *SMALL), "run_dir=nnn"),
        (("pde=poisson", "run_dir=~no_such_user/x", *SMALL), "~no_such_user"), (("pde=poisson", f"init={long}", *SMALL), "nnn"),
        (("pde=poisson", "init=~no_such_user", *SMALL), "~no_such_user"), (("pde=poisson", "resume=~no_such_user", *SMALL), "~no_such_user"),
        (("pde=poisson", f"resume={long}", *SMALL), "resume=nnn"), (("pde=poisson", "init=nowhere"), "init=nowhere"),
        (("pde=poisson", "resume=nowhere", *SMALL), "resume=nowhere"), (("trian", "pde=poisson"), "trian"),
        (("pde=poisson", "--config-dir"), "--config-dir"), (("pde=poisson", "--config-dir=nowhere"), "nowhere"),
        (("pde=poisson", f"--config-dir={long}"), "nnn"), (("pde=poisson", "--config-dir=~no_such_user"), "~no_such_user"),
        (("pde=poisson", "--multirun=3"), "--multirun"), (("pde=poisson", "-x"), "-x"), (("pde=poisson", "seed"), "seed"),
        (("pde=poisson", "seed=1,2"), "seed=1,2"), (("pde=poisson", "network=mlp,siren"), "network"),
        (("pde=poisson", "hydra.run.dir=${now:%Y}", "+hydra.x=1"), "hydra.x"), (("pde=poisson", "seed=${nobody}"), "nobody"),
        (("pde=poisson", "seed=${seed}"), "seed"), (("pde=poisson", "seed=${oc.env:NOBODY_IS}"), "NOBODY_IS"),
        (("pde=poisson", "seed=${"), "seed"), (("pde=poisson", "'seed=1"), "seed"), (("pde=poisson", "seed='1"), "seed"),
        (("pde=poisson", "~seed"), "seed"), (("pde=poisson", "~pde"), "pde"), (("pde=poisson", "~network"), "network"),
        (("pde=poisson", "~nothing"), "nothing"), (("pde=poisson", "network.width.more=3"), "network.width"),
        (("pde=poisson", "network@here=mlp"), "network@here"), (("pde=poisson", "experiment=nothing"), "nothing"),
        (("pde=poisson", "network=[mlp,siren]"), "network"), (("pde=poisson", "optimizer=3"), "optimizer=3"),
        (("pde=poisson", "optimizer.phases=[]", "optimizer=adam"), "phases"), (("pde=poisson", "optimizer.phases=3"), "phases"),
        (("pde=poisson", "optimizer.phases=[3]"), "phases"), (("pde=poisson", "optimizer.phases=[{}]"), "phases"),
        (("pde=poisson", "init=poisson"), "init=poisson"), (("pde=poisson", "logger=paper"), "paper"),
        (("pde=poisson", "launcher=rocket"), "rocket"), (("pde=poisson", "precision=fp8"), "fp8"),
        (("pde=poisson", "sampling=magic"), "magic"), (("pde=poisson", "derivatives=magic"), "magic"),
        (("pde=poisson", "balancing=magic"), "magic"), (("pde=poisson", "sweep=magic"), "magic"),
        (("pde=poisson", "pde.coordinates=3"), "coordinates"), (("pde=poisson", "pde.fields=3"), "fields"),
        (("pde=poisson", "+pde.domain=sphere"), "sphere"), (("pde=poisson", "\x00=1"), "pde"), (("pde=poisson\x00",), "poisson"),
        (("pde=poisson", "run_dir=file", *SMALL), "run_dir=file"), (("pde=poisson", "run_dir=file/x", *SMALL), "file"),
        (("pde=poisson", "run_dir=/proc/x", *SMALL), "/proc/x"), (("pde=poisson", "run_dir=[a]", *SMALL), "run_dir"),
    ):  # fmt: skip
        yield Case(kind, quotes, typed, {"file": "text"} if any("file" in word for word in typed) else {})
    yield own("an option between two keys", "u_xy", {**LINE, "equations": {"bend": "u_xy = 1"}})
    kind = "sweeps"
    for typed, quotes in (
        (("seed=",), "seed"), (("seed=[]",), "seed"), (("seed=choice()",), "choice()"), (("seed=range(0,0)",), "range(0,0)"),
        (("seed=range(5,1)",), "range(5,1)"), (("seed=glob(nothing*)",), "seed"), (("network=glob(nothing*)",), "network"),
        (("trainer=nothing,cpu",), "nothing"),
        (("trainer.devices=2",), "-m"), (("seed=interval(0,1)",), "interval"), (("seed=shuffle()",), "seed"),
        (("launcher=joblib", "launcher.jobs=abc"), "abc"), (("network=mlp,nothing",), "nothing"),
        (("seed=range(0,10,0)",), "range(0,10,0)"), (("seed=sort()",), "seed"), (("hydra.sweep.dir=a,b",), "hydra.sweep.dir"),
    ):  # fmt: skip
        yield line(kind, quotes, "-m", *typed)
    for ranges, quotes in (
        ("sweep.ranges={}", "ranges"), ("+sweep.ranges.seed=3", "seed"), ("+sweep.ranges.nothing=[0,1]", "nothing"),
        ("+sweep.ranges.seed=[5,1]", "seed"), ("+sweep.ranges.seed={log:[0,1]}", "seed"),
        ("+sweep.ranges.seed={choices:[]}", "seed"), ("+sweep.ranges.seed={magic:1}", "seed"),
        ("+sweep.ranges.seed=[nan,1]", "seed"), ("+sweep.ranges.seed=[a,b]", "seed"),
        ("+sweep.ranges.network.width=[1,2,3]", "width"),
    ):  # fmt: skip
        yield line(kind, quotes, "sweep=optuna", "sweep.trials=1", ranges)
    yield line(kind, "sweep.trials=0", "sweep=optuna", "sweep.trials=0", "+sweep.ranges.seed=[0,3]")


def commands(run: str) -> Iterator[Case]:
    """Commands about a run, which lies in a folder."""
    kind = "the other commands"
    long = "n" * 10_000
    files: dict[str, Any] = {"run": f"copy:{run}", "file": "text", "folder": None}
    for name in ("evaluate", "predict", "export"):
        for typed, quotes in (
            (("run=nowhere",), "nowhere"), (("run=file",), "file"), (("run=folder",), "folder"), (("run=~no_such_user",), "~no_such_user"),
            ((f"run={long}",), "nnn"), (("run=",), "run"), (("run=3",), "3"), (("run=[a]",), "run"), (("run",), "run"), (("rnu=run",), "rnu"),
            (("run=run", "nothing=1"), "nothing"), (("run=run", "--fast"), "--fast"), (("run=run", "run"), "run"), (("run=run", "out=3"), "out"),
        ):  # fmt: skip
            yield Case(kind, quotes, (name, *typed), files)
    for typed, quotes in (
        ("norms=[l3]", "l3"), ("norms=3", "norms"), ("norms=[]", "norms"), ("points=0", "points=0"), ("points=abc", "abc"), ("points=1000000000000", "points"),
        (f"points={2**64}", "points"), ("by=z", "z"), ("by=3", "by"), ("parts=0", "parts=0"), ("parts=-1", "parts=-1"), ("by=x parts=1000000000000", "parts"), ("where=x", "where"),
        ("where='x < '", "x <"), ("where='z < 1'", "z"), ("where='x < -5'", "x < -5"), ("quantities=[v]", "v"), ("quantities=u_y", "quantities"),
        ("quantities=['u(x=3)']", "x=3"), ("quantities=['dn(u)']", "dn(u)"), ("quantities=[]", "quantities"), ("out=nowhere/a.csv", "nowhere"), ("out=folder", "folder"),
        (f"out={long}", "nnn"), ("quantities=['log(x - 2)']", "log(x - 2)"),
    ):  # fmt: skip
        yield Case(
            kind,
            quotes,
            ("evaluate", "run=run", *(typed.split(" ", 1) if typed.startswith("by=x ") else [typed])),
            files,
        )
    for typed, quotes in (
        ("grid=0", "grid"), ("grid=-1", "grid"), ("grid=abc", "abc"), ("grid=1.5", "1.5"), ("grid=1000000000000", "grid"), (f"grid={2**64}", "grid"), ("grid=[1,2]", "grid"),
        ("grid={y:3}", "y"), ("grid={x:[0,5]}", "5"), ("grid={x:[a]}", "a"), ("grid=[]", "grid"), ("grid={x:[]}", "x"), ("out=u.xyz", "u.xyz"), ("out=u", "u"),
        ("out=[]", "out"), (f"out={long}.npz", "nnn"), ("quantities=[v]", "v"), ("quantities=['u(x=0)']", "u(x=0)"), ("grid=true", "grid"),
        ("grid={x:[nan]}", "nan"), ("out=~no_such_user/u.npz", "no_such_user"),
    ):  # fmt: skip
        yield Case(kind, quotes, ("predict", "run=run", typed), files)
    for typed, quotes in (("out=u.xyz", "u.xyz"), ("out=[]", "out"), ("out=folder", "folder"), (f"out={long}.pt2", "nnn")):  # fmt: skip
        yield Case(kind, quotes, ("export", "run=run", typed), files)
    for typed, quotes in (
        (("report", "nowhere"), "nowhere"), (("report", "file"), "file"), (("report", "folder"), "folder"), (("report", "a", "b"), "a b"), (("report", long), "nnn"),
        (("report", "~no_such_user"), "~no_such_user"), (("watch", "nowhere"), "nowhere"), (("watch", "file"), "file"), (("watch", "folder"), "folder"), (("watch", "run", "port=abc"), "abc"),
        (("watch", "run", "port=99999"), "99999"), (("watch", "run", "port=-1"), "-1"), (("watch", long), "nnn"), (("watch", "~no_such_user"), "~no_such_user"),
        (("report", ""), "empty"), (("report", "\x00"), "\\x00"),
    ):  # fmt: skip
        yield Case(kind, quotes, typed, files)
    for file in ("last.ckpt", "config.yaml"):
        for content in ("", "text", b"\0" * 1000, "[1]", None):
            for name in ("evaluate", "report", "watch"):
                if name == "watch" and file == "last.ckpt":
                    continue
                broken = {"run": f"copy:{run}", **({} if content is None else {f"run/{file}": content})}
                if content is not None:
                    yield Case("broken runs", "run", (name, "run" if name != "evaluate" else "run=run"), broken)


def _line(**changes: Any) -> pinn.Problem:
    return pinn.Problem(**{**LINE, "functions": {"f": lambda x: x[:, 0]}, "equations": {"bend": "u_xx = f"}, **changes})


def _solved(*lines: str, **changes: Any) -> object:
    return pinn.solve(_line(**changes), *SMALL, *lines)


def python() -> Iterator[Case]:
    """What is handed over in Python."""
    kind = "Python functions"
    functions: dict[str, Callable[..., Any]] = {
        "column": lambda x: x[:, :1], "number": lambda x: 1.0, "none": lambda x: None, "numpy": lambda x: np.zeros((len(x), 2)),
        "text": lambda x: "a", "short": lambda x: x[:-1, 0], "nan": lambda x: x[:, 0] * torch.nan, "scalar": lambda x: x.sum(),
        "list": lambda x: [1.0], "complex": lambda x: x[:, 0] * 1j, "whole": lambda x: x, "integers": lambda x: (x[:, 0] > 0.5).int().reshape(-1, 1),
    }  # fmt: skip
    for name, f in functions.items():
        yield _named(kind, "f", f"solve, a function that gives {name}", lambda f=f: _solved(functions={"f": f}))
        if name not in ("number", "scalar", "whole", "nan"):
            yield _named(
                kind, "f", f"solve, a law that gives {name}",
                lambda f=f: _solved(functions={"f": lambda u: f(u.reshape(-1, 1))}, equations={"bend": "u_xx = f(u)"}),
            )  # fmt: skip
        if name not in ("column", "integers", "whole"):
            given = {"seen": {"points": 5, "values": f}}
            yield _named(
                kind, "seen", f"observed values that are {name}", lambda given=given: _line(observations=given)
            )
    kind = "arguments in Python"
    for name, call, quotes in (
        ("solve a text", lambda: pinn.solve("poisson"), "poisson"),  # pyright: ignore[reportArgumentType]
        ("solve nothing", lambda: pinn.solve(None), "None"),  # pyright: ignore[reportArgumentType]
        ("solve a dict", lambda: pinn.solve(LINE), "coordinates"),  # pyright: ignore[reportArgumentType]
        ("solve, sede=1", lambda: pinn.solve(_line(), sede=1), "sede"), ("solve, seed=abc", lambda: pinn.solve(_line(), seed="abc"), "abc"),
        ("solve, network=mpl", lambda: pinn.solve(_line(), network="mpl"), "mpl"), ("solve, network.widht=3", lambda: _solved("network.widht=3"), "widht"),
        ("solve, an object", lambda: pinn.solve(_line(), seed=object()), "seed"), ("solve, seed=[1]", lambda: pinn.solve(_line(), seed=[1]), "seed"),
        ("solve, width of terabytes", lambda: _solved("network.width=1000000000000"), "network.width"), ("solve, no line", lambda: _solved("abc"), "abc"),
        ("solve, a sweep", lambda: _solved("seed=1,2"), "seed"), ("solve, seed=2**64", lambda: pinn.solve(_line(), seed=2**64), str(2**64)),
        ("solve, pde=heat", lambda: pinn.solve(_line(), pde="heat"), "pde"), ("load nowhere", lambda: pinn.load("nowhere"), "nowhere"),
        ("load a long name", lambda: pinn.load("n" * 10_000), "nnn"), ("load nothing", lambda: pinn.load(None), "None"),  # pyright: ignore[reportArgumentType]
        ("Problem.load poison", lambda: pinn.Problem.load("poison"), "poison"), ("Problem.load none.yaml", lambda: pinn.Problem.load("none.yaml"), "none.yaml"),
        ("Problem.load a long name", lambda: pinn.Problem.load("n" * 10_000), "nnn"), ("Problem.load 3", lambda: pinn.Problem.load(3), "3"),  # pyright: ignore[reportArgumentType]
        ("Problem.from_mapping of a text", lambda: pinn.Problem.from_mapping("a"), "'a'"),  # pyright: ignore[reportArgumentType]
        ("Problem.from_mapping of nothing", lambda: pinn.Problem.from_mapping({}), "coordinates"),
        ("Problem, equations in a list", lambda: _line(equations=["u_xx = 1"]), "u_xx = 1"), ("Problem, fields of numbers", lambda: _line(fields=[1]), "1"),
        ("Problem, nan interval", lambda: _line(coordinates={"x": [0, float("nan")]}), "nan"), ("Problem, a function as equation", lambda: _line(equations={"bend": len}), "len"),
        ("Problem, u_y", lambda: _line(equations={"bend": "u_xx = u_y"}), "u_y"), ("Problem, dn inside", lambda: _line(equations={"bend": "u_xx = dn(u)"}), "dn"),
        ("solve, log(x - 2)", lambda: _solved(equations={"bend": "u_xx = log(x - 2)"}), "log(x - 2)"),
        ("solve, run_dir is a file", lambda: pinn.solve(_line(), *SMALL, run_dir="/dev/null"), "/dev/null"),
        ("solve, run_dir=~no_such_user", lambda: pinn.solve(_line(), *SMALL, run_dir="~no_such_user/x"), "~no_such_user"),
        ("solve, reference that does not fit", lambda: _solved(equations={"bend": "u_xx*u = sin(u_x)"}, reference="cole_hopf", functions={}), "cole_hopf"),
        ("derivatives, a text that is none", lambda: pinn.operators.plan({"a": "u_z"}, coordinates=["x"], fields=["u"]), "u_z"),
        ("at an unknown parameter", lambda: _line().at(nu=float("nan")), "nan"), ("quantity u_z", lambda: _line().quantity("u_z"), "u_z"),
    ):  # fmt: skip
        yield _named(kind, quotes, name, call)


def _named(kind: str, quotes: str, name: str, call: Callable[[], object]) -> Case:
    def case() -> object:
        return call()

    case.__name__ = name
    return Case(kind, quotes, python=case)


def cases(run: str) -> list[Case]:
    """All of them, none twice."""
    made = (numbers, lines, intervals, expressions, places, references, data, shapes, yamls, python)
    found = [case for make in made for case in make()] + list(commands(run))
    unlike = {(case.typed, str(case.files), case.python): case for case in found}
    return list(unlike.values())
