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
# # How wrong is a depth map? The scale-invariant loss
#
# A network is trained by one number that says how wrong it is. This chapter builds that number for depth, from five
# pixels on paper to the loss of Eigen, Puhrsch and Fergus {cite:p}`eigen2014`, with every step of its derivation.
#
# **What you will be able to do**
#
# - compute AbsRel, RMSE and δ₁ by hand, and say which mistakes each of them hides;
# - derive the scale-invariant error, prove its three forms equal, and find the factor that is misprinted in the paper;
# - read the loss's gradient: which pixel is pulled where, and what λ changes;
# - mask missing depth without NaN, and know why the loss is computed in float32.
#
# **This page needs** profile `cpu`: about 15 s on two CPU cores, 1 GB of memory, no GPU and no download. Profile `smoke`:
# 15 s. All pictures on this page are rendered rooms, not photographs.
#
# From its middle on the page asks for slopes: if *gradient* or `backward()` are new words, read [the primer](primer) first.

# %%
import inspect
import math

import matplotlib.pyplot as plt
import torch

from depthlib import losses, metrics, plots
from depthlib.losses import scale_invariant_log_loss
from depthlib.recipe import default_profile

PROFILE = default_profile()
plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## Five pixels by hand
#
# Call $y_i$ the **predicted** depth of pixel $i$ and $y^*_i$ the **true** depth, both in metres. There are $n$ pixels.
# Here $n = 5$:
#
# | pixel $i$ | 1 | 2 | 3 | 4 | 5 |
# | --- | --- | --- | --- | --- | --- |
# | truth $y^*_i$ | 1 | 2 | 2 | 4 | 5 |
# | prediction $y_i$ | 1 | 2 | 3 | 3 | 6 |
# | error $y_i - y^*_i$ | 0 | 0 | +1 | −1 | +1 |
# | \|error\| / truth | 0 | 0 | 1/2 | 1/4 | 1/5 |
# | ratio, the larger over the smaller | 1 | 1 | 3/2 | 4/3 | 6/5 |
#
# Three pixels are wrong by the same metre. Three error measures (*figures*, in this book) disagree about how bad that is.
#
# - **RMSE**, the root of the mean squared error, looks at the fourth row:
#   $\sqrt{(0 + 0 + 1 + 1 + 1)/5} = \sqrt{3/5}$ metres. A metre is a metre.
# - **AbsRel**, the mean absolute relative error, looks at the fifth:
#   $(0 + 0 + \tfrac12 + \tfrac14 + \tfrac15)/5 = 19/100$. A metre costs less when the pixel is far.
# - **δ₁**, short for "the share of pixels with δ < 1.25", counts the pixels whose ratio is below 5/4: pixels 1, 2 and 5. That is 3/5. A pixel is right or wrong;
#   *how* wrong does not matter.
#
# RMSE and AbsRel are errors: lower is better. δ₁ is a share of good pixels: higher is better.
#
# The library takes batches of maps, shape `[batch, 1, rows, columns]`, and a mask that says which pixels count. Our
# five pixels are one map of one row.

# %%
truth = torch.tensor([1.0, 2, 2, 4, 5]).reshape(1, 1, 1, 5)
prediction = torch.tensor([1.0, 2, 3, 3, 6]).reshape(1, 1, 1, 5)
everywhere = torch.ones_like(truth, dtype=torch.bool)
sums = metrics.error_sums(prediction, truth, everywhere)  # a row for each image
print(f"RMSE   {metrics.rmse(sums):.4f} m     by hand {math.sqrt(3 / 5):.4f}")
print(f"AbsRel {metrics.abs_rel(sums):.4f}       by hand {19 / 100:.4f}")
print(f"δ₁     {metrics.delta(sums, 1):.4f}       by hand {3 / 5:.4f}")

# %% [markdown]
# δ₂ and δ₃ are the same count with the gentler limits $(5/4)^2$ and $(5/4)^3$. The worst ratio here is 3/2, under
# $(5/4)^2 = 25/16$, so δ₂ is already 1.
#
# ```{warning}
# AbsRel divides by the **truth**. Swap the two arguments and it divides by the prediction, and a network that predicts
# far too far suddenly looks good. The figure stays plausible, so nobody notices. Try it above:
# `metrics.error_sums(truth, prediction, everywhere)`.
# ```
#
# ## Why logarithms
#
# Take one wall, 2 m away. Network P says 4 m, twice too far. Network Q says 1 m, half as far. **Predict first.** Which of the
# two has the larger relative error, and do you find that fair?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two curves over the ratio of prediction to truth, from a quarter to four. The relative error is lopsided: it stays below one on the left and rises to three on the right. The log error is a symmetric V."}, "figure": {"caption": "The same ratio, priced twice: relative error and log error of one pixel."}}
ratio = torch.logspace(-2, 2, 201, base=2)  # prediction / truth, from 1/4 to 4
figure, axis = plt.subplots(figsize=(6, 2.8))
axis.plot(
    ratio,
    (ratio - 1).abs(),
    color=plots.PALETTE[1],
    label="relative error $|y - y^*|/y^*$",
)
axis.plot(
    ratio,
    ratio.log().abs(),
    color=plots.PALETTE[0],
    label="log error $|\\log y - \\log y^*|$",
)
axis.set_xscale("log", base=2)
axis.set(xlabel="prediction / truth (each step doubles)", ylabel="error of one pixel")
axis.axvline(1, color="black", linewidth=0.8, linestyle=":")
_ = axis.legend()

# %% [markdown]
# The relative error charges P a full 1 for doubling and Q only 1/2 for halving. On the left it can never exceed 1,
# however near the wall is placed; on the right it has no limit. So a network that minimises it learns to err on the
# near side. The log error charges both the same, $\log 2$: on this axis it is a symmetric V.
#
# There is a second reason, and it matters more here. Multiply every prediction by a factor $s$. Its logarithm changes
# by the **same amount at every pixel**:
#
# $$\log(s\,y_i) = \log s + \log y_i .$$
#
# Multiplication has become addition. The one thing that a single picture cannot tell, the overall size of the scene
# (see [depth from one image](depth_from_one_image)), is now one number added everywhere. From here on we work with
#
# $$d_i = \log y_i - \log y^*_i ,$$
#
# the log error of pixel $i$: positive when predicted too far, negative when too near. All logarithms are natural.
#
# ## Three numbers to carry along
#
# Every step below is worked on three pixels whose log errors are, **in tenths**,
#
# $$d = (-1,\; 2,\; 5), \qquad n = 3 .$$
#
# (So the first pixel is predicted at $e^{-0.1}$ times its true depth, about a tenth too near; the last one at $e^{0.5}$
# times.) Counting in tenths keeps every result a whole number; squares are then in hundredths, and a 6 means 0.06. The library calls this the `unit` of the log depths, and
# we will meet it again.

# %%
d = torch.tensor([-1.0, 2.0, 5.0], dtype=torch.float64)  # log errors, in tenths
n = len(d)
print("mean of d  :", d.mean().item())
print("mean of d² :", d.square().mean().item())

# %% [markdown]
# ## Equation 1: let the map choose its own scale
#
# How wrong is the *shape* of a depth map, whatever its size? Give the map one free factor, choose the factor as kindly
# as possible, and measure what is left. In logs a factor is a number $\alpha$ added at every pixel:
#
# $$
# D(y, y^*) = \frac1n \sum_{i=1}^{n} \left(\log y_i - \log y^*_i + \alpha\right)^2
#           = \frac1n \sum_i (d_i + \alpha)^2 .
# $$ (sil-d1)
#
# This is eq. 1 of the paper {cite:p}`eigen2014`. ("Eq. 1" to "eq. 4" are always the paper's numbers; those in brackets are
# this page's.) "As kindly as possible" means the $\alpha$ that makes the sum least.
# **Predict** from the three numbers: which $\alpha$ would you choose?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A parabola of the mean squared error over the shift alpha from minus six to two, with its lowest point marked at alpha equals minus two, height six."}, "figure": {"caption": "Mean of (dᵢ + α)² for d = (−1, 2, 5). The error of eq. 1 is the height of the lowest point."}}
alpha = torch.linspace(-6, 2, 161, dtype=torch.float64)
cost = (d[:, None] + alpha).square().mean(0)
figure, axis = plt.subplots(figsize=(5, 2.7))
axis.plot(alpha, cost, color=plots.PALETTE[0])
axis.plot(alpha[cost.argmin()], cost.min(), "o", color=plots.PALETTE[1])
axis.set(
    xlabel="shift α added to every pixel", ylabel="mean of $(d_i + α)^2$", ylim=(0, 24)
)
print(f"lowest at α = {alpha[cost.argmin()]:.2f}, height {cost.min():.2f}")

# %% [markdown]
# The bowl's floor is not at zero. Of the mean square of 10 at α = 0, 6 remain whatever the shift: no single factor repairs three
# pixels that disagree. And the best shift is minus the average of the three. Now without a picture.
#
# **Step 1. Differentiate** (sum rule, then chain rule: the derivative of $(d_i + \alpha)^2$ is $2(d_i + \alpha)$):
#
# $$\frac{\mathrm d}{\mathrm d\alpha}\, \frac1n \sum_i (d_i + \alpha)^2 = \frac2n \sum_i (d_i + \alpha).$$
#
# *Three numbers:* at $\alpha = 0$ the slope is $\tfrac23(-1 + 2 + 5) = 4$. Positive: go left.
#
# **Step 2. Set the slope to zero** (at the lowest point of a smooth curve the slope is zero):
# $\sum_i (d_i + \alpha) = 0$.
#
# **Step 3. Split the sum** (a sum of sums; adding $\alpha$ up $n$ times gives $n\alpha$):
# $\sum_i d_i + n\alpha = 0$.
#
# **Step 4. Solve** (subtract, then divide by $n$):
#
# $$\alpha = -\frac1n \sum_i d_i = -\bar d = \frac1n \sum_i (\log y^*_i - \log y_i).$$
#
# Here $\bar d$ ("d bar") is the mean log error. *Three numbers:* $\alpha = -(-1 + 2 + 5)/3 = -2$.
#
# **Step 5. It is a minimum** (the second derivative is $\tfrac2n \cdot n = 2$, positive everywhere: the curve is a bowl,
# with one floor).
#
# So $D$ subtracts the mean log error and averages the squares of what is left. You may know this under another name:
# it is the **variance** of the $d_i$.
#
# *Three numbers:* $d - \bar d = (-3, 0, 3)$, so $D = (9 + 0 + 9)/3 = 6$: the floor of the bowl.
#
# ```{note}
# The student report that this project started from prints $\alpha = \frac1n\sum_i(\log y_i - \log y^*_i)$, with the sign
# turned round {cite:p}`verma_report`. Added at every pixel that would *double* the mean error: for our three numbers
# $\alpha = +2$, and the mean of $(1, 4, 7)^2$ is 22. In the bowl above, that is far up the right-hand side. Its form with pairs of pixels has lost the logarithms, so it compares metres; and its text counts its equations one too far.
# ```

# %% [markdown]
# ## From equation 1 to equation 3: the form a computer wants
#
# Put $\alpha = -\bar d$ into eq. {eq}`sil-d1` and simplify.
#
# **Step 1. Expand the square** (binomial formula):
#
# $$D = \frac1n \sum_i \left(d_i^2 - 2\, d_i\, \bar d + \bar d^2\right).$$
#
# *Three numbers:* pixel 3 gives $25 - 20 + 4 = 9$, as before.
#
# **Step 2. Split the sum, pull constants out** (linearity; $\bar d$ is the same for every $i$):
#
# $$D = \frac1n \sum_i d_i^2 \;-\; 2\bar d \cdot \frac1n \sum_i d_i \;+\; \bar d^2 .$$
#
# *Three numbers:* $10 - 2\cdot 2\cdot 2 + 4$.
#
# **Step 3. Recognise the mean** (definition of $\bar d$): the middle term is $-2\bar d\cdot\bar d$. Collect:
#
# $$
# D = \frac1n \sum_i d_i^2 - \bar d^2
#   = \frac1n \sum_i d_i^2 - \frac{1}{n^2} \Big(\sum_i d_i\Big)^{2}.
# $$ (sil-d3)
#
# *Three numbers:* $10 - 4 = 6$. The same 6.
#
# **Step 4. Multiply the square out** (distributive law: a product of two sums is the sum over all pairs):
#
# $$\Big(\sum_i d_i\Big)^2 = \sum_i \sum_j d_i\, d_j .$$
#
# *Three numbers:* $6^2 = 36$, and the nine products of $(-1, 2, 5)$ with itself add up to the same:

# %% tags=["nbval-check-output"]
products = torch.outer(d, d)
print(products.to(int).tolist(), "sum", int(products.sum()))

# %% [markdown]
# Look at the signs in that table. Two errors in the **same** direction make a positive product, which is subtracted:
# credit. Two errors in **opposite** directions make a negative product: penalty. That is how the paper reads its eq. 3. And
# {eq}`sil-d3` needs one pass over the pixels, not one over all pairs: two running sums, of $d$ and of $d^2$, are enough
# even for a million pixels.
#
# ## Equation 2: pairs of pixels, and a misprint
#
# The paper's second form compares pixels in pairs {cite:p}`eigen2014`. It is printed as
#
# $$
# D \overset{?}{=} \frac{1}{n^2} \sum_{i,j} \Big( (\log y_i - \log y_j) - (\log y^*_i - \log y^*_j) \Big)^2 .
# $$
#
# In words: the truth says that pixel $i$ is so many times as far away as pixel $j$. Does the prediction say the same?
# No scale enters such a question. **Predict first.** Will our three numbers give 6?
#
# **Step 1. Reorder** (addition commutes): the bracket is
# $(\log y_i - \log y^*_i) - (\log y_j - \log y^*_j) = d_i - d_j$.
#
# *Three numbers:* the differences are $d_2 - d_1 = 3$, $d_3 - d_1 = 6$, $d_3 - d_2 = 3$. Their squares are 9, 36, 9.
# The sum runs over **all** $i$ and all $j$, so each pair is met twice, once as $(i, j)$ and once as $(j, i)$:
# $2\cdot(9 + 36 + 9) = 108$. Divided by $n^2 = 9$ that is **12**. Not 6.

# %%
differences = d[:, None] - d[None, :]  # every i against every j
print(differences.square().to(int).tolist())
print("as printed, 1/n²     :", (differences.square().sum() / n**2).item())
print("corrected, 1/(2n²)   :", (differences.square().sum() / (2 * n**2)).item())
print("eq. 1, the variance  :", (d - d.mean()).square().mean().item())

# %% [markdown]
# The printed formula is twice too large. To be sure that it is a misprint and not our mistake, follow it for any $n$.
#
# **Step 2. Expand the square** (binomial formula), **and split the sum** (linearity):
#
# $$\sum_{i,j} (d_i - d_j)^2 = \sum_{i,j} d_i^2 \;-\; 2\sum_{i,j} d_i d_j \;+\; \sum_{i,j} d_j^2 .$$
#
# **Step 3. Sum what does not depend on the index** ($d_i^2$ does not contain $j$, so the sum over $j$ repeats it $n$
# times): the first term is $n\sum_i d_i^2$. **Rename the index** (a summation index may have any name): the third term is
# the same. **Distributive law** for the middle one. Together
#
# $$\sum_{i,j} (d_i - d_j)^2 = 2n \sum_i d_i^2 - 2 \Big(\sum_i d_i\Big)^2 .$$
#
# *Three numbers:* $2\cdot 3\cdot 30 - 2\cdot 36 = 108$. Yes.
#
# **Step 4. Divide by $2n^2$** (and compare with eq. {eq}`sil-d3`):
#
# $$
# D = \frac{1}{2n^2} \sum_{i,j} (d_i - d_j)^2 .
# $$ (sil-d2)
#
# The factor is $1/(2n^2)$ when each pair counts twice; or $1/n^2$ when the sum runs over pairs $i < j$ only. Nothing else
# in the paper depends on it: the authors computed with eq. 3, whose factors are right. But if you implement eq. 2 as
# printed, your numbers are twice everybody's.
#
# ## The proof again, by machine
#
# `sympy` calculates with letters. Let it expand all three forms for several $n$ and subtract.

# %% tags=["nbval-check-output"]
import sympy

report = []
for count in (2, 3, 4, 5):
    x = sympy.symbols(f"d1:{count + 1}")
    mean = sum(x) / count
    form1 = sum((a - mean) ** 2 for a in x) / count
    pairs = sum((a - b) ** 2 for a in x for b in x) / sympy.Integer(count) ** 2
    form3 = sum(a**2 for a in x) / count - mean**2
    equal = sympy.expand(form1 - form3) == 0
    half = sympy.expand(pairs / 2 - form3) == 0
    times = sympy.simplify(pairs / form3)
    report.append(
        f"n = {count}: 1 = 3: {equal}, corrected 2 = 3: {half}, printed 2 = {times} D"
    )
print("\n".join(report))

# %% [markdown]
# The third check is the library, on a
# map of random numbers. With λ = 1 its loss is exactly $D$ (the symbol comes in the next section).

# %% tags=["nbval-check-output"]
generator = torch.Generator().manual_seed(0)
log_y, log_t = torch.randn(2, 1, 1, 12, 16, generator=generator, dtype=torch.float64)
mask = torch.ones_like(log_y, dtype=torch.bool)
e = (log_y - log_t).flatten()
D = scale_invariant_log_loss(log_y, log_t, mask, lam=1.0).item()
pairs = (e[:, None] - e).square().mean().item()  # the mean over all n² pairs
print("eq. 1:", math.isclose(D, (e - e.mean()).square().mean().item()))
print("eq. 2:", math.isclose(D, pairs / 2))
print("eq. 3:", math.isclose(D, e.square().mean().item() - e.mean().item() ** 2))
seven = scale_invariant_log_loss(log_y + math.log(7), log_t, mask, lam=1.0)
print("blind to a factor 7:", math.isclose(D, seven.item()))

# %% [markdown]
# ## Equation 4: the training loss
#
# $D$ measures; can it also train? It forgives every factor, so it can never teach the network how large rooms are. The
# paper turns the forgiveness down with a number $\lambda$ ("lambda") between 0 and 1 {cite:p}`eigen2014`:
#
# $$
# L(y, y^*) = \frac1n \sum_i d_i^2 - \frac{\lambda}{n^2} \Big(\sum_i d_i\Big)^{2}
# $$ (sil-l4)
#
# λ = 0 is the plain mean squared log error. λ = 1 is $D$, whose root $\sqrt D$ is what tables print as the scale-invariant error. The paper trains with λ = ½. In the library it is one line:

# %%
source = inspect.getsource(scale_invariant_log_loss)
print("\n".join(line[8:] for line in source.splitlines()[-3:]))

# %% [markdown]
# The last line is eq. {eq}`sil-l4`: two sums, each divided by `n`, for every image of the batch at once. The line that makes `d`
# also divides by `unit` and puts zero where the mask is false; `n` counts the valid pixels. Both get their own section.
#
# *Three numbers:* with $\lambda = \tfrac12$, $L = 10 - \tfrac12\cdot 4 = 8$. We hand the library log depths whose errors
# are −0.1, 0.2 and 0.5, and tell it to count in tenths:

# %% tags=["nbval-check-output"]
target = torch.tensor([1.0, 2.0, 4.0]).log().reshape(1, 1, 1, 3)
output = target + torch.tensor([-0.1, 0.2, 0.5]).reshape(1, 1, 1, 3)
mask = torch.ones_like(target, dtype=torch.bool)
for lam in (0.0, 0.5, 1.0):
    value = scale_invariant_log_loss(output, target, mask, lam=lam, unit=0.1)
    print(f"λ = {lam}: L = {value.item():.3f}")

# %% [markdown]
# There is a better way to read eq. {eq}`sil-l4`. **Rearrange** eq. {eq}`sil-d3` (add $\bar d^2$ on both sides): the mean square
# is $\tfrac1n\sum d_i^2 = D + \bar d^2$. **Substitute** this in eq. {eq}`sil-l4`, and **factor out** $\bar d^2$:
#
# $$
# L = D + (1 - \lambda)\, \bar d^2 .
# $$ (sil-split)
#
# The loss is *the error of the shape, in full*, plus *the error of the size, at a discount* of λ. Three numbers, λ = ½:
# $6 + \tfrac12\cdot 4 = 8$. Keep this form in mind; it explains everything that follows.
#
# ## Who pulls where: the gradient
#
# Training moves the network's outputs against the **gradient**: the slope of the loss with respect to each output. The
# output of this network is $\log y_i$; call it $x_i$, so that $d_i = x_i - \log y^*_i$ and nudging $x_i$ nudges $d_i$
# equally.
#
# **Step 1. First term** (power rule; only the summand $i$ contains $x_i$):
# $\frac{\partial}{\partial x_i} \frac1n \sum_k d_k^2 = \frac2n d_i$.
#
# **Step 2. Second term** (chain rule; the sum changes by 1 when $x_i$ does):
# $\frac{\partial}{\partial x_i} \frac{\lambda}{n^2} \big(\sum_k d_k\big)^2 = \frac{2\lambda}{n^2} \sum_k d_k
# = \frac{2\lambda}{n} \bar d$.
#
# **Step 3. Subtract:**
#
# $$
# \frac{\partial L}{\partial x_i} = \frac2n \left(d_i - \lambda\, \bar d\right).
# $$ (sil-gradient)
#
# *Three numbers,* multiplied by $n/2$ to be whole: λ = 0 gives $(-1, 2, 5)$; λ = ½ gives $(-2, 1, 4)$; λ = 1 gives
# $(-3, 0, 3)$. **Predict first.** The middle pixel is too far, $d_2 = 2$. A step of training goes against the gradient, so
# the pull on each pixel is its negative. For which λ is the middle pixel pulled towards zero, and how hard?

# %%
lams = (0.0, 0.5, 1.0)
pulls = {}
for lam in lams:
    x = output.clone().requires_grad_()
    scale_invariant_log_loss(x, target, mask, lam=lam, unit=0.1).sum().backward()
    pulls[lam] = (-x.grad.flatten() * 0.1 * n / 2).tolist()  # in tenths; times n/2
    print(f"λ = {lam:g}: pulled by {[round(p, 2) + 0 for p in pulls[lam]]}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels for lambda 0, one half and 1. Each shows three pixels at their log errors minus 1, 2 and 5 with arrows in the direction of descent. With lambda 1 the middle pixel has no arrow and the outer ones move towards it."}, "figure": {"caption": "Arrows show minus the gradient, computed by `backward()`. Dotted: zero error. Dashed: the mean error. Under λ = 1 the pixels are pulled to the dashed line, under λ = 0 to the dotted one."}}
figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.7), sharey=True)
style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.012}
for axis, lam in zip(axes, lams, strict=True):
    axis.axhline(0, color="black", linestyle=":", linewidth=1)
    axis.axhline(2, color=plots.PALETTE[1], linestyle="--", linewidth=1)
    axis.plot([1, 2, 3], d, "o", color=plots.PALETTE[0])
    axis.quiver([1, 2, 3], d, [0] * 3, pulls[lam], **style)
    axis.set(title=f"λ = {lam:g}", xlabel="pixel", xticks=[1, 2, 3])
    axis.set(xlim=(0.5, 3.5), ylim=(-2.5, 6))
_ = axes[0].set_ylabel("log error $d_i$ (tenths)")

# %% [markdown]
# Under λ = 0 it is pulled by 2, under λ = ½ by 1, under λ = 1 not at all: it feels nothing there, although it is wrong: it sits exactly on the mean, and the mean is forgiven.
# The first pixel is a little too near, by one tenth. It is pulled up by three: *past* its goal, to join the others at
# the wrong size. Add the three arrows under λ = 1: they cancel. The whole map
# never moves as one.
#
# Follow the arrows for many small steps. **Predict** where the three pixels end for each λ, and how soon.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels of log error against step. With lambda 0 all three pixels fall to zero quickly. With lambda one half the three first join each other, then fall to zero together. With lambda 1 they join at two and stay."}, "figure": {"caption": "Gradient descent on the three pixels themselves. Equal step sizes in all panels."}}
figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.6), sharey=True)
for axis, lam in zip(axes, (0.0, 0.5, 1.0), strict=True):
    path = [d]
    for _ in range(60):
        here = path[-1]
        path.append(here - 0.1 * (here - lam * here.mean()))  # against the gradient
    for pixel, colour in zip(torch.stack(path).T, plots.PALETTE, strict=False):
        axis.plot(pixel, color=colour)
    axis.axhline(0, color="black", linestyle=":", linewidth=1)
    axis.set(title=f"λ = {lam:g}", xlabel="step")
_ = axes[0].set_ylabel("log error $d_i$ (tenths)")

# %% [markdown]
# With λ = ½ there are two stages. First the pixels agree with *each other*: the shape settles. (The lowest one even
# crosses zero on its way to the others.) Then all come down together to the right size, at half the speed. Eq. {eq}`sil-split` says so: the size's share of the loss is multiplied by
# $1 - \lambda$, and so is its slope. With λ = 1 they agree, and stay together at the wrong size for ever.
#
# In a network pixels do not move freely: they share weights. So this picture is a tendency, not a forecast.
#
# ## λ as a slider: dolls' house or blank wall?
#
# Here is a rendered room and two bad predictions of it.
#
# - **Dolls' house**: the shape is perfect, every depth is half of what it should be.
# - **Blank wall**: one constant depth everywhere, with the right mean log depth. It knows the size and nothing else.

# %%
from depthlib.data import open_dataset

COUNT = {"smoke": 8, "cpu": 40, "gpu": 300}[PROFILE]
test = open_dataset("rooms", "test", size=(120, 160), count=COUNT, keep=True)
deep = max(range(8), key=lambda i: test[i]["depth"].clamp_min(0.1).log().std())
room = test[deep]  # of eight rooms, the one whose depth varies most
known = room["depth"] > 0
depths = room["depth"][known].double()
wall = torch.where(known, depths.log().mean().exp().float(), 0.0)
doll = room["depth"] / 2

# %% tags=["hide-input"] mystnb={"image": {"alt": "A rendered room, its true depth, the same depth halved, and a constant depth."}, "figure": {"caption": "Rendered room; depth on one scale. The dolls' house has every edge of the truth; the blank wall has none."}}
plots.show(
    {
        "picture": room["rgb"],
        "truth": room["depth"],
        "dolls' house": doll,
        "blank wall": wall,
    }
)

# %% [markdown]
# **The question:** which of the two does the loss prefer, and from which λ on does it change its mind?
#
# The figure has the loss upwards. To the right is a factor $s$ by which we multiply a whole map. The blue curve is the
# loss of *the true shape* at size $s$; the dolls' house is its point at $s = ½$. The orange curve is *the flat shape* at
# size $s$; the blank wall is its point at $s = 1$. **Predict** what both curves do as λ grows, then move the slider.

# %% tags=["hide-input"]
import plotly.graph_objects as go

size = torch.logspace(-1.5, 1.5, 61, base=2)
shape_error = {"true shape": 0.0, "flat shape": depths.log().var(correction=0).item()}
spots = {"true shape": ("dolls' house", 0.5), "flat shape": ("blank wall", 1.0)}


def bowl(shape, lam, colour):
    curve = shape_error[shape] + (1 - lam) * size.log().square()  # L = D + (1 − λ)·d̄²
    name, s = spots[shape]
    loss = shape_error[shape] + (1 - lam) * math.log(s) ** 2
    line, dot = {"color": colour}, {"size": 12, "color": colour}
    yield go.Scatter(x=size.tolist(), y=curve.tolist(), name=shape, line=line)
    yield go.Scatter(
        x=[s], y=[loss], name=f"{name}: {loss:.3f}", mode="markers", marker=dot
    )


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Move λ. The two dots are the two predictions; the legend tells their loss."}}
states = {}
for tenth in range(11):
    lam = tenth / 10
    states[f"{lam:.1f}"] = [
        trace
        for shape, colour in zip(shape_error, plots.PALETTE, strict=False)
        for trace in bowl(shape, lam, colour)
    ]  # fmt: skip
layout = {"xaxis": {"type": "log", "title": "size s", "tickvals": [0.5, 1, 2]},
        "yaxis": {"title": "loss", "range": [0, 0.8]}}  # fmt: skip
alt = (
    "Loss against size for the true shape and a flat one: "
    "two bowls, a slider over λ. At λ = 0 the "
    "blank wall is lower; as λ grows the bowls open, "
    "and the dolls' house becomes lower."
)
plots.slider_figure(states, "λ", layout=layout, alt=alt)

# %%
log_truth = room["depth"].clamp_min(0.01).log()[None]
for lam in (0.0, 0.25, 0.5, 0.75, 1.0):
    row = f"λ = {lam:4.2f}:"
    for name, made in (("dolls' house", doll), ("blank wall", wall)):
        x = made.clamp_min(0.01).log()[None]
        value = scale_invariant_log_loss(x, log_truth, known[None], lam)
        row += f"  {name} {abs(value.item()):.3f}"
    print(row)
print(
    f"it changes its mind at λ = {1 - shape_error['flat shape'] / math.log(2) ** 2:.2f}"
)

# %% [markdown]
# At λ = 0 the blank wall wins: halving every depth costs $(\log 2)^2$, more than having no shape at all in this room. As
# λ grows both bowls open and their floors stay where they are: the floor is $D$, and λ does not touch it. At λ = 1 the
# bowls are level lines. The dolls' house is then perfect, and so is a palace: nothing is left that could teach a network
# metres. The crossing is where $(1-\lambda)(\log 2)^2 = D$ of the flat shape, by eq. {eq}`sil-split`.
#
# λ = ½ halves the price of a wrong size, and keeps it above zero. That is all that the ½ does. The paper reports no gain
# in its error figures from λ = ½ over λ = 0, and "slight qualitative improvements" {cite:p}`eigen2014`.
#
# ## The gradient on a picture
#
# The same pull, drawn for every pixel. The prediction is a gently wrong one: the true room, its near things made too far and
# its far wall too near, and then the whole 30 % too far. **Predict** the colours for λ = 0 and λ = 1. (Red: the loss wants the pixel farther.)

# %%
middle = depths.log().mean().exp()
# near farther, far nearer
bent = 1.3 * middle * (room["depth"] / middle).clamp_min(0.01) ** 0.6
maps = {}
for lam in (0, 1):
    x = bent.float().log()[None].requires_grad_()
    scale_invariant_log_loss(x, log_truth, known[None], lam).sum().backward()
    maps[lam] = -x.grad[0, 0] * known.sum()
    pull = round(maps[lam][known[0]].mean().item(), 2) + 0.0  # and not −0.00
    print(f"λ = {lam}: mean pull {pull:+.2f}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two maps of minus the gradient over the same room. With lambda 0 most of the picture is blue; with lambda 1 near parts are blue and far parts red in balance."}, "figure": {"caption": "Minus the gradient of every pixel (rendered room), times the number of pixels. Left: almost everything should come nearer. Right: the two colours cancel."}}
figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 2.9), layout="constrained")
for axis, (lam, pull) in zip(axes, maps.items(), strict=True):
    drawn = axis.imshow(pull, cmap=plots.ERROR_COLOURS, vmin=-1, vmax=1)
    axis.set_title(f"λ = {lam}")
    axis.axis("off")
_ = figure.colorbar(drawn, ax=axes, label="pull (log units × 2)", fraction=0.04)

# %% [markdown]
# Under λ = 0 the near things are deep blue: two errors of the same sign add up there. On the far wall they cancel, and it is
# nearly white: the loss is content with a wall that is right by accident. Under λ = 1 the common 30 % no longer counts. The
# same wall turns red, because it is too near *for this room*, and red and blue balance over the picture.
#
# ## `unit`, and what it is not
#
# The configuration that the authors released does not predict log metres but log metres divided by 0.45723134, the spread
# of log depth in their data, so that the network's numbers are of order one. (The paper {cite:p}`eigen2014` does not
# mention it.) Our loss divides by it through `unit`, and our network multiplies what its last layer says by the same number; the two together are the authors' arrangement.
#
# **Predict first.** Dividing every $d_i$ by $u$ multiplies the loss by what? Does it move the minimum?

# %%
from depthlib.models.eigen import LOG_DEPTH_STD

for unit in (1.0, LOG_DEPTH_STD):
    x = output.clone().requires_grad_()
    value = scale_invariant_log_loss(x, target, mask, lam=0.5, unit=unit)
    value.sum().backward()
    slopes = [round(v, 4) for v in x.grad.flatten().tolist()]
    print(f"unit {unit:.3f}: loss {value.item():.4f}, gradient {slopes}")
print(f"ratio of the losses 1/u² = {1 / LOG_DEPTH_STD**2:.3f}")

# %% [markdown]
# Loss and gradient both grow by $1/u^2$; no minimum moves, no pixel changes its direction. For plain gradient descent
# it is a learning rate in disguise: the paper's rates are only right *with* the authors' unit, in the network and in the loss. (The cell changed the loss alone. With both, the last layer's number $z$, of log depth $x = uz$, has the gradient $u \cdot 1/u^2$ and moves $x$ by $u$ times its step: the two cancel there.) Adam divides by the size
# of the gradient and hardly notices. And it spoils comparisons: a training curve in one unit cannot be laid over a curve
# in another.
#
# ## Missing pixels
#
# Real sensors leave holes: at object edges, on glass, on shiny floors. The library marks a missing depth with 0. The
# paper's answer is one sentence: replace $n$ by the number of pixels that have a depth, and leave the others out of the
# sums {cite:p}`eigen2014`. There are three ways to do it, and two of them fail. Our three pixels get a fourth that is
# missing; with λ = 0 the right answer stays 10.

# %%
depth = torch.tensor([1.0, 2.0, 4.0, 0.0]).reshape(1, 1, 1, 4)  # a hole
x = torch.cat((output, torch.zeros(1, 1, 1, 1)), dim=-1)
times_mask = ((x - depth.log()) / 0.1 * (depth > 0)).square().sum() / 3
tiny = depth.clamp_min(0.00001).log()
filled = ((x - tiny) / 0.1).square().mean()
safe = torch.where(depth > 0, depth, 1.0).log()
chosen = scale_invariant_log_loss(x, safe, depth > 0, lam=0.0, unit=0.1)
print(f"multiplied by the mask  {times_mask.item():.1f}")
print(f"0 replaced by 0.00001   {filled.item():.1f}")
print(f"torch.where             {chosen.item():.1f}")

# %% [markdown]
# - **Multiplying by the mask** gives NaN: $\log 0 = -\infty$, and $\infty\cdot 0$ is not a number. One hole poisons the
#   batch.
# - **Replacing 0 by a small number** is worse, since it runs. One hole in four pixels outweighs every real error, and the
#   network learns to paint holes. It is one of the commonest faults in public code.
# - **`torch.where`** twice: a harmless 1 in place of each hole *before* the logarithm, and a 0 in place of each difference
#   after it. (The second alone gives the right *loss*. But if the logarithm is of something that the network computes, its slope at 0 is infinite. In the backward pass
#   `torch.where` multiplies that slope by 0, and $0\cdot\infty$ is NaN again.)
#
# What if an image has no valid pixel at all? Then $n = 0$, and $1/n$ is a division by zero. The library divides by
# $\max(n, 1)$, so such an image has the loss 0, the gradient 0, and the weight 0 in the batch. (`ScaleInvariantLogLoss` is the same function with its λ set
# once. It gives the loss and the weight of each image; `reduce` takes their weighted mean.)

# %% tags=["nbval-check-output"]
x = output.clone().requires_grad_()
nothing = torch.zeros_like(mask)
values, weights = losses.ScaleInvariantLogLoss(lam=0.5)(x, target, nothing)
losses.reduce(values, weights).backward()
print("loss", values.item(), "weight", weights.item())
print("gradient is zero:", bool((x.grad == 0).all()))

# %% [markdown]
# ## From images to a batch
#
# The paper's loss is "per sample"; a batch averages over samples. The authors' code does something else. It divides
# *one* sum by *another*:
#
# $$
# \frac{\sum_b \left[\, n_b \sum_i d_{b,i}^2 - \tfrac12 \big(\sum_i d_{b,i}\big)^2 \right]}{\sum_b n_b^2}
# = \frac{\sum_b n_b^2\, L_b}{\sum_b n_b^2} ,
# $$
#
# with $b$ the image in the batch and $n_b$ its number of valid pixels. The equality holds since
# $n_b^2 L_b = n_b\sum d^2 - \tfrac12(\sum d)^2$ (multiply eq. {eq}`sil-l4` with λ = ½ by $n_b^2$). So it is a *weighted* average, with
# weights $n_b^2$: an image with half of its depth missing counts a quarter.

# %%
pair, goal = output.expand(2, 1, 1, 3), target.expand(2, 1, 1, 3)
holes = torch.tensor([[True, True, True], [True, True, False]])
holes = holes.reshape(2, 1, 1, 3)
each = scale_invariant_log_loss(pair, goal, holes, lam=0.5, unit=0.1)
print("losses of the two images:", [round(v, 4) for v in each.tolist()])
for weighting in ("samples", "pixels"):
    w = losses.sample_weights(holes, weighting)
    mean = losses.reduce(each, w).item()
    print(f"{weighting:8} weights {w.tolist()}, batch loss {mean:.4f}")

# %% [markdown]
# The first image has three pixels, the second lost its worst one. Weighted by samples the two losses meet in the middle;
# weighted by $n_b^2$ the fuller image has nine shares of thirteen. With equal masks, both are the same. The library's default is
# the paper's.
#
# ## The oracle: how much of the error is the size?
#
# Section 3.2 of the paper asks what would happen if an oracle told us each image's true mean log depth. Their own
# network's log RMSE would drop from 0.28 to 0.22, and Make3D's from 0.41 to 0.33 {cite:p}`eigen2014`. "Just finding the
# average scale of the scene accounts for a large fraction of the total error" {cite:p}`eigen2014`.
#
# (Make3D, by {cite:t}`saxena2009`, is an older method that the paper trained for comparison.) We repeat it on rendered rooms with the humblest predictor there is: the **mean depth image** of the training rooms,
# which answers every picture with the same map. **Predict first.** Which share of its *squared* log error will the oracle
# remove: a tenth, a third, a half?

# %%
from depthlib.baselines import mean_depth_image
from depthlib.protocols import get_protocol
from depthlib.sample import collate

train = open_dataset("rooms", "train", size=(120, 160), count=2 * COUNT)
truths = collate(test.__getitems__(range(COUNT)))["depth"]
scored = get_protocol("eigen14").mask(truths)  # a centred rectangle
guess = mean_depth_image(train).expand_as(truths)

# %%
log_guess, log_truth = guess.clamp_min(0.01).log(), truths.clamp_min(0.01).log()
pixels = scored.sum((1, 2, 3), keepdim=True)
alpha = (
    torch.where(scored, log_truth - log_guess, 0.0).sum((1, 2, 3), keepdim=True)
    / pixels
)
oracle = guess * alpha.exp()  # now each guess has its room's mean log depth
before, after = (metrics.error_sums(p, truths, scored) for p in (guess, oracle))
plain, helped = (metrics.rmse_log(sums, "pixels").item() for sums in (before, after))
print(f"{COUNT} rooms: log RMSE {plain:.3f}, with the oracle {helped:.3f}")
print(f"share of the squared error removed: {1 - (helped / plain) ** 2:.0%}")

# %% tags=["nbval-check-output"]
left_over = metrics.scale_invariant_rmse(before).item()
again = metrics.scale_invariant_rmse(after).item()
told = metrics.rmse_log(after).item()
print("log RMSE with the oracle = scale-invariant RMSE without it:",
      math.isclose(told, left_over, rel_tol=1e-5))  # fmt: skip
print("the oracle does not change the scale-invariant RMSE:",
      math.isclose(again, left_over, rel_tol=1e-5))  # fmt: skip

# %% [markdown]
# More than half, in the forty rooms of profile `cpu`. (`"pixels"` in the cell: one mean over all pixels of all rooms, not a mean of the rooms' means.) The two lines are eq. 1 at
# work. The oracle's shift is exactly $\alpha$, so the log RMSE *with* the oracle is the
# scale-invariant RMSE *without* it. We did not need an oracle: one column of the table already knew.
#
# Eq. {eq}`sil-split` with λ = 0 says that squared log errors add: mean squared log error = $\bar d^2$ (size) + $D$ (shape). So let us draw, for every room, the
# two parts as one bar.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars, one for each room, sorted by height, in two colours. The two tallest are almost all size; of the next two, shape is the larger part; below that all mixtures occur."}, "figure": {"caption": "Mean depth image on rendered test rooms: each bar is one room's mean squared log error, split into shape (D) and size (squared mean log error)."}}
column = {name: before[:, i] for i, name in enumerate(metrics.SUMS)}
size_part = (column["log"] / column["pixels"]).square()
shape_part = column["log_square"] / column["pixels"] - size_part
order = (shape_part + size_part).argsort(descending=True)
figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.7))
axis.bar(range(COUNT), shape_part[order], color=plots.PALETTE[0], label="shape, $D$")
orange = {"color": plots.PALETTE[1], "label": "size, $\\bar d^{\\,2}$"}
axis.bar(range(COUNT), size_part[order], bottom=shape_part[order], **orange)
axis.set(xlabel="room, worst first", ylabel="squared log error")
_ = axis.legend()

# %% [markdown]
# The two worst rooms are almost all orange: their size is unusual, every pixel is wrong in the same direction, and a predictor
# that never looks cannot help it. In the next two, shape is the larger part; further down both parts occur in every mixture. Where the size is right by luck, what is
# left is shape.
#
# Compare with the published pairs; the last column is one minus the squared quotient of the two before it. (For our two
# rows, work it out.)
#
# | predictor, data | log RMSE | with the oracle | squared error removed |
# | --- | --- | --- | --- |
# | Make3D, NYU {cite:p}`eigen2014` | 0.409 | 0.325 | 37 % |
# | coarse + fine, NYU {cite:p}`eigen2014` | 0.285 | 0.219 | 41 % |
# | mean depth image, NYU {cite:p}`eigen2014` | 0.430 | 0.304 | 50 % |
# | mean depth image, NYU, ours | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.mean.scale_invariant_rmse::.3f` | |
# | our coarse network, NYU | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.rmse_log::.3f` | {result}`eigen-nyu/cpu-0::metrics.nyu-test/eigen14.coarse.scale_invariant_rmse::.3f` | |
#
# (Our rows come from `results/eigen-nyu/cpu-0.json`: one seed, 654 test images.) A trained network that looks at the
# picture still owes more than a third of its squared error to the size of the scene. That is the argument for a loss
# that can look past it.
#
# ```{admonition} What does not transfer
# :class: warning
# The rooms are synthetic. How much their sizes vary is a choice of our generator, so the *share* above says nothing
# about photographs. The *identity*, oracle = scale-invariant RMSE, is algebra and holds anywhere.
# ```
#
# As a test of the method, give it an error that we know. Take the true rooms, multiply each by its own random factor
# (log spread 0.2), and roughen each pixel (log spread 0.1). The oracle should find the 0.1 again.

# %%
generator = torch.Generator().manual_seed(1)
factor = 0.2 * torch.randn(COUNT, 1, 1, 1, generator=generator)
rough = 0.1 * torch.randn(truths.shape, generator=generator)
made = (log_truth + factor + rough).exp()
planted = metrics.error_sums(made, truths, scored)
expected = (factor.square().mean() + 0.1**2).sqrt()
found = (
    metrics.rmse_log(planted, "pixels"),
    metrics.scale_invariant_rmse(planted, "pixels"),
)
print(f"log RMSE        {found[0]:.3f}   planted {expected:.3f}")
print(f"scale-invariant {found[1]:.3f}   planted 0.100")

# %% [markdown]
# ## Why float32
#
# Graphics cards are fastest with 16-bit numbers, and *mixed precision* uses them where that is harmless and 32 bits
# elsewhere. Of the two 16-bit kinds, bfloat16 has float32's range and two to three digits, float16 has three to four digits and ends at
# 65 504. Neither is harmless here. Eq. {eq}`sil-d3`
# subtracts two large, nearly equal numbers when the map's size is wrong but its shape is good. Take a map with a wobble
# of 0.05 in its log errors, so that $D$ should be 0.0025, and shift it by more and more. $D$ is blind to shifts.
# **Predict** whether a 16-bit machine is, too.

# %%
generator = torch.Generator().manual_seed(0)
wobble = 0.05 * torch.randn(55 * 74, generator=generator, dtype=torch.float64)
types = (torch.float32, torch.bfloat16, torch.float16)
print("shift    float32    bfloat16     float16    Σd² in float16")
for shift in (0.0, 1.0, 2.7, 5.0):
    rows = [(wobble + shift).to(dtype) for dtype in types]
    found = [(x.square().mean() - x.mean().square()).item() for x in rows]
    total = rows[-1].square().sum().item()
    print(f"{shift:5.1f}", *(f"{value:+11.5f}" for value in found), f"{total:12.1f}")

# %% tags=["nbval-check-output"]
x = (wobble + 5).to(torch.bfloat16).reshape(1, 1, 1, -1)
everywhere = torch.ones_like(x, dtype=torch.bool)
loss = scale_invariant_log_loss(x, torch.zeros_like(x), everywhere)
print("the library is given", x.dtype, "and answers", loss.dtype)

# %% [markdown]
# float32 does not notice the shift. bfloat16 loses $D$ entirely at a shift of 1, and at 2.7 it reports a *negative*
# variance: numbers near 7.3 are 1/32 apart there, and the two terms are rounded to different sides. The root of a
# negative number is NaN, and the published code of ZoeDepth keeps its loss out of mixed precision for that reason {cite:p}`bhat2023`. float16
# is finer, yet $D$ is wrong in its first digits already at a shift of 1, and gone at 5. And it ends at 65 504, so a *sum* of squares that is kept in it is
# infinite at a shift of 5. So the library computes the loss in float32
# even when everything around it is 16 bit. It costs nothing: the loss is a few thousand numbers after millions of
# multiplications.

# %% [markdown]
# ## Recap
#
# - RMSE counts metres, AbsRel counts metres per metre, δ₁ counts pixels. Name the one that you mean.
# - In logs a factor on the map is a number added everywhere. The best one is minus the mean log error.
# - $D$ is the variance of the log errors; the pair form needs $1/(2n^2)$, not the printed $1/n^2$.
# - $L = D + (1 - \lambda)\,\bar d^2$: shape at full price, size at a discount. Its gradient is $\tfrac2n(d_i - \lambda\bar d)$.
# - Missing pixels leave *before* the logarithm is taken, and leave the sums; an empty mask weighs nothing; the loss is float32.
#
# Next: [the network](coarse_network) that this loss trains.

# %% [markdown]
# ## Exercises
#
# ```{admonition} Exercise 1 (by hand)
# :class: exercise
# Four pixels have the log errors $d = (1, 1, 1, 5)$, in tenths. Compute $D$ by eq. 1, by eq. 3 and by corrected eq. 2.
# Then $L$ and the gradient for λ = ½. Which way does the gradient push the three pixels that are too far by 1?
# ```
#
# ```{admonition} Solution 1
# :class: dropdown
# $\bar d = 2$. Eq. 1: $(1 + 1 + 1 + 9)/4 = 3$. Eq. 3: $(1 + 1 + 1 + 25)/4 - 4 = 7 - 4 = 3$. Eq. 2: three pairs differ
# by 4, each met twice, $2\cdot 3\cdot 16/(2\cdot 16) = 3$.
#
# $L = 7 - \tfrac12\cdot 4 = 5$. The gradient is $\tfrac24(d_i - 1) = (0, 0, 0, 2)$: with λ = ½ the three are not pushed
# at all! They sit at half the mean error. The one outlier hides their mistake until it has been mended itself. The next cell checks it.
# ```

# %% tags=["hide-cell", "nbval-check-output"]
x = torch.tensor([1.0, 1, 1, 5]).reshape(1, 1, 1, 4).requires_grad_()
zero = torch.zeros(1, 1, 1, 4)
all4 = torch.ones_like(zero, dtype=torch.bool)
value = scale_invariant_log_loss(x, zero, all4, lam=0.5)
value.sum().backward()
print("L =", value.item(), "gradient", x.grad.flatten().tolist())
print("D =", scale_invariant_log_loss(x, zero, all4, lam=1.0).item())

# %% [markdown]
# ```{admonition} Exercise 2 (code)
# :class: exercise
# Some evaluations align a prediction in **metres**: they choose the factor $s$ that makes $\sum_i (s\,y_i - y^*_i)^2$
# least. Set a derivative to zero as in eq. 1, and write the function. The assert compares it with trying many factors;
# on the stub below it fails.
# ```


# %% tags=["raises-exception", "hide-output"]
def best_factor(y, y_true):
    return 1.0  # your turn


tries = torch.linspace(0.5, 1.5, 100_001, dtype=torch.float64)
y, y_true = prediction.flatten().double(), truth.flatten().double()
costs = (tries[:, None] * y - y_true).square().sum(1)
best = tries[costs.argmin()]
assert abs(best_factor(y, y_true) - best) < 1e-4, "not the best yet"

# %% [markdown]
# ```{admonition} Solution 2
# :class: dropdown
# The derivative is $\sum_i 2\,y_i\,(s\,y_i - y^*_i)$. Setting it to zero and solving for $s$ gives
# $s = \sum_i y_i\,y^*_i \big/ \sum_i y_i^2$. Far pixels rule it, since depths enter squared; $e^\alpha$ of eq. 1 listens to
# every pixel alike. The cell below runs it and the assert.
# ```


# %% tags=["hide-cell", "nbval-check-output"]
def best_factor(y, y_true):
    return (y * y_true).sum() / y.square().sum()


assert abs(best_factor(y, y_true) - best) < 1e-4, "not the best yet"
in_logs = (y_true.log() - y.log()).mean().exp()
print(f"passed: {best_factor(y, y_true):.3f} in metres, {in_logs:.3f} in logs")

# %% [markdown]
# ```{admonition} Exercise 3 (open)
# :class: exercise
# You train one network for a robot that must not hit walls, and one for a film studio that rescales every model by eye.
# Which λ for each? Would you *score* them with the same figure?
# ```
#
# ```{admonition} Discussion 3
# :class: dropdown
# The studio throws the size away, so λ near 1 spends all learning on the shape; but λ = 1 exactly leaves the mean of the
# outputs free to wander, which costs numerical range and makes a diverging run hard to notice, so 0.9 or so is safer. The
# robot needs metres: λ = 0 charges the full price, though λ = ½ also finds the right size, only later, and the paper saw
# no difference in its figures. And score what you use: scale-invariant RMSE for the studio; for the robot an absolute
# figure that charges "too far" more than "too near", since a wall predicted too far is a collision. AbsRel does (1 for
# doubling, ½ for halving); whether that is enough is for the robot's brakes to say. With λ = ½, watch two curves while you train, $D$ and $\bar d^2$: their sum hides which is
# stuck.
# ```
#
# ```{admonition} Exercise 4 (open)
# :class: exercise
# The slider compared two extremes in one room. It is the one of eight whose depth varies most. Take another, `room = test[i]` with
# another `i`, and run the page again from there. Does the crossing move, and can it vanish?
# ```
#
# ```{admonition} Discussion 4
# :class: dropdown
# The crossing is $\lambda = 1 - D_{\text{flat}}/(\log 2)^2$. What counts is how far near and far are
# apart as a ratio: a room twice as large has the same $D$. Ours has the widest spread of the first eight, so with any other `i` below 8 the crossing moves right. It
# reaches 1 for a wall seen head-on, where flat is the truth. With a wider spread it moves left, and when the variance exceeds $(\log 2)^2 \approx 0.48$ it is gone: the dolls' house wins at every λ.
# ```
