"""A network for each slab of time.

Shape letters: N points, D coordinates, F fields.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class March(nn.Module):
    r"""``u(t, x) = q_k0(x) + tau q_k1(x) + ... + tau^m N_k(z)`` on slab k of time, from t_k to t_(k+1), h_k long.

    ``tau = (t - t_k)/h_k``, and z are the coordinates with the slab stretched over the whole time, so that all networks
    are alike. Whatever N_k gives, the fields and their first m - 1 derivatives by time begin as the polynomial in tau
    says, which is fitted to the end of slab k - 1. The m-th derivative is not handed on: it would carry the error in
    its fastest waves from slab to slab, and each makes it larger. (One network a slab: Krishnapriyan et al. 2021,
    NeurIPS 34; values by construction: Lagaris, Likas & Fotiadis 1998, IEEE Trans. Neural Netw. 9.)

    Args:
        networks: N_k, each (N, D) to (N, F) with a linear layer `output`.
        starts: q_k0, q_k1, ... likewise, as many as the largest m; of time they see nothing.
        time: Index of the coordinate that is time.
        times: t_0 < t_1 < ..., where slabs begin, and where the last one ends.
        powers: m of each field; 0 where no derivative by time determines it, and the field is N_k alone.

    Attributes:
        present: The slab to which all points belong; None: each point's own is looked up.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        starts: Sequence[Sequence[nn.Module]],
        *,
        time: int,
        times: Sequence[float],
        powers: Sequence[int],
    ):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.starts = nn.ModuleList(nn.ModuleList(orders) for orders in starts)
        self.time, self.times, self.powers = time, tuple(times), tuple(powers)
        self.present: int | None = None

    @property
    def count(self) -> int:
        """How many slabs there are."""
        return len(self.networks)

    @property
    def output(self) -> nn.Module:
        """The last layer of the present slab's network, or of the last one's."""
        layer = self.networks[self.count - 1 if self.present is None else self.present].output
        assert isinstance(layer, nn.Module)
        return layer

    @contextmanager
    def at(self, k: int) -> Iterator[None]:
        """Within it all points belong to slab k."""
        self.present, kept = k, self.present
        try:
            yield
        finally:
            self.present = kept

    def length(self, k: int) -> float:
        """h_k."""
        return self.times[k + 1] - self.times[k]

    def slabs(self, x: Tensor) -> Tensor:
        """The slab of each point, (N,); its end belongs to the next one."""
        return torch.bucketize(x[:, self.time].detach().contiguous(), x.new_tensor(self.times[1:-1]), right=True)

    def squeezed(self, x: Tensor, k: int) -> Tensor:
        """Points (N, D) of the whole time, moved into slab k."""
        part = self.length(k) / (self.times[-1] - self.times[0])
        t = self.times[k] + (x[:, self.time] - self.times[0]) * part
        return torch.cat([x[:, : self.time], t[:, None], x[:, self.time + 1 :]], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        if self.present is not None:
            return self._within(self.present, x)
        slabs = self.slabs(x)
        if torch.compiler.is_exporting():  # a traced program does the same for every point
            every = torch.stack([self._within(k, x) for k in range(self.count)])
            return every.gather(0, slabs[None, :, None].expand(1, -1, len(self.powers)))[0]
        values = x.new_zeros(len(x), len(self.powers))
        for k in slabs.unique().tolist():
            rows = (slabs == k).nonzero()[:, 0]
            values = values.index_copy(0, rows, self._within(k, x[rows]))
        return values

    def _within(self, k: int, x: Tensor) -> Tensor:
        still, orders = self._along_time(x, 0.0, self.times[0]), self.starts[k]
        assert isinstance(orders, nn.ModuleList)
        start = [network(still) for network in orders]
        times = (self.times[-1] - self.times[0]) / self.length(k)  # as long
        further = self.networks[k](self._along_time(x, times, self.times[0] - times * self.times[k]))
        tau = (x[:, self.time] - self.times[k]) / self.length(k)
        fields = []
        for f, m in enumerate(self.powers):
            u = further[:, f]
            for order in reversed(range(m)):  # Horner's scheme
                u = start[order][:, f] + tau * u
            fields.append(u)
        return torch.stack(fields, dim=1)

    def _along_time(self, x: Tensor, factor: float, shift: float) -> Tensor:
        """The points with `factor t + shift` for t."""
        like = next(self.parameters())
        factors = [float(factor) if i == self.time else 1.0 for i in range(x.shape[1])]
        shifts = [shift if i == self.time else 0.0 for i in range(x.shape[1])]
        return x * like.new_tensor(factors) + like.new_tensor(shifts)
