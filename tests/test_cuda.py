"""On a GPU: the same numbers as on the processor. All of it is skipped where there is none."""

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from made import make_pairs

from depthlib.augment import NYU, augment
from depthlib.batches import Batches
from depthlib.cli import main
from depthlib.data import open_dataset
from depthlib.data.preparation import write_store
from depthlib.data.scenes import Roads, Rooms
from depthlib.data.store import Store, decode_batch
from depthlib.errors import DepthError, enough_memory
from depthlib.losses import LOSSES, make_loss
from depthlib.metrics import error_sums
from depthlib.models import build_model
from depthlib.prediction import predict
from depthlib.recipe import Speed
from depthlib.sample import collate
from depthlib.ssim import ssim_map
from depthlib.timing import Stopwatch
from depthlib.training import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.fixture(autouse=True)
def exact_products():
    """Without TF32, so that a product is the processor's to rounding."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def store(tmp_path):
    write_store(open_dataset("folder", root=make_pairs(tmp_path / "many", 12)), tmp_path / "store", progress=False)
    return Store(tmp_path / "store")


def test_bytes_become_the_same_floats(store):
    here = decode_batch(store.encoded(range(8)))
    there = decode_batch(
        {k: v.cuda() if isinstance(v, torch.Tensor) else v for k, v in store.encoded(range(8)).items()}
    )
    torch.testing.assert_close(here["depth"], there["depth"].cpu(), rtol=1e-6, atol=0)  # a GPU divides by multiplying
    torch.testing.assert_close(here["rgb"], there["rgb"].cpu(), rtol=0, atol=1e-7)


def test_batches_arrive_whole_however_many_read_ahead(store):
    found = []
    for device, readers, resident in (("cpu", 0, False), ("cuda", 1, False), ("cuda", 4, False), ("cuda", 4, True)):
        with Batches(store, 4, 2, 0, 0, 0, 1, device, readers, resident=resident) as feed:
            found.append([batch["depth"].cpu() for step in range(9) for batch, _ in feed.take(step, 8)])
    for others in zip(*found, strict=True):
        for other in others[1:]:
            torch.testing.assert_close(other, others[0], rtol=1e-6, atol=0)


def test_augmentation_moves_the_same_pixels(store):
    here = decode_batch(store.encoded(range(8)))
    there = {k: v.cuda() if isinstance(v, torch.Tensor) else v for k, v in here.items()}
    a, b = augment(here, (228, 304), NYU, 3, 5), augment(there, (228, 304), NYU, 3, 5)
    assert (
        (a["depth"] - b["depth"].cpu()).abs() < 1e-4
    ).float().mean() > 0.999  # at a rounding tie a neighbour may win
    assert (a["rgb"] - b["rgb"].cpu()).abs().mean() < 1e-4


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses_and_their_gradients_agree(name):
    torch.manual_seed(0)
    prediction, target = torch.rand(3, 1, 24, 32) + 1, torch.rand(3, 1, 24, 32) + 1
    mask = torch.rand(3, 1, 24, 32) > 0.3
    gradients = []
    for device in ("cpu", "cuda"):
        p = prediction.to(device).detach().requires_grad_()
        make_loss(name)(p, target.to(device), mask.to(device))[0].sum().backward()
        gradients.append(p.grad.cpu())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_sums_of_errors_agree():
    prediction, truth = torch.rand(3, 1, 48, 64) + 1, torch.rand(3, 1, 48, 64) + 1
    mask = torch.rand(3, 1, 48, 64) > 0.5
    torch.testing.assert_close(
        error_sums(prediction, truth, mask),
        error_sums(prediction.cuda(), truth.cuda(), mask.cuda()).cpu(),
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("name", ["eigen", "densedepth"])
def test_networks_answer_alike(name):
    torch.manual_seed(0)
    options = {"width": 0.05} if name == "eigen" else {"encoder": "mobilenet_v2", "width": 0.1, "size": (96, 128)}
    model = build_model(name, **options).eval()
    picture = torch.rand(2, 3, 240, 320)
    here, there = predict(model, picture).depth, predict(copy.deepcopy(model).cuda(), picture).depth
    torch.testing.assert_close(here, there.cpu(), rtol=1e-3, atol=1e-4)


def one_phase(recipe, **speed):
    phase = dataclasses.replace(recipe.phases[0], samples=8 * 6, optimiser="sgd", rates={"coarse": 1e-4})
    return dataclasses.replace(recipe, phases=(phase,), evaluate=(), speed=Speed(**speed))


def test_the_loop_learns_alike_with_every_switch(tiny_recipe, tmp_path):
    """Eager against compiled, and each switch off."""
    found = []
    for number, speed in enumerate(({"compile": False}, {}, {"cuda_graphs": True}, {"channels_last": False}, {"fused": False}, {"readers": 4},
                                    {"resident": False}, {"augment_on": "processor"})):  # fmt: skip
        run = train(one_phase(tiny_recipe, **speed), tmp_path / str(number), progress=False)
        found.append([h["loss"] for h in run.history])
    for losses in found[1:]:
        assert losses == pytest.approx(found[0], rel=1e-2)


def test_a_run_is_gone_on_with_on_a_gpu(tiny_recipe, tmp_path):
    recipe = one_phase(tiny_recipe, compile=False)
    whole = train(recipe, tmp_path / "whole", progress=False)
    with pytest.raises(DepthError):
        train(recipe, tmp_path / "cut", progress=False, minutes=1e-6)
    cut = train(recipe, tmp_path / "cut", progress=False)
    assert [h["loss"] for h in cut.history] == pytest.approx([h["loss"] for h in whole.history], rel=1e-3)


def test_bf16_stays_finite_and_close(tiny_recipe, tmp_path):
    fp32 = one_phase(tiny_recipe)
    bf16 = dataclasses.replace(fp32, phases=(dataclasses.replace(fp32.phases[0], precision="bf16"),))
    runs = [train(recipe, tmp_path / name, progress=False) for recipe, name in ((fp32, "a"), (bf16, "b"))]
    losses = [[h["loss"] for h in run.history] for run in runs]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_the_store_feeds_a_gpu(store, tiny_recipe, tmp_path):
    """Full width, batch 32: the steps wait for data less than 3 % of the time."""
    data = dataclasses.replace(tiny_recipe.data, name="store", options={"root": str(store.folder)})
    model = dataclasses.replace(tiny_recipe.model, options={**tiny_recipe.model.options, "width": 1.0})
    phase = dataclasses.replace(tiny_recipe.phases[0], batch=32, samples=32 * 60, precision="bf16")
    recipe = dataclasses.replace(
        tiny_recipe, data=data, model=model, phases=(phase,), evaluate=(), speed=Speed(readers=4)
    )
    # unwatched: a watched step waits for the GPU after each part, and its ``data`` holds what the GPU then does with them
    steps = train(recipe, tmp_path / "run", progress=False).history[10:-1]
    assert sum(step["data_seconds"] for step in steps) < 0.03 * sum(step["seconds"] for step in steps)


def test_no_step_waits_for_the_gpu(tiny_recipe, tmp_path, monkeypatch):
    """But where its loss is read, a step later, which is by an event."""
    steps = iter(range(100))
    begin = Stopwatch.begin

    def watched_by_torch(watch):
        if next(steps) == 2:  # by then everything that is made once has been made
            torch.cuda.set_sync_debug_mode("error")
        begin(watch)

    monkeypatch.setattr(Stopwatch, "begin", watched_by_torch)
    monkeypatch.setattr("depthlib.training._Loop._save", lambda loop, step: torch.cuda.set_sync_debug_mode("default"))
    recipe = one_phase(tiny_recipe, compile=False)
    try:
        run = train(recipe, tmp_path / "run", progress=False)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(run.history) == 6


def test_running_out_of_a_gpus_memory_is_one_sentence():
    with pytest.raises(DepthError, match="out of memory: a petabyte"), enough_memory("a petabyte", "Ask for less."):
        torch.empty(2**50, device="cuda")


@pytest.mark.parametrize("kind", [Rooms, Roads])
def test_scenes_look_alike(kind):
    """Rounding may give a pixel on an edge to the other side of it; nowhere else may anything differ."""
    here, there = (collate(kind(3, size=(96, 128), device=device).__getitems__(range(3))) for device in ("cpu", "cuda"))
    assert ((here["depth"] - there["depth"].cpu()).abs() > 1e-3).float().mean() < 1e-3
    assert ((here["rgb"] - there["rgb"].cpu()).abs() > 0.02).float().mean() < 1e-2


def test_an_encoder_decoder_learns_alike_compiled_and_recorded():
    """Eager against compiled (where the decoder enlarges and ends in its own way) against recorded, which must really have been."""
    from torch._dynamo.utils import counters

    torch.manual_seed(0)
    model = build_model("densedepth", encoder="resnet18", width=0.5, size=(64, 96)).cuda().train()
    rgb, depth = torch.rand(2, 3, 64, 96, device="cuda"), torch.rand(2, 1, 64, 96, device="cuda") * 5 + 1
    loss = make_loss("densedepth")
    target, mask = model.target(depth)
    counters.clear()
    found = []
    for network in (model, torch.compile(model), torch.compile(model, mode="reduce-overhead")):
        for _ in range(3):  # recording begins after the first
            model.zero_grad(set_to_none=True)
            values, _ = loss(network(rgb), target, mask)
            values.sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).cpu())
    for other in found[1:]:
        assert torch.nn.functional.cosine_similarity(other, found[0], dim=0) > 0.99
    assert counters["inductor"]["cudagraph_skips"] == 0
    assert torch._inductor.cudagraph_trees.get_manager(0, create_if_none_exists=False) is not None


def test_commands_answer_on_the_gpu_as_on_the_processor(tmp_path, monkeypatch, capsys):
    pairs = make_pairs(tmp_path / "pairs", 2)
    photo = next((pairs / "rgb").iterdir())
    scored = ["evaluate", "box/depth", "--against", "folder", "--option", f"root={pairs}", "--protocol", "full"]
    maps, said = [], []
    for device in ("cpu", "cuda"):
        monkeypatch.setattr("depthlib.transfers.device_here", lambda device=device: torch.device(device))
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.max_memory_allocated()
        assert main(["predict", str(photo), "--out", str(tmp_path / device), "--write", "npy,points,surface"]) == 0
        assert (torch.cuda.max_memory_allocated() > before) == (device == "cuda")
        maps.append(np.load(next((tmp_path / device).glob("*.npy"))))
        capsys.readouterr()
        assert main([*scored, "--format", "json"]) == 0
        said.append(json.loads(capsys.readouterr().out))
    np.testing.assert_allclose(*maps, rtol=1e-3)
    numbers = [np.array([value for value in _numbers(one)]) for one in said]
    np.testing.assert_allclose(*numbers, rtol=1e-3, atol=1e-3)


def _numbers(found):
    """All numbers in what came as JSON."""
    if isinstance(found, dict | list):
        for value in found.values() if isinstance(found, dict) else found:
            yield from _numbers(value)
    elif isinstance(found, float):
        yield found


def test_structure_is_exact_whatever_convolutions_may_round_to():
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's default
    first = torch.rand(2, 1, 48, 64) * 99 + 1
    second = first * (1 + 0.01 * torch.randn_like(first))
    torch.testing.assert_close(
        ssim_map(first.cuda(), second.cuda(), 100.0).cpu(), ssim_map(first, second, 100.0), rtol=0, atol=1e-4
    )
