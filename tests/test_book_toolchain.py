"""The traps of building a book, each with the test that keeps it closed. Three small books are built, once each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
import pairs as pairing
import pytest
import tasks
from book_fixture import ROOT, Built, build, small_book
from fingerprint import execution_fingerprint

from depthlib.errors import DepthError

CHAPTERS = pairing.chapters()
KEY = "demo/cpu-0::metrics.eigen14.coarse.abs_rel::.3f"

INDEX = """\
# %% [markdown]
# # A small book
#
# The error of {cite:t}`eigen2014` is {math}`d^2`:
#
# $$ a = b $$ (eq-one)
#
# By {eq}`eq-one` ours scored {result}`demo/cpu-0::metrics.eigen14.coarse.abs_rel::.3f`; see {doc}`figures`.
#
# :::{admonition} Exercise 1
# Add one.
#
# ```{dropdown} Solution
# Two.
# ```
# :::
#
# ```{bibliography}
# ```
"""
FIGURES = """\
# %% [markdown]
# # Figures

# %% tags=["nbval-check-output"]
import os
import numpy as np
from depthlib import plots
from chapter_library import ANSWER
print(ANSWER, os.environ["DEPTHLIB_PROFILE"])
count = open("count.txt", "a").write("x")

# %% mystnb={"image": {"alt": "A flat depth map"}, "figure": {"caption": "Flat.", "name": "fig-flat"}}
plots.show(np.ones((1, 6, 8)), "flat")

# %%
plots.depth_slider({"1": np.ones((1, 4, 6)), "2": np.full((1, 4, 6), 2.0)}, "scale")
"""
BROKEN = """\
# %% [markdown]
# # Broken
#
# No such number: {result}`demo/cpu-0::metrics.eigen14.coarse.rmse::.3f`,
# no such file: {result}`demo/cpu-9::metrics::.3f`.

# %%
import numpy as np
from depthlib import plots
plots.show(np.ones((1, 6, 8)), "flat")
"""
FAILING = """\
# %% [markdown]
# # Failing

# %%
raise RuntimeError("a failing cell")
"""


class Small:
    """A small book with results and a library of its own."""

    def __init__(self, folder: Path, pages: dict[str, str]) -> None:
        folder.mkdir()
        self.source = small_book(folder, pages)
        self.out = folder.parent / f"{folder.name}-out"
        # chapters import depthlib from the real tree, and this from the small one, which the fingerprint covers
        (self.source / "depthlib" / "chapter_library.py").write_text("ANSWER = 42\n")
        self.number(0.31415)

    def number(self, value: float) -> None:
        path = self.source / "results" / "demo" / "cpu-0.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        results = json.loads((ROOT / "results" / "eigen-nyu" / "cpu-0.json").read_text())
        results |= {"recipe": "demo", "metrics": {"eigen14": {"coarse": {"abs_rel": value}}}}
        path.write_text(json.dumps(results))

    def build(self) -> Built:
        return build(self.out, self.source)

    def runs(self) -> int:
        return len((self.source / "book" / "count.txt").read_text())

    def caches(self) -> list[str]:
        return [path.name for path in (self.out / "_build" / ".jupyter_cache").iterdir()]


@pytest.fixture(scope="module")
def library_path() -> object:
    """Kernels find the real depthlib through the installation, and chapter_library through this."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, library_path: pytest.MonkeyPatch) -> Small:
    book = Small(tmp_path_factory.mktemp("book") / "small", {"index": INDEX, "figures": FIGURES})
    library_path.setenv("PYTHONPATH", str(book.source / "depthlib"))
    for chapter in pairing.chapters(book.source / "book"):
        notebook = pairing.pair(chapter, book.source)
        chapter.with_suffix(".ipynb").write_text(pairing.text_of(notebook))
    return book


@pytest.fixture(scope="module")
def first(small: Small) -> Built:
    built = small.build()
    assert built.status == 0, built.log[-3000:]
    return built


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Small(tmp_path_factory.mktemp("book") / "broken", {"index": BROKEN, "later": FAILING}).build()


# --- pages ----------------------------------------------------------------------------------------------------------


def test_the_versions_that_were_tried_together_are_pinned():
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    tried = {
        "jupyter-book": "1.0.4.post1", "Sphinx": "7.4.7", "myst-nb": "1.4.0", "myst-parser": "3.0.1", "docutils": "0.21.2",
        "jupyter-cache": "1.0.1", "sphinx-book-theme": "1.1.4", "pydata-sphinx-theme": "0.15.4",
        "sphinx-mathjax-offline": "0.0.2", "torch": "2.14.1", "torchvision": "0.29.1",
    }  # fmt: skip
    assert {name: pins.get(name) for name in tried} == tried


def test_only_the_table_of_contents_becomes_pages(first: Built):
    pages = {path.relative_to(first.html).as_posix() for path in first.html.rglob("*.html")}
    assert {page for page in pages if not page.startswith("_static/")} == {
        "index.html",
        "genindex.html",
        "search.html",
        "book/index.html",
        "book/figures.html",
    }


def test_a_page_loads_nothing_from_elsewhere(first: Built):
    for page, html in first.pages.items():
        loaded = re.findall(
            r'<(?:script|link(?! rel="canonical")|img|iframe)\b[^>]*?(?:src|href)="(?:https?:)?//[^"]*"', html
        )
        assert not loaded, page
        assert "thebe.js" not in html, page  # its script logs an error on every page
        assert "require.min.js" not in html and "widget-view" not in html, page
    static = first.html / "_static"
    assert (static / "mathjax" / "tex-mml-chtml.js").exists()
    assert sum(path.stat().st_size for path in (static / "mathjax").rglob("*")) < 4e6  # of 24 MB


def test_plotly_is_named_only_where_a_figure_is_and_keeps_nobody_waiting(first: Built):
    assert "plotly" not in first.pages["book/index"]
    assert (
        first.pages["book/figures"].count("plotly-figures.js") == 1
        and "plotly.min.js" not in first.pages["book/figures"]
    )
    assert (first.html / "_static" / "plotly.min.js").is_file()
    assert re.search(r'id="fig-[0-9a-f]{12}"[^>]* class="plotly-graph-div"', first.pages["book/figures"])


def test_a_figure_of_a_text_source_has_its_caption_number_and_alt_text(first: Built):
    html = first.pages["book/figures"]
    assert '<img alt="A flat depth map"' in html
    assert re.search(r'id="fig-flat".*Fig\. 1.*Flat\.', html, re.S)


def test_colab_and_the_download_menu_offer_the_notebook_not_the_source(first: Built):
    for page, html in first.pages.items():
        assert re.search(rf'href="https://colab[^"]*/{page}\.ipynb"', html)
        assert f"_sources/{page}.ipynb" in html
        assert (first.html / "_sources" / f"{page}.ipynb").exists()


# --- numbers, and what is run again ---------------------------------------------------------------------------------


def test_a_new_result_is_shown_without_running_the_page_again_and_a_new_library_runs_it(small: Small, first: Built):
    assert ">0.314<" in first.pages["book/index"]
    assert (small.runs(), small.caches()) == (1, [f"smoke-{execution_fingerprint(small.source, 'smoke')}"])
    small.number(0.25)
    again = small.build()
    assert again.status == 0 and ">0.250<" in again.pages["book/index"]
    assert small.runs() == 1
    (small.source / "depthlib" / "chapter_library.py").write_text("ANSWER = 43\n")
    third = small.build()
    assert third.status == 0 and "43 smoke" in third.pages["book/figures"]
    assert (small.runs(), small.caches()) == (2, [f"smoke-{execution_fingerprint(small.source, 'smoke')}"])


def test_only_a_page_whose_files_changed_is_read_again(small: Small, first: Built):
    small.build()
    assert "0 added, 0 changed, 0 removed" in small.build().log
    seed = small.source / "results" / "demo" / "cpu-1.json"
    shutil.copy2(seed.with_name("cpu-0.json"), seed)
    assert "0 added, 1 changed, 0 removed" in small.build().log  # a mean over seeds would be another
    seed.unlink()


def test_the_execution_cache_depends_on_the_profile_and_the_pinned_versions(small: Small):
    cpu, smoke = (execution_fingerprint(small.source, profile) for profile in ("cpu", "smoke"))
    pins = small.source / "constraints.txt"
    text = pins.read_text()
    pins.write_text(text + "\n# another\n")
    other = execution_fingerprint(small.source, "smoke")
    pins.write_text(text)
    assert len({cpu, smoke, other}) == 3


def test_a_failing_cell_fails_the_build(broken: Built):
    assert broken.status != 0
    assert tasks.failed_cell(broken.log).endswith("RuntimeError: a failing cell")


def test_a_missing_number_fails_the_build_and_says_which_there_are(broken: Built):
    assert re.search(r"no 'rmse' in results/demo/cpu-0\.json; there: abs_rel", broken.log)
    assert "there is no file results/demo/cpu-9.json" in broken.log


def test_a_figure_without_alt_text_fails_the_build(broken: Built):
    assert "a figure has no alt text" in broken.log


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("demo/cpu-0::metrics", "expected RECIPE/PROFILE-SEED::dotted.key::format"),
        ("demo/cpu-0::metrics.eigen14::.3f", "is dict, not a number"),
        ("demo/cpu-0::metrics.eigen14.coarse.abs_rel::d", "Unknown format code"),
    ],
)
def test_a_role_that_cannot_be_read_says_why(small: Small, text: str, says: str):
    with pytest.raises(pairing.ResultError, match=re.escape(says)):
        pairing.result(text, small.source / "results")


def test_a_role_over_seeds_prints_mean_and_spread(tmp_path: Path):
    results = json.loads((ROOT / "results" / "eigen-nyu" / "cpu-0.json").read_text())
    (tmp_path / "demo").mkdir()
    shown = ("0.20", "0.25 ± 0.07", "0.30 ± 0.10")
    for seed, value in enumerate((0.2, 0.3, 0.4)):
        of_seed = {"recipe": "demo", "seed": seed, "metrics": {"nyu": {"fine": {"abs_rel": value}}}}
        (tmp_path / "demo" / f"cpu-{seed}.json").write_text(json.dumps({**results, **of_seed}))
        assert pairing.result("demo/cpu-*::metrics.nyu.fine.abs_rel::.2f", tmp_path) == shown[seed]
    faster = {**results, **of_seed, "settings": {**results["settings"], "speed": {"compile": True}}}
    (tmp_path / "demo" / "cpu-2.json").write_text(json.dumps(faster))  # the same numbers in fewer seconds
    assert pairing.result("demo/cpu-*::metrics.nyu.fine.abs_rel::.2f", tmp_path) == shown[2]
    later = json.loads(json.dumps(faster))  # what is kept in memory, and a setting that recipes had only later
    later["settings"]["evaluate"][0]["data"]["options"]["keep"] = True
    later["settings"]["evaluate"][0]["observe"] = None
    (tmp_path / "demo" / "cpu-2.json").write_text(json.dumps(later))
    assert pairing.result("demo/cpu-*::metrics.nyu.fine.abs_rel::.2f", tmp_path) == shown[2]
    with pytest.raises(pairing.ResultError, match="no 'rmse'"):
        pairing.result("demo/cpu-*::metrics.nyu.fine.rmse::.2f", tmp_path)
    (tmp_path / "demo" / "cpu-3.json").write_text(
        json.dumps(
            {**results, "recipe": "demo", "seed": 3, "settings": {**results["settings"], "description": "other"}}
        )
    )
    with pytest.raises(pairing.ResultError, match="differ in more than their seed"):
        pairing.result("demo/cpu-*::metrics.nyu.fine.abs_rel::.2f", tmp_path)
    with pytest.raises(pairing.ResultError, match="there is no file"):
        pairing.result("demo/gpu-*::metrics.nyu.fine.abs_rel::.2f", tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 7}, "holds the run demo/cpu-7.json"),
        ({"schema": 9}, "1 was expected"),
        ({"metrics": {"eigen14": {"coarse": {"abs_rel": float("nan")}}}}, "NaN is no number"),
        ({"metrics": {"eigen14": {"coarse": {"abs_rel": -5.0}}}}, "less than the minimum"),
        ({"metrics": {"eigen14": {"coarse": {"abs_rel": True}}}}, "not of type 'number'"),
    ],
)
def test_a_result_edited_by_hand_is_not_printed(tmp_path: Path, change: dict[str, object], says: str):
    results = json.loads((ROOT / "results" / "eigen-nyu" / "cpu-0.json").read_text())
    path = tmp_path / "demo" / "cpu-0.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**results, "recipe": "demo", **change}))
    with pytest.raises(pairing.ResultError, match=re.escape(says)):
        pairing.result("demo/cpu-0::metrics.eigen14.coarse.abs_rel::.3f", tmp_path)


# --- pairs ----------------------------------------------------------------------------------------------------------


def test_two_conversions_are_byte_identical_and_ids_follow_content(small: Small):
    chapter = small.source / "book" / "figures.py"
    first, second = pairing.pair(chapter, small.source), pairing.pair(chapter, small.source)
    assert pairing.text_of(first) == pairing.text_of(second)
    ids = [cell.id for cell in first.cells]
    assert len(set(ids)) == len(ids)
    edited = small.source / "book" / "edited.py"
    edited.write_text(chapter.read_text().replace("# # Figures", "# # Pictures"))
    moved = [cell.id for cell in pairing.pair(edited, small.source).cells]
    edited.unlink()
    assert [a == b for a, b in zip(ids, moved, strict=True)] == [False] + [True] * (len(ids) - 1)


def test_a_pair_is_plain_markdown_with_the_numbers_in_it(small: Small):
    small.number(0.31415)
    notebook = pairing.pair(small.source / "book" / "index.py", small.source)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "ours scored 0.314; see [Figures](figures.ipynb)" in text
    assert "Eigen et al. (2014)" in text and r"\tag{1}" in text and "By (1)" in text
    assert "> **Exercise 1**" in text and "> <details>" in text and "> <summary>Solution</summary>" in text
    assert not re.search(r"\{[\w:]+\}`|:::|```\{", text)


def test_the_first_cell_installs_on_colab_only_and_leaves_its_torch_alone(small: Small):
    notebook = pairing.pair(small.source / "book" / "figures.py", small.source)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert '"google.colab" in sys.modules' in code[0].source and "runtime" in code[0].source
    assert "constraints" not in code[0].source and "--upgrade" not in code[0].source
    asked = re.search(r"\[([\w,-]+)\] @ git", code[0].source)
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert asked and set(asked[1].split(",")) <= set(offered)


def test_unknown_roles_and_open_blocks_are_refused(tmp_path: Path):
    for text, says in (("{wonder}`x`", "no plain Markdown"), (":::{note}\n# open", "is not closed")):
        chapter = tmp_path / "odd.py"
        chapter.write_text(f"# %% [markdown]\n# {text}\n")
        with pytest.raises(pairing.PairError, match=says):
            pairing.pair(chapter, ROOT)


def test_a_chapter_that_fails_is_named_and_writes_no_pair(tmp_path: Path):
    chapter = tmp_path / "odd.py"
    chapter.write_text("# %%\n1 / 0\n")
    with pytest.raises(pairing.PairError, match=r"odd\.py: (?s:.*)ZeroDivisionError"):
        pairing.write_pair(chapter, ROOT)
    assert not chapter.with_suffix(".ipynb").exists()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_in_step_with_its_pair(chapter: Path):
    assert pairing.in_step(chapter), "run `make notebooks` and commit what it writes"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_committed_pair_is_executed_without_images_or_private_paths(chapter: Path):
    notebook = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert pairing.private_paths(notebook) == []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count, "nbval compares nothing without an execution count"
            kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
            assert kinds <= {"text/plain"}
            assert pairing.CHECK_TAG not in cell.metadata.get("tags", []) or cell.outputs, cell.source


def test_nbval_fails_on_a_changed_output_but_not_on_an_address(tmp_path: Path):
    chapter = tmp_path / "tiny.py"
    chapter.write_text('# %% tags=["nbval-check-output"]\nprint(1 + 1, object())\n')
    text = pairing.text_of(pairing.execute(pairing.pair(chapter, ROOT), tmp_path))
    (tmp_path / "kept.ipynb").write_text(text)
    (tmp_path / "changed.ipynb").write_text(text.replace('"2 <object', '"3 <object'))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "kept.ipynb",
        "changed.ipynb",
        "--nbval-lax",
        "-rA",
        "-p",
        "no:cacheprovider",
    ]
    command += [
        "--nbval-sanitize-with",
        str(ROOT / "tools" / "nbval.cfg"),
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert re.findall(r"^FAILED (\w+)", done.stdout, re.M) == ["changed"] and "mismatch" in done.stdout


# --- papermill ------------------------------------------------------------------------------------------------------


def test_papermill_runs_a_text_notebook_and_refuses_an_unknown_parameter(tmp_path: Path):
    from depthlib.notebooks import execute

    source = tmp_path / "run.py"
    header = "# ---\n# jupyter:\n#   kernelspec:\n#     name: python3\n#     display_name: Python 3\n#     language: python\n# ---\n\n"
    source.write_text(header + '# %% tags=["parameters"]\nsteps = 1\n\n# %%\nprint("steps", steps)\n')
    done = nbformat.read(execute(source, tmp_path / "done.ipynb", {"steps": 7}), as_version=4)
    assert done.cells[-1].outputs[0].text == "steps 7\n"
    with pytest.raises(DepthError, match="did you mean 'steps'"):
        execute(source, tmp_path / "never.ipynb", {"step": 7})
    assert not (tmp_path / "never.ipynb").exists()


# --- prose ----------------------------------------------------------------------------------------------------------

METRIC = r"AbsRel|abs rel|RMSE|rmse|δ1|δ_1|\\delta_1|\\delta < 1\.25|log10|SILog|scale-invariant error"
TYPED = re.compile(rf"(?:{METRIC})[^.\n]{{0,40}}?(?<![\d.])(?:0?\.\d{{2,}}|\d\.\d{{2,}})")


def typed_numbers(chapter: Path) -> list[str]:
    """Lines of prose with a decimal beside a metric's name that are neither cited nor read from results."""
    notebook = pairing.read_chapter(chapter.read_text(encoding="utf8"))
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "worked-example" not in cell.metadata.get("tags", []):
            for line in re.sub(r"\{result\}`[^`]*`|1\.25", "", cell.source).split("\n"):  # δ < 1.25 is a name
                if TYPED.search(line) and "{cite" not in line:
                    found.append(line)
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_code_is_no_wider_than_a_page_of_a_small_laptop(chapter: Path):
    widest = tomllib.loads((ROOT / "book" / "ruff.toml").read_text())["line-length"]
    cells = [cell for cell in jupytext.read(chapter).cells if cell.cell_type == "code"]
    assert [line for cell in cells for line in cell.source.split("\n") if len(line) > widest] == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_no_result_is_typed_into_prose(chapter: Path):
    assert typed_numbers(chapter) == [], "read it from results/ with the {result} role, or cite its source on the line"


# --- make and installation ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bootstrap():
    import bootstrap

    return bootstrap


def test_an_old_python_can_read_the_bootstrap_and_says_what_is_needed(bootstrap, capfd):
    import ast

    ast.parse((ROOT / "tools" / "bootstrap.py").read_text(), feature_version=(3, 4))
    with pytest.raises(bootstrap.Stop, match=r"Python 3\.11 or newer is needed, but .*old is 3\.9"):
        bootstrap.check_python((3, 9, 18), "old")
    for name in ("python2.7", "python3.6", "python3.8"):
        path = shutil.which(name)
        if path:
            done = subprocess.run([path, str(ROOT / "tools" / "bootstrap.py")], capture_output=True, text=True)
            if "pyenv" not in done.stderr:
                assert done.returncode == 1 and done.stderr.count("\n") == 1 and "is needed" in done.stderr


def test_too_small_a_disk_is_one_line(bootstrap, tmp_path: Path):
    with pytest.raises(bootstrap.Stop, match=r"1\.0 GB free, but the installation needs about 8 GB"):
        bootstrap.check_disk(str(tmp_path), free=1e9)


def test_pips_failures_become_one_line(bootstrap):
    assert "could not be reached" in bootstrap.explain(
        "WARNING: Retrying ... NewConnectionError(...)\nERROR: No match", "log"
    )
    assert "disk is full" in bootstrap.explain("ERROR: [Errno 28] No space left on device", "log")
    assert "\n" not in bootstrap.explain("ERROR: a\nERROR: b", "log")


def test_without_a_network_no_venv_is_taken_for_whole(bootstrap, tmp_path: Path, monkeypatch):
    """A real venv and a real pip, with an index that does not answer."""
    (tmp_path / "tools").mkdir()
    shutil.copy2(ROOT / "tools" / "bootstrap.py", tmp_path / "tools")
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "constraints.txt").write_text("")
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setattr(bootstrap, "GIGABYTES", 0)
    for _ in range(2):  # the second run must not believe in the first one's venv
        with pytest.raises(bootstrap.Stop, match="could not be reached"):
            bootstrap.ready(str(tmp_path))
        assert bootstrap.stamped(str(tmp_path / ".venv")) == ""


def test_an_installation_is_made_again_when_and_only_when_its_inputs_change(bootstrap, tmp_path: Path):
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, tmp_path)
    before = bootstrap.wanted(str(tmp_path))
    project = tmp_path / "pyproject.toml"
    project.write_text(project.read_text() + "\n[tool.other]\nx = 1\n")
    assert bootstrap.wanted(str(tmp_path)) == before
    project.write_text(project.read_text().replace("torchmetrics>=1.4", "torchmetrics>=1.5"))
    assert bootstrap.wanted(str(tmp_path)) != before


def test_make_with_no_python_says_so():
    done = subprocess.run(["make", "book", "PYTHON=no-such-python"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and "there is no no-such-python" in done.stderr


def test_no_file_of_the_toolchain_names_a_machine():
    files = [
        ROOT / name
        for name in ("Makefile", "_config.yml", "constraints.txt", "environment.yml", ".ci/run", "pyproject.toml")
    ]
    files += [path for path in [*(ROOT / "tools").glob("*"), *(ROOT / "book").glob("*.*")] if path.is_file()]
    for path in files:
        assert not re.search(r"/(?:home|root|work|Users)/|index-url", path.read_text(encoding="utf8")), path.name
