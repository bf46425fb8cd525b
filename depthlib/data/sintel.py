"""MPI Sintel's depth: frames of an animated film with exact depth and cameras, as its archives unpack.

``training/clean|final/SCENE/frame_NNNN.png``, ``training/depth/SCENE/frame_NNNN.dpt`` and
``training/camdata_left/SCENE/frame_NNNN.cam``, 436x1024 pixels.

Source: Butler, Wulff, Stanley, Black 2012; the depth of Wulff et al. 2012 in the units of the film, taken as metres.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthlib.data.formats import Source, read_dpt, read_sintel_camera
from depthlib.data.pairs import Pair, Pairs, own_camera, two_files, whole
from depthlib.errors import DepthError

FARTHEST = 100.0


def open_sintel(
    root: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    render: Literal["clean", "final"] = "final",
    farthest: float = FARTHEST,
    scenes: Sequence[str] = (),
) -> Pairs:
    """The 23 training scenes (the test scenes have no public depth).

    Args:
        root: holds ``training``.
        size: rows and columns; by default as on disk.
        render: ``final`` has blur, fog and motion; ``clean`` has none.
        farthest: what lies beyond is missing. The film's sky is a surface ten thousands of metres away.
        scenes: only those whose names begin so, such as ``[alley]`` for alley_1 and alley_2; all by default.

    Raises:
        DepthError: no such folder, an unknown render or scene, frames without depth or camera.
    """
    root = Path(root)
    if render not in ("clean", "final"):
        raise DepthError(f"Sintel: render is {render!r}; expected clean or final.")
    if not 0 < farthest <= FARTHEST:
        raise DepthError(f"Sintel: farthest is {farthest!r}; expected metres above 0, at most {FARTHEST:g}.")
    training = root / "training"
    pairs = [
        Pair(
            f"{p.parent.name}-{p.stem}", p, training / "depth" / p.parent.name / f"{p.stem}.dpt", p.parent.name,
            training / "camdata_left" / p.parent.name / f"{p.stem}.cam",
        )
        for p in sorted((training / render).glob("*/frame_*.png"))
    ]  # fmt: skip
    if not pairs:
        raise DepthError(
            f"{training / render}: no SCENE/frame_NNNN.png in it. Unpack Sintel's depth archive and its images there."
        )

    if isinstance(scenes, str) or not all(isinstance(scene, str) for scene in scenes):
        raise DepthError(f"Sintel: scenes is {scenes!r}; expected a list of names, such as [alley, market_2].")
    there = sorted({pair.scene for pair in pairs})
    for scene in scenes:
        if not any(name.startswith(scene) for name in there):
            raise DepthError(f"{root}: no scene {scene!r}; there are {', '.join(there)}.")
    if scenes:
        pairs = [pair for pair in pairs if pair.scene.startswith(tuple(scenes))]

    def metres(path: Source) -> NDArray[np.float32]:
        depth = read_dpt(path)
        return np.where(np.isfinite(depth) & (depth <= farthest), depth, 0).astype(np.float32)

    return Pairs(
        "sintel",
        root,
        whole(pairs, root),
        two_files(metres),
        size,
        own_camera(_intrinsics),
        (render, farthest, *scenes),
    )


def _intrinsics(path: Source) -> Tensor:
    return torch.tensor(read_sintel_camera(path), dtype=torch.float32)
