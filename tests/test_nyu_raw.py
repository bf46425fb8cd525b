"""The raw recordings: times, cameras and masks, against OpenCV's lens model and the one genuine pair."""

import cv2
import h5py
import numpy as np
import pytest
import torch
from made import packed, script
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import distance_transform_edt

from depthlib.data import nyu_raw, open_dataset, sources
from depthlib.data.formats import read_kinect_pgm, read_rgb
from depthlib.data.nyu_raw import (
    align,
    frame_time,
    match_times,
    straighten,
    training_scenes,
    without_extremes,
)
from depthlib.errors import DepthError
from depthlib.structure import depth_edges

# facts of the toolbox's camera_params.m, typed a second time
K_RGB = np.array([[518.85790117450188, 0, 324.58244941119034], [0, 519.46961112127485, 252.73616633400465], [0, 0, 1]])
RGB_LENS = np.array([0.20796615, -0.58613825, 0.00072231363, 0.00104796275, 0.49856987])
K_DEPTH = np.array(
    [[582.62448167737955, 0, 312.04475870804731], [0, 582.69103270988637, 237.44389626620386], [0, 0, 1]]
)
DEPTH_LENS = np.array([-0.099897237, 0.39065325, 0.001929059, -0.0019292221, -0.51031725])


def test_a_depth_pixel_falls_where_opencvs_lenses_say():
    """Single points all over the frame: undistorted, moved and projected by OpenCV, with the published numbers."""
    from depthlib.data.nyu_raw import M, T

    for column, row, metres in ((60, 50, 1.2), (320, 240, 2.0), (600, 60, 3.3), (100, 420, 5.0), (560, 430, 0.8)):
        depth = np.zeros((480, 640))
        depth[row, column] = metres
        ray = cv2.undistortPoints(
            np.array([[[column, row]]], np.float64), K_DEPTH, DEPTH_LENS,
            criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12),
        )[0, 0]  # fmt: skip
        point = np.linalg.inv(M) @ (np.array([*ray, 1.0]) * metres) - T
        where = cv2.projectPoints(point[None], np.zeros(3), np.zeros(3), K_RGB, np.zeros(5))[0][0, 0]
        found = align(depth)
        rows, columns = np.nonzero(found)
        assert (columns[0], rows[0]) == tuple(np.rint(where).astype(int)) and len(rows) == 1
        assert found[rows[0], columns[0]] == pytest.approx(point[2], rel=1e-5)


def test_pictures_are_straightened_as_opencv_does():
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 255, (480, 640, 3), dtype=np.uint8), (0, 0), 3)
    theirs = cv2.undistort(picture, K_RGB, RGB_LENS)
    inside = np.s_[10:470, 10:630]  # beyond the edge OpenCV has black
    assert np.abs(straighten(picture)[inside].astype(int) - theirs[inside]).max() <= 2
    with pytest.raises(DepthError, match=r"raw picture is \(240, 320, 3\)"):
        straighten(picture[::2, ::2])


def test_the_labelled_pictures_were_straightened_alike(genuine):
    """Their white rim is where the straight picture has nothing."""
    with h5py.File(genuine / "nyu_labeled_mat" / "excerpt.mat") as file:
        theirs = file["images"][()].min((0, 1)).T > 235  # of all pictures and channels; the rim is nearly white
    ours = straighten(np.zeros((480, 640, 3), np.uint8))[..., 0] > 250
    assert 0.04 < ours.mean() < 0.05 and (ours & theirs).sum() > 0.98 * (ours | theirs).sum()


def test_the_nearer_of_two_points_is_seen_and_holes_stay():
    depth = np.full((480, 640), 4.0)
    depth[:, 300:340] = 1.0
    depth[100:200, 100:200] = 0
    found = align(depth)
    assert (found[240] > 0).mean() > 0.8 and found[130:170, 140:170].max() == 0
    wall = found[found > 2]
    assert wall.min() > 3.9 and wall.max() < 4.1
    with pytest.raises(DepthError, match=r"raw depth is \(240, 320\)"):
        align(depth[::2, ::2])


def test_on_the_genuine_pair_the_published_signs_bring_depth_edges_to_colour_edges(genuine, monkeypatch):
    """Mean distance from a depth edge to the nearest colour edge; 2.4 px so, 4.5 with +t, 3.6 with M for M⁻¹."""
    raw = read_kinect_pgm(genuine / "nyu_raw" / "NYU_depth.pgm")
    picture = straighten(read_rgb(genuine / "nyu_raw" / "NYU_color.ppm"))
    grey = torch.from_numpy(picture.astype(np.float32).mean(-1) / 255)
    colour = distance_transform_edt(~depth_edges(1 + grey))

    def distance():
        moved = align(raw)
        known = moved > 0
        index = distance_transform_edt(~known, return_distances=False, return_indices=True)
        edges = depth_edges(torch.from_numpy(moved[tuple(index)])) & known
        return colour[edges].mean()

    right = distance()
    monkeypatch.setattr(nyu_raw, "T", -nyu_raw.T)
    assert distance() > right + 0.1
    monkeypatch.setattr(nyu_raw, "T", -nyu_raw.T)
    monkeypatch.setattr(nyu_raw, "M", np.linalg.inv(nyu_raw.M))
    assert distance() > right + 0.1


def test_times():
    assert frame_time("r-1294886360.238178-3118787619.ppm") == 1294886360.238178
    with pytest.raises(DepthError, match="no time in its name"):
        frame_time("r-last.ppm")
    assert match_times([1.0, 2.0, 3.0], [1.1, 1.9, 3.4]) == [0, 1, 2]
    assert match_times([1.0, 1.2, 3.0], [1.1, 3.4]) == [None, None, 1]  # one picture for two depths: neither
    assert match_times([1.0], []) == [None]
    assert match_times([5.0, 0.0][::-1], [2.4, 2.6]) == [0, 1]


def test_extremes_are_what_was_recorded():
    depth = np.array([[0, 0.7, 0.7, 2.0], [9.9, 3.0, 9.9, 0]], np.float32)
    assert without_extremes(depth).tolist() == [[0, 0, 0, 2.0], [0, 3.0, 0, 0]]
    assert not without_extremes(np.zeros((2, 2), np.float32)).any()


def write_pgm(path, metres):
    """By the toolbox's formula turned round, bytes little-endian."""
    values = np.where(metres > 0, np.rint(1092.5 - 351.3 / np.maximum(metres, 0.4)), 2047).astype("<u2")
    path.write_bytes(b"P5\n640 480\n2047\n" + values.tobytes())


@pytest.fixture
def recordings(tmp_path):
    """Two scenes in the genuine layout; in the first, one depth frame has no picture of its own and one file is empty."""
    rng = np.random.default_rng(0)
    for scene, depths, pictures in (
        ("kitchen_0004", (10.00, 10.04, 11.0, 12.0), (10.02, 11.01, 12.01, 13.0)),
        ("office_0001", (5.0,), (5.01,)),
    ):
        folder = tmp_path / "nyu_raw" / scene
        folder.mkdir(parents=True)
        for time in depths:
            write_pgm(folder / f"d-{time:.6f}-7.pgm", rng.uniform(1, 4, (480, 640)))
        for time in pictures:
            Image.fromarray(rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)).save(folder / f"r-{time:.6f}-7.ppm")
    (tmp_path / "nyu_raw/kitchen_0004/d-12.000000-7.pgm").write_bytes(b"")
    return tmp_path


def test_a_tree_of_the_genuine_layout_becomes_pairs(recordings, capsys, monkeypatch):
    from depthlib.cli import main

    monkeypatch.setenv("DEPTHLIB_DATA", str(recordings))
    data = open_dataset("nyu_raw", scenes=["kitchen_0004", "elsewhere"])
    assert data.names() == ["kitchen_0004-d-11.000000-7"] and data[0]["scene"] == "kitchen_0004"
    assert dict(data.dropped) == {
        "scenes that are not for training": 1, "depth frames without a picture of their own": 2, "empty files, or links to nowhere": 1,
        "pictures without a depth frame": 2,
    }  # fmt: skip
    sample = data[0]
    assert sample["rgb"].shape == (3, 480, 640) and 0.9 < sample["depth"][sample["depth"] > 0].min() < 1.1
    assert open_dataset("nyu_raw", size=(240, 320), scenes=["kitchen_0004"])[0]["depth"].shape == (1, 240, 320)
    (recordings / "nyu_raw/office_0001/d-5.000000-7.pgm").write_bytes(b"P5\n640 480\n2047\n cut")
    command = [
        "data",
        "prepare",
        "nyu_raw",
        "--option",
        "scenes=[kitchen_0004, office_0001]",
        "--jobs",
        "1",
        "--drop-damaged",
    ]
    assert main(command) == 0
    out = capsys.readouterr().out
    scenes = ["kitchen_0004", "office_0001"]
    store = open_dataset("nyu_raw", size=(240, 320), prepared=True, even=3, scenes=scenes)
    assert store.names() == ["kitchen_0004-d-11.000000-7"] * 3
    with pytest.raises(DepthError, match="depthlib data prepare nyu_raw"):
        open_dataset("nyu_raw", size=(120, 160), prepared=True, even=3)
    with pytest.raises(DepthError, match="was prepared with options"):
        open_dataset("nyu_raw", size=(240, 320), prepared=True, even=3)
    assert "left out: 2 depth frames without a picture" in out and "1 samples\n1 left out:\n  office_0001-d-5" in out


def write_official(folder):
    """The parts of the official files that name the training scenes: frames 1 and 3 are of the kitchen."""
    savemat(folder / "splits.mat", {"trainNdxs": [[1], [3]], "testNdxs": [[2]]})
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "w") as file:
        references = []
        for i, name in enumerate(("kitchen_0004", "secret_test", "kitchen_0004")):
            file[f"#refs#/{i}"] = np.array([[ord(letter)] for letter in name], np.uint16)
            references.append(file[f"#refs#/{i}"].ref)
        file["scenes"] = np.array([references], dtype=h5py.ref_dtype)


def test_the_training_scenes_come_from_the_official_file(tmp_path, recordings):
    folder = tmp_path / "nyu_depth_v2_labeled"
    folder.mkdir()
    with pytest.raises(DepthError, match="splits.mat: not found"):
        open_dataset("nyu_raw", root=recordings / "nyu_raw", labelled=folder)
    write_official(folder)
    splits = {"train": np.array([0, 2]), "test": np.array([1])}
    assert training_scenes(folder / "nyu_depth_v2_labeled.mat", splits) == {"kitchen_0004"}
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "a") as file:
        del file["scenes"]
    with pytest.raises(DepthError, match="option scenes"):
        training_scenes(folder / "nyu_depth_v2_labeled.mat", splits)
    with pytest.raises(DepthError, match="none of the 1 training scenes"):
        open_dataset("nyu_raw", root=recordings / "nyu_raw", scenes=["nowhere"])
    with pytest.raises(DepthError, match="expected a list of names"):
        open_dataset("nyu_raw", root=recordings / "nyu_raw", scenes="kitchen_0004")


def test_the_script_takes_the_archives_to_a_store(recordings, mirror, tmp_path, monkeypatch, capsys):
    """Downloaded from a mirror as the set's page packs them; only the training scene is kept."""
    folder, address = mirror
    packed(folder / "kitchens_part1.zip", recordings / "nyu_raw", "kitchen_0004")
    packed(folder / "offices_part1.zip", recordings / "nyu_raw", "office_0001")
    official = tmp_path / "official"
    official.mkdir()
    write_official(official)
    few = tuple(item for item in sources.SOURCES["nyu_raw"] if (folder / item.source.name).is_file())
    assert len(few) == 2
    monkeypatch.setitem(sources.SOURCES, "nyu_raw", few)
    # stands for the 2.8 GB
    plain = tuple(sources.Item(sources.Source(path.name, ())) for path in sorted(official.iterdir()))
    monkeypatch.setitem(sources.SOURCES, "nyu", plain)
    for path in official.iterdir():
        path.rename(folder / path.name)
    monkeypatch.setattr(
        "depthlib.data.nyu_raw.read_splits", lambda path: {"train": np.array([0, 2]), "test": np.array([1])}
    )
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path / "data"))
    prepare = script("prepare_nyu_raw")
    assert prepare.main(["--mirror", address, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "left out: 1 scenes that are not for training" in out and "1 samples" in out
    assert open_dataset("nyu_raw", size=(240, 320), prepared=True, even=2).names() == ["kitchen_0004-d-11.000000-7"] * 2
    assert not list((tmp_path / "data" / "nyu_raw").glob("*.zip"))  # unpacked, then removed
    for path in folder.iterdir():
        path.unlink()
    assert prepare.main(["--mirror", address]) == 0 and "prepared already" in capsys.readouterr().out


def test_lenses_bend_rays_as_opencv_does_and_the_cameras_stand_upright_to_each_other():
    """The same model, k₁ k₂ p₁ p₂ k₃, by another's code; and a rotation is one."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.5, 0.5, (2, 200))
    for lens in (nyu_raw.DEPTH_LENS, (0.1, -0.2, 0.03, -0.02, 0.05)):
        rays = np.stack((x, y, np.ones_like(x)), axis=-1)
        expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.eye(3), np.array(lens))
        np.testing.assert_allclose(np.stack(nyu_raw._through_lens(x, y, lens), axis=-1), expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(nyu_raw.M @ nyu_raw.M.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(nyu_raw.M) == pytest.approx(1, abs=1e-6)
