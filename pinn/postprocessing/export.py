"""A solution as a file that needs nothing of this package: hard conditions included, points (N, D) to fields (N, F).

Shape letters: N points, D coordinates, F fields.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from pinn.solution import Solution, held_out

TRACED, COMPARED = 3, 1000  # points by which the network is traced, and at which the file is compared with it
# Of the largest value: torch's ONNX exporter rounds the numbers in a formula, such as those of hard conditions, to
# float32.
TOLERATED = 1e-6


def export(solution: Solution, path: Path) -> float:
    """Write a file whose kind its suffix tells, and run it: `.pt2` for `torch.export.load`, `.onnx`.

    Returns:
        The largest difference between the file's values and the solution's at 1,000 points.

    Raises:
        ValueError: The suffix is another one, a package is missing, or the values differ by more than 1e-6 of the
            largest.
    """
    if path.suffix not in EXPORTERS:
        raise ValueError(f"out={path}: files end in {', '.join(EXPORTERS)}")
    network = solution.residuals.solution.eval()
    x = held_out(solution.problem, COMPARED).to(next(network.parameters()).dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), _quiet():
        found = EXPORTERS[path.suffix](network, x, path)
        expected = network(x)
    apart, largest = float((found - expected).abs().max()), float(expected.abs().max())
    if not apart <= TOLERATED * largest:
        raise ValueError(f"{path}: its values differ from the network's by {apart:.1e}, which are up to {largest:.1e}")
    return apart


def export_torch(network: nn.Module, x: Tensor, path: Path) -> Tensor:
    """The traced program, for any number of points."""
    torch.export.save(torch.export.export(network, (x[:TRACED],), dynamic_shapes=_any_number()), path)
    return torch.export.load(path).module()(x)


def export_onnx(network: nn.Module, x: Tensor, path: Path) -> Tensor:
    """The graph with the input `points` and the output `fields`, run by onnxruntime."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"out={path}: ONNX needs {error.name}: pip install -e '.[export]'") from None
    program = torch.onnx.export(
        network, (x[:TRACED],), dynamic_shapes=_any_number(), input_names=["points"], output_names=["fields"],
        dynamo=True, verbose=False,
    )  # fmt: skip
    assert program is not None
    program.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["fields"], {"points": x.numpy()})[0])


def _any_number() -> tuple[dict[int, torch.export.Dim]]:
    return ({0: torch.export.Dim("points")},)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's lines speak of other packages."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    log.setLevel(before)


EXPORTERS: dict[str, Callable[[nn.Module, Tensor, Path], Tensor]] = {".pt2": export_torch, ".onnx": export_onnx}
