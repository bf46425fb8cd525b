"""Colours, sizes and fonts: the same on every figure."""

from __future__ import annotations

from typing import Any

#: Bright = near. The same map as a list of colours for plotly is called "Viridis_r".
DEPTH_COLOURS = "viridis_r"
ERROR_COLOURS = "RdBu_r"
#: Okabe and Ito's colours, which most colour-blind readers can tell apart, without the yellow that white hides.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MISSING = "#d4d4d4"
STYLE: Any = {
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
    "figure.dpi": 144, "savefig.dpi": 144,
    "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9,
    "legend.fontsize": 9, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e4e4",
    "axes.axisbelow": True, "image.interpolation": "nearest", "hatch.linewidth": 0.6,
}  # fmt: skip
WIDTH = 7.2  # inches: the text column
