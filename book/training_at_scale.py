# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training at scale
#
# On these pages a training took from minutes to an hour and a quarter. The coarse and fine networks of {cite:t}`eigen2014` saw three and a half million
# samples, drawn from 428 GB of recordings. On the way from one to the other you will want many runs that differ in one setting; you will
# find steps that waste half of their time, sums that lose their digits, data that no disk holds, machines that stop too early. This page takes
# these in turn. Hardly anything in it is meant to change *what* is learned, so every trick has to show what it does to the numbers: nothing, rounding, or more.
#
# **What you will be able to do**
#
# - start a run, or a grid of runs, by one command, and go on where it was cut off;
# - say where the milliseconds of a step go, and which switch would bring some back;
# - say how many digits bfloat16 has, and show a loss that dies of it;
# - share a batch among processes so that the gradient stays the same, and name the one layer for which it does not;
# - put data in an order that is random enough and can be read from a tape;
# - reckon what a training costs before it starts.
#
# **This page needs** profile `cpu`: about a minute on two cores, 2 GB of memory, no GPU, no download. Its bars are drawn from
# benchmark reports that come with the library.

# %% tags=["hide-input"]
import dataclasses
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from depthlib import gallery, plots, sweep
from depthlib.bench import operation_counter
from depthlib.data import open_dataset
from depthlib.data.preparation import write_store
from depthlib.data.shards import Shards, write_shards
from depthlib.data.store import Store
from depthlib.errors import DepthError, Unfinished
from depthlib.losses import make_loss, reduce, scale_invariant_log_loss
from depthlib.models import build_model
from depthlib.randomness import permutation
from depthlib.recipe import load_recipe
from depthlib.preflight import preflight
from depthlib.training import train

plt.rcParams.update(plots.STYLE)
RUNS = Path(os.environ.get("DEPTHLIB_RUNS") or "runs")
TWO = RUNS / "sweeps" / "two"
SCRATCH = Path(tempfile.mkdtemp(prefix="depthlib-scale-"))

# %% [markdown]
# ## A run is a notebook with parameters
#
# A *recipe* is a small file that says everything about a run: data, network, loss, phases, what is scored. `depthlib run`
# executes one notebook for all recipes by papermill, a program that fills in a notebook's first cell and runs the rest, and leaves it
# behind with its figures and numbers:
#
# ```
# depthlib run eigen-rooms --profile cpu -p lam=0.25 -p seed=3
# ```
#
# Papermill by itself only logs a parameter that the notebook does not know, and then runs for hours without it. Here a
# wrong name, or a value that cannot be, ends the run before it starts.

# %% tags=["nbval-check-output"]
for wrong in ({"lamda": 0.25}, {"lam": 2}):
    try:
        preflight(load_recipe("eigen-rooms", "smoke", **wrong))
    except DepthError as error:
        print(error)

# %% [markdown]
# A question such as "which λ?" is a grid of runs. The command is the same, with lists of values:
#
# ```
# depthlib sweep eigen-rooms -p lam=0,0.25,0.5,1 -p seed=0..2 --jobs 2
# ```
#
# makes twelve executed notebooks, a table with mean and spread over the seeds, and a plot. All twelve are checked before the
# first one starts. A run that fails leaves its log and harms no other; the same command then runs only what is missing. With
# `--cluster tcp://…` the workers of a cluster take the runs instead (dask, which hands work to other machines; extra `cluster`; all must see the folder
# `--out` under the same path). [The page of experiments](eigen_experiments) reads
# the answer for λ. Here is the smallest grid there is, two runs of two seconds of training each, to see the mechanism.

# %%
grid = {"lam": [0, 1]}
found = sweep.sweep("eigen-rooms", "smoke", grid, TWO, jobs=2)
for line in sweep.summary(found, predictor="coarse"):
    print(line.parameters, f"RMSE {line.mean['rmse']:.2f} m")

# %%
again = sweep.sweep("eigen-rooms", "smoke", grid, TWO, jobs=2)
print("found the same:", again["runs"] == found["runs"])

# %% [markdown]
# Nothing can be concluded from networks that saw a few dozen pictures. What counts is the line "2 of them done already".
#
# ## Where the time of a step goes
#
# A step reads a batch, augments it, computes the answers (*forward*), the gradients (*backward*), and moves the weights
# (*optimiser*). How do forward and backward compare? For a layer $y = Wx$ forward is one product. Backward is two of the same size:
# from the gradient of $y$, call it $g$, come that of the weights, $g\,x^\top$, and that of the layer's input, $W^\top g$, for the layer before.
# So backward should cost twice as much as forward; a little less, because nobody asks for the gradient of the picture, so
# the first layer has only one (it is so small a layer that this shows in the third digit). PyTorch counts while it computes:

# %% tags=["nbval-check-output"]
network = build_model("densedepth", encoder="mobilenet_v2", size=(96, 128))
network.begin_phase("all")
picture, truth = torch.rand(2, 3, 96, 128), torch.rand(2, 1, 96, 128) + 1
loss = make_loss("scale_invariant_log")
with operation_counter() as forward:
    output = network(picture)
with operation_counter() as backward:
    reduce(*loss(output, *network.target(truth))).backward()
ratio = backward.get_total_flops() / forward.get_total_flops()
print(f"backward takes {ratio:.3f} times the work of forward")

# %% [markdown]
# Work is not yet time. `depthlib bench RECIPE` runs the real loop on the recipe's own data and times every part.
#
# **Predict first.** In which of these recipes is the optimiser visible, and why not in the others? (The coarse network has nineteen
# twentieths of its weights in two fully connected layers.)


# %% tags=["hide-input"] mystnb={"image": {"alt": "Stacked horizontal bars, one for each phase of each recipe: the share of a step's time spent on data, augmentation, forward, backward, optimiser and the rest. Backward is the longest part where the whole network learns, forward in the fine phases; data is hardly visible."}, "figure": {"name": "fig-parts", "caption": "Backward and forward take most of a step, reading next to nothing. Where its time goes, for the recipes of depth from one picture whose data fit on a laptop, profile `cpu`, on two cores without a GPU. From `results/benchmarks/recipes.json`, three steps each; recipes with the same settings as one shown are left out. Right: milliseconds for one image."}}
def parts_of(report):
    """(label, images a second, {part: share}) of each phase; depth from a picture."""
    rows = []
    for name, phases in report["recipes"].items():
        if not name.startswith(("eigen", "densedepth")):
            continue
        for phase, figures in phases.items():
            label = name if len(phases) == 1 else f"{name}, {phase}"
            whole = sum(figures["ms"].values())
            rows.append(
                (
                    label,
                    figures["images_per_second"],
                    {k: v / whole for k, v in figures["ms"].items()},
                )
            )
    return rows


recipes = gallery.report("benchmarks/recipes")
rows = parts_of(recipes)
colours = dict(
    zip(
        rows[0][2],
        ("#000000", *plots.PALETTE[4:6], *plots.PALETTE[:2], "#bbbbbb"),
        strict=True,
    )
)
figure, axis = plt.subplots(
    figsize=(plots.WIDTH, 0.28 * len(rows) + 1.2), layout="constrained"
)
for y, (_, speed, shares) in enumerate(rows):
    left = 0.0
    for part, share in shares.items():
        axis.barh(
            y,
            share,
            left=left,
            color=colours[part],
            height=0.7,
            label=part if y == 0 else None,
        )
        left += share
    axis.annotate(
        f"{1000 / speed:.0f}",
        (1.03, y),
        va="center",
        ha="center",
        fontsize=8,
        annotation_clip=False,
    )
axis.annotate(
    "ms", (1.03, -1), va="center", ha="center", fontsize=8, annotation_clip=False
)
axis.set(
    yticks=range(len(rows)),
    xlim=(0, 1),
    ylim=(-0.6, len(rows) - 0.4),
    xlabel="share of a step's time",
)
axis.set_yticklabels([label for label, _, _ in rows], fontsize=8)
axis.invert_yaxis()
axis.grid(visible=False)
axis.legend(
    loc="lower center",
    bbox_to_anchor=(0.4, 1.0),
    ncols=6,
    handlelength=1,
    columnspacing=1,
)
plt.close(figure)
figure

# %% [markdown]
# - **The optimiser** shows most in the coarse network at full width. Moving a weight costs the same however often it was used in the step, and
#   computing costs once for each use. A convolution's weight is used at every place of its map, one of a fully connected layer once: on average
#   some 460 uses a picture in DenseNet-169 at 192 × 256, and 21 in the coarse network, of whose 70 million weights most sit in two fully connected layers.
#   (In the encoder–decoders two more things are counted with it: *clipping*, which shortens a gradient that is too long, and the running
#   *average of the weights*, which is what is scored in the end.)
# - **Backward** is about twice forward, as counted, in the large networks. MobileNet takes more, the narrow coarse networks hardly more than once:
#   work is not yet time. The *fine* phases are the other way round: the coarse network under them is frozen, so it takes part in forward and not in backward.
# - **Augmentation** is hardly seen beside a large network and takes a good part of the step of a small one (`eigen-rooms` and `eigen-roads` have a quarter of
#   the width). It does not shrink with the network. Whoever wants these two faster begins there.
# - **Data** is nowhere more than {result}`benchmarks/recipes::recipes.eigen-roads.fine.data_share::.1%` of a median step, from the second epoch on, because a batch is a copy of bytes that are in
#   memory already: colours travel as bytes and become floats where the network is. (In the recipes of [sparse to dense](sparse_to_dense) and [super-resolution](super_resolution), which the figure leaves out, it is at most {result}`benchmarks/recipes::recipes.superres-base.all.data_share::.1%`.)
# - **The loss** is counted with forward and backward, and can cost more than one thinks. Structural similarity of eight maps of 240 × 320, with its gradient, takes {result}`benchmarks/metrics::ssim_ms.convolutions::.0f` ms on two cores when its windows are convolutions of one channel, as most code has them, and
#   {result}`benchmarks/metrics::ssim_ms.products::.0f` ms as two products with a banded matrix, which give the same numbers (`results/benchmarks/metrics.json`).
#
# ## What each switch gains
#
# Public code of this field mostly runs in float32, with PyTorch's defaults for everything else. (On a GPU that includes how cuDNN, the library of its convolutions, chooses among its programs for one convolution: by a rule. Here it tries them on the first step, since sizes do
# not change; `benchmarks/train_step.py` has a row for what that brings.) A recipe here has these
# switches; on a processor, under the profile `cpu`, all but the last two and `resident` are on. `depthlib bench RECIPE --switches` turns them over one by one.
#
# | switch | off | on, and why it may help |
# |---|---|---|
# | `precision: bf16` | float32 | products of 16-bit numbers: half the bytes, and units of the processor made for them |
# | `channels_last` | a picture is three planes | the channels of a pixel side by side, as convolutions read them |
# | `fused` | a loop over all weights for each operation of Adam | one pass that does all of them: the weights travel once |
# | `readers` | a step reads its own batch | threads read the next batches meanwhile |
# | `resident` | every batch travels to the network's device | a sample that is kept in memory travels once and stays there; on for GPUs |
# | `augment_on: device` | pictures are turned and scaled by the reading side | where the network is, all of a batch at once |
# | `compile` | each operation by itself | neighbours melted into one; off on processors, on for GPUs |
# | `cuda_graphs` | Python starts each operation on the GPU | they are recorded once and then started together; for GPUs with `compile`, off until somebody has measured it |
#
# **Predict first.** Two networks: Eigen's, with 70 million weights and little work for each, and an encoder–decoder with few weights
# and much work. For which will `fused` matter?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of horizontal bars, how many times faster a step is with each switch, for Eigen's two phases and for the encoder–decoder."}, "figure": {"name": "fig-switches", "caption": "bf16 gains for every network, `fused` where weights are many, `channels_last` where maps are large, and `compile` is no gain on this processor. Bars say how many times faster a step is with each switch, all others as the recipe has them (`compile` off); one left of the line is a loss. `all`: what the recipe has on against every switch off. `resident` and `cuda_graphs`, for GPUs, are not in it. Two cores, profile `cpu`, `results/benchmarks/switches-….json`."}}
reports = [
    gallery.report(f"benchmarks/switches-{name}")
    for name in ("eigen-nyu", "densedepth-mobilenet-nyu")
]
figure, axes = plt.subplots(
    1, 2, figsize=(plots.WIDTH, 3.0), layout="constrained", sharey=True
)
names = list(reports[0]["switches"])
for axis, each in zip(axes, reports, strict=True):
    phases = list(each["phases"])
    for k, phase in enumerate(phases):
        gains = [each["switches"][name]["phases"][phase]["gain"] for name in names]
        places = np.arange(len(names)) + (k - (len(phases) - 1) / 2) * 0.38
        axis.barh(
            places,
            np.array(gains) - 1,
            0.34,
            left=1,
            color=plots.PALETTE[k],
            label=phase,
        )
        for place, gain in zip(places, gains, strict=True):
            aside, side = (3, "left") if gain >= 1 else (-3, "right")
            where = {
                "xytext": (aside, 0),
                "textcoords": "offset points",
                "va": "center",
            }
            axis.annotate(f"{gain:.2f}", (gain, place), ha=side, fontsize=8, **where)
    axis.axvline(1, color="#666666", linewidth=0.8)
    axis.set(
        title=each["recipe"],
        xlabel="times faster",
        yticks=range(len(names)),
        yticklabels=names,
    )
    axis.grid(visible=False, axis="y")
    axis.margins(x=0.18)
    if len(phases) > 1:
        axis.legend(loc="center right", bbox_to_anchor=(1.0, 0.42))
axes[0].invert_yaxis()
plt.close(figure)
figure

# %% [markdown]
# All that the recipe has on make a step {result}`benchmarks/switches-eigen-nyu::switches.all.phases.coarse.gain::.2f` and {result}`benchmarks/switches-eigen-nyu::switches.all.phases.fine.gain::.2f` times as fast for Eigen's two phases, and {result}`benchmarks/switches-densedepth-mobilenet-nyu::switches.all.phases.all.gain::.2f` times for the
# encoder–decoder. One by one:
#
# - **bf16** is the best single switch for Eigen's two phases, and level with **channels_last** for the encoder–decoder. The processor has units made for it: a large product runs at
#   {result}`benchmarks/switches-eigen-nyu::peak_gflops.bf16::,d` GFLOP/s in bf16 and at {result}`benchmarks/switches-eigen-nyu::peak_gflops.fp32::,d` in float32 (billions of operations a second). A step gains less than this ratio
#   promises, because a step is not all products.
# - **channels_last** helps where convolutions work on large maps: the fine network and the encoder–decoder. The coarse network's forward pass becomes faster and its backward pass does not.
# - **fused** does what you may have predicted: the optimiser of the coarse network takes {result}`benchmarks/switches-eigen-nyu::phases.coarse.ms.optimiser::.0f` ms instead of
#   {result}`benchmarks/switches-eigen-nyu::switches.fused.phases.coarse.ms.optimiser::.0f`. Adam reads four numbers for each weight (itself, its gradient, and two running means, of the gradient and of its
#   square) and writes three; for 70 million weights these are 2 GB a step at best, and a loop over single operations makes that journey again and again. Where there
#   are few weights there is nothing to gain.
# - **compile** wins next to nothing for the coarse network, loses for the fine one and more for the encoder–decoder, most of it in the backward pass ({result}`benchmarks/switches-densedepth-mobilenet-nyu::phases.all.ms.backward::.0f` ms become {result}`benchmarks/switches-densedepth-mobilenet-nyu::switches.compile.phases.all.ms.backward::.0f`). Why, we
#   have not found out. So it is off on processors. Never switch it on because it "should" help.
# - **readers** gain nothing here and cost the encoder–decoder a little, and should not gain: after the first epoch these photographs are in memory, and a batch costs {result}`benchmarks/switches-eigen-nyu::switches.readers.phases.coarse.ms.data::.0f` ms. They are there
#   for files and servers, and for machines with more cores.
# - **augment_on** gains a fifth for the encoder–decoder, and for Eigen's networks hardly more than noise. With only two cores, what a reading thread does it takes from the network, whose
#   forward pass becomes slower meanwhile ({result}`benchmarks/switches-eigen-nyu::phases.coarse.ms.forward::.0f` ms become {result}`benchmarks/switches-eigen-nyu::switches.augment_on.phases.coarse.ms.forward::.0f` in the coarse network).
#
# A gain within a few hundredths of one is noise. The machine is a virtual one, and its neighbours work, too; this is why the report of Eigen's network was
# measured {result}`benchmarks/switches-eigen-nyu::rounds::d` times in turn, that of the encoder–decoder {result}`benchmarks/switches-densedepth-mobilenet-nyu::rounds::d` times.
#
# **Another processor, other gains.** The coarse network was measured before on another machine, whose processor calls itself by the same name:
#
# | | there | here |
# |---|---|---|
# | a large product in bf16, GFLOP/s | {result}`benchmarks/switches-eigen-nyu-another::peak_gflops.bf16::,d` | {result}`benchmarks/switches-eigen-nyu::peak_gflops.bf16::,d` |
# | the same in float32 | {result}`benchmarks/switches-eigen-nyu-another::peak_gflops.fp32::,d` | {result}`benchmarks/switches-eigen-nyu::peak_gflops.fp32::,d` |
# | images a second | {result}`benchmarks/switches-eigen-nyu-another::phases.coarse.images_per_second::.0f` | {result}`benchmarks/switches-eigen-nyu::phases.coarse.images_per_second::.0f` |
# | gain by bf16 | {result}`benchmarks/switches-eigen-nyu-another::switches.bf16.phases.coarse.gain::.2f` | {result}`benchmarks/switches-eigen-nyu::switches.bf16.phases.coarse.gain::.2f` |
# | gain by `compile` | {result}`benchmarks/switches-eigen-nyu-another::switches.compile.phases.coarse.gain::.2f` | {result}`benchmarks/switches-eigen-nyu::switches.compile.phases.coarse.gain::.2f` |
#
# Twice the arithmetic did not halve the step, and bf16 gained *less* there than the two products promise: in float32 the convolutions
# of that machine ran faster than its large product, at {result}`benchmarks/switches-eigen-nyu-another::switches.bf16.phases.coarse.share_of_peak::.0%` of its speed. So carry no switch from one machine to another by belief:
# `depthlib bench` takes minutes. (That report is older, and its augmentation slower; it knows only the processor's name, which is why reports now say family and model.)
#
# ## Sixteen bits, and why the loss keeps thirty-two
#
# A floating-point number has a sign, an exponent and a fraction. float32 has 8 bits of exponent and 23 of fraction. float16
# took from both, and its largest number is 65 504. **bfloat16** keeps the 8 bits of exponent, so its range is float32's, and
# has 7 bits of fraction: between 1 and 2 there are 128 numbers, and no more.

# %% tags=["nbval-check-output"]
print("          largest  next to 1 after   next to 8 after")
for name in ("float32", "bfloat16", "float16"):
    info = torch.finfo(getattr(torch, name))
    print(f"{name:9s} {info.max:7.1e}  {info.eps:<16.1e}  {8 * info.eps:.1e}")

# %% [markdown]
# The next number after 8 is 8.06, so depths just beyond 8 m fall on steps of six centimetres. For the layers of a network this does no harm that anyone
# could measure: their sums are accumulated in 32 bits and their rounding errors point in all directions
# {cite}`micikevicius2018`. A loss is another matter. Equation 4 of the paper is a *difference* of two means,
#
# $$ L = \frac{1}{n}\sum_i d_i^2 \;-\; \lambda \Bigl(\frac{1}{n}\sum_i d_i\Bigr)^2 , $$ (scale-loss)
#
# and with λ = 1 it is the variance of the log differences $d_i$. (You have seen it lose its digits at one shift, in [why float32](scale_invariant_loss); here is how far
# that goes.) Let all of them share an offset $c$: the network's map is right
# in shape and wrong in size, as early in any training. Then both terms are near $c^2$, and what counts is the little between
# them. By hand, with three digits: let $d$ be 2.1, 2.0 and 1.9. The mean of the squares is $4.0066… ≈ 4.01$, the mean is 2, its
# square 4, so $L ≈ 0.01$; the truth is $0.00667$. Half as large again as the truth, and all of that by rounding *once*.
#
# **Predict first.** How large may the offset become before bfloat16 gives a loss of zero, or a negative one? In the next cell the
# spread is 0.1, as in a good map.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Relative error of the scale-invariant loss against the offset that all log differences share, on logarithmic axes. bfloat16 is wrong by a fifth at an offset of 0.8 and by more than half from 1.6 on, float16 by more than half from about 3; float32 stays near or below a thousandth everywhere."}, "figure": {"name": "fig-precision", "caption": "The loss {eq}`scale-loss` with λ = 1, of 4 070 log differences with standard deviation 0.1, computed in three formats: how far it is off, against the offset that all differences share. Above the dotted line the error is larger than the number itself. Crosses: zero or negative."}}
generator = torch.Generator().manual_seed(0)
noise = 0.1 * torch.randn(4070, generator=generator, dtype=torch.float64)
offsets = np.geomspace(0.01, 10, 31)
exact = float(noise.var(correction=0))


def loss_in(dtype, offset):
    """The loss above with λ = 1, every result in one format."""
    d = (noise + offset).to(dtype)
    return float(d.square().mean() - d.mean().square())


figure, axis = plt.subplots(figsize=(plots.WIDTH, 3.0), layout="constrained")
for k, (dtype, line, mark) in enumerate(
    ((torch.bfloat16, "-", "x"), (torch.float16, "--", "+"), (torch.float32, "-.", "1"))
):
    values = np.array([loss_in(dtype, float(offset)) for offset in offsets])
    wrong = np.abs(values - exact) / exact
    axis.plot(
        offsets,
        wrong.clip(1e-7),
        line,
        color=plots.PALETTE[k],
        label=str(dtype).removeprefix("torch."),
    )
    bad = values <= 0
    axis.plot(offsets[bad], wrong[bad], mark, color=plots.PALETTE[k], markersize=9)
axis.axhline(1, color="#666666", linestyle=":")
axis.set(
    xscale="log",
    yscale="log",
    xlabel="offset shared by all log differences",
    ylabel="relative error of the loss",
)
axis.legend()
plt.close(figure)
figure

# %% tags=["nbval-check-output"]
for dtype in (torch.bfloat16, torch.float16, torch.float32):
    dead = any(loss_in(dtype, float(c)) <= 0 for c in offsets)
    print(f"{dtype!s:15s} zero or negative somewhere: {dead}")

# %% [markdown]
# At an offset of 0.8 bfloat16 is a fifth off, from 1.6 on it is off by more than half, zero or negative, and both offsets are ordinary: an untrained network that says
# 1 m of a wall at 5 m has an offset of 1.6. A negative variance is not yet a disaster; the square root that [SILog](evaluation) takes of it is, and its NaN is in every
# weight one step later. Others met such NaNs: the published code of ZoeDepth {cite}`bhat2023` keeps its loss out of mixed precision for that reason, and
# leaves mixed precision off unless one asks for it. It need not be: the layers can be in 16 bits and the loss in 32.
# In this library the last operation under 16 bits is the network's output; every loss begins by going back.

# %% tags=["nbval-check-output"]
said = (noise + 3.0).to(torch.bfloat16).reshape(1, 1, 55, 74)
target, mask = torch.zeros_like(said), torch.isfinite(said)
with torch.autocast("cpu", torch.bfloat16):
    value = scale_invariant_log_loss(said, target, mask, lam=1.0)
print(value.dtype, "never negative:", bool(value >= 0))

# %% [markdown]
# The 16-bit *output* is rounded all the same, to steps of 0.016 at log depths from 2 to 4, which is 7 to 55 m, and Eigen's twice, since a last factor follows. Its error in depth is at most about one and a half in a
# hundred, and only one pixel at a time. Two more places keep 32 bits. The **weights**: an update of a thousandth of a weight
# would be rounded away, since bfloat16's next number is 0.4 to 0.8 % further. And Adam's two running means, for the same reason.
#
# float16 needs one trick more. Its smallest numbers are not small enough for gradients, so the loss is multiplied by some
# thousands before `backward()` and the gradients are divided afterwards {cite}`micikevicius2018`. bfloat16 has no need of it, and we
# use bfloat16 only.
#
# ## More than one device
#
# Eight devices have eight times the arithmetic. The simplest way to use it is **data parallelism**: each process has the whole
# network, takes its part of the batch, and before the optimiser moves anything all processes exchange their gradients and take
# the mean. If every part has the same size, the mean of the parts' gradients *is* the gradient of the whole batch, because a
# mean of means over equal parts is the mean:
#
# $$ \nabla \frac{1}{8}\sum_{b=1}^{8} L_b = \frac{1}{2}\Bigl(\nabla\frac14\sum_{b=1}^{4} L_b + \nabla\frac14\sum_{b=5}^{8} L_b\Bigr) . $$ (parts)
#
# **Predict first.** A network with batch normalisation {cite}`ioffe2015` scales its layers by mean and variance *of the batch*. What will the halves
# give then?


# %% tags=["nbval-check-output"]
def gradient(network, pictures, truths):
    network.zero_grad()
    value = loss(network(pictures), *network.target(truths))
    reduce(*value).backward()
    found = [p.grad for p in network.parameters() if p.grad is not None]
    return torch.cat([grad.flatten() for grad in found])


rgb, depth = torch.rand(8, 3, 96, 128), torch.rand(8, 1, 96, 128) + 1
options = {"encoder": "mobilenet_v2", "width": 0.1, "size": (96, 128)}
for frozen in (True, False):
    torch.manual_seed(0)
    network = build_model("densedepth", freeze_statistics=frozen, **options)
    network.begin_phase("all")
    network.train()
    whole = gradient(network, rgb, depth)
    first = gradient(network, rgb[:4], depth[:4])
    second = gradient(network, rgb[4:], depth[4:])
    far = float(((first + second) / 2 - whole).norm() / whole.norm())
    print(f"frozen: {frozen!s:5}   the same gradient: {far < 1e-3}")

# %% [markdown]
# With frozen statistics, as `densedepth-mobilenet-nyu` has them, the halves give the whole. With living ones, as in the DenseNet recipes, each
# process normalises by what it sees, and the answer depends on how many there are. Neither is wrong; but only the first can be
# *checked*. (*Synchronised* batch normalisation, `SyncBatchNorm` in PyTorch, takes mean and variance over all processes, for one more exchange a layer in each direction; no recipe here uses it.) A test of this library starts two real processes, lets them learn fifty steps of the same global batch, and asks
# that every loss agree with the single process to $10^{-5}$; scores are shared among processes, too, and must agree exactly,
# on a number of images that does not divide evenly.
#
# Equation {eq}`parts` holds for parts that one device computes one after the other as well: *accumulation*, for a batch that does not fit its memory (`accumulate` in a recipe).
#
# The commands. Nothing in a recipe changes; `batch` is the batch of all processes together. The last of them is under test; for the first two, several GPUs
# and several machines, the code is the same, and we had none to try them on.
#
# ```
# accelerate launch --multi_gpu --num_processes 4 \
#     -m depthlib train eigen-nyu --profile gpu
#
# # two machines with eight GPUs each: on both, with --node_rank 0 and 1
# torchrun --nnodes 2 --nproc_per_node 8 --node_rank 0 \
#     --master_addr 10.0.0.5 --master_port 29500 \
#     -m depthlib train eigen-nyu-raw --profile gpu
#
# # two processes on one processor: no faster, but a way to try
# torchrun --standalone --nproc_per_node 2 \
#     -m depthlib train eigen-rooms --profile smoke
# ```
#
# On several machines `$DEPTHLIB_RUNS` must be a folder that all of them see: the first process writes the checkpoints from which all go on.
#
# What does it cost? In a *ring* of $n$ processes the gradient is cut into $n$ pieces. Each piece travels $n - 1$ steps until all have added to it, and $n - 1$ more until all have
# the sum; in each step every process sends one piece. So each sends $2\,(n-1)/n$ times the size of the gradient (2 processes: once; 4: one and a half times; 8: one and three quarters), so never more than twice, however many they are. For two and for eight:

# %% tags=["nbval-check-output"]
for name, options in {"eigen": {}, "densedepth": {"encoder": "densenet169"}}.items():
    with torch.device("meta"):
        network = build_model(name, **options)
    count = sum(p.numel() for p in network.parameters())
    print(f"{name}: {count / 1e6:.1f} M weights")
    for n in (2, 8):
        sent = 2 * (n - 1) / n * 4 * count
        print(f"  {n} processes: {sent / 1e6:.0f} MB a step each, ", end="")
        print(f"{sent / 1e6:.0f} ms at 1 GB/s, {sent / 1e8:.0f} ms at 100")

# %% [markdown]
# A network cable of 10 Gbit/s carries about 1 GB/s. So even two machines with such a cable share Eigen's coarse phase badly: its gradient is
# large and its steps are short. (In the fine phase 0.1 million weights learn, and half a megabyte travels.) A DenseNet sends three fifths as much and has thirteen times the work for an image of 192 × 256, eighty times for one of 480 × 640. On processors, where a step takes seconds, it does not feel the cable. On
# a GPU it does: plain code made {result}`benchmarks/train-step-gpu::densenet169 480x640.eager_fp32_nchw.images_per_second::.0f` such images a second on one, so four of them are some 50 ms of work, and the cable takes 170. Within one machine, where GPUs exchange some 100 GB/s (the last number of a line), the DenseNet has peace, and
# Eigen's network still has not: its 5 ms are what one GPU needs for the paper's whole batch of 32.
#
# Not all of this is waited for. PyTorch sends the gradient in pieces *while* the backward pass is still at work on earlier layers, so only what outlasts that pass costs time, and larger batches hide more of it.
#
# All this is for the *same* global batch. A larger one is another matter: eight times the batch takes an
# eighth of the steps, and a rate that was right is then too small. For gradient descent with momentum raising it in proportion, after some gentle steps, works up
# to a point {cite}`goyal2017`; for Adam the square root of the factor is the commoner rule. It is another experiment, with another result.
#
# ## Data that do not fit
#
# The raw recordings of NYU Depth v2 are 428 GB. First make them small: the paper's 120 thousand frames at 240 × 320, three bytes of colour and two of
# depth a pixel, are
#
# $$ 120\,000 \cdot 240 \cdot 320 \cdot 5 \text{ bytes} = 46 \text{ GB} . $$
#
# `depthlib data prepare nyu_raw` writes them into a *store*: two arrays on disk that the operating system maps into memory. Interrupted, the command goes
# on where it was; `--jobs 8` or `--cluster` shares the frames out. The arrays are read at random, and there they have no rival, as long as they lie on a disk of this machine.
#
# If it does not, random order is the trouble: every sample is somewhere else, and each costs a journey. **Shards** are the answer
# of all large data sets: the samples in tar files of some tens of megabytes, which are fetched whole and read to their end.
#
# ```
# depthlib data shards "$DEPTHLIB_DATA/stores/nyu_raw-train-240x320" \
#     --to shards
# depthlib train eigen-nyu-raw -p data.name=shards \
#     -p 'data.options={root: "https://…/shards"}'
# ```
#
# (The recipe's option `even`, which draws equally many frames of every scene, belongs to the store; shards are read as they are.) A shard
# holds neighbours, frames of the same room. Read alone it would make batches of one room. So some *lanes* are open side by
# side, each with a shard of its own, and a batch takes its samples from all of them in turn.
#
# **Predict first.** Below, each point is a sample: when it is read (across) and where it lies (upwards), 240 samples in shards of
# 20. How will the picture look for a free permutation, for one lane, and for four?

# %%
rooms = open_dataset("rooms", "train", (48, 64), count=240)
write_store(rooms, SCRATCH / "store", progress=False)
store = Store(SCRATCH / "store")
folder = write_shards(store, SCRATCH / "shards", each=20)
lanes = {n: Shards(folder, lanes=n) for n in (1, 4)}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels of points. A free permutation fills the square evenly. One lane makes twelve separate blocks on a random staircase. Four lanes make wider blocks, four of which overlap at any time."}, "figure": {"caption": "Two hundred and forty samples in shards of twenty. Left: any order, which needs all shards at any time. Middle: shard after shard. Right: four lanes. The grey stripe is a batch of 16."}}
orders = {
    "free permutation": permutation(0, 0, 240, "order 0"),
    **{f"{n} lane{'s' * (n > 1)}": each.order(0, 0) for n, each in lanes.items()},
}
figure, axes = plt.subplots(
    1, 3, figsize=(plots.WIDTH, 2.7), layout="constrained", sharey=True
)
for axis, (name, order) in zip(axes, orders.items(), strict=True):
    axis.axvspan(96, 112, color="#dddddd")
    axis.plot(order, ".", markersize=3.5, color=plots.PALETTE[0])
    in_batch = len({index // 20 for index in order[96:112]})
    axis.set(
        title=f"{name}\nbatch of {in_batch} shards",
        xlabel="read as number …",
        yticks=range(0, 241, 60),
    )
axes[0].set_ylabel("place in the store")
plt.close(figure)
figure

# %% [markdown]
# With four lanes each batch has samples from exactly four shards here. If the shards end at different places, from up to eight. Eight lanes are the default. If the store was written
# with its scenes mixed, that is as good as any order; if a shard is one room, take more lanes, or smaller shards. The order
# depends on seed, epoch and lanes only, so a run goes on at the right sample after it was cut off, and two processes
# read two different halves of the lanes (whose number must be a multiple of theirs).

# %% tags=["nbval-check-output"]
order = lanes[4].order(0, 0)
print("every sample once:", sorted(order) == list(range(240)))
mine = [{index // 20 for index in order[rank::2]} for rank in (0, 1)]
print("shards that both processes open:", len(mine[0] & mine[1]))

# %% [markdown]
# And the price? A shard's pictures are PNG, so that nothing is lost and the cable carries less than half of the bytes; they must be
# decoded.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Horizontal bars: samples a second from the store, from shards in a folder and on a server, from WebDataset's own reader, and from a folder of jpg and png. The store is more than ten times ahead of the rest."}, "figure": {"name": "fig-reading", "caption": "Samples a second, 240 × 320, batches of 16, two threads (WebDataset: one process). `results/benchmarks/shards.json`. The server is the same machine, so what is seen is the cost of HTTP and decoding, not of a network."}}
reading = gallery.report("benchmarks/shards")
words = {
    "store": "store",
    "shards_folder": "shards, folder",
    "shards_server": "shards, server",
    "webdataset": "shards, WebDataset",
    "jpg_png_folder": "folder of jpg and png",
}
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.2), layout="constrained")
for y, key in enumerate(words):
    speed = reading["samples_per_second"][key]
    axis.barh(
        y,
        speed,
        color=plots.PALETTE[0] if "store" in key or "shards" in key else "#aaaaaa",
        height=0.65,
    )
    axis.annotate(
        f"{speed:,.0f}",
        (speed, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )
axis.set(
    xlabel="samples a second", yticks=range(len(words)), yticklabels=words.values()
)
axis.invert_yaxis()
axis.grid(visible=False, axis="y")
axis.margins(x=0.15)
plt.close(figure)
figure

# %% [markdown]
# From the store a thread copies bytes, {result}`benchmarks/shards::samples_per_second.store::,.0f` samples a second on two threads (as bytes; [data sets](datasets) counted {result}`benchmarks/reading::samples_per_second.store::,.0f` with the bytes made into floats); a folder of jpg and png gives
# {result}`benchmarks/shards::samples_per_second.jpg_png_folder::,.0f`, and shards {result}`benchmarks/shards::samples_per_second.shards_folder::,.0f`: on one thread {result}`benchmarks/shards::samples_per_second.shards_folder_one_thread::,.0f`, about as many as
# WebDataset's own reader. A training of Eigen's fine network on two cores asks
# for {result}`benchmarks/recipes::recipes.eigen-nyu.fine.images_per_second::.0f`, a narrow coarse one for {result}`benchmarks/recipes::recipes.eigen-rooms.coarse.images_per_second::.0f`: all are fast enough, but shards then take up to two fifths of a core away from it. Eigen's network on a GPU may ask for thousands: only the store keeps
# up (and the GPU's own memory, where the pictures fit it), and shards are what brings the data to the machine, once. (A server of one Gbit/s carries 125 MB/s, some seven hundred samples.)
#
# ## Machines that stop
#
# Long trainings meet the end of a time slot, a full disk, a cable. What is needed is not that nothing happens, but that nothing is
# lost. A checkpoint here is a folder that appears only when it is whole, so a full disk leaves the last good one. In one folder one process trains at a time: a second, from another window or from a sweep whose first half is still at work somewhere, is told so and harms nothing. On SIGTERM, the signal by which a system
# asks a program to end before it kills it, or after the minutes of `--minutes`, `depthlib train` saves the step it is at and ends with status 75, "try again"; so do the notebook of `depthlib run` and the runs of a sweep. And since every
# random draw is keyed by seed, epoch and sample rather than taken from a running generator, the second half does not
# depend on where the first one ended. A run that is cut, beside one that is not:

# %% tags=["nbval-check-output"]
recipe = load_recipe("eigen-rooms", "smoke")
short = dataclasses.replace(recipe.phases[0], samples=48, batch=8)
recipe = dataclasses.replace(recipe, phases=(short,), evaluate=())
whole = train(recipe, SCRATCH / "whole", False)
times = 0
while True:
    try:
        cut = train(recipe, SCRATCH / "cut", False, minutes=1e-6)
        break
    except Unfinished:  # after every single step
        times += 1
print(f"cut off {times} times")
losses = [[step["loss"] for step in run.history] for run in (whole, cut)]
print("the same losses, bit for bit:", losses[0] == losses[1])

# %% [markdown]
# ## What it costs
#
# Before a training starts, three numbers say what it will take: samples, samples a second, and the price of an hour. Our own machine, for what the paper trained:

# %%
speeds = {label: speed for label, speed, _ in rows}
price = 0.05  # an hour of two cores: put in what you pay
for phase, samples in {"coarse": 2_000_000, "fine": 1_500_000}.items():
    speed = speeds[f"eigen-nyu, {phase}"]
    hours = samples / speed / 3600
    print(f"{phase:6s} {hours:4.1f} h at {speed:.0f} images/s", end=", ")
    print(f"{hours * price:.2f} in all")

# %% [markdown]
# Thirty-one hours, then, on two cores: it is the waiting that costs. The recipe `eigen-nyu` contents itself with {result}`eigen-nyu/cpu-0::samples_seen::,d` samples under the
# profile `cpu`, and [their error](eigen_experiments) shows what is missing.
#
# A data-centre GPU is another world. We had two of them for less than an hour each. On an {result}`benchmarks/eigen-nyu-gpu::device::s`, with batches of 256 and all that the profile `gpu` switches on,
#
# ```
# depthlib bench eigen-nyu --profile gpu \
#     -p phases.0.batch=256 -p phases.1.batch=256
# ```
#
# saw there
#
# - the coarse network train at {result}`benchmarks/eigen-nyu-gpu::phases.coarse.images_per_second::,.0f` images/s and the fine one at {result}`benchmarks/eigen-nyu-gpu::phases.fine.images_per_second::,.0f`: the paper's two million samples for the first would take two and a half minutes, its one and a half million for the second not quite three;
# - a large matrix product run at {result}`benchmarks/eigen-nyu-gpu::peak_gflops.bf16::,d` GFLOP/s in bf16, of which the coarse network reached {result}`benchmarks/eigen-nyu-gpu::phases.coarse.share_of_peak::.0%` and the fine one {result}`benchmarks/eigen-nyu-gpu::phases.fine.share_of_peak::.0%`;
# - steps wait for data {result}`benchmarks/eigen-nyu-gpu::phases.coarse.data_share::.1%` (coarse) and {result}`benchmarks/eigen-nyu-gpu::phases.fine.data_share::.1%` (fine) of their time, because the 795 photographs lie in the GPU's own memory (`resident`).
#
# What holds back the rest is not arithmetic. A coarse step spends {result}`benchmarks/eigen-nyu-gpu::phases.coarse.ms.forward::.1f` + {result}`benchmarks/eigen-nyu-gpu::phases.coarse.ms.backward::.1f` ms in the network. Its products, {result}`benchmarks/eigen-nyu-gpu::phases.coarse.gflop_per_image::.1f` GFLOP for each of 256 pictures, would need not quite
# three at the measured peak; pooling, normalisation and layers of few channels move bytes instead. (That peak over the 4.8 TB/s at which this GPU reads its memory, by its maker's figure, makes some 180 operations for each byte: a layer that does fewer waits for its bytes. A fully connected layer in 16 bits does one a byte for each picture of the batch.) Augmentation takes {result}`benchmarks/eigen-nyu-gpu::phases.coarse.ms.augment::.1f` ms, and most of that is probably *starting*: on a GPU every
# operation is a small program, a **kernel**, and Python has to start each of them, which takes some microseconds however little there is to compute. With batches of 32, as the paper has them, the starts weigh more: a step without data and augmentation
# made {result}`benchmarks/train-step-gpu::eigen.ours.images_per_second::,.0f` images/s there, {result}`benchmarks/train-step-gpu::eigen.times_faster::.2f` times what plain float32 code makes. (Plain code rounds float32 to 19 bits in convolutions, unless told not to; told so, it makes {result}`benchmarks/train-step-gpu::eigen.eager_exact.images_per_second::,.0f`.)
#
# ### Who waits for whom
#
# The processor does not wait for the kernels that it starts: they stand in a queue, and the GPU works it off. So the next step could be prepared
# while this one is computed. But a training wants to *see* its loss, to write it down and to stop if it is no longer a number, and who reads a number waits for
# all that stands before it in the queue.
#
# **Predict first.** The processor needs 30 ms to prepare a step, the GPU 50 ms to compute it. How long is a step if its loss is read at once? And if it is read
# one step later, when the next one stands in the queue already?
#
# No GPU is needed to see it: in {numref}`fig-queue` a thread that takes its work from a queue stands for one.


# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels, each with a bar of time for the processor and one for the GPU. Read at once, both take turns and neither works while the other does. Read a step later, the GPU's pieces follow each other without gaps."}, "figure": {"name": "fig-queue", "caption": "Six steps, each prepared in 30 ms by the processor and computed in 50 ms by a thread that stands for the GPU, measured as this page was made. Light: who has nothing to do."}}
def six_steps(late, prepare=0.03, compute=0.05):
    """When each worked, in ms, if a step's loss is read `late` steps later."""
    began = time.perf_counter()
    spans = {"processor": [], "GPU": []}

    def work(who, seconds):
        start = time.perf_counter()
        time.sleep(seconds)
        spans[who].append((1e3 * (start - began), 1e3 * (time.perf_counter() - start)))

    unread = []
    with ThreadPoolExecutor(1) as queue:
        for _ in range(6):
            work("processor", prepare)
            unread.append(queue.submit(work, "GPU", compute))
            while len(unread) > late:
                unread.pop(0).result()  # waits until it is computed
    return spans


figure, axes = plt.subplots(2, 1, figsize=(5.6, 2.9), layout="constrained", sharex=True)
for axis, late in zip(axes, (0, 1), strict=True):
    spans = six_steps(late)
    starts = [start for start, _ in spans["GPU"]]
    each = (starts[-1] - starts[1]) / 4
    end = sum(spans["GPU"][-1])
    for row, pieces in enumerate(spans.values()):
        axis.broken_barh([(0, end)], (row - 0.3, 0.6), color="#88888844")
        for start, length in pieces:
            axis.broken_barh(
                [(start, length)],
                (row - 0.3, 0.6),
                color=plots.PALETTE[row],
                edgecolor="white",
            )
    when = "a step later" if late else "at once"
    axis.set(
        title=f"the loss is read {when}: a step takes {each:.0f} ms",
        yticks=range(2),
        yticklabels=spans,
    )
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
axes[1].set_xlabel("ms")
plt.close(figure)
figure

# %% [markdown]
# Read at once, preparing and computing add up; read a step later, only the longer of the two counts. Nothing else changes, not even the order of the
# numbers: the loop of this library does so on a GPU. (It gains nothing where something else has to be waited for: the recipes of [super-resolution](super_resolution) ask of each batch whether its maps have holes.) What it must not do is to save weights that nobody has looked at. So before a
# checkpoint all losses up to it are read, and a loss that is not finite ends the run all the same, with the batch that brought it; one more step has then been computed, and is thrown away.
#
# ```{admonition} What the GPU figures of this page are not
# :class: note
# They were measured with an earlier state of this library. Three things have changed since, and `make gpu` measures them anew for whoever has a GPU: every loss was read at once, and each part of a step was waited for; the plain code's optimiser took the weights one by one, where PyTorch's own
# choice takes them in lists, which makes our factor a little too large; and a batch of rendered rooms took more kernels than it does now.
# ```
#
# ### Rendered rooms
#
# They cost nothing but computing. On two cores, one room of 240 × 320 takes
#
# - {result}`benchmarks/scenes::rooms.milliseconds.composing::.1f` ms of one core to *invent*: a hundred boxes placed one after the other, in Python. The data set's option `processes` shares this among cores;
# - {result}`benchmarks/scenes::rooms.milliseconds.taking_over::.2f` ms to be taken over, still as a list of boxes and lamps, by the one process that goes on with it;
# - {result}`benchmarks/scenes::rooms.milliseconds.rendering::.0f` ms to be *rendered*: to find what each ray meets, what light falls there, and what a camera makes of it.
#
# **Predict first.** With a data-centre GPU and sixteen cores, suppose that rendering becomes a hundred times faster and fourteen processes invent. Which of the three is then the limit, and at how many rooms a second?
#
# ```{admonition} The argument
# :class: dropdown
# Inventing would allow 14 in {result}`benchmarks/scenes::rooms.milliseconds.composing::.1f` ms, if all cores were as fast together as one alone; taking over, one in {result}`benchmarks/scenes::rooms.milliseconds.taking_over::.2f` ms: both several thousand a second. Rendering, a hundred times faster, takes half a millisecond: it is the limit, with some two thousand a second. (If it cost nothing at all, the part that is not shared would decide in the end, taking
# over: this is Amdahl's law.)
# ```
#
# We saw {result}`benchmarks/scenes-gpu::rooms.per_second::,.0f` rooms a second, and {result}`benchmarks/scenes-gpu::roads.per_second::,.0f` roads, which have more pixels, on an {result}`benchmarks/scenes-gpu::gpu::s` with {result}`benchmarks/scenes-gpu::processes::d` processes: less than half of what the argument allows. If rendering was the limit, it became some forty times faster and not a hundred. Why?
#
# The rays should not be it (the parts were not timed): the picture is cut into squares of 16 × 16 pixels, each with a list of the few objects that it can see, and one kernel (in Triton, a language for kernels that comes with PyTorch) walks through that list without
# leaving the GPU's fastest memory. But light, colours and the camera were many hundred kernels for each batch of rooms. Python starts them one at a time, and each carries its numbers through the GPU's memory and back. The process that starts them
# used {result}`benchmarks/scenes-gpu::rooms.processor_seconds::.1f` seconds of processor time in {result}`benchmarks/scenes-gpu::rooms.wall_seconds::.1f` seconds (waiting for the GPU counts, too).
# (The data set's option `compile` melts most of them together; `make gpu` measures what that gains.)
#
# "One at a time" can be seen without a GPU. An interpreter of Python lets only one thread of a process begin something at any moment. Long operations do not mind, since they run on while another thread begins its own; with many short ones the
# threads queue, and every change of turn costs time, too. On the same two cores two threads make {result}`benchmarks/scenes::rooms.one_process.per_second::.0f` rooms a second, and have to wait for each other {result}`benchmarks/scenes::rooms.one_process.waits_per_scene::,d` times for each of them. Two *processes*, an interpreter each, make {result}`benchmarks/scenes::rooms.per_second::.0f`. (So without a GPU the option `processes` shares all of
# the work, not only the inventing.)
#
# ### The rest of the plan
#
# Three seeds of `eigen-nyu` were trained on an {result}`eigen-nyu/gpu-0::device::s`, two other trainings beside each, with batches of 32: at about {result}`eigen-nyu/gpu-0::images_per_second::,.0f` images/s and more, which cannot be compared with the figures above. [Chapter 8](eigen_experiments) shows what nine times the samples bought.
# Whoever has a CUDA GPU runs the others with one command: the GPU's tests, the benchmarks, then the trainings, the most valuable first.
# It goes on where it was cut off:
#
# ```
# make gpu             # all of it
# make gpu MINUTES=9   # what fits; again, as long as it says that the same command goes on
# ```
#
# ## Recap
#
# - A run is a file of settings; a grid of runs is one command; what has run is not run again.
# - Measure the parts of a step before making one of them faster. Each switch has its gain, measured on *your* machine.
# - Layers forgive 16 bits. A difference of large means does not: loss, weights and moments stay in 32.
# - Equal parts of a batch give the gradient of the whole, except through batch normalisation.
# - Random enough and in sequence: shuffled shards in lanes. On one disk, a store.
# - A training that can be cut anywhere without a trace is worth more than one that is a tenth faster.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# Three processes share a batch of 8 as 3, 3 and 2 samples. Each takes the mean of its own losses, and the processes take the mean of their
# gradients. What weight does a sample of the third process have, and what weight should it have? By what must each process multiply
# its loss so that the mean of the three gradients is the gradient of the whole batch, as in {eq}`parts`?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# $\frac13 \cdot \frac12 = \frac16$ instead of $\frac18$; samples of the others have $\frac19$. Multiply by
# $\frac{3 \cdot n_r}{8}$ with $n_r$ the process's own number: $\frac98, \frac98, \frac68$. Then every weight is
# $\frac13 \cdot \frac{1}{n_r} \cdot \frac{3 n_r}{8} = \frac18$. The library's training does this; if some images have no valid depth, it counts only the others.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# The loss {eq}`scale-loss` can be written so that even bfloat16 survives large offsets: take the mean away *before* squaring. Write it for
# any λ, with one format throughout, so that with λ = 1 its error stays below a tenth for every offset up to 3. (Both formulas subtract rounded
# numbers. In which one is the difference small beside them? `noise` and `exact` are those of {numref}`fig-precision`.)
# ```


# %%
class OneFormat(TorchFunctionMode):  # looks at every result on the way
    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and out.is_floating_point():
            assert out.dtype == torch.bfloat16, f"one format throughout: {out.dtype}"
        return out


def check(loss):
    d = noise + 0.3
    for lam in (0.0, 0.3):
        right = float(d.square().mean() - lam * d.mean().square())
        assert abs(float(loss(d.clone(), lam)) - right) < 1e-9, (
            f"λ = {lam}, double precision"
        )
    for offset in (0.0, 0.3, 1.0, 3.0):
        rounded = (noise + offset).to(torch.bfloat16)
        with OneFormat():
            got = loss(rounded, 1.0)
        assert abs(float(got) - exact) < 0.1 * exact, (
            f"offset {offset}: {float(got):.4f} instead of {exact:.4f}"
        )
    return "passes"


# %% tags=["raises-exception", "hide-output"]
def my_loss(d, lam):
    return d.square().mean() - lam * d.mean().square()  # your lines here


print(check(my_loss))

# %% [markdown]
# ```{admonition} Hint
# :class: dropdown
# The mean of squares is the variance plus the square of the mean. Put that into {eq}`scale-loss` and collect what has λ.
# ```
#
# Solution 2, executed:


# %% tags=["hide-cell"]
def solution(d, lam):
    mean = d.mean()
    return (d - mean).square().mean() + (1 - lam) * mean.square()


print(check(solution))

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# $\frac1n\sum d_i^2 - \lambda\bar d^2 = \frac1n\sum(d_i - \bar d)^2 + (1-\lambda)\,\bar d^2$. Neither term can be negative while λ ≤ 1. The
# differences $d_i$ were rounded to steps of 0.016 on the way in, which a standard deviation of 0.1 survives. The library computes the
# plain formula, in 32 bits: there its error stays below a thousandth up to offsets of ten, that is a factor of 22 000 in depth, and the code looks like the paper's equation.
# ```
#
# ```{admonition} Exercise 3 (open)
# :class: exercise
# {numref}`fig-switches` was measured on two cores. Choose one switch and say what you expect of it on a GPU that multiplies a hundred times
# faster but reads its memory only twenty times faster, and which measurement would prove you wrong.
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# Whatever is limited by arithmetic shrinks by a hundred, whatever is limited by memory by twenty; so all that only *moves* numbers weighs
# five times as much as before: the optimiser's pass over the weights, activations, normalisation, augmentation. `fused` and
# `compile`, which save journeys to memory, should gain more than here, and Eigen's coarse network, with its many weights for little work, should be
# held back by its optimiser. `depthlib bench eigen-nyu --profile gpu --switches` prints the parts (without NYU, `eigen-rooms-wide` has the same network): if `optimiser` is not a larger share of the step than in
# {numref}`fig-parts`, the argument is wrong. But compare equal batches: the optimiser's pass costs the same for any. With batches of 256, as above, it took {result}`benchmarks/eigen-nyu-gpu::phases.coarse.ms.optimiser::.1f` ms of a step that was eight times as large, which says nothing.
# ```
#
# This was the last chapter. Now find something out yourself: the [capstone](capstone) says how.

# %% tags=["remove-cell"]
import shutil

shutil.rmtree(SCRATCH, ignore_errors=True)
