"""How sure a figure or a difference is: intervals by drawing the scenes anew, with replacement.

Pictures of one room are alike: a network that fails on one is likely to fail on the next. To draw single pictures as though each
were a room of its own makes intervals too narrow: on the 654 test images of NYU Depth v2, in 124 runs of neighbouring frames, those of
figures come out by a quarter to nearly twice as wide when runs are drawn, those of differences by nothing to nearly twice. So what is drawn is a
scene with all its images (the *cluster* bootstrap), where the data set says which image shows which; an image of which it does not
say so counts as a scene of its own. Where all images are said to show one scene, images are drawn, and the interval says nothing of
another scene.

From few scenes even these intervals are too narrow: with no difference at all about one in ten excludes zero from ten scenes, one in
four from three. So no difference is called certain that was drawn from fewer than :data:`FEW`.

Source: Davison and Hinkley 1997, *Bootstrap Methods and their Application*, §3.8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from depthlib.errors import DepthError
from depthlib.evaluation import Score, higher_is_better
from depthlib.sample import checked_scenes

#: From fewer scenes or images than this an interval is too narrow to be believed.
FEW = 20
INDICES = 163_500  # of images in memory at once: 250 draws of 654


def bootstrap_interval(score: Score, metric: str, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of one figure, by a bootstrap over scenes, or over images (:func:`drawn_from`).

    Raises:
        DepthError: an unknown figure.
    """
    values = torch.cat([score.figure(metric, pick) for pick in _picks_of(score, draws, seed)])
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
        """Whether the interval excludes zero, and was drawn from :data:`FEW` or more."""
        return self.drawn[1] >= FEW and (self.low > 0 or self.high < 0)


def bootstrap_difference(first: Score, second: Score, metric: str, draws: int = 2000, seed: int = 0) -> Difference:
    """How much two predictors differ in one figure, with a paired bootstrap over scenes, or over images (:func:`drawn_from`).

    Args:
        first, second: scores on the same images under the same protocol.
        metric: a figure of the protocol.
        draws: resamples; each draws anew, the same for both.

    Raises:
        DepthError: different images, scenes or protocols, or an unknown figure.
    """
    for what, one, other in (
        ("protocols", first.protocol, second.protocol), ("data sets", first.dataset, second.dataset),
        ("images", first.names, second.names), ("scenes", first.scenes, second.scenes),
        ("scored pixels", first.sums[:, 0].tolist(), second.sums[:, 0].tolist()),
    ):  # fmt: skip
        if one != other:
            raise DepthError(
                f"bootstrap: the two scores have other {what}: {_first_difference(one, other)}. A paired comparison needs the same "
                "images, scenes, pixels and protocol: score both on one data set, opened in the same way."
            )
    picks = _picks_of(first, draws, seed)
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
        first, second: [N]. Images of which one of the two is NaN (a figure that this image does not allow) are left out; without
            any image the interval is NaN.
        scenes: the scene of each image; by default each has its own.

    Raises:
        DepthError: figures that are no two [N]; another number of scenes, or scenes that are not named by strings.

    >>> figures = torch.linspace(0, 1, 100)
    >>> [round(end, 6) for end in paired_interval(figures + 0.5, figures)]  # what is hard for both cancels
    [0.5, 0.5]
    >>> low, high = paired_interval(figures, torch.zeros(100))
    >>> wider = paired_interval(figures, torch.zeros(100), scenes=[str(i // 10) for i in range(100)])
    >>> wider[0] < low and high < wider[1]  # ten scenes, not a hundred
    True
    """
    both = (first, second)
    if not all(isinstance(figures, Tensor) for figures in both) or first.ndim != 1 or first.shape != second.shape:
        seen = " and ".join(
            str(list(figures.shape)) if isinstance(figures, Tensor) else type(figures).__name__ for figures in both
        )
        raise DepthError(f"bootstrap: figures are {seen}; expected two tensors [N] of the same images.")
    differences = first.double() - second.double()
    named = [""] * len(differences) if scenes is None else checked_scenes(scenes, len(differences), "bootstrap")
    there = ~differences.isnan()
    named = [scene for scene, kept in zip(named, there.tolist(), strict=True) if kept]
    differences = torch.cat([differences[there], torch.tensor([torch.nan])])  # the last for −1, no image
    means = [differences[pick].nanmean(-1) for pick in _picks(named, draws, seed)]
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
    '2 images, all of one scene: they say nothing of another (too few to trust the width)'
    """
    what, count = drawn_from(scenes)
    said = f"{count} {what}"
    if len(scenes) > 1 and len(set(scenes)) == 1 and scenes[0]:
        said += ", all of one scene: they say nothing of another"
    return said if count >= FEW else f"{said} (too few to trust the width)"


def _first_difference(one: object, other: object) -> str:
    """Where two lists, or two values, are different, with both."""
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{len(one)} against {len(other)} of them"
        i = next(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
        return f"{one[i]!r} against {other[i]!r} for image {i}"
    return f"{getattr(one, 'name', one)!r} against {getattr(other, 'name', other)!r}"


def _interval(draws: Tensor) -> tuple[float, float]:
    """Where 95 % of the draws lie; one in which no image could be scored says nothing."""
    if bool(draws.isnan().all()):
        return math.nan, math.nan
    low, high = np.nanquantile(draws.numpy(), [0.025, 0.975])
    return float(low), float(high)


def _picks_of(score: Score, draws: int, seed: int) -> Iterator[Tensor]:
    """:func:`_picks` among the images that have a scored pixel, as indices of all."""
    scored = score.sums[:, 0].nonzero()[:, 0]
    for pick in _picks(score.scored_scenes, draws, seed):
        yield torch.where(pick < 0, -1, scored[pick])


def _picks(scenes: Sequence[str], draws: int, seed: int) -> Iterator[Tensor]:
    """Images drawn with replacement, scene by scene, −1 where a draw has fewer than the largest of its piece.

    Piece by piece, which bounds the memory.
    """
    what, count = drawn_from(scenes)
    generator = np.random.default_rng(seed)
    order: dict[str, int] = {}
    cluster = np.array(
        [order.setdefault(scene or f"\0{i}", len(order)) for i, scene in enumerate(scenes)], dtype=np.int64
    )
    images = cluster.argsort(kind="stable")  # those of one scene beside each other
    size = np.bincount(cluster)
    start = size.cumsum() - size
    rows = max(1, min(250, INDICES // max(1, len(scenes))))
    for first in range(0, draws, rows):
        piece = generator.integers(0, count, (min(rows, draws - first), count))
        if what == "images":
            yield torch.from_numpy(piece)
            continue
        drawn = []
        for draw in piece:
            lengths = size[draw]
            ends = lengths.cumsum()
            within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)  # which of its scene's images
            drawn.append(torch.from_numpy(images[np.repeat(start[draw], lengths) + within]))
        yield pad_sequence(drawn, batch_first=True, padding_value=-1)
