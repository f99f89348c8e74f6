"""Run a training from a configuration to a model file."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from filelock import Timeout

from napari_sr.degradations import make_degradation
from napari_sr.errors import Cancelled, TrainingError
from napari_sr.inference.device import device_title
from napari_sr.intensity import Intensity
from napari_sr.losses.perceptual import OF_FEATURES, cached
from napari_sr.models.model import Model, save
from napari_sr.networks import SRNetwork
from napari_sr.training.check_names import check_names
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.patches import PatchDataset, Plane2D
from napari_sr.training.data.sources import load_sources, measured_shifts, without_constant
from napari_sr.training.data.split import split_planes, without
from napari_sr.training.data.validation import WholeImages
from napari_sr.training.lightning.engine import Task, saved, train_safely
from napari_sr.training.lightning.module import SRModule
from napari_sr.training.lightning.precision import possible_precision
from napari_sr.training.lightning.reporting import Reporter, is_main_process
from napari_sr.training.progress import TrainProgress
from napari_sr.training.runs.card import make_card
from napari_sr.training.runs.finish import finish
from napari_sr.training.runs.folders import LOCK, at_work
from napari_sr.training.runs.history import History
from napari_sr.training.start import start_filters, starting_network


def fit(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    devices: int = 1,
    num_nodes: int = 1,
    workers: int = 0,
    on_event: Callable[[TrainProgress], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_network: Callable[[SRNetwork], None] | None = None,
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
    workers
        Processes that prepare patches beside the one that trains; see :func:`usual_workers`. None inside a viewer.
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
    _check_folder(config, folder, resume=resume, overwrite=overwrite)
    if config.batch_size % (devices * num_nodes):
        raise TrainingError(
            f"batch_size: {config.batch_size} patches cannot be shared by {devices * num_nodes} devices."
        )
    machine = {"accelerator": device, "devices": devices, "num_nodes": num_nodes}
    reporter = Reporter(config=config, on_event=on_event, should_stop=should_stop, on_network=on_network)
    if not is_main_process():
        return _run(config, folder, reporter, machine, workers, resume=resume, overwrite=overwrite)
    lock, fresh = at_work(folder), not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise TrainingError(f"Another training is at work in {folder}. Wait for it, or choose another one.") from None
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror}.") from None
    try:
        return _run(config, folder, reporter, machine, workers, resume=resume, overwrite=overwrite)
    finally:
        lock.release()
        if fresh and {path.name for path in folder.iterdir()} <= {LOCK}:  # it did not come to anything
            shutil.rmtree(folder, ignore_errors=True)


def usual_workers(device: str) -> int:
    """Return how many processes should prepare patches for a training on ``device``.

    A GPU waits for a single one: of the 51 steps a second that an H200 makes of ``wgan-gp`` with 16 patches, 25 are
    left with patches prepared in between, and 49 with eight processes. Systems that cannot copy a process start a new
    one each time, which takes longer than a short training.
    """
    on_gpu = device.startswith(("cuda", "gpu")) or (device == "auto" and torch.cuda.is_available())
    return min(8, (os.cpu_count() or 1) // 2) if on_gpu and sys.platform == "linux" else 0


def _check_folder(config: TrainConfig, folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise :class:`TrainingError` if the run cannot go on, or would replace another one."""
    checkpoint, model = folder / "last.ckpt", folder / f"{config.name}.safetensors"
    if resume and not checkpoint.exists():
        raise TrainingError(f"There is nothing to resume in {folder}: last.ckpt is missing.")
    if resume and (folder / "config.yaml").exists():
        planned = TrainConfig.read(folder / "config.yaml").steps
        if planned != config.steps:
            raise TrainingError(
                f"steps: this run was planned for {planned} steps, and its learning rate follows from that. Resume it "
                f"with {planned}, or start another run from its model (start_from)."
            )
    if resume or overwrite:
        return
    if checkpoint.exists():
        raise TrainingError(
            f"{folder} holds an earlier run. Go on with it (--resume), choose another folder, "
            "or allow it to be replaced (--overwrite)."
        )
    if model.exists():
        raise TrainingError(
            f"{folder} holds {model.name} already. Choose another folder, or allow it to be replaced (--overwrite)."
        )


def _run(
    config: TrainConfig, folder: Path, reporter: Reporter, machine: Mapping[str, Any], workers: int, *, resume: bool,
    overwrite: bool,
) -> Path:  # fmt: skip
    """Do what :func:`fit` does, in a folder that belongs to this run alone."""
    checkpoint = folder / "last.ckpt"
    task = replace(prepare(config, resume=resume, reporter=reporter), workers=workers)
    try:
        if is_main_process():
            config.write(folder / "config.yaml")
            for old in ("best.ckpt", "last.ckpt", f"{config.name}.safetensors", "report.html"):
                if overwrite and not resume:
                    (folder / old).unlink(missing_ok=True)
            reporter.steps = saved(checkpoint)["global_step"] if resume else 0
            reporter.history = History(folder, from_step=reporter.steps)
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror}.") from None
    reporter.checkpoint = checkpoint
    _say_first(task, config, reporter, machine)
    trainer, module = train_safely(task, config, folder, reporter, machine, resume=resume)
    if reporter.stopped:
        if trainer is not None:
            trainer.save_checkpoint(checkpoint, weights_only=False)
        raise Cancelled(f"Stopped at step {reporter.steps}; resume from {folder}.")
    assert trainer is not None
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


def _say_first(task: Task, config: TrainConfig, reporter: Reporter, machine: Mapping[str, Any]) -> None:
    """Report what should be known before the first step."""
    left_out = task.patches.left_out
    if left_out:
        side = config.lr_patch * config.scale
        reporter.say(0, f"{left_out} of the images are smaller than a patch of {side} HR pixels, and are left out.")
    for name, rows, columns in measured_shifts(task.patches.planes, config.scale, check_stop=reporter.check_stop):
        reporter.say(0, f"{name}: LR and HR are shifted by {rows:+.1f}, {columns:+.1f} HR pixels (rows, columns).")
    if possible_precision(config.precision, machine["accelerator"]) != config.precision:
        reporter.say(0, "Processors do not train in fp16; bf16 is taken.")


def prepare(config: TrainConfig, *, resume: bool, reporter: Reporter) -> Task:
    """Read the images and build the network, with its weights unless a checkpoint will bring them.

    Raises :class:`Cancelled` if the run is stopped meanwhile.
    """
    reporter.say(0, stage="Reading the images …")
    L.seed_everything(config.seed, verbose=False)
    degradation = make_degradation(config.degradation, config.scale) if config.degradation else None
    intensity = Intensity.from_dict(config.intensity)
    check_names(config)
    start = starting_network(config)
    planes, validation = _images(config, reporter)
    if start.note and not resume:
        reporter.say(0, start.note)
    if start.fresh_filters and not resume:
        reporter.say(0, stage="Fitting the linear filter that the network starts from …")
        start_filters(start.fresh_filters, planes, degradation, intensity, config.scale, reporter.check_stop)
    if OF_FEATURES & {config.loss, *config.extra_losses} and not cached().exists():
        reporter.say(0, stage="Fetching the weights of VGG19 (548 MB), once …")
    else:
        reporter.say(0, stage="Starting …")
    patches = PatchDataset(
        planes=planes, degradation=degradation, scale=config.scale, intensity=intensity, lr_patch=config.lr_patch,
        length=config.steps * config.batch_size, seed=config.seed, augment=config.augment,
        rounded=config.rounded, conditions=start.network.conditions,
    )  # fmt: skip
    whole = WholeImages(
        planes=validation, degradation=degradation, scale=config.scale, intensity=intensity, limit=128,
        conditions=start.network.conditions,
    )  # fmt: skip
    return Task(start.network, start.card, patches, whole)


def _images(config: TrainConfig, reporter: Reporter) -> tuple[list[Plane2D], list[Plane2D]]:
    """Return what is trained on and what is validated on, which have no plane in common."""
    planes, constant = without_constant(load_sources(config.train, config.scale, reporter.check_stop))
    if constant:
        names = ", ".join(dict.fromkeys(p.name for p in constant[:3]))
        reporter.say(0, f"{len(constant)} images have one value everywhere, and are left out: {names}.")
    validation = load_sources(config.validation, config.scale, reporter.check_stop)
    if not validation:
        return split_planes(planes, scale=config.scale, lr_patch=config.lr_patch)
    left = without(planes, validation)
    if not left:
        raise TrainingError("Every training image is a validation image, too. Choose others to validate on.")
    if shared := len(planes) - len(left):
        reporter.say(0, f"{shared} of the images are validation images, too, and are not trained on.")
    return left, validation


def write_model(module: SRModule, task: Task, path: Path, reporter: Reporter) -> None:
    """Write the model with what its card can say before anything is measured."""
    network = module.judged
    card = make_card(
        module.config, network, planes=len(task.patches.planes), steps=reporter.steps, minutes=reporter.total() / 60,
        start=task.start, device=device_title(str(module.device)), lr_images=task.patches.measured_ranges(),
    )  # fmt: skip
    save(Model(network=network.eval(), card=card), path)
