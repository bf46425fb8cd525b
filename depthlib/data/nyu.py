"""NYU Depth v2, the labelled set: 1449 RGB-D frames of indoor scenes, official split 795 / 654.

Three forms are read, with the same samples: the official ``nyu_depth_v2_labeled.mat`` (HDF5, 2.8 GB), a
prepared folder (``rgb/0001.jpg``, ``depth/0001.png`` in millimetres, ``splits.mat``) and a store made from
either by ``data_scripts/prepare_nyu_labelled.py``. Depth is the in-painted ``depths`` of the labelled set, the
one that the published tables score, or by choice ``rawDepths``, with the sensor's holes.

Source: Silberman, Hoiem, Kohli, Fergus 2012. Research use only, under the data set's own terms.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthlib import camera
from depthlib.data.folder import Folder
from depthlib.data.formats import read_splits
from depthlib.data.pairs import Pair, Resized, resize_sample
from depthlib.data.store import Store
from depthlib.errors import DepthError, in_short
from depthlib.sample import RGBD, Sample, check, check_size, checked_scenes

if TYPE_CHECKING:
    import h5py

SPLITS = ("train", "test", "fit", "validation", "all")
MAT = "nyu_depth_v2_labeled.mat"
FULL = (480, 640)


def split_indices(splits: dict[str, np.ndarray], split: str) -> list[int]:
    """0-based frame indices of a part.

    ``train`` and ``test`` are official. ``fit`` and ``validation`` divide ``train`` for choosing settings:
    runs of twenty consecutive training frames, every tenth run being validation, so that neighbouring frames of
    one room stay together.

    Raises:
        DepthError: an unknown part.
    """
    if split in ("train", "test"):
        return splits[split].tolist()
    if split == "all":
        return sorted(splits["train"].tolist() + splits["test"].tolist())
    if split in ("fit", "validation"):
        train = np.sort(splits["train"])
        held_out = (np.arange(len(train)) // 20) % 10 == 9
        return train[held_out if split == "validation" else ~held_out].tolist()
    raise DepthError(f"NYU: split is {split!r}; expected one of {', '.join(SPLITS)}.")


def scenes_of_runs(frames: Sequence[int] | NDArray[np.integer]) -> list[str]:
    """The scene of each frame of one official part: a run of consecutive numbers, named by its first, counted from 1.

    Args:
        frames: 0-based numbers, each once, in any order.

    The labelled set lists its frames place by place. So a run that is all training or all test is one place, or a few that are
    neighbours in the list: 124 runs of the test frames, where the paper counts 215 scenes. Places that are taken together cost
    precision only. One that is cut counts more than once, as a bookshop does of which 84 to 91 and 117 to 119 are test frames
    and 92 to 116 training frames. The official ``.mat`` names its scenes more finely; its copies do not, and all should agree.

    >>> scenes_of_runs([0, 1, 8, 13, 14])
    ['0001', '0001', '0009', '0014', '0014']
    """
    frames = [int(frame) for frame in frames]
    order = sorted(frames)
    first: dict[int, int] = {}
    for before, frame in zip([None, *order], order, strict=False):
        first[frame] = first[before] if before == frame - 1 else frame
    return [f"{first[frame] + 1:04d}" for frame in frames]


#: Which depth: array in the .mat, folder of a prepared set, and the name that results carry.
TRUTHS = {"filled": ("depths", "depth", "nyu"), "raw": ("rawDepths", "raw_depth", "nyu-raw")}


def open_nyu(
    root: str | os.PathLike[str], split: str = "train", size: tuple[int, int] = (240, 320), truth: str = "filled"
) -> RGBD:
    """Open whichever form of the labelled set lies in ``root``.

    Args:
        root: a store, a prepared folder, or a folder with the official ``.mat``; ``splits.mat`` beside the data.
        split: ``train`` (795), ``test`` (654), ``fit`` (720) and ``validation`` (75, held out of the training
            images), or ``all`` (1449).
        size: rows and columns; the paper halves 480x640. A store at 480x640 serves every size, resized as it is read; one of
            another size that one alone.
        truth: ``filled`` (holes in-painted, what is usually scored) or ``raw`` (as the sensor saw it, 0 in its holes). A
            store holds one of the two; a prepared folder has the second as ``raw_depth/``.

    Raises:
        DepthError: none of the three is there, or what is there is damaged.
    """
    root = Path(root)
    if truth not in TRUTHS:
        raise DepthError(f"NYU: truth is {truth!r}; expected filled or raw.")
    _, folder, name = TRUTHS[truth]
    splits = read_splits(root / "splits.mat") if root.is_dir() else {}
    indices = split_indices(splits, split) if splits else []
    known = {frame: scene for part in splits.values() for frame, scene in zip(part, scenes_of_runs(part), strict=True)}
    scenes = [known[i] for i in indices]
    if (root / "meta.json").exists():
        store = Store(root, indices, scenes=scenes)
        if store.name != name:
            raise DepthError(
                f"{root}: a store of {store.name!r}, but truth={truth} was asked for. Prepare it: "
                f"`python data_scripts/prepare_nyu_labelled.py --truth {truth}`."
            )
        has, asked = tuple(store.meta["size"]), tuple(size)
        if has == asked:
            return store
        if has != FULL:
            raise DepthError(
                f"{root}: the store's images are {has}, asked for {asked}. Prepare one at {FULL}, from which every size is "
                "read: move this one away and run `python data_scripts/prepare_nyu_labelled.py`."
            )
        return Resized(store, size)
    if (root / "rgb").is_dir():
        names = [f"{i + 1:04d}" for i in indices]
        return Folder(root, size=size, K=nyu_camera, names=names, depth=folder, name=name, scenes=scenes)
    if (root / MAT).exists():
        return NyuMat(root / MAT, indices, size, truth, scenes)
    raise DepthError(
        f"{root}: NYU Depth v2 is not there. Expected meta.json (a store), rgb/ and depth/, or {MAT}, with splits.mat. "
        "`python data_scripts/prepare_nyu_labelled.py` fetches and prepares it; or set DEPTHLIB_DATA."
    )


def nyu_camera(pair: Pair, height: int, width: int) -> Tensor:
    """K of the colour camera for pictures of this size: a :data:`depthlib.data.pairs.Camera`."""
    return camera.nyu_v2(height, width)


class NyuMat:
    """Frames of the official ``.mat`` (HDF5, v7.3), whose arrays are transposed: [N, 3, 640, 480].

    Args:
        path: ``nyu_depth_v2_labeled.mat`` or an excerpt in its layout.
        indices: 0-based frames to show; by default all in the file.
        size: rows and columns of the samples.
        truth: ``filled`` or ``raw``, see :func:`open_nyu`.
        scenes: the scene of each of these frames, where it is known (:func:`scenes_of_runs`).

    Raises:
        DepthError: not HDF5, cut short, or without ``images`` and ``depths`` (``rawDepths``) of the expected shape.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        indices: Sequence[int] | None = None,
        size: tuple[int, int] = (480, 640),
        truth: str = "filled",
        scenes: Sequence[str] | None = None,
    ) -> None:
        import h5py  # late: costs import time

        array, _, self.name = TRUTHS[truth]
        self.path, self.size = Path(path), check_size(size, str(path))
        if not self.path.is_file():
            raise DepthError(f"{path}: not found. Expected the official {MAT}, or an excerpt in its layout.")
        self._array = array
        self._open: dict[int, h5py.File] = {}
        try:
            with h5py.File(self.path, "r") as file:
                shapes = file["images"].shape, file[array].shape
                kinds = file["images"].dtype, file[array].dtype
                count = shapes[0][0]
        except (OSError, KeyError, AttributeError, IndexError, RuntimeError) as error:
            raise DepthError(
                f"{path}: cannot be read as the labelled NYU Depth v2 file, MATLAB v7.3 with images and {array} "
                f"({in_short(error)}). Perhaps the download was cut short: fetch it again."
            ) from error
        if kinds != (np.uint8, np.float32) or count < 1:
            raise DepthError(
                f"{path}: {count} images of {kinds[0]} and depths of {kinds[1]}; expected uint8 and float32. Fetch the file again."
            )
        if shapes != ((count, 3, 640, 480), (count, 640, 480)):
            raise DepthError(
                f"{path}: images {shapes[0]} and depths {shapes[1]}; expected (N, 3, 640, 480) "
                "and (N, 640, 480), as MATLAB writes them."
            )
        self.indices = list(range(count)) if indices is None else list(indices)
        if not self.indices or min(self.indices) < 0:
            raise DepthError(f"{path}: frames {self.indices[:1]} were asked for; expected some, counted from 0.")
        if max(self.indices) >= count:
            raise DepthError(
                f"{path}: holds {count} frames, the split needs {max(self.indices) + 1}. It is an excerpt."
            )
        self._scenes = None if scenes is None else checked_scenes(scenes, len(self.indices), str(path))

    def __len__(self) -> int:
        return len(self.indices)

    def _file(self) -> h5py.File:
        """The file, opened once in each process: an open one can neither be sent to another nor shared with a fork."""
        import h5py

        if os.getpid() not in self._open:
            self._open = {os.getpid(): h5py.File(self.path, "r")}
        return self._open[os.getpid()]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]  # what is counted from the end is the same sample
        i = self.indices[index]
        try:
            file = self._file()
            image, depth = file["images"][i], file[self._array][i]
        except (OSError, TypeError, KeyError, RuntimeError) as error:
            raise DepthError(f"{self.path}: frame {i + 1} cannot be read ({error}). Fetch the file again.") from error
        rgb = torch.from_numpy(image).permute(0, 2, 1).to(torch.float32) / 255  # [3, 640, 480] → [3, 480, 640]
        sample = Sample(
            rgb=rgb, depth=torch.from_numpy(depth).T[None].contiguous(), K=camera.nyu_v2(480, 640), name=f"{i + 1:04d}",
            dataset=self.name, index=index,
        )  # fmt: skip
        if self._scenes is not None:
            sample["scene"] = self._scenes[index]
        return resize_sample(check(sample, f"{self.path}, frame {i + 1}"), self.size)

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """The frames' numbers as the toolbox counts them, from 1."""
        return [f"{i + 1:04d}" for i in self.indices]

    def fingerprint(self) -> str:
        """A hash of the file's size, the frames shown and the size asked for."""
        return hashlib.sha256(
            repr((self.path.stat().st_size, self.indices, self.size, self.name)).encode()
        ).hexdigest()[:16]
