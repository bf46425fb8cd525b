"""An encoder that has seen a million pictures, and a decoder that goes back up through its skips.

Alhashim and Wonka 2018, "High quality monocular depth estimation via transfer learning": DenseNet-169 without its
classifier, then four times: enlarge, join the encoder's map of that size, two 3x3 convolutions. The answer has half of
the picture's size. Any torchvision encoder of :data:`ENCODERS` fits, through one mechanism: torchvision's feature
extraction hands out the maps at 1/2, 1/4, 1/8, 1/16 and 1/32.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.models.base import DepthModel
from depthlib.models.compiled import enlarged, to_one_channel
from depthlib.pretrained import IMAGENET_MEAN, IMAGENET_STD, VGG_MEAN, VGG_STD, load_pretrained
from depthlib.sample import valid
from depthlib.typed import nearest

DENSENET = (
    "features.relu0",
    "features.pool0",
    "features.transition1.pool",
    "features.transition2.pool",
    "features.norm5",
)
RESNET = ("relu", "layer1", "layer2", "layer3", "layer4")

#: Encoder → names of its maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture.
ENCODERS: dict[str, tuple[str, str, str, str, str]] = {
    **dict.fromkeys(("densenet121", "densenet161", "densenet169", "densenet201"), DENSENET),
    **dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101"), RESNET),
    "mobilenet_v2": ("features.1", "features.3", "features.6", "features.13", "features.18"),
    "mobilenet_v3_large": ("features.1", "features.3", "features.6", "features.12", "features.16"),
    "mobilenet_v3_small": ("features.0", "features.1", "features.3", "features.8", "features.12"),
    "efficientnet_b0": ("features.1", "features.2", "features.3", "features.5", "features.8"),
    "efficientnet_b3": ("features.1", "features.2", "features.3", "features.5", "features.8"),
    "vgg16": ("features.8", "features.15", "features.22", "features.29", "features.30"),
}
START_SHARE = 0.25  # an untrained network answers about this share of the farthest depth: 2.5 m indoors


class Up(nn.Module):
    """Enlarge, join the skip, two 3x3 convolutions: [B, C, h, w] and [B, S, 2h, 2w] → [B, D, 2h, 2w]."""

    def __init__(self, channels: int, skip: int, out: int, leaky: tuple[bool, bool], align_corners: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels + skip, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.leaky, self.align_corners = leaky, align_corners

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = enlarged(x, skip, self.align_corners)
        x = self.first(torch.cat((x, skip), dim=1))
        x = F.leaky_relu(x, 0.2) if self.leaky[0] else x
        x = self.second(x)
        return F.leaky_relu(x, 0.2) if self.leaky[1] else x


class DenseDepth(DepthModel):
    """Encoder and decoder with skips, trained together.

    Args:
        encoder: a name of :data:`ENCODERS`.
        weights: of the encoder: None for random ones, ``"IMAGENET1K_V1"`` for torchvision's (first looked for in
            ``$DEPTHLIB_WEIGHTS``, then downloaded), or the path of a safetensors file in torchvision's key names.
        width: channels where the decoder begins, as a share of the encoder's last map. 1 is the paper; the Keras
            repository's default is a half.
        leaky: where LeakyReLU(0.2) stands: ``"both"`` after both convolutions of every block (the Keras code), ``"second"``
            after the second one (the public PyTorch port), or ``"not_last"`` after each block but the last (as the report of
            Ghiorghiu et al. words it).
        align_corners: of the enlargement; False is our convention, True the public codes'.
        output: the native target: ``"reciprocal"``, ``farthest`` / metres as in the paper, or ``"log"`` metres.
        farthest: depth at which the reciprocal target is 1, metres: 10 indoors, 80 on roads. The target ends at 100, where
            depth is a hundredth of it.
        size: rows and columns of the picture it is trained and asked at.
        freeze_statistics: keep the encoder's batch-norm statistics as they came.

    Shape: rgb [B, 3, H, W] in [0, 1], any size → [B, 1, ⌈H/2⌉, ⌈W/2⌉]. Sizes that are no multiple of 32 are continued at
    the border and cut back.

    Raises:
        DepthError: an unknown encoder or switch, weights that cannot be had or belong to another network.

    Source: Alhashim and Wonka 2018, §3.1 and Table 5; the switches from the two public codes. The authors' Keras code also
    shows the encoder colours in [0, 1] as they are, where torchvision's weights want them normalised as here; swaps channels in half of
    the pictures (the paper: a quarter, as :data:`depthlib.augment.DENSEDEPTH`); and takes Adam's variant AMSGrad.

    >>> DenseDepth("mobilenet_v2", width=0.1)(torch.zeros(1, 3, 64, 96)).shape
    torch.Size([1, 1, 32, 48])
    """

    PHASES = ("decoder", "all")
    upsampling = "bilinear"
    any_size = True
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: str = "densenet169",
        weights: str | None = None,
        width: float = 1.0,
        leaky: Literal["both", "second", "not_last"] = "both",
        align_corners: bool = False,
        output: Literal["reciprocal", "log"] = "reciprocal",
        farthest: float = 10.0,
        size: tuple[int, int] = (480, 640),
        freeze_statistics: bool = False,
    ) -> None:
        super().__init__()
        if encoder not in ENCODERS:
            raise DepthError(
                f"DenseDepth: encoder {encoder!r} is unknown{nearest(encoder, list(ENCODERS))}. There are {', '.join(ENCODERS)}."
            )
        for name, value, choices in (
            ("leaky", leaky, ("both", "second", "not_last")), ("output", output, ("reciprocal", "log")),
        ):  # fmt: skip
            if value not in choices:
                raise DepthError(f"DenseDepth: {name} is {value!r}; expected one of {', '.join(choices)}.")
        if not 0 < width <= 1:
            raise DepthError(f"DenseDepth: width is {width}; expected a share in (0, 1], 1 being the paper's decoder.")
        if isinstance(farthest, bool) or not isinstance(farthest, int | float) or not 0 < farthest < math.inf:
            raise DepthError(f"DenseDepth: farthest is {farthest!r}; expected metres above 0, such as 10 or 80.")
        rows, columns = size
        if rows % 32 or columns % 32 or min(size) < 32:
            raise DepthError(f"DenseDepth: size is {rows}x{columns}; expected multiples of 32, such as 480x640.")
        self.frame_size = self.input_size = (rows, columns)
        self.region = (0, 0, rows, columns)
        self.output, self.farthest, self.freeze_statistics = output, float(farthest), freeze_statistics
        self.native = "log metres" if output == "log" else output
        mean, std = (VGG_MEAN, VGG_STD) if encoder == "vgg16" else (IMAGENET_MEAN, IMAGENET_STD)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.encoder, skips = make_encoder(encoder, weights)
        *skips, last = skips
        channels = max(16, round(last * width))
        self.middle = nn.Conv2d(last, channels, 1)
        blocks = []
        for i, skip in enumerate(reversed(skips)):
            after = (leaky == "both", leaky != "not_last" or i < 3)
            blocks.append(Up(channels, skip, channels // 2, after, align_corners))
            channels //= 2
        self.up = nn.ModuleList(blocks)
        self.last = nn.Conv2d(channels, 1, 3, padding=1)
        assert self.last.bias is not None
        start = 1 / START_SHARE if output == "reciprocal" else math.log(START_SHARE * farthest)
        nn.init.constant_(self.last.bias, start)
        self.stage = "all"

    def begin_phase(self, part: str) -> None:
        """Train ``"all"``, or the ``"decoder"`` over a frozen encoder."""
        if part not in self.PHASES:
            raise DepthError(f"DenseDepth: phase trains {part!r}; expected one of {self.PHASES}.")
        self.stage = part
        self.requires_grad_(True)
        self.encoder.requires_grad_(part == "all")
        self.train(self.training)

    def train(self, mode: bool = True) -> DenseDepth:
        """As in torch, but a frozen encoder, or one whose statistics are frozen, stays in eval mode."""
        super().train(mode)
        if self.stage == "decoder" or self.freeze_statistics:
            self.encoder.eval()
        return self

    def forward(self, rgb: Tensor) -> Tensor:  # shapes for densenet169 at 480x640
        height, width = rgb.shape[-2:]
        x = (rgb - self.mean) / self.std
        if height % 32 or width % 32:
            x = F.pad(x, (0, -width % 32, 0, -height % 32), mode="replicate")
        *skips, x = self.encoder(x).values()  # [B, 1664, 15, 20] and skips of 64, 64, 128, 256 channels
        x = self.middle(F.relu(x))  # torchvision's norm5 has no ReLU after it
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip)  # 832, 416, 208, 104 channels; at last [B, 104, 240, 320]
        x = to_one_channel(self.last, x)[..., : math.ceil(height / 2), : math.ceil(width / 2)]  # [B, 1, 240, 320]
        return x.float()

    def target(self, depth: Tensor) -> tuple[Tensor, Tensor]:
        """A crop as the native target, at half its size: the mean of the known ones of each four pixels.

        Shape: [B, 1, H, W] metres, 0 = missing → [B, 1, H/2, W/2] and mask, bool. Reciprocal targets are clipped to
        1 … 100 (10 m to 10 cm indoors); the authors' code clips the far end alone in training. One pixel of the four
        would stand half a pixel away from where the enlarged answer puts it.
        """
        mask = valid(depth)
        known = torch.where(mask, depth, 1.0)
        native = (self.farthest / known).clamp(1, 100) if self.output == "reciprocal" else known.log()
        share = F.avg_pool2d(mask.to(native), 2, ceil_mode=True)
        total = F.avg_pool2d(torch.where(mask, native, 0.0), 2, ceil_mode=True)
        return total / torch.where(share > 0, share, 1.0), share > 0

    def to_depth(self, output: Tensor) -> Tensor:
        """Native output to metres; a reciprocal is clipped to 1 … 100 first, 10 m to 10 cm indoors."""
        return self.farthest / output.clamp(1, 100) if self.output == "reciprocal" else output.exp()


def make_encoder(name: str, weights: str | None) -> tuple[nn.Module, list[int]]:
    """An encoder that returns its five maps, and how many channels each has."""
    import torchvision
    from torchvision.models.feature_extraction import create_feature_extractor

    nodes = {node: str(i) for i, node in enumerate(ENCODERS[name])}
    whole = torchvision.models.get_model(name, weights=None)
    if weights is not None:
        load_pretrained(whole, name, weights)
    for module in whole.modules():  # it would drop blocks by numbers that a run which is gone on with does not have
        if isinstance(module, torchvision.ops.StochasticDepth):
            module.p = 0.0
    encoder = create_feature_extractor(whole, return_nodes=nodes)
    was_training = encoder.training
    with torch.no_grad():
        device = next(encoder.parameters()).device
        maps = encoder.eval()(torch.zeros(1, 3, 64, 64, device=device)).values()
    encoder.train(was_training)
    return encoder, [m.shape[1] for m in maps]
