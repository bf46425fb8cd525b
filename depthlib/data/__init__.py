"""Reading and making RGB-D: one file a data set, one function that opens any of them by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from depthlib.errors import DepthError
from depthlib.sample import RGBD

NAMES = (
    "rooms", "roads", "nyu", "nyu_densedepth", "nyu_h5", "nyu_raw", "kitti", "kitti_selection", "sintel", "synthia", "matterport",
    "middlebury", "middlebury_disparity", "motorcycle", "folder", "store",
)  # fmt: skip


def data_root() -> Path:
    """Where data sets are looked for: ``$DEPTHLIB_DATA``, else ``~/.cache/depthlib/data``."""
    named = os.environ.get("DEPTHLIB_DATA")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "depthlib" / "data"


def prepared_store(name: str, split: str, size: tuple[int, int]) -> Path:
    """Where ``depthlib data prepare`` puts a part of a data set at a size."""
    return data_root() / "stores" / f"{name}-{split}-{size[0]}x{size[1]}"


def open_dataset(name: str, split: str = "train", size: tuple[int, int] | None = None, **options: Any) -> RGBD:
    """Open a data set by name, as recipes do.

    Args:
        name: one of :data:`NAMES`; ``depthlib data list`` says what each is and whether it is here. Those that are
            downloaded lie in the folder of their own name below :func:`data_root`, or where option ``root`` says.
        split: for scenes, ``train``, ``validation`` and ``test`` are disjoint by seed; a set without parts takes no notice.
        size: rows and columns.
        options: of the data set; ``keep=True`` holds samples in memory after their first use.

    Raises:
        DepthError: an unknown name, split or option, or data that are not there: says what to put where.
    """
    keep = options.pop("keep", False)
    for given in ("name", "split", "size"):
        if given in options:
            raise DepthError(f"data {name!r}: {given} is no option; it has its own place.")
    try:
        dataset = _open(name, split, size, options)
    except TypeError as error:
        raise DepthError(f"data {name!r}: options {sorted(options)} do not fit ({error}).") from error
    if keep:
        from depthlib.data.store import InMemory

        return InMemory(dataset)
    return dataset


def _root(name: str, options: dict[str, Any], default: str | None = None) -> Path:
    root = options.pop("root", None if default is None else data_root() / default)
    if not isinstance(root, str | os.PathLike):
        raise DepthError(f"data {name!r}: option root is {root!r}; expected the folder to open, such as root=my_pairs.")
    return Path(root).expanduser()


def _open(name: str, split: str, size: tuple[int, int] | None, options: dict[str, Any]) -> RGBD:
    if name in ("rooms", "roads"):
        from depthlib.data.scenes import Roads, Rooms

        seeds = {"train": 0, "validation": 1, "test": 2}
        if split not in seeds:
            raise DepthError(f"{name}: split is {split!r}; expected one of {', '.join(seeds)}.")
        options = {"count": 1000, **options}
        # three disjoint streams of scenes for every seed
        options["seed"] = 3 * options.get("seed", 0) + seeds[split]
        if size is not None:
            options["size"] = size
        return Rooms(**options) if name == "rooms" else Roads(**options)
    if name == "nyu":
        from depthlib.data.nyu import FOLDER, open_nyu

        raw = options.get("truth") == "raw" and (data_root() / f"{FOLDER}_raw").is_dir()
        return open_nyu(_root(name, options, f"{FOLDER}_raw" if raw else FOLDER), split, size or (240, 320), **options)
    if name == "nyu_densedepth":
        from depthlib.data.nyu_copies import open_nyu_densedepth

        return open_nyu_densedepth(_root(name, options, name), split, size, **options)
    if name == "nyu_h5":
        from depthlib.data.nyu_copies import open_nyu_h5

        return open_nyu_h5(_root(name, options, name), split, size, **options)
    if name == "nyu_raw":
        from depthlib.data.nyu import FOLDER
        from depthlib.data.nyu_raw import NyuRaw

        labelled = options.pop("labelled", data_root() / FOLDER)
        prepared = prepared_store(name, split, size or (240, 320))
        if "even" in options and "root" not in options and prepared.is_dir():
            return _open("store", split, size, {"root": prepared, **options})
        if "even" in options:
            raise DepthError(
                f"{prepared}: not there, and scenes are evened in a store. Prepare it: `depthlib data prepare nyu_raw "
                "--drop-damaged` reads the raw recordings once."
            )
        return NyuRaw(_root(name, options, name), labelled, size=size, **options)
    if name == "kitti":
        from depthlib.data.kitti import KittiDrives

        return KittiDrives(_root(name, options, "kitti_raw"), split, size=size, **options)
    if name == "kitti_selection":
        from depthlib.data.kitti import open_kitti_selection

        return open_kitti_selection(_root(name, options, name), size, **options)
    if name == "sintel":
        from depthlib.data.sintel import open_sintel

        return open_sintel(_root(name, options, name), size, **options)
    if name == "synthia":
        from depthlib.data.synthia import open_synthia

        return open_synthia(_root(name, options, name), size, **options)
    if name == "matterport":
        from depthlib.data.matterport import open_matterport

        return open_matterport(_root(name, options, name), size, **options)
    if name == "middlebury":
        from depthlib.data.middlebury import Middlebury

        return Middlebury(_root(name, options, name), size=size, **options)
    if name == "middlebury_disparity":
        from depthlib.data.middlebury import MiddleburyDisparity

        if size is not None:
            raise DepthError("middlebury_disparity: disparities are in pixels of their own size; leave size out.")
        return MiddleburyDisparity(_root(name, options, "middlebury"), **options)
    if name == "motorcycle":
        from depthlib.data.middlebury import Motorcycle

        return Motorcycle(size=size, **options)
    if name == "folder":
        from depthlib.data.folder import Folder

        return Folder(_root(name, options), size=size, **options)
    if name == "store":
        from depthlib.data.store import Store

        store = Store(_root(name, options), **options)
        if size is not None and tuple(size) != tuple(store.meta["size"]):
            raise DepthError(
                f"{store.folder}: the store's images are {tuple(store.meta['size'])}, asked for {tuple(size)}. "
                "Prepare a store of that size."
            )
        return store
    raise DepthError(f"data set {name!r} is unknown; expected one of {', '.join(NAMES)}.")
