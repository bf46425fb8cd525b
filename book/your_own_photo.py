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
# # Your own photograph
#
# Everything so far was measured on pictures whose depth somebody knew. Yours has no such map beside it. Nothing will tell you the error, so this page
# is about what can be known all the same: what the network looks at, which part of its answer to believe, what the lens has to do with metres, and how to take the result elsewhere, as points, as a
# surface, and as a network that runs without this library.
#
# **What you will be able to do**
#
# - predict the depth of any picture, and say which part of it the network has seen;
# - tell a *metric* answer from a *relative* one, and say what each can be used for;
# - find the focal length of a photo in its file, and correct metres for a lens that the network has never met;
# - make a surface of a depth map, and say where it must be torn;
# - run the network outside of PyTorch, and check that it is the same network.
#
# **This page needs** profile `cpu`: half a minute on two cores, 2 GB of memory, no GPU, no download. It uses the small network that comes with the library, which
# has learned depth from rendered rooms only, and a real scene whose depth is known, so that this page can check itself. Put your own file into the next cell.

# %% tags=["parameters"]
# the path of a picture, such as "kitchen.jpg"; None: the real scene of scikit-image
PHOTO = None

# %% tags=["hide-input"]
import importlib.util
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from PIL import Image

from depthlib import camera, plots
from depthlib.alignment import disparity_scale_shift, median_scale
from depthlib.checkpoints import load_model
from depthlib.data import open_dataset
from depthlib.data.scenes import make_rooms, render
from depthlib.filling import fill_nearest
from depthlib.pointcloud import surface, write_ply
from depthlib.prediction import predict, to_rgb
from depthlib.recipe import default_profile

PROFILE = default_profile()
COUNT = 4 if PROFILE == "smoke" else 24
plt.rcParams.update(plots.STYLE)
torch.set_grad_enabled(False)
scene = open_dataset("motorcycle", "test", (480, 640))[0]
rgb = scene["rgb"][None] if PHOTO is None else to_rgb(PHOTO)
truth = scene["depth"] if PHOTO is None else None

# %% [markdown]
# ## One line, and what is behind it

# %%
network = load_model()
answer = predict(network, rgb)
depth = answer.full("bilinear")[0]
known = depth[depth > 0]
print(
    f"picture {rgb.shape[-2]} × {rgb.shape[-1]}, "
    f"the network's own map {tuple(answer.depth.shape[-2:])}"
)
print(f"depth {known.min():.2f} to {known.max():.2f} m, median {known.median():.2f} m")

# %% [markdown]
# `predict` takes a path, a PIL picture, an array or a tensor. It turns a photo that was taken sideways, makes it as large as the network's frame, and shows it the middle: a network has learned from pictures of one
# size and shape, and *at twice the size everything looks nearer*, since large things look near. A wide panorama loses its ends; outside of what was seen the depth is 0, the library's sign for "not
# known".
#
# **Predict first.** The network has seen rendered living rooms. This is a real garage with a motorcycle. Which of these will it get right: the floor, the wall behind, the outline of the
# motorcycle?

# %% mystnb={"image": {"alt": "A motorcycle in a garage, the depth that the small network answers, the true depth with holes, and the error: blue, too near, on the floor and around the motorcycle, most of all behind its front wheel and at both borders; red, too far, on its headlamp, handlebar and seat."}, "figure": {"caption": "The floor comes too near, and the motorcycle is a soft bump: a real scene, the answer of the small network that comes with the library, the truth on the same scale, and the logarithm of answer over truth: blue too near, red too far, hatched unknown."}}
if truth is None:
    figure = plots.show({"photograph": rgb[0], "the network's answer": depth})
else:
    limits = float(known.quantile(0.02)), float(truth[truth > 0].quantile(0.98))
    figure = plots.compare(rgb[0], {"the network": depth}, truth, limits=limits)
figure

# %% [markdown]
# The floor comes towards us and the wall is behind: layout is what rendered rooms teach. The motorcycle is a soft bump. Nothing like it was among the boxes and chairs of the training, and its colours and
# shadows are all that says "something stands here".
#
# ## Metric or relative?
#
# Three claims can be read from a depth map, each stronger than the one before:
#
# 1. *this is nearer than that*: an **order**;
# 2. *this is twice as far as that*: **relative** depth, all of it times one unknown factor;
# 3. *this is 2.4 m away*: **metric** depth.
#
# Some networks leave even more open: they answer with disparity of which both the scale *and the zero* are unknown. Fit what is free to the truth, and what remains is the error of each claim.
#
# **Predict first.** By how much will the error fall when one factor is fitted? And when a scale and a shift of disparity are?

# %%
if truth is not None:
    mask = (truth > 0) & (depth > 0)
    p, g = depth[mask], truth[mask]
    s, t = disparity_scale_shift(1 / p, g)
    fitted = {
        "as it is": p,
        "one factor": p * median_scale(p, g),
        "scale and shift": 1 / (s * (1 / p) + t).clamp_min(0.05),
        "no network: a flat wall at the true median": g.median().expand_as(g),
    }
    for name, values in fitted.items():
        print(f"AbsRel {((values - g).abs() / g).mean():.3f}  {name}")
    print(f"the factor: {median_scale(p, g):.2f}")
    drawn = torch.Generator().manual_seed(0)
    a, b = torch.randint(len(g), (2, 100_000), generator=drawn)  # pairs of pixels
    clear = (g[a] / g[b]).log().abs() > 0.1
    row = torch.arange(truth.shape[1])[:, None].expand_as(truth[0])[mask[0]]
    level = clear & ((row[a] - row[b]).abs() < 24)
    print("pairs that differ by more than a tenth, in the right order:")
    for name, nearer in (
        ("the network", p[a] < p[b]),
        ("no network: the lower is the nearer", row[a] > row[b]),
    ):
        right = nearer == (g[a] < g[b])
        print(
            f"  all {right[clear].double().mean():.0%}, of like height "
            f"{right[level].double().mean():.0%}  {name}"
        )

# %% [markdown]
# One factor takes away about a fifth of the error: most of the picture was said to be somewhat too near. Scale and shift of disparity take as much again. The rest, more than half, is *shape*: the motorcycle that is a bump,
# the walls that stand too near at both sides. No factor mends shape.
#
# What do these numbers say of the network? In metres: nothing good. A flat wall at the true median is as good as its answer as it stands. With one factor fitted to both it is ahead of that wall, so it does see something. And the order? It sounds like much, and the rule
# "what is lower in the picture is nearer", which looks at nothing, has nearly as much: on a floor it is simply true. Only among pairs of like height, where that rule must guess, does the network show that it looked, and there it is right in somewhat less than two of three.
# **Before you believe a figure, ask what it would be without the network.** A paper that reports errors after fitting has
# answered an easier question, too. The [evaluation](evaluation) names protocols of both kinds.
#
# ## Metres need a lens
#
# A camera maps a thing of $S$ metres at depth $Z$ to $x = f\,S/Z$ pixels, with $f$ the focal length in pixels (see [depth from one image](depth_from_one_image)). A picture shows $x$. Whoever knows
# $S$ from experience (doors are two metres tall) learns $Z/f$ from it, and no more. **A network that answers in metres has learned one $f$ by heart**, that of its training.
#
# So if your lens has another one, and everything else goes well, its answer $\hat Z$ is off by a known factor. It sees $x$ and answers $\hat Z = f_\text{training}\,S/x$, the depth at which its own lens would show the thing so
# large; the truth is $Z = f_\text{yours}\,S/x$. One divided by the other, $S$ and $x$ are gone:
#
# $$
# Z = \hat Z \cdot \frac{f_\text{yours}}{f_\text{training}} ,
# $$ (lens)
#
# both measured for pictures of one width: only their ratio counts. By hand: trained with $f = 259$ pixels for a picture 320 wide; your photo, made just as wide, has $f = 346$. What it says is 3.0 m away is at $3.0 \cdot 346 / 259 = 4.0$ m.
#
# We can test it, because we can render the same rooms through three lenses, with the camera in the same place.
#
# **Predict first.** Through a long lens (large $f$), will the answers be too near or too far?

# %%
rooms = make_rooms(123, range(COUNT))
usual = camera.nyu_v2(240, 320)
trained = float(usual[0, 0])
rows = {}
for name, factor in {"wide": 0.75, "as in training": 1.0, "long": 1.5}.items():
    K = usual.clone()
    K[0, 0], K[1, 1] = factor * usual[0, 0], factor * usual[1, 1]
    seen = render(rooms, K, height=240, width=320)
    parts = [predict(network, part).full("bilinear") for part in seen.rgb.split(8)]
    valid = (torch.cat(parts) > 0) & (seen.depth > 0.1)
    said, true = torch.cat(parts)[valid], seen.depth[valid]
    ratio = (said / true).median()
    errors = [((scale * said - true).abs() / true).mean() for scale in (1, factor)]
    rows[name] = [factor * trained, float(ratio), *(float(e) for e in errors)]
    print(
        f"{name:15s} f {factor * trained:4.0f}: "
        f"answer / truth {ratio:.2f}, AbsRel {errors[0]:.3f}",
        end="",
    )
    print(f", corrected {errors[1]:.3f}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two bars for each of three lenses: the error as answered and after correcting for the focal length. The correction lowers the error for the long lens and the wide one."}, "figure": {"caption": "AbsRel on the same rendered rooms through three lenses, as answered and multiplied by the ratio of focal lengths."}}
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.6), layout="constrained")
for k, label in enumerate(("as answered", "corrected")):
    axis.bar(
        [i + 0.38 * k for i in range(3)],
        [row[2 + k] for row in rows.values()],
        0.36,
        color=plots.PALETTE[k],
        label=label,
    )
axis.set_xticks(
    [0.19, 1.19, 2.19], [f"{name}, f = {row[0]:.0f}" for name, row in rows.items()]
)
axis.set(ylabel="AbsRel")
axis.legend()
axis.grid(visible=False, axis="x")
plt.close(figure)
figure

# %% [markdown]
# Too near through the long lens, too far through the wide one, and nearly by the factor that the formula says: the network has hardly noticed that the lens is another one. (A little it has: its answers change
# by 2 % less than the formula predicts through the wide lens, and by 6 % less through the long one.) One multiplication takes away more than half of the error through a strange lens; what is left is as much as through the usual one for the wide lens, and about a third more for the long one.
#
# Now the disappointment. This scene was taken through a long lens, too; does the correction help here?

# %%
K = scene["K"]
# the scene is 640 wide, the network's world 320
across, down = (float(K[i, i]) * 320 / 640 / trained for i in (0, 1))
if truth is not None:
    mask = (truth > 0) & (depth > 0)
    for scale in (1.0, across, down):
        error = ((scale * depth - truth).abs() / truth)[mask].mean()
        print(f"times {scale:.2f}: AbsRel {error:.3f}")

# %% [markdown]
# It gets worse. (Two factors, since the scene was squeezed a little when it was made 640 × 480: its pixels are not square, and {eq}`lens` presumes that they are. The right factor, if the formula held, lies between the two.) The formula corrects *one* cause and leaves the others, and here the others point the other way: a garage is not a rendered living room, and the network takes the whole scene for a larger one than it is. Two
# errors had cancelled in part, and we removed one. That is no argument against the correction, which is geometry; it is one against believing metres from a network that is far from its world.
#
# ### Where to find your $f$
#
# Most photos carry it. A telephone writes what its lens would be worth on 35 mm film, whose frame has a diagonal of 43.267 mm: "26 mm" on a picture of 3000 × 4000 pixels (rows × columns), whose diagonal is 5000 pixels, is $26 \cdot
# 5000/43.267 = 3005$ pixels. Made 320 pixels wide, that is $3005 \cdot 320/4000 = 240$: a little wider than the training's 259.

# %% tags=["nbval-check-output"]
telephone = Image.new("RGB", (4000, 3000))
telephone.getexif().get_ifd(0x8769)[0xA405] = 26  # the tag FocalLengthIn35mmFilm
f = camera.focal_from_exif(telephone)
print(f"f = {f:.0f} pixels; made 320 wide, {f * 320 / 4000:.0f}")
print(
    "a picture that says nothing:", camera.focal_from_exif(Image.new("RGB", (400, 300)))
)

# %%
if PHOTO is not None:
    height, width = rgb.shape[-2:]
    # nothing is said: assume the training's lens
    f = camera.focal_from_exif(PHOTO) or width / 320 * trained
    K = camera.intrinsics(f, f, (width - 1) / 2, (height - 1) / 2)
print(f"f of this picture: {K[0, 0]:.0f} pixels at {rgb.shape[-1]} wide")

# %% [markdown]
# A cropped photo keeps its note and loses its meaning: the tag speaks of the whole picture. Programs that crop rarely correct it. `depthlib predict photo.jpg` reads the tag, says whose number it used,
# and takes `--field-of-view`, or a calibration's four numbers as `--camera`, from those who know better. It uses $f$ for points and surfaces; the metres stay the network's own, and {eq}`lens` is left to you.
# A whole folder, maps alone and at once: `depthlib predict photos --write png --out depths`.
#
# ## Into space
#
# With depth and $f$ every pixel has a place. **Points** are honest: where nothing was seen there is nothing. **Turn the figure** and look along the wall: is it straight?

# %%
plots.point_cloud(
    depth,
    K,
    rgb[0],
    max_points=12_000,
    alt="The picture's pixels in space, each at its predicted depth.",
)

# %% [markdown]
# It is not: on one side it comes too near, as the map of errors showed, and the motorcycle is a bulge of it.
#
# A **surface** joins neighbouring pixels by triangles. It looks better, and it tells an untruth where depth jumps: between the handlebar and the wall there are neighbouring pixels, but no surface between them. So a triangle whose corners differ by more
# than a tenth is left out: the surface is *torn*.
#
# **Predict first.** The true map and the predicted one: which of the two loses more triangles?

# %% [markdown]
# First the rule on a toy: a step from 2 to 3 m on 4 × 6 pixels has $3 \cdot 5$ squares of two triangles. The three squares across the step lose theirs.

# %% tags=["nbval-check-output"]
step = torch.full((1, 4, 6), 2.0)
step[..., 3:] = 3.0
grey = torch.zeros(3, 4, 6)
flat = camera.from_field_of_view(4, 6, 60)
for tear in (1.0, 0.1):
    triangles = surface(step, flat, grey, tear)[2]
    print(f"torn where corners differ by {tear:.0%}: {len(triangles)} are left")

# %% [markdown]
# Now the maps. The network's own map is small, and enlarging makes soft what was sharp; so the true map is there a second time, brought to the network's size and enlarged in the same way.

# %%
maps = {"predicted": depth}
if truth is not None:
    small = F.interpolate(
        fill_nearest(truth)[None], answer.depth.shape[-2:], mode="nearest-exact"
    )
    again = F.interpolate(small, truth.shape[-2:], mode="bilinear")[0] * (truth > 0)
    maps |= {"true": truth, "true, from the network's size": again}
for name, values in maps.items():
    whole, torn = (len(surface(values, K, rgb[0], tear)[2]) for tear in (1e9, 0.1))
    print(
        f"{name:29s} {whole - torn} of {whole} "
        f"triangles are torn ({1 - torn / whole:.1%})"
    )

# %%
plots.surface(
    depth if truth is None else truth,
    K,
    rgb[0],
    title="the true map as a surface" if truth is not None else "",
)

# %% tags=["hide-input"]
said = "The predicted map as a surface: one bent cloth, nowhere torn."
plots.surface(depth, K, rgb[0], title="the predicted map as a surface", alt=said)

# %% [markdown]
# (`surface` takes every second pixel each way, 240 × 320 of them.) Not one triangle of the predicted map is torn, and its size is not the reason: the true map of that size tears, and more than the true one itself, since enlarging spreads a jump over several neighbours and each of its steps may still be a tear. A network that answers with means has no jumps, only slopes: its motorcycle and the wall are one cloth, as in
# [sparse to dense](sparse_to_dense) and [super-resolution](super_resolution) with their uncertain outlines. The true map is torn around every handle and spoke, and through the gaps one sees that nothing is known behind.
#
# Both leave as PLY files, which Blender, MeshLab and most viewers open:

# %%
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "scene.ply"
    points, colours, triangles = surface(depth, K, rgb[0])
    write_ply(file, points, colours, triangles)
    print(
        f"{len(points)} points, {len(triangles)} triangles, "
        f"{file.stat().st_size / 1e6:.1f} MB"
    )

# %% [markdown]
# ## Without PyTorch
#
# A telephone has no PyTorch. **ONNX** is a file format for networks that many programs can run. Exporting is one line; believing it takes a second one: the same picture through both.

# %%
if importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime"):
    from depthlib.adapters import from_onnx
    from depthlib.export import export_onnx

    with tempfile.TemporaryDirectory() as folder:
        file = export_onnx(network, Path(folder) / "depth.onnx")
        other = from_onnx(file)(rgb)[0]
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")
    both = (other > 0) & (depth > 0)
    print(f"largest difference: {1000 * (other - depth)[both].abs().max():.2f} mm")
else:
    print("not installed: pip install onnx onnxruntime onnxscript")

# %% [markdown]
# ## What to believe
#
# Nobody gives you the error of your own picture, but three questions cost nothing:
#
# - **Is it the kind of picture that it knows?** This network has seen rooms at eye height. Close-ups, faces, forests and pictures of pictures are guesses.
# - **Does it agree with itself?** Show it the mirrored picture, and mirror the answer back. Where the two differ, one of them is wrong at least.
# - **Does one measurement agree?** A single distance by tape measure turns relative depth into metric depth, and a second one tells you how far to trust the first.
#
# **Predict first.** Where will the network disagree with its mirrored self: on the floor, or at the motorcycle?

# %% mystnb={"image": {"alt": "The photograph, and in red and blue how the answers to it and to its mirror image differ: most at the red box behind the front fork and at the right border, then under the seat and at the engine, least on the floor at the left."}, "figure": {"caption": "How far the answers to the picture and to its mirror image differ: the logarithm of their ratio. Red: the mirrored picture's answer is farther."}}
mirrored = predict(network, rgb.flip(-1)).full("bilinear")[0].flip(-1)
figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 2.6), layout="constrained")
axes[0].imshow(rgb[0].permute(1, 2, 0))
drawn = axes[1].imshow(
    plots.log_ratio(mirrored, depth), cmap=plots.ERROR_COLOURS, vmin=-0.2, vmax=0.2
)
figure.colorbar(drawn, ax=axes[1], label="log(mirrored / plain)", fraction=0.04)
plots.frameless(axes)
plt.close(figure)
figure

# %%
both = (mirrored > 0) & (depth > 0)
gap = (mirrored[both] / depth[both]).log().abs()
print(
    f"half of the pixels differ by less than {gap.median():.1%}, "
    f"a tenth by more than {gap.quantile(0.9):.1%}"
)
if truth is not None:
    mask = both & (truth > 0)
    gap, error = (
        (mirrored / depth).log().abs()[mask],
        (depth * median_scale(depth[mask], truth[mask]) / truth).log().abs()[mask],
    )
    parts = error[gap.argsort()].chunk(4)
    print(
        "error of a quarter of the pixels each, the most agreed on first:",
        "  ".join(f"{part.mean():.3f}" for part in parts),
    )

# %% [markdown]
# It disagrees most about the red box behind the front fork and the right border, then about the part under the seat and the engine, by a tenth and more. It agrees best about the floor at the left, to less than a per cent. A floor, one might think, looks the same in a mirror; yet on its right side the mirrored answer is farther by about five per cent, and the wall behind comes nearer by about as much. Where both answers agree least the error is largest, so the mirror does find
# weak places. But where they agree most it is hardly smaller: both answers come from the same network, and what it has learned wrongly it has learned for both sides. **Disagreement proves an error; agreement does not prove its absence.**
#
# ## Recap
#
# - A network sees a resized middle of your picture; outside there is no answer.
# - Order, relative, metric: each claim needs more than the one before, and the last one needs the lens.
# - Metres scale with the focal length; photos often say theirs, cropped ones say a wrong one.
# - Points are honest, surfaces must be torn where depth jumps.
# - Agreement with the mirror image is no proof; disagreement is.
#
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# A photo of 4000 × 3000 pixels (rows × columns, so it stands upright) says "52 mm" on film. What is its $f$ in pixels, and at a width of 320? A network trained with $f = 259$ says that the cat is 1.2 m away. How far is it?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# The diagonal is 5000 pixels whichever way the camera is held: $f = 52 \cdot 5000/43.27 = 6009$. Made 320 wide it is $6009 \cdot 320/3000 = 641$. The cat is at $1.2 \cdot 641/259 = 2.97$ m. (The network sees
# an upright picture's middle only, at the width of its frame; the scale is the same.)
# ```
#
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Complete `one_measurement`: you measured that pixel (v, u) is `metres` away. Return the map in metres. 0 must stay 0. The cell fails until it is right.
# ```


# %% tags=["raises-exception", "hide-output"]
def one_measurement(
    relative: torch.Tensor, v: int, u: int, metres: float
) -> torch.Tensor:
    return relative  # your line here


asked = torch.tensor([[[0.0, 0.5, 1.0], [1.0, 8.0, 2.0]]])
for v, u, metres, factor in ((1, 2, 3.0, 1.5), (0, 1, 2.0, 4.0)):
    found, wanted = one_measurement(asked.clone(), v, u, metres), factor * asked
    assert torch.allclose(found, wanted), (
        f"one factor for all, 0 stays 0: {wanted.tolist()}, not {found.tolist()}"
    )

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# Relative depth has one unknown factor, and one measurement fixes it. The measured pixel must have an answer.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def one_measurement(
    relative: torch.Tensor, v: int, u: int, metres: float
) -> torch.Tensor:
    if not relative[0, v, u] > 0:
        raise ValueError("the network says nothing about this pixel")
    return relative * (metres / relative[0, v, u])


print("right:", torch.allclose(one_measurement(asked, 1, 2, 3.0), 1.5 * asked))

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# You photograph a poster of a street, hung on your wall. What will the network answer, and what *should* it?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# It should answer with the wall: flat, two metres away. It will draw part of the street, because the cues that it learned, lines that meet and textures that shrink, are all on the poster. People do the same if they see nothing
# but the poster. The frame, the shadow on the wall and a second view from the side give it away; of these a single picture has only the first two. See which cues a network uses in
# [the experiments](eigen_experiments).
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# A shop wants to know from one telephone photo whether a sofa fits into a room. Which claim does it need, what would you ask of the customer, and how would you state the error?
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# Metric depth, or rather a metric *length* between two points. One known length in the picture (a sheet of paper on the floor near the wall) fixes the factor without trusting any lens. Measure on rooms with known sizes how far the lengths
# are off, at the distances that matter, and state an interval that holds in nineteen of twenty rooms, not a mean error. If it is wider than the gap beside the sofa, the answer is a tape measure.
# ```
#
# Next: [since 2014](since_2014).
