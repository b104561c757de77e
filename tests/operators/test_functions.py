"""Derivatives of plain functions against sympy, and what is refused by either engine, with one line."""

import re

import pytest
import sympy
import torch
from torch import nn

from pinn import operators
from pinn.operators import derivatives

x, y = sympy.symbols("x y")
FUNCTIONS = {
    "closed form": (x**2 * sympy.sin(y) + y**3 * sympy.cos(x), lambda x, y: x**2 * torch.sin(y) + y**3 * torch.cos(x)),
    "by the points": (sympy.exp(x * y), lambda p: torch.exp(p[:, 0] * p[:, 1])),
    "a column": (sympy.log(1 + x**2 + y**4), lambda p: torch.log(1 + p[:, :1] ** 2 + p[:, 1:] ** 4)),
    "an argument with a default": (2 * x**3 * y**2, lambda x, y, k=2: k * x**3 * y**2),
    "vmap": (x**4 * y**3, torch.vmap(lambda x, y: x**4 * y**3)),
    "no graph for y": (x**4, lambda x, y: x**4),
    "a polynomial that ends": (x + y, lambda x, y: x + y),
    "a choice": (x**3 - y, lambda x, y: torch.where(x > 0, x**3 - y, torch.nan)),
}
TEXTS = ["u", "u_x", "u_xx", "u_xy", "u_yyy", "u_xxyy"]
WANTED = [*TEXTS, "lap(lap(u))"]


def closed_form(formula, text):
    """By sympy, as a function of two columns."""
    if text == "lap(lap(u))":
        lap = sum(formula.diff(s, 2) for s in (x, y))
        found = sum(lap.diff(s, 2) for s in (x, y))
    else:
        found = formula.diff(*text.partition("_")[2]) if "_" in text else formula
    return sympy.lambdify((x, y), found, "numpy")


def some(n=7, d=2):
    return 0.2 + torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def check(formula, function):
    points = some()
    for wanted in (WANTED, {f"named {text}": text for text in WANTED}):
        values = derivatives(function, points, wanted)
        assert list(values) == list(wanted)
        for text, value in zip(WANTED, values.values(), strict=True):
            expected = torch.as_tensor(closed_form(formula, text)(*points.numpy().T)).expand(7)
            torch.testing.assert_close(value.detach(), expected.double(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_derivatives_of_its_closed_form(name):
    check(*FUNCTIONS[name])


def test_the_check_sees_a_wrong_answer(monkeypatch):
    formula, function = FUNCTIONS["closed form"]
    with pytest.raises(AssertionError):
        check(formula, lambda x, y: function(x, y) + 1e-9 * x**3)
    monkeypatch.setattr(operators.autograd, "gradient", lambda value, x, **_: torch.ones_like(x))
    with pytest.raises(AssertionError):
        check(formula, function)


def test_coordinates_are_called_as_the_arguments_or_as_somebody_says():
    points = some()
    t, a = points.T
    expected = 12 * t**2 * a
    for found in (
        derivatives(lambda t, a: t**4 * a, points, "u_tt")["u_tt"],
        derivatives(lambda p: p[:, 0] ** 4 * p[:, 1], points, ["v_ss"], coordinates=["s", "r"], fields=["v"])["v_ss"],
        derivatives(lambda p: p[:, 0] ** 4 * p[:, 1], points, ["u_xx"])["u_xx"],
    ):
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)
    (of_one,) = derivatives(lambda t: t**3, points[:, :1], "u_tt").values()
    torch.testing.assert_close(of_one, 6 * t)
    (of_many,) = derivatives(lambda p: (p**3).sum(1), some(d=5), ["u_x4x4"]).values()
    torch.testing.assert_close(of_many, 6 * some(d=5)[:, 3])


def test_several_outputs_are_several_fields_and_inputs_are_open():
    points = some()
    a, b = points.T
    found = derivatives(
        lambda x, y: torch.stack([x**2 * y, x * y**2], 1),
        points,
        {"divergence": "u_x + v_y", "r": "k*u_xy"},
        fields=["u", "v"],
        inputs={"k": torch.tensor(3.0, dtype=torch.float64)},
    )
    torch.testing.assert_close(found["divergence"], 4 * a * b)
    torch.testing.assert_close(found["r"], 6 * a)


def test_derivatives_of_a_function_can_be_differentiated_in_what_it_holds():
    points, k = some(), torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    found = derivatives(lambda x, y: torch.sin(k * x) * y, points, "u_xx")["u_xx"]
    (slope,) = torch.autograd.grad(found.sum(), k)
    a, b = points.T
    expected = (-b * (2 * k * torch.sin(k * a) + k**2 * a * torch.cos(k * a))).sum()
    torch.testing.assert_close(slope, expected.detach())


REFUSED = {
    "a mean over the points": (lambda x, y: x**2 - (x**2).mean(), "rows depend on each other"),
    "a sum up to the point": (lambda x, y: x.cumsum(0) * y, "rows depend on each other"),
    "the largest": (lambda x, y: y * x / x.max(), "rows depend on each other"),
    "neighbours": (lambda p: p[:, 0] * p[:, 1].roll(1), "rows depend on each other"),
    "batch normalisation": (
        lambda p: nn.functional.batch_norm(p, None, None, training=True)[:, 0],
        "batch normalisation in training mode",
    ),
    "numpy": (lambda x, y: torch.as_tensor(x.detach().numpy() ** 2), "nothing leads back"),
    "three arguments": (lambda x, y, z: x, "takes 3 arguments, x, y, z, and the points have 2 columns"),
    "a number": (lambda x, y: 1.0, "gives a float, not one tensor"),
    "two tensors": (lambda x, y: (x, y), "gives a tuple, not one tensor"),
    "too few": (lambda x, y: x[:3], r"gives (3,), not (N, 1)"),
    "one number": (lambda x, y: x.sum(), r"gives (), not (N, 1)"),
    "two columns": (lambda p: p, r"gives (7, 2), not (N, 1), a column each for u"),
    "complex": (lambda x, y: torch.exp(1j * x), "complex values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_function_is_refused_with_one_line(name):
    function, message = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        derivatives(function, some(), ["u_xx"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("n", [2, 3, 50])
def test_dependent_rows_are_seen_for_any_number_of_points(n):
    for function, message in list(REFUSED.values())[:4]:
        with pytest.raises(ValueError, match=message):
            derivatives(function, some(n), ["u_x"])


def test_rows_that_only_look_dependent_are_not_refused():
    sharp = derivatives(lambda x, y: torch.sqrt((x - 1) ** 2) + 1e8 * y, torch.ones(3, 2, dtype=torch.float64), "u_y")
    assert sharp["u_y"].equal(torch.full((3,), 1e8, dtype=torch.float64))
    weak = derivatives(lambda x, y: 1e-12 * x + len(x), some(), "u_x")["u_x"]
    torch.testing.assert_close(weak, torch.full((7,), 1e-12, dtype=torch.float64), rtol=1e-9, atol=0)
    constant = derivatives(lambda x, y: torch.ones(7, dtype=torch.float64), some(), "u_xy")["u_xy"]
    assert not constant.any()


def test_points_are_columns_of_floating_point_numbers():
    with pytest.raises(ValueError, match=r"torch.int64, not of floating point numbers"):
        derivatives(lambda x, y: x * y, torch.ones(3, 2, dtype=torch.int64), ["u_x"])
    with pytest.raises(ValueError, match=r"shape \(3,\), not \(N, D\)"):
        derivatives(lambda x, y: x * y, torch.ones(3), ["u_x"])
    with pytest.raises(ValueError, match="a plan has names"):
        derivatives(lambda x, y: x * y, some(), operators.plan({"r": "u"}, ["x", "y"], ["u"]), fields=["u"])


class Net(nn.Module):
    """A network that may go wrong in its last step."""

    def __init__(self, last, *, outputs=1):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.batch, self.second = nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Linear(5, outputs)
        self.last = last

    def forward(self, p):
        return self.last(self, self.first(p).tanh())


WRONG = {
    "too many": (lambda: Net(lambda m, h: m.second(h), outputs=3), r"(7, 3), not (N, 1)"),
    "none": (lambda: Net(lambda m, h: m.second(h)[:, :0]), r"(7, 0), not (N, 1)"),
    "complex": (lambda: Net(lambda m, h: m.second(h) * 1j), "complex values"),
    "batch normalisation": (lambda: Net(lambda m, h: m.second(m.batch(h))), "batch normalisation in training mode"),
    "batch normalisation by the batch": (
        lambda: Net(lambda m, h: m.second(nn.functional.batch_norm(h, None, None, training=True))).eval(),
        "batch normalisation in training mode",
    ),
}


@pytest.mark.fallback
@pytest.mark.parametrize("engine", operators.ENGINES)
@pytest.mark.parametrize("name", WRONG)
def test_a_network_is_refused_with_one_line_by_either_engine(name, engine):
    make, message = WRONG[name]
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        derivatives(make().double(), some(), ["u_xx"], engine=engine)
    assert "\n" not in str(error.value)


@pytest.mark.fallback
def test_what_resembles_a_refused_network_is_right():
    flat, column = (Net(lambda m, h, c=c: m.second(h)[:, c]).double() for c in (0, slice(0, 1)))
    evaluated = Net(lambda m, h: m.second(m.batch(h))).double().eval()
    assert operators.jet_values(flat, some(), operators.plan({"r": "u_xx"}, ["x", "y"], ["u"])) is not None
    for network in (flat, column, evaluated):
        found, expected = (derivatives(network, some(), "u_xxyy", engine=engine) for engine in operators.ENGINES)
        torch.testing.assert_close(found["u_xxyy"], expected["u_xxyy"], rtol=1e-10, atol=1e-12)
    alike = (derivatives(network, some(), "u_xx")["u_xx"] for network in (flat, column))
    torch.testing.assert_close(*alike)
