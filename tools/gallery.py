"""Makes the excerpts in depthlib/gallery.

python tools/gallery.py          the reports and curves that chapters draw, from results/
python tools/gallery.py runs     also figures and pictures; needs NYU Depth v2 and runs of the networks below, of any seed.
                                 What belongs to a run that is not in the folder stays as it is.
python tools/gallery.py --larger "features=runs/sweeps/…" "critic=…"
                                 only what these runs of super-resolution make of two maps; needs Middlebury's Cones.
python tools/gallery.py --roads runs/eigen-roads/cpu-0
                                 only what this run makes of rendered roads.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from depthlib.baselines import Enlargement, constant, mean_depth_image, median_depth_image
from depthlib.checkpoints import latest_checkpoint, load_model
from depthlib.data import open_dataset
from depthlib.evaluation import Score, evaluate
from depthlib.gallery import CURVES, FIGURES, KEPT, LAM, LARGER, NINE, REPORTS, ROADS, SORTED, encode
from depthlib.metrics import PIXEL_METRICS
from depthlib.observations import SmallDepth
from depthlib.prediction import predict
from depthlib.predictors import Informed, Predictor, Shown, from_model
from depthlib.results import read_results, results_path
from depthlib.sample import RGBD, collate

#: Every network of which curve and figures are kept: recipe → stages.
NETWORKS = {
    "densedepth-mobilenet-nyu": ("all",),
    "densedepth-mobilenet-random": ("all",),
    "densedepth-mobilenet-rooms": ("all",),
    "densedepth-mobilenet-nyu-from-rooms": ("all",),
    "eigen-nyu": ("coarse", "fine"),
    "eigen-nyu-log-rmse": ("coarse", "fine"),
    "eigen-nyu-from-rooms": ("fine",),
    "eigen-nyu-report": ("fine",),
}
CURVED = (*NETWORKS, "superres-gan")
ON_NINE = ("densedepth-mobilenet-nyu/all", "densedepth-mobilenet-random/all")
ON_SORTED = ("eigen-nyu/coarse", "eigen-nyu/fine")
ON_LAM = ("eigen-nyu/fine@2", "eigen-nyu-log-rmse/fine@2")  # λ of ½ and of 0, trained alike on one machine
#: Which of results/ the chapters draw whole, and of which they compare the scores.
REPORTED = (
    "benchmarks/recipes", "benchmarks/switches-eigen-nyu", "benchmarks/switches-densedepth-mobilenet-nyu",
    "benchmarks/shards", "benchmarks/reconstruction", "sweeps/eigen-rooms-lam",
    "sweeps/superres-alpha", "sweeps/superres-beta", "sweeps/superres-gamma", "sweeps/sparse-nyu-patterns",
)  # fmt: skip
SCORED = tuple(f"{recipe}/cpu-{seed}" for recipe in ("eigen-nyu", "eigen-nyu-log-rmse") for seed in range(3))
SIZE = (72, 96)
ROOM, EXCERPT = 3, (104, 136)
CORNERS = {"cones": (150, 130), "room": (100, 130)}
LIMIT = 110_000  # bytes a file: they go into every installation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="?", help="the folder of runs (default: pack the reports only)")
    parser.add_argument("--larger", nargs="+", metavar="NAME=RUN", help="runs of super-resolution")
    parser.add_argument("--roads", metavar="RUN", help="a run of eigen-roads")
    parser.add_argument("--profile", default="cpu")
    args = parser.parse_args()
    reports = {name: json.loads(Path(f"results/{name}.json").read_text()) for name in REPORTED}
    reports |= {name: {"metrics": read_results(f"results/{name}.json")["metrics"]} for name in SCORED}
    REPORTS.write_text(json.dumps(reports, indent=0) + "\n")
    results = {name: read_results(results_path("results", name, args.profile, 0)) for name in CURVED}
    curves = {
        name: {"results": f"{name}/{args.profile}-0", "commit": found["commit"], "curve": found["curve"]}
        for name, found in results.items()
    }
    CURVES.write_text(json.dumps(curves, indent=0) + "\n")
    if args.larger:
        keep_larger(dict(pair.split("=", 1) for pair in args.larger))
    if args.roads:
        keep_roads(args.roads)
    if args.runs is None:
        return

    test = open_dataset("nyu", "test", (240, 320))
    if not test[0].get("scene"):
        raise SystemExit("The test images do not know their scenes: expected what depthlib.data.nyu.open_nyu opens.")
    train = open_dataset("nyu", "train", (240, 320))
    predictors: dict[str, Predictor] = {
        f"eigen-nyu/{name}": constant(image(train))
        for name, image in (("mean", mean_depth_image), ("median", median_depth_image))
    }
    made = dict.fromkeys(predictors, _kept(results_path("results", "eigen-nyu", args.profile, 0)))
    for name, stages in NETWORKS.items():
        for folder in sorted((args.runs / name).glob(f"{args.profile}-*")):
            seed = int(folder.name.rpartition("-")[2])
            mark = f"@{seed}" if seed else ""
            for stage in stages if latest_checkpoint(folder) else ():
                key = f"{name}/{stage}{mark}"
                predictors[key] = from_model(load_model(folder, stage))
                made[key] = _kept(results_path("results", name, args.profile, seed))
    with np.load(FIGURES) as stored:
        figures = {name: stored[name] for name in stored if name != "about"}
        sources = json.loads(str(stored["about"]))["results"] | made
    for name, predictor in predictors.items():
        scored = evaluate(predictor, test, "eigen14")
        figures[name] = figures_of(scored).astype(np.float16)
    about = np.array(json.dumps({"results": sources, "scenes": scored.scenes}))
    np.savez_compressed(FIGURES, about=about, **figures)

    def keep_if(path: Path, names: Sequence[str], indices: Sequence[int]) -> None:
        if set(names) <= set(predictors):
            keep(path, test, indices, {name: predictors[name] for name in names}, made)

    errors = {name: found[KEPT.index("scale_invariant_rmse")] for name, found in figures.items()}
    keep_if(NINE, ON_NINE, np.random.default_rng(0).choice(len(test), 9, replace=False).tolist())
    keep_if(SORTED, ON_SORTED, evenly(errors["eigen-nyu/fine"], 7))
    if set(ON_LAM) <= set(errors):
        half, none = (errors[name].astype(np.float32) for name in ON_LAM)
        keep_if(LAM, ON_LAM, evenly(half - none, 5))
    for file in (CURVES, FIGURES, NINE, SORTED, LAM, REPORTS):
        size = file.stat().st_size
        print(f"{file}: {size / 1000:.0f} kB")
        if size > LIMIT:
            raise SystemExit(f"{file}: more than {LIMIT / 1000:.0f} kB; it goes into every installation. Take less.")


def evenly(values: np.ndarray, count: int) -> list[int]:
    """Where values lie at even ranks, from the smallest to the largest."""
    return values.argsort()[np.linspace(0, len(values) - 1, count).round().astype(int)].tolist()


def figures_of(score: Score) -> np.ndarray:
    """The kept figures of each image: [len(KEPT), N]."""
    return torch.stack([PIXEL_METRICS[name].figure(score.sums[:, None], "pixels") for name in KEPT]).numpy()


def keep(
    path: Path, test: RGBD, indices: Sequence[int], predictors: dict[str, Predictor], made: dict[str, str]
) -> None:
    """Pictures, truths and answers, small."""
    samples = [test[i] for i in indices]
    about = {
        "names": [s["name"] for s in samples], "indices": list(indices), "networks": list(predictors),
        "results": {name: made[name] for name in predictors},
        "source": "NYU Depth v2, Silberman et al. 2012, test split",
    }  # fmt: skip
    stored: dict[str, np.ndarray] = {"about": np.array(json.dumps(about))}
    for i, sample in enumerate(samples):
        picture = Image.fromarray((sample["rgb"].permute(1, 2, 0) * 255).round().byte().numpy())
        file = io.BytesIO()
        picture.resize(SIZE[::-1], Image.Resampling.LANCZOS).save(file, "webp", quality=80, method=6)
        stored[f"rgb{i}"] = np.frombuffer(file.getvalue(), np.uint8)
        stored[f"truth{i}"] = encode(shrink(sample["depth"]))
        for name, predictor in predictors.items():
            stored[f"{name}{i}"] = encode(shrink(predictor(sample["rgb"][None])[0]))
    np.savez_compressed(path, **stored)


def keep_larger(runs: dict[str, str]) -> None:
    """What runs of super-resolution make of an excerpt of Middlebury's Cones and of a room."""
    scenes = {
        "cones": (open_dataset("disparities", "test", None, scenes=["cones"]), 0, 0.5),  # half levels of 8 bits
        "room": (open_dataset("rooms", "validation", (240, 320), count=ROOM + 1), ROOM, 0.001),  # millimetres
    }
    predictors: dict[str, Informed] = {"bicubic": Enlargement("bicubic", 8)}
    predictors |= {name: Shown(load_model(run), SmallDepth(8)) for name, run in runs.items()}
    for scene, (dataset, index, step) in scenes.items():
        batch = collate([dataset[index]])
        (top, left), (height, width) = CORNERS[scene], EXCERPT
        part = (0, slice(None), slice(top, top + height), slice(left, left + width))

        def levels(depth: Tensor, part: tuple = part, step: float = step) -> np.ndarray:
            file, values = io.BytesIO(), (depth[part][0] / step).round().clamp(0, 65535)
            Image.fromarray(values.numpy().astype(np.uint16)).save(file, "png", optimize=True)
            return np.frombuffer(file.getvalue(), np.uint8)

        picture = (batch["rgb"][part].permute(1, 2, 0) * 255).round().byte().numpy()
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "webp", quality=85, method=6)
        about = {
            "networks": list(predictors), "corner": [top, left], "step": step, "index": index,
            "source": f"{dataset.name}, {'test' if scene == 'cones' else 'validation'} {batch['name'][0]}",
            "runs": {name: _run(run) for name, run in runs.items()},
        }  # fmt: skip
        stored = {"about": np.array(json.dumps(about)), "rgb": np.frombuffer(file.getvalue(), np.uint8)}
        stored |= {"truth": levels(batch["depth"])} | {n: levels(p.of(batch)) for n, p in predictors.items()}
        np.savez_compressed(LARGER[scene], **stored)
        size = LARGER[scene].stat().st_size
        print(f"{LARGER[scene]}: {size / 1000:.0f} kB")
        if size > LIMIT:
            raise SystemExit(f"{LARGER[scene]}: more than {LIMIT / 1000:.0f} kB. Take a smaller excerpt.")


def keep_roads(run: str) -> None:
    """Answers of Eigen's networks to five roads, and the coarse one's longest templates."""
    roads = open_dataset("roads", "test", (184, 612), count=100)
    stages = {stage: load_model(run, stage) for stage in ("coarse", "fine")}
    scored = evaluate(from_model(stages["fine"]), roads, "eigen14_kitti")
    errors = figures_of(scored)[KEPT.index("scale_invariant_rmse")]
    indices = evenly(errors, 5)
    rgb = torch.stack([roads[i]["rgb"] for i in indices])
    stored = {
        stage: predict(model, rgb).depth[:, 0].cpu().numpy().astype(np.float16) for stage, model in stages.items()
    }
    weight = stages["fine"].coarse.full7.weight.detach().T.numpy()
    longest = weight[np.argsort(-np.linalg.norm(weight, axis=1))[:12]].reshape(12, *stored["fine"].shape[1:])
    reach = np.abs(longest).max(axis=(1, 2), keepdims=True)
    about = {"indices": indices, "run": _run(run), "source": "rendered roads, test split"}
    np.savez_compressed(
        ROADS, about=np.array(json.dumps(about)), errors=errors[indices].astype(np.float32), **stored,
        templates=(longest / reach * 127).round().astype(np.int8),
    )  # fmt: skip
    size = ROADS.stat().st_size
    print(f"{ROADS}: {size / 1000:.0f} kB")
    if size > LIMIT:
        raise SystemExit(f"{ROADS}: more than {LIMIT / 1000:.0f} kB. Take fewer roads.")


def _kept(path: Path) -> str:
    return f"{path.as_posix()}, commit {read_results(path)['commit']}"


def _run(folder: str) -> dict[str, object]:
    found = read_results(Path(folder) / "results.json")
    return {key: found[key] for key in ("command", "commit", "samples_seen")}


def shrink(depth: Tensor) -> np.ndarray:
    return torch.nn.functional.interpolate(depth[None], SIZE, mode="nearest-exact")[0, 0].numpy()


if __name__ == "__main__":
    main()
