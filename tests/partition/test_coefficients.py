"""Coefficient fields beside a partition: their columns against differences, their step against dense algebra."""

import math

import pytest
import torch
from partitions import local, partition

from pinn import Problem
from pinn.networks import Waves
from pinn.partition import Cells
from pinn.partition.coefficients import guess
from pinn.partition.newton import newton
from pinn.partition.points import CellPoints
from pinn.partition.system import Sampled
from pinn.partition.terms import parts_of_terms
from pinn.references import observe
from pinn.residuals import Residuals

DARCY = {
    "coordinates": {"x": [0, 1]}, "fields": ["u"], "parameters": {"k": {"field": 1.5}}, "enforce": "soft",
    "functions": {"f": "manufactured"}, "equations": {"darcy": "-d(k*u_x, x) = f"},
    "conditions": {"left": "u(x=0) = 0", "right": "u(x=1) = 1", "known": "k(x=0) = 1"},
    "observations": {"sensors": {"points": 50, "of": ["u"], "noise": 0.01}},
    "exact": {"u": "x + sin(pi*x)/4", "k": "1 + x**2"},
}  # fmt: skip


def sampled(cells=2, width=20, **given):
    """A problem with one coefficient field, or more, on cells."""
    problem = Problem(**{**DARCY, **given})
    observe(problem)
    box = problem.domain
    tiling = Cells.grid(box.lower, box.upper, [cells] * len(box.lower))
    fields = len(problem.fields) - len(problem.coefficients)
    network = partition(tiling, local(width, scale=4.0, fields=fields)).requires_grad_(False)
    network.beside.extend(
        Waves(box.lower, box.upper, g, 20).requires_grad_(False) for g in problem.coefficients.values()
    )
    residuals = Residuals(problem, network)
    drawing = CellPoints(problem, box, width, 0, None, network.lower)
    return Sampled(residuals, network, *drawing.fitted(tiling, torch.ones(len(tiling)), residuals.places))


def conditions(system):
    left, slopes = system.conditions()
    zero = torch.zeros(0, len(system.numbers), dtype=torch.float64)
    return torch.cat([zero[:, 0], *left]), torch.cat([zero, *slopes])


def some(system, seed=0):
    """Numbers near the guess, and coefficients of the cells."""
    generator = torch.Generator().manual_seed(seed)
    system.numbers = guess(system) + 0.1 * torch.randn(len(system.numbers), generator=generator, dtype=torch.float64)
    return [
        torch.randn(system.fields, layer.in_features + 1, generator=generator, dtype=torch.float64)
        for layer in system.partition.layers
    ]


def joined(residual):
    return torch.cat([r for of_place in residual.values() for r in of_place.values()])


TWO = {
    "coordinates": {"x": [0, 1], "y": [0, 1]},
    "parameters": {"k": {"field": 1.5}, "s": {"field": 0}, "c": {"learn": 2}},
    "equations": {"darcy": "-div(k*grad(u)) + c*u**2 = s + f"}, "functions": {"f": "manufactured"},
    "conditions": {"edge": "u(boundary) = 0", "seam": "k(x=0) = k(x=1)*u(x=1)", "mean": "integral(k*u) = 1"},
    "exact": {"u": "x*y", "k": "1 + x", "s": "x - y"},
}  # fmt: skip


@pytest.mark.parametrize("given", [{}, TWO])
def test_the_values_are_those_of_the_whole_network(given):
    given = {k: v for k, v in given.items() if k != "exact"} | (
        {"observations": {}, "functions": {"f": "x"}, "exact": None} if given else {}
    )
    system = sampled(**given)
    coefficients = some(system)
    for layer, c in zip(system.partition.layers, coefficients, strict=True):
        layer.weight.copy_(c[:, :-1])
        layer.bias.copy_(c[:, -1])
    found = system.residual(system.values(coefficients))
    expected = system.residuals.at_points(system.points)
    for (place, name), r in ((pair, found[pair[0]][pair[1]]) for pair in system.names):
        torch.testing.assert_close(r, expected[name].detach(), msg=f"{name} at {place.name}")


@pytest.mark.parametrize("given", [{}, TWO])
def test_columns_are_differences_and_the_target_leaves_the_fields_of_the_cells(given):
    given = {k: v for k, v in given.items() if k != "exact"} | (
        {"observations": {}, "functions": {"f": "x"}, "exact": None} if given else {}
    )
    system = sampled(**given)
    coefficients = some(system)
    here = system.numbers
    values = system.values(coefficients)
    columns, linearised = system.columns(values), system.linearise(values)
    left, slopes = conditions(system)
    generator = torch.Generator().manual_seed(1)
    change = torch.randn(len(here), generator=generator, dtype=torch.float64)
    ends = []
    for step in (1e-5, -1e-5):
        system.numbers = here + step * change
        ends.append((joined(system.residual(system.values(coefficients))), conditions(system)[0]))
    for (after, before), exact in zip(zip(*ends, strict=True), (columns @ change, slopes @ change), strict=True):
        torch.testing.assert_close((after - before) / 2e-5, exact, rtol=1e-5, atol=1e-5)
        assert not len(exact) or not torch.allclose((after - before) / 2e-5, 1.01 * exact, rtol=1e-5, atol=1e-5)
    assert len(left) == (0 if given else 1)
    product = torch.zeros(system.rows, dtype=torch.float64)
    for block, c in zip(linearised.blocks, coefficients, strict=True):
        product[block.rows] += block.matrix @ c.flatten()
    long = sum((part @ c.flatten() for part, c in zip(linearised.long, coefficients, strict=True)), torch.zeros(1))
    whole = torch.cat([product, long]) if len(linearised.target) > system.rows else product
    torch.testing.assert_close(whole - joined(linearised.residual), linearised.target)


def test_the_step_is_that_of_dense_algebra_with_the_other_fields_projected_out():
    system = sampled(width=8)  # few features, none of which depends on the others
    found = newton(system, system.values([torch.zeros(1, 9, dtype=torch.float64)] * 2), 10, weight=0.1)
    response = found.response
    linearised = system.linearise(found.values)
    rows = torch.cat([found.scales[pair][system.cells[pair[0]]] for pair in system.names])
    whole = torch.zeros(system.rows, 18, dtype=torch.float64)
    for j, block in enumerate(linearised.blocks):
        whole[block.rows, 9 * j : 9 * j + 9] = block.matrix
    whole, columns = rows[:, None] * whole, rows[:, None] * system.columns(found.values)
    base, sizes, _ = torch.linalg.svd(whole, full_matrices=False)
    base = base[:, sizes > 1e-12 * sizes[0]]
    turned = (columns - base @ (base.T @ columns))[system.data["sensors"]]
    torch.testing.assert_close(response.slopes, turned, rtol=1e-5, atol=1e-9)
    noise, size = response.posterior.noises[0], response.posterior.size
    process = response.posterior.processes[0]
    prior = size**2 * process.variances(system.beside[0].frequencies, 1)
    left, slopes = conditions(system)
    here = system.numbers - guess(system)
    matrix = torch.cat([turned / noise, slopes / (1e-5 * size)])
    target = torch.cat([(turned @ here - response.left) / noise, (slopes @ here - left) / (1e-5 * size)])
    mean = prior * (matrix.T @ torch.linalg.solve((matrix * prior) @ matrix.T + torch.eye(len(matrix)), target))
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    waves = torch.cat([torch.sin(system.beside[0].hidden(system.beside[0].features(x))), torch.ones(50, 1)], dim=1)
    torch.testing.assert_close(waves @ (here + response.change), waves @ mean, rtol=1e-3, atol=1e-3)


def test_equations_of_coefficient_fields_alone_stand_apart():
    system = sampled(conditions={**DARCY["conditions"], "both": "k(x=1) = 2*u(x=1)"})
    assert {name for _, name in system.alone} == {"known"}
    assert "known" not in [name for _, name in system.names] and "both" in [name for _, name in system.names]
    system.numbers = guess(system)
    left, _ = conditions(system)
    torch.testing.assert_close(left, torch.full((len(left),), 0.5, dtype=torch.float64))
    assert math.isfinite(float(joined(system.residual(system.values(some(system)))).sum()))


def test_a_field_that_is_measured_itself_counts_by_its_own_noise():
    observations = {**DARCY["observations"], "probes": {"points": 200, "of": ["k"], "noise": 0.1, "seed": 3}}
    system = sampled(observations=observations)
    assert {name for _, name in system.alone} == {"known", "probes"} and list(system.data) == ["sensors"]
    system.numbers = guess(system)
    found = newton(system, system.values([torch.zeros(1, 21, dtype=torch.float64)] * 2), 10, weight=1e-2)
    assert found.response.posterior.noises[1] == pytest.approx(0.1, rel=0.3)
    here = guess(system) + found.response.change
    system.numbers = here
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    assert float((system.beside[0](x)[:, 0] - 1 - x[:, 0] ** 2).abs().max()) < 0.2


def test_without_data_what_is_left_of_conditions_tells_the_field():
    """A source, from values and slopes at both ends and a value in the middle: as far as they say, exactly."""
    system = sampled(
        equations={"poisson": "u_xx = k", "smooth": "k_xx = 0"}, observations={}, exact=None, functions={},
        conditions={"left": "u(x=0) = 0", "right": "u(x=1) = 0", "in": "u_x(x=0) = -1", "out": "u_x(x=1) = 2"},
    )  # fmt: skip
    system.numbers = guess(system)
    found = newton(system, system.values([torch.zeros(1, 21, dtype=torch.float64)] * 2), 10)
    system.numbers = guess(system) + found.response.change
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    torch.testing.assert_close(system.beside[0](x)[:, 0], 6 * x[:, 0], rtol=0, atol=1e-2)
    assert found.response.deviations is None


def test_a_coefficient_field_is_no_field_that_is_zero_but_for_rounding():
    """Beside two fields on cells, of which one is: parts of terms are of the cells' fields."""
    system = sampled(
        fields=["u", "v"], equations={"darcy": "-d(k*u_x, x) + v = f", "still": "v_x + 1e-14*u = 0"},
        functions={"f": "2*x"}, exact={"u": "x", "v": "0", "k": "1 + x**2"},
        conditions=DARCY["conditions"] | {"v": "v(x=0) = 0"},
    )  # fmt: skip
    found = newton(system, system.values(some(system)), 2)
    parts = parts_of_terms(system, found, torch.tensor([1.0, 1e-14, 1.0], dtype=torch.float64))
    assert parts.shape == (3,) and parts[1] < 1e-10 and parts[2] == 1
