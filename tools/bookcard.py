"""The picture that a link to the book is shown with elsewhere: four photographs above what a network of the book answers.

``sphinxext.opengraph`` (in ``_config.yml``) names it on every page; platforms want 1200 x 630 pixels.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from fingerprint import content_hash
from PIL import Image, ImageDraw, ImageFont
from sphinx.application import Sphinx

SIZE = (1200, 630)
PAPER, INK, ACCENT = "#21204a", "#ffffff", "#fde725"  # as the favicon
NETWORK = "densedepth-mobilenet-nyu/all"


def card_for_links(app: Sphinx) -> None:
    """``_static/card.png``, drawn once for the same pictures. Only where the book comes with the library's gallery."""
    gallery = Path(app.srcdir) / "depthlib" / "gallery"
    if app.builder.format == "html" and gallery.is_dir():
        inputs = [Path(__file__), *sorted(path for path in gallery.iterdir() if path.is_file())]
        kept = Path(app.srcdir) / "_build" / ".web" / f"card-{content_hash(inputs)}.png"
        if not kept.is_file():
            from depthlib.files import write_whole

            kept.parent.mkdir(parents=True, exist_ok=True)
            drawn = card(app.config.project, "a book to read, run and trust")
            write_whole(kept, lambda path: drawn.save(path, "PNG", optimize=True))
        target = Path(app.outdir) / "_static" / "card.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(kept, target)


def card(title: str, line: str) -> Image.Image:
    """The picture: title, a line, and two rows of pictures."""
    import matplotlib

    from depthlib.gallery import front_pictures
    from depthlib.plots import colorize

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paper = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(paper)
    pen.text((60, 46), title, INK, ImageFont.truetype(fonts / "DejaVuSans-Bold.ttf", 50))
    pen.text((60, 116), line, ACCENT, ImageFont.truetype(fonts / "DejaVuSans.ttf", 32))
    width, height, gap = 258, 194, 16
    for column, picture in enumerate(front_pictures()):
        known = picture.truth[picture.truth > 0]
        answer = colorize(picture.answers[NETWORK][None], (known.min(), known.max()))
        for row, pixels in enumerate((picture.rgb, answer)):
            tile = Image.fromarray(np.asarray(pixels)[1:-1, 1:-1]).resize((width, height), Image.Resampling.BICUBIC)
            paper.paste(tile, (60 + column * (width + gap), 182 + row * (height + gap)))
    return paper
