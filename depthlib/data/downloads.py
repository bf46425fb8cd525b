"""Downloads that can be trusted: several addresses, resumed where they were cut, checked before they count."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from depthlib.errors import DepthError
from depthlib.files import writable_folder

CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """One file of a data set: its name, addresses in the order to try, size in bytes and SHA-256."""

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str


def fetch(source: Source, folder: str | os.PathLike[str], mirrors: Iterable[str] = (), timeout_s: float = 30) -> Path:
    """Download a file, or go on where an earlier try was cut off.

    The bytes gather in ``NAME.partial``; the file gets its name only when size and checksum are right, so an
    existing good file is never overwritten.

    Args:
        source: what to fetch.
        folder: where it goes.
        mirrors: addresses to try first; the checksum makes any mirror safe.
        timeout_s: how long a server may be silent.

    Raises:
        DepthError: every address failed (says what each answered and where to put the file by hand), the
            checksum is wrong, or the disk is too small.
    """
    folder = Path(folder)
    target, partial = folder / source.name, folder / f"{source.name}.partial"
    if target.exists():
        if target.stat().st_size == source.size and sha256(target) == source.sha256:
            return target
        raise DepthError(
            f"{target}: there, but not the expected file ({source.size} bytes). Move it away and run again."
        )
    writable_folder(folder, "Set DEPTHLIB_DATA to another folder.")
    have = partial.stat().st_size if partial.exists() else 0
    free = shutil.disk_usage(folder).free
    if source.size - have > free:
        raise DepthError(
            f"{folder}: {free / 1e9:.1f} GB free, {source.name} needs {(source.size - have) / 1e9:.1f} GB more."
        )
    answers = []
    for url in (*mirrors, *source.urls):
        resumed = partial.exists()
        try:
            _download(url, partial, source, timeout_s)
            if sha256(partial) != source.sha256 and resumed:
                # what an earlier address left may be the wrong part: this one gets a fresh start
                partial.unlink()
                _download(url, partial, source, timeout_s)
        except (OSError, ValueError, http.client.HTTPException) as error:
            answers.append(f"{url}: {' '.join(f'{error}'.split()) or type(error).__name__}")
            continue
        if sha256(partial) != source.sha256:
            partial.unlink()
            answers.append(f"{url}: wrong checksum, thrown away")
            continue
        os.replace(partial, target)
        return target
    kept = (
        f" {partial.stat().st_size / 1e6:.1f} MB are kept; the same command goes on from there."
        if partial.exists()
        else ""
    )
    raise DepthError(
        f"{source.name} could not be fetched: {'; '.join(answers)}.{kept} Or put the file (SHA-256 {source.sha256}) "
        f"into {folder} by hand."
    )


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, partial: Path, source: Source, timeout_s: float) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if have >= source.size:  # longer than it may be, or whole already: the checksum decides
        if have > source.size:
            partial.unlink()
            have = 0
        else:
            return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        resumed = answer.status == 206
        offered = answer.headers.get("Content-Length")
        if resumed:
            where = answer.headers.get("Content-Range", "")
            if where.replace(" ", "") != f"bytes{have}-{source.size - 1}/{source.size}":
                raise ValueError(f"offers {where or 'an unnamed range'}, not the rest of {source.size} bytes")
        elif offered is not None and int(offered) != source.size:
            raise ValueError(f"offers {offered} bytes, expected {source.size}: a login page or another file")
        with (
            open(partial, "ab" if resumed else "wb") as file,
            tqdm(total=source.size, initial=have if resumed else 0, unit="B", unit_scale=True, desc=source.name) as bar,
        ):
            while chunk := answer.read(CHUNK):
                if file.tell() + len(chunk) > source.size:
                    file.close()
                    partial.unlink()
                    raise ValueError(f"sends more than {source.size} bytes: not this file")
                file.write(chunk)
                bar.update(len(chunk))
    got = partial.stat().st_size
    if got < source.size:
        raise ValueError(f"cut off after {got} of {source.size} bytes")
