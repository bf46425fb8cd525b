"""How long a reader waits for each page of the rendered book, in a real browser, from a server on this machine.

python benchmarks/site.py --json site.json    (after `make book`; needs Debian's chromium and chromium-driver)

*text*: until the first words are painted. *all*: until the page is loaded, every formula is typeset and every interactive
figure in the window is drawn (the others wait until a reader comes near). Each page is loaded with an empty cache; the figures are medians of a few loads.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

from _report import begin, finish, parser

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import browser
from tasks import ROOT, server

READY = """
const all = (what) => [...document.querySelectorAll(what)];
return document.readyState === "complete"
  && all("span.math, div.math").every((m) => m.querySelector("mjx-container"))
  && all(".plotly-graph-div").every((f) => f.getBoundingClientRect().top > innerHeight || f.querySelector(".main-svg, canvas"));
"""
PAINTED = "const p = performance.getEntriesByName('first-contentful-paint'); return p.length ? p[0].startTime : null"


def load(driver: Any, address: str) -> tuple[float, float]:
    """Milliseconds until the first words, and until all is there."""
    driver.get("about:blank")
    began = time.perf_counter()
    driver.get(address)
    while not driver.execute_script(READY):
        time.sleep(0.01)
        if time.perf_counter() - began > 60:
            raise TimeoutError(f"{address}: not whole after a minute")
    whole = 1000 * (time.perf_counter() - began)
    return float(driver.execute_script(PAINTED) or whole), whole


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    options.add_argument("--loads", type=int, default=3)
    args = options.parse_args()
    report: dict[str, Any] = {**begin(args), "loads": args.loads, "pages": {}}
    if why := browser.missing():
        sys.exit(why)
    if not (args.site / "index.html").is_file():
        sys.exit(f"{args.site}: no rendered book there; run `make book`.")
    running = server(args.site, 0)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    with browser.browser() as driver:
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        for page in sorted((args.site / "book").glob("*.html")):
            address = f"http://127.0.0.1:{running.server_address[1]}/book/{page.name}"
            waits = [load(driver, address) for _ in range(args.loads)]
            text, whole = (round(statistics.median(each)) for each in zip(*waits, strict=True))
            report["pages"][page.stem] = {"text_ms": text, "all_ms": whole}
    running.shutdown()
    report["slowest_text_ms"], report["slowest_all_ms"] = (
        max(page[key] for page in report["pages"].values()) for key in ("text_ms", "all_ms")
    )
    finish(args, report)


if __name__ == "__main__":
    main()
