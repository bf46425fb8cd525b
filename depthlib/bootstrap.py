"""How sure a figure or a difference is: intervals by drawing the images anew, with replacement."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.evaluation import Score, higher_is_better


def bootstrap_interval(score: Score, metric: str, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of one figure, by a bootstrap over images.

    Raises:
        DepthError: an unknown figure.
    """
    values = torch.cat([score.figure(metric, pick) for pick in _picks(len(score.sums), draws, seed)])
    return _interval(values)


@dataclass(frozen=True)
class Difference:
    """A paired comparison of two predictors in one figure: first minus second, with a 95 % interval."""

    metric: str
    value: float
    low: float
    high: float
    first_is_better: bool

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def bootstrap_difference(first: Score, second: Score, metric: str, draws: int = 2000, seed: int = 0) -> Difference:
    """How much two predictors differ in one figure, with a paired bootstrap over images.

    Args:
        first, second: scores on the same images under the same protocol.
        metric: a figure of the protocol.
        draws: resamples; each draws the images anew, the same for both.

    Raises:
        DepthError: different images or protocols, or an unknown figure.
    """
    same = first.protocol == second.protocol and first.dataset == second.dataset and first.names == second.names
    if not same or first.sums[:, 0].ne(second.sums[:, 0]).any():
        raise DepthError(
            f"bootstrap: {first.images} images of {first.dataset} under {first.protocol.name} against {second.images} of "
            f"{second.dataset} under {second.protocol.name}; a paired comparison needs the same images, pixels and "
            "protocol."
        )
    picks = _picks(len(first.sums), draws, seed)
    differences = torch.cat([first.figure(metric, pick) - second.figure(metric, pick) for pick in picks])
    low, high = _interval(differences)
    value = first.metrics[metric] - second.metrics[metric]
    better = value != 0 and (value > 0) == higher_is_better(metric)
    return Difference(metric, value, low, high, better)


def paired_interval(first: Tensor, second: Tensor, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the mean of first − second, two figures of the same N images, by a bootstrap over images.

    Images of which one of the two is NaN (a figure that this image does not allow) are left out.

    >>> figures = torch.linspace(0, 1, 100)
    >>> [round(end, 6) for end in paired_interval(figures + 0.5, figures)]  # what is hard for both cancels
    [0.5, 0.5]
    """
    differences = first.double() - second.double()
    differences = differences[~differences.isnan()]
    means = torch.cat([differences[pick].mean(-1) for pick in _picks(len(differences), draws, seed)])
    return _interval(means)


def _interval(draws: Tensor) -> tuple[float, float]:
    """Where 95 % of the draws lie; one in which no image could be scored says nothing."""
    if bool(draws.isnan().all()):
        return math.nan, math.nan
    low, high = np.nanquantile(draws.numpy(), [0.025, 0.975])
    return float(low), float(high)


def _picks(count: int, draws: int, seed: int) -> list[Tensor]:
    """Images drawn with replacement, in pieces that bound the memory: 250 draws of 654 images are 18 MB."""
    generator = np.random.default_rng(seed)
    sizes = [min(250, draws - start) for start in range(0, draws, 250)]
    return [torch.from_numpy(generator.integers(0, count, (size, count))) for size in sizes]
