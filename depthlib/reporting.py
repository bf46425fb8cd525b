"""Scores as text, JSON, Markdown or LaTeX: one row a score, with 95 % intervals over scenes, or over images."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from depthlib.bootstrap import bootstrap_difference, bootstrap_interval, drawn_from, in_words
from depthlib.evaluation import Score, higher_is_better
from depthlib.markdown import markdown_table
from depthlib.metrics import PIXEL_METRICS
from depthlib.sample import dropped
from depthlib.structure import MAP_METRICS

#: What a figure is called in print, and its unit.
TITLES = {
    "delta1": "δ₁", "delta2": "δ₂", "delta3": "δ₃", "abs_rel": "AbsRel", "sq_rel": "SqRel", "rmse": "RMSE",
    "rmse_log": "RMSE log", "scale_invariant_rmse": "scale-inv.", "log10": "log10", "silog": "SILog", "mae": "MAE",
    "mape": "MAPE %", "sq_error_rel": "sqErrorRel %", "irmse": "iRMSE 1/km", "imae": "iMAE 1/km", "ssim": "SSIM",
    "psnr": "PSNR dB", "boundary_error": "edges px", "boundary_completeness": "edges both px",
}  # fmt: skip
LATEX = {"δ₁": r"$\delta_1$", "δ₂": r"$\delta_2$", "δ₃": r"$\delta_3$"}


def left_out(dataset: Any) -> list[str]:
    """What a data set says that it lacks, a line a reason.

    >>> from types import SimpleNamespace
    >>> left_out(SimpleNamespace(dropped={"files without a partner": 3}))
    ['left out: 3 files without a partner']
    """
    return [f"left out: {count} {why}" for why, count in dropped(dataset).items()]


def columns(rows: Iterable[Mapping[str, float]]) -> list[str]:
    """The figures that any of the rows has, in one fixed order."""
    there = {name for row in rows for name in row}
    return [name for name in (*PIXEL_METRICS, *MAP_METRICS) if name in there]


def table(entry: Mapping[str, Mapping[str, float]]) -> str:
    """Figures of several predictors as a Markdown table, as a run's results have them.

    >>> print(table({"mean": {"delta1": 0.418, "rmse": 1.244}}))
    |  | delta1 | rmse |
    |---|---|---|
    | mean | 0.418 | 1.244 |
    """
    names = columns(entry.values())
    rows = [[label, *(f"{row[n]:.3f}" if n in row else "–" for n in names)] for label, row in entry.items()]
    return markdown_table(["", *names], rows)


def as_dict(score: Score, draws: int = 2000) -> dict[str, Any]:
    """All of a score as plain data: figures with intervals, how many images and pixels, what was left out.

    A figure that no image allows (SSIM where every window has a hole), or that is infinite (PSNR of a perfect map), is None.
    """
    return {
        "protocol": score.protocol.name,
        "reproduces": score.protocol.reproduces,
        "dataset": score.dataset,
        "size": list(score.size),
        "images": score.images,
        "pixels": score.pixels,
        "intervals_over": dict([drawn_from(score.scored_scenes)]),
        "skipped": score.skipped,
        "warnings": score.warnings,
        "metrics": {
            name: None
            if not math.isfinite(value)
            else {"value": value, "interval": bootstrap_interval(score, name, draws)}
            for name, value in score.metrics.items()
        },
    }


def counts(score: Score) -> str:
    """How many images and pixels were scored, and what was not."""
    left_out = f", {len(score.skipped)} images left out without a valid pixel" if score.skipped else ""
    rows, columns = score.size
    return f"{score.images} images, {score.pixels} pixels of {score.dataset} at {rows}x{columns}{left_out}"


def as_text(scores: Mapping[str, Score], draws: int = 2000) -> str:
    """A block for each score: every figure with its interval and which way is better."""
    blocks = []
    for label, score in scores.items():
        lines = [f"{label}: {counts(score)}", f"  intervals over {in_words(score.scored_scenes)}"]
        if score.protocol.reproduces:
            lines.append(f"  {score.protocol.reproduces}")
        for name, value in score.metrics.items():
            low, high = (value, value) if not math.isfinite(value) else bootstrap_interval(score, name, draws)
            arrow = "↑" if higher_is_better(name) else "↓"
            lines.append(f"  {TITLES[name]:13} {arrow} {value:8.3f}   95 %: {low:.3f} to {high:.3f}")
        lines += [f"  note: {sentence}" for sentence in score.warnings]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _cell(score: Score, name: str, draws: int) -> tuple[str, str]:
    """A figure and its interval, as text; empty where the protocol does not report it."""
    if name not in score.metrics:
        return "", ""
    value = score.metrics[name]
    if not math.isfinite(value):
        return f"{value:.3f}", ""
    low, high = bootstrap_interval(score, name, draws)
    return f"{value:.3f}", f"[{low:.3f}, {high:.3f}]"


def _images(score: Score) -> str:
    """How many images, and how many scenes were drawn for the intervals, where these are fewer."""
    what, count = drawn_from(score.scored_scenes)
    return str(score.images) if what == "images" else f"{score.images} ({count} scenes)"


def as_markdown(scores: Mapping[str, Score], draws: int = 2000) -> str:
    """A Markdown table, a row a score: figures with 95 % intervals; what a protocol does not report stays empty."""
    names = columns(score.metrics for score in scores.values())
    rows = [
        [label, *(" ".join(_cell(score, n, draws)).strip() for n in names), _images(score)]
        for label, score in scores.items()
    ]
    return markdown_table(["", *(TITLES[n] for n in names), "images"], rows)


def as_latex(scores: Mapping[str, Score], draws: int = 2000) -> str:
    """A LaTeX tabular (booktabs), a row a score: figures, and under each its 95 % interval in small type."""
    names = columns(score.metrics for score in scores.values())
    titles = [LATEX.get(TITLES[n], TITLES[n].replace("%", r"\%")) for n in names]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(names) + 1)}}}", r"\toprule", " & ".join(["", *titles, "images"]) + r" \\", r"\midrule",
    ]  # fmt: skip
    for label, score in scores.items():
        cells = [_cell(score, n, draws) for n in names]
        lines.append(" & ".join([label.replace("_", r"\_"), *(value for value, _ in cells), _images(score)]) + r" \\")
        small = [rf"{{\scriptsize {interval}}}" if interval else "" for _, interval in cells]
        lines.append(" & ".join(["", *small, ""]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def as_json(scores: Mapping[str, Score], draws: int = 2000) -> str:
    """JSON: label → :func:`as_dict`."""
    return json.dumps({label: as_dict(score, draws) for label, score in scores.items()}, indent=1, allow_nan=False)


def comparison(first: Score, second: Score, name: str, other: str, draws: int = 2000) -> str:
    """Two predictors on the same images, figure by figure, with the 95 % interval of their difference.

    Two rows of a table are called different only where that interval excludes zero and was drawn from enough (:data:`depthlib.bootstrap.FEW`).
    """
    drawn = in_words(first.scored_scenes)
    lines = [f"{name} against {other}, {first.protocol.name}, {first.images} images; a paired bootstrap over {drawn}:"]
    for figure in first.metrics:
        found = bootstrap_difference(first, second, figure, draws)
        verdict = "no certain difference"
        if found.certain:
            verdict = "the first is better" if found.first_is_better else "the second is better"
        elif found.low > 0 or found.high < 0:
            verdict = "zero is outside, but this was drawn from too few"
        lines.append(
            f"  {TITLES[figure]:13} {found.value:+8.3f}   95 %: {found.low:+.3f} to {found.high:+.3f}   {verdict}"
        )
    return "\n".join(lines)


#: What ``depthlib evaluate --format`` can name.
FORMATS: dict[str, Callable[..., str]] = {
    "text": as_text, "json": as_json, "markdown": as_markdown, "latex": as_latex,
}  # fmt: skip
