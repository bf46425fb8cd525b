"""A moving average of a network's weights, which answers better than the last of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """The exponential moving average of what a network's ``state_dict`` holds.

    Args:
        model: the network that learns.
        decay: 0 to 1, how much of the average a step leaves as it was.
        state: the average so far; by default the network as it is.

    >>> network = nn.Linear(1, 1)
    >>> average = Average(network, decay=0.5)
    >>> _ = network.weight.data.add_(1)
    >>> average.add(step=100)
    >>> (network.weight - average.state["weight"]).item()
    0.5
    """

    def __init__(self, model: nn.Module, decay: float, state: Mapping[str, Tensor] | None = None) -> None:
        self.model, self.decay = model, decay
        now = model.state_dict()
        start = now if state is None else state
        # laid out as the weights, so that all are averaged at once
        self.state = {key: torch.empty_like(value).copy_(start[key]) for key, value in now.items()}
        self._pairs: tuple[list[Tensor], ...] = ()

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        # at first the mean of few steps: else a short run would answer with the weights that it began with
        decay = min(self.decay, (1 + step) / (10 + step))
        if not self._pairs:  # once: a large network has a thousand entries. By now it is where it learns.
            now = self.model.state_dict()
            real = [key for key, value in now.items() if value.is_floating_point()]
            rest = [key for key in now if key not in set(real)]
            self._pairs = tuple([held[key] for key in some] for some in (real, rest) for held in (self.state, now))
        averaged, learning, counts, counted = self._pairs
        get_ema_multi_avg_fn(decay)(averaged, learning, None)
        if counts:
            torch._foreach_copy_(counts, counted)

    @torch.no_grad()
    def settle(self, shown: Iterable[tuple[Tensor, ...]]) -> None:
        """Give the averaged weights the batch-norm statistics of their own activations.

        The average of the statistics that the weights had on their way is not theirs: a network that learns from random
        weights can be worse than useless with it. Frozen statistics stay.

        Args:
            shown: the inputs of some batches.
        """
        model = self.model
        layers = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
        if not layers:
            return
        kept = {key: value.clone() for key, value in model.state_dict().items()}
        momenta = [layer.momentum for layer in layers]
        model.load_state_dict(self.state)
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
        for inputs in shown:
            model(*(seen.contiguous(memory_format=torch.channels_last) for seen in inputs))
        for key, value in model.state_dict().items():
            self.state[key].copy_(value)
        model.load_state_dict(kept)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
