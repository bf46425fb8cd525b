"""Makes the excerpts in depthlib/gallery from finished runs and their results. Needs NYU Depth v2.

python tools/gallery.py runs --maps densedepth-mobilenet-nyu densedepth-mobilenet-random \
    --figures densedepth-mobilenet-rooms densedepth-mobilenet-nyu-from-rooms
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from depthlib import metrics
from depthlib.checkpoints import load_model
from depthlib.data import open_dataset
from depthlib.evaluation import evaluate, from_model
from depthlib.gallery import CURVES, PICTURES, encode
from depthlib.results import read_results, results_path

SIZE = (72, 96)
LIMIT = 100_000  # bytes a file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", help="the folder of runs")
    parser.add_argument("--maps", nargs="+", required=True, help="recipes whose curve, figures and maps are kept")
    parser.add_argument("--figures", nargs="*", default=[], help="recipes of which only curve and figures are kept")
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    every = [*args.maps, *args.figures]
    results = {r: read_results(results_path("results", r, args.profile, args.seed)) for r in every}
    curves = {
        name: {"results": f"{name}/{args.profile}-{args.seed}", "commit": found["commit"], "curve": found["curve"]}
        for name, found in results.items()
    }
    CURVES.write_text(json.dumps(curves, indent=0) + "\n")

    test = open_dataset("nyu", "test", (240, 320))
    chosen = np.random.default_rng(args.seed).choice(len(test), 9, replace=False)
    samples = [test[int(i)] for i in chosen]
    about: dict[str, object] = {
        "names": [s["name"] for s in samples], "indices": chosen.tolist(), "recipes": args.maps, "seed": args.seed,
        "results": {name: entry["results"] for name, entry in curves.items()},
        "source": "NYU Depth v2, Silberman et al. 2012, test split",
    }  # fmt: skip
    stored: dict[str, np.ndarray] = {}
    for i, sample in enumerate(samples):
        picture = Image.fromarray((sample["rgb"].permute(1, 2, 0) * 255).round().byte().numpy())
        file = io.BytesIO()
        picture.resize(SIZE[::-1], Image.Resampling.LANCZOS).save(file, "webp", quality=80, method=6)
        stored[f"rgb{i}"] = np.frombuffer(file.getvalue(), np.uint8)
        stored[f"truth{i}"] = encode(shrink(sample["depth"]))
    for name in every:
        model = load_model(Path(args.runs) / name / f"{args.profile}-{args.seed}")
        sums = evaluate(model, test, "eigen14", progress=True).sums
        each = [metrics.delta(sums[:, None], 1, "pixels"), metrics.abs_rel(sums[:, None], "pixels")]
        stored[f"each-{name}"] = torch.stack(each).numpy().astype(np.float16)
        for i, sample in enumerate(samples if name in args.maps else []):
            stored[f"{name}{i}"] = encode(shrink(from_model(model)(sample["rgb"][None])[0]))
    np.savez_compressed(PICTURES, about=np.array(json.dumps(about)), **stored)
    for file in (CURVES, PICTURES):
        size = file.stat().st_size
        print(f"{file}: {size / 1000:.0f} kB")
        if size > LIMIT:
            raise SystemExit(f"{file}: more than {LIMIT / 1000:.0f} kB; it goes into every installation. Take less.")


def shrink(depth: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.interpolate(depth[None], SIZE, mode="nearest-exact")[0, 0].numpy()


if __name__ == "__main__":
    main()
