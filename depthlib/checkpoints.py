"""Checkpoints: a folder of safetensors and JSON that is either whole or absent. No pickle.

A run keeps ``checkpoint-00000200`` and the like, numbered by step; :func:`latest_checkpoint` finds the newest.

``model.safetensors``, ``optimizer.safetensors``, with EMA ``ema.safetensors`` and with an adversarial loss
``critic.safetensors`` hold tensors;
``state.json`` holds the position (phase, step, samples), the recipe and the optimiser's scalars. A folder is
written beside its final name and renamed; training removes older ones only after that.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save, save_file
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.files import one_at_a_time, read_tensors, whole_folder, writable_folder
from depthlib.models import build_model
from depthlib.models.base import DepthModel
from depthlib.recipe import from_dict

SCHEMA = 1
#: Small trained networks that come with the library: depth from a picture, and by name those that are shown some depth.
BOX = Path(__file__).with_name("box")
BOXES = {"box/depth": BOX, **{f"box/{place.name}": place for place in sorted(BOX.iterdir()) if place.is_dir()}}


def save_checkpoint(
    folder: str | os.PathLike[str],
    model: nn.Module,
    state: dict[str, Any],
    optimizer: torch.optim.Optimizer | None = None,
    ema: Mapping[str, Tensor] | None = None,
    critic: tuple[nn.Module, torch.optim.Optimizer] | None = None,
) -> Path:
    """Write a checkpoint folder atomically.

    Args:
        folder: its final place.
        state: anything JSON holds; ``schema`` and the optimisers' scalars are added.
        critic: of an adversarial loss, and its optimiser.

    Raises:
        DepthError: the place cannot be written, or the disk is full; what was there before stays.
    """
    target = Path(folder)
    try:
        writable_folder(target.parent)
        with whole_folder(target) as partial:
            save_file(_contiguous(model.state_dict()), partial / "model.safetensors")
            if optimizer is not None:
                tensors, scalars = flatten(optimizer.state_dict())
                save_file(tensors, partial / "optimizer.safetensors")
                state = {**state, "optimizer": scalars}
            if critic is not None:
                tensors, scalars = flatten(critic[1].state_dict())
                kept = {f"critic.{key}": value for key, value in _contiguous(critic[0].state_dict()).items()}
                save_file({**kept, **tensors}, partial / "critic.safetensors")
                state = {**state, "critic": scalars}
            if ema is not None:
                save_file(_contiguous(ema), partial / "ema.safetensors")
            (partial / "state.json").write_text(json.dumps({"schema": SCHEMA, **state}, indent=1))
            if target.exists():  # the same position, reached again by a resumed run: the same content
                shutil.rmtree(target)
    except (OSError, SafetensorError) as error:
        raise DepthError(
            f"{target}: checkpoint cannot be written ({error}). Free some space or choose another folder."
        ) from error
    return target


def one_training(folder: Path) -> AbstractContextManager[None]:
    """While it is held, no other process trains in the folder.

    Raises:
        DepthError: on entering, another one does.
    """
    busy = f"{folder}: another process trains there. Wait for it, end it, or choose another folder with --out."
    return one_at_a_time(folder / ".training.lock", busy)


def forget_others(kept: Path) -> None:
    """Remove the other checkpoints of the folder that this one is in, and what killed processes left of theirs."""
    for pattern in ("checkpoint-*", ".checkpoint-*"):
        for old in kept.parent.glob(pattern):
            if old != kept and old.is_dir():
                shutil.rmtree(old)


def latest_checkpoint(folder: str | os.PathLike[str]) -> Path | None:
    """The newest whole checkpoint of a run's folder (or the folder itself, if it is one); None if there is none."""
    folder = Path(folder)
    if (folder / "state.json").exists():
        return folder
    found = sorted(path for path in folder.glob("checkpoint-*") if (path / "state.json").exists())
    return found[-1] if found else None


#: What training writes into every state, and what it must be to go on from there.
POSITION: dict[str, type | tuple[type, ...]] = {
    "phase": int, "step": int, "total_steps": int, "samples_seen": int, "seconds": (int, float),
    "peak_memory_bytes": int, "recipe": dict,
}  # fmt: skip


def read_state(folder: str | os.PathLike[str], needed: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON part of a checkpoint.

    Args:
        needed: keys of :data:`POSITION` that must be there.

    Raises:
        DepthError: no checkpoint there, one of another schema, or one that lacks what is needed.
    """
    path = Path(folder) / "state.json"
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DepthError(
            f"{folder}: not a checkpoint ({error}). Expected a folder with model.safetensors and state.json, "
            "as `depthlib train` writes it."
        ) from error
    found = state.get("schema") if isinstance(state, dict) else state
    if found != SCHEMA or isinstance(found, bool):
        raise DepthError(f"{path}: checkpoint schema {found!r}, expected {SCHEMA}. Train again.")
    for key in needed:
        value = state.get(key)
        if (
            not isinstance(value, POSITION[key])
            or isinstance(value, bool)
            or (isinstance(value, int | float) and value < 0)
        ):
            raise DepthError(f"{path}: {key} is {value!r}; the file was edited or is of another kind. Train again.")
    return state


def load_weights(folder: str | os.PathLike[str], model: nn.Module, ema: bool = True) -> nn.Module:
    """Load a checkpoint's weights (their moving average where there is one) into a model of the same kind.

    Raises:
        DepthError: no checkpoint, damaged, or of another model: names the first tensor that does not fit.
    """
    name = "ema.safetensors" if ema and (Path(folder) / "ema.safetensors").exists() else "model.safetensors"
    tensors = _read(Path(folder) / name)
    mine = model.state_dict()
    for key in sorted(mine.keys() | tensors.keys()):
        have = tuple(tensors[key].shape) if key in tensors else "absent"
        want = tuple(mine[key].shape) if key in mine else "absent"
        if have != want:
            raise DepthError(
                f"{folder}: holds another model: {key} is {have} in the file, {want} in {type(model).__name__}. "
                "Use the model and options that the checkpoint's state.json names."
            )
        if not torch.isfinite(tensors[key]).all():
            raise DepthError(f"{folder}: {key} in {name} holds NaN or infinite weights. Train again, at a lower rate.")
    model.load_state_dict({key: tensors[key].to(mine[key].dtype) for key in mine})
    return model


def load_model(folder: str | os.PathLike[str] | None = None, stage: str | None = None) -> DepthModel:
    """The trained network of a run, in eval mode.

    Args:
        folder: a run's folder or a checkpoint; or a network that comes with the library, by its name in :data:`BOXES`:
            ``"box/depth"``, which None is as well, or one that is shown some depth, such as ``"box/sparse"``. The ``README.md``
            beside each says what it learned from and what it can do.
        stage: which part answers; by default the one trained last.

    Raises:
        DepthError: no checkpoint there, one that is damaged, or an unknown stage.

    >>> load_model().input_size
    (192, 256)
    """
    place = BOX if folder is None else BOXES.get(str(folder), folder)
    if str(place).endswith(".onnx"):
        raise DepthError(
            f"{place}: an ONNX file, which runs without this library (onnxruntime); here it is scored, by `depthlib evaluate`. Give the "
            "folder of the run that it was exported from."
        )
    found = latest_checkpoint(place)
    if found is None:
        raise DepthError(
            f"{place}: no checkpoint there. Train one, for example `depthlib train eigen-rooms`, and give its folder; or name one "
            f"that comes with the library: {', '.join(BOXES)}."
        )
    recipe = from_dict(read_state(found, ("recipe",))["recipe"], str(found))
    options = {key: value for key, value in recipe.model.options.items() if key != "weights"}  # they come from there
    model = build_model(recipe.model.name, **options)
    load_weights(found, model)
    model.begin_phase(stage or recipe.phases[-1].train)
    return model.eval()


def halved(run: str | os.PathLike[str]) -> tuple[bytes, dict[str, Any]]:
    """A run's weights (their moving average where there is one) in half precision, as a safetensors file; and its state.

    Written as ``model.safetensors`` and ``state.json`` into a folder, :func:`load_model` reads them.

    Raises:
        DepthError: no checkpoint there.
    """
    found = latest_checkpoint(run)
    if found is None:
        raise DepthError(f"{run}: no checkpoint there. Train first.")
    averaged = found / "ema.safetensors"
    tensors = _read(averaged if averaged.exists() else found / "model.safetensors")
    half = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in tensors.items()}
    return save(half), {"schema": SCHEMA, "recipe": read_state(found, ("recipe",))["recipe"]}


def load_optimizer(folder: str | os.PathLike[str], optimizer: torch.optim.Optimizer) -> None:
    """Restore an optimiser's state as it was saved.

    Raises:
        DepthError: no state there, or one of another optimiser.
    """
    try:
        _fill_optimizer(optimizer, _read(Path(folder) / "optimizer.safetensors"), read_state(folder)["optimizer"])
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise DepthError(
            f"{folder}: the optimiser's state does not fit this recipe ({error}). Train again in another folder."
        ) from error


def load_critic(folder: str | os.PathLike[str], critic: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Restore the critic of an adversarial loss and its optimiser as they were saved.

    Raises:
        DepthError: none there, or another one.
    """
    tensors = _read(Path(folder) / "critic.safetensors")
    weights = {key.removeprefix("critic."): v for key, v in tensors.items() if key.startswith("critic.")}
    rest = {key: value for key, value in tensors.items() if not key.startswith("critic.")}
    try:
        critic.load_state_dict(weights)
        _fill_optimizer(optimizer, rest, read_state(folder)["critic"])
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise DepthError(
            f"{folder}: the critic does not fit this recipe ({error}). Train again in another folder."
        ) from error


def _fill_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
    state: dict[int, dict[str, Any]] = {int(i): dict(values) for i, values in scalars["state"].items()}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    # Fused kernels walk a weight and its state through memory side by side: both must have one layout.
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for i, values in state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == weights[i].shape:
                values[name] = torch.empty_like(weights[i], dtype=value.dtype).copy_(value)
    # how its steps are computed is this run's affair, not the saved one's
    ways = [{way: group[way] for way in ("fused", "foreach") if way in group} for group in optimizer.param_groups]
    groups = [group | way for group, way in zip(scalars["param_groups"], ways, strict=True)]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def load_ema(folder: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The moving average of the weights."""
    return _read(Path(folder) / "ema.safetensors")


def _read(path: Path) -> dict[str, Tensor]:
    return read_tensors(path, "Copy the checkpoint again, or train again.")


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor in memory of its own: safetensors writes no two names of one, such as weights that two layers share."""
    seen: set[int] = set()
    found = {}
    for key, value in tensors.items():
        place = value.untyped_storage().data_ptr()
        found[key] = (
            value.detach().clone(memory_format=torch.contiguous_format)
            if place in seen
            else value.detach().contiguous()
        )
        seen.add(place)
    return found


def flatten(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state as named tensors and the JSON rest."""
    tensors: dict[str, Tensor] = {}
    rest: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        rest[str(index)] = {}
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value.detach().contiguous()
            else:
                rest[str(index)][name] = value
    return tensors, {"state": rest, "param_groups": state["param_groups"]}
