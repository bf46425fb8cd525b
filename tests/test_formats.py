"""On-disk encodings: there and back, the genuine files, and bytes that nobody should trust."""

import io
import math
import os
import tarfile
import zipfile

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from depthlib.data import formats, kitti
from depthlib.data.archives import members
from depthlib.errors import DepthError

FLOATS = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-100, 1e5, width=32))


@given(FLOATS)
@settings(max_examples=30, deadline=None)
def test_dpt_and_pfm_there_and_back(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("maps")
    formats.write_dpt(folder / "x.dpt", values)
    formats.write_pfm(folder / "x.pfm", values)
    assert np.array_equal(formats.read_dpt(folder / "x.dpt"), values)
    assert np.array_equal(formats.read_pfm(folder / "x.pfm"), values)


WRITERS = {
    "x.dpt": (formats.write_dpt, formats.read_dpt), "x.pfm": (formats.write_pfm, formats.read_pfm),
    "x.png": (formats.write_depth_png, formats.read_depth_png),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_map_is_written_with_its_channel_or_without_and_a_batch_is_refused(tmp_path, name):
    write, read = WRITERS[name]
    depth = np.arange(1, 13, dtype=np.float32).reshape(1, 3, 4)
    for one in (depth, depth[0]):
        write(tmp_path / name, one)
        assert np.array_equal(read(tmp_path / name), depth[0])
    for other in (depth[None], depth.reshape(3, 4, 1), depth.reshape(12), depth[:, :0]):
        with pytest.raises(DepthError, match=rf"{name}: a map of shape .*expected \[H, W\] or \[1, H, W\]"):
            write(tmp_path / name, other)


def test_a_depth_png_keeps_no_negative_metres_and_what_is_not_finite_is_missing(tmp_path):
    path = tmp_path / "x.png"
    formats.write_depth_png(path, np.array([[2.0, np.nan, np.inf, -np.inf, -1e-9]]))
    assert formats.read_depth_png(path).tolist() == [[2, 0, 0, 0, 0]]
    with pytest.raises(DepthError, match="x.png: smallest depth is -2 m"):
        formats.write_depth_png(path, np.array([[3.0, -2.0]]))


@pytest.mark.parametrize("scale", [0, -1000, float("nan"), float("inf")])
def test_units_in_a_metre_are_finite_and_above_0(tmp_path, scale):
    path, metres = tmp_path / "x.png", np.ones((3, 4), np.float32)
    formats.write_depth_png(path, metres)
    for use in (
        lambda: formats.write_depth_png(path, metres, scale), lambda: formats.read_depth_png(path, scale),
        lambda: formats.read_grey_rgb16_png(path, scale),
    ):  # fmt: skip
        with pytest.raises(DepthError, match=rf"x.png: scale is {scale:g}; expected file units in a metre"):
            use()
    with pytest.raises(DepthError, match=rf"farthest is {scale:g}"):
        formats.read_depth8_png(path, scale)
    assert np.array_equal(formats.read_depth_png(path), metres)


def test_a_picture_is_written_in_the_format_its_name_ends_in(tmp_path):
    picture = Image.fromarray(np.full((8, 8, 3), 90, np.uint8))
    for name, kind in (("x.jpg", "JPEG"), ("x.JPEG", "JPEG"), ("x.tif", "TIFF"), ("x.png", "PNG")):
        formats.write_image(tmp_path / name, picture)
        assert Image.open(tmp_path / name).format == kind
    for name, other, words in (
        ("map.v1", picture, "map.v1: ends in '.v1'; expected a format of pictures"),
        ("x.psd", picture, "x.psd: ends in '.psd'"),  # Pillow reads it and does not write it
        ("y.jpg", picture.convert("RGBA"), "y.jpg: this format cannot hold the picture .*RGBA.* Convert it"),
    ):
        with pytest.raises(DepthError, match=words):
            formats.write_image(tmp_path / name, other)
    for name in ("z.jpg", "z.jpeg", "z.tif", "z.v1"):
        with pytest.raises(DepthError, match=rf"{name}: depth is written as a 16-bit PNG.* End the name in .png"):
            formats.write_depth_png(tmp_path / name, np.ones((3, 4)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.JPEG", "x.jpg", "x.png", "x.tif"]


@given(arrays(np.uint16, (3, 4)))
@settings(max_examples=30, deadline=None)
def test_rotated_bits_come_back(tmp_path_factory, millimetres):
    path = tmp_path_factory.mktemp("sun") / "x.png"
    Image.fromarray((millimetres << 3) | (millimetres >> 13)).save(path)
    np.testing.assert_allclose(formats.read_sun_depth_png(path) * 1000, millimetres, rtol=1e-5)


def test_kinect_disparities_by_the_toolboxs_formula(tmp_path):
    """Typed in from the formula: 351.3 / (1092.5 − 850) = 1.4487; 2047 is the sensor's "none"."""
    values = np.array([[850, 1000, 2047, 1092, 1057, 600, 1058]], dtype="<u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 7 1 65535\n" + values.tobytes())
    found = formats.read_kinect_pgm(tmp_path / "x.pgm")[0]
    assert found.tolist() == pytest.approx(
        [1.44866, 3.79784, 0, 0, 9.89577, 0.71330, 0], abs=1e-4
    )  # 10.18 m is too far


def test_the_genuine_raw_frame_is_a_room(genuine):
    depth = formats.read_kinect_pgm(genuine / "nyu_raw" / "NYU_depth.pgm")
    assert depth.shape == (480, 640) and 0 < (depth == 0).mean() < 0.4
    known = depth[depth > 0]
    assert 0.4 < known.min() and known.max() <= 10 and 1 < np.median(known) < 5


def test_the_genuine_sun_and_tum_frames_are_rooms(genuine):
    sun = formats.read_sun_depth_png(genuine / "sunrgbd" / "SUN_depth.png")
    tum = formats.read_depth_png(genuine / "tum_rgbd" / "TUM_depth.png", 5000)
    for depth in (sun, tum):
        known = depth[depth > 0]
        assert depth.shape == (480, 640) and 0.3 < known.min() and known.max() < 12 and 1 < np.median(known) < 5


def test_the_genuine_sparse_map_is_where_the_filled_one_is(genuine):
    sparse = formats.read_depth_png(genuine / "kitti_depth" / "0000000016.png", 256)
    filled = formats.read_depth_png(genuine / "kitti_depth" / "16.png", 256)
    known = sparse > 0
    assert 0.02 < known.mean() < 0.3 and sparse.max() == pytest.approx(21377 / 256)
    assert np.median(np.abs(filled[known] - sparse[known]) / sparse[known]) < 0.02


@pytest.fixture(scope="session")
def scan(genuine):
    folder = genuine / "kitti_object"
    points = formats.read_velodyne(folder / "velodyne_000007.bin")
    calibration = kitti.read_calibration(folder / "calib_000007.txt")
    return points, calibration, Image.open(folder / "image_2_000007.png").size[::-1]


def test_a_genuine_scan_projects_as_a_loop_over_its_points_says(scan):
    points, calibration, size = scan
    found = kitti.project_scan(points, kitti.camera_from_scanner(calibration), size)
    wanted = {}
    P, R, T = (calibration[name].tolist() for name in ("P2", "R0_rect", "Tr_velo_to_cam"))
    for x, y, z, _ in points[::7].tolist():
        if x < 0:
            continue
        cam = [row[0] * x + row[1] * y + row[2] * z + row[3] for row in T]
        cam = [sum(a * b for a, b in zip(row, cam, strict=True)) for row in R]
        u, v, w = (row[0] * cam[0] + row[1] * cam[1] + row[2] * cam[2] + row[3] for row in P)
        if w <= 0:
            continue
        u, v = round(u / w) - 1, round(v / w) - 1
        if 0 <= u < size[1] and 0 <= v < size[0]:
            wanted[v, u] = min(w, wanted.get((v, u), math.inf))
    alone = kitti.project_scan(points[::7], kitti.camera_from_scanner(calibration), size)
    assert (alone > 0).sum() == len(wanted) > 2000
    assert all(alone[place] == pytest.approx(depth, rel=1e-5) for place, depth in wanted.items())
    assert (found > 0).sum() > (alone > 0).sum() and (found[alone > 0] <= alone[alone > 0] + 1e-4).all()


def test_depth_is_the_cameras_z_and_not_the_scanners_x(scan):
    points, calibration, size = scan
    depth = kitti.project_scan(points, kitti.camera_from_scanner(calibration), size)
    ahead = points[(points[:, 0] > 8) & (points[:, 0] < 12) & (abs(points[:, 1]) < 1)]
    one = kitti.project_scan(ahead[:1], kitti.camera_from_scanner(calibration), size)
    assert one.max() == pytest.approx(ahead[0, 0] - 0.27, abs=0.1)  # the camera stands 27 cm before the scanner
    bottom, top = depth[-60:][depth[-60:] > 0], depth[150:180][depth[150:180] > 0]
    assert np.median(bottom) < 12 < np.median(top)


def test_of_two_points_in_a_pixel_the_nearest_or_the_one_seen_with_the_picture():
    """The camera stands on the axis and the scanner turns: straight ahead is when the picture is taken."""
    matrix = np.array([[5.0, -100.0, 0, 0], [4.0, 0, -100.0, 0], [1.0, 0, 0, 0]])
    points = np.array([[10.0, 0.001, 0], [8.0, 0.003, 0], [6.0, -0.002, 0]])  # one pixel, at three times
    for conflicts, wanted in (("nearest", 6.0), ("time", 10.0)):
        depth = kitti.project_scan(points, matrix, (10, 12), conflicts)
        assert depth.max() == wanted and (depth > 0).sum() == 1


READERS = {
    "x.dpt": formats.read_dpt, "x.pfm": formats.read_pfm, "x.pgm": formats.read_kinect_pgm, "x.bin": formats.read_velodyne,
    "x.png": formats.read_depth_png, "sun.png": formats.read_sun_depth_png, "x.jpg": formats.read_rgb,
    "calib.txt": kitti.read_calibration, "splits.mat": formats.read_splits, "x.h5": formats.read_h5_frame,
    "x.cam": formats.read_sintel_camera, "grey.png": formats.read_grey8, "synthia.png": formats.read_grey_rgb16_png,
    "x.zip": lambda path: [member.read_bytes() for member in members(path).values()],
    "x.tar": lambda path: [member.read_bytes() for member in members(path).values()],
}  # fmt: skip


def _h5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("rgb", data=np.arange(36, dtype=np.uint8).reshape(3, 3, 4), compression="gzip")
        file.create_dataset("depth", data=np.ones((3, 4), np.float32), compression="gzip")


def _zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/b.txt", "depth" * 20)


def _tar(path):
    with tarfile.open(path, "w") as file:
        info = tarfile.TarInfo("a/b.txt")
        info.size = 5
        file.addfile(info, io.BytesIO(b"depth"))


#: Good files of our own making, for formats of which no genuine one is at hand.
MADE = {
    "x.dpt": lambda path: formats.write_dpt(path, np.arange(12, dtype=np.float32).reshape(3, 4)),
    "x.pfm": lambda path: formats.write_pfm(path, np.arange(12, dtype=np.float32).reshape(3, 4)),
    "x.h5": _h5, "x.zip": _zip, "x.tar": _tar,
    "x.cam": lambda path: path.write_bytes(np.float32(202021.25).tobytes() + np.eye(3).tobytes() + bytes(96)),
    "grey.png": lambda path: Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(path),
    "synthia.png": lambda path: cv2.imwrite(str(path), np.full((3, 4, 3), 700, np.uint16)),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
@given(content=st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_bytes_are_read_or_refused_by_name(tmp_path_factory, name, content):
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes(content)
    try:
        READERS[name](path)
    except DepthError as error:
        assert name in str(error)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        *((name, None) for name in MADE), ("x.pgm", "nyu_raw/NYU_depth.pgm"), ("x.png", "kitti_depth/16.png"),
        ("sun.png", "sunrgbd/SUN_depth.png"), ("x.jpg", "sunrgbd/SUN_color.jpg"),
        ("calib.txt", "kitti_object/calib_000007.txt"),
    ],
)  # fmt: skip
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_good_file_cut_short_or_with_a_flipped_bit_is_read_or_refused_by_name(
    tmp_path_factory, genuine, name, source, data
):
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / name
    if source is None:
        MADE[name](path)
    else:
        path.write_bytes((genuine / source).read_bytes())
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(content))
    try:
        READERS[name](path)
    except DepthError as error:
        assert name in str(error)


def test_a_flipped_bit_in_a_png_is_never_other_metres(tmp_path):
    """Decoders skip the checksums; a map of other metres without a word would be the worst of all."""
    good = tmp_path / "good.png"
    formats.write_depth_png(good, np.linspace(1, 9, 240 * 320, dtype=np.float32).reshape(240, 320))
    wanted, content = formats.read_depth_png(good), good.read_bytes()
    rng = np.random.default_rng(0)
    for place, bit in zip(rng.integers(0, len(content), 150), rng.integers(0, 8, 150), strict=True):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        (tmp_path / "flipped.png").write_bytes(damaged)
        try:
            found = formats.read_depth_png(tmp_path / "flipped.png")
        except DepthError:
            continue
        assert np.array_equal(found, wanted)


def test_headers_that_promise_gigabytes_are_refused_before_anything_is_reserved(tmp_path):
    for name, content in (
        ("x.dpt", np.array([202021.25], "<f4").tobytes() + np.array([2**30, 2**30], "<i4").tobytes()),
        ("x.pfm", b"Pf\n999999 999999\n-1\n"), ("x.pgm", b"P5 99999 99999 65535\n"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DepthError, match=name):
            READERS[name](tmp_path / name)


def test_a_calibration_without_a_matrix_is_named():
    with pytest.raises(DepthError, match="Tr_velo_to_cam is missing"):
        kitti.camera_from_scanner({"P2": np.zeros((3, 4)), "R0_rect": np.eye(3)})


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for read in (formats.read_rgb, formats.read_depth_png, formats.read_pfm, formats.read_velodyne):
        with pytest.raises(DepthError, match="no plain file"):
            read(tmp_path / "pipe.png")
