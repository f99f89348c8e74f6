"""``napari-sr train``: from a configuration file, or from images and a few options."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

DEFAULTS: dict[str, dict[str, Any]] = {
    "dfcan": {"network": "dfcan", "loss": "mse+ssim", "learning_rate": 3e-4},
    "wgan-pixel": {
        "network": "wgan",
        "loss": "l1",
        "learning_rate": 5e-4,
        # room above and below, since tanh cannot reach its limits
        "intensity": {"kind": "percentile", "lower": -0.8, "upper": 0.8},
    },
    "rcan": {"network": "rcan", "loss": "l1", "learning_rate": 5e-4},
}


def command(
    source: Annotated[Path, typer.Argument(help="Configuration (.yaml), or HR image or folder.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for checkpoints and the model.")],
    recipe: Annotated[str, typer.Option(help=f"{', '.join(DEFAULTS)} (for images).")] = "dfcan",
    name: Annotated[str, typer.Option(help="Name of the model (for images).")] = "my-model",
    scale: Annotated[int | None, typer.Option(help="Upscaling factor (for images). Default: 4.")] = None,
    degradation: Annotated[
        str | None, typer.Option(help="Preset that makes LR from HR (for images). Default: em.")
    ] = None,
    start_from: Annotated[str, typer.Option(help="Model to fine-tune (for images).")] = "",
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    lr_patch: Annotated[int | None, typer.Option(help="Patch side in LR pixels.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Patches a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and sampling.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder, and a model of the same name.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    install: Annotated[bool, typer.Option("--install", help="Add the model to your models.")] = False,
) -> None:
    """Train or fine-tune a model on your own high-resolution images."""
    from dataclasses import replace

    from napari_sr.errors import ConfigError
    from napari_sr.store import load_model, user_folder
    from napari_sr.training import Source, TrainConfig, fit
    from napari_sr.training.reporting import TrainProgress

    given = {
        "steps": steps, "lr_patch": lr_patch, "batch_size": batch_size,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip
    changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    if source.suffix.lower() in (".yaml", ".yml"):
        config = replace(TrainConfig.read(source), **changes)
    else:
        if recipe not in DEFAULTS:
            raise ConfigError(f"There is no recipe {recipe!r}. Known: {', '.join(DEFAULTS)}.")
        settings = {**DEFAULTS[recipe], **changes}
        if recipe == "dfcan":
            settings["hyper_parameters"] = {"head": "linear", "skip": "filter"}
        known: dict[str, Any] = {"scale": 4, "degradation": "em"}
        if start_from:  # a model keeps its scale, its degradation, and above all its intensity transform
            card = load_model(start_from).card
            known = {"scale": card.scale, "degradation": card.degradation or "em"}
            settings["intensity"] = dict(card.intensity)
        chosen = {k: v for k, v in {"scale": scale, "degradation": degradation}.items() if v is not None}
        config = TrainConfig(
            name=name, train=(Source(str(source)),), start_from=start_from, **{**settings, **known, **chosen}
        )
    target = user_folder() / f"{config.name}.safetensors"
    if install and target.exists() and not overwrite:  # said before the hours of training, not after them
        raise ConfigError(
            f"You have a model called {config.name} already. "
            "Choose another name, or allow it to be replaced (--overwrite)."
        )
    console = Console(soft_wrap=True)

    def show(event: TrainProgress) -> None:
        line = f"step {event.step}/{config.steps}  {event.seconds:.0f} s  loss {event.train_loss:.5f}"
        if event.val_psnr is not None and event.val_bicubic is not None:
            line += f"  validation {event.val_psnr:.2f} dB (bicubic {event.val_bicubic:.2f})"
        console.print(line, highlight=False)

    path = fit(config, output, resume=resume, overwrite=overwrite, device=device, on_event=show)
    console.print(f"Model: {path}", highlight=False)
    if install:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        console.print(f"Added to your models as {path.stem}.", highlight=False)
