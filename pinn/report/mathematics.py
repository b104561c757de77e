"""A problem as mathematics that a browser shows by itself: MathML, made of the language's own LaTeX."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from html import escape

import sympy
from latex2mathml.converter import convert

from pinn.language import (
    LanguageError,
    Scope,
    constant,
    equation_latex,
    parse,
    parse_equation,
    parse_function,
    to_latex,
)
from pinn.language.calculus import Array
from pinn.problem import Problem

NAMESPACE = "http://www.w3.org/1998/Math/MathML"  # HTML knows it
TALL = ("mfrac", "msqrt", "mtable")  # brackets grow around these
Lines = dict[str, str]  # by name


def latex(problem: Problem) -> dict[str, Lines]:
    """Equations, conditions, what stands for a known number or function in them, and the exact solution, in LaTeX.

    Parameters and functions stay the letters that they are called by.
    """
    names, ends = problem.domain.names, zip(problem.domain.lower, problem.domain.upper, strict=True)
    known = replace(problem.scope, limits=dict(zip(names, ends, strict=True)))
    scope = _letters(known)
    definition = problem.definition
    found = {
        "equations": _statements(definition["equations"], scope, known),
        "conditions": _statements(definition["conditions"] or {}, scope, known),
        "where": {
            name: text for name in (*scope.symbols, *scope.constants) if (text := _meaning(name, problem, scope))
        },
        "exact": _exact(definition["exact"] or {}, scope, problem.scope),
    }
    return {section: lines for section, lines in found.items() if lines}


def mathml(text: str) -> str:
    """LaTeX as MathML; what the converter does not know stays LaTeX."""
    try:
        found = convert(text, display="block")
    except Exception:  # its errors have nothing in common
        return f"<code>{escape(text)}</code>"
    tree = ET.fromstring(found.replace(f' xmlns="{NAMESPACE}"', "").replace("&nbsp;", "&#160;"))
    for row in tree.iter("mrow"):
        _fence(row)
    return ET.tostring(tree, encoding="unicode")


def _fence(row: ET.Element) -> None:
    """Keep brackets small around what is small: without a font for mathematics browsers grow them far too much."""
    tall = any(row.find(f".//{tag}") is not None for tag in TALL)
    for bracket in row.findall("mo[@fence]"):
        bracket.set("stretchy", "true" if tall else "false")
        if not bracket.text:  # of \left., which would still take its space
            row.remove(bracket)


def domain_latex(problem: Problem) -> str:
    """The intervals of the coordinates."""
    domain = problem.domain
    lines = zip(domain.names, domain.lower, domain.upper, strict=True)
    parts = [rf"{_name(name)} \in [{low:g}, {high:g}]" for name, low, high in lines]
    if len(parts) > 6:
        parts = [*parts[:2], r"\ldots", parts[-1]]
    return r", \quad ".join(parts)


def _letters(scope: Scope) -> Scope:
    """With known numbers and functions as symbols, but for vectors and tensors."""
    arrays = {name: value for name, value in scope.constants.items() if isinstance(value, Array)}
    return replace(
        scope, constants=arrays, symbols=(*scope.symbols, *(name for name in scope.constants if name not in arrays))
    )


def _name(name: str) -> str:
    return to_latex(sympy.Symbol(name), Scope((), ()))


def _statements(texts: Mapping[str, str], scope: Scope, exact: Scope) -> Lines:
    return {name: _statement(text, scope, exact) for name, text in texts.items()}


def _statement(text: str, scope: Scope, exact: Scope) -> str:
    try:
        return equation_latex(parse_equation(text, scope), scope)
    except LanguageError:  # a number that must be known, as in u(x=a)
        return equation_latex(parse_equation(text, exact), exact)


def _meaning(name: str, problem: Problem, scope: Scope) -> str:
    """What a letter stands for: a number, an expression; nothing where neither is known."""
    given = {**(problem.definition["parameters"] or {}), **(problem.definition["functions"] or {})}.get(name)
    if isinstance(given, str | int | float):
        try:
            if name in problem.parameters:
                return f"{_name(name)} = {to_latex(constant(given, problem.scope.constants), scope)}"
            if given != "manufactured":
                return f"{_name(name)} = {to_latex(parse_function(str(given), scope), scope)}"
        except LanguageError:
            return rf"{_name(name)} = {problem.parameters[name]:.6g}" if name in problem.parameters else ""
    return ""


def _exact(texts: Mapping[str, str], scope: Scope, exact: Scope) -> Lines:
    found = {}
    for name, text in texts.items():
        try:
            found[name] = f"{_name(name)} = {to_latex(parse(str(text), scope), scope)}"
        except LanguageError:
            found[name] = f"{_name(name)} = {to_latex(parse(str(text), exact), exact)}"
    return found
