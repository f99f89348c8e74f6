"""The model card of a trained network."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import napari_sr
from napari_sr.degradations import make_degradation
from napari_sr.models.model import ModelCard
from napari_sr.networks import SRNetwork
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.optimizers import OPTIMIZERS, SCHEDULES


def _loss(config: TrainConfig) -> str:
    """Return the losses and their weights in words."""
    adversarial = config.adversarial
    parts = [config.loss if adversarial is None else f"{adversarial.pixel_weight:g}·{config.loss}"]
    parts += [f"{weight:g}·{name}" for name, weight in config.extra_losses.items()]
    if adversarial is not None:
        penalty = f"λ = {adversarial.gradient_penalty:g}"
        parts.append(f"{adversarial.weight:g}·{adversarial.loss} against {adversarial.critic}, {penalty}")
    return " + ".join(parts)


def make_card(
    config: TrainConfig,
    network: SRNetwork,
    *,
    planes: int,
    steps: int,
    minutes: float,
    start: ModelCard | None = None,
    device: str = "",
    precision: str = "",
    lr_images: Mapping[str, tuple[float, float]] | None = None,
) -> ModelCard:
    """Return the card of a trained network with all that training knows.

    ``steps`` were done, fewer than asked for if the run ended early. ``lr_images`` are the ranges of measured LR
    images; those of the degradation if None. ``precision`` is what was computed in, what was asked for if empty. What
    the model of ``start`` was trained on is in the new one, too: it keeps its runs, its kind, its licence and the
    attribution of its images.
    """
    training = {
        "data": [Path(s.path).name for s in config.train],
        "images": planes,
        "start_from": Path(config.start_from).name.removesuffix(".safetensors"),  # paths say nothing elsewhere
        "recipe": config.recipe,
        "loss": _loss(config),
        "rounded": config.rounded,
        "steps": steps,
        "batch_size": config.batch_size,
        "lr_patch": config.lr_patch,
        "learning_rate": config.learning_rate,
        "optimizer": ", ".join(
            (f"{OPTIMIZERS.entry(config.optimizer).title} {config.betas}", SCHEDULES.entry(config.schedule).title)
        ),
        "seed": config.seed,
        "minutes": round(minutes, 1),
        "precision": precision or config.precision,
        "ema": config.ema,
        "device": device or platform.machine(),
        "napari_sr": napari_sr.__version__,
        "torch": torch.__version__,
    }
    chain = make_degradation(config.degradation, config.scale) if config.degradation else None
    inherited: dict[str, Any] = {}
    if start is not None:
        before = dict(start.training)
        training["start_sha256"] = start.weights_sha256
        training["earlier"] = [*before.pop("earlier", []), before]
        inherited = {name: getattr(start, name) for name in ("kind", "licence", "attribution", "citation")}
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
            "degradation": chain.name if chain else "",
            "lr_images": dict(lr_images or (chain.ranges() if chain else {})),
            "training": training,
            **inherited,
            **dict(config.card),
        }
    )
