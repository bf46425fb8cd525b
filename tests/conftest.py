"""Fixtures that several tests share: real data where it lies, and one small example of each contract."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from made import make_pairs

from depthlib import camera
from depthlib.recipe import load_recipe
from depthlib.sample import Sample

if TYPE_CHECKING:
    from book_fixture import Built

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))


#: These look at the pages of the book, or share what its build keeps.
OF_THE_BOOK = ("tests/test_book_pages.py", "tests/test_browser.py", "tests/test_in_browser.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of several processes, one runs all tests of a file, and one all that is of the book."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "book" if file.startswith("book/") or file in OF_THE_BOOK else file

    return ByFile(config, log)


def _given(variable: str, *parts: str) -> Path:
    """A path below the folder that an environment variable names; the test is skipped where it is not."""
    root = os.environ.get(variable)
    path = Path(root or "", *parts)
    if not root or not path.exists():
        pytest.skip(f"needs {'/'.join(parts)} under {variable}, which is {root or 'not set'}")
    return path


@pytest.fixture(scope="session")
def nyu_root() -> Path:
    """The prepared labelled NYU Depth v2."""
    return _given("DEPTHLIB_DATA", "nyu_depth_v2_labeled")


@pytest.fixture(scope="session")
def middlebury_root() -> Path:
    """Cones, Teddy, Tsukuba and Venus as their archives unpack."""
    return _given("DEPTHLIB_DATA", "middlebury")


@pytest.fixture(scope="session")
def nyu_mat() -> Path:
    """Six frames in the layout of the official .mat."""
    return _given("DEPTHLIB_DATA", "formats", "nyu_labeled_mat", "excerpt.mat")


@pytest.fixture(scope="session")
def genuine() -> Path:
    """Genuine files of each encoding."""
    return _given("DEPTHLIB_DATA", "formats")


@pytest.fixture(scope="session")
def mobilenet_weights() -> Path:
    """MobileNetV2's ImageNet weights."""
    return _given("DEPTHLIB_WEIGHTS", "mobilenet_v2_features.safetensors")


@pytest.fixture(scope="session")
def vgg_weights() -> Path:
    """VGG-16's."""
    return _given("DEPTHLIB_WEIGHTS", "vgg16_features_fp16.safetensors")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a server that offers what is put there."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def sample() -> Sample:
    """One sample that keeps the contract: a slanted plane with a hole."""
    v, u = camera.pixel_grid(240, 320)
    depth = (1.5 + 0.01 * u + 0.002 * v)[None]
    depth[:, 100:110, 50:60] = 0
    rgb = torch.stack((u / 320, v / 240, (u + v) / 560))
    return Sample(
        rgb=rgb, depth=depth, K=camera.from_field_of_view(240, 320, 60), name="plane", dataset="made", index=0
    )


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of eight pairs, to damage at will."""
    return make_pairs(tmp_path / "pairs")


@pytest.fixture
def tiny_recipe(pairs: Path):
    """A recipe that trains in a second: 1/20 width on the pairs."""
    return load_recipe(
        "eigen-nyu",
        "smoke",
        **{
            "data": {"name": "folder", "options": {"root": str(pairs)}},
            "evaluate": [
                {"data": {"name": "folder", "options": {"root": str(pairs)}}, "protocol": "eigen14",
                 "stages": ["coarse", "fine"], "baselines": ["mean"]}
            ],
        },
    )  # fmt: skip


@pytest.fixture(scope="session")
def built_book() -> Built:
    """This book, rendered with the smoke profile into ``_build/tests``; its execution cache is kept between runs."""
    from book_fixture import ROOT, build  # needs Jupyter, which a machine that only trains may lack

    return build(ROOT / "_build" / "tests")
