"""The text of an expression or an equation: its parts as syntax trees, and faults that point into it."""

import ast
from collections.abc import Mapping, Sequence

from pinn.language.errors import LanguageError

LONGEST = 10_000  # characters of one text


class Source:
    """One text.

    Args:
        text: What somebody wrote.

    Raises:
        LanguageError: It is no text, or too long a one.
    """

    def __init__(self, text: str):
        if not isinstance(text, str):
            several = isinstance(text, Sequence | Mapping)
            hint = "give each equation a name of its own" if several else "write an equation such as u_xx + u_yy = 0"
            raise LanguageError(f"{text!r} is no text: {hint}")
        if len(text) > LONGEST:
            raise LanguageError(f"a text of {len(text)} characters is too long: {LONGEST} at most", text)
        self.text = " ".join(text.split())
        self._offset = 0

    def equal_sign(self) -> int:
        """The position of the only `=` outside brackets."""
        found, depth = [], 0
        for i, character in enumerate(self.text):
            depth += (character in "([{") - (character in ")]}")
            if character == "=" and depth == 0:
                found.append(i)
        if len(found) == 1:
            return found[0]
        if not found:
            raise LanguageError("an equation needs one '=': write left = right", self.text)
        if found[1] == found[0] + 1:
            raise LanguageError("write a single '=' between the two sides", self.text, found[0], found[1] + 1)
        raise LanguageError(
            f"an equation has exactly one '=', here are {len(found)}: write one equation a name",
            self.text, found[1], found[1] + 1,
        )  # fmt: skip

    def tree(self, start: int, end: int) -> ast.expr:
        """The syntax tree of `text[start:end]`, which must be one expression."""
        part = self.text[start:end]
        blank = len(part) - len(part.lstrip())
        self._offset = start + blank
        if not part.strip():
            raise LanguageError("one side of the equation is empty: write left = right", self.text, start, end)
        if not part.isascii():
            wrong = next(i for i, c in enumerate(part) if not c.isascii())
            raise LanguageError(
                f"the character {part[wrong]!r} is not of the language; write names in ASCII, such as nu or alpha",
                self.text, start + wrong, start + wrong + 1,
            )  # fmt: skip
        try:
            return ast.parse(part.strip(), mode="eval").body
        except SyntaxError as error:
            column = self._offset + max(0, (error.offset or 1) - 1)
            why = "is a * missing before this?" if "comma" in error.msg else error.msg
            raise LanguageError(f"this is no expression ({why})", self.text, column, column + 1) from None
        except (ValueError, RecursionError, MemoryError):
            raise LanguageError("this is no expression that can be read", self.text) from None

    def error(self, message: str, node: ast.AST) -> LanguageError:
        """A fault that points to the part of the text that a node was read from."""
        start = self._offset + getattr(node, "col_offset", 0)
        return LanguageError(message, self.text, start, self._offset + getattr(node, "end_col_offset", len(self.text)))
