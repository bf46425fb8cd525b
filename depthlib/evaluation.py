"""Scoring a predictor on a data set under named protocols, and comparing two of them fairly."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from tqdm import tqdm

from depthlib import processes
from depthlib.batches import to_device
from depthlib.errors import DepthError
from depthlib.metrics import PIXEL_METRICS, DepthMetric
from depthlib.models.base import DepthModel
from depthlib.prediction import predict
from depthlib.protocols import Protocol, get_protocol
from depthlib.sample import RGBD, Batch, collate, valid
from depthlib.stored import StoredPredictions
from depthlib.structure import MAP_METRICS, mean_of_images

#: From rgb [B, 3, H, W] in [0, 1] to metres [B, 1, H, W] over the whole frame, 0 where nothing is said; or to
#: disparity, any value, if it is declared as such.
Predictor = Callable[[Tensor], Tensor]
Kind = Literal["depth", "disparity"]


class Informed(ABC):
    """A rival that is shown part of the truth, such as those of :mod:`depthlib.baselines`."""

    @abstractmethod
    def of(self, samples: Batch) -> Tensor:
        """Metres [B, 1, H, W] for a batch with its truth."""


@dataclass(frozen=True)
class Score:
    """The figures of one predictor.

    Attributes:
        protocol, dataset, size: what was scored how; the truth's rows and columns (the largest, where they differ).
        metrics: name → value.
        images, pixels: how many were scored; ``skipped`` names images without a valid pixel.
        warnings: what is odd about the predictions, in sentences.
        sums: per-image sums, float64 [N, 14], and ``maps``, figure of whole maps → float64 [N]: what the bootstrap
            resamples. ``names`` has the N images.
    """

    protocol: Protocol
    dataset: str
    size: tuple[int, int]
    metrics: dict[str, float]
    images: int
    pixels: int
    skipped: list[str]
    warnings: list[str]
    names: list[str] = field(repr=False)
    sums: Tensor = field(repr=False)
    maps: dict[str, Tensor] = field(repr=False)

    def figure(self, metric: str, pick: Tensor | None = None) -> Tensor:
        """One figure, over all images or over drawn ones.

        Args:
            pick: indices of images, int64 [..., N]; the result has the leading shape.

        Raises:
            DepthError: a figure that this protocol does not report.
        """
        if metric not in self.metrics:
            raise DepthError(f"{self.protocol.name}: no figure {metric!r}; it has {', '.join(self.metrics)}.")
        if metric in self.maps:
            each = self.maps[metric]
            return mean_of_images(each if pick is None else each[pick])
        sums = self.sums if pick is None else self.sums[pick]
        return PIXEL_METRICS[metric].figure(sums, self.protocol.pooling)


def higher_is_better(metric: str) -> bool:
    """Whether more of a figure is good.

    >>> higher_is_better("delta1"), higher_is_better("rmse"), higher_is_better("ssim")
    (True, False, True)
    """
    return MAP_METRICS[metric][1] if metric in MAP_METRICS else bool(PIXEL_METRICS[metric].higher_is_better)


def evaluate(
    predictor: Predictor | DepthModel | StoredPredictions | Informed,
    dataset: RGBD,
    protocol: Protocol | str = "eigen14",
    batch: int = 16,
    progress: bool = False,
    kind: Kind = "depth",
) -> Score:
    """Score a model, any callable from RGB to depth, or predictions on disk, on a whole data set.

    Args:
        predictor: a model of this library; a callable [B, 3, H, W] → [B, 1, H, W]; maps by name; or a rival that is shown
            part of the truth.
        dataset: truth keeps its own resolution.
        protocol: a :class:`~depthlib.protocols.Protocol` or its name.
        batch: images at a time; the result does not depend on it.
        kind: what the predictor answers: metres, or disparity of unknown scale and shift.

    Raises:
        DepthError: an unknown protocol; predictions that are not positive metres where they are scored; disparity
            under a protocol that does not align; a data set in which nothing is valid; names that do not pair.
    """
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    scores, refused = evaluate_many(predictor, dataset, [rules], batch, progress, kind)
    if refused:
        raise refused[rules.name]
    return scores[rules.name]


def evaluate_many(
    predictor: Predictor | DepthModel | StoredPredictions | Informed,
    dataset: RGBD,
    protocols: Sequence[Protocol],
    batch: int = 16,
    progress: bool = False,
    kind: Kind = "depth",
) -> tuple[dict[str, Score], dict[str, DepthError]]:
    """Score under several protocols in one pass over the data.

    Args: as for :func:`evaluate`.

    Returns:
        Scores by protocol; and for those that cannot score these predictions, why.

    Raises:
        DepthError: names that do not pair.
    """
    if isinstance(predictor, StoredPredictions):
        predictor.check_names(dataset.names(), dataset.name)
        batch = 1  # stored maps may differ in size
    refused: dict[str, DepthError] = {}
    open_: dict[str, _Scoring] = {}
    for rules in protocols:
        try:
            open_[rules.name] = _Scoring(rules, kind)
        except DepthError as error:
            refused[rules.name] = error
    title = next(iter(open_)) if len(open_) == 1 else f"{len(open_)} protocols"
    rank, world = processes.rank(), processes.count()  # each process of a run takes its share of the batches
    mine = range(rank * batch, len(dataset), world * batch)
    for start in tqdm(mine, desc=title, disable=not (progress and rank == 0), unit="batch"):
        if not open_:
            break
        fetched = dataset.__getitems__(range(start, min(start + batch, len(dataset))))
        for _, alike in itertools.groupby(fetched, lambda sample: sample["depth"].shape):  # KITTI's days differ in size
            samples = to_device(collate(list(alike)), "cpu")  # scenes may be made on a GPU
            mirror = any(scoring.rules.flip for scoring in open_.values())
            answers = _answers(predictor, samples, mirror)
            for name, scoring in list(open_.items()):
                try:
                    scoring.add(samples, *answers)
                except DepthError as error:
                    refused[name] = error
                    del open_[name]
    for found in processes.gathered(refused):  # what one process cannot score is not scored
        refused |= found
    open_ = {name: scoring for name, scoring in open_.items() if name not in refused}
    scores = {}
    for name, scoring in open_.items():
        try:
            scores[name] = scoring.score(dataset)
        except DepthError as error:
            refused[name] = error
    return scores, refused


class _Scoring:
    """One protocol's running sums."""

    def __init__(self, rules: Protocol, kind: Kind) -> None:
        if kind == "disparity" and rules.alignment == "none":
            raise DepthError(
                f"protocol {rules.name}: scores metres, and disparity has no scale. Use a protocol that aligns, such as "
                "midas_affine or monodepth2, or convert to metres: depth = focal length · baseline / disparity."
            )
        self.rules, self.kind = rules, kind
        self.pixels, self.maps = rules.metrics(), rules.map_metrics()
        self.skipped: list[str] = []
        self.names: list[str] = []
        self.index: list[int] = []
        self.looks = _Looks()
        self.size = (0, 0)

    def add(self, samples: Batch, prediction: Tensor, mirrored: Tensor | None) -> None:
        rules, truth = self.rules, samples["depth"]
        if rules.flip and mirrored is not None:
            prediction = _mean_of(rules.clamped(prediction), rules.clamped(mirrored))
        if self.kind == "disparity":
            prediction = 1 / prediction
        self.size = max(self.size, (truth.shape[-2], truth.shape[-1]))
        self.looks.at(rules, prediction, truth)
        prediction, truth, mask = rules.prepare(prediction, truth)
        seen = mask.flatten(1).any(1).tolist()
        self.skipped += [name for name, any_pixel in zip(samples["name"], seen, strict=True) if not any_pixel]
        self.names += samples["name"]
        self.index += samples["index"]
        self.pixels.update(prediction, truth, mask)
        for metric in self.maps.values():
            metric.update(prediction, truth, mask)

    def score(self, dataset: RGBD) -> Score:
        rules = self.rules
        mine = (
            self.index, self.names, self.skipped, _sums(next(iter(self.pixels.values()))),
            {name: metric.each() for name, metric in self.maps.items()}, self.looks, self.size,
        )  # fmt: skip
        index, names, skipped, sums, maps, looks, sizes = zip(*processes.gathered(mine), strict=True)
        order = torch.tensor([i for part in index for i in part]).argsort()  # as one process would have seen them
        together = torch.cat(sums)[order]
        pixels = int(together[:, 0].sum())
        if pixels == 0:
            raise DepthError(
                f"evaluation: no valid pixel in {len(dataset)} images of {dataset.name} under {rules.name}."
            )
        each = {name: torch.cat([part[name] for part in maps])[order] for name in self.maps}
        values = {name: mean_of_images(each[name]) for name in each}
        values |= {
            name: PIXEL_METRICS[name].figure(together, rules.pooling) for name in rules.figures if name in PIXEL_METRICS
        }
        named = [name for part in names for name in part]
        return Score(
            rules, dataset.name, max(sizes), {name: float(values[name]) for name in rules.figures},
            int((together[:, 0] > 0).sum()), pixels, [name for part in skipped for name in part],
            _Looks.merged(looks).warnings(self.kind, rules.alignment != "none"), [named[i] for i in order], together, each,
        )  # fmt: skip


def _sums(metric: Metric) -> Tensor:
    assert isinstance(metric, DepthMetric)
    return metric.sums()


def _answers(
    predictor: Predictor | DepthModel | StoredPredictions | Informed, samples: Batch, mirror: bool
) -> tuple[Tensor, Tensor | None]:
    """What a predictor says of these pictures and, where it is asked for, of the mirrored ones, turned back."""
    if isinstance(predictor, StoredPredictions):
        return predictor.read(samples["name"][0]), None
    if isinstance(predictor, Informed):
        return predictor.of(samples), None
    answer: Predictor = predictor if not isinstance(predictor, DepthModel) else from_model(predictor)
    return answer(samples["rgb"]).cpu(), answer(samples["rgb"].flip(-1)).cpu().flip(-1) if mirror else None


def _mean_of(plain: Tensor, mirrored: Tensor) -> Tensor:
    return torch.where((plain == 0) | (mirrored == 0), 0.0, (plain + mirrored) / 2)


class _Looks:
    """Notices predictions that are constant, grow where the truth shrinks, or are in another unit.

    It looks before any alignment, which would hide all three, on a few thousand pixels an image.
    """

    def __init__(self) -> None:
        self.correlations: list[float] = []
        self.ratios: list[float] = []
        self.constant = self.count = 0

    @staticmethod
    def merged(parts: Sequence[_Looks]) -> _Looks:
        """What several processes have noticed."""
        all_ = _Looks()
        for part in parts:
            all_.correlations += part.correlations
            all_.ratios += part.ratios
            all_.constant += part.constant
            all_.count += part.count
        return all_

    def at(self, rules: Protocol, prediction: Tensor, truth: Tensor) -> None:
        if prediction.ndim != 4 or prediction.shape[:2] != truth.shape[:2]:
            return  # the protocol says what is wrong
        prediction = rules.resample(prediction, (truth.shape[-2], truth.shape[-1]))
        for p, g, m in zip(prediction, truth, rules.mask(truth), strict=True):
            scored = m & p.isfinite()
            x, y = p[scored], g[scored]
            # a stride that is odd does not fall on one column of a regular grid again and again
            step = len(x) // 4096 | 1
            x, y = x[::step].double(), y[::step].double()
            if len(x) < 2:
                continue
            self.count += 1
            self.ratios.append(float((x / y).median()))
            x, y = x - x.mean(), y - y.mean()
            if x.abs().max() <= 1e-6 * float(p[p.isfinite()].abs().max()):
                self.constant += 1
            elif y.abs().max() > 0:
                self.correlations.append(float((x * y).sum() / (x.norm() * y.norm())))

    def warnings(self, kind: Kind, aligned: bool) -> list[str]:
        found = []
        far_off = sum(not 1 / 20 < ratio < 20 for ratio in self.ratios)
        if not aligned and far_off > self.count / 2:
            typical = float(np.median(self.ratios))
            found.append(
                f"{far_off} of {self.count} predictions are {typical:.3g} times the truth: metres, or another unit? "
                "Give its units in a metre with --scale."
            )
        if self.constant:
            found.append(f"{self.constant} of {self.count} predictions are constant.")
        against = sum(r < -0.3 for r in self.correlations)
        if against > len(self.correlations) / 2:
            other = "disparity" if kind == "depth" else "depth"
            found.append(
                f"{against} of {self.count} predictions grow where the truth shrinks (correlation below −0.3): "
                f"they were declared as {kind}; are they {other}?"
            )
        return found


def from_model(model: DepthModel) -> Predictor:
    """A model as a predictor: full-frame metres, enlarged as the model's paper does it."""
    return lambda rgb: predict(model, rgb).full(model.upsampling)


def mirror_averaged(predictor: Predictor) -> Predictor:
    """A predictor averaged with its answer to the mirrored picture; 0 where either says nothing.

    >>> ramp = mirror_averaged(lambda rgb: rgb[:, :1].cumsum(-1))
    >>> ramp(torch.ones(1, 3, 1, 3)).flatten()  # 1, 2, 3 and 3, 2, 1
    tensor([2., 2., 2.])
    """

    def answer(rgb: Tensor) -> Tensor:
        return _mean_of(predictor(rgb), predictor(rgb.flip(-1)).flip(-1))

    return answer


def mean_depth_image(dataset: RGBD, batch: int = 32) -> Tensor:
    """The mean of a data set's depth maps over their valid pixels: metres, float32 [1, 1, H, W].

    The baseline that sees no picture at all (Eigen et al. 2014, §4.3). A pixel that is never valid (sky) gets the
    mean of all others, so that the baseline answers everywhere.
    """
    total = count = torch.zeros(())
    for start in range(0, len(dataset), batch):
        depth = collate(dataset.__getitems__(range(start, min(start + batch, len(dataset)))))["depth"].cpu()
        known = valid(depth)
        total = total + torch.where(known, depth, 0.0).double().sum(0, keepdim=True)
        count = count + known.sum(0, keepdim=True)
    everywhere = total.sum() / count.sum().clamp_min(1)
    return torch.where(count > 0, total / count.clamp_min(1), everywhere).float()


def median_depth_image(dataset: RGBD, batch: int = 32, levels: int = 512) -> Tensor:
    """The median of a data set's depth maps over their valid pixels: metres, float32 [1, 1, H, W].

    The answer without a picture whose mean absolute error is smallest at each pixel, where :func:`mean_depth_image` has the smallest
    mean square. Counted in ``levels`` bins of equal ratio from 0.1 to 100 m, so that memory does not grow with the data: the
    result is within half a bin, 0.7 %. A pixel that is never valid gets the median of all others.
    """
    edges = torch.logspace(-1, 2, levels + 1)
    counts = torch.zeros(0, levels, dtype=torch.int32)
    shape = torch.Size((1, 1))
    for start in range(0, len(dataset), batch):
        depth = collate(dataset.__getitems__(range(start, min(start + batch, len(dataset)))))["depth"].cpu()
        if not len(counts):
            shape = depth.shape[-2:]
            counts = torch.zeros(shape.numel(), levels, dtype=torch.int32)
        bins = torch.bucketize(depth.flatten(1), edges).sub(1).clamp(0, levels - 1)
        counts.scatter_add_(1, bins.T, valid(depth).flatten(1).T.to(torch.int32))
    everywhere = counts.sum(0, keepdim=True)
    medians = []
    for part in counts.split(8192):  # the running sums of all pixels at once would be twice the counts
        below = torch.where(part.any(1, keepdim=True), part, everywhere).cumsum(1)
        half = (2 * below >= below[:, -1:]).to(torch.int8).argmax(1)
        medians.append((edges[half] * edges[half + 1]).sqrt())
    return torch.cat(medians).reshape(1, 1, *shape)


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
    low, high = np.quantile(differences.numpy(), [0.025, 0.975])
    value = first.metrics[metric] - second.metrics[metric]
    better = value != 0 and (value > 0) == higher_is_better(metric)
    return Difference(metric, value, float(low), float(high), better)


def paired_interval(first: Tensor, second: Tensor, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the mean of first − second, two figures of the same N images, by a bootstrap over images.

    >>> figures = torch.linspace(0, 1, 100)
    >>> [round(end, 6) for end in paired_interval(figures + 0.5, figures)]  # what is hard for both cancels
    [0.5, 0.5]
    """
    differences = first.double() - second.double()
    means = torch.cat([differences[pick].mean(-1) for pick in _picks(len(differences), draws, seed)])
    low, high = np.quantile(means.numpy(), [0.025, 0.975])
    return float(low), float(high)


def bootstrap_interval(score: Score, metric: str, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of one figure, by a bootstrap over images.

    Raises:
        DepthError: an unknown figure.
    """
    values = torch.cat([score.figure(metric, pick) for pick in _picks(len(score.sums), draws, seed)])
    low, high = np.nanquantile(values.numpy(), [0.025, 0.975])
    return float(low), float(high)


def _picks(count: int, draws: int, seed: int) -> list[Tensor]:
    """Images drawn with replacement, in pieces that bound the memory: 250 draws of 654 images are 18 MB."""
    generator = np.random.default_rng(seed)
    sizes = [min(250, draws - start) for start in range(0, draws, 250)]
    return [torch.from_numpy(generator.integers(0, count, (size, count))) for size in sizes]
