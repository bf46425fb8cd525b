"""How fast scenes are made: rooms and roads a second, with the settings they depend on.

python benchmarks/scenes.py --count 64 --threads 2 --json scenes.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time

import torch

from depthlib.data.scenes import Roads, Rooms


def measure(data: Rooms | Roads, batch: int) -> dict[str, float]:
    """Wall and processor seconds for the whole data set, after one batch of warming up."""
    data.__getitems__(range(min(batch, len(data))))
    wall, busy = time.perf_counter(), time.process_time()
    for start in range(0, len(data), batch):
        samples = data.__getitems__(range(start, min(start + batch, len(data))))
    float(samples[-1]["depth"].sum())  # waits for a GPU
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {"per_second": len(data) / wall, "wall_seconds": wall, "processor_seconds": busy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", metavar="OUT")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    report: dict[str, object] = {
        "count": args.count, "batch": args.batch, "threads": args.threads, "device": args.device,
        "torch": torch.__version__, "machine": platform.processor() or platform.machine(),
        "load_before": os.getloadavg()[0],
    }  # fmt: skip
    for data in (Rooms(args.count, device=args.device), Roads(args.count, device=args.device)):
        report[data.name] = {"size": data.size, **measure(data, args.batch)}
    print(json.dumps(report, indent=2))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
