# %% [markdown]
# # A plate
#
# A square plate, clamped at its edge, bends under a load: `lap(lap(u)) = q` with `u = dn(u) = 0` on the edge. A problem
# is text; the load is derived from the exact solution that we state, so that we are told the error.
# Run time: some ten seconds.

# %%
import numpy as np

import pinn

plate = pinn.Problem(
    coordinates={"x": [0, 1], "y": [0, 1]},
    fields=["u"],
    functions={"q": "manufactured"},
    equations={"plate": "lap(lap(u)) = q"},
    conditions={"edge": "u(boundary) = 0", "slope": "dn(u)(boundary) = 0"},
    exact={"u": "sin(pi*x)**2*sin(pi*y)**2"},
    name="tutorial_plate",
)

# %% [markdown]
# Both conditions are built into the network, so that only the equation is left to train. The default optimizer solves
# for the output layer by least squares.

# %%
solution = pinn.solve(plate, "network.width=300", "sampling.points=2000")
error = solution.error["u"]["relative_l2"]
print(f"relative L2 error {error:.1e}")

# %% [markdown]
# The solution is a function, with exact derivatives. The bending moment in the middle, for Poisson's ratio 0.3, is
# `-(u_xx + 0.3 u_yy)`.

# %%
centre = [[0.5, 0.5]]
moment = solution.derivative("-(u_xx + 0.3*u_yy)", centre)[0]
print(f"deflection {solution(0.5, 0.5):.6f}, moment {moment:.6f}, exact {2.6 * np.pi**2:.6f}")

# %% [markdown]
# Integrals say how far to trust them. The plate encloses the volume 1/4 with its plane.

# %%
volume, accuracy = solution.integral("u")
print(f"volume {volume:.10f}, quadrature error {accuracy:.0e}")

# %% [markdown]
# A figure for a paper, in vectors.

# %%
solution.plot().savefig("plate.pdf")
