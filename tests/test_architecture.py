"""Who may know whom, and what importing the library costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "depthlib"
LEAVES = {
    "errors",
    "randomness",
    "camera",
    "sample",
    "typed",
    "ssim",
    "files",
    "filling",
    "processes",
    "timing",
    "stopping",
    "transfers",
    "registry",
    "pretrained",
    "perceptual",
    "markdown",
}
ROOMS = {"data", "augment", "models", "losses", "metrics", "structure", "alignment", "protocols", "averaging"}


def imports(path: Path) -> set[str]:
    """Rooms of depthlib that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("depthlib"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("depthlib.")}
    return found


def named(path: Path) -> set[str]:
    """First names of all modules that a file imports, anywhere in it."""
    tree = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name.split(".")[0] for node in tree if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module.split(".")[0] for node in tree if isinstance(node, ast.ImportFrom) and node.module}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows(path):
    mine, known = room(path), imports(path) - {room(path)}
    if mine in LEAVES:
        assert known <= LEAVES, f"{mine} is a leaf and imports {known - LEAVES}"
    if mine in ROOMS:
        allowed = LEAVES | ({"metrics", "structure", "alignment"} if mine == "protocols" else set())
        assert known <= allowed, f"{mine} imports {known - allowed}; rooms do not know each other"
    if mine in ("training", "evaluation", "prediction", "predictors", "checkpoints"):
        assert not known & {"cli", "runner", "runs", "scoring", "preflight", "results", "notebooks", "plots"}
    if mine in ("evaluation", "results"):
        assert "training" not in known, "scores and results are read without what trains"
    assert not named(path) & {"tests", "conftest", "made", "book", "tools", "benchmarks"}


def test_importing_the_library_is_cheap():
    """At most 0.3 s beyond `import torch`: measured as what is imported, not as time."""
    code = "import sys, torch; before = set(sys.modules); import depthlib, depthlib.cli; print(*sorted(set(sys.modules) - before))"
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = ("torchvision", "torchmetrics", "accelerate", "scipy", "h5py", "matplotlib", "plotly", "papermill", "PIL")
    assert not [name for name in new if name.split(".")[0] in heavy]
    assert [name for name in new if name.startswith("depthlib")] == [
        "depthlib", "depthlib.cli", "depthlib.cli.arguments", "depthlib.cli.data", "depthlib.cli.doctor", "depthlib.cli.predict",
        "depthlib.cli.scale", "depthlib.cli.scores", "depthlib.cli.trainings", "depthlib.cli.use", "depthlib.errors",
    ]  # fmt: skip


def test_plots_are_extras_imported_where_used():
    trees = [ast.parse(path.read_text()) for path in (PACKAGE / "plots").glob("*.py")]
    body = [node for tree in trees for node in tree.body]
    top = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    top |= {node.module for node in body if isinstance(node, ast.ImportFrom) and node.module}
    assert "numpy" in top
    assert not {name for name in top if name.split(".")[0] in ("matplotlib", "plotly")}
