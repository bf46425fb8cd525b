"""A training step of each network: what public code does (eager, fp32, NCHW) beside our defaults, in one run.

python benchmarks/train_step.py --networks eigen densenet121 --sizes 240x320 480x640 --batch 8 --json train_step.json

Forward, backward and optimiser step. Ours: bf16 autocast, channels_last, a fused optimiser, and torch.compile with
--compile (the default on a GPU); there also ``recorded``, the same with CUDA graphs. On a GPU PyTorch lets convolutions in
fp32 use TF32, so there the eager figure is taken with that and, as ``eager_exact``, without; ``uncompiled`` is ours without
compiling, and ``untried`` ours without cuDNN trying its kernels before it chooses, as the training loop lets it. What takes seconds
comes first: compiling can outlast the time that there is. The share of peak is that of a large matrix product in the same precision, timed
in the same run. Each figure has a process of its
own, so that one's memory is not the other's. Weights are random: the speed does not depend on them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from _report import begin, finish, parser

from depthlib.bench import alone, matrix_peak, operation_counter
from depthlib.losses import make_loss, reduce
from depthlib.models import build_model
from depthlib.models.base import DepthModel
from depthlib.timing import now, peak_memory


def make(network: str) -> DepthModel:
    torch.manual_seed(0)
    if network == "eigen":
        model = build_model("eigen")
        model.begin_phase("coarse")
        return model
    model = build_model("densedepth", encoder=network, output="log")
    model.begin_phase("all")
    return model


def measure(
    network: str, size: tuple[int, int], batch: int, ours: bool, steps: int, device: str, threads: int, compiled: bool,
    tf32: bool = True, recorded: bool = False, untried: bool = False,
) -> dict[str, float]:  # fmt: skip
    """Images a second, memory in MB, and the floating-point operations of an image's step."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = tf32, ours and not untried
    model = make(network).to(device).train()
    layout = torch.channels_last if ours else torch.contiguous_format
    model = model.to(memory_format=layout)
    optimiser = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-4, fused=ours or None)
    loss = make_loss("scale_invariant_log")
    size = size if model.any_size else model.input_size
    rgb = torch.rand(batch, 3, *size, device=device).contiguous(memory_format=layout)
    target, mask = model.target(torch.rand(batch, 1, *size, device=device) * 5 + 1)

    def step(network: torch.nn.Module) -> None:
        with torch.autocast(device, torch.bfloat16, enabled=ours):
            output = network(rgb)
        reduce(*loss(output, target, mask)).backward()
        optimiser.step()
        optimiser.zero_grad()

    with operation_counter() as counter:
        step(model)
    if device == "cuda":  # what counting held is not what training holds
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    mode = "reduce-overhead" if recorded else None
    fast = torch.compile(model, mode=mode, dynamic=False) if ours and compiled else model
    for _ in range(4 if recorded else 2 if compiled else 1):  # the counted step has already chosen the kernels
        step(fast)
    began = now()
    for _ in range(steps):
        step(fast)
    seconds = (now() - began) / steps
    return {
        "images_per_second": round(batch / seconds, 2),
        "memory_mb": round(peak_memory(device) / 1e6),
        "gflop_per_image": round(counter.get_total_flops() / batch / 1e9, 2),
    }


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--networks", nargs="+", default=["eigen", "mobilenet_v2"], help="eigen, or encoders")
    options.add_argument("--sizes", nargs="+", default=["240x320"])
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--steps", type=int, default=4)
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument("--compile", action="store_true", default=torch.cuda.is_available())
    args = options.parse_args()
    report = {
        **begin(args), "batch": args.batch, "steps": args.steps, "device": args.device, "compile": args.compile,
        "tf32_in_convolutions": torch.backends.cudnn.allow_tf32 if args.device == "cuda" else None,
        "peak_gflops": {
            **{name: round(alone(matrix_peak, args.threads, dtype)) for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32))},
            **({"tf32": round(alone(matrix_peak, args.threads, torch.float32, True))} if args.device == "cuda" else {}),
        },
    }  # fmt: skip
    for network in args.networks:
        for size in args.sizes[:1] if network == "eigen" else args.sizes:
            rows, columns = (int(n) for n in size.split("x"))
            common = (args.steps, args.device, args.threads)
            # name → whether with our settings, whether compiled, and what else
            kinds: dict[str, tuple[bool, bool, dict[str, bool]]] = {"eager_fp32_nchw": (False, False, {})}
            if args.compile:
                kinds["uncompiled"] = (True, False, {})
            kinds["ours"] = (True, args.compile, {})
            if args.device == "cuda":
                kinds["untried"] = (True, args.compile, {"untried": True})
                kinds["eager_exact"] = (False, False, {"tf32": False})
                if args.compile:  # once more
                    kinds["recorded"] = (True, True, {"recorded": True})
            name = network if network == "eigen" else f"{network} {size}"
            found: dict[str, Any] = {}
            report[name] = found
            for kind, (fast, compiled, more) in kinds.items():
                took = alone(partial(measure, **more), network, (rows, columns), args.batch, fast, *common, compiled)
                done = took["images_per_second"] * took["gflop_per_image"]
                exact = "tf32" if kind == "eager_fp32_nchw" and args.device == "cuda" else "fp32"
                took["share_of_peak"] = round(done / report["peak_gflops"]["bf16" if fast else exact], 3)
                found[kind] = took
                eager = found["eager_fp32_nchw"]["images_per_second"]
                took["times_faster"] = round(took["images_per_second"] / eager, 2)
                if kind == "ours":
                    found["times_faster"] = took["times_faster"]
                print(name, kind, took, flush=True)
                finish(args, report)  # after each: compiling can outlast the time that there is


if __name__ == "__main__":
    main()
