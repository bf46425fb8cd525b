"""The examples of the page on one's own data, network and loss, run as they stand there."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from book_fixture import ROOT
from made import make_pairs
from safetensors.torch import load_file

from depthlib import checkpoints, plots, training
from depthlib.augment import Augmentation, augment
from depthlib.cli import main
from depthlib.cli.arguments import parse_parameters
from depthlib.data.scenes import Rooms
from depthlib.data.store import Store
from depthlib.errors import DepthError
from depthlib.observations import Observation, make_observation
from depthlib.preflight import preflight
from depthlib.recipe import load_recipe
from depthlib.results import read_results
from depthlib.sample import checked, collate
from depthlib.training import train

EXAMPLES = ROOT / "book" / "examples"
PAGE = (ROOT / "book" / "own.md").read_text().replace("\\\n", " ")


def test_the_network_in_the_box_is_trained_further_on_pairs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPTHLIB_RUNS", "runs")
    monkeypatch.delenv("DEPTHLIB_WEIGHTS", raising=False)  # ImageNet's are not asked for
    make_pairs(tmp_path / "my_pairs/train", 8)
    make_pairs(tmp_path / "my_pairs/held_out", 3)
    shutil.copy(EXAMPLES / "my_pairs.yaml", tmp_path)
    short = ["-p", "phases.0.samples=16", "-p", "phases.0.warmup=0", "-p", "phases.0.validate_every=1"]
    assert main(["train", "my_pairs.yaml", "--profile", "cpu", *short]) == 0
    run = tmp_path / "runs/my-pairs/cpu-0"
    metrics = read_results(run / "results.json")["metrics"]["folder-test/full"]
    assert set(metrics) == {"all", "mean"}
    log = [json.loads(line) for line in (run / "log.jsonl").open()]
    assert {"loss", "validation", "rate"} <= set(log[0])
    plots.curves(log)
    capsys.readouterr()
    command = re.search(r"^depthlib (evaluate runs/my-pairs.*)$", PAGE, re.M)[1].split()
    assert main(command) == 0
    assert "AbsRel" in capsys.readouterr().out
    looked = re.search(r"^depthlib (data prepare folder.*)$", PAGE, re.M)[1].split()
    assert main(looked) == 0 and (tmp_path / "looked_at/meta.json").is_file()


def test_a_network_and_a_loss_of_ones_own_are_trained_from_their_folder(tmp_path):
    for name in ("mine.py", "mine.yaml"):
        shutil.copy(EXAMPLES / name, tmp_path)
    command = (
        re.search(r"^DEPTHLIB_IMPORT=mine python (-m depthlib train .*)$", PAGE, re.M)[1]
        .replace("cpu", "smoke")
        .split()
    )
    environment = {**os.environ, "DEPTHLIB_IMPORT": "mine", "DEPTHLIB_RUNS": "runs"}
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(read_results(tmp_path / "runs/mine/smoke-0/results.json")["metrics"]["rooms-test/full"]) == {
        "all",
        "mean",
    }


def test_an_optimiser_and_a_schedule_of_ones_own_go_on_where_they_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.py", "mine.yaml", "steps.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    line = re.search(r"^DEPTHLIB_IMPORT=(\S*steps\S*) python -m depthlib (train .*)$", PAGE, re.M)
    monkeypatch.setenv("DEPTHLIB_IMPORT", line[1])
    command = [
        *shlex.split(line[2].replace("cpu", "smoke")),
        "-p",
        "phases.0.batch=8",
        "-p",
        "phases.0.checkpoint_every=1",
    ]
    assert main([*command, "--out", "whole"]) == 0
    log = [json.loads(line) for line in open("whole/log.jsonl")]
    assert [entry["rate"] for entry in log] == pytest.approx([0.0, 2**-0.5, 1.0, 2**-0.5])
    real, steps = checkpoints.save_checkpoint, []

    def dies(target, *rest):
        steps.append(target)
        found = real(target, *rest)
        if len(steps) == 2:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(training, "save_checkpoint", dies)
    with pytest.raises(KeyboardInterrupt):
        train(
            load_recipe("mine.yaml", "smoke", **parse_parameters(command[command.index("-p") + 1 :: 2])),
            "cut",
            progress=False,
        )
    monkeypatch.setattr(training, "save_checkpoint", real)
    assert main([*command, "--out", "cut"]) == 0
    ends = [load_file(checkpoints.latest_checkpoint(name) / "model.safetensors") for name in ("whole", "cut")]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_lion_moves_every_weight_as_far(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from steps import Lion

    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    lion = Lion([{"params": [weight]}], lr=0.1)
    weight.grad = torch.tensor([5.0, -0.01, 0.0])
    lion.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([0.9, -1.9, 3.0]))
    weight.grad = torch.tensor([-0.4, 0.0, 0.0])  # .9 · .05 − .1 · .4 > 0: the mean outweighs it
    lion.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([0.8, -1.8, 3.0]))


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        ("optimiser", "", "is nothing of that name; expected what can be called"),
        ("optimiser", "NAME = 3", "is an instance of int"),
        ("optimiser", "def NAME(groups, lr): return 3", "returns int; expected a torch.optim.Optimizer"),
        (
            "optimiser",
            "import torch\ndef NAME(groups, lr): return torch.optim.SGD([p for g in groups for p in g['params']], lr=lr)",
            r"groups with the rates \[1.0\]; expected the recipe's, \[0.1\]",
        ),
        (
            "optimiser",
            "import torch\nclass NAME(torch.optim.SGD):\n    def step(self):\n        self.state[self.param_groups[0]['params'][0]]['seen'] = {1}",
            "cannot be written into a checkpoint",
        ),
        ("schedule", "def NAME(done): return -1.0", r"returns -1.0 when 0.000 of the phase is over"),
        ("schedule", "def NAME(done): return None if done > 0.5 else 1.0", "returns None when 0.990"),
    ],
)
def test_steps_of_ones_own_that_cannot_be_are_found_before_the_training(tmp_path, monkeypatch, key, code, words):
    (tmp_path / "strange_steps.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DEPTHLIB_IMPORT", "strange_steps")
    monkeypatch.delitem(sys.modules, "strange_steps", raising=False)
    with pytest.raises(DepthError, match=words):
        preflight(load_recipe("eigen-rooms", "smoke", **{f"phases.0.{key}": "strange_steps:NAME"}))
    with pytest.raises(DepthError, match=f"phases.0: {key} is 'addam'.*; expected one of .*module:NAME"):
        load_recipe("eigen-rooms", "smoke", **{f"phases.0.{key}": "addam"})


def test_berhu_is_absolute_near_and_squared_far(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from mine import BerHu

    y = torch.zeros(1, 1, 1, 4)
    p = torch.tensor([10.0, 1.0, 2.0, 7.0]).reshape(y.shape)
    everywhere = torch.ones_like(y, dtype=torch.bool)
    everywhere[..., 3] = False
    values, weights = BerHu()(p, y, everywhere)
    c = 10 / 5
    assert values.item() == pytest.approx(((100 + c * c) / (2 * c) + 1 + 2) / 3) and weights.item() == 1


def _frames(folder, count=10):
    rooms = Rooms(count=count, size=(96, 128), seed=4)
    rgb = np.stack([(room["rgb"] * 255).byte().permute(1, 2, 0).numpy() for room in rooms])
    np.savez(folder / "frames.npz", rgb=rgb, depth=np.stack([room["depth"][0].numpy() for room in rooms]))
    for name in ("mine.py", "mine.yaml", "frames.py"):
        shutil.copy(EXAMPLES / name, folder)


def test_data_augmentation_and_protocol_of_ones_own_are_named_on_the_command_line(tmp_path):
    _frames(tmp_path)
    commands = re.findall(r"^python (-m depthlib .*frames:.*)$", PAGE, re.M)
    assert len(commands) == 2
    environment = {**os.environ, "DEPTHLIB_IMPORT": "mine,frames", "DEPTHLIB_RUNS": "runs"}
    for command in (*commands, "-m depthlib data prepare frames:Frames --size 96x128 --to kept"):
        words = shlex.split(command.replace("cpu", "smoke"))
        words += ["-p", "phases.0.samples=8", "-p", "phases.0.batch=4"] if "train" in words else []
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    result = read_results(tmp_path / "runs/mine/smoke-0/results.json")
    assert set(result["metrics"]) == {"frames-test/near"}
    assert set(result["metrics"]["frames-test/near"]) == {"all", "mean"}
    assert len(Store(tmp_path / "kept")) == 8


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with modules of somebody's own, some of them wrong, as the current one."""
    _frames(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "odd.py").write_text(f"HOWS = {list(BROKEN)}\n{ODD}")
    for module in ("frames", "odd", "mine"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setenv("DEPTHLIB_IMPORT", "frames,odd,mine")
    monkeypatch.setenv("DEPTHLIB_RUNS", "runs")


def test_what_ones_own_names_get_wrong_is_said(own, capsys):
    base = ["train", "mine.yaml", "--profile", "smoke"]
    own = "{name: 'odd:Same', size: [96, 128]}"
    for setting, words in (
        (["augment=odd:nothing"], "odd has no nothing; expected an instance of depthlib.augment.Augmentation"),
        (["augment=odd:Cut"], "is the class Cut; expected an instance of depthlib.augment.Augmentation. Write CUT = Cut()"),
        (["augment=odd:MANY[0]"], "odd has no MANY[0]"),
        *((["augment=odd:" + name.upper()], words) for name, words in BROKEN.items()),
        (["augment=elsewhere:DUSK"], "elsewhere is not imported"),
        (["augment=odd:CUT"], "rgb comes out as [1, 3, 95, 128] of torch.float32; expected [1, 3, 96, 128]"),
        (["protocol=odd:BTS"], "is called 'bts', as one of the library with other rules"),
        (["protocol=odd:SLASH"], "is called 'a/b'; expected letters"),
        (["protocol=odd:CUT"], "is an instance of Cut; expected an instance of depthlib.protocols.Protocol"),
        (["data={name: 'odd:CUT', size: [96, 128]}"], "has CUT, an instance of Cut; expected what can be called with split"),
        (["data={name: 'odd:', size: [96, 128]}"], "'odd:' is unknown"),
        (["data={name: 'odd', size: [96, 128]}"], "or module:NAME for one of your own"),
        (["data={name: 'odd:Bare', size: [96, 128]}"], "data set Bare: has no name"),
        (["data={name: 'odd:Words', size: [96, 128]}"], "data set Words: has no fingerprint (all but name are methods)"),
        (["data={name: 'frames:Frames', size: [96, 128], options: {fill: 1}}"], "cannot be called with split, size and options ['fill']"),
        ([f"data={own}", f"evaluate.0.data={own[:-1]}, split: test}}"], "both have one fingerprint"),
        (["evaluate.0.data={name: 'frames:Frames', split: test, size: [96, 128], options: {held_out: 0.0}}"], "has no sample to score"),
        (["observe={name: 'odd:CUT'}"], "is an instance of Cut; expected a class of depthlib.observations.Observation"),
        (["observe={name: 'odd:Cut'}"], "is the class Cut; expected a class of depthlib.observations.Observation"),
    ):  # fmt: skip
        parameters = [word for given in setting for word in ("-p", given)]
        assert main([*base, *parameters, "-p", "phases.0.batch=4"]) == 2, setting
        assert words in capsys.readouterr().err, setting
    with pytest.raises(DepthError, match="scale is"):
        Augmentation(scale=(1.2, 1.0))
    with pytest.raises(DepthError, match="rotation is"):
        Augmentation(rotation=-5)
    with pytest.raises(DepthError, match="flip is 1.5"):
        Augmentation(flip=1.5)


#: An augmentation that breaks a batch → what is said of it.
BROKEN = {
    "nothing_back": "returns NoneType; expected the batch",
    "other_names": "name of the samples comes out changed",
    "turned_index": "index of the samples comes out changed",
    "double": "rgb comes out as [1, 3, 96, 128] of torch.float64",
    "no_camera": "K comes out as NoneType",
    "camera_of_zeros": "its camera is",
    "bytes": "colours from ",
    "nan": "depth values are NaN",
    "negative": "smallest depth is -",
    "millimetres": "It looks like millimetres",
}
ODD = """
import dataclasses
from depthlib.augment import Augmentation
from depthlib.protocols import get_protocol
from frames import Frames

class Cut(Augmentation):
    def change(self, batch, size, seed, epochs):
        changed = super().change(batch, size, seed, epochs)
        return {**changed, "rgb": changed["rgb"][..., 1:, :]}

class Broken(Augmentation):
    def change(self, batch, size, seed, epochs):
        b = super().change(batch, size, seed, epochs)
        if self.how == "turned_index":
            batch["index"].append(3)
        if self.how == "nothing_back":
            return None
        return {**b, **{
            "other_names": lambda: {"name": ["x"]}, "turned_index": dict, "double": lambda: {"rgb": b["rgb"].double()},
            "no_camera": lambda: {"K": None}, "camera_of_zeros": lambda: {"K": 0 * b["K"]}, "bytes": lambda: {"rgb": 255 * b["rgb"]},
            "nan": lambda: {"depth": b["depth"] * float("nan")}, "negative": lambda: {"depth": -b["depth"]},
            "millimetres": lambda: {"depth": 1000 * b["depth"]},
        }[self.how]()}

def broken(how):
    made = Broken()
    object.__setattr__(made, "how", how)
    return made

for how in HOWS:
    globals()[how.upper()] = broken(how)

class Bare:
    def __init__(self, split, size):
        pass

class Words(Frames):
    fingerprint = "abc"

class Same(Frames):
    def __init__(self, split, size):
        super().__init__("train", size)

CUT = Cut()
BTS = dataclasses.replace(get_protocol("bts"), caps=(0.001, 8.0))
SLASH = dataclasses.replace(get_protocol("bts"), name="a/b")
FAR = dataclasses.replace(get_protocol("full"), name="near", caps=(0.0, 9.0))

class Faulty(Frames):
    def __init__(self, split, size, fault="", at=3):
        super().__init__(split, size)
        self.fault, self.at = fault, at

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        if index == self.at:
            sample = {**sample, **{
                "negative": {"depth": -sample["depth"]}, "bytes": {"rgb": (255 * sample["rgb"]).byte()},
                "to 255": {"rgb": 255 * sample["rgb"]}, "flat": {"depth": sample["depth"][0]},
                "camera": {"K": 0 * sample["K"]}, "nan": {"depth": sample["depth"] * float("nan")},
                "millimetres": {"depth": 1000 * sample["depth"]}, "numpy": {"depth": sample["depth"].numpy()},
                "fewer": {}, "tuple": {},
            }[self.fault]}
        return (sample["rgb"], sample["depth"]) if self.fault == "tuple" else sample

    def __getitems__(self, indices):
        samples = super().__getitems__(indices)
        return samples[:-1] if self.fault == "fewer" else samples
"""


#: A fault in one sample → what is said of it.
FAULTS = {
    "negative": "smallest depth is -", "bytes": "rgb is torch.uint8", "to 255": "colours from", "flat": "depth is torch.float32 [96, 128]",
    "camera": "its camera is", "nan": "depth values are NaN", "millimetres": "It looks like millimetres", "numpy": "depth is ndarray",
    "fewer": "expected a list with one for each index", "tuple": "is a tuple",
}  # fmt: skip


@pytest.mark.parametrize("keep", ["true", "false"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_sample_is_named_wherever_it_is_read(own, fault, keep, capsys):
    """By training, scoring, a store and a preview; kept in memory or not."""
    options = f"fault: {fault}, keep: {keep}"
    chosen = ["-p", f"data={{name: 'odd:Faulty', size: [96, 128], options: {{{options}}}}}"]
    short = ["-p", "phases.0.samples=8", "-p", "phases.0.batch=4", "-p", "phases.0.augment=centre"]
    as_words = ["--option", f"fault={fault}", "--option", f"keep={keep}", "--size", "96x128"]
    commands = [
        ["train", "mine.yaml", "--profile", "smoke", *chosen, *short],
        ["evaluate", "box/depth", "--against", "odd:Faulty", "--split", "train", *as_words, "--protocol", "full"],
    ]
    if fault != "fewer":
        commands += [["data", "prepare", "odd:Faulty", *as_words, "--to", "st", "--jobs", "1"]]
        commands += [["data", "preview", "odd:Faulty", *as_words]]
    for command in commands:
        capsys.readouterr()
        assert main(command) == 2, command
        assert FAULTS[fault] in capsys.readouterr().err, command
    assert not Path("st").exists() and not Path("preview.png").exists()


def test_two_protocols_of_one_name_and_one_that_was_changed_meanwhile_are_noticed(own, monkeypatch, capsys):
    entry = (
        "{data: {name: rooms, split: test, size: [96, 128], options: {count: 2}}, protocol: 'PROTOCOL', stages: [all]}"
    )
    both = ", ".join(entry.replace("PROTOCOL", name) for name in ("frames:NEAR", "odd:FAR"))
    short = [
        "-p",
        "phases.0.samples=8",
        "-p",
        "phases.0.batch=4",
        "-p",
        "phases.0.augment=frames:DUSK",
        "-p",
        "data.options.count=8",
    ]
    train = ["train", "mine.yaml", "--profile", "smoke", "--out", "run", *short]
    assert main([*train, "-p", f"evaluate=[{both}]"]) == 2
    assert "other rules of that name" in capsys.readouterr().err
    assert main([*train, "-p", "protocol=frames:NEAR"]) == 0
    said = read_results("run/results.json")["own"]
    assert "scale=(1.0, 1.15)" in said["frames:DUSK"] and "caps=(0.0, 5.0)" in said["frames:NEAR"]
    frames = sys.modules["frames"]
    monkeypatch.setattr(frames, "DUSK", dataclasses.replace(frames.DUSK, rotation=9.0))
    capsys.readouterr()
    assert main([*train, "-p", "protocol=frames:NEAR"]) == 2
    assert "other settings: own.frames:DUSK is" in capsys.readouterr().err


def test_an_observation_of_ones_own_is_made_by_name(monkeypatch):
    class Corner(Observation):
        key, label = "sparse", "corner"

        def of(self, batch, seed=0, epochs=0):
            return torch.zeros_like(batch["depth"])

    module = types.ModuleType("my_observations")
    module.Corner = Corner
    monkeypatch.setitem(sys.modules, "my_observations", module)
    corner = make_observation("my_observations:Corner")
    batch = {"rgb": torch.rand(2, 3, 8, 8), "depth": torch.ones(2, 1, 8, 8), "index": [0, 1]}
    assert corner.label == "corner" and corner(batch)["sparse"].shape == (2, 1, 8, 8)
    for wrong, words in ((None, "shows NoneType"), (torch.ones(2, 8, 8), r"shows \[2, 8, 8\]"), (batch["depth"].double(), "float64"),
                         (-batch["depth"], "smallest depth is -1"), (batch["depth"] / 0 * 0, "NaN")):  # fmt: skip
        monkeypatch.setattr(Corner, "of", lambda *_, wrong=wrong: wrong)
        with pytest.raises(DepthError, match=words):
            corner(batch)
    monkeypatch.setattr(Corner, "key", "lidar")
    with pytest.raises(DepthError, match="key is 'lidar'.*expected one of sparse, depth_lr"):
        make_observation("my_observations:Corner")


def test_dusk_darkens_half_of_the_pictures_and_the_same_again(tmp_path, monkeypatch):
    _frames(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "frames", raising=False)
    from frames import DUSK, Frames

    data = Frames("train", None, tmp_path / "frames.npz")
    batch = checked(data.__getitems__(range(8)), data)
    kept = {**batch, "rgb": torch.ones_like(batch["rgb"])}
    bright = dataclasses.replace(DUSK, colour=(1.0, 1.0))
    light = augment(kept, (90, 120), bright, seed=1, epoch=3)["rgb"].amax((1, 2, 3))
    again = augment(collate([{**data[5], "rgb": torch.ones(3, 96, 128)}]), (90, 120), bright, 1, 3)["rgb"].max()
    assert 2 <= (light < 1).sum() <= 6 and light.min() >= 0.2 and again == light[5]
