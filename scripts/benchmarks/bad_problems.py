# ruff: noqa: E501 - a table
"""Bad problems by their kinds: texts, numbers, names, shapes and files, and what of each the message has to quote."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import yaml
from benchmarks.refusals import Case

OWN = "mine/pde/mine.yaml"
MINE = ("--config-dir=mine", "pde=mine")
SMALL = (
    *("optimizer=adam", "trainer.max_steps=1", "network.width=5", "network.scale=1"),
    *("sampling.points=20", "sampling.boundary_points=4"),
)
LINE: dict[str, Any] = {
    "coordinates": {"x": [0, 1]},
    "fields": ["u"],
    "equations": {"bend": "u_xx = 1"},
    "conditions": {"ends": "u(boundary) = 0"},
}
PLANE: dict[str, Any] = {
    "coordinates": {"x": [0, 1], "y": [0, 1]},
    "fields": ["u"],
    "equations": {"poisson": "-lap(u) = 1"},
    "conditions": {"edge": "u(boundary) = 0"},
}
SPACE: dict[str, Any] = {**PLANE, "coordinates": {"x": [0, 1], "y": [0, 1], "z": [0, 1]}}
HEAT: dict[str, Any] = {
    "coordinates": {"t": [0, 1], "x": [0, 1]},
    "fields": ["u"],
    "equations": {"heat": "u_t = u_xx"},
    "conditions": {"start": "u(t=0) = sin(pi*x)", "ends": "u(boundary) = 0"},
}


def own(kind: str, quotes: str, problem: Mapping[str, Any] | str | bytes, *typed: str, **files: Any) -> Case:
    """A case of a problem of one's own."""
    text = problem if isinstance(problem, str | bytes) else yaml.safe_dump(dict(problem), sort_keys=False)
    beside = {name.replace("__", "."): content for name, content in files.items()}
    return Case(kind, quotes, (*MINE, *SMALL, *typed), {OWN: text, **beside})


def line(kind: str, quotes: str, *typed: str, **files: Any) -> Case:
    """A case of a command line about a problem that is right."""
    return own(kind, quotes, LINE, *typed, **files)


def intervals() -> Iterator[Case]:
    """Intervals and parameters that are none."""
    kind = "intervals and parameters"
    for ends, quotes in (
        ([0, 0], "0"), ([1, 0], "[0, 1]"), ([0], "[0]"), ([0, 1, 2], "[0, 1, 2]"), (1, "1"), ("zero", "zero"),
        ([0, "nan"], "nan"), ([0, float("nan")], "nan"), ([0, float("inf")], "inf"), ([0, "inf"], "inf"),
        (["-inf", 1], "inf"), ([0, "1e300"], "1e+300"), ([0, 1e300], "1e+300"), ([0, "1e-300"], "1e-300"),
        ([0, 1e-300], "1e-300"), ([1, "1 + 1e-17"], "coordinate x"), ([0, "1/0"], "1/0"), ([0, "10**400"], "10**400"),
        ([0, "2j"], "2j"), ([0, None], "None"), ([0, True], "True"), ([0, [1]], "[1]"), ([0, {"a": 1}], "{'a': 1}"),
        ([0, "L"], "L"), ([0, "x"], "x"), ([0, "exp(1000)"], "exp(1000)"), ([0, "log(0)"], "log(0)"),
        ([0, "sqrt(-1)"], "sqrt(-1)"), ({}, "{}"), ([], "[]"), ([0, ""], "coordinates.x"), ([0, "1,5"], "1,5"),
        (["-1e300", "1e300"], "1e+300"), ([0, "9" * 400], "9999"), ([0, "1e400"], "inf"),
    ):  # fmt: skip
        yield own(kind, quotes, {**LINE, "coordinates": {"x": ends}})
    for value, quotes in (
        ("nan", "nan"), (float("nan"), "nan"), (float("inf"), "inf"), ("1e400", "inf"), ("abc", "abc"), (True, "True"),
        ([1], "[1]"), ({}, "{}"), ({"lern": 1}, "lern"), ({"range": 1}, "1"), ({"range": [1, 1]}, "[1, 1]"),
        ({"range": [2, 1]}, "[2, 1]"), ({"range": [0, "nan"]}, "nan"), ({"range": [0, 1e300]}, "1e+300"),
        ({"learn": "a"}, "a"), ({"learn": None}, "None"), ({"learn": float("nan")}, "nan"), ({"learn": 1e300}, "1e+300"),
        ({"learn": 3, "between": [0, 1]}, "3"), ({"learn": 1, "between": [2, 0]}, "1"), ({"learn": 1, "betwen": [0, 2]}, "betwen"),
        ({"learn": 1, "between": 3}, "3"), ({"learn": 1, "truth": "abc"}, "abc"), ({"field": "abc"}, "abc"),
        ({"field": 1, "of": ["z"]}, "'z'"), ({"field": 1, "of": 3}, "3"), ({"field": 1, "on": ["x"]}, "parameters"),
        (1e300, "1e+300"), ("1/0", "1/0"), ("k", "k"), ("exp(exp(10))", "exp(exp(10))"), ("-1e308*10", "1e308"),
        (None, "'k'"), ("10**500", "10**500"), ({"learn": 1, "between": [0, "inf"]}, "inf"),
    ):  # fmt: skip
        yield own(kind, quotes, {**LINE, "parameters": {"k": value}, "equations": {"bend": "u_xx = k"}})


def expressions() -> Iterator[Case]:
    """Texts that are no expressions, or explode."""
    kind = "expressions that explode"
    nested = "x"
    for _ in range(50):
        nested = f"sin({nested})"
    tanh, tower = "u", "x"
    for _ in range(12):
        tanh = f"tanh({tanh}*u + x)"
    for _ in range(12):
        tower = f"(1 + x**2)**({tower})"
    for text in (
        f"u_xx = d({nested}, x, x, x, x)", "u_xx = d((u + x)**64, x, x, x, x, x, x, x)", "u_xx = (x + u + 1)**200",
        "lap((x + u + 1)**60) = 1", f"u_{'x' * 500} = 1", f"u_{'x' * 60} = 1", f"u_xx = d(u, {', '.join('x' * 300)})",
        f"u_xx = d({tanh}, x, x, x)", f"u_xx = d({tower}, x, x, x)", f"u_xx = {tower}", "u_xx = exp(1000)",
        "u_xx = exp(exp(exp(x)))*0 + exp(exp(10))", "u_xx = 9**9**9", "u_xx = 10**10**10", "u_xx = 2**(2**(2**9))",
        f"u_xx = {'(' * 300}x{')' * 300}", f"u_xx = {'-' * 3000}x", f"u_xx = {'+'.join(['x'] * 6000)}",
        f"u_xx = {'*'.join(['(x+1)'] * 1500)}", f"u_xx = {'lap(' * 12}u{')' * 12}", f"u_xx = {'sin(' * 400}u{')' * 400}",
        "u_xx = exp(700)**64", f"u_xx = {'9' * 5000}",
        f"u_xx = {'n' * 4000}", f"u_xx = d({'tanh(' * 30}u{')' * 30}, x, x, x, x)",
        f"u_xx = {'*'.join([f'(u + {i})' for i in range(60)])} + d({'*'.join([f'(u + {i})' for i in range(60)])}, x, x, x)",
        f"u_xx = {'max(u, ' * 30}x{')' * 30}",
        f"u_xx = d(1/({'1 + 1/(' * 25}u{')' * 25}), x, x, x, x)", "u_xx = x**x**x**x**x*1e300*1e300",
        f"u_xx = d(exp({'*'.join(['u'] * 40)}), {', '.join('x' * 14)})", 
        "u_xx = d(u**u**u**u, x, x, x, x, x)", "u_xx = d(u_x**20*u_xx**20*sin(u*u_x), x, x, x, x, x, x, x, x)",
    ):  # fmt: skip
        said = {"u_xx = (1 + x*": "(x**2 + 1)", "u_xx = x**x**x": "1000000"}.get(text[:14], text[7:14])
        yield own(kind, said, {**LINE, "equations": {"bend": text}})
    for text in (f"{nested} + exp(1000)", "exp(exp(exp(9)))", "9**9**9", "1/0", "u_x", "u", f"{'(' * 400}x", "log(x - 2)", "sqrt(x - 2)"):  # fmt: skip
        if not text.startswith("u"):
            said = "exp(1000)" if "1000" in text else text[:3]
            yield own(kind, said, {**LINE, "functions": {"f": text}, "equations": {"bend": "u_xx = f"}})
        yield own(kind, "exp(1000)" if "1000" in text else text[:3], {**LINE, "exact": {"u": text}})
    kind = "texts that are no equations"
    for text, quotes in (
        ("", "bend"), (" ", "bend"), ("=", "="), ("u_xx =", "u_xx ="), ("= 1", "= 1"), ("u_xx", "u_xx"), ("u_xx == 1", "=="),
        ("u_xx = 1 = 2", "="), ("u_xx = 1)", "u_xx = 1)"), ("u_xx = (1", "u_xx = (1"), ("u_xx = 1 +", "u_xx = 1 +"),
        ("u_xx = sin", "sin"), ("u_xx = sin()", "sin"), ("u_xx = sin(x, x)", "sin"), ("u_xx = snh(x)", "snh"),
        ("u_xx = 2x", "2x"), ("u_xx = x^2", "^"), ("u_xx = x y", "x y"), ("u_xx = 1j", "1j"), ("u_xx = 'a'", "'a'"),
        ("u_xx = [1]", "[1]"), ("u_xx = {1}", "{1}"), ("u_xx = lambda: 1", "lambda"), ("u_xx = x if x else 1", "if"),
        ("u_xx = x.real", "x.real"), ("u_xx = x[0]", "x[0]"), ("u_xx = __import__('os')", "__import__"), ("u_xx = True", "True"),
        ("u_xx = None", "None"), ("u_xx = x < 1", "<"), ("u_xx = x and 1", "and"), ("u_xx = not x", "not"), ("u_xx = x // 2", "//"),
        ("u_xx = x % 2", "%"), ("u_xx = x @ x", "@"), ("u_xx = ~x", "~"), ("u_xx = x := 1", ":="), ("u_xx = *x", "*x"),
        ("u_xx = f'{x}'", "f'"), ("u_xx = x;1", ";"), ("u_xx = \u03b1", "\u03b1"), ("u_xx = \u00b2", "\u00b2"),
        ("1 = 1", "1 = 1"), ("x = 1", "x = 1"), ("u_xx = u_y", "u_y"), ("u_xx = v", "v"), ("u_xx = u_", "u_"), ("u_xx = d(u)", "d(u)"),
        ("u_xx = d(u, u)", "d(u, u)"), ("u_xx = d(u, 2)", "2"), ("u_xx = grad(u)", "grad(u)"), ("u_xx = div(u)", "div(u)"),
        ("u_xx = dot(u, u)", "dot"), ("u_xx = curl(u)", "curl"), ("u_xx = cross(u, u)", "cross"), ("u_xx = where(x, 1, 2)", "where"),
        ("u_xx = where(x < 1, 2)", "where"), ("u_xx = max(u)", "max"), ("u_xx = (1, 2)", "(1, 2)"), ("u_xx(x=0) = 1", "u_xx(x=0)"),
        ("u_xx = u(x=0)", "u(x=0)"), ("u_xx = integral()", "integral"), ("u_xx = integral(u, y)", "integral"), ("u_xx = normal", "normal"),
        ("u_xx = dn(u)", "dn"), ("dn(u) = 0", "dn(u)"), ("u_xx = normal*u", "normal"), ("u_xx = (-1)**x", "(-1)"),
        ("u_xx = 1/0", "1/0"), ("u_xx = log(0)", "log(0)"), ("u_xx = sqrt(-1)", "sqrt(-1)"), ("u_xx = asin(2)", "asin(2)"),
        ("u_xx = log(x - 2)", "log(x - 2)"), ("u_xx = sqrt(x - 2)", "x - 2"), ("u_xx = 1/(x - x)", "x - x"), ("u_xx = tan(pi/2)", "tan"),
        ("u_xx = delta(u)", "delta"), ("u_xx = delta(x - 3)", "delta"), ("u_xx = delta(x - 0.5)**2", "delta"), ("u_xx = x=1", "="),
        ("u_xx = boundary", "boundary"), ("u_xx = 0*u_xx + u_xx", "u_xx = 0*u_xx + u_xx"), ("u_xx - u_xx = 1", "u_xx - u_xx"),
        ("u_xx = 1 if", "if"), ("u_xx = 1\x00", "u_xx = 1"), ("u_xx = acosh(x)", "acosh"), ("u_xx = u(0)", "u(0)"),
        (3, "3"), (None, "bend"), ([1], "[1]"), ({"a": "u_xx = 1"}, "u_xx"), (["u_xx = 1", "u_x = 0"], "u_xx"), (True, "True"),
    ):  # fmt: skip
        yield own(kind, quotes, {**LINE, "equations": {"bend": text}})


def places() -> Iterator[Case]:
    """Conditions, and where they hold."""
    kind = "conditions and places"
    for text, quotes in (
        ("u = 0", "u = 0"), ("u(x=3) = 0", "x=3"), ("u(y=0) = 0", "y"), ("u(left) = 0", "left"), ("u(interior) = 0", "interior"),
        ("u(x=0)(x=1) = 0", "x=0"), ("u() = 0", "u()"), ("u(x) = 0", "u(x)"), ("u(x=nan) = 0", "nan"), ("u(x='a') = 0", "'a'"),
        ("u(x=x) = 0", "x=x"), ("u(x=0, x=1) = 0", "x=0"), ("u(0) = 0", "u(0)"), ("u(x=0) = v", "v"), ("1(x=0) = 0", "1"),
        ("x(x=0) = 0", "x(x=0)"), ("u(x=0) + u(x=1) = 0", "u(x=0) + u(x=1)"), ("dn(u) = 0", "dn(u)"), ("normal(boundary) = 0", "normal"),
        ("u(boundary) = log(x - 5)", "log(x - 5)"), ("u(x=0) = 1/0", "1/0"), ("u(x=0) = 1/x", "1/x"), ("integral(1) = 0", "integral(1)"),
        ("u(x=1/0) = 0", "1/0"), ("u(x=0) = sqrt(-1)", "sqrt(-1)"), ("u(x=0) = exp(1000)", "exp(1000)"), ("u(t=0) = 0", "t"),
        ("u(x=1e300) = 0", "1e"), (f"u({'n' * 4000}) = 0", "nnn"), ("u(hole) = 0", "hole"), ("u(x==0) = 0", "x==0"), ("", "ends"),
        ("u_xxxxxx(boundary) = ", "u_xxxxxx"), ("u(x=0) = u(x=0.5) + 1j", "1j"), ("u(x=0) < 1", "u(x=0)"), (3, "3"), ([1], "[1]"),
    ):  # fmt: skip
        yield own(kind, quotes, {**LINE, "conditions": {"ends": text}})
    for enforce, quotes in (
        ("hrad", "hrad"), (3, "3"), ({"edns": "hard"}, "edns"), ({"ends": "hrad"}, "hrad"), ([], "[]"), ({"ends": 3}, "3"),
    ):  # fmt: skip
        yield own(kind, quotes, {**LINE, "enforce": enforce})
    two = {"ends": "u(boundary) = 0", "more": "u(x=0) = 1"}
    yield own(kind, "more", {**LINE, "conditions": two, "enforce": "hard"})
    yield own(kind, "u_xx(x=0)", {**LINE, "conditions": {"ends": "u_xx(x=0)*u = 1"}, "enforce": "hard"})
    kind = "names"
    for name in (
        *(
            "1u",
            "",
            "u v",
            "pi",
            "sin",
            "boundary",
            "lambda",
            "u-v",
            "\u03b1",
            "u__x",
            "normal_x",
            "x",
            "e" * 10_000,
            "None",
        ),
        *("__class__", "d", "u.v", "u\n"),
    ):
        yield own(kind, name[:20].strip() or "''", {**LINE, "fields": [name]})
    for fields, quotes in (
        ("u", "'u'"), (3, "3"), ([], "[]"), (["u", "u"], "'u'"), ([3], "3"), ([None], "None"), ([{"U": "u"}], "U"),
        ([{"U": ["u", "v"]}], "U"), ([{"U": []}], "U"), ([["u"]], "u"), ([True], "True"), ([{"U": [3]}], "3"), ({}, "{}"),
    ):  # fmt: skip
        yield own(kind, quotes, {**LINE, "fields": fields})
    for name, quotes in (("sin", "sin"), ("u", "'u'"), ("1k", "1k"), ("k l", "k l"), ("x", "'x'"), ("pi", "pi")):
        yield own(kind, quotes, {**LINE, "parameters": {name: 1}})
        yield own(kind, quotes, {**LINE, "functions": {name: "x"}})
    for name, quotes in (("sin", "sin"), ("1x", "1x"), ("x..y", "x..y"), ("x1..x9999", "x1..x9999"), ("x5..x2", "x5..x2"), ("n" * 10_000, "nnn")):  # fmt: skip
        yield own(kind, quotes, {**LINE, "coordinates": {name: [0, 1]}})
    for key, quotes in (("feilds", "feilds"), ("pde", "pde"), ("n" * 10_000, "nnn"), ("name", "name")):
        yield own(kind, quotes, {**LINE, key: 1})
    for section in ("coordinates", "equations", "conditions", "parameters", "functions", "exact", "observations"):
        for value in (3, "abc", [1]):
            yield own("sections of a problem", section, {**LINE, section: value})
    for section in ("coordinates", "fields", "equations"):
        yield own("sections of a problem", section, {key: value for key, value in LINE.items() if key != section})
        yield own("sections of a problem", section, {**LINE, section: None})
    for system in ("polr", "polar", 3, "spherical", ["polar"]):
        yield own("sections of a problem", "coordinate_system", {**LINE, "coordinate_system": system})


def references() -> Iterator[Case]:
    """References that there are not, or that solve other problems."""
    kind = "references"
    for name in ("spectal", 3, [], {}, {"spectral": 3}, {"spectral": {"mode": 1}}, {"a": {}, "b": {}}):
        yield own(kind, "reference", {**LINE, "reference": name})
    for name in (
        "cavity",
        "clamped_plate",
        "cole_hopf",
        "flow",
        "harmonic_series",
        "ode",
        "orthotropic_plate",
        "spectral",
    ):
        yield own(kind, "reference", {**HEAT, "equations": {"heat": "u_t = u*u_xxx + sin(u)"}, "reference": name})
        yield own(kind, "reference", {**LINE, "equations": {"bend": "u_xx*u = sin(u_x)"}, "reference": name})
    for options in ({"modes": -1}, {"modes": "many"}, {"modes": 10**9}, {"modes": 1.5}):
        yield own(kind, "modes", {**HEAT, "reference": {"spectral": options}})
    for exact in ({"v": "x"}, {"u": "x", "v": "x"}, {"u": "blub"}, {"u": "u"}, {"u": 1j}, {"u": None}, {"u": [1]}):
        yield own(kind, "exact", {**LINE, "exact": exact if exact != {"u": 1j} else {"u": "1j"}})
    manufactured = {**LINE, "functions": {"q": "manufactured"}}
    yield own(kind, "functions.q", manufactured)
    yield own(kind, "functions.q", {**manufactured, "exact": {"u": "x"}})
    yield own(kind, "functions.q", {**manufactured, "exact": {"u": "x"}, "equations": {"bend": "u_xx = q**2"}})


CSV = {
    "none": None, "empty": "", "blank": "\n\n", "names alone": "x,u\n", "no names": "0.1,1\n0.2,2\n", "one name": "x\n0.1\n",
    "ragged": "x,u\n0.1,1\n0.2\n", "ragged more": "x,u\n0.1,1,3\n0.2,2\n", "words": "x,u\n0.1,one\n", "nan": "x,u\n0.1,nan\n",
    "inf": "x,u\n0.1,inf\n", "doubled": "x,u,u\n0.1,1,2\n", "outside": "x,u\n7,1\n", "semicolons": "x;u\n0.1;1\n",
    "commas": 'x,u\n"0,1",1\n', "utf-16": "x,u\n0.1,1\n".encode("utf-16"), "latin-1": "x,\u00fc\n0.1,1\n".encode("latin-1"),
    "binary": bytes(range(256)) * 4, "zeros": b"\0" * 100, "missing": "x,u\n0.1,\n", "negative weight": "x,u,weight\n0.1,1,-1\n",
    "nan weight": "x,u,weight\n0.1,1,nan\n", "html": "<html><body>404</body></html>", "another field": "x,w\n0.1,1\n",
    "long line": "x,u\n" + "1" * 5000 + ",1\n", "byte-order mark, ragged": "\ufeffx,u\n0.1,1\n0.2\n",
}  # fmt: skip


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _bomb() -> bytes:
    """An npz file of a few MB that says it holds 64 GB of zeros."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("u.npy", "w", force_zip64=True) as inner,
    ):
        header = io.BytesIO()
        shape = {"descr": "<f8", "fortran_order": False, "shape": (2**33,)}
        np.lib.format.write_array_header_2_0(header, shape)  # pyright: ignore[reportArgumentType]
        inner.write(header.getvalue())
        for _ in range(64):
            inner.write(b"\0" * 2**20)
    return file.getvalue()


def data() -> Iterator[Case]:
    """Files of observations and tables."""
    kind = "data files"
    grid = np.linspace(0, 1, 5)
    npz = {
        "whole": _npz(x=grid, u=grid)[:200], "object": _npz(x=grid, u=np.array([{}, 1], dtype=object)), "bomb": _bomb(),
        "complex": _npz(x=grid, u=grid * 1j), "lengths": _npz(x=grid, u=grid[:3]), "text": b"no npz", "empty": b"",
        "names": _npz(a=grid), "strings": _npz(x=grid, u=np.array(["a"] * 5)), "nan": _npz(x=grid, u=grid * np.nan),
    }  # fmt: skip
    for suffix, files in (("csv", CSV), ("npz", npz)):
        for content in files.values():
            name = f"data.{suffix}"
            beside = {} if content is None else {f"data__{suffix}": content}
            yield own(kind, name, {**LINE, "observations": {"seen": {"file": name}}}, **beside)
            if content not in (CSV["negative weight"], CSV["nan weight"]):
                table = {**LINE, "functions": {"u2": {"table": name}}, "equations": {"bend": "u_xx = u2"}}
                yield own(kind, name, table, **beside)
    for name in ("data.txt", "data", "", "~no_such_user/data.csv", "n" * 10_000 + ".csv", "mine", "/dev/zero.csv", "data.csv/x.csv", 3, None, ["a.csv"], "mine/folder.csv"):  # fmt: skip
        folder: dict[str, Any] = {"mine/folder__csv": None}
        yield own(kind, str(name)[:20], {**LINE, "observations": {"seen": {"file": name}}}, **folder)
        yield own(kind, str(name)[:20], {**LINE, "functions": {"f": {"table": name}}, "equations": {"bend": "u_xx = f"}}, **folder)  # fmt: skip
    for given, quotes in (
        (3, "3"), ({}, "{}"), ({"points": 0}, "0"), ({"points": 1.5}, "1.5"), ({"points": "many"}, "many"), ({"points": 10**15}, "points"),
        ({"points": 2**70}, "points"), ({"points": 5, "noise": "nan"}, "nan"), ({"points": 5, "noise": float("inf")}, "inf"),
        ({"points": 5, "seed": -1}, "-1"), ({"points": 5, "seed": 2**64}, str(2**64)), ({"points": 5, "of": ["v"]}, "'v'"),
        ({"points": 5, "file": "a.csv"}, "a.csv"), ({"points": 5, "within": {"y": [0, 1]}}, "'y'"), ({"points": 5, "within": {"x": [0, 3]}}, "[0, 3]"),
        ({"points": 5, "within": {"x": [1, 0]}}, "x"), ({"points": 5, "within": 3}, "3"), ({"point": 5}, "point"), ({"points": 5, "noise": 1, "x": 1}, "'x'"),
        ({"points": 5}, "seen"), ({"points": True}, "True"), ({"points": 5, "of": 3}, "3"), ({"points": 5, "values": "f"}, "'f'"),
    ):  # fmt: skip
        yield own("observations", quotes, {**LINE, "observations": {"seen": given}})


CUBE = """solid one
facet normal 0 0 1
outer loop
vertex 0 0 0
vertex 1 0 0
vertex 0 1 0
endloop
endfacet
endsolid one
"""


def shapes() -> Iterator[Case]:
    """Domains that are none."""
    kind = "shapes"
    ring = [[float(np.cos(a)), float(np.sin(a))] for a in np.linspace(0, 2 * np.pi, 1000, endpoint=False)]
    for shape, quotes in (
        ("sphere", "sphere"), (3, "3"), ([], "[]"), ({}, "{}"), ({"dsik": {}}, "dsik"), ({"disk": 3}, "3"), ({"disk": {}}, "center"),
        ({"disk": {"center": [0.5, 0.5]}}, "radius"), ({"disk": {"center": [0.5], "radius": 0.1}}, "[0.5]"),
        ({"disk": {"center": [0.5, 0.5], "radius": 0}}, "radius"), ({"disk": {"center": [0.5, 0.5], "radius": -1}}, "radius"),
        ({"disk": {"center": [0.5, 0.5], "radius": "nan"}}, "nan"), ({"disk": {"center": [0.5, 0.5], "radius": 1e300}}, "1e+300"),
        ({"disk": {"center": [0.5, 0.5], "radius": 1e-12}}, "e-12"), ({"disk": {"center": [0.5, 0.5], "radius": 1e-300}}, "disk"),
        ({"disk": {"center": [9, 9], "radius": 0.1}}, "9"), ({"disk": {"center": [0.5, 0.5], "radius": 0.1, "nmae": "a"}}, "nmae"),
        ({"disk": {"center": [0.5, 0.5], "radius": 0.1, "name": "1a"}}, "1a"), ({"disk": {"center": [0.5, 0.5], "radius": 0.1, "name": "pi"}}, "pi"),
        ({"disk": {"center": "middle", "radius": 0.1}}, "middle"), ({"disk": {"center": [0.5, "a"], "radius": 0.1}}, "a"),
        ({"ball": {"center": [0, 0, 0], "radius": 1}}, "ball"), ({"annulus": {"center": [0.5, 0.5], "inner": 0.3, "outer": 0.1}}, "0.3"),
        ({"annulus": {"center": [0.5, 0.5], "inner": 0.1, "outer": 0.1}}, "0.1"), ({"annulus": {"center": [0.5, 0.5], "inner": -0.1, "outer": 0.1}}, "-0.1"),
        ({"ellipse": {"center": [0.5, 0.5], "radii": [0.1]}}, "[0.1]"), ({"ellipse": {"center": [0.5, 0.5], "radii": [0.1, 0]}}, "0"),
        ({"polygon": {"vertices": [[0, 0], [1, 0]]}}, "2 corners"), ({"polygon": {"vertices": [[0, 0], [1, 1], [1, 0], [0, 1]]}}, "cross"),
        ({"polygon": {"vertices": 3}}, "3"), ({"polygon": {"vertices": [[0, 0], [1, 0], [2, 0]]}}, "corners"), ({"polygon": {"vertices": [[0], [1], [2]]}}, "[0]"),
        ({"polygon": {"vertices": [[0, 0], [1, 0], [0, "nan"]]}}, "nan"), ({"polygon": {"vertices": []}}, "0 corners"),
        ({"polygon": {"vertices": [[9, 9], [10, 9], [9, 10]]}}, "9"), ({"union": []}, "[]"), ({"union": ["box"]}, "['box']"), ({"difference": 3}, "3"),
        ({"difference": ["box", "box"]}, "domain"), ({"difference": ["box", {"disk": {"center": [0.5, 0.5], "radius": 5}}]}, "domain"),
        ({"intersection": [{"disk": {"center": [0.1, 0.1], "radius": 0.05}}, {"disk": {"center": [0.9, 0.9], "radius": 0.05}}]}, "intersection"),
        ({"box": {"x": [0.5, 0.5]}}, "0.5"), ({"box": {"z": [0, 1]}}, "'z'"), ({"box": {"x": [1, 0]}}, "1"), ({"box": {"x": 3}}, "3"),
        ({"box": {"x": [0, 1e-300]}}, "1e-300"), ({"difference": ["box", {"disk": {"center": [0.5, 0.5], "radius": 1e-12}}]}, "e-12"),
        ({"difference": ["box", {"polygon": {"vertices": [[0.5, 0.5], [0.5 + 1e-12, 0.5], [0.5, 0.5 + 1e-12]]}}]}, "e-13"),
        ({"surface": {"file": "a.stl"}}, "surface"), ({"disk": {"center": [0.5, 0.5], "radius": 0.1}, "box": {}}, "disk"),
        ({"polygon": {"vertices": [[3 * a, 3 * b] for a, b in ring]}}, "-3"),
        ({"cylinder": {"axis": "z", "center": [0, 0], "radius": 1}}, "cylinder"),
    ):  # fmt: skip
        yield own(kind, quotes, {**PLANE, "domain": shape})
    for depth in (60, 1000):
        deep = f"{yaml.safe_dump(PLANE)}domain: {'{union: [' * depth}box{', box]}' * depth}\n"
        yield own(kind, "mine", deep)
    kind = "surfaces"
    binary = b"\0" * 80 + (2**31 - 1).to_bytes(4, "little") + b"\0" * 50
    surface = {**SPACE, "domain": {"surface": {"file": "body.stl"}}}
    for content in (CUBE, "", "solid nothing\nendsolid\n", binary, b"\x00" * 10, CUBE[:60], bytes(range(256)) * 10, CUBE.replace("1 0 0", "nan 0 0"), "<html>", CUBE.replace("1 0 0", "0 0 0")):  # fmt: skip
        yield own(kind, "body.stl", surface, body__stl=content)
    for name in ("none.stl", "body.obj", "mine", "", 3, "~no_such_user/a.stl", "n" * 10_000 + ".stl", None):
        yield own(kind, str(name)[:20], {**SPACE, "domain": {"surface": {"file": name}}})
    yield own(kind, "body.stl", surface, body__stl=None)
    for cylinder, quotes in (
        ({"axis": "w", "center": [0.5, 0.5], "radius": 0.1}, "cylinder"), ({"axis": "z", "center": [0.5, 0.5], "radius": 0}, "radius"),
        ({"axis": "z", "center": [0.5, 0.5], "radius": 0.1, "ends": [1, 0]}, "ends"), ({"axis": "z", "center": [0.5], "radius": 1}, "[0.5]"),
    ):  # fmt: skip
        yield own(kind, quotes, {**SPACE, "domain": {"cylinder": cylinder}})


def yamls() -> Iterator[Case]:
    """Files of problems that are no YAML, or more than one should read."""
    kind = "YAML files"
    text = yaml.safe_dump(LINE)
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    umlaut = text + "# \u00fc\n"
    for content in (
        umlaut.encode("latin-1"), text.encode("utf-16")[:-1], text.encode("utf-32"), bytes(range(256)), b"\0" * 100, b"\xff\xfe\x00",
        "", "# nothing\n", "3", "text", "[1, 2]", "null", "a: {", "a: [1, 2", "a: 'b", "a: b: c", "\ta: 1", text + "\nfields: [v]\n",
        "coordinates: &c {x: *c}\n", "coordinates: &c\n  x: *c\nfields: [u]\n", laughs, text + laughs, "[" * 1000, "{a: " * 1000, "a: " + "[" * 1000 + "]" * 1000,
        "- " * 1000, "!!python/object/apply:os.system [id]", "a: !!python/name:os.system", "coordinates: !custom {x: [0, 1]}", "a: !!binary abc",
        "coordinates: !!set {x}\nfields: [u]", "a: !!timestamp 2020-01-01", "--- a\n--- b\n", text + "---\n" + text, "%YAML 9.9\n---\na: 1", "a: *nobody",
        "? [1, 2]\n: 3", "1: 2", "true: false", "~: 3", "a: \x01", text.replace("u_xx = 1", "${oc.env:HOME}"), text.replace("u_xx = 1", "${nobody}"),
        text.replace("u_xx = 1", "${"), "<<: 3", "<<: *a", text + "defaults: [nothing]\n", text + "_target_: os.system\n", "_target_: os.system",
        "# @package hydra\n" + text, "coordinates: 2020-01-01", text + "\nname: !!float abc\n", "@a: 1", "`a`: 1", "%", "&", "*", "!", "|", ">",
        ("a: b\n" * 3), "x" * 100_000, "[" + "1," * 50_000, "# @package\n" + text, "# @ \n" + text, "\u2028: 1", "a: 1e999999999999999999", "a: 0x" + "f" * 10_000,
    ):  # fmt: skip
        yield own(kind, "pde", content)  # its name, or the key that is wrong
    yield Case(kind, "mine", MINE, {OWN: None})
    yield Case(kind, "mine", MINE, {"mine": "text"})
    yield Case(kind, "mine", MINE, {"mine/pde": "text"})
