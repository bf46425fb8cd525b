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
# # Since 2014
#
# The two networks that this book began with are old. Ten years after them the share of pixels that are wrong by more than a quarter had fallen from two in five to one in ninety.
# This page walks up that ladder and asks of each step what it was made of: a better network, a better question, better first weights, or simply more pictures.
#
# **What you will be able to do**
#
# - read a ladder of published numbers without believing its last digits;
# - name four ideas that carried depth estimation from 2014 to today, and try each on a few numbers;
# - say how much of a network's skill comes from what it saw *before* its first depth map;
# - run any newer model through the same evaluator as everything else here.
#
# **This page needs** profile `cpu`: a quarter of a minute on two cores, 1 GB of memory, no GPU, no download. What is *quoted* and what was *run* is said at each place: of the networks
# since 2014 we trained none but a small relative of one.

# %% tags=["parameters"]
# depth models of Hugging Face for the last figure, such as
# "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf"
MODELS = []

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch

from depthlib import gallery, plots
from depthlib.adapters import from_huggingface
from depthlib.alignment import disparity_scale_shift, median_scale
from depthlib.checkpoints import load_model
from depthlib.data import open_dataset
from depthlib.prediction import predict
from depthlib.tables import load_table

torch.set_grad_enabled(False)
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## The ladder
#
# All of these networks were scored on the same 654 photographs, the test part of NYU Depth v2 {cite}`silberman2012` (Eigen's paper of 2014 counts 694 of them). δ < 1.25 counts the pixels whose depth is right to a factor of 1.25 either way.
#
# **Predict first.** It rose from .611 {cite}`eigen2014` to .989 {cite}`hu2024`. Is that a steep climb at first and a flat one later, or the other way round?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Share of wrong pixels against the year, on a plain axis and on a logarithmic one: from 39 per cent in 2014 to about 10 in 2021, then to 1 per cent in 2024."}, "figure": {"caption": "The share of test pixels that are wrong by more than a factor of 1.25, as published. Above on a plain axis, below on a logarithmic one, where equal steps are equal factors."}}
ladder = [row for row in load_table("since-2014").rows if row.year]
years = [row.year for row in ladder]
wrong = [100 * (1 - row.published[0]) for row in ladder]
figure, axes = plt.subplots(2, 1, figsize=(plots.WIDTH, 6.4), layout="constrained")
for place in axes:
    place.plot(years, wrong, "o-", color="C0")
    place.set(xlabel="year", ylabel="wrong pixels, %", xlim=(2013.5, 2026.5))
axes[1].set_yscale("log")
axes[1].set_yticks([1, 3, 10, 30], ["1", "3", "10", "30"])
for year, value, row in zip(years, wrong, ladder, strict=True):
    up = 7 if row.name == "DORN" else 2
    axes[1].annotate(
        row.name, (year, value), xytext=(6, up), textcoords="offset points", fontsize=10
    )

# %%
for a, b in ((0, 7), (7, 10)):
    times = np.log2(wrong[a] / wrong[b])
    print(
        f"{ladder[a].name} → {ladder[b].name}: "
        f"the wrong pixels were halved {times:.1f} times"
    )

# %% [markdown]
# On the plain axis the first year took sixteen points off and the last two took seven: the climb seems to flatten. On the other axis the steepest part is the *end*: eight years of better networks halved the errors a little more than twice, the two years after
# that nearly three times. What the last rows have in common is more and other pictures of depth, and far larger encoders that had learned before from pictures without any labels; the ladder cannot tell the two apart. What each alone was worth, only a paper's own *ablation* can say, the same training with one part left out.
#
# Two warnings before any of these digits is used. The rows are quoted from eleven papers, and they were not measured alike: from 2015 on most score another rectangle of each photograph, some cap depths, some average
# with the mirrored picture. [Chapter 7](evaluation) scored *one* prediction under each such rule. And the same 654 photographs have been looked at by everybody for ten years; who picks the best of many attempts on them has
# learned a little from the test. And every row learned from NYU's own training rooms in the end. Newer tables ask more: data sets of which the network has never seen a picture, *zero-shot*, often after a scale and a shift are fitted to each map. `depthlib table since-2014` prints the rows with their sources.
#
# | | what was new |
# |---|---|
# | Eigen and Fergus 2015 {cite}`eigen2015` | a deeper classifier as the first part; gradients in the loss |
# | Laina et al. 2016 {cite}`laina2016` | no fully connected layer left: a fully convolutional network |
# | DORN 2018 {cite}`fu2018` | depth as an ordered choice among intervals |
# | DenseDepth 2018 {cite}`alhashim2018` | a strong encoder and a plain decoder ([chapter 9](transfer_learning)) |
# | BTS 2019 {cite}`lee2019` | small planes guide each step of the decoder |
# | AdaBins 2021 {cite}`bhat2021` | a *transformer*, a network in which every place of a picture may look at every other, chooses the intervals for each picture |
# | NeWCRFs 2022 {cite}`yuan2022` | each step of the decoder compares pixels within small windows, behind a transformer as encoder |
# | ZoeDepth 2023 {cite}`bhat2023` | first *relative* depth on a dozen data sets, then metres |
# | Depth Anything 2024 {cite}`yang2024` | 62 million pictures without any depth, labelled by a teacher; then *fine-tuned*, trained a little further, on NYU for this row |
# | Metric3D v2 2024 {cite}`hu2024` | 16 million pictures of known lens, all turned into one camera; then fine-tuned on NYU for this row |
#
# ## First weights: what we measured
#
# Most steps of the ladder changed several things at once. You know one that comes near to changing a single thing: the small network of
# [chapter 9](transfer_learning), trained twice on the same 795 photographs, from random weights and from ImageNet's (with these the encoder's rate is lower, and its batch statistics are frozen). Now put the networks of 2014 beside it.
#
# **Predict first.** The networks of 2014, trained by us on these 795, reach δ < 1.25 of {result}`eigen-nyu/gpu-*::metrics.nyu-test/eigen14.fine.delta1::.3f`. Where do the two stand? Which step is larger: from the old network to the new one, or from random
# weights to ImageNet's?
#
# | trained on the same 795 photographs | first weights | samples seen | δ < 1.25 | AbsRel | RMSE (m) |
# |---|---|---|---|---|---|
# | mean depth image, no network | – | – | {result}`eigen-nyu/gpu-0::metrics.nyu-test/eigen14.mean.delta1::.3f` | {result}`eigen-nyu/gpu-0::metrics.nyu-test/eigen14.mean.abs_rel::.3f` | {result}`eigen-nyu/gpu-0::metrics.nyu-test/eigen14.mean.rmse::.3f` |
# | coarse + fine, 2014 | random | {result}`eigen-nyu/gpu-0::samples_seen::,d` | {result}`eigen-nyu/gpu-*::metrics.nyu-test/eigen14.fine.delta1::.3f` | {result}`eigen-nyu/gpu-*::metrics.nyu-test/eigen14.fine.abs_rel::.3f` | {result}`eigen-nyu/gpu-*::metrics.nyu-test/eigen14.fine.rmse::.3f` |
# | MobileNetV2 and decoder | random | {result}`densedepth-mobilenet-random/cpu-0::samples_seen::,d` | {result}`densedepth-mobilenet-random/cpu-0::metrics.nyu-test/eigen14.all.delta1::.3f` | {result}`densedepth-mobilenet-random/cpu-0::metrics.nyu-test/eigen14.all.abs_rel::.3f` | {result}`densedepth-mobilenet-random/cpu-0::metrics.nyu-test/eigen14.all.rmse::.3f` |
# | the same | ImageNet | {result}`densedepth-mobilenet-nyu/cpu-0::samples_seen::,d` | {result}`densedepth-mobilenet-nyu/cpu-0::metrics.nyu-test/eigen14.all.delta1::.3f` | {result}`densedepth-mobilenet-nyu/cpu-0::metrics.nyu-test/eigen14.all.abs_rel::.3f` | {result}`densedepth-mobilenet-nyu/cpu-0::metrics.nyu-test/eigen14.all.rmse::.3f` |
#
# The rows are results (three seeds of the first network, one of each other; `eigen14`). That the last step is more than the luck of 654
# photographs, chapter 9 has shown by drawing their places anew.
#
# From random weights the new network is level with the old one in δ (the old one's seeds differ by as much), ahead in RMSE and behind in AbsRel, after a twentieth of the samples: these runs cannot price the architecture. (The same number of samples and three seeds of
# each could.) With ImageNet's weights it leaves both far behind, so in these runs the second step is the larger by far, and has passed the published figure of 2014, which had 150 times as many frames. (That one had first weights from ImageNet as well, for its coarse convolutions; our row of it had not.) To know whether architecture or first weights made a step of the ladder, look in its paper for a row like our third, the new network with the old first weights. Often it is missing.
#
# One of the nine pictures that a seed drew, through both. **Predict first:** what will be worse from random weights: the layout, the things, or both?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A photograph of a room, the depth by the network that began with random weights, by the one that began with ImageNet's, and the truth."}, "figure": {"caption": "The same network after the same training, from random weights and from ImageNet's. Small copies, 72 × 96 pixels; one colour scale."}}
picture = gallery.nine_pictures()[1]
names = {
    "from random weights": "densedepth-mobilenet-random/all",
    "from ImageNet's": "densedepth-mobilenet-nyu/all",
}
panels = {"photograph": torch.tensor(picture.rgb).permute(2, 0, 1) / 255}
panels |= {
    label: torch.tensor(picture.answers[network])[None]
    for label, network in names.items()
}
plots.show(panels | {"truth": torch.tensor(picture.truth)[None]}, columns=4)

# %% [markdown]
# The things. Both have the layout, and both say all of it much too near. From random weights bed and dresser are where they are, but blotched; from ImageNet's their shapes are clearer, if without
# outlines. That is one picture; the table is the evidence. The second network knew things before it knew depth.
#
# ## A better question: a choice, not a number
#
# Think of a pixel on the outline of a chair. From the picture alone it belongs to the chair, 2 m away, with a probability of 60 %, and to the wall, 5 m away, with 40 %. What should the network say?
#
# **Predict first.** One network is trained with squared error, one with absolute error, and one learns a *probability for each interval* of depth and answers with the interval at which the probabilities pass one half. Which of the three says 3.2 m, where there is nothing at all?

# %%
depths, share = np.array([2.0, 5.0]), np.array([0.6, 0.4])
answers = np.linspace(1, 6, 501)
squared = ((answers[:, None] - depths) ** 2 @ share).argmin()
absolute = (np.abs(answers[:, None] - depths) @ share).argmin()
print(
    f"squared error: {answers[squared]:.2f} m, "
    f"absolute error: {answers[absolute]:.2f} m"
)
print(
    "the interval at which one half is passed: "
    f"{depths[(share.cumsum() >= 0.5).argmax()]:.2f} m"
)

# %% [markdown]
# Squared error answers with the *mean*, which lies between chair and wall and on neither. In a point cloud such pixels hang in the air: the points between two surfaces of [chapter 12](super_resolution). Absolute error answers with the median, one of the two. A network
# that gives a probability to each interval can say both things at once, and leaves what to do with them to you.
# DORN {cite}`fu2018` learned such a choice, with intervals that are equal in *log* depth, for ten centimetres matter more at 1 m than at 9 m. AdaBins {cite}`bhat2021` lets the network move the intervals for each
# picture: a corridor needs others than a desk. Its answer is the mean over intervals again, smooth, and once more in the air at outlines. Nothing is free.
#
# How fine must intervals be? Where the answer must be the middle of one of them, as DORN's is, their width is an error that no training removes. (A mean over intervals can fall between the middles, and has no such floor.)

# %%
low, high = 0.5, 10.0
for count in (10, 40, 80, 256):
    ratio = (high / low) ** (1 / count)
    print(
        f"{count:3d} intervals: each spans a factor of {ratio:.3f}, "
        f"AbsRel at least {np.log(ratio) / 4:.4f}"
    )

# %% [markdown]
# (The log error lies evenly between 0 and half the width, and its mean is a quarter of the width; a small log error is nearly a relative one.) With 80 intervals that floor is well below any network's error; with ten it would be larger
# than the whole error of the newest.
#
# ## More pictures: forget the unit
#
# Kinects measure metres. Two cameras on a car give disparity. Films in 3D give disparity too, with an unknown zero. Structure from photographs of tourists gives depth in no unit at all. A network that must answer in metres can learn from the first two kinds only, and from the second only where the cameras are calibrated.
# Ranftl et al. {cite}`ranftl2022` asked less of it: disparity, up to a *scale* $s$ and a *shift* $t$ that each picture may choose for itself. Before the loss looks, both are fitted to the truth; in a simplified form, with $d$ for disparity in this section,
#
# $$(s, t) = \arg\min_{s, t} \sum_i (s\,d_i + t - d_i^*)^2, \qquad L = \frac1n \sum_i |s\,d_i + t - d_i^*|$$
#
# with $d$ the answer and $d^*$ the truth of whatever kind. (Theirs either squares the second formula, too, or brings both maps to the median 0 and the mean deviation 1 and leaves out the worst fifth; and it compares gradients at several sizes, for outlines.) Now every data set can be thrown on one heap.
# (In the cell below there is no network: each data set's numbers are fitted to the reciprocal depth, in 1/m, to see what *no* scale and shift could mend.)
#
# **Predict first.** Below, the same scene is written down as three data sets might have it. Which of them disagree under this loss? Which would under the one of [chapter 4](scale_invariant_loss), that forgives a scale alone?

# %%
scene = open_dataset("motorcycle", "test", (240, 320))[0]
known = scene["depth"] > 0
disparity = 1 / scene["depth"][known]
heap = {
    "from metres": disparity,
    "no unit": 7.3 * disparity,
    "a film, zero moved": 7.3 * disparity - 0.9,
}
for name, values in heap.items():
    s, t = disparity_scale_shift(values, scene["depth"][known])
    fits = values * (disparity.median() / values.median()), s * values + t
    scaled, both = ((fit - disparity).abs().mean() / disparity.mean() for fit in fits)
    print(
        f"{name:20s}left with a scale: {scaled:.3f}, with scale and shift: {both:.3f}"
    )

# %% [markdown]
# Only the film needs the shift, and films were worth it: they show people, animals and streets in the rain, which no data set of a sensor had. The price is paid later. Such an answer orders things and knows ratios of *differences* of disparity; until the shift is known there is no true point cloud either: planes stay flat (the reciprocal depth of a plane is linear in the picture, and stays so), but floors tilt and right angles are lost. Metres must be learned afterwards from fewer pictures, as
# ZoeDepth does {cite}`bhat2023`, or come from a lens that is known.
#
# That is the other way up: Metric3D {cite}`hu2024` keeps metres and asks for the *focal length* of each of its 16 million training pictures, and of yours: a wrong one multiplies the answer. [Chapter 13](your_own_photo) showed why: the same room through a longer lens looks like a nearer room. (Newer networks guess the lens from the picture as well.)
# And Depth Anything {cite}`yang2024` needs no depth at all for most of its pictures. A teacher labels 62 million of them, and a student learns to say the same about *disturbed* copies. Where the teacher
# is wrong at random the student cannot follow it, and averages the errors away; where it is wrong always, it follows. So its second version {cite}`yang2024b` chose a teacher without such habits, one that had learned from *rendered* pictures alone, whose truth has no holes and no thickened outlines. That is the bet of our runs that begin with rooms.
#
# Two more ways to do without a sensor. Two pictures of one scene, from a stereo pair or from a film, can stand in for the truth: answer with a depth, move one picture by it to where the other was taken, and take the difference of the *colours* as the loss. (Two of the [protocols](evaluation), `garg` {cite}`garg2016` and `monodepth2` {cite}`godard2019`, bear names from this line of work. One film alone leaves the size open, and what moves breaks the rule.)
# And a network that has learned to paint pictures must know how things look from one place: `marigold_affine` is named after one {cite}`ke2024` that was taught, from rendered scenes only, to paint depth.
#
# ## One picture through several models
#
# Anything that turns pictures into metres is a predictor for `evaluate` and for this page. Name models of Hugging Face in the cell at the top: they need the package `transformers`, and are fetched (often some hundred megabytes) unless they are on this disk already. This rendered page named
# none, and shows the small model that comes with the library alone.

# %% mystnb={"image": {"alt": "A motorcycle in a garage, the depth of each model, and the truth."}, "figure": {"caption": "Each model, brought to the truth's median. Those that you name at the top stand beside the one in the box."}}
scene = open_dataset("motorcycle", "test", (480, 640))[0]
truth, known = scene["depth"], scene["depth"] > 0
models = {"in the box": predict(load_model(), scene["rgb"][None]).full("bilinear")[0]}
for name in MODELS:
    models[name.split("/")[-1]] = from_huggingface(name)(scene["rgb"][None])[0]
panels = {"photograph": scene["rgb"]}
for name, depth in models.items():
    both = known & (depth > 0)
    aligned = depth * median_scale(depth[both], truth[both])
    panels[name] = aligned
    print(
        f"{name}: AbsRel after median alignment "
        f"{((aligned - truth).abs() / truth)[both].mean():.3f}"
    )
plots.show(panels | {"truth": truth}, columns=3)

# %% [markdown]
# To score such a model on NYU beside everything in this book, one line each:
#
# ```
# depthlib evaluate huggingface:depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf --against nyu --protocol eigen14
# depthlib evaluate FOLDER_OF_PREDICTIONS --against nyu --protocol all
# ```
#
# ## What is still hard
#
# - **Glass, mirrors, screens.** Sensors see through the first and into the second, so the training truth is wrong there, and a network learns what the sensor says. Rendered truth knows better, if the pictures are good enough.
# - **Pictures of pictures.** Every cue on a poster is real.
# - **Thin things and outlines.** One number a pixel cannot say "chair or wall".
# - **The metre itself.** Without a known lens or a known object, no amount of pictures settles it: the [same picture at two world scales](depth_from_one_image) stands at the beginning of this book and at its end.
# - **Knowing when it is wrong.** A percentage over a test set says nothing about your photograph.
#
# ## Recap
#
# - Wrong pixels fell by a factor of thirty-five in ten years, fastest at the end, when the pictures became many more and others.
# - On the same 795 photographs, first weights from ImageNet raised a small network's δ < 1.25 from {result}`densedepth-mobilenet-random/cpu-0::metrics.nyu-test/eigen14.all.delta1::.3f` to {result}`densedepth-mobilenet-nyu/cpu-0::metrics.nyu-test/eigen14.all.delta1::.3f` (one seed; two settings changed with them). What the architecture is worth, and what more samples are, has not been priced apart.
# - A choice among intervals can say "either, or"; a regression says the mean.
# - Forgetting scale and shift lets data sets of every unit join; the metre has to come from elsewhere.
# - Quoted ladders are not measured alike; run what you can through one evaluator.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# δ < 1.25 goes from .955 to .984. How many per cent of the wrong pixels are gone? How far would the same factor carry .611?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# Wrong pixels go from .045 to .016, so 64 % of them are gone; the factor is .356. From .389 it leads to .138, a δ < 1.25 of .862. A step of .029 at the end is as large as one of .25 at the beginning.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Complete `in_intervals`: the interval of each depth, counted from 0, for `count` intervals from `low` to `high` that are equal in log depth. A depth beyond an end belongs to the last interval there. The cell fails until it is right.
# ```


# %% tags=["raises-exception", "hide-output"]
def in_intervals(
    depth: torch.Tensor, low: float, high: float, count: int
) -> torch.Tensor:
    return torch.zeros_like(depth, dtype=torch.long)  # your line here


asked = torch.tensor([0.2, 0.5, 0.88, 1.1, 2.3, 4.7, 7.0, 9.9, 20.0])
wanted = [0, 0, 0, 1, 2, 3, 4, 4, 4]
found = in_intervals(asked, 0.5, 10.0, 5)
assert not found.is_floating_point() and found.tolist() == wanted, (
    "not yet: equal in log depth, whole numbers, the ends kept in"
)

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# The logarithm runs from $\log$ low to $\log$ high; divide that way into equal parts, round down, and keep the ends in.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def in_intervals(
    depth: torch.Tensor, low: float, high: float, count: int
) -> torch.Tensor:
    along = (depth / low).log() / np.log(high / low)
    return (along * count).floor().long().clamp(0, count - 1)


print("right:", in_intervals(asked, 0.5, 10.0, 5).tolist() == wanted)

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# A paper reports a new network with .92 on NYU. It has a new decoder, a larger encoder, first weights from 300 million pictures, and twice the training frames of its rival at .90. Which runs would you ask for, in which order, if you could have three?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# The rival's network with the new first weights, since on our own rows that step was the largest. Then the new network with the rival's first weights and frames: what the decoder and the encoder are worth together. Then either of those with another seed, for without a spread a difference
# of .02 cannot be read at all. The frames come last only because three runs do not reach for everything.
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# A student network is trained on its teacher's labels of 62 million pictures. How can it become *better* than its teacher? Name an error that it will inherit all the same, and an experiment that would show it.
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# It sees pictures of far more kinds, and it must answer for a disturbed copy what the teacher said of the clean one, so it has to use cues that survive. Errors that change from picture to picture average out. An error with a cause does not: if the teacher takes a poster's painted depth for real, so will
# the student. Hang the same poster in rendered rooms and leave it away, and compare both networks' depth inside its frame with the distance of the wall.
# ```
#
# Next: [training at scale](training_at_scale).
