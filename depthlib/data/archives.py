"""Files inside archives: read where they lie, or unpacked so that no member ends up outside the folder."""

from __future__ import annotations

import functools
import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

from tqdm import tqdm

from depthlib.errors import DepthError
from depthlib.files import writable_folder, write_whole

LARGEST = 1 << 26  # bytes of a member: a picture and its map are far smaller, a bomb is not
_opened: dict[tuple[object, ...], zipfile.ZipFile] = {}  # one a process: a fork must not share a file's position


class Damaged(DepthError):
    """An archive that is of no use as it is: cut short, damaged, or not to be trusted."""


@dataclass(frozen=True)
class Member:
    """A file within a zip or tar, with the part of :class:`~pathlib.Path` that readers use."""

    archive: Path
    path: str
    size: int
    offset: int | None = None  # where a tar's member begins; None in a zip

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def __str__(self) -> str:
        return f"{self.archive}:{self.path}"

    def is_file(self) -> bool:
        return True  # it was listed

    def stat(self) -> SimpleNamespace:
        return SimpleNamespace(st_size=self.size)

    def read_bytes(self) -> bytes:
        """Its content.

        Raises:
            Damaged: larger than any picture, or damaged.
        """
        if self.size > LARGEST:
            raise Damaged(
                f"{self}: {self.size / 1e6:.0f} MB; no picture or map is so large. Do not trust this archive."
            )
        try:
            if self.offset is None:
                with _zip(self.archive).open(self.path) as file:
                    content = file.read(self.size + 1)
            else:
                with open(self.archive, "rb") as file:
                    file.seek(self.offset)
                    content = file.read(self.size)
        except Exception as error:  # zipfile and zlib have a dozen kinds for damaged, encrypted or unknown packing
            raise Damaged(f"{self}: cannot be read ({error}). Fetch the archive again.") from error
        if len(content) != self.size:
            raise Damaged(f"{self}: {len(content)} bytes, its archive says {self.size}. Fetch the archive again.")
        return content


def members(archive: Path) -> dict[str, Member]:
    """The plain files of a zip or an uncompressed tar by path; links and devices are left out.

    Raises:
        Damaged: missing, or neither.
    """
    try:
        if archive.suffix == ".zip":
            listed = {
                i.filename: Member(archive, i.filename, i.file_size) for i in _zip(archive).infolist() if not i.is_dir()
            }
        else:
            with tarfile.open(archive, "r:") as file:
                listed = {i.name: Member(archive, i.name, i.size, i.offset_data) for i in _plain(file)}
    except Exception as error:  # tarfile and zipfile have a dozen kinds for damaged lists, down to MemoryError
        raise Damaged(
            f"{archive}: cannot be read as {'a zip' if archive.suffix == '.zip' else 'an uncompressed tar'} ({error}). "
            "Fetch it again."
        ) from error
    return {path.removeprefix("./"): member for path, member in listed.items()}


def unpack(archive: Path, folder: Path, strip: int = 0) -> int:
    """Write the plain files of a zip or uncompressed tar below a folder, and say how many there are.

    Each is whole or absent, and one that is there in its full length is not written again: what was interrupted goes on.

    Args:
        strip: how many folders to take off the front of every path; files that lie in fewer are left out.

    Raises:
        Damaged: a path that leads out of the folder, or two that become one (nothing is written), or a damaged member.
        DepthError: no space, or a folder that cannot be written into.
    """
    targets: dict[Path, Member] = {}
    try:
        for path, member in members(archive).items():
            inside = PurePosixPath(path)
            parts = inside.parts[strip:]
            if inside.is_absolute() or ".." in inside.parts or "\\" in path:
                raise Damaged(f"{member}: leads out of the folder. Do not trust this archive.")
            target = folder.joinpath(*parts)
            if target in targets:
                raise Damaged(f"{member}: would be written over {targets[target]}. Do not trust this archive.")
            if parts:
                targets[target] = member
        for target, member in tqdm(targets.items(), desc=f"unpacking {archive.name}", unit="file"):
            if target.is_file() and target.stat().st_size == member.size:
                continue
            there = next(parent for parent in target.parents if parent.exists())
            if there != folder and folder.exists() and not there.resolve().is_relative_to(folder.resolve()):
                raise DepthError(f"{there}: is a link that leads out of {folder}. Remove it.")
            writable_folder(target.parent)
            write_whole(target, functools.partial(Path.write_bytes, data=member.read_bytes()))
    finally:
        for key in [key for key in _opened if key[1] == archive]:
            _opened.pop(key).close()  # else a removed archive would keep its space until the process ends
    return len(targets)


def _plain(file: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (info for info in file if info.isreg() and not info.issparse())


def _zip(archive: Path) -> zipfile.ZipFile:
    now = archive.stat()
    key = (os.getpid(), archive, now.st_mtime_ns, now.st_size)
    if key not in _opened:
        _opened[key] = zipfile.ZipFile(archive)
    return _opened[key]
