"""Named evaluation protocols: everything that moves a number besides the model.

Crop, depth caps, clamping, alignment, pooling, resampling, flip averaging and the figures reported, frozen under a
name. Crops are rows and columns of the data set's full frame and are scaled to the truth's own size.
"""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Literal, get_type_hints

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.alignment import align
from depthlib.errors import DepthError
from depthlib.metrics import PIXEL_METRICS, TABLE_1, Pooling
from depthlib.registry import chosen
from depthlib.sample import valid
from depthlib.structure import MAP_METRICS, MapMetric, map_metrics
from depthlib.typed import build

#: What the later literature prints.
MODERN = ("delta1", "delta2", "delta3", "abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog")
KITTI_FRAME, KB_SIZE = (375, 1242), (352, 1216)  # the pictures of the first day, and the crop of the KITTI benchmark


@dataclass(frozen=True)
class Protocol:
    """How predictions are scored.

    Args:
        name: what results are filed under.
        reproduces: whose numbers it makes comparable.
        frame: rows and columns of the data set's full frame, in which ``crop`` is given.
        crop: top, bottom, left, right in the frame; bottom and right exclusive; scaled to the truth's size and
            rounded down; None scores everything.
        caps: only truth strictly between these depths, metres, is scored.
        clamp: predictions are brought into this range after alignment, metres.
        alignment: ``"none"``; ``"median"`` and ``"log_mean"`` multiply each prediction by one number fitted to its
            truth; ``"depth"`` fits scale and shift, and needs a ``clamp``, since what is shifted may fall below 0;
            ``"disparity"`` fits both to the inverse. See `depthlib.alignment`.
        resampling: how a prediction comes to the truth's resolution; ``"disparity"`` interpolates the inverse
            bilinearly.
        pooling: what is averaged; see `depthlib.metrics`.
        flip: average with the mirrored prediction of the mirrored picture (models only; stored maps are as they are).
        figures: names from `depthlib.metrics` and `depthlib.structure`.
        data_range: span of values for SSIM and PSNR; None takes each image's largest depth.
        stride: of the frame's rows and columns one in so many is scored, from the middle of the first; scaled to the
            truth's size. With a network's own stride the truth comes down to its resolution, where ``resampling`` brings
            the prediction up.

    Raises:
        DepthError: a value of another type, an unknown word, or a range that holds nothing: the protocol, the field, what
            was expected.
    """

    name: str
    reproduces: str = ""
    frame: tuple[int, int] = (480, 640)
    crop: tuple[float, float, float, float] | None = None
    caps: tuple[float, float] = (0.0, float("inf"))
    clamp: tuple[float, float] | None = None
    alignment: Literal["none", "median", "log_mean", "depth", "disparity"] = "none"
    resampling: Literal["nearest", "bilinear", "disparity"] = "nearest"
    pooling: Pooling = "images"
    flip: bool = False
    figures: tuple[str, ...] = tuple(TABLE_1)
    data_range: float | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        for field, kind in get_type_hints(Protocol).items():
            object.__setattr__(self, field, build(kind, getattr(self, field), f"protocol {self.name}: {field}"))
        rows, columns = self.frame
        top, bottom, left, right = self.crop or (0, rows, 0, columns)
        span = "two depths in metres, the nearer first"
        for field, fits, expected in (
            ("frame", rows > 0 and columns > 0, "rows and columns above 0"),
            ("crop", 0 <= top < bottom <= rows and 0 <= left < right <= columns,
             f"top < bottom and left < right within {rows}x{columns}"),
            ("caps", 0 <= self.caps[0] < self.caps[1], span),
            ("clamp", self.clamp is None or 0 <= self.clamp[0] < self.clamp[1], span),
            ("clamp", self.alignment != "depth" or (self.clamp is not None and self.clamp[0] > 0),
             "two depths above 0, since scale and shift can make depths negative"),
            ("resampling", self.alignment != "depth" or self.resampling != "disparity",
             "nearest or bilinear, since depth of unknown shift has no inverse"),
            ("figures", bool(self.figures), "one name or more"),
            ("data_range", self.data_range is None or 0 < self.data_range < math.inf, "a span above 0, or None"),
            ("stride", self.stride > 0, "1 or more"),
        ):  # fmt: skip
            if not fits:
                raise DepthError(f"protocol {self.name}: {field} is {getattr(self, field)!r}; expected {expected}.")
        known = (*PIXEL_METRICS, *MAP_METRICS)
        for figure in self.figures:
            if figure not in known:
                raise DepthError(
                    f"protocol {self.name}: {figure!r} is unknown; expected figures of {', '.join(known)}."
                )

    @property
    def anywhere(self) -> bool:
        """Whether the protocol suits pictures of any shape."""
        return self.crop is None and self.frame == (480, 640)

    def describe(self) -> str:
        """The protocol in words, a few lines."""
        top, bottom, left, right = self.window(self.frame)
        where = "the whole map" if self.crop is None else (
            f"rows {top}:{bottom}, columns {left}:{right} of {self.frame[0]}x{self.frame[1]}"
        )  # fmt: skip
        low, high = self.caps
        truth = "every valid depth" if high == math.inf else f"truth between {low:g} and {high:g} m"
        fits = {
            "none": "no alignment", "median": "each map times median(truth)/median(prediction)",
            "log_mean": "each map times the factor of least log error",
            "depth": "scale and shift of each map fitted by least squares",
            "disparity": "scale and shift of each inverse map fitted by least squares",
        }  # fmt: skip
        steps = [where, truth, fits[self.alignment], f"{self.resampling} resampling to the truth's size"]
        if self.stride > 1:
            steps.append(f"one in {self.stride} rows and columns of {self.frame[0]}x{self.frame[1]}")
        if self.clamp:
            steps.append(f"clamped to {self.clamp[0]:g} … {self.clamp[1]:g} m")
        if self.flip:
            steps.append("averaged with the mirrored picture's answer (models; stored maps are as they are)")
        steps.append(
            "all pixels in one pool" if self.pooling == "pixels" else "a mean for each image, then over images"
        )
        lines = [
            f"{self.name}: {self.reproduces}",
            *(f"  {step}" for step in steps),
            f"  figures: {', '.join(self.figures)}",
        ]
        return "\n".join(textwrap.fill(line, 72, subsequent_indent="    ") for line in lines)

    def map_metrics(self) -> dict[str, MapMetric]:
        """Fresh torchmetrics of this protocol's figures of whole maps."""
        return map_metrics([name for name in self.figures if name in MAP_METRICS], self.data_range)

    def window(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """The scored rows and columns of a truth of this size: top, bottom, left, right.

        >>> get_protocol("garg").window((375, 1242)), get_protocol("bts").window((480, 640))
        ((153, 371, 44, 1197), (45, 471, 41, 601))
        """
        if self.crop is None:
            return 0, size[0], 0, size[1]
        sy, sx = size[0] / self.frame[0], size[1] / self.frame[1]
        top, bottom, left, right = (math.floor(e * s + 1e-9) for e, s in zip(self.crop, (sy, sy, sx, sx), strict=True))
        return top, bottom, left, right

    def mask(self, truth: Tensor) -> Tensor:
        """Pixels to score: valid truth within the caps and the crop. [B, 1, H, W] metres → bool."""
        mask = torch.zeros_like(truth, dtype=torch.bool)
        place = self._scored((truth.shape[-2], truth.shape[-1]))
        mask[place] = self._known(truth[place])
        return mask

    def _scored(self, size: tuple[int, int]) -> tuple[EllipsisType | slice, ...]:
        """The window's rows and columns that are scored."""
        top, bottom, left, right = self.window(size)
        step = max(1, round(self.stride * size[0] / self.frame[0])) if self.stride > 1 else 1
        return ..., slice(top + step // 2, bottom, step), slice(left + step // 2, right, step)

    def _known(self, truth: Tensor) -> Tensor:
        low, high = self.caps
        return valid(truth) if (low, high) == (0.0, math.inf) else valid(truth) & (truth > low) & (truth < high)

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether it was made for pictures of this shape, within 3 %.

        >>> PROTOCOLS["eigen14"].fits((240, 320)), PROTOCOLS["eigen14"].fits((375, 1242))
        (True, False)
        """
        alike = abs(size[0] / size[1] / (self.frame[0] / self.frame[1]) - 1) < 0.03
        return self.anywhere or alike or (size == KB_SIZE and self.name == "kitti_benchmark")

    def resample(self, prediction: Tensor, size: tuple[int, int]) -> Tensor:
        """A prediction [B, 1, h, w] at the truth's rows and columns.

        On the KITTI frame a prediction of the benchmark's 352x1216 is put where that crop was cut from, at the bottom and in
        the middle; nothing is said around it.

        Raises:
            DepthError: a map of another shape than the truth, which would be stretched.
        """
        shape = (prediction.shape[-2], prediction.shape[-1])
        if shape == tuple(size):
            return prediction
        if self.frame == KITTI_FRAME and shape == KB_SIZE and size[0] >= shape[0] and size[1] >= shape[1]:
            left = (size[1] - shape[1]) // 2
            return F.pad(prediction, (left, size[1] - shape[1] - left, size[0] - shape[0], 0))
        if shape != (1, 1) and (shape == size[::-1] or abs(shape[0] / shape[1] / (size[0] / size[1]) - 1) > 0.03):
            how = (
                "transposed: save it rows first"
                if shape == size[::-1]
                else "of another shape: crop or pad it as the picture"
            )
            raise DepthError(
                f"protocol {self.name}: a map of {shape[0]}x{shape[1]} for a truth of {size[0]}x{size[1]} is {how}."
            )
        if self.resampling == "nearest":
            return F.interpolate(prediction, size, mode="nearest-exact")
        # where nothing is said (0), nothing must be mixed in
        silent = F.interpolate((prediction == 0).to(prediction), size, mode="bilinear", align_corners=False) > 0
        values = 1 / torch.where(prediction == 0, 1.0, prediction) if self.resampling == "disparity" else prediction
        values = F.interpolate(values, size, mode="bilinear", align_corners=False)
        return torch.where(silent, 0.0, 1 / values if self.resampling == "disparity" else values)

    def clamped(self, prediction: Tensor) -> Tensor:
        """The prediction within ``clamp``; 0, where the model says nothing, stays 0."""
        if self.clamp is None:
            return prediction
        return torch.where(prediction == 0, 0.0, prediction.clamp(*self.clamp))

    def prepare(self, prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Prediction and truth as they are scored, and the mask: three [B, 1, h, w], cut to the scored window.

        Args:
            prediction: metres over the whole frame, [B, 1, ·, ·]; 0 where the model says nothing. For
                ``alignment="disparity"`` any positive multiple of the inverse of a disparity, for ``"depth"`` depth of any scale
                and shift.
            truth: metres, [B, 1, H, W], 0 = missing.

        Raises:
            DepthError: maps of other shapes; a model that says nothing, NaN or a negative number at some scored pixels, or
                what cannot be aligned. Nothing is dropped silently.
        """
        size = (truth.shape[-2], truth.shape[-1])
        if prediction.ndim != 4 or truth.ndim != 4 or prediction.shape[:2] != truth.shape[:2] or truth.shape[1] != 1:
            raise DepthError(
                f"protocol {self.name}: prediction {tuple(prediction.shape)} for truth {tuple(truth.shape)}; expected "
                "[B, 1, h, w] for [B, 1, H, W]."
            )
        prediction = self.resample(prediction, size)
        top, bottom, left, right = self.window(size)
        place = self._scored(size)
        prediction, truth = prediction[place], truth[place]
        mask = self._known(truth)
        silent = int((mask & (prediction == 0)).sum())
        if silent:
            shifted = (
                " Or, if 0 is an answer: add a number that makes all maps positive, the shift is fitted anyway."
                if self.alignment == "depth"
                else ""
            )
            raise DepthError(
                f"protocol {self.name}: no prediction (0) at {silent} of {int(mask.sum())} scored pixels, rows {top} to "
                f"{bottom} and columns {left} to {right} of {size[0]}x{size[1]}. The model answers for less of the picture; "
                f"choose a protocol whose crop lies inside, or give the data a size of the model's shape, which cuts the sides.{shifted}"
            )
        unfit, what, expected = {
            "disparity": (prediction.isnan(), "NaN", "a number"),
            "depth": (~prediction.isfinite(), "NaN or infinite", "a finite number"),
        }.get(self.alignment, (~(prediction > 0), "NaN or negative", "metres above 0"))
        wrong = int((mask & unfit).sum())
        if wrong:
            raise DepthError(
                f"protocol {self.name}: the prediction is {what} at {wrong} of {int(mask.sum())} scored pixels; expected {expected} "
                "at each."
            )
        if self.alignment != "none":
            maps = zip(prediction, truth, mask, strict=True)
            prediction = torch.stack([align(p, g, m, self.alignment, self.caps[1]) for p, g, m in maps])
        return self.clamped(prediction), truth, mask


#: The region that Eigen et al. 2014 score is the intersection of theirs with Make3D's, 86 % of the network's
#: own. The paper does not print it; this centred rectangle covers 85.8 % of that region, and in it the mean of the 795
#: filled maps has all eight figures of the paper's Mean column within 1 % (`tests/test_evaluation.py`). The paper's own mean
#: image is of raw frames, and is scored at 480x640; the test scores at 240x320.
EIGEN14 = Protocol(
    "eigen14", "Eigen, Puhrsch, Fergus 2014, Table 1 (NYU): the region shared with Make3D, all pixels in one pool",
    crop=(36, 444, 46, 594), pooling="pixels",
)  # fmt: skip

BTS = Protocol(
    "bts",
    "NYU in BTS: the 'eigen crop' 45:471, 41:601; images averaged (BTS's own truth keeps the sensor's holes, the "
    "labelled set's is filled)",
    crop=(45, 471, 41, 601),
    caps=(1e-3, 10.0),
    clamp=(1e-3, 10.0),
    resampling="bilinear",
    figures=MODERN,
)
GARG = Protocol(
    "garg",
    "KITTI Eigen split with the crop of Garg et al. 2016, as in BTS: truth to 80 m, images averaged",
    frame=KITTI_FRAME,
    crop=(0.40810811 * 375, 0.99189189 * 375, 0.03594771 * 1242, 0.96405229 * 1242),
    caps=(1e-3, 80.0),
    clamp=(1e-3, 80.0),
    resampling="bilinear",
    figures=MODERN,
)

PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        EIGEN14,
        replace(
            EIGEN14,
            name="eigen14_median",
            reproduces="eigen14 after each map was multiplied by the ratio of medians: relative depth only",
            alignment="median",
        ),
        replace(
            EIGEN14,
            name="eigen14_oracle",
            reproduces="Eigen et al. 2014, §3.2: eigen14 after an oracle gave each map its true mean log depth",
            alignment="log_mean",
        ),
        replace(
            EIGEN14,
            name="eigen14_down",
            reproduces="Eigen et al. 2014, footnote 3: eigen14 with the truth brought down to the resolution of their network",
            stride=8,
        ),
        # the fine network's own region at 184x612 (rows 66:174, cols 22:590), where this library places it
        Protocol(
            "eigen14_kitti",
            "Eigen et al. 2014, Table 2 (KITTI): the region their network answers for, whose place is assumed; the cap of 80 m is ours",
            frame=(184, 612),
            crop=(66, 174, 22, 590),
            caps=(0.0, 80.0),
            pooling="pixels",
        ),
        BTS,
        replace(
            BTS,
            name="bts_flip",
            reproduces="NYU in AdaBins, NeWCRFs and ZoeDepth: bts, with the mirrored picture's answer averaged in",
            flip=True,
        ),
        Protocol(
            "densedepth",
            "NYU in DenseDepth: crop 20:460, 24:616; clamped to .1 … 10 m, mirrored pictures averaged, "
            "all pixels in one pool; AbsRel divided by the truth and over all 654 images, where the authors' code divides by the "
            "prediction and leaves out the last two",
            crop=(20, 460, 24, 616),
            clamp=(0.1, 10.0),
            resampling="bilinear",
            pooling="pixels",
            flip=True,
            figures=("delta1", "delta2", "delta3", "abs_rel", "rmse", "log10"),
        ),
        GARG,
        replace(
            GARG,
            name="garg_flip",
            reproduces="KITTI in AdaBins, NeWCRFs and ZoeDepth: garg, with the mirrored picture's answer averaged in",
            flip=True,
        ),
        replace(
            GARG,
            name="kitti_eigen_crop",
            reproduces="KITTI Eigen split with the 'eigen crop' of BTS and monodepth, found by trial to come near the figures of "
            "Eigen et al. 2014: truth to 80 m, images averaged",
            crop=(0.3324324 * 375, 0.91351351 * 375, 0.0359477 * 1242, 0.96405229 * 1242),
        ),
        replace(
            GARG,
            name="monodepth2",
            reproduces="KITTI Eigen split for models without a scale: medians aligned, then clamped; Garg's crop; "
            "the inverse is interpolated",
            alignment="median",
            resampling="disparity",
            figures=("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3"),
        ),
        Protocol(
            "kitti_benchmark",
            "the KITTI depth benchmark's development kit: SILog, two relative errors in per cent, "
            "iRMSE in 1/km; no crop, no cap",
            frame=KITTI_FRAME,
            resampling="bilinear",
            figures=("silog", "sq_error_rel", "mape", "irmse"),
        ),
        Protocol(
            "kitti_completion",
            "the figures of the KITTI depth completion benchmark, in m and 1/km where it prints mm; no crop, no cap",
            frame=KITTI_FRAME,
            resampling="bilinear",
            figures=("rmse", "mae", "irmse", "imae"),
        ),
        Protocol(
            "midas_affine",
            "MiDaS (Ranftl et al. 2020) on NYU: scale and shift of the inverse fitted to each image by "
            "least squares, nothing beyond 10 m; the crop of bts is ours",
            crop=(45, 471, 41, 601),
            caps=(1e-3, 10.0),
            alignment="disparity",
            resampling="disparity",
            figures=("delta1", "abs_rel"),
        ),
        replace(
            BTS,
            name="marigold_affine",
            reproduces="Marigold (Ke et al. 2024) on NYU: scale and shift of depth fitted to each image by least squares, clamped to "
            ".001 … 10 m (its own truth keeps the sensor's holes, the labelled set's is filled)",
            alignment="depth",
            figures=("delta1", "abs_rel"),
        ),
        Protocol(
            "makarov18",
            "Korinevskaya and Makarov 2018: whole maps, images averaged, with the slips of its formulas put right",
            resampling="nearest",
            figures=("abs_rel", "rmse", "mape", "ssim", "psnr"),
        ),
        Protocol("full", "no one's: every valid pixel in one pool", pooling="pixels"),
    )
}


def fitting(size: tuple[int, int]) -> list[str]:
    """Names of the protocols made for pictures of this shape, within 3 %; ``full`` and ``makarov18`` fit any.

    >>> fitting((240, 320))[:2], "garg" in fitting((375, 1242))
    (['eigen14', 'eigen14_median'], True)
    """
    return [name for name, protocol in PROTOCOLS.items() if protocol.fits(size)]


def get_protocol(name: str) -> Protocol:
    """A protocol by name: of the library, or ``module:NAME`` for one of your own (see :mod:`depthlib.registry`).

    Raises:
        DepthError: an unknown name, with the known ones; or other rules under a name of the library.
    """
    protocol = chosen("protocol", name, PROTOCOLS, Protocol)
    if not re.fullmatch(r"[\w.+-]+", protocol.name) or protocol.name == "all":
        raise DepthError(
            f"protocol {name!r}: is called {protocol.name!r}; expected letters, digits, dots and dashes, and not 'all': its scores "
            "are filed under its name."
        )
    if protocol.name in PROTOCOLS and protocol != PROTOCOLS[protocol.name]:
        raise DepthError(
            f"protocol {name!r}: is called {protocol.name!r}, as one of the library with other rules. Give it another name: its "
            "scores are filed under it."
        )
    return protocol
