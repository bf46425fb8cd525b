"""Eigen, Puhrsch, Fergus 2014: a coarse network that sees the whole image, a fine one that mends its edges.

Shapes follow the authors' own configuration, which differs from the paper's figure in places: pooling is 3x3
with stride 2, convolutions and pools round down, and the last pool is multiplied by 0.01 before the fully
connected layers. Input RGB in [0, 1]; output log metres at a quarter of the input's resolution.

Chapters: `book/coarse_network.py`, `book/fine_network.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.files import read_tensors
from depthlib.models.base import DepthModel
from depthlib.randomness import Dropout
from depthlib.sample import valid

#: The authors measure log depth in units of this standard deviation.
LOG_DEPTH_STD = 0.45723134


@dataclass(frozen=True)
class Geometry:
    """Sizes of one variant, rows x columns.

    ``frame`` is the data set's image, ``input`` the crop the network sees, ``output`` its map. Output pixel
    (i, j) stands for the 4x4 block of input pixels at ``(top + 4i, left + 4j)``. The fine network sees the
    ``fine_rows`` lowest rows.
    """

    frame: tuple[int, int]
    input: tuple[int, int]
    features: tuple[int, int]
    output: tuple[int, int]
    top: int
    left: int
    fine_rows: int
    mean_log_depth: float


#: KITTI's exact target offset is not published. Bottom-aligned with NYU's margin of 4 pixels every fine unit is centred on its
#: target pixel, as for NYU. With 115, 117 or 118 bottom rows for the fine network it would be at ``top`` 61, 59 or 58.
GEOMETRIES = {
    "nyu": Geometry((240, 320), (228, 304), (6, 8), (55, 74), 4, 4, 228, math.log(2.5)),
    "kitti": Geometry((184, 612), (172, 576), (4, 17), (27, 142), 60, 4, 116, math.log(14.0)),
}


def _wide(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def _begin(network: nn.Module) -> None:
    """First weights: He et al. 2015."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


class Features(nn.Module):
    """The five convolutional layers, those of the ImageNet classifier: [B, 3, H, W] in [0, 1] → [B, 256, h, w]."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = (_wide(c, width) for c in (96, 256, 384, 384, 256))
        self.conv1 = nn.Conv2d(3, c1, 11, stride=4, padding=2)
        self.conv2 = nn.Conv2d(c1, c2, 5, padding=2)
        self.conv3 = nn.Conv2d(c2, c3, 3, padding=1)
        self.conv4 = nn.Conv2d(c3, c4, 3, padding=1)
        self.conv5 = nn.Conv2d(c4, c5, 3, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2)
        # divided by 5 and added to 1, as in the code of the time; Krizhevsky et al. print the sum as it is, added to 2
        self.norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
        self.channels = c5

    def forward(self, rgb: Tensor) -> Tensor:  # shapes for NYU
        x = rgb * 255 - 128  # [B, 3, 228, 304]
        x = self.norm(F.relu(self.pool(self.conv1(x))))  # [B, 96, 27, 37]
        x = self.norm(F.relu(self.pool(self.conv2(x))))  # [B, 256, 13, 18]
        x = F.relu(self.conv3(x))  # [B, 384, 13, 18]
        x = F.relu(self.conv4(x))  # [B, 384, 13, 18]
        x = F.relu(self.pool(self.conv5(x)))  # [B, 256, 6, 8]
        return x * 0.01


class Coarse(nn.Module):
    """The global network: convolutions, then two fully connected layers over the whole image.

    Shape: rgb [B, 3, 228, 304] in [0, 1] → log metres [B, 1, 55, 74] (KITTI: 172x576 → 27x142).

    >>> sum(p.numel() for p in Coarse("nyu").parameters())
    70757734
    """

    def __init__(self, variant: str = "nyu", width: float = 1.0) -> None:
        super().__init__()
        self.geometry = GEOMETRIES[variant]
        hidden = _wide(4096, width)
        h, w = self.geometry.features
        self.conv = Features(width)
        self.full6 = nn.Linear(self.conv.channels * h * w, hidden)
        self.dropout = Dropout(0.5)
        self.full7 = nn.Linear(hidden, math.prod(self.geometry.output))
        _begin(self)
        nn.init.normal_(self.full7.weight, std=0.001)  # start at the mean depth, not at noise around it
        nn.init.constant_(self.full7.bias, self.geometry.mean_log_depth / LOG_DEPTH_STD)

    def forward(self, rgb: Tensor) -> Tensor:  # shapes for NYU
        x = self.conv(rgb).flatten(1)  # [B, 12288]
        x = self.dropout(F.relu(self.full6(x)))  # [B, 4096]
        x = self.full7(x)  # [B, 4070]
        return x.unflatten(1, (1, *self.geometry.output)) * LOG_DEPTH_STD  # [B, 1, 55, 74]


class Fine(nn.Module):
    """The local network: each output sees 45x45 input pixels and the coarse map.

    Shape: rgb [B, 3, 228, 304] in [0, 1], coarse [B, 1, 55, 74] log metres → log metres [B, 1, 55, 74].

    >>> sum(p.numel() for p in Fine("nyu").parameters())
    119437
    """

    def __init__(self, variant: str = "nyu", width: float = 1.0, identity_start: bool = True) -> None:
        """
        Args:
            identity_start: begin as a copy of the coarse map, carried by two of the hidden channels. The paper
                does not say how it initialises; from plain random weights the first passes go into
                re-learning the coarse map.
        """
        super().__init__()
        self.geometry = GEOMETRIES[variant]
        edges, hidden = _wide(63, width), max(2, _wide(64, width))
        self.fine1 = nn.Conv2d(3, edges, 9, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.fine2 = nn.Conv2d(edges + 1, hidden, 5, padding=2)
        self.fine3 = nn.Conv2d(hidden, 1, 5, padding=2)
        _begin(self)
        nn.init.normal_(self.fine3.weight, std=0.001)
        if identity_start:
            with torch.no_grad():  # relu(c) − relu(−c) = c
                for channel, sign in enumerate((1.0, -1.0)):
                    self.fine2.weight[channel] = 0
                    self.fine2.weight[channel, 0, 2, 2] = sign
                    self.fine3.weight[0, channel] = 0
                    self.fine3.weight[0, channel, 2, 2] = sign

    def forward(self, rgb: Tensor, coarse: Tensor) -> Tensor:  # shapes for NYU
        x = (rgb[..., -self.geometry.fine_rows :, :] * 255 - 109.314) / 76.183  # [B, 3, 228, 304]
        x = self.pool(F.relu(self.fine1(x)))  # [B, 63, 55, 74]
        x = torch.cat((coarse / LOG_DEPTH_STD, x), dim=1)  # [B, 64, 55, 74]
        x = F.relu(self.fine2(x))  # [B, 64, 55, 74]
        return self.fine3(x) * LOG_DEPTH_STD  # [B, 1, 55, 74]


class Eigen(DepthModel):
    """Coarse and fine together, trained one after the other.

    Args:
        variant: ``"nyu"`` or ``"kitti"``.
        width: factor on all channel and unit counts; 1 is the paper's network, less fits a laptop. The code is
            the same.
        identity_start: see :class:`Fine`.
        weights: a safetensors file with the coarse network's five convolutions, as ``depthlib pretrain`` leaves it; None for
            random ones.

    Shape: rgb [B, 3, 228, 304] in [0, 1] → log metres [B, 1, 55, 74].

    Raises:
        DepthError: an unknown variant, a width outside (0, 1], an image smaller than the network's input, or weights that are
            not there or of another network.

    Source: Eigen, Puhrsch, Fergus 2014, §3.1; sizes from the authors' configuration.

    >>> net = Eigen(width=0.05).eval()
    >>> net(torch.zeros(1, 3, 228, 304)).shape
    torch.Size([1, 1, 55, 74])
    """

    #: The parts that are trained in turn; :meth:`begin_phase` takes one of them.
    PHASES = ("coarse", "fine")
    native = "log metres"

    def __init__(
        self, variant: str = "nyu", width: float = 1.0, identity_start: bool = True, weights: str | None = None
    ) -> None:
        super().__init__()
        if variant not in GEOMETRIES:
            raise DepthError(f"Eigen: variant is {variant!r}; expected one of {sorted(GEOMETRIES)}.")
        if not 0 < width <= 1:
            raise DepthError(f"Eigen: width is {width}; expected a factor in (0, 1], 1 being the paper's network.")
        self.geometry = g = GEOMETRIES[variant]
        self.frame_size, self.input_size = g.frame, g.input
        self.region = (g.top, g.left, g.top + 4 * g.output[0], g.left + 4 * g.output[1])
        self.coarse = Coarse(variant, width)
        if weights is not None:
            self._take(weights)
        self.fine = Fine(variant, width, identity_start)
        self.stage = "fine"

    def _take(self, weights: str) -> None:
        found = read_tensors(weights, "`depthlib pretrain FOLDER` makes such a file.")
        wanted = self.coarse.conv.state_dict()
        for key in sorted(wanted.keys() | found.keys()):
            have, want = (tuple(tensors[key].shape) if key in tensors else "absent" for tensors in (found, wanted))
            if have != want:
                raise DepthError(
                    f"{weights}: not the convolutions of this network: {key} is {have}, expected {want}. "
                    "Pretrain at the same width."
                )
        if not self.coarse.full7.weight.is_meta:  # shapes only: the weights were checked, there is nothing to fill
            self.coarse.conv.load_state_dict(found)

    def begin_phase(self, part: str) -> None:
        """Train ``"coarse"`` alone, or ``"fine"`` on top of the frozen coarse network; also what forward returns."""
        if part not in self.PHASES:
            raise DepthError(f"Eigen: phase trains {part!r}; expected one of {self.PHASES}.")
        self.stage = part
        self.coarse.requires_grad_(part == "coarse")
        self.fine.requires_grad_(part == "fine")
        self.train(self.training)

    def train(self, mode: bool = True) -> Eigen:
        """As in torch, but a frozen coarse network keeps its dropout off."""
        super().train(mode)
        if self.stage == "fine":
            self.coarse.eval()
        return self

    def forward(self, rgb: Tensor) -> Tensor:
        if rgb.shape[-2:] != self.input_size:
            raise DepthError(
                f"Eigen: image is {rgb.shape[-2]}x{rgb.shape[-1]}, the network's input is "
                f"{self.input_size[0]}x{self.input_size[1]} (height x width). Use depthlib.prediction.predict, "
                "which resizes and crops."
            )
        if self.stage == "coarse":
            return self.coarse(rgb)
        with torch.no_grad():  # "we do not backpropagate through the coarse one", §3.1.2
            coarse = self.coarse(rgb)
        return self.fine(rgb, coarse)

    def target(self, depth: Tensor) -> tuple[Tensor, Tensor]:
        """The depth of a crop on the network's output grid: sub-sampled, not averaged.

        Shape: depth [B, 1, 228, 304] metres, 0 = missing → log metres [B, 1, 55, 74] and mask, bool.
        """
        top, left, bottom, right = self.region
        sub = depth[..., top + 1 : bottom : 4, left + 1 : right : 4]
        mask = valid(sub)
        return torch.where(mask, sub, 1.0).log(), mask

    def to_depth(self, output: Tensor) -> Tensor:
        """Log metres to metres."""
        return output.exp()


class Classifier(nn.Module):
    """The convolutional layers under an ImageNet head, 4096 – 4096 – classes, for pretraining (§3.1, footnote 1).

    The channel counts are CaffeNet's, so torchvision's AlexNet weights do not fit. :func:`depthlib.pretraining.pretrain` trains
    this on a folder of labelled images; :class:`Eigen` takes the convolutions from the file that it leaves.

    Shape: rgb [B, 3, 224, 224] in [0, 1] → logits [B, classes].

    >>> Classifier(classes=10, width=0.05)(torch.zeros(2, 3, 224, 224)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        self.conv = Features(width)
        hidden = _wide(4096, width)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(self.conv.channels * 6 * 6, hidden),
            nn.ReLU(),
            Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            Dropout(0.5),
            nn.Linear(hidden, classes),
        )
        _begin(self)

    def forward(self, rgb: Tensor) -> Tensor:
        return self.head(self.conv(rgb))
