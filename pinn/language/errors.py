"""The one error that a wrong text gets."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

LONG = re.compile(r"'[^'\n]{200,}'|\"[^\"\n]{200,}\"|\S{200,}")  # words, and what stands in quotes
LINE = 1500  # characters: a line that lists all problems is shorter
AROUND = 40  # characters of a text that are shown on either side of a place in it


def cut(message: str) -> str:
    """A message without the middle of what is long in it: nobody reads thousands of characters that he has typed."""
    lines = LONG.sub(lambda found: f"{found[0][:60]}...{found[0][-15:]}", message).split("\n")
    return "\n".join(line if len(line) <= LINE else f"{line[: LINE // 2]} ... {line[-200:]}" for line in lines)


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
        self.reason = cut(message)
        end = len(text) if end is None else end
        first, last = max(0, start - AROUND), min(len(text), start + 2 * AROUND)
        before, after = "..." * (first > 0), "..." * (last < len(text))
        mark = " " * (start - first + len(before)) + "^" * max(1, min(end, last) - start)
        shown = f"\n  {before}{text[first:last]}{after}\n  {mark}" if text else ""
        super().__init__(f"{self.reason}{shown}")


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
