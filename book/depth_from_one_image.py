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
# # Depth from one image
#
# **What you will be able to do**
#
# - turn a pixel and a depth into a point in space, and back, with a pencil;
# - tell depth, distance and disparity apart, and convert one into another;
# - name six cues by which one picture tells depth, and measure three of them in pixels;
# - show why no network can be sure of the scale, and read a real size from a depth map.
#
# **This page needs** profile `cpu` or `smoke` alike: ten seconds on two CPU cores, 1 GB of memory, no GPU, no
# training, no download.

# %% [markdown]
# ```{admonition} Every picture here is rendered
# :class: important
# We work in rendered rooms because their depth is exact and because we can move the lamp or the camera. The
# geometry of this page holds for photographs word for word. What will not transfer: real lenses bend straight
# lines, real sensors miss glass and dark surfaces, and real rooms are far more varied than ours.
# ```
#
# ## The pinhole camera
#
# A pinhole camera is a point, the **camera centre**, and an image plane at **focal length** $f$ from it.
# Light from a point in the room travels in a straight line through the centre and marks the plane. We put the
# origin at the centre: $X$ points right, $Y$ **down**, $Z$ forward. The line through the centre along $Z$ is the **optical axis**. The **depth** of a point is its $Z$, in
# metres.
#
# Here are three points at the same height of 0.5 m above the axis, at depths 1, 2 and 4 m. The plane is drawn
# in front of the centre, which gives the same picture without turning it upside down. **Predict first.** The image
# of the point at 1 m is some height above the axis. Where is the image of the point at 4 m?

# %% mystnb={"image": {"alt": "Side view of a pinhole camera: three points of equal height at 1, 2 and 4 metres, with lines to the camera centre that cross the image plane lower and lower."}, "figure": {"caption": "Three points at one height above the axis. Their lines to the camera centre cross the image plane (grey, enlarged) at heights 0.5, 0.25 and 0.125 times f."}}
import matplotlib.pyplot as plt

depths, height, f = [1.0, 2.0, 4.0], 0.5, 0.6
figure, axes = plt.subplots(figsize=(7.2, 2.4), layout="constrained")
axes.axvline(f, color="0.6", linewidth=3)
axes.axhline(0, color="0.8", linewidth=1)
for z in depths:
    axes.plot([0, z], [0, height], color="#0072b2", linewidth=1)
    axes.plot(z, height, "o", color="#0072b2")
    axes.plot(f, f * height / z, "s", color="#d55e00")
axes.set(xlabel="depth Z (m)", ylabel="height (m)", ylim=(-0.05, 0.6))
plt.close(figure)
figure

# %% [markdown]
# Each time the depth doubles, the image moves **halfway to the axis**: not by a fixed step. The gap between 1
# m and 2 m takes twice as much of the plane as the gap between 2 m and 4 m. A picture spends its pixels on
# what is near.
#
# ### Projection
#
# Write $(u, v)$ for the column and the row of a pixel. Pixels are counted from 0 and whole numbers are pixel
# *centres*, so a picture of $W$ columns spans $-\tfrac12$ to $W - \tfrac12$. Halve the picture and a column $c$
# comes to $(c + \tfrac12)/2 - \tfrac12$.
#
# 1. *Similar triangles* (the two in the figure share the angle at the centre): $x / f = X / Z$, so
#    $x = f X / Z$. Here $x$ is measured from the axis, and if $f$ is in pixels then so is $x$.
# 2. *Shift of origin*: the axis meets the image at column $c_x$, the **principal point**, so $u = x + c_x$.
#
# The same two steps for rows give $v$. Together
#
# $$u = f_x \frac{X}{Z} + c_x, \qquad v = f_y \frac{Y}{Z} + c_y .$$ (pinhole)
#
# ($f_x$ and $f_y$ differ only where pixels are not square; where they agree we write $f$.) The four numbers are the
# **intrinsics** of the camera, kept in one matrix
#
# $$K = \begin{pmatrix} f_x & 0 & c_x \\ 0 & f_y & c_y \\ 0 & 0 & 1 \end{pmatrix}.$$
#
# **Three numbers.** A camera with 240 rows and 320 columns that sees 90° from left to right (its *field of view*) has $f = 160$: half
# of its width, 160 pixels, lies under half of the angle, and $160 / \tan 45° = 160$. Its principal point is $(c_x, c_y) = (159.5, 119.5)$. Take $X = 0.5$ and $Y = -0.25$ (which is *up*), at $Z = 1, 2, 4$:
#
# | $Z$ | $f X/Z$ | $u$ | $f Y/Z$ | $v$ |
# |---|---|---|---|---|
# | 1 | 160 · 0.5 / 1 = 80 | 239.5 | 160 · (−0.25) / 1 = −40 | 79.5 |
# | 2 | 40 | 199.5 | −20 | 99.5 |
# | 4 | 20 | 179.5 | −10 | 109.5 |
#
# The same in code. What numpy calls an array is here a *tensor*, and most functions are the same. `.item()` takes one number out;
# `[None]` adds a direction of length 1; `permute` is numpy's `transpose`; `flatten(1)` keeps the first direction and lines up the rest. The
# {doc}`primer <primer>` has more.

# %% tags=["nbval-check-output"]
import torch
from depthlib import camera

K = camera.from_field_of_view(240, 320, horizontal_degrees=90)
points = torch.tensor([[0.5, 0.5, 0.5], [-0.25, -0.25, -0.25], [1.0, 2.0, 4.0]])
uv, z = camera.project(points, K)  # one point a column
print("u", uv[0].tolist())
print("v", uv[1].tolist())

# %% [markdown]
# ### Back-projection
#
# Solve {eq}`pinhole` for the point. *Undo the steps in reverse order*: subtract the principal point, divide
# by the focal length, multiply by the depth:
#
# $$X = \frac{u - c_x}{f_x}\, Z, \qquad Y = \frac{v - c_y}{f_y}\, Z .$$ (backproject)
#
# **Three numbers.** $u = 199.5$, $v = 99.5$, $Z = 2$: $X = (199.5 - 159.5)/160 \cdot 2 = 0.5$ and
# $Y = (99.5 - 119.5)/160 \cdot 2 = -0.25$. We are back.
#
# A pixel alone gives $X/Z$ and $Y/Z$: a **ray**, and not a point. The depth map supplies the third number,
# and that is the whole reason to want one. In the library, {eq}`backproject` is the two lines with `x` and
# `y` (`...` stands for any leading directions, `None` adds one of length 1):
#
# ```{literalinclude} ../depthlib/camera.py
# :pyobject: rays
# ```
#
# `unproject` multiplies depth by these rays. Try the round trip on a whole room: every pixel to a point and
# back.

# %% tags=["nbval-check-output"]
from depthlib.data import open_dataset

rooms = open_dataset("rooms", "test", size=(240, 320), count=100)
room = rooms[4]
points = camera.unproject(room["depth"], room["K"])
uv, z = camera.project(points.flatten(1), room["K"])
rows, columns = camera.pixel_grid(240, 320)
print("points", tuple(points.shape))
error = (uv[0] - columns.flatten()).abs().max()
print("every pixel comes back:", bool(error < 0.01))

# %% [markdown]
# ## Depth, distance, disparity
#
# Three quantities are often confused. All are "how far" for the pixel $(u, v)$.
#
# - **Depth** $Z$: metres along the axis. What this book predicts.
# - **Distance**: metres along the ray, from the camera centre to the point. By *Pythagoras* it is
#   $\sqrt{X^2 + Y^2 + Z^2} = Z \sqrt{x^2 + y^2 + 1}$ where now $x = (u - c_x)/f_x$ and $y = (v - c_y)/f_y$.
# - **Disparity** $d$: how many columns a point moves between two cameras side by side, a **baseline** $B$
#   apart. The right camera sees the point at $X - B$. *Project twice and subtract*:
#   $d = f X/Z - f (X - B)/Z = f B / Z$, in pixels. What two cameras measure.
#
# **Three numbers.** A wall straight ahead at $Z = 2$ m, our 90° camera, $B = 0.1$ m:
#
# | pixel at | $(x, y)$ | depth | distance | disparity |
# |---|---|---|---|---|
# | centre | (0, 0) | 2 | 2 · 1 = 2 | 160 · 0.1 / 2 = 8 |
# | right edge | (1, 0) | 2 | 2 · √2 = 2.83 | 8 |
# | corner | (1, 0.75) | 2 | 2 · √2.5625 = 3.20 | 8 |
#
# Read as depth, a sensor's distances would make the flat wall bulge towards you: nearest in the middle, ever farther at the edges. Now a floor, which runs away
# from you. (The rendered rooms have another camera than the table: that of NYU Depth v2 at half size, $f \approx 259$ and a principal point near (162, 126).) We hold the camera level (no `pitch`, up or down, no `roll`, askew; a little `yaw`, left or right), at 1.2 m, and walk up one column of the picture (white). **Predict first.** Of
# the two curves, depth and disparity against the row, one is a straight line on the floor. Which?

# %% mystnb={"image": {"alt": "Left: a green room seen level with one column marked. Middle: depth against row, a curve that steepens and then is constant. Right: disparity against row, a straight line and then constant."}, "figure": {"caption": "One column of a rendered room, from the bottom of the picture upwards: floor, then wall. Middle: depth. Right: disparity for a baseline of 10 cm."}}
from depthlib.data.scenes import camera_pose, render

scene, K = rooms.make([85]), rooms.K()
pose = camera_pose(x=0, height=1.2, z=-2.3, yaw=0.1, pitch=0, roll=0)
frame = render(scene, K, pose)
depth = frame.depth[0, 0, :, 215]
figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
axes[0].imshow(frame.rgb[0].permute(1, 2, 0))
axes[0].axvline(215, color="white")
axes[1].plot(depth, range(240))
axes[2].plot(camera.disparity(depth, focal=K[0, 0], baseline=0.1), range(240))
axes[1].set(xlabel="depth (m)", ylabel="row", ylim=(239, 100))
axes[2].set(xlabel="disparity (pixels)", ylim=(239, 100))
plt.close(figure)
figure

# %% [markdown]
# Disparity is the straight one. Both kink at the same row, where the floor meets the wall. The reason comes
# out in the part on the horizon below; keep the consequence: on *any* plane $1/Z$ is linear in the pixel
# coordinates, and $Z$ in general is not. Some networks predict $1/Z$. Eigen's predicts $\log Z$;
# {doc}`the loss <scale_invariant_loss>` says why.
#
# ## Six cues
#
# One picture gives rays, not points. Yet you see depth in it. What follows are the cues that carry it, each
# in a room where we can measure it. Eigen and colleagues name "line angles and perspective, object sizes,
# image position, and atmospheric effects" as what a network must use {cite:p}`eigen2014`. (The last, haze that pales what is far, needs hundreds of metres, and blur out of focus needs a lens with an opening; our rooms have neither.)
#
# ### 1. Perspective: parallel lines meet
#
# Move along a line in the room: $(X, Y, Z) + k\,(a, b, c)$. Put it into {eq}`pinhole` and let $k$ grow:
# $u = f\,\frac{X + ka}{Z + kc} + c_x$. *Divide both by $k$*: $X/k$ and $Z/k$ vanish, and $u \to f a / c + c_x$. The start $(X, Y, Z)$ is gone:
# **all** lines of one direction end in one **vanishing point** (unless $c = 0$: lines parallel to the image plane
# stay parallel in it).
#
# **Three numbers.** $f = 160$, direction $(1, 0, 2)$, start at $X = 1$, $Z = 0$:
# $u - c_x = 160\,(1 + k)/(2k)$, which for $k = 1, 10, 100$ is 160, 88 and 80.8. It tends to
# $160 \cdot 1/2 = 80$, and a start at $X = -3$ would tend there, too.
#
# The renderer's `camera_pose` says where the camera stands: a rotation $R$ and a place $t$, with
# $p_\text{world} = R\,p_\text{camera} + t$. Undone in reverse order that is $R^\top (p_\text{world} - t)$
# (the inverse of a rotation is its transpose), which the cell uses to draw.
#
# **Predict first.** Three parallel lines are drawn on the floor below. Where do they meet: at the far edge of the
# floor, higher up, or on the ceiling?

# %% mystnb={"image": {"alt": "A pale room with boxes and a bookcase; three white lines drawn on the floor run together and meet at a point on the bookcase at the back wall, at the height of the camera."}, "figure": {"caption": "Three parallel lines on the floor, drawn on beyond the wall to their vanishing point."}}
import math

from depthlib.plots import show

scene = rooms.make([31])
stand = camera_pose(x=0.4, height=1.4, z=2.6, yaw=math.pi + 0.1, pitch=0, roll=0)
frame = render(scene, K, stand)
figure = show({"a room": frame.rgb[0]})
for x in (0.9, 0.0, -0.9):  # metres from the middle; the lines run along z
    line = torch.tensor([[x, x, x], [0, 0, 0], [-0.6, -2.0, -1e4]])
    uv, _ = camera.project(stand[:3, :3].T @ (line - stand[:3, 3:]), K)
    figure.axes[0].plot(uv[0], uv[1], color="white", linewidth=1.5)
figure

# %% [markdown]
# Higher up: they run through the boxes and the wall as if these were glass, and meet on the second shelf of
# the bookcase, in the row of the camera's own eye. The vanishing point belongs to a direction, not to a place
# in the room: the shelf is there by chance. Where it lies tells how the camera is turned against the walls.
# It says nothing about metres.
#
# ### 2. Texture gradient: the same grain, ever finer
#
# Two squares of 0.5 m lie on that floor, one with its near edge at 3.3 m and one at 4.8 m. **Predict** the
# ratio of the areas they cover in the picture, before you look at the print-out: less than 2, about 2, or
# about 3?

# %% mystnb={"image": {"alt": "The same room with two outlined squares on the floor; the far one is much smaller and flatter."}, "figure": {"caption": "Two squares of the floor, of equal size in the room."}}
figure, covered = show({"a room": frame.rgb[0]}), {}
square = torch.tensor([[0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0.5, 0.5, 0]])
for near in (3.3, 4.8):
    corner = torch.tensor([[-0.15], [1.4], [near]])  # right, down, ahead
    (u, v), _ = camera.project(square + corner, K)
    figure.axes[0].plot(u, v, color="white", linewidth=1.5)
    area = (u[:-1] * v[1:] - u[1:] * v[:-1]).sum().abs() / 2  # shoelace formula
    covered[near] = area.item()
    print(f"near edge at {near} m: {area:.0f} pixels")
print(f"areas {covered[3.3] / covered[4.8]:.1f} : 1, depths 1 : {4.8 / 3.3:.2f}")
figure

# %% [markdown]
# About 3, which is the *cube* of the depth ratio. Width shrinks like $1/Z$. Extent along the floor shrinks
# like $1/Z^2$: a point of the floor lies $f h / Z$ rows below the horizon (cue 6), so a step $\mathrm dZ$ along it covers
# $f h\,\mathrm dZ / Z^2$ rows. Together that is $1/Z^3$. Planks,
# carpet and tiles carry this grain; a bare painted wall does not, and there this cue is silent.
#
# ### 3. Object size
#
# In that room stand stacks of cardboard boxes. If you assume that the boxes are alike, similar triangles give
# the ratio of their depths: half as wide means twice as far. The renderer tells us which pixels belong to
# which box (`frame.ids`), so we can measure. **Predict first.** How well does the assumption do here?

# %%
wide, deep = {}, {}
for box, (row, column) in {"near": (190, 118), "far": (185, 250)}.items():
    pixels = frame.ids[0] == frame.ids[0, row, column]
    wide[box] = int(pixels.any(0).sum())  # columns that it covers
    deep[box] = frame.depth[0, 0][pixels].median().item()
    print(f"{box} box: {wide[box]} columns wide, at {deep[box]:.2f} m")
print(f"depth ratio if the boxes are equal: {wide['near'] / wide['far']:.2f}")
print(f"depth ratio in truth:               {deep['far'] / deep['near']:.2f}")

# %% [markdown]
# Close, and not right: the two boxes are not of one size and are not turned alike. A cue of size is only as
# good as the knowledge of size behind it. A network collects that knowledge from its training rooms, and
# takes it into rooms where it may be wrong.
#
# ### 4. Shadow
#
# The same room with cast shadows and darkened corners, and without either. **Predict** which thing will lose
# most of its depth: the bookcase, the stack of boxes in the right corner, or the box in front?

# %% mystnb={"image": {"alt": "Two pictures of one room: with shadows the bookcase is deep and the boxes stand clear of the wall; without, both look flat."}, "figure": {"caption": "One room, with cast shadows and darkened corners (left) and without (right). The depth of both is the same, pixel for pixel."}}
without = render(scene, K, stand, shadows=False)
print("same depth:", torch.equal(frame.depth, without.depth))
show({"with shadows": frame.rgb[0], "without": without.rgb[0]})

# %% [markdown]
# The bookcase: without shade on its back panel it turns into a picture of a bookcase, painted on the wall.
# The stack in the right corner loses the dark patch that it cast on the wall, and with it any sign of a gap
# between the two. The box in front hardly suffers, because its faces are turned differently towards the lamp
# and keep different brightness: that is *shading*, which we left on. No pixel of the depth changed.
#
# ### 5. Occlusion
#
# What covers is nearer than what is covered. In the next room a chair stands before a desk. We show depth
# only at pixels where it jumps by more than 20 cm to the neighbour. **Predict first.** Will the seam between the
# wall and the floor show?

# %% mystnb={"image": {"alt": "Left, a red chair before a desk and a bookcase. Right, thin outlines of the chair and of the edges of the furniture, coloured by depth, on a hatched ground."}, "figure": {"caption": "A room, and its depth where neighbouring pixels differ by more than 20 cm, drawn at the nearer of the two (hatched elsewhere)."}}
frame = render(rooms.make([82]), K)  # from where its own photographer stands
depth = frame.depth[0]
jump = torch.zeros_like(depth, dtype=torch.bool)
across = depth[:, :, 1:] - depth[:, :, :-1]
down = depth[:, 1:] - depth[:, :-1]
jump[:, :, 1:] |= across < -0.2  # nearer than the left neighbour
jump[:, :, :-1] |= across > 0.2  # nearer than the right one
jump[:, 1:] |= down < -0.2
jump[:, :-1] |= down > 0.2
show({"picture": frame.rgb[0], "depth where it jumps": depth * jump})

# %% [markdown]
# The seam is missing: wall and floor meet at one depth, so nothing is hidden there. What shows are the rims
# of things that stand free. Each rim gives an **order**, chair before desk, and not one metre of how far. It
# also marks where a depth map needs sharp edges, which is the work of {doc}`the fine network <fine_network>`.
#
# ### 6. Height in the picture: the horizon
#
# Hold the camera level at height $h$ above the floor. A floor point has $Y = h$. Put this into {eq}`pinhole`,
# and *solve for* $Z$:
#
# $$v - c_y = f_y \frac{h}{Z} \quad\Longrightarrow\quad Z = \frac{f_y\, h}{v - c_y} .$$ (floor)
#
# **Three numbers.** $f_y = 160$, $h = 1.5$ m: floor seen 30, 60 and 120 rows below $c_y$ is at
# $Z = 240/30 = 8$, 4 and 2 m.
#
# The row $v = c_y$ is the **horizon**: there the floor would be infinitely far. The farther below it a thing
# touches the floor, the nearer it stands. And $1/Z = (v - c_y)/(f_y h)$ is linear in $v$: this is the
# straight line of the disparity plot. The same holds for any plane $aX + bY + cZ = 1$: divide by $Z$, and
# $1/Z = a\,X/Z + b\,Y/Z + c$, where $X/Z$ and $Y/Z$ are linear in $u$ and $v$.
#
# We render one room from 0.8 m and from 1.5 m. **Predict first.** Does the horizon (white) move in the picture?
# Does the foot of the wall?

# %% mystnb={"image": {"alt": "One room from two camera heights; a white horizontal line at the same row in both, the floor rising much higher in the picture from the low camera."}, "figure": {"caption": "One room from a camera 0.8 m and 1.5 m above the floor, both level. White: the horizon."}}
scene, views = rooms.make([85]), {}
for height in (0.8, 1.5):
    pose = camera_pose(x=0, height=height, z=-2.3, yaw=0.1, pitch=0, roll=0)
    views[height] = render(scene, K, pose)
figure = show({f"camera at {h} m": view.rgb[0] for h, view in views.items()})
for axes in figure.axes:
    axes.axhline(K[1, 2], color="white", linewidth=1.5)
figure

# %% [markdown]
# The horizon stays, because it depends on the camera's tilt alone. The foot of the wall drops when the camera
# rises. What the line cuts is at eye height in the room: the low camera's line runs along the window sill,
# the high one's through the panes. Check {eq}`floor` in three rows of the low view:

# %%
for row in (200, 220, 239):
    by_formula = K[1, 1] * 0.8 / (row - K[1, 2])
    rendered = views[0.8].depth[0, 0, row, 215]
    print(f"row {row}: formula {by_formula:.2f} m, renderer {rendered:.2f} m")

# %% [markdown]
# This cue gave *metres*, because we put in $h$ in metres; a known size of an object would have done the same.
# The other four give ratios or an order at best. A network can know $h$ because people hold cameras at about
# the same height. On pictures from a robot near the ground it will place every floor too far.
#
# ## Why scale is ambiguous
#
# Make the whole world $s$ times as large, the camera's place in it too: $X, Y, Z$ become $sX, sY, sZ$.
# Project, and *cancel the common factor*:
#
# $$u' = f_x \frac{sX}{sZ} + c_x = f_x \frac{X}{Z} + c_x = u .$$
#
# **Three numbers.** $X = 0.5$, $Z = 2$, $s = 1, 2, \tfrac{1}{8}$: $X/Z$ is $0.5/2$, $1/4$ and $0.0625/0.25$:
# always 0.25, so always $u = 199.5$. Every pixel stays where it was. Colour and shade as well, if lamps grow
# with the world. Let us not take this on trust, but render a room, the same room twice as large, and its
# dolls' house at 1 : 8.

# %% mystnb={"image": {"alt": "Three identical pictures of a room with a door, a chair and a stack of boxes."}, "figure": {"caption": "A room, the room twice as large, and a dolls' house at one eighth: three renderings, and one picture."}}
scene = rooms.make([4])
worlds = {s: render(scene.scaled(s), K) for s in (1, 2, 1 / 8)}
show({f"s = {s:.3g}": world.rgb[0] for s, world in worlds.items()})

# %% tags=["nbval-check-output"]
for s, world in worlds.items():
    same = torch.equal(world.rgb, worlds[1].rgb)
    ratio = (world.depth / worlds[1].depth).mean().item()
    print(f"s = {s:.3f}: same picture {same}, depth times {ratio:.3f}")

# %% [markdown]
# No cleverness gets around this: a function gives one answer for one input, and here three depth maps belong
# to one input. What a network can do is to bet on the sizes it has met. How good can the bet be?
#
# Below is this room from the side, every dot a pixel, with a person of 1.75 m. The picture would be the same
# at every stop of the slider. **Question: at which stops would you believe in the room?** Read the height of
# the door's top (the door is blue) and of the highest points for your answer.

# %% tags=["hide-input"]
import plotly.graph_objects as go
from depthlib.plots import slider_figure

pose, frame = scene.pose[0], worlds[1]
heading = math.atan2(pose[0, 2], pose[2, 2])
dots = camera.unproject(frame.depth[0], K).flatten(1)[:, ::37]
dots = pose[:3, :3] @ dots  # turned upright: right, down, forward
ahead = dots[2] * math.cos(heading) + dots[0] * math.sin(heading)
up = -(dots[1] + pose[1, 3])
colours = (frame.rgb[0].flatten(1)[:, ::37].T * 255).int().tolist()
door = (frame.ids[0] == frame.ids[0, 90, 257]).flatten()[::37].tolist()
both = zip(colours, door, strict=True)
shades = ["#0072b2" if d else f"rgb{tuple(c)}" for c, d in both]

# %%
dotted = {"mode": "markers", "marker": {"size": 3, "color": shades}}
tall = {"mode": "lines", "line": {"width": 6, "color": "#d55e00"}}
states = {}
for s in (1 / 8, 0.5, 0.95, 1, 1.1, 2):
    x, y = (s * ahead).numpy().round(3), (s * up).numpy().round(3)
    person = go.Scatter(x=[0.3, 0.3], y=[0, 1.75], name="person", **tall)
    states[f"{s:.3g}"] = [go.Scatter(x=x, y=y, name="room", **dotted), person]
layout = {
    "xaxis": {"title": "ahead of the camera (m)", "range": [0, 11]},
    "yaxis": {"title": "above the floor (m)", "range": [-0.2, 5.5]},
}
alt = "A room from the side, beside a person; the slider scales the room."
slider_figure(states, "s", layout=layout, start=3, alt=alt)

# %% [markdown]
# At 1/8 the person is a giant, at 0.5 nobody fits through the door, at 2 the door is a gate. Those you reject
# by what you know of doors. But 0.95, 1 and 1.1 all pass: rooms like these are built, and neither the picture
# nor your knowledge tells which one this is. So even a perfect bettor keeps an error of about that size, and
# a larger one in a room without a door.
#
# Eigen and colleagues found that replacing the mean log depth of each prediction by the true one lowered the
# root of the mean squared log error of their system from 0.28 to 0.22 {cite:p}`eigen2014`. The squared error is a part that comes from the mean
# plus a part from all else ({doc}`derived later <scale_invariant_loss>`), so the mean's part is, with the three digits of the paper's table, $1 - 0.219^2/0.285^2$, 41 %: more than a third was scale alone.
#
# Two ways out, and this book uses both: *bet*, by training in metres on rooms of usual size; and *do not
# punish a wrong bet too much*, which is {doc}`the scale-invariant loss <scale_invariant_loss>`.
#
# ## Practical: how tall is the door?
#
# You have a depth map and $K$. Take two pixels on one thing, back-project both, measure between the points.
# This room has a door. **Predict** its height from the picture, in metres.

# %%
door = frame.ids[0] == frame.ids[0, 90, 257]  # pixels of the door's leaf
rows = door[:, 257].nonzero().flatten()
top, foot = rows.min().item(), rows.max().item()
points = camera.unproject(frame.depth[0], K)
gap = points[:, top, 257] - points[:, foot, 257]
for row in (top, foot):
    print(f"pixel ({row}, 257): {frame.depth[0, 0, row, 257]:.2f} m deep")
built = 2 * scene.half[0, frame.ids[0, 90, 257], 1]  # the room's plan
print(f"measured {gap.norm():.2f} m, built {built:.2f} m")

# %% [markdown]
# The measured height is a little short, by about one pixel's worth at that depth: we measured between the
# centres of the first and the last pixel. The two depths differ although the door is upright, because the
# camera looks down a little and depth is counted along *its* axis. That is why we back-project both pixels
# and do not just count rows.
#
# Now the mistake that users of depth networks make most: the right depth, and the wrong focal length.

# %%
wrong = K.clone()
wrong[0, 0], wrong[1, 1] = 1.5 * K[0, 0], 1.5 * K[1, 1]
points = camera.unproject(frame.depth[0], wrong)
gap = points[:, top, 257] - points[:, foot, 257]
print(f"with a focal length 1.5 times too long: {gap.norm():.2f} m")

# %% [markdown]
# All depths were exact, and the door shrank to a hatch. $X$ and $Y$ go with $1/f$, $Z$ does not, so the room
# is squeezed and not just smaller. If your point cloud looks squeezed, look at $K$ before you blame the
# network.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# A camera has $f = 500$ pixels. A door of 2 m is straight ahead and covers 250 rows. How deep is it? You
# learn later that the door was 1.8 m. By which factor were you wrong, and what would the disparity have been
# for a baseline of 0.12 m, before and after?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# Similar triangles: $250 / 500 = 2 / Z$, so $Z = 4$ m. With 1.8 m, $Z = 3.6$ m: too far by the factor
# $4 / 3.6 = 1.11$, exactly that of the height. Disparity is $500 \cdot 0.12 / 4 = 15$ pixels as believed, and
# $500 \cdot 0.12 / 3.6 = 16.7$ in truth. The two cameras measure 16.7 whatever you believe about doors:
# stereo has a scale, the baseline in metres.
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Write `size_between(depth, K, a, b)`: metres between the surface points seen at pixels `a` and `b`, each
# (row, column). `depth` is [1, H, W]. Use no function of `depthlib`.
# ```


# %%
def check(answer):
    K = camera.from_field_of_view(240, 320, 90)
    flat = torch.full((1, 240, 320), 2.0)
    wide = answer(flat, K, (100, 60), (100, 220))
    assert abs(wide - 2.0) < 1e-4, "160 columns at 2 m with f = 160 are 2 m"
    slope = flat + torch.arange(240)[:, None] / 240  # deeper towards the bottom
    tall = answer(slope, K, (0, 160), (239, 160))
    assert abs(tall - 3.8619) < 1e-3, "the two points differ in depth, too"
    return "passes"


# %% tags=["raises-exception", "hide-output"]
def size_between(depth, K, a, b):
    return 0.0  # your lines here


print(check(size_between))

# %% [markdown]
# ```{admonition} Hint
# :class: dropdown
# Back-project each pixel with {eq}`backproject` into a vector of three numbers. What is the length of a
# difference of vectors?
# ```
#
# Solution 2, executed:


# %% tags=["hide-cell"]
def solution(depth, K, a, b):
    ends = []
    for row, column in (a, b):
        z = depth[0, row, column]
        x = (column - K[0, 2]) / K[0, 0] * z
        y = (row - K[1, 2]) / K[1, 1] * z
        ends.append(torch.stack((x, y, z)))
    return (ends[0] - ends[1]).norm().item()


print(check(solution))

# %% [markdown]
# ```{admonition} Exercise 3 (by hand)
# :class: exercise
# You cut away the left 80 columns of a picture, then halve its size. Which of $f_x$, $c_x$ and the depth
# map's *values* change, and to what, if they were 260, 159.5, and 2 m everywhere?
# ```
#
# ```{admonition} Solution 3
# :class: dropdown
# Cutting moves the origin: $c_x = 159.5 - 80 = 79.5$, $f_x$ stays. Halving scales lengths in pixels:
# $f_x = 130$, and with whole numbers at pixel centres $c_x = (79.5 + 0.5)/2 - 0.5 = 39.5$. Depth is in metres
# and stays 2 m. In the library: `camera.crop`, then `camera.resize`. But a network that does *not* get $K$
# will read the smaller picture as a deeper world, every point at the same $X$ and $Y$ but farther: to it, scaling a picture by
# $s$ looks like dividing the depths by $s$. Eigen's augmentation does exactly that on purpose {cite:p}`eigen2014`.
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# Someone shows your network a photograph of a very good dolls' house. What will it answer? Which hints could
# a person use to find out that it is a dolls' house, and is any of them geometric?
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# It will answer the depths of a normal room, many times too far: our rendering with $s = 1/8$ gave the same
# picture, so it cannot do otherwise. A person looks for what does *not* scale: blur from a close focus (a
# lens of real size sees a small world with shallow sharpness), grain of wood and weave of cloth that are too
# coarse, the thickness of paint, dust, a finger at the rim. Only the blur is optics; the rest is knowledge of
# sizes again. Our renderer keeps textures in proportion and has no aperture, so it removes even those hints.
# Expect the dolls' house of a photograph to be *slightly* easier than ours.
# ```
#
# ## Recap
#
# - A pixel is a ray; depth along the axis makes it a point: $X = (u - c_x) Z / f_x$.
# - Distance is longer than depth off the axis; disparity is $fB/Z$ and linear on planes.
# - Perspective, texture, size, shadow, occlusion and the horizon carry depth. They give order and ratios;
#   metres enter only through a known size or height.
# - The same picture fits every world scale. A network bets on scale, and part of its error is that bet.
#
# Next: {doc}`where such pairs of picture and depth come from <datasets>`, and what is wrong with them.
