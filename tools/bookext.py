"""The Sphinx extension of the book: offline assets, numbers from results, and an execution cache that notices edits.

Each function below answers one trap; ``tests/test_book_toolchain.py`` has a test for each.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

sys.path.insert(0, str(Path(__file__).parent))
import bookcard
import bookpages
import bookweb
import pairs
from fingerprint import kept

LOGGER = logging.getLogger(__name__)
NO_NETWORK_SCRIPTS = ("tex-mml-chtml.js",)  # of MathJax's 24 MB; the fonts are copied beside it


def cache_path(app: Sphinx, config: Any) -> None:
    """Run a chapter again when what it imports, the pinned versions or the profile change; not when results do.

    jupyter-cache looks at the chapter's cells only. The trainings that chapters share are kept, and dropped, likewise.
    """
    profile, build = os.environ["DEPTHLIB_PROFILE"], Path(app.outdir).parent
    config.nb_execution_cache_path = str(kept(build / ".jupyter_cache", Path(app.srcdir), profile))
    os.environ.setdefault("DEPTHLIB_RUNS", str(kept(build / ".runs", Path(app.srcdir), profile)))


def without_thebe(app: Sphinx, config: Any) -> None:
    """jupyter-book loads sphinx_thebe even when it is off, and its script then logs an error on every page."""
    listeners = app.events.listeners["env-before-read-docs"]
    listeners[:] = [entry for entry in listeners if entry.handler.__name__ != "init_thebe_core"]


def copy_scripts(app: Sphinx) -> None:
    """MathJax and Plotly beside the pages, so that nothing is fetched from elsewhere."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    mathjax = importlib.util.find_spec("sphinx-mathjax-offline")
    if mathjax is None or mathjax.origin is None:
        raise ImportError("sphinx-mathjax-offline is missing: the formulas could not be shown. Run `make book`.")
    source = Path(mathjax.origin).parent / "static" / "mathjax"
    (static / "mathjax").mkdir(parents=True, exist_ok=True)
    for name in NO_NETWORK_SCRIPTS:
        shutil.copy2(source / name, static / "mathjax" / name)
    fonts = Path("output", "chtml", "fonts")
    shutil.copytree(source / fonts, static / "mathjax" / fonts, dirs_exist_ok=True)
    import plotly

    shutil.copy2(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", static / "plotly.min.js")


def page_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """What draws interactive figures, only on pages that have one; it fetches Plotly (4.5 MB) when one comes into sight."""
    if "plotly-graph-div" in context.get("body", ""):
        app.add_js_file("plotly-figures.js")


def for_screen_readers(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """docutils gives a bibliography roles that contradict each other: a list without list items."""
    body = context.get("body", "").replace(' role="list" class="citation-list"', ' class="citation-list"')
    context["body"] = body.replace(' role="doc-biblioentry"', "")


def offer_notebook(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """The download menu of a .py page offers its paired notebook. Runs before the theme builds the menu."""
    notebook = Path(app.srcdir, pagename).with_suffix(".ipynb")
    if notebook.exists():
        target = Path(app.outdir, "_sources", pagename).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(notebook, target)
        context["ipynb_source"] = pagename + ".ipynb"


def describe_figures(app: Sphinx, doctree: nodes.document) -> None:
    """A figure without a text for those who cannot see it fails the build; Sphinx would put the file's name there."""
    for image in doctree.findall(nodes.image):
        if not image.get("alt", "").strip():
            what = (
                'in its cell\'s header: mystnb={"image": {"alt": "…"}}'
                if "jupyter_execute" in image["uri"]
                else ":alt:"
            )
            LOGGER.warning(f"a figure has no alt text; say what it shows ({what})", location=image)


def plain_bars(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """In the library's reference |p − g| is a formula; reStructuredText would look for a substitution of that name."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = line.split("``")  # every second one is code
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[i] = "``".join(parts)


def report_times(app: Sphinx, error: Exception | None) -> None:
    """``_build/times.json``: seconds that each chapter took, read by ``make book``."""
    if error is None and app.builder.format == "html":
        times = {}
        for name in sorted(app.env.found_docs):
            data = NbMetadataCollector.get_exec_data(app.env, name)
            if data and data.get("runtime") is not None:
                times[name] = round(data["runtime"], 1)
        (Path(app.outdir).parent / "times.json").write_text(json.dumps(times, indent=1) + "\n")


class Result(SphinxRole):
    """``{result}`eigen-nyu/cpu-0::metrics.eigen14.abs_rel::.3f``` prints one number of results/eigen-nyu/cpu-0.json.

    ``cpu-*`` prints the mean ± standard deviation over every seed.

    The page is rendered again, without running its cells, when the file changes; a missing file or key is an error.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        folder = Path(self.env.srcdir, "results")
        try:
            paths, _, _ = pairs.split_result(self.text, folder)
            for path in paths:
                self.env.note_dependency(str(path))
            bookpages.note_files(self.env, paths[0].parent, "*.json")  # another seed may come
            number = pairs.result(self.text, folder)
        except pairs.ResultError as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]
        return [nodes.inline(self.rawtext, number, classes=["result"])], []


def setup(app: Sphinx) -> dict[str, Any]:
    # Kernels inherit these; whoever starts the build may have set them already.
    os.environ.setdefault("DEPTHLIB_PROFILE", "cpu")
    os.environ["DEPTHLIB_BOOK"] = "1"
    app.connect("config-inited", cache_path)
    app.connect("config-inited", without_thebe)
    app.connect("builder-inited", copy_scripts)
    app.connect("builder-inited", bookcard.card_for_links)
    app.connect("builder-inited", bookweb.network_for_pages)
    app.connect("autodoc-process-docstring", plain_bars)
    app.connect("doctree-read", describe_figures)
    app.connect("env-get-outdated", bookpages.with_other_files)
    app.connect("html-page-context", offer_notebook, priority=400)
    app.connect("html-page-context", page_scripts)
    app.connect("html-page-context", for_screen_readers)
    app.connect("build-finished", report_times)
    app.add_role("result", Result())
    bookpages.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
