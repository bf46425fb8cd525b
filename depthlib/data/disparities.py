"""Disparity images as maps to enlarge: what super-resolution of depth is compared on.

The literature scores Middlebury's disparities as they lie on disk, in grey levels (a level is 1/4 to 1/16 of a pixel, by
scene), and not as metres, which the sets of 2001 and 2003 cannot give. So here, and nowhere else, ``depth`` holds a
disparity: only for networks and rivals to which the unit is nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from depthlib import camera
from depthlib.data.formats import read_grey8, read_rgb
from depthlib.data.middlebury import MiddleburyDisparity, Motorcycle
from depthlib.data.pairs import colours
from depthlib.errors import DepthError
from depthlib.sample import Sample
from depthlib.typed import nearest

#: The one scene that comes without a download; its disparities are in pixels.
BUNDLED = "motorcycle"


class Disparities:
    """Middlebury's scenes of 2001 to 2006 in grey levels, and scikit-image's Motorcycle in pixels; 0 = unknown.

    Args:
        root: holds one folder a scene, as for :class:`~depthlib.data.middlebury.MiddleburyDisparity`.
        size: must be left out: a disparity's unit is a pixel of its own size.
        scenes: which, in order; all that are there and Motorcycle by default. The data set of one scene has its name.

    Raises:
        DepthError: a scene that is not there; on reading, whatever is wrong with a file.

    >>> sample = Disparities(".", scenes=("motorcycle",))[0]
    >>> tuple(sample["depth"].shape), 7 < sample["depth"].max() < 62
    ((1, 500, 741), tensor(True))
    """

    metres = False

    def __init__(
        self, root: str | os.PathLike[str], size: tuple[int, int] | None = None, scenes: Sequence[str] = ()
    ) -> None:
        if size is not None:
            raise DepthError("disparities: are in pixels of their own size; leave size out.")
        self.root = Path(root)
        if isinstance(scenes, str):
            raise DepthError(f"disparities: scenes is {scenes!r}; expected a list, such as [cones, teddy].")
        wanted = [str(scene) for scene in scenes]
        levels = None if wanted == [BUNDLED] else MiddleburyDisparity(root)
        self._files = {name.lower(): (left, truth) for name, left, truth in levels.scenes} if levels else {}
        there = [*self._files, BUNDLED]
        for scene in wanted:
            if scene not in there:
                raise DepthError(f"{root}: no scene {scene!r}{nearest(scene, there)}; there are {', '.join(there)}.")
        self.scenes = wanted or there
        self.name = self.scenes[0] if len(self.scenes) == 1 else "disparities"

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Sample:
        name = self.scenes[index]
        if name == BUNDLED:
            whole = Motorcycle()[0]
            return {**whole, "depth": whole["disparity"], "index": range(len(self))[index]}
        left, truth = self._files[name]
        rgb, levels = colours(read_rgb(left)), torch.from_numpy(read_grey8(truth).astype(np.float32))[None]
        if rgb.shape[-2:] != levels.shape[-2:]:
            raise DepthError(
                f"{truth}: {tuple(levels.shape[-2:])} where the picture is {tuple(rgb.shape[-2:])}. Unpack the scene again."
            )
        K = camera.from_field_of_view(levels.shape[-2], levels.shape[-1], 60.0)
        return Sample(rgb=rgb, depth=levels, K=K, name=name, dataset=self.name, index=range(len(self))[index])

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """The scenes' names."""
        return list(self.scenes)

    def fingerprint(self) -> str:
        """A hash of the disparities."""
        content = [sample["depth"].numpy().tobytes() for sample in self.__getitems__(range(len(self)))]
        return hashlib.sha256(b"".join(content)).hexdigest()[:16]
