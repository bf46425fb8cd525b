"""Named evaluation protocols: everything that moves a number besides the model.

Crop, depth caps, alignment, pooling and resampling, frozen under a name. Crops are rows and columns of the
data set's full frame and are scaled to the truth's own size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection

from depthlib.errors import DepthError
from depthlib.metrics import Pooling, table_1
from depthlib.sample import valid


@dataclass(frozen=True)
class Protocol:
    """How predictions are scored.

    Args:
        name: what results are filed under.
        frame: rows and columns of the data set's full frame, in which ``crop`` is given.
        crop: top, bottom, left, right in the frame; bottom and right exclusive; None scores everything.
        caps: only truth strictly between these depths, metres, is scored.
        alignment: ``"none"``, or ``"median"``: each prediction is multiplied by median(truth)/median(prediction)
            over the scored pixels first, so that only relative depth counts.
        resampling: how a prediction comes to the truth's resolution.
        pooling: what is averaged; see :mod:`depthlib.metrics`.
    """

    name: str
    frame: tuple[int, int] = (480, 640)
    crop: tuple[int, int, int, int] | None = None
    caps: tuple[float, float] = (0.0, float("inf"))
    alignment: Literal["none", "median"] = "none"
    resampling: Literal["nearest", "bilinear"] = "nearest"
    pooling: Pooling = "images"

    def metrics(self) -> MetricCollection:
        """Fresh torchmetrics of Table 1 with this protocol's pooling."""
        return table_1(self.pooling)

    def mask(self, truth: Tensor) -> Tensor:
        """Pixels to score: valid truth within the caps and the crop. [B, 1, H, W] metres → bool."""
        mask = valid(truth) & (truth > self.caps[0]) & (truth < self.caps[1])
        if self.crop is not None:
            height, width = truth.shape[-2:]
            sy, sx = height / self.frame[0], width / self.frame[1]
            top, bottom, left, right = self.crop
            inside = torch.zeros_like(mask)
            inside[..., round(top * sy) : round(bottom * sy), round(left * sx) : round(right * sx)] = True
            mask = mask & inside
        return mask

    def resample(self, prediction: Tensor, size: tuple[int, int]) -> Tensor:
        """A prediction [B, 1, h, w] at the truth's rows and columns."""
        if prediction.shape[-2:] == tuple(size):
            return prediction
        if self.resampling == "nearest":
            return F.interpolate(prediction, size, mode="nearest-exact")
        return F.interpolate(prediction, size, mode="bilinear", align_corners=False)

    def prepare(self, prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Prediction and truth as they are scored, and the mask: three [B, 1, H, W].

        Args:
            prediction: metres over the whole frame, [B, 1, h, w]; 0 where the model says nothing.
            truth: metres, [B, 1, H, W], 0 = missing.

        Raises:
            DepthError: the model says nothing at some scored pixels; nothing is dropped silently.
        """
        prediction = self.resample(prediction, (truth.shape[-2], truth.shape[-1]))
        mask = self.mask(truth)
        silent = int((mask & (prediction == 0)).sum())
        if silent:
            raise DepthError(
                f"protocol {self.name}: no prediction at {silent} of {int(mask.sum())} scored pixels. The model covers "
                "less than this protocol's crop; choose a protocol whose crop lies inside, such as eigen14."
            )
        if self.alignment == "median":
            prediction = torch.stack(
                [
                    p * (t[m].median() / p[m].median()) if m.any() else p
                    for p, t, m in zip(prediction, truth, mask, strict=True)
                ]
            )
        return prediction, truth, mask


#: The region that Eigen et al. 2014 score is the intersection of theirs with Make3D's, 86 % of the network's
#: own. The paper does not print it; this centred rectangle reproduces all eight figures of its Mean column
#: within 1 % (`tests/test_evaluation.py`).
EIGEN14 = Protocol("eigen14", crop=(36, 444, 46, 594), pooling="pixels")

PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        EIGEN14,
        Protocol("eigen14_median", crop=(36, 444, 46, 594), pooling="pixels", alignment="median"),
        # KITTI: the fine network's own region at 184x612 (rows 66:174, cols 22:590), LiDAR truth to 80 m
        Protocol("eigen14_kitti", frame=(184, 612), crop=(66, 174, 22, 590), caps=(0.0, 80.0), pooling="pixels"),
        Protocol("full", pooling="pixels"),
    )
}


def get_protocol(name: str) -> Protocol:
    """A protocol by name.

    Raises:
        DepthError: an unknown name, with the known ones.
    """
    if name not in PROTOCOLS:
        raise DepthError(f"protocol {name!r} is unknown; expected one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
