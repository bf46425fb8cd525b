"""Pages of the book that are made of other files: which number came from which run, the papers' tables, all exercises, how long each chapter is."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

NUMBER = re.compile(r"\{result\}`([^`:]+)::")
BOX = re.compile(r"^```\{admonition\} (?:Exercise|Solution|Discussion)\b.*?^```$", re.M | re.S)
COMMENT = re.compile(r"^# ?", re.M)
KIND = re.compile(r"\{admonition\} Exercise \d+ \(([^)]*)\)")
WORDS_A_MINUTE = 100  # of a text with formulas and figures, read with care


def chapters(app: Sphinx) -> list[Path]:
    """The sources of all chapters that are Python, in the order of the table of contents."""
    ordered = (Path(app.srcdir, f"{name}.py") for name in _contents(app))
    return [path for path in ordered if path.is_file()]


def _contents(app: Sphinx) -> list[str]:
    toc = yaml.safe_load(Path(app.srcdir, "_toc.yml").read_text(encoding="utf8"))
    found = [toc["root"]]

    def walk(entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            if "file" in entry:
                found.append(entry["file"])
            walk(entry.get("chapters", []) + entry.get("sections", []))

    walk(toc.get("parts", []) + toc.get("chapters", []))
    return found


def note_files(env: BuildEnvironment, folder: Path, pattern: str) -> None:
    """This page is read again when other files match. (Sphinx takes a folder that is noted as a dependency for a missing file.)"""
    env.metadata[env.docname].setdefault("files", {})[str(folder), pattern] = matching(folder, pattern)


def matching(folder: Path, pattern: str) -> list[str]:
    """The files of a folder that match, by their place in it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def with_other_files(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """The pages for which other files match than when they were read."""
    return [
        page
        for page, about in env.metadata.items()
        if any(matching(Path(folder), pattern) != names for (folder, pattern), names in about.get("files", {}).items())
    ]


def title(source: str, path: Path) -> str:
    """A chapter's title: its first heading."""
    found = re.search(r"^# # (.+)$", source, re.M)
    return found[1] if found else path.stem


def quoted(sources: dict[Path, str], results: Path) -> dict[str, list[Path]]:
    """A file of results, ``eigen-nyu/cpu-0`` → the chapters that print a number of it; all files are there."""
    found: dict[str, list[Path]] = {
        path.relative_to(results).with_suffix("").as_posix(): [] for path in sorted(results.rglob("*.json"))
    }
    for path, source in sources.items():
        for name in dict.fromkeys(NUMBER.findall(source)):
            files = [f.relative_to(results).with_suffix("").as_posix() for f in sorted(results.glob(f"{name}.json"))]
            for file in files:
                if path not in found[file]:  # a page may print one seed, and the mean over all
                    found[file].append(path)
    return found


def exercises(source: str) -> Iterator[str]:
    """The boxes of a chapter's exercises, solutions and discussions, as MyST."""
    text = COMMENT.sub("", source)
    for box in BOX.finditer(text):
        yield box[0]


def words(source: str) -> int:
    """How many words of prose a chapter has: no code, no tables, no folded solutions."""
    prose = re.sub(r"^(?!#).*$|^# (?:\||%%).*$", "", source, flags=re.M)
    prose = BOX.sub(lambda box: box[0] if "} Exercise" in box[0] else "", COMMENT.sub("", prose))
    prose = re.sub(r"\$\$.*?\$\$|\$[^$]+?\$|\{\w+(?::\w)?\}`[^`]*`", "", prose, flags=re.S)
    return len(re.findall(r"[^\W\d_]{2,}", prose))


class FromOthers(SphinxDirective, ABC):
    """A directive whose MyST is made of other files, the chapters' sources among them."""

    def run(self) -> list[nodes.Node]:
        sources = {}
        for path in chapters(self.env.app):
            self.env.note_dependency(str(path))
            sources[path] = path.read_text(encoding="utf8")
        place = nodes.container()
        self.state.nested_parse(StringList(self.lines(sources), self.env.docname), self.content_offset, place)
        return place.children

    @abstractmethod
    def lines(self, sources: dict[Path, str]) -> list[str]:
        """The page's MyST."""


class Provenance(FromOthers):
    """``{provenance}``: every file of results, how it came to be, and which chapters print numbers of it."""

    def lines(self, sources: dict[Path, str]) -> list[str]:
        results = Path(self.env.srcdir, "results")
        note_files(self.env, results, "**/*.json")
        trainings: list[str] = []
        reports: list[str] = []
        for name, used in quoted(sources, results).items():
            path = results / f"{name}.json"
            self.env.note_dependency(str(path))
            content = json.loads(path.read_text(encoding="utf8"))
            pages = ", ".join(f"[{title(sources[page], page)}]({page.stem})" for page in used)
            where = f"Printed in {pages}." if pages else "In no chapter's text; in figures or tables at most."
            if "samples_seen" in content:
                seconds = content["seconds"]
                about = (
                    f"{content['samples_seen']:,d} samples, {seconds['train'] / 60:.0f} minutes of training on {content['device']} with "
                    f"{content['threads']} thread{'s' * (content['threads'] > 1)}; torch {content['versions']['torch']}; version `{str(content.get('commit') or '–')[:13]}`. "
                )
                trainings += [f"`{name}`", f": {about}{where}", ""]
            else:
                on = content.get("gpu") or content.get("device") or content.get("machine")
                about = f"on {on}; torch {content['torch']}. " if on and "torch" in content else ""
                reports += [f"`{name}`", f": {about}{where}", ""]
        return ["## Trainings", "", *trainings, "## Benchmarks and sweeps", "", *reports]


class PaperTables(FromOthers):
    """``{papertables}``: every published table, ours beside it, as ``depthlib table all`` prints them."""

    def lines(self, sources: dict[Path, str]) -> list[str]:
        from depthlib import tables

        results = Path(self.env.srcdir, "results")
        note_files(self.env, results, "**/*.json")
        known = {name: tables.load_table(name) for name in tables.table_names()}
        out = [*(f"- [{name}: {table.title}](table-{name})" for name, table in known.items()), ""]
        for name, table in known.items():
            self.env.note_dependency(str(tables.FOLDER / f"{name}.yaml"))
            for recipe in table.recipes():
                for path in results.glob(f"{recipe}/*.json"):
                    self.env.note_dependency(str(path))
            heading, *rest = tables.as_markdown(name, results).splitlines()
            out += [f"(table-{name})=", heading.removeprefix("#"), *rest, ""]
        return out


class Exercises(FromOthers):
    """``{exercises}``: all of them, chapter by chapter, with their solutions folded."""

    def lines(self, sources: dict[Path, str]) -> list[str]:
        out: list[str] = []
        for path, source in sources.items():
            boxes = list(exercises(source))
            if not boxes:
                continue
            out += [f"## {title(source, path)}", "", f"Of the chapter [{title(source, path)}]({path.stem})."]
            for box in boxes:
                out += ["", *box.splitlines()]
            out.append("")
        return out


class Lengths(FromOthers):
    """``{lengths}``: a table of the chapters, how long one reads, and how many exercises of which kind there are."""

    def lines(self, sources: dict[Path, str]) -> list[str]:
        out = ["| | reading, minutes | exercises by hand | in code | open |", "|---|---|---|---|---|"]
        for path, source in sources.items():
            kinds = KIND.findall(source)
            by_hand, code = kinds.count("by hand"), sum("code" in kind for kind in kinds)
            minutes = 5 * max(1, round(words(source) / WORDS_A_MINUTE / 5))
            counts = " | ".join(str(n or "–") for n in (by_hand, code, len(kinds) - by_hand - code))
            out.append(f"| [{title(source, path)}]({path.stem}) | {minutes} | {counts} |")
        return out


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("provenance", Provenance)
    app.add_directive("papertables", PaperTables)
    app.add_directive("exercises", Exercises)
    app.add_directive("lengths", Lengths)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
