"""``depthlib evaluate``, ``protocols`` and ``table``: how good, by which rules, and beside whose numbers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from depthlib.cli.arguments import STAGE, Add, parse_options, parse_size
from depthlib.errors import DepthError


def table(args: argparse.Namespace) -> int:
    """A published table with ours beside it, or the list of tables."""
    from depthlib import tables

    if not args.name:
        for name in tables.table_names():
            found = tables.load_table(name)
            print(f"{name:22} {found.title} ({found.source})")
        return 0
    names = tables.table_names() if args.name == "all" else [args.name]
    show = tables.as_json if args.format == "json" else tables.as_markdown
    print("\n\n".join(show(name, Path(args.results)) for name in names))
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Score a checkpoint, or predictions on disk, on a data set."""
    from depthlib.data import open_dataset
    from depthlib.evaluation import evaluate_many
    from depthlib.predictors import ALIGNMENTS
    from depthlib.protocols import PROTOCOLS, fitting, get_protocol
    from depthlib.reporting import FORMATS, comparison, left_out

    if args.compare_with and args.format not in ("text", "markdown"):
        raise DepthError(f"--compare-with: is printed as text; not with --format {args.format}.")
    options = parse_options(args.option)
    if args.protocol != "all":  # mistakes in the command first, then the data
        get_protocol(args.protocol)
    if not args.compare_with and (args.compare_scale, args.compare_kind) != (None, None):
        raise DepthError("--compare-scale and --compare-kind: say what --compare-with names; it is not given.")
    alone = not args.compare_with  # of two, each takes the options that fit it
    predictor, kind = _predictor(args.predictions, args.stage, args.scale, args.kind, alone)
    rival = None
    if args.compare_with:
        own = args.compare_scale is not None or args.compare_kind not in (None, "depth")
        scale = args.scale if args.compare_scale is None else args.compare_scale
        rival = _predictor(args.compare_with, args.stage, scale, args.compare_kind or args.kind, own)
    size = parse_size(args.size) if args.size else None
    dataset = open_dataset(args.against, args.split, size, **options)
    for line in left_out(dataset):
        print(line, file=sys.stderr)
    if args.protocol == "all":
        names = fitting((dataset[0]["depth"].shape[-2], dataset[0]["depth"].shape[-1]))
        names = [name for name in names if PROTOCOLS[name].alignment in ALIGNMENTS[kind]]
    else:
        names = [args.protocol]
    chosen = [get_protocol(name) for name in names]
    scores, refused = evaluate_many(predictor, dataset, chosen, progress=True, kind=kind)
    if not scores:
        reasons = [str(error) for error in refused.values()]
        one = args.protocol != "all"
        raise DepthError(reasons[0] if one else f"{args.predictions}: no protocol can score this. {' '.join(reasons)}")
    print(FORMATS[args.format](scores))
    if rival is not None:
        rules = [score.protocol for score in scores.values()]
        rivals, not_compared = evaluate_many(rival[0], dataset, rules, kind=rival[1])
        for name, score in rivals.items():
            print(f"\n{comparison(scores[name], score, args.predictions, args.compare_with)}")
            for sentence in score.warnings:
                print(f"note: {args.compare_with}, {name}: {sentence}", file=sys.stderr)
        if not rivals:
            raise DepthError(f"{args.compare_with}: cannot be compared. {' '.join(map(str, not_compared.values()))}")
        refused |= {f"{args.compare_with} {name}": error for name, error in not_compared.items()}
    for reason in refused.values():
        print(f"not scored: {reason}", file=sys.stderr)
    for found in scores.values():
        if args.format != "text":
            for sentence in found.warnings:
                print(f"note: {found.protocol.name}: {sentence}", file=sys.stderr)
    return 0


HUGGINGFACE = "huggingface:"
#: As :data:`depthlib.predictors.Kind`, without importing what makes the help slow.
KINDS = ("depth", "inverse_depth", "disparity")


RECONSTRUCTIONS = ("fill:", "enlarge:")


def _reconstruction(given: str) -> Any:
    """``fill:METHOD[:PATTERN[:FRACTION]]`` or ``enlarge:METHOD:FACTOR[:average|pick]``; instead of a method, the folder of a run."""
    from depthlib.adapters import reconstruction_from_onnx
    from depthlib.baselines import Completion, Enlargement
    from depthlib.checkpoints import BOXES, latest_checkpoint, load_model
    from depthlib.observations import Observation, SmallDepth, SparseDepth
    from depthlib.predictors import Shown
    from depthlib.transfers import device_here

    kind, method, *rest = given.split(":")

    def network(observation: Observation) -> Any:
        if method.endswith(".onnx"):
            return reconstruction_from_onnx(method, observation)
        trained = method in BOXES or latest_checkpoint(method) is not None
        return Shown(load_model(method).to(device_here()), observation) if trained else None

    try:
        if kind == "enlarge" and 0 < len(rest) < 3:
            small = SmallDepth(int(rest[0]), *rest[1:])
            return network(small) or Enlargement(method, small.factor, small.how)
        if kind == "fill" and len(rest) < 3:
            pattern, fraction = rest[0] if rest else "uniform", float(rest[1]) if rest[1:] else 0.1
            few = SparseDepth((pattern,), (fraction,))
            return network(few) or Completion(method, few)
    except DepthError:
        raise
    except ValueError as error:
        raise DepthError(f"{given}: {error}; expected such as fill:linear:uniform:0.1 or enlarge:bicubic:8.") from error
    raise DepthError(f"{given}: expected such as fill:linear:uniform:0.1 or enlarge:bicubic:8.")


def _predictor(given: str, stage: str | None, scale: float | None, kind: str, strict: bool) -> tuple[Any, Any]:
    """What `evaluate` is to score: a checkpoint, an ONNX file, a model of Hugging Face, a baseline, or maps on disk.

    Args:
        strict: whether an option that does not fit it is a mistake, or may be meant for another.
    """
    from depthlib import adapters
    from depthlib.checkpoints import BOXES, latest_checkpoint, load_model
    from depthlib.predictors import from_model
    from depthlib.stored import StoredPredictions
    from depthlib.transfers import device_here

    predictor: Any
    checkpoint = maps = False
    if given.startswith(RECONSTRUCTIONS):
        predictor = _reconstruction(given)
    elif given.startswith(HUGGINGFACE):
        predictor = adapters.from_huggingface(given.removeprefix(HUGGINGFACE))
    elif given.endswith(".onnx"):
        predictor = adapters.from_onnx(given)
    elif checkpoint := given in BOXES or latest_checkpoint(given) is not None:
        predictor = from_model(load_model(given, stage).to(device_here()))
    else:
        maps, predictor = True, StoredPredictions(given, scale)
    metres = checkpoint or given.startswith(RECONSTRUCTIONS) or getattr(predictor, "metres", False)
    if metres and strict and (scale is not None or kind != "depth"):
        raise DepthError(f"{given}: answers in metres; --scale and --kind are for other models and maps.")
    if stage and strict and not checkpoint:
        raise DepthError(f"{given}: no checkpoint there, so it has no stage {stage!r}.")
    if scale is not None and not maps and not metres:
        predictor = adapters.scaled(predictor, scale)
    return predictor, "depth" if metres else kind


def protocols(args: argparse.Namespace) -> int:
    """Say what each protocol does and whose numbers it makes comparable."""
    from depthlib.protocols import PROTOCOLS

    print("\n\n".join(protocol.describe() for protocol in PROTOCOLS.values()))
    return 0


def add_scores(add: Add) -> None:
    """The three commands."""
    command = add("evaluate", evaluate, "Score a checkpoint, or depth maps of any program, under a named protocol.",
              "  depthlib evaluate runs/eigen-nyu/cpu-0 --against nyu\n"
              "  depthlib evaluate runs/eigen-rooms/cpu-0 --against folder --option root=my_pairs --protocol full\n"
              "  depthlib evaluate their_maps --against nyu --scale 1000 --protocol all --format markdown\n"
              "  depthlib evaluate midas_out --against nyu --kind disparity --protocol midas_affine\n"
              "  depthlib evaluate runs/eigen-nyu/cpu-0 --against nyu --compare-with runs/eigen-nyu-log-rmse/cpu-0\n"
              "  depthlib evaluate their_maps --against nyu --scale 1000 --compare-with midas_out --compare-kind disparity \\\n"
              "      --protocol midas_affine\n"
              "  depthlib evaluate model.onnx --against nyu --protocol bts\n"
              "  depthlib evaluate huggingface:depth-anything/Depth-Anything-V2-Small-hf --kind disparity \\\n"
              "      --protocol midas_affine\n"
              "  depthlib evaluate fill:linear:uniform:0.1 --against nyu --protocol makarov18\n"
              "  depthlib protocols\n")  # fmt: skip
    command.add_argument(
        "predictions",
        help="a run's folder, a checkpoint folder, a file .onnx, huggingface:NAME, a folder of maps (NAME.npy, .pfm, .png), or a "
        "predictor that is shown part of the truth: fill:METHOD:PATTERN:FRACTION, enlarge:METHOD:FACTOR[:pick], where the METHOD "
        "is a baseline, box/NAME, the folder of a run or a file .onnx",
    )
    command.add_argument(
        "--against",
        default="nyu",
        metavar="DATA",
        help="a name of `depthlib data list`, or module:NAME of your own (default: nyu)",
    )
    command.add_argument("--compare-with", metavar="OTHER",
                     help="a second one on the same images: which figures differ by more than chance (paired bootstrap)")  # fmt: skip
    command.add_argument("--compare-scale", type=float, metavar="SCALE", help="--scale of OTHER (default: the same)")
    command.add_argument("--compare-kind", choices=KINDS, help="--kind of OTHER (default: the same)")
    command.add_argument("--split", default="test", help="which part of the data (default: test)")
    command.add_argument(
        "--size", metavar="HxW", help="rows and columns of the truth (default: as on disk; of nyu 240x320)"
    )
    command.add_argument(
        "--protocol",
        default="eigen14",
        help="a name of `depthlib protocols`, module:NAME of your own, or all (default: eigen14)",
    )
    command.add_argument("--stage", help=f"of a checkpoint, {STAGE}")
    command.add_argument(
        "--scale", type=float, help="of maps and of other models, units in a metre: 1000 for millimetres"
    )
    command.add_argument(
        "--kind",
        choices=KINDS,
        default="depth",
        help="what the maps are: metres, their inverse up to a factor, or disparity of "
        "unknown scale and shift (default: depth)",
    )
    command.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the data set"
    )
    command.add_argument(
        "--format", choices=("text", "json", "markdown", "latex"), default="text", help="of the report (default: text)"
    )

    add("protocols", protocols, "List the evaluation protocols: crop, caps, alignment, averaging, figures.",
        "  depthlib protocols\n")  # fmt: skip

    command = add("table", table, "A table of the papers, published numbers beside ours.",
              "  depthlib table\n  depthlib table 001-1\n  depthlib run table:001-1 --profile gpu\n")  # fmt: skip
    command.add_argument("name", nargs="?", help="an id from the list, or all; without it, the list")
    command.add_argument("--results", default="results", metavar="DIR", help="where runs are kept (default: results)")
    command.add_argument(
        "--format", choices=("markdown", "json"), default="markdown", help="of the table (default: markdown)"
    )
