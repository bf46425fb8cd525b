"""A headless Chromium that can reach nothing but loopback, for the tests of the pages and benchmarks/site.py."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bookweb

AXE = "axe-core@4.14.1"
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


def missing() -> str | None:
    """Why there is no browser, or None."""
    if not (shutil.which(CHROMIUM) and shutil.which(DRIVER)):
        return f"no browser: {CHROMIUM} and {DRIVER} are needed (Debian: apt install chromium chromium-driver)"
    return None


@functools.cache
def axe(keep: Path) -> str | None:
    """The accessibility checker axe-core, as npm brings it; None where npm is missing or reaches nothing."""
    file = keep / f"{AXE}.js"
    if not file.is_file():
        try:
            bookweb.from_npm(AXE, {"axe.min.js": file})
        except OSError:
            return None
    return file.read_text(encoding="utf8")


@contextmanager
def browser() -> Iterator[Any]:
    """A fresh Chromium with an empty profile; selenium's own downloader is never asked, since both paths are given."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER))
        try:
            driver.set_page_load_timeout(60)
            driver.set_script_timeout(90)
            yield driver
        finally:
            driver.quit()


def window(driver: Any, width: int, height: int = 900, phone: bool = False) -> None:
    """Emulate a screen; ``--window-size`` cannot go below 500 pixels."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone},
    )


def requests(driver: Any) -> list[str]:
    """Addresses that the pages asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
