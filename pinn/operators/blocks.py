"""Blocks of channels that are treated alike: one operation on a block in place of one a channel.

The gradient in 100 dimensions is 100 channels, and the Laplacian's product rule treats each of them as any other:
`lap(f g) = f lap g + g lap f + 2 sum_m f_m g_m`. A block is a run of neighbouring channels whose terms differ by a
shift alone, so that the sum over m is one operation.

Shape letters: C channels, B blocks, D coordinates.
"""

from collections.abc import Iterable, Sequence

from pinn.operators.algebra import Algebra, Term

SHORTEST = 32  # channels of a block: below this, channel by channel is no slower, and compiled code fuses better

Products = tuple[tuple[Term, ...], ...]


class Blocks:
    """A partition of the channels, and the product rule between its parts.

    Attributes:
        starts: The first channel of each block.
        lengths: Its number of channels.
        products: For each block i the terms (c, j, k): c times the product of the blocks j and k, channel by channel,
            a block of one channel going with each channel of a longer one; where i has one channel, their sum.
        powers: How to build the powers of a jet `n` without value, from n**2 up to the first that vanishes: entry p
            holds for n**(p+2) the terms of each nonzero block, products of n**(p+1), or of n itself, with n.
        every: All blocks.
    """

    def __init__(self, starts: Sequence[int], lengths: Sequence[int], products: Products):
        self.starts, self.lengths, self.products = tuple(starts), tuple(lengths), products
        self.powers = _powers(products)
        self.every = tuple(range(len(self.starts)))
        self._needed: dict[tuple[int, ...], list[dict[int, tuple[Term, ...]]]] = {}

    def powers_for(self, wanted: tuple[int, ...]) -> list[dict[int, tuple[Term, ...]]]:
        """The powers of `n`, without what the wanted blocks of a power series of n do not need."""
        if wanted not in self._needed:
            self._needed[wanted] = _needed(self.powers, set(wanted))
        return self._needed[wanted]

    def block(self, channel: int) -> int:
        """The block that a channel is in."""
        return max(b for b, start in enumerate(self.starts) if start <= channel)


def partition(algebra: Algebra) -> Blocks:
    """Blocks of at least `SHORTEST` channels where the product rule allows them, else single channels."""
    lengths: list[int] = []
    alike = [_shifted(algebra.products, i) for i in range(algebra.channels)]
    channel = 0
    while channel < algebra.channels:
        end = channel + 1
        while end < algebra.channels and alike[end]:
            end += 1
        lengths += [end - channel] if end - channel >= SHORTEST else [1] * (end - channel)
        channel = end
    blocks = _of_lengths(algebra.products, lengths)
    return blocks or _of_lengths(algebra.products, [1] * algebra.channels)  # pyright: ignore[reportReturnType]


def _shifted(products: Products, i: int) -> bool:
    """Whether the terms that channel i takes part in are those of channel i - 1, moved by one."""
    return i > 1 and _role(products, i) == _role(products, i - 1)


def _role(products: Products, i: int) -> list[tuple[object, ...]]:
    """The terms that channel i takes part in, other channels named by degree-independent marks: fixed or moving."""
    found = []
    for o, terms in enumerate(products):
        for c, j, k in terms:
            if i in (o, j, k):
                found.append((c, *("self" if q == i else "other" for q in (o, j, k))))
    return sorted(found, key=str)


def _of_lengths(products: Products, lengths: Sequence[int]) -> Blocks | None:
    """The blocks of these lengths; None where the product rule is not one between blocks."""
    starts = [sum(lengths[:b]) for b in range(len(lengths))]
    home = [b for b, n in enumerate(lengths) for _ in range(n)]
    between = []
    for i, (start, n) in enumerate(zip(starts, lengths, strict=True)):
        terms = dict.fromkeys((c, home[j], home[k]) for o in range(start, start + n) for c, j, k in products[o])
        written = sorted((o, *t) for o in range(start, start + n) for t in products[o])
        if written != sorted(_spread(i, terms, starts, lengths)):
            return None
        between.append(tuple(terms))
    return Blocks(starts, lengths, tuple(between))


def _spread(
    i: int, terms: Iterable[Term], starts: Sequence[int], lengths: Sequence[int]
) -> Iterable[tuple[int, float, int, int]]:
    """Terms of block i, channel by channel."""
    for c, j, k in terms:
        n = max(lengths[b] for b in (i, j, k))
        for t in range(n):
            o, p, q = (starts[b] + (t if lengths[b] > 1 else 0) for b in (i, j, k))
            yield o, c, p, q


def _powers(products: Products) -> list[dict[int, tuple[Term, ...]]]:
    nonzero, result = set(range(1, len(products))), []
    while True:
        power = {}
        for i, terms in enumerate(products):
            kept = tuple((c, j, k) for c, j, k in terms if j in nonzero and k)
            if kept:
                power[i] = _merge(kept) if not result else kept
        if not power:
            return result
        result.append(power)
        nonzero = set(power)


def _needed(powers: list[dict[int, tuple[Term, ...]]], wanted: set[int]) -> list[dict[int, tuple[Term, ...]]]:
    result, needed = [], set()
    for power in reversed(powers):
        kept = {i: terms for i, terms in power.items() if i in wanted | needed}
        needed = {j for terms in kept.values() for _, j, _ in terms}
        result.append(kept)
    return result[::-1]


def _merge(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Terms of a square: (j, k) and (k, j) are one."""
    merged: dict[tuple[int, int], float] = {}
    for c, j, k in terms:
        key = (min(j, k), max(j, k))
        merged[key] = merged.get(key, 0.0) + c
    return tuple((c, j, k) for (j, k), c in merged.items())
