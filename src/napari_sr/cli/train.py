"""``napari-sr train``: from a configuration file, or from images and a few options."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console


def command(
    source: Annotated[Path, typer.Argument(help="Configuration (.yaml), or HR image or folder.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for checkpoints and the model.")],
    lr: Annotated[
        Path | None, typer.Option(help="Measured LR images of the same names (for images); otherwise they are made.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="dfcan, wgan-gp, wgan-pixel, rcan, regression, srgan, esrgan (for images).")
    ] = "dfcan",
    name: Annotated[str, typer.Option(help="Name of the model (for images).")] = "my-model",
    scale: Annotated[int | None, typer.Option(help="Upscaling factor (for images). Default: 4.")] = None,
    degradation: Annotated[
        str | None,
        typer.Option(
            help="Preset, or steps such as 'gaussian(2) + area', that makes LR from HR (for images). Default: em."
        ),
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
    devices: Annotated[int, typer.Option(min=1, help="Devices to share each batch.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines to share each batch.")] = 1,
    install: Annotated[bool, typer.Option("--install", help="Add the model to your models.")] = False,
) -> None:
    """Train or fine-tune a model on your own high-resolution images."""
    from dataclasses import replace

    from napari_sr.errors import ConfigError
    from napari_sr.store import load_model, user_folder
    from napari_sr.training import Source, TrainConfig, fit, recipe_config
    from napari_sr.training.progress import TrainProgress
    from napari_sr.training.reporting import is_main_process

    given = {
        "steps": steps, "lr_patch": lr_patch, "batch_size": batch_size,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip
    changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    if source.suffix.lower() in (".yaml", ".yml"):
        config = replace(TrainConfig.read(source), **changes)
    else:
        if start_from:  # a model keeps its scale, its degradation, and above all its intensity transform
            card = load_model(start_from).card
            changes = {
                "scale": card.scale, "degradation": card.degradation or "em", "intensity": dict(card.intensity),
                "network": card.network, "hyper_parameters": {}, "start_from": start_from, **changes,
            }  # fmt: skip
        changes |= {k: v for k, v in {"scale": scale, "degradation": degradation}.items() if v is not None}
        if lr is not None:
            changes["degradation"] = ""
        images = Source(str(source), lr="" if lr is None else str(lr))
        config = recipe_config(recipe, name=name, train=(images,), **changes)
    target = user_folder() / f"{config.name}.safetensors"
    if install and target.exists() and not overwrite:  # said before the hours of training, not after them
        raise ConfigError(
            f"You have a model called {config.name} already. "
            "Choose another name, or allow it to be replaced (--overwrite)."
        )
    console = Console(soft_wrap=True)

    def show(event: TrainProgress) -> None:
        if event.note or event.stage:
            console.print(event.note or event.stage, style="yellow" if event.note else "", highlight=False)
        if event.is_message:
            return
        line = f"step {event.step}/{config.steps}  {event.seconds:.0f} s  loss {event.train_loss:.5f}"
        if event.val_psnr is not None and event.val_bicubic is not None:
            line += f"  validation {event.val_psnr:.2f} dB (bicubic {event.val_bicubic:.2f})"
        line += "".join(f"  {name.replace('_', ' ')} {value:.4g}" for name, value in event.losses.items())
        console.print(line, highlight=False)

    path = fit(
        config, output, resume=resume, overwrite=overwrite, device=device, devices=devices, num_nodes=num_nodes,
        on_event=show,
    )  # fmt: skip
    if not is_main_process():
        return
    console.print(f"Model: {path}", highlight=False)
    if install:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        console.print(f"Added to your models as {path.stem}.", highlight=False)
