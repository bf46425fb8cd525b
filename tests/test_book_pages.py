"""The real book, rendered: that it builds, and what holds of every page and chapter."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from book_fixture import ROOT, Built

import pairs as pairing  # isort: skip

CHAPTERS = pairing.chapters()


def test_the_book_builds_without_a_warning_and_has_every_page_of_its_contents(built_book: Built):
    assert built_book.status == 0, built_book.log[-4000:]
    assert set(built_book.pages) == set(re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text()))


def test_the_build_tells_how_long_each_chapter_took(built_book: Built):
    times = json.loads((built_book.html.parent / "times.json").read_text())
    assert {f"book/{chapter.stem}" for chapter in CHAPTERS} <= set(times)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_glued_values_are_used_on_their_own_page_only(chapter: Path):
    """Elsewhere they go stale without a word."""
    text = chapter.read_text(encoding="utf8")
    used = set(re.findall(r"\{glue(?::\w+)?\}`([\w-]+)", text))
    assert used <= set(re.findall(r"glue\(\s*[\"']([\w-]+)", text))


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
    import tomllib

    import yaml

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"] == project["urls"]["Repository"]
