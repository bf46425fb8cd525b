"""One training loop, on Accelerate: one CPU, one GPU, or many, with the same numbers for the same global batch.

Randomness is keyed by seed, epoch and sample; position, weights and optimiser are in the checkpoint. So a run
killed at any moment and started again ends where the undisturbed one does; on a CPU, bit for bit.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import torch
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import LoggerType, set_seed
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from tqdm import tqdm

from depthlib.adversary import Adversary
from depthlib.augment import CENTRE, NAMED
from depthlib.batches import Batches, augmenting, to_device
from depthlib.checkpoints import (
    POSITION,
    forget_others,
    latest_checkpoint,
    load_critic,
    load_ema,
    load_optimizer,
    load_weights,
    one_training,
    read_state,
    save_checkpoint,
)
from depthlib.data import open_dataset
from depthlib.errors import DepthError, enough_memory
from depthlib.files import writable_folder, write_whole
from depthlib.losses import Loss, make_loss, reduce
from depthlib.models import build_model
from depthlib.models.base import DepthModel
from depthlib.observations import Observation, make_observation
from depthlib.randomness import Dropout, keys, set_dropout_keys
from depthlib.recipe import DataSpec, Phase, Recipe, from_dict, recipe_names
from depthlib.sample import RGBD, collate
from depthlib.stopping import Stopping
from depthlib.timing import Stopwatch, Unwatched, machine

LOG = "log.jsonl"
SETTLE = 20  # batches from which averaged weights take their batch-norm statistics


@dataclass
class Run:
    """What training leaves behind.

    Attributes:
        model: trained, in eval mode, with averaged weights where the recipe asks for them.
        history: one dict a step: ``phase``, ``step`` (over all phases), ``samples``, ``loss``, ``rate``,
            ``seconds``, ``data_seconds``, and ``validation`` where it was measured.
        folder: checkpoints and log.
        samples_seen, seconds, peak_memory_bytes: over the whole run, interruptions left out.
        fingerprints: of the data that were learned from, by the recipe's entry that asks for them, as JSON.
        machine: where it was trained, or its last part: see :func:`depthlib.timing.machine`.
    """

    model: DepthModel
    history: list[dict[str, Any]]
    folder: Path
    samples_seen: int
    seconds: float
    peak_memory_bytes: int
    fingerprints: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=machine)


def open_spec(spec: DataSpec) -> RGBD:
    """The data set that a recipe names."""
    return open_dataset(spec.name, spec.split, spec.size, **spec.options)


def open_once(spec: DataSpec, opened: list[tuple[DataSpec, RGBD]]) -> RGBD:
    """The data set that a recipe names, from those that are open or opened now and put there."""
    for known, dataset in opened:
        if known == spec:
            return dataset
    opened.append((spec, open_spec(spec)))
    return opened[-1][1]


def make_model(recipe: Recipe) -> DepthModel:
    """The recipe's model: fresh weights from its seed, or those of the checkpoint it names.

    Raises:
        DepthError: no checkpoint where ``model.weights`` says, or one of another model.
    """
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = build_model(recipe.model.name, **recipe.model.options)
    if recipe.model.weights:
        start = latest_checkpoint(recipe.model.weights)
        if start is None:
            place = Path(recipe.model.weights)
            named = place.parent.name if place.parent.name in recipe_names() else "eigen-rooms"
            raise DepthError(
                f"model.weights: no checkpoint in {place}. Train one first, for example `depthlib run {named} --out {place}`, "
                "or set model.weights to null."
            )
        load_weights(start, model)
    return model


def rate_factor(phase: Phase, step: int, steps: int) -> float:
    """What all learning rates are multiplied by at a step: warm-up, then the schedule.

    >>> rate_factor(Phase("coarse", 320, schedule="linear"), 5, 10)
    0.5
    """
    if step < phase.warmup:
        return (step + 1) / (phase.warmup + 1)
    done = (step - phase.warmup) / max(1, steps - phase.warmup)
    if phase.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1 - done if phase.schedule == "linear" else 1.0


def make_optimizer(model: nn.Module, phase: Phase, fused: bool = True) -> torch.optim.Optimizer:
    """The phase's optimiser over the parameters that learn, with a rate and a decay for each name prefix.

    Args:
        fused: one pass over all weights; 0.06 s a step of Eigen's on two cores, not 0.35.

    Raises:
        DepthError: a prefix that fits no learning parameter, or a parameter that no prefix fits.
    """
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for table in (phase.rates, phase.weight_decay):
        for prefix in table:
            if not any(name.startswith(prefix) for name in learning):
                names = ", ".join(sorted({name.rpartition(".")[0] for name in learning}))
                raise DepthError(f"phase {phase.train!r}: {prefix!r} fits no learning parameter; there are {names}.")
    for name, parameter in learning.items():
        fits = [prefix for prefix in phase.rates if name.startswith(prefix)]
        if not fits:
            raise DepthError(f"phase {phase.train!r}: no learning rate for {name}; add one under `rates`.")
        rate = phase.rates[max(fits, key=len)]
        decays = [prefix for prefix in phase.weight_decay if name.startswith(prefix)]
        decay = phase.weight_decay[max(decays, key=len)] if decays else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    listed = [{"params": ps, "lr": rate, "weight_decay": decay} for (rate, decay), ps in groups.items()]
    if phase.optimiser == "sgd":
        return torch.optim.SGD(listed, lr=1.0, momentum=phase.momentum, fused=fused)
    kind = torch.optim.Adam if phase.optimiser == "adam" else torch.optim.AdamW
    return kind(listed, lr=1.0, fused=fused)


def train(
    recipe: Recipe,
    out: str | os.PathLike[str],
    progress: bool = True,
    trackers: Sequence[str] = (),
    minutes: float | None = None,
    watch: Stopwatch | None = None,
    opened: Sequence[tuple[DataSpec, RGBD]] = (),
) -> Run:
    """Train a recipe, or go on where it was interrupted.

    Args:
        recipe: see :mod:`depthlib.recipe`.
        out: folder for checkpoints and ``log.jsonl``; if it holds an unfinished run of the same recipe, that
            run goes on, and a finished one is loaded.
        progress: show a bar.
        trackers: names of Accelerate's trackers, such as ``tensorboard``.
        minutes: stop after the step in which so many have passed, with a checkpoint, by :class:`Unfinished`.
        watch: notes where each step's time goes.
        opened: data sets that are open already, each with the entry of the recipe that asks for it.

    Returns:
        A :class:`Run`.

    Raises:
        DepthError: data or weights that cannot be used; a folder that holds another run, in which another process trains,
            or which cannot be written; or a loss that is not finite (names the step and the samples, and saves the batch).
        Unfinished: the minutes are over, or SIGTERM came. Everything up to that step is saved.
    """
    stopping = Stopping(minutes)
    for name in trackers:
        if name in LoggerType and LoggerType(name) not in (LoggerType.ALL, *get_available_trackers()):
            # Accelerate would go on without it
            raise DepthError(f"tracker {name}: its package is not installed. `pip install {name}`, or leave it out.")
    folder = writable_folder(out, "Choose another folder with --out.")
    try:
        # several processes without a GPU: Accelerate joins them only if it is told that they compute on processors
        accelerator = Accelerator(cpu=_on_processors(), log_with=list(trackers) or None, project_dir=folder)
    except ValueError as error:
        raise DepthError(
            f"tracker {', '.join(trackers)}: {error}. Accelerate knows tensorboard, wandb and others."
        ) from error
    set_seed(recipe.seed)
    if trackers:
        accelerator.init_trackers(recipe.name)
    # a finished run is only read, by as many as like
    writes = accelerator.is_main_process and not _finished(folder, recipe)
    with one_training(folder) if writes else contextlib.nullcontext():
        run = _go_on(recipe, folder, accelerator, progress, watch, list(opened), stopping)
    if trackers:
        accelerator.end_training()
    return run


def _finished(folder: Path, recipe: Recipe) -> bool:
    """Whether the run in a folder has nothing left to do."""
    checkpoint = latest_checkpoint(folder)
    return checkpoint is not None and read_state(checkpoint, tuple(POSITION))["phase"] == len(recipe.phases)


def _go_on(
    recipe: Recipe, folder: Path, accelerator: Accelerator, progress: bool, watch: Stopwatch | None,
    opened: list[tuple[DataSpec, RGBD]], stopping: Stopping,
) -> Run:  # fmt: skip
    """All phases from where the folder's last checkpoint stands."""
    layout = torch.channels_last if recipe.speed.channels_last else torch.contiguous_format
    model = make_model(recipe).to(accelerator.device, memory_format=layout)  # type: ignore[call-overload]
    run = Run(model, [], folder, 0, 0.0, 0)
    at_phase, at_step = 0, 0
    checkpoint = latest_checkpoint(folder)
    if checkpoint is not None:
        state = read_state(checkpoint, tuple(POSITION))
        if _trains(_known(state["recipe"], checkpoint)) != _trains(recipe.to_dict()):
            raise DepthError(
                f"{folder}: holds a run of {state['recipe'].get('name')!r} with other settings. "
                "Choose another folder with --out, or remove this one."
            )
        at_phase, at_step = state["phase"], state["step"]
        lengths = [math.ceil(phase.samples / phase.batch) for phase in recipe.phases]
        if at_phase > len(lengths) or at_step >= [*lengths, 1][at_phase]:
            raise DepthError(
                f"{checkpoint}: stands at step {at_step} of phase {at_phase}, but the phases have {lengths} steps. "
                "Its state.json was edited; train again in another folder."
            )
        run.samples_seen, run.seconds = state["samples_seen"], state["seconds"]
        run.peak_memory_bytes, run.fingerprints = state["peak_memory_bytes"], dict(state.get("data", {}))
        run.history = _read_log(folder / LOG, state["total_steps"])
        load_weights(checkpoint, model, ema=False)
    if accelerator.is_main_process and at_phase < len(recipe.phases):
        kept = "".join(json.dumps(entry) + "\n" for entry in run.history)
        write_whole(folder / LOG, lambda partial: partial.write_text(kept))
        for cut in folder.glob(".checkpoint-*"):  # the process was killed while it wrote
            shutil.rmtree(cut, ignore_errors=True)
    with stopping:
        for number, phase in enumerate(recipe.phases):
            if number < at_phase:
                continue
            resumed = checkpoint if number == at_phase and at_step > 0 else None
            rows, columns = model.input_size
            with enough_memory(
                f"phase {phase.train!r}, batch {phase.batch} of {rows}x{columns} in {phase.precision}, pieces of "
                f"{math.ceil(phase.batch / phase.accumulate)}",
                f"Lower phases.{number}.batch, raise phases.{number}.accumulate (the same numbers in more pieces), use "
                "precision bf16, or a smaller model.options.size.",
            ):
                _train_phase(
                    recipe, number, phase, run, accelerator, at_step if resumed else 0, resumed, progress, opened,
                    stopping, watch or Unwatched(),
                )  # fmt: skip
            accelerator.free_memory()  # it would hold this phase's optimiser through the next
    accelerator.wait_for_everyone()  # the first process writes what all read now
    last = latest_checkpoint(folder)
    if last is not None:
        load_weights(last, model)
        state = read_state(last, tuple(POSITION))
        run.peak_memory_bytes = state["peak_memory_bytes"]
        run.machine = state.get("machine", run.machine)  # a finished run may be scored elsewhere
    model.eval()
    return run


def _train_phase(
    recipe: Recipe,
    number: int,
    phase: Phase,
    run: Run,
    accelerator: Accelerator,
    start: int,
    checkpoint: Path | None,
    progress: bool,
    opened: list[tuple[DataSpec, RGBD]],
    stopping: Stopping,
    watch: Stopwatch | Unwatched,
) -> None:
    """One phase from step ``start``; appends to ``run`` and leaves a checkpoint that points behind the phase."""
    plain, device = run.model, accelerator.device
    speed = recipe.speed.on(device.type)
    _has_bf16(number, phase, device)
    plain.begin_phase(phase.train)
    plain.train()
    optimizer = make_optimizer(plain, phase, speed.fused)
    rates = [group["lr"] for group in optimizer.param_groups]
    ema: dict[str, Tensor] | None = None
    if phase.ema:
        ema = load_ema(checkpoint) if checkpoint else {k: v.detach().clone() for k, v in plain.state_dict().items()}
        # laid out as the weights, so that all are averaged at once
        ema = {key: torch.empty_like(value).copy_(ema[key]) for key, value in plain.state_dict().items()}
    if checkpoint is not None:
        load_optimizer(checkpoint, optimizer)
    model, optimizer = accelerator.prepare(plain, optimizer)
    # recorded kernels write each step's gradients to the same places, so nothing may be added up there
    recorded = speed.cuda_graphs and device.type == "cuda" and phase.accumulate == accelerator.num_processes == 1
    network = torch.compile(model, mode="reduce-overhead" if recorded else None) if speed.compile else model
    layout = torch.channels_last if speed.channels_last else torch.contiguous_format
    dataset = open_once(phase.data or recipe.data, opened)
    validation = open_once(phase.validation, opened) if phase.validation else None
    asked = json.dumps(asdict(phase.data or recipe.data), sort_keys=True)
    now = dataset.fingerprint()
    if (before := run.fingerprints.setdefault(asked, now)) != now:
        raise DepthError(
            f"{run.folder}: the run began on data of {dataset.name} with the fingerprint {before}; now they have {now}. Put the "
            "old ones back, or train again in another folder."
        )
    loss_function = _make_loss(recipe).to(device)
    adversary = Adversary(loss_function) if getattr(loss_function, "critic", None) is not None else None
    if adversary and checkpoint is not None:
        load_critic(checkpoint, adversary.critic, adversary.optimizer)
    world, rank = accelerator.num_processes, accelerator.process_index
    steps = math.ceil(phase.samples / phase.batch)
    done_before = sum(math.ceil(p.samples / p.batch) for p in recipe.phases[:number])
    observation = make_observation(recipe.observe.name, **recipe.observe.options) if recipe.observe else None
    change = augmenting(plain.input_size, _lookup(NAMED, phase.augment, "augmentation"), recipe.seed, observation)
    by_readers = speed.augment_on == "processor"
    half = torch.bfloat16 if phase.precision == "bf16" else None
    drops = any(isinstance(module, Dropout) for module in plain.modules())

    def save(step: int) -> None:
        if not accelerator.is_main_process:
            return
        state = {
            "phase": number if step < steps else number + 1,
            "step": step if step < steps else 0,
            "total_steps": done_before + step,
            "samples_seen": run.samples_seen,
            "seconds": run.seconds,
            "peak_memory_bytes": max(run.peak_memory_bytes, peak_memory()),
            "machine": run.machine,
            "data": run.fingerprints,
            "recipe": recipe.to_dict(),
        }
        target = run.folder / f"checkpoint-{done_before + step:08d}"
        critic = (adversary.critic, adversary.optimizer) if adversary else None
        forget_others(save_checkpoint(target, plain, state, optimizer, ema, critic))

    bar = tqdm(total=steps, initial=start, desc=f"{recipe.name} · {phase.train}", unit="step", file=sys.stderr,
               disable=not (progress and accelerator.is_main_process), mininterval=2.0)  # fmt: skip
    feed = Batches(
        dataset, phase.batch, phase.accumulate, recipe.seed, number, rank, world, device, speed.readers or 0,
        change if by_readers else None, bool(speed.resident),
    )  # fmt: skip
    written = run.folder / LOG if accelerator.is_main_process else Path(os.devnull)
    with feed, written.open("a") as log, bar:
        for step in range(start, steps):
            watch.begin()
            began = time.perf_counter()
            try:
                pieces = feed.take(step, steps - 1)
            except DepthError as error:
                if step == start:
                    raise
                save(step)
                raise DepthError(
                    f"{error} What was trained is saved: once this is put right, the same command goes on at step "
                    f"{done_before + step}."
                ) from error
            waited = time.perf_counter() - began
            watch.lap("data")
            factor = rate_factor(phase, step, steps)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            ready = []
            for batch, epochs in pieces:
                names, indices = batch["name"], batch["index"]
                moved = batch if by_readers else change(batch, epochs)
                target, mask = plain.target(moved["depth"])
                ready.append((plain.inputs(moved), target, mask, names, epochs, indices))
            zero = torch.zeros((), device=device)
            # the weights of the whole global batch, so that pieces and processes add up to its gradient
            normaliser = sum((loss_function.weigh(mask).sum() for _, _, mask, *_ in ready), zero)
            normaliser = accelerator.reduce(normaliser, "sum")
            total = torch.zeros((), device=device)
            watch.lap("augment")
            for i, (inputs, target, mask, _, epochs, indices) in enumerate(ready):
                if drops:
                    set_dropout_keys(plain, keys(recipe.seed, epochs, indices, f"dropout {number}").to(device))
                gather_later = accelerator.no_sync(model) if i + 1 < len(ready) else contextlib.nullcontext()
                with gather_later:
                    with torch.autocast(device.type, half, enabled=half is not None):
                        output = network(*(seen.contiguous(memory_format=layout) for seen in inputs))
                        values, weights = loss_function(output, target, mask)
                    loss = reduce(values, weights, normaliser)
                    total += loss.detach()
                    watch.lap("forward")
                    # distributed training averages gradients over processes; the normaliser is global already
                    accelerator.backward(loss * world)
                    if adversary:
                        adversary.see(output, target, mask)
                    watch.lap("backward")
            if drops:
                set_dropout_keys(plain, None)
            # all processes must agree on when to stop, or some would wait for the others for ever
            both = torch.stack((total, torch.full_like(total, float(stopping.wanted))))
            value, stop = accelerator.reduce(both, "sum").tolist()
            if not math.isfinite(value):
                raise _not_finite(value, done_before + step, ready, run.folder, plain.shown)
            watch.lap("rest")
            if phase.clip:
                accelerator.clip_grad_norm_(model.parameters(), phase.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            judged = adversary.learn(accelerator, half) if adversary else {}
            if ema is not None:
                # at first the mean of few steps: else a short run would answer with the weights that it began with
                _average(ema, plain.state_dict(), min(phase.ema, (1 + step) / (10 + step)))
            watch.lap("optimiser")
            run.samples_seen += phase.batch
            entry = {
                "phase": phase.train, "step": done_before + step, "samples": run.samples_seen, "loss": value,
                "rate": factor, "data_seconds": round(waited, 4), **judged,
            }  # fmt: skip
            if validation is not None and phase.validate_every and (step + 1) % phase.validate_every == 0:
                entry["validation"] = validation_loss(
                    plain, validation, loss_function, phase.batch, device, observation
                )
            entry["seconds"] = round(time.perf_counter() - began, 4)
            run.seconds += entry["seconds"]
            run.history.append(entry)
            _write_line(log, entry)
            accelerator.log({f"{phase.train}/loss": value}, step=done_before + step)
            bar.update()
            bar.set_postfix(loss=f"{value:.4f}", refresh=False)
            if ema is not None and step + 1 == steps:
                last = range(max(0, steps - SETTLE), steps)
                pieces_ = (
                    (batch if by_readers else change(batch, epochs)) for s in last for batch, epochs in feed.take(s, s)
                )
                _settle_statistics(plain, ema, (plain.inputs(piece) for piece in pieces_))
            if (step + 1) % phase.checkpoint_every == 0 or step + 1 == steps or stop:
                save(step + 1)
            if stop:
                raise stopping.unfinished(done_before + step + 1)
            watch.lap("rest")


def _make_loss(recipe: Recipe) -> Loss:
    """The recipe's loss; a critic in it starts from the recipe's seed."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed + 1)
        return make_loss(recipe.loss.name, **recipe.loss.options)


def _on_processors() -> bool:
    return int(os.environ.get("WORLD_SIZE") or 1) > 1 and not torch.cuda.is_available()


def _has_bf16(number: int, phase: Phase, device: torch.device) -> None:
    """A GPU without bf16 would compute it in software, many times slower than fp32."""
    if (
        phase.precision == "bf16"
        and device.type == "cuda"
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        raise DepthError(
            f"phase {phase.train!r}: precision is bf16, which {torch.cuda.get_device_name()} lacks. Say "
            f"-p phases.{number}.precision=fp32."
        )


@torch.no_grad()
def validation_loss(
    model: DepthModel, dataset: RGBD, loss_function: nn.Module, batch: int = 32, device: Any = "cpu",
    observation: Observation | None = None,
) -> float:  # fmt: skip
    """The loss on centre crops of a data set, in eval mode: the mean over its samples."""
    was_training = model.training
    model.eval()
    loss_function.eval()
    total = weight = 0.0
    for start in range(0, len(dataset), batch):
        samples = to_device(collate(dataset.__getitems__(range(start, min(start + batch, len(dataset))))), device)
        crop = augmenting(model.input_size, CENTRE, 0, observation)(samples, [0] * len(samples["index"]))
        target, mask = model.target(crop["depth"])
        values, weights = loss_function(model(*model.inputs(crop)), target, mask)
        total += (values * weights).sum().item()
        weight += weights.sum().item()
    model.train(was_training)
    loss_function.train()
    return total / weight if weight else math.nan


def peak_memory() -> int:
    """Most bytes this process has held: on the GPU where there is one, else in main memory."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _average(ema: dict[str, Tensor], state: dict[str, Tensor], decay: float) -> None:
    for key, value in state.items():
        if not value.is_floating_point():
            ema[key].copy_(value)
    real = [key for key, value in state.items() if value.is_floating_point()]
    get_ema_multi_avg_fn(decay)([ema[key] for key in real], [state[key].detach() for key in real], None)


@torch.no_grad()
def _settle_statistics(model: nn.Module, ema: dict[str, Tensor], shown: Iterable[tuple[Tensor, ...]]) -> None:
    """Give averaged weights the batch-norm statistics of their own activations.

    The average of the statistics that the weights had on their way is not theirs: a network that learns from random
    weights can be worse than useless with it. Frozen statistics stay.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    if not layers:
        return
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    momenta = [layer.momentum for layer in layers]
    model.load_state_dict(ema)
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
    for inputs in shown:
        model(*(seen.contiguous(memory_format=torch.channels_last) for seen in inputs))
    for key, value in model.state_dict().items():
        ema[key].copy_(value)
    model.load_state_dict(kept)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _known(recipe: dict[str, Any], checkpoint: Path) -> dict[str, Any]:
    """The recipe in a checkpoint, with what recipes have had only since then."""
    try:
        return from_dict(recipe, str(checkpoint)).to_dict()
    except DepthError:
        return recipe


def _trains(recipe: dict[str, Any]) -> dict[str, Any]:
    """The part of a recipe that decides the weights; a run may go on at another speed and be scored in another way."""
    plain = json.loads(json.dumps(recipe))  # a tuple is a list there
    return {key: value for key, value in plain.items() if key not in ("evaluate", "description", "speed")}


def _lookup(table: dict[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise DepthError(f"{what} {name!r} is unknown; expected one of {', '.join(table)}.")
    return table[name]


def _read_log(path: Path, steps: int) -> list[dict[str, Any]]:
    """The log up to the checkpoint; what came after it will be done again."""
    if not path.exists():
        return []
    entries = []
    for line in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError):  # the last line of a killed run may be cut
            entries.append(json.loads(line))
    needed = {"phase", "step", "samples", "loss"}
    return [entry for entry in entries if isinstance(entry, dict) and needed <= entry.keys() and entry["step"] < steps]


def _write_line(log: TextIO, entry: dict[str, Any]) -> None:
    try:
        log.write(json.dumps(entry) + "\n")
        log.flush()
    except OSError as error:
        raise DepthError(
            f"{log.name}: cannot be written ({error.strerror}). Free some space; the same command goes on from the last "
            "checkpoint."
        ) from error


def _not_finite(value: float, step: int, ready: list[Any], folder: Path, shown: str) -> DepthError:
    inputs = (shown, "rgb") if shown else ("rgb",)
    path = folder / "nonfinite-batch.safetensors"
    names = [name for piece in ready for name in piece[3]]
    tensors = {
        **{name: torch.cat(seen) for name, *seen in zip(inputs, *(piece[0] for piece in ready), strict=False)},
        "target": torch.cat([piece[1] for piece in ready]),
        "mask": torch.cat([piece[2] for piece in ready]),
    }
    try:
        content = {k: v.contiguous().cpu() for k, v in tensors.items()}
        write_whole(path, lambda partial: save_file(content, partial, metadata={"names": json.dumps(names)}))
        where = f"The batch is saved in {path}."
    except (DepthError, SafetensorError) as error:
        where = f"The batch could not be saved ({error})."
    some = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return DepthError(
        f"training: the loss is {value} at step {step}, on samples {some}. {where} "
        "Usual causes: too high a learning rate (lower `rates`, or set `clip`), or damaged depth in these samples."
    )
