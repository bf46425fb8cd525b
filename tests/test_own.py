"""The examples of the page on one's own data, network and loss, run as they stand there."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from book_fixture import ROOT
from made import make_pairs

from depthlib import plots
from depthlib.cli import main
from depthlib.protocols import get_protocol
from depthlib.results import read_results

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


def test_the_protocol_of_the_page_exists():
    fields = {field.name for field in dataclasses.fields(get_protocol("full"))}
    code = re.search(r'dataclasses\.replace\(get_protocol\("full"\), (.*)\)$', PAGE, re.M)[1]
    assert set(re.findall(r"(\w+)=", code)) <= fields
