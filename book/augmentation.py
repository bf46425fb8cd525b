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
# # Augmentation
#
# **What you will be able to do**
#
# - say for each usual transform of a picture whether some camera could have taken the result, and which;
# - carry depth and camera along with the picture, without inventing surfaces that are not there;
# - explain what dividing depths by $s$ means, and what the sentence that introduced it leaves out;
# - test an augmentation instead of believing it: by moving a camera through a room.
#
# **This page needs** profile `cpu`: half a minute on two cores, 2 GB of memory, no GPU, no download. Everything on this page is
# measured in rendered rooms, where a camera can be put anywhere. The geometry carries over to photographs; how much an
# augmentation *helps* a network does not, and is not claimed here.

# %% tags=["hide-input"]
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from depthlib import camera, plots
from depthlib.augment import NYU, apply, draw, fixed
from depthlib.data.scenes import make_rooms, render
from depthlib.recipe import default_profile

PROFILE = default_profile()
COUNT = 2 if PROFILE == "smoke" else 12
HEIGHT, WIDTH = 240, 320
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## One photograph, many pictures
#
# A network that sees the same 795 photographs forty times begins to know them by heart (see [the primer](primer)). So each
# time it is shown a photograph, it is shown it a little changed: mirrored, turned, cut, brightened. For a network that
# names objects this is simple, since a mirrored chair is a chair. Here every pixel has an answer, in metres, and the
# answers must change along with the picture. The question for this page is when they can.
#
# > **Is there a camera, in some world, that would have taken the changed picture and measured the changed depths?**
#
# If there is, the pair teaches something true. If there is none, it teaches a small lie, which may still be worth it. In
# rendered rooms we can ask the camera itself. First, what a network gets to see: four rooms as the recipe of {cite:t}`eigen2014`
# would show them once, each with its own random scale, turn, cut, mirror and factor for each colour. (All of it is drawn from a number, the `seed`, and from which pass over the data it is, the `epoch`: the same numbers, the same pictures.)

# %%
rooms = make_rooms(6, range(COUNT))
K = camera.nyu_v2(HEIGHT, WIDTH)
seen = render(rooms, K, height=HEIGHT, width=WIDTH, sensor=False)
batch = {"rgb": seen.rgb, "depth": seen.depth, "K": seen.K}
size = (228, 304)  # what the network takes, rows and columns
drawn = draw(NYU, (HEIGHT, WIDTH), size, seed=0, epoch=0, indices=range(COUNT))
print("the first room:")
print(
    f"  enlarged {drawn.scale[0]:.2f} times, "
    f"turned by {math.degrees(drawn.angle[0]):+.1f} degrees"
)
print(
    f"  cut at row {drawn.top[0]:.0f} and column "
    f"{drawn.left[0]:.0f} of the enlarged picture"
)
print("  mirrored:", bool(drawn.flip[0]))

# %% mystnb={"image": {"alt": "Four rendered rooms as pictures, each enlarged, slightly turned, some mirrored, with a colour cast; below each its depth, changed in the same way."}, "figure": {"caption": "Four rooms as they are shown once, above, and their depths, below. Hatched: missing."}}
some = apply(batch, drawn, (228, 304))
panels = {f"room {i + 1}": some["rgb"][i] for i in range(min(4, COUNT))}
panels |= {f"depth {i + 1}": some["depth"][i] for i in range(min(4, COUNT))}
plots.show(panels, columns=min(4, COUNT))

# %% [markdown]
# To judge them, take them one at a time.

# %% mystnb={"image": {"alt": "One rendered room as picture and as depth, five times: as it is, mirrored, turned by five degrees, enlarged by one and a half, and cut to the right."}, "figure": {"caption": "One room, as it is and after each transform alone. Hatched depth is missing: the camera has not seen what is there, and the picture repeats its border. The enlarged room's depths have been divided by 1.5, so it is nearer."}}
one = {key: value[:1] for key, value in batch.items()}
ways = {
    "as it is": fixed(1),
    "mirrored": fixed(1, flip=True),
    "turned": fixed(1, degrees=5),
    "enlarged": fixed(1, scale=1.5, top=60, left=80),
    "cut": fixed(1, left=32),
}
changed = {name: apply(one, t, (HEIGHT, WIDTH)) for name, t in ways.items()}
panels = {name: pair["rgb"][0] for name, pair in changed.items()}
panels |= {f"{name} ": pair["depth"][0] for name, pair in changed.items()}
plots.show(panels, columns=5)

# %% [markdown]
# All four come from one matrix a picture. Scaling, turning, cutting and mirroring are composed first and the picture is
# interpolated **once**, so that it is not blurred four times. And the camera matrix $K$ follows each of them. Cutting and resizing are
# in [depth from one image](depth_from_one_image); a mirror puts the principal point at $c_x' = W - 1 - c_x$; a turn about the
# principal point leaves $K$ as it is.
#
# ## Ask the camera
#
# The instrument: change a pair by the library, move the camera in the room so that it should see the same, and compare the
# two depth maps. Half of the pixels are off by less than the *median*, and one in twenty by more than the *95th percentile*,
# both of $|\log Z - \log Z'|$. While it is small this is the relative error, 0.01 for 1 %; in general it is the logarithm of a factor, and 0.41 is a factor of 1.5.

# %%
POINTS = torch.tensor([0.5, 0.95])


def off(depth, truth):
    """Median and 95th percentile of |log ratio|, averaged over rooms."""
    found = []
    for d, t in zip(depth, truth, strict=True):
        known = (d > 0) & (t > 0)
        error = (d[known].log() - t[known].log()).abs()
        found.append(torch.quantile(error, POINTS))
    return torch.stack(found).mean(0)


def look(K, move=None):
    """Depth that a camera really there would measure.

    `move`, 4×4, is in the camera's own axes: right, down, forward.
    """
    pose = rooms.pose if move is None else rooms.pose @ move
    return render(rooms, K, pose, HEIGHT, WIDTH, sensor=False).depth


# %% [markdown]
# **Turning** by an angle about the optical axis is what a camera does that is held askew. The picture turns, and the
# depth does not change. (The picture turns *against* the camera, hence the minus below.) Before you run the
# next cell: will the error be exactly zero?


# %%
def roll(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    move = torch.eye(4)
    move[:2, :2] = torch.tensor([[c, -s], [s, c]])
    return move


turned = apply(batch, fixed(COUNT, degrees=5), (HEIGHT, WIDTH))
table = {"turned by 5°": off(turned["depth"], look(K, roll(-5)))}
print("median {:.4f}, 95th percentile {:.4f}".format(*table["turned by 5°"]))

# %% [markdown]
# Not quite. A turned pixel falls between four others, and its depth is taken from the nearest of them, half a pixel each way
# at most; a slanted wall is a little deeper there. This is the instrument's own error: whatever stays near it is exact.
#
# **Cutting** moves the window over the picture. Two cameras could be meant. One has the same lens off its centre, as $K$ says
# after the cut. The other has its axis through the middle of the picture, like the cameras that a network is used to, and was
# turned sideways to look there. How far apart are the two, and which of them does the pair's own $K$ describe?

# %%
LEFT = 32
size = (HEIGHT, WIDTH - 2 * LEFT)
cut = apply(batch, fixed(COUNT, left=2 * LEFT), size)  # the right part
sideways = math.atan(LEFT / K[0, 0].item())
turn = torch.eye(4)
turn[0, 0] = turn[2, 2] = math.cos(sideways)
turn[0, 2], turn[2, 0] = math.sin(sideways), -math.sin(sideways)
middle = camera.crop(K, 0, LEFT)  # the axis in the middle of the window
off_axis = render(rooms, cut["K"], height=size[0], width=size[1], sensor=False)
facing = render(rooms, middle, rooms.pose @ turn, *size, sensor=False)
table["cut, lens off its centre"] = off(cut["depth"], off_axis.depth)
table[f"cut, taken as turned {math.degrees(sideways):.0f}°"] = off(
    cut["depth"], facing.depth
)
for name in list(table)[1:]:
    print("{:30s} median {:.4f}, 95th {:.4f}".format(name, *table[name]))

# %% [markdown]
# With the shifted $K$ the cut is exact: nothing was interpolated. Taken as a turned camera, it is off by many times the instrument's own error, for two
# reasons: depth is measured along the axis, and the axis has turned; and the same pixel is another ray. (The paper's cut
# moves by at most 8 columns where the picture is not enlarged; ours by 32.) This is what the paper means by "slightly
# warped" {cite:p}`eigen2014`. The authors keep it, since it helped. A network is never told $K$; which of the two cameras it believes in, this
# page does not test; random cuts are also what shows it that the axis need not be in the middle.
#
# **Mirroring** gives what the camera would see in a mirrored world. No room of ours is that world, but nothing forbids
# it: its right angles are right, its floor is below. The check is in three dimensions. The mirrored pair, turned into points
# by the mirrored $K$, must be the old points with $x$ reversed.

# %% tags=["nbval-check-output"]
mirrored = apply(batch, fixed(COUNT, flip=True), (HEIGHT, WIDTH))
points = camera.unproject(batch["depth"], batch["K"])
mirror_points = camera.unproject(mirrored["depth"], mirrored["K"]).flip(-1)
wanted = points * torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1)
print("the same points:", torch.allclose(mirror_points, wanted, atol=1e-4))

# %% [markdown]
# Letters run backwards in that world, and if the sun always came from the left in your pictures, it no longer does. That
# is a change of *statistics*, not of geometry. The same holds for **colours** multiplied by a factor: another lamp, another
# white balance, the same shapes. (Stored values are not light but about its 2.2nd root: 1.2 times the number is half as much light again.)
#
# ## Scaling, with care
#
# Enlarge the picture by $s$ about the principal point. A pixel at $x = f\,X/Z$ from there moves to $s\,x$. Four readings of
# that are possible, and they want different depths.
#
# 1. **A longer lens.** $s\,x = (s f)\,X/Z$: the focal length has grown and $Z$ is what it was. Depth stays.
# 2. **A camera that moved.** The paper: "making the image $s$ times larger effectively moves the camera $s$ times closer"
#    {cite:p}`eigen2014`. So depths are divided by $s$.
# 3. **A squeezed world.** $s\,x = f\,X/(Z/s)$: the lens is the same, and every point is at $Z/s$, *at the same* $X$ *and* $Y$.
# 4. **A dolls' house and a longer lens.** $s\,x = (s f)\,(X/s)/(Z/s)$: lens as in 1, depths as in 2, and everything is $s$ times
#    smaller.
#
# The first, the third and the fourth follow from the equation. Is the second true? Let the camera walk forward until a wall that
# faces it at $Z$ is at $Z/s$: it walks $w = Z\,(1 - 1/s)$. The wall is then seen $s$ times as large. But a second wall
# behind, at $2Z$, comes only as much nearer as the camera walked: from $2Z$ to $Z + Z/s$, not to $2Z/s$. With $Z = 3$ m and $s = 1.5$: the
# first wall comes from 3 m to 2 m, and what was at 6 m comes to 5 m, where the division says 4 m. **Of surfaces that face the
# camera, those at one distance only are right.**
#
# Other surfaces fare better. From here on pixels are counted in units of $f$: $x = X/Z$, $y = Y/Z$. A plane $a X + b Y + c Z = 1$ has $1/Z = a x + b y + c$ at the pixel $(x, y)$.
#
# - *Divided:* the point is now at $(x', y') = (s x, s y)$ and said to be at $Z' = Z/s$. So $1/Z' = s/Z = s\,(a x + b y + c) = a x' + b y' + s\,c$.
# - *Walked:* $X$ and $Y$ stay and $Z = Z' + w$, so the plane is $a X + b Y + c Z' = 1 - c\,w$. The point is now seen at $(x', y') = (X/Z', Y/Z')$; divide by $Z'$: $1/Z' = (a x' + b y' + c)/(1 - c\,w)$.
#
# For $c = 0$, a plane that runs *along* the axis, both are $a x' + b y'$, whatever the distance: the floor under a
# level camera, and the walls at its sides, are right everywhere. What is wrong is what faces the camera, or slants.
#
# How far off is it in rooms? We let the camera walk for the median depth of each, and try several $s$. Before you look:
# which is worse at $s = 1.5$, dividing or not dividing?

# %%
scales = [1.1, 1.5] if PROFILE == "smoke" else [1.05, 1.1, 1.2, 1.3, 1.4, 1.5]
median = batch["depth"].flatten(1).median(1).values
ways = (
    "divided, against a walk", "not divided, against a walk", "not divided, longer lens"
)  # fmt: skip
readings = {way: [] for way in ways}
for s in scales:
    # so that the principal point stays where it is: c' = s (c + 1/2) − 1/2 − left
    left, top = ((s - 1) * (K[axis, 2].item() + 0.5) for axis in (0, 1))
    at = fixed(COUNT, scale=s, top=top, left=left)
    large = apply(batch, at, (HEIGHT, WIDTH))
    walk = torch.eye(4).repeat(COUNT, 1, 1)
    walk[:, 2, 3] = median * (1 - 1 / s)
    closer, undivided = look(K, walk), large["depth"] * s
    pairs = (
        (large["depth"], closer),
        (undivided, closer),
        (undivided, look(large["K"])),
    )
    for way, pair in zip(ways, pairs, strict=True):
        readings[way].append(off(*pair))
for way in ways:
    table[f"enlarged 1.5, {way.replace('against', 'as')}"] = readings[way][-1]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Log ratio against the scale from 1.05 to 1.5, three pairs of lines. Undivided depths against a walk rise steeply, divided ones several times less in the median and a third less in the worst twentieth, and the longer lens stays at the bottom."}, "figure": {"name": "fig-scale", "caption": "Log ratio of the depths to those of a camera that is really there, over the scale. Solid: median. Dashed: one pixel in twenty is worse."}}
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for number, (name, found) in enumerate(readings.items()):
    middle_error, worst = torch.stack(found).T
    axes.plot(scales, middle_error, "o-", color=f"C{number}", label=name)
    axes.plot(scales, worst, "--", color=f"C{number}")
axes.set(xlabel="scale s", ylabel="|log ratio| of the depths")
axes.legend(frameon=False)
plt.close(figure)
figure

# %%
for name, (half, worst) in list(table.items())[-3:]:
    print(f"{name:38s} median {half:.4f}, 95th percentile {worst:.4f}")

# %% [markdown]
# Not dividing is far worse: a network would be told that a thing that looks larger is as far as before, and might unlearn size
# as a cue. Dividing removes most of the median, for two reasons: the walk was chosen so that a wall at the median depth comes out right, and floors, for a level camera, and walls along its axis are right at every depth. (These cameras look down by about 7° on average, so that their floors are off by some per cent.) What remains is what the sentence
# leaves out: little near $s = 1$, growing with $s$, and large for one pixel in twenty. Read as a longer lens, with the depths as they
# were, the pair is exact at every scale. But the network would then have to know the lens, and it is never told.
#
# Where are the errors? In the figure below, the camera walked for the median. What is nearer than that should have come
# nearer still (red), what is farther has been pulled too near (blue).

# %% mystnb={"image": {"alt": "Map of the log ratio of scaled to walked depth: a near wall at the left is red, the far wall pale blue, and the edges of a chair are dark."}, "figure": {"caption": "Scaled by 1.5 with depths divided, against a camera that really walked: log ratio, near 0 where a surface runs along the axis (the cupboard's side at the right) and at the one distance for which the walk was made. Dark rims: surfaces that the walk covered or uncovered."}}
plots.error_map(large["depth"][0], closer[0], title="scaled against walked")

# %% [markdown]
# ### A squeezed world, or a dolls' house
#
# The third and the fourth reading have no error at all. Which of them a pair tells depends on the lens with which it is read. The
# library's $K$ follows the enlargement, so with the pair's own $K$ it is a dolls' house; with the old lens, which a network
# that is told nothing may well assume, it is a squeezed world. Let us look at all of them from above.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four floor plans of one room: the original with the part that is still seen in colour, the room after a walk, the squeezed room with a corner that is no longer square, and the same room at two thirds of its size with a square corner."}, "figure": {"name": "fig-plan", "caption": "Floor plans of one room. The camera stands at $z = 0$, below the frame, and looks towards the top of the page; yellow is near, dark is far. First: as it is; in grey, what the enlargement cuts off. Then what the pair enlarged by 1.5 is compared with, and what it says: the same width at two thirds of the depth with the old lens; two thirds of both with its own."}}
s = scales[-1]
rows, columns = (torch.arange(n) for n in (HEIGHT, WIDTH))
stays = ((rows - K[1, 2]).abs() < HEIGHT / 2 / s)[:, None] & (
    (columns - K[0, 2]).abs() < WIDTH / 2 / s
)
plans = {
    "as it is": (batch["depth"][:1], K, stays),
    "after a walk": (closer[:1], K, None),
    "divided, old lens": (large["depth"][:1], K, None),
    "divided, own K": (large["depth"][:1], large["K"][0], None),
}
figure, axes = plt.subplots(
    1, 4, figsize=(10, 3.4), sharex=True, sharey=True, layout="constrained"
)
for place, (name, (depth, matrix, kept)) in zip(axes, plans.items(), strict=True):
    x, y, z = camera.unproject(depth, matrix)[0].flatten(1)
    # no floor, no ceiling; the same slice in the dolls' house
    shown = y.abs() < 0.6 * K[1, 1] / matrix[1, 1]
    coloured = shown if kept is None else shown & kept.flatten()
    place.scatter(x[shown], z[shown], s=0.4, color="0.75")
    place.scatter(x[coloured], z[coloured], s=0.4, c=z[coloured], cmap="viridis_r")
    place.set(title=name, xlabel="x (m)", aspect="equal")
axes[0].set_ylabel("z (m)")
plt.close(figure)
figure

# %% [markdown]
# In the squeezed room what is seen is as wide as before and two thirds as deep. A corner of 90° whose walls run at 45° to the
# axis opens to $2 \arctan 1.5$, which is more than 112°; chairs become slices. It is a consistent world, its pictures obey the
# pinhole equation, and nobody lives in it. In the dolls' house all angles stay right, and nobody lives in that either: the seats of its
# chairs are 30 cm high. A network that is fed such pairs learns that rooms may be flatter, or smaller, than they are. With $s$ up to
# 1.15, as some recipes of [transfer learning](transfer_learning) use it, either is mild; with 1.5 it is not.
#
# ## The six measured cases

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars of the median and 95th percentile of the log ratio for six cases on a logarithmic axis; three lie at the floor of a thousandth or below, three well above."}, "figure": {"caption": "How far each changed pair is from a camera that is really there. Bar: median. Dot: one pixel in twenty is worse. Dotted: one and a half times the median of the turn by 5°. That turn's error is resampling alone, and bars that end left of the line are no worse. The cut is exact: its bar ends at the edge of the axis."}}
figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
names = list(table)[::-1]
middle_error, worst = torch.stack([table[name] for name in names]).clamp_min(1e-5).T
axes.barh(names, middle_error, color="C0")
axes.plot(worst, names, "o", color="C1")
axes.axvline(table["turned by 5°"][0] * 1.5, ls=":", color="0.4")
axes.set(xscale="log", xlabel="|log ratio| of the depths", xlim=(1e-5, 2))
plt.close(figure)
figure

# %% [markdown]
# ## All transforms on one page
#
# | transform | the camera that takes it | depth | what it costs |
# |---|---|---|---|
# | mirror | the same, in a mirrored world | unchanged | letters, customs of building |
# | turn in the plane | one held askew | unchanged | corners that nobody saw |
# | colours | the same, under another lamp | unchanged | colours as a cue; values above 1 are clipped |
# | exchanged colour channels | one whose wires are swapped | unchanged | colours as a cue, altogether |
# | cut | a lens off its centre | unchanged | nothing if the lens is told; else as much as a small turn |
# | enlarge, depth kept | a longer lens | unchanged | size is no longer a cue, unless the lens is told |
# | enlarge, depth divided | the same lens in a squeezed world, or a longer lens in a dolls' house | $Z/s$ | right angles, or the size of things |
#
# Two papers choose from this table, each in its own way. Eigen's takes all of it but the exchanged channels and the enlargement that keeps the depth. {cite:t}`alhashim2018` mirror half of the pictures, exchange the channels of a quarter, and stop there: they leave rotation out because it "introduces invalid data for the
# corresponding ground-truth depth" {cite}`ghiorghiu_report`, the corners. A loss that masks what is not known, as [Eigen's](scale_invariant_loss) does, need not fear them. In a recipe the two are `augment: nyu` and `augment: densedepth`.
#
# ## Depth is not a colour
#
# A resampled pixel falls between others. A colour between red and blue is a plausible colour. A depth between a chair at 1 m and a
# wall at 4 m is 2.5 m, where there is *nothing*. So the library interpolates colours and takes depths from the nearest
# pixel. What would the other way do? We turn the rooms by 5° with interpolated depths (*bilinear*: the weighted mean of the four nearest pixels) and count the pixels that hang in the air:
# more than a tenth behind the nearest and more than a tenth before the farthest of the nine depths around. (The cell turns the map about
# its middle with PyTorch's own functions, since the library refuses to interpolate depth.)

# %% tags=["hide-input"]
theta = torch.eye(2, 3).repeat(COUNT, 1, 1)
c, s = math.cos(math.radians(5)), math.sin(math.radians(5))
theta[:, :, :2] = torch.tensor([[c, s * HEIGHT / WIDTH], [-s * WIDTH / HEIGHT, c]])
grid = F.affine_grid(theta, list(batch["depth"].shape), align_corners=False)
flying = {}
for mode in ("nearest", "bilinear"):
    moved = F.grid_sample(batch["depth"], grid, mode=mode, align_corners=False)
    near = -F.max_pool2d(-batch["depth"], 3, 1, 1)
    low = F.grid_sample(near, grid, mode="nearest", align_corners=False)
    high = F.grid_sample(
        F.max_pool2d(batch["depth"], 3, 1, 1), grid, mode="nearest", align_corners=False
    )
    hanging = (moved > 1.1 * low) & (moved < high / 1.1) & (low > 0)
    flying[mode] = (moved, hanging)
    print(f"{mode:9s} in the air: {hanging.float().mean():.2%} of the pixels")

# %% [markdown]
# The count for `nearest` is not zero: on a steep slanted wall a true depth may lie well between its neighbours. The
# difference between the two is what interpolation invents. It is small, and it sits where it would do harm: along
# the edges of things, which [the fine network](fine_network) is meant to learn.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Points of one turned room seen from above: with nearest depths thin surfaces, with interpolated depths sprays of points between them."}, "figure": {"caption": "The turned room from above, rows 80 to 199. Nearest: surfaces. Interpolated: sprays of points between them, where there is only air."}}
figure, axes = plt.subplots(
    1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained"
)
for place, (mode, (moved, _)) in zip(axes, flying.items(), strict=True):
    x, y, z = camera.unproject(moved[:1], K)[0][:, 80:200, 10:-10].flatten(1)
    place.scatter(x, z, s=0.3, color="C0")
    place.set(title=mode, xlabel="x (m)", aspect="equal")
axes[0].set_ylabel("z (m)")
plt.close(figure)
figure

# %% [markdown]
# ## The same draw, whoever asks
#
# What is drawn for a sample depends on three numbers only: the run's *seed* (the number that all of its random draws start from), the epoch (how many times the data have been passed through) and the sample's place in the data set. It
# does not depend on how many processes read, in which order, or after which interruption. So a run that was resumed sees
# exactly what it would have seen.

# %% tags=["nbval-check-output"]
together = draw(NYU, (240, 320), (228, 304), seed=3, epoch=7, indices=[10, 11, 12])
alone = draw(NYU, (240, 320), (228, 304), seed=3, epoch=7, indices=[11])
later = draw(NYU, (240, 320), (228, 304), seed=3, epoch=8, indices=[11])
print("sample 11 alone as in company:", bool(together.scale[1] == alone.scale[0]))
print("the same in the next epoch:", bool(later.scale[0] == alone.scale[0]))

# %% [markdown]
# ## Recap
#
# - Ask of each transform which camera, in which world, would have taken the pair. In-plane turn and colour: an ordinary one. Mirror: one in a mirrored world.
# - A cut is a lens off its centre, exactly; as a turned camera it is slightly wrong.
# - Scaling with depth divided by $s$ is exact for a squeezed world, or for a dolls' house with a longer lens. A walking camera agrees
#   along the floor under a level camera and along side walls, and on what faces it at one distance alone.
# - Depth is taken from the nearest pixel: an average of two surfaces lies on neither.
# - The turn, the cut and the scaling were tested by moving a camera, the mirror by its points. A new augmentation deserves such a test before it is used.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# A picture is scaled by $s = 2$ about its centre. (a) A table stands at 1.5 m, a wall at 4 m. Which depths does the changed
# pair claim? (b) The camera walks until the table is at 0.75 m. At which distance is the wall? (c) Two walls meet at a
# right angle, each at 45° to the optical axis. Which angle do they enclose in the changed pair, read with the old lens? And with its
# own $K$?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# (a) 0.75 m and 2 m. (b) It walks 0.75 m, so the wall is at 3.25 m. (c) Along each wall, a metre sideways is a metre of depth
# before and half a metre after. The half-angle between wall and axis is $\arctan 2$, about 63.4°, so the corner
# opens from 90° to about 127°. With the pair's own $K$ sideways distances are halved too, and it stays at 90°.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Complete `enlarged_K`: the camera matrix after a picture of this size was enlarged by `s` and the middle was cut out at the old
# size. The cell fails until it is right. Integer coordinates are pixel centres.
# ```


# %% tags=["raises-exception", "hide-output"]
def enlarged_K(K, s, height, width):
    return K  # your lines here


for s, height, width in ((1.5, HEIGHT, WIDTH), (1.2, 100, 300)):
    asked = torch.as_tensor(enlarged_K(K.clone(), s, height, width)).float()
    lens, middle = s * K.diagonal()[:2], s * (K[:2, 2] + 0.5) - 0.5
    middle = middle - torch.tensor([width, height]) * (s - 1) / 2
    focal, point = asked.diagonal()[:2], asked[:2, 2]
    assert torch.allclose(focal, lens), (
        f"the lens grows, both ways: {lens.tolist()}, not {focal.tolist()}"
    )
    assert torch.allclose(point, middle), (
        f"resize, then cut: {middle.tolist()}, not {point.tolist()}"
    )
    assert torch.allclose(asked[2], K[2]), "the last row stays"

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# First resize, then crop; half a pixel enters because the picture begins at −½, not at 0. The hidden cell compares with what the
# augmentation itself does.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def enlarged_K(K, s, height, width):
    return camera.crop(
        camera.resize(K, s, s), (s - 1) * height / 2, (s - 1) * width / 2
    )


found = apply(one, fixed(1, scale=1.5, top=60, left=80), (HEIGHT, WIDTH))["K"][0]
print(torch.allclose(enlarged_K(K, 1.5, HEIGHT, WIDTH), found))

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# Nobody mirrors pictures upside down when training depth, although the geometry would be exact. Why not? In which use
# would it be right?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# A camera held upside down in a mirrored world takes such pictures (a half turn and a left-right mirror make an up-down mirror), so
# every pair would be consistent. But almost no user holds it so, and the
# strongest cue indoors is that the floor is below: the lower a point in the picture, the nearer. Half of the training
# would then be spent on unlearning it. For a drone, an endoscope or a robot arm, whose cameras roll freely, it is right.
# So "is it exact?" is only the first question. The second is whether the changed pictures are among those that will be asked.
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# You want a network that works with any lens. Which reading of scaling would you train with, and what would you tell the network?
# Name the experiment that would show whether it was worth it.
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# Reading 1 is exact: enlarge, keep the depths, and give the network the focal length, either as a number, as a map of ray
# directions beside the colours, or by predicting $Z/f$ and multiplying by $f$ afterwards. To test it, hold back lenses: train
# with $s$ from 1 to 1.3 and score rooms rendered at 1.5, for a network that is told the lens and for one that is not, with
# the same samples and three seeds. If told, the error should not grow with the lens.
# ```
#
# Next: [the scale-invariant loss](scale_invariant_loss), and what it means for a depth map to be wrong.
