"""Expressions as torch functions."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch


def _elementary(on_tensors: Callable[[Any], Any], on_numbers: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of tensors that also takes the plain numbers left where all symbols have been substituted."""
    return lambda z: on_numbers(z) if isinstance(z, int | float) else on_tensors(z)


TORCH = {
    **{
        name: _elementary(getattr(torch, name), getattr(math, name))
        for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh", "atan", "erf")
    },
    "Abs": _elementary(torch.abs, abs),
    "sign": _elementary(torch.sign, lambda z: float((z > 0) - (z < 0))),
    "pi": math.pi,
}


def torch_function(arguments: Sequence[sympy.Symbol], expressions: Sequence[sympy.Expr]) -> Callable[..., list[Any]]:
    """A function of tensors, one an argument, that gives the value of each expression; common parts are shared.

    The code is made by sympy from expressions of the project's own making, with nothing but the table `TORCH` in reach.
    """
    plain = [sympy.Symbol(f"a{i}", real=True) for i in range(len(arguments))]
    renamed = [e.subs(dict(zip(arguments, plain, strict=True)), simultaneous=True) for e in expressions]
    return sympy.lambdify(plain, renamed, modules=[TORCH], cse=True)
