"""How fast scenes are made: rooms and roads a second, what each part of it takes, and the settings they depend on.

python benchmarks/scenes.py --threads 2 --processes 2 --json scenes.json

The parts are measured one after the other, each alone; in training they overlap. ``composing`` is one process's;
``composing_shared`` that of all, and ``taking_over`` what it costs the main one, which more processes do not make smaller.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

from _report import begin, finish, parser

from depthlib.batches import Batches
from depthlib.data.scenes import Roads, Rooms, render
from depthlib.sample import collate
from depthlib.timing import now

#: How many batches are enough for what is not the figure itself.
TIMES = 6


def measure(data: Rooms | Roads, batch: int, readers: int) -> dict[str, float]:
    """Wall and processor seconds for the whole data set, read as training does, after some batches of warming up."""
    warm, steps = readers + 1, len(data) // batch
    with Batches(data, batch, 1, 0, 0, 0, 1, data.device, readers) as feed:
        for step in range(warm):
            feed.take(step, warm - 1)
        wall, busy, waits = now(), time.process_time(), _waits()
        for step in range(warm, warm + steps):
            feed.take(step, warm + steps - 1)
        wall, busy, waits = now() - wall, time.process_time() - busy, _waits() - waits
    return {
        "per_second": round(steps * batch / wall, 3),
        "wall_seconds": round(wall, 3),
        "processor_seconds": round(busy, 3),
        "waits_per_scene": round(waits / (steps * batch)),
    }


def _waits() -> int:
    """How often a thread of this process has given way because it had to wait."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def parts(data: Rooms | Roads, batch: int, compiled: bool) -> dict[str, float]:
    """Milliseconds a scene of each part; ``batch`` scenes at once, at most so many times."""
    starts = range(0, len(data) - batch + 1, batch)[:TIMES]
    batches = [list(range(start, start + batch)) for start in starts]

    def timed(what: Callable[[int], object]) -> tuple[float, float]:
        """Wall and processor milliseconds a scene of something done for every batch: medians."""
        taken = []
        for number in (0, *range(len(batches))):
            wall, busy = now(), time.process_time()
            what(number)
            scale = 1000 / len(batches[number])
            taken.append((scale * (now() - wall), scale * (time.process_time() - busy)))
        walls, busies = zip(*taken[1:], strict=True)  # the first time is for warming up
        return statistics.median(walls), statistics.median(busies)

    found = {"composing": timed(lambda i: data.composer(data.seed, batches[i]))[0]}
    if data.processes > 1:
        found["composing_shared"], found["taking_over"] = timed(lambda i: data.make(batches[i]))
    scenes = [data.make(indices) for indices in batches]
    K = data.K().to(data.device)
    found["rendering"] = timed(lambda i: render(scenes[i], K, None, *data.size))[0]
    if compiled:
        for scene in scenes:  # what differs from batch to batch is compiled for sizes that change
            render(scene, K, None, *data.size, compiled=True)
        found["rendering_compiled"] = timed(lambda i: render(scenes[i], K, None, *data.size, compiled=True))[0]
    frame = render(scenes[0], K, None, *data.size)
    found["packing"] = timed(lambda i: collate(data.pack(batches[i], frame)))[0]
    return {part: round(took, 4) for part, took in found.items()}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--count", type=int, default=128)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--device", default="cpu")
    options.add_argument("--processes", type=int, default=1, help="that share the work; one is measured as well")
    options.add_argument("--readers", type=int, default=1, help="threads that ask for batches, as in training")
    options.add_argument("--compile", action="store_true", help="measure the compiled renderer, too")
    args = options.parse_args()
    about = begin(args)
    report: dict[str, Any] = {**about, "count": args.count, "batch": args.batch, "device": args.device,
                                "processes": args.processes, "readers": args.readers}  # fmt: skip
    for kind in (Rooms, Roads):
        data = kind(args.count, device=args.device, processes=args.processes)
        row: dict[str, Any] = {"size": data.size, **measure(data, args.batch, args.readers)}
        if args.processes > 1:
            few = min(args.count, TIMES * args.batch)  # one process is slow
            row["one_process"] = measure(kind(few, device=args.device), args.batch, args.readers)
        row["milliseconds"] = parts(data, args.batch, compiled=False)
        report[data.name] = row
        print(data.name, row, flush=True)
        finish(args, report)  # after each: compiling can outlast the time that there is
    for kind in (Rooms, Roads) if args.compile else ():
        fast = kind(args.count, device=args.device, processes=args.processes, compile=True)
        row = report[fast.name]
        row["compiled"] = measure(fast, args.batch, args.readers)
        finish(args, report)
        row["milliseconds"] = parts(fast, args.batch, compiled=True)
        print(fast.name, row, flush=True)
        finish(args, report)


if __name__ == "__main__":
    main()
