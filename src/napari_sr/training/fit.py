"""Run a training from a configuration to a model file: read, resolve, build, fit, report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import lightning as L

from napari_sr.errors import Cancelled, TrainingError
from napari_sr.models.companions import critic_path
from napari_sr.networks import SRNetwork
from napari_sr.paths import reason
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.checkpoints import checkpoint_step
from napari_sr.training.lightning.clock import Clock
from napari_sr.training.lightning.engine import Callbacks, train_safely
from napari_sr.training.lightning.machine import Machine, is_main_process
from napari_sr.training.lightning.phases import EndOfPixelPhase
from napari_sr.training.lightning.stopping import Stopping
from napari_sr.training.lightning.telling import Telling
from napari_sr.training.lightning.watchdog import Watchdog
from napari_sr.training.progress import TrainProgress
from napari_sr.training.runs.finish import report
from napari_sr.training.runs.folders import check_folder, working_in
from napari_sr.training.runs.history import History
from napari_sr.training.runs.pixel_phase import keep_pixel_model, pixel_path
from napari_sr.training.task import build, read, resolve, warn


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
    tell, the last ones. The last ones are always kept too, in ``<name>-last.safetensors``. An adversarial training
    also keeps its critic, in ``<name>.critic``, and the model that its first phase, with the pixel loss alone, came to,
    in ``<name>-pixel.safetensors``. A loss that stops
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
        Processes that prepare patches beside the one that trains; see
        :func:`napari_sr.training.lightning.machine.usual_workers`. None inside a viewer.
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
    check_folder(config, folder, resume=resume, overwrite=overwrite)
    machine = Machine(device, devices, num_nodes, workers)
    machine.check(config.batch_size)
    callbacks = _callbacks(config, on_event, should_stop, on_network)
    with working_in(folder) if is_main_process() else nullcontext():
        return _run(config, folder, callbacks, machine, resume=resume, overwrite=overwrite)


def _callbacks(
    config: TrainConfig,
    on_event: Callable[[TrainProgress], None],
    should_stop: Callable[[], bool],
    on_network: Callable[[SRNetwork], None] | None,
) -> Callbacks:
    clock = Clock()
    telling = Telling(steps=config.steps, clock=clock, on_event=on_event, on_network=on_network)
    return Callbacks(
        telling=telling,
        stopping=Stopping(should_stop=should_stop, clock=clock),
        watchdog=Watchdog(config=config, say=telling.say),
        pixel_phase=EndOfPixelPhase(config=config),
    )


def _run(
    config: TrainConfig, folder: Path, callbacks: Callbacks, machine: Machine, *, resume: bool, overwrite: bool
) -> Path:
    """Do what :func:`fit` does, in a folder that belongs to this run alone."""
    telling, stopping = callbacks.telling, callbacks.stopping
    L.seed_everything(config.seed, verbose=False)
    settings = resolve(config)
    images = read(config, telling, stopping)
    task = build(config, settings, images, telling, stopping, resume=resume)
    _prepare_folder(config, folder, callbacks, resume=resume, overwrite=overwrite)
    callbacks.pixel_phase.write = lambda module: keep_pixel_model(module, task, folder, callbacks)
    warn(task, config, machine.accelerator, telling, stopping)
    trainer, module = train_safely(task, config, folder, callbacks, machine, resume=resume)
    if stopping.stopped:
        if trainer is not None:
            trainer.save_checkpoint(folder / "last.ckpt", weights_only=False)
        raise Cancelled(f"Stopped at step {telling.done}; resume from {folder}.")
    return report(module, task, folder, callbacks)


def _prepare_folder(config: TrainConfig, folder: Path, callbacks: Callbacks, *, resume: bool, overwrite: bool) -> None:
    """Write the settings, take away what is replaced, and tell the callbacks where the run is kept."""
    telling, checkpoint = callbacks.telling, folder / "last.ckpt"
    try:
        if is_main_process():
            config.write(folder / "config.yaml")
            model = folder / f"{config.name}.safetensors"
            others = (critic_path(model), pixel_path(model))
            for old in ("best.ckpt", "last.ckpt", model.name, *(path.name for path in others), "report.html"):
                if overwrite and not resume:
                    (folder / old).unlink(missing_ok=True)
            telling.done = checkpoint_step(checkpoint) if resume else 0
            telling.begin(History(folder, from_step=telling.done))
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {reason(error)}.") from None
    callbacks.stopping.checkpoint = checkpoint
