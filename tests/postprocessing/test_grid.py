"""Values on grids and the files that hold them: each is read back by another reader and compared."""

import csv
import re

import meshio
import numpy as np
import pytest
from known_solutions import known
from scipy.io import netcdf_file

from pinn.postprocessing import read_grid, write

HOLED = {"difference": ["box", {"disk": {"center": [0.5, 0.5], "radius": 0.2}}]}


def moving():
    """`u = t x**2`, `q = 3 x` on a square with a hole."""
    return known(
        lambda x: x[:, :1] * x[:, 1:2] ** 2,
        coordinates={"t": [0, 2], "x": [0, 1], "y": [0, 1]},
        domain=HOLED,
        functions={"q": "3*x"},
    )


def written(tmp_path, name, quantities=("u", "u_xx", "q"), given=None):
    solution = moving()
    grid = read_grid(given or {"t": [0, 0.5, 2], "x": 11, "y": 21}, solution.problem.domain)
    values = grid.evaluate(solution, quantities)
    return grid, values, write(tmp_path / "new" / name, grid, values)


def test_values_and_the_hole(tmp_path):
    grid, values, _ = written(tmp_path, "a.npz")
    t, x, y = np.meshgrid(*grid.axes.values(), indexing="ij")
    hole = (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.2**2 - 1e-9
    for name, expected in {"u": t * x**2, "u_xx": 2 * t, "q": 3 * x}.items():
        np.testing.assert_array_equal(np.isnan(values[name]), ~grid.inside)
        np.testing.assert_allclose(values[name][grid.inside], expected[grid.inside], atol=1e-14)
    assert not grid.inside[hole].any() and grid.inside[:, 0].all()
    with np.load(tmp_path / "new" / "a.npz") as file:
        np.testing.assert_array_equal(file["u"], values["u"])
        np.testing.assert_array_equal(file["y"], grid.axes["y"])


def test_csv(tmp_path):
    grid, values, (path,) = written(tmp_path, "a.csv")
    rows = list(csv.reader(path.open()))
    assert rows[0] == ["t", "x", "y", "u", "u_xx", "q"]
    table = np.array(rows[1:], dtype=float)
    np.testing.assert_array_equal(table[:, :3], grid.points)
    np.testing.assert_array_equal(table[:, 3], values["u"].ravel())


def test_netcdf(tmp_path):
    _, values, (path,) = written(tmp_path, "a.nc", ("u", "u*u_x", "lap(u)"))
    with netcdf_file(path, mmap=False) as file:
        assert file.variables["u"].dimensions == ("t", "x", "y")
        assert file.variables["u_u_x"].long_name == b"u*u_x"
        np.testing.assert_array_equal(file.variables["lap_u"][:], values["lap(u)"])


def test_vtk_is_a_file_a_time_and_leaves_the_hole_out(tmp_path):
    grid, _, paths = written(tmp_path, "a.vtu")
    assert [path.name for path in paths] == ["a_0000.vtu", "a_0001.vtu", "a_0002.vtu", "a.pvd"]
    assert re.findall(r'timestep="([^"]*)" file="([^"]*)"', paths[-1].read_text())[1] == ("0.5", "a_0001.vtu")
    mesh = meshio.read(paths[1])
    np.testing.assert_allclose(mesh.point_data["u"], 0.5 * mesh.points[:, 0] ** 2, atol=1e-14)
    corners = mesh.points[mesh.cells_dict["quad"]][:, :, :2]
    x, y = corners[..., 0], corners[..., 1]
    areas = 0.5 * (x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1)
    np.testing.assert_allclose(areas, 0.1 * 0.05)
    assert (np.hypot(x - 0.5, y - 0.5) > 0.2 - 1e-9).all() and len(areas) < 200


def test_vtk_in_space(tmp_path):
    cube = known(lambda x: x[:, :1], coordinates={"x": [0, 1], "y": [0, 1], "z": [0, 2]})
    grid = read_grid(3, cube.problem.domain)
    (path,) = write(tmp_path / "a.vtu", grid, grid.evaluate(cube, ["u"]))
    corners = meshio.read(path).points[meshio.read(path).cells_dict["hexahedron"]]
    edges = [corners[:, k] - corners[:, 0] for k in (1, 3, 4)]
    volumes = np.einsum("ni,ni->n", np.cross(edges[0], edges[1]), edges[2])
    np.testing.assert_allclose(volumes, 0.5 * 0.5 * 1)


@pytest.mark.parametrize(
    ("given", "shape"),
    [(None, (46, 46, 46)), (7, (7, 7, 7)), ([2, 3, [0.5]], (2, 3, 1)), ({"y": 1}, (46, 46, 1))],
)
def test_grids(given, shape):
    assert read_grid(given, moving().problem.domain).inside.shape == shape


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([1, 2], "with one for t, x, y"),
        ({"z": 3}, "grid.z: no coordinate has this name"),
        ({"t": [0, 3]}, r"grid.t=\[0, 3\]: should be numbers from 0 to 2"),
        ({"t": 0}, "grid.t=0"),
        ({"t": 0.5}, "grid.t=0.5"),
        ("many", "grid=many"),
    ],
)
def test_what_is_no_grid(given, said):
    with pytest.raises(ValueError, match=said):
        read_grid(given, moving().problem.domain)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match=".npz, .csv, .vtu, .nc"):
        written(tmp_path, "a.xyz")
    with pytest.raises(ValueError, match="the grid says where"):
        written(tmp_path, "a.npz", ["u(x=0)"])
    many = known(lambda x: x[:, :1], coordinates={f"x{i}": [0, 1] for i in range(1, 6)})
    grid = read_grid(2, many.problem.domain)
    with pytest.raises(ValueError, match="1 to 3 coordinates of space, here are 5"):
        write(tmp_path / "a.vtu", grid, grid.evaluate(many, ["u"]))


def test_a_vector_is_a_value_a_component():
    grid = read_grid({"t": [2], "x": [0, 0.5], "y": [0]}, moving().problem.domain)
    values = grid.evaluate(moving(), ["grad(u)"])
    assert {name: value.ravel().tolist() for name, value in values.items()} == {
        "grad(u)_x": [0, 2],
        "grad(u)_y": [0, 0],
    }
