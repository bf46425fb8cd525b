"""Recipes: one YAML file a run, read into frozen dataclasses.

``load_recipe("eigen-nyu", profile="cpu", lam=0.25)`` reads ``recipes/eigen-nyu.yaml``, applies the profile's
overrides, then the named parameters. A parameter is a dotted path into the recipe (``loss.options.lam``) or
any unambiguous tail of one (``lam``). Anything unknown or of the wrong type is an error that names the nearest
valid key.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import math
import os
import re
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from depthlib.errors import DepthError

RECIPES = Path(__file__).parent / "recipes"
PROFILES = ("smoke", "cpu", "gpu")


@dataclass(frozen=True)
class DataSpec:
    """A data set by name: see :func:`depthlib.data.open_dataset`."""

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
class Phase:
    """One stretch of training.

    ``train`` names the model's part that learns; ``rates`` gives a learning rate for each parameter-name prefix,
    the longest that fits; ``weight_decay`` likewise. ``schedule`` shapes all rates over the phase.
    """

    train: str
    samples: int
    batch: int = 32
    accumulate: int = 1
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: float = 0.9
    rates: dict[str, float] = field(default_factory=lambda: {"": 1e-3})
    weight_decay: dict[str, float] = field(default_factory=lambda: {"": 0.0})
    schedule: Literal["constant", "cosine", "linear"] = "constant"
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

    ``mean`` is the mean depth image of ``baseline_data`` (by default the training data), ``constant`` one depth
    for every pixel.
    """

    data: DataSpec
    protocol: str
    stages: tuple[str, ...] = ("fine",)
    baselines: tuple[Literal["mean", "constant"], ...] = ()
    baseline_data: DataSpec | None = None


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
    seed: int = 0

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


def default_profile() -> str:
    """``$DEPTHLIB_PROFILE``, else ``cpu``: nobody starts hours of training by pressing *run all* on a GPU.

    Raises:
        DepthError: the variable names no profile.
    """
    profile = os.environ.get("DEPTHLIB_PROFILE") or "cpu"
    if profile not in PROFILES:
        raise DepthError(f"DEPTHLIB_PROFILE is {profile!r}; expected one of {', '.join(PROFILES)}.")
    return profile


def run_folder(recipe: Recipe, profile: str) -> Path:
    """Where a run is kept unless told otherwise: ``$DEPTHLIB_RUNS/RECIPE/PROFILE-SEED`` (``runs`` by default)."""
    return Path(os.environ.get("DEPTHLIB_RUNS") or "runs") / recipe.name / f"{profile}-{recipe.seed}"


def recipe_names() -> list[str]:
    """Names of the recipes in the package.

    >>> "eigen-nyu" in recipe_names()
    True
    """
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


class _Loader(yaml.SafeLoader):
    """YAML as people write it: 1e-4 is a number, and a key that stands twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(text: str, source: str) -> Any:
    """A YAML text as plain data.

    Raises:
        DepthError: not YAML; one line that names the source.

    >>> read_yaml("1e-4", "a rate")
    0.0001
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise DepthError(f"{source}: not valid YAML ({' '.join(str(error).split())}).") from error


def load_recipe(name: str | os.PathLike[str], /, profile: str | None = None, **parameters: Any) -> Recipe:
    """Read a recipe by name or path.

    Args:
        name: a name of :func:`recipe_names`, or the path of a YAML file.
        profile: ``smoke``, ``cpu`` or ``gpu``: sizes only, never code paths.
        parameters: overrides by dotted path or unambiguous tail; strings are read as YAML.

    Raises:
        DepthError: unknown recipe, profile or key, or a value of the wrong type.

    >>> load_recipe("eigen-rooms", profile="smoke", lam=0.25).loss.options["lam"]
    0.25
    """
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    if not path.exists():
        near = _nearest(str(name), recipe_names())
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
    # defaults are filled in first, so that an override may name a key that the file leaves out
    raw = _build(Recipe, raw, str(path)).to_dict()
    if profile is not None:
        if profile not in PROFILES:
            raise DepthError(f"profile {profile!r} is unknown; expected one of {', '.join(PROFILES)}.")
        parameters = {**profiles.get(profile, {}), **parameters}
    for key, value in parameters.items():
        _override(raw, key, read_yaml(value, f"parameter {key}") if isinstance(value, str) else value, path)
    return _build(Recipe, raw, str(path))


def from_dict(raw: dict[str, Any], source: str) -> Recipe:
    """The inverse of :meth:`Recipe.to_dict`."""
    return _build(Recipe, raw, source)


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
            raise DepthError(f"{source.stem}: no parameter {key!r}{_nearest(key, tails)}.")
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
    node[int(leaf) if isinstance(node, list) else leaf] = copy.deepcopy(value)


def _nearest(key: str, candidates: list[str]) -> str:
    close = difflib.get_close_matches(key, candidates, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _build(kind: Any, raw: Any, where: str) -> Any:
    """Read plain data into a typed value, strictly."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(raw, dict):
            raise DepthError(f"{where}: expected keys of {kind.__name__}, found {raw!r}.")  # type: ignore[union-attr]
        fields = {f.name: f for f in dataclasses.fields(kind)}
        for key in raw:
            if key not in fields:
                raise DepthError(f"{where}: unknown key {key!r}{_nearest(str(key), list(fields))}.")
        required = {
            n for n, f in fields.items()
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        }  # fmt: skip
        if missing := sorted(required - raw.keys()):
            raise DepthError(f"{where}: key {missing[0]!r} is missing.")
        hints = typing.get_type_hints(kind)
        values = {key: _build(hints[key], value, f"{where}: {key}") for key, value in raw.items()}
        try:
            return kind(**values)  # type: ignore[operator]
        except DepthError as error:
            raise DepthError(f"{where}: {error}") from error
    if origin in (types.UnionType, typing.Union):
        if raw is None and type(None) in arguments:
            return None
        return _build(next(a for a in arguments if a is not type(None)), raw, where)
    if origin is Literal:
        if raw not in arguments:
            raise DepthError(f"{where}: {raw!r} is not one of {', '.join(map(repr, arguments))}.")
        return raw
    if origin is tuple:
        if not isinstance(raw, list | tuple):
            raise DepthError(f"{where}: expected a list, found {raw!r}.")
        if arguments[-1] is Ellipsis:
            return tuple(_build(arguments[0], item, f"{where}.{i}") for i, item in enumerate(raw))
        if len(raw) != len(arguments):
            raise DepthError(f"{where}: expected {len(arguments)} values, found {raw!r}.")
        return tuple(_build(a, item, where) for a, item in zip(arguments, raw, strict=True))
    if origin is dict:
        if not isinstance(raw, dict):
            raise DepthError(f"{where}: expected a mapping, found {raw!r}.")
        for key in raw:
            if not isinstance(key, str):
                raise DepthError(f"{where}: expected names as keys, found {key!r}.")
        return {key: _build(arguments[1], value, f"{where}.{key}") for key, value in raw.items()}
    if kind is Any:
        return copy.deepcopy(raw)
    if kind is float and isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(raw)
    if kind is int and isinstance(raw, float) and raw.is_integer():  # YAML reads 2e6 as a float
        return int(raw)
    if isinstance(raw, kind) and not (kind is int and isinstance(raw, bool)):
        return raw
    wanted = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    raise DepthError(
        f"{where}: expected {kind.__name__}, found {raw!r} ({type(raw).__name__}). "
        f"Write {wanted.get(kind.__name__, kind.__name__)}."
    )
