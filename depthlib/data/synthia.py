"""SYNTHIA: rendered drives through a city, depth in centimetres in all three channels of a 16-bit PNG.

The video sequences unpack as ``SYNTHIA-SEQS-NN-SEASON/RGB/Stereo_Left/Omni_F/NNNNNN.png`` with the same path below
``Depth``; other parts of the set have fewer folders between, which is all the same here.

Source: Ros, Sellart, Materzynska, Vazquez, Lopez 2016.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from depthlib import camera
from depthlib.data.formats import Source, read_grey_rgb16_png
from depthlib.data.pairs import Pair, Pairs, below, two_files, whole
from depthlib.errors import DepthError

#: Of the 760x1280 frames of the sequences.
FOCAL, CENTRE, FRAME = 532.740352, (640.0, 380.0), (760, 1280)


def open_synthia(
    root: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    view: str | None = "Stereo_Left/Omni_F",
    farthest: float = 80.0,
) -> Pairs:
    """All sequences below ``root``, or the one that it is.

    Args:
        root: holds sequences, or ``RGB`` and ``Depth``.
        size: rows and columns; by default as on disk.
        view: which of the eight cameras, a folder below ``RGB``; empty for all.
        farthest: what lies beyond is missing: the sky is the largest number that the file can hold.

    Raises:
        DepthError: no picture found, a picture without depth.
    """
    root = Path(root)
    if not 0 < farthest <= 655:
        raise DepthError(f"SYNTHIA: farthest is {farthest!r}; expected metres above 0, at most 655, where 16 bits end.")
    colour = [root / "RGB"] if (root / "RGB").is_dir() else sorted(root.glob("*/RGB"))
    pairs = []
    for folder in colour:
        for path in below(folder / (view or ""), ".png"):
            inside = path.relative_to(folder)
            scene = folder.parent.name
            name = "-".join((scene, *inside.with_suffix("").parts))
            pairs.append(Pair(name, path, folder.parent / "Depth" / inside, scene))
    if not pairs:
        raise DepthError(
            f"{root}: no RGB/{view or '…'}/*.png in it or one folder below. Unpack a sequence there, or give another view."
        )

    def metres(path: Source) -> NDArray[np.float32]:
        depth = read_grey_rgb16_png(path)
        return np.where(depth <= farthest, depth, 0).astype(np.float32)

    return Pairs("synthia", root, whole(pairs, root), two_files(metres), size, _camera, (view, farthest))


def _camera(pair: Pair, height: int, width: int) -> Tensor:
    K = camera.intrinsics(FOCAL, FOCAL, *CENTRE)
    return camera.resize(K, height / FRAME[0], width / FRAME[1])
