"""What `make` does once .venv is whole: book, test, serve, bench."""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from fingerprint import kept

ROOT = Path(__file__).resolve().parent.parent
WORDS = ("WARNING", "ERROR", "Executing notebook", "Executed notebook")
COLOURS = re.compile(r"\x1b\[[\d;]*m")


def build(output: Path, profile: str, source: Path = ROOT, echo: bool = False) -> tuple[int, str]:
    """Render the book of ``source`` into ``output/_build/html``; every warning is an error. → (exit status, log)."""
    output.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "DEPTHLIB_PROFILE": profile,
        "DEPTHLIB_BOOK": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }
    start = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", str(source), "--path-output", str(output)]
    process = subprocess.Popen(
        [*command, "-W", "--keep-going"], cwd=source, env=environment, text=True, encoding="utf8", errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    log = []
    for line in process.stdout:
        line = COLOURS.sub("", line)  # jupyter-book colours its log even when it goes to a file
        log.append(line)
        if echo and any(word in line for word in WORDS) and "[IPKernelApp]" not in line:
            print("  " + line.strip().replace(f"{source}/", ""), flush=True)
    status = process.wait()
    (output / "_build").mkdir(exist_ok=True)
    (output / "_build" / "book.log").write_text("".join(log), encoding="utf8")
    return status, "".join(log)


def failed_cell(log: str) -> str:
    """The cell that stopped a build, and its error; empty if none did."""
    found = re.search(r"An error occurred while executing the following cell:\n(.*?)(?:\n\s*\[mystnb|\Z)", log, re.S)
    return found[1].strip() if found else ""


def book() -> int:
    """`make book`."""
    profile = os.environ.get("DEPTHLIB_PROFILE", "cpu")
    print(f"Running the chapters (profile {profile}) and rendering the book: minutes the first time.", flush=True)
    start = time.monotonic()
    status, log = build(ROOT, profile, echo=True)
    if status:
        print(failed_cell(log))
        print(
            f"make: the book could not be built; see the lines above, or {ROOT / '_build' / 'book.log'}",
            file=sys.stderr,
        )
        return 1
    times = json.loads((ROOT / "_build" / "times.json").read_text())
    print("\nSeconds to run each chapter (a chapter that has not changed is not run again):")
    for name, seconds in times.items():
        print(f"  {seconds:7.1f}  {name}")
    print(f"Done in {time.monotonic() - start:.0f} s. Open {ROOT / '_build' / 'html' / 'index.html'}")
    print("or run `make serve`.")
    return 0


def test(extra: list[str]) -> int:
    """`make test`: lint and types first, then one pytest run for unit tests, doctests, chapters, papermill, the book.

    Up to four processes share the files (``tests/conftest.py``); the book and its chapters are one process's.
    """
    cores = os.cpu_count() or 1
    processes = min(4, cores)
    # nbval and the book of the tests share the chapters' trainings
    runs = kept(ROOT / "_build" / "tests" / "_build" / ".runs", ROOT, "smoke")
    environment = {
        **os.environ,
        "DEPTHLIB_PROFILE": "smoke",
        "DEPTHLIB_RUNS": str(runs),
        "OMP_NUM_THREADS": str(cores // processes),
    }
    faults = 0
    for name, arguments in (("ruff", ["check", "."]), ("ruff", ["format", "--check", "."]), ("mypy", [])):
        print(name, flush=True)
        if subprocess.run([sys.executable, "-m", name, *arguments], cwd=ROOT).returncode:
            print(f"make: {name} found faults; the tests run nevertheless", file=sys.stderr, flush=True)
            faults = 1
    command = [sys.executable, "-m", "pytest", "-v", "tests", "depthlib", "book", "--doctest-modules", "--ignore=depthlib/runner.py",
               "--ignore-glob=book/*.py", "--nbval-lax", "--nbval-sanitize-with", "tools/nbval.cfg",
               "-n", str(processes), "--durations=8", "-rsfE"]  # fmt: skip
    return subprocess.run([*command, *extra], cwd=ROOT, env=environment).returncode or faults


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of one folder on loopback; port 0 takes any free one."""
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=str(folder)))


def serve(port: int) -> int:
    """`make serve`."""
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").exists():
        print("make: there is no rendered book yet; run `make book`.", file=sys.stderr)
        return 1
    try:
        running = server(folder, port)
    except OSError:
        running = server(folder, 0)
        print(f"Port {port} is taken.")
    print(f"The book is at http://127.0.0.1:{running.server_address[1]}/ (Ctrl-C stops).", flush=True)
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


def bench() -> int:
    """`make bench`: every script of benchmarks/."""
    scripts = sorted((ROOT / "benchmarks").glob("[!_]*.py"))
    if not scripts:
        print("make: there is no benchmark yet.", file=sys.stderr)
    return max([subprocess.run([sys.executable, str(script)], cwd=ROOT).returncode for script in scripts], default=1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["book", "test", "serve", "bench"])
    parser.add_argument("--port", type=int, default=8000)
    options, extra = parser.parse_known_args()
    if options.task == "book":
        return book()
    if options.task == "test":
        return test(extra)
    return serve(options.port) if options.task == "serve" else bench()


if __name__ == "__main__":
    sys.exit(main())
