"""An optimiser and a schedule of one's own, named in a recipe."""

import math

import torch


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023: every weight moves as far, by the sign of a running mean; one number a weight to keep, not Adam's two."""

    def __init__(self, groups, lr, weight_decay=0.0, betas=(0.9, 0.99)):
        super().__init__(
            groups, {"lr": lr, "weight_decay": weight_decay, "betas": betas}
        )

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            first, second = group["betas"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]  # goes into the checkpoint
                mean = state.setdefault("mean", torch.zeros_like(weight))
                way = torch.sign(first * mean + (1 - first) * weight.grad)
                weight -= group["lr"] * (way + group["weight_decay"] * weight)
                mean.mul_(second).add_(weight.grad, alpha=1 - second)


def up_and_down(done):
    """The factor of all rates when this share of the phase is over."""
    return math.sin(math.pi * done)
