"""On-disk encodings of colour, depth and splits: bytes to arrays and back, with errors that name the file."""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from depthlib.errors import DepthError, in_short
from depthlib.files import write_whole

#: SHA-256 of the official split's 795 training and 654 test numbers (1-based, each part sorted, little-endian int32).
OFFICIAL_SPLIT = "c48f3720ac4236933889bb3b3a9915aa9208c7d220c949d2bf1bcf570fa49534"


class Source(Protocol):
    """What is read: a :class:`~pathlib.Path`, or a member of an archive that answers like one."""

    @property
    def name(self) -> str: ...

    def read_bytes(self) -> bytes: ...

    def is_file(self) -> bool: ...

    def stat(self) -> Any: ...


#: What every reader takes.
Readable = str | os.PathLike[str] | Source


def read_rgb(path: Readable) -> NDArray[np.uint8]:
    """A colour image as uint8 [H, W, 3], upright.

    Grey, palette and CMYK files are converted, 16-bit grey keeps its upper eight bits, and a rotation that the camera
    only noted (EXIF) is carried out.

    Raises:
        DepthError: the file is missing, no image, cut short, or of a kind without a fixed range.
    """
    with _open_image(path) as image:
        try:
            return upright_rgb(image, str(path))
        except (SyntaxError, ValueError) as error:  # what Pillow raises on notes (EXIF) that are garbage
            raise DepthError(f"{path}: its notes on the camera are damaged ({error}). Save it again.") from error


def upright_rgb(image: Image.Image, source: str) -> NDArray[np.uint8]:
    """An opened picture as uint8 [H, W, 3]: see :func:`read_rgb`.

    Raises:
        DepthError: a picture of numbers without a fixed range; names the source.
    """
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        image = Image.fromarray(grey)
    elif image.mode in ("I", "F"):
        raise DepthError(
            f"{source}: mode {image.mode!r}, numbers without a fixed range; expected colours of 8 or 16 bits. "
            "Export it as an 8-bit PNG or JPEG."
        )
    upright = ImageOps.exif_transpose(image)
    return np.asarray((upright or image).convert("RGB"))


def read_depth_png(path: Readable, scale: float | None = None) -> NDArray[np.float32]:
    """A 16-bit PNG as float32 metres [H, W], 0 = missing: metres = value / scale.

    Args:
        scale: file units in a metre: 1000 for millimetres, 256 for KITTI, 5000 for TUM. By default what the file says itself
            (:func:`stated_scale`), else 1000.

    Raises:
        DepthError: missing, cut short, not a single-channel 16-bit image; a scale that is not finite and above 0, or another
            than the file says.
    """
    if scale is not None:
        _check_scale(path, "scale", scale)
    with _open_image(path) as image:
        stated = _stated(image)
        if scale is not None and stated is not None and not math.isclose(scale, stated, rel_tol=1e-6):
            raise DepthError(
                f"{path}: says of itself that it has {stated:g} file units in a metre, but is read with {scale:g}. Read it with "
                f"{stated:g}, or leave the scale out."
            )
        scale = scale or stated or 1000.0
        if image.mode not in ("I;16", "I;16B", "I;16L", "I"):
            raise DepthError(
                f"{path}: a depth file must be a single-channel 16-bit PNG, this one is mode {image.mode!r} "
                "(8 bits a channel, or colour). 8 bits hold only 256 depths; export the map as uint16 millimetres."
            )
        values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise DepthError(f"{path}: values {values.min()} … {values.max()} do not fit 16 bits; export it as uint16.")
    return (values / np.float32(scale)).astype(np.float32)


def read_grey8(path: Readable) -> NDArray[np.uint8]:
    """A single-channel 8-bit picture as uint8 [H, W]: old Middlebury's disparities, DenseDepth's training depths.

    Raises:
        DepthError: missing, cut short, of several channels or 16 bits.
    """
    with _open_image(path) as image:
        if image.mode != "L":
            raise DepthError(f"{path}: mode {image.mode!r}; expected a single channel of 8 bits.")
        return np.asarray(image)


def read_depth8_png(path: Readable, farthest: float = 10.0) -> NDArray[np.float32]:
    """An 8-bit map as float32 metres [H, W], 0 = missing: metres = value / 255 · ``farthest``, in steps of 4 cm indoors.

    Raises:
        DepthError: as :func:`read_grey8`; or ``farthest`` is not finite and above 0.
    """
    _check_scale(path, "farthest", farthest, "metres, such as 10")
    return (read_grey8(path) * np.float32(farthest / 255)).astype(np.float32)


def read_grey_rgb16_png(path: Readable, scale: float = 100.0) -> NDArray[np.float32]:
    """A 16-bit colour PNG with three equal channels as float32 metres [H, W], 0 = missing: SYNTHIA's depth, centimetres.

    Pillow reads such a file as eight bits a channel and so loses the lower byte; OpenCV does not.

    Raises:
        DepthError: missing, cut short, of 8 bits, or with channels that differ; a scale that is not finite and above 0; or
            OpenCV is not installed.
    """
    _check_scale(path, "scale", scale)
    try:
        import cv2
    except ImportError as error:
        raise DepthError(
            f"{path}: a 16-bit colour PNG needs OpenCV: pip install 'depthlib-course[synthia]'."
        ) from error
    content = _read_bytes(path)
    size = re.match(rb"\x89PNG\r\n\x1a\n....IHDR(.{4})(.{4})", content, re.DOTALL)
    if size is None or int.from_bytes(size[1]) * int.from_bytes(size[2]) > 1 << 26:
        raise DepthError(f"{path}: not a PNG, or one of more than 67 million pixels; expected depth in centimetres.")
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise DepthError(f"{path}: cannot be read as a PNG, perhaps cut short. Copy it again.")
    if values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] != 3:
        raise DepthError(f"{path}: {values.shape} of {values.dtype}; expected three equal channels of 16 bits.")
    if (values[..., :1] != values).any():
        raise DepthError(f"{path}: its channels differ, so it is a picture, not SYNTHIA's depth.")
    return (values[..., 0] / np.float32(scale)).astype(np.float32)


def read_sintel_camera(path: Readable) -> NDArray[np.float64]:
    """The intrinsics [3, 3] of a Sintel camera file (``.cam``): the tag, nine and twelve doubles.

    Raises:
        DepthError: missing, without Sintel's tag, of another length, or no camera.
    """
    content = _read_bytes(path)
    if len(content) != 4 + 8 * 21 or np.frombuffer(content[:4], "<f4")[0] != SINTEL_TAG:
        raise DepthError(f"{path}: {len(content)} bytes; expected Sintel's tag {SINTEL_TAG} and 21 doubles.")
    K = np.frombuffer(content[4:76], "<f8").reshape(3, 3)
    if not np.isfinite(K).all() or min(K[0, 0], K[1, 1]) <= 0 or K[2].tolist() != [0, 0, 1]:
        raise DepthError(f"{path}: {K.tolist()} are no intrinsics; expected focal lengths above 0. Copy it again.")
    return K


def read_h5_frame(path: Readable) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A frame of the sparse-to-dense repackaging (``.h5``): colour uint8 [H, W, 3] and metres float32 [H, W].

    Raises:
        DepthError: missing, no HDF5, or without ``rgb`` [3, H, W] uint8 and ``depth`` [H, W] of at most 4096 a side.
    """
    import h5py  # late: costs import time

    content = io.BytesIO(_read_bytes(path))
    try:
        with h5py.File(content, "r") as file:
            rgb, depth = file["rgb"], file["depth"]
            inside = not any(part.external or part.is_virtual for part in (rgb, depth))  # no other file is read
            right = inside and rgb.dtype == np.uint8 and rgb.shape == (3, *depth.shape) and depth.dtype.kind == "f"
            if not right or max(depth.shape) > 4096:  # looked at before a byte of it is unpacked
                raise DepthError(
                    f"{path}: rgb {rgb.shape} of {rgb.dtype} and depth {depth.shape} of {depth.dtype}; expected [3, H, W] of "
                    "uint8 and [H, W] of floats, at most 4096 a side."
                )
            return rgb[()].transpose(1, 2, 0), depth[()].astype(np.float32)
    except DepthError:
        raise
    except Exception as error:  # h5py raises many kinds on damaged bytes, down to OverflowError
        raise DepthError(
            f"{path}: cannot be read as HDF5 with rgb and depth ({in_short(error)}). Copy it again."
        ) from error


#: Where a PNG that this library wrote says its unit; other programs pass it over.
UNITS = "depthlib: file units in a metre"


def stated_scale(path: Readable) -> float | None:
    """File units in a metre, where a depth PNG says them itself, as those do that :func:`write_depth_png` wrote.

    Raises:
        DepthError: missing, or not a picture.
    """
    with _open_image(path) as image:
        return _stated(image)


def _stated(image: Image.Image) -> float | None:
    try:
        units = float(image.info.get(UNITS, ""))
    except ValueError:
        return None
    return units if 0 < units < math.inf else None


def write_depth_png(path: str | os.PathLike[str], depth: NDArray[np.floating], scale: float = 1000.0) -> None:
    """Write float metres [H, W] or [1, H, W] as a 16-bit PNG, atomically; missing or non-finite depth becomes 0.

    The file says its unit (:func:`stated_scale`), which other programs pass over.

    Args:
        path: a name that ends in ``.png``.
        scale: file units in a metre: 1000 for millimetres, 256 for KITTI, 5000 for TUM.

    Raises:
        DepthError: another shape or ending; negative depth, or depth beyond what 16 bits hold at this scale; a scale that is
            not finite and above 0; or a folder that cannot be written.
    """
    if Path(path).suffix.lower() != ".png":
        raise DepthError(f"{path}: depth is written as a 16-bit PNG, which keeps every value. End the name in .png.")
    _check_scale(path, "scale", scale)
    values = np.rint(np.nan_to_num(_one_map(path, depth, np.float64), nan=0.0, posinf=0.0, neginf=0.0) * scale)
    if values.min() < 0:
        raise DepthError(
            f"{path}: smallest depth is {values.min() / scale:.4g} m; depth is distance along the axis, 0 = missing. "
            "Set negative values to 0."
        )
    if values.max() > 65535:
        raise DepthError(
            f"{path}: depth {values.max() / scale:.4g} m does not fit 16 bits at {scale:g} units a metre; "
            f"use a scale of at most {65535 * scale / values.max():.0f}."
        )
    notes = PngInfo()
    notes.add_text(UNITS, f"{scale:.9g}")
    write_image(path, Image.fromarray(values.astype(np.uint16)), pnginfo=notes)


def write_image(path: str | os.PathLike[str], image: Image.Image, **options: Any) -> None:
    """Save a picture in the format that its name ends in, atomically; options are Pillow's.

    Raises:
        DepthError: an ending that is no format of pictures, a format that cannot hold this picture, or a folder that cannot
            be written.
    """
    suffix, content = Path(path).suffix.lower(), io.BytesIO()
    kind = Image.registered_extensions().get(suffix)
    if kind not in Image.SAVE:
        raise DepthError(f"{path}: ends in {suffix!r}; expected a format of pictures, such as .png or .jpg.")
    try:  # in memory, since Pillow says alike that a format cannot hold the picture and that the disk is full
        image.save(content, format=kind, **options)
    except (OSError, ValueError) as error:
        raise DepthError(
            f"{path}: this format cannot hold the picture ({error}). Convert it, as by image.convert('RGB'), or end the name "
            "in .png."
        ) from error
    write_whole(path, lambda partial: partial.write_bytes(content.getvalue()))


def read_pfm(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """A portable float map as float32 [H, W]; files hold rows bottom to top, in either byte order.

    Raises:
        DepthError: missing, not a grey PFM, or cut short.
    """
    content = _read_bytes(path)
    header = re.match(rb"Pf\s+(\d{1,6})\s+(\d{1,6})\s+(-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s", content)
    if header is None:
        raise DepthError(
            f"{path}: not a grey PFM; expected 'Pf', width, height and a scale whose sign is the byte order."
        )
    width, height = int(header[1]), int(header[2])
    order = "<" if header[3].startswith(b"-") else ">"
    body = content[header.end() :]
    if len(body) != 4 * width * height or not body:
        raise DepthError(
            f"{path}: {len(body)} bytes of data, {width}x{height} floats need {4 * width * height}. Copy it again."
        )
    return np.frombuffer(body, f"{order}f4").reshape(height, width)[::-1].astype(np.float32)


SINTEL_TAG = 202021.25


def read_dpt(path: Readable) -> NDArray[np.float32]:
    """A Sintel depth map (``.dpt``) as float32 metres [H, W]; its sky is huge, not missing.

    Raises:
        DepthError: missing, without Sintel's tag, or of another length than it says.
    """
    content = _read_bytes(path)
    if len(content) < 12 or np.frombuffer(content[:4], "<f4")[0] != SINTEL_TAG:
        raise DepthError(f"{path}: not a Sintel depth map; expected it to begin with the number {SINTEL_TAG}.")
    width, height = (int(n) for n in np.frombuffer(content[4:12], "<i4"))
    if width < 1 or height < 1 or len(content) != 12 + 4 * width * height:
        raise DepthError(f"{path}: {len(content)} bytes for {width}x{height} floats. Copy it again.")
    return np.frombuffer(content[12:], "<f4").reshape(height, width).astype(np.float32)


def write_dpt(path: str | os.PathLike[str], depth: NDArray[np.floating]) -> None:
    """Write metres [H, W] or [1, H, W] as a Sintel depth map, atomically; values stay as they are.

    Raises:
        DepthError: another shape, or a folder that cannot be written.
    """
    array = _one_map(path, depth, "<f4")
    header = np.array([SINTEL_TAG], "<f4").tobytes() + np.array(array.shape[::-1], "<i4").tobytes()
    write_whole(path, lambda partial: partial.write_bytes(header + array.tobytes()))


def read_kinect_pgm(path: Readable) -> NDArray[np.float32]:
    """A raw Kinect frame of NYU Depth v2 (16-bit PGM) as float32 metres [H, W], 0 = missing.

    The files are little-endian although PGM says big, so the bytes are swapped back. Metres are 351.3 / (1092.5 − v), as in
    the toolbox's ``swap_bytes_and_undistort``; what comes out below 0 or above 10 is missing.

    Raises:
        DepthError: missing, not a 16-bit PGM, or cut short.
    """
    content = _read_bytes(path)
    header = re.match(rb"P5\s+(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s", content)
    if header is None or int(header[3]) < 256:
        raise DepthError(f"{path}: not a 16-bit binary PGM; expected 'P5', width, height and a maximum above 255.")
    width, height = int(header[1]), int(header[2])
    body = content[header.end() :]
    if len(body) != 2 * width * height or not body:
        raise DepthError(f"{path}: {len(body)} bytes of data for {width}x{height} pixels of two. Copy it again.")
    values = np.frombuffer(body, "<u2").reshape(height, width).astype(np.float64)
    with np.errstate(divide="ignore"):
        metres = 351.3 / (1092.5 - values)
    return np.where((metres > 0) & (metres <= 10), metres, 0).astype(np.float32)


def read_sun_depth_png(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """A SUN RGB-D depth map as float32 metres [H, W], 0 = missing: millimetres whose bits were rotated left by three.

    Raises:
        DepthError: as :func:`read_depth_png`.
    """
    values = np.rint(read_depth_png(path, 1.0)).astype(np.uint16)
    return (((values >> 3) | (values << 13)).astype(np.float32)) / np.float32(1000)


def read_velodyne(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """A KITTI laser scan (``.bin``) as float32 [N, 4]: x forward, y left, z up in metres, and reflectance.

    Raises:
        DepthError: missing, empty, not a whole number of points, or with values that are no coordinates.
    """
    content = _read_bytes(path)
    if not content or len(content) % 16:
        raise DepthError(
            f"{path}: {len(content)} bytes; expected points of 16 bytes (x, y, z, reflectance). Copy it again."
        )
    points = np.frombuffer(content, "<f4").reshape(-1, 4)
    if not np.isfinite(points).all() or np.abs(points[:, :3]).max() > 1000:
        raise DepthError(f"{path}: coordinates that are not finite, or beyond 1000 m. Not a scan, or damaged.")
    return points.astype(np.float32)


def _plain(path: Readable) -> Source:
    """What can be read to an end: a pipe would wait for a writer for ever."""
    source = Path(path) if isinstance(path, str | os.PathLike) else path
    if isinstance(source, Path) and source.exists() and not source.is_file():
        raise DepthError(f"{path}: is no plain file but a folder, a pipe or a device.")
    return source


def _read_bytes(path: Readable) -> bytes:
    try:
        return _plain(path).read_bytes()
    except OSError as error:
        raise DepthError(
            f"{path}: cannot be read ({error.strerror}). Check its name, and that you may read it."
        ) from error


def write_pfm(path: str | os.PathLike[str], values: NDArray[np.floating]) -> None:
    """Write [H, W] or [1, H, W] as a little-endian portable float map, atomically; values stay as they are.

    Raises:
        DepthError: another shape, or a folder that cannot be written.
    """
    array = _one_map(path, values, "<f4")
    content = b"Pf\n%d %d\n-1.0\n" % array.shape[::-1] + array[::-1].tobytes()
    write_whole(path, lambda partial: partial.write_bytes(content))


def _one_map(path: str | os.PathLike[str], values: Any, dtype: DTypeLike) -> NDArray[Any]:
    """The [H, W] of what every writer takes: that, or [1, H, W] as depth is in a sample."""
    array = np.asarray(values, dtype)
    shape = array.shape[1:] if array.ndim == 3 and len(array) == 1 else array.shape
    if len(shape) != 2 or 0 in shape:
        raise DepthError(
            f"{path}: a map of shape {array.shape}; expected [H, W] or [1, H, W]. Take one of a batch: x[0]."
        )
    return array.reshape(shape)


def _check_scale(
    path: Readable, name: str, value: float, expected: str = "file units in a metre, such as 1000 or 256"
) -> None:
    if not 0 < value < math.inf:
        raise DepthError(f"{path}: {name} is {value:g}; expected {expected}.")


def read_splits(path: str | os.PathLike[str]) -> dict[str, NDArray[np.int64]]:
    """The official NYU Depth v2 split: ``{"train": [795], "test": [654]}``, **0-based** indices.

    ``splits.mat`` is a MATLAB v5 file (not HDF5) with 1-based ``trainNdxs`` and ``testNdxs``. There is no
    fall-back: a split that cannot be read is an error, never a guess.

    Raises:
        DepthError: missing, unreadable, or not the official 795 and 654 images.
    """
    from scipy.io import loadmat  # late: scipy costs import time

    if not Path(path).exists():
        raise DepthError(
            f"{path}: not found. Put the official splits.mat of NYU Depth v2 there "
            "(`python data_scripts/prepare_nyu_labelled.py` fetches it)."
        )
    try:
        content = loadmat(path, squeeze_me=True)
        splits = {name: _whole(content[key]) - 1 for name, key in (("train", "trainNdxs"), ("test", "testNdxs"))}
    except Exception as error:  # scipy raises many kinds on damaged bytes
        raise DepthError(
            f"{path}: cannot be read as a MATLAB v5 file with trainNdxs and testNdxs ({error}). "
            "Fetch the official splits.mat again; results on any other split do not compare."
        ) from error
    shapes = {name: indices.shape for name, indices in splits.items()}
    numbers = np.concatenate([np.sort(indices.ravel()) + 1 for indices in splits.values()]).astype("<i4")
    if hashlib.sha256(numbers.tobytes()).hexdigest() != OFFICIAL_SPLIT:
        raise DepthError(
            f"{path}: holds {shapes['train']} and {shapes['test']} numbers; expected the official 795 training and "
            "654 test images, which these are not. Fetch splits.mat again; results on another split do not compare."
        )
    return splits


def _whole(values: Any) -> NDArray[np.int64]:
    array = np.atleast_1d(values)
    if not (np.isfinite(array) & (array == np.floor(array))).all():
        raise ValueError("numbers that are not whole")
    return array.astype(np.int64)


def _open_image(path: Readable) -> Image.Image:
    try:
        plain = _plain(path)
        if not plain.stat().st_size:
            raise DepthError(f"{path}: is empty. Copy it again.")
        source = plain if isinstance(plain, Path) else io.BytesIO(_read_bytes(plain))
        image = Image.open(source)
        if image.format == "PNG":  # reading alone does not look at the checksums: a flipped bit would be other metres
            image.verify()
            image = Image.open(source)
        image.load()
    except DepthError:
        raise
    except FileNotFoundError as error:
        raise DepthError(f"{path}: not found. Check its name.") from error
    except PermissionError as error:
        raise DepthError(f"{path}: may not be read by you ({error.strerror}).") from error
    except Image.DecompressionBombError as error:
        raise DepthError(f"{path}: {error}. Make the picture smaller first.") from error
    except Exception as error:  # Pillow raises OSError, SyntaxError, DecompressionBombError, … on damaged bytes
        raise DepthError(f"{path}: cannot be read as an image, perhaps cut short ({error}). Copy it again.") from error
    return image
