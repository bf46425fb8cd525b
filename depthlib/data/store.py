"""The store: a prepared data set as memory-mapped arrays, and the same encoding held in memory.

A folder with ``meta.json`` (schema, count, size, units, fingerprint, licence, the data set's options, what was left out), ``rgb.npy`` uint8 [N, H, W, 3],
``depth.npy`` [N, H, W], uint16 millimetres or float16 metres (0 = missing), and ``index.json`` (name, scene and K of each
sample). Opened read-only as memory maps, so several processes share one copy and memory stays flat. Made by
:func:`depthlib.data.preparation.write_store`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from depthlib.errors import DepthError, in_short
from depthlib.sample import RGBD, Batch, Sample, check_depth, checked_scenes, collate, dropped, looked_at
from depthlib.transfers import to_device

SCHEMA = 1
MILLIMETRES = 1000.0
FARTHEST = 65.535  # metres, where 16 bits of millimetres end


class DepthEncoding(NamedTuple):
    """How a store keeps depth: the array's type, and the unit as ``meta.json`` names it."""

    dtype: np.dtype[Any]
    unit: str


DEPTHS = {
    "uint16": DepthEncoding(np.dtype(np.uint16), "uint16 millimetres, 0 = missing"),
    "float16": DepthEncoding(np.dtype(np.float16), "float16 metres, 0 = missing"),
}


def encode(sample: Sample, depth: str = "uint16") -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Colour as uint8 [H, W, 3]; depth [H, W] as uint16 millimetres, beyond :data:`FARTHEST` missing, or as float16 metres."""
    rgb = (sample["rgb"].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    metres = sample["depth"][0].cpu()
    if depth == "float16":
        return rgb, metres.numpy().astype(np.float16)
    millimetres = (metres * MILLIMETRES).round()
    millimetres = torch.where(millimetres <= 65535, millimetres, 0.0)
    return rgb, millimetres.numpy().astype(np.uint16)


def decode(rgb: NDArray[np.uint8], depth: NDArray[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The inverse of :func:`encode`: rgb [3, H, W] in [0, 1], depth [1, H, W] metres."""
    colour = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).to(torch.float32).div_(255)
    metres = torch.from_numpy(depth.astype(np.float32))[None]
    return colour, metres if depth.dtype == np.float16 else metres.div_(MILLIMETRES)


def decode_batch(batch: Batch) -> Batch:
    """A batch as stores keep it, colours uint8 [B, H, W, 3] and depths [B, H, W], as the floats of the contract, on its device.

    The same numbers as :func:`decode` gives, on a GPU to rounding. A batch that has floats already comes back as it is.

    >>> kept = {"rgb": torch.full((1, 2, 2, 3), 255, dtype=torch.uint8), "depth": torch.full((1, 2, 2), 1500, dtype=torch.uint16)}
    >>> decode_batch(kept)["depth"].unique()
    tensor([1.5000])
    """
    rgb, depth = batch["rgb"], batch["depth"]
    if rgb.dtype != torch.uint8:
        return batch
    if depth.dtype == torch.uint16:  # few operations know this type; its bits are those of an int16
        depth = depth.view(torch.int16).to(torch.int32).bitwise_and_(0xFFFF).to(torch.float32).div_(MILLIMETRES)
    colours = rgb.permute(0, 3, 1, 2).to(torch.float32).div_(255)
    return {**batch, "rgb": colours, "depth": depth.to(torch.float32)[:, None]}


def stacked(kept: Sequence[tuple[NDArray[np.uint8], NDArray[Any], Mapping[str, Any]]]) -> Batch:
    """Samples in the store's encoding as one batch for :func:`decode_batch`; depths of two encodings become metres."""
    depths = [depth for _, depth, _ in kept]
    if len({depth.shape for depth in depths}) > 1:  # refused there, by name
        return collate([cast(Sample, {**rest, "depth": decode(rgb, depth)[1]}) for rgb, depth, rest in kept])
    if len({depth.dtype for depth in depths}) > 1:
        depths = [decode(rgb, depth)[1][0].numpy() for rgb, depth, _ in kept]
    rest = collate([cast(Sample, entry) for _, _, entry in kept])
    stacked = {
        "rgb": torch.from_numpy(np.stack([rgb for rgb, _, _ in kept])),
        "depth": torch.from_numpy(np.stack(depths)),
    }
    return cast(Batch, {**rest, **stacked})


def content_hash(rgb: NDArray[Any], depth: NDArray[Any], index: list[dict[str, Any]]) -> str:
    """A hash of everything a store holds."""
    digest = hashlib.sha256()
    for colour, metres in zip(rgb, depth, strict=True):
        digest.update(colour.tobytes())
        digest.update(metres.tobytes())
    digest.update(json.dumps(index).encode())
    return digest.hexdigest()[:16]


def evened(scenes: Sequence[str], each: int) -> list[int]:
    """Indices with ``each`` samples of every scene: a draw without repetition, or every sample several times and the rest drawn.

    Eigen et al. 2014, §4.1, make a list of 1200 a scene of their 120,000 frames. They call its length 220,000, although
    249 scenes of 1200 would be 298,800; how they treated short scenes is not said.

    Args:
        scenes: the scene of each sample.

    Raises:
        DepthError: fewer than one a scene, or samples that do not know their scene.

    >>> [["a", "a", "a", "b"][i] for i in evened(["a", "a", "a", "b"], 2)]
    ['a', 'a', 'b', 'b']
    """
    if type(each) is not int or each < 1:
        raise DepthError(f"even is {each!r}; expected samples a scene, 1 or more.")
    if not all(scenes):
        raise DepthError("even: some samples do not know their scene, so scenes cannot be evened.")
    groups: dict[str, list[int]] = {}
    for i, scene in enumerate(scenes):
        groups.setdefault(scene, []).append(i)
    rng = np.random.default_rng(0)
    chosen: list[int] = []
    for scene in sorted(groups):
        whole, rest = divmod(each, len(groups[scene]))
        drawn = rng.permutation(groups[scene])[:rest].tolist()
        chosen += sorted(groups[scene] * whole + drawn)
    return chosen


class Store:
    """A store opened read-only.

    Args:
        folder: made by :func:`depthlib.data.preparation.write_store`.
        indices: the part of it to show, by default all.
        even: show so many samples of every scene, so that a place filmed for long does not count for more (see
            :func:`evened`).
        scenes: the scene of each sample shown, where the store does not know it.

    Attributes:
        dropped: how many samples were left out when it was prepared, by reason.

    Raises:
        DepthError: not a store, another schema, or arrays that do not fit ``meta.json``.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        indices: Sequence[int] | None = None,
        even: int | None = None,
        scenes: Sequence[str] | None = None,
    ) -> None:
        self.folder = Path(folder)
        try:
            self.meta = json.loads((self.folder / "meta.json").read_text())
            self._index = json.loads((self.folder / "index.json").read_text())
            self._rgb = np.load(self.folder / "rgb.npy", mmap_mode="r")
            self._depth = np.load(self.folder / "depth.npy", mmap_mode="r")
        except PermissionError as error:
            raise DepthError(f"{error.filename}: may not be read by you ({error.strerror}).") from error
        except Exception as error:  # NumPy raises many kinds on a damaged header, down to TokenError
            raise DepthError(
                f"{self.folder}: cannot be opened as a store ({in_short(error)}). Prepare it again."
            ) from error
        found = self.meta.get("schema") if isinstance(self.meta, dict) else self.meta
        if found != SCHEMA:
            raise DepthError(f"{self.folder}: store schema {found!r}, expected {SCHEMA}. Prepare it again.")
        try:
            shape = (self.meta["count"], *self.meta["size"])
            whole = all(len(e["name"]) > 0 and "scene" in e for e in self._index)
            cameras = np.array([e["K"] for e in self._index])  # of other things than numbers it is no array of numbers
            whole = whole and cameras.shape[1:] == (3, 3) and cameras.dtype.kind in "if"
            self.name, units, _ = self.meta["name"], self.meta["units"], self.meta["fingerprint"]
        except (KeyError, TypeError, ValueError) as error:
            raise DepthError(
                f"{self.folder}: meta.json or index.json lacks an entry or holds one of another kind ({error!r}). "
                "Prepare it again."
            ) from error
        known = [{"rgb": "uint8", "depth": kept.unit} for kept in DEPTHS.values() if kept.dtype == self._depth.dtype]
        if not whole or units not in known or self._rgb.dtype != np.uint8:
            raise DepthError(
                f"{self.folder}: rgb is {self._rgb.dtype} and depth {self._depth.dtype} in units {units}; expected uint8 and "
                f"{' or '.join(kept.unit for kept in DEPTHS.values())}, and a name, scene and 3x3 K for each sample. "
                "Prepare it again."
            )
        if self._depth.shape != shape or self._rgb.shape != (*shape, 3) or len(self._index) != shape[0]:
            raise DepthError(
                f"{self.folder}: meta.json says {shape}, the arrays are {self._rgb.shape} and {self._depth.shape}, "
                f"the index has {len(self._index)} entries. Prepare it again."
            )
        lost = int(self.meta.get("dropped") or 0)
        self.dropped = {"samples that could not be read when it was prepared": lost} if lost else {}
        self.indices = list(range(shape[0])) if indices is None else [int(i) for i in indices]
        for i in self.indices:
            if not 0 <= i < shape[0]:
                raise DepthError(f"{self.folder}: holds samples 0 to {shape[0] - 1}, sample {i} was asked for.")

        told = (
            [""] * len(self.indices) if scenes is None else checked_scenes(scenes, len(self.indices), str(self.folder))
        )
        self._scenes = [self._index[i]["scene"] or scene for i, scene in zip(self.indices, told, strict=True)]
        if even is not None:
            chosen = evened(self._scenes, even)
            self.indices = [self.indices[i] for i in chosen]
            self._scenes = [self._scenes[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        rgb, depth, rest = self.kept(index)
        colour, metres = decode(rgb, depth)
        return cast(Sample, {**rest, "rgb": colour, "depth": metres})

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def encoded(self, indices: Sequence[int]) -> Batch:
        """Samples as one batch in the store's own encoding, which :func:`decode_batch` reads on any device."""
        return stacked([self.kept(i) for i in indices])

    def kept(self, index: int) -> tuple[NDArray[np.uint8], NDArray[Any], dict[str, Any]]:
        """Colours [H, W, 3] and depths [H, W] of a sample as they are stored, and the rest of it."""
        index = range(len(self))[index]  # what is counted from the end is the same sample
        i = self.indices[index]
        entry, depth = self._index[i], np.array(self._depth[i])
        if depth.dtype == np.float16 or not depth.any():  # 16 bits of millimetres can be wrong in no other way
            check_depth(decode(self._rgb[i], depth)[1], f"{self.folder}, {entry['name']}")
        about = {"K": torch.tensor(entry["K"]), "name": entry["name"], "dataset": self.name, "index": index}
        return np.array(self._rgb[i]), depth, {**about, "scene": self._scenes[index]}

    def names(self) -> list[str]:
        """The names, in order."""
        return [self._index[i]["name"] for i in self.indices]

    def verify(self) -> None:
        """Read every byte and compare with the fingerprint that was taken when the store was written.

        Raises:
            DepthError: the content has changed.
        """
        if content_hash(self._rgb, self._depth, self._index) != self.meta["fingerprint"]:
            raise DepthError(
                f"{self.folder}: the content does not have the fingerprint of meta.json. Prepare it again."
            )

    def fingerprint(self) -> str:
        """The hash of the store's content, and of the part shown."""
        part = hashlib.sha256(json.dumps(self.indices).encode()).hexdigest()[:8]
        return f"{self.meta['fingerprint']}-{part}"


def open_store(root: str | os.PathLike[str], size: tuple[int, int] | None = None, **options: Any) -> Store:
    """A store, if its images have the size asked for.

    Args:
        options: of :class:`Store`.

    Raises:
        DepthError: as :class:`Store`, or another size: a store is not resized while it is read.
    """
    store = Store(root, **options)
    if size is not None and tuple(size) != tuple(store.meta["size"]):
        raise DepthError(
            f"{store.folder}: the store's images are {tuple(store.meta['size'])}, asked for {tuple(size)}. "
            "Prepare a store of that size."
        )
    return store


class InMemory:
    """A data set whose samples are kept in memory after their first use, in the store's encoding.

    For data that is slow to make (rendered scenes) or to decode (a folder of pictures) and used for several
    epochs. Every access goes through the encoding, so the first and the hundredth reading are the same numbers.
    """

    def __init__(self, dataset: RGBD) -> None:
        self.dataset = dataset
        self.name, self.metres = dataset.name, getattr(dataset, "metres", True)
        self.dropped = dropped(dataset)
        self._kept: dict[int, tuple[NDArray[np.uint8], NDArray[Any], dict[str, Any]]] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        samples = []
        for rgb, depth, rest in self._keep(indices):
            colour, metres = decode(rgb, depth)
            samples.append(cast(Sample, {**rest, "rgb": colour, "depth": metres}))
        return samples

    def encoded(self, indices: Sequence[int]) -> Batch:
        """Samples as one batch in the store's encoding, which :func:`decode_batch` reads on any device."""
        return stacked(self._keep(indices))

    def _keep(self, indices: Sequence[int]) -> list[tuple[NDArray[np.uint8], NDArray[Any], dict[str, Any]]]:
        indices = [range(len(self))[i] for i in indices]  # what is counted from the end is the same sample
        new = [i for i in dict.fromkeys(indices) if i not in self._kept]
        if new:
            for i, sample in zip(new, looked_at(self.dataset.__getitems__(new), self.dataset, len(new)), strict=True):
                sample = cast(
                    Sample, to_device(cast(Batch, sample), "cpu")
                )  # scenes may be made on a GPU: at once, not map by map
                rest = {key: value for key, value in sample.items() if key not in ("rgb", "depth")}
                far = sample["depth"].max() > FARTHEST
                self._kept[i] = (*encode(sample, "float16" if far else "uint16"), rest)
        return [self._kept[i] for i in indices]

    def names(self) -> list[str]:
        """Those of the data set behind it."""
        return self.dataset.names()

    def fingerprint(self) -> str:
        """That of the data set behind it."""
        return self.dataset.fingerprint()
