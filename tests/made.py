"""Data of the tests' own making."""

import importlib.util
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from PIL import Image

from depthlib.sample import Sample


def script(name: str) -> ModuleType:
    """A file of ``data_scripts`` as a module."""
    path = Path(__file__).parent.parent / "data_scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # as Python does for a script that is run
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def packed(archive: Path, root: Path, *folders: str) -> Path:
    """A zip of folders below a root, as data sets are offered."""
    with zipfile.ZipFile(archive, "w") as file:
        for folder in folders:
            for path in sorted((root / folder).rglob("*")) if (root / folder).is_dir() else [root / folder]:
                if path.is_file():
                    file.write(path, path.relative_to(root).as_posix())
    return archive


class Samples:
    """Given samples as a data set."""

    def __init__(self, samples: Sequence[Sample], name: str = "made") -> None:
        self.samples, self.name = list(samples), name

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self.samples[i] for i in indices]

    def names(self) -> list[str]:
        return [sample["name"] for sample in self.samples]

    def fingerprint(self) -> str:
        return "made"


def truth_maps(truths) -> Samples:
    """Truths as a data set; the colours carry the numbers of the images, so that a predictor can look them up."""
    depths = [torch.as_tensor(truth, dtype=torch.float32)[None] for truth in truths]
    return Samples(
        [
            Sample(
                rgb=torch.full((3, *depth.shape[-2:]), i / 100), depth=depth, K=torch.eye(3), name=f"m{i}",
                dataset="maps", index=i,
            )
            for i, depth in enumerate(depths)
        ],
        "maps",
    )  # fmt: skip


def make_pairs(root: Path, count: int = 8) -> Path:
    """Small RGB + depth pairs as users have them: rgb/*.png, depth/*.png in millimetres."""
    generator = np.random.default_rng(0)
    for name in ("rgb", "depth"):
        (root / name).mkdir(parents=True)
    for i in range(count):
        rgb = generator.integers(0, 255, (240, 320, 3), dtype=np.uint8)
        depth = generator.integers(1000, 5000, (240, 320)).astype(np.uint16)
        Image.fromarray(rgb).save(root / "rgb" / f"{i:04d}.png")
        Image.fromarray(depth).save(root / "depth" / f"{i:04d}.png")
    return root
