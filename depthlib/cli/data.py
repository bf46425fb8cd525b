"""``depthlib data …``: what data sets there are, what is here, a look at one, a store of one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from depthlib.cli.arguments import Add, parse_options, parse_size
from depthlib.errors import DepthError


def _known(name: str) -> Any:
    """What the catalogue says, or nothing about a set of somebody's own."""
    from depthlib.data.catalogue import Entry, entry

    return Entry("a data set of your own", "", "") if ":" in name else entry(name)


def _open(args: argparse.Namespace, size: tuple[int, int] | None) -> Any:
    from depthlib.data import open_dataset

    known = _known(args.name)
    if not known.metres:
        raise DepthError(f"{args.name}: has disparities and no metres; `open_dataset({args.name!r})` gives them.")
    if args.split and args.split not in known.splits and ":" not in args.name:
        raise DepthError(f"{args.name}: split is {args.split!r}; expected one of {', '.join(known.splits)}.")
    return open_dataset(args.name, args.split or known.splits[0], size, **parse_options(args.option))


def show_list(args: argparse.Namespace) -> int:
    """Every data set, and whether it is here."""
    from depthlib.data import data_root
    from depthlib.data.catalogue import CATALOGUE, found

    print(f"looked for in {data_root()}\n")
    for name, known in CATALOGUE.items():
        here = "by root" if known.example else "missing" if isinstance(found(name), DepthError) else "here"
        print(f"{name:22}{here:9}{known.what}")
    print("\n`depthlib data info NAME` says how to get one.")
    return 0


def info(args: argparse.Namespace) -> int:
    """All about one data set."""
    from depthlib.data.catalogue import entry, found, place
    from depthlib.data.sources import SOURCES

    known = entry(args.name)
    opened = found(args.name) if not known.example else None
    files = len(SOURCES.get(args.name, ()))
    rows = {
        "what": known.what, "content": known.content, "terms": known.terms, "page": known.page,
        "parts": ", ".join(known.splits), "place": str(place(args.name) or ""), "layout": known.layout,
        "fetch": f"depthlib data fetch {args.name} ({files} files)" if files else "",
    }  # fmt: skip
    for key, value in rows.items():
        if value:
            print(f"{key:9}{value}")
    if opened is None:
        print(f"here     say where: depthlib data preview {args.name} --option root={known.example}")
    elif isinstance(opened, DepthError):
        print(f"here     no: {opened}")
    else:
        print(f"here     {len(opened)} samples ({known.splits[0]}), fingerprint {opened.fingerprint()}")
    return 0


def preview(args: argparse.Namespace) -> int:
    """The first samples as one picture."""
    from depthlib.files import writable_folder, write_whole

    out = Path(args.out)
    if out.suffix.lower() not in (".png", ".jpg", ".pdf", ".svg"):
        raise DepthError(f"--out {args.out}: expected a picture's name, such as preview.png.")
    if args.count < 1:
        raise DepthError(f"--count {args.count}: expected at least 1.")
    writable_folder(out.parent, "Choose another place with --out.")
    data = _open(args, parse_size(args.size))
    from depthlib.reporting import left_out
    from depthlib.sample import check

    samples = [check(data[i], f"{data.name}, sample {i}") for i in range(min(args.count, len(data)))]
    from depthlib import plots

    figure = plots.contact_sheet(samples, columns=min(args.count, 4))
    write_whole(out, lambda partial: figure.savefig(partial, format=out.suffix[1:], dpi=110))
    for sample in samples:
        depth = sample["depth"]
        known = depth[depth > 0]
        print(
            f"{sample['name']:32} {depth.shape[-2]}x{depth.shape[-1]}  {known.min():6.2f} to {known.max():6.2f} m  "
            f"{len(known) / depth.numel():4.0%} known"
        )
    for line in left_out(data):
        print(line)
    print(f"{out}: {len(samples)} of {len(data)} samples")
    return 0


def fetch(args: argparse.Namespace) -> int:
    """Download the files of a data set, and unpack those that readers want unpacked."""
    from depthlib.data.catalogue import entry
    from depthlib.data.sources import fetch_place, fetch_set

    known = entry(args.name)
    folder = Path(args.to) if args.to else fetch_place(args.name)
    print(f"{args.name}: {known.what}. Terms: {known.terms}.")
    fetched = fetch_set(args.name, folder, args.mirror, args.only)
    nothing = (
        "nothing new; all files are here, or were unpacked (where .NAME.unpacked lies; remove it to fetch NAME again)"
    )
    print(f"{folder}: " + (f"{len(fetched)} files fetched" if fetched else nothing))
    if args.name == "nyu":
        print("`python data_scripts/prepare_nyu_labelled.py` makes the store that `nyu` is read from")
    return 0


def prepare(args: argparse.Namespace) -> int:
    """Write a data set as a store."""
    from depthlib.cluster import workers_of
    from depthlib.data import prepared_store, what_is_read
    from depthlib.data.preparation import write_store
    from depthlib.data.store import DEPTHS
    from depthlib.reporting import left_out

    known = _known(args.name)
    if args.jobs < 1:
        raise DepthError(f"--jobs {args.jobs}: expected at least 1.")
    split = args.split or known.splits[0]
    size = parse_size(args.size)
    data = _open(args, size)
    target = Path(args.to) if args.to else prepared_store(args.name, split, size)
    for line in left_out(data):
        print(line)
    meta = getattr(data, "meta", {})  # of a store that is prepared from a store
    in_metres = known.far or meta.get("units", {}).get("depth") == DEPTHS["float16"].unit
    depth = args.depth or ("float16" if in_metres else "uint16")
    options = what_is_read(args.name, parse_options(args.option))
    with workers_of(args.cluster):
        print(write_store(data, target, known.terms, depth, args.jobs, args.drop_damaged, options=options))
    if args.to:
        print(f"recipes read it as  data: {{name: store, options: {{root: {target}}}}}")
    else:
        shown = "".join(f", {key}: {value}" for key, value in options.items())
        print(f"recipes read it as  data: {{name: {args.name}, split: {split}, options: {{prepared: true{shown}}}}}")
    return 0


def shards(args: argparse.Namespace) -> int:
    """Export a store as tar files that can be streamed."""
    from depthlib.data.shards import write_shards
    from depthlib.data.store import Store

    store = Store(args.store)
    target = write_shards(store, args.to or f"{str(args.store).rstrip('/')}-shards", args.each)
    print(f"{target}: {len(store)} samples in {len(list(target.glob('*.tar')))} shards")
    print(
        f"recipes read it as  data: {{name: shards, options: {{root: {target}}}}}, or root: the address of a server that offers it"
    )
    return 0


def verify(args: argparse.Namespace) -> int:
    """Compare every byte of a store, or of a folder of shards, with what was noted when it was written."""
    from depthlib.data.shards import INDEX, Shards
    from depthlib.data.store import Store

    shards = "://" in args.folder or (Path(args.folder) / INDEX).is_file()
    data = Shards(args.folder) if shards else Store(args.folder)
    data.verify()
    print(f"{args.folder}: {len(data)} samples, as they were written (fingerprint {data.fingerprint()})")
    return 0


def add_data(add: Add) -> None:
    """The command and its own commands."""
    sub = add("data", lambda args: show_list(args), "What data sets there are, what is here, a look at one, a store of one.",
              "  depthlib data list\n  depthlib data info nyu_h5\n  depthlib data fetch sintel\n  depthlib data preview rooms --out rooms.png\n"
              "  depthlib data prepare nyu_densedepth --jobs 8 --drop-damaged\n"
              "  depthlib data shards stores/nyu_raw-train-240x320 --to shards\n  depthlib data verify shards\n")  # fmt: skip
    commands = sub.add_subparsers(metavar="COMMAND")
    text = "Export a store as tar files in WebDataset's naming, to be streamed from a folder or a server."
    command = commands.add_parser("shards", help=text, description=text)
    command.set_defaults(function=shards)
    command.add_argument("store", help="a store's folder, as `prepare` writes it")
    command.add_argument("--to", metavar="FOLDER", help="default: the store's name with -shards")
    command.add_argument(
        "--each", type=int, default=500, metavar="N", help="samples in a shard (default: 500, about 75 MB)"
    )
    text = "Compare every byte of a store or of a folder of shards with what was noted when it was written."
    command = commands.add_parser("verify", help=text, description=text)
    command.set_defaults(function=verify)
    command.add_argument("folder", help="a store's folder, or one of shards")
    for name, function, text in (
        ("list", show_list, "Every data set, and whether it is here."),
        ("info", info, "What one is, its terms, where to get it, what is missing."),
        ("fetch", fetch, "Download one: goes on where it was cut off, checks what came, unpacks it."),
        ("preview", preview, "The first samples as one picture, with their depths."),
        ("prepare", prepare, "Write one as a store: memory-mapped, fast to read; goes on where it was interrupted."),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        if name == "list":
            continue
        own = "" if name in ("info", "fetch") else ", or module:NAME of your own"
        command.add_argument("name", help=f"a name of `depthlib data list`{own}")
        if name == "info":
            continue
        if name == "fetch":
            command.add_argument("--mirror", action="append", default=[], metavar="URL",
                                 help="a copy of the data set's folder on a server; tried first, repeatable")  # fmt: skip
            command.add_argument("--only", default="*", metavar="PATTERN",
                                 help="of the files, such as '2011_09_26*' (default: all)")  # fmt: skip
            command.add_argument("--to", metavar="FOLDER", help="default: below $DEPTHLIB_DATA, see `info`")
            continue
        command.add_argument("--split", help="which part (default: the first that `info` names)")
        command.add_argument("--size", default="240x320", metavar="HxW", help="rows and columns (default: 240x320)")
        command.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                             help="an option of the data set, such as root=my_pairs; repeatable")  # fmt: skip
        if name == "preview":
            command.add_argument("--count", type=int, default=8, help="how many samples (default: 8)")
            command.add_argument("--out", default="preview.png", metavar="FILE", help="default: preview.png")
        else:
            command.add_argument("--to", metavar="FOLDER", help="default: $DEPTHLIB_DATA/stores/NAME-SPLIT-HxW")
            command.add_argument("--depth", choices=("uint16", "float16"),
                                 help="millimetres up to 65.5 m, or metres in half precision (default: millimetres, metres for sets of roads)")  # fmt: skip
            command.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                                 help="processes (default: one a core; with --cluster its workers)")  # fmt: skip
            command.add_argument("--cluster", metavar="ADDRESS",
                                 help="of a dask scheduler whose workers read instead, such as tcp://10.0.0.5:8786; they must see "
                             "the data under the same path")  # fmt: skip
            command.add_argument("--drop-damaged", action="store_true",
                                 help="leave out frames that cannot be read, and name them, instead of stopping")  # fmt: skip
