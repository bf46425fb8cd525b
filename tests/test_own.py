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

import numpy as np
import pytest
import torch
from book_fixture import ROOT
from made import make_pairs

from depthlib import plots
from depthlib.augment import Augmentation, augment
from depthlib.cli import main
from depthlib.data.scenes import Rooms
from depthlib.data.store import Store
from depthlib.errors import DepthError
from depthlib.observations import Observation, make_observation
from depthlib.results import read_results
from depthlib.sample import checked, collate

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


def test_what_ones_own_names_get_wrong_is_said(tmp_path, monkeypatch, capsys):
    _frames(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "odd.py").write_text(ODD)
    for module in ("frames", "odd", "mine"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setenv("DEPTHLIB_IMPORT", "frames,odd,mine")
    base = ["train", "mine.yaml", "--profile", "smoke"]
    own = "{name: 'odd:Same', size: [96, 128]}"
    for setting, words in (
        (["augment=odd:nothing"], "odd has no nothing that is a depthlib.augment.Augmentation"),
        (["augment=elsewhere:DUSK"], "elsewhere is not imported"),
        (["augment=odd:CUT"], "rgb comes out as [4, 3, 95, 128]; expected [4, 3, 96, 128]"),
        (["protocol=odd:BTS"], "is called 'bts', as one of the library with other rules"),
        (["protocol=odd:CUT"], "odd has no CUT that is a depthlib.protocols.Protocol"),
        (["data={name: 'odd:CUT', size: [96, 128]}"], "odd has no CUT that can be called with split, size and options"),
        (["data={name: 'odd:Bare', size: [96, 128]}"], "data set Bare: has no name"),
        (["data={name: 'frames:Frames', size: [96, 128], options: {fill: 1}}"], "options ['fill'] do not fit"),
        ([f"data={own}", f"evaluate.0.data={own[:-1]}, split: test}}"], "both have one fingerprint"),
        (["observe={name: 'odd:CUT'}"], "odd has no CUT that is a depthlib.observations.Observation"),
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


ODD = """
import dataclasses
from depthlib.augment import Augmentation
from depthlib.protocols import get_protocol
from frames import Frames

class Cut(Augmentation):
    def change(self, batch, size, seed, epochs):
        changed = super().change(batch, size, seed, epochs)
        return {**changed, "rgb": changed["rgb"][..., 1:, :]}

class Bare:
    def __init__(self, split, size):
        pass

class Same(Frames):
    def __init__(self, split, size):
        super().__init__("train", size)

CUT = Cut()
BTS = dataclasses.replace(get_protocol("bts"), caps=(0.001, 8.0))
"""


def test_an_observation_of_ones_own_is_made_by_name(monkeypatch):
    class Corner(Observation):
        key, label = "sparse", "corner"

        def of(self, batch, seed=0, epochs=0):
            return torch.zeros_like(batch["depth"])

    module = types.ModuleType("my_observations")
    module.Corner = Corner
    monkeypatch.setitem(sys.modules, "my_observations", module)
    assert make_observation("my_observations:Corner").label == "corner"


def test_dusk_darkens_half_of_the_pictures_and_the_same_again(tmp_path, monkeypatch):
    _frames(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "frames", raising=False)
    from frames import DUSK, Frames

    data = Frames("train", None, tmp_path / "frames.npz")
    batch = checked(data.__getitems__(range(8)), "frames")
    kept = {**batch, "rgb": torch.ones_like(batch["rgb"])}
    bright = dataclasses.replace(DUSK, colour=(1.0, 1.0))
    light = augment(kept, (90, 120), bright, seed=1, epoch=3)["rgb"].amax((1, 2, 3))
    again = augment(collate([{**data[5], "rgb": torch.ones(3, 96, 128)}]), (90, 120), bright, 1, 3)["rgb"].max()
    assert 2 <= (light < 1).sum() <= 6 and light.min() >= 0.2 and again == light[5]
