"""The network inside a page, in a real browser without a network connection: the same maps as in Python, and plain words."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bookweb
import browser
import numpy as np
import pytest
from book_fixture import ROOT
from PIL import Image
from tasks import server

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=browser.missing() or "")
WAIT = """
const done = arguments[arguments.length - 1], start = Date.now();
(function look() {
  const found = window.inBrowserResult;
  if (found || Date.now() - start > 50000) return done({...found, said: document.getElementById("in-browser-state").textContent});
  setTimeout(look, 50);
})();
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The page alone, with all that it fetches, on a server of this machine."""
    runtime = bookweb.fetch_runtime(ROOT / "_build" / ".web")
    if runtime is None:
        pytest.skip(f"{bookweb.RUNTIME} is not here, and npm cannot fetch it")
    folder = tmp_path_factory.mktemp("site")
    bookweb.fill(folder / "_static" / "in_browser", ROOT, runtime)
    shutil.copy2(ROOT / "book" / "_static" / "in_browser.js", folder / "_static" / "in_browser.js")
    html = re.findall(r"^```\{raw\} html\n(.*?)^```$", (ROOT / bookweb.PAGE).read_text(encoding="utf8"), re.M | re.S)
    (folder / "book").mkdir()
    (folder / "book" / "page.html").write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>x</title>" + "".join(html)
    )
    running = server(folder, 0)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}/book/page.html", folder
    running.shutdown()
    running.server_close()


@pytest.fixture
def page(site: tuple[str, Path]) -> Iterator[Any]:
    with browser.browser() as driver:
        driver.set_script_timeout(60)
        driver.get(site[0])
        yield driver


def given(driver: Any, path: Path) -> dict[str, Any]:
    driver.execute_script("window.inBrowserResult = undefined")
    driver.find_element("id", "in-browser-file").send_keys(str(path))
    return driver.execute_async_script(WAIT)


def python_says(path: Path) -> np.ndarray:
    from depthlib.checkpoints import load_model
    from depthlib.prediction import predict

    return predict(load_model(), path).depth[0, 0].numpy()


def agree(found: dict[str, Any], wanted: np.ndarray) -> None:
    assert "depth" in found, found
    map_ = np.array(found["depth"]).reshape(found["height"], found["width"])
    assert map_.shape == wanted.shape and np.abs(map_ / wanted - 1).max() < 1e-3


def test_real_pictures_of_several_shapes_give_pythons_maps_with_nothing_from_elsewhere(page, site, tmp_path):
    from skimage import data

    address, folder = site
    browser.requests(page)
    page.find_element("id", "in-browser-example").click()
    agree(page.execute_async_script(WAIT), python_says(folder / "_static/in_browser/example.png"))
    garage = Image.fromarray(data.stereo_motorcycle()[0])
    for name, picture in (
        ("wide", garage),
        ("tall", garage.crop((100, 0, 400, 500))),
        ("small", garage.resize((90, 61))),
    ):
        picture.save(tmp_path / f"{name}.png")
        found = given(page, tmp_path / f"{name}.png")
        agree(found, python_says(tmp_path / f"{name}.png"))
        assert "median" in found["said"]
    assert [url for url in browser.requests(page) if url.startswith("http") and not url.startswith(address[:20])] == []
    assert page.execute_script("return [...document.querySelectorAll('canvas')].every((c) => c.checkVisibility())")
    assert not page.find_element("css selector", ".before").is_displayed()  # the static pictures have made room


def test_what_is_no_picture_or_too_large_or_too_small_is_said(page, tmp_path):
    (tmp_path / "notes.png").write_text("not a picture")
    Image.new("1", (8000, 6250)).save(tmp_path / "huge.png")
    Image.new("RGB", (20, 300)).save(tmp_path / "thin.png")
    for name, words in (("notes.png", "is no picture"), ("huge.png", "50 megapixels"), ("thin.png", "20 × 300")):
        found = given(page, tmp_path / name)
        assert words in found["error"] and words in found["said"]
    page.execute_script("window.inBrowserResult = undefined")
    page.find_element("id", "in-browser-example").click()  # and the page still works
    assert "depth" in page.execute_async_script(WAIT)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("delete window.WebAssembly", "blocks WebAssembly"),
        ("window.fetch = async () => new Response('', {status: 503})", "503"),
    ],
)
def test_a_blocked_browser_and_a_failing_server_are_said(site, tmp_path, broken, words):
    Image.new("RGB", (320, 240), (90, 80, 70)).save(tmp_path / "grey.png")
    with browser.browser() as driver:
        driver.set_script_timeout(60)
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": broken})
        driver.get(site[0])
        assert words in given(driver, tmp_path / "grey.png")["error"]


def test_another_file_than_the_one_that_was_tried_is_refused(site):
    """From another place, as from the CDN: taken if the digest fits, else not run."""
    address, folder = site
    manifest, elsewhere = folder / "_static" / "in_browser" / "manifest.json", folder / "elsewhere"
    shutil.copytree(ROOT / "_build" / ".web" / bookweb.RUNTIME, elsewhere)
    good = manifest.read_text()
    found = []
    try:
        for files in (bookweb.FILES, {name: "sha384-" + "A" * 64 for name in bookweb.FILES}):
            changed = {**json.loads(good), "runtime": address.replace("book/page.html", "elsewhere/"), "files": files}
            manifest.write_text(json.dumps(changed))
            with browser.browser() as driver:
                driver.set_script_timeout(60)
                driver.get(address)
                driver.find_element("id", "in-browser-example").click()
                found.append(driver.execute_async_script(WAIT))
    finally:
        manifest.write_text(good)
    agree(found[0], python_says(folder / "_static/in_browser/example.png"))
    assert "fetch" in found[1]["error"]


def test_without_javascript_the_pictures_are_there(site):
    with browser.browser() as driver:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        driver.get(site[0])
        assert "JavaScript" in driver.find_element("css selector", ".in-browser-note").text
        assert all(image.is_displayed() for image in driver.find_elements("css selector", ".before img"))
        assert not driver.find_element("css selector", ".in-browser").is_displayed()


def test_where_npm_is_missing_the_page_will_ask_the_cdn_and_check(tmp_path, monkeypatch):
    monkeypatch.setattr(bookweb.shutil, "which", lambda name: None)
    assert bookweb.fetch_runtime(tmp_path) is None
    bookweb.fill(tmp_path / "site", ROOT, None)
    manifest = json.loads((tmp_path / "site" / "manifest.json").read_text())
    assert manifest["runtime"].startswith("https://") and bookweb.RUNTIME in manifest["runtime"]
    assert all(value.startswith("sha384-") for value in manifest["files"].values())
