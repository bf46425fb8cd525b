"""How fast scenes are made: rooms and roads a second, with the settings they depend on.

python benchmarks/scenes.py --count 64 --threads 2 --json scenes.json
"""

from __future__ import annotations

import time

from _report import begin, finish, parser

from depthlib.batches import Batches
from depthlib.data.scenes import Roads, Rooms


def measure(data: Rooms | Roads, batch: int, readers: int) -> dict[str, float]:
    """Wall and processor seconds for the whole data set, read as training does, after some batches of warming up."""
    warm, steps = readers + 1, len(data) // batch
    with Batches(data, batch, 1, 0, 0, 0, 1, data.device, readers) as feed:
        for step in range(warm):
            feed.take(step, warm - 1)
        wall, busy = time.perf_counter(), time.process_time()
        for step in range(warm, warm + steps):
            (samples, _), *_ = feed.take(step, warm + steps - 1)
        float(samples["depth"].sum())  # waits for a GPU
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {"per_second": steps * batch / wall, "wall_seconds": wall, "processor_seconds": busy}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--count", type=int, default=64)
    options.add_argument("--batch", type=int, default=16)
    options.add_argument("--device", default="cpu")
    options.add_argument("--processes", type=int, default=1, help="that compose scenes while the device renders")
    options.add_argument("--readers", type=int, default=1, help="threads that ask for batches, as in training")
    args = options.parse_args()
    about = begin(args)
    report: dict[str, object] = {**about, "count": args.count, "batch": args.batch, "device": args.device,
                                "processes": args.processes, "readers": args.readers}  # fmt: skip
    made_by = {"device": args.device, "processes": args.processes}
    for data in (Rooms(args.count, **made_by), Roads(args.count, **made_by)):
        report[data.name] = {"size": data.size, **measure(data, args.batch, args.readers)}
    finish(args, report)


if __name__ == "__main__":
    main()
