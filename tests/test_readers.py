"""Each data set from a small tree in its genuine layout: the right metres, the right camera, and errors that name the file.

The bytes are made here after each set's own description (png chunks, doubles, HDF5 by h5py), never by the reader under test.
"""

import io
import shutil
import struct
import tarfile
import zipfile
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image

from depthlib import tables
from depthlib.cli import main
from depthlib.data import FILES, open_dataset
from depthlib.data.archives import members
from depthlib.data.middlebury import MiddleburyDisparity
from depthlib.data.nyu import NyuMat
from depthlib.errors import DepthError
from depthlib.sample import collate


def picture(path, height, width, level=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(path)


def grey16(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint16)).save(path)


def rgb16_png(values):
    """A 16-bit colour PNG with three equal channels, by the format's own rules."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape
    rows = np.repeat(values.astype(">u2")[..., None], 3, axis=2)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


RAMP = np.arange(20 * 30).reshape(20, 30)


@pytest.fixture
def sintel(tmp_path):
    for scene in ("alley_1", "market_2"):
        picture(tmp_path / "training/final" / scene / "frame_0001.png", 20, 30)
        folder = tmp_path / "training/depth" / scene
        folder.mkdir(parents=True)
        depth = 2 + RAMP.astype("<f4") / 100
        depth[0, 0] = 70000.0  # the sky
        header = np.float32(202021.25).tobytes() + np.array([30, 20], "<i4").tobytes()
        (folder / "frame_0001.dpt").write_bytes(header + depth.tobytes())
        cameras = tmp_path / "training/camdata_left" / scene
        cameras.mkdir(parents=True)
        K = np.array([[1120, 0, 511.5], [0, 1120, 217.5], [0, 0, 1.0]])
        (cameras / "frame_0001.cam").write_bytes(
            np.float32(202021.25).tobytes() + K.astype("<f8").tobytes() + np.zeros(12, "<f8").tobytes()
        )
    return tmp_path


def test_sintel_in_metres_with_its_cameras_and_without_its_sky(sintel):
    data = open_dataset("sintel", root=sintel)
    sample = data[1]
    assert data.names() == ["alley_1-frame_0001", "market_2-frame_0001"] and sample["scene"] == "market_2"
    assert sample["depth"][0, 0, 0] == 0 and sample["depth"][0, 1, 0].item() == pytest.approx(2.3)
    assert sample["K"][:2, 2].tolist() == [511.5, 217.5]
    assert open_dataset("sintel", root=sintel, size=(10, 16))[0]["depth"].shape == (1, 10, 16)
    assert (open_dataset("sintel", root=sintel, farthest=3.0)[0]["depth"] <= 3).all()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda r: (r / "training/depth/alley_1/frame_0001.dpt").unlink(), "frame_0001.dpt: not there, one of 1 files"),
        (
            lambda r: (r / "training/camdata_left/alley_1/frame_0001.cam").write_bytes(b"x" * 172),
            "frame_0001.cam: 172 bytes",
        ),
        (
            lambda r: (r / "training/camdata_left/alley_1/frame_0001.cam").unlink(),
            "frame_0001.cam: not there, one of 1",
        ),
        (
            lambda r: (r / "training/camdata_left/alley_1/frame_0001.cam").write_bytes(
                np.float32(202021.25).tobytes() + np.diag([1e300, 1e300, 1]).tobytes() + bytes(96)
            ),
            "its camera is .*expected finite numbers",
        ),
        (lambda r: (r / "training/depth/alley_1/frame_0001.dpt").write_bytes(b"PIE " * 9), "not a Sintel depth map"),
        (lambda r: (r / "training/depth/alley_1/frame_0001.dpt").write_bytes(b"PIEH" * 9), "36 bytes for 1212500304x"),
        (lambda r: picture(r / "training/final/alley_1/frame_0001.png", 20, 31), "RGB is 20x31 but depth is 20x30"),
    ],
)
def test_sintel_damaged(sintel, damage, words):
    damage(sintel)
    with pytest.raises(DepthError, match=words):
        open_dataset("sintel", root=sintel)[0]


def test_synthia_keeps_its_lower_byte_and_scales_its_camera(tmp_path):
    centimetres = 300 + RAMP * 10
    centimetres[5, 5] = 65535  # the sky
    colour = tmp_path / "SYNTHIA-SEQS-01-DAWN/RGB/Stereo_Left/Omni_F/000007.png"
    picture(colour, 20, 30)
    picture(tmp_path / "SYNTHIA-SEQS-01-DAWN/RGB/Stereo_Left/Omni_B/000007.png", 20, 30)
    depth = tmp_path / "SYNTHIA-SEQS-01-DAWN/Depth/Stereo_Left/Omni_F/000007.png"
    depth.parent.mkdir(parents=True)
    depth.write_bytes(rgb16_png(centimetres))
    data = open_dataset("synthia", root=tmp_path)
    sample = data[0]
    assert len(data) == 1 and sample["scene"] == "SYNTHIA-SEQS-01-DAWN"
    assert sample["depth"][0, 0, 1].item() == pytest.approx(3.10) and sample["depth"][0, 5, 5] == 0
    assert sample["K"][0, 0].item() == pytest.approx(532.740352 * 30 / 1280)
    assert open_dataset("synthia", root=tmp_path / "SYNTHIA-SEQS-01-DAWN")[0]["depth"].equal(sample["depth"])
    for content, words in (
        (depth.read_bytes()[:-30], "cut short"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 30, "67 million"),
        (b"GIF89a", "not a PNG"),
    ):
        depth.write_bytes(content)
        with pytest.raises(DepthError, match=words):
            data[0]
    picture(depth, 20, 30)
    with pytest.raises(DepthError, match=r"\(20, 30, 3\) of uint8; expected three equal channels of 16 bits"):
        data[0]
    with pytest.raises(DepthError, match="give another view"):
        open_dataset("synthia", root=tmp_path, view="Stereo_Right/Omni_F")


@pytest.fixture
def house(tmp_path):
    house = tmp_path / "v1/scans/1pXnuDYAj8r/1pXnuDYAj8r"
    for camera in (0, 1):
        picture(house / f"undistorted_color_images/abc_i{camera}_0.jpg", 20, 30)
        grey16(house / f"undistorted_depth_images/abc_d{camera}_0.png", RAMP * 20)
    conf = house / "undistorted_camera_parameters/1pXnuDYAj8r.conf"
    conf.parent.mkdir()
    pose = " ".join(["1"] * 16)
    conf.write_text(
        "dataset matterport\nn_images 2\ndepth_directory undistorted_depth_images\ncolor_directory undistorted_color_images\n\n"
        f"intrinsics_matrix 25 0 14  0 26 6 0 0 1\nscan abc_d0_0.png abc_i0_0.jpg {pose}\n"
        f"intrinsics_matrix 27 0 15  0 28 9 0 0 1\nscan abc_d1_0.png abc_i1_0.jpg {pose}\n"
    )
    return tmp_path, conf


def test_matterport_quarters_of_a_millimetre_and_rows_counted_from_below(house):
    root, _ = house
    data = open_dataset("matterport", root=root)
    first, second = data[0], data[1]
    assert first["depth"][0, 0, 0] == 0 and first["depth"][0, 1, 0].item() == pytest.approx(30 * 20 / 4000)
    assert first["K"][:2].flatten().tolist() == [25, 0, 14, 0, 26, 19 - 6]
    assert second["K"][:2].flatten().tolist() == [27, 0, 15, 0, 28, 19 - 9]
    assert second["scene"] == "1pXnuDYAj8r" and second["name"] == "1pXnuDYAj8r-abc_i1_0"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("abc_i1_0.jpg", "lost.jpg", "lost.jpg: not there"),
        ("intrinsics_matrix 25", "#", "line 7: .*a scan before any intrinsics_matrix"),
        ("matrix 25", "matrix -25", "line 6: .*above 0"),
        ("matrix 25", "matrix nan", "line 6: .*above 0"),
        ("matrix 25 0", "matrix 25", "line 6: .*nine numbers must follow"),
        ("abc_i1_0.jpg", "abc_i0_0.jpg", "is listed twice"),
        ("scan abc_d1_0.png", "scan ../../../../secret.png", "line 9: .*leads out of its folder"),
        ("color_directory undistorted_color_images", "color_directory ..", "line 4: .*leads out of its folder"),
        ("scan abc_d1_0.png abc_i1_0.jpg", "scan", "lost|line 9|not there"),
        ("n_images 2", "n_images 3", "lists 2 scans, and says n_images 3: cut short"),
    ],
)
def test_matterport_lists_that_lie(house, old, new, words):
    root, conf = house
    conf.write_text(conf.read_text().replace(old, new))
    with pytest.raises(DepthError, match=words):
        open_dataset("matterport", root=root)


def test_houses_and_scenes_behind_links_are_found(house, tmp_path):
    root, _ = house
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "1pXnuDYAj8r").symlink_to(root / "v1/scans/1pXnuDYAj8r")
    (linked / "loop").symlink_to(linked)
    assert open_dataset("matterport", root=linked).names() == open_dataset("matterport", root=root).names()
    place = tmp_path / "h5/train/attic_0002"
    place.mkdir(parents=True)
    (place / "00001.h5").write_bytes(h5_bytes((1 + RAMP / 100).astype(np.float32)))
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(place / "00001.h5", tmp_path / "elsewhere/00002.h5")
    (tmp_path / "h5/train/bath_0001").symlink_to(tmp_path / "elsewhere")
    assert open_dataset("nyu_h5", "train", root=tmp_path / "h5").names() == ["attic_0002-00001", "bath_0001-00002"]


def grown(root):
    """The two scenes of :func:`sintel` under the names of the paper's five."""
    for part in ("final", "depth", "camdata_left"):
        for scene in ("ambush_4", "bandage_1", "cave_2"):
            shutil.copytree(root / "training" / part / "alley_1", root / "training" / part / scene)


@pytest.mark.parametrize("table", ["002-sintel", "002-matterport"])
def test_a_tables_commands_run_when_the_data_is_there(table, sintel, house, monkeypatch, capsys):
    """Every command of the table, from the genuine layout to its figures, as the table prints it."""
    grown(sintel)
    monkeypatch.setenv("DEPTHLIB_DATA", str(sintel))
    name = table.split("-")[1]
    part = {"sintel": "training", "matterport": "v1"}[name]
    (sintel / FILES[name].folder).mkdir()
    (sintel / part).rename(sintel / FILES[name].folder / part)
    commands = {tables.command(ours) for row in tables.load_table(table).rows for ours in row.ours}
    assert len(commands) == {"sintel": 10, "matterport": 8}[name]
    for command in commands:
        assert main(command.split()[1:]) == 0
        out = capsys.readouterr().out
        images = 1 if name == "sintel" else 2
        assert f"{images} image" in out and "rmse" in out.lower() and "nan" not in out.lower(), command


def test_the_synthia_tables_commands_run_when_the_data_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    sequence = tmp_path / FILES["synthia"].folder / "SYNTHIA-SEQS-01-DAWN"
    picture(sequence / "RGB/Stereo_Left/Omni_F/000007.png", 20, 30)
    (sequence / "Depth/Stereo_Left/Omni_F").mkdir(parents=True)
    (sequence / "Depth/Stereo_Left/Omni_F/000007.png").write_bytes(rgb16_png(300 + RAMP * 10))
    commands = {tables.command(ours) for row in tables.load_table("002-synthia").rows for ours in row.ours}
    assert len(commands) == 8
    for command in commands:
        assert main(command.split()[1:]) == 0
        assert "nan" not in capsys.readouterr().out.lower(), command


@pytest.fixture
def densedepth(tmp_path):
    """The unpacked archive; :func:`zipped` packs it."""
    root = tmp_path / "unpacked"
    picture(root / "data/nyu2_train/living_room_0038_out/37.jpg", 20, 30)
    Image.fromarray((RAMP % 256).astype(np.uint8)).save(root / "data/nyu2_train/living_room_0038_out/37.png")
    picture(root / "data/nyu2_test/00000_colors.png", 20, 30)
    grey16(root / "data/nyu2_test/00000_depth.png", RAMP + 1000)
    train = "data/nyu2_train/living_room_0038_out/37.jpg,data/nyu2_train/living_room_0038_out/37.png\r\n"
    (root / "data/nyu2_train.csv").write_text(train)
    (root / "data/nyu2_test.csv").write_text("data/nyu2_test/00000_colors.png,data/nyu2_test/00000_depth.png\n")
    return root


def zipped(root):
    archive = root.parent / "nyu_data.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(root.rglob("*.*")):
            file.write(path, path.relative_to(root))
    return archive


@pytest.mark.parametrize("pack", [lambda root: root, zipped], ids=["folder", "zip"])
def test_densedepths_two_encodings(densedepth, pack):
    root = pack(densedepth)
    train, test = (open_dataset("nyu_densedepth", split, root=root)[0] for split in ("train", "test"))
    assert train["depth"][0, 0, 29].item() == pytest.approx(29 / 255 * 10) and train["depth"][0, 0, 0] == 0
    assert test["depth"][0, 0, 29].item() == pytest.approx(1.029)
    assert train["scene"] == "living_room_0038" and train["name"] == "living_room_0038_out-37"
    assert train["K"][0, 0].item() == pytest.approx(518.85790117450188 * 30 / 640)
    assert test["scene"] == "0001" and test["name"] == "nyu2_test-00000_colors"
    assert (
        open_dataset("nyu_densedepth", "train", root=root).fingerprint()
        != open_dataset("nyu_densedepth", "test", root=root).fingerprint()
    )


def test_test_frames_know_their_place_by_their_number_in_the_set(densedepth):
    def scenes(*files):
        lines = []
        for name in files:
            picture(densedepth / f"data/{name}_colors.png", 20, 30)
            grey16(densedepth / f"data/{name}_depth.png", RAMP + 1000)
            lines.append(f"data/{name}_colors.png,data/{name}_depth.png\n")
        (densedepth / "data/nyu2_test.csv").write_text("".join(lines))
        test = open_dataset("nyu_densedepth", "test", root=densedepth)
        return [sample.get("scene", "") for sample in test.__getitems__(range(len(test)))]

    assert scenes(*(f"nyu2_test/{n:05d}" for n in (0, 1, 8, 13))) == ["0001", "0001", "0009", "0014"]
    assert scenes(*(f"nyu2_test/{n:05d}" for n in (0, 1, 2, 3))) == [""] * 4  # numbered anew: all would be one place
    assert scenes(*(f"nyu2_test/{n:05d}" for n in (0, 1, 3, 4))) == [""] * 4  # and with one missing, two
    assert scenes("a/00000", "a/00001", "b/00000") == [""] * 3  # not the set's own numbers
    assert scenes("nyu2_test/first", "nyu2_test/00001") == [""] * 2


def test_densedepth_archives_that_are_not(densedepth, tmp_path):
    (densedepth / "data/nyu2_test.csv").write_text("../../etc/passwd,data/nyu2_test/00000_depth.png\n")
    with pytest.raises(DepthError, match="line 1: .*expected PICTURE,DEPTH below data/"):
        open_dataset("nyu_densedepth", "test", root=densedepth)
    (densedepth / "data/nyu2_test.csv").write_text("data/a.png,data/b.png\n")
    with pytest.raises(DepthError, match=r"a\.png: not there, one of 2"):
        open_dataset("nyu_densedepth", "test", root=densedepth)
    archive = zipped(densedepth)
    with pytest.raises(DepthError, match=r"data/a\.png is listed, and is not in it"):
        open_dataset("nyu_densedepth", "test", root=archive)
    grey16(densedepth / "data/nyu2_train/living_room_0038_out/37.png", RAMP)  # 16 bits where 8 belong
    with pytest.raises(DepthError, match="expected a single channel of 8 bits"):
        open_dataset("nyu_densedepth", "train", root=densedepth)[0]
    content = bytearray(archive.read_bytes())
    begin = content.index(b"37.jpg") + 20
    content[begin : begin + 60] = b"\xff" * 60  # within the picture
    archive.write_bytes(content)
    with pytest.raises(DepthError, match=r"nyu_data\.zip:data/.*37\.jpg: .*Fetch the archive again"):
        open_dataset("nyu_densedepth", "train", root=archive)[0]
    archive.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(DepthError, match="cannot be read as a zip"):
        open_dataset("nyu_densedepth", "train", root=archive)
    with pytest.raises(DepthError, match=r"neither nyu_data\.zip nor"):
        open_dataset("nyu_densedepth", "train", root=tmp_path / "absent")
    with pytest.raises(DepthError, match="split is 'val'; expected train or test"):
        open_dataset("nyu_densedepth", "val", root=densedepth)


def h5_bytes(depth, rgb=None):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["rgb"] = np.full((3, *depth.shape), 60, np.uint8) if rgb is None else rgb
        file["depth"] = depth
    return content.getvalue()


@pytest.mark.parametrize("packed", [False, True], ids=["tree", "tars"])
def test_sparse_to_dense_files_and_their_tars(tmp_path, packed):
    depth = (1 + RAMP / 100).astype(np.float32)
    files = {f"{part}/{scene}/00001.h5": h5_bytes(depth * k) for part, scene, k in
             (("train", "bath_0001", 1), ("train", "attic_0002", 2), ("val", "official", 3))}  # fmt: skip
    for path, content in files.items():
        if packed:
            part, rest = path.split("/", 1)
            with tarfile.open(tmp_path / f"{part}-000000.tar", "a") as tar:
                info = tarfile.TarInfo(f"./{rest}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
                link = tarfile.TarInfo("./evil/00009.h5")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(link)
        else:
            (tmp_path / path).parent.mkdir(parents=True)
            (tmp_path / path).write_bytes(content)
    train, test = (open_dataset("nyu_h5", split, root=tmp_path) for split in ("train", "test"))
    assert train.names() == ["attic_0002-00001", "bath_0001-00001"] and test.names() == ["official-00001"]
    assert train[0]["depth"][0].numpy() == pytest.approx(2 * depth) and test[0]["depth"][0].numpy() == pytest.approx(
        3 * depth
    )
    assert train[0]["scene"] == "attic_0002" and test[0]["scene"] == "0001"
    assert collate(train.__getitems__([0, 1]))["rgb"].shape == (2, 3, 20, 30)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 40, "cannot be read as HDF5"),
        (h5_bytes(np.ones((20, 30), np.float32))[:900], "cannot be read as HDF5"),
        (h5_bytes(np.ones((20, 30), np.int16)), "expected .3, H, W. of uint8"),
        (h5_bytes(np.ones((20, 30), np.float32), np.zeros((20, 30, 3), np.uint8)), "expected .3, H, W. of uint8"),
        (h5_bytes(np.full((20, 30), np.nan, np.float32)), "NaN or infinite"),
    ],
)
def test_h5_frames_that_are_not(tmp_path, content, words):
    (tmp_path / "train/x").mkdir(parents=True)
    (tmp_path / "train/x/1.h5").write_bytes(content)
    with pytest.raises(DepthError, match=words):
        open_dataset("nyu_h5", "train", root=tmp_path)[0]


def test_an_h5_that_would_unpack_to_gigabytes_is_refused_unread(tmp_path):
    (tmp_path / "train/x").mkdir(parents=True)
    with h5py.File(tmp_path / "train/x/1.h5", "w") as file:  # nothing stored, 400 GB promised
        file.create_dataset("depth", (200_000, 500_000), np.float32, chunks=(1000, 1000), compression="gzip")
        file.create_dataset("rgb", (3, 200_000, 500_000), np.uint8, chunks=(1, 1000, 1000), compression="gzip")
    with pytest.raises(DepthError, match="at most 4096 a side"):
        open_dataset("nyu_h5", "train", root=tmp_path)[0]


def test_archives_leave_out_what_is_no_file_and_refuse_bombs(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../climbs.txt", "x")
        file.writestr("bomb.png", b"\0" * (80 << 20))
        file.writestr("folder/", "")
    inside = members(archive)
    assert sorted(inside) == ["../../climbs.txt", "bomb.png"]  # listed, read where they lie, never unpacked
    with pytest.raises(DepthError, match="bomb.png: 84 MB; no picture or map is so large"):
        inside["bomb.png"].read_bytes()
    (tmp_path / "b.tar").write_bytes(b"\x1f\x8b compressed")
    with pytest.raises(DepthError, match="cannot be read as an uncompressed tar"):
        members(tmp_path / "b.tar")


def test_kittis_own_selection(tmp_path):
    folder = tmp_path / "val_selection_cropped"
    stem = "2011_09_26_drive_0002_sync_{}_0000000005_image_02"
    picture(folder / "image" / f"{stem.format('image')}.png", 20, 30)
    grey16(folder / "groundtruth_depth" / f"{stem.format('groundtruth_depth')}.png", RAMP * 10)
    (folder / "intrinsics").mkdir()
    (folder / "intrinsics" / f"{stem.format('image')}.txt").write_text("721.5 0 596.5 0 721.5 149.8 0 0 1")
    data = open_dataset("kitti_selection", root=tmp_path)
    sample = data[0]
    assert sample["depth"][0, 1, 0].item() == pytest.approx(300 / 256) and sample["K"][1, 2].item() == pytest.approx(
        148.8  # counted from 0
    )
    assert sample["scene"] == "2011_09_26_drive_0002_sync"
    (folder / "intrinsics" / f"{stem.format('image')}.txt").write_text("721.5 0 596.5")
    with pytest.raises(DepthError, match="cannot be read as nine numbers"):
        data[0]
    grey16(folder / "groundtruth_depth" / f"{stem.format('groundtruth_depth')}x.png", RAMP * 10)
    with pytest.raises(DepthError, match="1 maps have no picture"):
        open_dataset("kitti_selection", root=tmp_path)
    with pytest.raises(DepthError, match="no val_selection_cropped/image"):
        open_dataset("kitti_selection", root=tmp_path / "intrinsics")


def test_old_middlebury_keeps_disparities_and_claims_no_metres(genuine):
    data = MiddleburyDisparity(genuine.parent / "middlebury")
    assert data.names() == ["cones", "teddy", "tsukuba", "venus"]
    cones, teddy, tsukuba, venus = data.__getitems__(range(4))
    assert all(not sample["depth"].any() for sample in (cones, teddy, tsukuba, venus))
    # published ranges: Tsukuba's labels are whole numbers up to 15, quarter-size Cones and Teddy reach 55 to 59 pixels
    assert tsukuba["disparity"].unique().frac().abs().max() == 0 and 13 < tsukuba["disparity"].max() <= 15
    assert (
        50 < cones["disparity"].max() < 60 and 50 < teddy["disparity"].max() < 60 and 18 < venus["disparity"].max() < 21
    )
    assert open_dataset("middlebury_disparity", root=genuine.parent / "middlebury")[0]["rgb"].shape == (3, 375, 450)


def test_old_middlebury_of_unknown_scale_asks(tmp_path):
    picture(tmp_path / "Aloe/view1.png", 20, 30)
    Image.fromarray((RAMP % 200).astype(np.uint8)).save(tmp_path / "Aloe/disp1.png")
    with pytest.raises(DepthError, match="the scale of 'Aloe' at 20x30 is not known"):
        MiddleburyDisparity(tmp_path)[0]
    assert MiddleburyDisparity(tmp_path, scale=3)[0]["disparity"][0, 0, 6] == 2
    with pytest.raises(DepthError, match="scale is 0"):
        MiddleburyDisparity(tmp_path, scale=0)
    with pytest.raises(DepthError, match="no scene in it"):
        MiddleburyDisparity(tmp_path / "Aloe")


def test_nyu_raw_truth_keeps_its_holes_and_its_own_name(tmp_path):
    path = tmp_path / "nyu_depth_v2_labeled.mat"
    filled = np.full((2, 640, 480), 3.0, np.float32)
    holed = filled.copy()
    holed[:, :100] = 0
    with h5py.File(path, "w") as file:
        file["images"], file["depths"] = np.zeros((2, 3, 640, 480), np.uint8), filled
    with pytest.raises(DepthError, match="images and rawDepths"):
        NyuMat(path, truth="raw")
    with h5py.File(path, "a") as file:
        file["rawDepths"] = holed
    raw, whole = NyuMat(path, truth="raw"), NyuMat(path)
    assert (raw[0]["depth"][0, :, :100] == 0).all() and (raw[0]["depth"][0, :, 100:] == 3).all()  # columns were rows
    assert (whole[0]["depth"] == 3).all()
    assert (raw.name, whole.name) == ("nyu-raw", "nyu") and raw.fingerprint() != whole.fingerprint()
    with pytest.raises(DepthError, match="truth is 'sensor'"):
        open_dataset("nyu", root=tmp_path, truth="sensor")


@pytest.mark.parametrize("name", ["sintel", "synthia", "matterport", "nyu_h5", "nyu_densedepth", "kitti_selection"])
def test_a_set_that_is_not_there_says_what_to_put_where(tmp_path, name, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    with pytest.raises(DepthError, match=str(tmp_path)) as error:
        open_dataset(name)
    assert any(word in str(error.value) for word in ("Unpack", "Fetch", "Put", "neither"))
