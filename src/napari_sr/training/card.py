"""The model card of a trained network."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import napari_sr
from napari_sr.model import ModelCard
from napari_sr.networks import SRNetwork
from napari_sr.training.config import TrainConfig
from napari_sr.training.optimizers import OPTIMIZERS, SCHEDULES


def _loss(config: TrainConfig) -> str:
    """Return the losses and their weights in words."""
    rival = config.adversarial
    parts = [config.loss if rival is None else f"{rival.pixel_weight:g}·{config.loss}"]
    parts += [f"{weight:g}·{name}" for name, weight in config.extra_losses.items()]
    if rival is not None:
        parts.append(f"{rival.weight:g}·{rival.loss} against {rival.critic}, λ = {rival.gradient_penalty:g}")
    return " + ".join(parts)


def make_card(
    config: TrainConfig,
    network: SRNetwork,
    *,
    planes: int,
    steps: int,
    minutes: float,
    history: Sequence[Mapping[str, Any]] = (),
) -> ModelCard:
    """Return the card of a trained network with all that training knows.

    ``steps`` were done, fewer than asked for if the run ended early; ``history`` is of the runs before it.
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
