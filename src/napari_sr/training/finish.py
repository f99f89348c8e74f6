"""The end of a run: the model is measured, its card filled in, and a report written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import Cancelled
from napari_sr.evaluation.evaluate import evaluate_models
from napari_sr.evaluation.table import Table
from napari_sr.inference import upscale
from napari_sr.metrics.structural import WINDOW
from napari_sr.model import Model, load, save
from napari_sr.store import load_model
from napari_sr.training.history import read_history
from napari_sr.training.images import WholeImages
from napari_sr.training.report import Example, write_report
from napari_sr.training.reporting import Reporter
from napari_sr.training.start import starting_network

Plane = npt.NDArray[Any]
#: validation images that are measured at the end, and the side of their centres in HR pixels
IMAGES, SIDE = 8, 512
#: side of the patches shown in the report, HR pixels
PATCH = 192
EXAMPLES = 3


@dataclass(frozen=True)
class Pair:
    """The centre of one validation image, measured or made."""

    lr: Plane
    hr: Plane


def finish(path: Path, whole: WholeImages, reporter: Reporter) -> None:
    """Measure the model in ``path`` on the validation images, complete its card, and write ``report.html``.

    If the run is stopped meanwhile, the model stands as it is.
    """
    config = reporter.config
    reporter.say(config.steps, stage="Measuring the model on the validation images …")
    model = load(path)
    pairs = validation_pairs(whole)
    models = [model]
    if config.start_from:
        start = load_model(config.start_from).card
        if start.scale == config.scale:  # another one's images have another size
            network = starting_network(config).network.eval()
            models.append(
                Model(
                    network=network,
                    card=replace(
                        start, name=f"{start.name} (start)", hyper_parameters=network.hyper_parameters,
                        in_channels=network.in_channels, out_channels=network.out_channels,
                    ),
                )
            )  # fmt: skip
    smallest = min(min(p.hr.shape) for p in pairs)
    try:
        table = evaluate_models(
            models, [p.hr for p in pairs], lr_images=[p.lr for p in pairs], degradation=config.degradation,
            crop=config.scale if smallest > 2 * config.scale + WINDOW else 0,
            density=model.intensity.kind == "log", should_stop=reporter.stop_asked,
        )  # fmt: skip
        model = replace(model, card=replace(model.card, metrics=(measured(table, model.card.name),)))
        save(model, path)
        last = path.with_name(f"{path.stem}-last{path.suffix}")
        save(replace(load(last), card=replace(load(last).card, name=last.stem)), last)
        examples = [example(p, model) for p in spread(pairs, EXAMPLES)]
    except Cancelled:
        return
    history = read_history(path.parent, steps=config.steps)
    write_report(path.parent / "report.html", config=config, card=model.card, table=table, history=history,
                 examples=examples)  # fmt: skip


def spread(pairs: Sequence[Pair], count: int) -> Sequence[Pair]:
    """Return at most ``count`` of them, from the first to the last."""
    return [pairs[i] for i in sorted({int(i) for i in np.linspace(0, len(pairs) - 1, min(count, len(pairs)))})]


def validation_pairs(whole: WholeImages) -> list[Pair]:
    """Return the centres of some of the validation images."""
    scale = whole.scale
    side = SIDE // scale
    chosen = sorted({int(i) for i in np.linspace(0, len(whole) - 1, min(IMAGES, len(whole)))})
    pairs = []
    for index in chosen:
        plane = whole.planes[index]
        lr = plane.low(whole.degradation, seed=index)
        y, x = (max(0, (n - side) // 2) for n in lr.shape)
        part = lr[y : y + side, x : x + side]
        height, width = part.shape
        hr = plane.hr[y * scale : (y + height) * scale, x * scale : (x + width) * scale]
        pairs.append(Pair(np.asarray(part), np.asarray(hr)))
    return pairs


def measured(table: Table, name: str) -> dict[str, Any]:
    """Return a table as an entry of the model card."""
    rows = {row.name: {k: v for k, v in row.means.items() if v is not None and np.isfinite(v)} for row in table.rows}
    entry: dict[str, Any] = {
        "data": f"centres of {table.images} validation images; {table.conditions_line()}",
        "model": rows[name],
        "bicubic": rows[table.rows[0].name],
    }
    start = next((row for row in table.rows if row.name.endswith(" (start)")), None)
    if start is not None:
        entry["start"] = {"name": start.name.removesuffix(" (start)"), **rows[start.name]}
    return entry


def example(pair: Pair, model: Model) -> Example:
    """Super-resolve the middle of a pair."""
    scale = model.scale
    side = PATCH // scale
    y, x = (max(0, (n - side) // 2) for n in pair.lr.shape)
    sr = upscale(pair.lr, model, dtype=np.float32)
    bicubic = upscale(pair.lr, load_model(f"bicubic-x{scale}"), dtype=np.float32)
    window = np.s_[y * scale : (y + side) * scale, x * scale : (x + side) * scale]
    return Example(lr=pair.lr[y : y + side, x : x + side], bicubic=bicubic[window], sr=sr[window], hr=pair.hr[window])
