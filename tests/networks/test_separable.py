"""The rank of the values on a grid."""

import torch

from pinn.networks import MLP, Scaled, Separable

BOX = ([0.0, -1.0], [1.0, 1.0])


def rank(network, **options):
    """Of the values on a grid of 20 by 20, to rounding; the output's bias, a term of rank one, is set to zero."""
    with torch.no_grad():
        network.output.bias.zero_()
        x, y = torch.linspace(0, 1, 20).double(), torch.linspace(-1, 1, 20).double()
        values = network.double()(torch.cartesian_prod(x, y)).reshape(20, 20)
    singular = torch.linalg.svdvals(values)
    return int((singular > 1e-13 * singular[0]).sum())


def test_it_has_the_rank_that_was_asked_for():
    for r in (1, 3):
        torch.manual_seed(0)
        assert rank(Separable(Scaled(*BOX), 1, rank=r, width=8, depth=1)) == r
    torch.manual_seed(0)
    assert rank(MLP(Scaled(*BOX), 1, width=30, depth=2)) > 10


def test_it_is_the_sum_of_products():
    torch.manual_seed(0)
    network, x = Separable(Scaled(*BOX), 2, rank=4, width=8).double(), torch.rand(5, 2).double()
    bodies = [body(x[:, k : k + 1]) for k, body in enumerate(network.bodies)]
    expected = torch.einsum("fr,nr,nr->nf", network.output.weight, *bodies) + network.output.bias
    torch.testing.assert_close(network(x), expected)
