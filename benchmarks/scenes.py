"""How fast scenes are made: rooms and roads a second, with the settings they depend on.

python benchmarks/scenes.py --count 64 --threads 2 --json scenes.json
"""

from __future__ import annotations

import time

from _report import begin, finish, parser

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
    options = parser(__doc__)
    options.add_argument("--count", type=int, default=64)
    options.add_argument("--batch", type=int, default=16)
    options.add_argument("--device", default="cpu")
    args = options.parse_args()
    about = begin(args)
    report: dict[str, object] = {**about, "count": args.count, "batch": args.batch, "device": args.device}
    for data in (Rooms(args.count, device=args.device), Roads(args.count, device=args.device)):
        report[data.name] = {"size": data.size, **measure(data, args.batch)}
    finish(args, report)


if __name__ == "__main__":
    main()
