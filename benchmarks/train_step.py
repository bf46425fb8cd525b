"""A training step of each network: what public code does (eager, fp32, NCHW) beside our defaults, in one run.

python benchmarks/train_step.py --encoders mobilenet_v2 densenet121 --size 224 320 --batch 8 --json train_step.json

Ours on a CPU: bf16 autocast, channels_last, a fused optimiser. On a GPU TF32 is stated in the report. Weights are random:
the speed does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time

import torch

from depthlib.losses import make_loss, reduce
from depthlib.models import build_model
from depthlib.models.base import DepthModel


def make(network: str, size: tuple[int, int]) -> DepthModel:
    torch.manual_seed(0)
    if network == "eigen":
        model = build_model("eigen")
        model.begin_phase("coarse")
        return model
    model = build_model("densedepth", encoder=network, output="log", size=size)
    model.begin_phase("all")
    return model


def images_per_second(network: str, size: tuple[int, int], batch: int, ours: bool, steps: int, device: str) -> float:
    """Forward, backward and optimiser step, after one step of warming up."""
    model = make(network, size).to(device).train()
    layout = torch.channels_last if ours else torch.contiguous_format
    model = model.to(memory_format=layout)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-4, fused=ours)
    loss = make_loss("scale_invariant_log")
    rgb = torch.rand(batch, 3, *model.input_size, device=device).contiguous(memory_format=layout)
    target, mask = model.target(torch.rand(batch, 1, *model.input_size, device=device) * 5 + 1)
    began = 0.0
    for step in range(steps + 1):
        if step == 1:
            _wait(device)
            began = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=ours):
            output = model(rgb)
        reduce(*loss(output, target, mask)).backward()
        optimiser.step()
        optimiser.zero_grad()
    _wait(device)
    return batch * steps / (time.perf_counter() - began)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", nargs="+", default=["eigen", "mobilenet_v2"])
    parser.add_argument("--size", nargs=2, type=int, default=[224, 320])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", metavar="OUT")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    report: dict[str, object] = {
        "size": args.size, "batch": args.batch, "steps": args.steps, "threads": args.threads, "device": args.device,
        "tf32": torch.backends.cuda.matmul.allow_tf32, "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(), "load_before": os.getloadavg()[0],
    }  # fmt: skip
    size = (args.size[0], args.size[1])
    for network in args.encoders:
        eager = images_per_second(network, size, args.batch, False, args.steps, args.device)
        ours = images_per_second(network, size, args.batch, True, args.steps, args.device)
        report[network] = {
            "eager_fp32_nchw": round(eager, 2), "ours": round(ours, 2), "times_faster": round(ours / eager, 2),
        }  # fmt: skip
    print(json.dumps(report, indent=1))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
