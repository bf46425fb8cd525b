"""One training loop, on Accelerate: one CPU, one GPU, or many, with the same numbers for the same global batch.

Randomness is keyed by seed, epoch and sample; position, weights and optimiser are in the checkpoint. So a run
killed at any moment and started again ends where the undisturbed one does; on a CPU, bit for bit.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import torch
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import LoggerType, set_seed
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from depthlib.adversary import Adversary
from depthlib.augment import CENTRE, get_augmentation
from depthlib.averaging import Average
from depthlib.batches import Batches, Pieces, augmenting
from depthlib.checkpoints import (
    BOXES,
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
from depthlib.losses import Loss, make_loss, one_shape, reduce
from depthlib.models import build_model
from depthlib.models.base import DepthModel
from depthlib.observations import Observation, make_observation
from depthlib.optimisers import make_optimizer, rate_factor
from depthlib.predictors import same_shown
from depthlib.randomness import Dropout, keys, set_dropout_keys
from depthlib.recipe import DataSpec, Phase, Recipe, completed, recipe_names
from depthlib.sample import RGBD, Batch, check, checked, offered
from depthlib.stopping import Stopping
from depthlib.timing import Stopwatch, machine, peak_memory
from depthlib.transfers import Later, sent, to_device
from depthlib.trial import trial

LOG = "log.jsonl"
SETTLE = 20  # batches from which averaged weights take their batch-norm statistics
#: Kind of device → how many steps later a step's loss is read. A GPU computes one step while the processor prepares the next.
LATE = {"cuda": 1}


@dataclass
class Run:
    """What training leaves behind.

    Attributes:
        model: trained, in eval mode, with averaged weights where the recipe asks for them.
        history: one dict a step: ``phase``, ``step`` (over all phases), ``samples``, ``loss``, ``rate`` (by what the recipe's are multiplied),
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


def same_view(where: str, dataset: RGBD, model: DepthModel) -> None:
    """Training cuts crops from pictures as they come; prediction resizes a picture to the model's frame first.

    Args:
        where: the entry's place in the recipe.
        dataset: what it asks for, opened; one that was opened before may have another size than the entry says.

    Raises:
        DepthError: they are of different size: the network would learn from cut-outs and be asked about whole pictures.
    """
    if model.shown:  # it is told depths, and need not know how large things look
        return
    rows, columns = check(dataset[0], f"{dataset.name}, sample 0")["rgb"].shape[-2:]
    frame = model.frame_size
    scale = max(frame[0] / rows, frame[1] / columns)
    if scale != 1:
        raise DepthError(
            f"{where}: pictures are {rows}x{columns}, but the model resizes every picture to at least "
            f"{frame[0]}x{frame[1]} when it is asked: it would train on cut-outs {scale:.2g} times as large. Give data "
            f"and model.options.size one size, or resize the pictures ({where}.size does) so that one side equals the model's."
        )


def same_target(model: DepthModel, loss: Loss) -> None:
    """A loss of logarithms over a target that is none runs, and learns something else.

    Raises:
        DepthError: the loss is for another target than the model's.
    """
    if model.native and loss.native and model.native != loss.native:
        raise DepthError(
            f"loss: {type(loss).__name__} compares {loss.native}, but the target of {type(model).__name__} is {model.native}. "
            "Choose another loss, or the model's option that answers so."
        )


def make_model(recipe: Recipe) -> DepthModel:
    """The recipe's model: fresh weights from its seed, or those of the checkpoint it names.

    Raises:
        DepthError: no checkpoint where ``model.weights`` says, or one of another model.
    """
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = build_model(recipe.model.name, **first_options(recipe))
    if recipe.model.weights:
        start = latest_checkpoint(BOXES.get(recipe.model.weights, recipe.model.weights))
        if start is None:
            place = Path(recipe.model.weights)
            if inside := sorted(place.glob("*/checkpoint-*")):
                raise DepthError(
                    f"model.weights: no checkpoint in {place} itself; there is one in {inside[-1].parent}. Name that."
                )
            named = place.parent.name if place.parent.name in recipe_names() else "eigen-rooms"
            raise DepthError(
                f"model.weights: no checkpoint in {place}. Train one first, for example `depthlib run {named} --out {place}`, "
                "or set model.weights to null."
            )
        load_weights(start, model)
    return model


def first_options(recipe: Recipe) -> dict[str, Any]:
    """The model's options, without weights that those of ``model.weights`` would replace."""
    options = dict(recipe.model.options)
    if recipe.model.weights and "weights" in options:
        options["weights"] = None
    return options


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
        minutes: stop after the step in which so many have passed, with a checkpoint, by :class:`Unfinished`; several GPUs stop a
            step later.
        watch: notes where each step's time goes.
        opened: data sets that are open already, each with the entry of the recipe that asks for it: the way to train on a data
            set of one's own, which offers what :class:`depthlib.sample.RGBD` says.

    Returns:
        A :class:`Run`. What the recipe's ``evaluate`` names is not looked at; :func:`depthlib.preflight.preflight` does, and
        :func:`depthlib.runs.run_and_score` scores.

    Raises:
        DepthError: data or weights that cannot be used; a folder that holds another run, in which another process trains,
            or which cannot be written; or a loss that is not finite (names the step and the samples, and saves the batch).
        Unfinished: the minutes are over, or SIGTERM came. Everything up to that step is saved.
        KeyboardInterrupt: Ctrl-C; likewise, unless it was pressed twice.
    """
    stopping = Stopping(minutes, interrupts=True)
    for name in trackers:
        if name in LoggerType and LoggerType(name) not in (LoggerType.ALL, *get_available_trackers()):
            # Accelerate would go on without it
            raise DepthError(f"tracker {name}: its package is not installed. `pip install {name}`, or leave it out.")
    folder = Path(out)
    over = finished(folder, recipe)  # then it is only read, by as many as like, who need not be allowed to write
    if trackers or not over:
        writable_folder(folder, "Choose another folder with --out.")
    try:
        # without CUDA it is told to compute on the processor: it would choose other accelerators (Apple's, Intel's), of which nothing
        # here knows, neither the timing nor the results; and it joins several processes only so
        accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), log_with=list(trackers) or None, project_dir=folder
        )
    except ValueError as error:
        raise DepthError(
            f"tracker {', '.join(trackers)}: {error}. Accelerate knows tensorboard, wandb and others."
        ) from error
    set_seed(recipe.seed)
    if trackers:
        accelerator.init_trackers(recipe.name)
    writes = accelerator.is_main_process and not over
    try:
        with one_training(folder) if writes else contextlib.nullcontext():
            known = [(spec, offered(dataset)) for spec, dataset in opened]
            return _go_on(recipe, folder, accelerator, progress, watch, known, stopping)
    finally:
        for tracker in accelerator.trackers:  # end_training would part the processes, which are to score together
            tracker.finish()


def finished(folder: str | os.PathLike[str], recipe: Recipe) -> bool:
    """Whether the run in a folder has nothing left to learn."""
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
        there, asked = _trains(completed(state["recipe"], str(checkpoint))), _trains(recipe.to_dict())
        there["own"], asked["own"] = state.get("own", {}), own_augmentations(recipe)
        if there != asked:
            raise DepthError(
                f"{folder}: holds a run of {state['recipe'].get('name')!r} with other settings: {_differences(there, asked)}. "
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
                _Loop(recipe, number, run, accelerator, resumed, opened, watch or Stopwatch(())).go(
                    at_step if resumed else 0, stopping, progress
                )
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


class _Piece(NamedTuple):
    """Part of a batch, as the network and the loss take it."""

    inputs: tuple[Tensor, ...]
    target: Tensor
    mask: Tensor
    names: list[str]
    epochs: list[int]
    indices: list[int]


class _Unread(NamedTuple):
    """A step that was taken, and what is on its way from the device."""

    entry: dict[str, Any]  # of the history
    pieces: list[_Piece]
    loss: Later
    critic: Later | None


class _Loop:
    """One phase of a run: all that its steps use, and the steps."""

    def __init__(
        self, recipe: Recipe, number: int, run: Run, accelerator: Accelerator, checkpoint: Path | None,
        opened: list[tuple[DataSpec, RGBD]], watch: Stopwatch,
    ) -> None:  # fmt: skip
        phase, plain, device = recipe.phases[number], run.model, accelerator.device
        speed = recipe.speed.on(device.type)
        self.recipe, self.number, self.phase, self.run, self.accelerator = recipe, number, phase, run, accelerator
        self.plain, self.device, self.watch = plain, device, watch
        self.late, self.unread = LATE.get(device.type, 0), deque[_Unread]()
        _has_bf16(number, phase, device)
        plain.begin_phase(phase.train)
        plain.train()
        optimizer = make_optimizer(plain, phase, speed.fused)
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.average = Average(plain, phase.ema, load_ema(checkpoint) if checkpoint else None) if phase.ema else None
        if checkpoint is not None:
            load_optimizer(checkpoint, optimizer)
        self.model, self.optimizer = accelerator.prepare(plain, optimizer)
        # recorded kernels write each step's gradients to the same places, so nothing may be added up there
        recorded = speed.cuda_graphs and device.type == "cuda" and phase.accumulate == accelerator.num_processes == 1
        mode = "reduce-overhead" if recorded else None
        # sizes do not change within a phase; another phase's are another program, not one for all sizes
        self.network = torch.compile(self.model, mode=mode, dynamic=False) if speed.compile else self.model
        self.layout = torch.channels_last if speed.channels_last else torch.contiguous_format
        self.half = torch.bfloat16 if phase.precision == "bf16" else None
        self.drops = any(isinstance(module, Dropout) for module in plain.modules())

        dataset = open_once(phase.data or recipe.data, opened)
        self.validation = open_once(phase.validation, opened) if phase.validation else None
        if not hasattr(dataset, "lanes"):  # a stream would fetch a shard for one sample
            same_view(f"phases.{number}.data" if phase.data else "data", dataset, plain)
        _same_data(run, phase.data or recipe.data, dataset)
        self.loss = _make_loss(recipe).to(device)
        same_target(plain, self.loss)
        self.adversary = Adversary(self.loss) if getattr(self.loss, "critic", None) is not None else None
        if self.adversary and checkpoint is not None:
            load_critic(checkpoint, self.adversary.critic, self.adversary.optimizer)
        self.steps = math.ceil(phase.samples / phase.batch)
        self.before = sum(math.ceil(p.samples / p.batch) for p in recipe.phases[:number])
        self.observation = make_observation(recipe.observe.name, **recipe.observe.options) if recipe.observe else None
        try:
            same_shown(plain, self.observation)
        except DepthError as error:
            raise DepthError(f"observe: {error}") from error
        self.change = augmenting(plain.input_size, get_augmentation(phase.augment), recipe.seed, self.observation)
        if not hasattr(dataset, "lanes"):
            first = to_device(checked([dataset[0]], dataset), "cpu")
            self.change(first, [0])  # on the processor, where values are looked at, too
            one = augmenting(plain.input_size, CENTRE, recipe.seed, self.observation)
            trial(plain, self.loss, one(to_device(first, device), [0]))
        self.by_readers = speed.augment_on == "processor"
        self.feed = Batches(
            dataset, phase.batch, phase.accumulate, recipe.seed, number, accelerator.process_index,
            accelerator.num_processes, device, speed.readers or 0, self.change if self.by_readers else None,
            bool(speed.resident),
        )  # fmt: skip

    def go(self, start: int, stopping: Stopping, progress: bool) -> None:
        """The steps from ``start``; appends to the run and leaves a checkpoint that points behind the phase."""
        phase, run, watch = self.phase, self.run, self.watch
        self.bar = tqdm(total=self.steps, initial=start, desc=f"{self.recipe.name} · {phase.train}", unit="step", file=sys.stderr,
                        disable=not (progress and self.accelerator.is_main_process), mininterval=2.0)  # fmt: skip
        written = run.folder / LOG if self.accelerator.is_main_process else Path(os.devnull)
        with self.feed, _tried_kernels(), written.open("a") as self.log, self.bar:
            for step in range(start, self.steps):
                watch.begin()
                began = time.perf_counter()
                read = self._read(step, any_done=step > start)
                waited = time.perf_counter() - began
                watch.lap("data")
                factor = rate_factor(phase, step, self.steps)
                for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                    group["lr"] = rate * factor
                pieces = [self._piece(batch, epochs) for batch, epochs in read]
                asked = stopping.wanted
                loss = self._backward(pieces, asked)
                watch.lap("rest")
                critic = self._update(step)
                watch.lap("optimiser")
                run.samples_seen += phase.batch
                entry: dict[str, Any] = {
                    "phase": phase.train, "step": self.before + step, "samples": run.samples_seen,
                    "rate": factor, "data_seconds": round(waited, 6),
                }  # fmt: skip
                saves = (step + 1) % phase.checkpoint_every == 0 or step + 1 == self.steps
                if self.validation is not None and phase.validate_every and (step + 1) % phase.validate_every == 0:
                    entry["validation"] = validation_loss(
                        self.plain, self.validation, self.loss, phase.batch, self.device, self.observation
                    )
                self.unread.append(_Unread(entry, pieces, loss, critic))
                # many processes stop in the same step: where all of them have read that one asked for it
                at_once = saves or (asked and self.accelerator.num_processes == 1)
                leave = 0 if at_once else self.late
                if len(self.unread) > leave:
                    self.unread[-1 - leave].loss.read()  # here, so that waiting for it counts
                entry["seconds"] = round(time.perf_counter() - began, 6)
                stop = self._note(leave)
                if self.average is not None and step + 1 == self.steps:
                    self.average.settle(self._last_inputs())
                if saves or stop:
                    self._note(0)
                    self._save(step + 1)
                if stop:
                    raise stopping.unfinished(self.before + step + 1)
                watch.lap("rest")

    def _read(self, step: int, any_done: bool) -> Pieces:
        """A step's samples; what was trained is saved if they cannot be had."""
        try:
            return self.feed.take(step, self.steps - 1)
        except DepthError as error:
            if not any_done:
                raise
            self._note(0)
            self._save(step)
            raise DepthError(
                f"{error} What was trained is saved: once this is put right, the same command goes on at step "
                f"{self.before + step}."
            ) from error

    def _note(self, leave: int) -> bool:
        """Put the steps that were not read yet, but for the last ``leave`` of them, into history and log; waits for the device.

        Returns:
            Whether any process asked in one of them to stop.

        Raises:
            DepthError: a loss that is not finite. Neither its step nor a later one is saved.
        """
        stop = False
        while len(self.unread) > leave:
            entry, pieces, loss, critic = self.unread.popleft()
            said = loss.read()
            if not math.isfinite(said["loss"]):
                raise _not_finite(
                    said["loss"], entry["step"], pieces, self._beside("nonfinite-batch"), self.plain.shown
                )
            entry["loss"] = said["loss"]
            if critic is not None:
                entry |= {name: round(figure, 6) for name, figure in critic.read().items()}
            self.run.seconds += entry["seconds"]
            self.run.history.append(entry)
            _write_line(self.log, entry)
            self.accelerator.log({f"{entry['phase']}/loss": entry["loss"]}, step=entry["step"])
            self.bar.update()
            self.bar.set_postfix(loss=f"{entry['loss']:.4f}", refresh=False)
            stop = stop or bool(said["stop"])
        return stop

    def _beside(self, name: str) -> Path:
        """A file in the run's folder that each of several processes writes for itself."""
        rank = f"-{self.accelerator.process_index}" if self.accelerator.num_processes > 1 else ""
        return self.run.folder / f"{name}{rank}.safetensors"

    def _piece(self, batch: Batch, epochs: list[int]) -> _Piece:
        moved = batch if self.by_readers else self.change(batch, epochs)
        target, mask = self.plain.target(moved["depth"])
        return _Piece(self.plain.inputs(moved), target, mask, batch["name"], epochs, batch["index"])

    def _backward(self, pieces: list[_Piece], stop: bool) -> Later:
        """The gradient of the loss of the global batch; returns that ``loss``, and how many processes are to ``stop``."""
        accelerator, world = self.accelerator, self.accelerator.num_processes
        zero = torch.zeros((), device=self.device)
        # the weights of the whole global batch, so that pieces and processes add up to its gradient
        normaliser = sum((self.loss.weigh(piece.mask).sum() for piece in pieces), zero)
        normaliser = accelerator.reduce(normaliser, "sum")
        total = torch.zeros((), device=self.device)
        self.watch.lap("augment")
        for i, piece in enumerate(pieces):
            if self.drops:
                drawn = keys(self.recipe.seed, piece.epochs, piece.indices, f"dropout {self.number}")
                set_dropout_keys(self.plain, sent(drawn, self.device))
            gather_later = accelerator.no_sync(self.model) if i + 1 < len(pieces) else contextlib.nullcontext()
            with gather_later:
                with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
                    output = self.network(*(seen.contiguous(memory_format=self.layout) for seen in piece.inputs))
                    one_shape(output, piece.target, piece.mask)  # a loss of one's own might stretch one over the other
                    values, weights = self.loss(output.float(), piece.target, piece.mask)
                loss = reduce(values, weights, normaliser)
                total += loss.detach()
                self.watch.lap("forward")
                # distributed training averages gradients over processes; the normaliser is global already
                accelerator.backward(loss * world)
                if self.adversary:
                    self.adversary.see(output, piece.target, piece.mask)
                self.watch.lap("backward")
        if self.drops:
            set_dropout_keys(self.plain, None)
        # all processes must agree on when to stop, or some would wait for the others for ever
        both = torch.stack((total, torch.full_like(total, float(stop))))
        return Later(("loss", "stop"), accelerator.reduce(both, "sum"))

    def _update(self, step: int) -> Later | None:
        """The optimiser's step, the critic's and the average's; returns what the critic says of itself."""
        if self.phase.clip:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.phase.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        critic = self.adversary.learn(self.accelerator, self.half) if self.adversary else None
        if self.average is not None:
            self.average.add(step)
        return critic

    def _last_inputs(self) -> Iterator[tuple[Tensor, ...]]:
        """What the network was shown in the last steps of the phase."""
        for step in range(max(0, self.steps - SETTLE), self.steps):
            for batch, epochs in self.feed.take(step, step):
                yield self.plain.inputs(batch if self.by_readers else self.change(batch, epochs))

    def _save(self, step: int) -> None:
        """A checkpoint after ``step`` steps of the phase; those before it go."""
        if not self.accelerator.is_main_process:
            return
        run, ended = self.run, step == self.steps
        state = {
            "phase": self.number + ended,
            "step": 0 if ended else step,
            "total_steps": self.before + step,
            "samples_seen": run.samples_seen,
            "seconds": run.seconds,
            "peak_memory_bytes": max(run.peak_memory_bytes, peak_memory()),
            "machine": run.machine,
            "data": run.fingerprints,
            "recipe": self.recipe.to_dict(),
            "own": own_augmentations(self.recipe),
        }
        target = run.folder / f"checkpoint-{self.before + step:08d}"
        critic = (self.adversary.critic, self.adversary.optimizer) if self.adversary else None
        averaged = self.average.state if self.average else None
        forget_others(save_checkpoint(target, self.plain, state, self.optimizer, averaged, critic))


@contextlib.contextmanager
def _tried_kernels() -> Iterator[None]:
    """Sizes do not change, so cuDNN may try its kernels on the first step and go on with the fastest."""
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _same_data(run: Run, spec: DataSpec, dataset: RGBD) -> None:
    """A run goes on with the data that it began on."""
    asked, now = json.dumps(asdict(spec), sort_keys=True), dataset.fingerprint()
    before = run.fingerprints.setdefault(asked, now)
    if before != now:
        raise DepthError(
            f"{run.folder}: the run began on data of {dataset.name} with the fingerprint {before}; now they have {now}. Put the "
            "old ones back, or train again in another folder."
        )


def _make_loss(recipe: Recipe) -> Loss:
    """The recipe's loss; a critic in it starts from the recipe's seed."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed + 1)
        return make_loss(recipe.loss.name, **recipe.loss.options)


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
        chosen = range(start, min(start + batch, len(dataset)))
        samples = to_device(checked(dataset.__getitems__(chosen), dataset, len(chosen)), device)
        crop = augmenting(model.input_size, CENTRE, 0, observation)(samples, [0] * len(samples["index"]))
        target, mask = model.target(crop["depth"])
        values, weights = loss_function(model(*model.inputs(crop)), target, mask)
        total += (values * weights).sum().item()
        weight += weights.sum().item()
    model.train(was_training)
    loss_function.train()
    return total / weight if weight else math.nan


def _trains(recipe: dict[str, Any]) -> dict[str, Any]:
    """The part of a recipe that decides the weights; a run may go on at another speed and be scored in another way."""
    plain = json.loads(json.dumps(recipe))  # a tuple is a list there
    return {key: value for key, value in plain.items() if key not in ("evaluate", "description", "speed")}


def own_augmentations(recipe: Recipe) -> dict[str, str]:
    """What names of somebody's own stand for: a recipe that says the same may not mean it any more."""
    named = (phase.augment for phase in recipe.phases)
    return {name: repr(get_augmentation(name)) for name in named if ":" in name}


def _differences(there: Any, asked: Any) -> str:
    """The first settings in which two recipes differ, by dotted path."""
    pairs, found = [("", there, asked)], []
    while pairs:
        path, old, new = pairs.pop(0)
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            old, new = dict(enumerate(old)), dict(enumerate(new))
        if isinstance(old, dict) and isinstance(new, dict):
            pairs += [
                (f"{path}.{key}".strip("."), old.get(key, "nothing"), new.get(key, "nothing")) for key in {**old, **new}
            ]
        elif old != new:
            if isinstance(old, list) and isinstance(new, list):
                path, old, new = f"the number of {path}", len(old), len(new)
            found.append(f"{path} is {str(old)[:80]} there, and {str(new)[:80]} is asked for")
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


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


def _not_finite(value: float, step: int, pieces: list[_Piece], path: Path, shown: str) -> DepthError:
    inputs = (shown, "rgb") if shown else ("rgb",)
    names = [name for piece in pieces for name in piece.names]
    tensors = {
        **{name: torch.cat(seen) for name, *seen in zip(inputs, *(piece.inputs for piece in pieces), strict=False)},
        "target": torch.cat([piece.target for piece in pieces]),
        "mask": torch.cat([piece.mask for piece in pieces]),
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
