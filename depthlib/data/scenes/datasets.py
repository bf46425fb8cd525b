"""Scenes as data sets: rooms with the NYU camera, roads with the KITTI camera, made when asked for."""

from __future__ import annotations

import copy
import hashlib
import math
import operator
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields
from typing import Any, TypeVar, cast

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor

from depthlib import camera, randomness
from depthlib.data.scenes.faults import REACH, kinect, velodyne
from depthlib.data.scenes.render import Frame, render
from depthlib.data.scenes.roads import make_roads
from depthlib.data.scenes.rooms import make_rooms
from depthlib.data.scenes.scene import Scene, joined
from depthlib.errors import DepthError
from depthlib.sample import Sample, check_size
from depthlib.transfers import device_here, sent

#: Changes whenever a picture made from the same seed changes.
VERSION = 1
_PIECE = 16  # scenes that a process composes at once, at most
_FEW = 2  # scenes that a process makes whole at once
MOST_PROCESSES = 256
# joblib has one pool for all, and waits for ever if it is resized while another thread uses it
_ONE_POOL = threading.Lock()

T = TypeVar("T")


def _device(name: str | torch.device, source: str) -> torch.device:
    if name == "auto":
        return device_here()
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # devices without numbers are none to draw on
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DepthError(
            f"{source}: device {str(name)!r} is not there ({reason}). `depthlib doctor` lists those that are."
        ) from error
    return device


def _composed(data: _Scenes, indices: Sequence[int]) -> list[np.ndarray]:
    """Scenes for another process: arrays travel there at half the price of tensors."""
    scene = data.composer(data.seed, indices)
    return [getattr(scene, field.name).numpy() for field in fields(Scene)]


def _whole(data: _Scenes, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Samples for another process."""
    samples = data.__getitems__(indices)
    return [{k: v.numpy() if isinstance(v, Tensor) else v for k, v in sample.items()} for sample in samples]


class _Scenes(ABC):
    """Makes, renders and packs scenes; subclasses say which."""

    #: What draws are keyed by; ``name`` says as well what is missing.
    kind: str
    name: str
    #: Composes scenes from a seed and their numbers.
    composer: Callable[[int, Sequence[int]], Scene]

    def __init__(
        self, count: int, seed: int, size: tuple[int, int], faults: bool, device: str | torch.device, processes: int | str,
        shadows: bool, textures: bool, compile: bool,
    ) -> None:  # fmt: skip
        for option, value, low, high in (
            ("count", count, 1, 2**62), ("seed", seed, 0, 2**63 - 1),
            ("processes", 1 if processes == "auto" else processes, 1, MOST_PROCESSES),
        ):  # fmt: skip
            if type(value) is not int or not low <= value <= high:
                raise DepthError(f"{self.name}: {option} is {value!r}; expected a whole number, {low} to {high}.")
        self.count, self.seed, self.size = count, seed, check_size(size, self.name)
        switches = {"faults": faults, "shadows": shadows, "textures": textures, "compile": compile}
        if wrong := [name for name, value in switches.items() if not isinstance(value, bool)]:
            raise DepthError(f"{self.name}: {wrong[0]} is {switches[wrong[0]]!r}; expected true or false.")
        self.faults, self.device = faults, _device(device, self.name)
        spare = (os.cpu_count() or 1) - 2 if self.device.type == "cuda" else 1
        self.processes = min(max(1, spare), MOST_PROCESSES) if processes == "auto" else cast(int, processes)
        self.shadows, self.textures, self.compile = shadows, textures, compile
        self.name = self.kind + ("" if shadows else "-no-shadows") + ("" if textures else "-no-textures")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        wanted = []
        for i in indices:
            if not -self.count <= i < self.count:
                raise IndexError(f"{self.name}: index {i} of a data set of {self.count}")
            wanted.append(operator.index(i) % self.count)
        if not wanted:
            return []
        if self.processes > 1 and self.device.type == "cpu" and len(wanted) > 1:
            # threads of one process would wait for each other: rendering is many small steps, each begun by Python
            found = (made for piece in self._shared(_whole, wanted, _FEW) for made in piece)
            return [
                cast(Sample, {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in made.items()})
                for made in found
            ]
        scene = self.make(wanted)
        K = self.K().to(self.device)
        frame = render(scene, K, None, *self.size, shadows=self.shadows, textures=self.textures, compiled=self.compile)
        return self.pack(wanted, frame)

    def make(self, indices: Sequence[int]) -> Scene:
        """The scenes behind some samples, to look at from elsewhere."""
        if self.processes == 1 or len(indices) <= _PIECE:
            return self.composer(self.seed, indices).to(self.device)
        found = self._shared(_composed, indices, min(_PIECE, math.ceil(len(indices) / self.processes)))
        return joined([Scene(*map(torch.from_numpy, arrays)) for arrays in found]).to(self.device)

    def _shared(self, work: Callable[[_Scenes, Sequence[int]], T], indices: Sequence[int], each: int) -> list[T]:
        """What other processes make of so many indices each, in order."""
        alone = copy.copy(self)
        alone.processes, alone.device = 1, torch.device("cpu")
        pieces = [indices[i : i + each] for i in range(0, len(indices), each)]
        try:
            with _ONE_POOL:
                return list(Parallel(self.processes)(delayed(work)(alone, piece) for piece in pieces))
        except BrokenProcessPool as error:
            raise DepthError(
                f"{self.name}: one of {self.processes} processes that made scenes was ended from outside, most often for want of "
                "memory. Try a smaller data option processes."
            ) from error

    @abstractmethod
    def K(self) -> Tensor:
        """Intrinsics of every sample, [3, 3]."""

    @abstractmethod
    def measure(self, frame: Frame, keys: Tensor) -> tuple[Tensor, Tensor | None]:
        """The samples' depth, and their sparse depth if they have one."""

    def pack(self, indices: list[int], frame: Frame) -> list[Sample]:
        """Samples from a rendered batch."""
        keys = sent(randomness.keys(self.seed, 0, indices, f"{self.kind}-faults"), self.device)
        depth, sparse = self.measure(frame, keys)
        K = frame.K.clone()  # so that no two samples share their numbers
        samples = []
        for k, i in enumerate(indices):
            name = self._name(i)
            sample = Sample(
                rgb=frame.rgb[k], depth=depth[k], K=K[k], name=name, dataset=self.name, index=i,
                scene=name,
            )  # fmt: skip
            if sparse is not None:
                sample["sparse"] = sparse[k]
            samples.append(sample)
        return samples

    def _name(self, index: int) -> str:
        return f"{self.name}-{self.seed}-{index:06d}"

    def names(self) -> list[str]:
        """The name of every scene."""
        return [self._name(i) for i in range(self.count)]

    def fingerprint(self) -> str:
        """A short hash that changes when the pictures change."""
        facts = (self.name, VERSION, self.count, self.seed, self.size, self.faults)
        return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()


class Rooms(_Scenes):
    """Furnished rooms seen with the NYU camera.

    Args:
        count: how many.
        seed: two seeds share no room.
        size: rows and columns.
        faults: depth as a structured-light sensor would measure it, with holes and noise.
        device: where to render; samples stay there. ``"auto"`` is a GPU if there is one.
        processes: that share the work. Without a GPU each makes whole scenes; for a GPU, which renders faster than one core
            can compose, they compose. ``"auto"``: for a GPU all cores but two, else one.
        shadows, textures: without them a cue is missing, and one can ask what a network does that never met it.
        compile: render by ``torch.compile``, for many scenes on a GPU; see :func:`depthlib.data.scenes.render`.

    >>> rooms = Rooms(10, size=(24, 32))
    >>> sample = rooms[3]
    >>> sample["name"], tuple(sample["depth"].shape)
    ('rooms-0-000003', (1, 24, 32))
    """

    kind = name = "rooms"
    composer = staticmethod(make_rooms)

    def __init__(
        self, count: int, seed: int = 0, size: tuple[int, int] = (240, 320), faults: bool = False,
        device: str | torch.device = "cpu", processes: int | str = 1, shadows: bool = True, textures: bool = True,
        compile: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(count, seed, size, faults, device, processes, shadows, textures, compile)

    def K(self) -> Tensor:
        return camera.nyu_v2(*self.size)

    def measure(self, frame: Frame, keys: Tensor) -> tuple[Tensor, Tensor | None]:
        if not self.faults:
            return frame.depth, None
        return kinect(frame.depth, frame.K, frame.normals, frame.glass, frame.gloss, keys), None


class Roads(_Scenes):
    """Streets seen with the KITTI camera, with a 64-beam laser scan under ``sparse``.

    Args:
        count: how many.
        seed: two seeds share no street.
        size: rows and columns.
        faults: ``depth`` is the scan itself, as in KITTI; else the truth up to 80 m. Sky is missing (0) in both.
        device: where to render; samples stay there. ``"auto"`` is a GPU if there is one.
        processes: that share the work. Without a GPU each makes whole scenes; for a GPU, which renders faster than one core
            can compose, they compose. ``"auto"``: for a GPU all cores but two, else one.
        shadows, textures: without them a cue is missing, and one can ask what a network does that never met it.
        compile: render by ``torch.compile``, for many scenes on a GPU; see :func:`depthlib.data.scenes.render`.

    >>> roads = Roads(10, size=(48, 156))
    >>> sample = roads[0]
    >>> bool((sample["depth"] == 0).any()), bool((sample["sparse"] > 0).any())
    (True, True)
    """

    kind = name = "roads"
    composer = staticmethod(make_roads)

    def __init__(
        self, count: int, seed: int = 0, size: tuple[int, int] = (188, 621), faults: bool = False,
        device: str | torch.device = "cpu", processes: int | str = 1, shadows: bool = True, textures: bool = True,
        compile: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(count, seed, size, faults, device, processes, shadows, textures, compile)

    def K(self) -> Tensor:
        return camera.kitti(*self.size)

    def measure(self, frame: Frame, keys: Tensor) -> tuple[Tensor, Tensor | None]:
        depth = torch.where(frame.depth <= REACH, frame.depth, 0.0)
        scan = velodyne(depth, frame.K, keys)
        return (scan if self.faults else depth), scan
