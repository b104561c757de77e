"""Equations as text: parsed by a whitelist, kept as sympy expressions."""

from pinn.language.calculus import CARTESIAN, Calculus
from pinn.language.errors import LanguageError, LostSource, about, cut, did_you_mean
from pinn.language.evaluation import torch_function
from pinn.language.extremes import extreme
from pinn.language.linear import Decomposition, LinearOperator, decompose, has_field
from pinn.language.parser import Statement, constant, edges_of, parse, parse_equation, parse_function, parse_quantity
from pinn.language.powers import extended, open_bases
from pinn.language.printer import equation_latex, to_latex, to_text
from pinn.language.scope import (
    RESERVED,
    TIME,
    Called,
    Integral,
    Opaque,
    Scope,
    called,
    coordinate,
    normal,
    opaque,
    parameter,
    partner_name,
)

__all__ = [
    "CARTESIAN",
    "RESERVED",
    "TIME",
    "Calculus",
    "Called",
    "Decomposition",
    "Integral",
    "LanguageError",
    "LinearOperator",
    "LostSource",
    "Opaque",
    "Scope",
    "Statement",
    "about",
    "called",
    "constant",
    "cut",
    "coordinate",
    "decompose",
    "did_you_mean",
    "edges_of",
    "equation_latex",
    "extended",
    "extreme",
    "has_field",
    "normal",
    "opaque",
    "open_bases",
    "parameter",
    "partner_name",
    "parse",
    "parse_equation",
    "parse_function",
    "parse_quantity",
    "to_latex",
    "to_text",
    "torch_function",
]
