"""NYU Depth v2, the raw recordings: which picture belongs to which depth frame, and where its depths fall in it.

Every scene is a folder of ``r-TIME-TICKS.ppm`` and ``d-TIME-TICKS.pgm``, seconds in their names. The two cameras do not
run in step and do not stand in one place, so a training pair has to be made: as Eigen et al. 2014 do in §4.1, with the
camera parameters of the data set's toolbox. It takes the bend of the colour lens out of the picture, and so are the labelled
set's pictures made, on which everyone is tested: their white rim is where the straightened picture has nothing.

Source: Silberman, Hoiem, Kohli, Fergus 2012. Research use only, under the data set's own terms.
"""

from __future__ import annotations

import functools
import os
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from depthlib import camera
from depthlib.data.formats import read_kinect_pgm, read_rgb, read_splits
from depthlib.data.nyu import MAT, nyu_camera, split_indices
from depthlib.data.pairs import Pair, Pairs
from depthlib.errors import DepthError, in_short

SIZE = (480, 640)
#: Of ``camera_params.m``, which counts pixels from 1: fx, fy, cx, cy and the lens k1, k2, p1, p2, k3.
RGB = camera.NYU_RGB
RGB_LENS = (
    0.20796615318809061,
    -0.58613825163911781,
    7.2231363135888329e-4,
    1.0479627195765181e-3,
    0.49856986684705107,
)
DEPTH = (582.62448167737955, 582.69103270988637, 313.04475870804731, 238.44389626620386)
DEPTH_LENS = (
    -0.099897236553084481, 0.39065324602765344, 1.9290592870229277e-3, -1.9422022475975055e-3, -0.51031725053400578,
)  # fmt: skip
#: From the depth camera to the colour camera: p_rgb = M⁻¹ p_depth − t, metres.
M = np.array(
    [
        [0.99997798940829263, 0.0050518419386157446, 0.0043011152014118693],
        [-0.0050359919480810989, 0.99998051861143999, -0.0036879781309514218],
        [-0.0043196624923060242, 0.0036662365748484798, 0.99998394948385538],
    ]
)
T = np.array([0.025031875059141302, -2.9342312935846411e-4, 6.6238747008330102e-4])


def frame_time(name: str) -> float:
    """Seconds from a file's name, ``d-1294886360.208451-2996770081.pgm``.

    Raises:
        DepthError: another kind of name.

    >>> frame_time("d-1294886360.208451-2996770081.pgm")
    1294886360.208451
    """
    found = re.fullmatch(r"[rd]-(\d+\.\d+)-\d+\.(?:ppm|pgm)", name)
    if found is None:
        raise DepthError(f"{name}: no time in its name; expected such as d-1294886360.208451-2996770081.pgm.")
    return float(found[1])


def match_times(depths: list[float], pictures: list[float]) -> list[int | None]:
    """For each depth frame the picture nearest in time, or None where that picture is nearest to several depth frames.

    Two depth maps for one picture cannot both be learnt, so none of them is kept (Eigen et al. 2014, §4.1).

    Args:
        depths, pictures: seconds, ascending.

    >>> match_times([0.00, 0.10, 0.13, 0.30], [0.01, 0.12, 0.29])
    [0, None, None, 2]
    """
    if not pictures:
        return [None] * len(depths)
    nearest = []
    for time in depths:
        after = min(bisect_left(pictures, time), len(pictures) - 1)
        before = max(after - 1, 0)
        nearest.append(before if time - pictures[before] <= pictures[after] - time else after)
    taken = Counter(nearest)
    return [index if taken[index] == 1 else None for index in nearest]


def align(depth: NDArray[np.floating]) -> NDArray[np.float32]:
    """A depth map as the depth camera saw it → as the colour camera sees it: [480, 640] metres, 0 = missing.

    Every pixel becomes a point (its ray without the depth lens), moves to the colour camera and falls on the nearest pixel of the
    straight picture (:func:`straighten`); where several fall the nearest point is seen. What none falls on stays missing.

    Raises:
        DepthError: another size than 480x640.
    """
    if depth.shape != SIZE:
        raise DepthError(f"raw depth is {depth.shape}, expected {SIZE}: the toolbox's cameras belong to that size.")
    known = depth > 0
    points = (_rays()[known] * depth[known][:, None].astype(np.float64)) @ np.linalg.inv(M).T - T
    points = points[points[:, 2] > 0]
    column = np.rint(points[:, 0] / points[:, 2] * RGB[0] + RGB[2] - 1).astype(np.int64)
    row = np.rint(points[:, 1] / points[:, 2] * RGB[1] + RGB[3] - 1).astype(np.int64)
    inside = (row >= 0) & (row < SIZE[0]) & (column >= 0) & (column < SIZE[1])
    out = np.full(SIZE, np.inf)
    np.minimum.at(out, (row[inside], column[inside]), points[inside, 2])
    return np.where(np.isfinite(out), out, 0).astype(np.float32)


def straighten(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as it was taken → as a camera without a lens's bend takes it: [480, 640, 3], white where there was nothing.

    Raises:
        DepthError: another size than 480x640.
    """
    if picture.shape != (*SIZE, 3):
        raise DepthError(
            f"raw picture is {picture.shape}, expected {(*SIZE, 3)}: the toolbox's cameras belong to that size."
        )
    row, column = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    x, y = _through_lens((column - (RGB[2] - 1)) / RGB[0], (row - (RGB[3] - 1)) / RGB[1], RGB_LENS)
    places = np.stack((y * RGB[1] + RGB[3] - 1, x * RGB[0] + RGB[2] - 1))
    channels = [map_coordinates(picture[..., c], places, np.float32, order=1, cval=255.0) for c in range(3)]
    return np.rint(np.stack(channels, -1)).astype(np.uint8)


def without_extremes(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map without its smallest and its largest depth, at which the sensor saturates (Eigen et al. 2014, §4.1).

    >>> without_extremes(np.array([[0.0, 1.0, 2.0, 3.0, 3.0]], dtype=np.float32)).tolist()
    [[0.0, 0.0, 2.0, 0.0, 0.0]]
    """
    known = depth[depth > 0]
    if not known.size:
        return depth
    return np.where((depth == known.min()) | (depth == known.max()), 0, depth).astype(np.float32)


def training_scenes(mat: str | os.PathLike[str], splits: dict[str, NDArray[np.int64]]) -> set[str]:
    """The scenes of the labelled set's 795 training frames: 249. Every other scene holds test images, or may.

    Args:
        mat: the official ``nyu_depth_v2_labeled.mat``, whose ``scenes`` names the scene of each frame.
        splits: of :func:`depthlib.data.formats.read_splits`.

    Raises:
        DepthError: the file is missing, damaged, or without ``scenes``.
    """
    import h5py

    try:
        with h5py.File(mat, "r") as file:
            references = file["scenes"][()].ravel()
            names = ["".join(map(chr, file[reference][()].ravel())) for reference in references]
        return {names[i] for i in split_indices(splits, "train")}
    except (OSError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DepthError(
            f"{mat}: the scenes of the training frames cannot be read ({in_short(error)}). The official file "
            f"{MAT} has them; an excerpt does not. Or name the scenes yourself: option scenes."
        ) from error


class NyuRaw(Pairs):
    """Pairs of the raw recordings, aligned and masked as in the paper.

    Args:
        root: holds a folder a scene.
        scenes: the scenes to take; by default those of the labelled set's training frames, since the test images are of the
            others. Read from ``labelled``.
        labelled: folder with the official ``nyu_depth_v2_labeled.mat`` and ``splits.mat``.
        size: rows and columns; the paper halves, 240x320.

    Attributes:
        dropped: how many frames were left out, by reason.

    Raises:
        DepthError: no scene of the list in ``root``, or nothing left of them.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        labelled: str | os.PathLike[str],
        scenes: Collection[str] | None = None,
        size: tuple[int, int] | None = (240, 320),
    ) -> None:
        root = Path(root)
        if scenes is None:
            scenes = training_scenes(Path(labelled) / MAT, read_splits(Path(labelled) / "splits.mat"))
        if isinstance(scenes, str):
            raise DepthError(f"NYU raw: scenes is {scenes!r}; expected a list of names, such as [kitchen_0004].")
        here = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        chosen = [path for path in here if path.name in scenes]
        if not chosen:
            raise DepthError(
                f"{root}: none of the {len(scenes)} training scenes in it ({len(here)} folders). Unpack the raw recordings "
                "there, a folder a scene, such as kitchen_0004/."
            )
        self.dropped: Counter[str] = Counter({"scenes that are not for training": len(here) - len(chosen)})
        pairs = [pair for scene in chosen for pair in self._pairs(scene)]
        self.dropped = +self.dropped  # reasons that did not occur go
        super().__init__("nyu-raw-frames", root, pairs, _read, size, nyu_camera, how="straightened")

    def _pairs(self, scene: Path) -> list[Pair]:
        found: dict[str, list[tuple[float, Path]]] = {"r": [], "d": []}
        for path in scene.glob("[rd]-*.p?m"):
            try:
                found[path.name[0]].append((frame_time(path.name), path))
            except DepthError:  # a copy, d-… (1).pgm, or what else came into the folder
                self.dropped["files without a time in their names"] += 1
        pictures, depths = sorted(found["r"]), sorted(found["d"])
        matched = match_times([time for time, _ in depths], [time for time, _ in pictures])
        pairs = []
        for (_, depth), index in zip(depths, matched, strict=True):
            if index is None:
                self.dropped["depth frames without a picture of their own"] += 1
            elif not all(path.is_file() and path.stat().st_size for path in (depth, pictures[index][1])):
                self.dropped["empty files, or links to nowhere"] += 1
            else:
                pairs.append(Pair(f"{scene.name}-{depth.stem}", pictures[index][1], depth, scene.name))
        self.dropped["pictures without a depth frame"] += len(pictures) - sum(i is not None for i in matched)
        return pairs


def _read(pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    picture, recorded = read_rgb(pair.rgb), without_extremes(read_kinect_pgm(pair.depth))  # before it moves
    try:
        return straighten(picture), align(recorded)
    except DepthError as error:
        raise DepthError(f"{pair.rgb}, {pair.depth}: {error}") from error


def _through_lens(
    x: NDArray[np.float64], y: NDArray[np.float64], lens: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Brown's model: where a ray (x, y, 1) really falls."""
    k1, k2, p1, p2, k3 = lens
    r = x * x + y * y
    radial = 1 + r * (k1 + r * (k2 + r * k3))
    return (
        x * radial + 2 * p1 * x * y + p2 * (r + 2 * x * x),
        y * radial + p1 * (r + 2 * y * y) + 2 * p2 * x * y,
    )


@functools.cache
def _rays() -> NDArray[np.float64]:
    """The ray (x, y, 1) of every pixel of the depth camera, its lens undone by fixed-point iteration: [480, 640, 3]."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    seen_x, seen_y = (column - (DEPTH[2] - 1)) / DEPTH[0], (row - (DEPTH[3] - 1)) / DEPTH[1]
    x, y = seen_x, seen_y
    for _ in range(30):  # contracts by about a fifth a round for this lens
        bent_x, bent_y = _through_lens(x, y, DEPTH_LENS)
        x, y = x + seen_x - bent_x, y + seen_y - bent_y
    return np.stack((x, y, np.ones_like(x)), axis=-1)
