"""Downloads that can be trusted: several addresses, resumed where they were cut, checked before they count."""

from __future__ import annotations

import functools
import glob
import hashlib
import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from tqdm import tqdm

from depthlib.errors import DepthError, in_short
from depthlib.files import one_at_a_time, writable_folder, write_whole

CHUNK = 1 << 20
#: Answers of a server that are about the moment, not about the file: request timeout, too early, too many requests.
PASSING = (408, 425, 429)


class NotThere(DepthError):
    """Every server answered, and none gives the file (HTTP 404 and its kin): asking again would not help."""


@dataclass(frozen=True)
class Source:
    """One file of a data set.

    Args:
        name: of the file.
        urls: its addresses, in the order to try.
        size: bytes; None where its publisher names none: then what the server says holds, if it says anything.
        sha256: None where nobody published one: then the file's own checksums have to do, each address has a part of its own, which is
            gone on with only where the server vouches that it is of the same file (its ETag), and what was fetched first is
            noted in ``NAME.sha256``.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None


def fetch(
    source: Source,
    folder: str | os.PathLike[str],
    mirrors: Iterable[str] = (),
    timeout_s: float = 30,
    progress: bool = True,
) -> Path:
    """Download a file, or go on where an earlier try was cut off.

    The bytes gather in ``NAME.partial`` (``NAME.ADDRESS.partial`` without a checksum); the file gets its name only when size and
    checksum are right, so an existing good file is never overwritten. One process at a time fetches a file.

    Args:
        source: what to fetch.
        folder: where it goes.
        mirrors: addresses to try first; a published checksum makes any mirror safe, and without one it must be trusted.
        timeout_s: how long a server may be silent.
        progress: show a bar.

    Raises:
        NotThere: every address answered that it does not give the file.
        DepthError: every address failed (says what each answered and where to put the file by hand), the
            checksum is wrong, another process is fetching the file, or the disk is too small.
    """
    folder = Path(folder)
    target = folder / source.name
    if (there := _fetched(source, target)) is not None:
        return there
    writable_folder(folder, "Set DEPTHLIB_DATA to another folder.")
    busy = f"{target}: another process is fetching it. Wait until it has, or stop it."
    with one_at_a_time(folder / f".{source.name}.fetching.lock", busy):
        there = _fetched(source, target)  # by whoever was first, meanwhile
        return there or _fetch(source, target, (*mirrors, *source.urls), timeout_s, progress)


def _fetched(source: Source, target: Path) -> Path | None:
    """The file if it is here and what is expected; None where it is not here."""
    expected = source.sha256 or _noted(target)
    if target.exists():
        if source.size in (None, target.stat().st_size) and expected in (None, found := sha256(target)):
            return target
        if source.sha256 is None and source.size is None:
            raise DepthError(
                f"{target}: has SHA-256 {found}, but {_note(target)} says {expected}: not the expected file, it was changed "
                "or damaged since it was fetched. Remove both and run again."
            )
        raise DepthError(
            f"{target}: there, but not the expected file: it has {target.stat().st_size} bytes, expected "
            f"{source.size or 'any number'}"
            + (f", and should have the SHA-256 {expected}" if expected else "")
            + ". Move it away and run again."
        )
    return None


def _fetch(source: Source, target: Path, urls: Iterable[str], timeout_s: float, progress: bool) -> Path:
    """The file, from the first address that gives it."""
    folder, expected = target.parent, source.sha256 or _noted(target)
    _room(folder, source.name, (source.size or 0) - max((p.stat().st_size for p in _parts(target)), default=0))
    answers, lasting = [], True  # whether each server said so of the file itself
    for url in urls:
        # without a checksum nothing would notice two files joined into one
        mark = "" if source.sha256 else f".{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        partial = target.with_name(f"{target.name}{mark}.partial")
        resumed = partial.exists()
        try:
            _download(url, partial, source, timeout_s, progress)
            found = sha256(partial)
            if expected not in (None, found) and resumed:
                # what an earlier address left may be the wrong part: this one gets a fresh start
                partial.unlink()
                _download(url, partial, source, timeout_s, progress)
                found = sha256(partial)
        except DepthError:  # no room: another address would not help
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            code = error.code if isinstance(error, urllib.error.HTTPError) else 0
            lasting = lasting and 400 <= code < 500 and code not in PASSING
            answers.append(f"{url}: {in_short(error)}")
            if not partial.exists():
                _tag(partial).unlink(missing_ok=True)
            continue
        if expected not in (None, found):
            partial.unlink()
            lasting = False
            whose = (
                ""
                if source.sha256
                else f", as {_note(target)} has it from the first time: remove that if the file changed"
            )
            answers.append(f"{url}: wrong checksum {found}, thrown away; expected {expected}{whose}")
            continue
        if source.sha256 is None:
            line = f"{found}  {source.name}\n"  # as sha256sum writes it
            write_whole(_note(target), functools.partial(Path.write_text, data=line))
        os.replace(partial, target)
        for other in _parts(target):  # what other addresses left
            other.unlink()
            _tag(other).unlink(missing_ok=True)
        return target
    kept = ""
    for part in sorted(_parts(target), key=lambda part: part.stat().st_size):
        if source.sha256 or _tag(part).is_file():
            kept = f" {part.stat().st_size / 1e6:.1f} MB are kept; the same command goes on from there."
        else:
            part.unlink()
            kept = (
                kept
                or " What came could not be gone on with, since the server names no version of the file, and is thrown away."
            )
    checksum = f" (SHA-256 {expected})" if expected else ""
    raise (NotThere if lasting else DepthError)(
        f"{source.name} could not be fetched: {'; '.join(answers)}.{kept} Or put the file{checksum} into {folder} by hand."
    )


def forget(target: Path) -> None:
    """Remove a file that was fetched, and what is noted of it."""
    target.unlink()
    _note(target).unlink(missing_ok=True)


def _parts(target: Path) -> list[Path]:
    """What is here of a file that is not whole."""
    return [
        p
        for p in target.parent.glob(f"{glob.escape(target.name)}*.partial")
        if len(p.name) - len(target.name) in (8, 17)
    ]


def _tag(partial: Path) -> Path:
    """Where the server's name for the version of a part is noted, so that it can be gone on with."""
    return partial.with_name(f"{partial.name}.etag")


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _noted(target: Path) -> str | None:
    """The checksum that an earlier download of this file noted."""
    try:
        return _note(target).read_text().split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _room(folder: Path, name: str, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DepthError(f"{folder}: {free / 1e9:.1f} GB free, {name} needs {needed / 1e9:.1f} GB more.")


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, partial: Path, source: Source, timeout_s: float, progress: bool) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if source.size is not None and have >= source.size:  # whole already, or longer than it may be
        if have == source.size:
            return  # the checksum decides
        partial.unlink()
        have = 0
    tag = _tag(partial)
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and source.sha256 is None:
        if tag.is_file():
            headers["If-Range"] = tag.read_text()
        else:  # the server may have another version by now
            headers, have = {}, 0
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have or source.size is not None:
            raise
        # nothing after what we have: whole, if the server says that this is all of the same file
        if "If-Range" not in headers or error.headers.get("Content-Range") != f"bytes */{have}":
            partial.unlink()
            _download(url, partial, source, timeout_s, progress)
        tag.unlink(missing_ok=True)
        return
    with answer:
        resumed = answer.status == 206
        size = _offered(answer.headers, have if resumed else 0, resumed, source.size)
        _room(partial.parent, source.name, (size or 0) - (have if resumed else 0))
        if source.sha256 is None:
            etag = answer.headers.get("ETag", "")
            tag.unlink(missing_ok=True)  # of a version that will be gone
            if etag and not etag.startswith("W/"):
                tag.write_text(etag)
        with (
            open(partial, "ab" if resumed else "wb") as file,
            tqdm(
                total=size,
                initial=have if resumed else 0,
                unit="B",
                unit_scale=True,
                desc=source.name,
                disable=not progress,
            ) as bar,  # fmt: skip
        ):
            while chunk := answer.read1(CHUNK):  # what has come: a server that falls silent costs nothing
                if size is not None and file.tell() + len(chunk) > size:
                    file.close()
                    partial.unlink()
                    raise ValueError(f"sends more than {size} bytes: not this file")
                file.write(chunk)
                bar.update(len(chunk))
    got = partial.stat().st_size
    if size is not None and got < size:
        raise ValueError(f"cut off after {got} of {size} bytes")
    if source.sha256 is None and (wrong := _no_data(partial)):
        partial.unlink()
        raise ValueError(f"sends {wrong}")
    tag.unlink(missing_ok=True)


def _no_data(partial: Path) -> str:
    """What a whole answer is that cannot be data, or nothing."""
    with open(partial, "rb") as file:
        begins = file.read(256).lstrip().lower()
    if not begins:
        return "an empty file"
    return "a web page: a login, or the file has moved" if begins.startswith((b"<!doctype html", b"<html")) else ""


def _offered(headers: Message, have: int, resumed: bool, size: int | None) -> int | None:
    """How long the whole file is, by what the server offers; None where neither it nor we know.

    Raises:
        ValueError: another length than ours, a login page, or another part than the rest.
    """
    if resumed:
        where = headers.get("Content-Range", "").replace(" ", "")
        part = re.fullmatch(r"bytes(\d+)-(\d+)/(\d+)", where)
        first, last, total = map(int, part.groups()) if part else (-1, -1, -1)
        if first != have or last != total - 1 or size not in (None, total):
            rest = f"{size} bytes" if size is not None else f"a file of which {have} bytes are here"
            raise ValueError(f"offers {where or 'an unnamed range'}, not the rest of {rest}")
        return total
    if size is None and headers.get_content_type() == "text/html":
        raise ValueError("offers a web page: a login, or the file has moved")
    offered = headers.get("Content-Length")
    if offered is None:
        return size
    if size not in (None, int(offered)):
        raise ValueError(f"offers {offered} bytes, expected {size}: a login page or another file")
    return int(offered)
