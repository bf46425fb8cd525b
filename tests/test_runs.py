"""The command line: runs with provenance, strict parameters, one line for every mistake."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import numpy as np
import psutil
import pytest
import torch
import yaml
from made import make_pairs
from PIL import Image

from depthlib.checkpoints import latest_checkpoint
from depthlib.cli import _parser, main
from depthlib.cli.scores import KINDS
from depthlib.errors import DepthError
from depthlib.notebooks import execute
from depthlib.predictors import ALIGNMENTS, Kind
from depthlib.results import check_results, read_results, write_results


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory):
    """A recipe file on eight small pairs; trains in a second."""
    root = tmp_path_factory.mktemp("recipe")
    make_pairs(root / "pairs")
    data = {"name": "folder", "options": {"root": str(root / "pairs")}}
    recipe = {
        "name": "mine", "task": "depth", "description": "eight pairs", "data": data,
        "model": {"name": "eigen", "options": {"variant": "nyu", "width": 0.05}},
        "loss": {"name": "scale_invariant_log", "options": {"lam": 0.5}},
        "phases": [{"train": "coarse", "samples": 16, "batch": 8}, {"train": "fine", "samples": 8, "batch": 8}],
        "evaluate": [{"data": data, "protocol": "eigen14", "stages": ["coarse", "fine"], "baselines": ["mean", "constant"]}],
    }  # fmt: skip
    (root / "mine.yaml").write_text(yaml.safe_dump(recipe))
    return root / "mine.yaml"


@pytest.fixture(scope="module")
def finished(recipe_file, tmp_path_factory):
    """A finished `depthlib train`."""
    root = tmp_path_factory.mktemp("run")
    arguments = ["train", str(recipe_file), "--profile", "smoke", "-p", "lam=0.25", "--out", str(root / "out")]
    assert main([*arguments, "--results", str(root / "results")]) == 0
    return root


def test_results_have_all_that_is_needed_to_trust_them(finished):
    results = read_results(finished / "out" / "results.json")
    assert results["parameters"] == {"lam": "0.25"} and results["settings"]["loss"]["options"]["lam"] == 0.25
    assert results["samples_seen"] == 24 and results["data"]["images"] == 8 and results["data"]["fingerprint"]
    entry = results["metrics"]["folder-train/eigen14"]
    assert set(entry) == {"coarse", "fine", "mean", "constant"} and len(entry["fine"]) == 8
    assert results["versions"]["torch"] == torch.__version__ and results["peak_memory_bytes"] > 1e7
    assert results["command"] == "depthlib train mine.yaml --profile smoke -p lam=0.25"
    interval = results["differences"]["folder-train/eigen14"]["coarse - mean"]["abs_rel"]
    assert interval["low"] <= interval["value"] <= interval["high"]
    assert (finished / "results" / "mine" / "smoke-0.json").read_text() == (
        finished / "out" / "results.json"
    ).read_text()


def test_scores_of_a_finished_run_are_not_replaced_by_none(finished, recipe_file, tmp_path, capsys):
    out = shutil.copytree(finished / "out", tmp_path / "out")
    again = ["train", str(recipe_file), "--profile", "smoke", "-p", "lam=0.25", "--out", str(out)]
    kept = (out / "results.json").read_text()
    assert main([*again, "-p", "evaluate=[]"]) == 0
    assert (out / "results.json").read_text() == kept and "folder-train/eigen14" in capsys.readouterr().out
    assert main([*again, "-p", "evaluate.0.stages=[fine]", "-p", "evaluate.0.baselines=[]"]) == 0
    assert set(read_results(out / "results.json")["metrics"]["folder-train/eigen14"]) == {"fine"}
    (out / "results.json").unlink()
    assert main([*again, "-p", "evaluate=[]"]) == 0 and read_results(out / "results.json")["metrics"] == {}


def test_train_says_what_its_data_leave_out_and_so_do_its_results(recipe_file, tmp_path, capsys):
    pairs = make_pairs(tmp_path / "pairs")
    (pairs / "depth" / "0003.png").unlink()
    own = ["-p", f"data.options={{root: {pairs}, unpaired: drop}}", "-p", "phases.0.samples=8", "-p", "evaluate=[]"]
    assert main(["train", str(recipe_file), "--profile", "smoke", *own, "--out", str(tmp_path / "out")]) == 0
    assert "left out: 1 files without a partner" in capsys.readouterr().err
    data = read_results(tmp_path / "out" / "results.json")["data"]
    assert data["images"] == 7 and data["left_out"] == {"files without a partner": 1}


def test_a_protocol_that_scores_nothing_is_found_before_the_training(recipe_file, tmp_path, capsys, monkeypatch):
    (tmp_path / "far_rules.py").write_text(
        "from depthlib.protocols import Protocol\nFAR = Protocol(name='far', caps=(400.0, 900.0))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DEPTHLIB_IMPORT", "far_rules")
    out = tmp_path / "out"
    assert main(["train", str(recipe_file), "--out", str(out), "-p", "evaluate.0.protocol=far_rules:FAR"]) == 2
    said = capsys.readouterr().err
    assert "far scores no pixel" in said and "between 400 and 900 m; depths of 0000 are" in said and not out.exists()


def test_results_edited_by_hand_into_another_shape_are_refused(finished, tmp_path):
    results = read_results(finished / "out" / "results.json")
    broken = {**results, "seed": "zero"}
    with pytest.raises(DepthError, match="seed"):
        check_results(broken, "x.json")
    with pytest.raises(DepthError):
        write_results(broken, tmp_path / "x.json")
    assert not list(tmp_path.iterdir())
    (tmp_path / "y.json").write_text("{")
    with pytest.raises(DepthError, match="y.json"):
        read_results(tmp_path / "y.json")


@pytest.mark.parametrize("name", ["eigen-rooms", "eigen-roads"])
def test_the_scenes_recipes_train_and_score_with_no_download(name, tmp_path, monkeypatch):
    monkeypatch.delenv("DEPTHLIB_DATA", raising=False)
    assert main(["train", name, "--profile", "smoke", "--out", str(tmp_path)]) == 0
    (entry,) = read_results(tmp_path / "results.json")["metrics"].values()
    assert set(entry) == {"coarse", "fine", "mean"} and all(0 <= v["delta1"] <= 1 for v in entry.values())


def test_the_nyu_recipe_trains_on_real_images(nyu_root, tmp_path):
    assert main(["train", "eigen-nyu-paper", "--profile", "smoke", "--out", str(tmp_path)]) == 0
    results = read_results(tmp_path / "results.json")
    assert results["data"]["images"] == 795 and results["scored"]["nyu-test/eigen14"]["fine"]["images"] == 654


def test_evaluate_repeats_the_scores_of_the_run(finished, recipe_file, capsys):
    root = yaml.safe_load(recipe_file.read_text())["data"]["options"]["root"]
    arguments = [
        "evaluate",
        str(finished / "out"),
        "--against",
        "folder",
        "--option",
        f"root={root}",
        "--format",
        "json",
    ]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    wanted = read_results(finished / "out" / "results.json")["metrics"]["folder-train/eigen14"]["fine"]
    found = found["eigen14"]
    assert {name: entry["value"] for name, entry in found["metrics"].items()} == pytest.approx(wanted)
    assert found["images"] == 8 and all(
        e["interval"][0] <= e["value"] <= e["interval"][1] for e in found["metrics"].values()
    )


def test_predict_writes_files_that_agree(finished, tmp_path, capsys):
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)).save(tmp_path / "a.jpg")
    assert (
        main(["predict", str(tmp_path / "a.jpg"), "--checkpoint", str(finished / "out"), "--out", str(tmp_path / "o")])
        == 0
    )
    depth = np.asarray(Image.open(tmp_path / "o" / "a-depth.png"))
    assert depth.dtype == np.uint16 and depth.shape == (300, 400) and 500 < np.median(depth[depth > 0]) < 9000
    assert np.asarray(Image.open(tmp_path / "o" / "a-depth-coloured.png")).shape == (300, 400, 3)
    header, _, body = (tmp_path / "o" / "a-depth.ply").read_bytes().partition(b"end_header\n")
    points = int(header.split(b"element vertex ")[1].split()[0])
    assert points == (depth > 0).sum() and len(body) == 15 * points
    z = np.frombuffer(body, dtype=[("xyz", "<f4", 3), ("rgb", "u1", 3)])["xyz"][:, 2]
    assert np.allclose(np.sort(z), np.sort(depth[depth > 0] / 1000), atol=0.001)
    header, _, body = (tmp_path / "o" / "a-depth-surface.ply").read_bytes().partition(b"end_header\n")
    corners, faces = (int(header.split(f"element {what} ".encode())[1].split()[0]) for what in ("vertex", "face"))
    assert corners == points and 0 < faces < 2 * points and len(body) == 15 * corners + 13 * faces
    assert "60 degrees across (a guess" in capsys.readouterr().out


def test_predict_believes_the_photo_about_its_lens_and_the_user_more(tmp_path, capsys):
    colours = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    stated = Image.Exif()
    stated.get_ifd(0x8769)[0xA405] = 26
    Image.fromarray(colours).save(tmp_path / "a.jpg", exif=stated)
    assert main(["predict", str(tmp_path / "a.jpg"), "--out", str(tmp_path)]) == 0
    # 500 pixels of diagonal, 43.27 mm: f = 300.4 pixels, 2 atan(200 / 300.4)
    assert "67 degrees across (as the photo says)" in capsys.readouterr().out
    again = ["predict", str(tmp_path / "a.jpg"), "--out", str(tmp_path), "--field-of-view", "80"]
    (tmp_path / "a-depth.png").write_text("a sensor's")
    assert main(again) == 2 and "a-depth.png: is there already" in capsys.readouterr().err
    assert (tmp_path / "a-depth.png").read_text() == "a sensor's"
    assert main([*again, "--force"]) == 0
    assert "80 degrees across (as --field-of-view says)" in capsys.readouterr().out


def test_predict_leaves_nothing_where_it_cannot_draw(tmp_path, capsys, monkeypatch):
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["predict", str(tmp_path / "a.png")]) == 2
    assert "pip install matplotlib" in capsys.readouterr().err and [p.name for p in tmp_path.iterdir()] == ["a.png"]


def pictures():
    """Pictures as cameras, scanners and programs leave them, and the size that they should have upright."""
    colours = np.random.default_rng(1).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    picture = Image.fromarray(colours)
    turned = Image.Exif()
    turned[0x0112] = 6  # a phone held upright: turn by a quarter
    yield "grey.png", picture.convert("L"), {}, (60, 90)
    yield "cmyk.jpg", picture.convert("CMYK"), {}, (60, 90)
    yield "alpha.png", picture.convert("RGBA"), {}, (60, 90)
    yield "grey_alpha.png", picture.convert("LA"), {}, (60, 90)
    yield "palette.gif", picture.convert("P"), {}, (60, 90)
    yield "sixteen.png", Image.fromarray(colours[..., 0].astype(np.uint16) * 257), {}, (60, 90)
    yield "turned.jpg", picture, {"exif": turned}, (90, 60)
    yield "wide.png", Image.fromarray(np.tile(colours[:40], (1, 223, 1))[:, :20000]), {}, (40, 20000)


@pytest.mark.parametrize("picture", list(pictures()), ids=lambda p: p[0])
def test_predict_takes_a_picture_of_any_kind_with_the_network_in_the_box(picture, tmp_path):
    name, image, options, size = picture
    image.save(tmp_path / name, **options)
    assert main(["predict", str(tmp_path / name), "--out", str(tmp_path / "o")]) == 0
    depth = np.asarray(Image.open(tmp_path / "o" / f"{Path(name).stem}-depth.png"))
    assert depth.shape == size and (depth > 0).any() and depth.max() < 20_000


def test_a_map_of_one_depth_is_coloured_and_not_divided_by_zero(tmp_path):
    from depthlib.plots import colorize

    with np.errstate(all="raise"):
        assert len(np.unique(colorize(torch.full((1, 4, 5), 2.0)).reshape(-1, 3), axis=0)) == 1
        assert colorize(torch.zeros(1, 4, 5)).shape == (4, 5, 3)


def test_run_executes_the_notebook_and_leaves_everything(recipe_file, tmp_path):
    out = tmp_path / "out"
    assert main(["run", str(recipe_file), "--profile", "smoke", "--out", str(out)]) == 0
    notebook = json.loads((out / "run.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell["outputs"])
    assert read_results(out / "results.json")["command"].startswith("depthlib run mine")


def test_run_needs_no_more_samples_than_there_are(recipe_file, tmp_path):
    make_pairs(tmp_path / "three", 3)
    recipe = yaml.safe_load(recipe_file.read_text())
    recipe["data"]["options"]["root"] = recipe["evaluate"][0]["data"]["options"]["root"] = str(tmp_path / "three")
    recipe["phases"], recipe["evaluate"][0]["stages"] = recipe["phases"][:1], ["coarse"]
    (tmp_path / "three.yaml").write_text(yaml.safe_dump(recipe))
    assert main(["run", str(tmp_path / "three.yaml"), "--profile", "smoke", "--out", str(tmp_path / "out")]) == 0


def test_a_notebook_whose_process_is_killed_is_told(tmp_path):
    (tmp_path / "bad.py").write_text(
        '# %% tags=["parameters"]\nvalue = 1\n# %%\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n'
    )
    with pytest.raises(DepthError, match="its process was ended from outside"):
        execute(tmp_path / "bad.py", tmp_path / "done.ipynb", {})
    assert not (tmp_path / "done.ipynb").exists()


def test_predict_writes_roads_beyond_65_metres(tmp_path, capsys, monkeypatch):
    from depthlib import checkpoints

    model = checkpoints.load_model(None)
    to_depth = type(model).to_depth
    monkeypatch.setattr(type(model), "to_depth", lambda self, output: 40 * to_depth(self, output))
    Image.new("RGB", (200, 150), (90, 120, 60)).save(tmp_path / "road.png")
    assert main(["predict", str(tmp_path / "road.png")]) == 0
    said = capsys.readouterr().out
    assert "16 bit, 1/256 m" in said
    farthest = np.asarray(Image.open(tmp_path / "road-depth.png")).max() / 256
    assert 65.535 < farthest < 256 and f"to {farthest:.2f} m" in said


def test_a_kernel_that_does_not_start_is_told(tmp_path, monkeypatch):
    spec = {"argv": [sys.executable, "-c", "raise SystemExit(1)"], "display_name": "ends at once", "language": "python"}
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (tmp_path / "ok.py").write_text('# %% tags=["parameters"]\nvalue = 1\n')
    with pytest.raises(DepthError, match="ok.py: its kernel did not start .* tries again"):
        execute(tmp_path / "ok.py", tmp_path / "done.ipynb", {})
    assert not (tmp_path / "done.ipynb").exists()


def test_a_failing_notebook_leaves_its_cells_and_no_result(tmp_path):
    (tmp_path / "bad.py").write_text('# %% tags=["parameters"]\nvalue = 1\n# %%\nraise RuntimeError(f"no {value}")\n')
    with pytest.raises(DepthError, match="RuntimeError: no 2"):
        execute(tmp_path / "bad.py", tmp_path / "done.ipynb", {"value": 2})
    assert not (tmp_path / "done.ipynb").exists() and (tmp_path / "done.failed.ipynb").exists()


@pytest.mark.parametrize(
    "number, status, words", [(signal.SIGTERM, 75, "SIGTERM came"), (signal.SIGINT, 130, "interrupted")]
)
def test_what_ends_a_run_reaches_its_notebook(recipe_file, tmp_path, number, status, words):
    """Asked to stop, by either signal, the training in the notebook saves its step, and no kernel is left behind."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "depthlib", "run", str(recipe_file), "--out", str(out), "--profile", "cpu",
               "-p", "phases.0.samples=80000", "-p", "phases.0.checkpoint_every=1000000"]  # fmt: skip
    # a process that is started in the background of a shell without job control ignores SIGINT
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))  # fmt: skip
    log = out / "log.jsonl"
    while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 3):
        time.sleep(0.01)
    kernels = [child for child in psutil.Process(process.pid).children() if "ipykernel" in " ".join(child.cmdline())]
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == status and words in said, said
    assert kernels and not any(kernel.is_running() for kernel in kernels)
    assert not list(out.glob("run*.ipynb"))
    assert json.loads((latest_checkpoint(out) / "state.json").read_text())["total_steps"] > 3


def test_papermill_parameters_are_checked_before_anything_runs(tmp_path):
    (tmp_path / "ok.py").write_text('# %% tags=["parameters"]\nvalue = 1\n# %%\nprint(value)\n')
    with pytest.raises(DepthError, match="did you mean 'value'"):
        execute(tmp_path / "ok.py", tmp_path / "done.ipynb", {"valeu": 2})
    assert "2" in execute(tmp_path / "ok.py", tmp_path / "done.ipynb", {"value": 2}).read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "eigen-rooms", "-p", "lamda=1"], "did you mean 'lam'"),
        (["run", "eigen-romos"], "did you mean 'eigen-rooms'"),
        (["train", "eigen-rooms", "-p", "lam"], "name=value"),
        (["sweep", "eigen-rooms", "-p", "seed=0", "-p", "seed=1"], "seed is given twice"),
        (
            ["train", "eigen-rooms", "--profile", "smoke", "--tracker", "aim"],
            "tracker aim: its package is not installed",
        ),
        (
            ["train", "densedepth-mobilenet-rooms", "--profile", "smoke", "-p", "model.options.size=480x640"],
            "do not fit",
        ),
        (["data", "fetch", "rooms"], "there is no public file of it"),
        (["train", "eigen-rooms", "-p", "profile=cpu"], "--profile cpu"),
        (["train", "eigen-rooms", "--profile", "smoke", "--results", "/proc/x"], "cannot be written"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "evaluate.0.protocol=foo"], "protocol 'foo'"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "evaluate.0.stages=[foo]"], "foo"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "evaluate.0.data.name=foo"], "data set 'foo'"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "loss.name=foo"], "loss 'foo'"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "loss.options.foo=1"], "foo"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "lam=abc"], "lam is 'abc'"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "unit=.inf"], "unit is inf"),
        (["train", "eigen-rooms", "--profile", "smoke", "-p", "width=abc"], "width"),
        (["train", "densedepth-mobilenet-rooms", "--profile", "smoke", "-p", "data.size=[240,320]"], "cut-outs"),
        (["train", "densedepth-mobilenet-rooms", "--profile", "smoke", "-p", "data.size=null"], "cut-outs"),
        (["train", "eigen-rooms", "-p", "loss.options=abc", "-p", "loss.options.lam=1"], "expected a mapping"),
        (["export", "{photo}"], "no checkpoint there"),
        (["export", "{run}", "--out", "/proc/nowhere/x.onnx"], "cannot be written"),
        (["export", "{run}", "--out", "."], "is a folder"),
        (["evaluate", "{run}/none.onnx", "--against", "rooms", "--option", "count=1"], "no such file"),
        (["evaluate", "{run}", "--kind", "disparity"], "answers in metres"),
        (["evaluate", "{run}", "--against", "store"], "option root"),
        (["evaluate", "{run}", "--option", "root"], "--option root: expected name=value"),
        (["evaluate", "{run}", "--option", "keep=["], "--option keep: not valid YAML"),
        (["predict", "{photo}", "--checkpoint", "{run}", "--field-of-view", "180"], "less than 180"),
        (["train", "eigen-rooms", "--profile", "smoke", "--out", "/proc/nowhere"], "cannot be written"),
        (["evaluate", "/no/where"], "no such folder"),
        (["evaluate", "{run}", "--protocol", "eigen"], "eigen14"),
        (["predict", "{run}/missing.jpg", "--checkpoint", "{run}"], "missing.jpg: not found"),
        (["predict", "{run}/results.json", "--checkpoint", "{run}"], "cannot be read as an image"),
        (["predict", "{photo}", "--checkpoint", "{run}", "--out", "{photo}/x"], "cannot be written"),
        (["predict", "{small}", "--checkpoint", "{run}"], "at least 32"),
        (["predict", "{pixel}"], "1x1 pixels"),
        (["evaluate", "{run}", "--stage", "middle", "--against", "rooms", "--option", "count=1"], "middle"),
    ],
)
def test_every_mistake_is_one_line_and_status_2(arguments, words, finished, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_RUNS", str(tmp_path / "runs"))
    Image.new("RGB", (100, 80)).save(tmp_path / "photo.png")
    Image.new("RGB", (100, 8)).save(tmp_path / "small.png")
    Image.new("RGB", (1, 1)).save(tmp_path / "pixel.png")
    names = {"run": finished / "out", **{name: tmp_path / f"{name}.png" for name in ("photo", "small", "pixel")}}
    before = set(tmp_path.rglob("*"))
    assert main([part.format(**names) for part in arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert words in error and error.startswith("depthlib: ") and "Traceback" not in error
    assert set(tmp_path.rglob("*")) == before


def test_doctor_says_what_is_here(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert torch.__version__.split("+")[0] in said and "free space" in said and "prepare_nyu_labelled" in said


HELP = """
import contextlib, io, sys
sys.modules["torch"] = None
from depthlib.cli import main
for command in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main([*command.split(), "--help"])
    if not ("examples:" in said.getvalue() and "  depthlib " in said.getvalue()):
        print(command or "depthlib")
"""


def test_the_command_line_knows_every_kind_of_prediction():
    assert KINDS == get_args(Kind) == tuple(ALIGNMENTS)


def test_help_has_examples_and_needs_no_torch():
    (commands,) = (action.choices for action in _parser()._actions if isinstance(action.choices, dict))
    assert len(commands) > 10
    done = subprocess.run([sys.executable, "-c", HELP, "", *commands], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stdout and not done.stderr


def test_a_reader_that_has_seen_enough_is_no_error():
    line = f"{sys.executable} -m depthlib table all | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("### 000-1") and not done.stderr


def test_run_without_a_recipe_lists_them(capsys):
    assert main(["run"]) == 0
    assert "eigen-rooms" in capsys.readouterr().out


def test_the_network_in_the_box_is_scored_by_name_and_a_crop_in_the_wrong_place_is_told(tmp_path, capsys):
    pairs = make_pairs(tmp_path / "pairs", 1)
    command = ["evaluate", "box/depth", "--against", "folder", "--option", f"root={pairs}", "--protocol"]
    assert main([*command, "eigen14"]) == 0 and "falls elsewhere" not in capsys.readouterr().out
    assert main([*command, "garg"]) == 0
    assert (
        "garg was made for pictures of the shape of 375x1242; its crop falls elsewhere in 240x320"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("ending", [".npy", ".pfm", ".png"])
def test_a_map_of_ones_own_is_completed_and_enlarged(tmp_path, capsys, ending):
    from depthlib.data.sampling import sparsify
    from depthlib.stored import read_map, write_map

    v, u = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    plane = (2 + 0.01 * u + 0.02 * v)[None, None]
    scale = 1000.0 if ending == ".png" else None
    write_map(tmp_path / f"few{ending}", sparsify(plane, "uniform", 0.2), scale)
    assert main(["complete", str(tmp_path / f"few{ending}")]) == 0
    whole = read_map(tmp_path / f"few-completed{ending}", scale)
    assert whole.shape == plane.shape and (whole - plane).abs().mean() < 0.02
    assert "48x64, 20.0% of the pixels known" in capsys.readouterr().out
    assert main(["complete", str(tmp_path / f"few{ending}")]) == 2 and "is there already" in capsys.readouterr().err
    other = ".npy" if ending == ".png" else ".png"  # a format of its own unit
    assert main(["complete", str(tmp_path / f"few{ending}"), "--out", str(tmp_path / f"other{other}")]) == 0
    there = read_map(tmp_path / f"other{other}", 1000.0 if other == ".png" else None)
    torch.testing.assert_close(there, whole, rtol=0, atol=2e-3)
    assert "note:" not in capsys.readouterr().out
    write_map(tmp_path / f"fewer{ending}", sparsify(plane, "uniform", 0.02), scale)
    assert main(["complete", str(tmp_path / f"fewer{ending}")]) == 0 and "fill_linear" in capsys.readouterr().out
    small = torch.nn.functional.avg_pool2d(plane, 4)
    write_map(tmp_path / f"small{ending}", small, scale)
    out = ["--checkpoint", "box/superres-x4", "--out", str(tmp_path / "deep" / f"large{ending}")]
    assert main(["enlarge", str(tmp_path / f"small{ending}"), *out]) == 0
    large = read_map(tmp_path / "deep" / f"large{ending}", scale)
    assert large.shape == plane.shape and (large - plane).abs().mean() < 0.02
    small[..., 3, 3] = 0
    write_map(tmp_path / f"small{ending}", small, scale)
    assert main(["enlarge", str(tmp_path / f"small{ending}"), *out, "--force"]) == 2
    assert "has holes (0). Say --fill" in capsys.readouterr().err
    assert main(["enlarge", str(tmp_path / f"small{ending}"), *out, "--force", "--fill"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["complete", "no.png"], "no.png"),
        (["complete", "map.jpg"], "map.jpg: ends in '.jpg'; expected a map in .npy, .pfm or 16-bit .png"),
        (["complete", "map.npy", "--scale", "0"], "--scale 0: expected file units"),
        (["complete", "empty.npy"], "nothing is measured"),
        (["complete", "map.npy", "--checkpoint", "box/superres-x4"], "is shown depth_lr, not sparse"),
        (["complete", "map.npy", "--rgb", "a.png"], "sees no picture"),
        (["enlarge", "map.npy", "--out", "x.bmp"], "x.bmp: ends in '.bmp'"),
        (["enlarge", "whole.npy"], "do not say their unit"),
    ],
)
def test_a_map_that_cannot_be_completed_leaves_nothing(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    np.save("map.npy", np.full((32, 32), 2, np.float32))
    np.save("empty.npy", np.zeros((32, 32), np.float32))
    np.save("whole.npy", np.ones((32, 32), np.int64))
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save("a.png")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(arguments) == 2 and words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


MINE = """
import torch
from depthlib.losses import Loss
from depthlib.models.base import DepthModel

class Net(DepthModel):
    def __init__(self, size):
        super().__init__()
        self.frame_size = self.input_size = tuple(size)
        self.region = (0, 0, *size)
        self.layer = torch.nn.Conv2d(3, 1, 3, padding=1)
    def forward(self, rgb):
        return self.layer(rgb)
    def begin_phase(self, part):
        pass
    def target(self, depth):
        return depth, depth > 0
    def to_depth(self, output):
        return output.clamp_min(0.1)

class Nothing(Net):
    def __init__(self, size):
        super().__init__(size)
        del self.region

class Absolute(Loss):
    def weigh(self, mask):
        return mask.flatten(1).any(1).float()
    def forward(self, prediction, target, mask):
        return torch.where(mask, (prediction - target).abs(), 0).flatten(1).mean(1), self.weigh(mask)
"""


def test_a_model_and_a_loss_of_ones_own_are_trained_scored_and_used_by_name(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_depth.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    recipe = {
        "name": "mine", "task": "depth", "description": "A network of somebody's own.",
        "data": {"name": "rooms", "size": [48, 64], "options": {"count": 4}},
        "model": {"name": "my_depth:Net", "options": {"size": [48, 64]}},
        "loss": {"name": "my_depth:Absolute"},
        "phases": [{"train": "all", "samples": 16, "batch": 4, "rates": {"": 0.01}, "augment": "centre"}],
        "evaluate": [{"data": {"name": "rooms", "split": "test", "size": [48, 64], "options": {"count": 2}}, "protocol": "full",
                      "stages": ["all"]}],
    }  # fmt: skip
    Path("mine.yaml").write_text(yaml.safe_dump(recipe))
    assert main(["train", "mine.yaml", "--profile", "cpu", "--out", "run"]) == 2
    assert "my_depth is not imported" in capsys.readouterr().err
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_depth", raising=False)
    assert main(["train", "mine.yaml", "--profile", "cpu", "--out", "run"]) == 2  # that it could be found is not enough
    assert "my_depth is not imported" in capsys.readouterr().err and "my_depth" not in sys.modules
    (tmp_path / "broken.py").write_text("def (")
    monkeypatch.setenv("DEPTHLIB_IMPORT", "my_depth,broken")
    assert main(["train", "mine.yaml", "--profile", "cpu", "--out", "run"]) == 0
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save("a.png")
    assert main(["predict", "a.png", "--checkpoint", "run"]) == 0 and Path("a-depth.png").is_file()
    for name, words in (
        ("my_depth:Nothing", "has no region"), ("my_depth:Netz", "my_depth has no Netz"), ("subprocess:Popen", "is the class Popen; expected a class of"),
        ("egien", "did you mean 'eigen'"), ("this:Net", "this is not imported"),
        ("broken:Net", "broken cannot be imported (SyntaxError"),
    ):  # fmt: skip
        Path("other.yaml").write_text(yaml.safe_dump({**recipe, "model": {**recipe["model"], "name": name}}))
        assert main(["train", "other.yaml", "--profile", "cpu", "--out", "other"]) == 2
        assert words in capsys.readouterr().err, name
