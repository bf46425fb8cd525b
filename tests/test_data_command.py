"""``depthlib data``: it knows every data set that can be opened, tells the truth about what is here, and makes stores."""

import re

import pytest
from made import make_pairs

from depthlib.cli import main
from depthlib.data import NAMES, open_dataset
from depthlib.data.catalogue import CATALOGUE
from depthlib.data.store import Store
from depthlib.errors import DepthError


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch, tmp_path):
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path / "data"))


def test_the_catalogue_is_what_can_be_opened():
    assert sorted(CATALOGUE) == sorted(NAMES)


def test_the_list_says_what_is_here(capsys, tmp_path):
    assert main(["data", "list"]) == 0
    lines = dict(re.findall(r"(?m)^(\w+) +(here|missing|by root) ", capsys.readouterr().out))
    assert sorted(lines) == sorted(NAMES)
    assert lines["rooms"] == "here" and lines["sintel"] == "missing" and lines["folder"] == "by root"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_info_of_each(name, capsys, tmp_path):
    assert main(["data", "info", name]) == 0
    out = capsys.readouterr().out
    assert "terms    " in out and ("here     " in out)
    if CATALOGUE[name].page:
        assert "here     no: " in out and str(tmp_path) in out and CATALOGUE[name].page in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["info", "sintl"], "did you mean 'sintel'"),
        (["preview", "rooms", "--out", "picture"], "expected a picture's name"),
        (["preview", "rooms", "--option", "name=x"], "name is no option"),
        (["preview", "rooms", "--size", "²x3"], "rows x columns"),
        (["preview", "rooms", "--option", "count=2001-99-99"], "not valid YAML"),
        (["preview", "rooms", "--count", "0"], "--count 0"),
        (["preview", "rooms", "--size", "240"], "rows x columns"),
        (["preview", "folder"], "option root is None"),
        (["prepare", "nyu"], "NYU Depth v2 is not there"),
        (["prepare", "rooms", "--jobs", "0"], "--jobs 0"),
        (["prepare", "rooms", "--split", "exam"], "split is 'exam'"),
        (["prepare", "motorcycle", "--split", "../../elsewhere"], "expected one of train"),
        (["preview", "sintel", "--option", "root=" + 300 * "x"], "cannot be opened (File name too long)"),
        (["preview", "store", "--option", "root=[1, 2]"], "expected the folder to open"),
    ],
)
def test_what_cannot_be_done(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not [p for p in tmp_path.iterdir() if p.name != "data"]


def test_a_preview_is_a_picture_and_says_the_depths(tmp_path, capsys):
    pairs = make_pairs(tmp_path / "pairs")
    out = tmp_path / "look.png"
    assert main(["data", "preview", "folder", "--option", f"root={pairs}", "--count", "3", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert out.read_bytes()[:4] == b"\x89PNG" and text.count("240x320") == 3 and "3 of 8 samples" in text
    assert re.search(r"0000 +240x320 +1\.00 to +5\.00 m +100% known", text)


def test_a_store_by_one_command_is_opened_by_one_line(tmp_path, capsys):
    pairs = make_pairs(tmp_path / "pairs")
    (pairs / "depth/0003.png").write_bytes(b"broken")
    command = ["data", "prepare", "folder", "--option", f"root={pairs}", "--size", "48x64", "--jobs", "1"]
    assert main(command) == 2 and "0003.png" in capsys.readouterr().err
    assert main([*command, "--drop-damaged"]) == 0
    out = capsys.readouterr().out
    assert "7 samples\n1 left out:\n  0003: " in out
    assert f"options: {{prepared: true, root: {pairs}}}" in out
    data = open_dataset("folder", root=str(pairs), size=(48, 64), prepared=True)
    with pytest.raises(DepthError, match="was prepared with options"):
        open_dataset("folder", root=str(tmp_path), size=(48, 64), prepared=True)
    assert isinstance(data, Store) and len(data) == 7
    assert main([*command, "--drop-damaged"]) == 2 and "exists already" in capsys.readouterr().err
