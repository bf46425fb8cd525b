"""Many processes, stopping and going on, and switches that change the speed and not what is learned."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from filelock import FileLock
from made import make_pairs
from safetensors.torch import load_file

from depthlib import bench
from depthlib.batches import Batches
from depthlib.checkpoints import latest_checkpoint, read_state
from depthlib.cli import main
from depthlib.data import open_dataset
from depthlib.errors import DepthError, Unfinished
from depthlib.recipe import Speed
from depthlib.results import read_results
from depthlib.timing import PARTS
from depthlib.training import LOG, train

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
#: Two processes on one processor, as `accelerate launch` starts them on two GPUs: it hands over to this. (On a processor
#: alone, `accelerate launch --num_processes 2` starts one.)
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def only_coarse(recipe, **changes):
    return dataclasses.replace(recipe, phases=(dataclasses.replace(recipe.phases[0], **changes),), evaluate=())


def at_speed(recipe, **switches):
    return dataclasses.replace(recipe, speed=Speed(**switches))


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / LOG).open()]


def written(recipe, path):
    path.write_text(yaml.safe_dump(json.loads(json.dumps(recipe.to_dict()))))
    return str(path)


@pytest.fixture
def frozen_recipe(tiny_recipe, tmp_path):
    """An encoder-decoder whose batch-norm statistics are frozen, trained for 50 steps on 37 pairs, scored on them."""
    pairs = make_pairs(tmp_path / "many", 37)
    data = dataclasses.replace(tiny_recipe.data, size=(96, 128), options={"root": str(pairs)})
    truth = dataclasses.replace(tiny_recipe.evaluate[0].data, options={"root": str(pairs)})
    options = {
        "encoder": "mobilenet_v3_small",
        "width": 0.05,
        "output": "log",
        "size": [96, 128],
        "freeze_statistics": True,
    }
    model = dataclasses.replace(tiny_recipe.model, name="densedepth", options=options)
    phase = dataclasses.replace(
        tiny_recipe.phases[0], train="all", samples=8 * 50, optimiser="sgd", rates={"": 1e-3}, augment="mild"
    )
    scored = [
        dataclasses.replace(tiny_recipe.evaluate[0], data=truth, stages=("all",), protocol=name)
        for name in ("eigen14", "makarov18")
    ]
    return dataclasses.replace(tiny_recipe, data=data, model=model, phases=(phase,), evaluate=tuple(scored))


def test_fifty_steps_on_two_processes_are_those_of_one(frozen_recipe, tmp_path):
    """The losses, and the scores on shards of 21 and 16 pictures; a tracker that is closed does not part them before that."""
    path = written(frozen_recipe, tmp_path / "recipe.yaml")
    command = ["train", path, "--profile", "cpu"]
    subprocess.run(
        [sys.executable, "-m", "depthlib", *command, "--out", str(tmp_path / "one")], check=True, env=ENVIRONMENT
    )
    two = subprocess.run([*LAUNCH, "-m", "depthlib", *command, "--tracker", "tensorboard", "--out",
                          str(tmp_path / "two")], capture_output=True, text=True, env=ENVIRONMENT, timeout=600)  # fmt: skip
    assert two.returncode == 0, two.stderr[-2000:]
    assert two.stdout.count("checkpoint  ") == 1  # the first process speaks for both
    assert read_results(tmp_path / "two" / "results.json")["processes"] == 2
    assert len(losses(tmp_path / "one")) == 50
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-5)
    # the same weights, scored by one and by two: to the last digit
    (tmp_path / "again").mkdir()
    newest = latest_checkpoint(tmp_path / "two")
    os.symlink(newest, tmp_path / "again" / newest.name)
    subprocess.run(
        [sys.executable, "-m", "depthlib", *command, "--out", str(tmp_path / "again")], check=True, env=ENVIRONMENT
    )
    by_two, by_one = (read_results(tmp_path / name / "results.json") for name in ("two", "again"))
    assert by_two["metrics"] == by_one["metrics"] and by_two["scored"] == by_one["scored"]
    assert by_two["differences"] == by_one["differences"]


def test_a_killed_worker_ends_the_run_and_the_same_command_goes_on(tiny_recipe, tmp_path):
    """SIGKILL to the second process only; what the first saved is gone on with, and ends as if nothing had happened."""
    recipe = only_coarse(tiny_recipe, samples=8 * 14, checkpoint_every=3)
    path = written(recipe, tmp_path / "recipe.yaml")
    script = tmp_path / "go.py"
    script.write_text(
        "import os, sys, time, torch; torch.set_num_threads(1)\n"
        "open(f'{sys.argv[2]}.pid{os.environ[\"RANK\"]}', 'w').write(str(os.getpid()))\n"
        "from depthlib.recipe import load_recipe; from depthlib.stopping import Stopping; from depthlib.training import train\n"
        "if len(sys.argv) > 3:  # long enough for the kill to come before the end, whatever else the machine does\n"
        "    asked = Stopping.wanted.fget; Stopping.wanted = property(lambda self: time.sleep(0.2) or asked(self))\n"
        "train(load_recipe(sys.argv[1]), sys.argv[2], progress=False)\n"
    )
    subprocess.run(
        [*LAUNCH, str(script), path, str(tmp_path / "whole")], check=True, env=ENVIRONMENT, capture_output=True
    )
    process = subprocess.Popen([*LAUNCH, str(script), path, str(tmp_path / "cut"), "slowly"], env=ENVIRONMENT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    log, second = tmp_path / "cut" / LOG, tmp_path / "cut.pid1"
    while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 7):
        time.sleep(0.005)
    os.kill(int(second.read_text()), signal.SIGKILL)
    assert process.wait(timeout=120) != 0
    assert read_state(latest_checkpoint(tmp_path / "cut"))["step"] >= 6
    subprocess.run(
        [*LAUNCH, str(script), path, str(tmp_path / "cut")], check=True, env=ENVIRONMENT, capture_output=True
    )
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    weights = [load_file(latest_checkpoint(tmp_path / run) / "model.safetensors") for run in ("whole", "cut")]
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


@pytest.mark.parametrize("asked_in", [2, 3, 4])  # before a checkpoint, in its step, after it
def test_processes_that_read_their_losses_late_stop_in_the_same_step(tiny_recipe, tmp_path, asked_in):
    """Only the second is asked to."""
    path = written(only_coarse(tiny_recipe, samples=8 * 9, checkpoint_every=4), tmp_path / "recipe.yaml")
    script = tmp_path / "go.py"
    script.write_text(
        "import os, sys, torch; torch.set_num_threads(1)\n"
        "from depthlib import training; from depthlib.errors import Unfinished\n"
        "from depthlib.recipe import load_recipe; from depthlib.stopping import Stopping\n"
        "training.LATE['cpu'] = 1; rank = int(os.environ['RANK']); asked = iter(range(100))\n"
        f"Stopping.wanted = property(lambda self: next(asked) >= {asked_in} and rank == 1)\n"
        "try: training.train(load_recipe(sys.argv[1]), sys.argv[2], progress=False)\n"
        "except Unfinished as end: open(f'{sys.argv[2]}.said{rank}', 'w').write(str(end))\n"
    )
    subprocess.run(
        [*LAUNCH, str(script), path, str(tmp_path / "run")],
        check=True,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=300,
    )
    said = [(tmp_path / f"run.said{rank}").read_text() for rank in (0, 1)]
    steps = read_state(latest_checkpoint(tmp_path / "run"))["step"]
    assert said[0] == said[1] and f"{steps} steps are saved" in said[0] and asked_in < steps <= asked_in + 2
    assert len(losses(tmp_path / "run")) == steps


def test_more_processes_than_samples_in_a_batch_are_refused(pairs):
    with pytest.raises(DepthError, match="a batch of 2 cannot be shared by 4 processes"):
        Batches(open_dataset("folder", root=pairs), 2, 1, 0, 0, 0, 4, "cpu")


def test_minutes_that_are_over_leave_a_run_to_go_on_with(tiny_recipe, tmp_path):
    recipe = only_coarse(tiny_recipe, samples=8 * 6)
    whole = train(recipe, tmp_path / "whole", progress=False)
    stops = 0
    while True:
        try:
            cut = train(recipe, tmp_path / "cut", progress=False, minutes=1e-6)
            break
        except Unfinished as error:
            stops += 1
            assert f"{stops} steps are saved" in str(error)
    assert stops == 6  # the last step is also the end: the next start finds a finished run
    assert [h["loss"] for h in cut.history] == [h["loss"] for h in whole.history]
    for minutes in (0, -1, float("nan")):
        with pytest.raises(DepthError, match="expected a number above 0"):
            train(recipe, tmp_path / "never", minutes=minutes)
    assert not (tmp_path / "never").exists()


def test_sigterm_saves_the_step_and_says_try_again(tiny_recipe, tmp_path):
    path = written(only_coarse(tiny_recipe, samples=8 * 400, checkpoint_every=10**6), tmp_path / "recipe.yaml")
    process = subprocess.Popen([sys.executable, "-m", "depthlib", "train", path, "--out", str(tmp_path / "run")],
                               env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)  # fmt: skip
    log = tmp_path / "run" / LOG
    while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 3):
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75 and "SIGTERM came" in said
    assert read_state(latest_checkpoint(tmp_path / "run"))["step"] == len(losses(tmp_path / "run"))


def test_one_process_trains_in_a_folder_and_a_killed_one_leaves_nothing_behind(tiny_recipe, tmp_path):
    recipe = only_coarse(tiny_recipe, samples=8 * 400, checkpoint_every=2)
    folder, path = tmp_path / "run", written(recipe, tmp_path / "recipe.yaml")
    process = subprocess.Popen([sys.executable, "-m", "depthlib", "train", path, "--out", str(folder)],
                               env=ENVIRONMENT, stderr=subprocess.DEVNULL)  # fmt: skip
    while process.poll() is None and latest_checkpoint(folder) is None:
        time.sleep(0.005)
    with pytest.raises(DepthError, match="run: another process trains there. Wait for it, end it, or choose"):
        train(recipe, folder, progress=False)
    assert process.poll() is None
    process.kill()
    process.wait()
    assert (folder / ".training.lock").exists()  # a name that nobody holds any more
    (folder / ".checkpoint-00000004.partial").mkdir()  # as if it had been writing one
    before = read_state(latest_checkpoint(folder))["step"]
    with pytest.raises(Unfinished, match=f"{before + 1} steps are saved"):
        train(recipe, folder, progress=False, minutes=1e-6)
    assert sorted(entry.name for entry in folder.iterdir()) == [f"checkpoint-{before + 1:08d}", LOG]


def test_a_size_is_the_same_as_a_tuple_and_as_a_list(tiny_recipe, tmp_path):
    recipe = only_coarse(tiny_recipe, samples=16)
    recipe = dataclasses.replace(
        recipe,
        data=dataclasses.replace(
            recipe.data, options={**recipe.data.options, "K": ((500, 0, 160), (0, 500, 120), (0, 0, 1))}
        ),
    )
    run = train(recipe, tmp_path, progress=False)
    assert train(recipe, tmp_path, progress=False).history == run.history


def test_a_finished_run_is_read_by_many_who_may_not_write(tiny_recipe, tmp_path, monkeypatch):
    """As a class does that shares one folder of runs."""
    recipe = only_coarse(tiny_recipe, samples=16)
    run = train(recipe, tmp_path, progress=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with FileLock(tmp_path / ".training.lock"):
        assert train(recipe, tmp_path, progress=False).history == run.history
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix != ".lock"} == before
    with pytest.raises(DepthError, match="cannot be written"):
        train(recipe, tmp_path / "new", progress=False)


@pytest.mark.parametrize(
    "switches",
    [
        {"channels_last": False},
        {"fused": False},
        {"readers": 0},
        {"readers": 4},
        {"augment_on": "processor"},
        {"compile": True},
    ],
    ids=str,
)
def test_a_switch_changes_nothing_that_is_learned(tiny_recipe, tmp_path, switches):
    recipe = dataclasses.replace(tiny_recipe, evaluate=())
    plain = train(recipe, tmp_path / "plain", progress=False)
    other = train(at_speed(recipe, **switches), tmp_path / "other", progress=False)
    assert [h["loss"] for h in other.history] == pytest.approx([h["loss"] for h in plain.history], abs=1e-5)


def test_a_run_may_go_on_at_another_speed(tiny_recipe, tmp_path):
    recipe = only_coarse(tiny_recipe, samples=8 * 4)
    with pytest.raises(Unfinished):
        train(recipe, tmp_path / "run", progress=False, minutes=1e-6)
    run = train(at_speed(recipe, readers=0, channels_last=False), tmp_path / "run", progress=False)
    assert len(run.history) == 4


def test_readers_that_cannot_be_are_refused():
    with pytest.raises(DepthError, match="readers is -1"):
        Speed(readers=-1)


def test_a_gpu_without_bf16_is_told_of(tiny_recipe, monkeypatch):
    from depthlib.training import _has_bf16

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "an old card")
    phase = dataclasses.replace(tiny_recipe.phases[0], precision="bf16")
    with pytest.raises(DepthError, match=r"bf16, which an old card lacks.*phases\.1\.precision=fp32"):
        _has_bf16(1, phase, torch.device("cuda"))
    _has_bf16(0, phase, torch.device("cpu"))


def test_a_benchmark_times_every_part_of_a_step(tiny_recipe, tmp_path, capsys, monkeypatch):
    started, alone = [], bench.alone
    monkeypatch.setattr(bench, "alone", lambda f, *given: (started.append(f.__name__), alone(f, *given))[1])
    path = written(dataclasses.replace(tiny_recipe, evaluate=()), tmp_path / "recipe.yaml")
    assert main(["bench", path, "--steps", "2", "--json", str(tmp_path / "bench.json")]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    for phase in ("coarse", "fine"):
        found = report["phases"][phase]
        assert set(found["ms"]) == set(PARTS) and all(
            found["ms"][part] > 0 for part in ("forward", "backward", "optimiser")
        )
        assert found["images_per_second"] > 0 and 0 < found["share_of_peak"] < 2 and found["gflop_per_image"] > 0
    text = capsys.readouterr().out
    assert "images/s" in text and "coarse" in text
    assert "_take" in started and alone(os.getpid) != os.getpid()  # so that its peak of memory is its own
    assert main(["bench", path, "--steps", "0"]) == 2 and "expected at least 1" in capsys.readouterr().err


def test_a_gpu_is_timed_before_it_is_taken_apart(tiny_recipe, monkeypatch):
    """Whole steps first, unwatched, then their parts; the figures are of the former."""
    recipe = dataclasses.replace(tiny_recipe, evaluate=(), speed=dataclasses.replace(tiny_recipe.speed, resident=False))
    kept = {}

    def train_and_keep(*arguments, watch, **options):
        kept["watch"], kept["run"] = watch, train(*arguments, watch=watch, **options)
        for number, entry in enumerate(kept["run"].history):
            entry["seconds"], entry["data_seconds"] = number, number / 100
        return kept["run"]

    monkeypatch.setattr(bench, "train", train_and_keep)
    monkeypatch.setattr(bench, "_gpu", lambda: True)
    taken = bench._take(recipe, 2, torch.get_num_threads())
    first, whole = bench.WARM, bench.WARM + 4
    assert list(kept["watch"].steps) == [first + 2, first + 3, whole + first + 2, whole + first + 3]
    assert [step["all"] for step in taken.steps["fine"]] == [whole + first, whole + first + 1]
    found = bench._figures([taken], recipe, {"coarse": 1e9, "fine": 1e9}, {"bf16": 100, "fp32": 50, "tf32": 75})
    assert found["coarse"]["images_per_second"] == pytest.approx(recipe.phases[0].batch / (first + 0.5), abs=0.01)
    assert found["coarse"]["data_share"] == 0.01


def test_every_switch_is_turned_over(tiny_recipe, tmp_path, capsys, monkeypatch):
    """Each by itself, the gain always that of having it."""
    phase = dataclasses.replace(tiny_recipe.phases[0], precision="bf16")
    recipe = dataclasses.replace(tiny_recipe, phases=(phase,), evaluate=())
    for name, (on, off) in bench.SWITCHES.items():
        assert on(recipe) != off(recipe) and on(off(recipe)) == on(recipe), name
    few = {
        name: bench.SWITCHES[name] for name in ("fused", "compile")
    }  # one that is on, one that is off on a processor
    monkeypatch.setattr(bench, "SWITCHES", few)
    monkeypatch.setattr(bench, "alone", lambda function, *given: function(*given))  # the tests before start processes
    path = written(recipe, tmp_path / "recipe.yaml")
    assert (
        main(["bench", path, "--steps", "1", "--rounds", "2", "--switches", "--json", str(tmp_path / "bench.json")])
        == 0
    )
    report, said = json.loads((tmp_path / "bench.json").read_text()), capsys.readouterr().out
    assert set(report["switches"]) == {*bench.SWITCHES, "all"}
    speed = report["phases"]["coarse"]["images_per_second"]
    for name, found in report["switches"].items():
        other = found["phases"]["coarse"]
        times = speed / other["images_per_second"]
        assert other["gain"] == pytest.approx(times if found["on"] else 1 / times, abs=0.01)
        assert f"{'without' if found['on'] else 'with'} {name}" in said
    assert report["switches"]["fused"]["on"] and report["switches"]["compile"]["on"] == torch.cuda.is_available()
