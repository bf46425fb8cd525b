"""The coarse network's convolutions, taught to name things in pictures first, as Eigen et al. 2014 teach them on ImageNet.

What comes of it is a file for the option ``weights`` of :class:`depthlib.models.eigen.Eigen`.
Chapter: `book/coarse_network.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from depthlib.checkpoints import (
    forget_others,
    latest_checkpoint,
    load_optimizer,
    load_weights,
    one_training,
    read_state,
    save_checkpoint,
)
from depthlib.data.formats import read_rgb
from depthlib.errors import DepthError, Unfinished, enough_memory
from depthlib.files import writable_folder, write_whole
from depthlib.models.eigen import Classifier
from depthlib.stopping import Stopping
from depthlib.timing import machine
from depthlib.transfers import device_here, sent

NAME = "convolutions.safetensors"
KEPT = "pretrain: stopped. Whole epochs are kept; the same command goes on from the last."


def pretrain(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    width: float = 1.0,
    epochs: int = 60,
    batch: int = 256,
    rate: float = 0.01,
    seed: int = 0,
    workers: int = 4,
    minutes: float | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train :class:`depthlib.models.eigen.Classifier` on pictures in folders, a folder a class, or go on with it.

    Gradient descent with momentum 0.9 and decay 5e-4, the rate a tenth of itself after each third of the epochs; random
    224x224 cut-outs of the middle 256x256, mirrored or not. Scored on ten cut-outs a picture, as in the paper: 2 flips and 5 places.

    Args:
        root: holds ``train/CLASS/*.jpg`` and ``val/CLASS/*.jpg``, as ImageNet is usually unpacked.
        out: folder for checkpoints (one an epoch), ``convolutions.safetensors`` and ``pretraining.json``.
        width: of the network that is to begin with them.
        epochs, batch, rate, seed: of the training; the paper prints none of them.
        workers: processes that read pictures.
        minutes: stop after the epoch in which so many have passed, by :class:`depthlib.errors.Unfinished`.

    Returns:
        What ``pretraining.json`` holds: settings, ``images``, ``classes``, ``loss`` of each epoch, ``top1_error``, ``top5_error``.

    Raises:
        DepthError: folders that are not there or of other classes, a picture that cannot be read, numbers out of range, a loss
            that is not finite, another training in ``out``.
        Unfinished: the minutes are over at an epoch's end, or SIGTERM came; whole epochs are kept.

    Source: Eigen, Puhrsch, Fergus 2014, §3.1.1 and footnote 1; rate and decay as in Krizhevsky et al. 2012.

    >>> pretrain("nowhere", "out")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    depthlib.errors.DepthError: nowhere/train: not there. Expected one folder a class with pictures in it, such as ...
    """
    for name, value in (("width", width), ("epochs", epochs), ("batch", batch), ("rate", rate)):
        if not value > 0:
            raise DepthError(f"pretrain: {name} is {value}; expected a number above 0.")
    if width > 1 or workers < 0:
        raise DepthError(f"pretrain: width {width}, workers {workers}; expected a width to 1, and 0 workers or more.")
    learned, scored = (_pictures(Path(root) / part, part == "train") for part in ("train", "val"))
    if learned.classes != scored.classes:
        odd = sorted(set(learned.classes) ^ set(scored.classes))
        raise DepthError(f"{root}: train and val hold different classes, such as {odd[0]}. Unpack both alike.")
    folder = writable_folder(out, "Choose another folder with --out.")
    names = "".join(f"{Path(name).relative_to(root)}\n" for name, _ in learned.samples)
    settings = {
        "classes": len(learned.classes),
        "pictures": hashlib.sha256(names.encode()).hexdigest()[:16],
        "width": width,
        "epochs": epochs,
        "batch": batch,
        "rate": rate,
        "seed": seed,
    }
    device = device_here()
    torch.manual_seed(seed)
    network = Classifier(len(learned.classes), width).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)
    done, losses = 0, list[float]()
    with one_training(folder), Stopping(minutes) as stopping:
        checkpoint = latest_checkpoint(folder)
        if checkpoint is not None:
            state = read_state(checkpoint)
            if state.get("settings") != settings:
                raise DepthError(
                    f"{folder}: holds a training with {state.get('settings')}, not {settings}. Choose another folder with --out."
                )
            load_weights(checkpoint, network)
            load_optimizer(checkpoint, optimizer)
            done, losses = int(state["epoch"]), list(state["losses"])
        for epoch in range(done, epochs):
            if stopping.wanted:
                raise Unfinished(KEPT)
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.1 ** (3 * epoch // epochs)
            with enough_memory(f"a batch of {batch} pictures", "Lower --batch."):
                mean = _epoch(network, optimizer, learned, batch, seed + epoch, workers, device, progress, stopping)
            losses.append(mean)
            state = {"epoch": epoch + 1, "losses": losses, "settings": settings}
            forget_others(save_checkpoint(folder / f"checkpoint-{epoch + 1:08d}", network, state, optimizer))
        weights = {key: value.detach().cpu().contiguous() for key, value in network.conv.state_dict().items()}
        write_whole(folder / NAME, lambda partial: save_file(weights, partial))
        errors = _errors(network, scored, max(1, batch // 10), workers, device)
    report = {
        **settings, "images": len(learned), "loss": losses, "top1_error": errors[0], "top5_error": errors[1], **machine(),
    }  # fmt: skip
    write_whole(folder / "pretraining.json", lambda partial: partial.write_text(json.dumps(report, indent=1) + "\n"))
    return report


def _pictures(folder: Path, learning: bool) -> Any:
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    if not folder.is_dir():
        raise DepthError(
            f"{folder}: not there. Expected one folder a class with pictures in it, such as {folder}/cat/1.jpg."
        )
    cut = [v2.RandomCrop(224), v2.RandomHorizontalFlip()] if learning else [v2.TenCrop(224), _stacked]
    try:
        return ImageFolder(
            str(folder), v2.Compose([v2.Resize(256), v2.CenterCrop(256), v2.ToImage(), *cut]), loader=_opened
        )
    except FileNotFoundError as error:  # no class, or one without pictures
        raise DepthError(f"{folder}: {error}. Expected one folder a class with pictures in it.") from error


def _opened(path: str) -> Image.Image:
    return Image.fromarray(read_rgb(path))


def _stacked(pictures: tuple[Tensor, ...]) -> Tensor:
    return torch.stack(pictures)


def _read(pictures: Any, batch: int, seed: int, workers: int, learning: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of bytes and class numbers; the seed fixes their order and the cut-outs."""
    key = torch.Generator().manual_seed(seed)
    loader = DataLoader(pictures, batch, shuffle=learning, num_workers=workers, generator=key, drop_last=learning)
    try:
        yield from loader
    except DepthError as error:  # from a worker it comes with the whole of its traceback
        raise DepthError(str(error).strip().splitlines()[-1].removeprefix("depthlib.errors.DepthError: ")) from error


def _epoch(
    network: Classifier, optimizer: torch.optim.Optimizer, pictures: Any, batch: int, seed: int, workers: int,
    device: torch.device, progress: bool, stopping: Stopping,
) -> float:  # fmt: skip
    """The mean loss of an epoch; on SIGTERM nothing of it is kept, so it ends at once."""
    network.train()
    torch.manual_seed(seed)  # of dropout; without workers, of the cut-outs too
    total = torch.zeros((), device=device)
    steps = max(1, len(pictures) // batch)
    batches = _read(pictures, min(batch, len(pictures)), seed, workers, True)
    for rgb, label in tqdm(batches, "pretraining", steps, disable=not progress, file=sys.stderr, mininterval=2.0):
        if stopping.told:
            raise Unfinished(KEPT)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = network(sent(rgb, device) / 255)
        loss = F.cross_entropy(logits.float(), sent(label, device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.detach()
    mean = total.item() / steps
    if not math.isfinite(mean):
        raise DepthError(f"pretrain: the loss is {mean}. Begin again in another folder with a lower --rate.")
    return mean


@torch.no_grad()
def _errors(network: Classifier, pictures: Any, batch: int, workers: int, device: torch.device) -> tuple[float, float]:
    """Shares of pictures whose class is not the first, and not among the first five, by the mean over ten cut-outs."""
    network.eval()
    wrong = torch.zeros(2)
    for rgb, label in _read(pictures, batch, 0, workers, False):  # [B, 10, 3, 224, 224]
        chances = network(rgb.to(device).flatten(0, 1) / 255).softmax(1).unflatten(0, rgb.shape[:2]).mean(1).cpu()
        order = chances.argsort(1, descending=True)
        wrong += torch.stack([(order[:, :n] != label[:, None]).all(1).sum() for n in (1, 5)])
    first, fifth = (wrong / len(pictures)).tolist()
    return first, fifth
