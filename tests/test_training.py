"""Training: resumable to the bit, exact under accumulation, and honest when it breaks."""

import dataclasses
import itertools
import json
import math
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from made import make_pairs
from safetensors.torch import load_file

from depthlib import training
from depthlib.batches import positions
from depthlib.checkpoints import (
    latest_checkpoint,
    load_model,
    load_optimizer,
    load_weights,
    read_state,
    save_checkpoint,
)
from depthlib.errors import DepthError, Unfinished, enough_memory
from depthlib.evaluation import evaluate
from depthlib.losses import make_loss
from depthlib.models import build_model
from depthlib.optimisers import make_optimizer, rate_factor
from depthlib.recipe import DataSpec, LossSpec, Phase, load_recipe
from depthlib.training import LATE, LOG, make_model, train, validation_loss


def weights(folder) -> dict[str, torch.Tensor]:
    return load_file(latest_checkpoint(folder) / "model.safetensors")


def with_phase(recipe, number, **changes):
    phases = list(recipe.phases)
    phases[number] = dataclasses.replace(phases[number], **changes)
    return dataclasses.replace(recipe, phases=tuple(phases))


def test_a_tiny_training_lowers_the_loss(tiny_recipe, tmp_path):
    recipe = with_phase(tiny_recipe, 0, samples=160)
    run = train(recipe, tmp_path / "run", progress=False)
    losses = [h["loss"] for h in run.history if h["phase"] == "coarse"]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert run.samples_seen == 160 + 16 and len(run.history) == 20 + 2
    assert [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()] == run.history


def test_one_batch_can_be_learnt_by_heart(tiny_recipe, tmp_path):
    recipe = with_phase(tiny_recipe, 0, samples=8 * 60, augment="centre", rates={"coarse": 0.001})
    recipe = dataclasses.replace(recipe, phases=recipe.phases[:1])
    run = train(recipe, tmp_path / "run", progress=False)
    assert run.history[-1]["loss"] < 0.75 * run.history[0]["loss"]
    again = train(recipe, tmp_path / "run", progress=False)  # finished: loaded, not trained
    assert again.history == run.history and all(
        a.equal(b) for a, b in zip(again.model.state_dict().values(), run.model.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_at_any_moment_and_resumed_ends_bit_identical(tiny_recipe, tmp_path, signal_number):
    """A real process, really killed, in both phases' neighbourhood; Adam, EMA, dropout and shuffling included."""
    import yaml

    recipe = with_phase(tiny_recipe, 0, samples=8 * 12, ema=0.9, checkpoint_every=3, schedule="cosine")
    recipe = with_phase(recipe, 1, samples=8 * 8, ema=0.9, checkpoint_every=3)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(recipe.to_dict()))))
    code = (
        "import sys, time, torch; torch.set_num_threads(1)\n"
        "from depthlib.recipe import load_recipe; from depthlib.stopping import Stopping; from depthlib.training import train\n"
        "if len(sys.argv) > 3:  # a step is long enough to be killed in, whatever else the machine does\n"
        "    asked = Stopping.wanted.fget; Stopping.wanted = property(lambda self: time.sleep(0.1) or asked(self))\n"
        "train(load_recipe(sys.argv[1]), sys.argv[2], progress=False)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    kills = 0
    for wanted in (5, 13):  # once in the coarse phase, once in the fine one
        process = subprocess.Popen([*command, str(tmp_path / "cut"), "slowly"])
        log = tmp_path / "cut" / LOG
        while process.poll() is None:
            if log.exists() and len(log.read_text().splitlines()) > wanted:
                process.send_signal(signal_number)
                kills += 1
                break
            time.sleep(0.002)
        process.wait()
    subprocess.run([*command, str(tmp_path / "cut")], check=True)
    assert kills == 2
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(whole[key].equal(cut[key]) for key in whole)
    averaged = [load_file(latest_checkpoint(tmp_path / run) / "ema.safetensors") for run in ("whole", "cut")]
    assert all(averaged[0][key].equal(averaged[1][key]) for key in averaged[0])
    losses = [[json.loads(line)["loss"] for line in (tmp_path / run / LOG).open()] for run in ("whole", "cut")]
    assert losses[0] == losses[1]


def test_accumulated_pieces_give_the_gradient_of_the_whole_batch(tiny_recipe, tmp_path):
    runs = []
    for pieces in (1, 4):
        recipe = with_phase(tiny_recipe, 0, accumulate=pieces, samples=16, optimiser="sgd", rates={"coarse": 0.001})
        recipe = dataclasses.replace(recipe, phases=recipe.phases[:1])
        runs.append(train(recipe, tmp_path / str(pieces), progress=False))
    for a, b in zip(*(run.model.state_dict().values() for run in runs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_names_and_saves(tiny_recipe, tmp_path):
    recipe = with_phase(tiny_recipe, 0, optimiser="sgd", rates={"coarse": 1e12}, samples=800)
    with pytest.raises(DepthError, match=r"step \d+, on samples .*000\d") as error:
        train(recipe, tmp_path / "run", progress=False)
    saved = load_file(tmp_path / "run" / "nonfinite-batch.safetensors")
    assert saved["rgb"].shape == (8, 3, 228, 304) and "learning rate" in str(error.value)


@pytest.fixture
def read_late(monkeypatch):
    """Losses are read a step late, as where a GPU computes meanwhile."""
    monkeypatch.setitem(LATE, "cpu", 1)


def known_steps(history):
    return [{key: value for key, value in entry.items() if "seconds" not in key} for entry in history]


def test_losses_that_are_read_late_are_the_same_losses(tiny_recipe, tmp_path, request):
    """Whole, stopped after a step, and with validation; all that is known of a step is written before it is saved."""
    recipe = with_phase(
        tiny_recipe, 0, validation=tiny_recipe.data, validate_every=2, checkpoint_every=3, samples=8 * 7
    )
    at_once = train(recipe, tmp_path / "at once", progress=False)
    request.getfixturevalue("read_late")
    late = train(recipe, tmp_path / "late", progress=False)
    assert known_steps(late.history) == known_steps(at_once.history) and "validation" in late.history[3]
    assert all(entry["seconds"] > 0 for entry in late.history)
    for steps in (1, 2):  # the minutes are over in the first step of each
        with pytest.raises(Unfinished, match=f"{steps} steps are saved"):
            train(recipe, tmp_path / "cut", progress=False, minutes=1e-6)
        assert len((tmp_path / "cut" / LOG).read_text().splitlines()) == steps
    assert known_steps(train(recipe, tmp_path / "cut", progress=False).history) == known_steps(at_once.history)
    for folder in ("late", "cut"):
        assert all(value.equal(weights(tmp_path / folder)[key]) for key, value in weights(tmp_path / "at once").items())


@pytest.mark.parametrize("every", [1, 2, 3, 4, 1000])  # among them one that saves after the step that fails
def test_a_loss_that_is_not_finite_is_not_saved_where_it_is_read_late(tiny_recipe, tmp_path, request, every):
    recipe = with_phase(tiny_recipe, 0, optimiser="sgd", rates={"coarse": 1e12}, samples=800, checkpoint_every=every)
    said, saved, steps = [], [], []
    for folder in ("at once", "late"):
        with pytest.raises(DepthError, match=r"step \d+, on samples") as error:
            train(recipe, tmp_path / folder, progress=False)
        said.append(str(error.value).replace(folder, ""))
        saved.append(load_file(tmp_path / folder / "nonfinite-batch.safetensors"))
        last = latest_checkpoint(tmp_path / folder)
        steps.append(len((tmp_path / folder / LOG).read_text().splitlines()))
        assert (0 if last is None else int(last.name[-8:])) == steps[-1] // every * every
        request.getfixturevalue("read_late")
    assert (
        steps[0] == steps[1]
        and said[0] == said[1]
        and all(value.equal(saved[1][key]) for key, value in saved[0].items())
    )


def test_data_that_break_off_save_what_was_trained_where_it_is_read_late(tiny_recipe, tmp_path, monkeypatch, read_late):
    from depthlib.batches import Batches

    take = Batches.take

    def broken(feed, step, last):
        if step == 2:
            raise DepthError("the server stopped answering.")
        return take(feed, step, last)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "take", broken)
        with pytest.raises(DepthError, match="goes on at step 2"):
            train(with_phase(tiny_recipe, 0, samples=8 * 4), tmp_path / "run", progress=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1] and all(math.isfinite(line["loss"]) for line in lines)
    assert latest_checkpoint(tmp_path / "run").name.endswith("2")


def test_a_folder_with_another_run_is_refused(tiny_recipe, tmp_path):
    train(tiny_recipe, tmp_path / "run", progress=False)
    with pytest.raises(DepthError, match="other settings: seed is 0 there, and 1 is asked for. Choose"):
        train(dataclasses.replace(tiny_recipe, seed=1), tmp_path / "run", progress=False)
    other = dataclasses.replace(with_phase(tiny_recipe, 1, batch=3), loss=LossSpec("metres"), seed=9)
    with pytest.raises(
        DepthError, match=r"seed is 0.*loss\.name is \w+ there, and metres.*lam is 0.5 there, and nothing .*and \d more"
    ):
        train(other, tmp_path / "run", progress=False)


def test_a_folder_that_cannot_be_made_is_refused(tiny_recipe, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DepthError, match="Choose another folder"):
        train(tiny_recipe, tmp_path / "file" / "run", progress=False)


def test_starting_weights_are_used_and_missing_ones_named(tiny_recipe, tmp_path):
    run = train(tiny_recipe, tmp_path / "first", progress=False)
    started = dataclasses.replace(
        tiny_recipe, model=dataclasses.replace(tiny_recipe.model, weights=str(tmp_path / "first"))
    )
    assert all(
        a.equal(b)
        for a, b in zip(make_model(started).state_dict().values(), run.model.state_dict().values(), strict=True)
    )
    nowhere = dataclasses.replace(started, model=dataclasses.replace(started.model, weights=str(tmp_path / "no")))
    with pytest.raises(DepthError, match="no checkpoint in .*`depthlib run eigen-rooms --out"):
        make_model(nowhere)
    with pytest.raises(DepthError, match="`depthlib run superres-base --out runs/superres-base/none`"):
        make_model(load_recipe("superres-gan", "smoke", **{"model.weights": "runs/superres-base/none"}))


def test_the_papers_rates_go_to_the_papers_layers():
    model = build_model("eigen", width=0.05)
    for number, phase in enumerate(load_recipe("eigen-nyu-paper").phases):
        model.begin_phase(phase.train)
        rate = {id(p): g["lr"] for g in make_optimizer(model, phase).param_groups for p in g["params"]}
        named = {name: rate[id(p)] for name, p in model.named_parameters() if id(p) in rate}
        for name, value in named.items():
            wanted = {
                "coarse.conv": 0.001,
                "coarse.full": 0.1,
                "fine.fine1": 0.001,
                "fine.fine2": 0.01,
                "fine.fine3": 0.001,
            }
            assert value == next(v for k, v in wanted.items() if name.startswith(k)), name
        assert all(name.startswith(("coarse", "fine")[number]) for name in named)


def test_a_rate_for_a_layer_that_is_not_there_is_refused():
    model = build_model("eigen", width=0.05)
    model.begin_phase("coarse")
    with pytest.raises(DepthError, match=r"coarse\.conb"):
        make_optimizer(model, Phase("coarse", 32, rates={"coarse": 0.1, "coarse.conb": 0.1}))
    with pytest.raises(DepthError, match="no learning rate for coarse"):
        make_optimizer(model, Phase("coarse", 32, rates={"coarse.conv": 0.1}))


def test_every_sample_is_seen_once_an_epoch_in_a_new_order():
    seen = list(positions(0, 10, 0, 30))
    epochs = [[i for e, i in seen if e == epoch] for epoch in range(3)]
    assert all(sorted(order) == list(range(10)) for order in epochs) and epochs[0] != epochs[1]
    assert list(positions(0, 10, 17, 23)) == seen[17:23]


def test_schedules():
    cosine = Phase("coarse", 100, schedule="cosine", warmup=10)
    factors = [rate_factor(cosine, step, 100) for step in range(100)]
    assert factors[0] < 0.1 < factors[5] < factors[10] == 1.0 and factors[-1] < 0.01
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))
    assert rate_factor(Phase("coarse", 100), 50, 100) == 1.0


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_checkpoint_restores_weights_and_optimiser_exactly(tmp_path, optimiser):
    model = build_model("eigen", width=0.05)
    model.begin_phase("fine")
    phase = Phase("fine", 32, optimiser=optimiser, rates={"fine": 0.01})
    step = make_optimizer(model, phase)
    model(torch.rand(2, 3, 228, 304)).square().mean().backward()
    step.step()
    folder = save_checkpoint(tmp_path / "checkpoint-00000001", model, {"recipe": {}}, step)
    other = build_model("eigen", width=0.05)
    load_weights(folder, other)
    assert all(a.equal(b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    other.begin_phase("fine")
    again = make_optimizer(other, phase)
    load_optimizer(folder, again)
    for a, b in zip(step.state_dict()["state"].values(), again.state_dict()["state"].values(), strict=True):
        for key in a:
            torch.testing.assert_close(torch.as_tensor(a[key]), torch.as_tensor(b[key]), rtol=0, atol=0)
    assert not list(folder.glob("*.p*t*")) and {p.suffix for p in folder.iterdir()} == {".safetensors", ".json"}


def test_a_checkpoint_is_whole_or_absent(tmp_path, monkeypatch):
    model = build_model("eigen", width=0.05)
    (tmp_path / "checkpoint-00000002").mkdir()  # a folder without state.json is no checkpoint
    assert latest_checkpoint(tmp_path) is None
    from depthlib import checkpoints

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full_disk)
    with pytest.raises(DepthError, match="No space left"):
        save_checkpoint(tmp_path / "checkpoint-00000003", model, {})
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-00000002"]


@pytest.mark.parametrize("content", ["", "{}", '{"schema": 7}'])
def test_something_else_is_not_a_checkpoint(tmp_path, content):
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(DepthError, match="checkpoint"):
        read_state(tmp_path)


def test_validation_loss_does_not_depend_on_the_batch_and_leaves_the_mode(tiny_recipe):
    from depthlib.training import open_spec

    spec = DataSpec("folder", options={"root": tiny_recipe.data.options["root"]})
    model = build_model("eigen", width=0.05).train()
    loss = make_loss("scale_invariant_log")
    values = [validation_loss(model, open_spec(spec), loss, batch) for batch in (1, 3, 8)]
    assert values == pytest.approx([values[0]] * 3, rel=1e-5) and model.training


def test_tensorboard_gets_the_loss(tiny_recipe, tmp_path):
    train(tiny_recipe, tmp_path / "run", progress=False, trackers=("tensorboard",))
    assert list((tmp_path / "run").rglob("events.out.tfevents*"))


def test_bf16_trains_and_keeps_float32_weights(tiny_recipe, tmp_path):
    run = train(with_phase(tiny_recipe, 0, precision="bf16"), tmp_path / "run", progress=False)
    assert all(p.dtype == torch.float32 for p in run.model.parameters())
    assert all(torch.isfinite(p).all() for p in run.model.parameters())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "schema None"),
        ([], "schema"),
        ({"schema": "1"}, "schema '1', expected 1"),
        ({"step": "two"}, "step is 'two'"),
        ({"phase": 99}, "phase 99"),
        ({"step": 1000}, "step 1000"),
        ({"samples_seen": None}, "samples_seen is None"),
        ({"recipe": 5}, "recipe is 5"),
        ({"optimizer": {}}, "optimiser's state"),
    ],
)
def test_a_checkpoint_edited_by_hand_is_refused(tiny_recipe, tmp_path, change, words):
    recipe = dataclasses.replace(with_phase(tiny_recipe, 0, samples=24, checkpoint_every=1), evaluate=())
    kept = {}

    def stop_after_two(folder, *arguments, **options):
        kept["folder"] = save_checkpoint(folder, *arguments, **options)
        if folder.name.endswith("2"):
            raise KeyboardInterrupt
        return kept["folder"]

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("depthlib.training.save_checkpoint", stop_after_two)
        train(recipe, tmp_path / "run", progress=False)
    path = kept["folder"] / "state.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, **change} if isinstance(change, dict) else change))
    with pytest.raises(DepthError, match=re.escape(words)):
        train(recipe, tmp_path / "run", progress=False)


def test_weights_that_exploded_are_not_loaded(tiny_recipe, tmp_path):
    model = build_model("eigen", width=0.05)
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    folder = save_checkpoint(tmp_path / "nan", model, {})
    with pytest.raises(DepthError, match="NaN or infinite"):
        load_weights(folder, build_model("eigen", width=0.05))


def test_a_log_full_of_rubbish_does_not_stop_a_run(tiny_recipe, tmp_path):
    recipe = dataclasses.replace(tiny_recipe, phases=tiny_recipe.phases[:1])
    done = train(recipe, tmp_path / "run", progress=False)
    with (tmp_path / "run" / LOG).open("ab") as log:
        log.write(b'5\nnull\n{"step": 0}\n{"half": \xff\n')
    (tmp_path / "run" / "checkpoint-x").write_text("a file")
    assert train(recipe, tmp_path / "run", progress=False).history == done.history


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to ..."
        ),
    ],
    ids=["gpu", "cpu"],
)
def test_out_of_memory_says_what_was_tried_and_what_to_lower(tiny_recipe, tmp_path, monkeypatch, error):
    def forward(self, rgb):
        raise error

    monkeypatch.setattr("depthlib.models.eigen.Coarse.forward", forward)
    with pytest.raises(DepthError) as found:
        train(tiny_recipe, tmp_path / "run", progress=False)
    said = str(found.value)
    assert "'coarse', batch 8 of 228x304 in fp32" in said and "phases.0.accumulate" in said and "llocate" in said


def test_other_runtime_errors_are_not_dressed_up_as_memory(tiny_recipe, tmp_path, monkeypatch):
    def forward(self, rgb):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("depthlib.models.eigen.Coarse.forward", forward)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(tiny_recipe, tmp_path / "run", progress=False)


def test_a_request_beyond_all_memory_is_one_sentence():
    """The processor's allocator, really refused."""
    with pytest.raises(DepthError, match="out of memory: a petabyte"), enough_memory("a petabyte", "Ask for less."):
        torch.empty(2**50)


def test_an_accelerator_that_the_library_does_not_know_is_not_chosen(tiny_recipe, tmp_path, monkeypatch):
    """Apple's GPU: Accelerate would take it, and results would be filed under the processor's name."""
    chosen = []
    real = training.Accelerator
    monkeypatch.setattr(training, "Accelerator", lambda **options: chosen.append(options["cpu"]) or real(**options))
    phase = dataclasses.replace(tiny_recipe.phases[0], samples=8)
    train(dataclasses.replace(tiny_recipe, phases=(phase,)), tmp_path / "run", progress=False)
    assert chosen == [not torch.cuda.is_available()]


def test_an_unknown_tracker_is_named(tiny_recipe, tmp_path):
    with pytest.raises(DepthError, match="tracker foo"):
        train(tiny_recipe, tmp_path / "run", progress=False, trackers=("foo",))


def test_a_finished_run_can_be_scored_in_another_way_but_not_trained_in_another(tiny_recipe, tmp_path):
    recipe = dataclasses.replace(tiny_recipe, phases=tiny_recipe.phases[:1])
    done = train(recipe, tmp_path / "run", progress=False)
    again = train(dataclasses.replace(recipe, evaluate=(), description="other"), tmp_path / "run", progress=False)
    assert again.history == done.history
    with pytest.raises(DepthError, match="other settings"):
        train(dataclasses.replace(recipe, seed=5), tmp_path / "run", progress=False)


def test_averaged_weights_of_a_short_run_are_not_those_it_began_with(tmp_path):
    """With a decay of .999 and no warm-up 97 % of the average of 30 steps would be the random start."""
    recipe = load_recipe("eigen-rooms", "smoke", **{
        "phases.0.samples": 120, "phases.0.batch": 4, "phases.0.ema": 0.999, "phases.0.warmup": 0, "evaluate": [],
    })  # fmt: skip
    (phase,) = recipe.phases[:1]
    train(dataclasses.replace(recipe, phases=(phase,)), out=tmp_path / "all", progress=False)
    short = dataclasses.replace(phase, samples=4)
    train(dataclasses.replace(recipe, phases=(short,)), out=tmp_path / "one", progress=False)
    last, averaged = (
        load_file(latest_checkpoint(tmp_path / "all") / f"{name}.safetensors") for name in ("model", "ema")
    )
    first = load_file(latest_checkpoint(tmp_path / "one") / "model.safetensors")
    learned = [key for key, value in last.items() if not value.equal(first[key])]
    way, behind = (sum((of[key] - last[key]).square().sum() for key in learned).sqrt() for of in (first, averaged))
    assert 0 < behind < 0.7 * way


def test_a_run_does_not_go_on_with_other_data(tiny_recipe, tmp_path):
    root = make_pairs(tmp_path / "changing", 8)
    data = DataSpec("folder", options={"root": str(root)})
    recipe = with_phase(tiny_recipe, 0, samples=8 * 4)
    recipe = dataclasses.replace(recipe, phases=recipe.phases[:1], data=data, evaluate=())
    with pytest.raises(Unfinished):
        train(recipe, tmp_path / "run", progress=False, minutes=1e-6)
    shutil.copy(root / "rgb" / "0000.png", root / "rgb" / "0009.png")
    shutil.copy(root / "depth" / "0000.png", root / "depth" / "0009.png")
    with pytest.raises(DepthError, match="the run began on data of folder with the fingerprint .*; now they have"):
        train(recipe, tmp_path / "run", progress=False)
    (root / "rgb" / "0009.png").unlink()
    (root / "depth" / "0009.png").unlink()
    assert train(recipe, tmp_path / "run", progress=False).samples_seen == 8 * 4


class Own:
    """A data set of somebody's own, as :class:`depthlib.sample.RGBD` asks for it."""

    name = "own"

    def __init__(self, **changes):
        self.changes = changes

    def __len__(self):
        return 8

    def __getitem__(self, index):
        sample = {"rgb": torch.rand(3, 240, 320), "depth": torch.rand(1, 240, 320) + 1, "K": torch.eye(3), "name": str(index),
                  "dataset": "own", "index": index, **self.changes}  # fmt: skip
        return {key: value for key, value in sample.items() if value is not None}

    def __getitems__(self, indices):
        return [self[i] for i in indices]

    def names(self):
        return [str(i) for i in range(8)]

    def fingerprint(self):
        return "own"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"rgb": torch.full((3, 240, 320), 1.0000002)}, None),  # as resampling leaves white
        ({"rgb": 255 * torch.rand(3, 240, 320)}, r"expected RGB in \[0, 1\]. Divide 8-bit colours by 255"),
        (
            {"rgb": torch.zeros(3, 240, 320, dtype=torch.uint8)},
            r"rgb is torch.uint8 .*expected a float32 tensor, \[3, H, W\]",
        ),
        ({"depth": torch.rand(1, 240, 320) * 1000 + 500}, "looks like millimetres"),
        ({"depth": torch.zeros(1, 240, 320)}, "every depth is 0"),
        ({"depth": torch.rand(240, 320)}, r"depth is torch.float32 \[240, 320\]"),
        ({"depth": torch.rand(1, 120, 160)}, "must be the same size"),
        ({"depth": torch.rand(1, 240, 320).numpy()}, "depth is ndarray"),
        ({"K": None}, "has no 'K'"),
    ],
)
def test_a_data_set_of_ones_own_is_looked_at(tiny_recipe, tmp_path, changes, words):
    recipe = dataclasses.replace(tiny_recipe, phases=tiny_recipe.phases[:1])
    recipe = with_phase(recipe, 0, samples=8)
    arguments = dict(progress=False, opened=[(recipe.data, Own(**changes))])
    if words is None:
        train(recipe, tmp_path / "run", **arguments)
    else:
        with pytest.raises(DepthError, match=words):
            train(recipe, tmp_path / "run", **arguments)


def test_a_later_sample_of_ones_own_is_looked_at_and_one_without_depth_has_no_weight(tiny_recipe, tmp_path):
    class Later(Own):
        def __getitem__(self, index):
            return {**super().__getitem__(index), **(self.later if index == 5 else {})}

    recipe = with_phase(dataclasses.replace(tiny_recipe, phases=tiny_recipe.phases[:1]), 0, samples=8, accumulate=8)
    whole = Later()
    whole.later = {"depth": torch.zeros(1, 240, 320)}
    train(recipe, tmp_path / "run", progress=False, opened=[(recipe.data, whole)])
    whole.later = {"rgb": 255 * torch.rand(3, 240, 320)}
    with pytest.raises(DepthError, match="own, 5: colours from"):
        train(recipe, tmp_path / "other", progress=False, opened=[(recipe.data, whole)])
    with pytest.raises(DepthError, match="own, 5: colours from"):
        validation_loss(build_model("eigen", width=0.05), whole, make_loss("scale_invariant_log"))
    with pytest.raises(DepthError, match="own, 5: colours from"):
        evaluate(lambda rgb: torch.ones(len(rgb), 1, 240, 320), whole, "full")


def test_a_data_set_of_another_size_than_its_entry_says_is_refused(tiny_recipe, tmp_path):
    data = dataclasses.replace(tiny_recipe.data, size=(240, 320))
    large = Own(rgb=torch.rand(3, 480, 640), depth=torch.ones(1, 480, 640))
    with pytest.raises(DepthError, match="pictures are 480x640"):
        train(dataclasses.replace(tiny_recipe, data=data), tmp_path / "run", progress=False, opened=[(data, large)])


def test_a_data_set_that_lacks_something_is_told_what(tiny_recipe, tmp_path):
    class Plain(list):
        name = "plain"

    with pytest.raises(DepthError, match="Plain: has no __getitems__, names, fingerprint"):
        train(tiny_recipe, tmp_path / "run", progress=False, opened=[(tiny_recipe.data, Plain())])


def test_training_from_python_sees_what_a_run_would_be_told(tiny_recipe, tmp_path):
    small = dataclasses.replace(tiny_recipe, data=dataclasses.replace(tiny_recipe.data, size=(120, 160)))
    with pytest.raises(DepthError, match="cut-outs 2 times as large"):
        train(small, tmp_path / "small", progress=False)
    blind = load_recipe("superres-base", "smoke")
    with pytest.raises(DepthError, match="observe: is missing, but Generator is shown 'depth_lr'"):
        train(dataclasses.replace(blind, observe=None), tmp_path / "blind", progress=False)


def test_an_answer_of_another_shape_is_not_stretched_by_a_loss_of_ones_own(tiny_recipe, tmp_path, monkeypatch):
    from depthlib.losses import LOSSES, Loss
    from depthlib.models.eigen import Eigen

    class Mine(Loss):
        def weigh(self, mask):
            return torch.ones(len(mask))

        def forward(self, prediction, target, mask):
            return (prediction - target).flatten(1).square().mean(1), self.weigh(mask)

    monkeypatch.setattr("depthlib.losses.Mine", Mine, raising=False)
    monkeypatch.setitem(LOSSES, "mine", ("depthlib.losses", "Mine"))
    recipe = dataclasses.replace(tiny_recipe, loss=dataclasses.replace(tiny_recipe.loss, name="mine", options={}))
    assert math.isfinite(train(recipe, tmp_path / "right", progress=False).history[-1]["loss"])
    answer = Eigen.forward
    monkeypatch.setattr(Eigen, "forward", lambda model, rgb: answer(model, rgb)[:, 0])
    with pytest.raises(DepthError, match=r"prediction \(1, 55, 74\), target \(1, 1, 55, 74\)"):
        train(recipe, tmp_path / "wrong", progress=False)


def test_a_network_in_the_box_can_be_gone_on_with_and_its_encoder_is_not_fetched(tmp_path, pairs, monkeypatch):
    recipe = load_recipe("densedepth-mobilenet-nyu", "cpu", **{
        "data": {"name": "folder", "size": [192, 256], "options": {"root": str(pairs)}}, "model.weights": "box/depth",
        "phases.0.samples": 8, "phases.0.warmup": 0, "phases.0.rates": {"": 1e-12}, "phases.0.weight_decay": {"": 0.0}, "evaluate": [],
    })  # fmt: skip
    assert recipe.model.options["weights"] == "IMAGENET1K_V1"
    monkeypatch.delenv("DEPTHLIB_WEIGHTS", raising=False)
    run = train(recipe, tmp_path / "run", progress=False)
    boxed = load_model("box/depth").state_dict()
    assert all(
        torch.allclose(value.float(), boxed[key].float(), atol=1e-5) for key, value in run.model.state_dict().items()
    )
    with pytest.raises(DepthError, match=r"no checkpoint in .* itself; there is one in .*run"):
        train(
            dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, weights=str(tmp_path))),
            tmp_path / "x",
            progress=False,
        )
