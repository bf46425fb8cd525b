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
# # What did it learn? Experiments with the two networks
#
# The networks of {cite:t}`eigen2014` are built, their loss is understood, and we can score a map without fooling ourselves. Now
# we use all of it. What do these networks get right, and what not? What do they look at? And how far do our numbers, from 795
# photographs and two processor cores, reach towards the printed ones?
#
# **What you will be able to do**
#
# - read a result as a mean over seeds, and know what one seed hides;
# - split an error into "wrong size" and "wrong shape" with the paper's oracle;
# - find out what a network looks at, by taking it away;
# - recognise the commonest failure of all: the average answer;
# - tell what four epochs can buy, and what makes memory grow.
#
# **This page needs** profile `cpu`: about a minute on two cores beside the shared training run (recipe `eigen-rooms`, five
# minutes the first time, then loaded from disk), 2 GB of memory, no GPU, no download. What is said about photographs is read
# from results files and from small excerpts that come with the library.

# %% tags=["hide-input"]
import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from depthlib import camera, gallery, plots
from depthlib.checkpoints import load_model
from depthlib.data.scenes import make_rooms, render
from depthlib.evaluation import from_model, paired_interval
from depthlib.losses import make_loss, reduce
from depthlib.metrics import PIXEL_METRICS, error_sums
from depthlib.models import build_model
from depthlib.protocols import get_protocol
from depthlib.recipe import default_profile, load_recipe, run_folder
from depthlib.training import train

PROFILE = default_profile()
COUNT = 4 if PROFILE == "smoke" else 40
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## From the best to the worst
#
# Figure 4 of the paper sorts its answers by the scale-invariant error. So do we: seven of the 654 test photographs, at equal
# distances in that order, the best first. Nothing was chosen; the ranks are 1, 109.8, 218.7 … 654, rounded.
#
# **Predict first.** By what will you recognise the fine network's map beside the coarse one's? And what will be wrong in the
# last row: the layout of the room, or the size of the numbers?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Seven photographs of rooms, one a row, with the true depth and the coarse and fine answers. The upper rows have the right layout; in the lower rows the answers show a usual room where the photograph shows something else."}, "figure": {"name": "fig-sorted", "caption": "Test photographs of NYU Depth v2 (Silberman et al. 2012), from the smallest to the largest scale-invariant error of `eigen-nyu`, fine. All maps of a row share one range. The numbers are scale-invariant errors of the picture."}}
pictures = gallery.sorted_pictures()
stages = ("eigen-nyu/coarse", "eigen-nyu/fine")
errors = {name: gallery.per_image(name)["scale_invariant_rmse"] for name in stages}
figure, axes = plt.subplots(len(pictures), 4, figsize=(plots.WIDTH, 9.6), layout="constrained")
for row, p in zip(axes, pictures, strict=True):
    known = p.truth > 0
    limits = {"vmin": p.truth[known].min(), "vmax": p.truth[known].max(), "cmap": "viridis_r"}
    row[0].imshow(p.rgb)
    row[1].imshow(np.where(known, p.truth, np.nan), **limits)
    for place, name in zip(row[2:], stages, strict=True):
        said = p.answers[name]
        place.imshow(np.where(said > 0, said, np.nan), **limits)  # the networks say nothing of the rim
        plots.badge(place, f"{errors[name][p.index]:.2f}")
    for place in row:
        place.axis("off")
for place, title in zip(axes[0], ("photograph", "truth", "coarse", "fine"), strict=True):
    place.set_title(title)
plt.close(figure)
figure

# %% [markdown]
# The coarse map is a room in general: near at the bottom, far in the middle, nearer at the sides. The fine map is the same
# room with some of the picture's edges pressed into it. In the upper rows the photograph happens to *be* such a room. In the
# lower ones it is not: a thing stands close to the camera, or a door opens into the distance, and both networks go on
# telling of the usual room.
#
# How much of that is the picture's doing? The mean depth image is the usual room, without looking. Compare the
# two on the same photographs, one by one.

# %% mystnb={"image": {"alt": "A cloud of 654 points, the error of the mean depth image to the right, that of the fine network upwards; most points lie a little under the diagonal, and both errors grow together."}, "figure": {"caption": "Scale-invariant error of each of the 654 test photographs. Under the diagonal the network is better than the mean depth image. Orange: the seven photographs above."}}
mean, fine = (gallery.per_image(f"eigen-nyu/{name}")["scale_invariant_rmse"] for name in ("mean", "fine"))
figure, axis = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
axis.scatter(mean, fine, s=7, color=plots.PALETTE[0], alpha=0.5)
shown = [p.index for p in pictures]
axis.scatter(mean[shown], fine[shown], s=34, color=plots.PALETTE[1], zorder=3)
axis.axline((0, 0), slope=1, color="#999999", linestyle=":", zorder=0)
axis.set(xlabel="mean depth image", ylabel="coarse + fine network", xlim=(0, 0.8), ylim=(0, 0.8), aspect="equal")
plt.close(figure)
figure

# %%
low, high = paired_interval(torch.from_numpy(fine), torch.from_numpy(mean))
print(f"the network is better on {(fine < mean).mean():.0%} of the photographs")
print(f"mean difference {(fine - mean).mean():+.3f}, 95 %: {low:+.3f} to {high:+.3f}")
print(f"correlation of the two errors: {np.corrcoef(mean, fine)[0, 1]:.2f}")

# %% [markdown]
# It is better on most photographs, and on the whole without doubt. Yet the two errors rise together: what is hard for a
# constant map is hard for the network. It has learned to bend the usual room, not to do without it.
#
# ## The tables, with seeds
#
# One training is one draw. The first weights, the order of the photographs and their augmentation all come from a seed, and
# another seed would have given other digits. So the rows below are means of three trainings ± their standard deviation;
# only the row from rooms has one seed.
#
# | Table 1, NYU Depth v2 | δ < 1.25 | δ < 1.25² | δ < 1.25³ | AbsRel | SqRel | RMSE | RMSE log | scale-inv. |
# |---|---|---|---|---|---|---|---|---|
# | mean, published {cite}`eigen2014` | .418 | .711 | .874 | .408 | .581 | 1.244 | .430 | .304 |
# | mean, ours | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.delta1::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.delta2::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.delta3::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.abs_rel::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.sq_rel::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.rmse::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.scale_invariant_rmse::.3f` |
# | median, ours | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.delta1::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.delta2::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.delta3::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.abs_rel::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.sq_rel::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.rmse::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.scale_invariant_rmse::.3f` |
# | coarse, published {cite}`eigen2014` | .618 | .891 | .969 | .228 | .223 | .871 | .283 | .221 |
# | coarse, ours | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.delta1::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.delta2::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.delta3::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.abs_rel::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.sq_rel::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.rmse::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.rmse_log::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.coarse.scale_invariant_rmse::.3f` |
# | + fine, published {cite}`eigen2014` | .611 | .887 | .971 | .215 | .212 | .907 | .285 | .219 |
# | + fine, ours | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.delta1::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.delta2::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.delta3::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.abs_rel::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.sq_rel::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.rmse::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.rmse_log::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.scale_invariant_rmse::.3f` |
# | + fine, ours, rooms first | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.delta1::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.delta2::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.delta3::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.abs_rel::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.sq_rel::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.rmse::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.rmse_log::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.fine.scale_invariant_rmse::.3f` |
#
# Higher is better in the first three columns. Three things to read from it.
#
# - **The first two rows are the check.** They have nothing to do with training. If your "mean" row is not theirs, nothing below it
#   compares. The median image is the better constant guess by AbsRel, since a median minds a few far pixels less.
# - **Ours is between the mean image and the paper.** All eight figures are better than the mean image's, in every seed, with
#   {result}`eigen-nyu/cpu-0::samples_seen::,d` samples of 795 photographs where the paper had 3.5 million of 120 thousand frames
#   {cite}`eigen2014` and first weights from ImageNet.
# - **The fine network hardly moves the numbers.** Here as there: look at the two published rows. What it brings is at the edges
#   ([the fine network](fine_network)), and edges are few.
#
# `depthlib table 001-1` prints this table with the differences, `depthlib table all` every table of the four papers, and a
# row whose run is missing says which command makes it. Table 2, KITTI, is such a case: `depthlib run table:001-2` makes its
# rows for who has the data.
#
# ## The oracle: wrong size, or wrong shape?
#
# Section 3.2 of the paper gives each prediction its true mean log depth, as an oracle would, and sees its log error fall from
# 0.28 to 0.22 {cite}`eigen2014`. You [proved](scale_invariant_loss) that this second number is the scale-invariant error. With the
# protocol `eigen14_oracle` one can also see the other figures after the oracle spoke:
#
# | seed 0 | RMSE log | with the oracle | δ < 1.25 | with the oracle |
# |---|---|---|---|---|
# | mean depth image | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_oracle.mean.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.delta1::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_oracle.mean.delta1::.3f` |
# | coarse | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_oracle.coarse.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_oracle.coarse.delta1::.3f` |
# | coarse + fine | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.fine.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_oracle.fine.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.fine.delta1::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_oracle.fine.delta1::.3f` |
# | coarse, published {cite}`eigen2014` | .283 | .221 | .618 | – |
#
# For whoever looks at one picture, size is the larger half of the problem: tell the mean depth image the size of each room, and
# it nearly reaches the network that was not told. And the network gains as much from being told.
#
# ## A footnote, checked
#
# The networks answer for every fourth pixel of their input. To score them, either the answer must be enlarged or the truth made
# smaller. A footnote of the paper says that it hardly matters: RMSE log 0.285 against 0.286 {cite}`eigen2014`, and
# scale-invariant 0.219 against 0.221 {cite}`eigen2014`. The protocols `eigen14` and `eigen14_down` differ in nothing else:
#
# | seed 0, coarse + fine | answer enlarged | truth made smaller |
# |---|---|---|
# | RMSE log | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.fine.rmse_log::.4f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_down.fine.rmse_log::.4f` |
# | scale-invariant | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.fine.scale_invariant_rmse::.4f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14_down.fine.scale_invariant_rmse::.4f` |
# | pixels scored | {result}`eigen-nyu/cpu-0::scored.nyu-test/eigen14.fine.pixels::,d` | {result}`eigen-nyu/cpu-0::scored.nyu-test/eigen14_down.fine.pixels::,d` |
#
# It holds. A map this smooth loses nothing between its pixels; a sharper network would.
#
# ## What does it look at?
#
# In a photograph everything comes at once: shadows, textures, the floor below and the ceiling above. In a rendered room each
# can be taken away *alone*, and the true depth stays exactly known. We ask two networks that learned from rooms: the small
# coarse network of this book's shared run, and the encoder–decoder that comes with the library, which
# [a later page](transfer_learning) explains.
#
# **Predict first.** Rank these by the harm they will do: no shadows; no textures; no colour; no furniture; the camera tilted by
# ten degrees; the camera 40 cm lower; the picture upside down; the picture out of focus.

# %%
torch.set_grad_enabled(True)  # the shared run may have to be trained first
recipe = load_recipe("eigen-rooms", PROFILE)
run = train(recipe, out=run_folder(recipe, PROFILE), progress=False)
run.model.begin_phase("coarse")
torch.set_grad_enabled(False)
networks = {"coarse, this book's run": from_model(run.model.eval()), "encoder–decoder": from_model(load_model())}

rooms = make_rooms(5, range(COUNT))  # of a seed that no training used
K = camera.nyu_v2(240, 320)


def tilted(degrees, lower=0.0):
    """The rooms' own cameras, tilted about the axis across and moved down (metres); y points down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    pose = rooms.pose @ torch.tensor([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]])
    pose[:, 1, 3] += lower
    return pose


def emptied(scene):
    """Walls, floor and ceiling only."""
    return type(scene)(**{**vars(scene), "kind": torch.where(scene.shell, scene.kind, 0)})


frames = {
    "as it is": render(rooms, K),
    "no shadows": render(rooms, K, shadows=False),
    "no textures": render(rooms, K, textures=False),
    "neither of both": render(rooms, K, shadows=False, textures=False),
    "no furniture": render(emptied(rooms), K),
    "tilted up by 10°": render(rooms, K, tilted(10)),
    "tilted down by 10°": render(rooms, K, tilted(-10)),
    "camera 40 cm lower": render(rooms, K, tilted(0, 0.4)),
}
cases = {name: (frame.rgb, frame.depth) for name, frame in frames.items()}
rgb, depth = cases["as it is"]
cases["no colour"] = rgb.mean(1, keepdim=True).expand_as(rgb), depth
cases["out of focus"] = torch.nn.functional.avg_pool2d(rgb, 9, 1, 4), depth
cases["upside down"] = rgb.flip(-2), depth.flip(-2)

# %% tags=["hide-input"] mystnb={"image": {"alt": "One rendered room eleven times: as it is, without shadows, without textures, without both, empty, seen from tilted and lowered cameras, grey, blurred, and upside down."}, "figure": {"caption": "One of the rooms with one thing taken away or changed at a time. The true depth belongs to each picture as it is shown."}}
figure, axes = plt.subplots(3, 4, figsize=(plots.WIDTH, 4.9), layout="constrained")
for place, (name, (picture, _)) in zip(axes.flat, cases.items(), strict=False):
    place.imshow(picture[min(2, COUNT - 1)].permute(1, 2, 0))
    place.set_title(name, fontsize=9)
for place in axes.flat:
    place.axis("off")
plt.close(figure)
figure

# %%
rules = get_protocol("eigen14")


def each_abs_rel(network, pictures, truths):
    """AbsRel of every room, float64 [COUNT]."""
    answers = torch.cat([network(part) for part in pictures.split(8)])
    sums = error_sums(*rules.prepare(answers, truths))
    return PIXEL_METRICS["abs_rel"].figure(sums[:, None], "pixels")


found = {
    label: {name: each_abs_rel(network, *case) for name, case in cases.items()} for label, network in networks.items()
}
for label, each in found.items():
    print(label)
    for name, values in each.items():
        low, high = paired_interval(values, each["as it is"])
        print(f"  {name:20s} AbsRel {values.mean():.3f}   change {low:+.3f} to {high:+.3f}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Horizontal bars for two networks: the change of AbsRel for each alteration. Upside down is by far the longest, then out of focus; textures and colour are among the shortest."}, "figure": {"caption": "How much AbsRel rises when one thing is changed, against the same rooms as they are. Lines: 95 % intervals of the paired difference."}}
order = sorted((name for name in cases if name != "as it is"), key=lambda n: found["encoder–decoder"][n].mean())
figure, axis = plt.subplots(figsize=(plots.WIDTH, 3.9), layout="constrained")
for k, (label, each) in enumerate(found.items()):
    for row, name in enumerate(order):
        y = row + 0.2 - 0.4 * k
        change = (each[name] - each["as it is"]).mean()
        axis.barh(y, change, height=0.36, color=plots.PALETTE[k], label=label if row == 0 else None)
        axis.plot(paired_interval(each[name], each["as it is"]), [y, y], color="black", linewidth=1)
axis.axvline(0, color="#666666", linewidth=0.8)
axis.set(yticks=range(len(order)), yticklabels=order, xlabel="change of AbsRel")
axis.legend(loc="lower right")
axis.grid(visible=False, axis="y")
plt.close(figure)
figure

# %% [markdown]
# The order is not what most people guess. Colour and texture are nearly ornaments: without them the answers get a little
# worse. **Upside down is a catastrophe**, although nothing about the picture's content was lost. The networks have learned that
# the floor is below and near, and use it before anything else; a camera that is lower, and so sees the floor
# from closer, confuses them for the same reason. Focus counts because contact lines (where chair meets floor) are what
# carries size from the floor to the things on it. Shadows stand between: they too say where things touch.
#
# That is what *these* networks do, on rooms in which shadows are always cast and cameras always held upright. It is not what
# they must do. Whoever trains with tilted and turned pictures gets a network that leans on the floor a little less, at a price
# ([augmentation](augmentation)).
#
# ## The average answer
#
# One failure is behind most of the others. A loss that punishes large errors pays for caution: where the picture does not say how large
# the room is, the cheapest answer is a middling one. Compare how deep each room is with how deep it is said to be.
#
# **Predict first.** If the network knew nothing of size, all its answers would lie on a level line; if it knew all, on the diagonal.
# Where between the two?

# %% mystnb={"image": {"alt": "Two scatter plots of the median depth that is predicted against the true median depth of each room; the fitted lines are flatter than the diagonal, more so for the coarse network."}, "figure": {"caption": "Median depth of each room, true and predicted, on logarithmic axes. Line: least squares in the logarithm. Dotted: a perfect answer."}}
figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.4), layout="constrained", sharey=True)
true_median = torch.stack([d[d > 0].median() for d in depth]).log()
slopes = {}
for axis, (label, network) in zip(axes, networks.items(), strict=True):
    answers = torch.cat([network(part) for part in rgb.split(8)])
    said = torch.stack([a[a > 0].median() for a in answers]).log()
    slope = float(((true_median - true_median.mean()) * (said - said.mean())).sum() / true_median.var() / (COUNT - 1))
    slopes[label] = slope
    line = torch.linspace(true_median.min(), true_median.max(), 2)
    axis.plot(line.exp(), (said.mean() + slope * (line - true_median.mean())).exp(), color=plots.PALETTE[1])
    axis.plot(line.exp(), line.exp(), color="#999999", linestyle=":")
    axis.scatter(true_median.exp(), said.exp(), s=14, color=plots.PALETTE[0])
    axis.set(xlabel="true median (m)", title=label, xscale="log", yscale="log")
    for edge in (axis.xaxis, axis.yaxis):
        edge.set_major_formatter("{x:g}")
        edge.set_minor_formatter("{x:g}")
axes[0].set_ylabel("predicted median (m)")
plt.close(figure)
figure

# %%
for label, slope in slopes.items():
    print(f"{label}: a room twice as deep is said to be {2**slope:.2f} times as deep")

# %% [markdown]
# Small rooms are answered too deep, deep rooms too shallow. Statisticians call it regression to the mean, and it is not a
# fault of the training: with a squared loss it is the *best* answer given how little the picture says. A slope of one
# would need pictures that say all. Remember this line when a network "works indoors": it may be the average that works.
#
# ## Four epochs, and what memory has to do with it
#
# The student report trained both networks for four epochs, and prints RMSE 1.466 {cite}`verma_report` and a scale-invariant error of
# 0.147 {cite}`verma_report`. On [the page on evaluation](evaluation) we suspected a missing root, and a network that is worse than the mean image.
# Is that possible at all? The recipe `eigen-nyu-report` does what they say: four epochs of each network.
#
# | | RMSE | scale-invariant | its square |
# |---|---|---|---|
# | the report {cite}`verma_report` | 1.466 | 0.384, if a root was forgotten | 0.147 |
# | ours, four epochs | {result}`eigen-nyu-report/cpu-0::metrics.nyu-test/eigen14.fine.rmse::.3f` | {result}`eigen-nyu-report/cpu-0::metrics.nyu-test/eigen14.fine.scale_invariant_rmse::.3f` | {result}`eigen-nyu-report/cpu-0::metrics.nyu-test/eigen14.fine.scale_invariant_rmse::.3f`² |
# | mean depth image | {result}`eigen-nyu-report/cpu-0::metrics.nyu-test/eigen14.mean.rmse::.3f` | {result}`eigen-nyu-report/cpu-0::metrics.nyu-test/eigen14.mean.scale_invariant_rmse::.3f` | |
# | ours, 60 epochs and 5 | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.rmse::.3f` | {result}`eigen-nyu/cpu-*::metrics.nyu-test/eigen14.fine.scale_invariant_rmse::.3f` | |
#
# It is possible. After four epochs our network, too, has a larger RMSE than an image that never looks (the difference is
# {result}`eigen-nyu-report/cpu-0::differences.nyu-test/eigen14.fine - mean.rmse.value::+.3f`, from
# {result}`eigen-nyu-report/cpu-0::differences.nyu-test/eigen14.fine - mean.rmse.low::+.3f` to
# {result}`eigen-nyu-report/cpu-0::differences.nyu-test/eigen14.fine - mean.rmse.high::+.3f`). So the report's first number is what four
# epochs from random weights are worth. Its second is not: no network of this table is anywhere near 0.147, and the squares are.
#
# And the reason for stopping at four, "all attempts at training with a higher number of epochs led to CUDA running out of
# memory" {cite}`verma_report`? An epoch leaves nothing behind but weights. Let us count the bytes that a graph keeps for the way back,
# after each epoch, in three loops: a clean one; one that adds up the loss for a printout; and one that adds up the
# *validation* loss.
#
# **Predict first.** Which of the three grows?


# %%
class Kept:
    """A tensor that a graph keeps for the way back; counts the bytes that are alive."""

    alive = 0

    def __init__(self, tensor):
        self.tensor, self.size = tensor, tensor.numel() * tensor.element_size()
        Kept.alive += self.size

    def __del__(self):
        Kept.alive -= self.size


def megabytes_after_each_epoch(epochs=4, batches=3, add_up=False, validate=False):
    torch.manual_seed(0)
    network = build_model("eigen", width=0.05)
    network.begin_phase("coarse")
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    loss_function, total, kept = make_loss("scale_invariant_log"), 0.0, []
    picture = torch.rand(4, 3, *network.input_size)
    target, mask = network.target(torch.rand(4, 1, *network.input_size) + 1)
    for _ in range(epochs):
        for _ in range(batches):
            loss = reduce(*loss_function(network(picture), target, mask))
            if not validate:
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()
            if add_up:
                total = total + loss  # loss.item() would be a number; this is a graph
        del loss
        kept.append(round(Kept.alive / 1e6, 1))
    return kept


with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
    print("clean                            ", megabytes_after_each_epoch(), "MB")
    print("training losses added up         ", megabytes_after_each_epoch(add_up=True), "MB")
    print("validation losses added up       ", megabytes_after_each_epoch(add_up=True, validate=True), "MB")

# %% [markdown]
# Folklore blames the second loop. It is innocent, or nearly: `backward()` frees what the graph had kept, and only crumbs stay. The third
# never calls `backward()`, so every batch's activations stay until the sum is thrown away: memory grows with each batch, and the
# larger the data set, the earlier it ends. The cures are one word each: `loss.item()`, or `torch.no_grad()` around validation. We
# cannot know what happened to the students. But "more epochs, so more memory" names a bug, not a limit.
#
# ## Recap
#
# - Report a mean over seeds and its spread; compare rows on the same images, and only then say "better".
# - The scale-invariant error is what remains after an oracle for the size. For one picture, size is the larger half.
# - To learn what a network looks at, take it away, alone, where the truth is still known. These lean on "the floor is below".
# - Where a picture does not tell, the best answer is the average one: near rooms too deep, deep rooms too near.
# - Memory that grows by the epoch is a bug with a name.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# A network's RMSE log is 0.35 and its scale-invariant error 0.26. Which share of its squared log error is an error of size, the
# same factor for the whole picture?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# $1 - 0.26^2 / 0.35^2 = 1 - 0.0676 / 0.1225 = 45\,\%$. The oracle removes exactly the mean of the log errors of each picture.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Is "upside down" so harmful because the floor is above, or because left and right may matter as well? Write the function that
# turns pictures and depths by half a circle (both flips). Complete the stub until the check passes, then compare the three.
# ```


# %%
def check(turn):
    picture, truth = turn(rgb[:2], depth[:2])
    assert picture.shape == rgb[:2].shape, "the shapes must stay"
    assert picture[..., 0, 0].equal(rgb[:2, :, -1, -1]), "the first pixel must come from the last"
    assert truth[..., 0, 0].equal(depth[:2, :, -1, -1]), "the depth must turn with the picture"
    return "passes"


# %% tags=["raises-exception", "hide-output"]
def half_turn(pictures, truths):
    return pictures.flip(-1), truths  # your line here


print(check(half_turn))

# %% [markdown]
# ```{admonition} Hint
# :class: dropdown
# `flip` takes several dimensions at once, and the depth is a picture, too.
# ```
#
# Solution 2, executed:


# %% tags=["hide-cell"]
def solution(pictures, truths):
    return pictures.flip(-2, -1), truths.flip(-2, -1)


print(check(solution))
network = networks["encoder–decoder"]
mirrored = rgb.flip(-1), depth.flip(-1)
for name, case in {"mirrored": mirrored, "upside down": cases["upside down"], "turned": solution(rgb, depth)}.items():
    print(f"{name:12s} AbsRel {each_abs_rel(network, *case).mean():.3f}")

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# The experiment changes pictures in ways that training never saw. So does it show what the network *uses*, or how it behaves far
# from what it knows? Invent an experiment that would tell the two apart.
# ```
#
# ```{admonition} Discussion
# :class: dropdown
# Train one network on rooms of which half have no shadows (a line in a renderer's call), and test both on both kinds. If the
# new one is as good without shadows as the old one with them, shadows were replaceable; the old one only missed what it was used
# to. If it loses on rooms with shadows nothing and on rooms without them little, the harm above was strangeness. If both
# stay worse without shadows, shadows carry information that nothing else in the picture does.
# ```
#
# Next: [transfer learning](transfer_learning), the cheapest large improvement there is.
