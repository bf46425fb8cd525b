"""``depthlib predict``: the depth of photos, as files that other programs read."""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthlib.cli.arguments import STAGE, Add, free
from depthlib.errors import DepthError

#: What may be written of a photo: its word on the command line → how the file's name goes on after NAME-depth, and what it is.
KINDS = {
    "png": (".png", "16 bit, {unit}, 0 = outside the network's view"),
    "npy": (".npy", "float32, metres, 0 = outside the network's view"),
    "coloured": ("-coloured.png", "to look at"),
    "points": (".ply", "point cloud, metres, for {lens}"),
    "surface": ("-surface.ply", "the same as a surface, torn where depth jumps"),
}
USUAL = ("png", "coloured", "points", "surface")
FARTHEST = 65.535  # metres that millimetres in 16 bits reach; roads are farther, and are stored as KITTI stores them


@dataclass(frozen=True)
class _Answer:
    """The depth of one photo, and what is told of it."""

    rgb: Any  # [1, 3, H, W]
    depth: Any  # [1, H, W]
    K: Any
    lens: str  # what K is, in words
    guess: bool  # whether nobody said
    scale: float  # of the PNG

    @property
    def unit(self) -> str:
        return "millimetres" if self.scale == 1000 else f"1/{self.scale:g} m"

    def __str__(self) -> str:
        known = self.depth[self.depth > 0]
        return f"{known.min():.2f} to {known.max():.2f} m, median {known.median():.2f} m"


def predict(args: argparse.Namespace) -> int:
    """Depth of photos: 16-bit PNG or NumPy array, coloured PNG, point cloud, surface."""
    from depthlib.checkpoints import load_model
    from depthlib.prediction import view_of
    from depthlib.transfers import device_here

    kinds = _kinds(args.write)
    if args.field_of_view is not None and not 0 < args.field_of_view < 180:
        raise DepthError(f"--field-of-view {args.field_of_view:g}: expected more than 0 and less than 180 degrees.")
    if args.scale is not None and not 0 < args.scale < math.inf:
        raise DepthError(f"--scale {args.scale:g}: expected units of the PNG in a metre, such as 1000 or 256.")
    camera = _camera(args.camera)
    stems, wanted = _wanted(args, kinds)
    alone = len(stems) == 1
    left = [photo for photo in stems if wanted[photo]]
    if len(left) < len(stems):
        print(f"{len(stems) - len(left)} of {len(stems)} have their files already")
    model = load_model(args.checkpoint, args.stage).to(device_here())
    view_of(model)  # one that is shown more than a picture is refused once, not for each photo
    network = args.checkpoint or "the network in the box"
    failed = guessed = 0
    frame = None
    for photo in left:
        files = wanted[photo]
        try:
            answer = _answer(photo, model, network, camera, args.field_of_view, args.scale if "png" in files else None)
            if camera is not None and frame not in (None, answer.depth.shape):
                raise DepthError("is of another size than the photo before it; --camera holds for one size.")
        except DepthError as error:
            told = str(error) if str(photo) in str(error) else f"{photo}: {error}"
            if alone:
                raise DepthError(told) from error
            print(f"depthlib: {told}", file=sys.stderr)
            failed += 1
            continue
        frame = answer.depth.shape
        _write(answer, stems[photo], files)
        guessed += answer.guess
        odd = not alone and "png" in files and answer.scale != 1000
        print(f"{photo}: {answer}" + (f", stored in {answer.unit}" if odd else ""))
        if alone:
            wide = max(len(str(file)) for file in files.values())
            for kind, file in files.items():
                print(f"{file!s:{wide}}  {KINDS[kind][1].format(unit=answer.unit, lens=answer.lens)}")
    if failed:
        others = f" The other {len(left) - failed} are written." if failed < len(left) else ""
        raise DepthError(f"{failed} of {len(left)} photos have no depth, for the reasons above.{others}")
    if left and not alone:
        print(f"{len(left)} photos: " + ", ".join(f"NAME-depth{KINDS[kind][0]}" for kind in kinds))
        if guessed and {"points", "surface"} & set(kinds):
            print(f"{guessed} do not say their lens: 60 degrees across is a guess; give --field-of-view")
    return 0


def _wanted(args: argparse.Namespace, kinds: Sequence[str]) -> tuple[dict[Path, Path], dict[Path, dict[str, Path]]]:
    """The stem of each photo's files, and those that are to be written, by their kind. None of them may be lost by it."""
    stems = _stems(args.photos, args.out)
    wanted = {photo: {kind: Path(f"{stem}{KINDS[kind][0]}") for kind in kinds} for photo, stem in stems.items()}
    if args.skip:  # of each photo what is not there
        wanted = {photo: {k: file for k, file in files.items() if not file.exists()} for photo, files in wanted.items()}
    made = [file for files in wanted.values() for file in files.values()]
    inputs = {photo.resolve() for photo in stems}
    if itself := [file for file in made if file.resolve() in inputs]:
        raise DepthError(
            f"{itself[0]}: is one of the photos, and would be overwritten. Choose another folder with --out."
        )
    free(made, args.force)
    return stems, wanted


def _answer(
    photo: Path, model: Any, network: str, camera: Sequence[float] | None, degrees: float | None, scale: float | None
) -> _Answer:
    import torch

    from depthlib import camera as pinhole
    from depthlib.data.formats import read_rgb
    from depthlib.prediction import predict as answer
    from depthlib.prediction import to_rgb
    from depthlib.sample import valid

    rgb = to_rgb(read_rgb(photo))
    height, width = rgb.shape[-2:]
    focal = None
    if camera is not None:
        K, lens = pinhole.intrinsics(*camera), "the camera that --camera gives"
        if not (0 <= camera[2] < width and 0 <= camera[3] < height):
            raise DepthError(
                f"{photo}: {height}x{width} (height x width), but --camera has its centre at column {camera[2]:g}, row {camera[3]:g}. "
                "Its numbers are pixels of the picture as it is, upright."
            )
        if camera[0] < width / 20:
            raise DepthError(
                f"{photo}: {width} pixels wide, and the focal length of --camera is {camera[0]:g}: a lens of more than 168 degrees. "
                "Its numbers are pixels, not shares of the picture."
            )
    else:
        angle, whose = degrees, "as --field-of-view says"
        if angle is None:
            focal = pinhole.focal_from_exif(photo)
            angle = math.degrees(2 * math.atan(width / 2 / focal)) if focal else 60.0
            whose = "as the photo says" if focal else "a guess: the photo does not say; give --field-of-view"
        K, lens = pinhole.from_field_of_view(height, width, angle), f"a lens of {angle:.0f} degrees across ({whose})"
    depth = answer(model, rgb).full(mode="bilinear")[0].cpu()
    depth = torch.where(valid(depth), depth, 0.0)
    farthest = depth.max().item()
    if farthest == 0:
        raise DepthError(f"{photo}: {network} answers with no depth at all; train it again, at a lower rate.")
    nearest = depth[depth > 0].min().item()
    if scale and not (farthest * scale <= 65535 and nearest * scale >= 1):
        raise DepthError(
            f"{photo}: depth goes from {nearest:.4g} to {farthest:.4g} m, which whole numbers of 16 bits do not hold at --scale {scale:g}; "
            f"it can be {math.ceil(1 / nearest)} to {65535 / farthest:.0f}."
        )
    guess = camera is None and degrees is None and focal is None
    return _Answer(rgb, depth, K, lens, guess, scale or (1000.0 if farthest <= FARTHEST else 256.0))


def _write(answer: _Answer, stem: Path, files: Mapping[str, Path]) -> None:
    """The files of one photo by their kind, all or none."""
    from PIL import Image

    from depthlib.data.formats import write_image
    from depthlib.files import writable_folder
    from depthlib.pointcloud import colored_points, surface, write_ply
    from depthlib.stored import write_map

    depth, K, rgb = answer.depth, answer.K, answer.rgb[0]

    def coloured(path: Path) -> None:
        try:
            from depthlib.plots import colorize

            write_image(path, Image.fromarray(colorize(depth)))
        except ImportError as error:
            raise DepthError(f"the coloured picture needs {error.name}; `pip install {error.name}`.") from error

    writers = {
        "png": lambda path: write_map(path, depth[None], answer.scale),
        "npy": lambda path: write_map(path, depth[None]),
        "coloured": coloured,
        "points": lambda path: write_ply(path, *colored_points(depth, K, rgb)),
        "surface": lambda path: write_ply(path, *surface(depth, K, rgb)),
    }
    writable_folder(stem.parent, "Choose another folder with --out.")
    try:
        with tempfile.TemporaryDirectory(dir=stem.parent, prefix=".depthlib-") as scratch:
            try:
                for kind, file in files.items():
                    writers[kind](Path(scratch) / file.name)
            except DepthError as error:  # the place that is meant, not the one that is gone
                raise DepthError(str(error).replace(scratch, str(stem.parent))) from error
            for file in files.values():
                os.replace(Path(scratch) / file.name, file)
    except OSError as error:
        raise DepthError(
            f"{stem}: cannot be written ({error.strerror or error}). Choose another folder with --out."
        ) from error


def _kinds(given: str) -> list[str]:
    kinds = [word.strip() for word in given.split(",")]
    for kind in kinds:
        if kind not in KINDS:
            raise DepthError(f"--write {given}: {kind!r} is unknown; expected some of {','.join(KINDS)}.")
    return list(dict.fromkeys(kinds))


def _camera(given: str | None) -> list[float] | None:
    if given is None:
        return None
    try:
        numbers = [float(word) for word in given.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[:2]) <= 0:
        raise DepthError(
            f"--camera {given}: expected four numbers in pixels, two focal lengths above 0 and the centre: FX,FY,CX,CY."
        )
    return numbers


def _stems(given: Sequence[str], out: str | None) -> dict[Path, Path]:
    """Each photo, and its files' common name without what follows NAME-depth."""
    from depthlib.data.folder import COLOUR_SUFFIXES

    photos: list[Path] = []
    for path in map(Path, given):
        if not path.is_dir():
            photos.append(path)
            continue
        inside = [
            file
            for file in sorted(path.iterdir())
            if file.suffix.lower() in COLOUR_SUFFIXES
            and not file.name.startswith(".")
            and not file.name.endswith(("-depth.png", "-depth-coloured.png"))  # what this has written, or a sensor
        ]
        if not inside:
            raise DepthError(f"{path}: no photos in it; expected files that end in {', '.join(COLOUR_SUFFIXES)}.")
        photos += inside
    stems: dict[Path, Path] = {}
    whose: dict[Path, Path] = {}
    for photo in photos:
        stem = Path(out or photo.parent) / f"{photo.stem}-depth"
        first = whose.setdefault(stem.absolute(), photo)
        if first.absolute() != photo.absolute():
            raise DepthError(
                f"{photo}: and {first} would both be written to {stem}.png. Answer them in two calls, into two folders."
            )
        stems.setdefault(first, stem)  # once, however often it is named
    return stems


def add_predict(add: Add) -> None:
    """The command."""
    command = add("predict", predict, "Depth of photos: 16-bit PNG, coloured PNG, a point cloud and a surface of each.",
              "  depthlib predict photo.jpg\n"
              "  depthlib predict photo.jpg --checkpoint runs/eigen-rooms/cpu-0 --out depths --force\n"
              "  depthlib predict photos --write png --out depths     a folder of them, only maps\n"
              "  depthlib predict frame.png --camera 525,525,319.5,239.5 --write npy,points\n")  # fmt: skip
    command.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="a JPEG, PNG or other picture, or a folder of .jpg, .png, .ppm, .webp and .bmp (without the folders in it, and without "
        "NAME-depth.png); several, too",
    )
    command.add_argument("--checkpoint", help="a run's folder, a checkpoint folder, or box/depth (default)")
    command.add_argument("--stage", help=STAGE)
    command.add_argument("--out", help="folder to write to (default: beside each photo)")
    command.add_argument(
        "--write", default=",".join(USUAL), metavar="KINDS", help=f"which of {','.join(KINDS)} (default: {','.join(USUAL)})"
    )  # fmt: skip
    there = command.add_mutually_exclusive_group()
    there.add_argument("--force", action="store_true", help="overwrite files of these names")
    there.add_argument("--skip", action="store_true", help="write only what is not there yet, to go on")
    command.add_argument(
        "--scale",
        type=float,
        help="units of the PNG in a metre (default: 1000; 256 for a photo in which depth passes 65.5 m); the PNG says it",
    )
    lens = command.add_mutually_exclusive_group()
    lens.add_argument("--field-of-view", type=float, metavar="DEGREES",
                     help="horizontal angle of the lens, for points and surface (default: what the photo says, else 60)")  # fmt: skip
    lens.add_argument(
        "--camera",
        metavar="FX,FY,CX,CY",
        help="focal lengths and centre in pixels, the middle of the first pixel at 0, for the same",
    )
