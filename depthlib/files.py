"""Files that are whole or absent: folders checked early, writing beside the target, tensors read without pickle."""

from __future__ import annotations

import contextlib
import os
import shutil
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from depthlib.errors import DepthError

if TYPE_CHECKING:
    from torch import Tensor


def shared_name(name: str | Path) -> str:
    """By which files belong together: without folder and ending if it is a path, and accents in one spelling.

    A Mac writes é as e and an accent, others as one letter; both look alike.

    >>> shared_name(Path("rgb/cafe\u0301.jpg")) == shared_name("caf\u00e9")
    True
    """
    return unicodedata.normalize("NFC", name.stem if isinstance(name, Path) else name)


def writable_folder(folder: str | os.PathLike[str], remedy: str = "Choose another folder.") -> Path:
    """The folder, made if need be, found writable now and not after hours of work.

    Raises:
        DepthError: it cannot be made or written to; ends with the remedy.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DepthError(f"{path}: cannot be written ({error.strerror}). {remedy}") from error
    if not os.access(path, os.W_OK):
        raise DepthError(f"{path}: cannot be written (permission). {remedy}")
    return path


@contextlib.contextmanager
def one_at_a_time(lock: Path, busy: str) -> Iterator[None]:
    """What stands under it is done by one process at a time; a killed one holds nothing.

    Args:
        lock: a file, made for as long as it is held.
        busy: what to say to whoever comes meanwhile.

    Raises:
        DepthError: another process is at it; says ``busy``.
    """
    held = FileLock(lock, timeout=0)
    try:
        held.acquire()
    except Timeout as error:
        raise DepthError(busy) from error
    except OSError as error:
        raise DepthError(f"{lock.parent}: cannot be written ({error.strerror}). Choose another folder.") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # while it is held, so that nobody else's is removed
        held.release()


def write_whole(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    """Write a file beside its target and rename it, so that no half-written file is ever seen.

    Args:
        write: is given the path to write to.

    Raises:
        DepthError: the place cannot be written, or the disk is full; what was there before stays.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")  # of two writers each has its own
    try:
        write(partial)
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(OSError):  # a name too long for the disk cannot even be removed
            partial.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise DepthError(f"{target}: cannot be written ({error.strerror or error}). Choose another folder.") from error
    return target


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes the target when all is written; else nothing of it stays.

    One process at a time writes a target: what is there of another is what it left when it was killed, and goes first.
    """
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_tensors(path: str | os.PathLike[str], remedy: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        DepthError: missing, damaged or of another format; ends with the remedy.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DepthError(f"{path}: cannot be read as safetensors ({error}). {remedy}") from error
