"""The store: a prepared data set as memory-mapped arrays, and the same encoding held in memory.

A folder with ``meta.json`` (schema, count, size, units, fingerprint, licence), ``rgb.npy`` uint8 [N, H, W, 3],
``depth.npy`` uint16 millimetres [N, H, W] (0 = missing) and ``index.json`` (name, scene and K of each sample).
Opened read-only as memory maps, so several processes share one copy and memory stays flat.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from depthlib.errors import DepthError
from depthlib.files import writable_folder
from depthlib.sample import RGBD, Sample, check_depth

SCHEMA = 1
MILLIMETRES = 1000.0
UNITS = {"rgb": "uint8", "depth": "uint16 millimetres, 0 = missing"}


def encode(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Colour as uint8 [H, W, 3] and depth as uint16 millimetres [H, W]; beyond 65.535 m becomes missing."""
    rgb = (sample["rgb"].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    millimetres = (sample["depth"][0] * MILLIMETRES).round()
    millimetres = torch.where(millimetres <= 65535, millimetres, 0.0)
    return rgb, millimetres.cpu().numpy().astype(np.uint16)


def decode(rgb: NDArray[np.uint8], depth: NDArray[np.uint16]) -> tuple[torch.Tensor, torch.Tensor]:
    """The inverse of :func:`encode`: rgb [3, H, W] in [0, 1], depth [1, H, W] metres."""
    colour = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).to(torch.float32).div_(255)
    metres = torch.from_numpy(depth.astype(np.float32)).div_(MILLIMETRES)[None]
    return colour, metres


def write_store(dataset: RGBD, folder: str | os.PathLike[str], licence: str = "", progress: bool = True) -> Path:
    """Write a data set as a store; the folder appears only when it is complete.

    Args:
        dataset: any data set of this library, all samples of one size.
        folder: where the store will be; must not exist.
        licence: the terms under which the data may be used, kept in ``meta.json``.

    Raises:
        DepthError: the folder exists or cannot be written, or samples differ in size.
    """
    target = Path(folder)
    if target.exists():
        raise DepthError(f"{target}: exists already. Remove it or choose another folder; a store is never overwritten.")
    writable_folder(target.parent)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        first = dataset[0]
        height, width = first["depth"].shape[-2:]
        count = len(dataset)
        needed, free = count * height * width * 5, shutil.disk_usage(partial).free
        if needed > free:  # a memory map that meets a full disk kills the process
            raise DepthError(f"{target}: needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free. Free some space.")
        rgb = np.lib.format.open_memmap(partial / "rgb.npy", "w+", np.uint8, (count, height, width, 3))
        depth = np.lib.format.open_memmap(partial / "depth.npy", "w+", np.uint16, (count, height, width))
        index: list[dict[str, Any]] = []
        digest = hashlib.sha256()
        step = 16
        for start in tqdm(range(0, count, step), desc=f"writing {target.name}", disable=not progress, unit="batch"):
            for sample in dataset.__getitems__(range(start, min(start + step, count))):
                if sample["depth"].shape[-2:] != (height, width):
                    raise DepthError(
                        f"{sample['name']}: {tuple(sample['depth'].shape[-2:])}, but the store's first sample is "
                        f"{(height, width)}. Give the data set one size."
                    )
                i = len(index)
                rgb[i], depth[i] = encode(sample)
                digest.update(rgb[i].tobytes())
                digest.update(depth[i].tobytes())
                index.append({"name": sample["name"], "scene": sample.get("scene", ""), "K": sample["K"].tolist()})
        rgb.flush()
        depth.flush()
        digest.update(json.dumps(index).encode())
        (partial / "index.json").write_text(json.dumps(index))
        meta = {
            "schema": SCHEMA,
            "name": dataset.name,
            "count": count,
            "size": [height, width],
            "units": UNITS,
            "fingerprint": digest.hexdigest()[:16],
            "licence": licence,
        }
        (partial / "meta.json").write_text(json.dumps(meta, indent=1))
        os.replace(partial, target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DepthError(
            f"{target}: cannot be written ({error.strerror}). Free some space or choose another folder."
        ) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target


class Store:
    """A store opened read-only.

    Args:
        folder: made by :func:`write_store`.
        indices: the part of it to show, by default all.

    Raises:
        DepthError: not a store, another schema, or arrays that do not fit ``meta.json``.
    """

    def __init__(self, folder: str | os.PathLike[str], indices: Sequence[int] | None = None) -> None:
        self.folder = Path(folder)
        try:
            self.meta = json.loads((self.folder / "meta.json").read_text())
            self._index = json.loads((self.folder / "index.json").read_text())
            self._rgb = np.load(self.folder / "rgb.npy", mmap_mode="r")
            self._depth = np.load(self.folder / "depth.npy", mmap_mode="r")
        except (OSError, ValueError, EOFError, RecursionError) as error:
            raise DepthError(f"{self.folder}: cannot be opened as a store ({error}). Prepare it again.") from error
        found = self.meta.get("schema") if isinstance(self.meta, dict) else self.meta
        if found != SCHEMA:
            raise DepthError(f"{self.folder}: store schema {found!r}, expected {SCHEMA}. Prepare it again.")
        try:
            shape = (self.meta["count"], *self.meta["size"])
            whole = all(len(e["name"]) > 0 and np.shape(e["K"]) == (3, 3) and "scene" in e for e in self._index)
            self.name, units, _ = self.meta["name"], self.meta["units"], self.meta["fingerprint"]
        except (KeyError, TypeError, ValueError) as error:
            raise DepthError(
                f"{self.folder}: meta.json or index.json lacks an entry or holds one of another kind ({error!r}). "
                "Prepare it again."
            ) from error
        if not whole or units != UNITS or self._rgb.dtype != np.uint8 or self._depth.dtype != np.uint16:
            raise DepthError(
                f"{self.folder}: rgb is {self._rgb.dtype} and depth {self._depth.dtype} in units {units}; expected {UNITS} "
                "and a name, scene and 3x3 K for each sample. Prepare it again."
            )
        if self._depth.shape != shape or self._rgb.shape != (*shape, 3) or len(self._index) != shape[0]:
            raise DepthError(
                f"{self.folder}: meta.json says {shape}, the arrays are {self._rgb.shape} and {self._depth.shape}, "
                f"the index has {len(self._index)} entries. Prepare it again."
            )
        self.indices = list(range(shape[0])) if indices is None else [int(i) for i in indices]
        for i in self.indices:
            if not 0 <= i < shape[0]:
                raise DepthError(f"{self.folder}: holds samples 0 to {shape[0] - 1}, sample {i} was asked for.")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        i = self.indices[index]
        rgb, depth = decode(self._rgb[i], self._depth[i])
        entry = self._index[i]
        check_depth(depth, f"{self.folder}, {entry['name']}")
        return Sample(
            rgb=rgb, depth=depth, K=torch.tensor(entry["K"]), name=entry["name"], dataset=self.name,
            index=index, scene=entry["scene"],
        )  # fmt: skip

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """The names, in order."""
        return [self._index[i]["name"] for i in self.indices]

    def verify(self) -> None:
        """Read every byte and compare with the fingerprint that was taken when the store was written.

        Raises:
            DepthError: the content has changed.
        """
        digest = hashlib.sha256()
        for rgb, depth in zip(self._rgb, self._depth, strict=True):
            digest.update(rgb.tobytes())
            digest.update(depth.tobytes())
        digest.update(json.dumps(self._index).encode())
        if digest.hexdigest()[:16] != self.meta["fingerprint"]:
            raise DepthError(
                f"{self.folder}: the content does not have the fingerprint of meta.json. Prepare it again."
            )

    def fingerprint(self) -> str:
        """The hash of the store's content, and of the part shown."""
        part = hashlib.sha256(json.dumps(self.indices).encode()).hexdigest()[:8]
        return f"{self.meta['fingerprint']}-{part}"


class InMemory:
    """A data set whose samples are kept in memory after their first use, in the store's encoding.

    For data that is slow to make (rendered scenes) or to decode (a folder of pictures) and used for several
    epochs. Every access goes through the encoding, so the first and the hundredth reading are the same numbers.
    """

    def __init__(self, dataset: RGBD) -> None:
        self.dataset = dataset
        self.name = dataset.name
        self._kept: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint16], dict[str, Any]]] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        new = [i for i in dict.fromkeys(indices) if i not in self._kept]
        if new:
            for i, sample in zip(new, self.dataset.__getitems__(new), strict=True):
                rest = {key: value for key, value in sample.items() if key not in ("rgb", "depth")}
                self._kept[i] = (*encode(sample), rest)
        samples = []
        for i in indices:
            rgb, depth, rest = self._kept[i]
            colour, metres = decode(rgb, depth)
            samples.append(cast(Sample, {**rest, "rgb": colour, "depth": metres}))
        return samples

    def names(self) -> list[str]:
        """Those of the data set behind it."""
        return self.dataset.names()

    def fingerprint(self) -> str:
        """That of the data set behind it."""
        return self.dataset.fingerprint()
