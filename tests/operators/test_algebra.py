"""The minimal algebra: its size, its product, its seeds."""

from fractions import Fraction
from math import comb

import pytest
from channel_table import TABLE
from hypothesis import given, settings
from hypothesis import strategies as st

from pinn.operators import minimal_algebra, plan


@pytest.mark.parametrize(("text", "coordinates", "fields", "channels", "full"), TABLE, ids=lambda v: str(v)[:30])
def test_channel_table(text, coordinates, fields, channels, full):
    equations = text if isinstance(text, dict) else {"r": text}
    planned = plan(equations, coordinates=list(coordinates), fields=list(fields))
    assert planned.channels == channels
    assert planned.channels <= full == comb(len(coordinates) + planned.algebra.order, planned.algebra.order)


POLYNOMIALS = st.dictionaries(
    st.tuples(*[st.integers(0, 3)] * 3).filter(lambda e: sum(e) <= 4),
    st.fractions(-3, 3, max_denominator=5),
    min_size=1,
    max_size=4,
)


def multiply(f, g):
    out = {}
    for a, p in f.items():
        for b, q in g.items():
            e = tuple(i + j for i, j in zip(a, b, strict=True))
            out[e] = out.get(e, 0) + p * q
    return out


def apply(operator, f):
    """`operator(d) f` at the origin: sum of coefficient * derivative."""
    total = Fraction(0)
    for e, c in operator.items():
        factor = 1
        for n in e:
            for i in range(1, n + 1):
                factor *= i
        total += c * factor * f.get(e, 0)
    return total


@settings(max_examples=40, deadline=None)
@given(st.lists(POLYNOMIALS, min_size=1, max_size=2), POLYNOMIALS, POLYNOMIALS)
def test_products_obey_leibniz_exactly(symbols, f, g):
    algebra = minimal_algebra(symbols, 3)
    product = multiply(f, g)
    for i, basis in enumerate(algebra.basis):
        by_rule = sum(
            Fraction(c).limit_denominator(10**6) * apply(algebra.basis[j], f) * apply(algebra.basis[k], g)
            for c, j, k in algebra.products[i]
        )
        assert by_rule == pytest.approx(float(apply(basis, product)), rel=1e-6, abs=1e-9)
    for symbol in symbols:
        assert sum(c * float(apply(algebra.basis[i], f)) for i, c in algebra.read_out(symbol)) == pytest.approx(
            float(apply(symbol, f)), rel=1e-9, abs=1e-9
        )


def test_the_space_is_closed_and_no_larger_than_needed():
    laplacian = {(2, 0): Fraction(1), (0, 2): Fraction(1)}
    algebra = minimal_algebra([laplacian], 2)
    assert algebra.channels == 4 and algebra.pivots[0] == (0, 0)
    assert algebra.seeds()[1:3] == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(AssertionError, match="span"):
        algebra.read_out({(2, 0): Fraction(1)})
