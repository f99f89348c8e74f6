"""The end of a run: the model is measured and judged, its card filled in, and a report written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import Cancelled
from napari_sr.evaluation.table import Table
from napari_sr.models.companions import KeptCritic, save_critic
from napari_sr.models.model import Model, load, save
from napari_sr.models.store import load_model
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.sources import pair_problems
from napari_sr.training.data.validation import WholeImages
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.checkpoints import saved
from napari_sr.training.lightning.engine import Callbacks
from napari_sr.training.lightning.module import SRModule
from napari_sr.training.runs.history import read_history
from napari_sr.training.runs.measure import Centre, measure
from napari_sr.training.runs.pixel_phase import pixel_path, write_model
from napari_sr.training.runs.report import Example, write_report
from napari_sr.training.runs.verdict import Outcome, judge
from napari_sr.training.start import starting_network
from napari_sr.training.task import Task

Plane = npt.NDArray[Any]
logger = logging.getLogger(__name__)
#: side of the patches shown in the report, HR pixels
PATCH = 192
EXAMPLES = 3


def report(module: SRModule, task: Task, folder: Path, callbacks: Callbacks) -> Path:
    """Write the model with its best and its last weights, measure it, and return its path.

    Raises nothing for a model that cannot be measured: it is there, and must not be lost.
    """
    config = module.config
    path = folder / f"{config.name}.safetensors"
    if module.trainer.is_global_zero:
        write_model(module, task, path.with_name(f"{path.stem}-last{path.suffix}"), callbacks)
    if config.adversarial is None:
        # by its name: after the folder was moved, Lightning still knows the old place
        best = folder / "best.ckpt"
        module.load_state_dict(saved(best if best.exists() else folder / "last.ckpt")["state_dict"])
    if module.trainer.is_global_zero:
        write_model(module, task, path, callbacks)
        if isinstance(module, AdversarialTraining):
            keep_critic(module, path)
        try:
            finish(path, config, task.whole, callbacks)
        except Exception as error:  # the model is there, and must not be lost; the log has the traceback
            logger.exception("%s could not be measured", path)
            callbacks.telling.say(config.steps, f"The model is ready, but it could not be measured: {error}")
    return path


def keep_critic(module: AdversarialTraining, path: Path) -> None:
    """Write the critic beside the model that it has judged."""
    settings = module.settings
    save_critic(
        KeptCritic(settings.critic, dict(settings.critic_hyper_parameters), settings.loss, module.critic.state_dict()),
        path,
    )


def finish(path: Path, config: TrainConfig, whole: WholeImages, callbacks: Callbacks) -> None:
    """Measure and judge the model in ``path``, complete its card, and write ``report.html``.

    If the run is stopped meanwhile, the model stands as it is.
    """
    callbacks.telling.say(config.steps, stage="Measuring the model on the validation images …")
    model, pixel = load(path), pixel_path(path)
    first = [load(pixel)] if config.adversarial is not None and pixel.exists() else []
    try:
        table, centres = measure([model, *first, *starts(config)], whole, should_stop=callbacks.stopping.asked)
    except Cancelled:
        return
    history = read_history(path.parent, steps=config.steps)
    entry, training = measured(table, model.card.name), dict(model.card.training)
    outcome = Outcome(
        steps=int(training["steps"]), images=int(training["images"]), contrast=contrast(centres, model.card.name),
        rate_factor=rate_factor(path.with_name("last.ckpt")), pairs=pair_problems(whole.planes, config.scale),
    )  # fmt: skip
    verdict = judge(config, entry, history, outcome)
    training["verdict"] = verdict.to_dict()
    for phase in first:
        training["pixel_phase"] = phase.card.name
        save(replace(phase, card=replace(phase.card, metrics=(measured(table, phase.card.name),))), pixel)
    model = replace(model, card=replace(model.card, metrics=(entry,), training=training))
    save(model, path)
    last = path.with_name(f"{path.stem}-last{path.suffix}")
    save(replace(load(last), card=replace(load(last).card, name=last.stem)), last)
    examples = [example(c, model.card.name, PATCH // model.scale) for c in spread(centres, EXAMPLES)]
    write_report(path.parent / "report.html", config=config, card=model.card, table=table, history=history,
                 examples=examples, verdict=verdict)  # fmt: skip


def starts(config: TrainConfig) -> list[Model]:
    """Return the model that the run started from, as it started, if it can be compared with what came out."""
    if not config.start_from:
        return []
    start = load_model(config.start_from).card
    if start.scale != config.scale:  # its images have another size
        return []
    network = starting_network(config).network.eval()
    card = replace(
        start, name=f"{start.name} (start)", hyper_parameters=network.hyper_parameters,
        in_channels=network.in_channels, out_channels=network.out_channels,
    )  # fmt: skip
    return [Model(network=network, card=card)]


def contrast(centres: Sequence[Centre], name: str) -> float:
    """Return the standard deviation of a model's images as a share of the truth's."""
    shares = [float(np.std(c.sr[name])) / max(float(np.std(np.asarray(c.hr, np.float64))), 1e-12) for c in centres]
    return float(np.mean(shares))


def rate_factor(checkpoint: Path) -> float:
    """Return by how much the learning rate was lowered during the run; 1 if that is not known."""
    if not checkpoint.exists():
        return 1.0
    return float(saved(checkpoint, mapped=True).get("rate_factor", 1.0))


def spread(centres: Sequence[Centre], count: int) -> Sequence[Centre]:
    """Return at most ``count`` of them, from the first to the last."""
    return [centres[i] for i in sorted({int(i) for i in np.linspace(0, len(centres) - 1, min(count, len(centres)))})]


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


def example(centre: Centre, name: str, side: int) -> Example:
    """Return the middle of a centre, ``side`` LR pixels wide at most."""
    scale = centre.hr.shape[0] // centre.lr.shape[0]
    y, x = (max(0, (n - side) // 2) for n in centre.lr.shape)
    window = np.s_[y * scale : (y + side) * scale, x * scale : (x + side) * scale]
    lr = centre.lr[y : y + side, x : x + side]
    return Example(lr=lr, bicubic=centre.bicubic[window], sr=centre.sr[name][window], hr=centre.hr[window])
