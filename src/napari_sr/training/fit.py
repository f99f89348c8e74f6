"""Run a training from a configuration to a model file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from napari_sr.data.patches import PatchDataset, Plane2D
from napari_sr.degradations import Chain, make_degradation
from napari_sr.errors import Cancelled, TrainingError
from napari_sr.intensity import Intensity
from napari_sr.model import Model, save
from napari_sr.networks import SRNetwork, create_network
from napari_sr.networks.wiener import WienerFilter
from napari_sr.store import load_model
from napari_sr.training.card import make_card
from napari_sr.training.config import TrainConfig
from napari_sr.training.images import FromItem, ResumableLoader, WholeImages, load_sources, split_planes
from napari_sr.training.regression import Regression
from napari_sr.training.reporting import Reporter, TrainProgress, quiet_lightning
from napari_sr.training.wiener import fit_wiener


def fit(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
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
    overwrite
        Begin anew in a folder that holds an earlier run.
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
    checkpoint = folder / "last.ckpt"
    if resume and not checkpoint.exists():
        raise TrainingError(f"There is nothing to resume in {folder}: last.ckpt is missing.")
    if checkpoint.exists() and not (resume or overwrite):
        raise TrainingError(
            f"{folder} holds an earlier run. Go on with it (--resume), choose another folder, "
            "or allow it to be replaced (--overwrite)."
        )
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
    reporter = Reporter(steps=config.steps, every=20, on_event=on_event, should_stop=should_stop)
    with quiet_lightning():
        trainer = L.Trainer(
            accelerator=device, devices=1, max_steps=config.steps, logger=False,
            callbacks=[keeper, reporter], enable_progress_bar=False, enable_model_summary=False,
            val_check_interval=min(config.validate_every, config.steps), check_val_every_n_epoch=None,
            num_sanity_val_steps=0, default_root_dir=folder, gradient_clip_val=1.0,
        )  # fmt: skip
        trainer.fit(
            module,
            ResumableLoader(
                patches,
                batch_size=config.batch_size,
                num_workers=0,
                sampler=FromItem(start=done * config.batch_size, length=len(patches)),
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
