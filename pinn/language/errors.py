"""The one error that a wrong text gets."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class LanguageError(ValueError):
    """A text that is not an equation of the language.

    The message quotes the text, marks the place and says what would be right.

    Args:
        message: What is wrong and what would be right.
        text: The text it is about.
        start: First character of the place, counted in `text`.
        end: One past its last character.
    """

    def __init__(self, message: str, text: str = "", start: int = 0, end: int | None = None):
        self.reason = message
        end = len(text) if end is None else end
        mark = " " * start + "^" * max(1, end - start)
        super().__init__(f"{message}\n  {text}\n  {mark}" if text else message)


class LostSource(LanguageError):
    """A derivative of what jumps, whose source on the jump would be lost."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, empty where none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


@contextmanager
def about(where: str) -> Iterator[None]:
    """Say which entry of the problem an error is about."""
    try:
        yield
    except ValueError as error:
        kind = LostSource if isinstance(error, LostSource) else LanguageError
        raise kind(f"{where}: {error}") from None
