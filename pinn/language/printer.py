r"""Expressions back to text: the language itself, which `parse` reads to the same expression, and LaTeX for a report.

Both extend sympy's own printers: only what the language writes in its own way stands here.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false
# pyright: reportGeneralTypeIssues=false

from decimal import Decimal
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from pinn.language.calculus import Value
from pinn.language.errors import LanguageError
from pinn.language.extremes import extreme
from pinn.language.interfaces import Jump
from pinn.language.parser import Statement, parse
from pinn.language.reader import LARGEST_POWER, At
from pinn.language.scope import ELEMENTARY, Called, Integral, Opaque, Scope, coordinate, normal
from pinn.language.source import LONGEST

NAMES = {function: name for name, function in ELEMENTARY.items()}
SHORT_DECIMAL = 4  # significant digits of a rational that a report shows as a decimal


def to_text(expression: sympy.Expr, scope: Scope) -> str:
    """The text that `parse` reads to this expression, such as `u_xx + u_yy - k*sin(pi*x)`.

    Raises:
        LanguageError: The language has no text for a part of it, or the text would be too long to be read.
    """
    text = _TextPrinter(scope).doprint(_fold_normal_derivatives(expression, scope))
    if len(text) > LONGEST:
        raise LanguageError(f"the text of this expression has {len(text)} characters: {LONGEST} at most")
    return text


def to_latex(expression: Value, scope: Scope) -> str:
    r"""The expression in LaTeX, such as `\alpha u_{xx}`, without dollar signs; the normal derivative is `u_{n}`."""
    return _LatexPrinter(scope).doprint(_fold_normal_derivatives(expression, scope))


def equation_latex(statement: Statement, scope: Scope) -> str:
    r"""`left = right` in LaTeX, and where it holds: `\left. u \right|_{x = 0} = 1`."""
    place, partner = statement.place, statement.partner
    left, right = to_latex(statement.left, scope), to_latex(statement.right, scope)
    if partner is not None:
        right = rf"\left. {right} \right|_{{{_place_latex(partner, scope)}}}"
    if place is not None:
        left = rf"\left. {left} \right|_{{{_place_latex(place, scope)}}}"
    return f"{left} = {right}"


def _place_latex(place: At, scope: Scope) -> str:
    if isinstance(place, str):
        return rf"\mathrm{{{place}}}"
    values = {name: sympy.Rational(repr(value)) for name, value in place}
    return ", ".join(f"{to_latex(coordinate(name), scope)} = {to_latex(values[name], scope)}" for name in values)


def _fold_normal_derivatives(expression: Value, scope: Scope) -> Value:
    """`normal_x*u_x + normal_y*u_y` as the symbol `dn(u)`."""
    if not {normal(x.name) for x in scope.space} & expression.free_symbols:
        return expression
    unknowns = {field: scope.unknown(field) for field in scope.fields}
    return expression.subs({scope.calculus.dn(u, scope.normals): _normal_derivative(f) for f, u in unknowns.items()})


def _normal_derivative(field: str) -> sympy.Symbol:
    return sympy.Symbol(f"dn({field})")


class _TextPrinter(StrPrinter):
    """The grammar of `pinn.language.reader`."""

    def __init__(self, scope: Scope):
        super().__init__()
        self.scope = scope
        self.symbols = {symbol: symbol.name for symbol in scope.variables}
        self.symbols |= {sympy.Symbol(name, real=True): name for name in scope.symbols}
        self.symbols |= {_normal_derivative(field): f"dn({field})" for field in scope.fields}
        for i, x in enumerate(scope.space):
            units = ", ".join("1" if i == j else "0" for j in range(len(scope.space)))
            self.symbols[normal(x.name)] = f"dot(normal, ({units}{',' * (len(scope.space) == 1)}))"

    def refuse(self, expr: Any) -> LanguageError:
        return LanguageError(f"the language has no text for {expr} ({type(expr).__name__})")

    def emptyPrinter(self, expr: Any) -> str:  # noqa: N802 - sympy's name
        raise self.refuse(expr)

    _print_Basic = _print_Relational = emptyPrinter

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if isinstance(expr, Opaque):  # its class bears the user's name, by which sympy would choose a method
            return self._print_opaque(expr)
        return super()._print(expr, **kwargs)

    def _print_Jump(self, expr: Jump) -> str:  # noqa: N802 - sympy's name
        return f"jump({self._print(expr.args[0])})"

    def _print_opaque(self, expr: Opaque) -> str:
        if isinstance(expr, Called) and expr.label in self.scope.opaque:
            return f"{expr.label}({self.stringify(expr.args, ', ')})"
        name = type(expr).__name__
        if name not in self.scope.opaque or expr.args != self.scope.variables:
            raise self.refuse(expr)
        return name

    def _print_Symbol(self, expr: sympy.Symbol) -> str:
        if expr not in self.symbols:
            raise self.refuse(expr)
        return self.symbols[expr]

    def _print_AppliedUndef(self, expr: AppliedUndef) -> str:
        name = expr.func.__name__
        if name not in self.scope.fields or expr != self.scope.unknown(name):
            raise self.refuse(expr)
        return name

    def _print_Derivative(self, expr: sympy.Derivative) -> str:
        inner, names = self._print(expr.expr), [x.name for x in expr.variables]
        subscript = f"{inner}_{''.join(names)}"
        if isinstance(expr.expr, AppliedUndef) and self._means(subscript, expr):
            return subscript
        return f"d({', '.join((inner, *names))})"

    def _means(self, text: str, expr: sympy.Expr) -> bool:
        """Whether a text is read as `expr`: `u_x1x` may be another coordinate, field or parameter."""
        try:
            return parse(text, self.scope) == expr
        except LanguageError:
            return False

    def _print_Function(self, expr: sympy.Expr) -> str:
        if expr.func not in NAMES and expr.func is not sympy.atan2:
            raise self.refuse(expr)
        return f"{NAMES.get(expr.func, 'atan2')}({self.stringify(expr.args, ', ')})"

    def _print_Exp1(self, expr: sympy.Expr) -> str:
        return "exp(1)"

    def _print_Integral(self, expr: Integral) -> str:
        if not isinstance(expr, Integral):
            raise self.refuse(expr)
        return f"integral({self._print(expr.args[0])})"

    def _print_DiracDelta(self, expr: sympy.DiracDelta) -> str:
        """From sign(g)' = 2 g' delta(g), for an argument that is linear in a coordinate."""
        argument, order = expr.args[0], int(expr.args[1]) + 1 if len(expr.args) > 1 else 1
        for x in self.scope.variables:
            slope = argument.diff(x)
            if slope.is_Rational and slope != 0:
                derivative = f"d(sign({self._print(argument)}), {', '.join([x.name] * order)})"
                return f"({derivative}/({self._print(2 * slope**order)}))"
        raise self.refuse(expr)

    def _print_Mul(self, expr: sympy.Mul) -> str:
        """`5*(a + b)*c` is read as `(5*a + 5*b)*c`: there the number stands last."""
        text = super()._print_Mul(expr)
        factor, rest = expr.as_coeff_Mul()
        sums = any(part.as_base_exp()[0].is_Add for part in sympy.Mul.make_args(rest))
        if factor == 1 or not sums or rest.is_Add or self._means(text, expr):
            return text
        return f"-({self._print(rest)})" if factor == -1 else f"{self._print(rest)}*({self._print(factor)})"

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:
        """Above the parser's largest exponent as exp(a*log(b)), which sympy reads as b**a."""
        exponent = expr.exp
        if expr.base.is_number and not expr.base.is_positive and not exponent.is_number:
            raise self.refuse(expr)
        if exponent.is_number and abs(exponent) > LARGEST_POWER:
            return f"exp(({self._print(exponent)})*log({self._print(expr.base)}))"
        return super()._print_Pow(expr, rational)

    # -- choices ------------------------------------------------------------------------------------------------------

    def _print_Piecewise(self, expr: sympy.Piecewise) -> str:
        *choices, (text, last) = [(self._print(value), condition) for value, condition in expr.args]
        if last != True:  # noqa: E712 - sympy's own truth
            raise self.refuse(expr)
        for value, condition in choices[::-1]:
            text = f"where({self._print(condition)}, {value}, {text})"
        if found := extreme(expr):
            return f"{found.name}({self._print(found.a)}, {self._print(found.b)})"
        return text

    def _compared(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"

    _print_StrictLessThan = _print_LessThan = _print_StrictGreaterThan = _print_GreaterThan = _compared

    def _print_And(self, expr: sympy.And) -> str:
        return " and ".join(f"({self._print(part)})" for part in expr.args)

    def _print_Or(self, expr: sympy.Or) -> str:
        return " or ".join(f"({self._print(part)})" for part in expr.args)

    def _print_ITE(self, expr: sympy.ITE) -> str:
        condition, then, otherwise = expr.args
        return self._print(sympy.Or(sympy.And(condition, then), sympy.And(sympy.Not(condition), otherwise)))

    def _print_Not(self, expr: sympy.Not) -> str:
        return f"not ({self._print(expr.args[0])})"


class _LatexPrinter(LatexPrinter):
    """Derivatives as subscripts, names as they are spoken, short decimals."""

    def __init__(self, scope: Scope):
        super().__init__({"ln_notation": False})
        self.scope = scope
        self.normal_derivatives = {_normal_derivative(field): field for field in scope.fields}

    def _name(self, name: str) -> str:
        """A letter in italics, a word upright."""
        text = self._deal_with_super_sub(name)
        return rf"\mathrm{{{text}}}" if len(text) > 1 and text.isalpha() else text

    def _subscript(self, name: str, below: str) -> str:
        """A name that has a subscript of its own takes another after a comma."""
        text = self._name(name)
        return f"{text[:-1]}, {below}}}" if text.endswith("}") and "_{" in text else f"{text}_{{{below}}}"

    def _power(self, base: str, exp: str | None) -> str:
        return base if exp is None else f"{base}^{{{exp}}}"

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if isinstance(expr, Called):
            arguments = ", ".join(self._print(argument) for argument in expr.args)
            return self._power(self._name(expr.label), kwargs.get("exp")) + rf"\left({arguments}\right)"
        if isinstance(expr, Opaque):
            return self._power(self._name(type(expr).__name__), kwargs.get("exp"))
        return super()._print(expr, **kwargs)

    def _print_Symbol(self, expr: sympy.Symbol, style: str = "plain") -> str:
        if expr in self.normal_derivatives:
            return self._subscript(self.normal_derivatives[expr], "n")
        if expr in [normal(x.name) for x in self.scope.space]:
            return f"n_{{{self._name(expr.name.removeprefix('normal_'))}}}"
        return self._name(expr.name)

    def _print_AppliedUndef(self, expr: AppliedUndef, exp: str | None = None) -> str:
        return self._power(self._name(expr.func.__name__), exp)

    def _print_Derivative(self, expr: sympy.Derivative) -> str:
        if not isinstance(expr.expr, AppliedUndef):
            return super()._print_Derivative(expr)
        names = [self._name(x.name) for x in expr.variables]
        return self._subscript(expr.expr.func.__name__, ("" if all(len(n) == 1 for n in names) else " ").join(names))

    def parenthesize(self, item: Any, level: int, is_neg: bool = False, strict: bool = False) -> str:
        if isinstance(item, sympy.Derivative) and isinstance(item.expr, AppliedUndef):
            return self._print(item)
        return super().parenthesize(item, level, is_neg=is_neg, strict=strict)

    def _print_Integral(self, expr: Integral | sympy.Integral, exp: str | None = None) -> str:
        if isinstance(expr, sympy.Integral):
            limits = [tuple(map(self._print, limit)) for limit in expr.limits]
            signs = "".join(rf"\int_{{{low}}}^{{{high}}} " for _, low, high in reversed(limits))
            inner = self.parenthesize(expr.function, PRECEDENCE["Mul"])
            text = signs + inner + "".join(rf" \, \mathrm{{d}}{x}" for x, _, _ in limits)
            return text if exp is None else self._power(rf"\left({text}\right)", exp)
        inner = self._print(expr.args[0])
        text = rf"\int \left({inner}\right) \, \mathrm{{d}}V"
        return text if exp is None else self._power(rf"\left({text}\right)", exp)

    def _print_Rational(self, expr: sympy.Rational) -> str:
        short = "" if expr.is_Integer else _decimal(abs(expr), "- " if expr.p < 0 else "")
        return short or super()._print_Rational(expr)

    def _print_Float(self, expr: sympy.Float) -> str:
        return _decimal(sympy.Rational(str(expr))) or super()._print_Float(expr)

    def _print_Mul(self, expr: sympy.Expr) -> str:
        """A short decimal stays a factor; sympy would put its denominator under everything."""
        factor, rest = expr.as_coeff_Mul()
        if factor.is_Rational and not factor.is_Integer and _decimal(abs(factor)):
            number = sympy.Float(Decimal(factor.p) / factor.q)
            return super()._print_Mul(sympy.Mul(number, *sympy.Mul.make_args(rest), evaluate=False))
        return super()._print_Mul(expr)


def _decimal(number: sympy.Rational, sign: str = "") -> str:
    """A rational above zero as a short decimal, empty where it has none."""
    value = Decimal(int(number.p)) / int(number.q)
    if sympy.Rational(str(value)) != number or len(value.normalize().as_tuple().digits) > SHORT_DECIMAL:
        return ""
    if number >= sympy.Rational(1, 1000):
        return f"{sign}{value.normalize():f}"
    mantissa, exponent = f"{value.normalize():e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return f"{sign}{power}" if mantissa == "1" else rf"{sign}{mantissa} \cdot {power}"
