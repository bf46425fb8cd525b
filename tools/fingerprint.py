"""Short hashes: of what a chapter's outputs depend on beside its own cells, and of what else is kept between builds."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def content_hash(paths: Iterable[Path]) -> str:
    """Of what files contain, for the name under which something made of them is kept."""
    return hashlib.blake2b(b"".join(path.read_bytes() for path in paths), digest_size=8).hexdigest()


def execution_fingerprint(root: Path, profile: str) -> str:
    """Hash of every file of ``depthlib/``, of ``constraints.txt``, of the profile and of which data are at hand."""
    digest = hashlib.sha256()
    files = [path for path in (root / "depthlib").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in [*sorted(files), root / "constraints.txt"]:
        if path.exists():
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    for value in (profile, os.environ.get("DEPTHLIB_DATA", ""), os.environ.get("DEPTHLIB_WEIGHTS", "")):
        digest.update(value.encode() + b"\0")
    return digest.hexdigest()[:16]


def kept(folder: Path, root: Path, profile: str) -> Path:
    """Today's subfolder of ``folder``, named after the fingerprint; those of earlier versions are removed."""
    current = folder / f"{profile}-{execution_fingerprint(root, profile)}"
    for old in folder.glob(f"{profile}-*"):
        if old != current:
            shutil.rmtree(old)
    return current
