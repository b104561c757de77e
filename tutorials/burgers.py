# %% [markdown]
# # Burgers' equation with your own data and an unknown viscosity
#
# `u_t + u*u_x = nu*u_xx`, where nu is to be found from 200 measurements of u. Here the measurements come from a finite
# difference method with nu = 0.05, plus noise of 1 %; yours would come from a file as well.
# Run time: half a minute.

# %%
import numpy as np

import pinn

TRUE = 0.05


def measurements(count: int = 200, noise: float = 0.01) -> np.ndarray:
    """Rows t, x, u at random points, from an explicit scheme of second order in space."""
    x = np.linspace(-1, 1, 401)
    dx, dt = x[1] - x[0], 2e-4
    u, history = -np.sin(np.pi * x), []
    for _ in range(5001):
        history.append(u.copy())
        flux = -np.gradient(u**2 / 2, dx)
        u[1:-1] += dt * (flux[1:-1] + TRUE * (u[2:] - 2 * u[1:-1] + u[:-2]) / dx**2)
    rng = np.random.default_rng(0)
    step, place = rng.integers(5001, size=count), rng.integers(401, size=count)
    values = np.array(history)[step, place] + noise * rng.standard_normal(count)
    return np.column_stack([step * dt, x[place], values])


np.savetxt("measurements.csv", measurements(), delimiter=",", header="t,x,u", comments="")

# %% [markdown]
# A column for each coordinate and each observed field: that is all that a file of data needs. The start and the ends
# are known and built into the network; the measurements are one more loss.

# %%
burgers = pinn.Problem(
    coordinates={"t": [0, 1], "x": [-1, 1]},
    fields=["u"],
    parameters={"nu": {"learn": 0.2, "between": [0.001, 1]}},
    equations={"burgers": "u_t + u*u_x = nu*u_xx"},
    conditions={"start": "u(t=0) = -sin(pi*x)", "ends": "u(boundary) = 0"},
    observations={"sensors": {"file": "measurements.csv"}},
    name="tutorial_burgers",
)
solution = pinn.solve(
    burgers,
    *("network.width=20", "network.depth=2", "network.activation=tanh", "network.scale=1"),
    *("sampling.points=1000", "optimizer.steps=60"),
    optimizer="gauss_newton",
)

# %%
nu = solution.learned["nu"]
print(f"nu = {nu:.5f}, true {TRUE}")
x = np.linspace(-1, 1, 101)
print(f"the steepest slope at t = 1 is {solution.derivative('u_x', np.column_stack([np.ones(101), x])).min():.3f}")
