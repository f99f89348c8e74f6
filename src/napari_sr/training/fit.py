"""Run a training from a configuration to a model file."""

from __future__ import annotations

import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
import yaml
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

import napari_sr
from napari_sr.data.folders import read_planes
from napari_sr.data.patches import PatchDataset, Plane2D, lr_of
from napari_sr.degradations import Chain, make_degradation
from napari_sr.errors import Cancelled, TrainingError
from napari_sr.intensity import Intensity
from napari_sr.model import Model, ModelCard, save
from napari_sr.networks import SRNetwork, create_network
from napari_sr.networks.interpolation import Bicubic
from napari_sr.networks.wiener import WienerFilter
from napari_sr.store import load_model
from napari_sr.training.config import Source, TrainConfig
from napari_sr.training.regression import Regression
from napari_sr.training.wiener import fit_wiener


@dataclass(frozen=True)
class TrainProgress:
    """One look at a run: how far, the last losses, and the fidelity beside bicubic's."""

    step: int
    steps: int
    seconds: float
    train_loss: float
    val_psnr: float | None = None
    val_bicubic: float | None = None


class WholeImages(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Validation: each image's centre, at most ``limit`` LR pixels a side, with its bicubic upscaling."""

    def __init__(self, *, planes: Sequence[Plane2D], degradation: Chain, intensity: Intensity, limit: int) -> None:
        self.planes, self.degradation, self.intensity = planes, degradation, intensity
        self.limit = limit
        self.bicubic = Bicubic(scale=degradation.scale)

    def __len__(self) -> int:
        return len(self.planes)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        hr, s = self.planes[index].hr, self.degradation.scale
        lr = lr_of(hr, self.degradation, seed=index)
        fitted = self.intensity.fit(lr)
        start = [max(0, (n - self.limit) // 2) for n in lr.shape]
        size = [min(n, self.limit) for n in lr.shape]
        rows, columns = (slice(a, a + n) for a, n in zip(start, size, strict=True))
        target = np.asarray(hr[rows.start * s : rows.stop * s, columns.start * s : columns.stop * s])
        lr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(lr[rows, columns])))[None]
        hr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(target)))[None]
        return lr_tensor, hr_tensor, self.bicubic(lr_tensor[None])[0]


class _FromItem(Sampler[int]):
    """Items in order, beginning with ``start``; the length is that of a run from the beginning."""

    def __init__(self, *, start: int, length: int) -> None:
        self.start, self.length = start, length

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.length))

    def __len__(self) -> int:
        return self.length


class _ResumableLoader(DataLoader[tuple[Tensor, Tensor]]):
    """Tells Lightning that a run may be resumed in the middle: the sampler begins where it stopped."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class _Reporter(Callback):
    """Hands progress to the caller and stops when asked, after every batch."""

    def __init__(
        self,
        *,
        steps: int,
        every: int,
        on_event: Callable[[TrainProgress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.steps, self.every = steps, every
        self.on_event, self.should_stop = on_event, should_stop
        self.start = time.monotonic()
        self.stopped = False

    def _report(self, trainer: L.Trainer, *, validated: bool) -> None:
        metrics = trainer.callback_metrics
        loss = float(metrics["train_loss"]) if "train_loss" in metrics else float("nan")
        if not validated and not np.isfinite(loss):
            raise TrainingError(
                f"The loss is no longer a number at step {trainer.global_step}. Lower the learning rate."
            )
        self.on_event(
            TrainProgress(
                step=trainer.global_step,
                steps=self.steps,
                seconds=time.monotonic() - self.start,
                train_loss=loss,
                val_psnr=float(metrics["val_psnr"]) if validated else None,
                val_bicubic=float(metrics["val_bicubic"]) if validated else None,
            )
        )

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        if trainer.global_step % self.every == 0:
            self._report(trainer, validated=False)
        if self.should_stop():
            self.stopped = True
            trainer.should_stop = True

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._report(trainer, validated=True)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's hardware lines, tips, and advice that cannot be followed inside a viewer."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # workers would be processes, which a viewer cannot start; the other two are between Lightning and torch
            for message in (".*does not have many workers", ".*LeafSpec", ".*Checkpoint directory .* exists"):
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)


def load_sources(sources: Sequence[Source]) -> list[Plane2D]:
    """Read every plane of every source; the planes of one source share its weight."""
    planes: list[Plane2D] = []
    for source in sources:
        images = read_planes(Path(source.path))
        total = sum(image.size for image in images)
        planes += [Plane2D(image, source.weight / total) for image in images]
    return planes


def split_planes(planes: list[Plane2D]) -> tuple[list[Plane2D], list[Plane2D]]:
    """Keep every tenth image, and at least one, for validation: whole images, never neighbouring patches."""
    if len(planes) < 2:
        raise TrainingError(
            "One image is not enough to train and to validate. Give a second one, or validation images."
        )
    kept = set(range(len(planes) - 1, -1, -10))
    return (
        [p for i, p in enumerate(planes) if i not in kept],
        [p for i, p in enumerate(planes) if i in kept],
    )


def fit(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    on_event: Callable[[TrainProgress], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Train and write ``folder/<name>.safetensors`` from the best validated weights.

    Parameters
    ----------
    config
        What to train on what.
    folder
        Where checkpoints (``best.ckpt``, ``last.ckpt``), ``config.yaml`` and the model go.
    resume
        Go on from ``last.ckpt`` in that folder.
    device
        A Lightning accelerator name.
    on_event, should_stop
        Called after batches; the latter ends the run, which can then be resumed.

    Raises
    ------
    TrainingError
        If the images cannot be trained on, or the loss stops being a number.
    Cancelled
        If ``should_stop`` ended the run.
    """
    L.seed_everything(config.seed, verbose=False)
    degradation = make_degradation(config.degradation, config.scale)
    intensity = Intensity.from_dict(config.intensity)
    planes = load_sources(config.train)
    validation = load_sources(config.validation)
    if not validation:
        planes, validation = split_planes(planes)
    network, history = starting_network(config)
    if not config.start_from and not resume:
        start_filters(network, planes, degradation, intensity)
    module = Regression(network=network, config=config).to(memory_format=torch.channels_last)
    patches = PatchDataset(
        planes=planes,
        degradation=degradation,
        intensity=intensity,
        lr_patch=config.lr_patch,
        length=config.steps * config.batch_size,
        seed=config.seed,
        augment=config.augment,
    )
    whole = WholeImages(planes=validation, degradation=degradation, intensity=intensity, limit=128)
    checkpoint = folder / "last.ckpt"
    if resume and not checkpoint.exists():
        raise TrainingError(f"There is nothing to resume in {folder}: last.ckpt is missing.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(config.to_dict(), sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror}.") from None
    done = torch.load(checkpoint, weights_only=False, map_location="cpu")["global_step"] if resume else 0
    keeper = ModelCheckpoint(
        dirpath=folder, filename="best", monitor="val_psnr", mode="max", save_last=True,
        save_top_k=1, enable_version_counter=False,
    )  # fmt: skip
    reporter = _Reporter(steps=config.steps, every=20, on_event=on_event, should_stop=should_stop)
    with quiet_lightning():
        trainer = L.Trainer(
            accelerator=device, devices=1, max_steps=config.steps, logger=False,
            callbacks=[keeper, reporter], enable_progress_bar=False, enable_model_summary=False,
            val_check_interval=min(config.validate_every, config.steps), check_val_every_n_epoch=None,
            num_sanity_val_steps=0, default_root_dir=folder, gradient_clip_val=1.0,
        )  # fmt: skip
        trainer.fit(
            module,
            _ResumableLoader(
                patches,
                batch_size=config.batch_size,
                num_workers=0,
                sampler=_FromItem(start=done * config.batch_size, length=len(patches)),
            ),
            DataLoader(whole, batch_size=1, num_workers=0),
            ckpt_path=checkpoint if resume else None,
            weights_only=False if resume else None,
        )
    if reporter.stopped:
        trainer.save_checkpoint(checkpoint)
        raise Cancelled(f"Stopped at step {trainer.global_step}; resume from {folder}.")
    best = torch.load(keeper.best_model_path, weights_only=False, map_location="cpu")["state_dict"]
    prefix = "network."
    network.load_state_dict({k.removeprefix(prefix): v for k, v in best.items() if k.startswith(prefix)})
    with quiet_lightning():  # a resumed run need not have validated, and the last steps never were
        (scores,) = trainer.validate(module, DataLoader(whole, batch_size=1, num_workers=0), verbose=False)
    minutes = (time.monotonic() - reporter.start) / 60
    card = make_card(config, network, planes=len(planes), minutes=minutes, history=history)
    measured = {
        "data": "validation images, network values, centre of at most 128 LR pixels",
        "model": {"psnr": scores["val_psnr"]},
        "bicubic": {"psnr": scores["val_bicubic"]},
    }
    path = folder / f"{config.name}.safetensors"
    save(Model(network=network, card=replace(card, metrics=(measured,))), path)
    return path


def starting_network(config: TrainConfig) -> tuple[SRNetwork, list[dict[str, Any]]]:
    """Return the network of ``start_from`` and how that was trained, or a new one with seeded weights."""
    if not config.start_from:
        return create_network(config.network, **{"scale": config.scale, **dict(config.hyper_parameters)}), []
    model = load_model(config.start_from)
    if model.scale != config.scale:
        raise TrainingError(f"start_from: {model.card.name} upscales by {model.scale}, but scale is {config.scale}.")
    if Intensity.from_dict(config.intensity) != model.intensity:
        raise TrainingError(
            f"intensity: {model.card.name} was trained with {model.card.intensity}; fine-tuning needs the same."
        )
    earlier = dict(model.card.training)
    return model.network.train(), [*earlier.pop("earlier", []), earlier]


def start_filters(network: SRNetwork, planes: Sequence[Plane2D], degradation: Chain, intensity: Intensity) -> None:
    """Start every linear filter in a network as the Wiener filter of (at most 32 of) the training images."""
    filters = [m for m in network.modules() if isinstance(m, WienerFilter)]
    if filters:
        step = -(-len(planes) // 32)
        fitted = fit_wiener(
            planes[::step], degradation=degradation, intensity=intensity, kernel_size=filters[0].kernel_size
        )
        for one in filters:
            one.load_state_dict(fitted.state_dict())


def make_card(
    config: TrainConfig, network: SRNetwork, *, planes: int, minutes: float, history: Sequence[Mapping[str, Any]] = ()
) -> ModelCard:
    """Return the card of a trained network with all that training knows; ``history`` is of the runs before it."""
    training = {
        "data": [Path(s.path).name for s in config.train],
        "images": planes,
        "start_from": config.start_from,
        "loss": config.loss,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "lr_patch": config.lr_patch,
        "learning_rate": config.learning_rate,
        "optimizer": f"Adam {config.betas}, one-cycle",
        "seed": config.seed,
        "minutes": round(minutes, 1),
        "device": platform.machine(),
        "napari_sr": napari_sr.__version__,
        "torch": torch.__version__,
    }
    if history:
        training["earlier"] = [dict(run) for run in history]
    return ModelCard(
        **{
            "name": config.name,
            "network": network.name,
            "hyper_parameters": network.hyper_parameters,
            "scale": network.scale,
            "in_channels": network.in_channels,
            "out_channels": network.out_channels,
            "intensity": dict(config.intensity),
            "trained_patch": config.lr_patch,
            "degradation": config.degradation,
            "training": training,
            **dict(config.card),
        }
    )
