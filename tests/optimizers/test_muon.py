"""Muon: matrices move by orthogonal matrices, the rest as AdamW would."""

import torch

from pinn.optimizers import AdamW, Muon


def one_step(make, **options):
    generator = torch.Generator().manual_seed(0)
    shapes = [(6, 4), (6,), (1, 6), ()]
    parameters = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in shapes]
    optimizer = make(parameters, lr=0.1, **options)
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=generator, dtype=torch.float64)
    optimizer.step(lambda: torch.tensor(0.0))
    return [p.detach() for p in parameters]


def test_a_matrix_moves_by_nearly_equal_singular_values_and_the_rest_as_by_adamw():
    mine, adam = one_step(Muon), one_step(AdamW, weight_decay=0.0)
    s = torch.linalg.svdvals(mine[0])
    assert s.min() > 0.5 * s.max()
    other = torch.linalg.svdvals(adam[0])
    assert other.min() < 0.5 * other.max()
    for a, b in zip(mine[1:], adam[1:], strict=True):
        assert torch.equal(a, b)


def test_without_matrices_it_is_adamw():
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    Muon([p], lr=0.1).step(lambda: torch.tensor(0.0))
    torch.testing.assert_close(p.detach(), torch.full((3,), 0.9))
