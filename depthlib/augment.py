"""Augmentation of Eigen et al. 2014, §3.4: batched, on the batch's device, one resampling an image.

Scale, rotation, translation (the crop) and flip are composed into one matrix for each sample, so that colour
is interpolated once (bilinear) and depth once (nearest neighbour, never mixing two surfaces). Depth is divided
by the scale; K follows every transform.

Every parameter is keyed by (seed, epoch, sample index): see `depthlib.randomness`.
Chapter: `book/augmentation.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib import camera
from depthlib.errors import DepthError
from depthlib.randomness import keys, uniform
from depthlib.registry import chosen
from depthlib.sample import MAPS, METRES_MEDIAN_LIMIT, Batch, check_camera, check_colours, check_metres, valid


@dataclass(frozen=True)
class Augmentation:
    """The ranges of the random transforms; the defaults are the paper's for NYU Depth.

    Args:
        scale: s is drawn uniformly from this range; images grow by s, depths are divided by s.
        rotation: in-plane rotation, degrees either way.
        colour: each RGB channel is multiplied by its own factor from this range.
        flip: probability of a left-right mirror.
        translate: crop at a random place (True) or in the centre.
        swap: probability of the colour channels in a random order (Alhashim and Wonka 2018, §3.3).
        inverse: probability that a map becomes its reciprocal, for networks to which the unit is nothing: a wall that is
            flat in space is flat in disparity, and bent in depth.
        overlay: probability that a near part of the mirrored scene stands before the scene, for more outlines.
        levels: probability that depth comes in few steps, as the disparities do that a matcher counts in whole pixels.

    What no range says (blur, noise, a patch cut out) is a subclass whose :meth:`change` does it.

    Raises:
        DepthError: a range that holds nothing, or no probability.
    """

    scale: tuple[float, float] = (1.0, 1.5)
    rotation: float = 5.0
    colour: tuple[float, float] = (0.8, 1.2)
    flip: float = 0.5
    translate: bool = True
    swap: float = 0.0
    inverse: float = 0.0
    overlay: float = 0.0
    levels: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("scale", 1e-3), ("colour", 0.0)):
            low, high = getattr(self, name)
            if not least <= low <= high < math.inf:
                raise DepthError(f"augmentation: {name} is {(low, high)}; expected a range, the smaller factor first.")
        if not 0 <= self.rotation <= 180:
            raise DepthError(f"augmentation: rotation is {self.rotation}; expected degrees, 0 to 180.")
        for name in ("flip", "swap", "inverse", "overlay", "levels"):
            if not 0 <= getattr(self, name) <= 1:
                raise DepthError(f"augmentation: {name} is {getattr(self, name)}; expected a probability, 0 to 1.")

    def change(self, batch: Batch, size: tuple[int, int], seed: int, epochs: int | Sequence[int]) -> Batch:
        """The batch changed and cut to ``size``, as :func:`augment` says, which calls this.

        A kind of your own calls this one for the geometry, before or after what it does itself. Its draws are the same after an
        interruption, and on any number of processes, if they come from ``uniform(keys(seed, epochs, batch["index"], "my blur"), n)``
        of :mod:`depthlib.randomness`.
        """
        frame = (batch["rgb"].shape[-2], batch["rgb"].shape[-1])
        return apply(batch, draw(self, frame, size, seed, epochs, batch["index"], batch["rgb"].device), size)


#: The paper's settings (§3.4 and footnote 2), and none at all: the centre crop used at test time.
NYU = Augmentation()
KITTI = Augmentation(scale=(1.0, 1.2), rotation=0.0)
CENTRE = Augmentation(scale=(1.0, 1.0), rotation=0.0, colour=(1.0, 1.0), flip=0.0, translate=False)
#: Alhashim and Wonka 2018: mirrors and swapped channels, no geometry.
DENSEDEPTH = Augmentation(scale=(1.0, 1.0), rotation=0.0, colour=(1.0, 1.0), translate=False, swap=0.25)
#: Eigen's kinds in smaller doses, so that few samples do not pay for depths divided by up to 1.5.
MILD = Augmentation(scale=(1.0, 1.15), rotation=3.0, colour=(0.85, 1.15))
#: A mirror, and a cut-out anywhere if the network sees less than the whole: every depth stays what it is, for networks that are
#: shown depth.
MIRROR = Augmentation(scale=(1.0, 1.0), rotation=0.0, colour=(0.8, 1.2))
#: For networks that enlarge maps of any unit, depth or disparity.
ANY_UNIT = Augmentation(scale=(1.0, 1.0), rotation=0.0, colour=(0.8, 1.2), inverse=0.75, overlay=0.5, levels=0.3)
FEWEST, MOST = 6, 60  # levels
NAMED = {
    "nyu": NYU,
    "kitti": KITTI,
    "centre": CENTRE,
    "densedepth": DENSEDEPTH,
    "mild": MILD,
    "mirror": MIRROR,
    "any_unit": ANY_UNIT,
}


def get_augmentation(name: str) -> Augmentation:
    """An augmentation by the name that recipes call it: of :data:`NAMED`, or ``module:NAME`` for one of your own.

    Raises:
        DepthError: as :func:`depthlib.registry.chosen`.

    >>> get_augmentation("nyu") == NYU
    True
    """
    return chosen("augmentation", name, NAMED, Augmentation)


@dataclass(frozen=True)
class Transform:
    """The drawn parameters of a batch, one a sample: tensors [B] (colour [B, 3]). None: no sample is changed so."""

    scale: Tensor
    angle: Tensor  # radians
    top: Tensor  # of the crop, in pixels of the scaled image
    left: Tensor
    flip: Tensor  # bool
    colour: Tensor
    order: Tensor | None = None  # of the colour channels, int64 [B, 3]
    inverse: Tensor | None = None  # bool
    overlay: Tensor | None = None  # [B, 3]: share of the map put before it, how much nearer, over 0.5 upside down too
    levels: Tensor | None = None  # 0 = as it is


def fixed(
    count: int, scale: float = 1.0, degrees: float = 0.0, top: float = 0.0, left: float = 0.0, flip: bool = False
) -> Transform:
    """The same transform for ``count`` samples, to look at one kind alone; colours stay.

    Args:
        degrees: in-plane rotation.
        top, left: of the crop, in pixels of the scaled image.

    >>> fixed(2, scale=1.5).scale
    tensor([1.5000, 1.5000])
    """
    one = torch.ones(count)
    return Transform(
        scale * one, math.radians(degrees) * one, top * one, left * one, torch.full((count,), flip), torch.ones(count, 3)
    )  # fmt: skip


def draw(
    augmentation: Augmentation,
    frame: tuple[int, int],
    size: tuple[int, int],
    seed: int,
    epoch: int | Sequence[int],
    indices: Sequence[int],
    device: torch.device | str | None = None,
) -> Transform:
    """The parameters for these samples in this epoch.

    Args:
        frame: rows and columns of the images.
        size: rows and columns of the crop.

    Raises:
        DepthError: a crop larger than the image.
    """
    if size[0] > frame[0] or size[1] > frame[1]:
        raise DepthError(
            f"augmentation: images are {frame[0]}x{frame[1]}, smaller than the network's input {size[0]}x{size[1]} "
            "(height x width). Resize the data set: `data.size` in the recipe."
        )

    def drawn(purpose: str, count: int) -> Tensor:
        return uniform(keys(seed, epoch, indices, purpose), count, device)

    a = augmentation
    u = drawn("augment", 8)
    scale = a.scale[0] + u[:, 0] * (a.scale[1] - a.scale[0])
    angle = (2 * u[:, 1] - 1) * math.radians(a.rotation)
    place = u[:, 2:4] if a.translate else torch.full_like(u[:, 2:4], 0.5)
    top = place[:, 0] * (frame[0] * scale - size[0])
    left = place[:, 1] * (frame[1] * scale - size[1])
    colour = a.colour[0] + u[:, 5:8] * (a.colour[1] - a.colour[0])
    order = inverse = overlay = levels = None
    if a.swap:
        shuffle = drawn("swap", 4)
        as_is = torch.arange(3, device=u.device).expand(len(u), 3)
        order = torch.where((shuffle[:, :1] < a.swap), shuffle[:, 1:].argsort(dim=1), as_is)
    if a.inverse:
        inverse = drawn("inverse", 1)[:, 0] < a.inverse
    if a.overlay or a.levels:
        w = drawn("overlay", 6)
        share = torch.where(w[:, 0] < a.overlay, 0.1 + 0.4 * w[:, 1], 0.0)
        overlay = torch.stack((share, 0.4 + 0.5 * w[:, 2], w[:, 3]), 1)
        levels = torch.where(w[:, 4] < a.levels, FEWEST * (MOST / FEWEST) ** w[:, 5], 0.0)
    return Transform(scale, angle, top, left, u[:, 4] < a.flip, colour, order, inverse, overlay, levels)


def source_matrix(t: Transform, K: Tensor, width: int) -> Tensor:
    """From pixels of the crop back to pixels of the original: [B, 2, 3].

    The crop is made from the original by rotating about the principal point, scaling by s, cutting at
    (top, left) and mirroring; this is the inverse, applied right to left.

    Args:
        K: intrinsics of the original images, [B, 3, 3].
        width: columns of the crop.
    """
    c, s = torch.cos(t.angle), torch.sin(t.angle)
    cx, cy = K[:, 0, 2], K[:, 1, 2]
    mirror = torch.where(t.flip, -1.0, 1.0)
    # crop pixel (u, v) → scaled image: x' = ±u + offset, y' = v + top;  → x = (x' + ½)/s − ½  → unrotate
    x0 = (torch.where(t.flip, width - 1.0, 0.0) + t.left + 0.5) / t.scale - 0.5 - cx
    y0 = (t.top + 0.5) / t.scale - 0.5 - cy
    ax, ay = mirror / t.scale, 1 / t.scale
    wide = K[:, 0, 0] / K[:, 1, 1]  # pixels need not be square: what turns is the view, and K stays what it is
    row_x = torch.stack((c * ax, wide * s * ay, c * x0 + wide * s * y0 + cx), dim=-1)
    row_y = torch.stack((-s / wide * ax, c * ay, -s / wide * x0 + c * y0 + cy), dim=-1)
    return torch.stack((row_x, row_y), dim=1)


def apply(batch: Batch, t: Transform, size: tuple[int, int]) -> Batch:
    """The batch resampled by drawn parameters to ``size``; colour bilinear, depth nearest and divided by s.

    Pixels that come from outside the image repeat its border in colour and are missing (0) in depth.
    """
    rgb, depth, K = batch["rgb"], batch["depth"], batch["K"]
    height, width = rgb.shape[-2:]
    matrix = source_matrix(t, K, size[1])
    v, u = camera.pixel_grid(*size, device=rgb.device)
    crop_pixels = torch.stack((u, v, torch.ones_like(u)), dim=-1)  # [h, w, 3]
    source = torch.einsum("bij,hwj->bhwi", matrix, crop_pixels)  # x, y in the original
    # a list would be copied there, and waited for
    span = torch.full((2,), width, dtype=source.dtype, device=source.device)
    span[1:] = height
    grid = source.mul_(2).add_(1).div_(span).sub_(1)  # pixel centres, align_corners=False
    moved = F.grid_sample(rgb, grid, mode="bilinear", padding_mode="border", align_corners=False)
    if t.order is not None:
        moved = moved.gather(1, t.order[:, :, None, None].expand_as(moved))
    moved = moved.mul_(t.colour[:, :, None, None]).clamp_(0, 1)
    scaled = F.grid_sample(depth, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    scaled = torch.where(valid(scaled), scaled / t.scale[:, None, None, None], 0.0)
    if t.overlay is not None:
        moved, scaled = _overlaid(moved, scaled, t.overlay)
    if t.inverse is not None:
        turned = torch.where(valid(scaled), 1 / scaled, 0.0)
        scaled = torch.where(t.inverse[:, None, None, None], turned, scaled)
    if t.levels is not None:
        step = scaled.amax((1, 2, 3), keepdim=True) / t.levels.clamp_min(1)[:, None, None, None]
        counted = torch.where(valid(scaled), (scaled / step.clamp_min(1e-12)).round().clamp_min(1) * step, 0.0)
        scaled = torch.where(t.levels[:, None, None, None] > 0, counted, scaled)
    new_K = camera.crop(camera.resize(K, t.scale, t.scale), t.top, t.left)
    new_K = torch.where(t.flip[:, None, None], camera.flip(new_K, size[1]), new_K)
    kept = {key: value for key, value in batch.items() if key not in MAPS}
    return cast(Batch, {**kept, "rgb": moved, "depth": scaled, "K": new_K})


def _overlaid(rgb: Tensor, depth: Tensor, overlay: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest ``share`` of the mirrored map, brought nearer still, wherever that is before what is there."""
    share, nearness, turn = (value[:, None, None, None] for value in overlay.T)
    picture, other = (torch.where(turn > 0.5, x.flip(-1, -2), x.flip(-1)) for x in (rgb, depth))
    other = torch.where(valid(other), other, torch.inf)
    few = other.flatten(1)[:, ::31].sort(1).values  # enough of the pixels to know a quantile
    place = (overlay[:, :1] * (few.shape[1] - 1)).long()
    limit = few.gather(1, place)[:, :, None, None]
    near = (other < limit) & (share > 0) & (~valid(depth) | (nearness * other < depth))
    return torch.where(near, picture, rgb), torch.where(near, nearness * other, depth)


def augment(
    batch: Batch,
    size: tuple[int, int],
    augmentation: Augmentation = NYU,
    seed: int = 0,
    epoch: int | Sequence[int] = 0,
) -> Batch:
    """Augment a batch and cut it to the network's input.

    Args:
        batch: ``rgb`` [B, 3, H, W] in [0, 1], ``depth`` [B, 1, H, W] metres, 0 = missing, ``K`` [B, 3, 3],
            ``index`` list of B ints.
        size: rows and columns of the result.
        augmentation: the ranges; :data:`NYU`, :data:`KITTI`, or :data:`CENTRE` for the test-time crop.
        seed, epoch: with the samples' indices, the key of every draw; one epoch for all, or one each.

    Returns:
        A batch of the same keys, ``[B, ·, *size]``, without a data set's other maps (:data:`depthlib.sample.MAPS`), which would not fit.

    Raises:
        DepthError: images smaller than ``size``, or an augmentation of your own that returns something else.

    Source: Eigen, Puhrsch, Fergus 2014, §3.4.

    >>> import torch
    >>> batch = dict(rgb=torch.rand(1, 3, 240, 320), depth=torch.full((1, 1, 240, 320), 3.0),
    ...              K=camera.from_field_of_view(240, 320, 60)[None], index=[0])
    >>> out = augment(batch, (228, 304), CENTRE)
    >>> out["rgb"].allclose(batch["rgb"][..., 6:234, 8:312], atol=1e-4), out["depth"].unique().item()
    (True, 3.0)
    """
    if type(augmentation) is Augmentation:
        return augmentation.change(batch, size, seed, epoch)
    # copies, since it may change the batch itself
    before = {key: list(value) for key, value in batch.items() if isinstance(value, list)}
    metres = batch["depth"].device.type != "cpu" or bool(batch["depth"].max() <= METRES_MEDIAN_LIMIT)  # or a disparity
    changed = augmentation.change(batch, size, seed, epoch)
    _still_a_batch(changed, size, before, metres, f"augmentation {type(augmentation).__name__}")
    return changed


def _still_a_batch(
    changed: Batch, size: tuple[int, int], before: dict[str, list[Any]], metres: bool, source: str
) -> None:
    """Refuse what an augmentation of one's own makes of a batch if it is none any more."""
    if not isinstance(changed, dict):
        raise DepthError(f"{source}: returns {type(changed).__name__}; expected the batch, a dict.")
    for key, values in before.items():
        if changed.get(key) != values:
            raise DepthError(f"{source}: {key} of the samples comes out changed; expected it as it was. Change a copy.")
    count = len(before["index"])
    for key, shape in (("rgb", [count, 3, *size]), ("depth", [count, 1, *size]), ("K", [count, 3, 3])):
        found = changed.get(key)
        seen = [*found.shape] if isinstance(found, Tensor) else type(found).__name__
        if not isinstance(found, Tensor) or seen != shape or found.dtype != torch.float32:
            kind = f" of {found.dtype}" if isinstance(found, Tensor) else ""
            raise DepthError(f"{source}: {key} comes out as {seen}{kind}; expected {shape} of torch.float32.")
    # on a GPU this would have to be waited for; before a training one sample is tried on the processor
    if changed["rgb"].device.type == "cpu":
        check_colours(changed["rgb"], source)
        check_metres(changed["depth"], source, METRES_MEDIAN_LIMIT if metres else math.inf)
        check_camera(changed["K"], source)
