"""What a reader sees: every page in a real browser that can reach nothing but this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import browser
import pytest
from book_fixture import ROOT, Built
from tasks import server

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=browser.missing() or "")

SETTLE = """
const done = arguments[0], start = Date.now();
const math = document.querySelector("span.math, div.math"), figures = document.querySelectorAll(".plotly-graph-div");
addEventListener("load", () => dispatchEvent(new Event("beforeprint")));  // all figures, not only those in sight
if (document.readyState === "complete") dispatchEvent(new Event("beforeprint"));
(function look() {
  const drawn = [...figures].every((f) => f.querySelector(".main-svg, canvas"));
  const set = !math || document.querySelector("mjx-container");
  if ((document.readyState === "complete" && drawn && set) || Date.now() - start > 45000) return setTimeout(done, 300);
  setTimeout(look, 50);
})();
"""
FACTS = r"""
const all = (what) => [...document.querySelectorAll(what)];
const shown = (e) => e.checkVisibility();
return {
  math: all("span.math, div.math").length,
  typeset: all("span.math mjx-container, div.math mjx-container").length,
  mathErrors: all("mjx-merror").length,
  figures: all(".plotly-graph-div").length,
  drawn: all(".plotly-graph-div").filter((f) => f.querySelector(".main-svg, canvas")).length,
  // Sphinx puts the file's name where no text was given
  wordless: all("img").filter((i) => /^$|\.(png|jpe?g|svg|gif)$/.test((i.getAttribute("alt") || "").trim())).map((i) => i.src),
  broken: all("img").filter((i) => i.complete && !i.naturalWidth).map((i) => i.src),
  unnamed: all(".depth-plotly").filter((f) => !f.getAttribute("aria-label")).length,
  scrolling: all("div.cell_input pre").filter((p) => shown(p) && p.scrollWidth > p.clientWidth)
    .map((p) => p.textContent.split("\n").sort((a, b) => b.length - a.length)[0]),
  searchFields: all("input[type=search]").filter(shown).length + all("button.search-button-field").filter(shown).length,
};
"""


@dataclass
class Visit:
    """One page at desk and at phone width."""

    facts: dict[str, Any]
    severe: list[str]
    elsewhere: list[str]
    wide: list[str] = field(default_factory=list)


def everywhere(visits: dict[str, Visit], what: str) -> dict[str, Any]:
    """Page → value, where it is not empty or zero."""
    return {page: visit.facts[what] for page, visit in visits.items() if visit.facts[what]}


@pytest.fixture(scope="module")
def site(built_book: Built) -> Iterator[str]:
    assert built_book.status == 0, built_book.complaints
    running = server(built_book.html, 0)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}/"
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser.browser() as running:
        yield running


@pytest.fixture(scope="module")
def visits(built_book: Built, site: str, driver: Any) -> dict[str, Visit]:
    found = {}
    browser.requests(driver)
    for page in built_book.pages:
        browser.window(driver, 1280)
        driver.get(f"{site}{page}.html")
        driver.execute_async_script(SETTLE)
        facts = driver.execute_script(FACTS)
        severe = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        elsewhere = [
            url for url in browser.requests(driver) if url.startswith(("http", "ws")) and not url.startswith(site)
        ]
        found[page] = Visit(facts, severe, elsewhere)
    for page, visit in found.items():
        browser.window(driver, 390, 844, phone=True)
        driver.get(f"{site}{page}.html")
        driver.execute_async_script(SETTLE)
        if driver.execute_script("return document.documentElement.scrollWidth") > 390:
            visit.wide = driver.execute_script(
                "return [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 391)"
                ".slice(0, 5).map((e) => e.tagName + '.' + e.className)"
            ) or ["the page"]
    browser.window(driver, 1280)
    return found


def test_every_formula_is_typeset(visits: dict[str, Visit]) -> None:
    assert {page: v.facts for page, v in visits.items() if v.facts["math"] != v.facts["typeset"]} == {}
    assert everywhere(visits, "mathErrors") == {}


def test_every_interactive_figure_is_drawn_and_named(visits: dict[str, Visit]) -> None:
    assert {page: v.facts for page, v in visits.items() if v.facts["figures"] != v.facts["drawn"]} == {}
    assert everywhere(visits, "unnamed") == {}


def test_every_picture_is_there_and_has_a_text_for_those_who_cannot_see_it(visits: dict[str, Visit]) -> None:
    assert everywhere(visits, "wordless") == {}
    assert everywhere(visits, "broken") == {}


def test_the_console_shows_no_error(visits: dict[str, Visit]) -> None:
    assert {page: visit.severe for page, visit in visits.items() if visit.severe} == {}


def test_no_page_asks_another_machine_for_anything(visits: dict[str, Visit]) -> None:
    assert {page: visit.elsewhere for page, visit in visits.items() if visit.elsewhere} == {}


def test_no_page_scrolls_sideways_on_a_phone(visits: dict[str, Visit]) -> None:
    assert {page: visit.wide for page, visit in visits.items() if visit.wide} == {}


def test_no_code_scrolls_at_the_width_of_a_small_laptop(visits: dict[str, Visit]) -> None:
    """Named by its longest line. That folded code is no wider: tests/test_book_toolchain.py."""
    assert everywhere(visits, "scrolling") == {}


def test_a_page_shows_one_search_field(visits: dict[str, Visit]) -> None:
    assert {page: v.facts["searchFields"] for page, v in visits.items() if v.facts["searchFields"] != 1} == {}


def test_search_finds_the_word_depth(site: str, driver: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(f"{site}search.html?q=depth")
    hits = WebDriverWait(driver, 20).until(
        lambda d: d.execute_script("return document.querySelectorAll('#search-results li').length")
    )
    assert hits >= 1


def test_the_theme_button_reaches_dark_and_changes_the_paper(site: str, driver: Any) -> None:
    driver.get(f"{site}book/index.html")
    seen = {}
    for _ in range(3):  # the button goes round auto, light and dark
        driver.execute_script(
            "[...document.querySelectorAll('.theme-switch-button')].find((b) => b.checkVisibility()).click()"
        )
        theme = driver.execute_script("return document.documentElement.dataset.theme")
        seen[theme] = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert set(seen) == {"light", "dark"}
    assert seen["light"] != seen["dark"]


AXE = """
const done = arguments[arguments.length - 1];
document.documentElement.dataset.theme = arguments[0];
axe.run(document, {resultTypes: ["violations"], ...arguments[1]}).then(({violations}) => done(
  violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.length}, ${v.nodes[0].html.slice(0, 90)}`)
));
"""


def test_axe_finds_nothing_serious(built_book: Built, site: str, driver: Any) -> None:
    """All rules in the light theme; in the dark one colours alone are other ones."""
    checker = browser.axe(ROOT / "_build" / ".web")
    if checker is None:
        pytest.skip(f"{browser.AXE} is not here, and npm cannot fetch it")
    browser.window(driver, 1280)
    driver.set_script_timeout(60)
    found = {}
    for page in built_book.pages:
        driver.get(f"{site}{page}.html")
        driver.execute_script(checker)
        for theme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            if wrong := driver.execute_async_script(AXE, theme, rules):
                found[page, theme] = wrong
    assert found == {}


def test_the_site_is_small_enough_to_be_taken_along(built_book: Built) -> None:
    assert sum(path.stat().st_size for path in built_book.html.rglob("*") if path.is_file()) < 60e6
