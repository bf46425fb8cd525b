"""Recipes: one YAML file a run, read into frozen dataclasses.

``load_recipe("eigen-nyu", profile="cpu", lam=0.25)`` reads ``recipes/eigen-nyu.yaml``, applies the profile's
overrides, then the named parameters. A parameter is a dotted path into the recipe (``loss.options.lam``) or
any unambiguous tail of one (``lam``). Anything unknown or of the wrong type is an error that names the nearest
valid key.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from depthlib.errors import DepthError
from depthlib.typed import build, nearest, read_yaml

#: What others call a setting → a hint at how it is said here.
ELSEWHERE = {
    **dict.fromkeys(("lr", "learning_rate"), ": rates are said by part of the network, such as -p 'phases.0.rates={\"\": 0.001}'"),
    **dict.fromkeys(("epochs", "num_epochs", "steps", "iterations", "max_steps"),
                    ": how long is said in samples, such as -p phases.0.samples=20000 (an epoch is as many as there are images)"),
    **dict.fromkeys(("optimizer", "optim"), " (it is 'optimiser')"),
    **dict.fromkeys(("lambda", "lambd"), " (it is 'lam')"),
    "scheduler": " (it is 'schedule')",
    **dict.fromkeys(("amp", "fp16", "bf16", "dtype", "mixed_precision"), ": say -p phases.0.precision=bf16"),
    **dict.fromkeys(("workers", "num_workers"), " (it is 'readers')"),
    "gpu": ": what is there is used; CUDA_VISIBLE_DEVICES says which",
    "device": ": a GPU is used if there is one; CUDA_VISIBLE_DEVICES says which",
}  # fmt: skip
RECIPES = Path(__file__).parent / "recipes"
PROFILES = ("smoke", "cpu", "gpu")


@dataclass(frozen=True)
class DataSpec:
    """A data set by name: see :func:`depthlib.data.open_dataset`.

    Here and wherever a recipe takes a name, ``module:NAME`` is one of your own: see :mod:`depthlib.registry`.
    """

    name: str
    split: str = "train"
    size: tuple[int, int] | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelSpec:
    """A model by name, its constructor's options, and a checkpoint folder to start from."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None


@dataclass(frozen=True)
class LossSpec:
    """A loss of :data:`depthlib.losses.LOSSES` and its options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ObserveSpec:
    """What of the truth the network is shown: a name of :data:`depthlib.observations.OBSERVATIONS` and its options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


#: The library's own ways to move weights, and to let the rates go over a phase.
OPTIMISERS, SCHEDULES = ("sgd", "adam", "adamw"), ("constant", "cosine", "linear")


@dataclass(frozen=True)
class Phase:
    """One stretch of training.

    Args:
        train: the model's part that learns, such as ``coarse``, ``fine`` or ``all``.
        samples: how many are seen, augmented anew each time.
        batch: samples a step, of all processes together.
        accumulate: pieces in which a step's batch is computed; the numbers are the same, the memory less.
        optimiser, momentum: of ``sgd`` its momentum; of ``adam`` and ``adamw`` β₁ is 0.9 and β₂ 0.999. Or ``module:NAME`` for one
            of your own: see :func:`depthlib.optimisers.make_optimizer`.
        rates: learning rate by parameter-name prefix, the longest that fits; ``""`` fits all.
        weight_decay: likewise.
        schedule: how all rates go over the phase: ``constant``, or down to 0 along a ``cosine`` or a line; or
            ``module:NAME``, called with the share of the phase that is over, which returns the factor.
        warmup: steps in which the rates rise from 0 first.
        precision: ``bf16`` computes the network so under autocast; weights and loss stay in float32.
        ema: decay of a moving average of the weights, which is what is scored; 0 for none.
        clip: longest gradient, all parameters together; 0 for any.
        augment: a name of :data:`depthlib.augment.NAMED`.
        data: to learn from; by default the recipe's.
        validation, validate_every: the loss on this, unaugmented, every so many steps; 0 never.
        checkpoint_every: steps.

    Raises:
        DepthError: a number out of its range, naming it.
    """

    train: str
    samples: int
    batch: int = 32
    accumulate: int = 1
    optimiser: str = "sgd"
    momentum: float = 0.9
    rates: dict[str, float] = field(default_factory=lambda: {"": 1e-3})
    weight_decay: dict[str, float] = field(default_factory=lambda: {"": 0.0})
    schedule: str = "constant"
    warmup: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    ema: float = 0.0
    clip: float = 0.0
    augment: str = "nyu"
    data: DataSpec | None = None
    validation: DataSpec | None = None
    validate_every: int = 0
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        for name, known in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES)):
            value = getattr(self, name)
            if value not in known and ":" not in value:
                raise DepthError(
                    f"{name} is {value!r}{nearest(value, list(known))}; expected one of {', '.join(known)}, or module:NAME for one of your own."
                )
        for name, low in (("samples", 1), ("batch", 1), ("accumulate", 1), ("checkpoint_every", 1), ("warmup", 0),
                          ("validate_every", 0)):  # fmt: skip
            if getattr(self, name) < low:
                raise DepthError(f"{name} is {getattr(self, name)}; expected {low} or more.")
        if self.batch > self.samples:
            raise DepthError(f"batch is {self.batch}; expected at most the phase's {self.samples} samples.")
        if self.accumulate > self.batch:
            raise DepthError(f"accumulate is {self.accumulate}; expected at most the batch, {self.batch}.")
        for name in ("momentum", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise DepthError(f"{name} is {getattr(self, name)}; expected 0 or more and less than 1.")
        for name, value in (("clip", self.clip), *self.rates.items(), *self.weight_decay.items()):
            if not 0 <= value < math.inf:
                raise DepthError(f"{name or 'the rate or decay of all parameters'} is {value}; expected 0 or more.")


@dataclass(frozen=True)
class EvaluateSpec:
    """What to score when training is done: data, protocol, which parts of the model answer, and baselines.

    With ``flip`` each part is scored a second time as ``PART-flip``, averaged with its answer to the mirrored picture.
    ``mean`` and ``median`` are the mean and the median depth image of ``baseline_data`` (by default the training data),
    ``constant`` one depth for every pixel. A network that is shown part of the truth is shown what ``observe`` says, by
    default the recipe's own; the other names are then rivals that are shown the same: see
    :data:`depthlib.baselines.COMPLETIONS` and ``ENLARGEMENTS``.
    """

    data: DataSpec
    protocol: str
    stages: tuple[str, ...] = ("fine",)
    baselines: tuple[
        Literal[
            "mean", "median", "constant", "nearest", "linear", "bilinear", "bicubic", "cross_bilateral", "colorization"
        ],
        ...,
    ] = ()
    baseline_data: DataSpec | None = None
    flip: bool = False
    observe: ObserveSpec | None = None


@dataclass(frozen=True)
class Speed:
    """What makes a run fast; none of it changes what is learned, except for rounding.

    Args:
        compile: the network by ``torch.compile``; None: on a GPU.
        cuda_graphs: record the compiled network's kernels once and start all of them together from then on, which gains where
            starting them takes longer than they run. Only on one GPU, compiled and without accumulation; nothing elsewhere.
        channels_last: keep the channels of a pixel side by side in memory.
        fused: update all weights by one kernel of the optimiser.
        augment_on: the network's ``device``, or the ``processor``, by the threads that read.
        readers: threads that read ahead, a batch each; 0 reads when the step asks; None: 1 for a processor, 4 for a GPU.
        resident: keep the samples of a store, or those kept in memory, on the network's device; None: on a GPU.

    Together with a phase's ``precision``. ``depthlib bench --switches`` measures what each one gains.
    """

    compile: bool | None = None
    cuda_graphs: bool = False
    channels_last: bool = True
    fused: bool = True
    augment_on: Literal["device", "processor"] = "device"
    readers: int | None = None
    resident: bool | None = None

    def __post_init__(self) -> None:
        if self.readers is not None and not 0 <= self.readers <= 64:
            raise DepthError(f"readers is {self.readers}; expected threads that read ahead, 0 to 64.")

    def on(self, device: str) -> Speed:
        """With what is left to the device decided.

        >>> Speed().on("cpu").readers, Speed().on("cuda").compile
        (1, True)
        """
        gpu = device == "cuda"
        return dataclasses.replace(
            self,
            compile=gpu if self.compile is None else self.compile,
            readers=(4 if gpu else 1) if self.readers is None else self.readers,
            resident=gpu if self.resident is None else self.resident,
        )


@dataclass(frozen=True)
class Recipe:
    """A whole run. See ``depthlib/recipes/*.yaml`` for examples."""

    name: str
    task: Literal["depth", "sparse", "superres"]
    description: str
    data: DataSpec
    model: ModelSpec
    loss: LossSpec
    phases: tuple[Phase, ...]
    evaluate: tuple[EvaluateSpec, ...] = ()
    observe: ObserveSpec | None = None
    seed: int = 0
    speed: Speed = field(default_factory=Speed)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise DepthError(f"name is {self.name!r}; expected letters, digits, dots and dashes: it names a folder.")
        if not 0 <= self.seed < 2**32:
            raise DepthError(f"seed is {self.seed}; expected 0 to {2**32 - 1}.")
        if not self.phases:
            raise DepthError("phases is empty; expected at least one stretch of training.")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain data, for results and checkpoints."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Twin:
    """A recipe that is another one of the library but for a few keys.

    ``overrides`` by dotted path come first, then the base's profile and the twin's own, key by key: a profile says how
    big a run is, and a twin that wants another size in it says so under ``profiles``.
    """

    name: str
    base: str
    description: str
    overrides: dict[str, Any]


def default_profile() -> str:
    """``$DEPTHLIB_PROFILE``, else ``cpu``: nobody starts hours of training by pressing *run all* on a GPU.

    Raises:
        DepthError: the variable names no profile.
    """
    profile = os.environ.get("DEPTHLIB_PROFILE") or "cpu"
    if profile not in PROFILES:
        raise DepthError(f"DEPTHLIB_PROFILE is {profile!r}; expected one of {', '.join(PROFILES)}.")
    return profile


def runs_root() -> Path:
    """Where runs are kept unless told otherwise: ``$DEPTHLIB_RUNS``, else ``runs``."""
    return Path(os.environ.get("DEPTHLIB_RUNS") or "runs")


def run_folder(recipe: Recipe, profile: str) -> Path:
    """A run's place among them: ``RECIPE/PROFILE-SEED``."""
    return runs_root() / recipe.name / f"{profile}-{recipe.seed}"


def recipe_names() -> list[str]:
    """Names of the recipes in the package.

    >>> "eigen-nyu" in recipe_names()
    True
    """
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str | os.PathLike[str], /, profile: str | None = None, **parameters: Any) -> Recipe:
    """Read a recipe by name or path.

    Args:
        name: a name of :func:`recipe_names`, or the path of a YAML file.
        profile: ``smoke``, ``cpu`` or ``gpu``: how much, how large and in which precision, never what is done.
        parameters: overrides by dotted path or unambiguous tail; strings are read as YAML.

    Raises:
        DepthError: unknown recipe, profile or key, or a value of the wrong type.

    >>> load_recipe("eigen-rooms", profile="smoke", lam=0.25).loss.options["lam"]
    0.25
    """
    path, raw, profiles = _read_recipe(name)
    if profile is not None:
        if profile not in PROFILES:
            raise DepthError(f"profile {profile!r} is unknown; expected one of {', '.join(PROFILES)}.")
        parameters = {**profiles.get(profile, {}), **parameters}
    for key, value in parameters.items():
        _override(raw, key, read_yaml(value, f"parameter {key}") if isinstance(value, str) else value, path)
    return build(Recipe, raw, str(path))


def _read_recipe(name: str | os.PathLike[str]) -> tuple[Path, dict[str, Any], dict[str, dict[str, Any]]]:
    """A recipe's file, its whole content without profiles, and those; a twin is its base with some keys changed."""
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    if not path.exists():
        if path.parent != RECIPES:
            raise DepthError(
                f"{path}: no such file. Check its name, or name a recipe of the library, such as eigen-rooms."
            )
        near = nearest(str(name), recipe_names())
        raise DepthError(f"recipe {str(name)!r} is unknown{near}. There are: {', '.join(recipe_names())}.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DepthError(f"{path}: cannot be read ({error}); expected a YAML text in UTF-8.") from error
    raw = read_yaml(text, str(path))
    if not isinstance(raw, dict):
        raise DepthError(f"{path}: expected a mapping at the top, found {type(raw).__name__}.")
    profiles = raw.pop("profiles", {})
    if not isinstance(profiles, dict) or not all(
        name in PROFILES and isinstance(overrides, dict) and all(isinstance(key, str) for key in overrides)
        for name, overrides in profiles.items()
    ):
        raise DepthError(f"{path}: profiles: expected overrides under {', '.join(PROFILES)}, found {profiles!r}.")
    if "base" not in raw:
        # defaults are filled in first, so that an override may name a key that the file leaves out
        return path, build(Recipe, raw, str(path)).to_dict(), profiles
    twin = build(Twin, raw, str(path))
    if twin.base not in recipe_names():
        raise DepthError(
            f"{path}: base {twin.base!r} is no recipe of the library{nearest(twin.base, recipe_names())}. "
            f"There are: {', '.join(recipe_names())}."
        )
    base = RECIPES / f"{twin.base}.yaml"
    if "base" in read_yaml(base.read_text(encoding="utf-8"), str(base)):
        own = read_yaml(base.read_text(encoding="utf-8"), str(base))["base"]
        raise DepthError(
            f"{path}: its base {twin.base!r} has a base itself: name that, {own!r}, and what {twin.base!r} changes."
        )
    _, whole, inherited = _read_recipe(twin.base)
    for key, value in {"name": twin.name, "description": twin.description, **twin.overrides}.items():
        _override(whole, key, value, path)
    return path, whole, {p: {**inherited.get(p, {}), **profiles.get(p, {})} for p in {**inherited, **profiles}}


def from_dict(raw: dict[str, Any], source: str) -> Recipe:
    """The inverse of :meth:`Recipe.to_dict`."""
    return build(Recipe, raw, source)


def completed(raw: dict[str, Any], source: str) -> dict[str, Any]:
    """A recipe as an older run has kept it, with what recipes have had only since then; as it is where it is no recipe now.

    >>> kept = load_recipe("eigen-rooms").to_dict()
    >>> del kept["speed"]  # there was a time without
    >>> completed(kept, "state.json") == load_recipe("eigen-rooms").to_dict()
    True
    """
    try:
        return from_dict(raw, source).to_dict()
    except DepthError:
        return raw


def _paths(raw: Any, prefix: str = "") -> list[str]:
    """Every dotted path in nested dicts and lists, leaves and branches."""
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list | tuple) else ()
    found = []
    for key, value in items:
        path = f"{prefix}{key}"
        found += [path, *_paths(value, path + ".")]
    return found


def _override(raw: dict[str, Any], key: str, value: Any, source: Path) -> None:
    paths = _paths(raw)
    matches = [path for path in paths if path == key] or [path for path in paths if path.endswith("." + key)]
    if not matches:
        head, _, leaf = key.rpartition(".")
        parent = [path for path in paths if path == head]
        if not (head.endswith("options") and parent):  # options are open: their owner checks them
            tails = sorted({".".join(path.split(".")[i:]) for path in paths for i in range(path.count(".") + 1)})
            hint = ELSEWHERE.get(leaf.lower()) or nearest(key, tails)
            raise DepthError(f"{source.stem}: no parameter {key!r}{hint}.")
        matches = [key]
    if len(matches) > 1:
        raise DepthError(f"{source.stem}: parameter {key!r} is ambiguous; say one of {', '.join(matches)}.")
    *branch, leaf = matches[0].split(".")
    node: Any = raw
    for part in branch:
        child = node[int(part)] if isinstance(node, list | tuple) else node[part]
        if isinstance(child, tuple):
            child = list(child)
            node[int(part) if isinstance(node, list) else part] = child
        node = child
    if isinstance(node, list):
        node[int(leaf)] = copy.deepcopy(value)
    elif isinstance(node, dict):
        node[leaf] = copy.deepcopy(value)
    else:
        raise DepthError(f"{source.stem}: {'.'.join(branch)} is {node!r}; expected a mapping to set {leaf!r} in.")
