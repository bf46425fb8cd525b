"""What is odd about predictions: constant ones, another unit, disparity declared as depth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from depthlib.predictors import Kind
from depthlib.protocols import Protocol


class Plausibility:
    """Notices predictions that are constant, grow where the truth shrinks, or are in another unit.

    It looks before any alignment, which would hide all three, on a few thousand pixels an image.
    """

    def __init__(self) -> None:
        self.correlations: list[float] = []
        self.ratios: list[float] = []
        self.constant = self.count = 0

    @staticmethod
    def merged(parts: Sequence[Plausibility]) -> Plausibility:
        """What several processes have noticed."""
        all_ = Plausibility()
        for part in parts:
            all_.correlations += part.correlations
            all_.ratios += part.ratios
            all_.constant += part.constant
            all_.count += part.count
        return all_

    def look(self, rules: Protocol, prediction: Tensor, truth: Tensor) -> None:
        """Look at some predictions and their truths, [B, 1, h, w] and [B, 1, H, W]."""
        if prediction.ndim != 4 or prediction.shape[:2] != truth.shape[:2]:
            return  # the protocol says what is wrong
        prediction = rules.resample(prediction, (truth.shape[-2], truth.shape[-1]))
        for p, g, m in zip(prediction, truth, rules.mask(truth), strict=True):
            scored = m & p.isfinite()
            x, y = p[scored], g[scored]
            # a stride that is odd does not fall on one column of a regular grid again and again
            step = len(x) // 4096 | 1
            x, y = x[::step].double(), y[::step].double()
            if len(x) < 2:
                continue
            self.count += 1
            self.ratios.append(float((x / y).median()))
            x, y = x - x.mean(), y - y.mean()
            if x.abs().max() <= 1e-6 * float(p[p.isfinite()].abs().max()):
                self.constant += 1
            elif y.abs().max() > 0:
                self.correlations.append(float((x * y).sum() / (x.norm() * y.norm())))

    def warnings(self, kind: Kind, aligned: bool) -> list[str]:
        """What was odd, in sentences.

        Args:
            kind: what the predictions were declared as.
            aligned: whether the protocol fits them to the truth, so that their unit does not matter.
        """
        found = []
        far_off = sum(not 1 / 20 < ratio < 20 for ratio in self.ratios)
        if not aligned and far_off > self.count / 2:
            typical = float(np.median(self.ratios))
            found.append(
                f"{far_off} of {self.count} predictions are {typical:.3g} times the truth: metres, or another unit? "
                "Give its units in a metre with --scale."
            )
        if self.constant:
            found.append(f"{self.constant} of {self.count} predictions are constant.")
        against = sum(r < -0.3 for r in self.correlations)
        if against > len(self.correlations) / 2:
            other = "disparity" if kind == "depth" else "depth"
            found.append(
                f"{against} of {self.count} predictions grow where the truth shrinks (correlation below −0.3): "
                f"they were declared as {kind}; are they {other}?"
            )
        return found
