"""Maps on disk, from any program: one by its path, or one an image, paired with the truth by name."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.errors import DepthError, in_short
from depthlib.files import shared_name, write_whole

SUFFIXES = (".npy", ".pfm", ".png")


class StoredPredictions:
    """Maps by name: ``NAME.npy`` (float), ``NAME.pfm`` or ``NAME.png`` (16 bit), at any resolution.

    Or all are called as ``depthlib predict`` writes them beside their photos, ``NAME-depth.png``.

    Args:
        root: the folder.
        scale: file units in a metre, for all formats: 1 for metres, 1000 for millimetres, 256 for KITTI's png.
            By default 1 for npy and pfm; a png must say, unless it does so itself, as those of `depthlib predict` do.

    Raises:
        DepthError: no such folder, no map in it, two maps of one name, or a png without a scale; and on reading, what
            is wrong with a file.
    """

    def __init__(self, root: str | os.PathLike[str], scale: float | None = None) -> None:
        from depthlib.data.formats import stated_scale

        if scale is not None and not 0 < scale < math.inf:
            raise DepthError(f"{root}: scale is {scale:g}; expected file units in a metre, such as 1000 or 256.")
        self.root, self.scale = Path(root), scale
        if not self.root.is_dir():
            raise DepthError(f"{root}: no such folder. Expected one map an image: NAME.npy, NAME.pfm or NAME.png.")
        self.paths: dict[str, Path] = {}
        for path in sorted(self.root.iterdir()):
            coloured = path.name.endswith("-depth-coloured.png")  # to look at, beside the map of `depthlib predict`
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not coloured:
                if (name := shared_name(path)) in self.paths:
                    raise DepthError(f"{path}: {self.paths[name].name} has the same name. Keep one of them.")
                self.paths[name] = path
        if not self.paths:
            raise DepthError(f"{root}: no .npy, .pfm or .png in it; expected one map an image.")
        self._ending = ""  # of a name, when maps lie beside their photos
        pngs = [] if scale is not None else [path for path in self.paths.values() if path.suffix.lower() == ".png"]
        png = next((path for path in pngs if stated_scale(path) is None), None)
        if png is not None:
            raise DepthError(
                f"{png}: a 16-bit png does not say its unit. Give the file units in a metre with --scale (of what --compare-with "
                "names: --compare-scale): 1000 for millimetres, 256 for KITTI, 5000 for TUM."
            )

    def __len__(self) -> int:
        return len(self.paths)

    def check_names(self, names: Sequence[str], dataset: str) -> None:
        """Every image of the data set must have a map, and one only.

        Raises:
            DepthError: with the count and the first that lack one; images that share a name.
        """
        names = [shared_name(name) for name in names]
        if len(set(names)) < len(names):
            raise DepthError(
                f"{dataset}: images share names, such as {max(names, key=list(names).count)}; which map is whose cannot be told."
            )
        whole = [end for end in ("", "-depth") if all(f"{name}{end}" in self.paths for name in names)]
        if len(whole) == 2:
            raise DepthError(
                f"{self.root}: has two files for each image, such as {self.paths[names[0]].name} and "
                f"{self.paths[f'{names[0]}-depth'].name}. Give the maps a folder of their own."
            )
        self._ending = "".join(whole)
        missing = [name for name in names if f"{name}{self._ending}" not in self.paths]
        if missing:
            extra = sorted(set(self.paths) - set(names))
            there = f"; there are {len(extra)} that pair with nothing, such as {extra[0]}" if extra else ""
            raise DepthError(
                f"{self.root}: no map for {len(missing)} of {len(names)} images of {dataset}, such as {missing[0]}{there}. "
                "A map has the name of its image."
            )

    def place(self, name: str) -> Path:
        """The file of an image, after :meth:`check_names`.

        Raises:
            DepthError: there is none.
        """
        path = self.paths.get(f"{shared_name(name)}{self._ending}")
        if path is None:
            raise DepthError(f"{self.root}: no map for {name}. A map has the name of its image.")
        return path

    def read(self, name: str) -> Tensor:
        """The map of an image: float32 [1, 1, h, w]; values as stored, divided by the scale; 0 where nothing is said.

        Raises:
            DepthError: no map of that name, or a file that is no map of numbers in a known unit.
        """
        return read_map(self.place(name), self.scale)


def read_map(path: str | os.PathLike[str], scale: float | None = None) -> Tensor:
    """One map: float32 [1, 1, h, w]; values as stored, divided by the scale; 0 where nothing is said.

    Args:
        path: ends in ``.npy``, ``.pfm`` or ``.png`` (16 bit).
        scale: file units in a metre; by default 1, and of a png what it says itself.

    Raises:
        DepthError: another ending, or a file that is no map of numbers in a known unit.
    """
    from depthlib.data.formats import read_depth_png, read_pfm, stated_scale

    path = Path(path)
    suffix, units = _suffix(path), scale or 1.0
    if suffix == ".png":
        return torch.from_numpy(read_depth_png(path, scale or stated_scale(path) or 1.0))[None, None]
    values = read_pfm(path) if suffix == ".pfm" else _read_npy(path, scale is not None)
    return torch.from_numpy(values.copy())[None, None] / units


def write_map(path: str | os.PathLike[str], depth: Tensor, scale: float | None = None) -> None:
    """The inverse of :func:`read_map`, of [1, 1, H, W].

    Raises:
        DepthError: another ending, depths that a png cannot hold at this scale, or a folder that cannot be written.
    """
    from depthlib.data.formats import write_depth_png, write_pfm

    path, values, units = Path(path), depth[0, 0].numpy(), scale or 1.0
    suffix = _suffix(path)
    if suffix == ".png":
        write_depth_png(path, values, units)
    elif suffix == ".pfm":
        write_pfm(path, values * units)
    else:
        content = io.BytesIO()
        np.save(content, values * np.float32(units))
        write_whole(path, lambda partial: partial.write_bytes(content.getvalue()))


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        raise DepthError(f"{path}: ends in {path.suffix!r}; expected a map in .npy, .pfm or 16-bit .png.")
    return path.suffix.lower()


def _read_npy(path: Path, scaled: bool) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy raises many kinds on a damaged header, down to TokenError
        raise DepthError(
            f"{path}: cannot be read as an array ({in_short(error)}). Write it with numpy.save."
        ) from error
    values = np.squeeze(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise DepthError(f"{path}: {values.dtype} of shape {values.shape}; expected one map, [H, W], of numbers.")
    if values.dtype.kind != "f" and not scaled:
        raise DepthError(
            f"{path}: whole numbers ({values.dtype}) do not say their unit. Give --scale (of what --compare-with names: "
            "--compare-scale): 1000 for millimetres."
        )
    return values.astype(np.float32)
