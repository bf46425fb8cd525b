"""Any folder of RGB and depth pairs: ``rgb/NAME.jpg|png`` beside ``depth/NAME.png`` (16 bit)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from depthlib.data.formats import read_depth_png
from depthlib.data.pairs import Camera, Pair, Pairs, sixty_degrees, two_files
from depthlib.errors import DepthError
from depthlib.files import shared_name
from depthlib.sample import checked_scenes

COLOUR_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".webp", ".bmp")


class Folder(Pairs):
    """RGB-D pairs by file name.

    Args:
        root: holds ``rgb/`` and ``depth/`` (the names can be changed).
        size: rows and columns to resize to, keeping the shape and cutting what sticks out evenly, as networks of this library see
            a picture; by default as on disk.
        depth_scale: file units in a metre: 1000 for millimetres, 256 for KITTI, 5000 for TUM.
        K: intrinsics [3, 3] of the images on disk in pixels, or what gives them for a pair and its rows and columns; by
            default a camera of 60° across.
        names: the stems to show, in this order; by default all, sorted.
        scenes: the scene of each of these, where several show one; intervals are then drawn over scenes (see
            :mod:`depthlib.bootstrap`).
        unpaired: what becomes of files without a partner: ``refuse``, since a name that was misspelt is a picture lost, or
            ``drop``; ``dropped`` then counts them.

    Raises:
        DepthError: a folder is missing or empty, a file has no partner (with ``drop``: every one), scenes for other than all pairs, and on reading whatever is wrong with
            a file: damaged, 8 bit, another size than its partner, not metres.

    A turn that a picture only notes (EXIF) is carried out, and a depth map has no such note: save turned pictures upright.
    Shapes and units: :class:`depthlib.sample.Sample`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        size: tuple[int, int] | None = None,
        depth_scale: float = 1000.0,
        K: torch.Tensor | Camera | None = None,
        names: Sequence[str] | None = None,
        rgb: str = "rgb",
        depth: str = "depth",
        name: str = "folder",
        scenes: Sequence[str] | None = None,
        unpaired: str = "refuse",
    ) -> None:
        root = Path(root)
        if unpaired not in ("refuse", "drop"):
            raise DepthError(f"{root}: unpaired is {unpaired!r}; expected refuse or drop.")
        if isinstance(depth_scale, bool) or not isinstance(depth_scale, int | float) or not 0 < depth_scale < math.inf:
            raise DepthError(
                f"{root}: depth_scale is {depth_scale!r}; expected file units in a metre, such as 1000 or 256."
            )
        seen: tuple[Camera, object]  # what gives K, and what of it belongs to the fingerprint
        if K is None or callable(K):
            seen = K or sixty_degrees, depth_scale
        else:
            given = torch.as_tensor(K, dtype=torch.float32)
            if given.shape != (3, 3) or not torch.isfinite(given).all():
                raise DepthError(f"{root}: K is {K}; expected nine finite numbers, [3, 3], in pixels.")
            seen = (lambda pair, height, width: given), (depth_scale, given.tolist())
        colour = _files(root / rgb, COLOUR_SUFFIXES)
        depths = _files(root / depth, (".png",))
        self.dropped: dict[str, int] = {}
        if names is None and unpaired == "drop" and (odd := set(colour) ^ set(depths)):
            self.dropped["files without a partner"] = len(odd)
            colour, depths = (
                {name: path for name, path in files.items() if name not in odd} for files in (colour, depths)
            )
            if not colour:
                raise DepthError(
                    f"{root}: no file in {rgb} has a partner in {depth}. Pairs share their name: rgb/0001.jpg with depth/0001.png."
                )
        wanted = sorted(colour) if names is None else [shared_name(n) if isinstance(n, str) else n for n in names]
        if not wanted or isinstance(names, str):
            raise DepthError(f"{root}: names is {names!r}; expected a list of one at least, such as ['0001'].")
        named = [""] * len(wanted) if scenes is None else checked_scenes(scenes, len(wanted), str(root))
        if scenes is not None and not all(named):
            raise DepthError(
                f"{root}: pair {wanted[named.index('')]} has no scene; expected one for each, or none at all."
            )
        lonely = sorted((set(wanted) - set(depths)) | (set(wanted) - set(colour)))
        if names is None:
            lonely = sorted(set(colour) ^ set(depths))
        if lonely:
            stem = lonely[0]
            if stem not in colour and stem not in depths:
                raise DepthError(
                    f"{root}: no pair {stem!r} ({len(lonely)} such names). Names are those of files without their ending, as text, such "
                    "as ['0001', '0002']."
                )
            have, lack = (rgb, depth) if stem in colour else (depth, rgb)
            raise DepthError(
                f"{root / have}/{stem}: no file of that name in {root / lack} ({len(lonely)} without a "
                "partner). Pairs share their name: rgb/0001.jpg with depth/0001.png. "
                + ("" if names else "Option unpaired=drop goes without them.")
            )
        super().__init__(
            name,
            root,
            [Pair(stem, colour[stem], depths[stem], scene) for stem, scene in zip(wanted, named, strict=True)],
            two_files(lambda path: read_depth_png(path, depth_scale)),
            size,
            K=seen[0],
            how=seen[1],
            cut=True,
        )


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise DepthError(f"{folder}: no such folder. Expected pairs as rgb/NAME.jpg and depth/NAME.png.")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            if (name := shared_name(path)) in files:
                raise DepthError(f"{path}: {files[name].name} has the same name. Remove one: pairs share their name.")
            files[name] = path
    if not files:
        raise DepthError(f"{folder}: no files that end in {', '.join(suffixes)}.")
    return files
