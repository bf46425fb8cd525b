"""Reading and making RGB-D: one file a data set, one function that opens any of them by name."""

from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path
from typing import Any, NamedTuple

from depthlib.errors import DepthError
from depthlib.registry import imported
from depthlib.sample import RGBD, offered


class Files(NamedTuple):
    """A set that lies in a folder: who opens it, which folder below :func:`data_root`, and whether it has parts."""

    module: str
    opener: str  # called as (root, size=…, options), with parts also split=…
    folder: str | None = None
    parts: bool = False


FILES = {
    "nyu": Files("nyu", "open_nyu", "nyu_depth_v2_labeled", True),
    "nyu_densedepth": Files("nyu_copies", "open_nyu_densedepth", "nyu_densedepth", True),
    "nyu_h5": Files("nyu_copies", "open_nyu_h5", "nyu_h5", True),
    "nyu_raw": Files("nyu_raw", "NyuRaw", "nyu_raw"),
    "kitti": Files("kitti", "KittiDrives", "kitti_raw", True),
    "kitti_selection": Files("kitti", "open_kitti_selection", "kitti_selection"),
    "sintel": Files("sintel", "open_sintel", "sintel"),
    "synthia": Files("synthia", "open_synthia", "synthia"),
    "matterport": Files("matterport", "open_matterport", "matterport"),
    "middlebury": Files("middlebury", "Middlebury", "middlebury"),
    "middlebury_disparity": Files("middlebury", "MiddleburyDisparity", "middlebury"),
    "disparities": Files("disparities", "Disparities", "middlebury"),
    "folder": Files("folder", "Folder"),
    "store": Files("store", "open_store"),
    "shards": Files("shards", "open_shards"),
}
NAMES = ("rooms", "roads", *FILES, "motorcycle")


def data_root() -> Path:
    """Where data sets are looked for: ``$DEPTHLIB_DATA``, else ``~/.cache/depthlib/data``."""
    named = os.environ.get("DEPTHLIB_DATA")
    return _at_home(named, "DEPTHLIB_DATA") if named else Path.home() / ".cache" / "depthlib" / "data"


def _at_home(path: str | os.PathLike[str], what: str) -> Path:
    """The path, with ``~`` carried out."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DepthError(f"{what} is {str(path)!r}: there is no such user. Write the folder's whole path.") from error


def prepared_store(name: str, split: str, size: tuple[int, int]) -> Path:
    """Where ``depthlib data prepare`` puts a part of a data set at a size."""
    return data_root() / "stores" / f"{name.replace(':', '.')}-{split}-{size[0]}x{size[1]}"


def open_dataset(name: str, split: str = "train", size: tuple[int, int] | None = None, **options: Any) -> RGBD:
    """Open a data set by name, as recipes do.

    Args:
        name: one of :data:`NAMES`; ``depthlib data list`` says what each is and whether it is here. Those that lie in
            files are looked for below :func:`data_root`, in the folder of :data:`FILES`, or where option ``root`` says. Or
            ``module:NAME`` for one of your own, which is called with ``split``, ``size`` and the options, and returns what
            :class:`depthlib.sample.RGBD` says.
        split: for scenes, ``train``, ``validation`` and ``test`` are disjoint by seed; a set without parts takes no notice.
        size: rows and columns.
        options: of the data set. Two are for all: ``keep=True`` holds samples in memory after their first use;
            ``prepared=True`` reads the store that ``depthlib data prepare`` made of this part at this size with the other
            options (and with ``even`` as many frames of each scene).

    Raises:
        DepthError: an unknown name, split or option, or data that are not there: says what to put where.
    """
    keep, prepared = options.pop("keep", False), options.pop("prepared", False)
    for given in ("name", "split", "size"):
        if given in options:
            raise DepthError(f"data {name!r}: {given} is no option; it has its own place.")
    if name not in NAMES and not prepared:
        dataset = _open_own(name, split, size, options)  # what goes wrong in it is for its author to see, line by line
    else:
        try:
            dataset = (_open_prepared if prepared else _open)(name, split, size, options)
        except DepthError:
            raise
        except OSError as error:  # a folder without permission, a name too long for the disk
            raise DepthError(f"{error.filename or name}: cannot be opened ({error.strerror or error}).") from error
        except (TypeError, ValueError) as error:
            raise DepthError(f"data {name!r}: options {sorted(options)} do not fit ({error}).") from error
    if keep:
        from depthlib.data.store import InMemory

        return InMemory(dataset)
    return dataset


def what_is_read(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Of a data set's options those that say what is read, and not where it lies; of what has no usual place, its place is what it is."""
    places = {"labelled", "keep"} | ({"root"} if name in FILES and FILES[name].folder else set())
    return {key: value for key, value in options.items() if key not in places}


def _open_prepared(name: str, split: str, size: tuple[int, int] | None, options: dict[str, Any]) -> RGBD:
    rows, columns = size or (240, 320)
    folder = prepared_store(name, split, (rows, columns))
    even = {"even": options.pop("even")} if "even" in options else {}
    asked = what_is_read(name, options)
    command = f"depthlib data prepare {name} --split {split} --size {rows}x{columns}"
    command += "".join(f" --option '{key}={value}'" for key, value in asked.items())
    if not folder.is_dir():
        raise DepthError(f"{folder}: not there. Prepare it: `{command}`.")
    from depthlib.data.store import open_store

    store = open_store(folder, (rows, columns), **even)
    if store.meta.get("options", {}) != asked:
        raise DepthError(
            f"{folder}: was prepared with options {store.meta.get('options', {})}, asked for {asked}. Move it away and run "
            f"`{command}`, or ask for what it is."
        )
    return store


def _root(name: str, options: dict[str, Any], folder: str | None) -> Path | str:
    root = options.pop("root", None if folder is None else data_root() / folder)
    if not isinstance(root, str | os.PathLike):
        raise DepthError(f"data {name!r}: option root is {root!r}; expected the folder to open, such as root=my_pairs.")
    if name == "shards" and "://" in str(root):
        return str(root)
    return _at_home(root, f"data {name!r}: option root").absolute()  # processes that read may stand elsewhere


def _open_own(name: str, split: str, size: tuple[int, int] | None, options: dict[str, Any]) -> RGBD:
    opener = imported("data set", name, NAMES)
    module, _, attribute = name.partition(":")
    if not callable(opener):
        seen = f"has no {attribute}" if opener is None else f"has {attribute}, an instance of {type(opener).__name__}"
        raise DepthError(
            f"data set {name!r}: {module} {seen}; expected what can be called with split, size and options."
        )
    try:
        inspect.signature(opener).bind(split=split, size=size, **options)
    except TypeError as error:
        raise DepthError(
            f"data set {name!r}: cannot be called with split, size and options {sorted(options)} ({error})."
        ) from error
    return offered(opener(split=split, size=size, **options))


def _open(name: str, split: str, size: tuple[int, int] | None, options: dict[str, Any]) -> RGBD:
    if name in ("rooms", "roads"):
        from depthlib.data.scenes import Roads, Rooms

        seeds = {"train": 0, "validation": 1, "test": 2}
        if split not in seeds:
            raise DepthError(f"{name}: split is {split!r}; expected one of {', '.join(seeds)}.")
        options = {"count": 1000, **options}
        # three disjoint streams of scenes for every seed
        seed = options.get("seed", 0)
        if type(seed) is int and seed >= 0:  # what else it may be is told as it was given
            options["seed"] = 3 * seed + seeds[split]
        if size is not None:
            options["size"] = size
        return Rooms(**options) if name == "rooms" else Roads(**options)
    if name == "motorcycle":
        from depthlib.data.middlebury import Motorcycle

        return Motorcycle(size=size, **options)
    module, opener, folder, parts = FILES[name]
    if name == "nyu":
        size = size or (240, 320)
        if options.get("truth") == "raw" and (data_root() / f"{folder}_raw").is_dir():
            folder = f"{folder}_raw"
    if name == "nyu_raw":
        # the official file names the scenes: beside the downloads, or where the labelled set lies
        from depthlib.data.nyu import MAT

        fetched = data_root() / "downloads"
        options.setdefault("labelled", fetched if (fetched / MAT).is_file() else _root("nyu", {}, FILES["nyu"].folder))
    root = _root(name, options, folder)
    open_it = getattr(importlib.import_module(f"depthlib.data.{module}"), opener)
    return open_it(root, size=size, **({"split": split} if parts else {}), **options)
