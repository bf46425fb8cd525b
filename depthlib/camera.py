"""Pinhole geometry: the one place that knows where a pixel is.

Convention (used by data sets, augmentation, scenes and point clouds): integer pixel coordinates are pixel
**centres**, so an image of width W spans −½ … W − ½. ``K`` is the 3x3 intrinsic matrix in that convention.
The camera looks along +z, x to the right, y down. Depth is z in metres, 0 = missing; what is negative, NaN or infinite is
missing, too (:func:`depthlib.sample.valid`).
"""

from __future__ import annotations

import math
import os
import struct

import torch
from PIL import ExifTags, Image
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.sample import valid


def intrinsics(fx: float, fy: float, cx: float, cy: float) -> Tensor:
    """The matrix K, float32 [3, 3], from focal lengths and principal point in pixels.

    >>> intrinsics(500, 500, 159.5, 119.5)[0]
    tensor([500.0000,   0.0000, 159.5000])
    """
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def from_field_of_view(height: int, width: int, horizontal_degrees: float) -> Tensor:
    """K of a camera centred on its image, float32 [3, 3].

    Raises:
        DepthError: an angle that is not between 0 and 180 degrees.

    >>> K = from_field_of_view(240, 320, 90)
    >>> K[0, 0].item(), K[0, 2].item()
    (160.0, 159.5)
    """
    if not 0 < horizontal_degrees < 180:
        raise DepthError(
            f"camera: a field of view of {horizontal_degrees:g} degrees; expected more than 0, less than 180."
        )
    f = width / 2 / math.tan(math.radians(horizontal_degrees) / 2)
    return intrinsics(f, f, (width - 1) / 2, (height - 1) / 2)


def focal_from_exif(photo: str | os.PathLike[str] | Image.Image) -> float | None:
    """The focal length in pixels that the camera wrote into a photo, or None where it wrote nothing usable.

    Phones and most cameras state what the lens is worth on 35 mm film, whose frame is 36x24 mm: f = f₃₅ · diagonal in
    pixels / 43.27 mm (CIPA's definition). Else the focal length in millimetres and the sensor's pixels per unit are used.
    Both hold for the whole picture as it was taken; a cropped one gives a wrong number and no sign of it. A lens that would see
    less than 1° or more than 170° is not believed.

    Args:
        photo: a file, or an opened picture as PIL reads it.

    Raises:
        DepthError: no file, or not a picture.

    >>> picture = Image.new("RGB", (4000, 3000))
    >>> picture.getexif().get_ifd(0x8769)[0xA405] = 26  # a telephone's main lens
    >>> round(focal_from_exif(picture))
    3005
    """
    if not isinstance(photo, Image.Image):
        try:
            with Image.open(photo) as opened:
                return focal_from_exif(opened)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise DepthError(
                f"{photo}: cannot be read as a picture ({error}). Expected a JPEG or another picture file."
            ) from error
    try:
        details = photo.getexif().get_ifd(ExifTags.IFD.Exif)
        film = _above_0(details.get(ExifTags.Base.FocalLengthIn35mmFilm))
        if film:
            return _plausible(film * math.hypot(*photo.size) / math.hypot(36, 24), photo)
        lens = _above_0(details.get(ExifTags.Base.FocalLength))
        density = _above_0(details.get(ExifTags.Base.FocalPlaneXResolution))
        unit = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}.get(details.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))
        taken = max(
            _above_0(details.get(side)) for side in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
        )
    except (ValueError, TypeError, KeyError, SyntaxError, struct.error):
        return None  # cameras and editors write all sorts of things
    if not lens or not density or not unit:
        return None
    longer = max(photo.size)  # the sides themselves change places when a picture is turned upright
    return _plausible(lens / unit * density * longer / (taken or longer), photo)


def _plausible(focal: float, photo: Image.Image) -> float | None:
    """The focal length if its picture spans 1° to 170° across; else somebody wrote a wrong unit, or nothing but 1."""
    return focal if 1 < math.degrees(2 * math.atan(math.hypot(*photo.size) / (2 * focal))) < 170 else None


def _above_0(value: object) -> float:
    """A number of EXIF; 0 for "unknown", which is written as 0, 0/0 or nothing."""
    number = float(value) if value is not None else 0.0  # type: ignore[arg-type]
    return number if math.isfinite(number) and number > 0 else 0.0


def _fractional(K: Tensor) -> Tensor:
    """A copy to write into; one of whole numbers would cut off the fractions."""
    return K.clone() if K.is_floating_point() else K.float()


def resize(K: Tensor, scale_y: float | Tensor, scale_x: float | Tensor) -> Tensor:
    """K after the image was resized: f' = s·f, c' = (c + ½)·s − ½. [..., 3, 3] → [..., 3, 3].

    >>> resize(intrinsics(500, 500, 319.5, 239.5), 0.5, 0.5)[0, 2].item()
    159.5
    """
    out = _fractional(K)
    out[..., 0, :2] = K[..., 0, :2] * torch.as_tensor(scale_x)[..., None]
    out[..., 1, :2] = K[..., 1, :2] * torch.as_tensor(scale_y)[..., None]
    out[..., 0, 2] = (K[..., 0, 2] + 0.5) * scale_x - 0.5
    out[..., 1, 2] = (K[..., 1, 2] + 0.5) * scale_y - 0.5
    return out


#: fx, fy, cx, cy of NYU Depth v2's RGB camera as the toolbox prints them, pixels counted from 1.
NYU_RGB = (518.85790117450188, 519.46961112127485, 325.58244941119034, 253.73616633400465)


def nyu_v2(height: int, width: int) -> Tensor:
    """K of NYU Depth v2's RGB camera for an image of this size, [3, 3].

    Source: ``camera_params.m`` of the data set's toolbox, which counts pixels from 1; we count from 0.

    >>> round(nyu_v2(480, 640)[0, 2].item(), 2)
    324.58
    """
    fx, fy, cx, cy = NYU_RGB
    return resize(intrinsics(fx, fy, cx - 1, cy - 1), height / 480, width / 640)


def kitti(height: int, width: int) -> Tensor:
    """K like that of KITTI's left colour camera (drives of 26 September 2011) for an image of this size, [3, 3].

    For rendered roads: the numbers are taken as they are printed, although the kit counts pixels from 1. Real frames come with
    their own K, which counts from 0.

    >>> round(kitti(375, 1242)[0, 0].item(), 2)
    721.54
    """
    return resize(intrinsics(721.5377, 721.5377, 609.5593, 172.854), height / 375, width / 1242)


def crop(K: Tensor, top: float | Tensor, left: float | Tensor) -> Tensor:
    """K after ``top`` rows and ``left`` columns were cut away. [..., 3, 3] → [..., 3, 3].

    >>> crop(intrinsics(500, 500, 159.5, 119.5), 6, 8)[:2, 2]
    tensor([151.5000, 113.5000])
    """
    out = _fractional(K)
    out[..., 0, 2] = K[..., 0, 2] - left
    out[..., 1, 2] = K[..., 1, 2] - top
    return out


def flip(K: Tensor, width: int) -> Tensor:
    """K after the image was mirrored left to right: c' = W − 1 − c. [..., 3, 3] → [..., 3, 3].

    >>> flip(intrinsics(500, 500, 100, 119.5), 320)[0, 2].item()
    219.0
    """
    out = _fractional(K)
    out[..., 0, 2] = width - 1 - K[..., 0, 2]
    return out


def pixel_grid(height: int, width: int, device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """Row and column coordinate of every pixel centre: two float32 [H, W]."""
    rows = torch.arange(height, dtype=torch.float32, device=device)
    columns = torch.arange(width, dtype=torch.float32, device=device)
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    return v, u


def rays(K: Tensor, height: int, width: int) -> Tensor:
    """Viewing rays with z = 1: [..., 3, 3] → [..., 3, H, W]. A point is depth times its ray.

    >>> rays(intrinsics(500, 500, 0, 0), 2, 2)[:, 0, 0]
    tensor([0., 0., 1.])
    """
    v, u = pixel_grid(height, width, K.device)
    x = (u - K[..., 0, 2, None, None]) / K[..., 0, 0, None, None]
    y = (v - K[..., 1, 2, None, None]) / K[..., 1, 1, None, None]
    return torch.stack((x, y, torch.ones_like(x)), dim=-3)


def _known(depth: Tensor) -> Tensor:
    """Depth with 0 for all that is missing: NaN times anything would be NaN, in gradients, too."""
    return torch.where(valid(depth), depth, 0)


def unproject(depth: Tensor, K: Tensor) -> Tensor:
    """Depth map to points in the camera's frame.

    Shape: depth [..., 1, H, W] metres, K [..., 3, 3] → points [..., 3, H, W] metres. Missing depth gives the
    origin.

    >>> unproject(torch.full((1, 2, 2), 2.0), intrinsics(1, 1, 0, 0))[:, 1, 1]
    tensor([2., 2., 2.])
    """
    return _known(depth) * rays(K, depth.shape[-2], depth.shape[-1])


def project(points: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
    """Points to pixel coordinates and depth.

    Shape: points [..., 3, N] metres, K [..., 3, 3] → (uv [..., 2, N] pixels, z [..., N] metres). Only points with
    z > 0 are before the camera: z = 0 gives infinity or NaN, z < 0 the pixel of the opposite point, −points.

    >>> project(torch.tensor([[2.0], [2.0], [2.0]]), intrinsics(1, 1, 0, 0))
    (tensor([[1.],
            [1.]]), tensor([2.]))
    """
    z = points[..., 2, :]
    u = K[..., 0, 0, None] * points[..., 0, :] / z + K[..., 0, 2, None]
    v = K[..., 1, 1, None] * points[..., 1, :] / z + K[..., 1, 2, None]
    return torch.stack((u, v), dim=-2), z


def distance(depth: Tensor, K: Tensor) -> Tensor:
    """Depth along the axis to Euclidean distance from the camera's centre, both metres.

    Shape: depth [..., 1, H, W], K [..., 3, 3] → [..., 1, H, W]. Missing depth gives 0.

    >>> round(distance(torch.full((1, 2, 2), 1.0), intrinsics(1, 1, 0, 0))[0, 1, 1].item(), 3)
    1.732
    """
    return _known(depth) * rays(K, depth.shape[-2], depth.shape[-1]).norm(dim=-3, keepdim=True)


def disparity(depth: Tensor, focal: float, baseline: float) -> Tensor:
    """Stereo disparity in pixels of a depth map in metres: d = f·B / Z; 0 where depth is missing.

    >>> disparity(torch.tensor([2.0, 0.0]), focal=500, baseline=0.1)
    tensor([25.,  0.])
    """
    known = _known(depth)
    return torch.where(known > 0, focal * baseline / known.clamp_min(1e-9), 0.0)


def normals(depth: Tensor, K: Tensor) -> Tensor:
    """Unit surface normals facing the camera, from finite differences of the points.

    Shape: depth [..., 1, H, W] metres, K [..., 3, 3] → [..., 3, H, W]; zero at the border row and column and
    beside missing depth.
    """
    p = unproject(depth, K)
    dx = p[..., :, 1:-1, 2:] - p[..., :, 1:-1, :-2]
    dy = p[..., :, 2:, 1:-1] - p[..., :, :-2, 1:-1]
    n = torch.cross(dy, dx, dim=-3)
    n = n / n.norm(dim=-3, keepdim=True).clamp_min(1e-12)
    known = valid(depth)
    whole = known[..., 1:-1, 2:] & known[..., 1:-1, :-2] & known[..., 2:, 1:-1] & known[..., :-2, 1:-1]
    return torch.nn.functional.pad(torch.where(whole, n, 0), (1, 1, 1, 1))
