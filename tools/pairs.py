"""From a chapter (py:percent) to its paired notebook, for Colab, Jupyter and nbval.

``make notebooks`` runs this file: every ``book/*.py`` that is a chapter becomes an ``.ipynb`` beside it with cell ids
made from the content (so that two conversions are byte-identical), roles and directives turned into plain Markdown,
executed with the ``smoke`` profile, with its text outputs and no images.

    python tools/pairs.py            write all pairs
    python tools/pairs.py --check    exit with 1 if one is out of step with its chapter, execute nothing
"""

from __future__ import annotations

import argparse
import copy
import functools
import hashlib
import json
import os
import re
import statistics
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).parent))
from fingerprint import kept

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
CHECK_TAG = "nbval-check-output"
INSTALL_TAG = "colab-install"


class PairError(Exception):
    """A chapter that cannot be paired: which one, why, and what to do."""


class ResultError(Exception):
    """A number of ``results/`` that is not there, or a role that cannot be read."""


# --- numbers from results/ ------------------------------------------------------------------------------------------


def split_result(text: str, folder: Path) -> tuple[list[Path], str, str]:
    """``RECIPE/PROFILE[-SEED]::dotted.key::format`` → (files, key, format); ``RECIPE/PROFILE-*`` is every seed."""
    parts = text.split("::")
    if len(parts) != 3 or not all(parts):
        raise ResultError(f"result {text!r}: expected RECIPE/PROFILE-SEED::dotted.key::format, such as "
                          "eigen-nyu/cpu-0::metrics.eigen14.abs_rel::.3f")  # fmt: skip
    run, key, form = parts
    if not run.endswith("-*"):
        return [folder / f"{run}.json"], key, form
    files = sorted(folder.glob(f"{run}.json"))
    if not files:
        raise ResultError(f"result {text!r}: there is no file results/{run}.json")
    return files, key, form


def result(text: str, folder: Path = ROOT / "results") -> str:
    """One number of a result file, formatted; of several seeds their mean ± standard deviation (of one seed the number alone).

    Raises:
        ResultError: no such file or key (it names the keys that exist), or a value that the format does not fit.
    """
    paths, key, form = split_result(text, folder)
    runs = [_read_result(text, path, folder) for path in paths]
    settings = [_deciding(run.get("settings", {}), path) for run, path in zip(runs, paths, strict=True)]
    if any(other != settings[0] for other in settings):
        raise ResultError(
            f"result {text!r}: these runs differ in more than their seed, so a mean of them means nothing"
        )
    values = [_value(text, run, path, key, folder) for run, path in zip(runs, paths, strict=True)]
    try:
        if len(values) == 1:
            return format(values[0], form)
        return f"{format(statistics.fmean(values), form)} ± {format(statistics.stdev(values), form.lstrip('+'))}"
    except (TypeError, ValueError) as error:
        raise ResultError(f"result {text!r}: {error}") from None


def _deciding(settings: dict[str, Any], path: Path) -> dict[str, Any]:
    """The part of a run's settings that decides its numbers: not the seed, the speed, or what was kept in memory."""
    from depthlib.recipe import completed

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(each) for key, each in value.items() if key != "keep"}
        return [without(each) for each in value] if isinstance(value, list | tuple) else value

    return without({**completed(settings, str(path)), "seed": None, "speed": None})


def _value(text: str, value: Any, path: Path, key: str, folder: Path) -> Any:
    for part in key.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            there = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise ResultError(f"result {text!r}: no {part!r} in results/{path.relative_to(folder)}; there: {there}")
    if isinstance(value, dict | list) or value is None:
        raise ResultError(f"result {text!r}: {key} is {type(value).__name__}, not a number or a word")
    return value


@functools.cache
def _read_once(path: Path, changed: int) -> Any:
    from depthlib.results import read_results  # late: torch; the only reader of results, so the schema always holds

    return read_results(path)


def _read_result(text: str, path: Path, folder: Path) -> Any:
    where = path.relative_to(folder)
    if not path.is_file():
        raise ResultError(f"result {text!r}: there is no file results/{where}")
    if where.parts[0] in ("benchmarks", "sweeps"):
        return json.loads(path.read_text(encoding="utf8"))
    try:
        value = _read_once(path, path.stat().st_mtime_ns)
    except ValueError as error:
        raise ResultError(f"result {text!r}: {error}") from None
    named = f"{value['recipe']}/{value['profile']}-{value['seed']}.json"
    if named != where.as_posix():
        raise ResultError(f"result {text!r}: results/{where} holds the run {named}; a file was renamed or edited")
    return value


# --- reading --------------------------------------------------------------------------------------------------------


def read_chapter(text: str) -> NotebookNode:
    """A py:percent text as a notebook with stable cell ids; what Sphinx renders."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(KERNEL), language_info=NotebookNode(name="python"))
    give_ids(notebook)
    return notebook


def give_ids(notebook: NotebookNode) -> None:
    """Cell id = hash of type, source and how often the same came before: the same text gives the same ids."""
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        key = f"{cell.cell_type}\0{cell.source}"
        cell.id = hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:8]
        seen[key] += 1
    notebook.nbformat, notebook.nbformat_minor = 4, 5


def is_chapter(path: Path) -> bool:
    """A ``.py`` of the book with at least one cell marker."""
    return path.suffix == ".py" and re.search(r"^# %%", path.read_text(encoding="utf8"), re.M) is not None


def chapters(book: Path = ROOT / "book") -> list[Path]:
    """The chapters of the book, in the order of their names."""
    return sorted(path for path in book.glob("*.py") if is_chapter(path))


# --- MyST → plain Markdown ------------------------------------------------------------------------------------------

FENCE = re.compile(r"^(\s*)(`{3,}|~{3,}|:{3,})(.*)$")
DIRECTIVE = re.compile(r"^\{([\w:.-]+)\}\s*(.*)$")
ROLE = re.compile(r"\{([\w:.+-]+)\}(`+)(.+?)\2(?!`)", re.S)
ADMONITIONS = ("admonition", "note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "error",
               "seealso", "margin", "sidebar", "topic", "dropdown", "card")  # fmt: skip


class Plain:
    """Turns one chapter's Markdown cells into Markdown that Colab shows."""

    def __init__(self, name: str, root: Path = ROOT) -> None:
        self.name = name
        self.root = root
        self.equations: dict[str, int] = {}
        self.cited: list[str] = []
        self.entries = bibliography(root / "book" / "references.bib")
        self.roles: dict[str, Callable[[str], str]] = {
            "result": lambda text: result(text, root / "results"),
            "eq": lambda text: f"({self.equation(text)})",
            "math": lambda text: f"${text}$",
            "cite": self.cite, "cite:p": self.cite, "cite:ps": self.cite,
            "cite:t": lambda text: self.cite(text, inside=False), "cite:ts": lambda text: self.cite(text, inside=False),
            "doc": self.doc, "ref": self.titled, "numref": self.titled, "term": self.titled,
        }  # fmt: skip

    def equation(self, label: str) -> int:
        return self.equations.setdefault(label.strip(), len(self.equations) + 1)

    def cite(self, text: str, inside: bool = True) -> str:
        shown = []
        for key in (part.strip() for part in text.split(",")):
            if key not in self.entries:
                raise PairError(f"{self.name}: no entry {key!r} in book/references.bib")
            if key not in self.cited:
                self.cited.append(key)
            who, year, _ = self.entries[key]
            shown.append(f"{who}, {year}" if inside else f"{who} ({year})")
        return f"({'; '.join(shown)})" if inside else ", ".join(shown)

    def doc(self, text: str) -> str:
        match = re.fullmatch(r"(.*?)\s*<(.+)>", text, re.S)
        target = Path(match[2] if match else text).name
        title = match[1] if match else chapter_title(self.root / "book" / f"{target}.py") or target
        return f"[{title}]({target}.ipynb)"

    def titled(self, text: str) -> str:
        match = re.fullmatch(r"(.*?)\s*<(.+)>", text, re.S)
        return match[1] if match else text.replace("-", " ").replace("_", " ")

    def role(self, match: re.Match[str]) -> str:
        name, text = match[1], match[3]
        if name.startswith("py:"):
            return f"`{text.lstrip('~')}`"
        if name not in self.roles:
            raise PairError(f"{self.name}: role {{{name}}} has no plain Markdown; add it to tools/pairs.py")
        try:
            return self.roles[name](text)
        except ResultError as error:
            raise PairError(f"{self.name}: {error}") from None

    def inline(self, text: str) -> str:
        text = ROLE.sub(self.role, text)
        return re.sub(r"\]\((?:\./)?(\w+)\.py(#[\w-]+)?\)", r"](\1.ipynb)", text)

    def convert(self, text: str) -> str:
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.block(text.split("\n")))).strip("\n")

    def block(self, lines: list[str]) -> list[str]:
        out: list[str] = []
        buffer: list[str] = []

        def flush() -> None:
            if buffer:
                out.extend(self.prose(buffer))
                buffer.clear()

        at = 0
        while at < len(lines):
            fence = FENCE.match(lines[at])
            if not fence:
                buffer.append(lines[at])
                at += 1
                continue
            flush()
            indent, marks, info = fence[1], fence[2], fence[3].strip()
            end = self.closing(lines, at, marks)
            body = [line[len(indent) :] if line.startswith(indent) else line for line in lines[at + 1 : end]]
            directive = DIRECTIVE.match(info)
            if directive:
                out.extend(indent + line if line else line for line in self.directive(directive[1], directive[2], body))
            else:
                out.extend(lines[at : end + 1])
            at = end + 1
        flush()
        return out

    def closing(self, lines: list[str], start: int, marks: str) -> int:
        for at in range(start + 1, len(lines)):
            fence = FENCE.match(lines[at])
            if fence and not fence[3].strip() and fence[2][0] == marks[0] and len(fence[2]) >= len(marks):
                return at
        raise PairError(f"{self.name}: the block {lines[start].strip()!r} is not closed")

    def prose(self, lines: list[str]) -> list[str]:
        kept = [line for line in lines if not re.match(r"^%(\s|$)", line) and not re.match(r"^\([\w:.-]+\)=\s*$", line)]
        text = "\n".join(kept)
        text = re.sub(
            r"\$\$(.+?)\$\$\s*\(([\w:.-]+)\)", lambda m: f"$$\n{m[1].strip()} \\tag{{{self.equation(m[2])}}}\n$$", text,
            flags=re.S,
        )  # fmt: skip
        return self.inline(text).split("\n")

    def directive(self, name: str, argument: str, body: list[str]) -> list[str]:
        options, body = directive_options(body)
        if name in ADMONITIONS:
            title = self.inline(argument) if argument else name.capitalize()
            if name in ("note", "tip", "hint", "important", "warning", "caution", "seealso") and argument:
                body, title = [argument, *body], name.capitalize()
            inner = self.block(body)
            if "dropdown" in options.get("class", "") or name == "dropdown":
                return ["", "<details>", f"<summary>{title}</summary>", "", *inner, "", "</details>", ""]
            return ["", f"> **{title}**", ">", *[f"> {line}".rstrip() for line in inner], ""]
        if name == "math":
            tag = f" \\tag{{{self.equation(options['label'])}}}" if options.get("label") else ""
            return [
                "",
                "$$",
                *[line for line in [argument, *body] if line.strip()],
                *([tag.strip()] if tag else []),
                "$$",
                "",
            ]
        if name in ("figure", "image"):
            caption = self.inline("\n".join(body).strip())
            shown = ["", f"![{options.get('alt', '')}]({argument})", ""]
            return [*shown, *caption.split("\n"), ""] if caption else shown
        if name in ("code-block", "code", "sourcecode"):
            return ["", f"```{argument}", *body, "```", ""]
        if name == "literalinclude":
            return ["", "```python", *self.included(argument, options), "```", ""]
        if name == "bibliography":
            return ["", *[f"- {self.entries[key][2]}" for key in sorted(self.cited or self.entries)], ""]
        raise PairError(f"{self.name}: directive {{{name}}} has no plain Markdown; add it to tools/pairs.py")

    def included(self, argument: str, options: dict[str, str]) -> list[str]:
        lines = (self.root / "book" / argument).resolve().read_text(encoding="utf8").split("\n")
        if "pyobject" in options:
            first = re.compile(rf"^(class|def)\s+{re.escape(options['pyobject'])}\b")
            start = next((i for i, line in enumerate(lines) if first.match(line)), None)
            if start is None:
                raise PairError(f"{self.name}: no {options['pyobject']} in {argument}")
            end = next((i for i in range(start + 1, len(lines)) if re.match(r"^[^\s)#]", lines[i])), len(lines))
            return "\n".join(lines[start:end]).rstrip().split("\n")
        return lines


def directive_options(body: list[str]) -> tuple[dict[str, str], list[str]]:
    """``:key: value`` lines at the top of a directive, and what follows them."""
    options: dict[str, str] = {}
    rest = list(body)
    while rest and (match := re.match(r"^:([\w-]+):\s*(.*)$", rest[0])):
        options[match[1]] = match[2].strip()
        rest.pop(0)
    return options, rest


def bibliography(path: Path) -> dict[str, tuple[str, str, str]]:
    """Key → (short authors, year, one line), from a BibTeX file."""
    if not path.exists():
        return {}
    from pybtex.database import parse_file

    found = {}
    for key, entry in parse_file(str(path)).entries.items():
        people = [" ".join(person.prelast_names + person.last_names) for person in entry.persons.get("author", [])]
        people = [re.sub(r"[{}]", "", person) for person in people]
        who = people[0] if len(people) == 1 else " and ".join(people) if len(people) == 2 else f"{people[0]} et al."
        title = re.sub(r"[{}]", "", entry.fields["title"])
        year = entry.fields.get("year", "n.d.")
        where = entry.fields.get("booktitle") or entry.fields.get("journal") or entry.fields.get("howpublished") or ""
        found[key] = (
            who,
            year,
            f"{', '.join(people)}. {title}. {re.sub(r'[{}]', '', where)}{', ' if where else ''}{year}.",
        )
    return found


def chapter_title(path: Path) -> str | None:
    """The first heading of a chapter."""
    if path.exists() and (match := re.search(r"^# # (.+)$", path.read_text(encoding="utf8"), re.M)):
        return match[1].strip()
    return None


# --- writing --------------------------------------------------------------------------------------------------------


def install_cell(root: Path = ROOT) -> NotebookNode:
    """The first cell of a pair: on Colab it installs the library at the book's version, and keeps Colab's torch."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))["project"]
    address = f"git+{project['urls']['Repository']}@v{project['version']}"
    source = (
        "# On Colab this installs the library (about a minute); a runtime without GPU is enough, one with is quicker. Elsewhere it does nothing.\n"
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q "{project["name"]}[plots,notebooks,scikit-image,onnx] @ {address}"'
    )
    return nbformat.v4.new_code_cell(source, metadata={"tags": [INSTALL_TAG]})


def pair(chapter: Path, root: Path = ROOT) -> NotebookNode:
    """The notebook of a chapter, not executed.

    Raises:
        PairError: a role or directive that has no plain form, a missing result, an unknown citation.
    """
    notebook = jupytext.reads(chapter.read_text(encoding="utf8"), fmt="py:percent")
    plain = Plain(chapter.name, root)
    for cell in notebook.cells:  # labels first: a reference may come before its equation
        for label in (
            re.findall(r"\$\$\s*\(([\w:.-]+)\)|^:label:\s*(\S+)", cell.source, re.M)
            if cell.cell_type == "markdown"
            else []
        ):
            plain.equation(label[0] or label[1])
    cells = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "raw" or (cell.cell_type == "markdown" and "remove-cell" in tags):
            continue
        if cell.cell_type == "markdown":
            source = plain.convert(cell.source)
            if source.strip():
                cells.append(nbformat.v4.new_markdown_cell(source))
        else:
            cells.append(nbformat.v4.new_code_cell(cell.source, metadata=copy.deepcopy(cell.metadata)))
            caption = ((cell.metadata.get("mystnb") or {}).get("figure") or {}).get("caption")
            if caption:
                cells.append(nbformat.v4.new_markdown_cell(f"*Figure.* {plain.inline(str(caption))}"))
    first = next((i for i, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    cells.insert(first, install_cell(root))
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata = NotebookNode(kernelspec=NotebookNode(KERNEL), language_info=NotebookNode(name="python"))
    give_ids(made)
    return made


def execute(notebook: NotebookNode, folder: Path, timeout: int = 900) -> NotebookNode:
    """The notebook run in ``folder`` with the smoke profile, keeping text outputs only."""
    from nbclient import NotebookClient

    done = copy.deepcopy(notebook)
    runs = kept(ROOT / "_build" / ".runs", ROOT, "smoke")  # chapters share trainings
    environment = {**os.environ, "DEPTHLIB_PROFILE": "smoke", "DEPTHLIB_RUNS": str(runs), "MPLBACKEND": "agg"}
    environment.pop("DEPTHLIB_BOOK", None)
    client = NotebookClient(
        done, timeout=timeout, record_timing=False, coalesce_streams=True, resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--IPKernelApp.log_level=40"],
    )  # fmt: skip
    client.execute(env=environment)
    for cell in done.cells:
        if cell.cell_type == "code":
            cell.outputs = [text for output in cell.outputs if (text := text_only(output)) is not None]
            cell.metadata.pop("execution", None)
    done.metadata = copy.deepcopy(notebook.metadata)
    return done


def text_only(output: Any) -> Any:
    """An output without images, HTML and standard error; None if nothing is left."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if output.output_type == "execute_result" and "text/plain" in output.data:
        output.data = NotebookNode({"text/plain": output.data["text/plain"]})
        output.metadata = NotebookNode()
        return output
    return None


def private_paths(notebook: NotebookNode, root: Path = ROOT) -> list[str]:
    """Outputs that name a folder of this machine."""
    private = {str(root), str(Path.home()), sys.prefix} - {"/"}
    return [line for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
            for line in json.dumps(output, ensure_ascii=False).split("\\n") if any(p in line for p in private)]  # fmt: skip


def text_of(notebook: NotebookNode) -> str:
    """The file's text: sorted keys, one space, as nbformat writes it."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def sources(notebook: NotebookNode) -> list[tuple[str, str, str, str]]:
    """What a pair must share with its chapter: type, id, source and metadata of each cell."""
    return [(c.cell_type, c.id, c.source, json.dumps(c.metadata, sort_keys=True)) for c in notebook.cells]


def checked(notebook: NotebookNode) -> list[str]:
    """The outputs that nbval compares."""
    return [json.dumps(c.outputs, sort_keys=True) for c in notebook.cells if CHECK_TAG in c.metadata.get("tags", [])]


def in_step(chapter: Path, root: Path = ROOT) -> bool:
    """Is the committed pair what the chapter would give?"""
    path = chapter.with_suffix(".ipynb")
    return path.exists() and sources(nbformat.read(path, as_version=4)) == sources(pair(chapter, root))


def write_pair(chapter: Path, root: Path = ROOT) -> bool:
    """Make, run and write the pair of a chapter. False if the file on disk already says the same.

    A file is left alone when only outputs that nothing compares (a time, a loss) have changed.
    """
    path = chapter.with_suffix(".ipynb")
    from nbclient.exceptions import CellExecutionError

    try:
        done = execute(pair(chapter, root), chapter.parent)
    except CellExecutionError as error:
        raise PairError(f"{chapter.name}: " + re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()) from None
    if found := private_paths(done, root):
        raise PairError(f"{chapter.name}: an output names a folder of this machine: {found[0].strip()[:120]}")
    if path.exists():
        old = nbformat.read(path, as_version=4)
        if sources(old) == sources(done) and checked(old) == checked(done):
            return False
    path.write_text(text_of(done), encoding="utf8")
    return True


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which pairs are out of step")
    parser.add_argument("chapter", nargs="*", type=Path, help="chapters (default: all)")
    options = parser.parse_args(arguments)
    status = 0
    for chapter in [path.resolve() for path in options.chapter] or chapters():
        try:
            if options.check:
                if not in_step(chapter):
                    print(f"{chapter.name}: its .ipynb is out of step; run `make notebooks`")
                    status = 1
            else:
                print(f"{chapter.stem}: {'written' if write_pair(chapter) else 'unchanged'}", flush=True)
        except PairError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
