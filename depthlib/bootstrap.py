"""How sure a figure or a difference is: intervals by drawing the scenes anew, with replacement.

Pictures of one room are alike: a network that fails on one is likely to fail on the next. To draw single pictures as though each
were a room of its own makes intervals too narrow: on the 654 test images of NYU Depth v2, in 124 runs of neighbouring frames, they
come out up to 1.9 times as wide when runs are drawn. So what is drawn is a scene with all its images (the *cluster* bootstrap), where
the data set says which image shows which; an image of which it does not say so counts as a scene of its own. Where all images are said
to show one scene, images are drawn, and the interval says nothing of another scene.

From fewer than twenty scenes even these intervals are too narrow: with no difference at all one in ten excludes zero from ten
scenes, one in four from three. So nothing is called certain that was drawn from fewer than :data:`FEWEST`.

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
from depthlib.sample import checked_scenes

#: So many scenes or images it takes to call a difference certain (of five not even "all on one side" is 5 % luck), and so many
#: to trust the width of an interval.
FEWEST, FEW = 6, 20
INDICES = 163_500  # of images in memory at once: 250 draws of 654


def bootstrap_interval(score: Score, metric: str, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of one figure, by a bootstrap over scenes, or over images (:func:`drawn_from`).

    Raises:
        DepthError: an unknown figure.
    """
    values = torch.cat([score.figure(metric, pick) for pick in _picks(score.scenes, draws, seed)])
    return _interval(values)


@dataclass(frozen=True)
class Difference:
    """A paired comparison of two predictors in one figure: first minus second, with a 95 % interval.

    ``drawn`` says over what: ``("scenes", 124)``.
    """

    metric: str
    value: float
    low: float
    high: float
    first_is_better: bool
    drawn: tuple[str, int]

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero, and was drawn from enough."""
        return self.drawn[1] >= FEWEST and (self.low > 0 or self.high < 0)


def bootstrap_difference(first: Score, second: Score, metric: str, draws: int = 2000, seed: int = 0) -> Difference:
    """How much two predictors differ in one figure, with a paired bootstrap over scenes, or over images (:func:`drawn_from`).

    Args:
        first, second: scores on the same images under the same protocol.
        metric: a figure of the protocol.
        draws: resamples; each draws anew, the same for both.

    Raises:
        DepthError: different images, scenes or protocols, or an unknown figure.
    """
    same = first.protocol == second.protocol and first.dataset == second.dataset and first.names == second.names
    if not same or first.scenes != second.scenes or first.sums[:, 0].ne(second.sums[:, 0]).any():
        raise DepthError(
            f"bootstrap: {first.images} images of {first.dataset} under {first.protocol.name} against {second.images} of "
            f"{second.dataset} under {second.protocol.name}; a paired comparison needs the same images, scenes, pixels and "
            "protocol."
        )
    picks = _picks(first.scenes, draws, seed)
    differences = torch.cat([first.figure(metric, pick) - second.figure(metric, pick) for pick in picks])
    low, high = _interval(differences)
    value = first.metrics[metric] - second.metrics[metric]
    better = value != 0 and (value > 0) == higher_is_better(metric)
    return Difference(metric, value, low, high, better, drawn_from(first.scored_scenes))


def paired_interval(
    first: Tensor, second: Tensor, draws: int = 2000, seed: int = 0, *, scenes: Sequence[str] | None = None
) -> tuple[float, float]:
    """The 95 % interval of the mean of first − second, two figures of the same N images, by a bootstrap over images or their scenes.

    Args:
        first, second: [N]. Images of which one of the two is NaN (a figure that this image does not allow) are left out.
        scenes: the scene of each image; by default each has its own.

    Raises:
        DepthError: another number of scenes than of images, or scenes that are not named by strings.

    >>> figures = torch.linspace(0, 1, 100)
    >>> [round(end, 6) for end in paired_interval(figures + 0.5, figures)]  # what is hard for both cancels
    [0.5, 0.5]
    >>> low, high = paired_interval(figures, torch.zeros(100))
    >>> wider = paired_interval(figures, torch.zeros(100), scenes=[str(i // 10) for i in range(100)])
    >>> wider[0] < low and high < wider[1]  # ten scenes, not a hundred
    True
    """
    differences = first.double() - second.double()
    named = [""] * len(differences) if scenes is None else checked_scenes(scenes, len(differences), "bootstrap")
    means = [torch.where(pick < 0, torch.nan, differences[pick]).nanmean(-1) for pick in _picks(named, draws, seed)]
    return _interval(torch.cat(means))


def drawn_from(scenes: Sequence[str]) -> tuple[str, int]:
    """What is drawn, for the scene of each image ("" where it is not known): ``scenes`` or ``images``, and how many.

    >>> drawn_from(["kitchen", "kitchen", "office", ""]), drawn_from(["kitchen", "kitchen"]), drawn_from(["", ""])
    (('scenes', 3), ('images', 2), ('images', 2))
    """
    count = len({*filter(None, scenes)}) + sum(not scene for scene in scenes)
    return ("scenes", count) if 1 < count < len(scenes) else ("images", len(scenes))


def in_words(scenes: Sequence[str]) -> str:
    """What is drawn, and what is to be thought of it.

    >>> in_words(["kitchen", "kitchen"])
    '2 images, all of one scene: they say nothing of another, and are too few to trust the width'
    """
    what, count = drawn_from(scenes)
    one = (
        ", all of one scene: they say nothing of another"
        if len(scenes) > 1 and {*scenes} == {*filter(None, scenes[:1])}
        else ""
    )
    few = (", and are" if one else ":") + " too few to trust the width" if count < FEW else ""
    return f"{count} {what}{one}{few}"


def _interval(draws: Tensor) -> tuple[float, float]:
    """Where 95 % of the draws lie; one in which no image could be scored says nothing."""
    if bool(draws.isnan().all()):
        return math.nan, math.nan
    low, high = np.nanquantile(draws.numpy(), [0.025, 0.975])
    return float(low), float(high)


def _picks(scenes: Sequence[str], draws: int, seed: int) -> list[Tensor]:
    """Images drawn with replacement, scene by scene, −1 where a draw has fewer than the largest of its piece; pieces bound the memory."""
    what, count = drawn_from(scenes)
    generator = np.random.default_rng(seed)
    rows = max(1, min(250, INDICES // max(1, len(scenes))))
    pieces = [generator.integers(0, count, (min(rows, draws - start), count)) for start in range(0, draws, rows)]
    if what == "images":
        return [torch.from_numpy(piece) for piece in pieces]
    order: dict[str, int] = {}
    cluster = np.array([order.setdefault(scene or f"\0{i}", len(order)) for i, scene in enumerate(scenes)])
    members = [torch.from_numpy(np.flatnonzero(cluster == i)) for i in range(count)]
    return [
        pad_sequence([torch.cat([members[i] for i in draw]) for draw in piece], batch_first=True, padding_value=-1)
        for piece in pieces
    ]
