"""What a recipe names is looked for before its training, not after hours of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

from depthlib.augment import get_augmentation
from depthlib.data import FILES
from depthlib.errors import DepthError
from depthlib.losses import make_loss
from depthlib.models import build_model
from depthlib.models.base import DepthModel
from depthlib.observations import make_observation
from depthlib.optimisers import make_optimizer, rate_factor
from depthlib.predictors import same_shown
from depthlib.protocols import get_protocol
from depthlib.recipe import DataSpec, EvaluateSpec, Recipe
from depthlib.sample import RGBD, looked_at, valid
from depthlib.scoring import baseline, observed, place
from depthlib.training import first_options, open_spec, same_target, same_view


def preflight(recipe: Recipe) -> None:
    """Find now, not after hours of training, what a recipe names and nobody has.

    Raises:
        DepthError: a model, loss, augmentation, protocol, stage or data set that is not there; rates that fit no parameter; a loss for
            another target than the model's; pictures, or parts of the truth, that the model cannot be shown.
    """
    if importlib.util.find_spec("jsonschema") is None:
        raise DepthError("jsonschema is not installed, by which results are checked; `pip install jsonschema`.")
    with torch.device("meta"):  # shapes only
        model = build_model(recipe.model.name, **first_options(recipe))
    same_target(model, make_loss(recipe.loss.name, **recipe.loss.options))
    same_view("data", open_spec(recipe.data), model)
    for number, phase in enumerate(recipe.phases):
        if phase.data is not None:
            same_view(f"phases.{number}.data", open_spec(phase.data), model)
        model.begin_phase(phase.train)
        make_optimizer(model, phase, fused=False)  # its rates name parameters
        for step in (phase.warmup, phase.warmup + 99):
            rate_factor(phase, step, phase.warmup + 100)
        get_augmentation(phase.augment)
        if phase.validation is not None:
            open_spec(phase.validation)
    _shows(recipe, model)
    places: dict[str, tuple[object, ...]] = {}
    for number, entry in enumerate(recipe.evaluate):
        get_protocol(entry.protocol)
        if entry.flip and model.shown:
            raise DepthError(
                f"evaluate.{number}.flip: only pictures are mirrored, and model {recipe.model.name!r} is shown {model.shown!r}."
            )
        for name in entry.baselines:
            if name not in ("mean", "median"):  # those cost a pass over the data
                baseline(name, recipe, entry)
        for stage in entry.stages:
            model.begin_phase(stage)
        _another_part(recipe, number, entry.data)
        truth = open_spec(entry.data)
        _something_to_score(number, entry, truth)
        where = place(recipe, entry, truth)
        rules = (entry.data, get_protocol(entry.protocol), observed(recipe, entry))
        if places.setdefault(where, rules) != rules:
            raise DepthError(
                f"evaluate.{number}: {where} is the place of another entry's scores, of other options, another size or other rules of "
                "that name. Score one of the two by `depthlib evaluate`, or in a recipe of its own."
            )
        if entry.baseline_data is not None:
            open_spec(entry.baseline_data)


def _something_to_score(number: int, entry: EvaluateSpec, dataset: RGBD) -> None:
    """A crop or caps that leave nothing of the truth; three samples are looked at, since one may be all holes."""
    if len(dataset) == 0:
        raise DepthError(f"evaluate.{number}.data: {dataset.name}, part {entry.data.split!r}, has no sample to score.")
    rules = get_protocol(entry.protocol)
    chosen = sorted({0, len(dataset) // 2, len(dataset) - 1})
    samples = looked_at(dataset.__getitems__(chosen), dataset, len(chosen))
    if any(rules.mask(sample["depth"][None]).any() for sample in samples):
        return
    depth = samples[0]["depth"]
    known = depth[valid(depth)]
    spans = f"{known.min():.3g} to {known.max():.3g} m" if len(known) else "unknown everywhere"
    top, bottom, left, right = rules.window((depth.shape[-2], depth.shape[-1]))
    raise DepthError(
        f"evaluate.{number}: protocol {rules.name} scores no pixel of the first, middle and last sample of {dataset.name}. It looks at "
        f"rows {top} to {bottom} and columns {left} to {right}, and at truth between {rules.caps[0]:g} and {rules.caps[1]:g} m; depths of "
        f"{samples[0]['name']} are {spans}. Choose another protocol, or look at the data: `depthlib data preview`."
    )


def _another_part(recipe: Recipe, number: int, scored: DataSpec) -> None:
    """A folder has no parts: whoever asks for its test part would get the pictures that were learned from."""
    own = ":" in scored.name
    if not own and (scored.name not in FILES or FILES[scored.name].parts):
        return
    for learned in (recipe.data, *(phase.data for phase in recipe.phases if phase.data is not None)):
        if learned.name != scored.name or learned == scored or (not own and learned.split == scored.split):
            continue  # whoever asks for the same part knows what that is worth
        if own and open_spec(learned).fingerprint() == open_spec(scored).fingerprint():
            raise DepthError(
                f"evaluate.{number}.data: {scored.name} gives here, for split {scored.split!r}, what it gives for split {learned.split!r} to "
                "learn from: both have one fingerprint. Give it parts, or let its fingerprint say which samples it has."
            )
        if not own and _share(learned, scored):
            raise DepthError(
                f"evaluate.{number}.data: {scored.name} has no part {scored.split!r}: these are the pictures that are learned from. "
                "Name another root, or other pictures in data.options.names."
            )


def _share(learned: DataSpec, scored: DataSpec) -> bool:
    """Whether two parts of one folder, by whatever path it is named, have a picture in common."""
    if learned.options == scored.options:
        return True
    roots = {Path(str(spec.options.get("root", ""))).expanduser().resolve() for spec in (learned, scored)}
    if learned.name != "folder" or len(roots) > 1:
        return False
    shown = [set(spec.options["names"]) if spec.options.get("names") else None for spec in (learned, scored)]
    return shown[0] is None or shown[1] is None or bool(shown[0] & shown[1])


#: The key of the batch that a network is shown of the truth → the task that this makes of it.
TASKS = {"": "depth", "sparse": "sparse", "depth_lr": "superres"}


def _shows(recipe: Recipe, model: DepthModel) -> None:
    """A network that is shown part of the truth needs a recipe that says which, and another does not."""
    for where, spec in (
        ("observe", recipe.observe),
        *((f"evaluate.{i}.observe", e.observe) for i, e in enumerate(recipe.evaluate)),
    ):
        if spec is None and where != "observe":
            continue
        try:
            same_shown(model, make_observation(spec.name, **spec.options) if spec else None)
        except DepthError as error:
            raise DepthError(f"{where}: {error}") from error
    if recipe.task != TASKS[model.shown]:
        raise DepthError(
            f"task is {recipe.task!r}, but what model {recipe.model.name!r} is shown makes it {TASKS[model.shown]!r}."
        )
