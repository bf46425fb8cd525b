"""`depthlib predict` on many photos, with a camera of one's own, and what becomes of its files. One photo: tests/test_runs.py."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made import make_pairs
from PIL import Image

from depthlib import checkpoints
from depthlib.cli import main
from depthlib.data.formats import read_depth_png, stated_scale, write_depth_png
from depthlib.errors import DepthError
from depthlib.stored import StoredPredictions


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three photos, a sensor's map beside one of them, and the folder they lie in as the current one."""
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(2)
    Path("in").mkdir()
    for name in ("a.jpg", "b.png", "c.jpg"):
        Image.fromarray(drawn.integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(Path("in") / name)
    write_depth_png("in/b-depth.png", np.full((60, 90), 2.0))
    return tmp_path


def points_of(path):
    header, _, body = Path(path).read_bytes().partition(b"end_header\n")
    count = int(header.split(b"element vertex ")[1].split()[0])
    return np.frombuffer(body, dtype=[("xyz", "<f4", 3), ("rgb", "u1", 3)], count=count)["xyz"]


def test_a_folder_of_photos_is_answered_with_the_files_that_are_asked_for(photos, capsys):
    assert main(["predict", "in", "--out", "out", "--write", "png"]) == 0
    assert sorted(p.name for p in Path("out").iterdir()) == ["a-depth.png", "b-depth.png", "c-depth.png"]
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["in/a.jpg", "in/b.png", "in/c.jpg", "3 photos"]
    assert main(["predict", "in/a.jpg", "in/c.jpg", "--out", "both", "--write", "npy,points"]) == 0
    assert sorted(p.suffix for p in Path("both").iterdir()) == [".npy", ".npy", ".ply", ".ply"]
    depth = np.load("both/a-depth.npy")
    stored = np.asarray(Image.open("out/a-depth.png"))
    assert depth.dtype == np.float32 and np.abs(depth - stored / 1000).max() <= 0.0005 + 1e-6
    assert "2 do not say their lens" in capsys.readouterr().out


def test_every_command_that_uses_a_network_puts_it_where_there_is_a_gpu(photos, tmp_path, monkeypatch):
    """On a GPU itself: tests/test_cuda.py."""
    pairs, moved = make_pairs(tmp_path / "pairs", 1), []
    np.save("sparse.npy", np.pad(np.full((1, 1), 2.0, np.float32), 20))
    np.save("small.npy", np.full((8, 8), 2.0, np.float32))
    monkeypatch.setattr("depthlib.transfers.device_here", lambda: "where the GPU is")
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, device: moved.append(device) or self)
    folder = ["--against", "folder", "--option", f"root={pairs}", "--protocol"]
    for command in (
        ["predict", "in/a.jpg", "--write", "npy"],
        ["complete", "sparse.npy"],
        ["enlarge", "small.npy"],
        ["evaluate", "box/depth", *folder, "full"],
        ["evaluate", "fill:box/sparse:uniform:0.1", *folder, "makarov18"],
    ):
        assert main(command) == 0
        assert moved.pop() == "where the GPU is" and not moved, command


def test_a_broken_photo_stops_itself_and_not_the_others(photos, capsys):
    Path("in/b.png").write_bytes(Path("in/b.png").read_bytes()[:200])
    assert main(["predict", "in", "--out", "out", "--write", "png"]) == 2
    said = capsys.readouterr().err
    assert "in/b.png" in said and "1 of 3 photos have no depth" in said
    assert sorted(p.name for p in Path("out").iterdir()) == ["a-depth.png", "c-depth.png"]


def test_a_folder_is_gone_on_with_and_nothing_is_overwritten(photos, capsys):
    assert main(["predict", "in/a.jpg", "--out", "out", "--write", "png"]) == 0
    mark = Path("out/a-depth.png").stat().st_mtime_ns
    assert main(["predict", "in", "--out", "out", "--write", "png"]) == 2
    assert "out/a-depth.png: is there already" in capsys.readouterr().err and len(list(Path("out").iterdir())) == 1
    assert main(["predict", "in", "--out", "out", "--write", "png", "--skip"]) == 0
    assert "1 of 3 have their files already" in capsys.readouterr().out
    assert len(list(Path("out").iterdir())) == 3 and Path("out/a-depth.png").stat().st_mtime_ns == mark
    assert main(["predict", "in", "--out", "out", "--write", "png,npy", "--skip"]) == 0  # half of each photo's files
    assert len(list(Path("out").glob("*.npy"))) == 3 and Path("out/a-depth.png").stat().st_mtime_ns == mark
    assert main(["predict", "in", "--out", "out", "--write", "png", "--skip"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 of 3 have their files already"


def test_points_stand_where_the_camera_sees_them(photos):
    assert main(["predict", "in/a.jpg", "--out", "out", "--write", "npy,points", "--camera", "80,100,30.5,20"]) == 0
    depth, points = np.load("out/a-depth.npy"), points_of("out/a-depth.ply")
    rows, columns = np.nonzero(depth)
    z = depth[rows, columns]
    expected = np.stack([(columns - 30.5) / 80 * z, (rows - 20) / 100 * z, z], axis=1)
    assert np.allclose(np.abs(points), np.abs(expected), atol=1e-5)


def test_the_maps_of_photos_are_scored_as_they_lie(photos, tmp_path, capsys):
    for part in ("rgb", "depth"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
    for name in ("a", "c"):
        Path(f"in/{name}.jpg").rename(tmp_path / "pairs/rgb" / f"{name}.jpg")
        write_depth_png(tmp_path / "pairs/depth" / f"{name}.png", np.linspace(1, 4, 60 * 90).reshape(60, 90))
    assert main(["predict", "pairs/rgb", "--out", "out"]) == 0
    capsys.readouterr()
    score = [
        "--against",
        "folder",
        "--option",
        "root=pairs",
        "--scale",
        "1000",
        "--protocol",
        "eigen14",
        "--format",
        "json",
    ]
    assert main(["evaluate", "out", *score]) == 0
    output = capsys.readouterr().out
    assert json.loads(output)["eigen14"]["images"] == 2
    said = json.loads(output)["eigen14"]["metrics"]["rmse"]["value"]
    assert main(["evaluate", "out", *score[:-6], *score[-4:]]) == 0  # the maps say their unit
    assert json.loads(capsys.readouterr().out)["eigen14"]["metrics"]["rmse"]["value"] == said
    assert main(["evaluate", "out", *[word.replace("1000", "256") for word in score]]) == 2
    assert "says of itself that it has 1000 file units in a metre, but is read with 256" in capsys.readouterr().err
    for name in ("a", "c"):
        write_depth_png(f"out/{name}.png", np.full((60, 90), 2.0))
    assert main(["evaluate", "out", *score]) == 2
    assert "two files for each image, such as a.png and a-depth.png" in capsys.readouterr().err
    Path("out/c.png").unlink()  # then it is no map of the set's
    assert main(["evaluate", "out", *score]) == 0
    with pytest.raises(DepthError, match="no map for d"):
        StoredPredictions("out", 1000).place("d")


def test_a_name_that_ends_as_a_map_does_is_an_image_of_its_own(tmp_path):
    for name in ("a", "a-depth", "a-depth-depth"):
        write_depth_png(tmp_path / f"{name}.png", np.full((60, 90), len(name)))
    maps = StoredPredictions(tmp_path)
    maps.check_names(["a", "a-depth-depth"], "set")
    assert maps.read("a").max() == 1 and maps.read("a-depth-depth").max() == len("a-depth-depth")
    (tmp_path / "a.png").unlink()
    maps = StoredPredictions(tmp_path)
    maps.check_names(["a", "a-depth"], "set")
    assert maps.read("a").max() == len("a-depth") and maps.read("a-depth").max() == len("a-depth-depth")
    (tmp_path / "a-depth-depth.png").unlink()
    with pytest.raises(DepthError, match="no map for 1 of 2 images of set, such as a[.]"):
        StoredPredictions(tmp_path).check_names(["a", "a-depth"], "set")
    with pytest.raises(DepthError, match="images share names, such as a;"):
        StoredPredictions(tmp_path).check_names(["a", "a"], "set")


def test_far_and_near_photos_lie_in_one_folder_and_are_read_in_their_own_unit(photos, monkeypatch, capsys):
    model = checkpoints.load_model(None)
    to_depth = type(model).to_depth
    calls = itertools.count()
    monkeypatch.setattr(
        type(model), "to_depth", lambda self, output: (60, 1, 1)[next(calls) % 3] * to_depth(self, output)
    )
    assert main(["predict", "in", "--out", "out", "--write", "npy,png"]) == 0
    assert "stored in 1/256 m" in capsys.readouterr().out
    for name, scale in (("a", 256), ("b", 1000), ("c", 1000)):
        assert stated_scale(f"out/{name}-depth.png") == scale
        metres = np.load(f"out/{name}-depth.npy")
        assert np.abs(read_depth_png(f"out/{name}-depth.png") - metres).max() <= 0.5 / scale + 1e-4
        Path(f"out/{name}-depth.npy").unlink()
        with pytest.raises(DepthError, match=f"says of itself that it has {scale} file units"):
            read_depth_png(f"out/{name}-depth.png", 5000)
    maps = StoredPredictions("out")
    maps.check_names(["a", "b", "c"], "set")
    assert maps.read("a").max() > 40 > 10 > maps.read("b").max()


def test_one_photo_that_cannot_be_is_named_and_no_photo_is_overwritten(photos, capsys):
    Image.new("RGB", (20, 20)).save("in/d.png")
    assert main(["predict", "in", "--out", "out", "--write", "png"]) == 2
    said = capsys.readouterr().err
    assert (
        "depthlib: in/d.png: image: 20x20 pixels" in said
        and "1 of 4 photos" in said
        and "The other 3 are written" in said
    )
    Image.new("RGB", (60, 40)).save("in/a-depth.png")
    before = Path("in/a-depth.png").read_bytes()
    assert main(["predict", "in/a.jpg", "in/a-depth.png", "--write", "png", "--force"]) == 2
    assert "in/a-depth.png: is one of the photos, and would be overwritten" in capsys.readouterr().err
    assert Path("in/a-depth.png").read_bytes() == before
    Path("in/a-depth.npy").mkdir()
    assert main(["predict", "in/a.jpg", "--write", "npy,points", "--force"]) == 2
    assert "a-depth.npy: is a folder" in capsys.readouterr().err and not list(Path("in").glob("*.ply"))
    assert main(["predict", "in/b.png", str(Path("in/b.png").absolute()), "--out", "two", "--write", "png"]) == 0
    assert len(list(Path("two").iterdir())) == 1
    Image.new("RGB", (120, 80)).save("in/e.png")
    assert main(["predict", "in/a.jpg", "in/e.png", "--out", "three", "--write", "npy", "--camera", "80,80,45,30"]) == 2
    assert "in/e.png: is of another size than the photo before it" in capsys.readouterr().err
    assert main(["predict", "in/a.jpg", "--checkpoint", "box/sparse", "--out", "four"]) == 2
    assert "starts from some true depth" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in/a.jpg", "--write", "png,mesh"], "--write png,mesh: 'mesh' is unknown; expected some of png,npy"),
        (["in/a.jpg", "--camera", "80,80,45"], "--camera 80,80,45: expected four numbers"),
        (["in/a.jpg", "--camera", "0,80,45,30"], "two focal lengths above 0"),
        (["in/a.jpg", "--camera", "80,80,inf,30"], "expected four numbers"),
        (["in/a.jpg", "--camera", "80,80,45,60"], "60x90 (height x width), but --camera has its centre at column 45, row 60"),
        (["in/a.jpg", "--scale", "-1"], "--scale -1: expected units"),
        (["in/a.jpg", "--scale", "100000"], "which whole numbers of 16 bits do not hold at --scale 100000; it can be 2 to 4"),
        (["in/a.jpg", "--scale", "0.5"], "do not hold at --scale 0.5"),
        (["in/a.jpg", "--camera", "0.9,1.2,0.5,0.5"], "not shares of the picture"),
        (["in/a.jpg", "in/other/a.png"], "would both be written to out/a-depth.png"),
        (["empty"], "empty: no photos in it"),
        (["in/a.jpg", "--out", "in/a.jpg/x"], "cannot be written"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_said_and_nothing_is_written(photos, words, said, capsys):
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    assert main(["predict", *words, *([] if "--out" in words else ["--out", "out"])]) == 2
    assert said in capsys.readouterr().err
    assert [p for p in sorted(Path().rglob("*")) if p not in before and p.is_file()] == []


def test_without_matplotlib_maps_are_written_all_the_same(photos, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["predict", "in", "--out", "out"]) == 2 and "pip install matplotlib" in capsys.readouterr().err
    assert not list(Path("out").iterdir())
    assert main(["predict", "in", "--out", "out", "--write", "png,surface"]) == 0
