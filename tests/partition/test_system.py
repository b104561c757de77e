"""The least-squares system of a partition, block by block, against nested derivatives in all coefficients."""

import pytest
import torch
from partitions import local, partition, tiling

from pinn import Problem
from pinn.networks import Paired
from pinn.operators.autograd import operator_values
from pinn.partition import Cells
from pinn.partition.system import Sampled
from pinn.residuals import Residuals
from pinn.sampling.cells import points_in_cells

BOX = {"x": [0, 2], "y": [-1, 1]}  # that of `partitions`
HOLE = {"difference": ["box", {"disk": {"center": [1.1, 0.1], "radius": 0.5, "name": "rim"}}]}
TWO = {"coordinates": BOX, "fields": ["u", "v"]}
PROBLEMS = {
    "linear, two fields": {
        **TWO,
        "equations": {"first": "lap(u) + y*v_x = x", "second": "u_xy - 3*v + a*u = 0"},
        "conditions": {
            "edge": "u(boundary) = y", "slope": "dn(v)(boundary) + u(boundary) = x", "corner": "v(x=0, y=1) = 1",
        },
        "parameters": {"a": 0.7},
    },
    "fourth order": {
        "coordinates": BOX, "fields": ["u"],
        "equations": {"plate": "lap(lap(u)) = 1"},
        "conditions": {"edge": "u(boundary) = 0", "slope": "dn(u)(boundary) = 0"},
    },
    "flow": {
        "coordinates": BOX, "fields": ["u", "v", "p"],
        "equations": {
            "along": "u*u_x + v*u_y + p_x = nu*lap(u)", "across": "u*v_x + v*v_y + p_y = nu*lap(v)",
            "mass": "u_x + v_y = 0",
        },
        "conditions": {"u_wall": "u(y=1) = x", "v_wall": "v(y=1) = 0", "out": "p(x=2)**2 = nu*u_x(x=2)"},
        "parameters": {"nu": 0.1},
    },
    "periodic": {
        **TWO,
        "equations": {"burgers": "u_y + u*u_x = 0.3*u_xx + v", "other": "v_y = u**3"},
        "conditions": {
            "value": "u(x=0) = u(x=2)", "slope": "u_x(x=0) + v(x=0) = 2*u_x(x=2)*v(x=2)", "start": "u(y=-1) = x",
        },
    },
    "normals on a hole": {
        **TWO, "domain": HOLE,
        "equations": {"r": "lap(u) - u*v = 0", "s": "lap(v) = 0"},
        "conditions": {"rim": "dn(u)(rim) + v(rim) = x", "box": "u(boundary) = 0"},
    },
    "a disk": {
        "coordinates": BOX, "fields": ["u"], "domain": {"disk": {"center": [1, 0], "radius": 0.9}},
        "equations": {"r": "lap(u) = exp(u)"}, "conditions": {"flux": "dn(u)(boundary) + u(boundary) = y"},
    },
    "in space": {
        "coordinates": {**BOX, "z": [0.5, 1]}, "fields": ["u"],
        "equations": {"r": "lap(u) + u_xyz = u**2"}, "conditions": {"edge": "u(boundary) = z"},
    },
}  # fmt: skip
SHARE = {2: 0.3, 3: 0.1}


def points_of(problem, cells, inside=9, edge=3):
    drawn, owners = {}, {}
    for place in {e.place: None for e in problem.equations.values()}:
        n = inside if place == problem.domain.interior else edge
        drawn[place], owners[place] = points_in_cells(problem.domain, place, cells.lower, cells.upper, n, seed=0)
    return drawn, owners


def system(problem, cells, **options):
    """The same partition in both: blocks of it, and the residuals to compare with."""
    network = partition(cells, local(width=4, depth=2, fields=len(problem.fields)), order=4)
    residuals = Residuals(problem, network, engine="autograd")
    return Sampled(residuals, network, *points_of(problem, cells), **options), residuals


def case(name, cells=None, **options):
    problem = Problem(**PROBLEMS[name], enforce="soft")
    dimensions = len(problem.coordinate_names)
    return system(problem, cells or tiling(dimensions, 1, share=SHARE[dimensions]), **options)


def coefficients(network):
    return [torch.cat([n.output.weight, n.output.bias[:, None]], dim=1).detach() for n in network.networks]


def dense(blocks, rows):
    columns = []
    for block in blocks:
        assert (block.rows.diff() > 0).all()
        columns.append(block.matrix.new_zeros(rows, block.matrix.shape[1]))
        columns[-1][block.rows] = block.matrix
    return torch.cat(columns, dim=1)


def nested_jacobian(residuals, points):
    """All residuals and their derivatives in all output layers, with columns as those of blocks."""
    r = torch.cat(list(residuals(points).values()))
    parameters = [p for output in residuals.network.output for p in (output.weight, output.bias)]
    each = torch.eye(len(r), dtype=r.dtype)
    found = torch.autograd.grad(r, parameters, each, is_grads_batched=True, allow_unused=True)
    found = [r.new_zeros(len(r), *p.shape) if g is None else g for g, p in zip(found, parameters, strict=True)]
    pairs = zip(found[::2], found[1::2], strict=True)
    return r.detach(), torch.cat([torch.cat([w, b[..., None]], dim=2).flatten(1) for w, b in pairs], dim=1)


def flat(residual):
    return torch.cat([r for of_place in residual.values() for r in of_place.values()])


def check(sampled, residuals):
    c = coefficients(sampled.partition)
    values = sampled.values(c)
    r, jacobian = nested_jacobian(residuals, sampled.points)
    blocks, residual, target, _ = sampled.linearise(values)
    found = dense(blocks, sampled.rows)
    assert found.shape == jacobian.shape and len(r) == sampled.rows and jacobian.abs().sum(1).min() > 0
    start = 0
    for place, at in sampled.points.items():
        for name in residuals.plans[place].names:
            rows = slice(start, start := start + len(at.x))
            torch.testing.assert_close(found[rows], jacobian[rows], rtol=0, atol=1e-9 * float(jacobian[rows].norm()))
            torch.testing.assert_close(residual[place][name], r[rows], rtol=0, atol=1e-10 * float(r[rows].norm()))
            torch.testing.assert_close(sampled.residual(values)[place][name], residual[place][name], rtol=0, atol=0)
    whole = jacobian @ torch.cat([one.flatten() for one in c])
    torch.testing.assert_close(target, whole - r, rtol=0, atol=1e-9 * float(whole.norm()))
    assert all(not one.requires_grad for one in (found, target, flat(residual)))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_blocks_are_the_jacobian_of_the_residuals(name):
    check(*case(name))


def test_a_cell_that_meets_a_face_and_its_partner_has_both_in_a_row():
    whole = Cells.grid([0, -1], [2, 1], [1, 2])
    sampled, residuals = case("periodic", whole)
    check(sampled, residuals)
    (place,) = (place for place in sampled.points if place.partner)
    faces = {(j, partner) for partner in (False, True) for j, *_ in sampled.features(place, partner)}
    assert faces == {(0, False), (0, True), (1, False), (1, True)}


def test_the_check_sees_what_is_wrong(monkeypatch):
    sampled, residuals = case("periodic")
    check(sampled, residuals)
    right = Sampled._at
    with monkeypatch.context() as patch:
        patch.setattr(Sampled, "_at", lambda self, place, partner: right(self, place, partner) * (1 - 1e-6 * partner))
        with pytest.raises(AssertionError):
            check(*case("periodic"))
    with monkeypatch.context() as patch:
        patch.setattr(Sampled, "_sides", lambda self, place: (False,))
        with pytest.raises(AssertionError):
            check(sampled, residuals)
    with torch.no_grad():
        sampled.partition.networks[2].hidden[0].weight.mul_(1 + 1e-6)  # features that were kept are of before
    with pytest.raises(AssertionError):
        check(sampled, residuals)


@pytest.mark.parametrize("name", PROBLEMS)
def test_values_are_the_operators_of_the_network(name):
    sampled, residuals = case(name)
    values = sampled.values(coefficients(sampled.partition))
    for place, at in sampled.points.items():
        plan = residuals.plans[place]
        network = Paired(sampled.partition, place.partners) if place.pairs else sampled.partition
        expected = operator_values(network, at.x, plan.operators, plan.fields)
        assert values[place].keys() == expected.keys() and values[place]
        for operator, value in values[place].items():
            torch.testing.assert_close(value, expected[operator].detach(), rtol=1e-10, atol=1e-9)


def test_values_are_linear_in_the_coefficients_and_those_of_zero_are_zero():
    sampled, _ = case("flow")
    c = coefficients(sampled.partition)
    once, twice, none = (sampled.values([k * one for one in c]) for k in (1, 2, 0))
    for place in once:
        for name, value in once[place].items():
            torch.testing.assert_close(twice[place][name], 2 * value)
            assert value.any() and not none[place][name].any()


@pytest.mark.parametrize("name", ["flow", "periodic"])
def test_features_that_are_not_kept_are_the_same(name):
    (kept, _), (anew, _) = (case(name, keep=keep) for keep in (True, False))
    values = [one.values(coefficients(one.partition)) for one in (kept, anew)]
    (blocks, residual, target, _), (others, other_residual, other_target, _) = map(
        lambda one, v: one.linearise(v), (kept, anew), values
    )
    assert torch.equal(dense(blocks, kept.rows), dense(others, anew.rows)) and torch.equal(target, other_target)
    assert torch.equal(flat(residual), flat(other_residual))
    assert kept._kept and anew._kept is None


def test_the_system_goes_on_from_values_of_other_cells():
    """Where it is not linear, the Jacobian is that at the values, whoever gave them."""
    (sampled, _), (other, of_other) = case("flow"), case("flow", tiling(2, 2, seed=4))
    other = Sampled(of_other, other.partition, sampled.points, {})
    values = other.values(coefficients(other.partition))
    _, residual, *_ = sampled.linearise(values)
    torch.testing.assert_close(flat(residual), torch.cat(list(of_other(sampled.points).values())).detach())
    own = sampled.linearise(sampled.values(coefficients(sampled.partition)))
    at_other = sampled.linearise(values)
    assert not torch.allclose(dense(own[0], sampled.rows), dense(at_other[0], sampled.rows))


def test_a_linear_target_is_that_of_the_equations_wherever_it_is_taken():
    sampled, residuals = case("linear, two fields")
    c = coefficients(sampled.partition)
    zero = [torch.zeros_like(one) for one in c]
    (a, _, target, _), (b, residual, of_zero, _) = (sampled.linearise(sampled.values(one)) for one in (c, zero))
    torch.testing.assert_close(target, of_zero, rtol=1e-10, atol=1e-10)
    assert torch.equal(dense(a, sampled.rows), dense(b, sampled.rows)) and torch.equal(of_zero, -flat(residual))


def test_shifts_are_what_the_residual_is_to_be():
    sampled, residuals = case("flow")
    interior, *_ = sampled.points
    shift = torch.linspace(1, 2, len(sampled.points[interior].x), dtype=torch.float64)
    shifted = Sampled(residuals, sampled.partition, sampled.points, sampled.cells, shifts={(interior, "mass"): shift})
    values = sampled.values(coefficients(sampled.partition))
    (blocks, plain, target, _), (others, found, other, _) = (one.linearise(values) for one in (sampled, shifted))
    assert torch.equal(dense(blocks, sampled.rows), dense(others, sampled.rows))
    for place, of_place in plain.items():
        for name, r in of_place.items():
            torch.testing.assert_close(found[place][name], r - shift if name == "mass" else r)
    torch.testing.assert_close(other - target, flat(plain) - flat(found))
    assert (other != target).sum() == len(shift)


def test_a_cell_without_points_has_no_rows():
    sampled, residuals = case("linear, two fields")
    corner = next(place for place in sampled.points if len(sampled.points[place].x) == 1)
    alone = Sampled(residuals, sampled.partition, {corner: sampled.points[corner]}, {corner: sampled.cells[corner]})
    blocks, _, target, _ = alone.linearise(alone.values(coefficients(sampled.partition)))
    touched = [j for j, block in enumerate(blocks) if len(block.rows)]
    assert alone.rows == len(target) == 1 and 0 < len(touched) < len(blocks)
    assert {block.matrix.shape[1] for block in blocks} == {2 * 5}  # fields, features and the constant
    check(alone, residuals)


def test_data_count_by_their_weights(tmp_path):
    (tmp_path / "data.csv").write_text("x,y,u,weight\n0.1,0.2,0.5,4\n1.5,-0.7,0.25,1\n0.3,0.9,0.1,0.5\n")
    given = {**PROBLEMS["linear, two fields"], "observations": {"probe": {"file": tmp_path / "data.csv"}}}
    sampled, residuals = system(Problem(**given, enforce="soft"), tiling(2, 1))
    check(sampled, residuals)
    place = next(place for place in sampled.points if place.data)
    x = sampled.points[place].x
    data = {0.1: (0.5, 4), 1.5: (0.25, 1), 0.3: (0.1, 0.5)}
    known, weight = zip(*(data[one] for one in x[:, 0].tolist()), strict=True)
    found = sampled.residual(sampled.values(coefficients(sampled.partition)))[place]["probe"]
    misfit = sampled.partition(x)[:, 0].detach() - torch.tensor(known).double()
    torch.testing.assert_close(found, torch.tensor(weight).double().sqrt() * misfit)


def test_both_parts_of_a_choice_have_rows_of_one_size_in_every_cell():
    definition = {"coordinates": {"x": [0, 1]}, "fields": ["u"], "conditions": {"ends": "u(boundary) = 0"}}
    cells = Cells.grid([0.0], [1.0], [2], 0)
    cells, _ = cells.halved(torch.tensor([[True], [False]]))

    def of(text):
        return system(Problem(**definition, equations={"contact": text}, enforce="soft"), cells)[0]

    both = of("min(-u_xx/50, u - x) = 0")
    zero = both.values([torch.zeros(1, 5, dtype=torch.float64)] * 3)
    both.weigh(zero)
    ((place, name), factors) = next(iter(both.balance.items()))
    assert (place.name, name, factors.shape) == ("interior", "contact", (2, 3))

    def sizes(text):
        one = of(text)
        rows = torch.cat([block.matrix.square().mean(1) for block in one.linearise(zero_of(one)).blocks])
        which = torch.cat([block.rows for block in one.linearise(zero_of(one)).blocks])
        squares = torch.zeros(one.rows, dtype=torch.float64).index_add_(0, which, rows)
        owners = one.cells[place]
        return torch.stack([squares[: len(owners)][owners == k].mean().sqrt() for k in range(3)])

    def zero_of(one):
        return one.values([torch.zeros(1, 5, dtype=torch.float64)] * 3)

    first, second = sizes("-u_xx/50 = 0"), sizes("u - x = 0")
    assert torch.allclose(factors[0] * first, factors[1] * second, rtol=0.5)  # but for what other cells reach
    assert float(factors[1].max() / factors[1].min()) > 3  # a half as long: a quarter of it
    before = both.residual(zero)[place][name]
    both.balance.clear()
    assert not before.equal(both.residual(zero)[place][name]) and (before <= 0).all()
