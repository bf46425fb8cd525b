"""``depthlib complete``, ``enlarge`` and ``export``: a trained network put to use."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from depthlib.cli.arguments import STAGE, Add, free
from depthlib.errors import DepthError


def reconstruct(args: argparse.Namespace) -> int:
    """``complete`` and ``enlarge``: a whole map from a sparse one, a large one from a small one."""
    from depthlib import reconstruction
    from depthlib.checkpoints import load_model
    from depthlib.data.formats import read_rgb, stated_scale
    from depthlib.files import writable_folder
    from depthlib.filling import fill_nearest
    from depthlib.prediction import to_rgb
    from depthlib.stored import read_map, write_map
    from depthlib.transfers import device_here

    given = Path(args.map)
    scale = args.scale
    if scale is None and given.suffix.lower() == ".png":
        scale = stated_scale(given) or 1000.0
    if scale is not None and not 0 < scale < math.inf:
        raise DepthError(f"--scale {scale:g}: expected file units in a metre, such as 1000 or 256.")
    out = Path(args.out) if args.out else given.with_name(f"{given.stem}-{args.command}d{given.suffix}")
    free([out], args.force)
    written = scale  # the unit of the map that came, unless the format is another, which has its own
    if out.suffix.lower() != given.suffix.lower():
        written = 1000.0 if out.suffix.lower() == ".png" else None
    depth = read_map(given, scale)
    if args.command == "enlarge" and args.fill:
        depth = fill_nearest(depth[0])[None]
    rgb = to_rgb(read_rgb(args.rgb)) if args.rgb else None
    model = load_model(args.checkpoint or DEFAULTS[args.command]).to(device_here())
    if args.command == "complete":
        answer = reconstruction.complete(model, depth, rgb)
    elif (depth == 0).any():
        raise DepthError(f"{given}: has holes (0). Say --fill, and each takes its nearest value first.")
    else:
        answer = reconstruction.enlarge(model, depth, rgb)
    writable_folder(out.parent, "Choose another file with --out.")
    write_map(out, answer, written)
    known = (depth > 0).float().mean()
    before, after = ("{}x{}".format(*maps.shape[-2:]) for maps in (depth, answer))
    print(f"{given}: {before}, {known:.1%} of the pixels known")
    unit = "in the unit of the map" if scale is None else "m"
    stored = "" if written in (None, 1.0) else f", stored in 1/{written:g} {'m' if scale is not None else 'of it'}"
    print(f"{out}: {after}, {answer.min():.4g} to {answer.max():.4g} {unit}{stored}")
    if args.command == "complete" and not args.checkpoint and known < FEW:
        print(
            "note: this network learned from maps of which a tenth is known, spread over the picture. With fewer, or with the lines of "
            "a laser, plain interpolation may be as good: depthlib.filling.fill_linear."
        )
    return 0


def export(args: argparse.Namespace) -> int:
    """A checkpoint as an ONNX file."""
    from depthlib.checkpoints import load_model
    from depthlib.export import LEAST, MULTIPLE, export_onnx
    from depthlib.files import writable_folder

    out = Path(args.out)
    if not out.name or out.is_dir():
        raise DepthError(f"--out {args.out!r}: is a folder; give a file, such as depth.onnx.")
    model = load_model(args.checkpoint, args.stage)
    writable_folder(out.parent, "Choose another place with --out.")
    export_onnx(model, out)
    rows, columns = model.input_size
    free = ", other sizes run too" if model.any_size else ""
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    if model.shown:
        sides = f", sides in multiples of {MULTIPLE} from {LEAST}" if model.shown == "sparse" else ""
        picture = ", rgb float32 [B, 3, ., .] in [0, 1] of the answer's size" if getattr(model, "guided", False) else ""
        print(
            f"{model.shown} float32 [B, 1, ., .] in any unit{sides}{picture} -> depth float32 [B, 1, ., .] in that unit"
        )
        return 0
    print(f"rgb float32 [B, 3, {rows}, {columns}] in [0, 1] -> depth float32 [B, 1, ., .] in metres")
    print(
        f"The metres hold for pictures brought to {rows}x{columns} as it was trained: keep their shape, cut what sticks out{free}."
    )
    return 0


#: Of how many known pixels on ``complete`` says nothing: below, plain interpolation came close to the network in the box, or beat it.
FEW = 0.08
#: The networks that come with the library for these.
DEFAULTS = {"complete": "box/sparse", "enlarge": "box/superres-x8"}


def add_use(add: Add) -> None:
    """All of them."""
    for name, text, examples in (
        ("complete", "Every pixel's depth from a few, about a tenth: a map with 0 where nothing was measured becomes a whole one.",
         "  depthlib complete lidar.png --scale 256\n"
         "  depthlib complete sparse.npy --checkpoint runs/sparse-nyu-guided/gpu-0 --rgb photo.jpg --out whole.npy\n"),
        ("enlarge", "A large map from a small one whose pixels are means of their cells; depth or disparity.",
         "  depthlib enlarge small.png --fill\n"
         "  depthlib enlarge disparity.pfm --checkpoint box/superres-x4\n"),
    ):  # fmt: skip
        command = add(name, reconstruct, text, examples)
        command.add_argument("map", help="a .npy, a .pfm or a 16-bit .png")
        command.add_argument("--checkpoint", help=f"a run's folder or a checkpoint folder (default: {DEFAULTS[name]})")
        command.add_argument("--rgb", metavar="PHOTO", help="the picture, for a network that sees it as well")
        command.add_argument(
            "--scale",
            type=float,
            help="file units in a metre (default: what a png says itself, else 1000 for png and 1 for others); an --out of another ending has its own default",
        )
        command.add_argument(
            "--out", metavar="FILE", help=f"the map to write (default: NAME-{name}d, beside it, in its format)"
        )
        command.add_argument("--force", action="store_true", help="overwrite a file of this name")
        if name == "enlarge":
            command.add_argument("--fill", action="store_true", help="holes (0) take their nearest value first")

    command = add("export", export, "A checkpoint as one ONNX file: colours in, metres out (or some depth in), without torch.",
              "  depthlib export runs/densedepth-mobilenet-nyu/cpu-0 --out depth.onnx\n"
              "  depthlib evaluate depth.onnx --against nyu\n")  # fmt: skip
    command.add_argument(
        "checkpoint",
        nargs="?",
        help="a run's folder, a checkpoint folder, or a network that comes with the library, such as box/sparse (default: box/depth)",
    )
    command.add_argument("--stage", help=STAGE)
    command.add_argument("--out", default="depth.onnx", metavar="FILE", help="the file to write (default: depth.onnx)")
