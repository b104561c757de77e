"""A step of another library, in that library's own environment: `python peer.py LIBRARY ORDER DIMENSIONS DTYPE ROUNDS`.

ORDER 1 is the Laplacian, 2 the Laplacian of the Laplacian, as the library's users write them. Prints the median over
the rounds of the step's time in plain steps, and of the plain step in milliseconds. `benchmark.py operators --peers`
calls it; it imports nothing of this framework.
"""

# their libraries are not among ours
# pyright: reportMissingImports=false

import os
import statistics
import sys
import time

from network import POINTS, mlp


def deepxde_step(network, x, order):
    """Nested `dde.grad.hessian`, a cached operator an entry."""
    import deepxde as dde

    def laplacian(u, x):
        return sum(dde.grad.hessian(u, x, i=k, j=k) for k in range(x.shape[1]))

    def step():
        at = x.detach().requires_grad_()
        u = network(at)
        for _ in range(order):
            u = laplacian(u, at)
        dde.grad.clear()
        return gradients(u, network)

    return step


def pina_step(network, x, order):
    """`pina.operator.laplacian` of labelled tensors."""
    from pina import LabelTensor
    from pina.operator import laplacian

    names = [f"x{k}" for k in range(x.shape[1])]

    def step():
        at = LabelTensor(x.detach(), names).requires_grad_()
        u = LabelTensor(network(at.tensor), ["u"]) if hasattr(at, "tensor") else network(at)
        u.labels = ["u"]
        for _ in range(order):
            u = laplacian(u, at, components=["u"], d=names)
            u.labels = ["u"]
        return gradients(u.as_subclass(__import__("torch").Tensor), network)

    return step


def torchphysics_step(network, x, order):
    """`torchphysics.utils.laplacian`."""
    from torchphysics.utils import laplacian

    def step():
        at = x.detach().requires_grad_()
        u = network(at)
        for _ in range(order):
            u = laplacian(u, at)
        return gradients(u, network)

    return step


def gradients(u, network):
    """Of mean(u**2)."""
    import torch

    return torch.autograd.grad(u.square().mean(), list(network.parameters()), allow_unused=True)


def torch_steps(library, order, dimensions, dtype):
    """A plain step and a step of the library."""
    import torch

    torch.set_num_threads(1)
    dtype = getattr(torch, dtype)
    torch.set_default_dtype(dtype)
    network, x = mlp(dimensions, 1, dtype), torch.rand(POINTS, dimensions, dtype=dtype)
    makers = {"deepxde": deepxde_step, "pina": pina_step, "torchphysics": torchphysics_step}
    return lambda: gradients(network(x), network), makers[library](network, x, order)


def folx_steps(order, dimensions, dtype):
    """`folx.forward_laplacian` in JAX, compiled; its plain step is JAX's."""
    import jax
    import jax.numpy as jnp
    from folx import forward_laplacian

    if order != 1:
        raise SystemExit("folx has the Laplacian alone")
    jax.config.update("jax_enable_x64", dtype == "float64")
    weights = [(p.detach().numpy().T if p.dim() == 2 else p.detach().numpy()) for p in torch_parameters(dimensions)]
    x = jax.random.uniform(jax.random.PRNGKey(0), (POINTS, dimensions), dtype=dtype)
    weights = [jnp.asarray(w, dtype) for w in weights]

    def u(weights, x):
        for k in range(0, len(weights) - 2, 2):
            x = jnp.tanh(x @ weights[k] + weights[k + 1])
        return (x @ weights[-2] + weights[-1])[..., 0]

    def laplacian(weights, x):
        return jax.vmap(lambda point: forward_laplacian(lambda y: u(weights, y))(point).laplacian)(x)

    steps = []
    for function in (u, laplacian):
        gradient = jax.jit(jax.grad(lambda w, f=function: jnp.mean(f(w, x) ** 2)))
        steps.append(lambda g=gradient: jax.block_until_ready(g(weights)))
    return steps


def torch_parameters(dimensions):
    """Of the same network."""
    import torch

    return list(mlp(dimensions, 1, torch.float32).parameters())


def seconds(step):
    """Of one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main():
    """Interleaved rounds, as for the framework's own engines."""
    library, order, dimensions, dtype, rounds = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4], int(sys.argv[5])
    steps = folx_steps if library == "folx" else lambda *sizes: torch_steps(library, *sizes)
    plain, step = steps(order, dimensions, dtype)
    for warm_up in (plain, step):
        warm_up()
    ratios, units = [], []
    for _ in range(rounds):
        plain()
        unit = seconds(plain)
        ratios.append(seconds(step) / unit)
        units.append(unit)
    print(f"{statistics.median(ratios):.2f} {1e3 * statistics.median(units):.1f}")


if __name__ == "__main__":
    os.environ.setdefault("DDE_BACKEND", "pytorch")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    main()
