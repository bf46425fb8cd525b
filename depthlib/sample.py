"""What a sample is: typed keys, units, validity, and how samples become a batch.

A sample is a dict; a batch is the same dict with tensors stacked and strings listed.

=============  ==================  ======================================================
key            shape (sample)      meaning
=============  ==================  ======================================================
``rgb``        [3, H, W] float32   colour in [0, 1]
``depth``      [1, H, W] float32   metres along the optical axis, **0 = missing**
``K``          [3, 3] float32      intrinsics in pixels, integer coordinates = pixel centres
``name``       str                 the sample's own name, unique in its data set
``dataset``    str                 the data set's name
``index``      int                 position in the data set; keys every random draw
``sparse``     [1, H, W]           optional: sparse depth, metres, 0 = no sample
``depth_lr``   [1, h, w]           optional: low-resolution depth, metres
``disparity``  [1, H, W]           optional: pixels; under ``depth`` in one data set alone, ``disparities``
``scene``      str                 optional: the place; intervals are drawn over scenes. "" where it is not known
=============  ==================  ======================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Protocol, TypedDict

import torch
from torch import Tensor

from depthlib.errors import DepthError

#: The optional maps. What changes a sample's size or geometry drops them: nothing says how they would follow.
MAPS = ("sparse", "depth_lr", "disparity")
#: Above this median a map in "metres" is almost surely millimetres (or centimetres).
METRES_MEDIAN_LIMIT = 100.0


class Sample(TypedDict):
    """One RGB-D frame; the module's docstring lists keys, shapes and units."""

    rgb: Tensor
    depth: Tensor
    K: Tensor
    name: str
    dataset: str
    index: int
    sparse: NotRequired[Tensor]
    depth_lr: NotRequired[Tensor]
    disparity: NotRequired[Tensor]
    scene: NotRequired[str]


class Batch(TypedDict):
    """Samples collated: tensors [B, …], strings and indices in lists of length B."""

    rgb: Tensor
    depth: Tensor
    K: Tensor
    name: list[str]
    dataset: list[str]
    index: list[int]
    sparse: NotRequired[Tensor]
    depth_lr: NotRequired[Tensor]
    disparity: NotRequired[Tensor]
    scene: NotRequired[list[str]]


class RGBD(Protocol):
    """What every data set offers: a length, a name, samples by index, and many at once."""

    name: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]: ...

    def names(self) -> list[str]:
        """The name of every sample, in order, without reading any."""
        ...

    def fingerprint(self) -> str:
        """A short hash that changes when the data change; written into every result."""
        ...


def offered(
    dataset: Any, parts: Sequence[str] = ("name", "__len__", "__getitem__", "__getitems__", "names", "fingerprint")
) -> RGBD:
    """Return the data set if it offers what :class:`RGBD` says, or these parts of it.

    Raises:
        DepthError: names what it lacks.
    """
    if lacking := [
        part
        for part in parts
        if not (hasattr(dataset, part) if part == "name" else callable(getattr(dataset, part, None)))
    ]:
        raise DepthError(
            f"data set {type(dataset).__name__}: has no {', '.join(lacking)} (all but name are methods); depthlib.sample.RGBD says what a "
            "data set offers."
        )
    return dataset


def dropped(dataset: object) -> dict[str, int]:
    """What a data set left out, reason → how many samples; nothing if it keeps no such account (``dropped``, which it may)."""
    return dict(getattr(dataset, "dropped", {}))


def checked_scenes(scenes: Sequence[str], count: int, source: str) -> list[str]:
    """The scene of each of so many images, as a list.

    Raises:
        DepthError: another number of them, or other things than strings.

    >>> checked_scenes(("attic", ""), 2, "pairs")
    ['attic', '']
    """
    if isinstance(scenes, str):
        raise DepthError(f"{source}: scenes is {scenes!r}; expected a list with the scene of each of {count} images.")
    named = list(scenes)
    if len(named) != count:
        raise DepthError(f"{source}: {len(named)} scenes for {count} images; expected a list with the scene of each.")
    for i, scene in enumerate(named):
        if not isinstance(scene, str):
            raise DepthError(
                f"{source}: the scene of image {i} is {scene!r}; expected a string, such as 'kitchen_0004', or '' where it is not known."
            )
    return named


def valid(depth: Tensor) -> Tensor:
    """Where depth is known: finite and above zero. Any shape → bool of that shape.

    >>> valid(torch.tensor([0.0, 1.5, float("nan"), float("inf"), -1.0]))
    tensor([False,  True, False, False, False])
    """
    return torch.isfinite(depth) & (depth > 0)


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples of one size into a batch.

    Raises:
        DepthError: samples of different size or with different keys, naming the two.

    >>> one = Sample(rgb=torch.zeros(3, 2, 2), depth=torch.ones(1, 2, 2), K=torch.eye(3), name="a",
    ...              dataset="made", index=0)
    >>> collate([one, one])["rgb"].shape
    torch.Size([2, 3, 2, 2])
    """
    first = samples[0]
    for sample in samples:
        if odd := sample.keys() ^ first.keys():
            raise DepthError(
                f"{sample.get('name')} and {first.get('name')}: only one of them has {', '.join(sorted(odd))}; samples of one data "
                "set have the same keys."
            )
    batch: dict[str, Any] = {}
    for key, value in first.items():
        values = [sample[key] for sample in samples]  # type: ignore[literal-required]
        if isinstance(value, Tensor):
            for sample, other in zip(samples, values, strict=True):
                if other.shape != value.shape:
                    raise DepthError(
                        f"{sample['name']}: {key} is {tuple(other.shape)}, but {first['name']} in the same batch "
                        f"is {tuple(value.shape)}. Set the data set's size so that all images agree."
                    )
            batch[key] = torch.stack(values)
        else:
            batch[key] = values
    return batch  # type: ignore[return-value]


def check(sample: Sample, source: str) -> Sample:
    """Return the sample if it keeps the contract, else say what is wrong with it.

    Args:
        source: the file to name in the message.

    Raises:
        DepthError: a key that is missing; RGB that is no float in [0, 1], [3, H, W]; depth that is no float [1, H, W]; RGB and
            depth of different size; no valid depth at all; negative depth; NaN; or depth that must be in millimetres (median
            over 100 "metres").
    """
    check_maps(sample, source)
    check_depth(sample["depth"], source)
    return sample


def check_maps(sample: Mapping[str, Any], source: str) -> None:
    """Refuse a sample that lacks a key or has other maps than :class:`Sample` says.

    Raises:
        DepthError: as :func:`check`, but for what depth may be.
    """
    for key in ("rgb", "depth", "K", "name", "index"):
        if not isinstance(sample, Mapping) or key not in sample:
            lack = f"has no {key!r}" if isinstance(sample, Mapping) else f"is a {type(sample).__name__}"
            raise DepthError(
                f"{source}: {lack}; expected a depthlib.sample.Sample, a dict with rgb, depth, K, name and index."
            )
    for key, form in (("rgb", (3, "H", "W")), ("depth", (1, "H", "W")), ("K", (3, 3))):
        value = sample[key]
        shape = tuple(value.shape) if isinstance(value, Tensor) else ()
        fits = len(shape) == len(form) and all(n == m for n, m in zip(shape, form, strict=True) if isinstance(m, int))
        if not fits or value.dtype != torch.float32:
            seen = f"{value.dtype} {list(shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise DepthError(f"{source}: {key} is {seen}; expected a float32 tensor, [{', '.join(map(str, form))}].")
    checked_scenes([sample.get("scene", "")], 1, source)
    rgb, depth, K = sample["rgb"], sample["depth"], sample["K"]
    if rgb.device.type == "cpu":  # what is on a GPU was made there by this library, and would have to be waited for
        check_colours(rgb, source)
        check_camera(K, source)
    if rgb.shape[-2:] != depth.shape[-2:]:
        raise DepthError(
            f"{source}: RGB is {rgb.shape[-2]}x{rgb.shape[-1]} but depth is {depth.shape[-2]}x{depth.shape[-1]} "
            "(height x width). They must be the same size and aligned; resize the depth with nearest neighbour."
        )


def a_tensor(value: Any, said: str) -> Tensor:
    """Return the value if it is a tensor.

    Args:
        said: how the message begins, up to the name of the value's type.

    Raises:
        DepthError: it is not: says how an array becomes one.
    """
    if not isinstance(value, Tensor):
        raise DepthError(f"{said} {type(value).__name__}; expected a tensor. `torch.from_numpy` makes one of an array.")
    return value


def check_colours(rgb: Tensor, source: str) -> None:
    """Refuse colours outside [0, 1], but for what resampling adds: a thousandth.

    Raises:
        DepthError: values beyond, or NaN.
    """
    low, high = (end.item() for end in rgb.aminmax())
    if math.isnan(low) or math.isinf(low) or math.isinf(high):
        raise DepthError(
            f"{source}: colours that are NaN or infinite; expected RGB in [0, 1]. Replace them by 0 first."
        )
    if low < -1e-3 or high > 1 + 1e-3:
        raise DepthError(
            f"{source}: colours from {low:.3g} to {high:.3g}; expected RGB in [0, 1]. Divide 8-bit colours by 255."
        )


def check_camera(K: Tensor, source: str) -> None:
    """Refuse intrinsics, [..., 3, 3], that no camera has: whatever is moved by them would be lost.

    Raises:
        DepthError: numbers that are not finite, or focal lengths that are not above 0.
    """
    if not torch.isfinite(K).all() or min(K[..., 0, 0].min(), K[..., 1, 1].min()) <= 0:
        raise DepthError(
            f"{source}: its camera is {K.tolist()}; expected finite numbers, focal lengths above 0, in pixels."
        )


def looked_at(samples: Sequence[Sample], dataset: RGBD, count: int | None = None) -> Sequence[Sample]:
    """Return samples of a data set that anyone may have written, if they keep the contract.

    Args:
        dataset: that they come from. One whose ``depth`` is no depth says so: ``metres = False``.
        count: how many were asked for.

    Raises:
        DepthError: another number of samples; as :func:`check_maps`; or depth that is no metres with 0 = missing. (A map that says
            nothing at all is not refused here: nothing is learned from it, and scores count it as left out.)
    """
    source, metres = dataset.name, getattr(dataset, "metres", True)
    if not isinstance(samples, list | tuple) or (count is not None and len(samples) != count):
        seen = len(samples) if isinstance(samples, list | tuple) else type(samples).__name__
        raise DepthError(
            f"{source}: gives {seen} for {count or 'some'} samples; expected a list with one for each index."
        )
    for sample in samples:
        name = sample.get("name", "a sample without name") if isinstance(sample, Mapping) else "a sample"
        named = f"{source}, {name}"
        check_maps(sample, named)
        if sample["depth"].device.type == "cpu":  # as colours
            check_metres(sample["depth"], named, METRES_MEDIAN_LIMIT if metres else math.inf)
    return samples


def checked(samples: Sequence[Sample], dataset: RGBD, count: int | None = None) -> Batch:
    """Samples of a data set that anyone may have written, :func:`looked_at` and made a batch.

    Raises:
        DepthError: as :func:`looked_at` and :func:`collate`.
    """
    return collate(looked_at(samples, dataset, count))


def check_size(size: Any, source: str) -> tuple[int, int]:
    """Return (rows, columns) if an image can have them.

    Raises:
        DepthError: not two whole numbers, or fewer than 8 or more than 4096 pixels a side.

    >>> check_size([240, 320], "rooms")
    (240, 320)
    """
    given = tuple(size) if isinstance(size, list | tuple) else size
    if not isinstance(given, tuple) or len(given) != 2 or not all(type(n) is int and 8 <= n <= 4096 for n in given):
        raise DepthError(
            f"{source}: size is {size!r}; expected (rows, columns), each from 8 to 4096, such as (240, 320)."
        )
    return given[0], given[1]


def check_depth(depth: Tensor, source: str) -> Tensor:
    """Return a depth map if it can be metres with 0 = missing, and says something; see :func:`check`."""
    if check_metres(depth, source) == 0:
        raise DepthError(f"{source}: every depth is 0 (missing); expected some metres. Wrong file or channel?")
    return depth


def check_metres(depth: Tensor, source: str, limit: float = METRES_MEDIAN_LIMIT) -> float:
    """The largest depth of a map, if it can be metres with 0 = missing; see :func:`check`.

    Args:
        limit: a median above this is taken for another unit.
    """
    if depth.numel() == 0:
        raise DepthError(f"{source}: an empty map, {tuple(depth.shape)}.")
    low, high = (end.item() for end in depth.aminmax())  # one pass; NaN comes through
    if not math.isfinite(low) or not math.isfinite(high):
        bad = int((~torch.isfinite(depth)).sum())
        raise DepthError(f"{source}: {bad} depth values are NaN or infinite; mark missing depth with 0.")
    if low < 0:
        raise DepthError(
            f"{source}: smallest depth is {low:.4g} m; depth is distance along the axis, 0 = missing. "
            "Negative values are often disparity, or points behind the camera: convert or set them to 0."
        )
    if high > limit and (median := depth[depth > 0].median().item()) > limit:
        raise DepthError(
            f"{source}: median depth is {median:.4g} m; expected under {limit:.0f} m. "
            "It looks like millimetres: for a folder of pairs give option depth_scale=1000, elsewhere divide by it first."
        )
    return high
