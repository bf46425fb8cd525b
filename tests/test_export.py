"""Networks that leave and networks that arrive: ONNX files and models of Hugging Face, scored as any other."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from depthlib.adapters import from_huggingface, from_onnx, reconstruction_from_onnx
from depthlib.checkpoints import save_checkpoint
from depthlib.cli import main
from depthlib.data.folder import Folder
from depthlib.errors import DepthError
from depthlib.evaluation import evaluate
from depthlib.export import METADATA, export_onnx
from depthlib.models import build_model
from depthlib.observations import SmallDepth, SparseDepth
from depthlib.prediction import predict
from depthlib.predictors import Shown


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small encoder-decoder and its file."""
    torch.manual_seed(0)
    model = build_model("densedepth", encoder="mobilenet_v3_small", width=0.1, output="log", size=(96, 128)).eval()
    model.begin_phase("all")
    return model.eval(), export_onnx(model, tmp_path_factory.mktemp("onnx") / "small.onnx")


@pytest.mark.parametrize("shape", [(1, 64, 96), (3, 128, 160), (1, 97, 131), (2, 33, 200)], ids=str)
def test_onnxruntime_answers_as_torch_does_at_any_size(exported, shape):
    model, path = exported
    rgb = torch.rand(shape[0], 3, *shape[1:])
    with torch.no_grad():
        ours = model.to_depth(model(rgb))
    theirs = onnxruntime.InferenceSession(str(path)).run(None, {"rgb": rgb.numpy()})[0]
    np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-4, rtol=1e-4)


def test_a_network_of_fixed_size_keeps_it_and_a_file_says_what_it_looks_at(tmp_path):
    model = build_model("eigen", width=0.05).eval()
    model.begin_phase("fine")
    path = export_onnx(model.eval(), tmp_path / "eigen.onnx")
    session = onnxruntime.InferenceSession(str(path))
    assert session.get_inputs()[0].shape[1:] == [3, 228, 304]
    about = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
    assert about["frame"] == [240, 320] and about["crop"] == [228, 304] and about["upsampling"] == "nearest-exact"
    rgb = torch.rand(2, 3, 480, 640)
    torch.testing.assert_close(from_onnx(path)(rgb), predict(model, rgb).full(), atol=1e-4, rtol=1e-4)


def test_a_file_scores_as_the_model_it_came_from(exported, pairs):
    model, path = exported
    dataset = Folder(pairs, size=(240, 320))
    ours, theirs = (evaluate(p, dataset, "full") for p in (model, from_onnx(path)))
    assert theirs.metrics == pytest.approx(ours.metrics, abs=1e-4)


def foreign(path, shape, axes=(1,), keepdims=1, inputs=1, kind=TensorProto.FLOAT, outputs=("y",)):
    """Somebody else's file: the mean of the three colours, plus one."""
    values = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    nodes = [
        helper.make_node("ReduceMean", ["x0", "axes"], ["mean"], keepdims=keepdims),
        helper.make_node("Add", ["mean", "one"], ["y"]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [len(axes)], axes),
        helper.make_tensor("one", kind, [1], [1.0]),
    ]
    answers = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
    graph = helper.make_graph(nodes, "foreign", values, answers, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("keepdims", [0, 1])
def test_somebody_elses_file_is_shown_the_size_that_it_asks_for(tmp_path, keepdims):
    rgb = torch.rand(2, 3, 48, 64)
    free = from_onnx(foreign(tmp_path / "free.onnx", [None, 3, None, None], keepdims=keepdims))
    torch.testing.assert_close(free(rgb), rgb.mean(1, keepdim=True) + 1)
    flat = torch.full((2, 3, 48, 64), 0.25)
    fixed = from_onnx(foreign(tmp_path / "fixed.onnx", [1, 3, 24, 24], keepdims=keepdims))
    torch.testing.assert_close(fixed(flat), torch.full((2, 1, 48, 64), 1.25))


def test_files_that_are_no_depth_networks_are_refused(tmp_path, exported):
    with pytest.raises(DepthError, match=r"none\.onnx: no such file"):
        from_onnx(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(DepthError, match=r"text\.onnx: cannot be read as ONNX"):
        from_onnx(tmp_path / "text.onnx")
    with pytest.raises(DepthError, match=r"takes x0 tensor\(float\).*x1.*expected one float32"):
        from_onnx(foreign(tmp_path / "two.onnx", [1, 3, 8, 8], inputs=2))
    with pytest.raises(DepthError, match=r"takes x0 tensor\(double\)"):
        from_onnx(foreign(tmp_path / "double.onnx", [1, 3, 8, 8], kind=TensorProto.DOUBLE))
    with pytest.raises(DepthError, match=r"has 2 outputs \(mean .*expected the depth alone"):
        from_onnx(foreign(tmp_path / "more.onnx", [1, 3, 8, 8], outputs=("mean", "y")))
    for axes, keepdims in (((2, 3), 1), ((1, 2, 3), 0), ((0, 1, 2, 3), 0)):
        flat = from_onnx(foreign(tmp_path / "flat.onnx", [1, 3, 8, 8], axes=axes, keepdims=keepdims))
        with pytest.raises(DepthError, match=r"answers float32 .*; expected \[B, 1, h, w\]"):
            flat(torch.rand(1, 3, 8, 8))
    with pytest.raises(DepthError, match="expected one float32"):
        from_onnx(foreign(tmp_path / "nothing.onnx", [1, 3, 0, 0]))


@pytest.mark.parametrize(
    "change",
    [
        {"frame": 3}, {"frame": [0, 0]}, {"crop": [9999, 9999]}, {"region": [9, 9, 3, 3]}, {"region": [0, 0, 9999, 9999]},
        {"upsampling": "area"}, {"frame": [1e99, 1]}, {"frame": [float("inf"), 1]},
    ],
    ids=str,
)  # fmt: skip
def test_a_view_that_cannot_be_is_refused(exported, tmp_path, change):
    graph = onnx.load(exported[1])
    about = {"frame": [64, 96], "crop": [64, 96], "region": [0, 0, 64, 96], "upsampling": "bilinear"} | change
    helper.set_model_props(graph, {METADATA: json.dumps(about)})
    onnx.save(graph, tmp_path / "damaged.onnx")
    with pytest.raises(DepthError, match="metadata 'depthlib' cannot be read"):
        from_onnx(tmp_path / "damaged.onnx")


def test_other_units_and_silence(tmp_path, pairs, capsys):
    """Somebody's millimetres, and a 0 that must not be mixed with depth."""
    path = foreign(tmp_path / "small.onnx", [None, 3, 4, 4])
    rgb = torch.full((1, 3, 4, 4), 0.5)
    rgb[..., :2] = -1.0  # their mean and one make 0
    assert set(from_onnx(path)(rgb).unique().tolist()) == {0.0, 1.5}
    scored = [
        "--against",
        "folder",
        "--split",
        "train",
        "--option",
        f"root={pairs}",
        "--protocol",
        "full",
        "--format",
        "json",
    ]
    found = []
    for units in ("1", "2"):
        assert main(["evaluate", str(path), *scored, "--scale", units]) == 0
        found.append(json.loads(capsys.readouterr().out)["full"]["metrics"]["rmse"]["value"])
    assert found[0] < found[1]  # truth is 1 to 5 m; their answer is about 1.5


def test_exporting_leaves_the_model_as_it_was(tmp_path):
    model = build_model("eigen", width=0.05)
    model.begin_phase("coarse")
    model.train()
    export_onnx(model, tmp_path / "x.onnx")
    assert model.training and onnx.load(tmp_path / "x.onnx").doc_string.startswith("rgb in [0, 1] to depth in metres")


def test_the_command_line_exports_and_scores(exported, pairs, tmp_path, capsys, tiny_recipe):
    model = build_model(tiny_recipe.model.name, **tiny_recipe.model.options)
    save_checkpoint(tmp_path / "run", model, {"recipe": tiny_recipe.to_dict()})
    out = tmp_path / "new" / "eigen.onnx"
    assert main(["export", str(tmp_path / "run"), "--out", str(out)]) == 0
    assert "228x304" in capsys.readouterr().out and out.stat().st_size > 1000
    scored = ["--against", "folder", "--split", "train", "--option", f"root={pairs}", "--protocol", "eigen14"]
    assert main(["evaluate", str(out), *scored, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["evaluate", str(tmp_path / "run"), *scored, "--format", "json"]) == 0
    same = json.loads(capsys.readouterr().out)
    figures = [{k: v["value"] for k, v in score["eigen14"]["metrics"].items()} for score in (found, same)]
    assert figures[0] == pytest.approx(figures[1], abs=1e-4) and figures[0]["rmse"] > 0
    wrong = (
        ("--scale=1000", "answers in metres"),
        ("--kind=disparity", "answers in metres"),
        ("--stage=fine", "no stage 'fine'"),
    )
    for extra, words in wrong:
        assert main(["evaluate", str(out), *scored, extra]) == 2
        assert words in capsys.readouterr().err


@pytest.fixture(scope="module")
def local_model(tmp_path_factory):
    """A depth-estimation model of Hugging Face with random weights, in a folder."""
    transformers = pytest.importorskip("transformers")
    config = transformers.GLPNConfig(
        hidden_sizes=[8, 8, 8, 8], num_attention_heads=[1, 1, 1, 1], depths=[1, 1, 1, 1], decoder_hidden_size=8
    )
    folder = tmp_path_factory.mktemp("huggingface") / "glpn"
    torch.manual_seed(0)
    transformers.GLPNForDepthEstimation(config).save_pretrained(folder)
    transformers.GLPNImageProcessor().save_pretrained(folder)
    return folder


def test_a_model_of_hugging_face_is_a_predictor(local_model, pairs, capsys):
    rgb = torch.rand(2, 3, 64, 96)
    answer = from_huggingface(str(local_model))(rgb)
    assert answer.shape == (2, 1, 64, 96) and (answer > 0).all() and answer.std() > 0
    scored = ["--against", "folder", "--split", "train", "--option", f"root={pairs}", "--protocol", "eigen14_median"]
    assert main(["evaluate", f"huggingface:{local_model}", *scored, "--format", "json"]) == 0
    assert "rmse" in capsys.readouterr().out


def test_a_model_that_is_not_here_says_how_to_fetch_it(monkeypatch, tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(
        DepthError, match=r"nobody/nothing: not a depth-estimation model on this disk.*hf download nobody/nothing"
    ):
        from_huggingface("nobody/nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DepthError, match="empty: not a depth-estimation model"):
        from_huggingface(str(tmp_path / "empty"))


# networks that are shown some depth


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("name", ["sparse_to_dense", "upsampler"])
def test_a_network_that_is_shown_some_depth_leaves_and_arrives_too(name, guided, pairs, tmp_path, capsys):
    torch.manual_seed(0)
    options = {"levels": 2} if name == "sparse_to_dense" else {"factor": 8, "blocks": 1}
    model = build_model(name, width=8, guided=guided, **options).eval()
    for parameter in model.parameters():
        parameter.data += 0.03 * torch.randn_like(parameter)
    path = export_onnx(model, tmp_path / "net.onnx")
    observation = SparseDepth() if name == "sparse_to_dense" else SmallDepth(8)
    for size in ((50, 70), (64, 96)):  # neither whole blocks nor whole cells, and both
        dataset = Folder(pairs, size=size)
        ours, theirs = (
            evaluate(p, dataset, "makarov18")
            for p in (Shown(model, observation), reconstruction_from_onnx(path, observation))
        )
        assert theirs.metrics == pytest.approx(ours.metrics, rel=1e-3, abs=1e-4)
    with pytest.raises(DepthError, match=r"net.onnx: starts from some true depth .*Score it with"):
        from_onnx(path)
    other = SmallDepth(8) if name == "sparse_to_dense" else SmallDepth(4)
    with pytest.raises(
        DepthError, match="is shown 'sparse'" if name == "sparse_to_dense" else "enlarges 8 times, not 4"
    ):
        reconstruction_from_onnx(path, other)
    given = f"fill:{path}:uniform:0.1" if name == "sparse_to_dense" else f"enlarge:{path}:8"
    assert (
        main(
            [
                "evaluate",
                given,
                "--against",
                "folder",
                "--option",
                f"root={pairs}",
                "--size",
                "64x96",
                "--protocol",
                "makarov18",
            ]
        )
        == 0
    )
    assert f"{ours.metrics['rmse']:.3f}" in capsys.readouterr().out


def test_a_picture_network_is_no_reconstruction(exported):
    with pytest.raises(DepthError, match="is shown 'a picture only', not 'sparse'"):
        reconstruction_from_onnx(exported[1], SparseDepth())
