"""Pictures of depth: the same colours, units and missing-value mark everywhere.

Depth is drawn near = bright with a perceptually uniform map, missing depth in hatched grey, errors in signed
red and blue. Static figures are matplotlib figures on a white card, readable on light and dark pages; interactive ones
are plotly figures that need no kernel. Both are imported only when a function is called (extra ``plots``).

Images are tensors or arrays: RGB [3, H, W] in [0, 1], depth [1, H, W] metres with 0 = missing.
"""

from __future__ import annotations

import os

from depthlib.plots.interactive import depth_slider, point_cloud, slider_figure, surface
from depthlib.plots.lines import curves, sweep
from depthlib.plots.maps import badge, colorize, compare, contact_sheet, error_map, frameless, log_ratio, show
from depthlib.plots.style import DEPTH_COLOURS, ERROR_COLOURS, MISSING, PALETTE, STYLE, WIDTH
from depthlib.plots.weights import filters, templates

__all__ = [
    "DEPTH_COLOURS", "ERROR_COLOURS", "MISSING", "PALETTE", "STYLE", "WIDTH",
    "badge", "colorize", "compare", "contact_sheet", "curves", "depth_slider", "error_map", "filters", "frameless",
    "log_ratio", "point_cloud", "show", "slider_figure", "surface", "sweep", "templates",
]  # fmt: skip

if os.environ.get("DEPTHLIB_BOOK"):
    from depthlib.plots.book import use_book_renderer

    use_book_renderer()
