"""Every rule by itself: it sees its ailment, is silent without it, and says nothing that the application refuses."""

import functools
import itertools
import shlex

import hydra
import pytest
from advice import followed

from pinn.app import CONFIGS
from pinn.app.compose import checked
from pinn.doctor.case import Case
from pinn.doctor.measure import ALONG, BINS, Measured
from pinn.doctor.rules import RULES
from pinn.problem import Problem
from pinn.training.build import build, solved
from pinn.training.choice import choose

LINE = {
    "coordinates": {"x": [0, 1]},
    "fields": ["u"],
    "equations": {"bend": "u_xx = -1"},
    "conditions": {"ends": "u(boundary) = 0"},
    "enforce": "soft",
}
HEAT = {
    **LINE,
    "coordinates": {"t": [0, 2], "x": [0, 1]},
    "equations": {"heat": "u_t = u_xx"},
    "conditions": {"start": "u(t=0) = sin(pi*x)", "ends": "u(boundary) = 0"},
}
PERIODIC = {
    **HEAT,
    "conditions": {"start": "u(t=0) = sin(2*pi*x)", "ring": "u(x=0) = u(x=1)", "slope": "u_x(x=0) = u_x(x=1)"},
    "enforce": "hard",
}
LATE = {**HEAT, "conditions": {"end": "u(t=2) = 0", "ends": "u(boundary) = 0"}}  # cannot be cut
FIELDS = {
    **HEAT,
    "coordinates": {"t": [0, 1], "x": [0, 1], "y": [0, 1]},
    "fields": ["u", "v", "p"],
    "equations": {"a": "u_t + p_x = lap(u)", "b": "v_t + p_y = lap(v)", "c": "u_x + v_y = 0"},
    "conditions": {"start": "u(t=0) = 0", "rest": "v(t=0) = 0", "edge": "u(boundary) = 0", "side": "v(boundary) = 0"},
}
SMALL = ("~pde", "experiment=none", "network.width=8", "sampling.points=40", "sampling.boundary_points=8")
SCALE = "network.scale=10"  # else trials find one
FINE, COARSE = [0.0, 1.0] + [0.0] * (ALONG // 2 - 2), [0.0] * (ALONG // 2 - 1) + [1.0]  # of a spectrum
EVEN = [1 / BINS] * BINS
FLAT = (1.0,) * 9


def composed(*lines):
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        scale = [] if any(line.startswith("network=") for line in lines) else [SCALE]
        return checked(hydra.compose("train", [*SMALL, *scale, *lines]))


@functools.cache
def parts(kind, lines):
    problem = Problem(
        name="test", **{"line": LINE, "heat": HEAT, "ring": PERIODIC, "late": LATE, "fields": FIELDS}[kind]
    )
    return problem, choose(problem, composed(*lines))


def case(
    kind="line", lines=(), *, misfit=1e-3, worst=None, ratio=1.0, waves=FINE, shares=EVEN, losses=(1.0,) * 9, **told
):
    """A run whose equations are met to `misfit`, `worst` a thousand times worse, and so on."""
    problem, config = parts(kind, tuple(lines))
    trained = solved(problem, config)
    names, inside = (
        list(trained.equations),
        [n for n in trained.equations if trained.equations[n].place == trained.domain.interior],
    )
    each = {name: dict.fromkeys(trained.coordinate_names, waves) for name in inside}
    regions = {name: dict.fromkeys(trained.coordinate_names, shares) for name in inside}
    misfits = {name: misfit * (1000 if name == worst else 1) for name in names}
    result = {
        "status": "finished", "steps": 9, "noise_floor": dict.fromkeys(names, 1e-30),
        "loss": dict.fromkeys(names, 1e-4), "residual": dict.fromkeys(names, 1e-2 * ratio), **told,
    }  # fmt: skip
    rows = [{"step": k + 1, **{f"loss/{name}": loss for name in names}} for k, loss in enumerate(losses)]
    return Case(problem, config, result, rows, Measured(misfits, {}, misfits, {}, regions, each), 100)


FALLING = tuple(10.0**-k for k in range(9))
EDGE = [0.9, 0.1] + [0.0] * (BINS - 2)
NOISE = {"noise_floor": {"bend": 1.0, "ends": 1.0}}
ADAM, SECOND = "optimizer=adam", "optimizer=least_squares_then_gauss_newton"
RULE = {rule.__name__: rule for rule in RULES}
AILMENTS = {  # the rule; what it sees; what it is to say first; the same without the ailment
    "diverged": ("diverged", {"status": "diverged"}, SECOND, {}),
    "points inside": ("too_few_points", {"ratio": 10.0}, "sampling.points=400", {"ratio": 2.0}),
    "points at the ends": ("too_few_points", {"ratio": 10.0}, "sampling.boundary_points=32", {"ratio": 2.0}),
    "noise": ("rounding", {"lines": ["precision=fp32"], **NOISE}, "precision=fp64", {"lines": [], **NOISE}),
    "float32": ("rounding", {"lines": ["precision=fp32"]}, "precision=fp64",
                {"lines": ["precision=fp32"], "losses": FALLING}),
    "a stall": ("first_order", {"lines": [ADAM]}, SECOND, {"lines": []}),
    "steps of adam": ("first_order", {"lines": [ADAM], "losses": FALLING}, SECOND, {"lines": [ADAM], "misfit": 1e-12}),
    "steps": ("unfinished", {"lines": ["trainer.max_steps=9"], "losses": FALLING}, "trainer.max_steps=-1",
              {"lines": ["trainer.max_steps=9"]}),
    "a weight": ("weights", {"worst": "ends"}, "++balancing.weights.ends=1e+06", {}),
    "slow features": ("network", {"waves": COARSE}, "network.scale=190", {"waves": COARSE, "ratio": 10.0}),
    "a small network": ("network", {}, "network.width=16", {"misfit": 1e-12}),
    "a layer": ("region", {"shares": EDGE}, "sampling=rad", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", AILMENTS)
def test_a_rule_sees_its_ailment_and_nothing_else(name):
    rule, ill, first, well = AILMENTS[name]
    said = [advice.tries[0][0] for advice in RULE[rule](case(**ill))]
    assert first in said
    assert [advice for advice in RULE[rule](case(**well)) if advice.tries[0][0] == first] == []


def test_to_build_a_condition_in_is_advised_where_it_was_not_tried(monkeypatch):
    ill = case("line", worst="ends")
    (advice,) = RULE["weights"](ill)
    assert "enforce: auto" in advice.finding
    monkeypatch.setattr(ill.problem, "softened", {"ends": "its value is piecewise"})
    (advice,) = RULE["weights"](ill)
    assert "enforce" not in advice.finding and advice.tries[0] == ("++balancing.weights.ends=1e+06",)


def test_every_rule_has_its_ailment():
    assert {rule for rule, *_ in AILMENTS.values()} == set(RULE)


def said(kind, lines=(), rules=RULES, **seen):
    """All overrides that are advised."""
    return {
        override for rule in rules for advice in rule(case(kind, lines, **seen)) for t in advice.tries for override in t
    }


RESIDUAL = (RULE["network"], RULE["region"])


def test_features_are_compared_along_their_coordinate():
    waves = [0.0] * 6 + [1.0] + [0.0] * (ALONG // 2 - 7)  # six, and the features end at 3.2
    assert "network.scale=38" in said("heat", waves=waves, rules=RESIDUAL)
    lines = ["network.scale={t: 60, x: 100}"]
    assert not any("scale" in one for one in said("heat", lines, waves=waves, rules=RESIDUAL))
    lines = ["network.scale={t: 4, x: 100}"]
    assert "network.scale.t=38" in said("heat", lines, waves=waves, rules=RESIDUAL)


CONFIGURATIONS = {
    "line": [
        (), (ADAM, "balancing=conflict_free", "precision=bf16"), (ADAM, "balancing=self_adaptive"), ("sampling=gauss",),
        ("optimizer=lbfgs", "balancing=augmented_lagrangian"), ("+balancing.weights.ends=0.1",),
        ("network=siren", ADAM),
        ("trainer.max_steps=9", "precision=fp32"),
    ],
    "heat": [
        (), ("sampling=rad", "sampling.candidates=41"), ("sampling=r3", ADAM, "sampling.candidates=40"),
        (ADAM, "balancing.causal={chunks: 4, tolerance: 1.0}"), ("network.scale={t: 2, x: 3}", ADAM),
        ("network.features={name: fourier, count: 4, scale: 1.0}", "network.scale=1"),
    ],
    "ring": [()],
    "late": [()],
    "fields": [(ADAM, "precision=tf32")],
}  # fmt: skip
SCENES = [
    {}, {"status": "diverged"}, {"ratio": 10.0}, {"losses": FALLING}, {"waves": COARSE}, {"shares": EDGE},
    {"shares": EDGE[::-1]}, {"shares": [0.0] * 7 + [1.0] + [0.0] * (BINS - 8)}, {"worst": 0}, {"worst": -1},
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "lines"), [(kind, lines) for kind, several in CONFIGURATIONS.items() for lines in several]
)
def test_whatever_is_advised_is_accepted(kind, lines):
    problem, config = parts(kind, lines)
    names = list(solved(problem, config).equations)
    tries = set()
    for scene, rule in itertools.product(SCENES, RULES):
        seen = {**scene, "worst": names[scene["worst"]]} if "worst" in scene else scene
        tries |= {t for advice in rule(case(kind, lines, **seen)) for t in advice.tries}
    assert tries
    for several in tries:
        assert shlex.split(shlex.join(several)) == list(several)  # as it is printed, and typed
        build(problem, choose(problem, composed(*followed(lines, several))))


def test_the_check_refuses_what_cannot_be():
    problem, _ = parts("line", ())
    for wrong in ("++balancing.weights.no=1", "optimizer.steps=4"):
        with pytest.raises(Exception, match=r"weights|steps"):
            build(problem, choose(problem, composed(wrong)))
