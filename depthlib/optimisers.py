"""The optimiser of a phase, with a rate and a decay for each part of the network, and its schedule."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from depthlib.checkpoints import flatten
from depthlib.errors import DepthError
from depthlib.recipe import OPTIMISERS, SCHEDULES, Phase
from depthlib.registry import imported


def rate_factor(phase: Phase, step: int, steps: int) -> float:
    """What all learning rates are multiplied by at a step: warm-up, then the schedule.

    >>> rate_factor(Phase("coarse", 320, schedule="linear"), 5, 10)
    0.5
    """
    if step < phase.warmup:
        return (step + 1) / (phase.warmup + 1)
    done = (step - phase.warmup) / max(1, steps - phase.warmup)
    if phase.schedule not in SCHEDULES:
        factor = _own("schedule", phase.schedule, SCHEDULES)(done)
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor < math.inf:
            raise DepthError(
                f"schedule {phase.schedule!r}: returns {factor!r} when {done:.3f} of the phase is over; expected a factor of the rates, 0 or "
                "more."
            )
        return float(factor)
    if phase.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1 - done if phase.schedule == "linear" else 1.0


def make_optimizer(model: nn.Module, phase: Phase, fused: bool = True) -> torch.optim.Optimizer:
    """The phase's optimiser over the parameters that learn, with a rate and a decay for each name prefix.

    Args:
        fused: one pass over all weights; 0.06 s a step of Eigen's on two cores, not 0.35. Without, PyTorch's own choice: on a GPU
            lists of weights at a time, on a processor one weight after the other.

    One of your own, ``module:NAME``, is called with the groups (dicts with ``params``, ``lr`` and ``weight_decay``) and ``lr``, and
    returns a :class:`torch.optim.Optimizer` that steps without a closure: a class of such, or a function that knows other options.

    Raises:
        DepthError: a prefix that fits no learning parameter, or a parameter that no prefix fits; or one of your own that returns
            something else, or whose state no checkpoint can hold.
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
    if phase.optimiser not in OPTIMISERS:
        make = _own("optimiser", phase.optimiser, OPTIMISERS)
        _tried(phase.optimiser, make)
        return _made(phase.optimiser, make, listed)
    if phase.optimiser == "sgd":
        return torch.optim.SGD(listed, lr=1.0, momentum=phase.momentum, fused=fused or None)
    kind = torch.optim.Adam if phase.optimiser == "adam" else torch.optim.AdamW
    return kind(listed, lr=1.0, fused=fused or None)  # False would switch lists off, too


def _own(what: str, name: str, known: Iterable[str]) -> Callable[..., Any]:
    """What somebody's own name stands for, which is called."""
    found = imported(what, name, known)
    if not callable(found):
        seen = "nothing of that name" if found is None else f"an instance of {type(found).__name__}"
        raise DepthError(f"{what} {name!r}: is {seen}; expected what can be called.")
    return found


def _made(name: str, make: Callable[..., Any], groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Somebody's own optimiser over these groups."""
    given = [group["lr"] for group in groups]
    made = make(groups, lr=1.0)
    if not isinstance(made, torch.optim.Optimizer):
        raise DepthError(f"optimiser {name!r}: returns {type(made).__name__}; expected a torch.optim.Optimizer.")
    if [group.get("lr") for group in made.param_groups] != given:
        raise DepthError(
            f"optimiser {name!r}: has groups with the rates {[group.get('lr') for group in made.param_groups]}; expected the recipe's, {given}. "
            "Hand the groups on as they come."
        )
    return made


def _tried(name: str, make: Callable[..., Any]) -> None:
    """One step of one weight: what a checkpoint cannot hold is found before the training, and not at its first checkpoint."""
    weight = nn.Parameter(torch.ones(2, 2))
    made = _made(name, make, [{"params": [weight], "lr": 0.1, "weight_decay": 0.0}])
    weight.grad = torch.ones(2, 2)
    made.step()
    try:
        json.dumps(flatten(made.state_dict())[1])
    except (TypeError, ValueError, AttributeError) as error:
        raise DepthError(
            f"optimiser {name!r}: its state cannot be written into a checkpoint ({error}). Keep tensors, numbers and strings in state and "
            "groups."
        ) from error
