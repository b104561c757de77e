"""How large what a text says may become: nested functions, high powers and high orders grow as exponentials do."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sympy

from pinn.language.errors import LanguageError

SECONDS = 3.0  # of the processor for one text; the longest of the catalogue takes 0.2
MOST_PARTS = 3000  # of what is differentiated: its derivative has some hundred times as many
MOST_TERMS = 3000  # when all is multiplied out
HIGHEST = 12  # order of a derivative
LARGEST = 1e300  # number


class TooLong(LanguageError):
    """A text that is not read in time."""


class _Late(BaseException):
    """What the clock raises: no exception that sympy would catch."""


@contextmanager
def in_time(text: str) -> Iterator[None]:
    """Read a text within `SECONDS`; in other threads than the main one, that has the signals, it may take longer.

    Raises:
        TooLong: It takes longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(*_: object) -> None:
        raise _Late

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    except _Late:
        raise TooLong("this becomes too large: nest fewer functions, or take lower powers and orders", text) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def check_size(value: sympy.Expr) -> None:
    """Refuse to differentiate what is large.

    Raises:
        ValueError: It has more than `MOST_PARTS` parts.
    """
    for count, _ in enumerate(sympy.preorder_traversal(value)):
        if count > MOST_PARTS:
            raise ValueError("what is differentiated here is too large: nest fewer functions, or take a lower order")


def why_too_large(value: sympy.Expr) -> str:
    """What is wrong with the size of a whole expression; nothing where it can be solved with."""
    order = max((d.derivative_count for d in value.atoms(sympy.Derivative)), default=0)
    if order > HIGHEST:
        return f"a derivative of order {order} is too high: {HIGHEST} at most"
    if (count := _terms(value)) > MOST_TERMS:
        return f"this has {count} terms when it is multiplied out, {MOST_TERMS} at most: take lower powers"
    return ""


def _terms(value: sympy.Expr) -> int:
    """How many there are when all is multiplied out and nothing cancels."""
    if isinstance(value, sympy.Add):
        return sum(map(_terms, value.args))
    if isinstance(value, sympy.Mul):
        return math.prod(map(_terms, value.args))
    if isinstance(value, sympy.Pow) and value.exp.is_Integer and value.exp > 0:
        n = int(value.exp)
        return math.comb(n + _terms(value.base) - 1, n)
    return 1


def is_too_large(number: sympy.Expr) -> bool:
    """Whether floating point does not hold a number, such as `exp(1000)`."""
    size = abs(number if number.is_Rational else number.evalf(5))
    return bool(size.is_comparable and size > LARGEST)  # no integral of a field, say
