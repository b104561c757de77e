"""Names as mathematics: what matplotlib sets between dollar signs."""

import re

import sympy

from pinn.language import Scope, to_latex


def symbol(name: str) -> str:
    """`phi` as a Greek letter, `x1` with an index."""
    return f"${to_latex(sympy.Symbol(name), Scope((), ()))}$"


def caption(text: str) -> str:
    """The same of every name in a caption such as `z = w = 1`."""
    return re.sub(r"(?<![\w.])[^\W\d]\w*", lambda name: symbol(name[0]), text)


def plain(text: str) -> str:
    """A text of the user's, which matplotlib sets as it is."""
    return text.replace("$", r"\$")
