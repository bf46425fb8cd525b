"""Pretraining on pictures in folders: it learns, goes on, and the depth network begins with what it learned."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib import pretraining
from depthlib.cli import main
from depthlib.errors import DepthError, Unfinished
from depthlib.models import build_model
from depthlib.preflight import preflight
from depthlib.pretraining import NAME, pretrain
from depthlib.recipe import DataSpec, load_recipe
from depthlib.training import make_model

SMALL = {"width": 0.1, "batch": 4, "rate": 0.003, "workers": 0, "progress": False}


def test_a_picture_is_missed_if_its_class_is_not_first_or_not_among_five(monkeypatch):
    """Of seven pictures, whose classes stand first, second, fourth and so on in the mean over ten cut-outs."""
    places = torch.tensor([0, 1, 3, 4, 5, 6, 7])
    logits = -torch.arange(8.0).expand(7, 10, 8).clone()
    logits[:, 0] = -3 * logits[:, 0]  # one of ten sees it the other way round

    class Told(torch.nn.Module):
        def forward(self, rgb):
            return logits.flatten(0, 1)

    batch = (torch.zeros(7, 10, 3, 4, 4), places)
    monkeypatch.setattr(pretraining, "_read", lambda *_: [batch])
    first, fifth = pretraining._errors(Told(), range(7), 7, 0, torch.device("cpu"))
    assert (first, fifth) == pytest.approx((6 / 7, 3 / 7))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Stripes that lie and stripes that stand."""
    root, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for part, count in (("train", 20), ("val", 6)):
        for name in ("lying", "standing"):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                waves = np.sin(np.arange(96) * draw.uniform(0.3, 0.5) + draw.uniform(0, 6))
                picture = 128 + 90 * np.broadcast_to(waves[:, None], (96, 96)) + draw.normal(0, 10, (96, 96))
                picture = picture if name == "lying" else picture.T
                Image.fromarray(picture.clip(0, 255).astype(np.uint8)).convert("RGB").save(
                    root / part / name / f"{i}.jpg"
                )
    return root


def test_it_learns_and_a_depth_network_begins_with_it(pictures, tmp_path, capsys):
    out = tmp_path / "out"
    report = pretrain(pictures, out, epochs=15, **SMALL)
    assert report["loss"][-1] < 0.5 * report["loss"][0] and report["top1_error"] < 0.17 and report["top5_error"] == 0
    assert json.loads((out / "pretraining.json").read_text()) == report and report["images"] == 40
    model = build_model("eigen", width=0.1, weights=str(out / NAME))
    recipe = load_recipe(
        "eigen-nyu-paper", "smoke", **{"model.options.weights": str(out / NAME), "model.options.width": 0.1}
    )
    assert all(
        a.equal(b)
        for a, b in zip(make_model(recipe).coarse.conv.parameters(), model.coarse.conv.parameters(), strict=True)
    )
    preflight(dataclasses.replace(recipe, data=DataSpec("rooms", options={"count": 4}), evaluate=()))
    fresh = build_model("eigen", width=0.1)
    assert not model.coarse.conv.conv1.weight.equal(fresh.coarse.conv.conv1.weight)
    with pytest.raises(DepthError, match=r"conv1.bias is \(10,\), expected \(5,\). Pretrain at the same width"):
        build_model("eigen", width=0.05, weights=str(out / NAME))
    with pytest.raises(DepthError, match="`depthlib pretrain FOLDER` makes such a file"):
        build_model("eigen", width=0.05, weights=str(tmp_path / "none"))
    again = [f"--{key}={value}" for key, value in SMALL.items() if key != "progress"]
    assert main(["pretrain", str(pictures), "--out", str(out), "--epochs", "15", *again]) == 0  # finished: only scored
    assert "40 pictures of 2 classes, 15 epochs" in capsys.readouterr().out


def test_cut_off_after_an_epoch_it_ends_as_if_it_had_not_been(pictures, tmp_path, monkeypatch):
    whole = pretrain(pictures, tmp_path / "whole", epochs=3, **SMALL)
    with pytest.raises(Unfinished, match="Whole epochs are kept"):
        monkeypatch.setattr(
            "depthlib.stopping.Stopping.wanted",
            property(lambda self: bool(list((tmp_path / "cut").glob("checkpoint-*")))),
        )
        pretrain(pictures, tmp_path / "cut", epochs=3, **SMALL)
    monkeypatch.undo()
    assert pretrain(pictures, tmp_path / "cut", epochs=3, **SMALL) == whole
    assert (tmp_path / "cut" / NAME).read_bytes() == (tmp_path / "whole" / NAME).read_bytes()
    with pytest.raises(DepthError, match="holds a training with"):
        pretrain(pictures, tmp_path / "cut", epochs=4, **SMALL)


def test_what_cannot_be_is_told_before_anything_is_written(pictures, tmp_path):
    out, broken = tmp_path / "out", tmp_path / "broken"
    shutil.copytree(pictures, broken)
    with pytest.raises(DepthError, match=r"train: not there. Expected one folder a class"):
        pretrain(tmp_path, out, **SMALL)
    with pytest.raises(DepthError, match="epochs is 0"):
        pretrain(pictures, out, epochs=0, **SMALL)
    (broken / "val" / "leaning").mkdir()
    with pytest.raises(DepthError, match="leaning"):
        pretrain(broken, out, **SMALL)
    (broken / "val" / "leaning").rmdir()
    (broken / "val" / "lying").rename(broken / "val" / "leaning")
    with pytest.raises(DepthError, match="train and val hold different classes, such as l"):
        pretrain(broken, out, **SMALL)
    assert not out.exists()
    (broken / "val" / "leaning").rename(broken / "val" / "lying")
    (broken / "train" / "lying" / "0.jpg").write_bytes(b"no picture")
    with pytest.raises(DepthError, match="0.jpg: cannot be read as an image"):
        pretrain(broken, out, epochs=1, **SMALL)
    with pytest.raises(DepthError, match="^[^\n]*0.jpg: cannot be read as an image"):  # without the worker's traceback
        pretrain(broken, tmp_path / "by workers", epochs=1, **{**SMALL, "workers": 1})
    for wrong in ({"width": 2}, {"workers": -1}):
        with pytest.raises(DepthError, match="expected a width to 1, and 0 workers or more"):
            pretrain(pictures, tmp_path / "never", **{**SMALL, **wrong})
    with pytest.raises(DepthError, match="the loss is"):
        pretrain(pictures, tmp_path / "diverged", epochs=2, **{**SMALL, "rate": 1e6})
    assert not list((tmp_path / "diverged").glob("checkpoint-*"))
