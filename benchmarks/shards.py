"""Samples a second of one epoch: shards from a folder and from a server, beside the store, WebDataset, and jpg and png.

python benchmarks/shards.py --samples 512 --json shards.json

The same frames of 240x320 in each form, in batches of 16 as a training asks for them: bytes of colour and millimetres, made
floats by the device. WebDataset reads the same shards and decodes the same pictures. The server is this machine's, so its
figure is the price of HTTP, of writing what came to a cache and of checking it, and not that of a network; ``megabytes_per_second``
says what a network would have to carry. All are read by as many threads as given, after one pass that warms the disk's cache;
WebDataset, which reads in processes, by one.
"""

from __future__ import annotations

import functools
import http.server
import io
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _report import begin, finish, parser
from PIL import Image
from reading import BATCH, speed, write_forms

from depthlib.data import open_dataset
from depthlib.data.shards import Shards, write_shards
from depthlib.data.store import Store


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def by_webdataset(folder: Path, count: int) -> float:
    """Samples a second of the library that made the format known, reading and decoding the same files."""
    import webdataset

    urls = [str(path) for path in sorted(folder.glob("*.tar"))]

    def millimetres(key: str, content: bytes) -> Any:
        return np.asarray(Image.open(io.BytesIO(content))) if key.endswith("depth.png") else None

    rows = webdataset.WebDataset(urls, shardshuffle=False).decode(millimetres, "rgb8").batched(BATCH)
    began = time.perf_counter()
    read = sum(len(batch["__key__"]) for batch in rows)
    assert read == count, (read, count)
    return read / (time.perf_counter() - began)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--samples", type=int, default=512)
    options.add_argument("--size", type=int, nargs=2, default=(240, 320))
    args = options.parse_args()
    about = begin(args)
    torch.set_num_threads(1)  # the threads are those that read
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_forms(root, args.samples, tuple(args.size))
        store, folder = Store(root / "store"), open_dataset("folder", root=root / "pairs")
        write_shards(store, root / "shards", each=64)
        local = Shards(root / "shards", lanes=4)
        order = rng.permutation(args.samples).tolist()
        found: dict[str, float] = {}
        for label, read, how in (
            ("store", store.encoded, order),
            ("shards_folder", local.encoded, local.order(0, 0)),
            ("jpg_png_folder", folder.__getitems__, order),
        ):
            speed(read, how, args.threads)  # warm
            found[label] = speed(read, how, args.threads)
        by_webdataset(root / "shards", args.samples)
        found["webdataset"] = by_webdataset(root / "shards", args.samples)
        found["shards_folder_one_thread"] = speed(local.encoded, local.order(0, 0), 1)
        handler = functools.partial(Quiet, directory=str(root / "shards"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        remote = Shards(f"http://127.0.0.1:{server.server_port}", lanes=4)
        found["shards_server"] = speed(remote.encoded, remote.order(0, 0), args.threads)
        server.shutdown()
        size = sum(shard["bytes"] for shard in local.meta["shards"])
        kept = sum(path.stat().st_size for path in (root / "store").rglob("*") if path.is_file())
        pairs = sum(path.stat().st_size for path in (root / "pairs").rglob("*") if path.is_file())
    report = {
        **about, "size": list(args.size), "samples": args.samples, "batch": BATCH,
        "samples_per_second": {label: round(value, 1) for label, value in found.items()},
        "megabytes_per_second": round(found["shards_server"] * size / args.samples / 1e6, 1),
        "kilobytes_per_sample": {
            label: round(total / args.samples / 1e3, 1)
            for label, total in (("store", kept), ("shards", size), ("jpg_png_folder", pairs))
        },
    }  # fmt: skip
    finish(args, report)


if __name__ == "__main__":
    main()
