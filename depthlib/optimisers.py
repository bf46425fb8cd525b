"""The optimiser of a phase, with a rate and a decay for each part of the network, and its schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from depthlib.errors import DepthError
from depthlib.recipe import Phase


def rate_factor(phase: Phase, step: int, steps: int) -> float:
    """What all learning rates are multiplied by at a step: warm-up, then the schedule.

    >>> rate_factor(Phase("coarse", 320, schedule="linear"), 5, 10)
    0.5
    """
    if step < phase.warmup:
        return (step + 1) / (phase.warmup + 1)
    done = (step - phase.warmup) / max(1, steps - phase.warmup)
    if phase.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1 - done if phase.schedule == "linear" else 1.0


def make_optimizer(model: nn.Module, phase: Phase, fused: bool = True) -> torch.optim.Optimizer:
    """The phase's optimiser over the parameters that learn, with a rate and a decay for each name prefix.

    Args:
        fused: one pass over all weights; 0.06 s a step of Eigen's on two cores, not 0.35. Without, PyTorch's own choice: on a GPU
            lists of weights at a time, on a processor one weight after the other.

    Raises:
        DepthError: a prefix that fits no learning parameter, or a parameter that no prefix fits.
    """
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for table in (phase.rates, phase.weight_decay):
        for prefix in table:
            if not any(name.startswith(prefix) for name in learning):
                names = ", ".join(sorted({name.rpartition(".")[0] for name in learning}))
                raise DepthError(f"phase {phase.train!r}: {prefix!r} fits no learning parameter; there are {names}.")
    for name, parameter in learning.items():
        fits = [prefix for prefix in phase.rates if name.startswith(prefix)]
        if not fits:
            raise DepthError(f"phase {phase.train!r}: no learning rate for {name}; add one under `rates`.")
        rate = phase.rates[max(fits, key=len)]
        decays = [prefix for prefix in phase.weight_decay if name.startswith(prefix)]
        decay = phase.weight_decay[max(decays, key=len)] if decays else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    listed = [{"params": ps, "lr": rate, "weight_decay": decay} for (rate, decay), ps in groups.items()]
    if phase.optimiser == "sgd":
        return torch.optim.SGD(listed, lr=1.0, momentum=phase.momentum, fused=fused or None)
    kind = torch.optim.Adam if phase.optimiser == "adam" else torch.optim.AdamW
    return kind(listed, lr=1.0, fused=fused or None)  # False would switch lists off, too
