"""The loss of Korinevskaya and Makarov 2018, and the critic in it, which learns beside the network that it judges.

Chapter: `book/super_resolution.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from depthlib.errors import DepthError
from depthlib.losses import Loss, one_shape, weights_given
from depthlib.models.superres import Critic, believed, caught
from depthlib.perceptual import VGGFeatures
from depthlib.transfers import Later


class ReconstructionLoss(Loss):
    """``square·mean e² + absolute·mean |e| + perceptual·mean (VGG(p) − VGG(t))² + adversarial·(−log D(p)) + variation·TV(p)``.

    In units in which each true map spans −1 … 1, so that it is the same for metres and for disparities. ``perceptual``,
    ``adversarial`` and ``variation`` are the paper's α, β and γ, which it does not print; ours were found on validation
    data, see the chapter. Its RGB network of features is shown a map as a grey picture.

    ``forward(prediction, target, mask)`` takes [B, 1, H, W] and returns (values [B], weights [B]), in float32 even under
    autocast; 0 and weight 0 for a sample without a valid pixel. What is predicted in a hole has no gradient.

    Args:
        square, absolute: weights of the pixel terms.
        perceptual: α, of the features of conv3_1.
        adversarial: β. Above 0 there is a ``critic``, which training lets learn: see :class:`Adversary`.
        variation: γ, of the sum of absolute steps to the pixels below and to the right.
        critic_width, critic_rate: channels of the critic's first layer, and its learning rate (Adam, β₁ = .5).

    Raises:
        DepthError: a weight below 0; VGG's weights that cannot be had.

    >>> y = torch.linspace(1, 3, 64).reshape(1, 1, 8, 8)
    >>> ReconstructionLoss()(y + 0.5, y, y > 0)[0]  # a quarter of the span: 0.5 of −1 … 1, squared
    tensor([0.2500])
    """

    def __init__(
        self, square: float = 1.0, absolute: float = 0.0, perceptual: float = 0.0, adversarial: float = 0.0,
        variation: float = 0.0, critic_width: int = 16, critic_rate: float = 2e-4,
    ) -> None:  # fmt: skip
        super().__init__()
        weights_given(
            square=square, absolute=absolute, perceptual=perceptual, adversarial=adversarial, variation=variation,
            critic_rate=critic_rate,
        )  # fmt: skip
        if isinstance(critic_width, bool) or not isinstance(critic_width, int) or critic_width < 1:
            raise DepthError(f"loss: critic_width is {critic_width!r}; expected channels, 1 or more.")
        self.square, self.absolute, self.perceptual = square, absolute, perceptual
        self.adversarial, self.variation, self.critic_rate = adversarial, variation, critic_rate
        self.features = VGGFeatures() if perceptual else None
        self.critic = Critic(critic_width) if adversarial else None
        if self.critic is not None:
            self.critic.requires_grad_(False)  # it learns in its own step

    def maps(self, prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Both maps in the units of the loss; alike, and without a gradient, where nothing is known."""
        t = target.float()
        high = torch.where(mask, t, -torch.inf).amax((1, 2, 3), keepdim=True)
        low = torch.where(mask, t, torch.inf).amin((1, 2, 3), keepdim=True)
        any_known = mask.any(3, keepdim=True).any(2, keepdim=True)
        middle = torch.where(any_known, (high + low) / 2, 0.0)
        # a flat map has no span but rounding: a thousandth of its depth, so that here, too, any unit gives the same loss
        half = torch.where(any_known, torch.maximum((high - low) / 2, 1e-3 * middle.abs()), 1.0)
        p, t = (prediction.float() - middle) / half, (t - middle) / half
        beyond = p.detach().clamp(-1, 1)
        return torch.where(mask, p, beyond), torch.where(mask, t, beyond)

    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        one_shape(prediction, target, mask)
        with torch.autocast(prediction.device.type, enabled=False):
            p, t = self.maps(prediction, target, mask)
            error = p - t
            known = mask.flatten(1).sum(1).clamp_min(1)
            total = self.square * error.square().flatten(1).sum(1) / known
            if self.absolute:
                total = total + self.absolute * error.abs().flatten(1).sum(1) / known
            if self.variation:
                steps = p.diff(dim=-1).abs().flatten(1).mean(1) + p.diff(dim=-2).abs().flatten(1).mean(1)
                total = total + self.variation * steps
        # the networks that judge may compute in half precision, as the network that is judged does
        if self.features is not None:
            seen = self.features(p), self.features(t)
            total = total + self.perceptual * (seen[0].float() - seen[1].float()).square().flatten(1).mean(1)
        if self.critic is not None:
            total = total + self.adversarial * believed(self.critic(p).float())
        weights = self.weigh(mask)
        return total * (weights > 0), weights

    def extra_repr(self) -> str:
        names = ("square", "absolute", "perceptual", "adversarial", "variation")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class Adversary:
    """What the critic of a :class:`ReconstructionLoss` needs to learn, in the step after the network's own.

    Args:
        loss: with a ``critic``.
    """

    def __init__(self, loss: nn.Module) -> None:
        if not isinstance(loss, ReconstructionLoss) or loss.critic is None:
            raise DepthError("adversary: the loss has no critic; its weight `adversarial` is 0.")
        self.loss, self.critic = loss, loss.critic
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=loss.critic_rate, betas=(0.5, 0.999))
        self._seen: list[tuple[Tensor, Tensor]] = []

    def see(self, output: Tensor, target: Tensor, mask: Tensor) -> None:
        """Remember a piece of the batch for :meth:`learn`."""
        self._seen.append(self.loss.maps(output.detach(), target, mask))

    def learn(self, accelerator: Any, precision: torch.dtype | None) -> Later:
        """One step on what was seen: ``critic_loss``, and ``critic_accuracy``, the share of maps that it told apart."""
        self.critic.requires_grad_(True)
        self.optimizer.zero_grad(set_to_none=True)
        figures = torch.zeros(2, device=accelerator.device)
        for made, real in self._seen:
            with torch.autocast(made.device.type, precision, enabled=precision is not None):
                said = self.critic(real), self.critic(made)
            real_logits, made_logits = (logits.float() for logits in said)
            loss = caught(real_logits, made_logits) / len(self._seen)
            loss.backward()
            right = (real_logits > 0).float().mean() + (made_logits < 0).float().mean()
            figures += torch.stack((loss.detach(), right / 2 / len(self._seen)))
        if accelerator.num_processes > 1:
            for parameter in self.critic.parameters():
                if parameter.grad is not None:
                    parameter.grad = accelerator.reduce(parameter.grad, "mean")
        self.optimizer.step()
        self.critic.requires_grad_(False)
        self._seen.clear()
        return Later(("critic_loss", "critic_accuracy"), accelerator.reduce(figures, "mean"))
