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
# # What did you measure? Evaluation
#
# "My numbers differ from the paper's" is the commonest complaint in this field. The network is rarely to blame. Between a
# map and a number in a table stand half a dozen choices that no table prints: which truth (with the sensor's holes, or filled), which rectangle of it, how far it
# may reach, whether the map may be rescaled first, what is averaged. This page takes **one** set of predictions and scores
# it in every way that the literature does.
#
# **What you will be able to do**
#
# - name the choices between a depth map and a number, and say how far each can move it;
# - average errors over pixels or over images, and know which of the two is larger;
# - say whether one network is better than another, or only luckier;
# - recognise the usual bugs of an evaluator by the numbers that they give;
# - read a published table, and find what cannot be.
#
# **This page needs** profile `cpu`: half a minute on two cores beside the shared training run (recipe `eigen-rooms`, five
# minutes the first time, then loaded from disk), 2 GB of memory, no GPU, no download. All pictures are rendered rooms.

# %% tags=["hide-input"]
import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from depthlib import gallery, metrics, plots
from depthlib.data import open_dataset
from depthlib.bootstrap import bootstrap_difference, bootstrap_interval, paired_interval
from depthlib.evaluation import evaluate
from depthlib.prediction import predict
from depthlib.protocols import PROTOCOLS, fitting, get_protocol
from depthlib.recipe import default_profile, load_recipe, run_folder
from depthlib.tables import load_table
from depthlib.training import train

PROFILE = default_profile()
COUNT = 6 if PROFILE == "smoke" else 60
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## One network, one set of maps
#
# The network is that of the chapters before, trained on rendered rooms; the test rooms are new to it. It answers for the
# inner 220×296 pixels of a picture of 240×320. Some protocols score a little more than that, so we let the outermost
# answers go on to the picture's border. A protocol never does this by itself: where a model says nothing, `depthlib` stops
# with the number of pixels, since a zero that is scored silently ruins a mean, and one that is skipped silently flatters it.

# %%
recipe = load_recipe("eigen-rooms", PROFILE)
run = train(recipe, out=run_folder(recipe, PROFILE), progress=False)
rooms = open_dataset("rooms", "test", (240, 320), count=COUNT, keep=True)


def to_the_border(stage):
    """A predictor: the stage's answer, continued to the border."""

    def answer(rgb):
        run.model.begin_phase(stage)
        inner = predict(run.model, rgb)
        whole = F.interpolate(inner.depth, (220, 296), mode="nearest-exact")
        return F.pad(whole, (12, 12, 10, 10), mode="replicate")

    return answer


# %% [markdown]
# ## Every protocol at once
#
# A **protocol** is a name for all the choices together. The library has those of the published evaluators; here are the
# ones that fit a picture of this shape.

# %%
names = fitting((240, 320))
for name in ("eigen14", "bts", "midas_affine"):
    print(get_protocol(name).describe(), end="\n\n")

# %% [markdown]
# **Predict first.** The same maps, the same truth. By what factor is AbsRel under the harshest protocol larger than under the kindest: 1.1, 1.3, or more than 1.5?

# %%
scores = {name: evaluate(to_the_border("fine"), rooms, name) for name in names}
columns = ("delta1", "abs_rel", "rmse")
for name, score in scores.items():
    m = score.metrics
    a, b, c = (f"{m[k]:.3f}" if k in m else "  –  " for k in columns)
    print(f"{name:15s} δ₁ {a}   AbsRel {b}   RMSE {c}   {score.pixels:,} px")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Horizontal bars of AbsRel under each protocol, sorted; the protocols that align each map first are shortest."}, "figure": {"caption": "One set of predictions on rendered rooms under each protocol that reports AbsRel. Orange: protocols that fit each map to its truth before they score it. Lines: 95 % intervals over rooms (what these are: see \"Better, or luckier?\")."}}
shown = sorted(
    (s.metrics["abs_rel"], n) for n, s in scores.items() if "abs_rel" in s.metrics
)
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.8), layout="constrained")
for row, (value, name) in enumerate(shown):
    aligned = get_protocol(name).alignment != "none"
    axis.barh(row, value, color=plots.PALETTE[int(aligned)], height=0.7)
    axis.plot(
        bootstrap_interval(scores[name], "abs_rel", 500), [row, row], color="black"
    )
axis.set(
    yticks=range(len(shown)), yticklabels=[name for _, name in shown], xlabel="AbsRel"
)
axis.grid(visible=False, axis="y")
plt.close(figure)
figure

# %% [markdown]
# More than 1.5: it is the longest bar divided by the shortest. Among the blue bars alone it is close to one. Nothing about the network changed from bar to bar. So a number without its protocol is not a result, and two numbers under
# different protocols cannot be subtracted. The orange bars answer another question altogether: how good is the *shape*,
# if somebody tells us the size, and for the two of the names with *affine* also where zero lies? That is fair for a network whose answer leaves just this open. It is not the same table, and the more numbers are fitted, the easier it is: orange bars cannot be compared among themselves either.
#
# The names stand for: `eigen14`, Table 1 of {cite:t}`eigen2014` (its rectangle is our reconstruction: see [the next page](eigen_experiments)); `densedepth`, after {cite:t}`alhashim2018`; `bts`,
# the one that most papers on NYU Depth v2 used after 2019; `midas_affine`, for networks that know depth only up to a scale
# and a shift of its inverse; `marigold_affine`, for those that know it up to a scale and a shift of depth itself; `makarov18`, after the second author, the whole-map figures of {cite:t}`korinevskaya2018`; `full`, every pixel, nothing aligned. What follows a name is one change: `_median`, each map
# brought to the truth's median; `_oracle`, to its true mean log depth; `_down`, the truth made as small as the answer; `_flip`, averaged with the mirrored picture.
#
# ## Which choice moves the number?
#
# Change one thing at a time, beginning with `eigen14`. A *cap* leaves out truth beyond a depth. (A *clamp*, which some protocols print, leaves out nothing: it brings answers beyond a depth to that depth.) *Median aligned* multiplies each
# map by median(truth) / median(map). *Averaged with the mirror*: the network also answers the mirrored picture, and the two answers
# are averaged. One more choice hides in every score, *resampling*: the 55×74 answers must be enlarged to the truth's size, by the
# nearest value or by interpolation. (Here `to_the_border` has done that already, by the nearest value, and a protocol's own rule finds nothing left to do.)

# %%
base = get_protocol("eigen14")
changes = {
    "all of the picture": {"crop": None},
    "the crop of bts": {"crop": PROTOCOLS["bts"].crop},
    "truth under 3 m only": {"caps": (0.0, 3.0)},
    "mean of images": {"pooling": "images"},
    "median aligned": {"alignment": "median"},
    "averaged with the mirror": {"flip": True},
}
start = evaluate(to_the_border("fine"), rooms, base).metrics
moved = {}
for what, change in changes.items():
    rules = dataclasses.replace(base, name=what, **change)
    moved[what] = evaluate(to_the_border("fine"), rooms, rules).metrics

# %% tags=["hide-input"] mystnb={"image": {"alt": "For each of six changes of the protocol, two horizontal bars: by how many per cent AbsRel and RMSE move, to the left for smaller and to the right for larger."}, "figure": {"caption": "How far one change of the protocol moves the figures, in per cent of what eigen14 gives. Rendered rooms."}}
figure, axis = plt.subplots(figsize=(plots.WIDTH, 3.0), layout="constrained")
for shift, (key, label) in enumerate((("abs_rel", "AbsRel"), ("rmse", "RMSE"))):
    percent = [100 * (m[key] / start[key] - 1) for m in moved.values()]
    rows = [i + 0.18 - 0.36 * shift for i in range(len(moved))]
    axis.barh(rows, percent, height=0.34, color=plots.PALETTE[shift], label=label)
axis.axvline(0, color="black", linewidth=0.8)
axis.set(yticks=range(len(moved)), yticklabels=list(moved), xlabel="change, per cent")
axis.grid(visible=False, axis="y")
axis.legend()
plt.close(figure)
figure

# %% [markdown]
# Look at "truth under 3 m only". A cap on the truth throws away the far pixels, which have the largest errors in metres, so
# RMSE falls by a good part, with no change to the network. AbsRel *rises*, for what is near has the larger relative error: one cap, two directions. Rescaling each map to its
# truth's median moves both by three tenths, the mean of images moves RMSE alone, and crops and mirrors move a few per cent. Published caps (10 m indoors, 80 m on roads) are wide enough to be fair, but
# a paper that evaluates "up to 50 m" is not in the same table as one that goes to 80.
#
# ### Pixels in one pool, or images in a mean?
#
# Take two images of one hundred pixels. In the first every pixel is wrong by 1 m, in the second by 3 m.
#
# - *All pixels in one pool*: $\sqrt{(1 + 9)/2} = \sqrt 5 = 2.24$ m.
# - *A mean of the images' RMSE*: $(1 + 3)/2 = 2$ m.
#
# As long as all images have equally many valid pixels the pool is never smaller. The square root bends downwards, so the
# root of a mean is at least the mean of the roots (Jensen's inequality), with equality only if all images are equally
# wrong. With unequal numbers either can be larger (Exercise 1). For AbsRel and δ, which have no root, the two differ only
# in that case. The paper of 2014 pools; nearly all later code
# averages images.

# %% tags=["nbval-check-output"]
truth = torch.full((2, 1, 10, 10), 5.0)
wrong = truth + torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
sums = metrics.error_sums(wrong, truth, truth > 0)
for pooling in ("pixels", "images"):
    root, share = (f(sums, pooling) for f in (metrics.rmse, metrics.abs_rel))
    print(f"{pooling:6s} RMSE {root:.2f} m   AbsRel {share:.2f}")

# %% [markdown]
# ## Better, or luckier?
#
# The fine network's figures differ a little from the coarse one's. Would they on other rooms? We have only these, but we
# can draw *from these*: pick as many rooms as there are, with replacement, and compute the figure again; two thousand times.
# A drawn set differs from ours by chance, much as ours differs by chance from all the rooms that might have been in the test.
# The middle 95 % of the results is an **interval**: how much the figure depends on which rooms happened to be in the test.
# This is the *bootstrap*.
#
# **Predict first.** The intervals of two networks overlap by almost all their length. Does that settle that neither is better?

# %%
stages = {}
for name in ("coarse", "fine"):
    stages[name] = evaluate(to_the_border(name), rooms, "eigen14")
    value = stages[name].metrics["abs_rel"]
    low, high = bootstrap_interval(stages[name], "abs_rel")
    print(f"{name:6s} AbsRel {value:.4f}   95 %: {low:.4f} to {high:.4f}")
d = bootstrap_difference(stages["coarse"], stages["fine"], "abs_rel")
print(f"coarse − fine {d.value:+.4f}   95 %: {d.low:+.4f} to {d.high:+.4f}")

# %% [markdown]
# No, the overlap settles nothing. Most of each interval comes from the rooms: some are hard for both networks. The last line draws the *same* rooms for both
# and looks at the difference, so what is hard for both cancels. This is a **paired** comparison, and its interval is far
# narrower than the two others. If it does not contain zero, then two networks that are equally good over all such rooms would look this
# different, in either direction, in only one of twenty such comparisons. If it contains zero, it is not shown which of the two is better; but it is shown that they differ by little more than its ends say. What it cannot tell: whether another *training* (another seed) would come out the
# same; and whether your pictures are like these. Under `cpu` zero is inside: these rooms do not say which of the two is better.
#
# Each of these rooms is a room of its own. Photographs are not so. The 1449 photographs of NYU stand in a list, room after room, and were divided by rooms. So test photographs that follow each other in
# the list, with no training photograph between, show one room, or a few that are neighbours in the list. We call such a run a *place*: the 654 test photographs make 124, of one to 29 pictures each. To draw single pictures is to claim that each of them is news.
#
# **Predict first.** If an answer is badly wrong on one picture of a room, what do you expect of the next? The figure shows it where it is plainest. It has the error of the
# mean depth image, which answers all pictures alike, on every photograph of the places with eight or more, one column a place. To the right the errors of all photographs were dealt out anew to the same columns,
# as they would lie if a place meant nothing.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of 24 columns of dots, sorted by their medians. To the left the medians climb from a fifth to nearly nine tenths and some columns hardly overlap; to the right they lie between a fifth and a half, most of them near a third, and the columns look alike."}, "figure": {"caption": "AbsRel of the mean depth image on test photographs of NYU Depth v2, one column a place. Dash: the median; bar: eight tenths of the pictures. Right: the same, had the errors been dealt out at random. The upright axis is logarithmic.", "name": "fig-places"}}
places = gallery.scenes()
blind = gallery.per_image("eigen-nyu/mean")["abs_rel"]
dealt = np.random.default_rng(0).permutation(blind)
shown = [np.flatnonzero(np.array(places) == place) for place in dict.fromkeys(places)]
shown = [pictures for pictures in shown if len(pictures) >= 8]
figure, axes = plt.subplots(
    1, 2, figsize=(plots.WIDTH, 3.3), sharey=True, layout="constrained"
)
for axis, errors, title in zip(
    axes, (blind, dealt), ("as they are", "dealt out at random"), strict=True
):
    columns = sorted((errors[pictures] for pictures in shown), key=np.median)
    for x, column in enumerate(columns):
        bar = np.quantile(column, [0.1, 0.9])
        axis.plot([x, x], bar, color=plots.PALETTE[0], alpha=0.25, linewidth=5)
        axis.scatter([x] * len(column), column, s=9, color=plots.PALETTE[0], alpha=0.7)
        middle = np.median(column)
        axis.plot([x - 0.45, x + 0.45], [middle] * 2, color=plots.PALETTE[1], lw=2)
    axis.set(title=title, xlabel="place", xticks=[], yscale="log")
    axis.grid(visible=False, axis="x")
axes[0].set(ylabel="AbsRel", yticks=[0.1, 0.3, 1], yticklabels=["0.1", "0.3", "1"])
axes[0].minorticks_off()
plt.close(figure)
figure

# %% [markdown]
# The pictures of a place share their fate: in a small room everything is nearer than the mean image says, from wherever it is taken. So what must be drawn is the *place*, with all its pictures. Each draw has 124 places again, and more or fewer
# pictures. (In the literature this is the *cluster* bootstrap {cite}`davison1997`.)

# %%
network = gallery.per_image("eigen-nyu/fine")["abs_rel"]
nothing = np.zeros_like(blind)
for label, first, second in (
    ("mean image", blind, nothing),
    ("a network", network, nothing),
    ("network − mean image", network, blind),
):
    pair = torch.from_numpy(first), torch.from_numpy(second)
    single = paired_interval(*pair)
    whole = paired_interval(*pair, scenes=places)
    errors = first - second - np.mean(first - second)
    together = np.bincount(np.unique(places, return_inverse=True)[1], errors)
    worth = len(errors) * (errors**2).sum() / (together**2).sum()
    print(f"{label}: AbsRel {np.mean(first - second):+.3f}")
    print("   pictures drawn  95 %: {:+.3f} to {:+.3f}".format(*single))
    print("   places drawn    95 %: {:+.3f} to {:+.3f}".format(*whole))
    worth = 10 * round(worth / 10)
    print(f"   worth about {worth} pictures of different rooms")

# %% [markdown]
# The last lines say it in another way: how many pictures of *different* rooms would say as much as these 654 do. (Take each picture's error minus the mean of all, add these up within a place, and square the sum. If pictures of a place have nothing to do with
# each other, the products in this square cancel on average and the single squares remain. So the sum of all places' squares, divided by the sum of all single squares, is how much larger the variance of the mean is than it would be without places.) The number belongs to what is scored. It is small for the mean image,
# which is wrong alike on all pictures of a place, and larger for a network, which answers each picture by itself. In a difference what is hard for both cancels, and what remains may hang together more or less than before: in this book the
# intervals of two networks' differences get wider by nothing to about a third, those between a network and a blind image by up to nine tenths.
#
# `depthlib` draws places wherever its data set says which image shows which, and says over what it drew; where it is not said, it draws images. For NYU these are the runs above. They are not perfect. Rooms that happen to be neighbours in the list are taken together, which
# only costs precision. And one bookshop is in both parts and comes twice, as two runs with training pictures between, so it counts as two places. KITTI's usual 697 test frames come from 28 drives. An interval from fewer than about twenty places is itself too narrow, so from fewer
# `depthlib` calls no difference certain.
#
# ## Nine ways to be wrong and not notice
#
# Each line below is a bug that is easily made. In its code `p` is the prediction $y$ and `g` the truth $y^*$. (*SILog* is the scale-invariant error of KITTI's tables: $100\sqrt D$, with $D$ from
# [the loss](scale_invariant_loss).) Most were found in public evaluators. None crashes. Each gives a number that looks like a result. Here
# they are on the first room; first the right value, then the wrong one.

# %%
room = rooms[0]
p = to_the_border("fine")(room["rgb"][None])[0, 0]
g = room["depth"][0]
known = g > 0
p, g = p[known].double(), g[known].double()
e = p.log() - g.log()
n = len(e)

# %%
right = {
    "AbsRel": ((p - g).abs() / g).mean(),
    "SqRel": ((p - g).square() / g).mean(),
    "RMSE log": e.square().mean().sqrt(),
    "SILog": 100 * (e.square().mean() - e.mean() ** 2).sqrt(),
    "RMSE": (p - g).square().mean().sqrt(),
    "δ₁": (torch.maximum(p / g, g / p) < 1.25).double().mean(),
}
D = e.square().mean() - e.mean() ** 2  # the scale-invariant error, squared
half = 0.5 * e.mean() ** 2
zeros = 0.1 * p.square().sum()  # a tenth more pixels, of truth 0
mm = 1000 * g
faults = [
    ("AbsRel", "the arguments swapped", ((p - g).abs() / p).mean()),
    ("SqRel", "divided by g²", ((p - g).square() / g**2).mean()),
    ("RMSE log", "without the root", e.square().mean()),
    ("RMSE log", "logarithm of base 10", (e / 2.3026).square().mean().sqrt()),
    ("SILog", "half of the mean's square", 100 * (D + half).sqrt()),
    ("SILog", "without root and hundred", D),
    ("RMSE", "missing depth scored as 0 m",
     ((zeros + (p - g).square().sum()) / (1.1 * n)).sqrt()),
    ("δ₁", "one-sided: g/p only", (g / p < 1.25).double().mean()),
    ("δ₁", "truth in millimetres",
     (torch.maximum(p / mm, mm / p) < 1.25).double().mean()),
]  # fmt: skip
for name, fault, value in faults:
    print(f"{name:9s} {right[name]:7.3f}   {value:8.3f}   {fault}")

# %% [markdown]
# Several make the network look *better* than it is, and those are the ones that survive: nobody hunts for a bug in a good
# result. The last one gives itself away, and you will meet its like in a published table in a moment. Every one of these
# has a test in this library that would fail if we made the mistake.
#
# ## Reading tables like a detective
#
# Three student and research papers stand behind this book beside the original. Each has a number that cannot be what it
# says. No malice is needed: a missing root, a swapped file. (The first fault of the cell above stands in code that many have copied: what {cite:t}`alhashim2018` released hands prediction and truth to AbsRel in the wrong order. [A later page](densenet_experiments) counts what that moves.) The skill is to see it *before* you build on it.
#
# ### A network worse than no network
#
# A student report trains both networks, for what it calls four epochs. It gives
# RMSE 1.466 and a scale-invariant error of 0.147 {cite}`verma_report`,
# beside 0.871 and 0.219 of the paper {cite}`eigen2014`. Two of its numbers do not go together.
#
# (The two it is compared with are of different networks: the first of the coarse one alone, the second of both.)
#
# - **RMSE.** The mean depth image, which never looks at the picture, has 1.244 on the official test images {cite}`eigen2014`.
#   If the report used these, its trained network is by RMSE *worse than not looking*.
# - **Scale-invariant error.** Yet by this figure it would beat the original by a third. Suppose a root was forgotten, so that
#   the printed number is $D$ and not $\sqrt D$: then $\sqrt{0.14727} = 0.384$, where the mean image has 0.304 {cite}`eigen2014`. Now both
#   figures say the same thing. Nothing proves that this is what happened, but it makes two odd numbers into one plain story.
# - **"All attempts at training with a higher number of epochs led to CUDA running out of memory"** {cite}`verma_report`. (CUDA is the software through which PyTorch uses a graphics card.)
#   Memory depends on the network and the batch, and an epoch needs no more of it than the one before. If memory does grow
#   from epoch to epoch, something is kept that should be let go. [The next page](eigen_experiments) finds out what, counts it,
#   and trains for four epochs, too.
#
# ### A column from another world
#
# A report on DenseDepth prints, for the released KITTI network, δ₁ = 0.0037, rel (AbsRel) 0.7246, rms (RMSE) 2.3185 and log₁₀ (the mean of $|\log_{10} y - \log_{10} y^*|$) 0.592 {cite}`ghiorghiu_report`.
# A network cannot be *that* bad by chance: an average image that never looks has a δ₁ of
# .418 indoors and .556 on roads {cite}`eigen2014`. Let us see what the other numbers say.

# %% tags=["nbval-check-output"]
truth = torch.rand(1, 1, 200, 200) * 3 + 1.5  # a room: 1.5 to 4.5 m
for factor in (1.0, 0.27):
    sums = metrics.error_sums(truth * factor, truth, truth > 0)
    figures = (metrics.delta, metrics.abs_rel, metrics.log10, metrics.rmse)
    a, b, c, d = (figure(sums).item() for figure in figures)
    print(f"times {factor:4}: δ₁ {a:.2f}  rel {b:.2f}  log10 {c:.2f}  rms {d:.1f} m")

# %% [markdown]
# A *perfect* map multiplied by 0.27 has all four of the printed numbers, nearly: δ₁ near 0, rel near .73, log₁₀ near .57, rms
# a little over 2 m. (The last agrees only because our truths are those of a room: if every pixel is wrong by the same share, its error is that share of its depth, so rms divided by rel, 2.32/.72, says that the scored
# depths are about 3 m, and roads have no such depths.) The report speaks of "random images" of "the NYU Depth V2 dataset", nine of them drawn anew for the pictures of each run
# {cite}`ghiorghiu_report`. (Elsewhere it says that it was "evaluating the pretrained model on the KITTI dataset" {cite}`ghiorghiu_report`; then the scored depths should be tens of metres, and the quotient says three.) So the column was very likely made by the KITTI network on pictures of rooms, or with a factor of
# four between two units. It does not measure what its title says. And if the other columns were scored on nine images, drawn anew for each run, these cannot
# decide between the two variants of the network (DenseNet-121 and -169, see [DenseNets compared](densenet_experiments)):
# think of the intervals above.
#
# The same table prints the same four digits, .9721, for δ₂ and for δ₃ of one column {cite}`ghiorghiu_report`. δ₃ counts
# all that δ₂ counts and more; equal to four digits on millions of pixels is a copying slip.
#
# ### Formulas that nobody ran
#
# {cite:t}`korinevskaya2018` fill and enlarge depth maps; two later chapters build their networks. We have the slides of this work, and mean them by "the paper" as well. There RMSE is printed without its root, PSNR (defined in a moment) as $20 \log_{10}(\sqrt{\mathrm{MAX}} /
# \mathrm{RMSE})$ where $\mathrm{MAX}$ is meant, and MAPE (AbsRel in per cent) sums along one axis only {cite}`korinevskaya2018`. Its numbers
# tell that something went wrong in the code, too. PSNR falls when RMSE grows; that is all there is in its formula. Yet on the
# picture called Cones, bicubic interpolation (a smooth surface through known pixels, its slopes taken from the 4 × 4 around) has the *lower* RMSE of two methods, 9.64 against 9.90 {cite}`korinevskaya2018`, and also
# the lower PSNR, 19.52 dB against 23.37 dB {cite}`korinevskaya2018`. With one peak value for both that cannot be.
#
# PSNR is RMSE again, as a logarithm, in decibels, against MAX, the largest value that a map can have (the protocol `makarov18` takes each map's own largest true value, for nobody says which). In the table below *NN* is their earlier neural network, not the nearest neighbour, and *proposed* the one with a GAN, trained against a second network that judges it (see [super-resolution](super_resolution)). A pair of its columns can be solved for MAX: from $\mathrm{PSNR} = 20 \log_{10}(\mathrm{MAX} / \mathrm{RMSE})$ follows $\mathrm{MAX} =
# \mathrm{RMSE} \cdot 10^{\mathrm{PSNR}/20}$. **Predict first:** the table is about scenes of the animated film Sintel, and the largest value belongs to a scene's maps, not to a method. So what should the last column
# look like?

# %% tags=["nbval-check-output"]
for row in load_table("002-sintel").rows:
    rmse, _, psnr = row.published
    peak = rmse * 10 ** (psnr / 20)
    print(f"{row.name:18s} RMSE {rmse:4.2f}, PSNR {psnr:.2f} dB: MAX {peak:3.0f}")

# %% [markdown]
# It should show one number in all three rows of a scene. On Ambush and Cave it is, to within a tenth (PSNR is a mean over frames of a logarithm, which is
# not quite the logarithm of a mean). On Market and Alley it is not: on Alley the proposed method gains 5 dB, a factor of nearly two
# in RMSE, while its RMSE stays where it was. Two more slips of the same paper need no formula. Ambush and Bandage, two scenes, agree in eight of
# nine numbers. And the plain interpolation of a tenth of the depths has RMSE 0.286 and rel 0.08 {cite}`korinevskaya2018` in one table on
# NYU, RMSE 0.54 and rel 0.058 {cite}`korinevskaya2018` in another: half of one error, more of the other, the same name.
#
# One would ask first whether the network beats interpolation. The second of these tables says no, and the slides say it in words, too: on SYNTHIA, NYU and KITTI
# the results are "worse than Interpolation" {cite}`korinevskaya2018`; the next line is the exception, "For Matterport 3D results are better due to noisy data" {cite}`korinevskaya2018`, and its table agrees. On NYU the proposed network's
# RMSE is 0.944 {cite}`korinevskaya2018`, so interpolation has the smaller one. (Which interpolation the slides do not say; in one table the word carries a reference to the authors' own earlier network.) What the network offers is speed, 200 frames a second
# where interpolation makes 40 {cite}`korinevskaya2018`.
#
# None of this makes the idea wrong. It makes the columns useless as a goal. This is why the library tests each formula against a
# second, independent way to compute it, and why it prints a doubt beside [the numbers of such tables](tables).
#
# ## Scoring a network that is not ours
#
# Any program's maps can be scored, one file an image, by name: `.npy` or `.pfm` in metres, or 16-bit `.png` with its scale.
#
# ```bash
# depthlib evaluate their_maps --against nyu --protocol all
# depthlib evaluate their_pngs --scale 1000 --protocol bts --format latex
# depthlib evaluate midas_out --kind disparity --protocol midas_affine
# depthlib evaluate stereo_out --kind inverse_depth --protocol monodepth2
# ```
#
# What is no depth must be declared: *disparity* here leaves scale and shift open, as MiDaS's does, so that only a protocol which fits both in disparity can score it; *inverse depth* leaves open a factor, as a stereo pair does whose lens is not known, and one factor is enough for it.
#
# A map has the name of its image (for NYU the toolbox's number: `0001`). The report says how many images and pixels were
# scored and gives an interval for each figure. It warns of maps that are constant, in another unit, or grow where the truth
# shrinks: those are usually disparities by another name. Maps of another shape are refused.


# %% tags=["nbval-check-output"]
def constant(rgb):
    return torch.full((len(rgb), 1, 240, 320), 2.5)


print("warned:", "constant" in evaluate(constant, rooms, "eigen14").warnings[0])

# %%
coarse = to_the_border("coarse")
print(evaluate(lambda rgb: 4 / coarse(rgb), rooms, "eigen14").warnings)

# %% [markdown]
# ## Recap
#
# - A figure belongs to a protocol: crop, caps, alignment, resampling, averaging. Print its name beside the number.
# - With equally many pixels in each image, pooled RMSE is never below the mean of the images'. Aligned and unaligned figures answer different questions.
# - Compare two networks on the same images, draw by draw. An interval that contains zero does not say which is better; its ends say how large the difference can be.
# - Pictures of one room are not news. Draw rooms, with all their pictures: on NYU the intervals then become up to nine tenths wider, so those from single pictures were little more than half as wide as they should be.
# - The bugs that survive are those that flatter. Score the mean image too; a network that is worse than it in every figure is broken, mislabelled or hardly trained.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# Three images have RMSE 1, 2 and 4 m and 100 valid pixels each. What is the pooled RMSE, and what the mean? In the second
# round the third image has only 10 valid pixels. Which of the two changes?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# Pooled: $\sqrt{(1 + 4 + 16)/3} = \sqrt 7 = 2.65$ m. Mean: $7/3 = 2.33$ m. With 10 pixels the third image weighs a tenth of what each of the others does in the
# pool: $\sqrt{(100 + 400 + 160)/210} = \sqrt{3.14} = 1.77$ m. The mean of images stays 2.33 m: to it every image is one vote.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Write the median alignment: the factor by which a prediction is multiplied so that its median equals the truth's. Only
# valid pixels count. Complete the stub until the check passes.
# ```


# %%
def check(factor):
    truth = torch.tensor([1.0, 2.0, 4.0, 0.0, 0.0])  # the last two are missing
    prediction = torch.tensor([6.0, 9.0, 3.0, 100.0, 100.0])
    found = float(factor(prediction, truth))
    assert abs(found - 1 / 3) < 1e-6, f"{found:.3f}: the medians are 6 and 2"
    return "passes"


# %% tags=["raises-exception", "hide-output"]
def median_factor(prediction, truth):
    return truth.median() / prediction.median()  # your line here


print(check(median_factor))

# %% [markdown]
# ```{admonition} Hint
# :class: dropdown
# Missing truth is 0. Take those pixels out of **both** maps before the medians.
# ```
#
# Solution 2, executed:


# %% tags=["hide-cell"]
def solution(prediction, truth):
    known = truth > 0
    return truth[known].median() / prediction[known].median()


print(check(solution))

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# A paper reports δ₁ of its network on the 654 test images: .852, and of the best earlier one: .846. It gives no interval. What
# would you need to know before you believe that the new one is better, and which part of it could you compute yourself
# if both published their maps?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# Same protocol (crop, caps, flip averaging)? Same training data and resolution of the truth? How many seeds, and how much do
# they scatter? With both sets of maps you can compute the paired interval over the places that the images show, and settle one doubt: whether other
# places like these would prefer the new one, too. A single pair of maps cannot say anything on seeds; for that the authors must train again.
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# In the paper's Table 1 the coarse network beats the fine one by RMSE, .871 against .907 {cite}`eigen2014`. Search for a protocol under
# which it does so on these rooms, using only the choices on this page; if you find none, say how many you tried. What does that say about protocols chosen after the results are known?
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# Try caps, a crop that avoids edges, the mean of images, the median alignment; with enough tries one will do it, on these
# rooms. That is why a protocol must be fixed before the test images are looked at, and why every choice of a setting in this
# book is made on a validation part of the training images.
# ```
#
# Next: [experiments with the two networks](eigen_experiments): what they get right, what they look at, and how far the tables reach.
