"""What a GPU is good for here, the most valuable first: tests on it, benchmarks, then trainings; what came of it is kept.

python tools/gpu.py                  all of it, one piece after the other (make gpu does the same)
python tools/gpu.py --minutes 9      as much as fits; the same command goes on where this one ended
python tools/gpu.py --list           the pieces, and which are done
python tools/gpu.py --only eigen-nyu --profile cpu

Results go to results/, benchmarks to results/benchmarks/ with the profile in their names, checkpoints in half precision to
runs/plan/half (those under 15 MB); all of these in another folder with --out. A piece that needs data or weights which are
not here says so and the next one follows; what failed, or was cut off because time was up, comes after all others when the
command is given again. The exit status is 75 if time is up and the same command would go on, 1 if a piece failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from depthlib.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 15_000_000  # bytes of a checkpoint that is worth carrying away
AGAIN = 75  # exit status: stopped in time, everything saved


@dataclass(frozen=True)
class Piece:
    """A command, and what it is.

    Args:
        command: after the Python executable; what stands in braces is filled in.
        recipe: that it trains, in pieces of a few minutes; empty for other commands.
        needs: minutes that it may take, if it cannot be interrupted; else those without which it need not begin.
    """

    name: str
    command: tuple[str, ...]
    recipe: str = ""
    needs: float = 0.0


def training(recipe: str, *more: str, seed: int = 0) -> Piece:
    seeded = (*more, "-p", f"seed={seed}") if seed else more
    name = recipe if not seed else f"{recipe}-{seed}"
    command = ("-m", "depthlib", "train", recipe, "--profile", "{profile}", "--results", "{out}/results", *seeded)
    # two minutes: to compile, a few steps, to save
    return Piece(name, command, recipe, needs=2)


def benchmark(name: str, *command: str, needs: float) -> Piece:
    return Piece(
        f"benchmark-{name}", (*command, "--json", f"{{out}}/results/benchmarks/{name}-{{profile}}.json"), needs=needs
    )


def step(network: str, name: str, needs: float) -> Piece:
    """One network a piece: compiling a large one takes minutes."""
    return benchmark(name, "benchmarks/train_step.py", "--networks", network, "--sizes", "480x640", "--batch", "{batch}",
                     "--steps", "{steps}", needs=needs)  # fmt: skip


BENCH = ("-m", "depthlib", "bench")
PLAN = (
    Piece("tests", ("-m", "pytest", "-v", "tests/test_cuda.py"), needs=4),
    step("densenet169", "train-step-densenet169", needs=6),
    step("eigen", "train-step", needs=3),
    benchmark("scenes", "benchmarks/scenes.py", "--count", "{scene_count}", "--batch", "{scene_batch}", "--device", "{device}",
              "--processes", "{cores}", "--readers", "{readers}", "{compiled}", needs=5),
    benchmark("eigen-nyu", *BENCH, "eigen-nyu", "--profile", "{profile}", "--steps", "{steps}", "{large}", needs=3),
    benchmark("eigen-nyu-switches", *BENCH, "eigen-nyu", "--profile", "{profile}", "--steps", "{steps}", "--switches", needs=8),
    benchmark("densedepth169-nyu", *BENCH, "densedepth169-nyu", "--profile", "{profile}", "--steps", "{steps}",
              "-p", "model.options.weights=null", needs=6),
    step("mobilenet_v2", "train-step-mobilenet_v2", needs=4),
    step("resnet50", "train-step-resnet50", needs=4),
    step("densenet121", "train-step-densenet121", needs=6),
    training("eigen-nyu"),
    training("eigen-nyu-log-rmse"),
    training("densedepth-mobilenet-nyu"),
    training("eigen-nyu", seed=1),
    training("eigen-nyu", seed=2),
    training("densedepth169-nyu"),
    training("densedepth121-nyu"),
    training("eigen-rooms-wide"),
    training("eigen-nyu-from-rooms", "-p", "model.weights={out}/runs/eigen-rooms-wide/{profile}-0"),
    training("densedepth-mobilenet-rooms"),
    training("eigen-nyu-paper"),
    training("eigen-roads"),
)  # fmt: skip


def filled(piece: Piece, profile: str, out: Path) -> list[str]:
    """The piece's command for a profile."""
    gpu = profile == "gpu"
    scenes, at_once = {"gpu": ("4096", "128"), "cpu": ("32", "16"), "smoke": ("8", "4")}[profile]
    values = {
        "profile": profile, "out": str(out), "device": "cuda" if gpu else "cpu", "batch": "32" if gpu else "2", "steps": "20" if gpu else "3",
        "scene_count": scenes, "scene_batch": at_once, "readers": "4" if gpu else "1",
        "cores": str(max(1, (os.cpu_count() or 1) - (2 if gpu else 0))),
    }  # fmt: skip
    large = ("-p", "phases.0.batch=256", "-p", "phases.1.batch=256")
    only_on_gpu = {"{compiled}": ("--compile",), "{large}": large}
    words: list[str] = []
    for word in piece.command:
        parts = (word,) if word not in only_on_gpu else only_on_gpu[word] if gpu else ()
        words += [part.format(**values) for part in parts]
    return words


def keep_half(piece: Piece, profile: str, out: Path) -> str:
    """Keep the weights of a finished training in half precision, if they are small enough; what was done, in words."""
    from depthlib.checkpoints import halved

    seed = next((word.removeprefix("seed=") for word in piece.command if word.startswith("seed=")), "0")
    content, state = halved(out / "runs" / piece.recipe / f"{profile}-{seed}")
    if len(content) > LIMIT:
        return f"{len(content) / 1e6:.0f} MB in half precision: not kept"
    target = out / "runs/plan/half" / f"{piece.recipe}-{profile}-{seed}"
    target.mkdir(parents=True, exist_ok=True)
    write_whole(target / "model.safetensors", lambda partial: partial.write_bytes(content))
    write_whole(target / "state.json", lambda partial: partial.write_text(json.dumps(state, indent=1) + "\n"))
    return f"{len(content) / 1e6:.1f} MB kept in {target}"


def run(command: list[str], environment: dict[str, str], seconds: float | None) -> int | None:
    """The command's exit status; None if it was still at work after so many seconds. Nothing that it started is left behind."""
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        for number, grace in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(grace)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=("gpu", "cpu", "smoke"), default="gpu")
    parser.add_argument("--minutes", type=float, default=0, help="stop in time for this (default: go on to the end)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="these pieces only; repeatable")
    parser.add_argument(
        "--out", type=Path, default=ROOT, metavar="FOLDER", help="where results/ and runs/ are (default: here)"
    )
    parser.add_argument("--list", action="store_true", help="say what there is and what is done, and stop")
    args = parser.parse_args()
    known = [piece.name for piece in PLAN]
    if wrong := [name for name in args.only if name not in known]:
        parser.error(f"--only {wrong[0]}: there are {', '.join(known)}")
    out = args.out.resolve()
    notes = out / "runs" / "plan" / f"{args.profile}.json"
    try:
        done: dict[str, str] = json.loads(notes.read_text())
    except (OSError, ValueError):
        done = {}
    chosen = [piece for piece in PLAN if not args.only or piece.name in args.only]
    if args.list:
        for piece in chosen:
            print(f"{piece.name:32}{done.get(piece.name, 'to do')}")
        return 0
    if args.profile == "gpu":
        import torch

        if not torch.cuda.is_available():
            print("gpu: there is no CUDA GPU here; `--profile cpu` runs the same plan, smaller.", file=sys.stderr)
            return 2
    until = time.monotonic() + 60 * args.minutes if args.minutes else float("inf")
    (out / "results" / "benchmarks").mkdir(parents=True, exist_ok=True)
    notes.parent.mkdir(parents=True, exist_ok=True)
    # what was compiled once need not be again while this machine is held
    kernels = str(out / "runs" / "plan" / "kernels")
    environment = {"TORCHINDUCTOR_CACHE_DIR": kernels, **os.environ, "DEPTHLIB_RUNS": str(out / "runs")}
    environment["PYTHONUNBUFFERED"] = "1"  # what is cut off has said where it was
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(AGAIN))  # so that what is at work is ended, too
    failed = waits = False
    for piece in sorted(chosen, key=lambda piece: done.get(piece.name, "").startswith(("failed", "cut off"))):
        left = (until - time.monotonic()) / 60
        if done.get(piece.name, "").startswith("done"):
            continue
        if left < max(piece.needs, 0.2):
            print(f"{piece.name}: {left:.1f} minutes are left; the same command goes on here.")
            waits = True  # a smaller piece may still fit
            continue
        command = filled(piece, args.profile, out)
        if piece.recipe and args.minutes:
            command += ["--minutes", f"{max(0.1, left - 1):.2f}"]  # scoring needs a little, too
        print(f"\n{piece.name}: {shlex.join(command)}", flush=True)
        began = time.monotonic()
        status = run(command, environment, max(5, 60 * left - 10) if args.minutes else None)
        took = f"{time.monotonic() - began:.0f} s"
        if status == AGAIN:
            return AGAIN
        if status is None:
            print(f"{piece.name}: cut off after {took}", flush=True)
            if piece.recipe:  # it goes on from its last checkpoint, or only its scoring is left
                return AGAIN
            if done.get(piece.name, "").startswith("cut off"):
                done[piece.name], status = f"failed: cut off twice, at last after {took}", 1
            else:
                done[piece.name] = f"cut off after {took}"
        else:
            done[piece.name] = f"done in {took}" if status == 0 else f"failed with status {status} after {took}"
        if status == 0 and piece.recipe:
            done[piece.name] += f"; {keep_half(piece, args.profile, out)}"
        failed |= status not in (0, None)
        waits |= status is None
        write_whole(notes, lambda partial: partial.write_text(json.dumps(done, indent=1) + "\n"))
        print(f"{piece.name}: {done[piece.name]}", flush=True)
    return AGAIN if waits else int(failed)


if __name__ == "__main__":
    sys.exit(main())
