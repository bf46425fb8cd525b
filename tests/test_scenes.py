"""Made scenes: exact depth, one picture a seed, the ambiguity of scale, and sensors that err as sensors do."""

from __future__ import annotations

import dataclasses
import importlib
import math
import os
import signal
import subprocess
import sys

import pytest
import torch

from depthlib import camera, randomness
from depthlib.data import open_dataset
from depthlib.data.scenes import (
    Roads,
    Rooms,
    camera_pose,
    faults,
    kinect,
    make_roads,
    make_rooms,
    render,
    velodyne,
)
from depthlib.data.scenes.materials import Material
from depthlib.data.scenes.scene import Builder, Scene, assemble
from depthlib.errors import DepthError
from depthlib.sample import check, collate

render_module = importlib.import_module("depthlib.data.scenes.render")
HEIGHT, WIDTH = 60, 80
K = camera.from_field_of_view(HEIGHT, WIDTH, 60)
GREY = Material((0.6, 0.6, 0.6), (0.3, 0.3, 0.3), (4, 4, 0.5))


def one(builder: Builder, pose: torch.Tensor | None = None) -> Scene:
    rest = {
        "sun": [0.0, -1.0, 0.0, 1.0, 1.0, 1.0],
        "portal": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        "ambient": [0.5] * 6,
        "sky": [1.0] * 6 + [1e6],
        "look": [0.4, 1.0, 1.0, 0.1, 0.01, 0.5, 0.0, 0.0],
    }
    return assemble([builder], [rest], [torch.eye(4) if pose is None else pose])


@pytest.fixture(scope="module")
def rooms() -> list:
    return Rooms(1000, size=(48, 64)).__getitems__(list(range(200)))


@pytest.fixture(scope="module")
def roads() -> list:
    return Roads(100, size=(94, 310)).__getitems__(list(range(3)))


def test_the_depth_of_a_wall_is_its_distance_along_the_axis_everywhere():
    b = Builder()
    b.box((0, 0, 3.5), (20, 20, 1.0), GREY)
    frame = render(one(b), K, None, HEIGHT, WIDTH)
    torch.testing.assert_close(frame.depth, torch.full_like(frame.depth, 3.0), rtol=1e-6, atol=0)
    assert torch.allclose(frame.normals, torch.tensor([0.0, 0.0, -1.0])[None, :, None, None], atol=1e-6)


def test_the_depth_of_a_tilted_wall_follows_the_plane_equation():
    b = Builder()
    b.box((0, 0, 4), (40, 40, 1e-3), GREY, yaw=0.5)
    frame = render(one(b), K, None, HEIGHT, WIDTH)
    normal = torch.tensor([math.sin(0.5), 0.0, math.cos(0.5)])
    centre = torch.tensor([0.0, 0.0, 4.0]) - normal * 5e-4
    expected = (normal @ centre) / (normal[:, None, None] * camera.rays(K, HEIGHT, WIDTH)).sum(0)
    torch.testing.assert_close(frame.depth[0, 0], expected, rtol=2e-6, atol=0)


def test_points_on_a_sphere_are_one_radius_from_its_centre():
    b = Builder()
    b.ball((0.3, -0.2, 4), (1.4, 1.4, 1.4), GREY)
    frame = render(one(b), K, None, HEIGHT, WIDTH)
    hit = frame.depth[0, 0] > 0
    assert 0.05 < hit.float().mean() < 0.5
    offset = camera.unproject(frame.depth, frame.K)[0][:, hit] - torch.tensor([0.3, 0.2, 4.0])[:, None]
    torch.testing.assert_close(offset.norm(dim=0), torch.full((int(hit.sum()),), 0.7), rtol=0, atol=2e-5)
    torch.testing.assert_close(frame.normals[0][:, hit], offset / 0.7, rtol=0, atol=1e-3)


def test_points_on_a_cylinder_are_on_its_side_or_its_caps():
    b = Builder()
    b.cylinder((0, -1.0, 3), 1.0, 1.0, GREY)
    frame = render(one(b, camera_pose(0, 0, 0, 0, 0, 0)), K, None, HEIGHT, WIDTH)
    hit = frame.depth[0, 0] > 0
    x, y, z = camera.unproject(frame.depth, frame.K)[0][:, hit]
    radius = (x * x + (z - 3) ** 2).sqrt()
    side, cap = (radius - 0.5).abs() < 1e-4, (y - 0.5).abs() < 1e-4
    assert bool((side | cap).all()) and bool(side.any()) and bool(cap.any())


def test_a_point_seen_from_two_places_is_one_point():
    scene = make_rooms(0, [3])
    first = render(scene, K, None, HEIGHT, WIDTH)
    pose = scene.pose[0].clone()
    pose[:3, 3] += pose[:3, :3] @ torch.tensor([0.08, -0.03, 0.05])
    second = render(scene, K, pose, HEIGHT, WIDTH)
    world = scene.pose[0, :3, :3] @ camera.unproject(first.depth, first.K)[0].flatten(1) + scene.pose[0, :3, 3:]
    uv, z = camera.project(pose[:3, :3].T @ (world - pose[:3, 3:]), K)
    grid = (uv + 0.5) / torch.tensor([[WIDTH], [HEIGHT]]) * 2 - 1
    at = torch.nn.functional.grid_sample(1 / second.depth, grid.T[None, None], align_corners=False)[0, 0, 0]
    # inverse depth is linear on a plane, so bilinear sampling is exact away from edges
    inside = (grid.abs() < 0.95).all(0) & (z > 0)
    column, row = (uv[0].round().long().clamp(1, WIDTH - 2), uv[1].round().long().clamp(1, HEIGHT - 2))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            inside &= second.ids[0, row + dy, column + dx] == first.ids.flatten()
    assert inside.float().mean() > 0.3
    assert ((at * z - 1).abs() < 1e-3)[inside].float().mean() > 0.95


def test_normals_are_those_of_the_depth_map():
    frame = render(make_rooms(1, range(4)), K, None, HEIGHT, WIDTH)
    numeric = camera.normals(frame.depth, frame.K)
    same = torch.ones_like(frame.ids, dtype=torch.bool)
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        same &= frame.ids == frame.ids.roll((dy, dx), (1, 2))
    same &= numeric.norm(dim=1) > 0.5
    cosine = (numeric * frame.normals).sum(1)[same]
    assert cosine.median() > 0.9999 and (cosine > 0.99).float().mean() > 0.9
    assert torch.allclose(frame.normals.norm(dim=1), torch.ones(()), atol=1e-4)


def test_a_sample_depends_on_its_index_and_not_on_its_batch():
    data = Rooms(50, size=(48, 64))
    together = data.__getitems__([5, 7, 2, 9])
    for sample, alone in zip(together, (data[5], data[7], data[2], data[9]), strict=True):
        assert sample["name"] == alone["name"]
        assert torch.equal(sample["rgb"], alone["rgb"]) and torch.equal(sample["depth"], alone["depth"])
    assert not torch.equal(together[0]["rgb"], together[1]["rgb"])
    assert not torch.equal(Rooms(50, seed=1, size=(48, 64))[5]["depth"], together[0]["depth"])
    assert torch.equal(Rooms(6, size=(48, 64))[-1]["rgb"], together[0]["rgb"])
    large = Rooms(50)  # large enough that torch splits its work between threads
    assert torch.equal(large.__getitems__([5, 7])[1]["rgb"], large[7]["rgb"])


def test_many_scenes_at_once_are_the_same_scenes(monkeypatch: pytest.MonkeyPatch):
    for make in (make_rooms, make_roads):
        scene = make(0, range(3))
        alone = render(scene, K, None, HEIGHT, WIDTH)
        monkeypatch.setitem(render_module._CHUNK, "cpu", 3)  # as on a GPU
        together = render(scene, K, None, HEIGHT, WIDTH)
        monkeypatch.undo()
        assert torch.equal(alone.depth, together.depth) and torch.equal(alone.ids, together.ids)
        torch.testing.assert_close(alone.rgb, together.rgb, rtol=0, atol=2e-3)


def test_a_compiled_renderer_makes_the_same_pictures(monkeypatch: pytest.MonkeyPatch):
    """Scenes with and without sun, of one to three lamps, are one program's."""
    monkeypatch.setitem(render_module._CHUNK, "cpu", 6)
    data, fast = Rooms(6, size=(48, 64)), Rooms(6, size=(48, 64), compile=True)
    scene = data.make(range(6))
    assert 0 < (scene.sun[:, 3:6] > 0).any(-1).sum() < 6 and len(set((scene.lights[:, :, 9] > 0).sum(1).tolist())) > 1
    for plain, compiled in zip(data.__getitems__(range(6)), fast.__getitems__(range(6)), strict=True):
        torch.testing.assert_close(compiled["depth"], plain["depth"], rtol=1e-6, atol=0)
        torch.testing.assert_close(compiled["rgb"], plain["rgb"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("s", [0.1, 2.0, 3.7])
def test_a_scene_of_another_scale_makes_the_same_picture_and_other_depth(s: float):
    scene = make_rooms(0, [4, 11])
    frame, other = (render(x, K, None, HEIGHT, WIDTH) for x in (scene, scene.scaled(s)))
    ratio = other.depth / frame.depth / s
    assert ((ratio - 1).abs() < 1e-4).float().mean() > 0.998  # a ray that grazes an edge may fall on either side
    difference = (other.rgb - frame.rgb).abs()
    assert difference.mean() < 1e-3 and (difference > 0.02).float().mean() < 0.01


def test_shadow_and_texture_are_cues_that_can_be_taken_away():
    scene = make_rooms(0, [6])
    full = render(scene, K, None, HEIGHT, WIDTH)
    for options in ({"shadows": False}, {"textures": False}, {"sensor": False}):
        bare = render(scene, K, None, HEIGHT, WIDTH, **options)
        assert torch.equal(bare.depth, full.depth)
        assert (bare.rgb - full.rgb).abs().mean() > 1e-3


def test_what_stands_between_light_and_floor_darkens_the_floor():
    b = Builder()
    b.box((0, -0.1, 4), (20, 0.2, 20), GREY, shell=True)
    b.box((0, 1.0, 4), (1.0, 0.05, 1.0), GREY)
    pose = camera_pose(0, 1.8, 0, 0, 0.3, 0)
    lit, dark = (render(one(b, pose), K, None, HEIGHT, WIDTH, shadows=s, sensor=False) for s in (False, True))
    under, beside = (camera.project(pose[:3, :3].T @ (torch.tensor(p) - pose[:3, 3])[:, None], K)[0][:, 0].round().long()
                     for p in ([0.0, 0.0, 4.0], [1.5, 0.0, 4.0]))  # fmt: skip
    shade = dark.rgb[0, :, under[1], under[0]] / dark.rgb[0, :, beside[1], beside[0]]
    assert (shade < 0.8).all()
    assert (lit.rgb[0, :, under[1], under[0]] / lit.rgb[0, :, beside[1], beside[0]] > 0.8).all()


def test_rooms_have_the_depths_of_nyu_rooms(rooms: list):
    depth = torch.stack([s["depth"] for s in rooms])
    assert (depth > 0).all()
    medians = depth.flatten(1).median(dim=1).values
    assert 2.0 < medians.median() < 3.2 and ((medians > 1.0) & (medians < 5.0)).float().mean() > 0.95
    low, high = depth.flatten()[::7].quantile(torch.tensor([0.05, 0.95]))
    assert 0.8 < low < 1.6 and 4.0 < high < 6.5


def test_samples_keep_the_contract(rooms: list, roads: list):
    for sample in rooms[:20] + roads:
        check(sample, sample["name"])
        assert sample["rgb"].dtype == torch.float32 and 0 <= sample["rgb"].min() and sample["rgb"].max() <= 1
        assert sample["rgb"].std() > 0.03
        assert not any(sample[key].is_inference() for key in ("rgb", "depth", "K"))  # can be trained on
    assert rooms[3]["name"] == "rooms-0-000003" and rooms[3]["dataset"] == "rooms" and rooms[3]["index"] == 3
    assert collate(rooms[:2])["rgb"].shape == (2, 3, 48, 64)
    assert torch.allclose(Rooms(1).K(), camera.resize(Rooms(1, size=(480, 640)).K(), 0.5, 0.5))


def test_the_sky_has_no_depth_and_the_road_does(roads: list):
    for sample in roads:
        depth = sample["depth"][0]
        assert (depth[:20] == 0).any() and (depth[-15:] > 0).all() and depth.max() <= 80
        # the road lies 1.65 m under the camera
        rows = camera.unproject(depth[None], sample["K"])[1]
        assert ((rows - 1.65).abs() < 0.15)[-15:].float().mean() > 0.2


def test_the_laser_has_at_most_64_beams_and_tells_the_truth(roads: list):
    for sample in roads:
        sparse, depth = sample["sparse"], sample["depth"]
        hit = sparse > 0
        assert torch.equal(sparse[hit], depth[hit]) and 0.01 < hit.float().mean() < 0.6
        u = sample["K"][0, 2].round().long()
        assert (hit[0, :, u - 5 : u + 6].any(-1).sum()) <= 64
        elevation = -camera.rays(sample["K"], *depth.shape[1:])
        angle = torch.atan2(elevation[1], (elevation[0] ** 2 + 1).sqrt())[hit[0]].rad2deg()
        pixel = math.degrees(1 / float(sample["K"][1, 1]))
        assert angle.max() < 2.0 + pixel and angle.min() > -24.8 - pixel
    assert len(faults.BEAMS) == 64
    full = torch.full((1, 1, 375, 1242), 10.0)
    scan = velodyne(
        full, camera.intrinsics(721.5, 721.5, 609.6, 172.9)[None], randomness.keys(0, 0, [0], "t"), drop=0.0
    )
    assert scan[0, 0, :, 610].count_nonzero() <= 64 and 0.02 < (scan > 0).float().mean() < 0.1


def test_sensor_noise_grows_with_the_square_of_depth():
    normals = torch.tensor([0.0, 0.0, -1.0])[None, :, None, None].expand(2, 3, 120, 160)
    truth = torch.tensor([1.5, 6.0])[:, None, None, None].expand(2, 1, 120, 160)
    k = camera.from_field_of_view(120, 160, 50)
    zero = torch.zeros_like(truth)
    measured = kinect(truth, k.expand(2, 3, 3), normals, zero > 0, zero, randomness.keys(0, 0, [0, 1], "test"))
    error = (measured - truth)[measured > 0].reshape(2, -1).std(dim=1)
    assert 14 < error[1] / error[0] < 18  # (6 / 1.5)²


def test_sensor_faults_leave_holes_at_edges_on_glass_and_out_of_range():
    depth = torch.full((1, 1, 60, 80), 3.0)
    depth[..., 30:50] = 1.0
    depth[..., :20, :] = 12.0
    normals = torch.tensor([0.0, 0.0, -1.0])[None, :, None, None].expand(1, 3, 60, 80)
    glass = torch.zeros(1, 1, 60, 80, dtype=torch.bool)
    glass[..., 40:50, 5:15] = True
    measured = kinect(depth, K[None], normals, glass, 0.0 * depth, randomness.keys(0, 0, [0], "test"))
    assert (measured[glass] == 0).all() and (measured[..., :20, :] == 0).all()
    beside = measured[0, 0, 30:, [29, 30, 49, 50]]
    assert (beside == 0).float().mean() > 0.5
    assert (measured[0, 0, 52:, 5:15] > 0).all() and (measured[0, 0, 30:, 36:46] > 0).all()


def test_faulty_rooms_keep_rgb_and_lose_depth():
    clean, faulty = Rooms(9, size=(60, 80)), Rooms(9, size=(60, 80), faults=True)
    a, b = clean[2], faulty[2]
    assert torch.equal(a["rgb"], b["rgb"])
    known = b["depth"] > 0
    assert 0.4 < known.float().mean() < 0.999
    assert ((b["depth"] - a["depth"]).abs() / a["depth"] ** 2)[known].max() < 0.01
    assert torch.equal(b["depth"], faulty.__getitems__([1, 2])[1]["depth"])


def test_fingerprints_tell_data_sets_apart():
    prints = {d.fingerprint() for d in (Rooms(5), Rooms(6), Rooms(5, seed=1), Rooms(5, faults=True), Roads(5),
                                        Rooms(5, size=(120, 160)))}  # fmt: skip
    assert len(prints) == 6 and Rooms(5).fingerprint() == Rooms(5, device="cpu").fingerprint()


def test_what_cannot_be_asked_for():
    with pytest.raises(IndexError):
        Rooms(3)[3]
    with pytest.raises(DepthError, match="size"):
        Rooms(3, size=(0, 320))
    with pytest.raises(DepthError, match="count"):
        Roads(0)
    with pytest.raises(DepthError, match="scale"):
        make_roads(0, [0]).scaled(-1)
    with pytest.raises(DepthError, match="pose"):
        render(make_rooms(0, [0]), K, torch.eye(3), HEIGHT, WIDTH)


def test_scenes_composed_by_many_processes_are_the_same():
    one, many = Rooms(40), Rooms(40, processes=2)
    alone, together = one.make(range(5, 38)), many.make(range(5, 38))
    for field in dataclasses.fields(alone):
        assert torch.equal(getattr(alone, field.name), getattr(together, field.name)), field.name
    for kind in (Rooms, Roads):  # and made whole, where there is no GPU
        one, many = kind(9, size=(48, 64)), kind(9, size=(48, 64), processes=2)
        for alone, made in zip(one.__getitems__(range(5)), many.__getitems__(range(5)), strict=True):
            assert alone.keys() == made.keys()
            for key, value in alone.items():
                assert torch.equal(value, made[key]) if isinstance(value, torch.Tensor) else value == made[key], key


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"processes": 0}, "processes is 0; expected a whole number, 1 to 256"),
        ({"processes": True}, "processes is True"),
        ({"processes": "all"}, "processes is 'all'"),
        ({"processes": 10**5}, "processes is 100000"),
        ({"count": True}, "count is True"),
        ({"seed": 3.5}, "seed is 3.5"),
        ({"seed": -1}, "seed is -1"),
        ({"compile": "yes"}, "compile is 'yes'; expected true or false"),
        ({"shadows": 0}, "shadows is 0"),
        ({"device": "meta"}, "device 'meta' is not there"),
        ({"device": None}, "device 'None' is not there"),
    ],
)
def test_an_option_that_cannot_be_is_told_as_it_was_given(options: dict, told: str):
    with pytest.raises(DepthError, match=told):
        open_dataset("rooms", **{"count": 3, **options})


def test_an_index_is_a_whole_number():
    data = Rooms(9, size=(24, 32))
    assert data[torch.tensor(4)]["name"] == data[4]["name"]
    with pytest.raises(TypeError):
        data[1.7]


AT_ONCE = """
import threading
from depthlib.data.scenes import Roads, Rooms
if __name__ == "__main__":
    sets = Rooms(9, size=(24, 32), processes=2), Roads(9, size=(24, 80), processes=3)
    threads = [threading.Thread(target=lambda d=d: [d.__getitems__(range(8)) for _ in range(4)]) for d in sets * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_data_sets_with_different_processes_are_read_at_once(tmp_path):
    """In a process of its own, which can be ended if they wait for each other."""
    (tmp_path / "at_once.py").write_text(AT_ONCE)
    done = subprocess.run([sys.executable, str(tmp_path / "at_once.py")], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and "resize" not in done.stderr, done.stderr


class Ended(Rooms):
    """Whose processes are killed at their work."""

    composer = staticmethod(lambda seed, indices: os.kill(os.getpid(), signal.SIGKILL))


def test_a_process_that_is_killed_is_one_sentence_and_the_next_scenes_are_made():
    with pytest.raises(DepthError, match="rooms: one of 2 processes .* was ended from outside"):
        Ended(4, size=(24, 32), processes=2).__getitems__(range(4))
    assert len(Rooms(4, size=(24, 32), processes=2).__getitems__(range(4))) == 4


INTERPRETED = """
import torch
torch.set_num_threads(1)  # Triton's interpreter is for one thread
from depthlib import camera
from depthlib.data.scenes import make_roads, make_rooms, raycast, raycast_gpu, render
for make in (make_rooms, make_roads):
    seen = []
    for fast in (None, raycast_gpu):
        raycast.kernels = lambda device: fast
        seen.append(render(make(0, [1]), camera.from_field_of_view(16, 32, 60), height=16, width=32))
    plain, fast = seen
    assert torch.equal(plain.ids, fast.ids)
    torch.testing.assert_close(plain.depth, fast.depth, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(plain.rgb, fast.rgb, rtol=0, atol=1e-4)
"""


def test_the_kernels_for_gpus_meet_the_same_primitives():
    """Run by Triton's interpreter, which needs no GPU; on a GPU, tests/test_cuda.py runs them compiled."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INTERPRETED],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
