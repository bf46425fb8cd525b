# ---
# jupytext:
#   text_representation:
#     extension: .py
#     format_name: percent
# kernelspec:
#   display_name: Python 3
#   language: python
#   name: python3
# ---

# %% [markdown]
# # The coarse network
#
# **What you will be able to do**
#
# - follow a photograph through every layer of the coarse network of {cite:t}`eigen2014`, and compute each size by hand;
# - say where its parameters are, and why that decides what it can and cannot draw;
# - say what a network learns from a picture and its depth that were changed at random;
# - tell a training that works from three that do not: pairs mixed up, a mean image, a NaN.
#
# **This page needs** profile `cpu`: half a minute on two cores beside the shared training run (recipe `eigen-rooms`, five
# minutes the first time, then loaded from disk), 4 GB of memory, no GPU, no download. The profile `smoke` runs
# everything in seconds with a network too small and too briefly trained to be any good.
#
# If *convolution*, *gradient* or *overfitting* are new words, read [the primer](primer) first: twenty minutes.

# %% tags=["hide-input"]
import dataclasses
import inspect
import math
import tempfile

import matplotlib.pyplot as plt
import torch
from torch import nn

from depthlib import augment, gallery, plots
from depthlib.bootstrap import paired_interval
from depthlib.data import open_dataset
from depthlib.models.eigen import GEOMETRIES, Eigen, Features
from depthlib.recipe import default_profile, load_recipe, run_folder
from depthlib.sample import collate

PROFILE = default_profile()
SMOKE = PROFILE == "smoke"
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## One picture in, one map out
#
# How far away is the white patch in the middle of a photograph? A small window around it does not say. The patch may be a
# wall at three metres or a sheet of paper at half a metre. What decides is elsewhere in the picture: where the floor
# meets the wall, how tall the door looks, where the lines converge. So the first network of {cite:t}`eigen2014` is built
# to let **every output pixel depend on** (practically) **every input pixel**. It answers roughly, and for the whole picture at once. That
# is what *coarse* means here. [The next chapter](fine_network) adds a second network that repairs the edges.
#
# The input is a picture of 228 rows and 304 columns. The output is a map of 55 rows and 74 columns. Each output number is
# the **natural logarithm of a depth in metres**, because [the loss](scale_invariant_loss) compares logarithms.

# %% tags=["nbval-check-output"]
# the paper's full width, fresh random weights; eval: in use, not training
model = Eigen("nyu").eval()
model.begin_phase("coarse")  # answer with the coarse network alone
picture = torch.zeros(1, 3, 228, 304)
log_depth = model(picture)
print(tuple(picture.shape), "→", tuple(log_depth.shape))

# %% [markdown]
# *Width* is the number of channels and units in each layer, as a factor of the paper's. `begin_phase("coarse")` chooses which of
# the two networks answers. The four numbers are batch, channels, rows and
# columns, always in this order.
#
# ## The size of a layer, by one rule
#
# A convolution or a pooling slides a window over its input. Let $n$ be the number of input rows, $k$ the rows of the
# window, $p$ the rows of zeros added on each side (*padding*), and $s$ the step between windows (*stride*). The window's
# top edge starts at 0 and may move as long as its bottom edge stays inside the $n + 2p$ padded rows, so it stops at
# $n + 2p - k$ at the latest. Counting steps of $s$ from 0, and the start itself, gives
#
# $$
# m = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1 .
# $$ (conv-size)
#
# The brackets $\lfloor\cdot\rfloor$ round down: what is left over at the bottom is not seen. Three numbers to check:
#
# | step | $n$ | $k$ | $p$ | $s$ | $m$ |
# |---|---|---|---|---|---|
# | first convolution, rows | 228 | 11 | 2 | 4 | ⌊221 / 4⌋ + 1 = 56 |
# | first pooling, rows | 56 | 3 | 0 | 2 | ⌊53 / 2⌋ + 1 = 27 |
# | second pooling, rows | 27 | 3 | 0 | 2 | ⌊24 / 2⌋ + 1 = 13 |
#
# Convolutions 2 to 5 (windows 5, 3, 3, 3; padding 2, 1, 1, 1; stride 1) keep the size; a pooling follows convolutions 1, 2 and 5; layer 5 has
# 256 channels. The variant for KITTI has the same layers.
#
# Now ask the network itself. A *forward hook* is a function that PyTorch calls after a layer has run; ours writes down
# what came out.

# %%
sizes = []


def note(name):
    """A hook that remembers the shape of what a layer gives, without the batch."""
    return lambda layer, inputs, out: sizes.append((name, tuple(out.shape[1:])))


kinds = (nn.Conv2d, nn.MaxPool2d, nn.Linear)
layers = {n: x for n, x in model.coarse.named_modules() if isinstance(x, kinds)}
hooks = [layer.register_forward_hook(note(name)) for name, layer in layers.items()]
_ = model(picture)

# %% tags=["nbval-check-output"]
for hook in hooks:
    hook.remove()
for name, size in sizes:
    print(f"{name:12s}", " × ".join(map(str, size)))

# %% [markdown]
# A convolutional layer prints channels × rows × columns, a fully connected one just its units. `conv.pool` appears three
# times because one pooling object is used three times. The last line is 4070 = 55 · 74.
#
# Do these agree with what was published? Table I of the student report {cite}`verma_report` repeats the sizes printed in
# Figure 1 of the paper, as width × height. In rows × columns they are 27×37 after layer 1, 13×18 after layers 2 to 4, 6×8
# after layer 5, and 55×74 at the output {cite}`eigen2014`.

# %% tags=["nbval-check-output"]
published = {"layer 1": (27, 37), "layers 2-4": (13, 18), "layer 5": (6, 8)}
pooled = [size[1:] for name, size in sizes if name.endswith("pool")]
print("after pooling:", pooled == list(published.values()))
print("output:", GEOMETRIES["nyu"].output == (55, 74))

# %% [markdown]
# ## Where this differs from the paper's figure
#
# The figure in the paper is not the network that was trained. The authors' own configuration file says otherwise in a few
# places, and this book follows the file:
#
# | | paper's text and figure | authors' configuration, and here |
# |---|---|---|
# | pooling | 2×2 | 3×3 windows, stride 2, so that neighbours overlap |
# | after layers 1 and 2 | not mentioned | *local response normalisation* {cite:p}`krizhevsky2012`: each value is divided by a measure of how strong its neighbours in the nearby channels are; it has no weights |
# | before layer 6 | not mentioned | *features*, the numbers that layer 5 puts out, are multiplied by 0.01 |
# | input | not mentioned | colours from 0 to 255, minus 128 |
# | output | log depth | log depth in units of 0.45723134, its standard deviation over the training set; here the last line of the network multiplies by it, so that log metres come out |
#
# You can settle the first row with nothing but {eq}`conv-size`. Replace the pooling and see whether the published sizes
# come out.

# %% tags=["nbval-check-output"]
for window in (2, 3):
    variant = Features(width=0.1)  # sizes do not depend on the number of channels
    variant.pool = nn.MaxPool2d(window, stride=2)
    found = tuple(variant(picture).shape[2:])
    print(f"pooling {window}×{window}: layer 5 gives {found}, published (6, 8)")

# %% [markdown]
# With 2×2 windows the last map has one row and one column too many, and layer 6 would need a different weight matrix. The
# paper's own table of sizes contradicts its drawing; only 3×3 fits.
#
# The factor 0.01 is a matter of units. Colours up to 255 make features of size ten and more, and layer 6 adds up 12 288
# of them. Scaled down, the fully connected layers start with sums of a reasonable size, and their learning rates need not
# fight the units of the input. Here are the lines themselves, with the shapes in their comments.

# %% tags=["hide-input"]
print(inspect.getsource(Features.forward))

# %% [markdown]
# These are layers 1 to 5; the two fully connected layers follow in another function. Every layer but the last (every *hidden* layer) has a `relu(x) = max(x, 0)`. The last, layer 7, has none: a logarithm may be negative, for anything
# nearer than one metre.
#
# ## The diagram
#
# **Predict first.** You are about to see each map drawn with its true height and width, as a stack of sheets that stands
# for its channels. Where is the narrowest place, the one through which all that is known of the picture must pass?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Stacks of sheets from left to right: a large thin one for the image, ever smaller and thicker ones for layers 1 to 5, a row of dots for the 4096 units of layer 6, and a mid-sized single sheet for the output map."}, "figure": {"caption": "The coarse network at full width. Rows and columns are to scale; the number of sheets grows with the logarithm of the channels. Layer 6 (orange) has no rows and columns any more."}}
shapes = {"image": (3, 228, 304), "1": sizes[1][1], "2": sizes[3][1]}
shapes |= {"3, 4": sizes[5][1], "5": sizes[7][1]}
shapes |= {"6": (4096, 4, 4), "7, output": (1, 55, 74)}
figure, axes = plt.subplots(figsize=(plots.WIDTH, 2.7), layout="constrained")
left = 0
for name, (channels, h, w) in shapes.items():
    sheets, colour = round(math.log2(channels)) + 1, plots.PALETTE[int(name == "6")]
    for k in reversed(range(0, 4 * sheets, 4)):
        axes.add_patch(
            plt.Rectangle((left + k, k - h / 2), w, h, fc=colour, ec="white")
        )
    size = "4096 units" if name == "6" else f"{h}×{w}×{channels}"
    axes.text(
        left + w / 2, -h / 2 - 9, f"{name}\n{size}", ha="center", va="top", size=8
    )
    left += max(w + 4 * sheets, 75) + 40
axes.set(xlim=(-10, left), ylim=(-165, 125), aspect="equal")
axes.axis("off"), plt.close(figure)
figure

# %% [markdown]
# The smallest map is that of layer 5, yet it still holds 6 · 8 · 256 = 12 288 numbers. The narrowest place before the
# output is layer 6: 4096 numbers, in no spatial order at all. From these the output is drawn *larger* again, 55×74, with no
# upsampling by rule: each output pixel is its own weighted sum of the 4096, so the network draws every room out of 4096
# fixed pictures. In numbers that is not scarce, for the map has only 55 · 74 = 4070 of them.
# What is scarce is the knowledge of *where*: all of it comes through the 6×8 places of layer 5.
#
# ## Where the parameters are
#
# **Predict first.** Five convolutional layers, two fully connected ones. What share of the parameters is in the
# convolutions: a half, a tenth, a twentieth?

# %% tags=["nbval-check-output"]
net = model.coarse
everything = sum(p.numel() for p in net.parameters())
parts = net.conv, net.full6, net.full7, net
names = "convolutions 1-5", "full 6", "full 7", "all"
for name, part in zip(names, parts, strict=True):
    count = sum(p.numel() for p in part.parameters())
    print(f"{name:17s} {count:11,d}   {count / everything:6.1%}")

# %% [markdown]
# A twentieth is closest. A convolution reuses its small window everywhere; layer 6 has one weight for each pair of a
# feature and a unit, 12 288 · 4096 of them. This is why the paper's recipe is what it is: the convolutions can be learned
# beforehand on ImageNet {cite}`deng2009`, a million photographs each with the name of its object, but the fully connected 95 % must be learned from depth maps, and so they get dropout, many
# images and much augmentation.
#
# ## What the network is asked for
#
# The output grid is four times coarser than the input, and covers the 220×296 pixels in its middle. The target takes
# **every fourth pixel** of the true depth, beginning at row 5 and column 5 of the crop. It does not average: halfway between a chair at one metre and a wall at three
# there is nothing at two metres.

# %% tags=["nbval-check-output"]
stripes = torch.full((1, 1, 228, 304), 1.0)
stripes[..., 152:] = 3.0  # a step from one metre to three
target, mask = model.target(stripes)
depths = target.exp().unique().round(decimals=3).tolist()
print("size of the target:", tuple(target.shape), "· depths in it:", depths)
print("all valid:", bool(mask.all()))
print("area covered, as top, left, bottom, right:", model.region)

# %% [markdown]
# Only 1 and 3 m occur. `mask` is false where depth is missing, and the loss leaves such pixels out.
#
# ## Making more of each picture: augmentation
#
# The paper changes every training picture at random, each time it is seen (§3.4). Five transforms: **scale** by
# $s \in [1, 1.5]$ with depth divided by $s$, **rotation** by up to 5°, a random **crop** to 228×304, a **colour** factor
# from .8 to 1.2 on each channel, and a **flip** with probability one half {cite}`eigen2014`. Which of them a camera could have
# taken is measured in {doc}`augmentation`; here we look at what this network is given, on one rendered room. *Rendered* means made by this library: boxes and cylinders with exact depth, not a photograph.

# %%
COUNT = 8 if SMOKE else 100
rooms = open_dataset("rooms", "train", (240, 320), count=COUNT, keep=True)
room = collate([rooms[5]])
centre = augment.CENTRE
one_by_one = {
    "centre crop": centre,
    "scale 1.5": dataclasses.replace(centre, scale=(1.5, 1.5)),
    "rotation": dataclasses.replace(centre, rotation=5.0),
    "colour": dataclasses.replace(centre, colour=(0.8, 1.2)),
    "flip": dataclasses.replace(centre, flip=1.0),
    "all": augment.NYU,
}
made = {}
for name, kind in one_by_one.items():
    made[name] = augment.augment(room, (228, 304), kind, seed=6)

# %% [markdown]
# **Predict first.** *Scale 1.5* divides depth by 1.5. Will the printed range shrink by exactly that factor?

# %% mystnb={"image": {"alt": "Six versions of one rendered room, each above its depth map: centre crop, scaled by one and a half, rotated, recoloured, mirrored, and all at once."}, "figure": {"caption": "One rendered room under each transform alone, and under all at once. Under each its depth in metres, one scale for all; hatched is missing."}}
sheet = []
for name, batch in made.items():
    sheet.append({"name": name, "rgb": batch["rgb"][0], "depth": batch["depth"][0]})
plots.contact_sheet(sheet, columns=3)

# %%
for name, batch in made.items():
    depth = batch["depth"]
    known = depth[depth > 0]
    missing = (depth == 0).float().mean()
    print(f"{name:12s} {known.min():.2f} … {known.max():.2f} m, missing {missing:.1%}")

# %% [markdown]
# Each depth is two thirds of what it was at the same spot. The printed range shrinks a little differently, because
# enlarging also pushes part of the picture, and with it the nearest points, out of the crop. The rotated map has
# missing slivers at its rim, and the rotated colours have none: there the border colour is repeated, and no depth is
# invented. Colour leaves depth alone.
#
# ### What dividing depth by $s$ is exact for
#
# [Augmentation](augmentation) measures it. An enlarged picture with its depths divided by $s$ agrees with a step forward on one
# **fronto-parallel plane**, a wall seen straight on, and on surfaces that run along the axis, such as the floor and the side
# walls. Elsewhere it squeezes the world along the line of sight: at $s$ = 1.5 a right-angled corner opens past 110°. The paper
# calls scaling "easily corrected" by the division {cite}`eigen2014`; now you know how far that goes. A network could also learn to read $s$ from the blur
# of an enlarged picture, and a photograph has no $s$.
#
# ### Dropout
#
# Layer 6 uses *dropout*: in training, each of its units is silenced with probability one half, and the others are doubled,
# so that the sum stays the same on average. No unit can then rely on one particular other unit. At test time nothing is silenced.
#
# In this library the choice is a function of the seed, the *epoch* (one pass over all training pictures) and the sample's
# own number (`depthlib.randomness`), so the same training gives the same numbers after an interruption, too.

# %% [markdown]
# ## Training on rendered rooms
#
# The recipe `eigen-rooms` trains the coarse network, then the fine one. This chapter, the first one and the next share
# the run: whoever comes first trains it, the others load it. The network is narrower than the paper's, by `width`.

# %%
from depthlib.training import train

recipe = load_recipe("eigen-rooms", PROFILE)
run = train(recipe, out=run_folder(recipe, PROFILE), progress=False)
coarse, phase = [h for h in run.history if h["phase"] == "coarse"], recipe.phases[0]
print("width", recipe.model.options["width"], "· rooms", recipe.data.options["count"])
print(phase.samples, "samples in batches of", phase.batch, "·", len(coarse), "steps")
print("optimiser", phase.optimiser, "· learning rate", phase.rates["coarse"])

# %% [markdown]
# The paper uses plain gradient descent with momentum, at a rate of .001 for the convolutions and .1 for the full layers
# {cite}`eigen2014`. The ratios were found "by trial-and-error on a validation set (folded back into the training set for our final evaluations)", their common size to a factor of 5 {cite}`eigen2014`. Its convolutions came from ImageNet. Ours start from random weights, and there the
# optimiser Adam {cite}`kingma2015`, which gives each parameter its own step, learns faster in our hands. On the 795 photographs of NYU, from the same first weights and with the same {result}`eigen-nyu-paper/cpu-0::settings.phases.0.samples::,d` samples, the
# coarse network ends at δ < 1.25 of {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f` with Adam and a learning rate that falls to zero along half a cosine wave, and of {result}`eigen-nyu-paper/cpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f` with the paper's optimiser and rates and the weight decay of the authors' configuration (the paper gives none) (recipes `eigen-nyu` and `eigen-nyu-paper`, one seed each). That is a
# short training; the paper's coarse network had forty times as many samples.
#
# **Predict first.** Two curves: the loss on augmented training batches, and the loss on 64 unseen rooms without
# augmentation or dropout. Which one is lower?

# %% mystnb={"image": {"alt": "Training loss and validation loss of the coarse phase against the number of samples seen."}, "figure": {"caption": "The coarse phase on rendered rooms. Training loss: augmented, with dropout. Validation loss: unseen rooms, centre crop, without dropout. Faint: single steps."}}
plots.curves(coarse)

# %%
measured = [entry for entry in coarse if "validation" in entry]
for e in measured[:: max(1, len(measured) // 6)]:
    print(
        f"{e['samples']:6d} samples: training {e['loss']:.3f}, "
        f"validation {e['validation']:.3f}"
    )

# %% [markdown]
# Textbooks draw training below validation and call the gap overfitting. Here the validation curve is mostly the lower one, and that says nothing,
# because two effects pull in opposite directions. Training batches are harder: rotated, squeezed, recoloured, and half
# the units are silent. Validation rooms are harder too: their depths were never divided by $s$, while all that the network
# has learned from were (next section). Read the *directions*: overfitting is a validation loss that turns upwards while
# the training loss goes on falling.
#
# ### A bias you can compute
#
# Training depths were divided by $s$, and validation depths were not. Suppose the network cannot see $s$ at all. For squared differences
# the best single answer is the mean, here over $s$; for a pixel whose true depth was $y^*$ before it was divided, it lies at $\log y^* - \overline{\log s}$, the bar being the mean over $s$. The mean of $\log s$ over $[1, 1.5]$ is an
# integral, and $s \log s - s$ has the derivative $\log s$:
#
# $$
# \overline{\log s} = \frac{1}{0.5}\int_1^{1.5} \log s \, ds = \frac{[\,s\log s - s\,]_1^{1.5}}{0.5} .
# $$ (mean-log-s)

# %% tags=["nbval-check-output"]
mean_log_s = ((1.5 * math.log(1.5) - 1.5) - (0.0 - 1.0)) / 0.5
too_near = 1 - math.exp(-mean_log_s)
print(f"mean of log s: {mean_log_s:.3f}; predictions are {too_near:.0%} too near")

# %% [markdown]
# A fifth too near, for every pixel, before any real mistake. Does the run show it? The median of $d_i = \log y_i - \log
# y_i^*$ over unseen rooms is its bias; a network blind to $s$, with no other bias, would have the negative of the number
# above.

# %%
from depthlib.prediction import predict

COUNT = 4 if SMOKE else 40
unseen = open_dataset("rooms", "test", (240, 320), count=COUNT, keep=True)
test = collate([unseen[i] for i in range(len(unseen))])
run.model.begin_phase("coarse")
y = predict(run.model, test["rgb"]).full()
d = (y / test["depth"])[y > 0].log()
print(f"median of d on {len(unseen)} unseen rooms: {d.median():+.3f}")

# %% [markdown]
# Without bias this number is 0. If the division by $s$ alone were at work, it would be minus the value of {eq}`mean-log-s`. Two things make the
# number that you see. One is the depth that the network started at: its last bias is log 2.5 m, and a few steps
# do not take it far from there. The other is the division by $s$, which takes over once the start is forgotten. With
# much more training a network can learn to read $s$ from the picture, from blur and from the apparent size of things, and
# the second source shrinks as well. A network that is judged after few samples is judged in the middle of this. Keep
# it in mind for the table of real results below.
#
# ## Diagnosing a training
#
# A loss that goes down proves little. Here are four questions to ask, in this order.
#
# ### 1. Can it overfit one batch?
#
# Take four rooms, no augmentation, no dropout, and train on nothing else. A network with more parameters than there are
# target pixels must drive the loss to nearly zero. If it does not, there is a bug: a target in the wrong units, a mask
# the wrong way round, a layer that gets no gradient. This check costs seconds and finds most mistakes.

# %%
from depthlib.losses import scale_invariant_log_loss

narrow = Eigen(width=0.05)
four = collate([rooms[i] for i in range(4)])
batch = augment.augment(four, narrow.input_size, augment.CENTRE)
target, mask = narrow.target(batch["depth"])


# %%
def overfit(mixed_up: bool) -> list[float]:
    """The losses of sixty steps on the same four rooms."""
    torch.manual_seed(0)
    network, losses = Eigen(width=0.05).eval(), []
    network.begin_phase("coarse")
    optimiser = torch.optim.Adam(network.coarse.parameters(), lr=1e-3)
    for _ in range(60):
        order = torch.randperm(4) if mixed_up else torch.arange(4)
        output = network(batch["rgb"])
        loss = scale_invariant_log_loss(output, target[order], mask[order]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


right, mixed_up = overfit(False), overfit(True)

# %% [markdown]
# The last six lines of the loop are all of training: predict, compare, forget the old gradients, compute the new ones, take a
# step, write it down. `train` does the same with bookkeeping.
#
# **Predict first.** The second training has a bug of a kind that raises no error: pictures and depth maps are shuffled separately, so
# that each picture is shown with the depth of any of the four rooms, its own no more often than another's. Will its loss fall at all? Where will it stop?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two losses over sixty steps on a logarithmic axis. With the right pairs it falls by more than three orders of magnitude; with pairs mixed up it falls a little, to a dotted line, and stays there."}, "figure": {"caption": "Overfitting four rendered rooms with a network of a twentieth of the width, in eval mode (no dropout; gradients flow all the same). Dotted: the loss of the four rooms' mean log depth, shown for each of them. The vertical axis is logarithmic."}}
mean_log = target.mean(0, keepdim=True).expand_as(target)
blind = scale_invariant_log_loss(mean_log, target, mask).mean().item()
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.semilogy(right, color=plots.PALETTE[0], label="right pairs")
axis.semilogy(mixed_up, color=plots.PALETTE[1], label="pairs mixed up")
axis.axhline(blind, color="#666666", linestyle=":", label="one map for all four")
axis.set(xlabel="step", ylabel="loss")
axis.legend()
plt.close(figure)
figure

# %% tags=["nbval-check-output"]
print("right pairs, a hundred times lower:", right[-1] < right[0] / 100)
print("pairs mixed up, ten times lower:", mixed_up[-1] < mixed_up[0] / 10)

# %% [markdown]
# With the right pairs the network knows these four rooms by heart. It has learned nothing about a fifth; that is not what the test is for. It
# says that gradients reach the weights and that target, mask and loss agree with each other. With the bug the loss *falls*, and a curve alone would look
# like training. But it stops where a map stops that never looks at the picture: nothing in a picture says which depth comes with it, so
# the best single answer is all that can be learned.
#
# ### 2. Where do the curves point?
#
# | training loss | validation loss | diagnosis | next step |
# |---|---|---|---|
# | flat from the start | flat | too small a rate, a bug, or the mean image (below) | overfit one batch |
# | falls | falls | it learns | go on |
# | falls | flat, or turns up | overfitting | more images, more augmentation, stop earlier |
# | falls, then level | falls, then level | the mean image, or a rate too large to settle | question 3; a tenth of the rate |
# | jumps, then NaN | – | too large a rate, or damaged data | question 4 |
#
# ### 3. Does it look at the picture?
#
# Rooms resemble each other: the floor at the bottom is near, the middle is far. A network can lower its loss a good deal
# by learning that one average map in its last bias, and never looking. The student report writes of its own coarse
# output that it "is almost the same for all the images shown" {cite}`verma_report`, which is this. Two tests find it. Does the
# network beat a **mean depth image**, here that of a hundred of its two thousand training rooms? And how much do its answers differ **from room to room**?

# %%
from depthlib.baselines import constant, mean_depth_image
from depthlib.evaluation import evaluate

mean_map = mean_depth_image(rooms)
who = {"mean depth image": constant(mean_map), "coarse network": run.model}
for name, predictor in who.items():
    m = evaluate(predictor, unseen).metrics
    print(
        f"{name:17s} AbsRel {m['abs_rel']:.3f}   "
        f"scale-invariant {m['scale_invariant_rmse']:.3f}"
    )

# %%
centred = augment.augment(test, run.model.input_size, augment.CENTRE)
truth, _ = run.model.target(centred["depth"])
answers = predict(run.model, test["rgb"]).depth.log()
spread = answers.std(0).mean() / truth.std(0).mean()
print(f"answers differ from room to room by {spread:.0%} of what the truth does")

# %% [markdown]
# AbsRel is the mean of $|y_i - y_i^*| / y_i^*$; the scale-invariant error allows each map its own overall scale (see
# [the loss](scale_invariant_loss)). The last line compares two spreads: the standard deviation of log depth at each
# output pixel over the rooms, predicted and true. Near 0 % the network answers one map for all. Near 100 % it commits
# itself as much as the truth varies. Under `smoke`, after four steps, you see the first case; under `cpu` the network has
# left the mean image behind if the spread is well above zero **and** its scale-invariant error is below the mean's.

# %% mystnb={"image": {"alt": "Top row: picture of an unseen rendered room, the mean depth image, and the coarse prediction. Bottom row: the true depth and the two signed errors."}, "figure": {"caption": "An unseen rendered room. The mean depth image, the coarse network's answer, and the logarithmic error of both: blue too near, red too far. The scale of the depths is that of the truth; what is farther than its farthest has the darkest colour."}}
predictions = {"mean depth image": mean_map[0], "coarse network": y[0]}
plots.compare(test["rgb"][0], predictions, test["depth"][0])

# %% [markdown]
# The mean image is the same for every room: near at the bottom, far in the middle. This room is smaller than the average, and the mean image far too deep for it. Look for what the network adds that the mean
# cannot know: which side the near wall is on, how far the back wall is. And look for what it lacks: nothing in the room has an
# outline.
#
# ### 4. What if it turns into NaN?
#
# NaN, "not a number", comes from ∞ − ∞ or 0/0, and everything it touches becomes NaN. Let us provoke it, or the ∞ that
# comes before it, with plain gradient descent and ten thousand times the paper's highest rate, in a folder that is thrown
# away.

# %%
from depthlib.errors import DepthError

wild = {
    "optimiser": "sgd",
    "rates": {"coarse": 1000.0},
    "samples": 80,
    "validate_every": 0,
}
wild = {f"phases.0.{key}": value for key, value in wild.items()}
careless = load_recipe("eigen-rooms", "smoke", **wild)
with tempfile.TemporaryDirectory() as folder:
    try:
        train(careless, out=folder, progress=False)
    except DepthError as error:
        print(str(error).replace(folder, "RUN"))
    else:
        raise AssertionError("this training should have diverged")

# %% [markdown]
# The library does not go on. It names the step and the samples, and saves the batch, so that you can look at it. Ask
# first whether the *same samples* fail at a sensible rate. If they do, their depth is damaged. If they train well at a
# tenth of the rate, the rate is at fault. In a loop that does not check, the first NaN gradient makes every weight NaN, and the
# network predicts NaN for ever after, without any message.
#
# ## The templates of the last layer
#
# Each of the units of layer 6 multiplies one picture of 55×74 weights, a *template*, and the output is the sum of all
# templates plus the bias. Figure 2 of the paper shows such templates, sorted by their length
# $\lVert w \rVert = \sqrt{\sum_i w_i^2}$; the authors see wall positions and doorways in them {cite}`eigen2014`. Theirs are a
# uniform choice among all; ours below are the longest, which are the smoother ones, as you will measure.
#
# **Predict first.** A template that many rooms need is used often and grows. Will the largest ones show details, or
# something broad?

# %% mystnb={"image": {"alt": "Twenty-four templates of the last layer as small maps in red for farther and blue for nearer."}, "figure": {"caption": "The 24 longest templates of the last layer after training on rendered rooms, longest first. Red pushes farther, blue nearer; each on its own scale. Compare Figure 2 of the paper."}}
weight = run.model.coarse.full7.weight  # [4070, units]: one column a unit
plots.templates(weight.T, GEOMETRIES["nyu"].output)

# %%
maps = weight.detach().T.reshape(-1, 1, 55, 74)
maps = maps[maps.flatten(1).norm(dim=1).argsort(descending=True)]
groups = {"24 longest": maps[:24], "24 shortest": maps[-24:]}
groups["noise"] = torch.randn(24, 1, 55, 74)
for name, group in groups.items():
    step = group.diff(dim=-1).square().mean((1, 2, 3))
    rough = (step / (2 * group.square().mean((1, 2, 3)))).sqrt()
    print(f"roughness of {name:12s} {rough.mean():.2f}")

# %% [markdown]
# *Roughness* compares each pixel with its right neighbour: 0 for a flat map, about 1 for noise. The long templates are
# the smoother ones: sides of a room, a floor that comes nearer, a back wall that recedes. The short ones are still close to the
# noise they started from; training hardly used them. What rendered rooms teach here, boxes with four walls, is poorer
# than what 120,000 photographs of homes and shops teach, and so are the templates. The blurred outlines in every coarse map
# come from here: a network that knows an edge only roughly makes the smallest error by spreading it out, and its templates
# become smooth for that reason.
#
# ## On real photographs: NYU Depth v2
#
# Rendered rooms are a place to learn. The question of the paper is NYU Depth v2 {cite}`silberman2012`. These networks
# have the paper's full width. One starts from random weights, one from a training on rendered rooms; both then see the
# 795 labelled training images, the second for about half as many samples, and are scored on the 654 test images under the
# protocol `eigen14`. It scores the pixels of a rectangle in the middle of the picture. Which one, the paper does not say; we
# took the one in which the mean depth image gets the figures that the paper prints for it (see [the experiments](eigen_experiments)), and scored true maps of half size, 240×320. All pixels of all images go into one mean. SqRel
# is the mean of $(y_i - y_i^*)^2 / y_i^*$, RMSE log the root of the mean of $d_i^2$. This page does not need the data: it quotes `results/eigen-nyu/cpu-0.json` and
# `results/eigen-nyu-from-rooms/cpu-0.json`, one seed each.
#
# | | mean depth image | ours, from random weights | ours, from rooms | published, coarse |
# |---|---|---|---|---|
# | δ < 1.25 | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.delta1::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f` | .618 {cite}`eigen2014` |
# | δ < 1.25² | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.delta2::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.delta2::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.delta2::.3f` | .891 {cite}`eigen2014` |
# | δ < 1.25³ | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.delta3::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.delta3::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.delta3::.3f` | .969 {cite}`eigen2014` |
# | AbsRel | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.abs_rel::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.abs_rel::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.abs_rel::.3f` | .228 {cite}`eigen2014` |
# | SqRel | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.sq_rel::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.sq_rel::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.sq_rel::.3f` | .223 {cite}`eigen2014` |
# | RMSE (m) | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.rmse::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.rmse::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.rmse::.3f` | .871 {cite}`eigen2014` |
# | RMSE log | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.rmse_log::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.rmse_log::.3f` | .283 {cite}`eigen2014` |
# | scale-invariant | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.scale_invariant_rmse::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.scale_invariant_rmse::.3f` | {result}`eigen-nyu-from-rooms/cpu-0::metrics.nyu-test/eigen14.coarse.scale_invariant_rmse::.3f` | .221 {cite}`eigen2014` |
#
# Higher is better in the first three rows, lower in the others. Is the network that started from random weights better
# than the mean depth image, which never looked at a picture? The library keeps the errors of both on every photograph. The 654 photographs come from 124 places, each a room or a few. We draw places at random, again and again, and compare the
# two each time: 95 of 100 draws fall into the *interval* that the cell prints ([chapter 7](evaluation) explains how and why). The *median* depth image, just as blind, is the harder rival in AbsRel.

# %%
figures = ("scale_invariant_rmse", "abs_rel", "delta1")
errors = {
    name: gallery.per_image(f"eigen-nyu/{name}")
    for name in ("coarse", "mean", "median")
}
for blind in ("mean", "median"):
    print(f"network − {blind} depth image; a mean over photographs")
    for key in figures:
        pair = [torch.from_numpy(errors[name][key]) for name in ("coarse", blind)]
        low, high = paired_interval(*pair, scenes=gallery.scenes())
        gap = (pair[0] - pair[1]).mean()
        print(f"   {key:20s} {gap:+.3f}   95 %: {low:+.3f} to {high:+.3f}")

# %% [markdown]
# An error that falls is negative, a share that rises positive, and no interval contains zero. (The scale-invariant error is here a mean over photographs, in the table the root of a mean of squares.) A gain over the mean image alone would not prove that the network looks, since in AbsRel the median image has one, too. But the network gains over both,
# and in the scale-invariant error, which no wrong scale can flatter or spoil, both blind images are alike ({result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.scale_invariant_rmse::.3f` and {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.median.scale_invariant_rmse::.3f` in the pool), and the network is not
# ({result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.scale_invariant_rmse::.3f`). It looks at the pictures. (Beware of AbsRel alone. It charges a prediction that is too near less than one that is too far, and early in
# training these networks err on the near side.)
#
# Now compare the two beginnings. With about half the samples of photographs, the network that had seen rooms reaches, depending on the figure, between seven and nine tenths of the gain
# over the mean image that the other one has. It does not overtake it: one seed each, and no run of equal length, so this says
# nothing for rooms or against them. Both fall short of what more samples give: see below.
#
# The published column is far ahead, and it should be. Five
# large things differ at once, and each has an experiment that would separate it from the others. (Smaller ones: full-size truth there; here sums in 16 bits, first weights
# of {cite:t}`he2015` and a fine network that begins by [handing the coarse map on](fine_network).)
#
# | what differs | theirs {cite}`eigen2014` | ours | the experiment |
# |---|---|---|---|
# | images | 120,000 frames of video | 795 photographs | prepare the raw set; train on 795, 12,000 and 120,000 of it, all else equal |
# | samples seen, both phases | 3.5 M {cite}`eigen2014` | {result}`eigen-nyu/cpu-0::samples_seen::,d` | the same recipe under the profile `gpu`: a first step of it below |
# | first weights | ImageNet classifier; its crops were of 224 pixels from the middle 256, its two hidden layers had dropout, and it missed the object in 18.1 % of its five best guesses; "the difference was not very large", they say {cite}`eigen2014` | random, or rendered rooms | `depthlib pretrain` on a folder of ImageNet's pictures, then `eigen-nyu` with its file as `-p model.options.weights=FILE` |
# | optimiser, its schedule, weight decay | gradient descent with momentum, decay (of which only their published configuration speaks) | Adam, a cosine, none | the recipe `eigen-nyu-paper`, same samples: done, δ < 1.25 falls to {result}`eigen-nyu-paper/cpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f`, behind the mean image, so at this length it is not what we lack (its rates never fall, and were made for longer trainings from ImageNet's weights) |
# | depths | raw, holes left out | filled by the authors of the set | the same recipe with `-p data.options.truth=raw` |
#
# Samples are the cheapest to suspect first: the training above took
# {result}`eigen-nyu/cpu-0::seconds.train::,.0f` seconds on a processor. On a GPU ({result}`eigen-nyu/gpu-0::device::s`, shared with other trainings, {result}`eigen-nyu/gpu-0::seconds.train::,.0f` seconds for both networks) the same recipe saw
# {result}`eigen-nyu/gpu-0::samples_seen::,d` samples, {result}`eigen-nyu/gpu-0::settings.phases.0.samples::,d` of them in the coarse network's phase, which reached δ < 1.25 of {result}`eigen-nyu/gpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f` and a scale-invariant error of
# {result}`eigen-nyu/gpu-0::metrics.nyu-test/eigen14.coarse.scale_invariant_rmse::.3f`, where the table has {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.delta1::.3f` and {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.scale_invariant_rmse::.3f`. Eight times the samples closed about three tenths of the gap in these two figures, and a tenth in RMSE; the paper's coarse network had
# five times as many again. By now each photograph has been seen nearly six hundred times, in both phases together. A network judged
# early carries part of the bias of {eq}`mean-log-s`: it predicts too near. You can tell from the table whether that is
# the main fault. If it were, the scale-invariant row would be close to the published one while RMSE log is not. Both are behind:
# shape is missing as well as size.
#
# ## Recap
#
# - Every size follows from $\lfloor (n + 2p - k)/s \rfloor + 1$. It even shows that the paper's figure draws the wrong
#   pooling.
# - Nineteen twentieths of the parameters are in two fully connected layers. They let every output see the whole picture,
#   and draw it as a sum of blurred templates.
# - Depth divided by $s$ agrees with a step forward on one wall seen straight on, and on floor and side walls; elsewhere it squeezes the world.
# - Overfit one batch; read both curves; compare with the mean depth image; stop at the first NaN.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# KITTI pictures enter the network with 172 rows and 576 columns. Compute the map's size after each pooling, and the number
# of inputs of layer 6. Use {eq}`conv-size`.
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# Rows: the first convolution gives ⌊(172 + 4 − 11)/4⌋ + 1 = 42, the poolings 20, 9 and 4. Columns: ⌊(576 + 4 − 11)/4⌋ + 1 =
# 143, then 71, 35 and 17. Layer 6 sees 4 · 17 · 256 = 17 408 numbers. The next cell asks the network.
# ```

# %% tags=["hide-cell", "nbval-check-output"]
conv = Eigen("kitti", width=0.05).coarse.conv
print(
    tuple(conv(torch.zeros(1, 3, 172, 576)).shape[2:]),
    "=",
    GEOMETRIES["kitti"].features,
)

# %% [markdown]
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Complete `squeezed_angle`: the angle, in degrees, at which two walls meet after depth was divided by `s`, if they met at
# `angle` degrees before and the corner points straight away from the camera. The cell below fails until it is right.
# ```


# %% tags=["raises-exception", "hide-output"]
def squeezed_angle(angle: float, s: float) -> float:
    return angle  # your line here


assert abs(squeezed_angle(90, 1.5) - 112.6) < 0.1, "not yet: the angle depends on s"
assert abs(squeezed_angle(180, 1.3) - 180) < 0.1, "a wall seen straight on stays one"

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# Half of the angle lies on each side of the line of sight. One metre along a wall has the sideways part $\sin(a/2)$ and
# the part $\cos(a/2)$ along the line of sight. Only the second is divided by $s$, so the tangent of the half-angle is
# multiplied by $s$. The hidden cell below runs it.
# ```


# %% tags=["hide-cell"]
def squeezed_angle(angle: float, s: float) -> float:
    return 2 * math.degrees(math.atan(s * math.tan(math.radians(angle / 2))))


assert abs(squeezed_angle(90, 1.5) - 112.6) < 0.1
assert abs(squeezed_angle(180, 1.3) - 180) < 0.1
assert abs(squeezed_angle(90, 1.0) - 90) < 1e-9

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# Somebody shows you a validation loss that fell for the first tenth of the training and is flat since. Which two causes
# would you suspect first, and what would you look at to tell them apart, before you change anything?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# The mean image and a rate that is too high both look like this. Look at *answers*, not at the loss: if the spread from
# room to room is near zero, the network does not look at the picture, and overfitting one batch will say whether it can.
# If the spread is healthy and the training loss jumps about its level, the steps are too long: the same network with a
# tenth of the rate, from the last checkpoint, should drop within a few dozen steps. A third cause is honest: the training
# loss still falls, and then it is overfitting. Changing the rate, the width and the data at once would lower the loss
# perhaps, and leave you without an explanation.
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# The output could also be computed by a convolution over the 6×8 map and an enlargement by interpolation (a weighted mean of the nearest four values), with a twentieth of the
# parameters. What would be lost, and what gained?
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# Lost: the view of the whole picture, unless many layers are stacked, and the learned templates, since an interpolation
# can draw nothing sharper than its 6×8 grid. Gained: the same knowledge at every place (the fully connected
# layers must learn a chair on the left and a chair on the right separately), any input size, and far less to overfit.
# Later networks take this road. They get the global view from many layers, and the sharpness from *skip connections*,
# which hand early, detailed feature maps directly to the layers that draw the output.
# ```
#
# Next: [the fine network](fine_network) sees little, and that little exactly.
