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
# # Primer: deep learning in twenty minutes
#
# This appendix is for readers who know Python and have never trained a network. It has what the chapters take for
# granted, and nothing else. Every idea comes with three numbers or one small picture.
#
# **What you will be able to do**
#
# - read the shape of a tensor, and say what each of its four numbers means;
# - take a step of gradient descent by hand, and recognise a learning rate that is too big;
# - compute a convolution on paper, and say how far a stack of them sees;
# - tell learning from memorising by looking at two curves.
#
# **This page needs** 15 s on two CPU cores (with any *profile*: how much work a page does; this one does little), 1 GB
# of memory, no GPU and no download. The pictures are rendered rooms, not photographs.

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from depthlib import plots
from depthlib.data import open_dataset
from depthlib.sample import collate

plt.rcParams.update(plots.STYLE)
rooms = open_dataset("rooms", "train", size=(96, 128), count=4)
room = rooms[0]

# %% [markdown]
# ## Tensors
#
# A **tensor** is a block of numbers with a **shape**: how many numbers there are along each direction. One number has
# the shape `()`, a row of five `(5,)`, a table `(rows, columns)`. A colour picture needs three tables, for red, green and
# blue; they are called **channels** and come first.

# %% tags=["nbval-check-output"]
batch = collate([rooms[i] for i in range(4)])  # four samples become one batch
print("picture:", tuple(room["rgb"].shape), room["rgb"].dtype)
print("depth     :", tuple(room["depth"].shape), room["depth"].dtype)
print("a batch   :", tuple(batch["rgb"].shape))

# %% [markdown]
# Read the last line aloud: 4 pictures, of 3 channels, of 96 rows, of 128 columns. In this book it is always that order,
# written `[B, C, H, W]`. Depth has one channel, and its numbers are metres. Pictures travel in **batches** because a
# computer is far quicker with four pictures at once than with four times one.
#
# Three operations are used all the time. **Predict** the three shapes before you look.

# %% tags=["nbval-check-output"]
x = batch["rgb"]
print("second picture      x[1]             ", tuple(x[1].shape))
print("mean colour         x.mean((2, 3))   ", tuple(x.mean((2, 3)).shape))
print("one row per picture x.flatten(1)     ", tuple(x.flatten(1).shape))

# %% [markdown]
# Indexing drops the direction that it picks from. A mean drops the directions that it averages over. `flatten(1)` keeps
# the batch and lines the rest up in one long row: $3\cdot 96\cdot 128$ numbers.
#
# Shapes also stretch. `x - x.mean((2, 3), keepdim=True)` subtracts a `[4, 3, 1, 1]` from a `[4, 3, 96, 128]`: a
# direction of length 1 is repeated until it fits. That is **broadcasting**. It is handy, and it hides mistakes: `[5] - [5, 1]`
# is no error but a table of 25 differences. When a result looks odd, print shapes first.
#
# ## Learning is going downhill
#
# Three points: at $x = 0, 1, 2$ we measured $t = 1, 3, 5$. We want a line $y = w x + b$ through them. $w$ (**weight**) and
# $b$ (**bias**) are the **parameters**: the numbers to be learned. You see the answer, $w = 2$, $b = 1$; a machine has to search for it. How wrong a line is, one number must say: the **loss**. To learn is to go downhill in it. Here it is the mean squared error
#
# $$L = \frac13 \sum_{i=1}^{3} (w x_i + b - t_i)^2 .$$
#
# (A **network** is the same on a larger scale: a chain of simple steps, its **layers**, each of which takes a tensor and gives a tensor, with parameters of its own. All of them, biases included, are often called its *weights*.)
#
# **Which way is down?** Differentiate. With the errors $e_i = w x_i + b - t_i$, the chain rule gives
#
# $$\frac{\partial L}{\partial w} = \frac23 \sum_i e_i x_i, \qquad \frac{\partial L}{\partial b} = \frac23 \sum_i e_i .$$
#
# These two slopes together are the **gradient**. It points uphill, so a step goes against it:
# $w \leftarrow w - \eta\, \partial L/\partial w$, and $b$ likewise. The factor $\eta$ ("eta"), by which the slopes are multiplied, is the
# **learning rate**.
#
# *By hand:* start at $w = b = 0$. The errors are $(-1, -3, -5)$ and $L = (1 + 9 + 25)/3 = 35/3$. The slopes are
# $\tfrac23(0 - 3 - 10) = -\tfrac{26}{3}$ and $\tfrac23(-9) = -6$. Both are negative, so both parameters must grow.
#
# For millions of parameters nobody differentiates by hand. `requires_grad` asks torch to remember how the loss came about,
# and `backward()` applies the chain rule backwards through that memory (**backpropagation**):

# %% tags=["nbval-check-output"]
x, t = torch.tensor([0.0, 1, 2]), torch.tensor([1.0, 3, 5])
w, b = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
loss = (w * x + b - t).square().mean()
loss.backward()
print(f"three times the loss  {3 * loss.item():.3f}")
print(f"three times ∂L/∂w     {3 * w.grad.item():.3f}")
print(f"∂L/∂b                 {b.grad.item():.3f}")

# %% [markdown]
# 35, −26 and −6, as on paper. Now take many steps, and keep the way that they went.


# %%
def descend(rate, steps):
    w, b, way = 0.0, 0.0, []
    for _ in range(steps + 1):
        error = w * x + b - t
        way.append((w, b, error.square().mean().item()))
        w = w - rate * 2 / 3 * (error * x).sum().item()  # downhill
        b = b - rate * 2 / 3 * error.sum().item()
    return way


way = descend(rate=0.1, steps=100)

# %% [markdown]
# **Predict first.** Will the line turn first or rise first?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: three points and the fitted line after 0, 1, 3, 10 and 100 steps, approaching the points. Right: the loss on a logarithmic scale falls steeply and then steadily."}, "figure": {"caption": "A line learned by gradient descent, learning rate 0.1. Left: the line after some steps. Right: its loss."}}
figure, (left, right) = plt.subplots(
    1, 2, figsize=(plots.WIDTH, 2.7), layout="constrained"
)
left.plot(x, t, "o", color="black")
for step, colour in zip((0, 1, 3, 10, 100), plots.PALETTE, strict=False):
    left.plot(x, way[step][0] * x + way[step][1], color=colour, label=f"{step} steps")
left.set(xlabel="x", ylabel="y")
left.legend()
right.semilogy([loss for _, _, loss in way], color=plots.PALETTE[0])
_ = right.set(xlabel="step", ylabel="loss")

# %% [markdown]
# Both at once. After three steps the line passes near the first point and is too flat; after ten it is nearly right,
# a little high on the left and a little low on the right. The loss falls steeply at first and then at a slow, steady rate. Think of it as a landscape over all pairs $(w, b)$: here it is a long, narrow valley. The steep part mends what all
# three points agree on; the slow part is the balance between $w$ and $b$, where the valley is long and flat. Training
# curves of real networks look like this, too.
#
# ### The learning rate
#
# **Predict** what happens at learning rates 0.01, 0.1 and 0.45, in thirty steps.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Loss against step on a logarithmic scale for three learning rates: 0.01 falls slowly, 0.1 falls fast, 0.45 rises without limit."}, "figure": {"caption": "The same fit with three learning rates. The upright axis is logarithmic: equal heights are equal factors."}}
figure, axis = plt.subplots(figsize=(5.4, 2.7))
for rate, colour in zip((0.01, 0.1, 0.45), plots.PALETTE, strict=False):
    losses = [loss for _, _, loss in descend(rate, steps=30)]
    axis.semilogy(losses, color=colour, label=f"learning rate {rate}")
axis.set(xlabel="step", ylabel="loss")
_ = axis.legend()

# %% [markdown]
# The big rate does not learn quicker; it does not learn at all. Each step overshoots the bottom of the valley and lands
# higher on the other side, where the slope is steeper and the next step longer. In a large network the same thing ends in
# `NaN` within seconds ("not a number", what ∞ − ∞ gives; whatever it touches becomes NaN, too). So: if the loss explodes, divide the learning rate by ten; if it crawls, multiply by three.
#
# Real training takes each step on a small random batch (**stochastic** gradient descent, SGD), because the gradient of a few
# pictures drawn at random is right on average, if noisy, and far cheaper. **Momentum** adds a part of the last step to the next one; **Adam** also
# gives every parameter its own rate. The step remains: a little, downhill.
#
# ## Convolution
#
# A picture needs no separate rule for each pixel: an edge is an edge anywhere. A **convolution** slides one small set of
# weights, the **kernel**, along the picture. At each place it multiplies the pixels below it by the weights and adds up. (Mathematicians turn the kernel round first, as `np.convolve` does, and call ours a *cross-correlation*; to learned weights it is the same.)
#
# By hand, with the row $(0, 0, 0, 1, 1, 1)$, which goes from dark to bright, and the kernel $(-1, 0, 1)$, which asks
# "right minus left?":
#
# | the kernel lies on | $-1\cdot$left $+ 0\cdot$middle $+ 1\cdot$right | result |
# | --- | --- | --- |
# | pixels 1, 2, 3: (0, 0, 0) | −0 + 0 + 0 | 0 |
# | pixels 2, 3, 4: (0, 0, 1) | −0 + 0 + 1 | 1 |
# | pixels 3, 4, 5: (0, 1, 1) | −0 + 0 + 1 | 1 |
# | pixels 4, 5, 6: (1, 1, 1) | −1 + 0 + 1 | 0 |

# %% tags=["nbval-check-output"]
row = torch.tensor([[[0.0, 0, 0, 1, 1, 1]]])  # [batch, channels, length]
kernel = torch.tensor([[[-1.0, 0, 1]]])  # [outputs, inputs, length]
for options in ({}, {"padding": 1}, {"padding": 1, "stride": 2}):
    print(F.conv1d(row, kernel, **options).flatten().tolist(), options)

# %% [markdown]
# Six pixels make four results: the kernel does not fit at the ends. **Padding** puts zeros round the row so that six
# come out. It also invents an edge where the picture stops: see the −1. **Stride** 2 moves the kernel two pixels at a time and
# halves the length.
#
# On a picture the kernel is a small table, and it slides both ways. **Predict first.** Where will this room light up, under the
# kernel for upright edges and under its transpose?

# %%
grey = room["rgb"].mean(0)[None, None]
upright = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).reshape(1, 1, 3, 3)
edges = [F.conv2d(grey, k)[0, 0] for k in (upright, upright.transpose(2, 3))]

# %% tags=["hide-input"] mystnb={"image": {"alt": "A rendered room beside two maps. The first has red and blue lines at upright edges, the second at level edges."}, "figure": {"caption": "One rendered room and two kernels of nine weights. Red in the middle map: brighter on its right-hand side; in the right map: brighter below; blue: darker there."}}
figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.1), layout="constrained")
axes[0].imshow(room["rgb"].permute(1, 2, 0))
for axis, edge in zip(axes[1:], edges, strict=True):
    axis.imshow(edge, cmap=plots.ERROR_COLOURS, vmin=-1, vmax=1)
for axis, title in zip(
    axes, ("room (rendered)", "upright edges", "level edges"), strict=True
):
    axis.set_title(title)
    axis.axis("off")

# %% [markdown]
# Nine weights, and the outlines of the room appear. Edges of *texture* light up as readily as edges of *things*: a kernel
# cannot tell a plank's grain from the rim of a table. Telling them apart takes more layers.
#
# Here we chose the weights. In a network they are parameters, learned like $w$ and $b$. A layer has many kernels at
# once, and each reads all channels of its input:

# %% tags=["nbval-check-output"]
layer = nn.Conv2d(3, 8, kernel_size=3, padding=1)  # 3 channels in, 8 out
print("weights   ", tuple(layer.weight.shape))
print("output    ", tuple(layer(batch["rgb"]).shape))
print("parameters", sum(p.numel() for p in layer.parameters()))

# %% [markdown]
# Eight kernels of $3\cdot 3\cdot 3$ weights, and a bias for each: $216 + 8 = 224$ parameters, whatever the size of the
# picture.
#
# ### How far does it see?
#
# One output of a 3x3 convolution depends on 3x3 pixels. Its **receptive field** is 3. Put a second 3x3 layer on top: its
# outermost inputs each see one pixel further, so the field is 5. A stride of 2 doubles what every later layer adds.
#
# We can measure it. Take one output and ask for its gradient with respect to the picture. All weights are 1 here and nothing
# stands between the layers, so a pixel has a gradient exactly if it matters. **Predict** the field of: two 3x3 layers; the same with stride 2 in the first; three.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three grids of 21 by 21 pixels with a dark square in the middle, of 5, 7 and 7 pixels."}, "figure": {"caption": "Pixels that one output depends on (dark), measured by gradient."}}
stacks = {"3x3, 3x3": (1, 1), "3x3 stride 2, 3x3": (2, 1), "3x3, 3x3, 3x3": (1, 1, 1)}
figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.5), layout="constrained")
for axis, (name, strides) in zip(axes, stacks.items(), strict=True):
    picture = torch.zeros(1, 1, 21, 21, requires_grad=True)
    y = picture
    for stride in strides:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), stride=stride)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    seen = picture.grad[0, 0] != 0
    axis.imshow(seen, cmap="Greys", vmax=1.4)
    axis.set(title=f"{name}\nfield {int(seen.any(0).sum())}", xticks=[], yticks=[])

# %% [markdown]
# A stride in the first layer buys as much as a third layer. That is how networks come to see a whole room without a
# hundred layers. The [fine network](fine_network) sees 45 pixels {cite:p}`eigen2014`, and you can measure it there in the same way.
#
# ## The other parts, in a sentence each
#
# - **ReLU** keeps what is positive and makes the rest zero. Without something of this kind between them, two linear layers would be
#   one linear layer.
# - **Max pooling** keeps the largest number of each small square (of 2x2, and a quarter of the numbers is left), and an edge that moves by a pixel
#   often gives the same answer.
# - **Dropout** sets a random part of the numbers to zero while training, so that no *unit* (one output number of a layer)
#   can rely on one other. It is off at
#   test time.
#
# **Predict** the three pictures for the room's upright edges.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four maps of upright edges: with both signs, after ReLU only the positive lines, after pooling coarser and thicker lines, after dropout with half of the cells blank."}, "figure": {"caption": "The map of upright edges after each part in turn. Red is positive, blue negative, white zero."}}
edge = edges[0][None, None]
torch.manual_seed(0)
steps = {"edges": edge, "ReLU": F.relu(edge)}
steps["max pool 4x4"] = F.max_pool2d(steps["ReLU"], 4)
steps["dropout ½"] = F.dropout(steps["max pool 4x4"], 0.5)
figure, axes = plt.subplots(1, 4, figsize=(plots.WIDTH, 1.8), layout="constrained")
for axis, (name, values) in zip(axes, steps.items(), strict=True):
    axis.imshow(values[0, 0], cmap=plots.ERROR_COLOURS, vmin=-1, vmax=1)
    axis.set_title(name)
    axis.axis("off")

# %% [markdown]
# ReLU has thrown away every blue line: this map now answers "brighter to the right?" only, and another kernel must
# answer the opposite. Pooling has made the lines thick but lost none of the strong ones. And after dropout the survivors
# are *darker* than before: torch doubles them, so that the sum stays the same on average.
#
# ## Fully connected layers
#
# In a **fully connected** layer every output sees every input, each through a weight of its own. Nothing slides and
# nothing is shared. With its weights in a table $W$ it computes $y = Wx + b$, and it is how the [coarse network](coarse_network) looks at a whole room at once. The
# price is the number of weights. **Predict first.** From a picture of 3x24x32 to a map of 6x8, how many?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two weight tables for a row of twelve inputs and twelve outputs: the fully connected one is filled with different colours, the convolution has only three diagonals, each of one colour."}, "figure": {"caption": "Weights from 12 inputs (columns) to 12 outputs (rows). A convolution is a fully connected layer with almost everything zero and the rest shared."}}
torch.manual_seed(0)
full = nn.Linear(12, 12).weight.detach() * 3
window = torch.tensor([[[-0.8, 0.3, 0.6]]])
slide = F.conv1d(torch.eye(12)[:, None], window, padding=1)[:, 0].T
figure, axes = plt.subplots(1, 2, figsize=(5.4, 2.7), layout="constrained")
weights = {"fully connected": full, "convolution": slide}
for axis, (name, table) in zip(axes, weights.items(), strict=True):
    axis.imshow(table, cmap=plots.ERROR_COLOURS, vmin=-1, vmax=1)
    axis.set(
        title=f"{name}\n{len(table[table != 0].unique())} different weights",
        xlabel="input",
        ylabel="output",
        xticks=[],
        yticks=[],
    )
layer = nn.Linear(3 * 24 * 32, 6 * 8)
print("from 3x24x32 to 6x8:", sum(p.numel() for p in layer.parameters()), "parameters")

# %% [markdown]
# The right-hand table is the left-hand one with a strong opinion: only neighbours matter, and the same everywhere. That
# opinion is nearly true of edges, and not true of rooms, where the ceiling is always at the top. So Eigen's
# coarse network uses both. Most later networks have no fully connected layer, and reach the whole picture by many layers, by leaving out pixels, or by letting every place look at every other.
#
# ## Learning or memorising?
#
# Enough parameters can fit anything, noise as well. Let us watch it. We measure log depth (the book works with the logarithm of depth throughout; [the loss](scale_invariant_loss) says why) at
# 12 pixels of one column of a room, with
# some noise, and fit polynomials: degree 1 is a line with two parameters; degree 11 has as many parameters as there are
# points. The other pixels of the column are kept aside. They are the **validation** set: never fitted, only scored.
# **Predict** what happens to both errors as the degree grows.

# %%
column = room["depth"][0, :, 40].log()
place = torch.linspace(-1, 1, len(column), dtype=torch.float64)
use = torch.linspace(2, len(column) - 3, 12).round().long()
rest = torch.ones(len(column), dtype=torch.bool)
rest[use] = False
rest[:2] = rest[-2:] = False  # between the outermost measured pixels only
measured = column[use].double() + 0.03 * torch.randn(
    12, generator=torch.Generator().manual_seed(3), dtype=torch.float64
)

# %%
fits, scores = {}, []
for degree in range(1, 12):
    powers = place[:, None] ** torch.arange(degree + 1)
    best = torch.linalg.lstsq(powers[use], measured[:, None]).solution
    fits[degree] = fit = (powers @ best)[:, 0]
    at_fitted = (fit[use] - measured).square().mean().sqrt()
    at_others = (fit[rest] - column[rest]).square().mean().sqrt()
    scores.append((at_fitted, at_others))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: twelve points, a moderate curve that follows them and a wild one that goes through every point. Right: the training error falls to zero with the degree, the validation error falls and then rises steeply."}, "figure": {"caption": "Polynomials through 12 noisy depths of one image column. Left: two of the fits. Right: error on the 12 points and on the pixels kept aside."}}
figure, (left, right) = plt.subplots(
    1, 2, figsize=(plots.WIDTH, 2.8), layout="constrained"
)
for degree, colour in zip((4, 11), plots.PALETTE, strict=False):
    left.plot(place[2:-2], fits[degree][2:-2], color=colour, label=f"degree {degree}")
left.plot(place[use], measured, "o", color="black", markersize=4)
left.set(
    xlabel="place in the column (top to bottom)", ylabel="log depth", ylim=(0.5, 2.3)
)
left.legend()
labels = ("12 fitted pixels", "pixels kept aside")
both = zip(labels, zip(*scores, strict=True), plots.PALETTE, strict=False)
for label, line, colour in both:
    right.plot(range(1, 12), line, "o-", color=colour, label=label)
right.set(xlabel="degree", ylabel="error (log depth)", ylim=(0, 0.4))
_ = right.legend()

# %% [markdown]
# On the fitted pixels every added degree helps, down to zero at degree 11: that curve goes through each measured point,
# noise included. Between the points it swings out of the picture. The pixels kept aside tell another story: up to about
# degree 4 they improve as well, because the column has a shape to be learned; then nothing is gained for a while; at the
# end their error leaves the figure. Fitting what is not there is called **overfitting**. No look at the error on the fitted pixels alone could have
# told you.
#
# The same happens *over time* in a network. Here is the smallest depth network: a convolution, ReLU, pooling, a fully
# connected layer. It sees rooms of 24x32 pixels and answers 6x8 log depths. We train it on 24 rooms and score it on 24
# others.


# %%
def small(split):
    rooms = open_dataset("rooms", split, size=(24, 32), count=24)
    data = collate(rooms.__getitems__(range(24)))
    depth = data["depth"][:, :, 2::4, 2::4].clamp_min(0.1)  # every 4th
    return data["rgb"] - 0.5, depth.log()


(rgb, target), (rgb_new, target_new) = small("train"), small("validation")
torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4),  # to 16x6x8
    nn.Flatten(), nn.Linear(16 * 6 * 8, 6 * 8), nn.Unflatten(1, (1, 6, 8)),
)  # fmt: skip
print("parameters:", sum(p.numel() for p in network.parameters()))
print("depths to learn from:", target.numel())

# %%
optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
history = []
for _ in range(150):
    loss = (network(rgb) - target).square().mean()
    with torch.no_grad():
        held_out = (network(rgb_new) - target_new).square().mean()
    history.append((loss.item(), held_out.item()))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()

# %% tags=["hide-input"] mystnb={"image": {"alt": "Training loss swings at first, then falls steadily on a logarithmic scale; validation loss swings for some fifty steps, then stays level just above a dotted line."}, "figure": {"caption": "The smallest depth network on 24 rendered rooms: loss on the rooms that it learns from, and on rooms that it has never seen. Dotted: answering every new room with the average of the 24."}}
mean_map = (target.mean(0) - target_new).square().mean().item()
figure, axis = plt.subplots(figsize=(5.4, 2.7))
axis.axhline(mean_map, color="black", linestyle=":", linewidth=1)
for name, values, colour in zip(
    ("training", "validation"), zip(*history, strict=True), plots.PALETTE, strict=False
):
    axis.semilogy(values, color=colour, label=name)
axis.set(xlabel="step", ylabel="mean squared log error")
_ = axis.legend()

# %% [markdown]
# The training loss falls more than a thousandfold, and goes on falling: the network learns its 24 rooms by heart. On new
# rooms the loss swings for some fifty steps, stays a little above the dotted line, and does not fall again. Look at that line: it answers *every* new room with the average of the 24, without looking, and the
# network never clearly gets below it. With about thirty times as many parameters as numbers to learn from, memorising was the easier way.
#
# Three lines of the loop you will meet again: `zero_grad` forgets the last gradient, to which `backward` would otherwise add; `backward` computes
# the new one; `step` goes downhill. (`no_grad` tells torch not to remember how a result came about, since there we only score.) A pass over all
# training pictures is an **epoch**; here each step is one. In larger trainings the training loss that is printed is usually averaged over
# the epoch while it goes on, and the validation loss is measured at its end.
#
# This is why the chapters always draw both curves, and always score the mean image beside the network. The cures are
# more pictures (first and foremost), pictures varied at random (**augmentation**), dropout, a pull on the weights towards zero
# (**weight decay**), and stopping while the validation curve is still low.

# %% [markdown]
# ## Recap
#
# - A batch of pictures is `[B, C, H, W]`. When in doubt, print shapes.
# - Learning: loss, gradient, a small step against it, again. Too big a step climbs.
# - A convolution slides the same few weights over the picture; depth and stride widen what it sees.
# - A fully connected layer sees all, and pays with weights.
# - Only pixels and pictures that were *not* fitted tell whether something was learned.
#
# You can now read [the loss](scale_invariant_loss) and [the coarse network](coarse_network).

# %% [markdown]
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# (a) Slide the kernel $(1, 1, 1)/3$ over the row $(3, 0, 0, 6, 0)$, without padding. What does this kernel do to a
# picture? (b) In the fit of a line, take $w = 2$, $b = 0$. What are the errors, the loss and both slopes?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# (a) $(1, 2, 2)$: each result is the mean of three neighbours, which blurs. (b) The errors are $(-1, -1, -1)$, the loss is
# 1, the slope of $w$ is $\tfrac23(0 - 1 - 2) = -2$ and that of $b$ is $\tfrac23(-3) = -2$. Note that $w$ is right already and
# is moved all the same: a step goes downhill for all parameters at once. The next cell checks both.
# ```

# %% tags=["hide-cell", "nbval-check-output"]
blur = F.conv1d(torch.tensor([[[3.0, 0, 0, 6, 0]]]), torch.full((1, 1, 3), 1 / 3))
print([round(v, 3) for v in blur.flatten().tolist()])
error = 2 * x + 0 - t
print(error.tolist(), error.square().mean().item())
print("slopes", (2 / 3 * (error * x).sum()).item(), (2 / 3 * error.sum()).item())

# %% [markdown]
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Write a convolution of a row without `conv1d`, with any kernel and any stride, no padding, that returns a tensor. The assert
# fails on the stub.
# ```


# %% tags=["raises-exception", "hide-output"]
def slide_along(row, kernel, stride=1):
    return row  # your turn


row, kernel = torch.arange(8.0).square(), torch.tensor([1.0, -2, 3])
for stride in (1, 2, 3):
    wanted = F.conv1d(row[None, None], kernel[None, None], stride=stride).flatten()
    mine = torch.as_tensor(slide_along(row, kernel, stride)).tolist()
    assert mine == wanted.tolist(), f"stride {stride}: {mine}, not {wanted.tolist()}"

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# `unfold` cuts the row into overlapping windows, one in each line of a table; the kernel then multiplies them all. The kernel
# $(1, -2, 3)$ is not the same backwards, so an answer that turns it round fails.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def slide_along(row, kernel, stride=1):
    return row.unfold(0, len(kernel), stride) @ kernel


for stride in (1, 2, 3):
    wanted = F.conv1d(row[None, None], kernel[None, None], stride=stride).flatten()
    mine = slide_along(row, kernel, stride)
    assert mine.tolist() == wanted.tolist(), f"stride {stride}: not yet"
print("passed:", slide_along(row, kernel).tolist())

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# A friend trains a depth network, and her validation loss is *lower* than her training loss. Name three explanations, and how you
# would tell them apart.
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# First, dropout and augmentation make the training pictures harder than the validation pictures: score the training pictures once with
# both off. Second, the training loss is an average over the epoch, so it includes the worse network of an hour ago, while
# validation comes at the end: again, score both at the same moment. Third, the validation set is simply easier, or too small: exchange
# it for another split. And the one to fear, though it hides an overfitting rather than turns the order round, a leak: frames of the same video in both sets. Look at nearest
# neighbours across the split, and split by *scene*, as NYU's official list does.
# ```
