"""The Lightning run: from the first step to the last, and back when the loss is no longer a number."""

from __future__ import annotations

import copy
import errno
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import lightning as L
import torch
from torch.utils.data import DataLoader

from napari_sr.errors import TrainingError
from napari_sr.models.model import ModelCard
from napari_sr.networks import SRNetwork
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.loading import FromItem, ResumableLoader
from napari_sr.training.data.patches import PatchDataset
from napari_sr.training.data.validation import WholeImages
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.checkpoints import Keeper, WholeFiles
from napari_sr.training.lightning.module import NonFiniteLoss, SRModule
from napari_sr.training.lightning.precision import lightning_precision
from napari_sr.training.lightning.regression import Regression
from napari_sr.training.lightning.reporting import Reporter, StoppedInValidation, quiet_lightning

#: how often a run goes back to its last checkpoint when the loss stops being a number
ROLLBACKS = 2


def saved(checkpoint: Path) -> dict[str, Any]:
    """Return what a checkpoint of ours holds; raises :class:`TrainingError` if it is not whole."""
    try:
        content: dict[str, Any] = torch.load(checkpoint, weights_only=False, map_location="cpu")
    except (EOFError, RuntimeError, ValueError, KeyError, OSError, UnpicklingError, zlib.error, BadZipFile) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a seek beyond the end of half a file
            raise
        raise TrainingError(
            f"{checkpoint.name} in {checkpoint.parent} is damaged, or not whole ({type(error).__name__}). The run "
            "cannot go on from it; the model that it wrote last may be there, to start another run from."
        ) from error
    return content


@dataclass(frozen=True)
class Task:
    """What a run works on."""

    network: SRNetwork
    start: ModelCard | None
    patches: PatchDataset
    whole: WholeImages
    #: processes that prepare patches beside the one that trains
    workers: int = 0


def train_safely(
    task: Task, config: TrainConfig, folder: Path, reporter: Reporter, machine: Mapping[str, Any], *, resume: bool
) -> tuple[L.Trainer | None, SRModule]:
    """Train; go back with a lower rate when the loss stops being a number, and say what happens to the files."""
    checkpoint = folder / "last.ckpt"
    start = copy.deepcopy(task.network.state_dict())
    # by how much earlier rollbacks have lowered the rate
    base = float(saved(checkpoint).get("rate_factor", 1.0)) if resume else 1.0
    factor = None
    for attempt in range(ROLLBACKS + 1):
        try:
            return train(task, config, folder, reporter, machine, resume=resume, rate_factor=factor)
        except NonFiniteLoss as error:
            factor = base * 0.5 ** (attempt + 1)
            rate = config.learning_rate * factor
            if attempt == ROLLBACKS:
                raise TrainingError(
                    f"Stopped because {error}, for the third time, with the learning rate {2 * rate:.1g}. "
                    f"Start with less than {rate:.1g}.{_what_stands(checkpoint)}"
                ) from None
            resume = checkpoint.exists()
            if reporter.history is not None:
                reporter.history.rewind(saved(checkpoint)["global_step"] if resume else 0)
            task.network.load_state_dict(start)
            back = "the last checkpoint" if resume else "the start"
            reporter.say(error.step, f"Back to {back} with the learning rate {rate:.1g}, since {error}.")
        except OSError as error:
            what = error.filename or "a file"
            raise TrainingError(
                f"Stopped because {what} could not be read or written ({error.strerror or error})."
                f"{_what_stands(checkpoint)}"
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
    reporter: Reporter,
    machine: Mapping[str, Any],
    *,
    resume: bool,
    rate_factor: float | None,
) -> tuple[L.Trainer | None, SRModule]:
    """Train until the end, or until the reporter stops it; no trainer is returned if it has saved the state itself."""
    L.seed_everything(config.seed, verbose=False)
    kind = Regression if config.adversarial is None else AdversarialTraining
    module = kind(network=task.network, config=config).to(memory_format=torch.channels_last)
    module.rate_factor = rate_factor
    checkpoint = folder / "last.ckpt"
    done = saved(checkpoint)["global_step"] if resume else 0
    world = machine["devices"] * machine["num_nodes"]
    # each adversarial step leaves one of the two networks alone
    shared = "ddp" if config.adversarial is None else "ddp_find_unused_parameters_true"
    # two of them: "save_last" would leave last.ckpt as it is when validation did not get better
    common: dict[str, Any] = {"dirpath": folder, "enable_version_counter": False, "save_on_train_epoch_end": False}
    best = Keeper(filename="best", monitor="val_psnr", mode="max", **common)
    last = Keeper(filename="last", **common)
    sampler = FromItem(start=done * config.batch_size, length=len(task.patches), batch_size=config.batch_size)
    with quiet_lightning():
        trainer = L.Trainer(
            **machine, strategy=shared if world > 1 else "auto", use_distributed_sampler=False,
            precision=lightning_precision(config.precision, machine["accelerator"]), logger=False,
            max_steps=config.steps,
            callbacks=[best, last, reporter], plugins=[WholeFiles()], enable_progress_bar=False,
            enable_model_summary=False,
            val_check_interval=min(config.validate_every, config.steps), check_val_every_n_epoch=None,
            num_sanity_val_steps=0, default_root_dir=folder,
            gradient_clip_val=1.0 if config.adversarial is None else None,
        )  # fmt: skip
        try:
            trainer.fit(
                module,
                ResumableLoader(
                    task.patches,
                    batch_size=config.batch_size // world,
                    num_workers=task.workers,
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
