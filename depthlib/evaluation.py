"""Scoring a predictor on a data set under a named protocol, and comparing two of them fairly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from depthlib.errors import DepthError
from depthlib.metrics import TABLE_1, DepthMetric
from depthlib.models.base import DepthModel
from depthlib.prediction import predict
from depthlib.protocols import Protocol, get_protocol
from depthlib.sample import RGBD, collate, valid

#: From rgb [B, 3, H, W] in [0, 1] to metres [B, 1, H, W] over the whole frame, 0 where nothing is said.
Predictor = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Score:
    """The figures of one predictor.

    Attributes:
        protocol, dataset: what was scored how.
        metrics: name → value.
        images, pixels: how many were scored; ``skipped`` names images without a valid pixel.
        sums: per-image sums, float64 [N, 10]; what :func:`bootstrap_difference` resamples.
    """

    protocol: str
    dataset: str
    metrics: dict[str, float]
    images: int
    pixels: int
    skipped: list[str]
    sums: Tensor = field(repr=False)


def evaluate(
    predictor: Predictor | DepthModel,
    dataset: RGBD,
    protocol: Protocol | str = "eigen14",
    batch: int = 16,
    progress: bool = False,
) -> Score:
    """Score a model, or any callable from RGB to metres, on a whole data set.

    Args:
        predictor: a model of this library, or a callable [B, 3, H, W] → metres [B, 1, H, W].
        dataset: truth keeps its own resolution.
        protocol: a :class:`~depthlib.protocols.Protocol` or its name.
        batch: images at a time; the result does not depend on it.

    Raises:
        DepthError: an unknown protocol; predictions that are not positive metres where they are scored; or a
            data set in which nothing is valid.
    """
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    metrics = rules.metrics()
    answer: Predictor = predictor if not isinstance(predictor, DepthModel) else from_model(predictor)
    skipped: list[str] = []
    for start in tqdm(range(0, len(dataset), batch), desc=rules.name, disable=not progress, unit="batch"):
        samples = collate(dataset.__getitems__(range(start, min(start + batch, len(dataset)))))
        prediction = answer(samples["rgb"]).cpu()
        prediction, truth, mask = rules.prepare(prediction, samples["depth"])
        skipped += [n for n, m in zip(samples["name"], mask.flatten(1).any(1).tolist(), strict=True) if not m]
        metrics.update(prediction, truth, mask)
    first = metrics["delta1"]
    assert isinstance(first, DepthMetric)
    # compute() first: it makes the grouped metrics share the state that was updated once
    values = {name: float(value) for name, value in metrics.compute().items()}
    sums = first.sums()
    pixels = int(sums[:, 0].sum())
    if pixels == 0:
        raise DepthError(f"evaluation: no valid pixel in {len(dataset)} images of {dataset.name} under {rules.name}.")
    return Score(rules.name, dataset.name, values, int((sums[:, 0] > 0).sum()), pixels, skipped, sums)


def from_model(model: DepthModel) -> Predictor:
    """A model as a predictor: full-frame metres, nearest-neighbour up-sampling as in the paper."""
    return lambda rgb: predict(model, rgb).full()


def mean_depth_image(dataset: RGBD, batch: int = 32) -> Tensor:
    """The mean of a data set's depth maps over their valid pixels: metres, float32 [1, 1, H, W].

    The baseline that sees no picture at all (Eigen et al. 2014, §4.3). A pixel that is never valid (sky) gets the
    mean of all others, so that the baseline answers everywhere.
    """
    total = count = torch.zeros(())
    for start in range(0, len(dataset), batch):
        depth = collate(dataset.__getitems__(range(start, min(start + batch, len(dataset)))))["depth"]
        known = valid(depth)
        total = total + torch.where(known, depth, 0.0).double().sum(0, keepdim=True)
        count = count + known.sum(0, keepdim=True)
    everywhere = total.sum() / count.sum().clamp_min(1)
    return torch.where(count > 0, total / count.clamp_min(1), everywhere).float()


def constant(image: Tensor) -> Predictor:
    """A predictor that answers the same map [1, 1, H, W] for every picture."""
    return lambda rgb: image.expand(len(rgb), -1, -1, -1)


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
        metric: a name of Table 1.
        draws: resamples; each draws the images anew, the same for both.

    Raises:
        DepthError: different images or protocols, or an unknown metric.
    """
    if first.protocol != second.protocol or first.sums[:, 0].ne(second.sums[:, 0]).any():
        raise DepthError(
            f"bootstrap: {first.images} images under {first.protocol} against {second.images} under {second.protocol}; "
            "a paired comparison needs the same images, pixels and protocol."
        )
    if metric not in TABLE_1:
        raise DepthError(f"bootstrap: metric {metric!r} is unknown; expected one of {', '.join(TABLE_1)}.")
    pooling = get_protocol(first.protocol).pooling
    kind = TABLE_1[metric]
    generator = np.random.default_rng(seed)
    count = len(first.sums)
    parts = []
    for start in range(0, draws, 250):  # bounds the memory: 250 draws of 654 images are 13 MB a predictor
        pick = torch.from_numpy(generator.integers(0, count, (min(250, draws - start), count)))
        parts.append(kind.figure(first.sums[pick], pooling) - kind.figure(second.sums[pick], pooling))
    differences = torch.cat(parts).numpy()
    low, high = np.quantile(differences, [0.025, 0.975])
    value = first.metrics[metric] - second.metrics[metric]
    return Difference(metric, value, float(low), float(high), (value > 0) == bool(kind.higher_is_better))
