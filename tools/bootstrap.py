"""Make .venv and install the course into it: the first thing that every `make` target does.

Standard library only, and written so that a Python too old for the course (2.7, 3.4, ...) can still read it and say so.
A stamp in .venv, written last, says which versions were installed; a venv without it is completed or made again.
"""

import os
import sys

NEEDS = (3, 11)
GIGABYTES = 8
DOWNLOAD = "about 5.5 GB, most of it torch"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Stop(Exception):
    """One line for the user; the exit status is 1."""


def check_python(version=None, executable=None):
    version = tuple(version or sys.version_info)
    if version[:2] < NEEDS:
        raise Stop(
            "Python %d.%d or newer is needed, but %s is %d.%d. Install one, then: make PYTHON=python%d.%d ..."
            % (NEEDS + (executable or sys.executable,) + version[:2] + NEEDS)
        )


def check_disk(folder, free=None):
    if free is None:
        import shutil

        free = shutil.disk_usage(folder).free
    if free < GIGABYTES * 1e9:
        raise Stop(
            "%s has %.1f GB free, but the installation needs about %d GB. Free some space, or move the folder to a larger disk."
            % (folder, free / 1e9, GIGABYTES)
        )


def wanted(root):
    """What the venv must match: the sections of pyproject.toml that decide an installation, the constraints, the Python."""
    import hashlib
    import json
    import tomllib

    with open(os.path.join(root, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)
    parts = [project.get("build-system"), project["project"], project.get("tool", {}).get("setuptools")]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    with open(os.path.join(root, "constraints.txt"), "rb") as file:
        digest.update(file.read())
    digest.update(root.encode())  # an editable installation does not survive a move
    return digest.hexdigest()


def venv_python(venv):
    return os.path.join(venv, "Scripts", "python.exe") if os.name == "nt" else os.path.join(venv, "bin", "python")


def stamped(venv):
    try:
        with open(os.path.join(venv, "installed")) as file:
            return file.read().strip()
    except OSError:
        return ""


def runs(python, *arguments):
    import subprocess

    try:
        return subprocess.run((python,) + arguments, stdout=-3, stderr=-3).returncode == 0
    except OSError:
        return False


def make_venv(venv):
    import subprocess

    python = venv_python(venv)
    test = "import sys, pip; sys.exit(sys.version_info < (%d, %d))" % NEEDS
    if runs(python, "-c", test):
        return
    command = [sys.executable, "-m", "venv", "--clear", venv]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or not runs(python, "-c", test):
        said = done.stdout.decode(errors="replace")
        if "ensurepip" in said:
            raise Stop(
                "%s cannot make a virtual environment: its venv module is incomplete. On Debian or Ubuntu: apt install python3-venv"
                % sys.executable
            )
        raise Stop("making %s failed: %s" % (venv, (said.strip().splitlines() or ["no reason given"])[-1]))


def explain(log, path):
    """The reason in pip's output, as one line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    text = "\n".join(lines)
    offline = ("NewConnectionError", "NameResolutionError", "Name or service not known", "Temporary failure in name resolution",
               "Network is unreachable", "ConnectTimeoutError", "Read timed out", "ProxyError", "SSLError", "Connection refused",
               "(from versions: none)")  # fmt: skip
    if "No space left on device" in text or "[Errno 28]" in text:
        return "the disk is full: the installation needs about %d GB. Pip's words are in %s" % (GIGABYTES, path)
    if any(word in text for word in offline):
        return (
            "the package index could not be reached. Check the network (or proxy) and run the same command again; details in %s"
            % path
        )
    errors = [line for line in lines if line.startswith("ERROR")]
    if not errors:
        return "pip was stopped from outside. Run the same command again; details in %s" % path
    return "pip failed: %s (details in %s)" % (errors[-1].replace("ERROR: ", ""), path)


def show(line, state):
    """One changing line on a terminal; a line every half minute elsewhere."""
    import time

    words = line.split()
    if len(words) < 2 or words[0] not in ("Collecting", "Downloading", "Installing", "Processing"):
        return
    if words[0] == "Installing" and words[1] != "collected":
        return  # "Installing build dependencies": of no interest
    state["seen"] += words[0] in ("Collecting", "Processing")
    now = time.monotonic()
    if words[0] == "Installing":
        text = "installing %d packages (this takes a minute or two)" % (len(words) - 3)
    elif words[0] == "Downloading":
        text = "downloading " + words[1].rsplit("/", 1)[-1]
    else:
        text = "%d packages looked at: %s" % (state["seen"], words[1].rsplit("/", 1)[-1])
    text = "  %4.0f s  %s" % (now - state["start"], text)
    if sys.stdout.isatty():
        sys.stdout.write("\r" + text[:100].ljust(100))
        sys.stdout.flush()
    elif now - state["said"] > 30 or words[0] == "Installing":
        print(text)
        sys.stdout.flush()
        state["said"] = now


def install(root, venv):
    import subprocess
    import time

    path = os.path.join(venv, "install.log")
    command = [
        venv_python(venv),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
    ]
    command += ["-c", "constraints.txt", "-e", ".[test]"]
    state = {"start": time.monotonic(), "said": time.monotonic(), "seen": 0}
    log = []
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        with open(path, "w", encoding="utf8") as file:
            for raw in process.stdout:
                line = raw.decode("utf8", "replace")
                file.write(line)
                file.flush()
                log.append(line)
                show(line.strip(), state)
        process.wait()
    except OSError as error:
        process.kill()
        process.wait()
        raise Stop("writing %s failed: %s" % (path, error.strerror))
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if sys.stdout.isatty():
        sys.stdout.write("\r" + " " * 100 + "\r")
    if process.returncode:
        raise Stop(explain("".join(log), path))
    if not runs(venv_python(venv), "-c", "import torch, depthlib, jupyter_book"):
        raise Stop(
            "the installation is incomplete: torch, depthlib or jupyter-book does not import. Delete .venv and try again; see %s"
            % path
        )
    return time.monotonic() - state["start"]


def ready(root=ROOT):
    """Make sure that .venv is whole and up to date; quick when it is."""
    check_python()
    venv = os.path.join(root, ".venv")
    target = wanted(root)
    if stamped(venv) == target and os.path.exists(venv_python(venv)):
        return
    if not os.path.exists(venv_python(venv)):
        check_disk(root)
        print("Installing into .venv: a download of %s, and about %d GB of disk." % (DOWNLOAD, GIGABYTES))
    else:
        print("Bringing .venv up to date (at most a download of %s)." % DOWNLOAD)
    sys.stdout.flush()
    stamp = os.path.join(venv, "installed")
    if os.path.exists(stamp):
        os.remove(stamp)
    make_venv(venv)
    seconds = install(root, venv)
    with open(stamp + ".part", "w") as file:
        file.write(target + "\n")
    os.replace(stamp + ".part", stamp)
    print("Installed in %.0f s." % seconds)


if __name__ == "__main__":
    try:
        ready()
    except Stop as stop:
        sys.stderr.write("make: %s\n" % stop)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("make: interrupted; the same command continues where it stopped.\n")
        sys.exit(130)
