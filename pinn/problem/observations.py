"""Observations: measured values of fields, or of expressions in them, at given points.

Shape letters: N points, D coordinates, F fields, Q quantities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy
import torch
from torch import Tensor

from pinn.geometry import Box, Domain, Place, Points
from pinn.language import LanguageError, about, constant, did_you_mean
from pinn.problem.parameters import interval
from pinn.problem.tables import at_row, columns, select

KEYS = ("file", "values", "points", "of", "noise", "seed", "within")
WEIGHT = "weight"
NOISE = 2**31  # added to the seed: noise of the same random numbers as the points would be larger where they are
MOST_POINTS = 10**6  # more are in a file
MOST = 64  # draws a point of the domain, before it is found to be too small


class Observations:
    """Data that a solution is to meet: from a file, from a function, or from the problem's own truth.

    What is observed is fields; the loss of each is the mean of weight * (u - value)**2.

    Args:
        name: What their loss is called.
        given: `{file: data.csv}` with a column for each coordinate and each observed field, and perhaps `weight`; or
            `{points: 200}`, the truth at random points; or `{points: 200, values: function}` with a function of points
            (N, D) that gives (N, Q). `of: [u]` names the observed fields; without it, it is all of them, or those that
            the file has. To the values at random points `noise: 0.01` adds normal noise with that standard deviation,
            a pure function of `seed`. `within: {x: [0, 1/2]}` draws the random points from that part of the domain.
        domain: Where random points lie.
        fields: Names of the F fields.
        constants: Names that numbers may use, `[0, L/2]`.

    Raises:
        LanguageError: A key is unknown, the file lacks something or cannot be read.
    """

    def __init__(
        self,
        name: str,
        given: Any,
        domain: Domain,
        fields: Sequence[str],
        constants: Mapping[str, sympy.Expr] | None = None,
    ):
        if not isinstance(given, Mapping) or ("file" in given) == ("points" in given):
            raise LanguageError(f"{given!r} are no observations; write {{file: data.csv}} or {{points: 200}}")
        for key in given:
            if key not in KEYS:
                raise LanguageError(f"unknown key {key!r}{did_you_mean(str(key), KEYS)}; it takes {', '.join(KEYS)}")
        if "file" in given and {"noise", "seed", "values", "within"} & set(given):
            raise LanguageError("a file has its own points, values and noise: leave out noise, seed, values and within")
        self.name, self.domain, self.fields = name, domain, tuple(fields)
        self.noise, self.seed = float(constant(given.get("noise", 0), constants)), given.get("seed", 0)
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or not 0 <= self.seed < 2**63:
            raise LanguageError(f"seed: {self.seed!r} is no seed; write a whole number such as 0")
        self.function: Callable[[Tensor], Any] | None = given.get("values")
        if self.function is not None and not callable(self.function):
            raise LanguageError(f"values: {self.function!r} is no Python function; a file has its values in columns")
        self._points: Points | None = None
        self.quantities = self._quantities(given.get("of", self.fields))
        if "file" in given:
            self._read(given["file"], "of" in given)
        else:
            with about("within"):
                part = _part(given["within"], domain, constants or {}) if "within" in given else None
            self.x = self._random(given["points"], part)
            if self.function is not None:
                self._fill(self.function)

    @property
    def place(self) -> Place:
        """Where they are."""
        return Place(self.name, data=self)

    @property
    def known(self) -> bool:
        """Whether the values are there; those of the truth are filled in."""
        return self._points is not None

    @property
    def points(self) -> Points:
        """The points, with the observed values beside them."""
        assert self._points is not None, "the truth has not been asked yet"
        return self._points

    def observe(self, truth: Callable[[Tensor], Tensor]) -> None:
        """Take the values from the truth, points (N, D) to fields (N, F)."""
        wanted = [self.fields.index(quantity) for quantity in self.quantities]
        self._fill(lambda x: truth(x)[:, wanted])

    def data_name(self, quantity: str) -> str:
        """What the observed values of a quantity are called in the residual."""
        return f"{self.name}__{quantity}"

    def _fill(self, function: Callable[[Tensor], Any]) -> None:
        found = function(self.x)
        try:
            if isinstance(found, Tensor) and found.is_complex():
                raise TypeError
            values = torch.as_tensor(found, dtype=torch.float64).reshape(len(self.x), -1)
        except (TypeError, ValueError, RuntimeError):
            raise LanguageError(
                f"observations.{self.name}: {found!r} are no real values at {len(self.x)} points; needed is a tensor "
                f"with a column each for {', '.join(self.quantities)}"
            ) from None
        if values.shape[1] != len(self.quantities) or not values.isfinite().all():
            raise LanguageError(
                f"observations.{self.name}: the values have the shape {tuple(values.shape)}, or are not all finite; "
                f"needed is a column each for {', '.join(self.quantities)}"
            )
        generator = torch.Generator().manual_seed(self.seed + NOISE)
        noise = torch.randn(values.shape, generator=generator, dtype=torch.float64)
        self._set(self.x, (values + self.noise * noise).unbind(1), None)

    def _read(self, file: Any, chosen: bool) -> None:
        found = columns(file)
        if not chosen:
            self.quantities = tuple(field for field in self.fields if field in found)
        if not self.quantities:
            raise LanguageError(f"{str(file)!r} has a column for none of the fields {', '.join(self.fields)}")
        weighted = [WEIGHT] if WEIGHT in found else []
        read = select(found, [*self.domain.names, *self.quantities, *weighted], file)
        if len({len(np.ravel(column)) for column in read}) > 1:
            raise LanguageError(f"{str(file)!r}: its columns have different lengths")
        arrays = [torch.from_numpy(np.ravel(column)) for column in read]
        d = len(self.domain.names)
        self.x = torch.stack(arrays[:d], dim=1)
        outside = ~self.domain.inside(self.x)
        if outside.any():
            raise LanguageError(f"{str(file)!r}: the point {self.x[outside][0].tolist()} lies outside the domain")
        weight = arrays.pop() if weighted else None
        if weight is not None and (weight < 0).any():
            row = int((weight < 0).nonzero()[0])
            raise LanguageError(f"{at_row(file, row)} has a negative {WEIGHT}: it is {weight[row]:g}")
        self._set(self.x, arrays[d:], weight)

    def _set(self, x: Tensor, values: Sequence[Tensor], weight: Tensor | None) -> None:
        named = {self.data_name(q): v for q, v in zip(self.quantities, values, strict=True)}
        root = torch.ones(len(x), dtype=torch.float64) if weight is None else weight.sqrt()
        self._points = Points(x, values={**named, self.data_name(WEIGHT): root})

    def _quantities(self, of: Any) -> tuple[str, ...]:
        if not isinstance(of, str | Sequence):
            raise LanguageError(f"of: {of!r} is no list of fields; write of: [{', '.join(self.fields)}]")
        chosen = (of,) if isinstance(of, str) else tuple(of)
        for quantity in chosen:
            if quantity not in self.fields:
                hint = did_you_mean(str(quantity), self.fields)
                raise LanguageError(f"of: {quantity!r} is no field{hint}; they are {', '.join(self.fields)}")
        return chosen

    def _random(self, count: Any, part: Box | None) -> Tensor:
        """Uniform points inside, or inside a part of the domain's box."""
        if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= MOST_POINTS:
            raise LanguageError(
                f"points: {count!r} is no number of points from 1 to {MOST_POINTS}; write one such as 200"
            )
        generator, interior = torch.Generator().manual_seed(self.seed), self.domain.interior
        unit = torch.rand(MOST * count, self.domain.dimension(interior), generator=generator, dtype=torch.float64)
        if part is None:
            return self.domain.sample(interior, unit).x[:count]
        x = part.sample(part.interior, unit).x
        x = x[self.domain.inside(x)]
        if len(x) < count:
            raise LanguageError(f"within: of {len(unit)} points of {part!r} only {len(x)} lie in the domain")
        return x[:count]


def _part(given: Any, domain: Domain, constants: Mapping[str, sympy.Expr]) -> Box:
    """The box of `within`: that of the domain, but for the coordinates that it names."""
    if not isinstance(given, Mapping) or not given:
        raise LanguageError(f"{given!r} is no part of the domain; write {{{domain.names[0]}: [0, 1]}}")
    bounds = dict(zip(domain.names, zip(domain.lower, domain.upper, strict=True), strict=True))
    for name, ends in given.items():
        if name not in bounds:
            hint = did_you_mean(str(name), domain.names)
            raise LanguageError(f"unknown coordinate {name!r}{hint}; they are {', '.join(domain.names)}")
        with about(f"coordinate {name}"):
            low, high = interval(ends, constants)
        least, most = bounds[name]
        if not least <= low <= most or not least <= high <= most:
            raise LanguageError(
                f"coordinate {name}: [{low:g}, {high:g}] leaves the domain, where {name} is in [{least:g}, {most:g}]"
            )
        bounds[name] = low, high
    return Box(bounds, domain.parameters)
