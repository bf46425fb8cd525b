"""Puts a finished run into the library's box: `depthlib predict` works with it at once after installation.

python tools/box.py runs/densedepth-mobilenet-rooms/cpu-0
python tools/box.py runs/sparse-nyu-tuned/cpu-0 --name sparse --rivals results/sparse-nyu/cpu-0.json

Writes depthlib/box, or the folder of that name in it: weights as fp16 safetensors, the recipe, and a card whose numbers come from the run's results.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from safetensors.torch import load

from depthlib.checkpoints import halved
from depthlib.reporting import table
from depthlib.results import read_results

BOX = Path(__file__).resolve().parent.parent / "depthlib" / "box"
LIMIT, SMALL = 10_000_000, 3_000_000  # bytes: of the network for pictures, and of the others

CARD = """# The network in the box

`depthlib predict photo.jpg` uses it when no `--checkpoint` is given.

| | |
|---|---|
| network | MobileNetV2 encoder and a decoder with skips (Alhashim and Wonka 2018, narrowed), {parameters:.2f} M parameters, fp16 |
| input, output | a picture, looked at in {rows}x{columns}; metres at half that size |
| recipe | `{recipe}`, profile `{profile}`, seed {seed}: `{command}` |
| learned from | rendered rooms ({images} of them, {samples} samples), no photograph with a depth map; its encoder began with torchvision's ImageNet weights |
| made with | torch {torch}, commit {commit}, {minutes:.0f} min on {device} |

## How good it is
654 test images of NYU Depth v2, real photographs, of which it saw none. `all` is this network; `mean` the mean depth
image of rooms; `constant` one depth for every pixel.

{tables}
These numbers are of the run in fp32; the halved weights change none of the aligned ones by more than .001, which is a test.

## What it is for
Trying the library, teaching, a first guess of the layout of an indoor photograph. It knows rooms as our renderer
draws them: camera at eye height, floor, walls, boxes. Outdoors, close-ups and people are beyond it, and its metres
trust that the picture has the field of view of its training (about 60° across). `depthlib train
densedepth-mobilenet-nyu` makes a much better one for those who have NYU Depth v2.

## Terms
The weights are under the library's licence. They hold nothing of NYU Depth v2, whose terms allow research only and
which was used for the table above alone. torchvision's ImageNet weights, from which the encoder began, are BSD-3.
"""

SPARSE = """# Sparse to dense in the box

`load_model("box/sparse")`, or `depthlib evaluate fill:box/sparse:uniform:0.1 --against nyu --protocol makarov18`.

| | |
|---|---|
| network | mask-aware U-Net over 4x4 blocks (`depthlib.models.sparse_to_dense`), {parameters:.2f} M parameters, fp16 |
| input, output | depth at a few pixels, 0 elsewhere, any unit and size; depth everywhere in that unit, the measured pixels unchanged |
| recipe | `{recipe}`, profile `{profile}`, seed {seed}: `{command}` |
| learned from | {images} training maps of NYU Depth v2, {samples} samples after those of `sparse-nyu`, a tenth of the pixels in four patterns; no pictures |
| made with | torch {torch}, commit {commit}, {minutes:.0f} min on {device} |

## How good it is
654 test maps of NYU Depth v2 at {rows}x{columns}, of which it saw none. `all` is this network; `linear` is SciPy's interpolation on Delaunay
triangles, `nearest` the nearest measured pixel; all three are shown the same pixels. RMSE in metres.

{tables}
These numbers are of the run in fp32; the halved weights change none by more than .001, which is a test.

## What it is for
Maps of rooms of which about a tenth is measured. With 1 % and less interpolation is better: it has not been trained
for so few (the recipe `sparse-nyu-any` is). It works at any scale of depth, and outdoors it has never been.

## Terms
The labelled NYU Depth v2, from which it learned, is for research; take these weights to be so, too.
"""

LARGER = """# Super-resolution in the box: {factor} times larger each way

`load_model("box/superres-x{factor}")`, or `depthlib evaluate enlarge:box/superres-x{factor}:{factor} --against disparities --protocol makarov18`.

| | |
|---|---|
| network | residual blocks at the small size, sub-pixel steps up (`depthlib.models.upsampler`), {parameters:.2f} M parameters, fp16 |
| input, output | a map without holes, depth or disparity in any unit, each pixel the mean of {factor}x{factor}; the map {factor} times larger each way, whose means are what was shown |
| recipe | `{recipe}`, profile `{profile}`, seed {seed}: `{command}` |
| learned from | {images} rendered rooms, {samples} samples; no picture, no real map |
| made with | torch {torch}, commit {commit}, {minutes:.0f} min on {device} |

## How good it is
Real maps that it never saw: Middlebury's Cones, Teddy, Tsukuba and Venus in levels of 8 bits, Motorcycle in pixels of disparity; and rendered
rooms in metres. Holes take their nearest known value before the map is made small, and are not scored. `all` is this network.

{tables}
These numbers are of the run in fp32.

## What it is for
Small maps that were made by averaging: a mean says how much of a cell lies on either side of an outline. Of a map that was made by picking
pixels it makes no sense. Things thinner than half a cell are lost in the small map, and no network brings them back.

## Terms
The weights are under the library's licence; they learned from this library's own rooms.
"""

CARDS = {"sparse": SPARSE, "superres-x8": LARGER, "superres-x4": LARGER}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a finished run's folder")
    parser.add_argument("--name", choices=CARDS, help="of a network that is shown some depth")
    parser.add_argument("--rivals", metavar="JSON", help="results whose baselines stand in the card beside this run")
    args = parser.parse_args()
    run, box = Path(args.run), BOX / args.name if args.name else BOX
    results = read_results(run / "results.json")
    content, state = halved(run)
    rivals = read_results(args.rivals)["metrics"] if args.rivals else {}
    # its own rows count
    metrics = {key: entry | rivals.get(key, {}) | entry for key, entry in results["metrics"].items()}
    state["recipe"] = results["settings"]  # the checkpoint's own, unless it was scored again in another way
    limit = SMALL if args.name else LIMIT
    if len(content) > limit:
        raise SystemExit(f"{len(content) / 1e6:.1f} MB; the box takes {limit / 1e6:.0f}. Train a narrower network.")
    recipe, tensors = state["recipe"], load(content)
    rows, columns = recipe["data"]["size"]
    counted = {
        k: v for k, v in tensors.items() if not k.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }
    card = (CARDS[args.name] if args.name else CARD).format(
        factor=recipe["model"]["options"].get("factor"),
        parameters=sum(v.numel() for v in counted.values()) / 1e6, rows=rows, columns=columns, **{
            key: results[key] for key in ("recipe", "profile", "seed", "command", "device", "commit")
        },
        images=results["data"]["images"], samples=results["samples_seen"], torch=results["versions"]["torch"],
        minutes=results["seconds"]["train"] / 60,
        tables="\n".join(f"`{key}`\n\n{table(entry)}\n" for key, entry in metrics.items()),
    )  # fmt: skip
    box.mkdir(exist_ok=True)
    (box / "model.safetensors").write_bytes(content)
    (box / "state.json").write_text(json.dumps(state, indent=1) + "\n")
    (box / "README.md").write_text(card)
    print(f"{box}: {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
