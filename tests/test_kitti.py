"""KITTI's raw drives, on a small tree in their layout made of genuine bytes, with values worked out from those bytes."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from made import packed, script
from PIL import Image

from depthlib import tables
from depthlib.baselines import constant
from depthlib.cli import main
from depthlib.data import kitti, open_dataset, sources
from depthlib.data.formats import read_velodyne
from depthlib.errors import DepthError
from depthlib.evaluation import evaluate
from depthlib.recipe import load_recipe
from depthlib.runs import run_and_score

DAY = "2011_09_26"
TRAIN, TEST = f"{DAY}_drive_0001_sync", f"{DAY}_drive_0002_sync"


@pytest.fixture(scope="module")
def genuine_frame(genuine):
    folder = genuine / "kitti_object"
    return {
        "calibration": kitti.read_calibration(folder / "calib_000007.txt"),
        "picture": folder / "image_2_000007.png", "scan": folder / "velodyne_000007.bin",
        "annotated": genuine / "kitti_depth" / "0000000016.png",
    }  # fmt: skip


def numbers(values):
    return " ".join(f"{v:.12e}" for v in np.asarray(values).ravel())


@pytest.fixture
def drives(genuine_frame, tmp_path):
    """Two drives of three frames each: one to train on, one that Eigen et al. test on."""
    root, c = tmp_path / "kitti_raw", genuine_frame["calibration"]
    move = c["Tr_velo_to_cam"]
    for drive in (TRAIN, TEST):
        for camera in (2, 3):
            (root / DAY / drive / f"image_0{camera}" / "data").mkdir(parents=True)
        (root / DAY / drive / "velodyne_points" / "data").mkdir(parents=True)
        (root / DAY / drive / "oxts" / "data").mkdir(parents=True)
        for i, speed in enumerate((5.0, 0.0, 5.0)):
            for camera in (2, 3):
                shutil.copy(
                    genuine_frame["picture"], root / DAY / drive / f"image_0{camera}" / "data" / f"{i:010d}.png"
                )
            shutil.copy(genuine_frame["scan"], root / DAY / drive / "velodyne_points" / "data" / f"{i:010d}.bin")
            record = [0.0] * 30
            record[8] = speed
            (root / DAY / drive / "oxts" / "data" / f"{i:010d}.txt").write_text(" ".join(map(str, record)))
    (root / DAY / "calib_cam_to_cam.txt").write_text(
        f"calib_time: 09-Jan-2012 13:57:47\nR_rect_00: {numbers(c['R0_rect'])}\nP_rect_02: {numbers(c['P2'])}\n"
        f"P_rect_03: {numbers(c['P3'])}\n"
    )
    (root / DAY / "calib_velo_to_cam.txt").write_text(
        f"calib_time: 15-Mar-2012 11:37:16\nR: {numbers(move[:, :3])}\nT: {numbers(move[:, 3])}\n"
    )
    (root / "eigen_test_files.txt").write_text(f"{DAY}/{TEST} 0000000002 l\n{DAY}/{TEST} 0000000001 r\n")
    return root


def test_a_frame_of_a_drive_is_the_benchmarks_own_projection(drives, genuine_frame):
    sample = open_dataset("kitti", "train", root=drives)[0]
    size = Image.open(genuine_frame["picture"]).size[::-1]
    matrix = kitti.camera_from_scanner(genuine_frame["calibration"])
    wanted = kitti.project_scan(read_velodyne(genuine_frame["scan"]), matrix, size)
    assert sample["depth"].shape == (1, *size) and np.allclose(sample["depth"][0], wanted, atol=1e-4)
    assert sample["K"][0, 0].item() == pytest.approx(721.5377) and sample["scene"] == TRAIN


def test_a_point_is_stored_where_the_samples_own_K_projects_it(drives, genuine_frame):
    """At full size and reduced: pixel centres at whole numbers, as everywhere in this library."""
    c = genuine_frame["calibration"]
    scan = read_velodyne(genuine_frame["scan"])
    ahead = np.concatenate((scan[scan[:, 0] >= 0, :3], np.ones((int((scan[:, 0] >= 0).sum()), 1))), axis=1)
    xyz = ahead @ c["Tr_velo_to_cam"].T @ c["R0_rect"].T  # in the rectified frame of camera 0
    xyz = xyz + np.linalg.solve(c["P2"][:, :3], c["P2"][:, 3])  # of camera 2
    for size in (None, (184, 612), (96, 320)):
        sample = open_dataset("kitti", "train", size=size, root=drives)[0]
        pixels = xyz @ sample["K"].numpy().T
        pixels, depth = pixels[:, :2] / pixels[:, 2:], pixels[:, 2]
        height, width = sample["depth"].shape[-2:]
        u, v = np.rint(pixels).astype(int).T
        inside = (depth > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
        stored = sample["depth"][0].numpy()
        assert (stored[v[inside], u[inside]] > 0).mean() > 0.999, size
        nearest = np.full((height, width), np.inf)
        np.minimum.at(nearest, (v[inside], u[inside]), depth[inside])
        assert np.isclose(nearest, stored, atol=0.01)[stored > 0].mean() > 0.99, size


def test_a_smaller_frame_keeps_the_points_that_resizing_would_lose(drives):
    whole, half = (open_dataset("kitti", "train", size=size, root=drives)[0] for size in (None, (184, 612)))
    assert half["rgb"].shape == (3, 184, 612) and half["K"][0, 0].item() == pytest.approx(
        721.5377 * 612 / 1242, rel=1e-3
    )
    resized = torch.nn.functional.interpolate(whole["depth"][None], (184, 612), mode="nearest-exact")
    assert (half["depth"] > 0).sum() > 2 * (resized > 0).sum()
    both = half["depth"][0][half["depth"][0] > 0], whole["depth"][whole["depth"] > 0]
    assert both[0].median().item() == pytest.approx(both[1].median().item(), rel=0.15)


def test_training_leaves_out_what_is_tested_on_and_where_the_car_stands(drives):
    assert open_dataset("kitti", "train", root=drives).names() == [f"{TRAIN}-{i:010d}-2" for i in (0, 2)]
    both = open_dataset("kitti", "train", root=drives, cameras=[2, 3])
    assert len(both) == 4 and not any("0002_sync" in name for name in both.names())
    assert len(kitti.TEST_DRIVES) == 28 and TEST in kitti.TEST_DRIVES
    assert [len(drives) for drives in kitti.KINDS.values()] == [28, 21, 12] and len(kitti.DRIVES) == 61
    assert len(kitti.DRIVES - kitti.TEST_DRIVES) == 33
    assert dict(open_dataset("kitti", "train", root=drives).dropped) == {
        "drives that are tested on": 1, "frames in which the car stands": 1, "training drives that are not here": 32,
    }  # fmt: skip
    # the right camera sees the same points from half a metre beside: another picture plane
    left, right = both[0]["depth"], both[1]["depth"]
    assert not left.equal(right) and abs((left > 0).sum() - (right > 0).sum()) < 2000
    (drives / DAY / TRAIN).rename(drives / DAY / f"{DAY}_drive_0119_sync")  # a calibration drive
    with pytest.raises(DepthError, match="no frame for train"):
        open_dataset("kitti", "train", root=drives)


def test_the_test_split_is_the_list_in_both_forms_that_circulate(drives, tmp_path):
    test = open_dataset("kitti", "test", root=drives)
    assert test.names() == [f"{TEST}-0000000002-2", f"{TEST}-0000000001-3"]
    (tmp_path / "bts.txt").write_text(f"{DAY}/{TEST}/image_02/data/0000000002.png None 721.5377\n\n")
    other = open_dataset("kitti", "test", root=drives, frames=tmp_path / "bts.txt")
    assert other.names() == test.names()[:1] and other[0]["depth"].equal(test[0]["depth"])
    assert test.fingerprint() != other.fingerprint()
    (tmp_path / "notepad.txt").write_bytes(
        b"\xef\xbb\xbf" + (drives / "eigen_test_files.txt").read_bytes().replace(b"\n", b"\r\n")
    )
    assert open_dataset("kitti", "test", root=drives, frames=tmp_path / "notepad.txt").names() == test.names()
    (drives / DAY / TRAIN / "image_02" / "data" / "._0000000000.png").write_text("left by a Mac")
    (drives / DAY / TRAIN / "image_03" / "data" / "0000000000.png").unlink()
    assert len(open_dataset("kitti", "train", root=drives, cameras=[2, 3])) == 2


def test_days_of_different_size_are_scored_in_one_run(drives):
    """KITTI's pictures are 375x1242 on one day and 370x1224 on another; truth is never resized."""
    day = drives / "2011_09_28"
    shutil.copytree(drives / DAY / TEST, day / "2011_09_28_drive_0002_sync")
    for name in ("calib_cam_to_cam.txt", "calib_velo_to_cam.txt"):
        shutil.copy(drives / DAY / name, day / name)
    for path in (day / "2011_09_28_drive_0002_sync").glob("image_0*/data/*.png"):
        Image.open(path).crop((0, 0, 1224, 370)).save(path)
    with (drives / "eigen_test_files.txt").open("a") as file:
        file.write("2011_09_28/2011_09_28_drive_0002_sync 0000000000 l\n")
    test = open_dataset("kitti", "test", root=drives)
    assert {tuple(test[i]["depth"].shape[1:]) for i in range(3)} == {(375, 1242), (370, 1224)}
    scores = [evaluate(constant(torch.full((1, 1, 1, 1), 15.0)), test, "garg", batch=b) for b in (1, 3)]
    assert scores[0].images == 3 and scores[0].metrics == pytest.approx(scores[1].metrics)


def test_annotated_truth_is_read_and_frames_without_it_are_counted(drives, genuine_frame):
    target = drives / "annotated" / TEST / "proj_depth" / "groundtruth" / "image_02"
    target.mkdir(parents=True)
    size = Image.open(genuine_frame["picture"]).size
    Image.open(genuine_frame["annotated"]).resize(size, Image.Resampling.NEAREST).save(target / "0000000002.png")
    test = open_dataset("kitti", "test", root=drives, truth="annotated")
    assert len(test) == 1 and test.dropped == {"frames without an annotated map": 1}
    values = np.asarray(Image.open(target / "0000000002.png"))
    assert np.allclose(test[0]["depth"][0], values / 256) and (values > 0).any()


@pytest.mark.parametrize(
    ("damage", "options", "words"),
    [
        (None, {"split": "validation"}, "split is 'validation'"),
        (None, {"truth": "stereo"}, "truth is 'stereo'"),
        (None, {"cameras": [0]}, r"cameras are \[0\]"),
        (None, {"split": "test", "cameras": [3]}, "all of the left camera"),
        (None, {"split": "train", "frames": "x.txt"}, "frames is for the split test"),
        (None, {"split": "test", "frames": "no.txt"}, r"no\.txt: not there.*697 frames"),
        (("eigen_test_files.txt", "hello world\n"), {"split": "test"}, "line 1: 'hello world' is no frame"),
        (("eigen_test_files.txt", ""), {"split": "test"}, "no frame for test"),
        ((f"{DAY}/calib_velo_to_cam.txt", "R: 1 0 0 0 1 0 0 0 1\n"), {}, "calibration: T is missing"),
        ((f"{DAY}/calib_cam_to_cam.txt", "R_rect_00: 1 0 0 0 1 0 0 0 1\n"), {}, "no P_rect_02 in it"),
        ((f"{DAY}/calib_velo_to_cam.txt", "R: 1 0 0 0 1 0 0 0 1\nT: 1 2\n"), {}, r"T is \(2,\); expected \(3,\)"),
        ((f"{DAY}/calib_velo_to_cam.txt", "R: 1 0 0 0 1 0 0 0 nan\nT: 1 2 3\n"), {}, "not finite"),
        (
            ("eigen_test_files.txt", f"{DAY}/{TEST} 0000000099 l\n"),
            {"split": "test"},
            r"0000000099\.png: not there, one of 2",
        ),
        (
            ("eigen_test_files.txt", f"{DAY}/{TEST} 1 l\n{DAY}/{TEST} 1 l\n"),
            {"split": "test"},
            "line 2: .* is there twice",
        ),
        (("eigen_test_files.txt", f"{DAY}/{TEST}/image_00/data/1.png\n"), {"split": "test"}, "names no colour camera"),
        ((f"{DAY}/{TRAIN}/oxts/data/0000000000.txt", "1 2"), {}, "not an oxts record"),
        ((f"{DAY}/{TRAIN}/velodyne_points/data/0000000000.bin", "abc"), {}, "expected points of 16 bytes"),
    ],
)
def test_trees_that_are_not_kitti(drives, damage, options, words):
    if damage:
        (drives / damage[0]).write_text(damage[1])
    split = options.pop("split", "train")
    with pytest.raises(DepthError, match=words):
        open_dataset("kitti", split, root=drives, **options)[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: re.sub(r"(P_rect_02: )\S+", r"\g<1>0.0", text), "P2 has focal lengths of 0 and"),
        (lambda text: re.sub(r"(P_rect_02:(?: \S+){5} )\S+", r"\g<1>-7.0", text), "P2 has focal lengths of .* and -7"),
        (
            lambda text: text + "S_rect_02: 1.0e+02 2.0e+02\n",
            "is for pictures of 200x100. Use the pictures as they come",
        ),
    ],
)
def test_a_calibration_that_is_not_the_pictures(drives, change, words):
    path = drives / DAY / "calib_cam_to_cam.txt"
    path.write_text(change(path.read_text()))
    with pytest.raises(DepthError, match=words):
        open_dataset("kitti", "train", root=drives)[0]


def test_the_pictures_own_size_in_the_calibration_is_right(drives, genuine_frame):
    width, height = Image.open(genuine_frame["picture"]).size
    with open(drives / DAY / "calib_cam_to_cam.txt", "a") as file:
        file.write(f"S_rect_02: {width:e} {height:e}\n")
    assert open_dataset("kitti", "train", root=drives)[0]["depth"].shape == (1, height, width)


def test_annotated_maps_that_are_not_unpacked_are_named(drives):
    with pytest.raises(DepthError, match="annotated: not there. Unpack KITTI's data_depth_annotated"):
        open_dataset("kitti", "train", root=drives, truth="annotated")


def test_no_drive_at_all(tmp_path):
    with pytest.raises(DepthError, match="no raw drive there"):
        open_dataset("kitti", root=tmp_path)


@pytest.mark.parametrize("name", ["eigen-kitti", "eigen-kitti-paper", "densedepth-kitti"])
def test_the_kitti_recipes_run_from_the_tree_to_the_scores(drives, tmp_path, monkeypatch, name):
    monkeypatch.setenv("DEPTHLIB_DATA", str(drives.parent))
    recipe = load_recipe(name, "smoke", **{"phases.0.samples": 4, "phases.0.batch": 2})
    _, results = run_and_score(recipe, "smoke", tmp_path / "run", progress=False)
    ((where, entry),) = results["metrics"].items()
    assert where.startswith("kitti-test/") and all(np.isfinite(v) for row in entry.values() for v in row.values())
    assert (
        json.loads((tmp_path / "run" / "results.json").read_text())["data"]["images"]
        == {
            "eigen-kitti": 4,  # of both cameras
            "eigen-kitti-paper": 4,
            "densedepth-kitti": 2,
        }[name]
    )


def test_the_commands_of_the_kitti_table_run_when_the_data_is_there(drives, monkeypatch, capsys):
    monkeypatch.setenv("DEPTHLIB_DATA", str(drives.parent))
    commands = {tables.command(ours) for row in tables.load_table("002-kitti").rows for ours in row.ours}
    assert len(commands) == 2
    for command in commands:
        assert main(command.split()[1:]) == 0
        assert "rmse" in capsys.readouterr().out.lower(), command


def test_the_script_takes_the_archives_to_two_stores(drives, mirror, tmp_path, monkeypatch, capsys):
    """Downloaded from a mirror as KITTI packs them, unpacked, written; a second run has nothing to do."""
    folder, address = mirror
    packed(folder / f"{DAY}_calib.zip", drives, f"{DAY}/calib_cam_to_cam.txt", f"{DAY}/calib_velo_to_cam.txt")
    for drive in (TRAIN, TEST):
        packed(folder / f"{drive}.zip", drives, f"{DAY}/{drive}")
    shutil.copy(drives / "eigen_test_files.txt", folder)
    names = {path.name for path in folder.iterdir()}
    few = tuple(item for item in sources.SOURCES["kitti"] if item.source.name in names)
    assert len(few) == 4
    monkeypatch.setitem(sources.SOURCES, "kitti", few)
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path / "data"))
    prepare = script("prepare_kitti")
    assert prepare.main(["--mirror", address, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "left out: 1 frames in which the car stands" in out and "left out: 1 drives that are tested on" in out
    stores = {
        split: open_dataset("store", root=tmp_path / f"data/stores/kitti-{split}-184x612")
        for split in ("train", "test")
    }
    assert len(stores["train"]) == 4 and len(stores["test"]) == 2
    genuine = open_dataset("kitti", "test", size=(184, 612), root=drives, conflicts="time")[0]
    stored = stores["test"][0]
    assert stored["name"] == genuine["name"] and (stored["depth"] - genuine["depth"]).abs().max() < 0.04  # float16
    for path in folder.iterdir():
        path.unlink()
    assert prepare.main(["--mirror", address]) == 0
    assert capsys.readouterr().out.count("prepared already") == 2
    options = {"cameras": [2, 3], "conflicts": "time"}
    assert open_dataset("kitti", "train", (184, 612), prepared=True, **options).names() == stores["train"].names()
    with pytest.raises(DepthError, match="was prepared with options"):
        open_dataset("kitti", "train", (184, 612), prepared=True)


def test_some_archives_make_no_store(drives, mirror, tmp_path, monkeypatch, capsys):
    folder, address = mirror
    packed(folder / f"{TRAIN}.zip", drives, f"{DAY}/{TRAIN}")
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path / "data"))
    assert script("prepare_kitti").main(["--only", f"{TRAIN}*", "--mirror", address]) == 0
    assert (tmp_path / "data" / "kitti_raw" / DAY / TRAIN).is_dir() and not (tmp_path / "data" / "stores").exists()


def test_a_changed_calibration_changes_the_fingerprint_and_lost_pictures_are_counted(drives):
    before = open_dataset("kitti", "train", root=drives).fingerprint()
    path = drives / DAY / "calib_cam_to_cam.txt"
    text = path.read_text()
    path.write_text(text.replace("7", "8", 1) if "7" in text else text)
    assert path.stat().st_size == len(text) and open_dataset("kitti", "train", root=drives).fingerprint() != before
    (drives / DAY / TRAIN / "image_03" / "data" / "0000000002.png").unlink()
    both = open_dataset("kitti", "train", root=drives, cameras=[2, 3])
    assert both.dropped["frames without a scan or a picture of each camera"] == 1 and len(both) == 2
