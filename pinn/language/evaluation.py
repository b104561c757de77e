"""Expressions as torch functions."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch
from sympy.printing.pycode import PythonCodePrinter
from torch import Tensor

from pinn.language.scope import Called


def _elementary(on_tensors: Callable[[Any], Any], on_numbers: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of tensors that also takes the plain numbers left where all symbols have been substituted."""
    return lambda z: on_numbers(z) if isinstance(z, int | float) else on_tensors(z)


TORCH = {
    **{
        name: _elementary(getattr(torch, name), getattr(math, name))
        for name in (
            *(
                "sin",
                "cos",
                "tan",
                "exp",
                "log",
                "sqrt",
                "sinh",
                "cosh",
                "tanh",
                "asin",
                "acos",
                "atan",
                "asinh",
                "erf",
            ),
        )
    },
    "DiracDelta": lambda *z: 0.0,  # what is left of a jump's derivative beside the jump
    "Abs": _elementary(torch.abs, abs),
    "sign": _elementary(torch.sign, lambda z: float((z > 0) - (z < 0))),
    "pi": math.pi,
}
FIRST = "a0"  # the first argument
EXACT = 2**53  # integers that floating point holds, and that tensors take


class _Held(sympy.Function):
    """A value that is differentiated only where a condition holds."""

    nargs = 2
    is_real = True  # it is compared in choices within choices


def _held(value: Any, condition: Any) -> Any:
    if not isinstance(value, Tensor) or not value.requires_grad:
        return value
    return torch.where(torch.as_tensor(condition, device=value.device), value, value.detach())


def _guarded(expression: Any) -> Any:
    """With choices whose slopes are finite where a branch that is not taken has none, as the root below zero.

    The slope of what is not taken is multiplied by zero, and zero times infinity is no number; what such a branch
    depends on is therefore held where it is not taken.
    """
    if not expression.has(sympy.Piecewise):
        return expression
    return expression.replace(lambda e: isinstance(e, sympy.Piecewise), lambda e: _guard(e.args))


def _guard(branches: Any) -> sympy.Expr:
    before, found = [], []
    for value, condition in branches:
        here = sympy.And(condition, *map(sympy.Not, before))
        held = {} if here == True or value.is_polynomial() else {  # noqa: E712 - sympy's own truth
            symbol: _Held(symbol, here) for symbol in value.free_symbols
        }  # fmt: skip
        found.append((value.xreplace(held), condition))
        before.append(condition)
    return sympy.Piecewise(*found, evaluate=False)


def _where(condition: Any, a: Any, b: Any, like: Any) -> Any:
    """Numbers among its arguments become tensors of the dtype and on the device of `like`, if that is one."""
    if not isinstance(like, Tensor):
        return a if condition else b
    first, second = (torch.as_tensor(value, dtype=like.dtype, device=like.device) for value in (a, b))
    return torch.where(torch.as_tensor(condition, device=like.device), first, second)


def _atan2(a: Any, b: Any) -> Any:
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        return math.atan2(a, b)
    like = a if isinstance(a, Tensor) else b
    return torch.atan2(*(torch.as_tensor(value, dtype=like.dtype, device=like.device) for value in (a, b)))


class _Printer(PythonCodePrinter):
    """Choices by tensors, where Python's `if` takes one."""

    def _print_Piecewise(self, expr: Any) -> str:
        (value, condition), *others = expr.args
        if condition == True or not others:  # noqa: E712 - sympy's own truth
            return self._print(value)
        rest = self._print(sympy.Piecewise(*others))
        return f"where({self._print(condition)}, {self._print(value)}, {rest}, {FIRST})"

    def _print_Integer(self, expr: Any) -> str:
        return self._print_Rational(expr)

    def _print_Rational(self, expr: Any) -> str:
        if max(abs(expr.p), expr.q) < EXACT:
            return super()._print_Integer(expr) if expr.q == 1 else super()._print_Rational(expr)
        try:
            return f"({expr.p / expr.q!r})"
        except OverflowError:
            return "(-1e999)" if expr.p < 0 else "1e999"

    def _joined(self, expr: Any, sign: str) -> str:
        return f" {sign} ".join(f"({self._print(part)})" for part in expr.args)

    def _print_And(self, expr: Any) -> str:
        return self._joined(expr, "&")

    def _print_Or(self, expr: Any) -> str:
        return self._joined(expr, "|")

    def _print_Not(self, expr: Any) -> str:
        return f"~({self._print(expr.args[0])})"

    def _print_sign(self, expr: Any) -> str:
        return f"sign({self._print(expr.args[0])})"

    def _print_ITE(self, expr: Any) -> str:
        condition, then, otherwise = expr.args
        return self._print(sympy.Or(sympy.And(condition, then), sympy.And(sympy.Not(condition), otherwise)))


def torch_function(arguments: Sequence[sympy.Symbol], expressions: Sequence[sympy.Expr]) -> Callable[..., list[Any]]:
    """A function of tensors, one an argument, that gives the value of each expression; common parts are shared.

    The code is made by sympy from expressions of the project's own making, with nothing but the table `TORCH` in reach,
    and the Python functions that the expressions hold.
    """
    plain = [sympy.Symbol(f"a{i}", real=True) for i in range(len(arguments))]
    with sympy.evaluate(False):  # what only gets other names needs no time for it
        named_anew = [sympy.sympify(e).xreplace(dict(zip(arguments, plain, strict=True))) for e in expressions]
    renamed = [_guarded(e) for e in named_anew]
    python = {c for e in renamed for c in e.atoms(Called)}
    named = {type(c).__name__: type(c).implementation for c in python}
    printer = _Printer({"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True})
    return sympy.lambdify(
        plain,
        renamed,
        modules=[{**TORCH, **named, "where": _where, "_Held": _held, "atan2": _atan2}],
        printer=printer,
        cse=True,
    )
