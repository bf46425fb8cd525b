"""One sample through a network and its loss: what does not keep to the contracts is found now, not after hours of training."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.losses import Loss, one_shape
from depthlib.models.base import DepthModel
from depthlib.prediction import Prediction
from depthlib.sample import Batch, a_tensor


def trial(model: DepthModel, loss: Loss, crop: Batch) -> None:
    """Ask a network and a loss about one sample. Weights, statistics and random state stay as they are.

    Args:
        crop: a batch of one, cut to the model's ``input_size``, on its device.

    Raises:
        DepthError: an answer, a target, a depth or a loss of another type or shape than :class:`~depthlib.models.base.DepthModel` and
            :class:`~depthlib.losses.Loss` say; NaN depth; an enlargement that is unknown; weights that are not those of ``weigh``; or
            a loss with numbers of its own to learn.
    """
    training = model.training, loss.training
    model.eval()
    loss.eval()
    try:
        with torch.no_grad():
            target, mask = _target(model, crop["depth"])
            output = a_tensor(model(*model.inputs(crop)), f"{type(model).__name__}: forward returns")
            one_shape(output, target, mask)
            depth = a_tensor(model.to_depth(output), f"{type(model).__name__}: to_depth returns")
            _depth(model, depth, output)
        _loss(loss, output.detach().float().requires_grad_(), target, mask)
    finally:
        model.train(training[0])
        loss.train(training[1])


def _target(model: DepthModel, depth: Tensor) -> tuple[Tensor, Tensor]:
    found = model.target(depth)
    name = type(model).__name__
    if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(part, Tensor) for part in found):
        raise DepthError(
            f"{name}: target returns {type(found).__name__}; expected two tensors, the target and a bool mask."
        )
    target, mask = found
    if mask.dtype != torch.bool:
        raise DepthError(f"{name}: target's mask is {mask.dtype}; expected bool, true where depth is known.")
    return target, mask


def _depth(model: DepthModel, depth: Tensor, output: Tensor) -> None:
    name = type(model).__name__
    if depth.shape != output.shape:
        raise DepthError(
            f"{name}: to_depth makes {list(depth.shape)} of {list(output.shape)}; expected the same shape."
        )
    if depth.isnan().any() and not output.isnan().any():
        raise DepthError(
            f"{name}: to_depth gives NaN where forward gives numbers. Does it take a logarithm, or a root, of them?"
        )
    if model.shown:  # its map is as large as what it was asked about
        return
    rows, columns = model.frame_size
    Prediction(depth.float(), model.region, (rows, columns)).full(model.upsampling)  # an unknown enlargement says so


def _loss(loss: Loss, output: Tensor, target: Tensor, mask: Tensor) -> None:
    name = type(loss).__name__
    own = [key for key, weight in loss.named_parameters() if weight.requires_grad]
    if own and getattr(loss, "critic", None) is None:
        raise DepthError(
            f"{name}: has numbers of its own to learn ({', '.join(own[:3])}), and training moves the model's only. Make them buffers, or "
            "part of the model."
        )
    with torch.enable_grad():
        found = loss(output, target, mask)
    if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(part, Tensor) for part in found):
        raise DepthError(
            f"{name}: forward returns {type(found).__name__}; expected two tensors [B], the samples' losses and their weights."
        )
    values, weights = found
    for what, part in (("losses", values), ("weights", weights)):
        if part.shape != (len(output),):
            raise DepthError(
                f"{name}: {what} of shape {list(part.shape)} for {len(output)} samples; expected one each, [B]."
            )
    if not values.requires_grad and mask.any():
        raise DepthError(f"{name}: its losses do not depend on the prediction (detached?), so nothing can be learned.")
    if not torch.equal(weights, loss.weigh(mask)):
        raise DepthError(
            f"{name}: forward weighs the sample {weights.tolist()}, weigh(mask) {loss.weigh(mask).tolist()}; expected the same, since the "
            "weights of the whole batch are summed before anything is predicted."
        )
