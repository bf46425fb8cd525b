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
# - augment a picture together with its depth, and say for which surfaces the recipe is exact;
# - tell a training that works from three that do not: a bug, a mean image, a NaN.
#
# **You need** the profile `cpu`: about three minutes on two cores after the shared training run (recipe `eigen-rooms`, a
# quarter of an hour the first time, then loaded from disk), 2 GB of memory, no GPU, no download. The profile `smoke` runs
# everything in seconds with a network too small and too briefly trained to be any good.
#
# If *convolution*, *gradient* or *overfitting* are new words, read [the primer](primer) first: twenty minutes.

# %% tags=["remove-cell"]
import importlib.util, subprocess, sys  # noqa: E401

if importlib.util.find_spec("depthlib") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "depthlib-course[plots]"], check=True)

# %% tags=["hide-input"]
import dataclasses, inspect, math, tempfile  # noqa: E401

import matplotlib.pyplot as plt
import torch
from torch import nn

from depthlib import augment, camera, plots
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
# to let **every output pixel depend on every input pixel**. It answers roughly, and for the whole picture at once. That
# is what *coarse* means here. [The next chapter](fine_network) adds a second network that repairs the edges.
#
# The input is a picture of 228 rows and 304 columns. The output is a map of 55 rows and 74 columns. Each output number is
# the **natural logarithm of a depth in metres**, because [the loss](scale_invariant_loss) compares logarithms.

# %% tags=["nbval-check-output"]
model = Eigen("nyu").eval()  # the paper's full width, fresh random weights
model.begin_phase("coarse")  # answer with the coarse network alone
picture = torch.zeros(1, 3, 228, 304)
log_depth = model(picture)
print(tuple(picture.shape), "→", tuple(log_depth.shape))

# %% [markdown]
# `begin_phase("coarse")` chooses which of the two networks answers. The four numbers are batch, channels, rows and
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
# Now ask the network itself. A *forward hook* is a function that PyTorch calls after a layer has run; ours writes down
# what came out.

# %% tags=["nbval-check-output"]
sizes = []
kinds = (nn.Conv2d, nn.MaxPool2d, nn.Linear)
hooks = [
    layer.register_forward_hook(lambda _, __, out, name=name: sizes.append((name, tuple(out.shape[1:]))))
    for name, layer in model.coarse.named_modules()
    if isinstance(layer, kinds)
]
model(picture)
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
print([ours == theirs for ours, theirs in zip(pooled, published.values(), strict=True)])
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
# | after layers 1 and 2 | not mentioned | local response normalisation, as in {cite:t}`krizhevsky2012` |
# | before layer 6 | not mentioned | features are multiplied by 0.01 |
# | input | not mentioned | colours from 0 to 255, minus 128 |
# | output | log depth | log depth in units of 0.45723134, its standard deviation over the training set |
#
# You can settle the first row with nothing but {eq}`conv-size`. Replace the pooling and see whether the published sizes
# come out.

# %% tags=["nbval-check-output"]
for window in (2, 3):
    variant = Features()
    variant.pool = nn.MaxPool2d(window, stride=2)
    print(f"pooling {window}×{window}: layer 5 gives", tuple(variant(picture).shape[2:]), "· published (6, 8)")

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
# Every hidden layer ends in `relu(x) = max(x, 0)`. The last layer does not: a logarithm may be negative, for anything
# nearer than one metre.
#
# ## The diagram
#
# **Predict first.** You are about to see each map drawn with its true height and width, and with a thickness that stands
# for its channels. Where is the narrowest place, the one through which all that is known of the picture must pass?

# %% mystnb={"image": {"alt": "Boxes from left to right: a tall, thin box for the image, boxes that become smaller in height and thicker in channels, a thin vertical line for the 4096 units of layer 6, and a mid-sized thin box for the output map."}, "figure": {"caption": "The coarse network at full width. Height of a box: rows of the map. Thickness: channels (logarithmic). Layer 6 has no rows and columns any more."}}
stages = [("image", (3, 228, 304))] + [(n, s) for n, s in sizes if "pool" in n or n.startswith("full")]
stages.insert(3, next(entry for entry in sizes if entry[0] == "conv.conv4"))
names = ["image", "1", "2", "3 – 4", "5", "6", "7: output"]
stages[-1] = ("full7", (1, 55, 74))
figure, axes = plt.subplots(figsize=(plots.WIDTH, 2.9), layout="constrained")
left = 0.0
for name, (_, size) in zip(names, stages, strict=True):
    channels, rows, columns = size if len(size) == 3 else (size[0], 2, 1)
    thick = 0.9 * math.log2(channels + 1) if len(size) == 3 else 0.8
    axes.add_patch(plt.Rectangle((left, -rows / 2), thick, rows, color=plots.PALETTE[1 if len(size) < 3 else 0], alpha=0.75))
    text = f"{rows}×{columns}×{channels}" if len(size) == 3 else f"{channels} units"
    axes.text(left + thick / 2, rows / 2 + 6, f"{name}\n{text}", ha="center", va="bottom", fontsize=8)
    left += thick + 5.5
axes.set(xlim=(-4, left), ylim=(-125, 165))
axes.axis("off")
plt.close(figure)
figure

# %% [markdown]
# The smallest box is layer 5, yet it still holds 6 · 8 · 256 = 12 288 numbers. The narrowest place is layer 6: 4096
# numbers, in no spatial order at all. From these the output is drawn *larger* again, 55×74, with no upsampling by rule.
# Each output pixel is its own weighted sum of the 4096. That has a consequence you will see at the end: the network draws
# every room out of 4096 fixed pictures.
#
# ## Where the parameters are
#
# **Predict first.** Five convolutional layers, two fully connected ones. What share of the parameters is in the
# convolutions: a half, a tenth, a twentieth?

# %% tags=["nbval-check-output"]
parts = {"convolutions 1-5": model.coarse.conv, "full 6": model.coarse.full6, "full 7": model.coarse.full7}
counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
total = sum(counts.values())
for name, count in counts.items():
    print(f"{name:17s} {count:11,d}   {count / total:6.1%}")
print(f"{'all':17s} {total:11,d}")

# %% [markdown]
# A twentieth is closest. A convolution reuses its small window everywhere; layer 6 has one weight for each pair of a
# feature and a unit, 12 288 · 4096 of them. This is why the paper's recipe is what it is: the convolutions can be learned
# beforehand on ImageNet, but the fully connected 95 % must be learned from depth maps, and so they get dropout, many
# images and much augmentation.
#
# ## What the network is asked for
#
# The output grid is four times coarser than the input, and covers the 220×296 pixels in its middle. The target takes
# **every fourth pixel** of the true depth. It does not average: halfway between a chair at one metre and a wall at three
# there is nothing at two metres.

# %% tags=["nbval-check-output"]
stripes = torch.full((1, 1, 228, 304), 1.0)
stripes[..., 152:] = 3.0  # a step from one metre to three
target, mask = model.target(stripes)
print(tuple(target.shape), "depths in the target:", target.exp().unique().round(decimals=3).tolist())
print("all valid:", bool(mask.all()), "· first row and column taken:", [edge + 1 for edge in model.region[:2]])

# %% [markdown]
# Only 1 and 3 m occur. `mask` is false where depth is missing, and the loss leaves such pixels out.
#
# ## Making more of each picture: augmentation
#
# The paper changes every training picture at random, each time it is seen (§3.4). Five transforms: **scale** by
# $s \in [1, 1.5]$ with depth divided by $s$, **rotation** by up to 5°, a random **crop** to 228×304, a **colour** factor
# from .8 to 1.2 on each channel, and a **flip** with probability one half {cite}`eigen2014`. Let us look at them one by
# one on one rendered room. *Rendered* means made by this library: boxes and cylinders with exact depth, not a photograph.

# %%
rooms = open_dataset("rooms", "train", (240, 320), count=8 if SMOKE else 60, keep=True)
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
made = {name: augment.augment(room, (228, 304), kind, seed=2) for name, kind in one_by_one.items()}

# %% [markdown]
# **Predict first.** In the second column, will the depth colours be brighter (nearer) or darker (farther) than in the
# first?

# %% mystnb={"image": {"alt": "Six versions of one rendered room in a row, each above its depth map: centre crop, scaled by one and a half, rotated, recoloured, mirrored, and all at once."}, "figure": {"caption": "One rendered room under each transform alone, and under all at once. Lower row: depth in metres, one scale for all; grey is missing."}}
plots.contact_sheet([{"rgb": b["rgb"][0], "depth": b["depth"][0]} for b in made.values()], columns=6)

# %%
for name, batch in made.items():
    known = batch["depth"][batch["depth"] > 0]
    print(f"{name:12s} depth {known.min():.2f} … {known.max():.2f} m · missing {(batch['depth'] == 0).float().mean():.1%}")

# %% [markdown]
# Nearer: each depth that survives the crop is two thirds of what it was. The rotated map has missing corners in depth and
# none in colour, where the border is repeated; no depth is invented. Colour leaves depth alone.
#
# ### What dividing depth by $s$ is exact for
#
# Let $X$ be a point's metres to the right, $z$ its depth, and $f$ the focal length in pixels. The pinhole camera (see
# [depth from one image](depth_from_one_image)) puts the point at column $u = fX/z$, counted from the middle.
#
# 1. Enlarge the picture $s$ times. *Every column is multiplied by $s$*: $u' = s f X / z$.
# 2. Read it with the camera the network knows, focal length $f$. *Pull $s$ into the denominator*: $u' = f X / (z/s)$.
#
# So the enlarged picture is what this camera would see if every point kept its $X$ and had the depth $z/s$. Take three
# points at $z$ = 2, 3 and 4 m and $s$ = 1.5. They move to 1.33, 2 and 2.67 m: by 0.67, 1 and 1.33 m. A real camera that
# steps forward moves all three by the *same* amount. One step of $z(1 - 1/s)$ is right for one **fronto-parallel plane**,
# a wall seen straight on at depth $z$. For several depths at once the recipe squeezes the world along the line of sight.
#
# Squeezing bends angles. Two walls that meet at a right angle, each running away from you at 45°, are the worst case. Let
# us render no room for it: two planes are enough, and their normals tell the angle.


# %%
K = camera.from_field_of_view(240, 320, 60)
x = camera.rays(K, 240, 320)[0]
corner = (4.0 / (1 + x.abs()))[None]  # walls z = 4 − |X|: a right-angled corner, 4 m away
for s in (1.0, 1.2, 1.5):
    normal = camera.normals(corner / s, camera.resize(K, s, s) if s == 0 else camera.intrinsics(K[0, 0], K[1, 1], *K[:2, 2]))
    print(s, normal.shape)
