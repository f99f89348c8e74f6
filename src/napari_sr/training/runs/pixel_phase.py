"""Models of a run as they are written while it goes on, that of the phase with the pixel loss alone among them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from napari_sr.inference.device import device_title
from napari_sr.models.model import Model, save
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.engine import Callbacks
from napari_sr.training.lightning.module import SRModule
from napari_sr.training.lightning.precision import possible_precision
from napari_sr.training.runs.card import make_card
from napari_sr.training.task import Task


def pixel_name(name: str) -> str:
    """Return the name of the model that the first phase of the training of ``name`` comes to."""
    return f"{name}-pixel"


def pixel_path(model: Path) -> Path:
    """Return where the model of the first phase lies, beside the one of the last."""
    return model.with_name(f"{pixel_name(model.stem)}{model.suffix}")


def keep_pixel_model(module: SRModule, task: Task, folder: Path, callbacks: Callbacks) -> None:
    """Write the model that the pixel loss alone has come to."""
    config = module.config
    path = pixel_path(folder / f"{config.name}.safetensors")
    title = str(config.card.get("title", ""))
    card = {**config.card, "title": f"{title}, faithful"} if title else config.card
    alone = replace(
        config, name=path.stem, adversarial=None, extra_losses={}, extra_options={}, steps=module.global_step, card=card
    )
    training = module.kept.training
    write_model(module, task, path, callbacks, config=alone)
    module.kept.train(training)


def write_model(
    module: SRModule, task: Task, path: Path, callbacks: Callbacks, *, config: TrainConfig | None = None
) -> None:
    """Write the model with what its card can say before anything is measured; its run is ``config`` if given."""
    network = module.kept
    device = str(module.trainer.strategy.root_device)  # Lightning has moved the network away from it by now
    card = make_card(
        config or module.config, network, planes=len(task.patches.planes), steps=callbacks.telling.done,
        minutes=callbacks.telling.clock.total() / 60, start=task.start, device=device_title(device),
        precision=possible_precision(module.config.precision, torch.device(device).type),
        lr_images=task.patches.measured_ranges(),
    )  # fmt: skip
    save(Model(network=network.eval(), card=card), path)
