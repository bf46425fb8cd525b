"""Sweeps: every combination once, several at a time, gone on with, and one table of all."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml
from filelock import FileLock

from depthlib import plots, sweep
from depthlib.cli import main
from depthlib.errors import DepthError


@pytest.fixture
def recipe_file(tiny_recipe, tmp_path):
    path = tmp_path / "tiny.yaml"
    plain = json.loads(json.dumps(tiny_recipe.to_dict()))
    plain["phases"] = plain["phases"][:1]
    plain["phases"][0]["samples"] = 16
    plain["evaluate"][0]["stages"] = ["coarse"]
    path.write_text(yaml.safe_dump(plain))
    return str(path)


def test_values_are_yaml_with_commas_and_ranges():
    assert sweep.values_of("0,0.25,0.5,1") == [0, 0.25, 0.5, 1]
    assert sweep.values_of("0..2") == [0, 1, 2] and sweep.values_of("-1..1,5") == [-1, 0, 1, 5]
    assert sweep.values_of("[240,320],[120,160]") == [[240, 320], [120, 160]]
    assert sweep.values_of("adam,sgd") == ["adam", "sgd"] and sweep.values_of("1e-4,null") == [1e-4, None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no value"),
        ("2..0", "smaller number first"),
        ("0,0", "0 stands twice"),
        ("[1", "not valid YAML"),
        ("0..99999", "no range"),
    ],
)
def test_values_that_cannot_be_are_refused(text, words):
    with pytest.raises(DepthError, match=words):
        sweep.values_of(text)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["lam=0,much"], "much"),
        (["lam=0,2"], r"λ must lie in \[0, 1\]"),
        (["lamda=0,1"], "no parameter 'lamda'"),
        (["phases.0.optimiser=adam,magic"], "magic"),
        ([], "nothing to vary"),
        (["lam=0,1", "--jobs=0"], "--jobs 0"),
        (["lam=0,1", "--cluster=tcp://127.0.0.1:9"], "no scheduler answers"),
    ],
)
def test_a_value_that_the_recipe_cannot_take_is_told_before_anything_runs(recipe_file, tmp_path, capsys, given, words):
    arguments = [word for pair in given for word in ([pair] if pair.startswith("--") else ["-p", pair])]
    assert main(["sweep", recipe_file, "--profile", "cpu", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert re.search(words, capsys.readouterr().err)
    assert not list(tmp_path.glob("out/*/results.json"))


def test_a_sweep_runs_collects_and_goes_on(recipe_file, tmp_path, capsys):
    """Four notebooks, two at a time; one is made to fail, and the second call runs only that one."""
    out, kept = tmp_path / "out", tmp_path / "kept.json"
    command = ["sweep", recipe_file, "--profile", "cpu", "-p", "lam=0,0.5", "-p", "seed=0..1", "--jobs", "2",
               "--out", str(out), "--results", str(kept)]  # fmt: skip
    spoiled = out / "lam=0.5,seed=1"
    (spoiled / "checkpoint-00000001").mkdir(parents=True)
    (spoiled / "checkpoint-00000001" / "state.json").write_text("{}")  # no checkpoint that could be gone on with
    assert main(command) == 2
    said = capsys.readouterr()
    assert "1 of 4 runs failed" in said.err and "lam=0.5,seed=1" in said.err and "checkpoint schema None" in said.err
    assert sorted(path.parent.name for path in out.glob("*/run.ipynb")) == [
        "lam=0,seed=0",
        "lam=0,seed=1",
        "lam=0.5,seed=0",
    ]
    assert not kept.exists()
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/results.json")}
    (spoiled / "checkpoint-00000001" / "state.json").unlink()
    assert main(command) == 0
    said = capsys.readouterr()
    assert "4 runs, 3 of them done already" in said.out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    content = json.loads(kept.read_text())
    assert content == json.loads((out / "sweep.json").read_text()) and len(content["runs"]) == 4
    lines = sweep.summary(content)
    assert [line.parameters for line in lines] == [{"lam": 0}, {"lam": 0.5}] and all(line.seeds == 2 for line in lines)
    each = [next(iter(run["metrics"].values()))["coarse"]["rmse"] for run in content["runs"]]
    assert lines[0].mean["rmse"] == pytest.approx((each[0] + each[1]) / 2)
    assert lines[0].spread["rmse"] == pytest.approx(abs(each[0] - each[1]) / 2**0.5)
    assert (out / "sweep.md").read_text().count("±") == 2 * len(lines[0].mean)
    assert (out / "sweep.png").read_bytes()[:4] == b"\x89PNG"
    executed = json.loads((out / "lam=0,seed=1" / "run.ipynb").read_text())
    assert any("parameters" in cell["metadata"].get("tags", []) for cell in executed["cells"])


def test_sigterm_ends_the_runs_too_and_says_try_again(recipe_file, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "depthlib", "sweep", recipe_file, "--profile", "cpu", "--jobs", "2",
               "--out", str(out), "-p", "lam=0,0.5,1"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(list(out.glob("*/run.log"))) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75 and "SIGTERM came. 0 of 3 runs are done" in said
    assert len(list(out.glob("*/run.log"))) == 2 and not list(out.glob("*/results.json"))


def test_the_words_of_a_failed_run_are_those_that_name_its_fault(tmp_path, monkeypatch):
    """Not what a library says as the process ends."""
    fails = (
        "import sys; print('depthlib: the fault.'); print('Exception ignored in: <_io>', file=sys.stderr); sys.exit(2)"
    )
    start = subprocess.Popen
    monkeypatch.setattr(
        "depthlib.sweep.subprocess.Popen", lambda command, **given: start([sys.executable, "-c", fails], **given)
    )
    words = sweep._run("eigen-rooms", "smoke", {}, str(tmp_path), 1, None)
    assert words.startswith("depthlib: the fault. (exit status 2")


def test_two_sweeps_do_not_share_a_folder(recipe_file, tmp_path):
    with FileLock(tmp_path / ".sweep.lock"), pytest.raises(DepthError, match="another sweep is at work there"):
        sweep.sweep(recipe_file, "cpu", {"lam": [0, 1]}, tmp_path)
    assert not (tmp_path / "sweep.json").exists() and not list(tmp_path.glob("lam*"))


def test_a_clusters_workers_run_a_sweep(recipe_file, tmp_path):
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        content = sweep.sweep(
            recipe_file, "cpu", {"lam": [0.0, 1.0]}, tmp_path / "out", cluster=cluster.scheduler_address
        )
    assert [run["parameters"] for run in content["runs"]] == [{"lam": 0.0}, {"lam": 1.0}]


def made(values, seeds=(0, 1), name="lam"):
    runs = [
        {
            "parameters": {name: value, "seed": seed},
            "metrics": {"a/b": {"mean": {"rmse": 9.0}, "fine": {"rmse": i + seed / 10}}},
        }
        for i, value in enumerate(values)
        for seed in seeds
    ]
    return {"grid": {name: list(values), "seed": list(seeds)}, "runs": runs}


def test_the_plot_shows_means_and_spreads_where_they_belong():
    lines = sweep.summary(made([0, 0.5, 1]))
    figure = plots.sweep(lines, ["rmse"])
    curve = figure.axes[0].containers[0]
    assert curve[0].get_xdata().tolist() == [0, 0.5, 1]
    assert curve[0].get_ydata().tolist() == pytest.approx([0.05, 1.05, 2.05])
    named = plots.sweep(sweep.summary(made(["adam", "sgd"], name="optimiser")), ["rmse"])
    assert [label.get_text() for label in named.axes[0].get_xticklabels()] == ["adam", "sgd"]
    with pytest.raises(DepthError, match="no figure 'delta9'"):
        plots.sweep(lines, ["delta9"])
    with pytest.raises(DepthError, match="no line"):
        plots.sweep([])


def test_a_table_of_nothing_and_of_the_wrong_thing_is_refused():
    with pytest.raises(DepthError, match="no run has finished"):
        sweep.summary({"grid": {}, "runs": []})
    with pytest.raises(DepthError, match="nothing was scored under 'x'"):
        sweep.summary(made([0]), "x")
    with pytest.raises(DepthError, match="has no 'coarse'"):
        sweep.summary(made([0]), None, "coarse")
    one = sweep.summary(made([0, 1], seeds=(0,)))
    assert one[0].spread["rmse"] is None and "±" not in sweep.as_markdown(made([0, 1], seeds=(0,)))
