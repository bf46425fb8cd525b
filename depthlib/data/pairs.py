"""Pictures and depth maps that are files: what most data sets are, once it is said which file belongs to which.

A reader lists its pairs and says how a map becomes metres; reading, checking and resizing are done here, once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from depthlib import camera
from depthlib.data.formats import Source, read_rgb
from depthlib.errors import DepthError
from depthlib.sample import MAPS, RGBD, Sample, check, check_camera, check_depth, check_size, dropped


@dataclass(frozen=True)
class Pair:
    """One frame: where its picture and its map lie, its name, its place, and the file of its camera where it has one."""

    name: str
    rgb: Source
    depth: Source
    scene: str = ""
    camera: Source | None = None

    def files(self) -> tuple[Source, ...]:
        """All that it is read from."""
        return (self.rgb, self.depth) if self.camera is None else (self.rgb, self.depth, self.camera)


#: K [3, 3] of a pair's picture of this many rows and columns on disk.
Camera = Callable[[Pair, int, int], Tensor]
#: A pair's picture, uint8 [H, W, 3], and its depth, float32 metres [H, W] with 0 = missing, as on disk.
Read = Callable[[Pair], tuple[NDArray[np.uint8], NDArray[np.float32]]]


def below(root: Path, ending: str) -> list[Path]:
    """The files below a folder that end so, sorted; links to folders are followed, each folder once."""
    found: list[Path] = []
    seen: set[str] = set()
    for folder, inside, files in os.walk(root, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:
            inside.clear()
            continue
        seen.add(place)
        found += [Path(folder, name) for name in files if name.endswith(ending)]
    return sorted(found)


def two_files(metres: Callable[[Source], NDArray[np.float32]]) -> Read:
    """How to read a picture, and beside it a map that ``metres`` understands."""
    return lambda pair: (read_rgb(pair.rgb), metres(pair.depth))


def resize_sample(sample: Sample, size: tuple[int, int]) -> Sample:
    """A sample at another size: colour smoothed (bilinear, antialiased), depth picked, K along with them; other maps are left out.

    Depth is picked, so that none is between two surfaces: at half the size the lower right of each four pixels, a quarter of a
    new pixel beside the cell's middle, where colour and K put it.
    """
    height, width = sample["depth"].shape[-2:]
    if (height, width) == tuple(size):
        return sample
    rgb = F.interpolate(sample["rgb"][None], size, mode="bilinear", align_corners=False, antialias=True)[0]
    depth = F.interpolate(sample["depth"][None], size, mode="nearest-exact")[0]
    K = camera.resize(sample["K"], size[0] / height, size[1] / width)
    kept = {key: value for key, value in sample.items() if key not in MAPS}
    return cast(Sample, {**kept, "rgb": rgb.clamp(0, 1), "depth": depth, "K": K})


def cut_to_shape(sample: Sample, size: tuple[int, int]) -> Sample:
    """The largest middle part of a sample that has the shape of a size; K along with it, other maps are left out.

    >>> wide = {"rgb": torch.zeros(3, 90, 160), "depth": torch.ones(1, 90, 160), "K": torch.eye(3), "name": "", "dataset": "", "index": 0}
    >>> cut_to_shape(wide, (12, 16))["depth"].shape
    torch.Size([1, 90, 120])
    """
    height, width = sample["depth"].shape[-2:]
    rows, columns = min(height, round(width * size[0] / size[1])), min(width, round(height * size[1] / size[0]))
    if (rows, columns) == (height, width):
        return sample
    top, left = (height - rows) // 2, (width - columns) // 2
    part = (..., slice(top, top + rows), slice(left, left + columns))
    kept = {key: value for key, value in sample.items() if key not in MAPS}
    K = camera.crop(sample["K"], top, left)
    return cast(Sample, {**kept, "rgb": sample["rgb"][part], "depth": sample["depth"][part], "K": K})


class Resized:
    """A data set at another size, resized as it is read: :func:`resize_sample`."""

    def __init__(self, dataset: RGBD, size: tuple[int, int]) -> None:
        self.dataset, self.name, self.dropped = dataset, dataset.name, dropped(dataset)
        self.size = check_size(size, dataset.name)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        return resize_sample(self.dataset[index], self.size)

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """Those of the data set behind it."""
        return self.dataset.names()

    def fingerprint(self) -> str:
        """That of the data set behind it, and the size."""
        return f"{self.dataset.fingerprint()}-{self.size[0]}x{self.size[1]}"


def colours(rgb: NDArray[np.uint8]) -> Tensor:
    """Bytes [H, W, 3] as float32 [3, H, W] in [0, 1]."""
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1).to(torch.float32) / 255


def sixty_degrees(pair: Pair, height: int, width: int) -> Tensor:
    """K of a camera that sees 60° across: for pictures of whose camera nothing is known."""
    return camera.from_field_of_view(height, width, 60.0)


def own_camera(read: Callable[[Source], Tensor]) -> Camera:
    """Intrinsics that every pair has in a file of its own."""

    def K(pair: Pair, height: int, width: int) -> Tensor:
        if pair.camera is None:
            raise DepthError(f"{pair.rgb}: its camera has no file.")
        return read(pair.camera)

    return K


class Pairs:
    """A data set of pairs of files.

    Args:
        name: of the data set.
        root: where it lies, for messages.
        pairs: what it holds, in order.
        read: a pair → its picture and its metres; :func:`two_files` where these are two files.
        size: rows and columns to resize to; by default as on disk.
        K: the intrinsics of each picture.
        how: options that change what is read; they become part of the fingerprint.
        cut: keep a picture's shape at another size, and cut what sticks out evenly; else it is squeezed, and K says so.

    Raises:
        DepthError: no pairs; on reading, whatever is wrong with a file: damaged, another size than its partner, not metres.

    Shapes and units: :class:`depthlib.sample.Sample`.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        pairs: Sequence[Pair],
        read: Read,
        size: tuple[int, int] | None = None,
        K: Camera = sixty_degrees,
        how: object = None,
        cut: bool = False,
    ) -> None:
        if not pairs:
            raise DepthError(f"{root}: no pairs of a picture and a depth map in it.")
        self.name, self.root, self.pairs = name, root, list(pairs)
        self.size = None if size is None else check_size(size, str(root))
        self._read, self._K, self._how, self._cut = read, K, how, cut

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]  # what is counted from the end is the same sample, with the same draws
        pair = self.pairs[index]
        picture, metres = self._read(pair)
        rgb, depth = colours(picture), torch.from_numpy(metres)[None]
        if rgb.shape[-2:] == depth.shape[-2:][::-1] and rgb.shape[-1] != rgb.shape[-2]:
            raise DepthError(
                f"{pair.depth}: depth is {depth.shape[-2]}x{depth.shape[-1]} where the image is "
                f"{rgb.shape[-2]}x{rgb.shape[-1]} (height x width): it is transposed. Save it rows first; or, if the picture only notes "
                "that it is turned (EXIF), save that upright."
            )
        K = self._K(pair, *rgb.shape[-2:])
        check_camera(K, str(pair.rgb))
        sample = Sample(rgb=rgb, depth=depth, K=K, name=pair.name, dataset=self.name, index=index)
        if pair.scene:
            sample["scene"] = pair.scene
        sample = check(sample, str(pair.depth))
        if self.size is not None:
            sample = resize_sample(cut_to_shape(sample, self.size) if self._cut else sample, self.size)
            check_depth(sample["depth"], f"{pair.depth} at {self.size[0]}x{self.size[1]}")  # sparse maps may lose all
        return sample

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """The names, in order."""
        return [pair.name for pair in self.pairs]

    def fingerprint(self) -> str:
        """A hash of the names and byte counts of all files shown, and of the options."""
        digest = hashlib.sha256(repr((self.size, self._how)).encode())
        for pair in self.pairs:
            for path in pair.files():
                digest.update(f"{path.name}:{byte_count(path)}\n".encode())
        return digest.hexdigest()[:16]


def byte_count(source: Source) -> int:
    """How long a file is, without reading it.

    Raises:
        DepthError: it is gone.
    """
    try:
        return source.stat().st_size
    except OSError as error:
        raise DepthError(f"{source}: was there when the data set was opened, and is gone.") from error


def whole(pairs: Sequence[Pair], root: Path) -> list[Pair]:
    """The pairs, if every file of theirs is there.

    Raises:
        DepthError: one is missing: names it, and says how many are.
    """
    lost = [path for pair in pairs for path in pair.files() if not path.is_file()]
    if lost:
        raise DepthError(
            f"{lost[0]}: not there, one of {len(lost)} files missing below {root}. Unpack the data set again."
        )
    return list(pairs)
