"""A data set, an augmentation and a protocol of one's own, named in a recipe."""

import dataclasses
import hashlib

import numpy as np
import torch

from depthlib import camera
from depthlib.augment import Augmentation
from depthlib.errors import DepthError
from depthlib.protocols import get_protocol
from depthlib.randomness import keys, uniform


class Frames:
    """One file of a simulator: rgb [N, H, W, 3] bytes, depth [N, H, W] in metres."""

    name = "frames"

    def __init__(self, split, size, file="frames.npz", held_out=0.2):
        with np.load(file) as content:
            rgb, depth = content["rgb"], content["depth"].astype(np.float32)
        if size not in (None, depth.shape[1:]):
            raise DepthError(f"{file}: frames of {depth.shape[1:]}; asked for {size}.")
        if split not in ("train", "test"):
            raise DepthError(f"{file}: split is {split!r}; expected train or test.")
        first = round(len(rgb) * (1 - held_out))  # the end of the drive is held out
        self.numbers = range(first) if split == "train" else range(first, len(rgb))
        self.rgb, self.depth = rgb, depth
        self.K = camera.from_field_of_view(*depth.shape[1:], 60.0)

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, index):
        i = self.numbers[index]
        return {
            "rgb": torch.from_numpy(self.rgb[i]).permute(2, 0, 1) / 255,
            "depth": torch.from_numpy(self.depth[i])[None],  # 0 = not known
            "K": self.K,
            "name": f"{i:06d}",
            "dataset": self.name,
            "index": index,  # keys what is drawn at random for this sample
        }

    def __getitems__(self, indices):
        return [self[index] for index in indices]

    def names(self):
        return [f"{i:06d}" for i in self.numbers]

    def fingerprint(self):
        mine = list(self.numbers)
        content = self.rgb[mine].tobytes() + self.depth[mine].tobytes()
        return hashlib.sha256(content).hexdigest()[:16]


class Dusk(Augmentation):
    """Mild geometry, and half of the pictures darker, each by a factor of its own."""

    def change(self, batch, size, seed, epochs):
        batch = super().change(batch, size, seed, epochs)
        key = keys(
            seed, epochs, batch["index"], "dusk"
        )  # the same after an interruption
        drawn = uniform(key, 2, batch["rgb"].device)
        light = torch.where(drawn[:, 0] < 0.5, 0.2 + 0.8 * drawn[:, 1], 1.0)
        return {**batch, "rgb": batch["rgb"] * light[:, None, None, None]}


DUSK = Dusk(scale=(1.0, 1.15), rotation=3.0)
NEAR = dataclasses.replace(get_protocol("full"), name="near", caps=(0.0, 5.0))
