"""The Lightning run: from the first step to the last, and back when the loss is no longer a number."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader

from napari_sr.errors import TrainingError
from napari_sr.paths import reason
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.loading import FromItem, OneWindow, ResumableLoader
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.checkpoints import Keeper, WholeFiles, saved
from napari_sr.training.lightning.kinds import make_module
from napari_sr.training.lightning.machine import Machine
from napari_sr.training.lightning.module import NonFiniteLoss, SRModule
from napari_sr.training.lightning.phases import EndOfPixelPhase
from napari_sr.training.lightning.precision import lightning_precision
from napari_sr.training.lightning.pyramid import Pyramid
from napari_sr.training.lightning.quiet import quiet_lightning
from napari_sr.training.lightning.stopping import StoppedInValidation, Stopping
from napari_sr.training.lightning.telling import Telling
from napari_sr.training.lightning.watchdog import Watchdog
from napari_sr.training.task import Task

#: how often a run goes back to its last checkpoint when the loss stops being a number
ROLLBACKS = 2


@dataclass(frozen=True)
class Callbacks:
    """What follows a run: tells of it, stops it, and notices when it goes wrong."""

    telling: Telling
    stopping: Stopping
    watchdog: Watchdog
    pixel_phase: EndOfPixelPhase


def train_safely(
    task: Task, config: TrainConfig, folder: Path, callbacks: Callbacks, machine: Machine, *, resume: bool
) -> tuple[L.Trainer | None, SRModule]:
    """Train; go back with a lower rate when the loss stops being a number, and say what happens to the files."""
    checkpoint = folder / "last.ckpt"
    start = copy.deepcopy(task.network.state_dict())
    # by how much earlier rollbacks have lowered the rate
    base = float(saved(checkpoint).get("rate_factor", 1.0)) if resume else 1.0
    factor = None
    for attempt in range(ROLLBACKS + 1):
        try:
            return train(task, config, folder, callbacks, machine, resume=resume, rate_factor=factor)
        except NonFiniteLoss as error:
            factor = base * 0.5 ** (attempt + 1)
            rate = config.learning_rate * factor
            if attempt == ROLLBACKS:
                raise TrainingError(
                    f"Stopped because {error}, for the third time, with the learning rate {2 * rate:.1g}. "
                    f"Start with less than {rate:.1g}.{_what_stands(checkpoint)}"
                ) from None
            resume = checkpoint.exists()
            if callbacks.telling.history is not None:
                callbacks.telling.history.rewind(saved(checkpoint)["global_step"] if resume else 0)
            task.network.load_state_dict(start)
            back = "the last checkpoint" if resume else "the start"
            callbacks.telling.say(error.step, f"Back to {back} with the learning rate {rate:.1g}, since {error}.")
        except OSError as error:
            what = error.filename or "a file"
            raise TrainingError(
                f"Stopped because {what} could not be read or written ({reason(error)}).{_what_stands(checkpoint)}"
            ) from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def _what_stands(checkpoint: Path) -> str:
    if not checkpoint.exists():
        return " Nothing had been saved yet."
    return f" What was saved last stands in {checkpoint.parent}; resume from there."


def train(
    task: Task,
    config: TrainConfig,
    folder: Path,
    callbacks: Callbacks,
    machine: Machine,
    *,
    resume: bool,
    rate_factor: float | None,
) -> tuple[L.Trainer | None, SRModule]:
    """Train until the end, or until it is stopped; no trainer is returned if it has saved the state itself."""
    L.seed_everything(config.seed, verbose=False)
    module = make_module(task.network, config)
    module.rate_factor = rate_factor
    if isinstance(module, AdversarialTraining) and task.critic is not None:
        module.critic.load_state_dict(task.critic)
    checkpoint = folder / "last.ckpt"
    done = saved(checkpoint)["global_step"] if resume else 0
    world = machine.world_size
    # each adversarial step leaves one of the two networks alone
    shared = "ddp" if config.adversarial is None else "ddp_find_unused_parameters_true"
    # two of them: "save_last" would leave last.ckpt as it is when validation did not get better
    common: dict[str, Any] = {"dirpath": folder, "enable_version_counter": False, "save_on_train_epoch_end": False}
    mode = "max" if config.monitor == "psnr" else "min"
    best = Keeper(filename="best", monitor=f"val_{config.monitor}", mode=mode, **common)
    last = Keeper(filename="last", **common)
    sampler = FromItem(start=done * config.batch_size, length=len(task.patches), batch_size=config.batch_size)
    with quiet_lightning():
        trainer = L.Trainer(
            accelerator=machine.accelerator, devices=machine.devices, num_nodes=machine.num_nodes,
            strategy=shared if world > 1 else "auto", use_distributed_sampler=False,
            precision=lightning_precision(config.precision, machine.accelerator), logger=False,
            max_steps=config.steps,
            callbacks=[
                best, last, callbacks.watchdog, callbacks.telling, callbacks.pixel_phase, callbacks.stopping,
            ],
            plugins=[WholeFiles()], enable_progress_bar=False,
            enable_model_summary=False,
            val_check_interval=min(config.validate_every, config.steps), check_val_every_n_epoch=None,
            num_sanity_val_steps=0, default_root_dir=folder,
            gradient_clip_val=1.0 if config.adversarial is None else None,
        )  # fmt: skip
        try:
            trainer.fit(
                module,
                ResumableLoader(
                    OneWindow(task.patches) if isinstance(module, Pyramid) else task.patches,
                    batch_size=config.batch_size // world,
                    num_workers=machine.workers,
                    sampler=sampler,
                    pin_memory=torch.cuda.is_available(),
                ),
                DataLoader(task.whole, batch_size=1, num_workers=0),
                ckpt_path=checkpoint if resume else None,
                weights_only=False if resume else None,
            )
        except StoppedInValidation:
            return None, module
    return trainer, module
