"""The files around the library: workflows, hooks, the changelog."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

import depthlib

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_workflows_fit_the_schema_and_a_wrong_one_would_not(tmp_path):
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    assert len(WORKFLOWS) == 4
    done = subprocess.run([*check, *map(str, WORKFLOWS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on", "run-on"))
    assert subprocess.run([*check, str(wrong)], capture_output=True).returncode != 0


def test_the_workflows_name_what_is_here():
    jobs = {path.stem: yaml.safe_load(path.read_text())["jobs"] for path in WORKFLOWS}
    for chapter in jobs["colab"]["chapter"]["strategy"]["matrix"]["chapter"]:
        assert (ROOT / "book" / f"{chapter}.ipynb").is_file()
    makes = {
        step["run"]
        for job in jobs.values()
        for one in job.values()
        for step in one["steps"]
        if "make " in step.get("run", "")
    }
    targets = (ROOT / "Makefile").read_text()
    assert makes == {"make test", "make book"} and all(f"\n{run.split()[1]}: ready" in targets for run in makes)
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert jobs["tests"]["test"]["strategy"]["matrix"]["python"][0] == oldest.lstrip(">=")


def test_the_hooks_are_commands_that_are_there():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        program, *rest = shlex.split(hook["entry"])
        name = Path(program).name
        assert (
            name == "python"
            or (Path(sys.executable).parent / name).is_file()
            or importlib.util.find_spec(name.replace("-", "_")) is not None
        )
        assert all((ROOT / word).exists() for word in rest if word.endswith(".py"))


def test_the_changelog_begins_with_this_version():
    entries = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert entries[0].removeprefix("## ").startswith(depthlib.__version__)
    assert depthlib.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
