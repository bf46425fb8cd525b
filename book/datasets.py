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
# # Data sets
#
# **What you will be able to do**
#
# - open any of a dozen data sets, or your own folder, with one line, and know which wrong units the library finds and which only you can;
# - recognise the traps of each: units, the order of bytes and axes, holes, clocks, two lenses, 8 bits;
# - explain where a depth camera is blind, and what filling its holes invents;
# - prepare a large set once, so that reading never holds up a training.
#
# **This page needs** profile `cpu`: under a minute on two cores, 2 GB of memory, no GPU, no download. Apart from
# one scene of Middlebury and nine small NYU pictures that come with the library, no data set that you would have to fetch is
# on this page; what is drawn instead is rendered, and says so.

# %% tags=["hide-input"]
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import torch

from depthlib import filling, gallery, plots
from depthlib.data import NAMES, open_dataset
from depthlib.data.nyu_raw import align, match_times
from depthlib.data.store import evened
from depthlib.errors import DepthError
from depthlib.recipe import default_profile
from depthlib.sample import check_depth

PROFILE = default_profile()
COUNT = 4 if PROFILE == "smoke" else 40
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## One line, one kind of sample
#
# Depth data come as pictures of 8 or 16 bits, as files of floating-point numbers (PFM), in archives (HDF5) and as laser scans, in millimetres, quarters of millimetres and disparities. A network wants none of
# that. In this library every data set gives the same kind of *sample*: a dict of six keys that are always there and always mean the same.
# Some sets add to them: sparse depth, a disparity, or, as the rooms below, a seventh key, `scene`.

# %% tags=["nbval-check-output"]
rooms = open_dataset("rooms", "test", (240, 320), count=COUNT)
sample = rooms[0]
for key, value in sample.items():
    print(f"{key:8s}", tuple(value.shape) if torch.is_tensor(value) else value)
print(len(NAMES), "names:")
print("\n".join(textwrap.wrap(", ".join(NAMES), 70)))

# %% [markdown]
# `depth` is in metres along the optical axis, and **0 means missing**. `K` is the camera; `index` is the sample's number, from which all
# that is random about it is drawn; a `scene` says which place it is, so that a place can be kept out of training, and so that [intervals](evaluation) can be drawn over places. Two sets are exceptions
# to metres: in `middlebury_disparity` depth is missing everywhere, since it has none to give, and in `disparities`, made for [super-resolution](super_resolution), `depth` holds a disparity in grey levels. `depthlib data list` says which sets are on
# your machine, `depthlib data fetch NAME` downloads most of the others, and `depthlib data info NAME` says what it needs and under which terms.
#
# What are they? **NYU Depth v2** {cite}`silberman2012` is the indoor set of this field: rooms filmed with a Kinect, a camera that also measures depth. From the films
# (the *raw* recordings) its authors took 1449 frames, filled their holes and labelled them; 795 of these are the official training
# part and 654 the official test part, and nearly every table in this book is about those 654. The raw frames were packed again by others,
# for their own networks: DenseDepth, sparse-to-dense. **KITTI** {cite}`geiger2013` is the outdoor set: a car with cameras and a laser scanner on its
# roof. Sintel {cite}`butler2012` and SYNTHIA {cite}`ros2016` are rendered, Matterport3D {cite}`chang2017` was captured from tripods, and Middlebury {cite}`scharstein2002` is a classic of stereo, two eyes instead of one.
#
# | name | the trap | depth was measured by | on disk |
# |---|---|---|---|
# | `nyu` | axes transposed; a white rim | Kinect, holes filled | one HDF5 file of 2.8 GB |
# | `nyu_raw` | bytes swapped, two clocks, two lenses | Kinect | PGM and PPM, 428 GB |
# | `nyu_densedepth` | 8 bits for training, 16 for testing | Kinect, filled | zip of PNG |
# | `nyu_h5` | its `val` is the official test part | Kinect, filled | HDF5, a file a frame |
# | `kitti` | pixels are counted from 1; sizes differ by day | laser scanner | PNG and scans |
# | `kitti_selection` | nothing higher than the scanner's beams | laser, accumulated | PNG, 1/256 m |
# | `sintel` | the sky is a surface, very far away; film units taken as metres | nobody: it is rendered | `.dpt` |
# | `synthia` | Pillow reads it with 8 bits | rendered | 16-bit *colour* PNG, cm |
# | `matterport` | rows of $K$ count from the bottom | a pattern of dots, from tripods | PNG, 1/4000 m |
# | `middlebury` | needs its `calib.txt` to be metres | projected patterns | `.pfm`, a disparity |
# | `middlebury_disparity` | has no metres at all | projected patterns, labels | 8-bit disparity |
# | `motorcycle` | one scene | as `middlebury` | comes with scikit-image |
# | `rooms`, `roads` | not photographs | rendered here | nothing |
# | `disparities` | `depth` holds a disparity, not metres | as `middlebury_disparity`, and the motorcycle | 8-bit disparity |
# | `folder` | yours to find | you | your pairs |
# | `store`, `shards` | none: checked when they are written | as what they were made of | see [read once](read-once) |
#
# Every real set has terms of its own, `depthlib data info` says which: NYU's and Middlebury's are free for research, KITTI's and SYNTHIA's CC BY-NC-SA, Matterport3D's have to be signed.
# PGM and PPM are pictures without compression, grey and coloured. Pillow is Python's usual library of pictures. *Axes transposed*: rows and columns have changed places. *Bytes swapped*: of a number of 16 bits the two bytes come in the other order, so that 1 is read as 256.
# The *white rim*, a few white pixels around each picture, comes from straightening it (see [below](fig-times)): it is not a wall.
#
# ## How far away is the world?
#
# Before any network, look at the numbers. Where would you expect most pixels of a living room to lie? And of a road?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Histograms of depth on a logarithmic axis: rooms and the nine NYU photographs lie between one and six metres, the motorcycle between two and five, roads from five to eighty."}, "figure": {"caption": "Share of pixels by depth, in bins of equal ratio. Rooms, roads: rendered. NYU: nine of the test photographs, as filled by its authors. Motorcycle: one real scene."}}
roads = open_dataset("roads", "test", (120, 400), count=COUNT)
motorcycle = open_dataset("motorcycle")[0]
depths = {
    "rooms": torch.stack([s["depth"] for s in rooms.__getitems__(range(COUNT))]),
    "roads": torch.stack([s["depth"] for s in roads.__getitems__(range(COUNT))]),
    "motorcycle": motorcycle["depth"],
    "NYU, nine pictures": np.stack([p.truth for p in gallery.nine_pictures()]),
}
bins = np.geomspace(0.5, 100, 60)
figure, axes = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
for name, values in depths.items():
    values = np.asarray(values).ravel()
    known = values[values > 0]
    weights = np.full(len(known), 1 / len(known))
    axes.hist(known, bins, weights=weights, histtype="step", lw=1.8, label=name)
axes.set(xscale="log", xlabel="depth (m)", ylabel="share of pixels")
axes.xaxis.set_major_formatter("{x:g}")
axes.legend(frameon=False)
plt.close(figure)
figure

# %%
for name in ("NYU, nine pictures", "roads"):
    known = np.asarray(depths[name])
    known = known[known > 0]
    print(
        f"{name}: {((known > 1.5) & (known < 6)).mean():.0%} of "
        "the pixels lie within a factor of two of three metres,"
    )
    print(f"  {((known > 6) & (known < 10)).mean():.0%} between six metres and ten")

# %% [markdown]
# Indoors almost everything lies within a factor of six, and a network that always answers three metres is seldom wrong by more
# than a factor of two. That is why a picture that never changes, the *mean depth image* (at each pixel the mean of all training
# depths there), is a serious opponent: see [evaluation](evaluation). On a road depths reach more than ten times as far, to 80 m, and the
# commonest are those of asphalt, at six to ten. So a number that is good indoors says nothing about roads.
#
# ## Where a depth camera is blind
#
# A Kinect throws a pattern of dots and looks from beside for where they land: it compares a small window of its picture with the pattern, and finds how far that part has moved. Before the next figure: name three places in a room
# where that cannot work.

# %% mystnb={"image": {"alt": "Two rendered rooms, each as picture and as depth from a structured-light camera. Thin hatched holes rim every object, and patches lie on the window, on glossy fronts and on the floor."}, "figure": {"caption": "Two rendered rooms as a structured-light camera would measure them (a model of its faults, not a recording). Hatched: no depth."}}
faulty = open_dataset("rooms", "test", (240, 320), count=COUNT, faults=True)
pairs = [faulty[i] for i in range(2)]
plots.contact_sheet(pairs, columns=2)

# %%
holes = torch.stack([s["depth"] == 0 for s in faulty.__getitems__(range(COUNT))])
each = holes.float().mean((1, 2, 3))
print(f"missing on average {each.mean():.0%}, ", end="")
print(f"per room from {each.min():.0%} to {each.max():.0%}")

# %% [markdown]
# On one side of every near thing, always the same, lies a *shadow*: the projector stands beside the camera, and what it cannot light has no dots. It is $fB\,(1/Z_\text{near} - 1/Z_\text{far})$ pixels wide. A window of dots that
# straddles an edge matches neither side, so both sides lose a rim. Glass lets the dots through, polished wood mirrors them away (the
# square patches), and nearer than about 70 cm the dots have moved farther than the camera searches. So the holes are **not random**. They sit at
# edges and on difficult surfaces, and a score that skips them skips the hardest pixels.
#
# A laser scanner is blind in another way: it sees all the way round, along a few dozen lines, and nothing between them. It has errors of another kind as well. It times the light's way there and back, so what it reports is distance along the ray, to a few centimetres, near or far. It stands elsewhere than the camera, and so sees past near things what the camera cannot, and
# such points show through them: KITTI's reader turns points into the camera's depth and keeps the nearest of a pixel, but one that falls beside stays. And it turns, ten times a second, while things move. Here is a
# third of a frame of KITTI's own size, so that the gaps are as wide as they are there.

# %% mystnb={"image": {"alt": "A rendered road and its depth: complete, and as sixty-four scan lines of a laser, which leave most pixels empty."}, "figure": {"caption": "A rendered road: picture, complete depth, and what a scanner with 64 beams sees of it. Hatched is missing: the sky, and what lies beyond 80 m, in both."}}
whole, laser = (
    open_dataset("roads", "test", (375, 1242), count=1, faults=faults)[0]
    for faults in (False, True)
)
third = np.s_[:, 150:, 400:800]
panels = {"picture": whole["rgb"], "complete": whole["depth"], "laser": laser["depth"]}
plots.show({name: image[third] for name, image in panels.items()}, columns=1)

# %%
hit, there = ((map["depth"][third] > 0).float().mean() for map in (laser, whole))
print(f"of the pixels with a depth, the laser has {hit / there:.0%}")

# %% [markdown]
# ## What a number in a file is worth
#
# Every format rounds. The next figure shows how far apart two neighbouring values are, in metres, at each depth. The raw
# Kinect stores a number $v$ of 11 bits. It is a disparity counted backwards: $1092.5 - v$ is how far a dot has moved from where it would be if it fell
# infinitely far away, in eighths of a pixel. So the rule of two eyes, $Z = f\,B / d$ (see [depth from one image](depth_from_one_image)), holds here too, with the Kinect's $f$ of 583 pixels, the 7.5 cm between its projector and its camera, and the eighths: $f B = 583 \cdot 0.075 \approx 43.7$ pixel metres, or $8 \cdot 43.7 \approx 350$ if the disparity is counted in eighths of a pixel. Measured with such a camera it is 351.3:
#
# $$ Z = \frac{351.3}{1092.5 - v}\ \text{m}, \qquad \left|\frac{\partial Z}{\partial v}\right| = \frac{Z^2}{351.3\ \text{m}}. $$ (kinect-step)
#
# Three numbers to check: at 1 m a step is 2.8 mm, at 3 m 26 mm, at 10 m 28 cm. **The error of a camera that *triangulates*, that finds depth from how far a thing moves between two points of view, grows with the
# square of the distance**, whether it throws dots or has two eyes. The root of the mean squared error, which far pixels dominate, partly
# measures the camera.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Step between neighbouring values against depth on two logarithmic axes: flat lines for integer formats between a quarter of a millimetre and four centimetres, and a steep line for the Kinect that crosses all but the finest."}, "figure": {"caption": "The distance between one storable depth and the next. Integer formats are flat; 16-bit floats follow depth in jumps; the Kinect's own step grows with the square of depth and beyond 3.7 m is coarser than even 8 bits."}}
z = np.geomspace(0.5, 10, 400)
steps = {
    "Kinect, raw": z**2 / 351.3,
    "8 bit, 255 = 10 m (DenseDepth)": np.full_like(z, 10 / 255),
    "centimetres (SYNTHIA)": np.full_like(z, 1e-2),
    "1/256 m (KITTI)": np.full_like(z, 1 / 256),
    "16-bit floats (store, roads)": np.spacing(z.astype(np.float16)),
    "millimetres (NYU, store)": np.full_like(z, 1e-3),
    "1/4000 m (Matterport3D)": np.full_like(z, 1 / 4000),
}
figure, axes = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for name, step in steps.items():
    axes.plot(z, 1000 * np.asarray(step, dtype=float), label=name)
axes.set(xscale="log", yscale="log", xlabel="depth (m)", ylabel="step (mm)")
axes.xaxis.set_major_formatter("{x:g}")
axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
plt.close(figure)
figure

# %% [markdown]
# 8 bits are worse than they look: at 1 m a step of 4 cm is 4 %. And a wrong unit is worse than any rounding. So the library refuses
# what can hardly be metres, and says which file and which remedy. Predict which of these two mistakes it will find: millimetres
# taken for metres, or quarter millimetres (Matterport3D's unit) taken for millimetres.

# %%
for factor in (1000, 4):
    try:
        check_depth(sample["depth"] * factor, "my_pairs/depth/0001.png")
        print(
            f"times {factor}: accepted, "
            f"median {(sample['depth'] * factor).median():.1f} m"
        )
    except DepthError as error:
        print(f"times {factor}: {error}")

# %% [markdown]
# A room four times too large may be a hall, so nobody can refuse it. Look at the histogram of your depths before you train.

# %% [markdown]
# ## Two clocks and two lenses
#
# The raw recordings of NYU have pictures and depth maps some 20 to 30 times a second, at rates that vary, and *not at the same instants*. {cite:t}`eigen2014`
# give each depth map the picture nearest in time, and where two depth maps would share one picture they drop both: two answers to one
# question cannot both be learnt. Below, made-up time stamps: 30 depth maps and 28 pictures a second, some of both late, three pictures lost.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of marks along a time axis, depth frames above and pictures below; grey links join pairs, and depth frames that share a picture are red and unlinked."}, "figure": {"name": "fig-times", "caption": "Each depth frame (top) and the picture nearest in time (bottom). Red: two depth frames have the same nearest picture, so neither is kept. Time stamps are made up."}}
rng = np.random.default_rng(3)
depth_times = np.sort(np.arange(24) / 30 + rng.normal(0, 0.004, 24))
picture_times = np.sort(np.arange(24) / 28 + 0.01 + rng.normal(0, 0.004, 24))
picture_times = np.delete(picture_times, [5, 6, 15])
matched = match_times(depth_times.tolist(), picture_times.tolist())
figure, axes = plt.subplots(figsize=(8, 1.8), layout="constrained")
axes.plot(picture_times, np.zeros(len(picture_times)), "s", color="C0", ms=5)
for time, index in zip(depth_times, matched, strict=True):
    axes.plot(time, 1, "o", color="C3" if index is None else "C2", ms=5)
    if index is not None:
        axes.plot([time, picture_times[index]], [1, 0], color="0.6", lw=1)
axes.set(
    yticks=[0, 1],
    yticklabels=["pictures", "depth"],
    xlabel="time (s)",
    ylim=(-0.4, 1.4),
)
plt.close(figure)
figure

# %% [markdown]
# The rule accepts any gap in time. A depth map whose picture was lost takes another if nobody else claims it, and a camera that turns by 30° a
# second has turned by half a degree, four pixels of 640, in 15 ms. {numref}`fig-times` has such links; in life the gaps are mostly shorter.
#
# And the two cameras stand 2.5 cm apart, behind two lenses that bend light differently. The picture is straightened first, which moves its pixels
# by up to nine. (So are the 1449 labelled pictures, and that is what their white rim is: there the straight picture looks past the edge of the raw one.
# Whoever trains on pictures as they were taken trains on another lens than he is tested on.) To say where a depth belongs in the picture,
# every depth pixel becomes a point in space, moves by the measured rotation and shift, and falls where a camera without a lens sees it. How far
# does it land from where it was? Guess before you look: does it depend on the depth?

# %%
for metres in (0.8, 2.0, 5.0):
    for row, column in ((240, 320), (60, 80), (420, 560)):
        alone = np.zeros((480, 640))
        alone[row, column] = metres
        (r,), (c,) = np.nonzero(align(alone))
        print(
            f"{metres} m, pixel ({row}, "
            f"{column}) moves by {r - row:+3d} rows, {c - column:+3d} columns"
        )

# %% [markdown]
# Sideways it does: everywhere the nearest lands 13 or 14 columns to the left of the farthest. That is a stereo pair,
# $519 \cdot 0.025 \cdot (1/0.8 - 1/5) \approx 13.6$: focal length times distance of the cameras times the difference of the inverse depths.
# The rest is the same at every depth. The colour camera's focal length is shorter, 519 against 583 pixels, so corners move inwards; its centre
# and tilt differ, hence the rows; and the depth camera's lens bends the corners by some pixels more. No single shift of the picture could undo all that.
# If you ever see colours and depths that do not meet at the edges, this step was left out.
#
# ## A place filmed for long must not count for more
#
# Some rooms were filmed for seconds and some for minutes. Trained on all frames alike, a network would mostly see the long ones. The
# paper makes a list with 1200 frames of each scene. Here is our reading of it on a made-up set, with 60: long scenes lose frames, short
# ones are repeated.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars of the number of frames in twelve scenes, very uneven before, all equal after evening; the short ones contain repeated frames."}, "figure": {"caption": "Twelve made-up scenes before and after evening to 60 frames each. Dark: frames that occur for the first time; light: repetitions."}}
frames = np.round(np.geomspace(8, 260, 12)).astype(int)
scenes = [f"s{i:02d}" for i, n in enumerate(frames) for _ in range(n)]
chosen = evened(scenes, 60)
unique = [len({i for i in chosen if scenes[i] == f"s{k:02d}"}) for k in range(12)]
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), sharex=True, layout="constrained")
axes[0].bar(range(12), frames, color="C0")
axes[0].set(title="as filmed", xlabel="scene", ylabel="frames")
axes[1].bar(range(12), [60] * 12, color="C0", alpha=0.35)
axes[1].bar(range(12), unique, color="C0")
axes[1].set(title="evened", xlabel="scene")
plt.close(figure)
figure

# %% [markdown]
# The paper says that its 120,000 frames became a list of 220,000 {cite:p}`eigen2014`. But 249 scenes of 1200 would be 298,800. How it treated short
# scenes is not said, so nobody can repeat it exactly; the recipe (a file of settings, see [the coarse network](coarse_network)) `eigen-nyu-raw` takes 1200 of each, as it is written.
#
# One more rule of the paper is easily overlooked: depths equal to the smallest or the largest of their image are masked out {cite}`eigen2014`, against windows, open doors and what mirrors; a sensor there answers with an end of its scale, as we understand it. The library
# does so after it has removed what lies beyond ten metres and what the sensor marks as unknown, so the ends are those of what is left. The rule costs every map its nearest and its farthest pixels, those in which nothing was wrong, too.
#
# ## Filling the holes
#
# The labelled set comes filled, and most published scores are against filled depth. How does one fill? Three ways, from the
# simplest: the **nearest** known value; a **cross-bilateral** mean of the known neighbours, weighted by nearness and by likeness of
# grey; and **colourisation** {cite}`levin2004`, in the Matlab toolbox that NYU's authors published with the set, which makes two demands on the filled depth $x_i$ of pixel $i$. It is the weighted mean of its eight neighbours $N(i)$,
#
# $$ x_i = \sum_{j \in N(i)} w_{ij}\, x_j, \qquad w_{ij} \propto \exp\!\left(-\frac{(g_i - g_j)^2}{\sigma_i^2}\right), $$ (colourisation)
#
# with $g$ the grey value, $\sigma_i^2$ about the variance of grey around pixel $i$, and weights that add up to 1. And where a depth was measured, $x_i$ stays near it (it moves a little). Both, for all pixels at once, are a linear system with as
# many unknowns as the picture has pixels. The idea is that depth changes where the picture changes. On a poster that is wrong, and
# between a white wall and a white door as well.
#
# In a rendered room the truth behind a hole is known. Which of the three will be best, and where will all three fail? The maps look alike;
# their errors do not.

# %% tags=["hide-input"] mystnb={"image": {"alt": "A rendered room, its depth with holes, and the error of each of three fillings: scattered dark spots for the nearest value, paler rims along furniture and the window for the cross-bilateral mean and for colourisation."}, "figure": {"caption": "One room with holes, and what each way of filling gets wrong in them: log ratio of filled to true, red too far, blue too near, white right or measured. Depth: yellow near, dark far, white missing."}}
holed, whole = faulty[1], rooms[1]
room, truth = holed["rgb"], whole["depth"][0]
shown = holed["depth"][0]
figure, axes = plt.subplots(2, 3, figsize=(8.4, 4.6), layout="constrained")
axes[0, 0].imshow(room.permute(1, 2, 0))
axes[0, 1].imshow(torch.where(shown > 0, shown, torch.nan), cmap="viridis_r")
titles = ["picture", "depth with holes", *filling.FILLS]
for place, fill in zip(axes.flat[2:], filling.FILLS.values(), strict=False):
    wrong = (fill(room, holed["depth"])[0] / truth).log()
    wrong[shown > 0] = 0
    drawn = place.imshow(wrong, cmap="RdBu_r", vmin=-0.3, vmax=0.3)
for place, title in zip(axes.flat, titles, strict=False):
    place.set_title(title)
plots.frameless(axes)
figure.colorbar(drawn, ax=axes[1, 2], label="log(filled / true)")
plt.close(figure)
figure

# %%
errors = {name: [] for name in filling.FILLS}
for i in range(min(COUNT, 6)):
    holed, whole = faulty[i], rooms[i]
    hole = holed["depth"] == 0
    for name, fill in filling.FILLS.items():
        off = (fill(holed["rgb"], holed["depth"]) - whole["depth"])[hole]
        errors[name].append(off.square().mean().sqrt().item())
for name, values in errors.items():
    print(f"{name:16s} {np.mean(values):.3f} m in the holes, root mean square")

# %% [markdown]
# Colourisation is best, then the cross-bilateral mean, then the nearest value: in these rooms the two that look at the picture beat the one that does not. But even the best is wrong by many times the sensor's own error at three
# metres (our model gives it a standard deviation of 1.4 mm times the square of $Z$ in metres, so 13 mm, half of the step above), and all fail at the same places: between two surfaces, where the hole beside a chair may belong to the chair or
# to the wall behind. **A filled pixel is a guess, and a network scored on it is scored on agreement with the guess.** So `truth: raw`
# among the options of `nyu` scores against the sensor's own pixels only, and the results then say `nyu-raw`.
#
# Done naively that is slow: a literal port of the toolbox loops over pixels in Python, builds one large system and solves it directly.
# Whole arrays instead of loops, and a solver that goes back and forth between the holes and the measured pixels (see
# `depthlib/filling.py`), give the same map to
# {result}`benchmarks/filling::largest_difference_mm::.3f` mm, {result}`benchmarks/filling::times_faster_than_toolbox::.0f` times as fast
# in one and the same run.
#
# (read-once)=
# ## Read once, train often
#
# A JPEG and a PNG take milliseconds to decode, and a GPU that waits for them costs as much as one that works. `depthlib data
# prepare NAME` writes a *store*: all pictures in one array of bytes, all depths in another, of which the operating system loads what is asked for. On two cores it gives
# {result}`benchmarks/reading::samples_per_second.store::.0f` samples a second in random order at 240×320, the same frames as JPEG and PNG
# {result}`benchmarks/reading::samples_per_second.jpg_png_folder::.0f`, as HDF5 files {result}`benchmarks/reading::samples_per_second.h5_files::.0f`.
# (All three with the files in the computer's memory already; a store larger than that reads as fast as its disk.)
# Preparing can be interrupted and goes on where it was; a damaged frame stops it, or with `--drop-damaged` is left out by name, never silently. A store cut into files that can be streamed from another machine is called *shards*; see
# [training at scale](training_at_scale).
#
# Your own pairs are one line as well: `open_dataset("folder", root="my_pairs", depth_scale=1000, K=[[525, 0, 320], [0, 525, 240], [0, 0, 1]])`,
# with `rgb/NAME.jpg` beside `depth/NAME.png`. Without `K` the camera is *assumed* to see 60° across, which is wrong for yours.
#
# ## Recap
#
# - Every set (but the two of disparities) gives the same sample: metres, 0 for missing, a camera; a scene where the set names one.
# - Holes sit at edges, on glass and on gloss: a score that skips them skips the hard part, one that fills them scores a guess.
# - A triangulating camera's error grows with the square of the distance; 8 bits cost centimetres.
# - Two clocks and two lenses have to be undone before a picture and a depth map are a pair.
# - Even out the scenes, keep test places out of training, and say which truth was scored.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# A raw Kinect pixel has $v = 917$. (a) How far is it? (b) How far is the pixel with $v = 918$? (c) Does {eq}`kinect-step` agree?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# (a) $351.3 / 175.5 = 2.0017$ m. (b) $351.3 / 174.5 = 2.0132$ m, so 11.5 mm farther. (c) $2.0017^2 / 351.3 = 0.0114$ m: yes, up to the
# curvature of a whole step.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# The data set SUN RGB-D {cite}`song2015` stores millimetres whose 16 bits were rotated left by three: what falls out on the left comes in on the right.
# Complete `unrotate`. The cell fails until it is right.
# ```
#
# ```{admonition} Hint
# :class: dropdown
# With 8 bits, 10110001 rotated left by three is 10001101. `v >> 3` shifts right by three, `v << 13` left by thirteen, `a | b` joins bits, and
# `& 0xFFFF` keeps the lowest sixteen.
# ```


# %% tags=["raises-exception", "hide-output"]
def unrotate(stored: int) -> int:
    return stored  # your line here


assert unrotate(5000) == 625, "not yet: 625 mm are stored as 5000"
assert unrotate(6465) == 9000, "not yet: the low bits belong on top"
assert unrotate(14) == 49153, "not yet: all three low bits belong on top"

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# Rotate right by three: shift right, and put the three lowest bits, which fell out, on top. The mask keeps sixteen bits. The hidden cell
# runs it there and back.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def unrotate(stored: int) -> int:
    return (stored >> 3) | (stored << 13) & 0xFFFF


assert unrotate(5000) == 625 and unrotate(6465) == 9000
rotated = [(mm << 3 | mm >> 13) & 0xFFFF for mm in range(65536)]
print("all 65536 come back:", [unrotate(v) for v in rotated] == list(range(65536)))

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# You draw 10 % of the frames of a video collection at random for validation. Your validation error is half of your test error. What
# happened, and how would you split?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# Neighbouring frames show the same place. For almost every validation frame a frame a fraction of a second away was trained on, so
# the network recognises the room instead of judging its depth. Split by *scene*, as the official split of NYU and the drives of KITTI do; then check that
# no place has two names (basements of one house, a street driven twice). `nyu_raw` takes whole scenes only. `fit` and `validation`, the two parts into which the library cuts the 795 training images of
# `nyu`, keep runs of twenty neighbouring frames together. They were cut by counting, so a scene may still straddle a border (four runs of neighbours do), which is one more
# reason to report on the official test part.
# ```
#
# Next: [augmentation](augmentation), many pictures of one.
