r"""Vector calculus in orthogonal coordinates q with scale factors h: Arfken & Weber, Mathematical Methods, ch. 2.

(grad f)_i = (1/h_i) df/dq_i, div F = (1/J) \sum_i d(J F_i/h_i)/dq_i with J = \prod h, lap f = div grad f; components
are those along unit vectors. Coordinates that a problem leaves out are symmetries: their scale factors stay in J.

Shape letters: D coordinates of space.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import sympy
from sympy import ImmutableDenseMatrix as Array

from pinn.language.interfaces import differentiated
from pinn.language.limits import check_size

Value = sympy.Expr | Array  # a number; a vector (D, 1); a tensor (D, D)

R, THETA = sympy.Symbol("r", real=True), sympy.Symbol("theta", real=True)
ONE = sympy.Integer(1)
CARTESIAN = "cartesian"
SYSTEMS: dict[str, dict[str, sympy.Expr]] = {  # scale factors by coordinate
    "polar": {"r": ONE, "phi": R},
    "cylindrical": {"r": ONE, "phi": R, "z": ONE},
    "spherical": {"r": ONE, "theta": R, "phi": R * sympy.sin(THETA)},
}


class Calculus:
    """The operators on numbers, vectors and tensors.

    A tensor is `T_ij` with `grad(U)_ij = d_i U_j` and `div(T)_j = d_i T_ij`, so that `div(grad(U)) = lap(U)` and
    `dot(U, grad(U))` is the convection.

    Args:
        space: The D coordinates.
        system: `cartesian`, or a key of `SYSTEMS`.
        edges: Where fields may be broken: see `pinn.language.interfaces`.

    Raises:
        ValueError: The system is unknown, or the coordinates are not its own.
    """

    def __init__(
        self, space: Sequence[sympy.Symbol], system: str = CARTESIAN, edges: Sequence[sympy.Expr] = ()
    ):  # fmt: skip
        self.space, self.system, self.edges = tuple(space), system, tuple(edges)
        self.factors = (ONE,) * len(self.space)
        self.volume: sympy.Expr = ONE
        if system != CARTESIAN:
            self._take(system)

    def _take(self, system: str) -> None:
        names = [x.name for x in self.space]
        if not isinstance(system, str) or system not in SYSTEMS:
            raise ValueError(f"coordinate_system: {system!r} is unknown; write cartesian, {', '.join(SYSTEMS)}")
        factors = SYSTEMS[system]
        if not set(names) <= set(factors) or "r" not in names or system == "spherical" and names == ["r", "phi"]:
            raise ValueError(
                f"coordinate_system: {system} has the coordinates {', '.join(factors)}, of which all but r may be left "
                f"out where nothing depends on them; here are {', '.join(names)}"
            )
        self.factors = tuple(factors[name] for name in names)
        volume = sympy.Mul(*factors.values())
        self.volume = volume if "theta" in names else volume.subs(sympy.sin(THETA), 1)

    def element(self, fixed: Collection[str] = (), normals: Sequence[sympy.Symbol] = ()) -> sympy.Expr:
        """What one unit of the coordinates' own volume, area or length is in space.

        Args:
            fixed: Coordinates with one value, on a face, a section or an edge.
            normals: The outward normal n in the coordinates, on a boundary: then `J |n/h|`.
        """
        if normals:
            areas = [self.volume / h * n for n, h in zip(normals, self.factors, strict=True)]
            return sympy.sqrt(sympy.Add(*[area**2 for area in areas]))
        return self.volume / sympy.Mul(*[h for x, h in zip(self.space, self.factors, strict=True) if x.name in fixed])

    def d(self, a: Value, *variables: sympy.Symbol) -> Value:
        """The derivative of a number, or of each component of a vector."""
        if isinstance(a, Array):
            return a.applyfunc(lambda component: self.d(component, *variables))
        for x in variables:
            check_size(a)
            a = differentiated(a, x, self.edges) if self.edges else a.diff(x)
        return a

    def grad(self, a: Value) -> Array:
        """Of a number, or `d_i U_j` of a vector."""
        if isinstance(a, Array):
            self._cartesian("grad of a vector")
            self._vector("grad", a)
            return Array(len(self.space), len(a), lambda i, j: self.d(a[j], self.space[i]))
        return Array([self.d(a, x) / h for x, h in zip(self.space, self.factors, strict=True)])

    def div(self, a: Value) -> Value:
        """Of a vector, or of each column of a tensor."""
        if not isinstance(a, Array):
            raise ValueError("div takes a vector, such as grad(u)")
        if a.shape[1] > 1:
            self._cartesian("div of a tensor")
            return Array([self.div(Array(a[:, j])) for j in range(a.shape[1])])
        flux = zip(a, self.space, self.factors, strict=True)
        total = sympy.Add(*[self.d(self.volume / h * component, x) / self.volume for component, x, h in flux])
        return total if self.system == CARTESIAN else sympy.expand_mul(total)

    def lap(self, a: Value) -> Value:
        """Of a number, or of each component of a vector."""
        if isinstance(a, Array):
            self._cartesian("lap of a vector")
            return a.applyfunc(self.lap)
        if self.system == CARTESIAN:
            return sympy.Add(*[self.d(a, x, x) for x in self.space])
        return self.div(self.grad(a))

    def curl(self, a: Value) -> Value:
        """Of a vector; in the plane of a vector the component that stands upright, of a number the vector around it."""
        self._cartesian("curl")
        if not isinstance(a, Array) and len(self.space) == 2:
            return Array([self.d(a, self.space[1]), -self.d(a, self.space[0])])
        a = self._vector("curl", a)
        if len(self.space) == 2:
            return self.d(a[1], self.space[0]) - self.d(a[0], self.space[1])
        if len(self.space) != 3:
            raise ValueError("curl is for two or three coordinates of space")
        (x, y, z), d = self.space, self.d
        return Array([d(a[2], y) - d(a[1], z), d(a[0], z) - d(a[2], x), d(a[1], x) - d(a[0], y)])

    def dn(self, a: Value, normals: Array) -> Value:
        """The derivative along the outward normal, of a number or of each component of a vector."""
        if isinstance(a, Array):
            self._cartesian("dn of a vector")
            return a.applyfunc(lambda component: self.dn(component, normals))
        return dot(normals, self.grad(a))

    def identity(self) -> Array:
        """The unit tensor."""
        return Array.eye(len(self.space))

    def _cartesian(self, what: str) -> None:
        if self.system != CARTESIAN:
            raise ValueError(f"{what} is known in cartesian coordinates alone; write its components")

    def _vector(self, name: str, a: Value) -> Array:
        if not isinstance(a, Array) or a.shape != (len(self.space), 1):
            raise ValueError(f"{name} takes a vector with {len(self.space)} components")
        return a


def dot(a: Value, b: Value) -> Value:
    """Of two vectors, `a_i T_ij` of a vector and a tensor, or `T_ij b_j`."""
    if not (isinstance(a, Array) and isinstance(b, Array)):
        raise ValueError("dot takes two vectors, such as grad(u), or a vector and a tensor")
    if a.shape[1] == b.shape[1] == 1:
        return sympy.Add(*[p * q for p, q in zip(a, b, strict=True)])
    if a.shape[1] > 1 and b.shape[1] > 1:
        raise ValueError("dot takes two vectors, or a vector and a tensor; here are two tensors")
    return Array(b.T * a) if a.shape[1] == 1 else Array(a * b)


def cross(a: Value, b: Value) -> Value:
    """Of two vectors of three components; of two, the component that stands upright."""
    if not (isinstance(a, Array) and isinstance(b, Array) and a.shape == b.shape and a.shape in ((2, 1), (3, 1))):
        raise ValueError("cross takes two vectors of two or three components each")
    return Array(a.cross(b)) if len(a) == 3 else sympy.Add(a[0] * b[1], -a[1] * b[0])


def sym(a: Value) -> Array:
    """The symmetric part of a tensor: `sym(grad(U))` is the strain of a displacement U."""
    if not isinstance(a, Array) or a.shape[0] != a.shape[1] or a.shape == (1, 1):
        raise ValueError("sym takes a tensor, such as grad(U)")
    return Array((a + a.T) / 2)


PRODUCTS: dict[str, Callable[[Value, Value], Value]] = {"dot": dot, "cross": cross}
