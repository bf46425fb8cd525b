"""A store as shards, tar files that are read one after the other: for data that lie on another machine.

A folder, or an address, with ``shards.json`` and ``shard-00000.tar`` …, in the naming of WebDataset, so that its tools
read them as well: ``00000012.rgb.png``, ``00000012.depth.png`` (16 bit, millimetres; ``.depth.npy`` where the store keeps
float16 metres) and ``00000012.json`` (name, scene, K). The same numbers as the store has, bit for bit.

Random order over all samples would fetch a shard for every sample. So an epoch's order goes through shuffled shards,
shuffled within each, in a fixed number of *lanes* side by side: position p is the next sample of lane p mod ``lanes``. Process
r of n takes every n-th position, so where n divides the lanes it reads lanes of its own. The order depends on seed, epoch and
lanes and on nothing else: a run goes on where it was cut off, on any number of processes, with the same samples.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from depthlib.data.downloads import NotThere, Source, fetch, forget, sha256
from depthlib.data.store import DEPTHS, Store, decode, stacked
from depthlib.errors import DepthError
from depthlib.files import one_at_a_time, whole_folder, writable_folder
from depthlib.randomness import permutation
from depthlib.sample import Batch, Sample

SCHEMA = 1
INDEX = "shards.json"
PAUSES = (0, 1, 4, 15)  # seconds before each try to reach a server


def write_shards(store: Store, folder: str | os.PathLike[str], each: int = 500) -> Path:
    """Write a store as shards; the folder appears only when it is complete.

    Args:
        store: whole or a part of one.
        folder: where the shards will be; must not exist.
        each: samples in a shard; about 75 MB at 240x320 for 500.

    Raises:
        DepthError: the folder exists or cannot be written, another process is writing it, the disk is full, or ``each`` is no
            number of samples.
    """
    target = Path(folder)
    if each < 1:
        raise DepthError(f"shards: {each} samples in each; expected 1 or more, such as 500.")
    if target.exists():
        raise DepthError(f"{target}: exists already. Remove it or choose another folder; shards are never overwritten.")
    lock = writable_folder(target.parent) / f".{target.name}.partial.lock"
    busy = f"{target}: another process is writing it. Wait for it, or choose another folder."
    try:
        with one_at_a_time(lock, busy), whole_folder(target) as partial:
            index = {
                "schema": SCHEMA, "name": store.name, "count": len(store), "size": store.meta["size"],
                "units": store.meta["units"], "licence": store.meta.get("licence", ""), "fingerprint": store.fingerprint(),
                "names": store.names(), "shards": _write_tars(store, partial, each),
            }  # fmt: skip
            (partial / INDEX).write_text(json.dumps(index))
    except OSError as error:
        raise DepthError(
            f"{target}: cannot be written ({error.strerror or error}). Free some space, or choose another folder."
        ) from error
    return target


def _write_tars(store: Store, folder: Path, each: int) -> list[dict[str, Any]]:
    """All samples, ``each`` a tar; what the index says of the tars."""
    shards = []
    for number, start in enumerate(range(0, len(store), each)):
        path = folder / f"shard-{number:05d}.tar"
        indices = range(start, min(start + each, len(store)))
        with tarfile.open(path, "w") as tar:
            for i in indices:
                for name, content in _members(store, i):
                    about = tarfile.TarInfo(f"{i:08d}.{name}")
                    about.size = len(content)
                    tar.addfile(about, io.BytesIO(content))
        shards.append(
            {"name": path.name, "samples": len(indices), "bytes": path.stat().st_size, "sha256": sha256(path)}
        )
    return shards


def _members(store: Store, index: int) -> list[tuple[str, bytes]]:
    """The files of a sample, by what follows its key."""
    rgb, depth, rest = store.kept(index)
    colour, metres = io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).save(colour, "png", compress_level=1)
    if depth.dtype == np.uint16:
        Image.fromarray(depth).save(metres, "png", compress_level=1)
    else:
        np.save(metres, depth)
    about = json.dumps({"name": rest["name"], "scene": rest["scene"], "K": rest["K"].tolist()})
    ending = "png" if depth.dtype == np.uint16 else "npy"
    return [("rgb.png", colour.getvalue()), (f"depth.{ending}", metres.getvalue()), ("json", about.encode())]


class _Shard:
    """An open tar and where in it each member lies; closed when nobody reads it any more."""

    def __init__(self, path: Path, samples: int) -> None:
        try:
            with tarfile.open(path, "r:") as tar:
                self.places = {member.name: (member.offset_data, member.size) for member in tar}
        except (OSError, tarfile.TarError) as error:
            raise DepthError(f"{path}: cannot be read as a shard ({error}). Copy it again.") from error
        if len(self.places) != 3 * samples:
            raise DepthError(
                f"{path}: {len(self.places)} files, expected {3 * samples}, three a sample: cut short. Copy it again."
            )
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)

    def read(self, name: str) -> bytes:
        if name not in self.places:
            raise DepthError(f"{self.path}: has no {name}. Export the store again.")
        offset, size = self.places[name]
        content = os.pread(self.descriptor, size, offset)
        if len(content) < size:
            raise DepthError(f"{self.path}: cut short within {name}. Copy it again.")
        return content

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


class Shards:
    """Shards in a folder or on a server, as a data set.

    Args:
        root: a folder, or an address that starts with http:// or https://.
        lanes: shards that are read side by side; a multiple of the number of processes. A batch mixes samples of so many.
        cache: where shards from a server are kept for a while; by default a temporary folder of this process.
        keep_gb: how much of them; the oldest go first.
        timeout_s: how long a server may be silent before it is asked again, four times in all; one that says that a file is not there, once.

    Raises:
        DepthError: no shards there, an index that is damaged, a shard of another length than the index says; a server that does
            not answer (what was fetched is kept); on reading, a shard that is cut short or damaged. (What a server sends is checked
            by its SHA-256; a folder is believed unless an image cannot be read.)
    """

    def __init__(
        self, root: str | os.PathLike[str], lanes: int = 8, cache: str | None = None, keep_gb: float = 4.0, timeout_s: float = 30.0
    ) -> None:  # fmt: skip
        self.root = str(root).rstrip("/")
        self.remote = "://" in self.root
        if type(lanes) is not int or not 1 <= lanes <= 1024:
            raise DepthError(f"{self.root}: lanes is {lanes!r}; expected shards to read side by side, 1 to 1024.")
        if self.remote and not self.root.startswith(("http://", "https://")):
            raise DepthError(f"{self.root}: expected a folder, or an address that starts with http:// or https://.")
        self.lanes, self.keep, self.timeout_s = lanes, keep_gb * 1e9, timeout_s
        self._temporary = (
            tempfile.TemporaryDirectory(prefix="depthlib-shards-") if self.remote and cache is None else None
        )
        self.folder = (
            Path(self._temporary.name if self._temporary else cache or ".") if self.remote else Path(self.root)
        )
        self.meta = self._index()
        self.name: str = self.meta["name"]
        self._shards: list[dict[str, Any]] = self.meta["shards"]
        ends = np.cumsum([shard["samples"] for shard in self._shards])
        self._starts = [0, *(int(end) for end in ends)]
        if not self.remote:
            for shard in self._shards:
                _whole(self.folder / shard["name"], shard["bytes"])
        self._open: OrderedDict[int, _Shard] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs; each opens the shards for itself."""
        return {key: value for key, value in self.__dict__.items() if key not in ("_open", "_lock", "_temporary")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _open=OrderedDict(), _lock=threading.Lock(), _temporary=None)

    def __len__(self) -> int:
        return int(self.meta["count"])

    def __getitem__(self, index: int) -> Sample:
        rgb, depth, rest = self._kept(index)
        colour, metres = decode(rgb, depth)
        return cast(Sample, {**rest, "rgb": colour, "depth": metres})

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        return [self[i] for i in indices]

    def encoded(self, indices: Sequence[int]) -> Batch:
        """Samples as one batch for :func:`depthlib.data.store.decode_batch`."""
        return stacked([self._kept(i) for i in indices])

    def names(self) -> list[str]:
        """The names, in order."""
        return list(self.meta["names"])

    def fingerprint(self) -> str:
        """That of the store that was exported: they hold the same samples."""
        return str(self.meta["fingerprint"])

    def verify(self) -> None:
        """Read every shard of a folder and compare with the checksums of its index.

        Raises:
            DepthError: one has changed: names it. Or the shards are a server's, which are checked as they come.
        """
        if self.remote:
            raise DepthError(
                f"{self.root}: what a server sends is checked as it comes; there is nothing else to verify."
            )
        for entry in self.meta["shards"]:
            path = self.folder / entry["name"]
            if (found := sha256(path)) != entry["sha256"]:
                raise DepthError(
                    f"{path}: has the SHA-256 {found}, {INDEX} says {entry['sha256']}: the content has changed. Copy it again."
                )

    def order(self, seed: int, epoch: int, purpose: str = "order") -> list[int]:
        """Every index once, in the order of an epoch: lanes of shuffled shards, shuffled within each.

        Args:
            purpose: keys the draw, with seed and epoch.
        """
        sequence: list[int] = []
        for shard in permutation(seed, epoch, len(self._shards), f"{purpose} shards"):
            start = self._starts[shard]
            inside = permutation(seed, epoch, self._shards[shard]["samples"], f"{purpose} shard {shard}")
            sequence += [start + i for i in inside]
        lanes, begin = [], 0
        for lane in range(self.lanes):
            length = (len(sequence) - lane + self.lanes - 1) // self.lanes
            lanes.append(sequence[begin : begin + length])
            begin += length
        return [lanes[position % self.lanes][position // self.lanes] for position in range(len(sequence))]

    def _kept(self, index: int) -> tuple[NDArray[np.uint8], NDArray[Any], dict[str, Any]]:
        index = range(len(self))[index]  # what is counted from the end is the same sample
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        shard, key = self._opened(number), f"{index:08d}"
        try:
            rgb = np.asarray(Image.open(io.BytesIO(shard.read(f"{key}.rgb.png"))))
            if self.meta["units"]["depth"] == DEPTHS["uint16"].unit:
                depth = np.asarray(Image.open(io.BytesIO(shard.read(f"{key}.depth.png")))).astype(np.uint16)
            else:
                depth = np.load(io.BytesIO(shard.read(f"{key}.depth.npy")), allow_pickle=False)
            about = json.loads(shard.read(f"{key}.json"))
            K = torch.tensor(about["K"], dtype=torch.float32)
            rest = {"K": K, "name": about["name"], "dataset": self.name, "index": index, "scene": about["scene"]}
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError, KeyError, EOFError) as error:
            if isinstance(error, DepthError):
                raise
            raise DepthError(f"{shard.path}: sample {key} is damaged ({error}). Copy the shard again.") from error
        size = tuple(self.meta["size"])
        if rgb.shape != (*size, 3) or depth.shape != size or rgb.dtype != np.uint8:
            raise DepthError(
                f"{shard.path}: sample {key} is {rgb.shape} and {depth.shape}, expected {size}. Export the store again."
            )
        return np.array(rgb), depth, rest

    def _opened(self, number: int) -> _Shard:
        """A shard, fetched if it is not here; the one that was used longest ago is let go."""
        with self._lock:
            shard = self._open.get(number)
            if shard is None:
                entry = self._shards[number]
                shard = self._fetched(entry) if self.remote else _Shard(self.folder / entry["name"], entry["samples"])
                self._open[number] = shard
                while len(self._open) > max(2, 2 * self.lanes):
                    self._open.popitem(last=False)
                if self.remote:
                    self._tidy()
            self._open.move_to_end(number)
            return shard

    def _fetched(self, entry: dict[str, Any]) -> _Shard:
        path = self.folder / f"shard-{entry['sha256'][:16]}.tar"  # other shards may share the cache
        with FileLock(f"{path}.lock"):  # and so may processes
            if not (path.exists() and path.stat().st_size == entry["bytes"]):
                self._fetch(Source(path.name, (f"{self.root}/{entry['name']}",), entry["bytes"], entry["sha256"]))
            os.utime(path)
            return _Shard(path, entry["samples"])

    def _fetch(self, source: Source) -> Path:
        for pause in PAUSES:
            time.sleep(pause)
            try:
                return fetch(source, self.folder, timeout_s=self.timeout_s, progress=False)
            except NotThere:
                raise
            except DepthError as error:
                told = error
        raise DepthError(f"{told} Tried {len(PAUSES)} times.") from told

    def _tidy(self) -> None:
        """Remove the shards that were used longest ago, beyond what may be kept; open ones stay readable."""
        here = []
        for path in self.folder.glob("shard-*.tar"):
            with contextlib.suppress(FileNotFoundError):  # another process may remove it
                about = path.stat()
                here.append((about.st_mtime, about.st_size, path))
        here.sort()
        total = sum(size for _, size, _ in here)
        for _, size, path in here[:-1]:
            if total <= self.keep:
                break
            with contextlib.suppress(Timeout), FileLock(f"{path}.lock", timeout=0):  # not while another opens it
                path.unlink(missing_ok=True)
                total -= size

    def _index(self) -> dict[str, Any]:
        path = self.folder / INDEX
        if self.remote:
            writable_folder(self.folder)
            with FileLock(f"{path}.lock"):
                if path.exists():
                    forget(path)  # it may have changed, or be that of other shards; it is small
                content = self._fetch(Source(INDEX, (f"{self.root}/{INDEX}",))).read_bytes()
        try:
            meta = json.loads(content if self.remote else path.read_bytes())
            if meta["schema"] != SCHEMA:
                raise ValueError(f"schema {meta['schema']!r}, expected {SCHEMA}")
            total = sum(int(shard["samples"]) for shard in meta["shards"])
            names = [shard["name"] for shard in meta["shards"]]
            if not total == meta["count"] == len(meta["names"]) > 0 or any(Path(name).name != name for name in names):
                raise ValueError("its counts or names do not agree")
            if not all(type(shard["bytes"]) is int and len(shard["sha256"]) == 64 for shard in meta["shards"]):
                raise ValueError("a shard without length or checksum")
            height, width = meta["size"]
            known = meta["units"]["depth"] in [kept.unit for kept in DEPTHS.values()]
            if not known or not (type(height) is type(width) is int) or not meta["fingerprint"] or not meta["name"]:
                raise ValueError("unknown units, size or origin")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            where = f"{self.root}/{INDEX}"
            raise DepthError(
                f"{where}: cannot be read as an index of shards ({error}). Make them by `depthlib data shards STORE --to FOLDER`."
            ) from error
        return cast(dict[str, Any], meta)


def _whole(path: Path, expected: int) -> None:
    have = path.stat().st_size if path.exists() else None
    if have != expected:
        found = "not there" if have is None else f"{have} bytes"
        raise DepthError(f"{path}: {found}, expected {expected} bytes: cut short or of another export. Copy it again.")


def open_shards(root: str | os.PathLike[str], size: tuple[int, int] | None = None, **options: Any) -> Shards:
    """Shards, if their images have the size asked for.

    Raises:
        DepthError: as :class:`Shards`, or another size: shards are not resized while they are read.
    """
    shards = Shards(root, **options)
    if size is not None and tuple(size) != tuple(shards.meta["size"]):
        raise DepthError(
            f"{shards.root}: the shards' images are {tuple(shards.meta['size'])}, asked for {tuple(size)}. "
            "Export a store of that size."
        )
    return shards
