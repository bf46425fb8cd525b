"""A network inside a page: the runtime from its npm package, the small network of the box as ONNX, and an example to try.

The runtime comes into the site where npm can fetch it, else the page takes it from a public CDN and checks it against the
digests below, as is done here with what npm brings. What is made is kept in ``_build/.web`` under a name that changes when its inputs do.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from fingerprint import content_hash
from sphinx.application import Sphinx
from sphinx.util import logging

from depthlib.errors import DepthError
from depthlib.files import write_whole

LOGGER = logging.getLogger(__name__)
PAGE = "book/in_browser.md"
RUNTIME = "onnxruntime-web@1.30.0"
#: A file of the package's dist folder → its digest; from the package as npm serves it.
FILES = {
    "ort.wasm.bundle.min.mjs": "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG",
    "ort-wasm-simd-threaded.wasm": "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
}
CDN = f"https://cdn.jsdelivr.net/npm/{RUNTIME}/dist/"


def network_for_pages(app: Sphinx) -> None:
    """``_static/in_browser/``: ``manifest.json`` and what it names. Only where the book has the page."""
    source = Path(app.srcdir)
    if app.builder.format == "html" and (source / PAGE).is_file():
        fill(Path(app.outdir) / "_static" / "in_browser", source, fetch_runtime(source / "_build" / ".web"))


def fill(target: Path, source: Path, runtime: Path | None) -> None:
    """Write what the page asks for; without a ``runtime`` folder it will ask the CDN."""
    target.mkdir(parents=True, exist_ok=True)
    if runtime:
        for name in FILES:
            pack(runtime / name, target)
    made = _made(source, source / "_build" / ".web")
    pack(made / "depth.onnx", target)
    for picture in made.glob("*.png"):
        shutil.copy2(picture, target)
    manifest = {
        **json.loads((made / "view.json").read_text()), "runtime": "" if runtime else CDN, "files": FILES, "network": "depth.onnx",
    }  # fmt: skip
    (target / "manifest.json").write_text(json.dumps(manifest))


def fetch_runtime(keep: Path) -> Path | None:
    """A folder with the runtime's files, or None (with a note in the log) where npm is missing or reaches nothing."""
    folder = keep / RUNTIME
    if all((folder / name).is_file() and digest(folder / name) == wanted for name, wanted in FILES.items()):
        return folder
    try:
        from_npm(RUNTIME, {f"dist/{name}": folder / name for name in FILES})
    except OSError as error:
        LOGGER.info(f"{error}: the page {PAGE} will take {RUNTIME} from {CDN}")
        return None
    wrong = [name for name, wanted in FILES.items() if digest(folder / name) != wanted]
    if wrong:
        shutil.rmtree(folder)
        raise ValueError(f"{RUNTIME}: {wrong[0]} is not the file that was tried with this book (another digest).")
    return folder


def pack(path: Path, target: Path) -> None:
    """A file as gzip, under its name and ``.gzip``: not every server compresses, and the page can unpack. Packed once."""
    packed = path.with_name(f"{path.name}.gzip")
    if not packed.is_file():
        from depthlib.files import write_whole

        write_whole(packed, lambda half: half.write_bytes(gzip.compress(path.read_bytes(), mtime=0)))
    shutil.copy2(packed, target)


def from_npm(package: str, wanted: dict[str, Path]) -> None:
    """Files of an npm package, by their place in it, each to its own path.

    Raises:
        OSError: no npm here, it reaches nothing, or the package has no such file.
    """
    if shutil.which("npm") is None:
        raise OSError("there is no npm here")
    with tempfile.TemporaryDirectory() as place:
        command = ["npm", "pack", package, "--silent", "--pack-destination", place]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            archives = list(Path(place).glob("*.tgz"))
            if done.returncode or not archives:
                raise OSError(" ".join(done.stderr.split())[-200:] or "npm wrote nothing")
            with tarfile.open(archives[0]) as packed:
                for name, target in wanted.items():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(target, partial(_unpack, packed, f"package/{name}"))
        except (DepthError, OSError, KeyError, subprocess.SubprocessError, tarfile.TarError) as error:
            raise OSError(f"npm did not bring {package} ({error})") from error


def _unpack(packed: tarfile.TarFile, name: str, target: Path) -> None:
    content = packed.extractfile(name)
    assert content is not None
    target.write_bytes(content.read())


def digest(path: Path) -> str:
    """As the browser's integrity check writes it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def _made(source: Path, keep: Path) -> Path:
    """The network, its example and the colours; made once for the same box and the same code."""
    inputs = (source / "depthlib/box/model.safetensors", source / "depthlib/export.py", Path(__file__))
    folder = keep / content_hash(inputs)
    if (folder / "view.json").is_file():
        return folder
    import matplotlib
    import numpy as np
    import onnx
    from PIL import Image

    from depthlib import plots
    from depthlib.checkpoints import load_model
    from depthlib.data.scenes import Rooms
    from depthlib.export import METADATA, export_onnx
    from depthlib.prediction import predict

    folder.mkdir(parents=True, exist_ok=True)
    model = load_model()
    graph = onnx.load(export_onnx(model, folder / "depth.onnx"))
    view: dict[str, Any] = json.loads({entry.key: entry.value for entry in graph.metadata_props}[METADATA])
    assert view["frame"] == view["crop"] and view["region"] == [0, 0, *view["frame"]], "the page shows the whole frame"
    onnx.save(in_half(graph), folder / "depth.onnx")
    room = Rooms(8, seed=14, size=(480, 640))[5]["rgb"]
    Image.fromarray((room * 255).round().byte().permute(1, 2, 0).numpy()).save(folder / "example.png")
    answer = predict(model, folder / "example.png").depth[0, 0]
    Image.fromarray(plots.colorize(answer[None])).resize((384, 288), Image.Resampling.BILINEAR).save(
        folder / "example-depth.png"
    )
    colours = (matplotlib.colormaps[plots.DEPTH_COLOURS](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(int)
    (folder / "view.json").write_text(json.dumps({"frame": view["frame"], "colours": colours.tolist()}))
    return folder


def in_half(graph: Any) -> Any:
    """The same graph with its larger weights written in 16 bits and widened when it is loaded: half the bytes to send.

    The box holds its weights in 16 bits already, so nothing is lost.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in graph.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) >= 256:
            values = numpy_helper.to_array(weight)
            narrow = values.astype(np.float16)
            if not np.array_equal(narrow.astype(np.float32), values):
                continue  # folded with others by the exporter
            casts.append(helper.make_node("Cast", [f"{weight.name}.half"], [weight.name], to=TensorProto.FLOAT))
            weight.CopyFrom(numpy_helper.from_array(narrow, f"{weight.name}.half"))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph
