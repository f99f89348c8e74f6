"""The curves of a run, drawn into a matplotlib figure: for the window and for the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter

from napari_sr.training.progress import CRITIC_CURVES, TrainProgress

#: weight of the past in smoothed curves
SMOOTHING = 0.9
#: of what belongs to the axis on the right
RIGHT = "tab:purple"
#: points of a curve that are drawn
POINTS = 600
TITLES = {"adversarial_loss": "adversarial", "critic_loss": "critic", "gradient_penalty": "gradient penalty"}
Curve = tuple[list[int], list[float]]


def curve(history: Sequence[TrainProgress], value: Callable[[TrainProgress], float | None]) -> Curve:
    """Return steps and values of what was measured and is a number."""
    found = [(p.step, v) for p in history if (v := value(p)) is not None and math.isfinite(v)]
    return [step for step, _ in found], [v for _, v in found]


def smoothed(values: Sequence[float]) -> list[float]:
    """Return the running mean m_i = 0.9 m_(i-1) + 0.1 v_i, corrected for its beginning as Adam's moments are."""
    mean, weight, out = 0.0, 0.0, []
    for value in values:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        out.append(mean / weight)
    return out


def thinned(points: Curve) -> Curve:
    """Return about every k-th point, and the last."""
    steps, values = points
    k = max(1, len(steps) // POINTS)
    keep = sorted({*range(0, len(steps), k), len(steps) - 1} - {-1})
    return [steps[i] for i in keep], [values[i] for i in keep]


def draw_curves(figure: Figure, history: Sequence[TrainProgress], *, log: bool = True, colour: str = "black") -> None:
    """Draw losses, PSNR beside bicubic's and, if there is one, the critic's side.

    Parameters
    ----------
    figure
        Is cleared first.
    history
        Reports in the order of their steps.
    log
        Logarithmic axis for the losses.
    colour
        Of text and axes.
    """
    figure.clear()
    critics = [name for name in CRITIC_CURVES if any(name in p.losses for p in history)]
    axes: Sequence[Axes] = list(figure.subplots(2 if critics else 1, 2).flat)
    steps, losses = thinned(curve(history, lambda p: p.train_loss))
    validated = curve(history, lambda p: p.val_loss)
    if losses:
        axes[0].plot(steps, losses, color="tab:blue", alpha=0.3, linewidth=0.8)
        axes[0].plot(steps, smoothed(losses), color="tab:blue", label="training")
    if validated[0]:
        axes[0].plot(*validated, "o-", color="tab:orange", markersize=3, label="validation")
    if log and losses and min(losses) > 0:
        axes[0].set_yscale("log")
        # plain numbers, few enough to stand beside each other
        axes[0].yaxis.set_major_locator(
            LogLocator(subs=(1, 1.5, 2, 3, 5, 7) if max(losses) < 15 * min(losses) else (1,))
        )
        axes[0].yaxis.set_major_formatter(FormatStrFormatter("%.3g"))
        axes[0].yaxis.set_minor_formatter(NullFormatter())
    axes[0].set_title("loss")
    if any(p.val_psnr is not None for p in history):
        axes[1].plot(*curve(history, lambda p: p.val_psnr), "o-", color="tab:green", markersize=3, label="model")
        axes[1].plot(*curve(history, lambda p: p.val_bicubic), "--", color="tab:gray", label="bicubic")
    axes[1].set_title("validation PSNR [dB]")
    similar = curve(history, lambda p: p.val_ssim)
    if similar[0]:
        right = axes[1].twinx()
        right.plot(*similar, ":", color=RIGHT, linewidth=1.2)
        right.plot(*curve(history, lambda p: p.val_bicubic_ssim), ":", color="tab:gray", linewidth=1.2)
        right.tick_params(colors=RIGHT, labelsize=7, pad=1, length=2)
        right.yaxis.set_major_locator(MaxNLocator(4))
        right.spines[["top", "left", "bottom"]].set_visible(False)
        right.spines["right"].set_color(RIGHT)
        axes[1].plot([], [], ":", color=RIGHT, label="SSIM")
    for name in critics:
        steps, values = thinned(curve(history, lambda p, name=name: p.losses.get(name)))  # type: ignore[misc]
        axes[3 if name == "gradient_penalty" else 2].plot(steps, smoothed(values), label=TITLES[name])
    if critics:
        axes[2].set_title("generator against critic")
        axes[3].set_title("gradient penalty")
    for axis in axes:
        _style(axis, colour)


def _style(axis: Axes, colour: str) -> None:
    axis.set_xlabel("step", color=colour, fontsize=8)
    axis.set_title(axis.get_title(), pad=16)
    axis.title.set_color(colour)
    axis.title.set_fontsize(9)
    axis.set_visible(bool(axis.lines))  # empty axes say nothing
    axis.tick_params(colors=colour, labelsize=7, which="both")
    axis.set_facecolor("none")
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(colour)
    if len(axis.get_legend_handles_labels()[0]) > 1:  # one curve is named by the title
        # between title and curves: in the axes, it would hide a part of them
        axis.legend(
            fontsize=6.5, frameon=False, labelcolor=colour, loc="lower left", bbox_to_anchor=(-0.1, 0.98), ncols=3,
            borderpad=0.1, columnspacing=0.7, handlelength=0.9, handletextpad=0.3,
        )  # fmt: skip
