"""Run a training from a configuration to a model file."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader

from napari_sr.data.patches import PatchDataset
from napari_sr.degradations import make_degradation
from napari_sr.errors import Cancelled, TrainingError
from napari_sr.intensity import Intensity
from napari_sr.model import Model, save
from napari_sr.networks import SRNetwork
from napari_sr.training.adversarial import AdversarialTraining
from napari_sr.training.card import make_card
from napari_sr.training.checkpoints import Keeper
from napari_sr.training.config import TrainConfig
from napari_sr.training.finish import finish
from napari_sr.training.history import History
from napari_sr.training.images import (
    FromItem,
    ResumableLoader,
    WholeImages,
    load_sources,
    measured_shifts,
    split_planes,
)
from napari_sr.training.module import NonFiniteLoss, SRModule
from napari_sr.training.precision import lightning_precision, possible_precision
from napari_sr.training.progress import TrainProgress
from napari_sr.training.regression import Regression
from napari_sr.training.reporting import Reporter, is_main_process, quiet_lightning
from napari_sr.training.start import start_filters, starting_network

#: how often a run goes back to its last checkpoint when the loss stops being a number
ROLLBACKS = 2


def fit(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    devices: int = 1,
    num_nodes: int = 1,
    on_event: Callable[[TrainProgress], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_network: Callable[[nn.Module], None] | None = None,
) -> Path:
    """Train and write ``folder/<name>.safetensors``, the curves and a report beside it.

    The model gets the best validated weights; after an adversarial training, whose progress PSNR does not
    tell, the last ones. The last ones are always kept too, in ``<name>-last.safetensors``. A loss that stops
    being a number takes the run back to its last checkpoint with half the learning rate, twice.

    Parameters
    ----------
    config
        What to train on what.
    folder
        Where checkpoints (``best.ckpt``, ``last.ckpt``), ``config.yaml``, ``history.csv``, ``report.html`` and the
        model go.
    resume
        Go on from ``last.ckpt`` in that folder.
    overwrite
        Begin anew in a folder that holds an earlier run.
    device
        A Lightning accelerator name.
    devices, num_nodes
        Devices a machine, and machines: with more than one, each works on its part of every batch (Lightning's
        DDP). Run the same command on every machine, as Lightning's documentation says.
    on_event, should_stop
        Called after batches; the latter ends the run, which can then be resumed, and pauses it as long as it
        does not return.
    on_network
        Called every few seconds with the network that is being trained, in evaluation mode.

    Raises
    ------
    TrainingError
        If the images cannot be trained on, the loss stops being a number for the third time, the output
        collapses to one colour, or files cannot be read or written; the last checkpoint stands.
    Cancelled
        If ``should_stop`` ended the run.
    """
    checkpoint = folder / "last.ckpt"
    if resume and not checkpoint.exists():
        raise TrainingError(f"There is nothing to resume in {folder}: last.ckpt is missing.")
    if checkpoint.exists() and not (resume or overwrite):
        raise TrainingError(
            f"{folder} holds an earlier run. Go on with it (--resume), choose another folder, "
            "or allow it to be replaced (--overwrite)."
        )
    if config.batch_size % (devices * num_nodes):
        raise TrainingError(
            f"batch_size: {config.batch_size} patches cannot be shared by {devices * num_nodes} devices."
        )
    reporter = Reporter(config=config, on_event=on_event, should_stop=should_stop, on_network=on_network)
    task = prepare(config, resume=resume, reporter=reporter)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_main_process():
            config.write(folder / "config.yaml")
            for old in folder.iterdir() if overwrite and not resume else ():
                if old.suffix == ".ckpt" or old.name in (f"{config.name}.safetensors", "report.html"):
                    old.unlink()
            reporter.steps = saved(checkpoint)["global_step"] if resume else 0
            reporter.history = History(folder, from_step=reporter.steps)
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror}.") from None
    for name, rows, columns in measured_shifts(task.patches.planes, config.scale):
        reporter.say(0, f"{name}: LR and HR are shifted by {rows:+.1f}, {columns:+.1f} HR pixels (rows, columns).")
    if possible_precision(config.precision, device) != config.precision:
        reporter.say(0, "Processors do not train in fp16; bf16 is taken.")
    machine = {"accelerator": device, "devices": devices, "num_nodes": num_nodes}
    start = copy.deepcopy(task.network.state_dict())
    # by how much earlier rollbacks have lowered the rate
    base = float(saved(checkpoint).get("rate_factor", 1.0)) if resume else 1.0
    factor = None
    for attempt in range(ROLLBACKS + 1):
        try:
            trainer, module = train(task, config, folder, reporter, machine, resume=resume, rate_factor=factor)
            break
        except NonFiniteLoss as error:
            factor = base * 0.5 ** (attempt + 1)
            if attempt == ROLLBACKS:
                rate = config.learning_rate * factor
                raise TrainingError(
                    f"Stopped because {error}, for the third time, with the learning rate {2 * rate:.1g}. "
                    f"Start with less than {rate:.1g}; the last checkpoint is in {folder}."
                ) from None
            resume = checkpoint.exists()
            if reporter.history is not None:
                reporter.history.rewind(saved(checkpoint)["global_step"] if resume else 0)
            task.network.load_state_dict(start)
            rate = config.learning_rate * factor
            reporter.say(error.step, f"Back to the last checkpoint with the learning rate {rate:.1g}, since {error}.")
        except OSError as error:
            what = error.filename or "a file"
            raise TrainingError(
                f"Stopped because {what} could not be read or written ({error.strerror or error}). "
                f"What was saved last stands in {folder}; resume from there."
            ) from error
    if reporter.stopped:
        trainer.save_checkpoint(checkpoint, weights_only=False)
        raise Cancelled(f"Stopped at step {trainer.global_step}; resume from {folder}.")
    path = folder / f"{config.name}.safetensors"
    if trainer.is_global_zero:
        write_model(module, task, folder / f"{config.name}-last.safetensors", reporter)
    if config.adversarial is None:
        # by its name: after the folder was moved, Lightning still knows the old place
        best = folder / "best.ckpt" if (folder / "best.ckpt").exists() else checkpoint
        module.load_state_dict(saved(best)["state_dict"])
    if trainer.is_global_zero:
        write_model(module, task, path, reporter)
        try:
            finish(path, task.whole, reporter)
        except Exception as error:  # noqa: BLE001 - the model is there, and must not be lost
            reporter.say(config.steps, f"The model is ready, but it could not be measured: {error}")
    return path


def saved(checkpoint: Path) -> dict[str, Any]:
    """Return what a checkpoint of ours holds."""
    content: dict[str, Any] = torch.load(checkpoint, weights_only=False, map_location="cpu")
    return content


@dataclass(frozen=True)
class Task:
    """What a run works on."""

    network: SRNetwork
    history: list[dict[str, Any]]
    patches: PatchDataset
    whole: WholeImages


def prepare(config: TrainConfig, *, resume: bool, reporter: Reporter) -> Task:
    """Read the images and build the network, with its weights unless a checkpoint will bring them.

    Raises :class:`Cancelled` if the run is stopped meanwhile.
    """
    reporter.say(0, stage="Reading the images …")
    L.seed_everything(config.seed, verbose=False)
    degradation = make_degradation(config.degradation, config.scale) if config.degradation else None
    intensity = Intensity.from_dict(config.intensity)
    planes = load_sources(config.train, config.scale, reporter.check_stop)
    validation = load_sources(config.validation, config.scale, reporter.check_stop)
    if not validation:
        planes, validation = split_planes(planes, scale=config.scale, lr_patch=config.lr_patch)
    start = starting_network(config)
    if start.note and not resume:
        reporter.say(0, start.note)
    if start.fresh_filters and not resume:
        reporter.say(0, stage="Fitting the linear filter that the network starts from …")
        start_filters(start.fresh_filters, planes, degradation, intensity, config.scale, reporter.check_stop)
    reporter.say(0, stage="Starting …")
    patches = PatchDataset(
        planes=planes, degradation=degradation, scale=config.scale, intensity=intensity, lr_patch=config.lr_patch,
        length=config.steps * config.batch_size, seed=config.seed, augment=config.augment,
        rounded=config.rounded,
    )  # fmt: skip
    whole = WholeImages(planes=validation, degradation=degradation, scale=config.scale, intensity=intensity, limit=128)
    return Task(start.network, start.history, patches, whole)


def train(
    task: Task,
    config: TrainConfig,
    folder: Path,
    reporter: Reporter,
    machine: Mapping[str, Any],
    *,
    resume: bool,
    rate_factor: float | None,
) -> tuple[L.Trainer, SRModule]:
    """Train until the end, or until the reporter stops it."""
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
            callbacks=[best, last, reporter], enable_progress_bar=False, enable_model_summary=False,
            val_check_interval=min(config.validate_every, config.steps), check_val_every_n_epoch=None,
            num_sanity_val_steps=0, default_root_dir=folder,
            gradient_clip_val=1.0 if config.adversarial is None else None,
        )  # fmt: skip
        trainer.fit(
            module,
            ResumableLoader(task.patches, batch_size=config.batch_size // world, num_workers=0, sampler=sampler),
            DataLoader(task.whole, batch_size=1, num_workers=0),
            ckpt_path=checkpoint if resume else None,
            weights_only=False if resume else None,
        )
    return trainer, module


def write_model(module: SRModule, task: Task, path: Path, reporter: Reporter) -> None:
    """Write the model with what its card can say before anything is measured."""
    network: SRNetwork = module.network if module.ema is None else module.ema.module  # type: ignore[assignment]
    card = make_card(
        module.config, network, planes=len(task.patches.planes), steps=reporter.steps, minutes=reporter.total() / 60,
        history=task.history,
    )  # fmt: skip
    save(Model(network=network.eval(), card=card), path)
