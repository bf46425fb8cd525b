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
# # Sparse to dense: a tenth of the truth
#
# So far the networks had a picture and no depth. Many machines have some of both: a laser that turns on a car's roof measures a few
# lines, a telephone that tracks its own motion knows the depth of a few hundred corners. How far is everything between them?
# {cite:t}`korinevskaya2018`, of whose work we have the slides of a talk (here "the paper" and "the slides" are one thing), answer with a network that is five times as fast as interpolation. Its error is 3.3 times interpolation's in one of their tables for NYU Depth v2 and 1.7 times in another. On this
# page we take the question apart, beat interpolation on both counts, and look for the places where it still wins.
#
# **What you will be able to do**
#
# - thin a depth map in four ways with an exact count, and say which way tells most about a scene;
# - interpolate on triangles by hand, and point at the pixels where it must fail;
# - say why an ordinary convolution misreads a map with holes, and mend it with one division;
# - make a network that cannot depend on the unit of depth, and test that it does not;
# - read a plot of error against time, and a claim such as "quality does not depend on the pattern".
#
# **This page needs** profile `cpu`: a minute on two cores, 2 GB of memory, no GPU, no download. It uses a network of 0.3 MB that comes
# with the library and learned from maps of real rooms. The scene with the motorcycle is real too; rooms on this page are rendered.

# %% tags=["hide-input"]
import inspect

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from scipy.spatial import Delaunay

from depthlib import gallery, plots
from depthlib.checkpoints import load_model
from depthlib.data import open_dataset
from depthlib.data.sampling import sparsify
from depthlib.filling import fill_cross_bilateral, fill_linear, fill_nearest
from depthlib.models.sparse_to_dense import SparseToDense, rough_map
from depthlib.reconstruction import complete
from depthlib.recipe import default_profile

PROFILE = default_profile()
COUNT = 4 if PROFILE == "smoke" else 24
plt.rcParams.update(plots.STYLE)
torch.set_grad_enabled(False)
scene = open_dataset("motorcycle", "test", (240, 320))[0]
truth, picture = scene["depth"][None], scene["rgb"]
PATTERNS = ("uniform", "gradient", "mixed", "grid")

# %% [markdown]
# ## Four ways to look at a tenth
#
# The slides name four patterns, say that the first one keeps 10 % of the pixels, and define none. Ours keep 10 % in each:
#
# - **uniform**: every pixel has the same chance;
# - **gradient**: a pixel's chance grows with the steepness of the depth there, so most samples sit on outlines;
# - **mixed**: half of each;
# - **grid**: rows and columns at even distances, as a sensor with a fixed lattice of beams gives them.
#
# "Ten per cent" should mean one number. If each pixel throws its own dice, the count differs from map to map; every third pixel of every
# third row is 11.1 %. Here a map of 240 × 320 has exactly 7680 samples, in each pattern, unless a grid point falls into a hole.

# %% tags=["nbval-check-output"]
rooms = open_dataset("rooms", "test", (240, 320), count=COUNT, keep=True)
room = rooms[1]["depth"][None]
shown = {pattern: sparsify(room, pattern, 0.1) for pattern in PATTERNS}
for pattern, sparse in shown.items():
    print(f"{pattern:9s} {int((sparse > 0).sum())} of {sparse.numel()}")

# %% [markdown]
# **Predict first.** All four have the same number of samples. From which would you rather guess the rest?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A rendered room and its true depth with a rectangle around a table's end and a shelf; that excerpt as four maps of dots: evenly strewn, crowded along outlines so that table and shelf are drawn, a mixture, and a regular lattice."}, "figure": {"caption": "A rendered room and 7680 samples of it in each pattern, of which an excerpt is shown. Light grey: nothing is known."}}
figure, axes = plt.subplots(2, 3, figsize=(plots.WIDTH, 3.9), layout="constrained")
axes = axes.flatten()
low, high = float(room.min()), float(room.max())
colours = plt.get_cmap(plots.DEPTH_COLOURS).with_extremes(bad="#e4e4e4")
top, left, rows, columns = 95, 190, 75, 100  # the excerpt
axes[0].imshow(rooms[1]["rgb"].permute(1, 2, 0))
axes[0].set_title("picture")
axes[1].imshow(room[0, 0], cmap=colours, vmin=low, vmax=high)
axes[1].add_patch(
    plt.Rectangle((left, top), columns, rows, fill=False, color="white", linewidth=1.5)
)
axes[1].set_title("truth, and the excerpt")
for place, (name, depth) in zip(axes[2:], shown.items(), strict=True):
    part = depth[0, 0, top : top + rows, left : left + columns].numpy()
    drawn = np.ma.masked_equal(part, 0)
    place.imshow(drawn, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    place.set_title(name)
plots.frameless(axes)
plt.close(figure)
figure

# %% [markdown]
# Along the gradient the samples *draw* the room: outlines are there on both of their sides, and what lies between two outlines is mostly
# wall, floor or ceiling, where a few samples come close. The even patterns spend most samples on walls, where one more tells nothing
# new. But someone has to know where the outlines are before measuring, and no sensor does. The gradient pattern is a fine test
# and a poor model of a machine. The grid is the opposite.
#
# ## Interpolation: triangles
#
# The classical answer connects the samples to triangles and lays a flat plate on each. Of all triangulations the **Delaunay** one is
# used: no sample lies inside the circle through the three corners of a triangle, which avoids thin slivers. Inside a triangle
# with corners $a, b, c$ and depths $d_a, d_b, d_c$ (in this chapter $d$ is a depth) a point is a mixture of them with weights that sum to one, and so is its depth:
#
# $$
# p = w_a\,a + w_b\,b + w_c\,c, \qquad d(p) = w_a\,d_a + w_b\,d_b + w_c\,d_c .
# $$ (barycentric)
#
# **By hand.** Corners at $(0,0)$, $(4,0)$ and $(0,4)$ with depths 2, 2 and 4 m. The point $(1, 2)$ has $w_b = 1/4$ (a quarter of the
# way along the first side), $w_c = 2/4$, and $w_a = 1/4$ is what is left. Its depth: $\frac14 \cdot 2 + \frac14 \cdot 2 + \frac24
# \cdot 4 = 3$ m.

# %% tags=["nbval-check-output"]
corners = torch.zeros(1, 5, 5)
corners[0, 0, 0], corners[0, 0, 4], corners[0, 4, 0] = 2.0, 2.0, 4.0
print(f"at row 2, column 1: {fill_linear(corners)[0, 2, 1].item():.3f} m")

# %% [markdown]
# A wall seen from anywhere is flat, though not in *depth* from pixel to pixel (its reciprocal is what runs in a straight
# line; see [depth from one image](depth_from_one_image)). Over the few pixels of a triangle this hardly matters.
#
# **Predict first.** Where will plates on triangles be most wrong?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: an excerpt of a room's depth with the triangles between samples drawn over it. Right: the error of linear interpolation there; it is nearly white, with red and blue patches almost only in triangles that cross an outline."}, "figure": {"caption": "An excerpt of the room with 3 % uniform samples. Left: the triangles over the true depth. Right: error of the plates; blue too near, red too far. The triangles that stand with one foot on each side of an outline make most of it."}}
few = sparsify(room, "uniform", 0.03)
plates = fill_linear(few[0])
jump = F.max_pool2d((room[..., 1:] - room[..., :-1]).abs(), 1)[0, 0]
window = 60
density = F.avg_pool2d(jump[None, None], window, stride=10)[0, 0]
top, left = (10 * int(i) for i in divmod(int(density.argmax()), density.shape[1]))
part = (slice(top, top + window), slice(left, left + window))
v, u = np.nonzero(few[0, 0].numpy())
mesh = Delaunay(np.stack((u, v), 1))
figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.3), layout="constrained")
axes[0].imshow(room[0, 0], cmap=plots.DEPTH_COLOURS)
axes[0].triplot(u, v, mesh.simplices, color="white", linewidth=0.7)
axes[0].plot(u, v, ".", color="#d55e00", markersize=4)
wrong = plots.log_ratio(plates, room[0])
drawn = axes[1].imshow(wrong, cmap=plots.ERROR_COLOURS, vmin=-0.5, vmax=0.5)
for place in axes:
    place.set(
        xlim=(left, left + window), ylim=(top + window, top), xticks=[], yticks=[]
    )
    place.grid(visible=False)
figure.colorbar(drawn, ax=axes[1], label="log(prediction / truth)", fraction=0.046)
plt.close(figure)
figure

# %% [markdown]
# Let us count. A triangle stands across an outline if its corners' depths differ by more than a tenth; which triangle is a pixel in?

# %%
feet = few[0, 0].numpy()[v, u][mesh.simplices]  # the three depths of each triangle
across = feet.max(1) / feet.min(1) > 1.1
rows, columns = np.indices(room.shape[-2:])
inside = mesh.find_simplex(np.stack((columns, rows), -1))  # -1 outside of all
edge = torch.from_numpy((inside >= 0) & across[inside])
squares = (plates - room[0])[0].square()
print(f"triangles across an outline cover {edge.float().mean():.0%} of the pixels")
print(f"and hold {squares[edge].sum() / squares.sum():.0%} of the squared error")

# %% [markdown]
# A triangle that stands across an outline is a ramp between two surfaces that do not touch. RMSE squares, and so it sees
# little but those ramps. **To beat interpolation is to decide, inside such a triangle, where the outline runs.** Samples farther
# away tell: an outline usually goes on in the direction in which it came.
#
# ## Why an ordinary convolution stumbles
#
# A network for pictures would take the sparse map as it is, with zeros where nothing is known. But 0 is a depth for a convolution like any
# other. Take the plainest one, the mean over a 3 × 3 window, over samples 3 and 5 m and seven holes: $8/9 = 0.9$ m, nearer than both. How
# wrong it is depends on how many holes there are, and that changes from window to window. The remedy is one
# division: average what was measured, and only that. With a mask $m$ (1 where measured) and weights $w$,
#
# $$
# \bar d(p) = \frac{\sum_q w_{q - p}\, m_q\, d_q}{\sum_q w_{q - p}\, m_q} .
# $$ (normalised-convolution)
#
# Two sums of the same window, and their ratio: $(3 + 5)/(1 + 1) = 4$ m. This is **normalised convolution** {cite}`knutsson1993`. The denominator
# is worth keeping: it says how much was measured here, that is, how far the numerator's answer can be trusted.

# %% tags=["nbval-check-output"]
window = torch.zeros(1, 1, 3, 3)
window[0, 0, 0, 1], window[0, 0, 2, 2] = 3.0, 5.0
mask = (window > 0).float()
plain = F.avg_pool2d(window, 3)
share = F.avg_pool2d(mask, 3)
print(
    f"plain {plain.item():.2f} m, "
    f"normalised {(plain / share).item():.2f} m, measured {share.item():.2f}"
)

# %% [markdown]
# ## The network of the slides
#
# {cite:t}`korinevskaya2018` do three things: shrink the sparse map, fill the small one with a *residual* network (one of blocks that each add a correction to their input), enlarge it again with a *sub-pixel* network {cite}`shi2016`, which [the next
# page](super_resolution) takes apart. It learns by
#
# $$ L = L_\text{MSE} + \alpha L_\text{VGG}, $$ (interpolation-loss)
#
# the mean squared difference of the two maps, and that of what a network for photographs, VGG-16, makes of the two in its layer `conv3_1`. For "MSE only leads to smoothing", they say, and "VGG loss preserves details" {cite}`korinevskaya2018`;
# the next page shows why the first half is true.
#
# What was in their drawings is lost in the text that we have, and the words give no sizes. So the recipe `interpolation-nyu` is *one reading* of the slides, and where the tables below say *the slides' network*, this reading is meant. We chose
#
# - a map of a quarter of the size, by a plain mean over 4 × 4 pixels in which holes count as zero. A tenth of the pixels is measured, so the mean is about a tenth of the depth, give or take the luck of each block; the network must learn to undo that;
# - 32 channels and four residual blocks; before them the two other kinds of blocks that the slides name, *projection* (to more channels) and *downsampling*, by which a learned step halves the map once more; depths divided by the mean of the measured ones;
# - maps brought to −1 … 1 for VGG, and $\alpha = 0.001$, for which we did not search;
# - one training of everything together, on NYU. They trained the enlarging part on the rendered roads of SYNTHIA.
#
# ## From coarse to fine: the rough map
#
# Some windows hold no sample at all. Then a larger window helps. Our network begins with a **rough map** that has one value for each block of
# 4 × 4 pixels: the mean of the depths measured in the block. If there are none, it takes the value of the block twice as large around it, and so
# on until something is known {cite}`gortler1996`. Each mean is {eq}`normalised-convolution` with equal weights: in the code, `total / share`.
#
# **Predict first.** The map below is made from ever fewer samples. What will it look like from one pixel in a thousand?

# %%
for line in inspect.getsource(rough_map).splitlines()[9:24]:
    print(line[4:])

# %% [markdown]
# Up (`append`): sums and shares of ever larger blocks, from `BLOCK` = 4 pixels, doubled `LEVELS` times. Down (the last loop): `pushed` is the coarser answer, enlarged; `where` takes it
# only where the block itself knows nothing; the inner loop smooths what was pushed down and leaves what was measured. `middle`, the mean of all samples, is for where even the largest block is empty, and `FINEST` keeps depth above zero.

# %% mystnb={"image": {"alt": "Depth of a motorcycle in a workshop; three rough maps from ten, one and a tenth of a per cent of the pixels, each blurrier than the one before."}, "figure": {"caption": "A real scene {cite}`scharstein2014` and its rough map from ever fewer samples. Grey: no truth is known."}}
rough = {"truth": truth[0]}
for percent in (10, 1, 0.1):
    sparse = sparsify(truth, "uniform", percent / 100)
    rough[f"from {percent:g} %"] = rough_map(sparse, (sparse > 0).float())[0][0]
plots.show(rough, columns=2)

# %% [markdown]
# Even 77 samples lay out the scene: something near in the middle, a wall behind. What is lost is where the one ends and the other begins,
# and no averaging brings it back.
#
# ## What the network adds
#
# The rough map is enlarged to full size and called the *base*. A small encoder and decoder with skips, of the kind of {numref}`fig-unet` (such a network is often called a *U-Net* {cite}`ronneberger2015`), then looks at each
# block, and says for each of its 16 pixels how the base must be corrected, by a number that we call its *step*: 0 leaves the base as it is, 0.1 puts the pixel about 10 % farther. It is shown, for each block,
#
# - `ratios`: of each measured pixel, by what share it departs from the base;
# - `measured`: which of the 16 pixels were measured at all;
# - the rough map divided by the mean of all samples, and the share measured.
#
# Ratios, never metres. And the correction is a factor too: $d = \text{base} \cdot e^{\text{step}}$. At the end the measured depths are written back over the answer. So if all samples are
# multiplied by ten, everything that the network sees stays as it was, and the answer is ten times as large. The property is built in, and needs no training:

# %% tags=["nbval-check-output"]
network = load_model("box/sparse")
sparse = sparsify(truth, "uniform", 0.1)
answer = complete(network, sparse)
for factor in (0.001, 10, 1000):
    same = torch.allclose(
        complete(network, factor * sparse), factor * answer, rtol=1e-3
    )
    print(f"samples times {factor:g}: answer times {factor:g}: {same}")
kept = sparse > 0
print("measured pixels unchanged:", answer[kept].equal(sparse[kept]))
print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters")

# %% [markdown]
# A network that reads metres would need every scale in its training, and a sensor in millimetres would break it. (For a map of
# your own, in any unit, `depthlib complete sparse.png` does what this cell does.)
#
# Working on blocks of 4 × 4 rather than on pixels is what makes it fast: the sixteen pixels become channels (`pixel_unshuffle`), and
# every convolution runs on a sixteenth of the places. [The next page](super_resolution) takes this step apart.
#
# ### How far does it see?
#
# As for [the fine network](fine_network), the gradient tells. The rough map sees everything, so we ask the U-Net alone: which
# measured ratios can change one correction?

# %% tags=["nbval-check-output"]
with torch.enable_grad():
    probe = SparseToDense(width=8)
    for parameter in probe.parameters():
        parameter.data.abs_().add_(1e-3)  # no paths that cancel, none that is dead
    # blocks, of a map of 512 × 640
    seen = torch.rand(1, 34, 128, 160, requires_grad=True)
    probe.network(seen)[0, 0, 64, 80].backward()
field = seen.grad.abs().sum((0, 1)) > 0
rows, columns = (int(field.any(axis).sum()) * 4 for axis in (1, 0))
print(f"{rows} rows and {columns} columns of pixels")

# %% [markdown]
# More than the whole height and width of the maps that it learned from: four sizes, each half of the one before, double the reach of every window.
#
# ## Does it work?
#
# The real scene, from a tenth of its pixels. All four methods were shown the same pixels. *Colour-guided* filling (the cross-bilateral mean of [data sets](datasets)) is allowed to look at the
# picture as well: it averages neighbours that are near and of a similar colour, where the other three know depth alone.

# %%
fillings = {
    "nearest": lambda s, rgb: fill_nearest(s),
    "linear": lambda s, rgb: fill_linear(s),
    "colour-guided": lambda s, rgb: fill_cross_bilateral(rgb, s),
    "network": lambda s, rgb: complete(network, s),
}
answers = {name: fill(sparse[0], picture) for name, fill in fillings.items()}


def rmse(depth, true):
    return (depth - true)[true > 0].square().mean().sqrt().item()


for name, depth in answers.items():
    print(f"{name:14s} RMSE {rmse(depth, truth[0]):.3f} m")

# %% [markdown]
# **Predict first.** The network cannot see the spokes of the wheel in the samples. What will it draw there?

# %% mystnb={"image": {"alt": "The motorcycle and its true depth, and the depth from interpolation and from the network with the errors below: both err along outlines and in the wheels; the network's outlines are smoother."}, "figure": {"caption": "Motorcycle, a tenth of the pixels. Below: the logarithm of answer over truth; blue too near, red too far, grey unknown."}}
plots.compare(picture, {k: answers[k] for k in ("linear", "network")}, truth[0])

# %% [markdown]
# Interpolation frays every outline into teeth, one for each triangle. The network draws the same outlines smooth, because it has
# learned that outlines go on. In the wheels both fail: a spoke is thinner than the distance between samples, and what was not
# measured cannot be filled in without a picture. There the network does what the squared part of its loss (see below) asks for, and answers with a mean of spokes and wall.
#
# One scene is an anecdote. These are all 654 test maps of NYU Depth v2 at 240 × 320, a tenth of the pixels, under `makarov18`
# (RMSE in metres, the mean over maps). Their [holes are filled](datasets) by a method that looks at the picture, and what was filled in is sampled and scored like the rest: perhaps a part of the lead of the last column. All networks were trained by us, on the 795 training maps, ours with the mean absolute error plus the root of the mean square, in metres, as the loss: the slides' (`interpolation-nyu`), ours (`sparse-nyu`) on two cores and, shown four times as many maps, on a GPU; ours gone on with (`sparse-nyu-tuned`, see below); and ours with the picture beside the samples
# (`sparse-nyu-guided`):
#
# | pattern | nearest | linear | the slides' network, as we read it | ours, two cores | ours, a GPU | ours, gone on | with the picture |
# |---|---|---|---|---|---|---|---|
# | uniform | {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.nearest.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.linear.rmse::.4f` | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu/cpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-tuned/cpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.4f` |
# | gradient | {result}`sparse-nyu/gpu-0::metrics.nyu-test/gradient-10pc/makarov18.nearest.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/gradient-10pc/makarov18.linear.rmse::.4f` | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu/cpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-tuned/cpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.4f` |
# | mixed | {result}`sparse-nyu/gpu-0::metrics.nyu-test/mixed-10pc/makarov18.nearest.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/mixed-10pc/makarov18.linear.rmse::.4f` | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu/cpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-tuned/cpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.4f` |
# | grid | {result}`sparse-nyu/gpu-0::metrics.nyu-test/grid-10pc/makarov18.nearest.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/grid-10pc/makarov18.linear.rmse::.4f` | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/grid-10pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu/cpu-0::metrics.nyu-test/grid-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu/gpu-0::metrics.nyu-test/grid-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-tuned/cpu-0::metrics.nyu-test/grid-10pc/makarov18.all.rmse::.4f` | {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/grid-10pc/makarov18.all.rmse::.4f` |
#
# (One seed each.) SSIM goes with it, from interpolation's to the network's: {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.linear.ssim::.3f` → {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.ssim::.3f` (uniform), {result}`sparse-nyu/gpu-0::metrics.nyu-test/grid-10pc/makarov18.linear.ssim::.3f` → {result}`sparse-nyu/gpu-0::metrics.nyu-test/grid-10pc/makarov18.all.ssim::.3f` (grid). For uniform samples the RMSE of `sparse-nyu` differs from interpolation's by
# {result}`sparse-nyu/gpu-0::differences.nyu-test/uniform-10pc/makarov18.all - linear.rmse.value::.4f` m, with a 95 % interval (over single maps: this run is older than the library's [drawing of places](evaluation)) from {result}`sparse-nyu/gpu-0::differences.nyu-test/uniform-10pc/makarov18.all - linear.rmse.low::.4f` to
# {result}`sparse-nyu/gpu-0::differences.nyu-test/uniform-10pc/makarov18.all - linear.rmse.high::.4f` m. Colour-guided filling, which has no network, has {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.cross_bilateral.rmse::.4f` on the uniform samples: worse than plain triangles, although it sees the picture.
#
# The columns differ in more than their names say:
#
# | | maps seen | in a batch | steps | what else |
# |---|---|---|---|---|
# | the slides', as we read it | {result}`interpolation-nyu/cpu-0::samples_seen::,d` | 8 | 2,000 | squared error and VGG's features as the loss; plain Adam at half of our rate, no averaged weights |
# | ours, two cores | {result}`sparse-nyu/cpu-0::samples_seen::,d` | 8 | 12,000 | |
# | ours, a GPU | {result}`sparse-nyu/gpu-0::samples_seen::,d` | 32 | 12,000 | |
# | ours, gone on | {result}`sparse-nyu-tuned/cpu-0::samples_seen::,d` more | 8 | 12,000 more | from "two cores"; half the rate, the mean absolute error counts a quarter, the gradient pattern comes twice as often |
# | with the picture | {result}`sparse-nyu-guided/gpu-0::samples_seen::,d` | 32 | 6,000 | |
#
# - **Four times as many maps** in equally many steps bring less than one might hope: no column changes by more than about a thousandth of a metre, down on the gradient and mixed patterns, up on the grid.
# - **Going on** with another loss and mixture changes as little: not quite a thousandth down on the gradient and mixed patterns, next to nothing on the others. Which of these changes did it, one training cannot say. This is the network in the box. It has become more of a specialist, as the next sections show.
# - **The picture** helps where samples lie far from outlines, on the grid and in uniform draws, and not where the samples sit on the outlines already, after half the steps of its neighbours.
# - **The slides' network** is not behind for want of training alone: in {numref}`fig-patterns` below, ours after 8,000 maps is ahead of triangles on uniform samples of 75 held-out photographs; the slides' network after 16,000 has nearly five times the triangles' error on the 654. As we read the slides it shrinks
#   the map by plain means, and the samples, exact as they are, are never given back.
#
# Each column is one seed, and no second one was run: differences of a thousandth of a metre, which are all those of the first two points, may be luck.
#
# The slides print 0.944 for their network on uniform samples of NYU and, in two tables, 0.286 and 0.54 for interpolation {cite}`korinevskaya2018`. Our
# interpolation has a quarter or a seventh of that. So the images, the size of the maps, their holes or the scoring must differ; one slide counts 2500 samples of NYU {cite}`korinevskaya2018`, so they are not the 654 of the official test part. Scoring the same maps at both
# sizes, once with the filled holes and once without, would tell how much is due to the rest. (Even of their own network the slides have two results: 0.944 in one table, 0.958 in the other {cite}`korinevskaya2018`.)
#
# ### Does quality depend on the pattern?
#
# "Quality is independent to sparse depth values distribution" {cite}`korinevskaya2018`. Here are the slides' own numbers, RMSE in whatever unit each set was scored in:
#
# | published {cite}`korinevskaya2018` | uniform | gradient | mixed | grid | largest / smallest |
# |---|---|---|---|---|---|
# | NYU, their network | .944 | .971 | .964 | .973 | 1.03 |
# | NYU, interpolation | .54 | .62 | .35 | .69 | 1.97 |
# | NYU, the network of {cite:t}`ma2018` | .285 | 1.489 | .277 | .445 | 5.38 |
# | SYNTHIA, their network | 251.7 | 260.4 | 252.6 | 252.5 | 1.03 |
# | SYNTHIA, interpolation | 52.1 | 54.9 | 46.1 | 71.7 | 1.56 |
# | Matterport3D, their network | 4.197 | 4.477 | 4.225 | 4.280 | 1.07 |
# | Matterport3D, interpolation | 4.494 | 5.530 | 4.513 | 4.996 | 1.23 |
#
# **Predict first.** The claim holds in the rows of their network. What would you look at before you call it a virtue?
#
# The *level*. Their network is the steadiest in RMSE, and far from the best: on SYNTHIA its error is three and a half to five and a half times that of interpolation. And a method is steadiest when its error comes from *elsewhere*: if shrinking and enlarging blur every
# outline by several pixels, then where the samples sit makes no difference to that blur. (In relative error it is not that steady: from .576 to .755 on SYNTHIA {cite}`korinevskaya2018`.) On Matterport3D it wins in every pattern, "due to noisy data" {cite}`korinevskaya2018`, as they say: a blur removes noise as well.
#
# That is a guess, and a guess can be tested. Our reading of *their* network shrinks the map to a quarter of its rows and columns. If the blur of that is what hides the pattern, the same network with a map of *half* the size (recipe `interpolation-nyu-half`) must err less and depend on the pattern *more*.
#
# **Predict first.** Will it?
#
# | RMSE (m), one seed each | uniform | gradient | mixed | grid |
# |---|---|---|---|---|
# | a quarter of the size | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.3f` | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.3f` | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.3f` | {result}`interpolation-nyu/cpu-0::metrics.nyu-test/grid-10pc/makarov18.all.rmse::.3f` |
# | half of the size | {result}`interpolation-nyu-half/cpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.3f` | {result}`interpolation-nyu-half/cpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.3f` | {result}`interpolation-nyu-half/cpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.3f` | {result}`interpolation-nyu-half/cpu-0::metrics.nyu-test/grid-10pc/makarov18.all.rmse::.3f` |
#
# Its error is a half to a quarter of the other's, so shrinking was most of its error. But it depends on the pattern *less*: the worst pattern has 1.2 times the RMSE of the best, where it had 1.7 times. So for our reading the guess is wrong, and another one is left: a plain mean over a block, holes counted as zeros, says how many of its pixels were measured as much as how far they are,
# and that changes with the pattern. (To test it, divide by what was measured. And the slides give no sizes, so none of this is a finding about *their* network.) Whoever errs little shows the pattern most: in the columns of interpolation and of our networks the worst pattern has from two to 2.6 times the RMSE of the best.
#
# Note also the direction. In the slides the gradient pattern is worse than the uniform one in every row; in our table it is the best for interpolation and our networks, with less than half of the uniform pattern's error, and second worst for our reading of theirs. Noise could be a reason: a steep place in a noisy map is often
# noise, and then this pattern collects it. But SYNTHIA is rendered and has none. So perhaps "along gradient" was another thing than ours: the gradient of the *picture*, say, where a method that tracks a moving camera by its picture finds its points. The slides do not tell.
#
# ### And does it matter what a network has met?
#
# Ours was shown all four patterns. Five short runs tell what that costs and buys: four networks that met one pattern each, and one that met all, alike in everything else
# (recipe `sparse-nyu-patterns`, 8,000 maps seen, of the 720 training photographs, one seed), scored on the 75 that were held out.
#
# **Predict first.** Which is worse: a network that knows only the grid and is shown samples along outlines, or the other way round?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A table of six rows, the pattern that a network was trained on and at the bottom triangles, and four columns, the pattern that is shown, with the RMSE in each cell; most cells off the diagonal are darker, the two of the grid's network shown the gradient and the mixed pattern darkest of all, at the end of the scale, and the row of all patterns is pale throughout."}, "figure": {"name": "fig-patterns", "caption": "RMSE in metres of networks that were trained on one pattern (rows; the fifth on all four) and shown another (columns), and at the bottom of plain triangles, on 75 held-out photographs of NYU Depth v2. Colour: times the smallest RMSE of the column. From `results/sweeps/sparse-nyu-patterns.json`."}}
runs = gallery.report("sweeps/sparse-nyu-patterns")["runs"]
places = [f"nyu-validation/{pattern}-10pc/makarov18" for pattern in PATTERNS]
scores = np.array([[r["metrics"][p]["all"]["rmse"] for p in places] for r in runs])
met = [
    "all four" if len(m) == 4 else m[0]
    for m in (run["parameters"]["observe.options.patterns"] for run in runs)
]
plain = [runs[0]["metrics"][p]["linear"]["rmse"] for p in places]
scores, met = np.vstack([scores, plain]), [*met, "(triangles)"]
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.9), layout="constrained")
drawn = axis.imshow(scores / scores.min(0), cmap="Blues", vmin=1, vmax=2, aspect="auto")
for (i, j), value in np.ndenumerate(scores):
    axis.text(
        j,
        i,
        f"{value:.4f}",
        ha="center",
        va="center",
        color="white" if value > 1.6 * scores[:, j].min() else "black",
    )
axis.set(
    xticks=range(4),
    xticklabels=PATTERNS,
    yticks=range(len(met)),
    yticklabels=met,
    xlabel="shown",
    ylabel="trained on",
)
axis.grid(visible=False)
figure.colorbar(drawn, ax=axis, label="times the best", extend="max")
plt.close(figure)
figure

# %% [markdown]
# Each specialist is the best network on its own pattern, by two or three thousandths of a metre, four times of four. The way from grid to outlines is by far the worse one: whoever has only met samples at even
# distances takes a crowd of them on an outline for something else, and ends with four times the error of plain triangles, which take samples as they come. (Perhaps this is what the row of {cite:t}`ma2018` in the published table shows, with five times the error along the gradient; what that network was trained on the slides do not say.) The other way round costs a fifth. And along outlines triangles are hard to beat: after these short runs no network does, though its own specialist is only a thousandth of a metre behind. The network that met all four is nowhere
# the best and nowhere far from it. If the sensor is known, train for it; if not, mix. (One seed and short runs: any one lead of a few thousandths may be luck; the factors are not.)
#
# ## How few are enough?
#
# **The question for the slider:** at which density does the network's lead over plain triangles end, and what is lost first, the outlines or the layout?

# %% tags=["hide-input"]
densities = (10, 3, 1, 0.3, 0.1)
maps = {}
for percent in densities:
    few = sparsify(truth, "uniform", percent / 100)[0]
    maps[percent] = {
        "samples": few, "linear": fill_linear(few), "network": complete(network, few),
    }  # fmt: skip
low, high = (float(torch.quantile(truth[truth > 0], q)) for q in (0.0, 0.99))


def panel(depth, number, title):
    values = depth[0, ::2, ::2].numpy().astype(np.float32)
    values = np.where(values > 0, values, np.float32(np.nan))
    axis = "" if number == 0 else str(number + 1)
    return go.Heatmap(
        z=values, zmin=low, zmax=high, colorscale="Viridis_r", name=title,
        showscale=number == 2, colorbar={"title": "m"},
        xaxis=f"x{axis}", yaxis=f"y{axis}", hovertemplate="%{z:.2f} m<extra></extra>",
    )  # fmt: skip


states, layout = {}, {"height": 300}
for percent, three in maps.items():
    few = three["samples"]
    dots = F.max_pool2d(few[None], 2)[0].repeat_interleave(2, 1).repeat_interleave(2, 2)
    titles = (
        f"{int((few > 0).sum())} samples",
        f"linear, {rmse(three['linear'], truth[0]):.3f} m",
        f"network, {rmse(three['network'], truth[0]):.3f} m",
    )
    pictured = (dots, three["linear"], three["network"])
    drawn = [panel(pictured[i], i, titles[i]) for i in range(3)]
    words = [
        go.Scatter(
            x=[80], y=[-8], mode="text", text=[t], xaxis=d.xaxis, yaxis=d.yaxis,
            showlegend=False, hoverinfo="skip",
        )
        for d, t in zip(drawn, titles, strict=True)
    ]  # fmt: skip
    states[f"{percent:g} %"] = drawn + words
for i in range(3):
    name = "" if i == 0 else str(i + 1)
    layout[f"xaxis{name}"] = {
        "visible": False,
        "domain": [i * 0.335, i * 0.335 + 0.325],
        "constrain": "domain",
        "anchor": f"y{name}",
    }
    layout[f"yaxis{name}"] = {
        "visible": False,
        "scaleanchor": f"x{name}",
        "range": [120, -16],
        "anchor": f"x{name}",
    }
plots.slider_figure(
    states, "samples", start=0, layout=layout,
    alt="Motorcycle: samples, linear interpolation and the network, at densities from "
    "ten to a tenth of a per cent; RMSE above each.",
)  # fmt: skip

# %% tags=["hide-input"] mystnb={"image": {"alt": "RMSE against the share of measured pixels on logarithmic axes for nearest, linear and the network; the lines fall together, the network's lead is at the dense end."}, "figure": {"caption": "The same without a slider, for rendered rooms: RMSE (mean over rooms) against the share of pixels that is measured."}}
errors = {name: [] for name in ("nearest", "linear", "network")}
for percent in densities:
    few = [
        sparsify(rooms[i]["depth"][None], "uniform", percent / 100, indices=[i])[0]
        for i in range(COUNT)
    ]
    for name, line in errors.items():
        filled = (fillings[name](sparse, None) for sparse in few)
        each = [rmse(made, rooms[i]["depth"]) for i, made in enumerate(filled)]
        line.append(np.mean(each))
figure, axis = plt.subplots(figsize=(plots.WIDTH, 3), layout="constrained")
for (name, line), colour in zip(errors.items(), plots.PALETTE, strict=False):
    axis.plot(densities, line, "o-", color=colour, label=name)
axis.set(xscale="log", yscale="log", xlabel="pixels measured (%)", ylabel="RMSE (m)")
axis.set_xticks(densities, [f"{d:g}" for d in densities])
axis.set_yticks([0.06, 0.1, 0.2, 0.4], ["0.06", "0.1", "0.2", "0.4"])
axis.minorticks_off()
axis.legend()
plt.close(figure)
figure

# %% [markdown]
# Outlines go first: the spokes were lost at 10 % already, at 1 % the motorcycle has lost its frame, at 0.1 % it is a bump. The layout survives to the end: 77
# samples still know where floor and wall are. The network leads at 10 % and at 3 %, and from 1 % down it is behind. It
# learned from maps with a tenth of their pixels and from nothing else. On rendered rooms, too, the two cross a little above 1 %. On NYU's test maps (one seed each; the last column is the recipe `sparse-nyu-any`, which met five densities in training):
#
# | RMSE (m), uniform samples | linear | ours, two cores | ours, gone on | with the picture | any density |
# |---|---|---|---|---|---|
# | 10 % | {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.linear.rmse::.3f` | {result}`sparse-nyu/cpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-tuned/cpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-any/gpu-0::metrics.nyu-test/uniform-10pc/makarov18.all.rmse::.3f` |
# | 1 % | {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-1pc/makarov18.linear.rmse::.3f` | {result}`sparse-nyu/cpu-0::metrics.nyu-test/uniform-1pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-tuned/cpu-0::metrics.nyu-test/uniform-1pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/uniform-1pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-any/gpu-0::metrics.nyu-test/uniform-1pc/makarov18.all.rmse::.3f` |
# | 0.1 % | {result}`sparse-nyu/gpu-0::metrics.nyu-test/uniform-0_1pc/makarov18.linear.rmse::.3f` | {result}`sparse-nyu/cpu-0::metrics.nyu-test/uniform-0_1pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-tuned/cpu-0::metrics.nyu-test/uniform-0_1pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-guided/gpu-0::metrics.nyu-test/uniform-0_1pc/makarov18.all.rmse::.3f` | {result}`sparse-nyu-any/gpu-0::metrics.nyu-test/uniform-0_1pc/makarov18.all.rmse::.3f` |
#
# So a network that met one density only is not safe at others. What ours gained on the gradient and mixed patterns when it went on, it paid for here. At 0.1 % none that met a tenth alone is clearly ahead of triangles.
# The one for any density is ahead of interpolation in all three rows. It pays at 10 %, and part of the price may be
# that it took a quarter of the steps (as many maps, in batches of 32 and not of 8). Where samples crowd on outlines it is behind interpolation: {result}`sparse-nyu-any/gpu-0::metrics.nyu-test/gradient-10pc/makarov18.all.rmse::.4f` against {result}`sparse-nyu/gpu-0::metrics.nyu-test/gradient-10pc/makarov18.linear.rmse::.4f` (gradient), {result}`sparse-nyu-any/gpu-0::metrics.nyu-test/mixed-10pc/makarov18.all.rmse::.4f` against {result}`sparse-nyu/gpu-0::metrics.nyu-test/mixed-10pc/makarov18.linear.rmse::.4f` (mixed).
#
# ## Error against time
#
# The paper's best argument is speed: 200 maps a second against 40 for interpolation, and 5 for a network that guesses from the picture alone {cite}`korinevskaya2018`. So let us plot both. The figures
# come from one run of `benchmarks/reconstruction.py` on two processor cores, real maps of NYU Depth v2, a tenth of the pixels. All were given both cores, and not all can use them: SciPy's triangulation has one thread.

# %% tags=["hide-input"] mystnb={"image": {"alt": "A scatter plot of error against milliseconds a map, both logarithmic. The compiled network is at the lower left, the network without compiling a little to its right, interpolation in the middle and a little higher, nearest left and higher still, the slides' network left and highest, the colour-guided filling farthest right."}, "figure": {"name": "fig-speed-error", "caption": "Error and time of each method for one map after another of 240 × 320 on two cores. Dots: no network. Squares: networks, the slides' as read and trained here (its error is of all 654 test maps, the others' of 32 of them); *compiled* means translated for this processor once, before the first map."}}
bench = gallery.report("benchmarks/reconstruction")
figure, axis = plt.subplots(figsize=(plots.WIDTH, 3.4), layout="constrained")
for name, row in bench["sparse"].items():
    if "rmse_m" in row:
        learned = "network" in name or "published" in name
        axis.plot(
            row["ms"],
            row["rmse_m"],
            "s" if learned else "o",
            color=plots.PALETTE[learned],
            markersize=7,
        )
        below = "compiled" in name
        axis.annotate(
            name.replace("published", "the slides' network"),
            (row["ms"], row["rmse_m"]),
            xytext=(6, -13 if below else 5),
            textcoords="offset points",
            fontsize=9,
        )
axis.set(
    xscale="log",
    yscale="log",
    xlabel="milliseconds a map",
    ylabel="RMSE (m)",
    xlim=(2, 2500),
)
axis.set_yticks([0.05, 0.1, 0.2, 0.4], ["0.05", "0.1", "0.2", "0.4"])
axis.set_xticks([3, 10, 30, 100, 300, 1000], ["3", "10", "30", "100", "300", "1000"])
axis.minorticks_off()
plt.close(figure)
figure

# %% [markdown]
# Lower left is better. The network takes
# {result}`benchmarks/reconstruction::sparse.network, compiled.ms::.1f` ms a map when compiled and
# {result}`benchmarks/reconstruction::sparse.network.ms::.0f` ms when not; interpolation
# {result}`benchmarks/reconstruction::sparse.linear (SciPy).ms::.0f` ms. That is
# {result}`benchmarks/reconstruction::sparse.network, compiled.times_faster_than_linear::.0f` times as fast ({result}`benchmarks/reconstruction::sparse.network.times_faster_than_linear::.0f` times without compiling), on two cores where interpolation uses one, and
# {result}`benchmarks/reconstruction::sparse.network, compiled.maps_per_second::.0f` maps a second on two cores of a processor; the slides' 200 come without a word on the hardware. Their network, as we read it, takes
# {result}`benchmarks/reconstruction::sparse.published, compiled.ms::.1f` ms compiled; its error, {result}`benchmarks/reconstruction::sparse.published, compiled.rmse_m::.2f` m after its short training (on all 654 test maps, where the others' is on 32 of them), is the largest of all. Triangulating 7680 points is work that no interpolation on triangles can avoid. The network does the same
# {result}`benchmarks/reconstruction::sparse.network, compiled.ms::.1f` ms of work whatever the samples are.
# Beside its weights it takes {result}`benchmarks/reconstruction::sparse.network.memory_mb::.0f` MB of memory, interpolation {result}`benchmarks/reconstruction::sparse.linear (SciPy).memory_mb::.0f`
# and compiling {result}`benchmarks/reconstruction::sparse.network, compiled.memory_mb::.0f`, once.
#
# ```{admonition} How to be compared fairly
# :class: tip
# Times on one machine differ by a factor of two with its clock and its other work. So all rivals ran in one process and took turns,
# {result}`benchmarks/reconstruction::rounds::d` rounds; the factor is the median over rounds of linear's time over the network's *in the same round*. Beware of half a
# comparison: a network on a graphics card against SciPy on one core says more about the card; and of our own factor, up to two is the second core's.
# ```
#
# ## Where it fails
#
# Three ways to ask for trouble:
#
# - **samples in one corner only.** Beyond them nothing is known, and a map of a known corner and an invented rest looks just as smooth;
# - **wrong samples.** The network promises to leave measured pixels as they are, so an outlier stays, and colours its neighbourhood;
# - **another world.** It has seen rooms only. Here is a road.
#
# **Predict first.** Which of the three will show in the picture as an obvious error?

# %% mystnb={"image": {"alt": "Three pairs of truth and answer: a room of which only a corner was measured, filled with a constant; a room with outliers, with spots around them; a road, mostly right but ragged far away."}, "figure": {"caption": "Above: the truth. Below: what the network answers from samples in the upper left quarter (inside the white line), from samples of which one in a hundred is 30 % too near, and on a rendered road."}}
road = open_dataset("roads", "test", (240, 320), count=1)[0]["depth"][None]
corner = sparsify(room, "uniform", 0.1)
corner[..., 120:, :] = 0
corner[..., 160:] = 0
noisy = sparsify(room, "uniform", 0.1)
dice = torch.rand(noisy.shape, generator=torch.Generator().manual_seed(0))
noisy = torch.where(dice < 0.01, 0.7 * noisy, noisy)
few = sparsify(road, "uniform", 0.1)
cases = {"one corner": (room, corner), "outliers": (room, noisy), "a road": (road, few)}
figure, axes = plt.subplots(2, 3, figsize=(plots.WIDTH, 4.4), layout="constrained")
for column, (name, (true, seen)) in zip(axes.T, cases.items(), strict=True):
    made = complete(network, seen)
    near, far = float(true[true > 0].min()), float(true.max().clamp_max(30))
    scale = {"vmin": near, "vmax": far, "cmap": plots.DEPTH_COLOURS}
    for place, depth in zip(column, (true, made), strict=True):
        drawn = place.imshow(np.ma.masked_equal(depth[0, 0].numpy(), 0), **scale)
    figure.colorbar(drawn, ax=column, location="bottom", label="m", aspect=30)
    if name == "one corner":
        column[1].plot((160, 160, -0.5), (-0.5, 120, 120), color="white", linewidth=1.2)
    column[0].set_title(name)
    plates = fill_linear(seen[0])
    print(
        f"{name:10s} RMSE: network {rmse(made, true):.2f} m, "
        f"linear {rmse(plates[None], true):.2f} m"
    )
plots.frameless(axes)
for row, label in zip(axes, ("truth", "network"), strict=True):
    turned = {"rotation": 90, "ha": "right", "va": "center"}
    row[0].text(-0.04, 0.5, label, transform=row[0].transAxes, **turned)
plt.close(figure)
figure

# %% [markdown]
# By RMSE it is no worse than triangles in any of the three; it fails in another way. The outliers leave pimples that anyone sees. The corner is the dangerous one: all the rest of the map is one smooth, invented wall at about the depth of the corner, and nothing in
# the picture warns. A map from few samples should come with a second one that says how far away the nearest sample was; `share` of the rough
# map is a beginning. On the road, which it has never seen, it does well nearby,
# because it works on ratios and outlines look alike everywhere; far away it frays.
#
# ## Recap
#
# - Samples along outlines tell most, and nobody can choose them before measuring. Counts must be exact before patterns can be compared.
# - Interpolation on triangles is right inside surfaces and wrong in triangles that stand across an outline; that is where most of the squared error is.
# - A hole is not a depth of zero: divide by what was measured. From coarse to fine, every hole gets a first answer.
# - Ratios in, a factor out: the answer scales with the samples, whatever the unit.
# - The network beats triangles where samples are as dense as in its training, and far below it may not; one that met many densities beats them on uniform samples at each density that was scored, and not where samples crowd on outlines. A method that does not depend on its input may have its error elsewhere.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# A window of 3 × 3 holds the depths 2, 2 and 6 m, the rest is missing. The weights are 4 in the middle, 2 beside it, 1 at the corners. The first 2 is in the
# middle, the other one in a corner, the 6 beside the middle. What does the normalised convolution answer? What does the plain one, with weights that sum to 1?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# $\frac{4 \cdot 2 + 1 \cdot 2 + 2 \cdot 6}{4 + 1 + 2} = \frac{22}{7} = 3.14$ m. The plain one divides by the sum of all weights, 16, instead: $22/16 = 1.375$ m, nearer than
# any sample.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Complete `normalised` so that it averages known depths over a window of 5 × 5 and gives 0 where the window holds none. The cell fails until it is right.
# ```


# %% tags=["raises-exception", "hide-output"]
def normalised(sparse: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(sparse, 5, stride=1, padding=2)  # your lines here


asked = torch.zeros(1, 1, 9, 9)
asked[0, 0, 1, 1], asked[0, 0, 2, 3], asked[0, 0, 2, 5] = 2.0, 4.0, 9.0
found = normalised(asked.clone())[0, 0]
wanted = ((1, 2), 3.0), ((2, 3), 5.0), ((0, 0), 2.0), ((8, 8), 0.0)
for (
    place,
    mean,
) in wanted:  # of 2 and 4 the mean is 3, with 9 it is 5; or all is missing
    got = float(found[place])
    assert abs(got - mean) < 1e-3, f"at {place}: {mean}, not {got:.3f}"

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# The same window over the depths and over the mask; where the second is 0, so is the first, and any divisor will do. Padding counts as missing in both.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def normalised(sparse: torch.Tensor) -> torch.Tensor:
    total = F.avg_pool2d(sparse, 5, stride=1, padding=2)
    share = F.avg_pool2d((sparse > 0).float(), 5, stride=1, padding=2)
    return torch.where(share > 0, total / share.clamp_min(1e-6), 0.0)


found = normalised(asked.clone())[0, 0]
means = [round(found[place].item(), 3) for place, _ in wanted]
print("right:", means == [3.0, 5.0, 2.0, 0.0])

# %% [markdown]
# ```{admonition} Exercise 3 (code and words)
# :class: exercise
# The network leaves every measured pixel as it is. For a sensor whose samples are wrong by 2 % at random, is that wise? Add such noise to the samples of the
# motorcycle and compare RMSE of network and triangles, then 5 %. Which one should smooth?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# The cell below does it. Even 5 % of noise costs less than the outlines do, so both errors grow slowly and the network keeps its lead; in the flat parts the noise is all that one sees.
#
# Neither promises to smooth: triangles pass through their corners, the network through its samples. With many noisy samples one would rather have a mean of
# neighbours. A network that may *change* measured pixels, trained on noisy samples, would learn how far to trust them; it would give up the promise that what
# was measured stays. Write down which of the two your sensor needs before training anything.
# ```

# %% tags=["hide-cell"]
sparse = sparsify(truth, "uniform", 0.1)
dice = torch.randn(sparse.shape, generator=torch.Generator().manual_seed(0))
for noise in (0.0, 0.02, 0.05):
    shaky = sparse * (1 + noise * dice)
    print(
        f"{noise:.0%} noise: network {rmse(complete(network, shaky), truth):.3f} m, "
        f"triangles {rmse(fill_linear(shaky[0])[None], truth):.3f} m"
    )

# %% [markdown]
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# You may place 300 laser dots on a scene, a second time, after having seen the picture and a first rough map. Where would you put them?
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# Where the answer is most uncertain, not where it is far off: along edges of the picture whose rough depth differs on both sides, in pairs, one dot on each side;
# and inside large areas without any sample. Compare with uniform dots of the same number on rendered rooms, where the truth is free, with an interval over
# rooms. `depthlib.data.sampling` has a pattern that puts samples on corners of the *picture*: start from there.
# ```
#
# Next: [super-resolution](super_resolution), where the samples are a small map, and where a second network plays the critic.
