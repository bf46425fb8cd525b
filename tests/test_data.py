"""Reading real pairs: the right metres, or one sentence about what is wrong."""

import json
import math
import os

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made import Samples, make_pairs
from PIL import Image

from depthlib import camera
from depthlib.data import open_dataset
from depthlib.data.folder import Folder
from depthlib.data.formats import read_depth_png, read_splits, write_depth_png
from depthlib.data.nyu import NyuMat, open_nyu, split_indices
from depthlib.data.pairs import Resized, cut_to_shape
from depthlib.data.preparation import write_store
from depthlib.data.store import InMemory, Store
from depthlib.errors import DepthError
from depthlib.sample import collate
from depthlib.stored import StoredPredictions


def test_the_labelled_folder_has_the_official_split_and_true_metres(nyu_root):
    train, test = open_nyu(nyu_root, "train"), open_nyu(nyu_root, "test")
    assert (len(train), len(test)) == (795, 654)
    assert test[0]["name"] == "0001" and train[0]["name"] == "0003"  # splits.mat counts from 1
    depth = train[0]["depth"]
    assert depth.shape == (1, 240, 320) and 0.5 < depth.min() and depth.max() < 10 and depth.dtype == torch.float32
    assert train[0]["K"][0, 0].item() == pytest.approx(518.857901 / 2) and train[0]["K"][0, 2].item() == pytest.approx(
        (324.58244941 + 0.5) / 2 - 0.5
    )


def test_fit_and_validation_divide_the_training_images(nyu_root):
    parts = {split: set(open_nyu(nyu_root, split).names()) for split in ("fit", "validation", "train", "test")}
    assert parts["fit"] | parts["validation"] == parts["train"] and not parts["fit"] & parts["validation"]
    assert not parts["train"] & parts["test"] and 60 <= len(parts["validation"]) <= 100


def test_frames_know_their_place_which_no_two_parts_share(nyu_root, nyu_mat):
    every = open_nyu(nyu_root, "all")
    place = {pair.name: pair.scene for pair in every.pairs}
    parts = {split: {place[name] for name in open_nyu(nyu_root, split).names()} for split in ("train", "test")}
    assert (len(parts["train"]), len(parts["test"])) == (123, 124) and not parts["train"] & parts["test"]
    assert (
        place["0001"] == place["0002"] == "0001"
        and place["0003"] == "0003"
        and open_nyu(nyu_root, "test")[2]["scene"] == "0009"
    )
    mat = NyuMat(nyu_mat, [0, 1], scenes=["0001", ""])
    assert [mat[i]["scene"] for i in range(2)] == ["0001", ""] and "scene" not in NyuMat(nyu_mat, [1])[0]


def test_a_store_that_does_not_know_its_places_is_told(nyu_root, tmp_path):
    """As those are that were prepared before; through every way of opening one, and with the fingerprint unchanged."""
    few = open_nyu(nyu_root, "all", (24, 32))
    frames = [few[i] for i in range(12)]
    for sample in frames:
        sample["scene"] = ""
    write_store(Samples(frames), tmp_path / "old")
    numbers = ["0001", "0001", "0003", "0009"]
    told = Store(tmp_path / "old", [0, 1, 2, 8], scenes=numbers)
    assert [sample["scene"] for sample in told.__getitems__(range(4))] == numbers
    assert told.fingerprint() == Store(tmp_path / "old", [0, 1, 2, 8]).fingerprint()
    assert collate(InMemory(told).__getitems__(range(4)))["scene"] == numbers
    assert Resized(told, (12, 16))[3]["scene"] == "0009"
    assert told.encoded([2, 3])["scene"] == ["0003", "0009"]
    even = Store(tmp_path / "old", [0, 1, 2, 8], scenes=numbers, even=1)
    assert (
        sorted(sample["scene"] for sample in even.__getitems__(range(3))) == ["0001", "0003", "0009"] and len(even) == 3
    )
    with pytest.raises(DepthError, match="3 scenes for 4 images"):
        Store(tmp_path / "old", [0, 1, 2, 8], scenes=numbers[:3])


def test_the_official_mat_and_the_folder_are_the_same_pictures(nyu_mat, nyu_root):
    """MATLAB indices 1, 2, 3, 4, 9, 100 of the genuine file against the prepared folder (8-bit colour, ±8 mm)."""
    mat, folder = NyuMat(nyu_mat, size=(240, 320)), open_nyu(nyu_root, "all")
    for row, index in enumerate((0, 1, 2, 3, 8, 99)):
        a, b = mat[row], folder[index]
        assert (a["depth"] - b["depth"]).abs().mean() < 0.015
        assert (a["rgb"] - b["rgb"]).abs().mean() < 0.02
        torch.testing.assert_close(a["K"], b["K"])


def test_an_excerpt_is_not_taken_for_the_whole(nyu_mat):
    with pytest.raises(DepthError, match="excerpt"):
        NyuMat(nyu_mat, [0, 1448])


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_16_bit_png_round_trip(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("png") / "depth.png"
    metres = np.array([values], np.float32) / 1000
    write_depth_png(path, metres)
    assert np.allclose(read_depth_png(path), metres, atol=1e-6)


def test_files_without_a_partner_are_left_out_where_that_is_said(tmp_path):
    root = make_pairs(tmp_path / "pairs", 4)
    (root / "depth" / "0000.png").unlink()
    (root / "depth" / "0002.png").rename(root / "depth" / "two.png")
    with pytest.raises(DepthError, match=r"0000: no file .*3 without a partner.*unpaired=drop"):
        Folder(root)
    rest = Folder(root, unpaired="drop")
    assert rest.names() == ["0001", "0003"] and rest.dropped == {"files without a partner": 3}
    assert rest.fingerprint() == Folder(root, names=["0001", "0003"]).fingerprint()
    with pytest.raises(DepthError, match="unpaired is 'yes'"):
        Folder(root, unpaired="yes")
    for name in ("0001", "0003"):
        (root / "rgb" / f"{name}.png").unlink()
    with pytest.raises(DepthError, match="no file in rgb has a partner in depth"):
        Folder(root, unpaired="drop")


def test_validation_is_every_tenth_run_of_twenty_training_frames():
    splits = {"train": np.arange(795) * 2, "test": np.arange(654) * 2 + 1}
    held_out = split_indices(splits, "validation")
    assert held_out == [2 * i for start in (180, 380, 580, 780) for i in range(start, min(start + 20, 795))]
    assert sorted(held_out + split_indices(splits, "fit")) == splits["train"].tolist() == split_indices(splits, "train")
    assert split_indices(splits, "all") == sorted([*splits["train"], *splits["test"]])
    with pytest.raises(DepthError, match="split is 'val'; expected one of"):
        split_indices(splits, "val")


@pytest.mark.parametrize(
    ("height", "width", "size", "left"), [(90, 160, (12, 16), (90, 120)), (160, 90, (12, 16), (68, 90)), (90, 120, (12, 16), (90, 120)),
                                          (90, 160, (16, 12), (90, 68)), (160, 90, (16, 12), (120, 90))]
)  # fmt: skip
def test_what_is_cut_is_the_middle_of_either_shape(height, width, size, left):
    column = torch.arange(width).float().expand(1, height, width)
    K = camera.from_field_of_view(height, width, 60.0)
    sample = {"rgb": torch.zeros(3, height, width), "depth": 1 + column, "K": K, "name": "", "dataset": "", "index": 0}
    cut = cut_to_shape(sample, size)
    assert tuple(cut["depth"].shape[-2:]) == left
    top, first = (height - left[0]) // 2, (width - left[1]) // 2
    assert cut["depth"][0, 0, 0] == 1 + first
    torch.testing.assert_close(cut["K"], K - torch.tensor([[0, 0, first], [0, 0, top], [0, 0, 0]]))


def test_pictures_of_an_unknown_camera_see_sixty_degrees_and_a_camera_is_nine_numbers(pairs):
    K = Folder(pairs)[0]["K"]
    assert K[0, 0].item() == pytest.approx(160 / math.tan(math.radians(30)), rel=1e-5)
    for wrong in ([[1.0, 0, 0], [0, 1, 0]], [[math.nan, 0, 0], [0, 1, 0], [0, 0, 1]]):
        with pytest.raises(DepthError, match="expected nine finite numbers"):
            Folder(pairs, K=wrong)


def test_a_store_of_other_truth_is_not_taken_for_the_one_asked_for(tmp_path, monkeypatch):
    root = tmp_path / "nyu"
    write_store(Folder(make_pairs(tmp_path / "pairs", 4), name="nyu-raw"), root, progress=False)
    monkeypatch.setattr(
        "depthlib.data.nyu.read_splits", lambda path: {"train": np.array([0, 2]), "test": np.array([1, 3])}
    )
    assert open_nyu(root, "train", (240, 320), truth="raw").names() == ["0000", "0002"]
    with pytest.raises(DepthError, match="a store of 'nyu-raw', but truth=filled was asked for"):
        open_nyu(root, "train", (240, 320))
    with pytest.raises(DepthError, match=r"the store's images are \(240, 320\), asked for \(120, 160\)"):
        open_nyu(root, "train", (120, 160), truth="raw")


def test_accents_that_a_mac_takes_apart_are_the_same_name(tmp_path):
    root = make_pairs(tmp_path / "pairs", 2)
    (root / "rgb" / "0000.png").rename(root / "rgb" / "caf\u00e9.png")
    (root / "depth" / "0000.png").rename(root / "depth" / "cafe\u0301.png")
    pairs = Folder(root)
    assert pairs.names() == ["0001", "caf\u00e9"] and len(Folder(root, names=["cafe\u0301"])) == 1
    maps = StoredPredictions(root / "depth", 1000)
    maps.check_names(["cafe\u0301", "0001"], "mine")
    assert maps.place("caf\u00e9") == maps.place("cafe\u0301") == root / "depth" / "cafe\u0301.png"


def test_pairs_of_any_folder_become_samples(pairs):
    dataset = Folder(pairs)
    raw = np.asarray(Image.open(pairs / "depth" / "0003.png"))
    assert len(dataset) == 8 and dataset[3]["name"] == "0003"
    assert np.allclose(dataset[3]["depth"][0].numpy(), raw / 1000)
    kitti = Folder(pairs, depth_scale=256)
    assert np.allclose(kitti[3]["depth"][0].numpy(), raw / 256)
    half = Folder(pairs, size=(120, 160))[0]
    assert half["rgb"].shape == (3, 120, 160) and half["K"][0, 2].item() == pytest.approx(79.5)


def _depth(pairs, array):
    Image.fromarray(array).save(pairs / "depth" / "0000.png")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: (p / "depth" / "0000.png").unlink(), "no file of that name"),
        (lambda p: (p / "depth" / "0000.png").rename(p / "depth" / "zero.png"), "no file of that name"),
        (lambda p: (p / "depth" / "0000.png").write_bytes((p / "depth" / "0001.png").read_bytes()[:5000]), "cut short"),
        (lambda p: (p / "rgb" / "0000.png").write_bytes(b"no image at all"), "cannot be read"),
        (lambda p: _depth(p, np.full((320, 240), 1000, np.uint16)), "transposed"),
        (lambda p: _depth(p, np.full((240, 320), 100, np.uint8)), "16-bit"),
        (lambda p: _depth(p, np.full((120, 160), 1000, np.uint16)), "same size"),
        (lambda p: _depth(p, np.zeros((240, 320), np.uint16)), "every depth is 0"),
    ],
    ids=["missing", "renamed", "truncated", "not an image", "transposed", "8 bit", "other size", "all zero"],
)
def test_a_damaged_pair_is_named_with_its_remedy(pairs, damage, words):
    damage(pairs)
    with pytest.raises(DepthError, match=words) as error:
        Folder(pairs)[0]
    assert "0000" in str(error.value) or "zero" in str(error.value)


def test_millimetres_read_as_metres_are_noticed(pairs):
    with pytest.raises(DepthError, match="looks like millimetres"):
        Folder(pairs, depth_scale=1)[0]


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + b"\0" * 200, "hdf5"])
def test_a_split_that_cannot_be_read_is_never_guessed(tmp_path, content):
    path = tmp_path / "splits.mat"
    if content == "hdf5":
        with h5py.File(path, "w") as file:
            file["trainNdxs"] = np.arange(795)
    else:
        path.write_bytes(content)
    with pytest.raises(DepthError, match=r"splits\.mat"):
        read_splits(path)


def test_another_split_is_not_the_official_one(tmp_path):
    from scipy.io import savemat

    official = np.arange(1, 1450)
    for train, test in (
        (official[:795], official[795:]),  # the first 795 and the last 654: the usual guess
        (official[:795] - 1, official[795:] - 1),  # counted from 0
        (official[:795], official[699:1353]),  # overlapping
        (official[:795].reshape(5, 159), official[795:]),
        (np.append(official[:794].astype(float), np.nan), official[795:]),
    ):
        savemat(tmp_path / "splits.mat", {"trainNdxs": train, "testNdxs": test})
        with pytest.raises(DepthError, match=r"splits\.mat.*do not compare"):
            read_splits(tmp_path / "splits.mat")


def test_a_mat_that_is_cut_short_or_transposed_is_refused(tmp_path):
    (tmp_path / "cut.mat").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    with pytest.raises(DepthError, match="cut short"):
        NyuMat(tmp_path / "cut.mat")
    with h5py.File(tmp_path / "wrong.mat", "w") as file:
        file["images"], file["depths"] = np.zeros((1, 480, 640, 3), np.uint8), np.zeros((1, 480, 640), np.float32)
    with pytest.raises(DepthError, match="expected"):
        NyuMat(tmp_path / "wrong.mat")


def test_a_store_holds_what_was_put_in_and_is_read_only(pairs, tmp_path):
    source = Folder(pairs)
    store = Store(write_store(source, tmp_path / "store", licence="made for a test", progress=False).folder)
    assert len(store) == 8 and store.meta["licence"] == "made for a test"
    for a, b in zip(source.__getitems__(range(8)), store.__getitems__(range(8)), strict=True):
        torch.testing.assert_close(a["rgb"], b["rgb"])
        torch.testing.assert_close(a["depth"], b["depth"])
        assert a["name"] == b["name"]
    with pytest.raises(ValueError):
        store._depth[0, 0, 0] = 1
    assert Store(tmp_path / "store", [2]).fingerprint() != store.fingerprint()


def test_a_store_is_whole_or_absent(pairs, tmp_path):
    (pairs / "depth" / "0007.png").write_bytes(b"broken")
    with pytest.raises(DepthError, match=r"0007\.png"):
        write_store(Folder(pairs), tmp_path / "store", progress=False)
    assert list(tmp_path.iterdir()) == [pairs]
    (tmp_path / "store").mkdir()
    with pytest.raises(DepthError, match="exists already"):
        write_store(Folder(pairs), tmp_path / "store", progress=False)


def test_a_store_whose_arrays_do_not_fit_its_description_is_refused(pairs, tmp_path):
    folder = write_store(Folder(pairs), tmp_path / "store", progress=False).folder
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "count": 9}))
    with pytest.raises(DepthError, match="Prepare it again"):
        Store(folder)
    (folder / "meta.json").write_text(json.dumps({**meta, "schema": 99}))
    with pytest.raises(DepthError, match="schema 99"):
        Store(folder)
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DepthError, match="sample 99"):
        Store(folder, [99])
    with pytest.raises(DepthError, match="asked for"):
        open_dataset("store", root=folder, size=(48, 64))
    index = json.loads((folder / "index.json").read_text())
    for name, content in (
        ("meta.json", None), ("meta.json", {**meta, "units": "metres"}), ("meta.json", {"schema": 1}),
        ("index.json", None), ("index.json", [{**index[0], "K": [[1, 0], [0, 1]]}] * 8), ("index.json", [{}] * 8),
    ):  # fmt: skip
        kept = (folder / name).read_text()
        (folder / name).write_text(json.dumps(content))
        with pytest.raises(DepthError, match="Prepare it again"):
            Store(folder)
        (folder / name).write_text(kept)
    Store(folder).verify()
    with open(folder / "depth.npy", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    with pytest.raises(DepthError, match="fingerprint"):
        Store(folder).verify()
    os.truncate(folder / "depth.npy", 500)
    with pytest.raises(DepthError, match="store"):
        Store(folder)
    os.truncate(folder / "depth.npy", 0)
    with pytest.raises(DepthError, match="store"):
        Store(folder)


def test_a_store_that_does_not_fit_the_disk_is_refused_before_it_is_begun(pairs, tmp_path, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DepthError, match="GB are free"):
        write_store(Folder(pairs), tmp_path / "store", progress=False)
    assert list(tmp_path.iterdir()) == [pairs]


def test_photos_as_cameras_and_scanners_write_them(tmp_path):
    from PIL import Image

    from depthlib.data.formats import read_rgb

    wide = np.zeros((40, 60, 3), np.uint8)
    wide[:, :30] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise to show
    Image.fromarray(wide).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = read_rgb(tmp_path / "turned.jpg")
    assert upright.shape == (60, 40, 3) and upright[:25].mean() > 150 and upright[35:].mean() < 50
    grey = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    read = read_rgb(tmp_path / "deep.png")
    assert read.min() == 0 and read.max() == 255 and abs(read.mean() - 127.5) < 1
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(DepthError, match="without a fixed range"):
        read_rgb(tmp_path / "float.tiff")


@pytest.mark.parametrize("scale", [0, -1000, float("nan"), float("inf"), None, "abc"])
def test_an_impossible_depth_scale_is_not_blamed_on_the_file(pairs, scale):
    with pytest.raises(DepthError, match="depth_scale"):
        Folder(pairs, depth_scale=scale)


@pytest.mark.parametrize("size", [(0, 0), (-1, 5), (240.5, 320), 5, "x", (240,), (10**6, 10**6)])
def test_an_impossible_size_is_refused_at_opening(pairs, nyu_mat, size):
    for make in (lambda: Folder(pairs, size=size), lambda: NyuMat(nyu_mat, size=size)):
        with pytest.raises(DepthError, match="size is"):
            make()


def test_two_pictures_of_one_name_are_noticed_and_hidden_files_are_not(pairs):
    (pairs / "rgb" / "._0001.png").write_bytes(b"a Mac was here")
    assert len(Folder(pairs)) == 8
    for names, said in (([], r"\[\]"), ("0001", "'0001'")):
        with pytest.raises(DepthError, match=f"names is {said}"):
            Folder(pairs, names=names)
    assert Folder(pairs)[-1]["index"] == 7  # the same sample, with the same draws
    store = write_store(Folder(pairs), pairs.with_name("store"), progress=False).folder
    assert Store(store)[-1]["index"] == 7 and Store(store).encoded([-2])["index"] == [6]
    assert torch.equal(Store(store)[-1]["depth"], Store(store)[7]["depth"])
    kept = InMemory(Folder(pairs))
    assert kept[-1]["index"] == 7 and kept[7]["index"] == 7 and len(kept._kept) == 1
    one, other = Folder(pairs)[0], {**Folder(pairs)[1], "sparse": torch.zeros(1, 240, 320)}
    for batch in ([one, other], [other, one]):
        with pytest.raises(DepthError, match="only one of them has sparse"):
            collate(batch)
    (pairs / "rgb" / "0001.jpg").write_bytes(b"")
    with pytest.raises(DepthError, match="same name"):
        Folder(pairs)


@pytest.mark.parametrize("damage", ["group", "kind", "none"])
def test_another_hdf5_file_is_not_nyu(tmp_path, damage):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        if damage == "group":
            file.create_group("images")
        else:
            count = 0 if damage == "none" else 1
            file["images"] = np.zeros((count, 3, 640, 480), np.uint8)
        file["depths"] = np.zeros((1, 640, 480), np.uint16 if damage == "kind" else np.float32)
    with pytest.raises(DepthError, match=r"x\.mat"):
        NyuMat(tmp_path / "x.mat")
    with pytest.raises(DepthError, match="not found"):
        NyuMat(tmp_path)


def test_memory_gives_the_same_numbers_first_and_later(sample):
    kept = InMemory(Samples([sample]))
    first, second = kept[0], kept[0]
    assert first["depth"].equal(second["depth"]) and first["rgb"].equal(second["rgb"])
    assert (first["depth"] - sample["depth"]).abs().max() <= 0.0005 + 1e-6


def test_unknown_names_and_options_are_refused():
    with pytest.raises(DepthError, match="rooms, roads, nyu"):
        open_dataset("nyu2")
    with pytest.raises(DepthError, match="split"):
        open_dataset("rooms", "night")
    for name in ("store", "folder"):
        with pytest.raises(DepthError, match="option root"):
            open_dataset(name)
    with pytest.raises(DepthError, match="device"):
        open_dataset("rooms", device="teapot")
    with pytest.raises(DepthError, match="seed"):
        open_dataset("rooms", seed=1.5)
    with pytest.raises(DepthError, match="options"):
        open_dataset("rooms", count=3, colour="red")
    for size in ((24.5, 32), (3,), (1, 1)):
        with pytest.raises(DepthError, match="size"):
            open_dataset("rooms", size=size)


def test_nothing_there_says_where_to_get_it(tmp_path):
    with pytest.raises(DepthError, match=r"splits\.mat|DEPTHLIB_DATA"):
        open_nyu(tmp_path)
    with pytest.raises(DepthError, match="prepare_nyu_labelled"):
        open_nyu(tmp_path / "absent")


def test_a_wide_pair_is_cut_to_the_size_asked_for_as_a_network_sees_it(tmp_path):
    """Squeezed, a 16:9 camera's pictures would be learned from in another shape than they are asked about."""
    from depthlib.prediction import View

    for part, content in (("rgb", np.zeros((90, 160, 3), np.uint8)), ("depth", np.full((90, 160), 2000, np.uint16))):
        (tmp_path / part).mkdir()
        if part == "rgb":
            content[:, 20:140] = 200  # what a 4:3 picture shows of it
        Image.fromarray(content).save(tmp_path / part / "a.png")
    K = [[100.0, 0, 79.5], [0, 100, 44.5], [0, 0, 1]]
    sample = open_dataset("folder", root=tmp_path, size=(48, 64), K=K)[0]
    assert (sample["rgb"] > 0.7).all() and sample["depth"].shape == (1, 48, 64)
    assert sample["K"][0, 0].item() == pytest.approx(100 * 48 / 90) == pytest.approx(sample["K"][1, 1].item())
    assert sample["K"][:2, 2].tolist() == pytest.approx([31.5, 23.5])
    seen = []
    wide = torch.from_numpy(np.array(Image.open(tmp_path / "rgb/a.png"))).permute(2, 0, 1)[None] / 255
    View((48, 64), (48, 64), (0, 0, 48, 64)).look(wide, lambda rgb: (seen.append(rgb), rgb[:, :1])[1])
    assert (seen[0][..., 2:-2] > 0.7).all()  # it resizes first: at the cut a dark pixel shines through


def test_names_that_no_pair_has_are_said_to_be_such(tmp_path):
    root = make_pairs(tmp_path, 2)
    with pytest.raises(
        DepthError, match=r"no pair 'nope' \(1 such names\). Names are those of files without their ending"
    ):
        open_dataset("folder", root=root, names=["nope"])


@pytest.mark.parametrize("entry", [None, "3", {}])
def test_a_camera_in_an_index_that_is_no_number_is_refused(tmp_path, entry):
    folder = write_store(Folder(make_pairs(tmp_path / "pairs", 2)), tmp_path / "store", progress=False).folder
    index = json.loads((folder / "index.json").read_text())
    index[0]["K"][0][0] = entry
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(DepthError, match="Prepare it again"):
        open_dataset("store", root=folder)


def test_a_damaged_header_of_an_array_is_one_line(tmp_path):
    folder = write_store(Folder(make_pairs(tmp_path / "pairs", 2)), tmp_path / "store", progress=False).folder
    path = folder / "depth.npy"
    whole = path.read_bytes()
    for place in range(6, 80, 3):
        for byte in (1, 0x27, 0x5B):
            path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            try:
                open_dataset("store", root=folder)
            except DepthError as error:
                assert len(str(error)) < 700 and "\n" not in str(error)


def test_a_home_that_nobody_has(monkeypatch):
    with pytest.raises(DepthError, match="option root is '~nosuchuser/x': there is no such user"):
        open_dataset("folder", root="~nosuchuser/x")
    monkeypatch.setenv("DEPTHLIB_DATA", "~nosuchuser/x")
    with pytest.raises(DepthError, match="DEPTHLIB_DATA is '~nosuchuser/x'"):
        open_dataset("nyu")
