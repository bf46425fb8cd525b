"""KITTI: calibration files, a laser scan as a sparse depth map, and the raw drives as a data set.

Depth is z of the rectified camera, not x of the scanner: they differ by the camera's place and turn.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthlib.data.formats import Source, read_depth_png, read_rgb, read_velodyne
from depthlib.data.pairs import Pair, Pairs, byte_count, colours, own_camera, resize_sample, two_files, whole
from depthlib.errors import DepthError
from depthlib.sample import Sample, check, check_size


def _drives_of(days: dict[str, tuple[int, ...]]) -> frozenset[str]:
    return frozenset(f"{day}_drive_{number:04d}_sync" for day, numbers in days.items() for number in numbers)


#: The drives by what they show, of those kinds that Eigen et al. 2014 use: 28 + 21 + 12.
KINDS = {
    "city": _drives_of({
        "2011_09_26": (1, 2, 5, 9, 11, 13, 14, 17, 18, 48, 51, 56, 57, 59, 60, 84, 91, 93, 95, 96, 104, 106, 113, 117),
        "2011_09_28": (1, 2), "2011_09_29": (26, 71),
    }),
    "residential": _drives_of({
        "2011_09_26": (19, 20, 22, 23, 35, 36, 39, 46, 61, 64, 79, 86, 87),
        "2011_09_30": (18, 20, 27, 28, 33, 34), "2011_10_03": (27, 34),
    }),
    "road": _drives_of({
        "2011_09_26": (15, 27, 28, 29, 32, 52, 70, 101), "2011_09_29": (4,), "2011_09_30": (16,), "2011_10_03": (42, 47),
    }),
}  # fmt: skip
DRIVES = frozenset().union(*KINDS.values())
#: The 28 that Eigen et al. test on; everyone after them keeps these out of training. Of the other 33 they train on 28, and
#: which was never published: later work trains on all 33 or on a part of them of its own.
TEST_DRIVES = _drives_of({
    "2011_09_26": (2, 9, 13, 20, 23, 27, 29, 36, 46, 48, 52, 56, 59, 64, 84, 86, 93, 96, 101, 106, 117),
    "2011_09_28": (2,), "2011_09_29": (71,), "2011_09_30": (16, 18, 27), "2011_10_03": (27, 47),
})  # fmt: skip
CALIBRATION = ("calib_cam_to_cam.txt", "calib_velo_to_cam.txt")
STANDING = 0.3  # metres a second; below it a car waits, and its frames are one picture many times


def read_calibration(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float64]]:
    """A calibration file of KITTI, ``name: numbers`` a line; lines that hold no numbers are left out.

    Twelve numbers become [3, 4], nine [3, 3], others stay flat.

    Raises:
        DepthError: missing, not text, or without a single matrix.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DepthError(f"{path}: cannot be read ({error}). Unpack the archive again.") from error
    found: dict[str, NDArray[np.float64]] = {}
    for line in lines:
        name, colon, rest = line.partition(":")
        try:
            numbers = np.array([float(word) for word in rest.split()])
        except ValueError:
            continue  # the date and the like
        if colon and numbers.size:
            shape = {12: (3, 4), 9: (3, 3)}.get(numbers.size, (numbers.size,))
            found[name.strip()] = numbers.reshape(shape)
    if not any(matrix.ndim == 2 for matrix in found.values()):
        raise DepthError(f"{path}: no matrix in it; expected lines such as 'P2: ' and twelve numbers.")
    return found


def camera_from_scanner(
    calibration: dict[str, NDArray[np.float64]], camera: int = 2, source: str = "calibration"
) -> NDArray[np.float64]:
    """P · R₀ · T of an object-benchmark calibration: scanner coordinates to image pixels times depth, [3, 4].

    Args:
        source: what an error names.

    Raises:
        DepthError: a matrix is missing or of another shape, by name.
    """
    _need(calibration, {f"P{camera}": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}, source)
    projection = calibration[f"P{camera}"]
    if min(projection[0, 0], projection[1, 1]) <= 0:
        raise DepthError(
            f"{source}: calibration: P{camera} has focal lengths of {projection[0, 0]:g} and {projection[1, 1]:g}; expected both "
            "above 0. Copy the file again."
        )
    rectify, move = np.eye(4), np.eye(4)
    rectify[:3, :3] = calibration["R0_rect"]
    move[:3] = calibration["Tr_velo_to_cam"]
    return projection @ rectify @ move


def _check_conflicts(rule: str) -> None:
    if rule not in ("nearest", "time"):
        raise DepthError(f"KITTI: conflicts is {rule!r}; expected nearest or time.")


def project_scan(
    points: NDArray[np.floating],
    matrix: NDArray[np.float64],
    size: tuple[int, int],
    conflicts: Literal["nearest", "time"] = "nearest",
) -> NDArray[np.float32]:
    """A scan as sparse depth, float32 metres [H, W], 0 = no point.

    Args:
        points: [N, 3] or [N, 4] in the scanner's frame.
        matrix: from :func:`camera_from_scanner`, [3, 4].
        size: rows and columns.
        conflicts: which of several points in one pixel stays. ``nearest``: the closest, as in the later literature.
            ``time``: the one recorded closest to the picture, as in Eigen et al. 2014, §4.2. The camera shoots when the
            scanner points forward, so that is the point of the smallest angle to the car's axis.

    Pixel coordinates are rounded minus 1, as KITTI's own development kit counts them. Points behind the scanner's
    front plane (x < 0) are left out first.

    Raises:
        DepthError: another word for ``conflicts``.

    >>> matrix = np.array([[0, -100.0, 0, 0], [0, 0, -100.0, 0], [1.0, 0, 0, 0]]) + np.array([[50.0], [40], [0]]) * [1, 0, 0, 0]
    >>> depth = project_scan(np.array([[10.0, 0, 0], [5.0, 0, 0]]), matrix, (80, 100))
    >>> depth[39, 49].item(), int((depth > 0).sum())
    (5.0, 1)
    """
    _check_conflicts(conflicts)
    height, width = size
    ahead = points[points[:, 0] >= 0, :3]
    pixels = ahead @ matrix[:, :3].T + matrix[:, 3]
    depth = pixels[:, 2]
    front = depth > 0
    depth = depth[front]
    late = np.abs(np.arctan2(ahead[front, 1], ahead[front, 0])) if conflicts == "time" else depth
    u = np.round(pixels[front, 0] / depth).astype(np.int64) - 1
    v = np.round(pixels[front, 1] / depth).astype(np.int64) - 1
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    place, depth, late = v[inside] * width + u[inside], depth[inside], late[inside]
    order = np.argsort(-late, kind="stable")  # written last stays: the nearest, or the first seen
    out = np.zeros(height * width, dtype=np.float32)
    out[place[order]] = depth[order]
    return out.reshape(height, width)


def _need(calibration: dict[str, NDArray[np.float64]], shapes: dict[str, tuple[int, ...]], source: str) -> None:
    for name, shape in shapes.items():
        if name not in calibration:
            raise DepthError(
                f"{source}: calibration: {name} is missing; there are {', '.join(calibration)}. Copy the file again."
            )
        if calibration[name].shape != shape:
            raise DepthError(
                f"{source}: calibration: {name} is {calibration[name].shape}; expected {shape}. Copy the file again."
            )
        if not np.isfinite(calibration[name]).all():
            raise DepthError(f"{source}: calibration: {name} holds numbers that are not finite. Copy the file again.")


def raw_calibration(day: Path) -> dict[str, NDArray[np.float64]]:
    """The two calibration files of a day of raw drives, under the names of the object benchmark.

    Raises:
        DepthError: a file or a matrix is missing, by name.
    """
    cameras, scanner = (read_calibration(day / name) for name in CALIBRATION)
    _need(scanner, {"R": (3, 3), "T": (3,)}, str(day / "calib_velo_to_cam.txt"))
    _need(cameras, {"R_rect_00": (3, 3)}, str(day / "calib_cam_to_cam.txt"))
    found = {f"{new}{i}": cameras[f"{name}_rect_0{i}"] for name, new in (("P", "P"), ("S", "size")) for i in (2, 3)
             if f"{name}_rect_0{i}" in cameras}  # fmt: skip
    found["R0_rect"] = cameras["R_rect_00"]
    found["Tr_velo_to_cam"] = np.concatenate((scanner["R"], scanner["T"].reshape(3, 1)), axis=1)
    return found


@dataclass(frozen=True)
class _Frame:
    drive: Path
    number: str
    camera: int

    @property
    def picture(self) -> Path:
        return self.drive / f"image_0{self.camera}" / "data" / f"{self.number}.png"

    @property
    def scan(self) -> Path:
        return self.drive / "velodyne_points" / "data" / f"{self.number}.bin"


class KittiDrives:
    """The raw drives: DATE/DATE_drive_NNNN_sync with ``image_02`` and ``velodyne_points``, and the day's calibration.

    Args:
        root: holds the days.
        split: ``train``: the drives of :data:`KINDS` that are here but those of :data:`TEST_DRIVES`, frames in which the
            car stands (by ``oxts``, where it is there) left out; ``test``: the frames of ``frames``.
        frames: for ``test``, a text file with a frame a line, by default ``eigen_test_files.txt`` in the root, as it
            circulates: ``DATE/DRIVE NUMBER l`` (monodepth2) or ``DATE/DRIVE/image_02/data/NUMBER.png …`` (BTS). There is no fall-back: numbers on other frames do not compare.
        truth: ``scan`` projects the frame's own laser scan; ``annotated`` reads KITTI's accumulated maps,
            ``annotated/DRIVE/proj_depth/groundtruth/image_02/NUMBER.png`` below the root, and leaves out frames without
            one (45 of the 697).
        cameras: 2 for the left colour camera, 3 for the right; ``train`` may use both.
        conflicts: of a scan's points in one pixel, see :func:`project_scan`.
        size: rows and columns; a scan is projected at that size, so that no point is lost by resizing.

    Attributes:
        dropped: how many drives and frames were left out, by reason.

    Source: Geiger et al. 2013; the split of Eigen, Puhrsch, Fergus 2014, §4.2.

    Raises:
        DepthError: no drive or frame, a file that is not there, a list that cannot be read.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        frames: str | os.PathLike[str] | None = None,
        truth: Literal["scan", "annotated"] = "scan",
        cameras: Sequence[int] = (2,),
        conflicts: Literal["nearest", "time"] = "nearest",
        size: tuple[int, int] | None = None,
    ) -> None:
        self.root, self.truth, self.conflicts = Path(root), truth, conflicts
        _check_conflicts(conflicts)
        self.name = "kitti" if truth == "scan" else f"kitti-{truth}"
        self.size = None if size is None else check_size(size, str(root))
        if truth not in ("scan", "annotated"):
            raise DepthError(f"KITTI: truth is {truth!r}; expected scan or annotated.")
        if not cameras or any(number not in (2, 3) for number in cameras):
            raise DepthError(f"KITTI: cameras are {list(cameras)}; expected 2 (left), 3 (right) or both.")
        self.dropped: Counter[str] = Counter()
        if split == "test" and list(cameras) != [2]:
            raise DepthError(
                f"KITTI: cameras are {list(cameras)}; the test frames are listed, all of the left camera, 2."
            )
        if split == "test":
            self.frames = _listed(self.root, frames)
        elif split == "train":
            if frames is not None:
                raise DepthError("KITTI: frames is for the split test; train takes the drives that are not tested on.")
            here = _drives(self.root)
            chosen = [drive for drive in here if drive.name in DRIVES - TEST_DRIVES]
            self.dropped["drives that are tested on"] = sum(drive.name in TEST_DRIVES for drive in here)
            self.dropped["drives of other kinds"] = sum(drive.name not in DRIVES for drive in here)
            self.dropped["training drives that are not here"] = len(DRIVES - TEST_DRIVES) - len(chosen)
            self.frames = []
            for drive in chosen:
                any_file, whole, moving = _moving(drive, cameras)
                self.dropped["frames without a scan or a picture of each camera"] += len(any_file) - len(whole)
                self.dropped["frames in which the car stands"] += len(whole) - len(moving)
                self.frames += [_Frame(drive, number, camera) for number in moving for camera in cameras]
        else:
            raise DepthError(f"KITTI: split is {split!r}; expected train or test.")
        if truth == "annotated":
            known = [frame for frame in self.frames if self._annotation(frame).is_file()]
            if self.frames and not known and not (self.root / "annotated").is_dir():
                raise DepthError(
                    f"{self.root / 'annotated'}: not there. Unpack KITTI's data_depth_annotated archive into it, or take truth scan."
                )
            lost, self.frames = len(self.frames) - len(known), known
            self.dropped["frames without an annotated map"] = lost
            if split == "test" and lost > 45:
                raise DepthError(
                    f"{root}/annotated: no map for {lost} of the {len(known) + lost} frames; KITTI itself "
                    "lacks 45 of Eigen's 697. Unpack the whole archive; numbers on fewer frames do not compare."
                )
        self.dropped = +self.dropped  # reasons that did not occur go
        if not self.frames:
            raise DepthError(
                f"{root}: no frame for {split} ({truth}). Expected DATE/DATE_drive_NNNN_sync/image_02/data/*.png with "
                "velodyne_points/data/*.bin, as KITTI's raw data unpack."
            )

    def _annotation(self, frame: _Frame) -> Path:
        folder = self.root / "annotated" / frame.drive.name / "proj_depth" / "groundtruth"
        return folder / f"image_0{frame.camera}" / f"{frame.number}.png"

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]  # what is counted from the end is the same sample
        frame = self.frames[index]
        path = frame.picture
        rgb = colours(read_rgb(path))
        height, width = rgb.shape[-2:]
        rows, columns = self.size or (height, width)
        calibration = raw_calibration(frame.drive.parent)
        cameras = frame.drive.parent / CALIBRATION[0]
        if f"P{frame.camera}" not in calibration:
            raise DepthError(
                f"{cameras}: no P_rect_0{frame.camera} in it, the matrix of that camera. Copy the file again."
            )
        told = calibration.get(f"size{frame.camera}")
        if told is not None and told.tolist() != [width, height]:
            raise DepthError(
                f"{path}: {height}x{width}, but {cameras} is for pictures of {told[1]:g}x{told[0]:g}. Use the pictures as they come; "
                "option size makes them smaller."
            )
        matrix = camera_from_scanner(calibration, frame.camera, str(cameras))
        K = torch.tensor(calibration[f"P{frame.camera}"][:, :3], dtype=torch.float32)
        K[:2, 2] -= 1  # the kit counts pixels from 1, we from 0
        sample = Sample(
            rgb=rgb, depth=torch.zeros(1, height, width), K=K, name=f"{frame.drive.name}-{frame.number}-{frame.camera}",
            dataset=self.name, index=index, scene=frame.drive.name,
        )  # fmt: skip
        if self.truth == "annotated":
            sample["depth"] = torch.from_numpy(read_depth_png(self._annotation(frame), 256))[None]
            sample = resize_sample(check(sample, str(path)), (rows, columns))
            return sample
        sample = resize_sample(sample, (rows, columns))
        scan = read_velodyne(frame.scan)
        # pixel centres to pixel centres; `project_scan` takes the kit's count from 1 away after this
        sx, sy = columns / width, rows / height
        shrink = np.array([[sx, 0, (1 - sx) / 2], [0, sy, (1 - sy) / 2], [0, 0, 1]])
        sample["depth"] = torch.from_numpy(project_scan(scan, shrink @ matrix, (rows, columns), self.conflicts))[None]
        return check(sample, str(path))

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def names(self) -> list[str]:
        """DRIVE-NUMBER-CAMERA, in order."""
        return [f"{frame.drive.name}-{frame.number}-{frame.camera}" for frame in self.frames]

    def fingerprint(self) -> str:
        """A hash of the frames shown, the byte counts of their files, the calibrations, how truth is made, and the size."""
        digest = hashlib.sha256(repr((self.names(), self.truth, self.conflicts, self.size)).encode())
        for day in sorted({frame.drive.parent for frame in self.frames}):
            for name in CALIBRATION:
                try:
                    digest.update((day / name).read_bytes())
                except OSError as error:
                    raise DepthError(
                        f"{day / name}: cannot be read ({error.strerror}). Unpack the day's calibration."
                    ) from error
        for frame in self.frames:
            for path in (frame.picture, frame.scan if self.truth == "scan" else self._annotation(frame)):
                digest.update(str(byte_count(path)).encode())
        return digest.hexdigest()[:16]


def open_kitti_selection(root: str | os.PathLike[str], size: tuple[int, int] | None = None) -> Pairs:
    """KITTI's own validation part for depth, cropped to 352x1216: a thousand frames with annotated depth.

    Args:
        root: holds ``val_selection_cropped``, or is it: ``image``, ``groundtruth_depth`` and ``intrinsics``.
        size: rows and columns; by default as on disk.

    Raises:
        DepthError: the folder is not there, a picture without depth or intrinsics.

    Source: Uhrig et al. 2017.
    """
    root = Path(root)
    folder = next((p for p in (root, root / "val_selection_cropped", root / "depth_selection" / "val_selection_cropped")
                   if (p / "image").is_dir()), None)  # fmt: skip
    if folder is None:
        raise DepthError(
            f"{root}: no val_selection_cropped/image in it. Unpack KITTI's data_depth_selection archive there."
        )
    pairs = []
    for path in sorted((folder / "image").glob("*.png")):
        truth = path.name.replace("_sync_image_", "_sync_groundtruth_depth_")
        drive = path.name.split("_sync_")[0] + "_sync"
        intrinsics = folder / "intrinsics" / f"{path.stem}.txt"
        pairs.append(Pair(path.stem, path, folder / "groundtruth_depth" / truth, drive, intrinsics))
    truths = {path.name for path in (folder / "groundtruth_depth").glob("*.png")}
    if without := sorted(truths - {pair.depth.name for pair in pairs}):
        raise DepthError(
            f"{folder}: {len(without)} maps have no picture, such as {without[0]}. Unpack the archive again."
        )

    def given(path: Source) -> Tensor:
        try:
            K = np.array(path.read_bytes().decode().split(), dtype=np.float64).reshape(3, 3)
        except (OSError, ValueError) as error:
            raise DepthError(f"{path}: cannot be read as nine numbers ({error}). Unpack the archive again.") from error
        if not np.isfinite(K).all() or min(K[0, 0], K[1, 1]) <= 0:
            raise DepthError(f"{path}: {K.tolist()} are no intrinsics; expected focal lengths above 0.")
        K[:2, 2] -= 1  # the kit counts pixels from 1, we from 0
        return torch.tensor(K, dtype=torch.float32)

    return Pairs(
        "kitti-selection",
        root,
        whole(pairs, root),
        two_files(lambda path: read_depth_png(path, 256)),
        size,
        own_camera(given),
    )


def _drives(root: Path) -> list[Path]:
    found = sorted(path for path in root.glob("*/*_drive_*_sync") if path.is_dir())
    if not found:
        raise DepthError(f"{root}: no raw drive there; expected DATE/DATE_drive_NNNN_sync. Set option root.")
    return found


def _moving(drive: Path, cameras: Sequence[int]) -> tuple[set[str], set[str], list[str]]:
    """Frames of which there is a scan or a picture, those with all, and those of them in which the car does not stand."""
    parts = [{path.stem for path in (drive / "velodyne_points" / "data").glob("[0-9]*.bin")}]
    parts += [{path.stem for path in (drive / f"image_0{i}" / "data").glob("[0-9]*.png")} for i in cameras]
    whole = set.intersection(*parts)
    moving = [number for number in sorted(whole) if _speed(drive / "oxts" / "data" / f"{number}.txt") >= STANDING]
    return set.union(*parts), whole, moving


def _speed(path: Path) -> float:
    """Metres a second forward, the ninth number of an oxts file; infinite where there is none."""
    if not path.is_file():
        return float("inf")
    try:
        return abs(float(path.read_text().split()[8]))
    except (OSError, ValueError, IndexError) as error:
        raise DepthError(f"{path}: not an oxts record ({error}); expected 30 numbers. Copy it again.") from error


def _listed(root: Path, frames: str | os.PathLike[str] | None) -> list[_Frame]:
    frames = root / "eigen_test_files.txt" if frames is None else Path(frames)
    if not frames.is_file():
        raise DepthError(
            f"{frames}: not there. The split test needs the list of Eigen's 697 frames as a text file (monodepth2's "
            "splits/eigen/test_files.txt or BTS's eigen_test_files_with_gt.txt): put it there, or name it by option frames."
        )
    try:
        lines = frames.read_text(encoding="utf-8-sig").splitlines()  # Windows begins a text with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise DepthError(f"{frames}: cannot be read ({error}). Expected a text in UTF-8, a frame a line.") from error
    found: list[_Frame] = []
    seen: set[_Frame] = set()
    for count, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        parts = words[0].split("/")
        try:
            if len(parts) == 2:  # monodepth2: folder, number, side
                drive, number, side = parts, int(words[1]), {"l": 2, "r": 3}[words[2]]
            else:  # a path of a picture
                drive, side = parts[:2], int(parts[2].removeprefix("image_"))
                number = int(Path(parts[-1]).stem)
        except (ValueError, IndexError, KeyError) as error:
            raise DepthError(
                f"{frames}, line {count}: {line.strip()!r} is no frame; expected DATE/DRIVE NUMBER l, or the path of a picture."
            ) from error
        frame = _Frame(root.joinpath(*drive), f"{number:010d}", side)
        if side not in (2, 3) or frame in seen:
            why = "is there twice" if frame in seen else "names no colour camera"
            raise DepthError(f"{frames}, line {count}: {line.strip()!r} {why}. Fetch the list again.")
        seen.add(frame)
        found.append(frame)
    lost = [path for frame in found for path in (frame.picture, frame.scan) if not path.is_file()]
    if lost:
        raise DepthError(
            f"{lost[0]}: not there, one of {len(lost)} files that {frames} asks for. Unpack its drive; numbers on fewer "
            "frames do not compare."
        )
    return found
