"""Middlebury stereo scenes of the 2014 kind: disparity with a calibration, so metres; and one that comes with scikit-image.

Source: Scharstein et al. 2014; Z = f · B / (d + doffs), with d and f in pixels, B in millimetres, infinite d unknown.
The older sets (2001 to 2006) have disparities and no calibration: their metres cannot be known, and the disparity is kept.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from depthlib import camera
from depthlib.data.formats import read_grey8, read_pfm, read_rgb
from depthlib.data.pairs import byte_count, colours, resize_sample
from depthlib.errors import DepthError
from depthlib.sample import Sample, check, check_size


@dataclass(frozen=True)
class StereoCalibration:
    """What turns a disparity into metres.

    Args:
        focal, cx, cy: of the left camera, pixels.
        baseline: metres between the cameras.
        offset: added to every disparity (the difference of the principal points), pixels.
    """

    focal: float
    cx: float
    cy: float
    baseline: float
    offset: float

    def metres(self, disparity: NDArray[np.floating]) -> NDArray[np.float32]:
        """Disparity [H, W] in pixels as depth in metres, 0 where it is unknown (infinite, NaN) or behind the camera.

        >>> StereoCalibration(1000.0, 0, 0, 0.2, 50.0).metres(np.array([[0.0, 50.0, np.inf]]))[0].tolist()
        [4.0, 2.0, 0.0]
        """
        shifted = np.asarray(disparity, dtype=np.float64) + self.offset
        known = np.isfinite(shifted) & (shifted > 0)
        return np.where(known, self.focal * self.baseline / np.where(known, shifted, 1.0), 0).astype(np.float32)


def read_stereo_calibration(path: str | os.PathLike[str]) -> StereoCalibration:
    """A ``calib.txt`` of Middlebury 2014: ``cam0=[f 0 cx; 0 f cy; 0 0 1]``, ``doffs=``, ``baseline=`` (millimetres).

    Raises:
        DepthError: missing, or without one of the three.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DepthError(
            f"{path}: cannot be read ({error}). Without a calibration there are disparities only."
        ) from error
    number = r"(-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    matrix = re.search(rf"cam0\s*=\s*\[\s*{number}\s+0\s+{number}\s*;\s*0\s+{number}\s+{number}\s*;", text)
    offset, baseline = (re.search(rf"(?m)^{name}\s*=\s*{number}\s*$", text) for name in ("doffs", "baseline"))
    for name, found in (("cam0", matrix), ("doffs", offset), ("baseline", baseline)):
        if found is None:
            raise DepthError(
                f"{path}: no {name} in it, or no number after it; expected cam0=[f 0 cx; 0 f cy; 0 0 1], doffs= and baseline=."
            )
    assert matrix is not None and offset is not None and baseline is not None
    focal, cx, _, cy = (float(part) for part in matrix.groups())
    if focal <= 0 or float(baseline[1]) <= 0:
        raise DepthError(f"{path}: focal length {focal} and baseline {baseline[1]}; expected both above 0.")
    return StereoCalibration(focal, cx, cy, float(baseline[1]) / 1000, float(offset[1]))


def _sample(
    rgb: NDArray[np.uint8],
    disparity: NDArray[np.floating],
    c: StereoCalibration,
    name: str,
    source: str,
    index: int,
    dataset: str,
) -> Sample:
    known = np.isfinite(disparity)
    sample = Sample(
        rgb=colours(rgb),
        depth=torch.from_numpy(c.metres(disparity))[None],
        K=camera.intrinsics(c.focal, c.focal, c.cx, c.cy),
        name=name, dataset=dataset, index=index,
        disparity=torch.from_numpy(np.where(known, disparity, 0).astype(np.float32))[None],
    )  # fmt: skip
    return check(sample, source)


#: Why a scene is left out.
NO_TRUTH = "scenes without a disparity"


class Middlebury:
    """Scenes of Middlebury 2014: folders with ``im0.png``, ``disp0.pfm`` and ``calib.txt``.

    Args:
        root: holds one folder a scene.
        size: rows and columns to resize to; depth and K follow, and the disparity is left out, since its unit would change.

    Attributes:
        dropped: how many scenes have a picture and no ``disp0.pfm``, as those of the benchmark's test part.

    Raises:
        DepthError: no such folder, no scene in it; and on reading, whatever is wrong with a file.
    """

    name = "middlebury"

    def __init__(self, root: str | os.PathLike[str], size: tuple[int, int] | None = None) -> None:
        self.root, self.size = Path(root), None if size is None else check_size(size, str(root))
        if not self.root.is_dir():
            raise DepthError(
                f"{root}: no such folder. Expected one folder a scene with im0.png, disp0.pfm and calib.txt."
            )
        pictures, truths = ({p.parent for p in self.root.glob(f"*/{name}")} for name in ("im0.png", "disp0.pfm"))
        self.scenes = sorted(truths)
        self.dropped = {NO_TRUTH: len(pictures - truths)} if pictures - truths else {}
        if not self.scenes:
            raise DepthError(f"{root}: no scene in it; expected folders with im0.png, disp0.pfm and calib.txt.")

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]  # what is counted from the end is the same sample
        scene = self.scenes[index]
        calibration = read_stereo_calibration(scene / "calib.txt")
        rgb, disparity = read_rgb(scene / "im0.png"), read_pfm(scene / "disp0.pfm")
        sample = _sample(rgb, disparity, calibration, scene.name, str(scene / "disp0.pfm"), index, self.name)
        # one scene, rectified in two ways
        sample["scene"] = re.sub(r"-(im)?perfect$", "", scene.name)
        return sample if self.size is None else resize_sample(sample, self.size)

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """The scenes' names."""
        return [scene.name for scene in self.scenes]

    def fingerprint(self) -> str:
        """A hash of the names and byte counts of the disparities, and of the size."""
        facts = [(scene.name, (scene / "disp0.pfm").stat().st_size) for scene in self.scenes]
        return hashlib.sha256(repr((facts, self.size)).encode()).hexdigest()[:16]


#: Scenes of 2001 and 2003 by name and (rows, columns): how many grey levels a pixel of disparity is.
SCALES = {
    **{(name, (375, 450)): 4 for name in ("cones", "teddy")},
    ("tsukuba", (288, 384)): 16,
    ("venus", (383, 434)): 8, ("map", (216, 284)): 8, ("sawtooth", (380, 434)): 8, ("poster", (383, 435)): 8,
    ("bull", (381, 433)): 8, ("barn1", (381, 432)): 8, ("barn2", (381, 430)): 8,
}  # fmt: skip
#: A picture and the disparity that belongs to it, in the names that the sets use.
STEREO_NAMES = (("im2", "disp2"), ("im3", "disp3"), ("view1", "disp1"), ("scene1.row3.col3", "truedisp.row3.col3"))


class MiddleburyDisparity:
    """Scenes of 2001 to 2006: 8-bit disparities without a calibration, so pixels and no metres.

    Every sample has ``disparity`` [1, H, W] in pixels, 0 = unknown, and ``depth`` that is missing everywhere.

    Args:
        root: holds one folder a scene, with ``im2.png`` and ``disp2.png`` or their kin of :data:`STEREO_NAMES`.
        size: must be left out, since a disparity's unit is a pixel of its own size.
        scale: grey levels in a pixel of disparity; by default that of the scene's name and size (:data:`SCALES`).

    Attributes:
        dropped: how many scenes have a picture and no disparity.

    Raises:
        DepthError: no scene; on reading, a scene whose scale is not known, a disparity that is not 8 bit.

    Source: Scharstein and Szeliski 2002, 2003; Hirschmüller and Scharstein 2007.
    """

    name = "middlebury-disparity"

    def __init__(
        self, root: str | os.PathLike[str], size: tuple[int, int] | None = None, scale: int | None = None
    ) -> None:
        if size is not None:
            raise DepthError("middlebury_disparity: disparities are in pixels of their own size; leave size out.")
        self.root, self.scale = Path(root), scale
        if scale is not None and (type(scale) is not int or not 1 <= scale <= 255):
            raise DepthError(
                f"{root}: scale is {scale!r}; expected grey levels in a pixel of disparity, from 1 to 255."
            )
        scenes = sorted(path for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []
        found = [(scene.name, *_stereo(scene)) for scene in scenes]
        self.scenes = [(name, left, truth) for name, left, truth in found if left and truth]
        alone = sum(left is not None and truth is None for _, left, truth in found)
        self.dropped = {NO_TRUTH: alone} if alone else {}
        if not self.scenes:
            raise DepthError(f"{root}: no scene in it; expected folders with im2.png and disp2.png, or im3 and disp3.")

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]  # what is counted from the end is the same sample
        name, left, truth = self.scenes[index]
        rgb, levels = colours(read_rgb(left)), read_grey8(truth)
        height, width = levels.shape
        if tuple(rgb.shape[-2:]) != (height, width):
            raise DepthError(
                f"{truth}: {height}x{width} where the picture is {tuple(rgb.shape[-2:])}. Unpack the scene again."
            )
        scale = self.scale or SCALES.get((name.lower(), (height, width)))
        if scale is None:
            raise DepthError(
                f"{truth}: the scale of {name!r} at {height}x{width} is not known; say it by option scale: "
                "4 for quarter-size sets of 2003, 3, 2 and 1 for the third, half and full sizes of 2005 and 2006."
            )
        disparity = torch.from_numpy(levels.astype(np.float32) / scale)[None]
        return Sample(
            rgb=rgb, depth=torch.zeros_like(disparity), K=camera.from_field_of_view(height, width, 60.0), name=name,
            dataset=self.name, index=index, disparity=disparity,
        )  # fmt: skip

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """The scenes' names."""
        return [name for name, _, _ in self.scenes]

    def fingerprint(self) -> str:
        """A hash of the names and byte counts of the disparities, and of the scale."""
        facts = [(name, byte_count(truth)) for name, _, truth in self.scenes]
        return hashlib.sha256(repr((facts, self.scale)).encode()).hexdigest()[:16]


def _stereo(scene: Path) -> tuple[Path | None, Path | None]:
    """A scene's picture and its disparity; a picture alone, or nothing."""
    alone = None
    for names in STEREO_NAMES:
        left, truth = (
            next((path for suffix in endings if (path := scene / f"{stem}{suffix}").is_file()), None)
            for stem, endings in zip(names, ((".png", ".ppm", ".jpg"), (".png", ".pgm")), strict=True)
        )
        if left and truth:
            return left, truth
        alone = alone or left
    return alone, None


class Motorcycle:
    """One real scene with no download: Middlebury's Motorcycle, as it comes with scikit-image.

    Args:
        size: rows and columns to resize to; by default 500x741.

    Raises:
        DepthError: scikit-image is not installed.

    >>> depth = Motorcycle()[0]["depth"]
    >>> tuple(depth.shape), 2.1 < depth[depth > 0].min().item() < depth.max().item() < 5.1
    ((1, 500, 741), True)
    """

    name = "motorcycle"
    #: Of the scene as scikit-image ships it, a quarter of the original size.
    CALIBRATION = StereoCalibration(994.978, 311.193, 254.877, 0.193001, 31.086)

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = None if size is None else check_size(size, self.name)
        try:
            from skimage.data import stereo_motorcycle
        except ImportError as error:
            raise DepthError("motorcycle: comes with scikit-image: `pip install scikit-image`.") from error
        left, _, disparity = stereo_motorcycle()
        # scikit-image marks the unknown with 0 or infinity, depending on its version
        unknown = np.where(disparity > 0, disparity, np.inf)
        sample = _sample(left, unknown, self.CALIBRATION, "motorcycle", "motorcycle", 0, self.name)
        self._sample = sample if self.size is None else resize_sample(sample, self.size)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        return [self._sample][index]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """Its one name."""
        return ["motorcycle"]

    def fingerprint(self) -> str:
        """A hash of its depth."""
        return hashlib.sha256(self._sample["depth"].numpy().tobytes()).hexdigest()[:16]
