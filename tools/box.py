"""Puts a finished run into the library's box: `depthlib predict` works with it at once after installation.

python tools/box.py runs/densedepth-mobilenet-rooms/cpu-0

Writes depthlib/box: weights as fp16 safetensors, the recipe, and a card whose numbers come from the run's results.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from safetensors.torch import load

from depthlib.checkpoints import halved
from depthlib.results import read_results, table

BOX = Path(__file__).resolve().parent.parent / "depthlib" / "box"
LIMIT = 10_000_000

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a finished run's folder")
    run = Path(parser.parse_args().run)
    results = read_results(run / "results.json")
    content, state = halved(run)
    if len(content) > LIMIT:
        raise SystemExit(f"{len(content) / 1e6:.1f} MB; the box takes {LIMIT / 1e6:.0f}. Train a narrower network.")
    recipe, tensors = state["recipe"], load(content)
    rows, columns = recipe["model"]["options"]["size"]
    counted = {
        k: v for k, v in tensors.items() if not k.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }
    card = CARD.format(
        parameters=sum(v.numel() for v in counted.values()) / 1e6, rows=rows, columns=columns, **{
            key: results[key] for key in ("recipe", "profile", "seed", "command", "device", "commit")
        },
        images=results["data"]["images"], samples=results["samples_seen"], torch=results["versions"]["torch"],
        minutes=results["seconds"]["train"] / 60,
        tables="\n".join(f"`{key}`\n\n{table(entry)}\n" for key, entry in results["metrics"].items()),
    )  # fmt: skip
    BOX.mkdir(exist_ok=True)
    (BOX / "model.safetensors").write_bytes(content)
    (BOX / "state.json").write_text(json.dumps(state, indent=1) + "\n")
    (BOX / "README.md").write_text(card)
    print(f"{BOX}: {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
