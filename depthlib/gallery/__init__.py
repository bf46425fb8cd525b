"""Excerpts of long runs that come with the library, so that the book's figures need neither their data nor their hours.

``tools/gallery.py`` makes them from finished runs; each says which results it belongs to.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depthlib.errors import DepthError

FOLDER = Path(__file__).parent
CURVES, FIGURES = FOLDER / "curves.json", FOLDER / "nyu_figures.npz"
NINE, SORTED, LAM = (FOLDER / f"nyu_{name}.npz" for name in ("nine", "sorted", "lam"))
REPORTS = FOLDER / "reports.json"
LARGER = {"cones": FOLDER / "larger_cones.npz", "room": FOLDER / "larger_room.npz"}
ROADS = FOLDER / "roads.npz"
FRONT = ("1249", "0774", "0285", "0445")
#: What is kept of each of the 654 test photographs.
KEPT = ("delta1", "abs_rel", "rmse", "rmse_log", "scale_invariant_rmse")


@dataclass(frozen=True)
class Picture:
    """A test photograph, small, with its true depth and what networks said.

    Attributes:
        name: the image's number in NYU Depth v2, from 1.
        rgb: uint8 [H, W, 3].
        truth: metres, float32 [H, W], 0 = missing.
        index: its place in the test split, as in :func:`per_image`.
        answers: a network, such as ``eigen-nyu/fine``, or with its seed if that is not 0, ``eigen-nyu/fine@2`` →
            metres, float32 [H, W].
    """

    name: str
    rgb: NDArray[np.uint8]
    truth: NDArray[np.float32]
    index: int
    answers: dict[str, NDArray[np.float32]]


def loss_curve(recipe: str) -> list[dict[str, Any]]:
    """A run's training loss: ``phase``, ``samples`` and ``loss``, as its results have it.

    Raises:
        DepthError: no curve of that recipe here.

    >>> sorted(loss_curve("densedepth-mobilenet-nyu")[0])
    ['loss', 'phase', 'samples']
    """
    curves = json.loads(CURVES.read_text())
    if recipe not in curves:
        raise DepthError(f"gallery: no curve of {recipe!r}; there are {', '.join(curves)}.")
    return curves[recipe]["curve"]


def report(name: str) -> dict[str, Any]:
    """What ``results/NAME.json`` has: a benchmark's or a sweep's report whole, of a training's results the ``metrics``.

    Raises:
        DepthError: no such report here.

    >>> report("benchmarks/recipes")["profile"]
    'cpu'
    >>> list(report("eigen-nyu/cpu-0")["metrics"]["nyu-test/eigen14"])
    ['coarse', 'fine', 'mean', 'median']
    """
    reports = json.loads(REPORTS.read_text())
    if name not in reports:
        raise DepthError(f"gallery: no report {name!r}; there are {', '.join(reports)}.")
    return reports[name]


def nine_pictures() -> list[Picture]:
    """Nine test photographs of NYU Depth v2, drawn by a seed, with the networks' answers.

    >>> len(nine_pictures())
    9
    """
    return _pictures(NINE)


def front_pictures() -> list[Picture]:
    """The four of :func:`nine_pictures` that the book's first page and its card for links show.

    >>> len(front_pictures())
    4
    """
    return [picture for picture in nine_pictures() if picture.name in FRONT]


def sorted_pictures() -> list[Picture]:
    """Test photographs of NYU Depth v2 from the best to the worst answer of ``eigen-nyu/fine``, at even ranks.

    Sorted by the scale-invariant error, as Figure 4 of Eigen et al. 2014.

    >>> len(sorted_pictures())
    7
    """
    return _pictures(SORTED)


def lam_pictures() -> list[Picture]:
    """Test photographs of NYU Depth v2 with the answers of two networks that differ in λ alone.

    They are ``eigen-nyu/fine@2`` (λ = ½) and ``eigen-nyu-log-rmse/fine@2`` (λ = 0), at even ranks from the photograph on
    which λ = ½ has the largest advantage in the scale-invariant error to that on which λ = 0 has.

    >>> len(lam_pictures())
    5
    """
    return _pictures(LAM)


def _pictures(path: Path) -> list[Picture]:
    with np.load(path) as stored:
        about = json.loads(str(stored["about"]))
        found = []
        for i, (name, index) in enumerate(zip(about["names"], about["indices"], strict=True)):
            rgb = np.asarray(Image.open(io.BytesIO(stored[f"rgb{i}"].tobytes())).convert("RGB"))
            answers = {network: decode(stored[f"{network}{i}"]) for network in about["networks"]}
            found.append(Picture(name, rgb, decode(stored[f"truth{i}"]), index, answers))
    return found


@dataclass(frozen=True)
class Enlarged:
    """An excerpt of a map that networks enlarged eight times.

    Attributes:
        rgb: uint8 [H, W, 3].
        truth: float32 [H, W], 0 = missing; levels of 8 bits for a disparity, metres for a depth.
        answers: ``bicubic``, or a network → float32 [H, W] in the same unit.
        corner: row and column of the excerpt's first pixel in the whole map.
        source: what it is an excerpt of, and which runs answered.
    """

    rgb: NDArray[np.uint8]
    truth: NDArray[np.float32]
    answers: dict[str, NDArray[np.float32]]
    corner: tuple[int, int]
    source: dict[str, Any]


def enlarged(scene: str) -> Enlarged:
    """What networks that differ in their loss alone made of one small map, for the book's chapter on super-resolution.

    Args:
        scene: ``cones``, disparities of Middlebury in levels of 8 bits; ``room``, a rendered room in metres.

    Raises:
        DepthError: another scene.

    >>> enlarged("room").truth.dtype
    dtype('float32')
    """
    if scene not in LARGER:
        raise DepthError(f"gallery: no enlarged {scene!r}; there are {', '.join(LARGER)}.")
    with np.load(LARGER[scene]) as stored:
        about = json.loads(str(stored["about"]))

        def steps(name: str) -> NDArray[np.float32]:
            levels = np.asarray(Image.open(io.BytesIO(stored[name].tobytes()))).astype(np.float32)
            return levels * np.float32(about["step"])

        rgb = np.array(Image.open(io.BytesIO(stored["rgb"].tobytes())).convert("RGB"))
        answers = {name: steps(name) for name in about["networks"]}
        return Enlarged(rgb, steps("truth"), answers, (about["corner"][0], about["corner"][1]), about)


@dataclass(frozen=True)
class RoadAnswers:
    """What Eigen's networks, trained on rendered roads, say of some that they have not seen, on their own grid of 27x142.

    Attributes:
        indices: of the roads in ``open_dataset("roads", "test", (184, 612))``, from the best answer of the fine network to the worst, at even
            ranks by the scale-invariant error.
        errors: that error, float32 [N].
        coarse, fine: metres, float32 [N, 27, 142].
        templates: the longest of the coarse network's last layer, longest first, each on its own scale: float32 [12, 27, 142].
    """

    indices: list[int]
    errors: NDArray[np.float32]
    coarse: NDArray[np.float32]
    fine: NDArray[np.float32]
    templates: NDArray[np.float32]


def road_answers() -> RoadAnswers:
    """Of the run ``eigen-roads``, for the book's section on KITTI.

    >>> road_answers().fine.shape
    (5, 27, 142)
    """
    with np.load(ROADS) as stored:
        indices = json.loads(str(stored["about"]))["indices"]
        return RoadAnswers(
            indices, *(stored[name].astype(np.float32) for name in ("errors", "coarse", "fine", "templates"))
        )


def per_image(network: str) -> dict[str, NDArray[np.float32]]:
    """The figures :data:`KEPT` of each of the 654 test photographs under ``eigen14``: float32 [654] by name.

    Args:
        network: recipe and stage, such as ``eigen-nyu/fine``, with the training's seed if that is not 0, ``eigen-nyu/fine@2``;
            ``eigen-nyu/mean`` is the mean depth image, ``eigen-nyu/median`` the median one.

    Raises:
        DepthError: no such network here.

    >>> per_image("densedepth-mobilenet-nyu/all")["delta1"].shape
    (654,)
    """
    with np.load(FIGURES) as stored:
        if network not in stored:
            known = [name for name in stored if name != "about"]
            raise DepthError(f"gallery: no figures of {network!r}; there are {', '.join(known)}.")
        return dict(zip(KEPT, stored[network].astype(np.float32), strict=True))


def scenes() -> list[str]:
    """The scene that each of the 654 test photographs shows (:func:`depthlib.data.nyu.scenes_of_runs`), in the order of :func:`per_image`.

    >>> len(scenes()), len(set(scenes()))
    (654, 124)
    """
    with np.load(FIGURES) as stored:
        return list(json.loads(str(stored["about"]))["scenes"])


#: Depth is kept as one byte a pixel, even in the logarithm: 0 = missing, 1 … 255 from 0.5 to 10 m, steps of 1.2 %.
LOW, HIGH = 0.5, 10.0


def encode(depth: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Metres [H, W], 0 = missing, as bytes of a PNG.

    >>> metres = np.array([[0.0, 0.5, 3.0, 10.0]])
    >>> bool(np.allclose(decode(encode(metres)), metres, rtol=0.006))
    True
    """
    known = depth > 0
    place = np.log(np.where(known, depth, LOW).clip(LOW, HIGH) / LOW) / np.log(HIGH / LOW)
    levels = np.where(known, 1 + np.rint(254 * place), 0).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "png", optimize=True)
    return np.frombuffer(file.getvalue(), np.uint8)


def decode(content: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The inverse of :func:`encode`, within 0.6 %."""
    levels = np.asarray(Image.open(io.BytesIO(content.tobytes()))).astype(np.float32)
    return np.where(levels > 0, LOW * (HIGH / LOW) ** ((levels - 1) / 254), 0).astype(np.float32)
