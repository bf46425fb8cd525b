"""Facts about cameras, pixels and samples."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib import camera, pointcloud
from depthlib.errors import DepthError
from depthlib.sample import check, collate, valid


@pytest.mark.parametrize("degrees", [0, 180, -20, 200])
def test_no_lens_sees_nothing_or_half_of_all(degrees):
    with pytest.raises(DepthError, match="field of view"):
        camera.from_field_of_view(240, 320, degrees)


def test_the_camera_of_nyu_is_the_toolboxs():
    """camera_params.m: fx_rgb, fy_rgb, cx_rgb, cy_rgb; its pixels are counted from 1, ours from 0."""
    K = camera.nyu_v2(480, 640)
    assert [K[0, 0], K[1, 1]] == pytest.approx([518.8579, 519.4696], abs=1e-4)
    assert [K[0, 2], K[1, 2]] == pytest.approx([325.5824 - 1, 253.7362 - 1], abs=1e-4)


def test_projecting_an_unprojected_map_returns_every_pixel():
    K = camera.intrinsics(260, 261, 162.04, 126.1)
    depth = torch.rand(1, 24, 32) * 5 + 1
    points = camera.unproject(depth, K).flatten(1)
    uv, z = camera.project(points, K)
    v, u = camera.pixel_grid(24, 32)
    torch.testing.assert_close(uv, torch.stack((u.flatten(), v.flatten())), atol=1e-4, rtol=0)
    torch.testing.assert_close(z, depth.flatten())


def test_resizing_keeps_the_direction_of_the_image_corners():
    # corner of the image = pixel coordinate −½: the same ray before and after
    K = camera.intrinsics(500, 510, 300, 250)
    half = camera.resize(K, 0.5, 0.25)
    assert (-0.5 - K[0, 2]) / K[0, 0] == pytest.approx(((-0.5 - half[0, 2]) / half[0, 0]).item())
    right, right_half = 640 - 0.5, 160 - 0.5
    assert ((right - K[0, 2]) / K[0, 0]).item() == pytest.approx(((right_half - half[0, 2]) / half[0, 0]).item())
    assert ((479.5 - K[1, 2]) / K[1, 1]).item() == pytest.approx(((239.5 - half[1, 2]) / half[1, 1]).item())


def test_flipping_twice_changes_nothing_and_once_mirrors_the_ray():
    K = camera.intrinsics(500, 500, 100, 120)
    assert camera.flip(camera.flip(K, 320), 320).equal(K)
    ray = (10 - K[0, 2]) / K[0, 0]
    mirrored = camera.flip(K, 320)
    assert ((319 - 10) - mirrored[0, 2]) / mirrored[0, 0] == pytest.approx(-ray.item())


def test_intrinsics_of_whole_numbers_keep_their_fractions():
    K = torch.tensor([[525, 0, 319], [0, 525, 239], [0, 0, 1]])
    for found in (
        (camera.resize(K, 0.4, 0.4), camera.resize(K.float(), 0.4, 0.4)),
        (camera.crop(K, 0.5, 0.5), camera.crop(K.float(), 0.5, 0.5)),
        (camera.flip(K, 640), camera.flip(K.float(), 640)),
    ):
        torch.testing.assert_close(*found)
    assert camera.resize(K, 0.4, 0.4)[0, 2].item() == pytest.approx(127.3)


def test_a_point_behind_the_camera_has_the_pixel_of_the_opposite_point():
    K, point = camera.intrinsics(500, 500, 319.5, 239.5), torch.tensor([[0.3], [-0.2], [2.0]])
    (uv, z), (opposite, behind) = camera.project(point, K), camera.project(-point, K)
    assert uv.equal(opposite) and z == -behind
    assert not camera.project(torch.tensor([[0.3], [0.0], [0.0]]), K)[0].isfinite().any()


@pytest.mark.parametrize("nothing", [0.0, float("nan"), float("inf"), -1.0])
def test_missing_depth_is_missing_however_it_is_said(nothing):
    K = camera.from_field_of_view(7, 9, 60)
    depth = torch.full((1, 7, 9), 2.0)
    depth[0, 3, 4] = nothing
    depth.requires_grad_()
    points, far = camera.unproject(depth, K), camera.distance(depth, K)
    normals, shift = camera.normals(depth, K), camera.disparity(depth, 500, 0.1)
    assert points[:, 3, 4].eq(0).all() and far[0, 3, 4] == shift[0, 3, 4] == 0
    zero = normals.eq(0).all(0)[1:-1, 1:-1].nonzero().add(1).tolist()
    assert zero == [[2, 4], [3, 3], [3, 5], [4, 4]]  # its four neighbours
    assert all(values.isfinite().all() for values in (points, far, normals, shift))
    for values in (points, far, normals, shift):
        slope = torch.autograd.grad(values.sum(), depth)[0]
        assert slope.isfinite().all() and slope[0, 3, 4] == 0


def test_a_tilted_plane_has_one_normal_that_faces_the_camera():
    K = camera.from_field_of_view(60, 80, 60)
    normal = torch.tensor([0.2, -0.3, -1.0])
    normal = normal / normal.norm()
    rays = camera.rays(K, 60, 80)
    depth = (-3.0 / (normal[:, None, None] * rays).sum(0))[None]  # n · (z·ray) = −3
    found = camera.normals(depth, K)[:, 1:-1, 1:-1]
    torch.testing.assert_close(found, normal[:, None, None].expand_as(found), atol=1e-3, rtol=0)


def test_distance_exceeds_depth_by_the_cosine_of_the_ray():
    K = camera.from_field_of_view(240, 320, 90)
    depth = torch.full((1, 240, 320), 2.0)
    corner = math.hypot(1, (0 - 159.5) / 160, (0 - 119.5) / 160)
    assert camera.distance(depth, K)[0, 0, 0].item() == pytest.approx(2 * corner, rel=1e-5)


def test_disparity_halves_when_depth_doubles_and_missing_stays_missing():
    d = camera.disparity(torch.tensor([1.0, 2.0, 0.0]), 700, 0.5)
    assert d.tolist() == [350.0, 175.0, 0.0]


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (torch.zeros(1, 4, 4), "every depth is 0"),
        (torch.full((1, 4, 4), -1.0), "Negative"),
        (torch.full((1, 4, 4), float("nan")), "NaN"),
        (torch.full((1, 4, 4), 2500.0), "millimetres"),
        (torch.ones(1, 4, 5), "same size"),
    ],
)
def test_a_sample_that_breaks_the_contract_is_refused_with_the_file_and_the_remedy(depth, words):
    bad = dict(rgb=torch.zeros(3, 4, 4), depth=depth, K=torch.eye(3), name="x", dataset="made", index=0)
    with pytest.raises(DepthError, match=words) as error:
        check(bad, "depth/0007.png")
    assert "depth/0007.png" in str(error.value)


def test_collate_stacks_tensors_lists_strings_and_refuses_mixed_sizes(sample):
    batch = collate([sample, sample])
    assert batch["rgb"].shape == (2, 3, 240, 320) and batch["name"] == ["plane", "plane"] and batch["index"] == [0, 0]
    small = {**sample, "rgb": torch.zeros(3, 2, 2), "name": "small"}
    with pytest.raises(DepthError, match="small"):
        collate([sample, small])


def test_validity_is_finite_and_positive():
    assert valid(torch.tensor([0.0, -1.0, float("inf"), float("nan"), 1e-6])).tolist() == [False] * 4 + [True]


def photo(size=(4000, 3000), **tags):
    picture = Image.new("RGB", size)
    picture.getexif().get_ifd(0x8769).update({int(name[1:], 16): value for name, value in tags.items()})
    return picture


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        (photo(xA405=26), 26 * 5000 / 43.2666),
        (photo((3000, 4000), xA405=26), 26 * 5000 / 43.2666),  # upright or not, the diagonal stays
        (photo((400, 300), xA405=26), 26 * 500 / 43.2666),
        (photo(x920A=5.0, xA20E=20000.0, xA210=2), 5 / 25.4 * 20000),  # pixels an inch on the sensor
        (photo(x920A=5.0, xA20E=8000.0, xA210=3), 4000.0),
        (photo((2000, 1500), x920A=5.0, xA20E=8000.0, xA210=3, xA002=4000), 2000.0),  # made smaller afterwards
        (photo((3000, 4000), x920A=5.0, xA20E=8000.0, xA210=3, xA002=4000, xA003=3000), 4000.0),  # turned upright
        (photo(xA405=0, x920A=5.0), None),
        (photo(x920A=float("nan"), xA20E=8000.0), None),
        (photo(xA405="much"), None),
        (photo(x920A=5.0, xA20E=8000.0, xA210=9), None),
        (photo(xA405=1), None),  # 175 degrees
        (photo(xA405=3000), None),  # less than one
        (photo(x920A=5.0, xA20E=8.0, xA210=3), None),  # a density in other units than it says
        (photo(), None),
    ],
)
def test_the_focal_length_is_what_the_camera_wrote(picture, wanted):
    found = camera.focal_from_exif(picture)
    assert found == (None if wanted is None else pytest.approx(wanted, rel=1e-4))


def test_a_focal_length_needs_a_picture(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(DepthError, match=f"{name}: cannot be read"):
            camera.focal_from_exif(tmp_path / name)


def test_a_surface_is_torn_where_depth_jumps_and_at_holes():
    depth = torch.full((1, 4, 6), 2.0)
    depth[..., 3:] = 3.0
    K, rgb = camera.from_field_of_view(4, 6, 60), torch.rand(3, 4, 6)
    points, colours, triangles = pointcloud.surface(depth, K, rgb)
    assert len(points) == len(colours) == 24 and len(triangles) == 2 * 3 * (2 + 2)  # no square across the step
    whole = pointcloud.surface(depth, K, rgb, tear=1.0)[2]
    assert len(whole) == 2 * 3 * 5
    holes = depth.clone()
    holes[0, 1, 1] = 0
    points, _, triangles = pointcloud.surface(holes, K, rgb)
    assert len(points) == 23 and triangles.max() == 22 and len(triangles) == 24 - 6  # six triangles had that corner
    # every triangle faces the camera
    a, b, c = points[triangles].unbind(1)
    assert (((b - a).cross(c - a, dim=1) * -a).sum(1) > 0).all()


def test_a_large_map_is_thinned_and_stays_where_it_is():
    depth = torch.rand(1, 60, 80) + 2
    K, rgb = camera.from_field_of_view(60, 80, 60), torch.rand(3, 60, 80)
    points, colours, _ = pointcloud.surface(depth, K, rgb, most=600)
    every, all_colours = pointcloud.colored_points(depth, K, rgb)
    assert len(points) == 20 * 27
    torch.testing.assert_close(points, every.view(60, 80, 3)[::3, ::3].flatten(0, 1))
    torch.testing.assert_close(colours, all_colours.view(60, 80, 3)[::3, ::3].flatten(0, 1))
    with pytest.raises(DepthError, match="tear is 0"):
        pointcloud.surface(depth, K, rgb, tear=0)


@pytest.mark.parametrize(
    ("depth", "K", "rgb"),
    [
        ((1, 1, 4, 6), (3, 3), (1, 3, 4, 6)), ((4, 6), (3, 3), (3, 4, 6)), ((1, 4, 6), (1, 3, 3), (3, 4, 6)),
        ((1, 4, 6), (4, 4), (3, 4, 6)), ((1, 4, 6), (3, 3), (1, 4, 6)), ((1, 4, 6), (3, 3), (3, 4, 5)),
        ((2, 4, 6), (3, 3), (3, 4, 6)),
    ],
)  # fmt: skip
def test_a_cloud_is_of_one_map_one_camera_and_one_picture(depth, K, rgb):
    given = torch.full(depth, 2.0), torch.eye(K[-1]).expand(K), torch.zeros(rgb)
    for make in (pointcloud.colored_points, pointcloud.surface):
        with pytest.raises(DepthError, match=r"expected \[1, H, W\], \[3, 3\] and \[3, H, W\].*x\[0\]") as error:
            make(*given)
        assert all(str(shape) in str(error.value) for shape in (depth, K, rgb))


def written(path, *cloud):
    """The colours that lie in a PLY file."""
    pointcloud.write_ply(path, *cloud)
    body = path.read_bytes().partition(b"end_header\n")[2]
    return np.frombuffer(body, dtype=[("xyz", "<f4", 3), ("rgb", "u1", 3)])["rgb"].tolist()


def test_colours_of_a_cloud_are_bytes_or_shares_of_one(tmp_path):
    points, path = torch.rand(2, 3), tmp_path / "x.ply"
    eight_bits = torch.tensor([[25, 132, 95], [0, 255, 1]], dtype=torch.uint8)
    assert written(path, points, eight_bits) == written(path, points, eight_bits / 255) == eight_bits.tolist()
    for bad in (eight_bits.float(), eight_bits.long(), -0.5 * torch.ones(2, 3), torch.full((2, 3), math.nan)):
        with pytest.raises(DepthError, match=r"x.ply: colours (from .* Divide 8-bit colours by 255|that are NaN)"):
            pointcloud.write_ply(path, points, bad)


def test_a_cloud_has_a_colour_for_every_point(tmp_path):
    points, corners = torch.rand(4, 3), torch.tensor([[0, 1, 2]])
    for cloud in (
        (points, points[:3]), (points.T, points.T), (points[None], points[None]), (points[:, :2], points),
        (points, points, corners[:, :1]), (points, points, corners[0]),
    ):  # fmt: skip
        with pytest.raises(DepthError, match=r"x.ply: .*shapes .*expected \[N, 3\] twice"):
            pointcloud.write_ply(tmp_path / "x.ply", *cloud)
    pointcloud.write_ply(tmp_path / "x.ply", points, points, corners)
    pointcloud.write_ply(tmp_path / "none.ply", points[:0], points[:0])
