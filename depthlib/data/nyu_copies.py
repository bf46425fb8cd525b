"""NYU Depth v2 as people really have it: three repackagings of its raw frames.

- DenseDepth's archive (``nyu_data.zip``, or its ``data`` folder): 50,688 training pairs with depth in **8 bits**, where 255
  is 10 m, and the 654 test pairs in **16 bits**, millimetres. Both are called png.
- The sparse-to-dense archive: ``train|val/SCENE/NNNNN.h5`` with ``rgb`` [3, 480, 640] and ``depth`` in metres. Its ``val``
  is the official test part.
- The same files in tars, ``train-000000.tar``, ``val-000000.tar``, as hubs of data sets serve them.

All are made of the training scenes and the official test images, so they may be trained on and reported as such. The test files
carry the frames' numbers in the labelled set, which say which show one scene (:func:`depthlib.data.nyu.scenes_of_runs`).

Source: Alhashim and Wonka 2018; Ma and Karaman 2018.
"""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import replace
from pathlib import Path

from depthlib.data.archives import Member, members
from depthlib.data.formats import Source, read_depth8_png, read_depth_png, read_h5_frame
from depthlib.data.nyu import nyu_camera, scenes_of_runs
from depthlib.data.pairs import Pair, Pairs, below, two_files, whole
from depthlib.errors import DepthError

SPLITS = ("train", "test")


def open_nyu_densedepth(
    root: str | os.PathLike[str], split: str = "train", size: tuple[int, int] | None = None
) -> Pairs:
    """DenseDepth's pairs, from the zip as it is or from what it unpacks to.

    Args:
        root: ``nyu_data.zip``, a folder with it, or one with ``data/nyu2_train.csv``.
        split: ``train`` (8-bit depth) or ``test`` (the 654).
        size: rows and columns; by default 480x640.

    Raises:
        DepthError: neither is there, the list of pairs cannot be read, or names a file that is not there.
    """
    root = Path(root)
    _check_split("nyu_densedepth", split)
    archive = root if root.suffix == ".zip" else root / "nyu_data.zip"
    table = f"data/nyu2_{split}.csv"
    if archive.is_file():
        inside = members(archive)
        if table not in inside:
            raise DepthError(f"{archive}: holds no {table}; expected DenseDepth's nyu_data.zip.")
        text = inside[table].read_bytes()
    else:
        inside = {}
        if not (root / table).is_file():
            raise DepthError(
                f"{root}: neither nyu_data.zip nor {table} in it. Put DenseDepth's archive there, as it is."
            )
        text = (root / table).read_bytes()
    pairs = []
    try:
        rows = [row for row in csv.reader(io.StringIO(text.decode("utf-8-sig"))) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DepthError(f"{root}: {table} cannot be read ({error}). Fetch the archive again.") from error
    for count, row in enumerate(rows, 1):
        if len(row) != 2 or "/" not in row[0] or any(".." in path.split("/") or path.startswith("/") for path in row):
            raise DepthError(
                f"{root}: {table}, line {count}: {','.join(row)[:80]!r}; expected PICTURE,DEPTH below data/."
            )
        rgb, depth = (_found(inside, archive, root, path) for path in row)
        folder = row[0].split("/")[-2]
        scene = folder.removesuffix("_out") if split == "train" else ""
        pairs.append(Pair(f"{folder}-{Path(row[0]).stem}", rgb, depth, scene))
    metres = read_depth8_png if split == "train" else read_depth_png
    pairs = whole(pairs if split == "train" else _with_scenes(pairs, 0), root)
    return Pairs("nyu-densedepth", root, pairs, two_files(metres), size, nyu_camera, split)


def _found(inside: dict[str, Member], archive: Path, root: Path, path: str) -> Source:
    if not inside:
        return root / path
    if path not in inside:
        raise DepthError(f"{archive}: {path} is listed, and is not in it. Fetch the archive again.")
    return inside[path]


def _with_scenes(pairs: list[Pair], first: int) -> list[Pair]:
    """Test frames with their scenes, by the number in each file's name, counted from ``first``; as they are if those are not the set's own numbers."""
    folders = {pair.name.rpartition("-")[0] for pair in pairs}
    if len(folders) > 1:
        return pairs  # folders of scenes
    numbers = [re.search(r"\d+", pair.name.rpartition("-")[2]) for pair in pairs]
    if not all(numbers):
        return [replace(pair, scene="") for pair in pairs]
    frames = [int(number[0]) - first for number in numbers if number]
    scenes = scenes_of_runs(frames)
    # the set's own numbers leave out its training frames: what was counted anew has hardly a gap
    anew = len(pairs) > 1 and max(frames) - min(frames) < 1.5 * len(pairs)
    if anew or len({*frames}) < len(pairs):
        return [replace(pair, scene="") for pair in pairs]
    return [replace(pair, scene=scene) for pair, scene in zip(pairs, scenes, strict=True)]


def open_nyu_h5(root: str | os.PathLike[str], split: str = "train", size: tuple[int, int] | None = None) -> Pairs:
    """The sparse-to-dense frames, from a tree of ``.h5`` files or from tars of them.

    Args:
        root: holds ``train`` and ``val``, or ``train-*.tar`` and ``val-*.tar``.
        split: ``train``, or ``test`` (the archive's ``val``: the official 654 test images).
        size: rows and columns; by default 480x640.

    Raises:
        DepthError: no frame found; on reading, what is wrong with a file.
    """
    root = Path(root)
    _check_split("nyu_h5", split)
    part = "train" if split == "train" else "val"
    files: dict[str, Source] = {
        path.relative_to(root / part).as_posix(): path for path in below(root / part, ".h5") if path.is_file()
    }
    for archive in sorted(root.glob(f"{part}-*.tar")):
        files |= {path: member for path, member in members(archive).items() if path.endswith(".h5")}
    pairs = []
    for path, file in sorted(files.items()):
        *folders, number = path.removesuffix(".h5").split("/")
        scene = folders[-1] if folders else ""
        pairs.append(Pair("-".join((scene, number)) if scene else number, file, file, scene))
    if not pairs:
        raise DepthError(f"{root}: neither {part}/SCENE/*.h5 nor {part}-*.tar with such files in it.")
    pairs = pairs if split == "train" else _with_scenes(pairs, 1)
    return Pairs("nyu-h5", root, pairs, lambda pair: read_h5_frame(pair.rgb), size, nyu_camera, split)


def _check_split(name: str, split: str) -> None:
    if split not in SPLITS:
        raise DepthError(f"{name}: split is {split!r}; expected train or test.")
