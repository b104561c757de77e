"""Residuals and the number of channels that their jets need."""

from math import comb

NS = {
    "x": "u_t + u*u_x + v*u_y + p_x - 0.01*lap(u)",
    "y": "v_t + u*v_x + v*v_y + p_y - 0.01*lap(v)",
    "c": "u_x + v_y",
}
NS3 = {
    "x": "u_t + u*u_x + v*u_y + w*u_z + p_x - 0.01*lap(u)",
    "y": "v_t + u*v_x + v*v_y + w*v_z + p_y - 0.01*lap(v)",
    "z": "w_t + u*w_x + v*w_y + w*w_z + p_z - 0.01*lap(w)",
    "c": "u_x + v_y + w_z",
}
STREAM = "u_y*lap(u_x) - u_x*lap(u_y) - 0.01*lap(lap(u))"
# residuals as a user writes them: equations, coordinates, fields, channels, channels of the full jet
TABLE = [
    *[("lap(u)", [f"x{i}" for i in range(d)], "u", d + 2, (d + 1) * (d + 2) // 2) for d in (2, 3, 10)],
    ("lap(lap(u))", "xy", "u", 9, 15),
    ("lap(lap(u))", "xyz", "u", 14, 35),
    *[("lap(lap(u))", [f"x{i}" for i in range(d)], "u", (d + 1) * (d + 4) // 2, comb(d + 4, 4)) for d in (4, 5)],
    ("u_xxxx", "xy", "u", 5, 15),
    ("u_t + u*u_x - 0.01/pi*u_xx", "tx", "u", 3, 6),
    ("u_t - 0.3*lap(u)", "txy", "u", 4, 10),
    ("u_t - 1e-4*lap(u) + 5*u**3 - 5*u", "txy", "u", 4, 10),
    ("u_tt - lap(u)", "txy", "u", 5, 10),
    ("u_t + 6*u*u_x + u_xxx", "tx", "u", 4, 10),
    ("u_t + u*u_x + u_xx + u_xxxx", "tx", "u", 5, 15),
    ("u_t - lap(u**3 - u - 0.01*lap(u))", "txy", "u", 9, 35),
    (NS, "txy", "uvp", 4, 10),
    (NS3, "txyz", "uvwp", 5, 15),
    (STREAM, "xy", "u", 9, 15),
    ("lap(u_t) + " + STREAM, "txy", "u", 12, 35),
    ("u_xx*u_yy - u_xy**2", "xy", "u", 6, 6),
    ("u_xx*u_yy*u_zz - u_xy*u_yz*u_xz", "xyz", "u", 10, 10),
    ("lap(lap(lap(u)))", "xy", "u", 16, 28),
    ("lap(u**3)", "xy", "u", 4, 6),
    ("div((1 + x**2 + u**2)*grad(u))", "xy", "u", 4, 6),
    ("div(grad(u)/sqrt(1 + dot(grad(u), grad(u))))", "xy", "u", 6, 6),
    ("div(dot(grad(u), grad(u))*grad(u))", "xy", "u", 6, 6),
    ("div((2 + sin(x*y))*grad(u)) + exp(-u)*u_x", "xy", "u", 4, 6),
]
