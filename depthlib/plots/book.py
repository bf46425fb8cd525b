"""How plotly's figures come into a page of the book."""

from __future__ import annotations

import hashlib
import html
from typing import Any

REMOVED = ["sendDataToCloud", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "tableRotation"]


def use_book_renderer() -> None:
    """Plotly figures as JSON in a fragment with a content-made id; book/_static/plotly-figures.js draws it when it is near."""
    try:
        import plotly.io
        from plotly.io.base_renderers import MimetypeRenderer
        from plotly.io.json import to_json_plotly
    except ImportError:
        return

    class BookRenderer(MimetypeRenderer):
        def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, str]:
            layout = fig_dict.get("layout", {})
            config = {"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": REMOVED}
            alt = (
                (layout.get("meta") or {}).get("alt") or (layout.get("title") or {}).get("text") or "Interactive figure"
            )
            drawing = to_json_plotly({"data": fig_dict.get("data", []), "layout": layout, "config": config})
            ident = "fig-" + hashlib.sha256(drawing.encode()).hexdigest()[:12]
            drawing = drawing.replace("</", "<\\/")  # or a text could end the script
            said = html.escape(alt)
            return {
                "text/html": f'<div class="depth-plotly" role="figure" aria-label="{said}">'
                f'<div id="{ident}" class="plotly-graph-div" style="height:{layout.get("height", 440)}px"></div>'
                f"<noscript><p>{said} (An interactive figure: it needs JavaScript.)</p></noscript>"
                f'<script type="application/json">{drawing}</script></div>'
            }

    plotly.io.renderers["book"] = BookRenderer()
    plotly.io.renderers.default = "book"
