"""What a recipe names is looked for before its training, not after hours of it."""

from __future__ import annotations

import importlib.util

import torch

from depthlib.augment import get_augmentation
from depthlib.errors import DepthError
from depthlib.losses import make_loss
from depthlib.models import build_model
from depthlib.models.base import DepthModel
from depthlib.observations import make_observation
from depthlib.protocols import get_protocol
from depthlib.recipe import DataSpec, Recipe
from depthlib.scoring import baseline, place
from depthlib.training import open_spec


def preflight(recipe: Recipe) -> None:
    """Find now, not after hours of training, what a recipe names and nobody has.

    Raises:
        DepthError: a model, loss, augmentation, protocol, stage or data set that is not there.
    """
    if importlib.util.find_spec("jsonschema") is None:
        raise DepthError("jsonschema is not installed, by which results are checked; `pip install jsonschema`.")
    with torch.device("meta"):  # shapes only
        model = build_model(recipe.model.name, **recipe.model.options)
    make_loss(recipe.loss.name, **recipe.loss.options)
    _same_view("data", recipe.data, model)
    for number, phase in enumerate(recipe.phases):
        if phase.data is not None:
            _same_view(f"phases.{number}.data", phase.data, model)
        model.begin_phase(phase.train)
        get_augmentation(phase.augment)
        if phase.validation is not None:
            open_spec(phase.validation)
    _shows(recipe, model)
    places: dict[str, DataSpec] = {}
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
        where = place(recipe, entry, open_spec(entry.data))
        if places.setdefault(where, entry.data) != entry.data:
            raise DepthError(
                f"evaluate.{number}: {where} is the place of another entry's scores, of other options or another size. Score one "
                "of the two by `depthlib evaluate`, or in a recipe of its own."
            )
        if entry.baseline_data is not None:
            open_spec(entry.baseline_data)


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
        key = make_observation(spec.name, **spec.options).key if spec else ""
        if key != model.shown:
            needs = f"is shown {model.shown!r}" if model.shown else "is shown a picture only"
            raise DepthError(
                f"{where}: {'gives ' + repr(key) if key else 'is missing'}, but model {recipe.model.name!r} {needs}."
            )
    if recipe.task != TASKS[model.shown]:
        raise DepthError(
            f"task is {recipe.task!r}, but what model {recipe.model.name!r} is shown makes it {TASKS[model.shown]!r}."
        )


def _same_view(where: str, spec: DataSpec, model: DepthModel) -> None:
    """Training cuts crops from pictures as they come; prediction resizes a picture to the model's frame first.

    Were they of different size, the network would learn from cut-outs and be asked about whole pictures.
    """
    dataset = open_spec(spec)
    if model.shown:  # it is told depths, and need not know how large things look
        return
    rows, columns = spec.size or dataset[0]["depth"].shape[-2:]
    frame = model.frame_size
    scale = max(frame[0] / rows, frame[1] / columns)
    if scale != 1:
        raise DepthError(
            f"{where}: pictures are {rows}x{columns}, but the model resizes every picture to at least "
            f"{frame[0]}x{frame[1]} when it is asked: it would train on cut-outs {scale:.2g} times as large. Give data "
            f"and model.options.size one size, or set {where}.size so that one side equals the model's."
        )
