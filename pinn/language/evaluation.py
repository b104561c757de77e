"""Expressions as torch functions."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch
from torch import Tensor


def _elementary(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    """A torch function that also takes the plain numbers that are left where all symbols have been substituted."""
    return lambda z: function(torch.as_tensor(z, dtype=torch.float64)) if isinstance(z, int | float) else function(z)


TORCH = {
    "sin": _elementary(torch.sin),
    "cos": _elementary(torch.cos),
    "tan": _elementary(torch.tan),
    "exp": _elementary(torch.exp),
    "log": _elementary(torch.log),
    "sqrt": _elementary(torch.sqrt),
    "sinh": _elementary(torch.sinh),
    "cosh": _elementary(torch.cosh),
    "tanh": _elementary(torch.tanh),
    "atan": _elementary(torch.atan),
    "Abs": _elementary(torch.abs),
    "sign": _elementary(torch.sign),
    "pi": torch.pi,
}


def torch_function(arguments: Sequence[sympy.Symbol], expressions: Sequence[sympy.Expr]) -> Callable[..., list[Any]]:
    """A function of tensors, one an argument, that gives the value of each expression; common parts are shared.

    The code is made by sympy from expressions of the project's own making, with nothing but the table `TORCH` in reach.
    """
    plain = [sympy.Symbol(f"a{i}", real=True) for i in range(len(arguments))]
    renamed = [e.subs(dict(zip(arguments, plain, strict=True)), simultaneous=True) for e in expressions]
    return sympy.lambdify(plain, renamed, modules=[TORCH], cse=True)
