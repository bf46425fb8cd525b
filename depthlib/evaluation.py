"""Scoring a predictor on a data set under named protocols."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, cast, get_args

import torch
from torch import Tensor, nn
from tqdm import tqdm

from depthlib import processes
from depthlib.errors import DepthError
from depthlib.metrics import PIXEL_METRICS, SUMS, error_sums
from depthlib.models.base import DepthModel
from depthlib.plausibility import Plausibility
from depthlib.predictors import ALIGNMENTS, Informed, Kind, Predictor, from_model, mean_of_both
from depthlib.protocols import Protocol, get_protocol
from depthlib.sample import RGBD, Batch, a_tensor, collate, looked_at, offered
from depthlib.stored import StoredPredictions
from depthlib.structure import MAP_METRICS, mean_of_images
from depthlib.transfers import to_device


@dataclass(frozen=True)
class Score:
    """The figures of one predictor.

    Attributes:
        protocol, dataset, size: what was scored how; the truth's rows and columns (the largest, where they differ).
        metrics: name → value.
        images, pixels: how many were scored; ``skipped`` names images without a valid pixel.
        warnings: what is odd about the predictions, in sentences.
        sums: per-image sums, float64 [N, 14], and ``maps``, figure of whole maps → float64 [N]: what the bootstrap
            resamples. ``names`` has the N images, ``scenes`` the scene of each, empty where the data set does not know it.
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
    scenes: list[str] = field(repr=False)
    sums: Tensor = field(repr=False)
    maps: dict[str, Tensor] = field(repr=False)

    @property
    def scored_scenes(self) -> list[str]:
        """The scene of each image that has a scored pixel."""
        return [scene for scene, pixels in zip(self.scenes, self.sums[:, 0].tolist(), strict=True) if pixels > 0]

    def figure(self, metric: str, pick: Tensor | None = None) -> Tensor:
        """One figure, over all images or over drawn ones.

        Args:
            pick: indices of images, int64 [..., n], −1 for none; the result has the leading shape.

        Raises:
            DepthError: a figure that this protocol does not report.
        """
        if metric not in self.metrics:
            raise DepthError(f"{self.protocol.name}: no figure {metric!r}; it has {', '.join(self.metrics)}.")
        if metric in self.maps:
            each = self.maps[metric]
            return mean_of_images(each if pick is None else torch.where(pick < 0, torch.nan, each[pick]))
        sums = self.sums if pick is None else self.sums[pick]
        if pick is not None and (pick < 0).any():
            sums[pick < 0] = 0
        return PIXEL_METRICS[metric].figure(sums, self.protocol.pooling)


def higher_is_better(metric: str) -> bool:
    """Whether more of a figure is good.

    Raises:
        DepthError: an unknown figure, with the known ones.

    >>> higher_is_better("delta1"), higher_is_better("rmse"), higher_is_better("ssim")
    (True, False, True)
    """
    if metric in MAP_METRICS:
        return MAP_METRICS[metric][1]
    if metric in PIXEL_METRICS:
        return bool(PIXEL_METRICS[metric].higher_is_better)
    raise DepthError(f"figure {metric!r} is unknown; expected one of {', '.join((*PIXEL_METRICS, *MAP_METRICS))}.")


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
        predictor: a model of this library; a callable [B, 3, H, W] → [B, 1, H, W] (a module is asked in eval mode); maps on
            disk, as :class:`~depthlib.stored.StoredPredictions`; or a rival that is shown part of the truth.
        dataset: truth keeps its own resolution; intervals are drawn over its samples' ``scene`` (:mod:`depthlib.bootstrap`).
        protocol: a :class:`~depthlib.protocols.Protocol` or its name.
        batch: images at a time; the result does not depend on it.
        kind: what the predictor answers: a :data:`~depthlib.predictors.Kind`.

    Raises:
        DepthError: an unknown protocol or kind; a predictor or an answer of another type; predictions that are not positive
            metres where they are scored, with the first such image; a kind that the protocol's alignment does not fit; a data
            set in which nothing is valid; names that do not pair.
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
        DepthError: a predictor, data set or answer of another type, an unknown kind, no image at a time, names that do not pair.
    """
    if not (isinstance(predictor, StoredPredictions | Informed) or callable(predictor)):
        raise DepthError(
            f"evaluation: the predictor is {predictor!r}; expected a DepthModel, a callable from pictures to depth, or for maps "
            "on disk StoredPredictions(folder, scale)."
        )
    dataset = offered(dataset, ("name", "__len__", "__getitems__"))
    if kind not in get_args(Kind):
        raise DepthError(f"evaluation: kind is {kind!r}; expected one of {', '.join(get_args(Kind))}.")
    if isinstance(batch, bool) or not isinstance(batch, Integral) or batch < 1:
        raise DepthError(f"evaluation: batch is {batch!r}; expected images at a time, 1 or more.")
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
    with _at_rest(predictor):
        return _scored(predictor, dataset, open_, refused, batch, progress)


@contextlib.contextmanager
def _at_rest(predictor: Any) -> Iterator[None]:
    """No gradients, and a module of anyone's in eval mode: else its answers would hang on who is in the batch, and change it."""
    training = isinstance(predictor, nn.Module) and predictor.training
    if training:
        predictor.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if training:
            predictor.train()


def _scored(
    predictor: Predictor | DepthModel | StoredPredictions | Informed, dataset: RGBD, open_: dict[str, _Scoring],
    refused: dict[str, DepthError], batch: int, progress: bool,
) -> tuple[dict[str, Score], dict[str, DepthError]]:  # fmt: skip
    """One pass over the data for all protocols that can score the predictor."""
    title = next(iter(open_)) if len(open_) == 1 else f"{len(open_)} protocols"
    rank, world = processes.rank(), processes.count()  # each process of a run takes its share of the batches
    mine = range(rank * batch, len(dataset), world * batch)
    for start in tqdm(mine, desc=title, disable=not (progress and rank == 0), unit="batch"):
        if not open_:
            break
        wanted = range(start, min(start + batch, len(dataset)))
        fetched = looked_at(dataset.__getitems__(wanted), dataset, len(wanted))
        for _, alike in itertools.groupby(fetched, lambda sample: sample["depth"].shape):  # KITTI's days differ in size
            samples = to_device(collate(list(alike)), "cpu")  # scenes may be made on a GPU
            mirror = any(scoring.rules.flip for scoring in open_.values())
            answers = _answers(predictor, samples, mirror)
            sources = samples["name"]
            if isinstance(predictor, StoredPredictions):
                sources = [str(predictor.place(name)) for name in sources]
            for name, scoring in list(open_.items()):
                try:
                    scoring.add(samples, *answers, sources)
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
        if rules.alignment not in ALIGNMENTS[kind]:
            why = {
                "none": f"scores metres, and {kind} has no scale",
                "depth": "fits scale and shift to depth, and the inverse of a disparity of unknown shift is no such depth",
            }.get(rules.alignment, "fits one factor, which does not mend a disparity's unknown shift")
            known = (
                "or, if its zero is known to lie at infinity (a stereo pair's, monodepth2's), declare it as inverse_depth"
                if kind == "disparity"
                else "monodepth2"
            )
            raise DepthError(
                f"protocol {rules.name}: {why}. Use a protocol that fits it, such as midas_affine, {known}, or convert to metres: depth = "
                "focal length · baseline / disparity."
            )
        self.rules, self.kind = rules, kind
        self.sums, self.maps = [torch.zeros(0, len(SUMS), dtype=torch.float64)], rules.map_metrics()
        self.skipped: list[str] = []
        self.names: list[str] = []
        self.scenes: list[str] = []
        self.index: list[int] = []
        self.plausibility = Plausibility()
        self.size = (0, 0)

    def add(self, samples: Batch, prediction: Tensor, mirrored: Tensor | None, sources: list[str]) -> None:
        """Score a batch; what cannot be scored is refused with the source of the first such image."""
        try:
            self._add(samples, prediction, mirrored)
        except DepthError as error:
            if len(sources) == 1:
                raise DepthError(f"{sources[0]}: {error}") from error
            each = range(len(sources)) if prediction.shape[:1] == (len(sources),) else ()  # else none is to blame alone
            for one in (slice(i, i + 1) for i in each):
                alone = {key: value[one] for key, value in cast(dict[str, Any], samples).items()}
                self.add(cast(Batch, alone), prediction[one], None if mirrored is None else mirrored[one], sources[one])
            raise

    def _add(self, samples: Batch, prediction: Tensor, mirrored: Tensor | None) -> None:
        rules, truth = self.rules, samples["depth"]
        if rules.flip and mirrored is not None:
            # what has yet to be aligned is in no metres that could be clamped
            both = (prediction, mirrored) if rules.alignment != "none" else map(rules.clamped, (prediction, mirrored))
            prediction = mean_of_both(*both)
        if self.kind != "depth":
            prediction = 1 / prediction
        self.size = max(self.size, (truth.shape[-2], truth.shape[-1]))
        self.plausibility.look(rules, prediction, truth)
        prediction, truth, mask = rules.prepare(prediction, truth)
        seen = mask.flatten(1).any(1).tolist()
        self.skipped += [name for name, any_pixel in zip(samples["name"], seen, strict=True) if not any_pixel]
        self.names += samples["name"]
        self.scenes += samples.get("scene", [""] * len(seen))
        self.index += samples["index"]
        self.sums.append(error_sums(prediction, truth, mask))
        for metric in self.maps.values():
            metric.update(prediction, truth, mask)

    def score(self, dataset: RGBD) -> Score:
        rules = self.rules
        mine = (
            self.index, list(zip(self.names, self.scenes, strict=True)), self.skipped, torch.cat(self.sums),
            {name: metric.each() for name, metric in self.maps.items()}, self.plausibility, self.size,
        )  # fmt: skip
        index, named, skipped, sums, maps, looks, sizes = zip(*processes.gathered(mine), strict=True)
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
        images = [image for part in named for image in part]
        names, scenes = zip(*(images[i] for i in order), strict=True)
        warnings = Plausibility.merged(looks).warnings(self.kind, rules.alignment != "none")
        if rules.crop is not None and not rules.fits(max(sizes)):
            frame, here = ("{}x{}".format(*shape) for shape in (rules.frame, max(sizes)))
            warnings.append(
                f"{rules.name} was made for pictures of the shape of {frame}; its crop falls elsewhere in {here}."
            )
        return Score(
            rules, dataset.name, max(sizes), {name: float(values[name]) for name in rules.figures},
            int((together[:, 0] > 0).sum()), pixels, [name for part in skipped for name in part],
            warnings, list(names), list(scenes), together, each,
        )  # fmt: skip


def _answers(
    predictor: Predictor | DepthModel | StoredPredictions | Informed, samples: Batch, mirror: bool
) -> tuple[Tensor, Tensor | None]:
    """What a predictor says of these pictures and, where it is asked for, of the mirrored ones, turned back."""
    if isinstance(predictor, StoredPredictions):
        return predictor.read(samples["name"][0]), None
    if isinstance(predictor, Informed):
        return _on_cpu(predictor.of(samples)), None
    answer: Predictor = predictor if not isinstance(predictor, DepthModel) else from_model(predictor)
    return _on_cpu(answer(samples["rgb"])), _on_cpu(answer(samples["rgb"].flip(-1))).flip(-1) if mirror else None


def _on_cpu(answer: Any) -> Tensor:
    """What a predictor answered, on the CPU; 16 bits as 32, so that nothing is resampled or fitted with so few."""
    answer = a_tensor(answer, "evaluation: the predictor answered with")
    return (answer.float() if answer.dtype in (torch.bfloat16, torch.float16) else answer).cpu()
