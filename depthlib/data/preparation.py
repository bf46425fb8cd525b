"""Writing a store: in parallel, resumed where it was interrupted, whole or absent."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from depthlib.data.store import DEPTHS, FARTHEST, SCHEMA, content_hash, decode, encode
from depthlib.errors import DepthError
from depthlib.files import one_at_a_time, writable_folder
from depthlib.sample import RGBD, check_depth, looked_at

BATCH = 64  # samples that are read, written and noted as done together: worth sending a data set to a process for


class _TooFar(DepthError):
    """A frame that is as it should be, and a store that is not made for it."""


@dataclass(frozen=True)
class Prepared:
    """What came of it: the store's folder, how many samples it holds, and which were left out and why."""

    folder: Path
    kept: int
    dropped: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        lines = [f"{self.folder}: {self.kept} samples"]
        if self.dropped:
            lines.append(f"{len(self.dropped)} left out:")
            lines += [f"  {name}: {why}" for name, why in self.dropped]
        return "\n".join(lines)


def write_store(
    dataset: RGBD,
    folder: str | os.PathLike[str],
    licence: str = "",
    depth: str = "uint16",
    jobs: int = 1,
    drop_damaged: bool = False,
    beside: Sequence[Path] = (),
    progress: bool = True,
    options: Mapping[str, Any] | None = None,
) -> Prepared:
    """Write a data set as a store; the folder appears only when it is complete.

    What is being written gathers beside it in ``.NAME.partial``. A run that was interrupted goes on from there when it is
    started again on the same data; bad input removes it.

    Args:
        dataset: any data set of this library, all samples of one size.
        folder: where the store will be; must not exist.
        licence: the terms under which the data may be used, kept in ``meta.json``.
        depth: ``uint16`` millimetres, up to 65.5 m, or ``float16`` metres (roads).
        jobs: processes that read at the same time; within ``joblib.parallel_config("dask")`` they are a cluster's.
        drop_damaged: leave out samples that cannot be read, instead of stopping at the first.
        options: of the data set, kept in ``meta.json``, so that the store is not taken for one of others.
        beside: files that are copied into the store, such as a list of the official split.

    Raises:
        DepthError: the folder exists or cannot be written, another process is writing it, samples differ in size, one
            cannot be read (without ``drop_damaged``), or none can; or one reaches farther than 16 bits of millimetres.
    """
    target = Path(folder)
    if depth not in DEPTHS:
        raise DepthError(f"{target}: depth is {depth!r}; expected uint16 (millimetres) or float16 (metres).")
    if target.exists():
        raise DepthError(f"{target}: exists already. Remove it or choose another folder; a store is never overwritten.")
    writable_folder(target.parent)
    partial = target.parent / f".{target.name}.partial"
    busy = f"{target}: another process is writing it. Wait for it, or choose another folder."
    with one_at_a_time(target.parent / f"{partial.name}.lock", busy):
        try:
            return _write(
                dataset, target, partial, licence, depth, jobs, drop_damaged, beside, progress, dict(options or {})
            )
        except DepthError:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        except BrokenProcessPool as error:
            raise DepthError(
                f"{target}: a process that read was killed, perhaps for its memory. Run again with fewer jobs: what was "
                f"written is kept in {partial.name}."
            ) from error
        except OSError as error:
            if error.errno is None:  # a cluster's: no worker came, or one was lost
                raise DepthError(
                    f"{target}: the processes that read are gone ({error or type(error).__name__}). Run again when they "
                    f"are back: what was written is kept in {partial.name}."
                ) from error
            raise DepthError(
                f"{target}: cannot be written ({error.strerror}). Free some space and run again: what was written is "
                f"kept in {partial.name}."
            ) from error


def _write(
    dataset: RGBD, target: Path, partial: Path, licence: str, depth: str, jobs: int, drop_damaged: bool,
    beside: Sequence[Path], progress: bool, options: dict[str, Any],
) -> Prepared:  # fmt: skip
    count = len(dataset)
    height, width = _size(dataset, drop_damaged)
    plan = {
        "schema": SCHEMA, "data": dataset.fingerprint(), "count": count, "size": [height, width], "depth": depth,
        "drop_damaged": drop_damaged, "options": options,
    }  # fmt: skip
    if _read_json(partial / "plan.json") != plan or _rows(partial) != [count, count]:
        _begin(partial, target, plan)
    rgb = np.load(partial / "rgb.npy", mmap_mode="r+")
    maps = np.load(partial / "depth.npy", mmap_mode="r+")
    done = _done(partial / "done.jsonl")
    todo = [range(i, min(i + BATCH, count)) for i in range(0, count, BATCH) if i not in done]
    with (
        open(partial / "done.jsonl", "a", encoding="utf-8") as log,
        tqdm(
            total=count,
            initial=count - sum(map(len, todo)),
            desc=f"writing {target.name}",
            disable=not progress,
            unit="image",
        ) as bar,
    ):
        batches = Parallel(n_jobs=jobs, return_as="generator_unordered")(
            delayed(_read)(dataset, indices, (height, width), depth, drop_damaged) for indices in todo
        )
        for start, arrays, entries in batches:
            for i, pair in arrays.items():
                rgb[i], maps[i] = pair
            log.write(json.dumps([start, entries]) + "\n")
            log.flush()
            done[start] = entries
            bar.update(len(entries))
    entries = [entry for start in sorted(done) for entry in done[start]]
    dropped = tuple((entry["name"], entry["dropped"]) for entry in entries if "dropped" in entry)
    kept = [i for i, entry in enumerate(entries) if "dropped" not in entry]
    if not kept:
        raise DepthError(f"{target}: none of {count} samples can be read. The first: {dropped[0][1]}")
    if dropped:
        rgb, maps = (_without(partial / name, kept) for name in ("rgb.npy", "depth.npy"))
    index = [entries[i] for i in kept]
    rgb.flush()
    maps.flush()
    (partial / "index.json").write_text(json.dumps(index))
    meta = {
        "schema": SCHEMA, "name": dataset.name, "count": len(index), "size": [height, width],
        "units": {"rgb": "uint8", "depth": DEPTHS[depth].unit}, "fingerprint": content_hash(rgb, maps, index),
        "licence": licence, "dropped": len(dropped), "options": options,
    }  # fmt: skip
    (partial / "meta.json").write_text(json.dumps(meta, indent=1))
    for path in beside:
        shutil.copyfile(path, partial / path.name)
    for name in ("plan.json", "done.jsonl"):
        (partial / name).unlink()
    os.replace(partial, target)
    return Prepared(target, len(index), dropped)


def _begin(partial: Path, target: Path, plan: dict[str, Any]) -> None:
    """Empty arrays for a plan, whose space is taken now."""
    shutil.rmtree(partial, ignore_errors=True)
    count, (height, width) = plan["count"], plan["size"]
    needed, free = count * height * width * 5, shutil.disk_usage(target.parent).free
    if needed > free:
        raise DepthError(f"{target}: needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free. Free some space.")
    partial.mkdir()
    _map(partial / "rgb.npy", np.uint8, (count, height, width, 3))
    _map(partial / "depth.npy", DEPTHS[plan["depth"]].dtype, (count, height, width))
    (partial / "plan.json").write_text(json.dumps(plan))


def _size(dataset: RGBD, drop_damaged: bool) -> tuple[int, int]:
    """Rows and columns of the first sample that can be read."""
    if len(dataset) == 0:
        raise DepthError(f"{dataset.name}: holds no samples, so there is nothing to write.")
    for i in range(len(dataset)):
        try:
            height, width = looked_at([dataset[i]], dataset)[0]["depth"].shape[-2:]
            return height, width
        except DepthError:
            if not drop_damaged or i == len(dataset) - 1:
                raise
    raise AssertionError("not reached")


def _read(
    dataset: RGBD, indices: Sequence[int], size: tuple[int, int], depth: str, drop_damaged: bool
) -> tuple[int, dict[int, tuple[Any, Any]], list[dict[str, Any]]]:
    """A batch in a process of its own: where it begins, its arrays by index, and what the index will say of each."""
    arrays: dict[int, tuple[Any, Any]] = {}
    entries: list[dict[str, Any]] = []
    for i in indices:
        try:
            [sample] = looked_at([dataset[i]], dataset)
            if (
                depth == "uint16" and (farthest := float(sample["depth"].max())) > FARTHEST
            ):  # it would be lost without a word
                raise _TooFar(
                    f"{sample['name']}: reaches {farthest:.1f} m, and 16 bits of millimetres end at {FARTHEST:g} m. Keep metres: "
                    "depth float16 (--depth float16)."
                )
            encoded = encode(sample, depth)
            check_depth(decode(*encoded)[1], f"{sample['name']}, as it would be stored")
            if sample["depth"].shape[-2:] != size:
                raise DepthError(
                    f"{sample['name']}: {tuple(sample['depth'].shape[-2:])}, but the store's first sample is {size}. "
                    "Give the data set one size."
                )
        except DepthError as error:
            # what was listed and is gone is no damaged frame: the folder is not here, as on a cluster's worker
            if not drop_damaged or isinstance(error, _TooFar) or isinstance(error.__cause__, FileNotFoundError):
                raise
            entries.append({"name": dataset.names()[i], "dropped": str(error)})
            continue
        arrays[i] = encoded
        entries.append({"name": sample["name"], "scene": sample.get("scene", ""), "K": sample["K"].tolist()})
    return indices[0], arrays, entries


def _map(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A new array on disk whose space is taken now: a mapped page that meets a full disk kills the process without a word."""
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _rows(partial: Path) -> list[int]:
    """Rows of the two arrays; other than planned where a run ended while it left damaged frames out."""
    try:
        return [len(np.load(partial / name, mmap_mode="r")) for name in ("rgb.npy", "depth.npy")]
    except (OSError, ValueError):
        return []


def _without(path: Path, kept: list[int]) -> np.ndarray:
    """The array at this path with these rows only."""
    whole = np.load(path, mmap_mode="r")
    smaller = _map(path.with_suffix(".kept"), whole.dtype, (len(kept), *whole.shape[1:]))
    for row, i in enumerate(kept):
        smaller[row] = whole[i]
    os.replace(path.with_suffix(".kept"), path)
    return smaller


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None  # an interruption in its first moment: begin again


def _done(path: Path) -> dict[int, list[dict[str, Any]]]:
    """Batches that are whole: a line each, the last of which may be cut."""
    found = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                start, entries = json.loads(line)
            except ValueError:
                continue
            found[start] = entries
    return found
