"""Tables of the papers, published numbers beside ours: one YAML file a table, ours read from ``results/``.

Every published number stands once, in ``depthlib/tables/*.yaml``, with its source and a note where it is doubted. A row
names the recipes that reproduce it. What has not been run is never left blank or invented: the row says which command
makes it.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from depthlib.errors import DepthError
from depthlib.markdown import markdown_table
from depthlib.tables.times import expected
from depthlib.typed import build, nearest, read_yaml

FOLDER = Path(__file__).parent


class Printed(float):
    """A number with the digits in which a paper prints it: a zero at the end says how exact it claims to be.

    >>> str(Printed("0.430")), Printed("0.430") == 0.43
    ('0.430', True)
    """

    def __new__(cls, text: str) -> Printed:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Ours:
    """A run of ours that belongs to a row, or a command that measures it.

    Args:
        recipe, predictor: whose figures, such as ``eigen-nyu`` and ``fine``.
        why: a line on what differs from the paper.
        command: of a rival that is not trained, in place of recipe and predictor.
        where: as the table's, where a row has data or an observation of its own.
        profile: of the runs; by default the largest that was run.
    """

    recipe: str = ""
    predictor: str = ""
    why: str = ""
    command: str = ""
    where: str = ""
    profile: Literal["", "gpu", "cpu"] = ""

    def __post_init__(self) -> None:
        if bool(self.recipe and self.predictor) == bool(self.command):
            raise DepthError("ours: expected recipe and predictor, or a command.")


@dataclass(frozen=True)
class Row:
    """One line of a published table; a figure that it does not print is None.

    Args:
        published: a :class:`Printed` each.
        year, cite: where rows come from papers of their own.
    """

    name: str
    published: tuple[float | None, ...]
    note: str = ""
    ours: tuple[Ours, ...] = ()
    year: int = 0
    cite: str = ""


@dataclass(frozen=True)
class Table:
    """A published table.

    Args:
        where: data, split and protocol of our figures, as results file them: ``nyu-test/eigen14``; empty for a table
            whose numbers are only quoted. ``{column}`` in it stands for a column's name.
        columns: names of figures; with ``figure``, of data sets.
        figure: the one figure of a table whose columns are data sets.
    """

    title: str
    source: str
    cite: str
    where: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    figure: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.published) != len(self.columns):
                raise DepthError(f"row {row.name!r}: {len(row.published)} numbers for {len(self.columns)} columns.")

    def cells(self, ours: Ours) -> list[tuple[str, str]]:
        """Of each column, where our figure lies in results, and which it is."""
        where = ours.where or self.where
        return [(where.replace("{column}", column), self.figure or column) for column in self.columns]

    def recipes(self) -> list[str]:
        """The recipes of all rows, each once."""
        return list(dict.fromkeys(ours.recipe for row in self.rows for ours in row.ours if ours.recipe))


@dataclass(frozen=True)
class Found:
    """Our figures for a row: mean over seeds, spread (standard deviation; None with one seed), and from where."""

    profile: str
    seeds: tuple[int, ...]
    mean: tuple[float | None, ...]
    spread: tuple[float | None, ...]


def table_names() -> list[str]:
    """Ids of the tables: the paper's number here, and the table's there.

    >>> "001-1" in table_names()
    True
    """
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_table(name: str) -> Table:
    """A table by its id.

    Raises:
        DepthError: an unknown id, or a file that does not fit.

    >>> load_table("001-1").rows[0].name
    'Mean'
    """
    path = FOLDER / f"{name}.yaml"
    if name not in table_names():
        raise DepthError(
            f"table {name!r} is unknown{nearest(name, table_names())}. There are: {', '.join(table_names())}."
        )
    return build(Table, read_yaml(path.read_text(encoding="utf-8"), str(path), Printed), str(path))


def find(ours: Ours, table: Table, results: Path) -> Found | None:
    """Our figures from the results folder, of the row's profile or the largest that was run; None where nothing was."""
    from depthlib.results import read_results

    profiles = (ours.profile,) if ours.profile else ("gpu", "cpu")
    for profile in profiles if ours.recipe else ():
        rows, seeds = [], []
        for path in sorted(results.glob(f"{ours.recipe}/{profile}-*.json")):
            run = read_results(path)
            row = [run["metrics"].get(where, {}).get(ours.predictor, {}).get(name) for where, name in table.cells(ours)]
            if any(value is not None for value in row):
                rows.append(row)
                seeds.append(int(run["seed"]))
        if rows:
            known = [[value for value in column if value is not None] for column in zip(*rows, strict=True)]
            mean = tuple(statistics.fmean(values) if values else None for values in known)
            spread = tuple(statistics.stdev(values) if len(values) > 1 else None for values in known)
            return Found(profile, tuple(seeds), mean, spread)
    return None


def command(ours: Ours) -> str:
    """What makes a missing run, or measures a rival."""
    size = f" --profile {ours.profile}" if ours.profile else ""
    return ours.command or f"depthlib train {ours.recipe}{size} --results results"


def as_dict(name: str, results: Path) -> dict[str, Any]:
    """A table with ours beside it, as plain data."""
    table = load_table(name)
    rows = []
    for row in table.rows:
        runs = []
        for ours in row.ours:
            found = find(ours, table, results)
            runs.append({
                "recipe": ours.recipe, "predictor": ours.predictor, "why": ours.why,
                "profile": found and found.profile, "seeds": found and list(found.seeds),
                "mean": found and list(found.mean), "spread": found and list(found.spread),
                **({"where": ours.where} if ours.where else {}),
                "missing": None if found else command(ours),
            })  # fmt: skip
        rows.append({"name": row.name, "published": list(row.published), "note": row.note, "ours": runs})
    return {"id": name, "title": table.title, "source": table.source, "note": table.note, "where": table.where,
            "columns": list(table.columns), "rows": rows}  # fmt: skip


def as_json(name: str, results: Path) -> str:
    """:func:`as_dict` as JSON."""
    return json.dumps(as_dict(name, results), indent=1)


def as_markdown(name: str, results: Path) -> str:
    """A table with ours and the difference under each published row, and below it what differs and which command fills what is missing."""
    from depthlib.reporting import TITLES

    table = load_table(name)
    where = table.where.replace("{column}", "SCENE")
    lines: list[list[str]] = []
    remarks: list[str] = []
    differs: dict[str, list[str]] = {}  # what ours does otherwise → the rows beside which it stands
    missing: dict[str, list[str]] = {}  # a command → the rows that it fills
    for row in table.rows:
        title = f"{row.name} ({row.year})" if row.year else row.name
        if any(number is not None for number in row.published):
            printed = ("" if number is None else str(number) for number in row.published)
            lines.append([title, "published", *printed])
            title = ""
        if row.note:
            remarks.append(f"- {row.name}: {row.note}.")
        for ours in row.ours:
            found = find(ours, table, results)
            profile = found.profile if found else ours.profile
            label = f"{ours.recipe}, {ours.predictor}" if ours.recipe else command(ours).split()[2]
            if ours.why:
                run = f"{label} ({profile})" if ours.recipe and profile else label if ours.recipe else "by a command"
                differs.setdefault(f"{run}: {ours.why}.", []).append(row.name)
            if found is None:
                time = expected(ours.recipe, ours.profile, ours.command)
                missing.setdefault(f"`{command(ours)}` ({time})", []).append(row.name)
                how = "not run yet" if ours.recipe else "not measured"
                lines.append([title, f"{how}: {label}", *("" for _ in table.columns)])
            else:
                seeds = f"{len(found.seeds)} seed{'s' if len(found.seeds) > 1 else ''}"
                cells = [
                    _number(m) + (f" ± {s:.3f}" if s is not None else "")
                    for m, s in zip(found.mean, found.spread, strict=True)
                ]
                lines.append([title, f"ours: {label} ({profile}, {seeds})", *cells])
                gaps = [
                    f"{m - p:+.3f}" if m is not None and p is not None else ""
                    for m, p in zip(found.mean, row.published, strict=True)
                ]
                if any(gaps):
                    lines.append(["", "difference", *gaps])
            title = ""
    remarks += [f"- Ours beside {'; '.join(rows)}, {text}" for text, rows in differs.items()]
    remarks += [f"- To be run for {'; '.join(rows)}: {text}." for text, rows in missing.items()]
    parts = [
        f"### {name}: {table.title}",
        f"{table.source}." + (f" Ours: {where}." if where else ""),
        markdown_table(["", "", *(TITLES.get(c, c) for c in table.columns)], lines),
        " ".join(table.note.split()),
        "\n".join(remarks),
    ]
    return "\n\n".join(part for part in parts if part)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
