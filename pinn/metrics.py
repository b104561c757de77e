"""Errors of a prediction against the truth.

Shape letters: N points, F fields.
"""

from collections.abc import Sequence

from torch import Tensor, float64


def errors(prediction: Tensor, truth: Tensor, fields: Sequence[str]) -> dict[str, dict[str, float]]:
    """Measure each field's error in the mean and at the worst point.

    relative_l2 = |p - t|_2 / |t|_2 and max = max |p - t|, in float64 over the N points. Where the truth is zero at
    every point there is nothing to be relative to: relative_l2 is then the absolute |p - t|_2 / sqrt(N).

    Args:
        prediction: Predicted values p, (N, F).
        truth: True values t, (N, F).
        fields: Names of the F fields.

    Returns:
        ``{field: {"relative_l2": ..., "max": ...}}``.

    Raises:
        ValueError: If the shapes differ, which broadcasting would hide.
    """
    if prediction.shape != truth.shape or prediction.shape[1:] != (len(fields),):
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and truth {tuple(truth.shape)} must both have one row a point "
            f"and one column for each of the fields {', '.join(fields)}"
        )
    truth = truth.detach().to(float64)
    difference = prediction.detach().to(float64) - truth
    return {field: _error(difference[:, f], truth[:, f]) for f, field in enumerate(fields)}


def _error(difference: Tensor, truth: Tensor) -> dict[str, float]:
    size = float(truth.norm()) or len(truth) ** 0.5
    return {"relative_l2": float(difference.norm()) / size, "max": float(difference.abs().max())}
