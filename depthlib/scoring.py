"""What a recipe asks to be scored: its network's stages, what they are shown, and their rivals."""

from __future__ import annotations

import math
from typing import Any

import torch

from depthlib.baselines import (
    COMPLETIONS,
    ENLARGEMENTS,
    Completion,
    Enlargement,
    constant,
    mean_depth_image,
    median_depth_image,
)
from depthlib.bootstrap import bootstrap_difference
from depthlib.errors import DepthError
from depthlib.evaluation import Score, evaluate
from depthlib.observations import Observation, SmallDepth, SparseDepth, make_observation
from depthlib.predictors import Shown, from_model, mirror_averaged
from depthlib.protocols import get_protocol
from depthlib.recipe import DataSpec, EvaluateSpec, Recipe
from depthlib.sample import RGBD
from depthlib.training import Run, open_once


def score_run(recipe: Recipe, run: Run, progress: bool = False) -> dict[str, dict[str, Score]]:
    """Score a trained model, each of its stages, and the recipe's baselines.

    Returns:
        ``"nyu-test/eigen14"`` → ``"coarse"``, ``"fine"``, ``"mean"`` … → :class:`~depthlib.evaluation.Score`. Where part of
        the truth is shown, what it was stands before the protocol: ``"nyu-test/grid-10pc/makarov18"``.
    """
    scores: dict[str, dict[str, Score]] = {}
    opened: list[tuple[DataSpec, RGBD]] = []  # what is scored under several protocols is read once, if it is kept
    for spec in recipe.evaluate:
        dataset = open_once(spec.data, opened)
        observation = observed(recipe, spec)
        entry = scores.setdefault(place(recipe, spec, dataset), {})
        for stage in spec.stages:
            run.model.begin_phase(stage)
            predictor = Shown(run.model, observation) if observation else run.model
            entry[stage] = evaluate(predictor, dataset, spec.protocol, progress=progress)
            if spec.flip:
                twice = mirror_averaged(from_model(run.model))
                entry[f"{stage}-flip"] = evaluate(twice, dataset, spec.protocol, progress=progress)
        for name in spec.baselines:
            entry[name] = evaluate(baseline(name, recipe, spec, opened), dataset, spec.protocol, progress=progress)
    return scores


def place(recipe: Recipe, spec: EvaluateSpec, dataset: RGBD) -> str:
    """Where the scores of an entry stand in results."""
    observation = observed(recipe, spec)
    shown = f"{observation.label}/" if observation else ""
    return f"{dataset.name}-{spec.data.split}/{shown}{get_protocol(spec.protocol).name}"


def observed(recipe: Recipe, spec: EvaluateSpec | None = None) -> Observation | None:
    """What a network is shown of the truth when it is scored; nothing for depth from a picture."""
    chosen = (spec.observe if spec else None) or recipe.observe
    return make_observation(chosen.name, **chosen.options) if chosen else None


def baseline(name: str, recipe: Recipe, spec: EvaluateSpec, opened: list[tuple[DataSpec, RGBD]] | None = None) -> Any:
    """A predictor that sees no picture: the ``mean`` or ``median`` depth image of the training data, or a ``constant``; or one
    that is shown the same part of the truth as the network."""
    observation = observed(recipe, spec)
    if isinstance(observation, SparseDepth) and name in COMPLETIONS:
        return Completion(name, observation)
    if isinstance(observation, SmallDepth) and name in ENLARGEMENTS:
        return Enlargement(name, observation.factor, observation.how)
    if name == "constant":
        return constant(torch.ones(1, 1, 1, 1))
    image = {"mean": mean_depth_image, "median": median_depth_image}.get(name)
    if image is None:
        raise DepthError(
            f"baseline {name!r}: the network of {recipe.name} is shown {type(observation).__name__ if observation else 'nothing'}, from which it cannot start."
        )
    seen = open_once(spec.baseline_data or recipe.data, [] if opened is None else opened)
    return constant(image(seen))


def differences(entry: dict[str, Score]) -> dict[str, dict[str, dict[str, float]]]:
    """Paired bootstrap of every predictor against every other, in all eight figures."""
    names = list(entry)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            compared = {m: bootstrap_difference(entry[first], entry[second], m) for m in entry[first].metrics}
            found[f"{first} - {second}"] = {
                m: {"value": d.value, "low": d.low, "high": d.high}
                for m, d in compared.items()
                if all(map(math.isfinite, (d.value, d.low, d.high)))
            }
    return found
