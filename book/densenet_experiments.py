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
# # DenseNets compared
#
# Three students repeated {cite:t}`alhashim2018`, swapped DenseNet-169 for its smaller sister 121, and reported that the
# smaller one is a little better and its outlines a little sharper {cite}`ghiorghiu_report`. This page asks what such a
# comparison needs before it can be believed: what the two networks cost, how many pictures it takes to see a difference of
# less than one in a hundred, what colours do to the eye, and what arithmetic says about a table that cannot be.
#
# **What you will be able to do**
#
# - count the channels of a DenseNet by hand, and say why its many layers have fewer weights than thirteen of VGG-16's;
# - say how uncertain a figure from nine pictures is, before looking at it;
# - choose a colour map whose brightness tells the truth;
# - find the factor by which a model and a truth differ, from two published figures alone;
# - measure "sharper" rather than see it.
#
# **This page needs** profile `cpu`: a quarter of a minute on two cores, 3 GB of memory, no GPU, no download. Photographs and
# maps are small excerpts of long runs that come with the library.

# %% tags=["hide-input"]
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from depthlib import gallery, plots
from depthlib.bootstrap import paired_interval
from depthlib.losses import make_loss, reduce
from depthlib.models.densedepth import DenseDepth
from depthlib.recipe import default_profile
from depthlib.structure import edge_share

PROFILE = default_profile()
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## A network that forgets nothing
#
# In most networks a layer sees only the layer before it. In a DenseNet {cite}`huang2017` it sees *all* before it in its block: each
# layer makes $k = 32$ new channels and lays them beside everything that was there. Nothing has to be copied forward, so a
# layer can be thin. After each block a *transition* halves the channels by a 1×1 convolution and the rows and columns by
# averaging.
#
# **By hand.** DenseNet-121 has blocks of 6, 12, 24 and 16 layers and starts with 64 channels. First block: $64 + 6 \cdot 32 =
# 256$, halved: 128. Second: $128 + 12 \cdot 32 = 512$, halved: 256. Third: $256 + 24 \cdot 32 = 1024$, halved: 512. Fourth: $512 +
# 16 \cdot 32 = 1024$. DenseNet-169 has 32 and 32 layers in the last two: $256 + 32 \cdot 32 = 1280$, halved: 640, and $640 +
# 32 \cdot 32 = 1664$.


# %% tags=["nbval-check-output"]
def channels(blocks: tuple[int, ...], growth: int = 32) -> list[int]:
    found, now = [], 64
    for i, layers in enumerate(blocks):
        now = (now // 2 if i else now) + layers * growth
        found.append(now)
    return found


with torch.device("meta"):  # shapes only: no memory, no weights
    networks = {
        name: DenseDepth(name)
        for name in ("densenet121", "densenet169", "mobilenet_v2", "vgg16")
    }
for name, blocks in (
    ("densenet121", (6, 12, 24, 16)),
    ("densenet169", (6, 12, 32, 32)),
):
    made = networks[name].middle.in_channels
    print(f"{name}: {channels(blocks)}, the library's last map: {made}")

# %% [markdown]
# The encoder's last map sets the width of everything after it: the decoder begins with as many channels as the encoder
# ends with, and its first block is the largest part of all. So a slightly deeper encoder makes a much heavier network.
#
# **Predict first.** DenseNet-169 has 1.6 times the channels of 121 at the end. How many times the parameters will the *whole*
# network have?

# %% tags=["nbval-check-output"]
for name, network in networks.items():
    encoder = sum(p.numel() for p in network.encoder.parameters())
    whole = sum(p.numel() for p in network.parameters())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 480, 640, device="meta"))
    work = counter.get_total_flops() / 1e9
    print(
        f"{name:13s} encoder {encoder / 1e6:5.2f} M, whole {whole / 1e6:5.2f} M", end=""
    )
    print(f", {work:4.0f} GFLOP for a picture of 480 × 640")

# %% [markdown]
# More than twice, because a convolution's weights grow with the *square* of the width.
#
# - **DenseNet-169** has 82 dense layers. Each is two thin convolutions, a 1×1 to 128 channels and a 3×3 from those to 32; the second has $9 \cdot 128 \cdot 32$, 37 thousand weights.
#   The first reads everything that was made so far, $c$ channels, and has $128\,c$ of them: up to 209 thousand. All 82 together: 8.3 million in the 1×1, 3.0 million in the 3×3.
#   (Two convolutions in each, the first one, three transitions and the classifier make the 169.)
# - **VGG-16** {cite}`simonyan2015`, an older classifier, is a plain chain of thirteen 3×3 convolutions, which an encoder keeps, and three fully connected layers. One convolution from 512 to 512 channels has 2.4 million weights: the thirteen
#   weigh more than all 82 dense layers.
# - **MobileNetV2** {cite}`sandler2018`, made for telephones, has an encoder of two million and gets a decoder of seventeen, because it ends with 1280 channels. The networks on these pages take a quarter of that width.
#
# The last column (a GFLOP is a billion additions and multiplications) has a surprise of its own: VGG-16 and DenseNet-121 make networks of equal weight, and the first does twice the work. A weight works once for each pixel of its map, and
# VGG's first convolutions work on maps of full size, where a DenseNet has halved its maps twice before its first block.
#
# The published figure for DenseNet-169 is 42.6 M {cite}`alhashim2018`; a test of this library holds it to 42,657,689. (The report also gives 14.3 and 8 million {cite}`ghiorghiu_report`: those are the whole classifiers, as Keras counts them, with the thousand outputs for ImageNet's names and the running statistics of batch normalisation.)
#
# Such a count is also how one checks a description. Three sentences of the report do not fit the network that it names: a transition is "a 1x1 convolutional layer with 32 filters, and a max pooling layer" {cite}`ghiorghiu_report`, where a real one halves the channels, whatever
# they are, and averages; the decoder's first layer is to "match the number of channels in the original input image" {cite}`ghiorghiu_report`, which are three, where it keeps 1664; and Adam is "to optimize the weights of the decoder" {cite}`ghiorghiu_report`, where all 42.6 M learn. With either of the first two the count would be another. A
# fourth leaves no trace in a count, for it has no weights: the LeakyReLU stands after each block but the last in the report, which describes the paper, and after both convolutions of all four in the authors' code. Here that is a switch, `leaky`. (And its "over 1,400 densely labeled indoor scenes" {cite}`ghiorghiu_report` are images, of 464 scenes.)
#
# The authors' code differs from their paper, and so from our network, in a few things more: it shows the encoder colours from 0 to 1 as they are, where torchvision's weights want them normalised; it exchanges channels in half of the pictures, not a quarter; its Adam is the variant AMSGrad; and its enlargement lets the corner
# pixels' centres coincide (`align_corners=True`, a switch here).
#
# How long does a step take? This is an illustration from the machine that built this page, at a small size. The numbers that count are in
# `results/benchmarks/train_step.json`, with memory and the share of what the processor can do at most.

# %%
loss = make_loss("densedepth")
rgb, depth = torch.rand(2, 3, 96, 128), torch.rand(2, 1, 96, 128) * 5 + 1
for name in ("mobilenet_v2", "densenet121", "densenet169"):
    network = DenseDepth(name, size=(96, 128)).train()
    for _ in range(2):  # the first one warms up
        began = time.perf_counter()
        output = network(rgb)
        reduce(*loss(output, *network.target(depth))).backward()
        seconds = time.perf_counter() - began
    print(f"{name:13s} {seconds / 2:.2f} s a picture of 96 × 128, forward and backward")

# %% [markdown]
# MobileNetV2 is quicker than DenseNet-121 by less than its small encoder suggests: one step, as above, varies from run to run, and in those results it does between a twentieth and nearly a half more pictures a second. At full width its decoder, which begins with 1280 channels, makes up for what the encoder
# saves: the two networks do the same work.
#
# ## Table I, and what it can tell
#
# | | DenseNet-169 | DenseNet-121 | the paper's own weights, scored by the report {cite}`ghiorghiu_report` | printed in the paper {cite}`alhashim2018` |
# |---|---|---|---|---|
# | δ < 1.25 | .8033 | .8108 | .8407 {cite}`ghiorghiu_report` | .846 {cite}`alhashim2018` |
# | δ < 1.25² | .9596 | .9642 | .9721 {cite}`ghiorghiu_report` | .974 {cite}`alhashim2018` |
# | δ < 1.25³ | .9912 | .9921 | .9721 {cite}`ghiorghiu_report` | .994 {cite}`alhashim2018` |
# | rel | .1412 | .1396 | .1259 {cite}`ghiorghiu_report` | .123 {cite}`alhashim2018` |
# | RMSE (m) | .5246 | .5023 | .4712 {cite}`ghiorghiu_report` | .465 {cite}`alhashim2018` |
# | log₁₀ | .0614 | .0597 | .0551 {cite}`ghiorghiu_report` | .053 {cite}`alhashim2018` |
#
# (One figure is of another kind than its name. In the code that Alhashim and Wonka released, and that others have copied, the error is a function of (truth, prediction) that is called with (prediction, truth). δ, RMSE and log₁₀ do not notice; rel does: it is divided by
# the *prediction*. What that moves, the [nine pictures below](fig-nine) will tell. It also scores 652 of the 654 pictures, since its last batch of four would not be full.)
#
# The last two columns are a check that every report should make: score weights whose figures are known, before your own. But for the slip in δ < 1.25³ that [you know](evaluation), the report's evaluator comes within four per cent,
# a little on the bad side each time. Whether it is the evaluator or the nine pictures of the next paragraph cannot be told.
#
# The text holds something that matters more than any number. For each run, it says, "9 random images from the test set will be selected, so
# for the qualitative evaluation the images for each network will differ" {cite}`ghiorghiu_report`. If the figures were made the
# same way, one network was asked nine questions and the other nine *different* ones.
#
# ### How much do nine pictures say?
#
# We have what is needed to find out: δ of each of the 654 test photographs for one network of ours
# (`densedepth-mobilenet-nyu`). It is one network, so any difference between two draws of nine is luck and nothing else.
#
# **Predict first.** Two draws of nine pictures each, one network. How far apart will their δ be, typically: a tenth of the
# difference in the table (.0075), about that, or ten times as much?

# %%
each = gallery.per_image("densedepth-mobilenet-nyu/all")["delta1"]
draw = np.random.default_rng(0)
nine = np.array(
    [each[draw.choice(654, 9, replace=False)].mean() for _ in range(20_000)]
)
gaps = np.abs(nine[::2] - nine[1::2])
print(f"δ1 of one picture: from {each.min():.2f} to {each.max():.2f}")
print(
    f"two draws of nine differ by more than {np.median(gaps):.3f} in half of all cases"
)
print(f"by more than .0075 in {(gaps > 0.0075).mean():.0%}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "A wide histogram of the mean over nine random pictures for one network, and a very narrow bar of width .0075 at its centre."}, "figure": {"caption": "δ < 1.25 of one network on 20,000 draws of nine test photographs. Orange: as wide as the difference between the two DenseNets in the report's table."}}
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.6), layout="constrained")
axis.hist(nine, bins=80, color=plots.PALETTE[0], alpha=0.8)
middle = nine.mean()
axis.axvspan(middle - 0.00375, middle + 0.00375, color=plots.PALETTE[1])
axis.set(xlabel="δ < 1.25, mean of nine photographs", yticks=[])
axis.grid(visible=False)
plt.close(figure)
figure

# %% [markdown]
# About eight times as much, so of the three answers the last. With different pictures for each, a difference like the report's would come out of nearly any two draws for *one and the
# same* network. How many pictures would be enough? The spread of a mean falls with the root of their number. A hundred times as many, 900 each and more than there are, bring the typical gap to a tenth, .006, and still two pairs of draws
# in five differ by more than .0075. To be misled once in twenty times takes some 4,800 each. (Of different rooms, that is; pictures of one room are worth less, see [the evaluation](evaluation).) But if both networks see the *same*
# pictures, what is hard for both cancels. Take two networks of ours that differ by little, the one above and its twin that learned from rendered rooms first, and ask how often the better one wins.

# %%
other = gallery.per_image("densedepth-mobilenet-nyu-from-rooms/all")["delta1"]
pair = torch.from_numpy(each), torch.from_numpy(other)
low, high = paired_interval(
    *pair, scenes=gallery.scenes()
)  # places, with all their pictures
print(f"all 654 pictures: {each.mean():.3f} against {other.mean():.3f}", end="")
print(f", difference from {low:.4f} to {high:.4f} (95 %)")
for count in (1, 9, 50, 200):
    same = apart = 0
    for _ in range(4000):
        a, b = draw.choice(654, count, False), draw.choice(654, count, False)
        same += each[a].mean() > other[a].mean()
        apart += each[a].mean() > other[b].mean()
    print(f"{count:3d} pictures: right with the same {same / 40:5.1f} %", end="")
    print(f", with different ones {apart / 40:5.1f} %")

# %% [markdown]
# Sharing the pictures is free, and worth more than four times their number: fifty that are shared decide better than two hundred different ones. This is the *paired* comparison of [the evaluation](evaluation).
# These two networks differ by half as much again as the two in the table do. The interval of their difference, from the places of all 654 pictures and paired, reaches a little farther to either side than the table's .0075: so small a difference could
# just not be told from zero, even with all of them, and the seeds of the two trainings may move δ as much.
#
# So the table shows that both networks of the report work, after five epochs. (The paper trained on 50,688 frames for "one million iterations". We read that as one million *pictures*, about twenty epochs; as steps of 8 pictures it would be 158.) It does not show which is better. What would: both encoders, the same
# samples, three seeds each, all 654 pictures, paired. The recipes are here: `densedepth169-nyu50k` and `densedepth121-nyu50k` on the paper's own frames, without the ending `50k` on the 795; they
# need ImageNet weights and want a GPU, and they have not been run for this page. What was run on two processor cores, under `densedepth` (the
# paper's own [protocol](evaluation), mirrored pictures averaged; true maps of half size, 240×320) and one seed:
#
# | | parameters | δ < 1.25 | rel | RMSE (m) | training |
# |---|---|---|---|---|---|
# | MobileNetV2, ImageNet | 3.7 M, decoder a quarter as wide | {result}`densedepth-mobilenet-nyu/cpu-0::metrics.nyu-test/densedepth.all.delta1::.3f` | {result}`densedepth-mobilenet-nyu/cpu-0::metrics.nyu-test/densedepth.all.abs_rel::.3f` | {result}`densedepth-mobilenet-nyu/cpu-0::metrics.nyu-test/densedepth.all.rmse::.3f` | {result}`densedepth-mobilenet-nyu/cpu-0::seconds.train::.0f` s |
# | MobileNetV2, random weights | 3.7 M, decoder a quarter as wide | {result}`densedepth-mobilenet-random/cpu-0::metrics.nyu-test/densedepth.all.delta1::.3f` | {result}`densedepth-mobilenet-random/cpu-0::metrics.nyu-test/densedepth.all.abs_rel::.3f` | {result}`densedepth-mobilenet-random/cpu-0::metrics.nyu-test/densedepth.all.rmse::.3f` | {result}`densedepth-mobilenet-random/cpu-0::seconds.train::.0f` s |
#
# (Rel is divided by the truth here.) The gap to the published columns has many candidate causes: 795 pictures for 50 thousand frames, the encoder, the decoder's width,
# the loss, the size, the length of training. Exchanging only the encoder in *our* recipe, `-p
# model.options.encoder=densenet121`, would price one of them.
#
# ## Nine pictures, two colour maps
#
# Here are nine test photographs, drawn once by seed 0 and never exchanged for prettier ones. The report shows its maps in
# *jet*: blue near, red far. We show the same maps twice.
#
# **Predict first.** Look only at the jet column, and mark where you see a contour. Then look for it in the column beside it.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Nine photographs, one a row; beside each its true depth, the network's answer in jet, and the same answer in a perceptually uniform map. Jet shows bands of yellow and cyan that the other map does not."}, "figure": {"name": "fig-nine", "caption": "Nine test photographs of NYU Depth v2 (Silberman et al. 2012), drawn by seed 0; the truth, and the answer of densedepth-mobilenet-nyu in jet and in viridis. All maps of a row share one range. The number is AbsRel of the picture."}}
pictures = gallery.nine_pictures()
network = "densedepth-mobilenet-nyu/all"
errors = gallery.per_image(network)["abs_rel"]
figure, axes = plt.subplots(9, 4, figsize=(plots.WIDTH, 12.4), layout="constrained")
for row, p in zip(axes, pictures, strict=True):
    answer, known = p.answers[network], p.truth > 0
    limits = {"vmin": p.truth[known].min(), "vmax": p.truth[known].max()}
    row[0].imshow(p.rgb)
    row[1].imshow(np.where(known, p.truth, np.nan), cmap="viridis_r", **limits)
    row[2].imshow(answer, cmap="jet", **limits)
    row[3].imshow(answer, cmap="viridis_r", **limits)
    plots.badge(row[0], f"{errors[p.index]:.2f}")
plots.frameless(axes, ("photograph", "truth", "answer, jet", "answer, viridis"))
plt.close(figure)
figure

# %%
answers = [(p.answers[network][p.truth > 0], p.truth[p.truth > 0]) for p in pictures]
p, g = (np.concatenate(maps).astype(float) for maps in zip(*answers, strict=True))
print(f"rel of these nine, divided by the truth: {(np.abs(p - g) / g).mean():.3f}")
swapped = (np.abs(p - g) / p).mean()
print(f"divided by the prediction, as in the authors' code: {swapped:.3f}")

# %% [markdown]
# The same maps, and an eighth less error: this network says some things much too far, and the larger number then stands below the line. A network that errs towards the camera would lose by it. So the published .123 and a rel of ours cannot be set side by side
# before one knows by which code the first was made. That is why every figure in this library has [one definition](evaluation), and a protocol says which.
#
# Jet draws outlines that are not there. Its brightness goes up, stays, and comes down again, and the eye reads brightness
# before it reads hue. So a smooth wall gets bright bands at yellow and cyan, which look like edges, and two depths on
# either side of the bright middle are equally bright. *Lightness* $L^*$ is the measure that was made for this: equal steps of
# it look equally large.


# %% tags=["hide-input"] mystnb={"image": {"alt": "Lightness along two colour maps: jet rises, stays high with two bumps and falls again; viridis rises in a straight line."}, "figure": {"caption": "Lightness L* along each colour map. In a straight line equal differences of depth look equal."}}
def lightness(name):
    """CIE L* of a colour map's 256 colours."""
    srgb = plt.get_cmap(name)(np.linspace(0, 1, 256))[:, :3]
    linear = np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


figure, axes = plt.subplots(
    1, 2, figsize=(plots.WIDTH, 2.4), sharey=True, layout="constrained"
)
for place, name in zip(axes, ("jet", "viridis"), strict=True):
    place.scatter(
        np.linspace(0, 1, 256),
        lightness(name),
        c=np.linspace(0, 1, 256),
        cmap=name,
        s=14,
    )
    place.set(title=name, xlabel="value")
axes[0].set_ylabel("lightness L*")
plt.close(figure)
figure

# %% tags=["nbval-check-output"]
for name in ("jet", "viridis"):
    steps = np.diff(lightness(name))
    print(f"{name:8s} always brighter: {(steps > 0).all()}")

# %% [markdown]
# Printed in grey, jet's near and far become one; for a reader who does not tell red from green its warm half blurs. There is one
# good use for it: comparing with a figure that was drawn in it. (Elsewhere in this book viridis is turned round, so that near is bright.)
#
# ## A table with another cause: the KITTI column
#
# The report's table has one column more, left out above, of the paper's KITTI network: δ < 1.25 of .0037, rel .7246, log₁₀ .592, RMSE 2.3185 m {cite}`ghiorghiu_report`.
# The text blames the depth maps of KITTI. [The evaluation](evaluation) has multiplied a perfect map by 0.27 and found such figures; here we derive the factor.
#
# Suppose all predictions are too small by one factor $c$: $y = y^*/c$. Substitute this in the two figures, and $y^*$ cancels:
#
# - rel $= |y - y^*|/y^* = 1 - 1/c$. With .7246 {cite}`ghiorghiu_report`: $c = 1/(1 - .7246) = 3.6$.
# - log₁₀ error $= |\log_{10} y - \log_{10} y^*| = \log_{10} c$. With .592 {cite}`ghiorghiu_report`: $c = 10^{.592} = 3.9$.
#
# (*Three numbers:* truths of 1, 2 and 4 m and $c = 4$: every pixel has rel ¾ and log₁₀ error .602.) Two figures that weigh errors differently ask for nearly the same factor. (Too *large* would need $c =
# 1.7$ for the first and 3.9 for the second.) Even the loosest threshold, $1.25^3 = 1.95$, is far below it, so all three
# δ must be nearly zero. They are .0037, .0170 and .0448 {cite}`ghiorghiu_report`: the ratios scatter somewhat, and one pixel in twenty comes within the loosest. Finally the size. An RMSE of 2.32 m at a rel of .72 {cite}`ghiorghiu_report` belongs to depths of
# about $2.32/.72 = 3.2$ m. The report says KITTI; three metres say a room. (All this with rel divided by the truth. If the report's code divided by the prediction, exchange the two words throughout: then the *predictions* are those of a room, and the truths about a quarter of them. Two units that do not match it is either way.)
#
# So a network that works can print such a column. One trained for roads, shown rooms or scored in other
# units, can look like this: nothing in its maps need be wrong but their unit. The remedy is a habit: before scoring, print
# the median of the prediction over the median of the truth. (`depthlib evaluate` warns of gross cases only, beyond a factor of twenty; a factor of four is for you to see.)
#
# One more. The report's formula for the log₁₀ error has no absolute value {cite}`ghiorghiu_report`. Then a pixel twice too far and one twice too near cancel:
# $\log_{10} 2 + \log_{10} \tfrac12 = 0$, a perfect score.
#
# ## Sharper?
#
# "The DenseNet121 model produced slightly sharper estimations, particularly in terms of object contours"
# {cite}`ghiorghiu_report`. On different pictures, in jet. How would one test that? With a number for sharpness, on the same
# pictures: the **share of the true edges that is drawn**, as in [transfer learning](transfer_learning). Here for the two networks
# of which we have maps.

# %%
drawn = {}
for name in ("nyu", "random"):
    shares = []
    for p in pictures:
        said = p.answers[f"densedepth-mobilenet-{name}/all"]
        answer, truth = (torch.from_numpy(d)[None, None] for d in (said, p.truth))
        shares.append(edge_share(answer, truth, truth > 0).item())
    drawn[name] = np.array(shares)
    print(f"{name:6s} edges drawn: {np.mean(shares):.0%}", end="")
    print(f", from {min(shares):.0%} to {max(shares):.0%} over the nine")
ahead = drawn["nyu"] - drawn["random"]
again = np.random.default_rng(0).integers(0, 9, (2000, 9))  # with replacement
low, high = np.quantile(ahead[again].mean(1), (0.025, 0.975))
print(
    f"nyu ahead by {100 * ahead.mean():.0f} percentage points (95 %: "
    f"{100 * low:.0f} to {100 * high:.0f}), on {(ahead > 0).sum()} of nine"
)

# %% [markdown]
# (A negative share means that edges are drawn the wrong way round, near where it is far; see [the fine network](fine_network). The share depends on the size of the maps: here they are small
# copies, in [transfer learning](transfer_learning) they were not, so the two pages' shares are not on one scale.) Nine pictures are few, but the same nine for both, compared one by one, show which of the two is sharper. Whoever claims "sharper" owes such
# a pair of numbers, with a paired interval over the places of the test set. Neither the report nor this page has one for 121 against 169.
#
# ## Recap
#
# - A DenseNet lays $k$ new channels beside the old ones; the decoder's width follows the encoder's end, and weights follow
#   the square of it.
# - Nine pictures, and different ones for each network, cannot see such differences. The same pictures for both see far more.
# - Jet has edges of its own. Use a map whose lightness is a straight line.
# - A constant factor leaves a fingerprint in a table: rel and log₁₀ agree on it, and beyond 1.95 all three δ vanish.
# - "Sharper" is a number, too.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# DenseNet-201 has blocks of 6, 12, 48 and 32 layers. How many channels has its last map? Roughly how many times the
# parameters of DenseNet-169's *decoder* will its decoder have?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# The third block gives $256 + 48 \cdot 32 = 1792$, halved 896, and $896 + 32 \cdot 32 = 1920$. Weights go with the square of
# the width: $(1920/1664)^2 = 1.33$.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# A table prints rel $= .50$ and log₁₀ $= .30$ for a network whose predictions are all too small. Complete `factor` so that it
# returns the factor each of the two figures asks for. Do they agree?
# ```


# %% tags=["raises-exception", "hide-output"]
def factor(rel: float, log10: float) -> tuple[float, float]:
    return 1.0, 1.0  # your lines here


found = factor(0.5, 0.30103), factor(0.75, 0.30103)
assert np.allclose(found, ((2, 2), (4, 2))), "not yet: 2 and 2 first, then 4 and 2"

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# From rel $= 1 - 1/c$: $c = 1/(1 - \mathrm{rel})$. From the printed log₁₀ error $\ell = \log_{10} c$: $c = 10^{\ell}$. Both give 2: they agree.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def factor(rel: float, log10: float) -> tuple[float, float]:
    return 1 / (1 - rel), 10**log10


print("agree:", np.allclose(factor(0.5, 0.30103), (2, 2)))

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# You have GPU time for six trainings. You want to know whether DenseNet-121 or 169 is better for depth. How do you spend
# them, and what would you report?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# Three seeds each, with everything else equal, including the *samples* seen (and say what that means for time: the larger
# one takes longer). Score all 654 pictures with one protocol fixed beforehand. Report the mean and spread over seeds, and a
# paired interval over the places they show for the means of the three. If that interval contains zero, or the three differences of like seeds do not
# all have one sign, say that nothing was shown. One
# long training each would show the better *numbers* and would not answer the question.
# ```
#
# Next: [sparse to dense](sparse_to_dense), where a tenth of the depth is given and the rest is wanted.
