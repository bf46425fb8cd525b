"""Numbers of one training or of many, as lines."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from depthlib.errors import DepthError
from depthlib.plots.style import PALETTE, STYLE, WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Of figures and parameters, as text writes them; others stand as they are named.
NAMES = {
    "abs_rel": "AbsRel", "rmse": "RMSE", "rmse_log": "RMSE log", "scale_invariant_rmse": "scale-invariant error",
    "ssim": "SSIM", "psnr": "PSNR", "delta1": "δ < 1.25", "lam": "λ",
}  # fmt: skip


def curves(history: Sequence[Mapping[str, Any]], *, x: str = "samples", smooth: int | None = None) -> Figure:
    """Training and validation loss, from the history of :class:`depthlib.training.Run`.

    Args:
        history: one dict a step with ``loss``, and where measured ``validation``; ``phase`` splits the plot into panels.
        x: the horizontal key, ``samples`` or ``step``; steps are counted when it is missing.
        smooth: steps of the running mean drawn over the raw training loss; default: a fortieth of the phase.

    >>> curves([{"step": 0, "loss": 2.0}, {"step": 1, "loss": 1.0, "validation": 1.5}], x="step").axes[0].get_xlabel()
    'step'
    """
    if not history:
        raise DepthError("curves: the history is empty; train for at least one step.")
    import matplotlib.pyplot as plt

    phases: dict[str, list[Mapping[str, Any]]] = {}
    for entry in history:
        phases.setdefault(str(entry.get("phase", "")), []).append(entry)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(phases), figsize=(WIDTH, 2.9), squeeze=False, layout="constrained")
        for place, (phase, entries) in zip(axes[0], phases.items(), strict=True):
            at = np.array([entry.get(x, i) for i, entry in enumerate(entries)], dtype=float)
            loss = np.array([entry.get("loss", np.nan) for entry in entries], dtype=float)
            window = smooth or max(1, len(loss) // 40)
            many = window > 1
            place.plot(at, loss, color=PALETTE[0], alpha=0.3 if many else 1.0, linewidth=1.0 if many else 1.6,
                       label=None if many else "training")  # fmt: skip
            if many:
                mean = np.convolve(loss, np.ones(window) / window, mode="valid")
                place.plot(at[window - 1 :], mean, color=PALETTE[0], linewidth=1.8,
                           label=f"training (mean of {window} steps)")  # fmt: skip
            pairs = [(a, entry.get("validation")) for a, entry in zip(at, entries, strict=True)]
            held = np.array([pair for pair in pairs if pair[1] is not None], dtype=float)
            if len(held):
                place.plot(held[:, 0], held[:, 1], color=PALETTE[1], marker="o", markersize=4, linewidth=1.6,
                           label="validation")  # fmt: skip
            place.set_title(phase)
            place.set_xlabel("training samples seen" if x == "samples" else x)
            place.legend()
        axes[0][0].set_ylabel("loss")
        plt.close(figure)
    return figure


def sweep(lines: Sequence[Any], figures: Sequence[str] = ("abs_rel", "rmse", "scale_invariant_rmse")) -> Figure:
    """What a sweep found: a panel a figure, the first parameter along the axis, a curve for each value of the others.

    Args:
        lines: of :func:`depthlib.sweep.summary`; bars are the standard deviation over seeds.
        figures: names of metrics that the lines have.

    Raises:
        DepthError: no line, or a figure that was not scored.
    """
    if not lines:
        raise DepthError("sweep: no line to draw; run the sweep first.")
    missing = [name for name in figures if name not in lines[0].mean]
    if missing:
        raise DepthError(f"sweep: no figure {missing[0]!r}; there are {', '.join(lines[0].mean)}.")
    import matplotlib.pyplot as plt

    first = next(iter(lines[0].parameters), "")
    last = first.rpartition(".")[2]
    values = list(dict.fromkeys(str(line.parameters.get(first, "")) for line in lines))
    numbers = all(type(line.parameters.get(first)) in (int, float) for line in lines)
    curves: dict[str, list[Any]] = {}
    for line in lines:
        rest = ", ".join(f"{key} = {value}" for key, value in line.parameters.items() if key != first)
        curves.setdefault(rest, []).append(line)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(figures), figsize=(WIDTH, 2.7), squeeze=False, layout="constrained")
        for place, name in zip(axes[0], figures, strict=True):
            for colour, (rest, each) in zip(itertools.cycle(PALETTE), curves.items(), strict=False):
                at = [
                    line.parameters[first] if numbers else values.index(str(line.parameters.get(first, "")))
                    for line in each
                ]
                place.errorbar(at, [line.mean[name] for line in each], [line.spread[name] or 0.0 for line in each],
                               color=colour, marker="o", markersize=4, linewidth=1.4, capsize=3, label=rest or None)  # fmt: skip
            if not numbers:
                place.set_xticks(range(len(values)), values)
            place.set(title=NAMES.get(name, name.replace("_", " ")), xlabel=NAMES.get(last, last))
        if len(curves) > 1:
            axes[0][0].legend()
        plt.close(figure)
    return figure
