"""The real book, rendered: that it builds, and what holds of every page and chapter."""

from __future__ import annotations

import json
import re
import tomllib

import bookpages
import pairs as pairing
import pytest
import yaml
from book_fixture import ROOT, Built
from PIL import Image

CHAPTERS = pairing.chapters()


def test_the_book_builds_without_a_warning_and_has_every_page_of_its_contents(built_book: Built):
    assert built_book.status == 0, built_book.complaints
    assert set(built_book.pages) == set(re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text()))


def test_the_build_tells_how_long_each_chapter_took(built_book: Built):
    times = json.loads((built_book.html.parent / "times.json").read_text())
    assert {f"book/{chapter.stem}" for chapter in CHAPTERS} <= set(times)


@pytest.mark.parametrize("folder", ["depthlib", "book"])
def test_no_source_uses_what_dies_in_a_static_page(folder: str):
    words = ("tqdm.auto", "tqdm.notebook", "import scrapbook")
    sources = {path.name: path.read_text(encoding="utf8") for path in (ROOT / folder).rglob("*.py")}
    assert [f"{name}: {word}" for name, text in sources.items() for word in words if word in text] == []


def test_torchvision_works_beside_this_torch():
    import torch
    from torchvision.ops import nms

    assert nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5).tolist() == [0]


def test_colab_and_pip_are_sent_to_one_repository():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"] == project["urls"]["Repository"]


def test_a_link_to_any_page_is_shown_with_a_title_words_and_a_picture(built_book: Built):
    site = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["ogp_site_url"]
    for page, html in built_book.pages.items():
        said = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', html))
        assert said["og:title"] and len(said["og:description"]) > 20, page
        assert said["og:url"] == f"{site}{page}.html" and said["twitter:card"] == "summary_large_image", page
        assert said["og:image"] == f"{site}_static/card.png" and said["og:image:alt"], page
    with Image.open(built_book.html / "_static" / "card.png") as card:
        assert card.size == (1200, 630)


def test_every_run_and_every_exercise_is_on_its_page(built_book: Built):
    """Made of the chapters and of results/; what is missing there is missing here."""
    made, folded = (built_book.pages[f"book/{name}"] for name in ("provenance", "exercises"))
    for path in (ROOT / "results").rglob("*.json"):
        assert path.relative_to(ROOT / "results").with_suffix("").as_posix() in made
    assert "The coarse network" in made and 'href="coarse_network.html"' in made
    sources = [path.read_text(encoding="utf8") for path in (ROOT / "book").glob("*.py")]
    count = sum(len(re.findall(r"^# ```\{admonition\} Exercise", source, re.M)) for source in sources)
    assert count > 40 and folded.count('<p class="admonition-title">Exercise') == count


def test_every_published_table_and_every_chapters_length_is_on_its_page(built_book: Built):
    from depthlib import tables

    page, lengths = (built_book.pages[f"book/{name}"] for name in ("tables", "teaching"))
    for name in tables.table_names():
        table = tables.load_table(name)
        assert f'href="#table-{name}"' in page and f'id="table-{name}"' in page, name
        printed = {str(number) for row in table.rows for number in row.published if number is not None}
        cells = set(re.findall(r"<p>([^<]*)</p></td>", page)) | set(re.findall(r"<td[^>]*>([^<]*)</td>", page))
        cells = {cell.strip() for cell in cells}
        assert printed <= cells, (name, printed - cells)
        assert all(recipe in page for recipe in table.recipes())
    for path in (ROOT / "book").glob("*.py"):
        row = re.search(rf'<td><p><a [^>]*href="{path.stem}\.html".*?</tr>', lengths, re.S)
        assert row, path.stem
        minutes = int(re.findall(r"(\d+)", re.sub(r"<[^>]*>", " ", row[0].split("</a>", 1)[1]))[0])
        assert 10 <= minutes <= 60, (path.stem, minutes)


def test_the_length_of_a_chapter_counts_what_one_reads():
    text = (
        "# %% [markdown]\n# # Title of it\n#\n# Two words {cite}`who2020` and $x + y$ more.\n#\n# | a table | here |\n"
        "#\n# ```{admonition} Exercise 1 (open)\n# asked here\n# ```\n#\n# ```{admonition} Discussion 1\n# folded away\n# ```\n"
        "\n# %%\ncode = 1\n"
    )
    counted = "Title of it Two words and more admonition Exercise open asked here"
    assert bookpages.words(text) == len(counted.split())


def test_the_reference_names_what_the_library_offers(built_book: Built):
    reference = built_book.pages["book/api"]
    for name in (
        "depthlib.data.open_dataset",
        "depthlib.training.train",
        "depthlib.prediction.predict",
        "depthlib.metrics.abs_rel",
    ):
        assert f'id="{name}"' in reference, name
    assert "|p − g|" in reference


def test_a_link_means_the_page_where_a_module_or_a_term_has_the_same_name(built_book: Built):
    for name in ("evaluation", "augmentation", "sparse_to_dense"):
        linked = [
            page for page, html in built_book.pages.items() if f'class="reference internal" href="{name}.html"' in html
        ]
        assert len(linked) > 1, name
    stray = {
        "api.html#module-depthlib.evaluation",
        "glossary.html#term-augmentation",
        "api.html#module-depthlib.models.sparse_to_dense",
    }
    for page, html in built_book.pages.items():
        if page != "book/api":
            assert not any(f'href="{target}"' in html for target in stray), page
