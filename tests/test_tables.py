"""Tables: every published number once, ours from results/, and no blank without a command."""

import argparse
import json
import re
import shutil

import pytest
import yaml
from book_fixture import ROOT

from depthlib import tables
from depthlib.cli import main, trainings
from depthlib.cli.scores import _reconstruction
from depthlib.data import FILES
from depthlib.errors import DepthError, Unfinished
from depthlib.models import build_model
from depthlib.protocols import get_protocol
from depthlib.recipe import recipe_names


@pytest.fixture
def results(tmp_path):
    """Two seeds of one run, with figures that are easy to average, and a smoke run that must not count."""
    committed = json.loads((ROOT / "results" / "eigen-nyu" / "cpu-0.json").read_text())
    for profile, seed, value in (("gpu", 0, 0.2), ("gpu", 1, 0.4), ("smoke", 0, 0.9)):
        figures = dict.fromkeys(committed["metrics"]["nyu-test/eigen14"]["fine"], value)
        run = {**committed, "seed": seed, "profile": profile, "metrics": {"nyu-test/eigen14": {"fine": figures}}}
        path = tmp_path / "results" / "eigen-nyu" / f"{profile}-{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run))
    return tmp_path / "results"


@pytest.mark.parametrize("name", tables.table_names())
def test_every_table_reads_and_its_recipes_are_there(name):
    table = tables.load_table(name)
    assert table.rows
    known = (ROOT / "book" / "references.bib").read_text()
    assert all(f"{{{cite}," in known for cite in (table.cite, *(row.cite for row in table.rows if row.cite)))
    assert set(table.recipes()) <= set(recipe_names())
    if table.where:
        for ours in (tables.Ours(command="x"), *(ours for row in table.rows for ours in row.ours)):
            for where, figure in table.cells(ours):
                assert figure in get_protocol(where.split("/")[-1]).figures and "{" not in where
    else:
        assert not table.recipes()
    assert all(any(value is not None for value in row.published) or row.ours for row in table.rows)


def test_the_printed_sizes_are_those_of_the_networks():
    """Table I of the student report; width x height there, height x width in ours."""
    import torch
    from torch import nn

    sizes = {}
    model = build_model("eigen", width=0.05).eval()
    for name, part in model.named_modules():
        if isinstance(part, nn.Conv2d | nn.Linear | nn.MaxPool2d):
            part.register_forward_hook(
                lambda _, __, out, name=name: sizes.setdefault(name, []).append(tuple(out.shape[2:]))
            )
    answer = model(torch.zeros(1, 3, 228, 304))
    seen = {size for found in sizes.values() for size in found} | {tuple(answer.shape[2:])}
    printed = {row.name: (row.published[1], row.published[0]) for row in tables.load_table("000-1").rows}
    for name in ("coarse 1", "coarse 2, 3, 4", "coarse 5", "coarse 7", "fine 1, 2, 3, 4"):
        assert printed[name] in seen, name
    assert printed["input"] == model.input_size


def printed(cites: set[str]) -> set[str]:
    """The numbers of the tables that quote one of these, as printed or rounded, without a leading zero."""
    found = set()
    for name in tables.table_names():
        table = tables.load_table(name)
        for row in table.rows:
            if {table.cite, row.cite} & cites:
                for number in filter(None, row.published):
                    found |= {str(number).lstrip("0"), *(f"{number:.{digits}f}".lstrip("0") for digits in range(5))}
    return found


@pytest.mark.parametrize("chapter", sorted(path.name for path in (ROOT / "book").glob("*.py")))
def test_what_a_chapter_repeats_of_a_published_table_is_what_stands_there(chapter):
    """Cells of rows or columns that say published or printed; ``largest / smallest`` is worked out."""
    header: list[str] = []
    for number, line in enumerate((ROOT / "book" / chapter).read_text().splitlines(), 1):
        if not line.startswith("# |"):
            header = []
            continue
        cells = [cell.strip() for cell in line[2:].strip().strip("|").split("|")]
        if not header:
            header = cells
            continue
        for above, cell in zip(header, cells, strict=False):  # a formula may hold a bar
            said = f"{above} {cells[0]} {header[0]}"
            if re.search("published|printed", said) and above != "largest / smallest":
                cites = set(re.findall(r"\{cite(?::\w)?\}`(\w+)`", said)) or {"eigen2014"}
                plain = re.sub(r"\{[\w:]+\}`[^`]*`", "", cell)
                numbers = {text.lstrip("0") for text in re.findall(r"(?<![\w.])\d*\.\d+(?![\w.])", plain)}
                assert numbers <= printed(cites), (number, above, cells[0], numbers - printed(cites))


def test_a_published_number_keeps_the_digits_in_which_it_is_printed(results):
    text = tables.as_markdown("001-1", results)
    assert "| Karsch et al. | published |  |  |  | 0.350 |  | 1.2 |  |  |" in text
    assert "| input | published | 304 | 228 |" in tables.as_markdown("000-1", results)
    assert "0.0170 | 0.0448 | 0.7246 | 2.3185" in tables.as_markdown("003-1", results)
    assert json.loads(tables.as_json("000-2", results))["rows"][0]["published"] == [1.46618, 0.14727]


@pytest.mark.parametrize("name", tables.table_names())
def test_what_ours_does_otherwise_is_said_whether_or_not_it_was_run(name, tmp_path):
    for folder in (ROOT / "results", tmp_path):
        text = tables.as_markdown(name, folder)
        for row in tables.load_table(name).rows:
            for ours in row.ours:
                assert not ours.why or any(
                    f": {ours.why}." in line and row.name in line for line in text.splitlines() if line[:7] == "- Ours "
                )


def test_seeds_are_averaged_with_their_spread_and_a_smoke_run_is_no_result(results):
    table = tables.load_table("000-2")
    found = tables.find(table.rows[0].ours[0], table, results)
    assert found.profile == "gpu" and found.seeds == (0, 1)
    assert found.mean == pytest.approx((0.3, 0.3)) and found.spread[0] == pytest.approx(0.1414, abs=1e-4)
    text = tables.as_markdown("000-2", results)
    assert "0.300 ± 0.141" in text and "(gpu, 2 seeds)" in text and "-1.166" in text


def test_what_was_not_run_says_how(results):
    shutil.rmtree(results)
    text = tables.as_markdown("001-1", results)
    assert "- To be run for Mean: `depthlib train eigen-nyu --results results` (an hour)." in text and "nan" not in text
    for profile in ("gpu", "cpu"):  # a row may be of one profile
        command = f"`depthlib train eigen-nyu --profile {profile} --results results`"
        assert text.count(f"- To be run for Coarse; Coarse + Fine: {command}") == 1
    for name in tables.table_names():  # and how long it will take
        text = tables.as_markdown(name, results)
        asked = [line for line in text.splitlines() if line.startswith("- To be run for ")]
        assert all(re.search(r": `depthlib [^`]+` \([^)]+\)\.$", line) for line in asked), name
        rows = tables.load_table(name).rows
        assert {tables.command(ours) for row in rows for ours in row.ours} == {line.split("`")[1] for line in asked}
        assert len(re.findall(r"\| not (?:run yet|measured): ", text)) == sum(len(row.ours) for row in rows)
    rows = json.loads(tables.as_json("001-1", results))["rows"]
    assert all(run["missing"].startswith("depthlib train") for row in rows for run in row["ours"])


def commands() -> list[str]:
    return sorted(
        {
            ours.command
            for name in tables.table_names()
            for row in tables.load_table(name).rows
            for ours in row.ours
            if ours.command
        }
    )


@pytest.mark.parametrize("given", commands())
def test_a_rival_that_is_not_trained_has_a_command_that_can_be_given(given):
    program, word, rival, *options = given.split()
    assert (program, word, options[0], options[-2:]) == (
        "depthlib",
        "evaluate",
        "--against",
        ["--protocol", "makarov18"],
    )
    assert options[1] in FILES
    kind, method, *rest = rival.split(":")
    if not method.startswith("runs/"):
        assert _reconstruction(rival) is not None
    else:  # a network that the reader trains first
        assert method.split("/")[1] in recipe_names() and kind == "enlarge" and rest == ["8"]


def test_rows_of_one_table_find_their_own_patterns_and_scenes():
    text = tables.as_markdown("002-nyu", ROOT / "results")
    assert text.count("ours: sparse-nyu-tuned, all (cpu, 1 seed)") == 4 and text.count("ours: sparse-nyu, linear") == 4
    run = json.loads((ROOT / "results" / "sparse-nyu-tuned" / "cpu-0.json").read_text())
    for pattern in ("uniform", "gradient", "mixed", "grid"):
        assert f"{run['metrics'][f'nyu-test/{pattern}-10pc/makarov18']['all']['rmse']:.3f}" in text
    scenes = tables.load_table("002-middlebury-ssim")
    assert scenes.cells(scenes.rows[0].ours[0])[1] == ("teddy-test/x8/makarov18", "ssim")
    with pytest.raises(DepthError, match="recipe and predictor, or a command"):
        tables.Ours(recipe="eigen-nyu")


def test_a_table_that_does_not_fit_is_refused(tmp_path, monkeypatch):
    good = yaml.safe_load((tables.FOLDER / "000-2.yaml").read_text())
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    for change, words in (
        ({"rows": [{"name": "x", "published": [1.0]}]}, "1 numbers for 2 columns"),
        ({"rows": [{"name": "x", "publishd": [1.0, 2.0]}]}, "did you mean 'published'"),
        ({"columns": 3}, "expected a list"),
    ):
        (tmp_path / "x.yaml").write_text(yaml.safe_dump({**good, **change}))
        with pytest.raises(DepthError, match=words):
            tables.load_table("x")


def test_the_command_line(results, capsys):
    assert main(["table"]) == 0 and "001-1" in capsys.readouterr().out
    assert main(["table", "all", "--results", str(results), "--format", "json"]) == 0
    assert main(["table", "000-3"]) == 2 and "did you mean '000-2'" in capsys.readouterr().err
    assert main(["run", "table:000-1"]) == 2 and "none of its rows has a recipe" in capsys.readouterr().err


def test_who_ends_a_run_of_a_table_ends_all_of_it(monkeypatch):
    begun = []

    def ended(args):
        begun.append(args.recipe)
        raise Unfinished("SIGTERM came")

    monkeypatch.setattr(trainings, "run", ended)
    with pytest.raises(Unfinished):
        trainings._run_table(argparse.Namespace(recipe="table:001-1", out=None, results=None))
    assert len(begun) == 1
