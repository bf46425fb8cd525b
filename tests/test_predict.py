"""`depthlib predict` on many photos, with a camera of one's own, and what becomes of its files. One photo: tests/test_runs.py."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depthlib.cli import main
from depthlib.data.formats import write_depth_png
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
    assert main(["predict", "in", "--out", "out", "--write", "png,npy", "--skip"]) == 2  # half of a photo's files
    assert not list(Path("out").glob("*.npy"))
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
    assert '"images": 2' in capsys.readouterr().out
    write_depth_png("out/a.png", np.full((60, 90), 2.0))
    assert main(["evaluate", "out", *score]) == 2
    assert "a-depth.png: is the map of a, and so is a.png" in capsys.readouterr().err
    with pytest.raises(DepthError, match="no map for d"):
        StoredPredictions("out", 1000).place("d")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in/a.jpg", "--write", "png,mesh"], "--write png,mesh: 'mesh' is unknown; expected some of png,npy"),
        (["in/a.jpg", "--camera", "80,80,45"], "--camera 80,80,45: expected four numbers"),
        (["in/a.jpg", "--camera", "0,80,45,30"], "two focal lengths above 0"),
        (["in/a.jpg", "--camera", "80,80,inf,30"], "expected four numbers"),
        (["in/a.jpg", "--camera", "80,80,45,60"], "60x90 (height x width), but --camera has its centre at column 45, row 60"),
        (["in/a.jpg", "--scale", "-1"], "--scale -1: expected units"),
        (["in/a.jpg", "--scale", "100000"], "in/a.jpg: depth reaches 1.579 m, which 16 bits do not hold at --scale 100000"),
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
