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
# # Seeing depth in a single image
#
# A photograph is flat. You look at one and know that the window is behind the sofa, and roughly how far
# behind. A network can learn to do the same, pixel by pixel, in metres.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four photographs of rooms. Below each the depth map that a network made of it: the right layout, with soft edges. Below that the depth map of a sensor, with sharp ones."}, "figure": {"name": "fig-front", "caption": "Four photographs from the test part of NYU Depth v2 (Silberman et al. 2012), which the network never saw. Second row: its answer. Third row: what a depth sensor measured, its holes filled by the authors of the set. Yellow is near, dark is far; each column has one scale. The network is one of this book (`densedepth-mobilenet-nyu`). Its first half had learned before to name objects; then the whole was trained on 795 photographs, for half an hour on two processor cores."}}
import matplotlib.pyplot as plt

from depthlib import gallery, plots

figure, axes = plt.subplots(3, 4, figsize=(plots.WIDTH, 4.5), layout="constrained")
for column, p in zip(axes.T, gallery.front_pictures(), strict=True):
    near, far = p.truth[p.truth > 0].min(), p.truth.max()
    maps = (p.answers["densedepth-mobilenet-nyu/all"], p.truth)
    for place, shown in zip(
        column,
        (p.rgb, *(plots.colorize(m[None], (near, far)) for m in maps)),
        strict=True,
    ):
        place.imshow(shown, interpolation="bilinear")
plots.frameless(axes)
for row, label in zip(axes, ("photograph", "network", "truth"), strict=True):
    row[0].text(
        -0.04,
        0.5,
        label,
        rotation=90,
        ha="right",
        va="center",
        transform=row[0].transAxes,
    )
plt.close(figure)
figure

# %% [markdown]
# In 2014 David Eigen, Christian Puhrsch and Rob Fergus trained the first convolutional network that did this
# {cite:p}`eigen2014`. This book builds theirs with you and then better ones, trains them on your machine, and
# measures what they really do.
#
# **What you will be able to do after the whole book**
#
# - say what a depth map is, in which units, and what a single picture can and cannot tell about it;
# - derive the *loss*, the one number by which a network is told how wrong it is, in a form that forgives a wrong
#   scale, and show what it changes;
# - build, train and diagnose the coarse and the fine network, and later ones that borrow their eyes from ImageNet;
# - read a table of depth errors without being fooled by it;
# - fill a sparse depth map, enlarge a small one, and put your own photograph into space;
# - design an experiment, run it, and say what it shows and what it does not.
#
# A *profile* says how much work a page does: `smoke` takes seconds, `cpu` minutes, `gpu` hours. A *recipe* is a file with
# all settings of one training.
#
# **This page needs** profile `cpu`: about five minutes on two CPU cores, because it trains the network that
# later chapters share; 4 GB of memory; no GPU and no download. Profile `smoke`: seconds, with a network that
# has learnt nothing: with it, all predictions below are nearly flat. A second visit loads the finished run.

# %% [markdown]
# ## One picture, two networks
#
# ```{admonition} Small, and trained on rendered rooms only
# :class: important
# The network on this page is a narrow copy of Eigen's, trained for a few minutes, and it has never seen a
# photograph: both its training pictures and the picture below come from a renderer. Its errors on this page
# say nothing about photographs. The numbers of the paper come from a network with four times as many channels, begun
# from the *weights* (the numbers that a network learns) of another one that had been trained to name the object in each
# of a million photographs, the collection *ImageNet*. Its coarse half alone saw two million samples of real rooms {cite:p}`eigen2014`.
# ```
#
# Why rendered rooms at all? Because we know their depth exactly, nobody has to download anything, and every
# room is made again from its number. The next cell makes six.

# %% mystnb={"image": {"alt": "Six rendered rooms, each above its depth map; near surfaces are bright and far walls dark."}, "figure": {"caption": "Six rooms that the network will not be trained on, each above its true depth. Bright is near. All depth maps share one scale."}}
from depthlib.data import open_dataset
from depthlib.plots import compare, contact_sheet, point_cloud, slider_figure

rooms = open_dataset("rooms", "test", size=(240, 320), count=100)
contact_sheet([rooms[i] for i in (4, 82, 85, 31, 13, 69)], columns=3)

# %% [markdown]
# Each room has walls, furniture and lamps, and is seen from about the height of a person's eyes. Look at a floor: its
# depth map is a smooth ramp although the planks or the carpet change colour all over it. Then look at a
# bookcase: many colours, nearly one depth. Colour edges and depth edges are different things, and telling
# them apart is most of the work.
#
# Now train. The {doc}`coarse network <coarse_network>` sees the whole picture and lays out the room; the
# {doc}`fine network <fine_network>` then corrects it locally. The recipe `eigen-rooms` does one after the
# other.

# %%
from depthlib.recipe import default_profile, load_recipe, run_folder
from depthlib.training import train

PROFILE = default_profile()
recipe = load_recipe("eigen-rooms", PROFILE)
run = train(recipe, out=run_folder(recipe, PROFILE), progress=False)
print(f"profile {PROFILE}: {run.samples_seen} samples in {run.seconds:.0f} s")

# %% [markdown]
# Take a room of the test set and ask both networks.
#
# ```{admonition} Predict before you look
# The networks answer on a grid of 55 × 74 numbers, and the picture has 240 × 320 pixels (rows × columns, as
# always in this book: the picture is wider than high). What will be missing
# from their depth maps: the far wall, the slope of the floor, or the white chair before the far wall?
# ```

# %% mystnb={"image": {"alt": "A rendered room, its true depth, the coarse and the fine prediction, and under each prediction its error in red and blue."}, "figure": {"caption": "A rendered room and its true depth (left), what the coarse and the fine network say (top), and log(prediction / truth) below each: red is too far, blue too near. The hatched border is outside of what the networks answer."}}
from depthlib.prediction import predict

room = rooms[33]
answers = {}
for stage in ("coarse", "fine"):
    run.model.begin_phase(stage)
    answers[stage] = predict(run.model, room["rgb"]).full()[0]
compare(room["rgb"], answers, room["depth"])

# %% [markdown]
# The white chair is gone, and not for want of a finer grid: it covers several cells of this one. The far wall is there, as something far in the middle, but much too near. The slope of the floor comes out best. You recognise the furniture better in the *error* maps than in the predictions. That is no accident: what
# the prediction does not have stays in the error, and a network learns the layout, near at the bottom and far
# in the middle, long before it learns what stands in the room. How far each network is from the truth, for this one room:

# %%
from depthlib.metrics import abs_rel, delta, error_sums
from depthlib.sample import valid

for stage, answer in answers.items():
    inside = valid(answer) & valid(room["depth"])  # where both say something
    # [None]: a batch of one
    sums = error_sums(answer[None], room["depth"][None], inside[None])
    print(f"{stage:>6}: mean relative error {abs_rel(sums):.2f},", end=" ")
    print(f"{delta(sums, 1):.0%} of pixels within a factor of 1.25 of the truth")

# %% [markdown]
# One room is an anecdote, not a result. {doc}`The coarse network <coarse_network>` and
# {doc}`the fine network <fine_network>` show what this training gives on more rooms, and what networks that were trained on
# photographs give on photographs, with the published numbers beside it.
#
# ```{admonition} Do rendered rooms teach anything about real ones?
# :class: note
# Before you invest an afternoon: something, yes. We trained the network at the paper's full width on rendered rooms alone
# (`eigen-rooms-wide`, one *seed*: one draw of the random numbers that a training starts from), then showed it the 654 test photographs of NYU Depth v2 {cite:p}`silberman2012`. Each
# answer was multiplied by one factor, so that its median depth is that of the truth: only the shape counts. *AbsRel*, the mean of error / truth, is
# {result}`eigen-rooms-wide/cpu-0::metrics.nyu-test/eigen14_median.coarse.abs_rel::.3f`. A rival that never looks, the average depth map of rendered rooms, has
# {result}`eigen-rooms-wide/cpu-0::metrics.nyu-test/eigen14_median.mean.abs_rel::.3f`; one constant depth, which knows nothing of floors, has
# {result}`eigen-rooms-wide/cpu-0::metrics.nyu-test/eigen14_median.constant.abs_rel::.3f`.
# {doc}`Later <evaluation>` you will see how to tell whether such a difference is luck: network minus rival lies between
# {result}`eigen-rooms-wide/cpu-0::differences.nyu-test/eigen14_median.coarse - mean.abs_rel.low::+.3f` and
# {result}`eigen-rooms-wide/cpu-0::differences.nyu-test/eigen14_median.coarse - mean.abs_rel.high::+.3f` when the photographed places are drawn anew, so it is not, and it is not much.
#
# Most of what carries over is the layout that any room has, floors that recede and walls that close the view. A little is read from the picture itself. What
# the renderer does not know, people, clutter and mirrors, it cannot teach.
# ```

# %% [markdown]
# Before we walk around it, the sizes once more, as numbers:

# %% tags=["nbval-check-output"]
grid = predict(run.model, room["rgb"]).depth
print("picture", tuple(room["rgb"].shape), "depth", tuple(room["depth"].shape))
print("network's own grid", tuple(grid.shape))
print("every predicted depth is above zero:", bool((grid > 0).all()))

# %% [markdown]
# ## Walk around it
#
# A depth map and a camera give every pixel a place in space. Below, the pixels of the same picture stand
# where a depth map puts them. **Question: seen from the side, is the back wall of the prediction a plane?**
# Answer it for the truth first; then move the slider to *fine* and turn the cloud with the mouse or a finger.

# %%
clouds = {}
for name, depth in {"truth": room["depth"], **answers}.items():
    clouds[name] = point_cloud(depth, room["K"], room["rgb"], max_points=10000)
slider_figure(
    {name: cloud.data for name, cloud in clouds.items()},
    "depth from",
    layout={"scene": clouds["truth"].layout.scene, "height": 480},
    alt="Point cloud of the room; the slider picks true depth or a prediction.",
)

# %% [markdown]
# With the true depth the wall is a plane, and the white chair stands in front of it with empty space behind,
# because one camera cannot see there. A prediction is one bent sheet with the picture painted on it, so no, its back wall is not a plane. The white
# chair lies flat in it, and where the true wall is more than seven metres away, the sheet hangs in the air at four.
# Turned to the front, all three look alike. *From the front, any depth map looks right*: keep that in mind
# whenever somebody shows you one.
#
# ## Who this book is for
#
# You write Python and have met matrices, logarithms and derivatives. You need not know deep learning:
# {doc}`the primer <primer>` explains tensors, convolution and gradient descent in twenty minutes of reading, an hour with its exercises. You need no
# GPU: every page runs on two CPU cores in minutes, and says what a longer training gave.
#
# A word that you do not know may be in the {doc}`glossary <glossary>`, a letter in {doc}`notation <notation>`.
#
# If you want to teach with it, there is {doc}`a page for teachers <teaching>`. If you came to use the library, each chapter names what it imports from `depthlib`; nothing reusable hides
# in a page.
#
# ## Ways to read
#
# The chapters can be read in their order. These are shorter ways, and some leave out a page that is only needed later:
#
# | you have | read | you will know |
# |---|---|---|
# | 30 minutes | this page; {doc}`depth from one image <depth_from_one_image>` up to the slider; the pictures and recap of {doc}`the coarse network <coarse_network>` | what is predicted, and why scale is a guess |
# | an afternoon | {doc}`the primer <primer>` if you need it, then {doc}`depth from one image <depth_from_one_image>`, {doc}`the loss <scale_invariant_loss>`, {doc}`the coarse network <coarse_network>`, {doc}`the fine network <fine_network>`, {doc}`evaluation <evaluation>` | how and why the network works, with every equation worked on three numbers |
# | another afternoon | {doc}`data sets <datasets>`, {doc}`augmentation <augmentation>`, {doc}`experiments <eigen_experiments>`, {doc}`transfer learning <transfer_learning>`, {doc}`DenseNets compared <densenet_experiments>` | what a depth map in a file is worth, which changed pictures a camera could have taken, what a network looks at, what a borrowed encoder is worth, and how to read a table that compares two |
# | a picture of your own | {doc}`your own photograph <your_own_photo>` | what to believe of its depth map, what the lens has to do with metres, and how to take it elsewhere as points, a surface or an ONNX file |
# | some depth already | {doc}`sparse to dense <sparse_to_dense>`, {doc}`super-resolution <super_resolution>` | how to fill a sensor's dense samples faster and better than by interpolation, how to enlarge its small maps better and more slowly, and what a network that judges another one invents |
# | before you train something large | {doc}`training at scale <training_at_scale>` | where a step's time goes, what sixteen bits lose, how many devices share a batch, and what it costs |
# | an evening, with the field's last ten years in mind | {doc}`since 2014 <since_2014>` | what changed after the networks of this book, what of it was run here, and what is only quoted |
# | longer | the same with {doc}`all exercises <exercises>`, then the {doc}`capstone <capstone>`, then NYU Depth v2 with the recipe `eigen-nyu` | how to ask a question of your own, train, and tell whether the answer is any good |
#
# ## How to run it
#
# Two commands, in a copy of the repository:
#
# ```bash
# make book    # installs into .venv, runs every chapter, writes _build/html
# make test    # everything that is tested, these pages included
# ```
#
# On **Colab** (a way that we have not been able to try), press the rocket at the top of any page. The first cell installs the library and leaves
# Colab's own PyTorch alone. A CPU runtime is enough; a GPU runtime is quicker. The profile is `cpu` unless
# you say otherwise: `%env DEPTHLIB_PROFILE=gpu` before the first cell asks for the long training, of hours.
# With `DEPTHLIB_PROFILE=smoke make book` all pages are quick and the networks useless.
#
# Three kinds of number appear in this book. What a page's own cells print is an illustration. What we call a
# result was measured once, at length, and is read from a file in `results/`. What others published carries
# its citation.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# The network answers with 55 × 74 numbers for a region of 220 × 296 pixels of the 240 × 320 picture. How many
# picture pixels, across and down, share one number? A chair leg is 5 pixels wide: on how many columns of
# numbers does it fall?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# 296 / 74 = 4 across and 220 / 55 = 4 down: each number stands for a block of 16 pixels. The leg is 5 / 4 =
# 1.25 blocks wide, so it always lies on two columns of numbers and fills one of them at most. The leg can be present in the map, but its
# width and its place cannot be told to better than four pixels.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# A baseline that sees nothing: answer the same depth everywhere. Which single depth makes the *largest* ratio
# error, $\max(y/y^*, y^*/y)$, as small as possible for true depths $y^*$ between $a$ and $b$, where $y$ is the answer? Complete the stub until
# the check passes.
# ```


# %%
def check(answer):
    for a, b, least in ((1.0, 4.0, 2.0), (2.0, 18.0, 3.0)):
        y = answer(a, b)
        worst = max(y / a, b / y)
        said = f"between {a} and {b} m, {y} m is wrong by a factor {worst:.2f}"
        assert abs(worst - least) < 1e-6, said
    return "passes"


# %% tags=["raises-exception", "hide-output"]
def best_constant(a, b):
    return (a + b) / 2  # your line here


print(check(best_constant))

# %% [markdown]
# ```{admonition} Hint
# :class: dropdown
# Being a factor 2 too near must cost the same as being a factor 2 too far. Which mean treats factors so?
# ```
#
# Solution 2, executed:


# %% tags=["hide-cell"]
def solution(a, b):
    return (a * b) ** 0.5  # the geometric mean: the exponential of the mean logarithm


print(check(solution))

# %% [markdown]
# The arithmetic mean of 1 m and 4 m is 2.5 m, which is 2.5 times too far for the near point. The geometric
# mean, 2 m, is wrong by a factor of two both ways. This is why {doc}`the loss <scale_invariant_loss>` works
# with logarithms of depth.
#
# ```{admonition} Exercise 3 (open)
# :class: exercise
# Take the room that the two networks answered and cover the lower half of its picture with your hand. Which depths can you still tell, and from
# what? Would you expect a network trained on pictures with uncovered floors to manage?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# You lose the floor, and with it the place where each object touches it, which is the strongest cue to
# absolute distance when the height of the camera is roughly known. You keep the meeting lines of walls and
# ceiling, the sizes of windows and pictures on the wall, and who hides whom. People manage because they fall
# back on known sizes. A network has no such intention: it has learnt whatever predicted depth in its training
# pictures, and all of those had floors. It may fail badly on the covered picture; the honest way to find out
# is to cover the pixels and call `predict`. Try it: `covered = room["rgb"].clone(); covered[:, 120:] = 0.5`, then `predict(run.model, covered)`.
# ```
#
# ## Recap
#
# A network reads a flat picture and answers in metres, on a coarse grid. The large surfaces come out before
# the small objects. A point cloud seen from the side shows what the front view hides. Next: what depth is,
# and why one picture cannot fix its scale, in {doc}`depth from one image <depth_from_one_image>`.
