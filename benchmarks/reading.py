"""Samples a second in random order: the store beside a folder of jpg and png, and beside HDF5 files, in one run.

python benchmarks/reading.py --samples 256 --read 4000 --json reading.json

The same frames of 240x320 in each form, read in batches of 16 by as many threads as given, after one pass that warms the
disk's cache. Memory is the growth of this process while it reads the store, whose arrays are mapped, not loaded.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import torch
from _report import begin, finish, parser
from PIL import Image

from depthlib.data import open_dataset
from depthlib.data.formats import write_depth_png
from depthlib.data.preparation import write_store
from depthlib.data.store import Store

BATCH = 16


def write_forms(root: Path, count: int, size: tuple[int, int]) -> None:
    """Rendered rooms as a store, as pairs of files, and as HDF5."""
    rooms = open_dataset("rooms", "test", size, count=count)
    write_store(rooms, root / "store", progress=False)
    store = Store(root / "store")
    for name in ("rgb", "depth"):
        (root / "pairs" / name).mkdir(parents=True)
    (root / "h5/train/rooms").mkdir(parents=True)
    for i in range(count):
        sample = store[i]
        colour = (sample["rgb"] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        depth = sample["depth"][0].numpy()
        Image.fromarray(colour).save(root / "pairs/rgb" / f"{i:05d}.jpg", quality=95)
        write_depth_png(root / "pairs/depth" / f"{i:05d}.png", depth)
        with h5py.File(root / "h5/train/rooms" / f"{i:05d}.h5", "w") as file:
            file["rgb"], file["depth"] = colour.transpose(2, 0, 1), depth


def speed(read: Callable[[Sequence[int]], object], order: Sequence[int], threads: int) -> float:
    """Samples a second, in batches of 16."""
    batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        for _ in pool.map(read, batches):
            pass
        return len(order) / (time.perf_counter() - began)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--samples", type=int, default=256)
    options.add_argument("--read", type=int, default=4000)
    options.add_argument("--size", type=int, nargs=2, default=(240, 320))
    args = options.parse_args()
    about = begin(args)
    torch.set_num_threads(1)  # the threads are those that read
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_forms(root, args.samples, tuple(args.size))
        forms = {
            "store": Store(root / "store"),
            "jpg_png_folder": open_dataset("folder", root=root / "pairs"),
            "h5_files": open_dataset("nyu_h5", root=root / "h5"),
        }
        found = {}
        for name, dataset in forms.items():
            reads = args.read if name == "store" else args.read // 8
            speed(dataset.__getitems__, range(args.samples), args.threads)  # warm
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            found[name] = round(
                speed(dataset.__getitems__, rng.integers(0, args.samples, reads).tolist(), args.threads), 1
            )
            if name == "store":
                growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    report = {
        **about, "size": list(args.size), "samples": args.samples, "samples_per_second": found,
        "store_times_folder": round(found["store"] / found["jpg_png_folder"], 1),
        "store_times_h5": round(found["store"] / found["h5_files"], 1), "store_memory_growth_mb": round(growth, 1),
    }  # fmt: skip
    finish(args, report)


if __name__ == "__main__":
    main()
