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
# # Super-resolution: a small map grows up
#
# A depth camera in a telephone has some tens of thousands of pixels, its picture twelve million. Enlarge the small map to the picture's size and every
# outline becomes a soft slope, on which, in space, points hang between two surfaces where nothing is. {cite:t}`korinevskaya2018` (of this work we have the slides of the talk; "the paper" and "the slides" are one thing here) train a
# network against a second one, the *critic* (usually called *discriminator*), that judges whether a map looks real: a *generative adversarial network* or GAN. They report outlines that become sharp,
# and walls that grow textures that are not there. This page sets the two against each other, adds the terms of the loss one by one, and then
# asks what a network without a critic can do.
#
# **What you will be able to do**
#
# - say what a small pixel still knows about an outline that runs through it, and what it has lost;
# - enlarge by a sub-pixel convolution, by hand on a grid of 4 × 4;
# - say what each term of $L_\text{MSE} + \alpha L_\text{VGG} + \beta L_\text{GAN} + \gamma L_\text{TV}$ asks for, and what it costs;
# - read the critic's accuracy while two networks play against each other;
# - find invented texture where no average of errors shows it: in space.
#
# **This page needs** profile `cpu`: a minute on two cores, 2 GB of memory, no GPU, no download. The networks come with the library; they learned
# from rendered rooms. Motorcycle and Cones are real scenes, rooms are rendered. Excerpts of the GAN's answers come with the library as well.

# %% tags=["hide-input"]
import inspect

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from depthlib import gallery, plots
from depthlib.adversary import ReconstructionLoss
from depthlib.baselines import Enlargement
from depthlib.camera import crop
from depthlib.checkpoints import load_model
from depthlib.data import open_dataset
from depthlib.models.superres import believed, caught
from depthlib.models.upsampler import DepthUpsampler
from depthlib.observations import SmallDepth
from depthlib.reconstruction import enlarge
from depthlib.recipe import default_profile
from depthlib.sample import collate

PROFILE = default_profile()
torch.set_grad_enabled(False)
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## What a small pixel knows
#
# There are two ways to make a map eight times smaller. **Pick** one pixel of each 8 × 8 cell, as a sensor with thin beams does. Or **average** the
# cell, as pictures are made smaller, and as a sensor whose pixels gather light over an area comes near to. The choice matters more than any network.
#
# **By hand.** A cell of 8 pixels in a row lies across an outline: 2 m on the left, 5 m on the right. Its mean is 3.125 m. The neighbours say 2 and 5. So a
# share $s$ with $2(1 - s) + 5s = 3.125$ belongs to the right: $s = 3/8$, and the outline runs after the fifth pixel. The mean has kept the *place* of the
# outline to the pixel, provided that both sides are known. The picked pixel says 2 or 5, and the outline may be anywhere in between.

# %% tags=["nbval-check-output"]
# three cells of eight; the outline is inside the second
row = torch.tensor([2.0] * 13 + [5.0] * 11)
left, mean, right = row.reshape(3, 8).mean(1).tolist()
share = (mean - left) / (right - left)
print(f"cells: {left:.3f}, {mean:.3f}, {right:.3f} m")
print(
    f"{share:.3f} of the cell is right of the outline: after {8 - 8 * share:.0f} pixels"
)

# %% [markdown]
# Bicubic enlargement, the usual answer, draws a smooth curve through the three numbers and uses none of this: it cannot know that there *is* an outline. That a
# middling depth beside a step means "the step is here" has to be learned. On this page maps are averaged unless it is said otherwise. Holes first take their
# nearest known value; they are not scored afterwards.
#
# ## Sub-pixel convolution
#
# A network could enlarge first and then compute on the large map; at factor eight every convolution would cost 64 times as much. {cite:t}`shi2016` compute on the
# small map and enlarge at the very end, by an operation without any parameter. Let the last convolution make $r^2$ channels. Each place of the
# small map then has $r^2$ numbers, just as many as its cell of $r \times r$ pixels in the large map. Lay them out there: a **pixel shuffle**.
#
# Four channels of 2 × 2, $r = 2$: channel 0 goes to the upper left of each cell, channel 1 to the upper right, 2 and 3 below.

# %% tags=["nbval-check-output"]
channels = torch.arange(16).reshape(1, 4, 2, 2)
print(channels[0].tolist())
print(F.pixel_shuffle(channels.float(), 2)[0, 0].int())

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four small grids of two by two squares in four colours, and a grid of four by four squares in which each two by two cell holds one square of each colour."}, "figure": {"name": "fig-shuffle", "caption": "Four channels of 2 × 2 (left) become one map of 4 × 4 (right). Each colour is one channel; the numbers are those printed above."}}
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.6), layout="constrained")


def square(x, y, number, channel):
    axis.add_patch(
        plt.Rectangle((x, -y), 0.94, 0.94, color=plots.PALETTE[channel], alpha=0.8)
    )
    axis.text(
        x + 0.47,
        0.47 - y,
        str(number),
        ha="center",
        va="center",
        color="white",
        fontsize=10,
    )


for c in range(4):
    for i in range(2):
        for j in range(2):
            square(2.5 * c + j, i, int(channels[0, c, i, j]), c)
    axis.text(2.5 * c + 1, 1.2, f"channel {c}", ha="center", fontsize=9)
axis.annotate(
    "", (12.2, 0), (10.4, 0), arrowprops={"arrowstyle": "->", "color": "#444"}
)
for i in range(4):
    for j in range(4):
        square(
            12.6 + j,
            i - 1,
            4 * (2 * (i % 2) + j % 2) + 2 * (i // 2) + j // 2,
            2 * (i % 2) + j % 2,
        )
axis.set(xlim=(-0.3, 17), ylim=(-2.3, 2.2), aspect="equal")
axis.axis("off")
plt.close(figure)
figure

# %% [markdown]
# Each of the four channels may thus learn its own filter: one for the upper left pixel of every cell, one for the upper right. Its inverse, `pixel_unshuffle`, makes
# [the sparse map](sparse_to_dense) small without losing a number. (A *transposed convolution* does the same with overlapping windows; where windows overlap
# unevenly it leaves a chessboard.)
#
# ## A network that keeps what it was shown
#
# Here is the end of our network's `forward`. `base` is the bilinear enlargement, `spread` the small map's own standard deviation, so that metres and the eight-bit
# disparities of Middlebury look alike to it. `x` holds the channels that all layers before have made; `join`, `refine` and `head` are the last three convolutions. The first mixes the channels
# (with those of the picture, where there is one), the second looks at neighbours, and the third gives the numbers to be laid out. It goes up eightfold in two steps, by two and then by four (`FINE`). `autocast` is off for the last lines, which need 32 bits (why: [training at scale](training_at_scale)), and `positive` lets no depth fall below 0.

# %%
lines = inspect.getsource(DepthUpsampler.forward).splitlines()
print("\n".join(line[8:] for line in lines[18:26]))

# %% [markdown]
# The last steps deserve a look. The small map *is* the mean of each cell of the truth. So any answer whose cell has another mean is wrong, whatever the network thinks.
# `wrong` is the difference, and adding it to each pixel of the cell mends it. One line, no parameter, and the network is
# relieved of learning averages; all that is left to it is where, inside a cell, things lie.

# %% tags=["nbval-check-output"]
scene = collate([open_dataset("motorcycle", "test", (480, 640))[0]])
network = load_model("box/superres-x8")
small = SmallDepth(8).of(scene)
large = enlarge(network, small)
print(tuple(small.shape[-2:]), "→", tuple(large.shape[-2:]))
print("means kept:", torch.allclose(F.avg_pool2d(large, 8), small, rtol=1e-4))
for factor in (0.001, 1000):
    same = torch.allclose(enlarge(network, factor * small), factor * large, rtol=1e-3)
    print(f"map times {factor:g}: answer times {factor:g}: {same}")
print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters")

# %% [markdown]
# (For a map of your own: `depthlib enlarge small.png`.)
#
# **Predict first.** The motorcycle at 60 × 80 pixels. Which of its parts can come back?

# %% mystnb={"image": {"alt": "The small blocky map of a motorcycle, its bicubic enlargement with soft outlines, the network's with crisp ones, and the truth with holes."}, "figure": {"caption": "Motorcycle {cite}`scharstein2014`, 60 × 80 pixels of depth enlarged to 480 × 640. Grey: no truth is known."}}
blocky, bicubic = (Enlargement(name, 8).of(scene) for name in ("nearest", "bicubic"))
answers = {"small map": blocky, "bicubic": bicubic, "network": large}
truth = scene["depth"]
some = truth[truth > 0][::7]
limits = tuple(float(torch.quantile(some, q)) for q in (0.005, 0.995))
window = (0, slice(None), slice(70, 430), slice(90, 570))
panels = {name: d[window] for name, d in {**answers, "truth": truth}.items()}
plots.show(panels, columns=2, limits=limits)

# %%
known = truth > 0
for name, depth in answers.items():
    print(f"{name:10s} RMSE {(depth - truth)[known].square().mean().sqrt():.3f} m")

# %% [markdown]
# Tank, seat, mudguards and tyres come back with outlines that look sharp, out of cells of eight. The spokes, the cables and the slats of the
# bench do not: in the small map they are a slight dent in a mean, and what made the dent is lost.
#
# ### How far does it see?
#
# As before, the gradient tells. One pixel of the answer, in the middle; which pixels of the small map can change it? (We leave out the cell's mean and the spread,
# which see all.)

# %% tags=["nbval-check-output"]
with torch.enable_grad():
    probe = DepthUpsampler(8, width=8, blocks=6, consistent=False)
    for parameter in probe.parameters():
        parameter.data.abs_().add_(1e-3)
    seen = torch.rand(1, 1, 60, 80, requires_grad=True)
    fine = probe.refine(probe.join(probe.up(probe.body(probe.stem(seen)))))
    F.pixel_shuffle(probe.head(F.relu(fine)), 4)[0, 0, 240, 320].backward()
field = seen.grad.abs().sum((0, 1)) > 0
print(
    f"{int(field.any(1).sum())} × {int(field.any(0).sum())} small pixels, "
    f"{int(field.any(1).sum()) * 8} large ones each way"
)

# %% [markdown]
# By the rule of [the fine network](fine_network): at the small size one window of 5 and thirteen of 3 see $5 + 13 \cdot 2 = 31$ small pixels. After the first
# step up come eight more windows of 3, on pixels that are half as large: $8 \cdot 2 \cdot \tfrac12 = 8$, together 39.
#
# ## The published loss, one term at a time
#
# {cite:t}`korinevskaya2018` write for the network that makes the map, the **generator**:
#
# $$
# L_G = L_\text{MSE} + \alpha\, L_\text{VGG} + \beta\, L_\text{GAN} + \gamma\, L_\text{TV} .
# $$ (superres-loss)
#
# They found $\alpha, \beta, \gamma$ by cross-validation (scoring each choice on data that were held out in turn) and do not print them. We searched too, one after the other, on held-out rendered rooms, with the published
# generator in short runs (recipe `superres-search`). Each *search* adds one term to what the one before kept. Of the generator
#
# - the slides name the parts: ELU, a smooth relative of ReLU; batch normalisation; pixel shuffle; and at the end tanh, a curve that squeezes an answer between −1 and 1;
# - their drawing is lost in the text that we have, so the order and the sizes are ours.
#
# **MSE, the squared error, answers with means.** Suppose an outline is in one of two places, equally likely, and a pixel between them is 2 m or 5 m deep. Answer 3.5 m:
# the squared error is $1.5^2 = 2.25$ for certain. Answer 2 m: it is 0 or 9, and 4.5 on average. So the *best* answer is a depth at which nothing is, and whoever decides
# pays double. Every outline whose place is uncertain becomes a slope, not by clumsiness but by optimality.

# %% tags=["nbval-check-output"]
for guess in (3.5, 2.0):
    print(
        f"answer {guess} m: "
        f"expected squared error {((guess - 2) ** 2 + (guess - 5) ** 2) / 2:.2f}"
    )

# %% [markdown]
# **VGG** compares not pixels but what a classifier's third block (`conv3_1`) makes of them: edges, corners, stripes {cite}`johnson2016`. A slope and a step differ more
# there than in their pixels. It has never seen a depth map, and is shown one as a grey picture.
#
# **GAN** {cite}`goodfellow2014`: a **critic** $C$ learns to tell true maps $y^*$ from maps $G(x)$ that the generator $G$ makes of a small map $x$, while the generator learns to be taken for true. With $C(\cdot)$ the critic's belief,
# between 0 and 1, that a map is real, made of its raw answer $z$, the *logit*, by the *sigmoid* $C = 1/(1 + e^{-z})$, the critic pays
#
# $$
# L_C = -\log C(y^*) - \log\big(1 - C(G(x))\big)
# $$ (critic-loss)
#
# (in the library `caught`), and the generator $L_\text{GAN} = -\log C(G(x))$ (`believed`). The slides print $\log(1 - C(G(x)))$ for the second, which has the same aim; why we write the other form, the critic's curve will show. By hand: a critic that does not know says ½ to everything and pays $2 \log 2 = 1.39$; one that says 0.9 to the true and 0.2 to the
# made map pays $-\log 0.9 - \log 0.8 = 0.33$, and the generator then pays $-\log 0.2 = 1.61$. (The paper writes {eq}`critic-loss` twice, once with a factor ½ before each term and once without the minus signs. With a
# minus it is a loss, without it something to maximise; read as a loss it would reward the critic for being fooled.)

# %% tags=["nbval-check-output"]
# the critic answers before the sigmoid
real, unsure, made = (torch.tensor([p]).logit() for p in (0.9, 0.5, 0.2))
print(f"unsure {caught(unsure, unsure):.2f}, sharp {caught(real, made):.2f}", end="; ")
print(f"the generator pays {believed(made).item():.2f}")

# %% [markdown]
# **TV**, total variation {cite}`rudin1992`, adds up all steps from pixel to pixel. It does not prefer slopes to steps: 2, 3, 4, 5 and 2, 2, 5, 5 both cost 3. But 2, 3, 2, 3 costs 3 where
# 2, 2, 2, 3 costs 1. It charges for wiggling, so it is meant to hold down the textures that the critic encourages.
#
# Here are two of the terms, the ones that need no network, on one room as it is and made worse in three ways. Every true map is brought to −1 … 1 first, so that metres and disparities weigh alike.

# %%
rooms = open_dataset("rooms", "validation", (240, 320), count=4)
room = collate([rooms[3]])
y = room["depth"]
blurred = Enlargement("bicubic", 8).of(room)
noise = 0.05 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
ways = {"truth": y, "blurred": blurred, "noise": y + noise, "3 % too far": 1.03 * y}
mse = ReconstructionLoss(square=1.0)
tv = ReconstructionLoss(square=0.0, variation=1.0)
for name, made in ways.items():
    error, variation = (loss(made, y, y > 0)[0].item() for loss in (mse, tv))
    print(f"{name:15s} MSE {error:.5f}  TV {variation:.5f}")

# %% [markdown]
# MSE is 0 at the truth only, but charges this noise far less than the blur. TV is the reverse: it charges the noise most and prefers the blur to the truth; a map that is 3 % too far it hardly notices. (5 cm of noise is our choice; ten times as much would cost a hundred times the MSE.)
#
# ### What each term buys
#
# **Predict first.** Which of the four will have the lowest RMSE? Which would you choose by eye?

# %% tags=["hide-input"] mystnb={"image": {"alt": "An excerpt of Middlebury's Cones: picture, truth, bicubic enlargement, and what the generator of the slides, as read here, makes of the small map with the squared error alone, with features, with the critic, with total variation; then our network."}, "figure": {"caption": "An excerpt of Cones {cite}`scharstein2003`, eight times enlarged. Disparities in levels of 8 bits; near is bright. Four are one network, trained with one term more each time; the last one is ours, without a critic."}}
cones = gallery.enlarged("cones")
panels = {
    "truth": cones.truth,
    **{name: cones.answers[name] for name in cones.answers if name != "critic × 10"},
}
figure, axes = plt.subplots(2, 4, figsize=(plots.WIDTH, 3.3), layout="constrained")
axes = axes.flatten()
axes[0].imshow(cones.rgb)
axes[0].set_title("picture")
for place, (name, values) in zip(axes[1:], panels.items(), strict=False):
    place.imshow(
        np.ma.masked_equal(values, 0),
        cmap=plots.DEPTH_COLOURS.removesuffix("_r"),
        vmin=70,
        vmax=210,
    )
    place.set_title(name)
plots.frameless(axes)
plt.close(figure)
figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels, one a term: SSIM and RMSE on held-out rooms against the weight of that term."}, "figure": {"caption": "The search: figures on 60 held-out rendered rooms for each weight that was tried, beside the best of the terms before. Filled: what was kept. Each panel has its own scale."}}
searches = {
    "α, features": "superres-alpha",
    "β, critic": "superres-beta",
    "γ, variation": "superres-gamma",
}
keys = ("loss.options.perceptual", "loss.options.adversarial", "loss.options.variation")
figure, axes = plt.subplots(2, 3, figsize=(plots.WIDTH, 3.8), layout="constrained")
found, before = {}, None
first = gallery.report("sweeps/superres-alpha")["runs"][0]
rival = next(iter(first["metrics"].values()))["bicubic"]
for column, key, (title, name) in zip(axes.T, keys, searches.items(), strict=True):
    runs = [
        (run["parameters"][key], next(iter(run["metrics"].values()))["all"])
        for run in gallery.report(f"sweeps/{name}")["runs"]
    ]
    before = before or next(scores for weight, scores in runs if weight == 0)
    tried = [(weight, scores) for weight, scores in runs if weight > 0]
    best = max(tried, key=lambda run: run[1]["ssim"])
    found[title] = best[0]
    for place, metric in zip(column, ("ssim", "rmse"), strict=True):
        place.axhline(
            before[metric], color="#777777", linestyle=":", label="without the term"
        )
        place.plot(
            [w for w, _ in tried],
            [s[metric] for _, s in tried],
            "o-",
            mfc="white",
            color=plots.PALETTE[0],
        )
        place.plot(best[0], best[1][metric], "o", color=plots.PALETTE[0])
        place.axhline(
            rival[metric], color=plots.PALETTE[1], linestyle="--", label="bicubic"
        )
        place.set(xscale="log")
        place.set_xticks([w for w, _ in tried], [f"{w:g}" for w, _ in tried])
        place.minorticks_off()
        place.locator_params(axis="y", nbins=4)
    column[0].set_title(title)
    before = best[1]
axes[0, 0].set_ylabel("SSIM")
axes[1, 0].set_ylabel("RMSE (m)")
figure.legend(
    *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2
)
plt.close(figure)
figure

# %%
print(
    "kept:",
    ", ".join(f"{name.split(',')[0]} = {weight:g}" for name, weight in found.items()),
)

# %% [markdown]
# The picture and the figures say the same, and not what the paper hopes for. Features and the critic improve neither SSIM nor RMSE: the smallest weight that was tried costs a little, a larger one costs more, and in the picture they
# lay a weave over the surfaces. Total variation gives back most of what these two cost in SSIM and less than half of what they cost in RMSE, as it was meant to. By both figures the best of these losses is the squared error alone. And look where bicubic is: in SSIM no network of this search
# reaches it, in RMSE some do. The filled points have the best SSIM of the weights above 0, the mildest $\alpha$ and $\beta$ and the stronger $\gamma$; with them the recipe `superres-gan` trains the slides' system whole, as we read it.
# All three lie at an end of what was tried. So a milder critic, a stronger total variation, or total variation without the other two may do better: that was not tried.
#
# These runs are short (2,400 samples after the 16,000 of `superres-base`, one seed). Do longer ones say the same? Three of equal length (4,800 samples), scored on real scenes that no search has seen, and on 200 rooms, the search's 60 among them:
#
# | after `superres-base` | Cones, SSIM | Cones, RMSE | Teddy | Venus | Motorcycle | 200 rooms, RMSE (m) |
# |---|---|---|---|---|---|---|
# | bicubic, for comparison | {result}`superres-published/cpu-0::metrics.cones-test/x8/makarov18.bicubic.ssim::.3f` | {result}`superres-published/cpu-0::metrics.cones-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.teddy-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.venus-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.motorcycle-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.rooms-validation/x8/makarov18.bicubic.rmse::.4f` |
# | MSE (`superres-mse`) | {result}`superres-mse/cpu-0::metrics.cones-test/x8/makarov18.all.ssim::.3f` | {result}`superres-mse/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | {result}`superres-mse/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | {result}`superres-mse/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | {result}`superres-mse/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | {result}`superres-mse/cpu-0::metrics.rooms-validation/x8/makarov18.all.rmse::.4f` |
# | + VGG (`superres-published`) | {result}`superres-published/cpu-0::metrics.cones-test/x8/makarov18.all.ssim::.3f` | {result}`superres-published/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | {result}`superres-published/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | {result}`superres-published/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | {result}`superres-published/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | {result}`superres-published/cpu-0::metrics.rooms-validation/x8/makarov18.all.rmse::.4f` |
# | + VGG, critic, TV (`superres-gan`) | {result}`superres-gan/cpu-0::metrics.cones-test/x8/makarov18.all.ssim::.3f` | {result}`superres-gan/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.rooms-validation/x8/makarov18.all.rmse::.4f` |
#
# All three pass bicubic in RMSE now. With critic and total variation the network is a little better than with features alone, in every column; which of the two terms does it, the table cannot tell, for they came together. And the squared error alone is ahead of both, but for Venus, where it is level.
#
# This is what the squared error asks for. AbsRel, which is kinder to a few large errors, ranks them otherwise:
#
# | AbsRel | Cones | Teddy | Venus | Motorcycle | 200 rooms |
# |---|---|---|---|---|---|
# | bicubic, for comparison | {result}`superres-published/cpu-0::metrics.cones-test/x8/makarov18.bicubic.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.teddy-test/x8/makarov18.bicubic.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.venus-test/x8/makarov18.bicubic.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.motorcycle-test/x8/makarov18.bicubic.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.rooms-validation/x8/makarov18.bicubic.abs_rel::.4f` |
# | MSE | {result}`superres-mse/cpu-0::metrics.cones-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-mse/cpu-0::metrics.teddy-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-mse/cpu-0::metrics.venus-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-mse/cpu-0::metrics.motorcycle-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-mse/cpu-0::metrics.rooms-validation/x8/makarov18.all.abs_rel::.4f` |
# | + VGG | {result}`superres-published/cpu-0::metrics.cones-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.teddy-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.venus-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.motorcycle-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-published/cpu-0::metrics.rooms-validation/x8/makarov18.all.abs_rel::.4f` |
# | + VGG, critic, TV | {result}`superres-gan/cpu-0::metrics.cones-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-gan/cpu-0::metrics.teddy-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-gan/cpu-0::metrics.venus-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-gan/cpu-0::metrics.motorcycle-test/x8/makarov18.all.abs_rel::.4f` | {result}`superres-gan/cpu-0::metrics.rooms-validation/x8/makarov18.all.abs_rel::.4f` |
#
# Now the network with critic and total variation is the best of the three, or level, in every column, and bicubic is ahead of all three or level everywhere but on Motorcycle. A short training of this generator, then, buys fewer large errors at the price of many small ones. So the slides'
# "MSE only leads to smoothing" {cite}`korinevskaya2018` is true of the pictures and no fault in the figures: a smooth outline in the right place costs less than a sharp one beside it. (One seed each; the first network was trained later and on another processor than the other two, from a `superres-base` of its own
# that differs from theirs in the third digit.) What is still open: a critic may need much longer before what it teaches is outlines rather than weave.
#
# ```bash
# depthlib train superres-base
# depthlib sweep superres-search -p loss.options.perceptual=0,0.003,0.03,0.3
# depthlib sweep superres-search -p loss.options.perceptual=0.003 -p loss.options.adversarial=0.001,0.01
# depthlib sweep superres-search -p loss.options.perceptual=0.003 -p loss.options.adversarial=0.001 -p loss.options.variation=0.003,0.03
# depthlib train superres-mse
# depthlib train superres-published
# depthlib train superres-gan
# ```
#
# ### Two networks at play
#
# The critic's accuracy is the share of maps that it judges rightly, half of them true, half made. One half means that it guesses.
#
# **Predict first.** Does the generator win, so that the accuracy falls to a half?

# %% tags=["hide-input"] mystnb={"image": {"alt": "The critic's accuracy against training samples."}, "figure": {"caption": "The critic's accuracy while the recipe superres-gan trains (`results/superres-gan/cpu-0.json`). Dotted: guessing."}}
curve = [
    entry for entry in gallery.loss_curve("superres-gan") if "critic_accuracy" in entry
]
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.5), layout="constrained")
axis.plot(
    [e["samples"] for e in curve],
    [e["critic_accuracy"] for e in curve],
    color=plots.PALETTE[1],
)
axis.axhline(0.5, color="#999999", linestyle=":")
axis.set(xlabel="samples", ylabel="critic's accuracy", ylim=(0.4, 1.02))
plt.close(figure)
figure

# %% [markdown]
# The critic wins. It begins by guessing, and at the end tells nearly every made map from a true one. With the mild $\beta$ of the search, 0.001, the generator probably has little reason to care; whether a larger one would turn the curve, only a run could say. A critic that is always right is a bad teacher, too: $\log(1 - C)$, the slides' form of the generator's loss, hardly changes with the raw answer $z$ where $C$ is near 0. For $dC/dz = C\,(1 - C)$, so its slope is $-C\,(1 - C)/(1 - C) = -C$; that of $-\log C$ is $-C\,(1 - C)/C = -(1 - C)$, nearly $-1$, and that is why we write it. An accuracy near one half all the time would be no better sign: then the critic teaches nothing.
#
# ## Texture that was invented, seen from the side
#
# A map in colours hides small waves on a wall. In space they cannot hide. Below is an excerpt of a rendered room from above. Each pixel is a dot, so in the truth every row of floor pixels is one thin line across, and the wall a thicker one.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four plans from above of the same excerpt as points: the truth, thin straight lines of floor and a thick band of wall; the slides' network trained on the squared error alone, with wavy lines; the same with ten times the critic, with lines that dissolve into scattered points; and ours, with straight lines and some points beside the near thing. Both of the slides' networks have a curtain of points behind it."}, "figure": {"caption": "The excerpt of a room from above, in metres: each dot is a pixel at its depth. Lines across are rows of floor, the square in front is a thing, the thick band behind the wall. Look beyond the left edge of the thing, along the line that runs from there up to the right: what is no line of floor there is invented."}}
seen = gallery.enlarged("room")
top, left = seen.corner
height, width = seen.truth.shape
K = crop(room["K"], torch.tensor([float(top)]), torch.tensor([float(left)]))[0]
whole = enlarge(load_model("box/superres-x8"), SmallDepth(8).of(room))
ours = whole[0, 0, top : top + height, left : left + width]
last = "critic × 10"
views = {
    "truth": seen.truth,
    "slides',\nsquared error": seen.answers["squared error"],
    f"slides',\n{last}": seen.answers[last],
    "ours": ours.numpy(),
}
figure, axes = plt.subplots(
    1, 4, figsize=(plots.WIDTH, 3.7), layout="constrained", sharey=True, sharex=True
)
u = np.broadcast_to(np.arange(width), (height, width))
for place, (name, depth) in zip(axes, views.items(), strict=True):
    x = (u - float(K[0, 2])) / float(K[0, 0]) * depth
    place.plot(
        x[::2].ravel(),
        depth[::2].ravel(),
        ".",
        markersize=0.7,
        color=plots.PALETTE[0],
        rasterized=True,
    )
    place.set(title=name, xlabel="right (m)", aspect="equal")
axes[0].set_ylabel("depth (m)")
plt.close(figure)
figure

# %% [markdown]
# Two of them in space: the slides' network with the critic, and ours, which is another network and has none. **Question: turned until you look along the floor, in which of the two is it flat?**

# %% tags=["hide-input"]
picture = torch.from_numpy(seen.rgb).permute(2, 0, 1) / 255
said = (
    "Points of a room with the critic: a rough floor, and a curtain of points between "
    "the near thing and the wall."
)
plots.point_cloud(
    torch.from_numpy(seen.answers[last])[None],
    K,
    picture,
    title=f"the slides', {last}",
    alt=said,
)

# %% tags=["hide-input"]
said = (
    "Points of the same room by our network: a floor in thin lines, a few points in "
    "the air beside outlines."
)
plots.point_cloud(ours[None], K, picture, title="ours", alt=said)

# %% [markdown]
# In ours: its floor lies in thin lines. With ten times the critic it is a layer of scattered points. And now as numbers. Two questions, for the slides' generator with each of its losses and for the others. How much does a row of the map *bend* where the true one is flat? And
# beside an outline (where the truth spans more than 0.8 m within 9 × 9 pixels): how many pixels stand *between*, farther than a fifth of the step from either side?

# %%
flat = torch.from_numpy(seen.truth)
smooth = (flat[:, 2:] - 2 * flat[:, 1:-1] + flat[:, :-2]).abs() < 0.002
far = F.max_pool2d(flat[None], 9, 1, padding=4)[0]
near = -F.max_pool2d(-flat[None], 9, 1, padding=4)[0]
step = far - near
for name, depth in {"truth": seen.truth, **seen.answers}.items():
    wave = torch.from_numpy(np.ascontiguousarray(depth))
    bend = (wave[:, 2:] - 2 * wave[:, 1:-1] + wave[:, :-2]).abs()
    between = (wave > near + 0.2 * step) & (wave < far - 0.2 * step)
    off = (wave - flat).square().mean().sqrt()
    print(
        f"{name:13s} bends {1000 * bend[smooth].mean():5.2f} mm a pixel; between: "
        f"{between[step > 0.8].float().mean():.2f}; RMSE {off:.3f} m"
    )
for trained in gallery.report("sweeps/superres-beta")["runs"]:
    weight = trained["parameters"]["loss.options.adversarial"]
    rmse = trained["metrics"]["rooms-validation/x8/makarov18"]["all"]["rmse"]
    print(f"critic's weight {weight:g}: RMSE {rmse:.3f} m on the held-out rooms")

# %% [markdown]
# For this figure the critic has ten times the weight that the search kept, and no total variation holds it down, so the texture is plain: the thin lines of the true floor, each a row of pixels at one depth, scatter by centimetres until they run together. RMSE over all held-out rooms hardly notices the critic's larger weight (the last two lines of the cell); a robot that drives on this floor would.
#
# Is all of it the critic's? No. The same generator, trained on the squared error alone, bends the flat parts nearly half as much already; features, critic and ten times the critic each add to it, and total variation takes some of it back.
# Part of the roughness is the network's own, and its short training's.
#
# And the curtain of points that hangs between the thing in front and the wall is *not* the critic's. It is there under the squared error and hardly thinner under any other of these losses: a critic was meant to make the network decide, and here it did not. Bicubic
# enlargement has twice as many points between, since it draws slopes on purpose. What thins the curtain is a network that knows better where the outline runs. Ours has half as many as the slides', without any critic, and is not free of them: a network that is unsure still answers with means; it is unsure less often.
#
# ## Better, without a critic
#
# Ours differs in everything at once, so no single part of it can take the credit. It has no critic, no VGG, no batch norm and no tanh: residual blocks, each of which adds a correction to its input, a squared error with a little absolute error beside it, the mean of each cell
# kept exactly, and eight times the samples. It learned from rendered rooms whose maps were made harder: three quarters are turned into disparities, half get one outline more (a part of the mirrored map is put before them), and three in
# ten come in steps, as the disparities do that a stereo matcher counts in whole pixels. No real map was among them.
#
# RMSE on Middlebury's scenes {cite}`scharstein2002,scharstein2003,scharstein2014`, in levels of 8 bits (Motorcycle: in pixels of disparity), under [`makarov18`](evaluation): whole maps, holes not scored. Two columns are the slides' generator as we read it, trained by us on rooms (they had SYNTHIA): with MSE and VGG, and with critic and TV as well. *Printed* are the two rows of the slides
# that come nearest to these, NN and NN + gan_loss; one slide cites NN as their network of 2017, so it is not the same network. The last column is MS-Net, a network without picture or GAN that the paper's table lists.
#
# | scene | nearest | bicubic | the slides', MSE and VGG | + critic and TV | printed for these {cite}`korinevskaya2018` | ours | MS-Net {cite}`korinevskaya2018` |
# |---|---|---|---|---|---|---|---|
# | Cones | {result}`superres-x8/cpu-0::metrics.cones-test/x8/makarov18.nearest.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.cones-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | 9.90, 9.35 | {result}`superres-x8/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | 5.22 |
# | Teddy | {result}`superres-x8/cpu-0::metrics.teddy-test/x8/makarov18.nearest.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.teddy-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | 11.13, 6.48 | {result}`superres-x8/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | 2.87 |
# | Tsukuba | {result}`superres-x8/cpu-0::metrics.tsukuba-test/x8/makarov18.nearest.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.tsukuba-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.tsukuba-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.tsukuba-test/x8/makarov18.all.rmse::.2f` | 8.10, 5.05 | {result}`superres-x8/cpu-0::metrics.tsukuba-test/x8/makarov18.all.rmse::.2f` | 9.99 |
# | Venus | {result}`superres-x8/cpu-0::metrics.venus-test/x8/makarov18.nearest.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.venus-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | 10.0, 5.58 | {result}`superres-x8/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | .88 |
# | Motorcycle | {result}`superres-x8/cpu-0::metrics.motorcycle-test/x8/makarov18.nearest.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.motorcycle-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-published/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | {result}`superres-gan/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | – | {result}`superres-x8/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | – |
#
# (`results/superres-x8/cpu-0.json`, `results/superres-published/cpu-0.json`, `results/superres-gan/cpu-0.json`; one seed each.) On all five scenes ours has less than three quarters of bicubic's RMSE, and a higher SSIM:
# {result}`superres-x8/cpu-0::metrics.cones-test/x8/makarov18.all.ssim::.3f` against {result}`superres-x8/cpu-0::metrics.cones-test/x8/makarov18.bicubic.ssim::.3f` on Cones,
# {result}`superres-x8/cpu-0::metrics.tsukuba-test/x8/makarov18.all.ssim::.3f` against {result}`superres-x8/cpu-0::metrics.tsukuba-test/x8/makarov18.bicubic.ssim::.3f` on Tsukuba. Five scenes are few, and no interval can be given for one
# map; the rendered rooms of the validation split say the same on 200: {result}`superres-x8/cpu-0::metrics.rooms-validation/x8/makarov18.all.rmse::.3f` m against
# {result}`superres-x8/cpu-0::metrics.rooms-validation/x8/makarov18.bicubic.rmse::.3f` m, a difference of {result}`superres-x8/cpu-0::differences.rooms-validation/x8/makarov18.all - bicubic.rmse.value::+.3f` m, from
# {result}`superres-x8/cpu-0::differences.rooms-validation/x8/makarov18.all - bicubic.rmse.low::+.3f` to {result}`superres-x8/cpu-0::differences.rooms-validation/x8/makarov18.all - bicubic.rmse.high::+.3f` in 95 of 100 draws of rooms.
#
# What is safe to compare is ours with our own bicubic. The printed columns are not:
#
# - **Another convention.** The paper's bicubic row says 9.64, 5.33, 7.52 and 2.65 {cite}`korinevskaya2018` where ours says what the table above says. So it treats holes, or makes a map small, in another way, and does not say how. MS-Net's row stands in that
#   table with *its* convention.
# - **Another training.** Our training of its generator is far from its printed rows, too, and better on three scenes of four. Other training maps play a part; scoring its own weights our way would tell how large a part.
# - **Tsukuba** cannot be reproduced with any convention that we tried.
#
# (The slides' own summary, "Results on Sintel & Middlebury are better than original network" {cite}`korinevskaya2018`, holds for the RMSE of the four scenes above and not for SSIM: on Cones, Teddy and Venus their row NN has .91, .87 and .91, NN + gan_loss .74, .75 and .82 {cite}`korinevskaya2018`.)
#
# The same for maps from a quarter: {result}`superres-x4/cpu-0::metrics.cones-test/x4/makarov18.all.rmse::.2f` against bicubic's {result}`superres-x4/cpu-0::metrics.cones-test/x4/makarov18.bicubic.rmse::.2f` on Cones,
# {result}`superres-x4/cpu-0::metrics.teddy-test/x4/makarov18.all.rmse::.2f` against {result}`superres-x4/cpu-0::metrics.teddy-test/x4/makarov18.bicubic.rmse::.2f` on Teddy,
# {result}`superres-x4/cpu-0::metrics.tsukuba-test/x4/makarov18.all.rmse::.2f` against {result}`superres-x4/cpu-0::metrics.tsukuba-test/x4/makarov18.bicubic.rmse::.2f` on Tsukuba,
# {result}`superres-x4/cpu-0::metrics.venus-test/x4/makarov18.all.rmse::.2f` against {result}`superres-x4/cpu-0::metrics.venus-test/x4/makarov18.bicubic.rmse::.2f` on Venus.
#
# ### And with the picture beside
#
# Often the small map comes with a sharp picture. The recipe `superres-x8-guided` shows it to the same network. RMSE again, beside 200 rendered rooms of the validation split:
#
# | eight times larger | samples seen | Cones | Teddy | Tsukuba | Venus | Motorcycle | rooms (m) |
# |---|---|---|---|---|---|---|---|
# | bicubic | – | {result}`superres-x8-guided/cpu-0::metrics.cones-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.teddy-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.tsukuba-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.venus-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.motorcycle-test/x8/makarov18.bicubic.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.rooms-validation/x8/makarov18.bicubic.rmse::.3f` |
# | ours | {result}`superres-x8/cpu-0::samples_seen::,d` | {result}`superres-x8/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.tsukuba-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8/cpu-0::metrics.rooms-validation/x8/makarov18.all.rmse::.3f` |
# | ours, guided | {result}`superres-x8-guided/cpu-0::samples_seen::,d` | {result}`superres-x8-guided/cpu-0::metrics.cones-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.teddy-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.tsukuba-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.venus-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.motorcycle-test/x8/makarov18.all.rmse::.2f` | {result}`superres-x8-guided/cpu-0::metrics.rooms-validation/x8/makarov18.all.rmse::.3f` |
#
# (`results/superres-x8-guided/cpu-0.json`, one seed.) With two fifths of the samples and half as many rooms it is ahead where pictures look like those that it learned from, the rooms, and on Cones and
# Tsukuba; on Teddy it is level, on Motorcycle a little behind and on Venus more, and its SSIM is a little lower on all five. So on rooms the picture pays even so; on the real scenes this training does not decide it, and one as long as the other's might. Does it take painted patterns for edges? Score it on rooms in
# plain colours and see: `depthlib evaluate enlarge:RUN:8 --against rooms --option textures=false --protocol makarov18`.
#
# ### Oddities of the published tables
#
# - On Sintel one column is a copy of another, and some peaks cannot be: the [evaluation](evaluation) has shown how one sees it. (Our networks have not been scored on Sintel; [the table](table-002-sintel) names the commands for those who have it. [All tables of the slides](tables), with the rivals that are left out above, stand in the appendix.)
# - Alley's RMSE goes from 3.60 to 3.57, its PSNR from 28.09 to 33.21 {cite}`korinevskaya2018`. PSNR is $20 \log_{10}(\text{range}/\text{RMSE})$: for one map, 0.03 of 3.60 is 0.07 dB, not five. Means over frames could differ that much only if
#   the two were averaged in different ways.
# - The formulas print RMSE without its root, PSNR with a root of the range, and MAPE as a sum over one axis only {cite}`korinevskaya2018`. This library computes what the names say.
#
# ### What it costs
#
# | 375 × 450 pixels | bicubic | ours, compiled | guided, compiled |
# |---|---|---|---|
# | from an eighth | {result}`benchmarks/reconstruction::superres.x8, bicubic.ms::.1f` ms | {result}`benchmarks/reconstruction::superres.x8, network, compiled.ms::.0f` ms | {result}`benchmarks/reconstruction::superres.x8, network, guided, compiled.ms::.0f` ms |
# | from a quarter | {result}`benchmarks/reconstruction::superres.x4, bicubic.ms::.1f` ms | {result}`benchmarks/reconstruction::superres.x4, network, compiled.ms::.0f` ms | {result}`benchmarks/reconstruction::superres.x4, network, guided, compiled.ms::.0f` ms |
#
# (`results/benchmarks/reconstruction.json`, two processor cores. *Guided* is the same network shown the picture as well. The network for a quarter is smaller: 48 channels and 4 blocks, where the other has 64 and 6, and one step up less.) The slides claim "x10 faster than RGB SRGAN, x4 faster than MS-Net" {cite}`korinevskaya2018` and give no milliseconds and no hardware, so there is nothing to set these
# numbers beside.

# %% [markdown]
# ## Where it fails
#
# - **Thin things.** A pole of one pixel in a cell of eight moves the mean by an eighth of the step, and so does a pole of two pixels half as far in front. The small map cannot tell them apart, and the
#   network draws a shallow bump.
# - **A map that was picked.** Ours takes each number for a mean. Show it single pixels, and it moves outlines to where the "mean" says.
# - **Noise.** The cell's mean is kept exactly, so a wrong mean is kept exactly.
#
# Of their own network the authors say that it "preserves edges and curves, but produces texture artifacts", with "certain artefacts for Depth Maps with high variance in log space" {cite}`korinevskaya2018`: maps in which near and far lie side by side. They would go on with more complex networks, with the picture or its edges as a guide (both were
# tried above), with a Wasserstein loss for the critic and the VGG loss for it, too, and with filling larger holes.
#
# **Predict first.** Which is worse for the network, a picked map or five per cent of noise?

# %%
y = torch.cat([collate([rooms[i]])["depth"] for i in range(len(rooms))])
averaged = F.avg_pool2d(y, 8)
picked = y[..., 4::8, 4::8]
noise = torch.randn(averaged.shape, generator=torch.Generator().manual_seed(0))
shaky = averaged * (1 + 0.05 * noise)
ways = {"averaged": averaged, "picked": picked, "5 % noise": shaky}
for name, small in ways.items():
    bicubic = F.interpolate(small, scale_factor=8, mode="bicubic", align_corners=False)
    large = enlarge(network, small)
    plain, learned = ((made - y).square().mean().sqrt() for made in (bicubic, large))
    print(f"{name:10s} bicubic {plain:.3f} m  network {learned:.3f} m")

# %% [markdown]
# Noise of this size is worse, and with either the network falls behind plain bicubic enlargement, in each of these four rooms (one draw of noise). It takes every number for the exact mean of its cell: a picked value "tells" it of an outline that is not there, and a wrong one, too. Whoever has such maps
# should train with them: `observe.options.how: pick` in a recipe, or noise in the small map.
#
# ## Recap
#
# - The mean of a cell keeps the place of an outline, a picked pixel loses it. Say which of the two a small map is before comparing anything.
# - A pixel shuffle lays out channels as pixels: convolutions stay small, and each place in a cell has its own filter.
# - What is known exactly, the cell's mean, is kept exactly, by one line after the network.
# - MSE answers with means. VGG and a critic are meant to make a network decide, which costs squared error, by arithmetic; here they made it rougher and hardly more decided. TV charges for wiggling.
# - Invented texture is hidden in colours and plain in space. A critic adds to it; some of it is there without one.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# A row of cells of four pixels has the means 8, 6.5, 2 and 2. The outline between 8 and 2 runs through the second cell.
#
# 1. After which of its pixels?
# 2. Count the pixels from 0, so that the second cell has the pixels 4 to 7 and its centre lies at 5.5. What does a linear enlargement, a straight line from centre to centre, say about the cell's last pixel?
# 3. What must be true of one pixel if the second mean is 7?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# 1. $8(1 - s) + 2s = 6.5$ gives $s = 1/4$: one pixel of the four lies right of the outline, which runs after the third.
# 2. The next centre is at 9.5. Between the two the line falls from 6.5 to 2 and says $6.5 - 4.5 \cdot \frac{7 - 5.5}{4} = 4.8$ at pixel 7, where the truth is 2.
# 3. $8(1 - s) + 2s = 7$ gives $s = 1/6$, not a whole number of quarters. So the outline does not run between two pixels: one of them is mixed, 4 (for $8 + 8 + 8 + 4 = 4 \cdot 7$), or the surfaces are not flat.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Write the pixel shuffle for any $r$ with `reshape` and `permute` only. The cell fails until it is right.
# ```


# %% tags=["raises-exception", "hide-output"]
def shuffle(x: torch.Tensor, r: int) -> torch.Tensor:
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels // r**2, height * r, width * r)  # your lines here


asked = torch.randn(2, 36, 5, 7, generator=torch.Generator().manual_seed(0))
for r in (2, 3):
    found, wanted = shuffle(asked, r), F.pixel_shuffle(asked, r)
    assert found.equal(wanted), (
        f"each place lays out r² numbers; r = {r}, the first row begins "
        f"{found[0, 0, 0, :4].tolist()}, not {wanted[0, 0, 0, :4].tolist()}"
    )

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# Split the channels into (channel, row in the cell, column in the cell), bring each of the last two behind its own side, and join them.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def shuffle(x: torch.Tensor, r: int) -> torch.Tensor:
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, channels // r**2, r, r, height, width)
    return parts.permute(0, 1, 4, 2, 5, 3).reshape(
        batch, channels // r**2, height * r, width * r
    )


print("right:", all(shuffle(asked, r).equal(F.pixel_shuffle(asked, r)) for r in (2, 3)))

# %% [markdown]
# ```{admonition} Exercise 3 (words)
# :class: exercise
# A paper reports PSNR for its GAN and finds it lower than bicubic's on one scene. The authors write that PSNR "does not reflect visual quality". What would you ask for before agreeing?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# For a figure that *does* reflect what is claimed, with its definition: an error of outlines, such as `depthlib.structure.boundary_error` together with `boundary_completeness` (alone, the first forgives every outline that is missing), or the share of points in space that lie between two surfaces. For
# the same figure for bicubic and for the network without the critic. And for the use: a robot that bumps into invented points does not care for visual quality.
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# Your camera gives the small map *and* a sharp picture. What can the picture tell that no small map can, and where will it mislead?
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# Where thin things are, and where an outline runs inside a cell: both are visible as edges of colour. It misleads where colour has edges and depth has none (a carpet, a poster), and where depth has edges and
# colour has none (a grey chair before a grey wall). The recipe `superres-x8-guided` sees both, and what it gains and loses stands above.
# ```
#
# Next: [your own photograph](your_own_photo), where nobody knows the truth.
