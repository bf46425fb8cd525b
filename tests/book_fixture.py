"""The book built once for all tests that look at it, and small books for single traps."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import tasks

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Built:
    """A rendered book: where it is and what the build said."""

    html: Path
    status: int
    log: str

    @property
    def complaints(self) -> str:
        """What was wrong, and the end of what was said."""
        named = [line for line in self.log.splitlines() if "WARNING: " in line or "ERROR: " in line]
        return "\n".join([*named, self.log[-1000:]])

    @property
    def pages(self) -> dict[str, str]:
        """Page name → HTML of every chapter."""
        return {
            path.relative_to(self.html).with_suffix("").as_posix(): path.read_text(encoding="utf8")
            for path in sorted((self.html / "book").rglob("*.html"))
        }


def build(output: Path, source: Path = ROOT, profile: str = "smoke") -> Built:
    status, log = tasks.build(output, profile, source)
    return Built(output / "_build" / "html", status, log)


def small_book(folder: Path, pages: dict[str, str]) -> Path:
    """A book with this project's configuration and tools, and other pages; the first is the root."""
    for name in ("_config.yml", "constraints.txt", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "book" / "_static", folder / "book" / "_static")
    shutil.copy2(ROOT / "book" / "references.bib", folder / "book" / "references.bib")
    (folder / "depthlib").mkdir()
    (folder / "depthlib" / "__init__.py").write_text("")
    for name, text in pages.items():
        (folder / "book" / f"{name}.py").write_text(text, encoding="utf8")
    root, *others = pages
    chapters = "".join(f"  - file: book/{name}\n" for name in others)
    (folder / "_toc.yml").write_text(
        f"format: jb-book\nroot: book/{root}\n" + (f"chapters:\n{chapters}" if others else "")
    )
    return folder
