"""Filling the holes of a depth map: by the nearest value, by neighbours of like colour, or by colourisation.

Sensors leave holes on glass, dark surfaces and beside edges. A loss or a score skips them; what needs a whole map (an
input to a network, the labelled NYU Depth set's ``depths``) has them filled, and what was filled is a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthlib.errors import DepthError
from depthlib.sample import valid

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

#: Grey as MATLAB's rgb2gray weighs it.
GREY = (0.2989, 0.5870, 0.1140)
#: The eight neighbours of a pixel, as (rows, columns).
NEIGHBOURS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
FLOOR = 2e-6  # of the colour variance: a window of one grey is not a division by zero
TOLERANCE = 1e-6  # of the farthest depth, where the sweeps stop


def fill_nearest(depth: Tensor) -> Tensor:
    """Every hole takes the value of the nearest known pixel.

    Shape: [1, H, W] metres, 0 = missing → [1, H, W] without holes.

    Raises:
        DepthError: another shape, or a map without a known pixel.

    >>> fill_nearest(torch.tensor([[[2.0, 0, 0, 0, 4]]]))
    tensor([[[2., 2., 2., 4., 4.]]])
    """
    from scipy.ndimage import distance_transform_edt

    known = _known(depth)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return depth[0][tuple(torch.from_numpy(index).long() for index in nearest)][None]


def fill_linear(depth: Tensor) -> Tensor:
    """Between known pixels, planes over the triangles of Delaunay; outside their hull the nearest known pixel.

    What "linear scattered interpolation" means in the literature on sparse depth. Known pixels stay as they are.

    Shape: [1, H, W] metres, 0 = missing → [1, H, W] without holes.

    Raises:
        DepthError: another shape, or a map without a known pixel.

    >>> fill_linear(torch.tensor([[[1.0, 0, 3], [0, 0, 0], [3, 0, 5]]]))
    tensor([[[1., 2., 3.],
             [2., 3., 4.],
             [3., 4., 5.]]])
    """
    from scipy.interpolate import LinearNDInterpolator
    from scipy.spatial import QhullError

    known = _known(depth)
    out = fill_nearest(depth)
    if known.sum() < 3:
        return out
    try:
        between = LinearNDInterpolator(np.argwhere(known), depth[0].numpy()[known])
    except QhullError:  # all known pixels on one line: there is no triangle
        return out
    rows, columns = np.nonzero(~known)
    values = between(rows, columns)
    inside = np.isfinite(values)
    out[0, torch.from_numpy(rows[inside]), torch.from_numpy(columns[inside])] = torch.from_numpy(values[inside]).to(out)
    return out


def fill_cross_bilateral(rgb: Tensor, depth: Tensor, reach: float = 5.0, likeness: float = 0.1) -> Tensor:
    """A hole takes the mean of the known depths around it, weighted by nearness and by likeness of grey.

    The window is two ``reach`` to each side. A pixel whose window holds nothing known waits for a next round, in which what
    was filled counts as known. Known pixels stay as they are.

    Args:
        reach: standard deviation of the weight over distance, pixels.
        likeness: standard deviation of the weight over grey, of a range of 1.

    Shape: rgb [3, H, W] in [0, 1] and depth [1, H, W] metres, 0 = missing → [1, H, W] without holes.

    Raises:
        DepthError: shapes that do not fit, colours that are not finite, or a map without a known pixel.

    Source: after the toolbox of Silberman et al. 2012 (``fill_depth_cross_bf``), which filters at three scales; an edge in
    colour keeps the two sides' depths apart.
    """
    known, grey = _known(depth), _grey(rgb, depth)
    for name, value, least, most in (("reach", reach, 0.5, 100.0), ("likeness", likeness, 1e-3, 10.0)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise DepthError(f"filling: {name} is {value!r}; expected a number from {least:g} to {most:g}.")
    metres = np.where(known, depth[0].double().numpy(), 0)
    height, width = known.shape
    rows, columns = np.nonzero(~known)
    half = max(1, math.ceil(2 * reach))
    while len(rows):
        weights, sums = np.zeros(len(rows)), np.zeros(len(rows))
        for i in range(-half, half + 1):
            for j in range(-half, half + 1):
                r, c = rows + i, columns + j
                inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
                r, c = r.clip(0, height - 1), c.clip(0, width - 1)
                near = math.exp(-(i * i + j * j) / (2 * reach * reach))
                alike = np.exp(-((grey[r, c] - grey[rows, columns]) ** 2) / (2 * likeness * likeness))
                # unlike colours count where there is nothing else
                weight = near * (alike + 1e-9) * (inside & known[r, c])
                weights += weight
                sums += weight * metres[r, c]
        met = weights > 0
        metres[rows[met], columns[met]] = sums[met] / weights[met]
        known[rows[met], columns[met]] = True
        rows, columns = rows[~met], columns[~met]
    return torch.from_numpy(metres).to(depth.dtype)[None]


def fill_colorization(rgb: Tensor, depth: Tensor, alpha: float = 1.0) -> Tensor:
    """Each pixel becomes the mean of its eight neighbours, weighted by likeness of grey; known ones are also held to their value.

    The map x solves (I − W) x + α K (x − depth) = 0, with W the weights of the neighbours (each row sums to 1) and K the
    diagonal that is 1 at known pixels. So were the holes of the labelled NYU Depth v2 filled. Known pixels change a
    little as well, the more the smaller α is. (The toolbox takes a depth of exactly 10 m, at which its sensor saturates, for a hole
    as well; set such pixels to 0 first.)

    Solved in two parts that are then repeated: the holes exactly (a sparse LU of their part of the system, once), the
    known pixels by one sweep. Each round takes away at least α/(1 + α) of the remaining error, so at α = 1 twenty
    rounds leave a millionth. A solver for the whole system at once would factorise five times as many unknowns.

    Args:
        alpha: how strongly a known pixel is held to its value, in (0, 1] in the toolbox.

    Shape and errors: :func:`fill_cross_bilateral`.

    Source: ``fill_depth_colorization`` of the toolbox of Silberman et al. 2012, after Levin, Lischinski and Weiss 2004,
    "Colorization using optimization".

    >>> depth = torch.full((1, 8, 8), 2.0)
    >>> depth[:, 2:5, 2:5] = 0
    >>> fill_colorization(torch.rand(3, 8, 8), depth).allclose(torch.full((1, 8, 8), 2.0))
    True
    """
    from scipy.sparse import identity
    from scipy.sparse.linalg import splu

    known, grey = _known(depth).ravel(), _grey(rgb, depth)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 1e-3 <= alpha <= 1e6:
        raise DepthError(f"filling: alpha is {alpha!r}; expected a number from 0.001 to a million, 1 in the toolbox.")
    if known.size == 1:  # no neighbour to be like
        return depth.clone()
    W = _neighbour_weights(grey)
    metres = np.where(known, depth[0].double().numpy().ravel(), 0)
    held, holes = np.flatnonzero(known), np.flatnonzero(~known)
    from_all, x = W[held], metres.copy()
    if len(holes):
        inner, rim = W[holes][:, holes], W[holes][:, held]
        system = (identity(len(holes), format="csc") - inner).tocsc()
        # an M-matrix: its diagonal is safe to pivot on, and the order may look at the pattern alone
        solve = splu(system, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}).solve
        x[holes] = solve(rim @ x[held])
    change = math.inf
    while change > alpha * TOLERANCE * metres.max():
        swept = (alpha * metres[held] + from_all @ x) / (1 + alpha)
        change = np.abs(swept - x[held]).max()
        x[held] = swept
        if len(holes):
            x[holes] = solve(rim @ x[held])
    return torch.from_numpy(x.reshape(depth.shape)).to(depth.dtype)


#: Ways of filling by name: (rgb, depth) → depth without holes.
FILLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "nearest": lambda rgb, depth: fill_nearest(depth),
    "cross_bilateral": fill_cross_bilateral,
    "colorization": fill_colorization,
}


def _known(depth: Tensor) -> NDArray[np.bool_]:
    """Where depth is known, [H, W]; refuses a map that cannot be filled."""
    if depth.ndim != 3 or len(depth) != 1:
        raise DepthError(f"filling: depth is {tuple(depth.shape)}; expected one map, [1, H, W].")
    known = valid(depth)[0].numpy()
    if not known.any():
        raise DepthError("filling: no pixel of the map is known, so there is nothing to fill the others from.")
    return known


def _grey(rgb: Tensor, depth: Tensor) -> NDArray[np.float64]:
    if rgb.shape != (3, *depth.shape[1:]):
        raise DepthError(
            f"filling: colour {tuple(rgb.shape)} and depth {tuple(depth.shape)}; expected [3, H, W] and [1, H, W] of one size."
        )
    if not torch.isfinite(rgb).all():
        raise DepthError("filling: the colours hold NaN or infinity; expected numbers from 0 to 1.")
    return np.tensordot(GREY, rgb.double().numpy(), axes=1)


def _neighbour_weights(grey: NDArray[np.float64]) -> csr_matrix:
    """W of the colourisation, sparse [P, P], row-stochastic: exp(−(difference of grey)² / variance) over eight neighbours."""
    from scipy.sparse import csr_matrix

    height, width = grey.shape
    padded = np.pad(grey, 1, constant_values=np.nan)
    number = np.pad(np.arange(grey.size).reshape(grey.shape), 1, constant_values=-1)
    shifts = [(slice(1 + i, 1 + i + height), slice(1 + j, 1 + j + width)) for i, j in NEIGHBOURS]
    around = np.stack([padded[s] for s in shifts])  # [8, H, W], NaN outside
    index = np.stack([number[s] for s in shifts])
    window = np.concatenate((around, grey[None]))
    difference = (around - grey) ** 2
    variance = np.maximum(0.6 * np.nanvar(window, axis=0), np.nanmin(difference, axis=0) / -math.log(0.01))
    weights = np.exp(-difference / np.maximum(variance, FLOOR))
    inside = index >= 0
    weights = np.where(inside, weights, 0)
    weights /= weights.sum(0)
    rows = np.broadcast_to(np.arange(grey.size).reshape(grey.shape), index.shape)
    return csr_matrix((weights[inside], (rows[inside], index[inside])), shape=(grey.size, grey.size))
