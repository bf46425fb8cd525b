"""Any folder of RGB and depth pairs: ``rgb/NAME.jpg|png`` beside ``depth/NAME.png`` (16 bit)."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from depthlib import camera
from depthlib.data.formats import read_depth_png, read_rgb
from depthlib.errors import DepthError
from depthlib.sample import Sample, check, check_size

COLOUR_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".webp", ".bmp")


def resize_sample(sample: Sample, size: tuple[int, int]) -> Sample:
    """A sample at another size: colour by area average (antialiased), depth nearest, K along with them."""
    height, width = sample["depth"].shape[-2:]
    if (height, width) == tuple(size):
        return sample
    rgb = F.interpolate(sample["rgb"][None], size, mode="bilinear", align_corners=False, antialias=True)[0]
    depth = F.interpolate(sample["depth"][None], size, mode="nearest-exact")[0]
    K = camera.resize(sample["K"], size[0] / height, size[1] / width)
    return {**sample, "rgb": rgb.clamp(0, 1), "depth": depth, "K": K}


class Folder:
    """RGB-D pairs by file name.

    Args:
        root: holds ``rgb/`` and ``depth/`` (the names can be changed).
        size: rows and columns to resize to; by default as on disk.
        depth_scale: file units in a metre: 1000 for millimetres, 256 for KITTI, 5000 for TUM.
        K: intrinsics [3, 3] of the images on disk in pixels; by default a camera of 60° across.
        names: the stems to show, in this order; by default all, sorted.

    Raises:
        DepthError: a folder is missing or empty, a file has no partner, and on reading whatever is wrong with
            a file: damaged, 8 bit, another size than its partner, not metres.

    Shapes and units: :class:`depthlib.sample.Sample`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        size: tuple[int, int] | None = None,
        depth_scale: float = 1000.0,
        K: torch.Tensor | None = None,
        names: Sequence[str] | None = None,
        rgb: str = "rgb",
        depth: str = "depth",
        name: str = "folder",
    ) -> None:
        self.root, self.depth_scale, self.name = Path(root), depth_scale, name
        self.size = None if size is None else check_size(size, str(root))
        if isinstance(depth_scale, bool) or not isinstance(depth_scale, int | float) or not 0 < depth_scale < math.inf:
            raise DepthError(
                f"{root}: depth_scale is {depth_scale!r}; expected file units in a metre, such as 1000 or 256."
            )
        self.K = None if K is None else torch.as_tensor(K, dtype=torch.float32)
        if self.K is not None and (self.K.shape != (3, 3) or not torch.isfinite(self.K).all()):
            raise DepthError(f"{root}: K is {K}; expected nine finite numbers, [3, 3], in pixels.")
        colour = _files(self.root / rgb, COLOUR_SUFFIXES)
        depths = _files(self.root / depth, (".png",))
        wanted = sorted(colour) if names is None else list(names)
        if not wanted:
            raise DepthError(f"{root}: names is empty; expected at least one.")
        lonely = sorted((set(wanted) - set(depths)) | (set(wanted) - set(colour)))
        if names is None:
            lonely = sorted(set(colour) ^ set(depths))
        if lonely:
            stem = lonely[0]
            have, lack = (rgb, depth) if stem in colour else (depth, rgb)
            raise DepthError(
                f"{self.root / have}/{stem}: no file of that name in {self.root / lack} ({len(lonely)} without a "
                "partner). Pairs share their name: rgb/0001.jpg with depth/0001.png."
            )
        self.pairs = [(colour[stem], depths[stem]) for stem in wanted]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        colour_path, depth_path = self.pairs[index]
        rgb = torch.from_numpy(np.array(read_rgb(colour_path))).permute(2, 0, 1).to(torch.float32) / 255
        depth = torch.from_numpy(read_depth_png(depth_path, self.depth_scale))[None]
        if rgb.shape[-2:] == depth.shape[-2:][::-1] and rgb.shape[-1] != rgb.shape[-2]:
            raise DepthError(
                f"{depth_path}: depth is {depth.shape[-2]}x{depth.shape[-1]} where the image is "
                f"{rgb.shape[-2]}x{rgb.shape[-1]} (height x width): it is transposed. Save it rows first."
            )
        K = self.K if self.K is not None else camera.from_field_of_view(rgb.shape[-2], rgb.shape[-1], 60.0)
        sample = Sample(rgb=rgb, depth=depth, K=K, name=colour_path.stem, dataset=self.name, index=index)
        sample = check(sample, str(depth_path))
        return sample if self.size is None else resize_sample(sample, self.size)

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """The names, in order."""
        return [colour.stem for colour, _ in self.pairs]

    def fingerprint(self) -> str:
        """A hash of the names and byte counts of all files shown, and of the options."""
        digest = hashlib.sha256(repr((self.size, self.depth_scale)).encode())
        for pair in self.pairs:
            for path in pair:
                if not path.is_file():
                    raise DepthError(f"{path}: was there when the folder was opened, and is gone.")
                digest.update(f"{path.name}:{path.stat().st_size}\n".encode())
        return digest.hexdigest()[:16]


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise DepthError(f"{folder}: no such folder. Expected pairs as rgb/NAME.jpg and depth/NAME.png.")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            if path.stem in files:
                raise DepthError(
                    f"{path}: {files[path.stem].name} has the same name. Remove one: pairs share their name."
                )
            files[path.stem] = path
    if not files:
        raise DepthError(f"{folder}: no files that end in {', '.join(suffixes)}.")
    return files
