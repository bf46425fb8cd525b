"""The GPU plan, run small on the processor: whole, cut off, with a piece that fails."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from depthlib.checkpoints import load_model
from depthlib.recipe import load_recipe
from depthlib.results import read_results

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("gpu_plan", ROOT / "tools/gpu.py")
plan = importlib.util.module_from_spec(SPEC)
sys.modules["gpu_plan"] = plan  # dataclasses look their module up
SPEC.loader.exec_module(plan)


def call(*arguments, **environment):
    command = [sys.executable, str(ROOT / "tools/gpu.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=900)


@pytest.mark.parametrize("profile", ["gpu", "cpu", "smoke"])
def test_every_piece_names_what_exists(profile, tmp_path):
    assert len({piece.name for piece in plan.PLAN}) == len(plan.PLAN)
    for piece in plan.PLAN:
        words = plan.filled(piece, profile, tmp_path)
        assert not any("{" in word for word in words), words
        if piece.recipe:
            given = (words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "-p")
            recipe = load_recipe(piece.recipe, profile, **{key: yaml.safe_load(value) for key, value in given})
            assert words[3] == recipe.name and (profile != "gpu" or {p.precision for p in recipe.phases} == {"bf16"})
        else:
            assert all((ROOT / word).exists() for word in words if word.endswith(".py"))
            assert piece.needs < 9  # minutes: a piece of a plan that is called for nine


def test_the_plan_goes_on_and_a_piece_that_fails_harms_no_other(tmp_path):
    empty = tmp_path / "no data"
    empty.mkdir()
    pieces = ("--only", "eigen-nyu", "--only", "eigen-roads", "--only", "benchmark-scenes")
    common = ("--profile", "smoke", "--out", tmp_path, *pieces)
    early = call(*common, "--minutes", "0.1", DEPTHLIB_DATA=str(empty))
    assert early.returncode == plan.AGAIN and early.stdout.count("the same command goes on here") == 3
    ended = call(*common, DEPTHLIB_DATA=str(empty))
    assert ended.returncode == 1, ended.stderr[-2000:]  # no NYU there
    done = json.loads((tmp_path / "runs/plan/smoke.json").read_text())
    assert done["eigen-nyu"].startswith("failed with status 2") and done["eigen-roads"].startswith("done")
    assert json.loads((tmp_path / "results/benchmarks/scenes-smoke.json").read_text())["rooms"]["per_second"] > 0
    assert read_results(tmp_path / "results/eigen-roads/smoke-0.json")["recipe"] == "eigen-roads"
    kept = tmp_path / "runs/plan/half/eigen-roads-smoke-0"
    assert (kept / "model.safetensors").stat().st_size < plan.LIMIT
    assert load_model(kept, "fine").input_size
    again = call(*common, DEPTHLIB_DATA=str(empty))
    assert "eigen-roads:" not in again.stdout and "eigen-nyu:" in again.stdout  # only what failed
    assert "done in" in call(*common, "--list").stdout


def test_a_piece_that_takes_longer_than_there_is_time_is_cut_off_and_comes_last(tmp_path, monkeypatch):
    slow, quick = (
        plan.Piece(name, ("-c", f"import time; time.sleep({seconds})"))
        for name, seconds in (("slow", 60), ("quick", 0))
    )
    monkeypatch.setattr(plan, "PLAN", (slow, quick))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--profile", "smoke", "--out", str(tmp_path), "--minutes", "0.25"])
    before = signal.getsignal(signal.SIGTERM)
    assert plan.main() == plan.AGAIN
    notes = json.loads((tmp_path / "runs/plan/smoke.json").read_text())
    assert notes["slow"].startswith("cut off after ")
    assert plan.main() == 1  # not for ever
    notes = json.loads((tmp_path / "runs/plan/smoke.json").read_text())
    assert list(notes) == ["slow", "quick"] and notes["quick"].startswith("done")
    assert notes["slow"].startswith("failed: cut off twice")
    signal.signal(signal.SIGTERM, before)


def test_what_a_piece_started_ends_with_it(tmp_path):
    """Also what its leader leaves behind."""
    child = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, file=open(sys.argv[1], 'w'))"
    assert plan.run(["-c", child, str(tmp_path / "pid")], dict(os.environ), None) == 0
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":  # ended; whose child it is now has not looked yet
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{pid}").exists()


def test_what_cannot_be_is_told():
    assert "there are tests," in call("--only", "nothing").stderr
    told = call("--profile", "gpu", CUDA_VISIBLE_DEVICES="")
    assert told.returncode == 2 and "--profile cpu" in told.stderr
