"""Curvilinear coordinates in files: points and vectors are Cartesian there, or say that they are not."""

import meshio
import numpy as np
import pytest
from known_solutions import known
from scipy.io import netcdf_file

from pinn.postprocessing import Frame, read_grid, write

SYSTEMS = {  # coordinates, u = x + 2 y + 3 z in them, and its gradient as far as they reach
    "polar": ({"r": [1, 2], "phi": [0, 3]}, lambda r, phi: r * (phi.cos() + 2 * phi.sin()), [1, 2, 0]),
    "cylindrical": (
        {"r": [1, 2], "phi": [0, 3], "z": [-1, 1]},
        lambda r, phi, z: r * (phi.cos() + 2 * phi.sin()) + 3 * z, [1, 2, 3],
    ),
    "spherical": (
        {"r": [1, 2], "theta": [0.5, 2], "phi": [0, 3]},
        lambda r, theta, phi: r * (theta.sin() * (phi.cos() + 2 * phi.sin()) + 3 * theta.cos()), [1, 2, 3],
    ),
    "cylindrical, round": ({"r": [1, 2], "z": [-1, 1]}, lambda r, z: r + 3 * z, [1, 0, 3]),
    "spherical, of r": ({"r": [1, 2]}, lambda r: r, [1, 0, 0]),
    "cartesian": ({"x": [0, 1], "y": [0, 1]}, lambda x, y: x + 2 * y, [1, 2, 0]),
}  # fmt: skip


def linear(name):
    """A solution that is linear in space, and the frame of its files."""
    coordinates, u, gradient = SYSTEMS[name]
    system = name.partition(",")[0]
    given = {"coordinates": coordinates, "coordinate_system": system, "equations": {"laplace": "lap(u) = 0"}}
    return known(lambda x: u(*x.unbind(1))[:, None], **given), Frame((), system, ("grad(u)",)), gradient


@pytest.mark.parametrize("name", SYSTEMS)
def test_vtk_has_cartesian_points_and_vectors(name, tmp_path):
    solution, frame, gradient = linear(name)
    grid = read_grid(4, solution.problem.domain)
    (path,) = write(tmp_path / "u.vtu", grid, grid.evaluate(solution, ["u", "grad(u)"]), frame)
    mesh = meshio.read(path)
    np.testing.assert_allclose(mesh.point_data["u"], mesh.points @ gradient, atol=1e-13)
    np.testing.assert_allclose(mesh.point_data["grad(u)"], np.tile(gradient, (len(mesh.points), 1)), atol=1e-12)
    assert {f"grad(u)_{q}" for q in solution.problem.coordinate_names} <= set(mesh.point_data)
    if "hexahedron" in mesh.cells_dict:  # none is turned inside out
        corners = mesh.points[mesh.cells_dict["hexahedron"]]
        edges = [corners[:, k] - corners[:, 0] for k in (1, 3, 4)]
        assert (np.einsum("ni,ni->n", np.cross(edges[0], edges[1]), edges[2]) > 0).all()


def test_the_check_sees_coordinates_taken_for_cartesian_ones(tmp_path):
    solution, frame, gradient = linear("polar")
    grid = read_grid(4, solution.problem.domain)
    (path,) = write(
        tmp_path / "u.vtu", grid, grid.evaluate(solution, ["u", "grad(u)"]), Frame((), "cartesian", frame.vectors)
    )
    mesh = meshio.read(path)
    assert abs(mesh.point_data["u"] - mesh.points @ gradient).max() > 0.1
    assert abs(mesh.point_data["grad(u)"] - gradient).max() > 0.1


def test_netcdf_has_cartesian_points_beside(tmp_path):
    solution, frame, gradient = linear("spherical")
    grid = read_grid(3, solution.problem.domain)
    (path,) = write(tmp_path / "u.nc", grid, grid.evaluate(solution, ["u", "grad(u)"]), frame)
    with netcdf_file(path, mmap=False) as file:
        u = file.variables["u"]
        assert u.coordinates == b"cartesian_x cartesian_y cartesian_z"
        x = np.stack([file.variables[name][:] for name in u.coordinates.decode().split()], axis=-1)
        np.testing.assert_allclose(u[:], x @ gradient, atol=1e-13)
        assert file.variables["grad_u_theta"].long_name == b"grad(u)_theta"


def test_unit_vectors_are_the_derivatives_of_the_position():
    at = np.array([1.3, 0.8, 0.6])
    for system, names in (("spherical", ("r", "theta", "phi")), ("cylindrical", ("r", "phi", "z"))):
        frame = Frame((), system)
        point = lambda q: dict(zip(names, q[:, None], strict=True))  # noqa: B023, E731
        step = 1e-6 * np.eye(3)
        for k, name in enumerate(names):
            ahead, behind = (frame.points(point(at + sign * step[k]))[0] for sign in (1, -1))
            slope = (ahead - behind) / 2e-6
            np.testing.assert_allclose(slope / np.linalg.norm(slope), frame.unit_vectors(point(at))[name][0], atol=1e-8)
