"""How sure a figure or a difference is: intervals by drawing the scenes anew, with replacement.

Pictures of one room are alike: a network that fails on one is likely to fail on the next. To draw single pictures as though each
were a room of its own makes intervals too narrow: on the 654 test images of NYU Depth v2, which show 124 places, by a factor of
1.2 to 1.9. So what is drawn is a place with all its images (the *cluster* bootstrap), where the data set says which image shows
which place; single images elsewhere, and where all show one place. From fewer than some twenty places or images even these
intervals are too narrow.

Source: Davison and Hinkley 1997, *Bootstrap Methods and their Application*, §3.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from depthlib.errors import DepthError
from depthlib.evaluation import Score, higher_is_better


def bootstrap_interval(score: Score, metric: str, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of one figure, by a bootstrap over scenes, or over images (:func:`drawn_from`).

    Raises:
        DepthError: an unknown figure.
    """
    values = torch.cat([score.figure(metric, pick) for pick in _picks(score.scenes, draws, seed)])
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
    """How much two predictors differ in one figure, with a paired bootstrap over scenes, or over images (:func:`drawn_from`).

    Args:
        first, second: scores on the same images under the same protocol.
        metric: a figure of the protocol.
        draws: resamples; each draws anew, the same for both.

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
    picks = _picks(first.scenes, draws, seed)
    differences = torch.cat([first.figure(metric, pick) - second.figure(metric, pick) for pick in picks])
    low, high = _interval(differences)
    value = first.metrics[metric] - second.metrics[metric]
    better = value != 0 and (value > 0) == higher_is_better(metric)
    return Difference(metric, value, low, high, better)


def paired_interval(
    first: Tensor, second: Tensor, scenes: Sequence[str] | None = None, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of the mean of first − second, two figures of the same N images, by a bootstrap over scenes.

    Args:
        first, second: [N]. Images of which one of the two is NaN (a figure that this image does not allow) are left out.
        scenes: the place of each image; by default each has its own.

    Raises:
        DepthError: another number of scenes than of images.

    >>> figures = torch.linspace(0, 1, 100)
    >>> [round(end, 6) for end in paired_interval(figures + 0.5, figures)]  # what is hard for both cancels
    [0.5, 0.5]
    >>> low, high = paired_interval(figures, torch.zeros(100))
    >>> wider = paired_interval(figures, torch.zeros(100), [str(i // 10) for i in range(100)])
    >>> wider[0] < low and high < wider[1]  # ten places, not a hundred
    True
    """
    differences = first.double() - second.double()
    places = [""] * len(differences) if scenes is None else list(scenes)
    if len(places) != len(differences):
        raise DepthError(f"bootstrap: {len(places)} scenes for {len(differences)} images; expected the place of each.")
    means = [torch.where(pick < 0, torch.nan, differences[pick]).nanmean(-1) for pick in _picks(places, draws, seed)]
    return _interval(torch.cat(means))


def drawn_from(scenes: Sequence[str]) -> tuple[str, int]:
    """What is drawn, for the scene of each image: ``scenes`` or ``images``, and how many there are.

    >>> drawn_from(["kitchen", "kitchen", "office"]), drawn_from(["kitchen", "kitchen"]), drawn_from(["", ""])
    (('scenes', 2), ('images', 2), ('images', 2))
    """
    known = len(set(scenes)) if all(scenes) else 0
    return ("scenes", known) if known > 1 else ("images", len(scenes))


def _interval(draws: Tensor) -> tuple[float, float]:
    """Where 95 % of the draws lie; one in which no image could be scored says nothing."""
    if bool(draws.isnan().all()):
        return math.nan, math.nan
    low, high = np.nanquantile(draws.numpy(), [0.025, 0.975])
    return float(low), float(high)


def _picks(scenes: Sequence[str], draws: int, seed: int) -> list[Tensor]:
    """Images drawn with replacement, place by place, −1 where a draw has fewer than the largest of its piece.

    In pieces that bound the memory: 250 draws of 654 images are 18 MB.
    """
    what, count = drawn_from(scenes)
    generator = np.random.default_rng(seed)
    pieces = [
        generator.integers(0, count, (min(250, draws - start), count)) for start in range(0, draws, 250)
    ]  # fmt: skip
    if what == "images":
        return [torch.from_numpy(piece) for piece in pieces]
    order = {scene: i for i, scene in enumerate(dict.fromkeys(scenes))}
    place = np.array([order[scene] for scene in scenes])
    members = [np.flatnonzero(place == i) for i in range(count)]
    return [
        pad_sequence(
            [torch.from_numpy(np.concatenate([members[i] for i in draw])) for draw in piece], batch_first=True, padding_value=-1
        )
        for piece in pieces
    ]  # fmt: skip
