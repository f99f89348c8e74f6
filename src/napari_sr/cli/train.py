"""``napari-sr train``: from a configuration file, or from images and a few options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from napari_sr.cli.stopping import interruptible

if TYPE_CHECKING:
    from napari_sr.training.progress import TrainProgress
    from napari_sr.training.session import Installed, Trained


def command(
    source: Annotated[Path, typer.Argument(help="Configuration (.yaml), or HR image or folder.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for checkpoints and the model.")],
    lr: Annotated[
        Path | None, typer.Option(help="Measured LR images of the same names (for images); otherwise they are made.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="How to train (for images); an unknown name lists them. Default: adaptive, or what fits the model to "
            "fine-tune."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model (for images). Default: my-model.")] = None,
    network: Annotated[str | None, typer.Option(help="Network of the recipe 'regression' (for images).")] = None,
    scale: Annotated[int | None, typer.Option(help="Upscaling factor (for images). Default: 4.")] = None,
    degradation: Annotated[
        str | None,
        typer.Option(
            help="Preset, or steps such as 'gaussian(2) + area', that makes LR from HR (for images). Default: the "
            "recipe's, or that of the model to fine-tune."
        ),
    ] = None,
    start_from: Annotated[str | None, typer.Option(help="Model to fine-tune (for images).")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Kind of image (for images): EM, fluorescence or N-body, whose logarithm is learnt from. Default: a "
            "guess from the first image."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    lr_patch: Annotated[int | None, typer.Option(help="Patch side in LR pixels.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Patches a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and sampling.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field of a configuration, such as adversarial.pixel_weight=200; can be given again.",
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=A,B,C",
            help="Train once for each value, and compare in a table; given again, for every combination.",
        ),
    ] = None,
    few: Annotated[
        str | None,
        typer.Option(metavar="5,20,100", help="Train on so many of the images, and draw how fidelity grows with them."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder, and a model of the same name.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Devices to share each batch.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines to share each batch.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare patches; as many as a GPU needs if not given.")
    ] = None,
    install: Annotated[
        bool,
        typer.Option(
            "--install",
            help="Add the model to your models, unless it is worse than bicubic or than what it started from.",
        ),
    ] = False,
    install_anyway: Annotated[
        bool,
        typer.Option(
            "--install-anyway",
            help="Add it whatever it came to. If it is already in the output folder, nothing is trained again.",
        ),
    ] = False,
) -> None:
    """Train or fine-tune a model on your own high-resolution images."""
    from dataclasses import replace

    from napari_sr.cli.train_grid import axes_of, train_many
    from napari_sr.errors import ConfigError
    from napari_sr.training import TrainConfig, fit
    from napari_sr.training.lightning.machine import is_main_process, usual_workers
    from napari_sr.training.request import TrainRequest, make_config, with_kind
    from napari_sr.training.session import check_installable, settle
    from napari_sr.training.settings import changed, parse_setting

    given = {
        "steps": steps, "lr_patch": lr_patch, "batch_size": batch_size,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip
    changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    if source.suffix.lower() in (".yaml", ".yml"):
        for_images = {
            "--lr": lr, "--recipe": recipe, "--name": name, "--network": network, "--scale": scale,
            "--degradation": degradation, "--start-from": start_from, "--kind": kind,
        }  # fmt: skip
        if useless := [option for option, value in for_images.items() if value is not None]:
            raise ConfigError(f"{', '.join(useless)}: {source.name} says that already; change it there.")
        config = replace(TrainConfig.read(source), **changes)
    else:
        request = TrainRequest(
            name=name or "my-model", hr=str(source), lr=None if lr is None else str(lr), recipe=recipe or "",
            start_from=start_from or "", network=network or "", scale=scale, degradation=degradation, kind=kind or "",
            changes=changes,
        )  # fmt: skip
        config = make_config(with_kind(request), str(source), "" if lr is None else str(lr))
    config = changed(config, dict(parse_setting(text) for text in set_ or ()))
    how: dict[str, Any] = {
        "overwrite": overwrite, "device": device, "devices": devices, "num_nodes": num_nodes,
        "workers": usual_workers(device) if workers is None else workers,
    }  # fmt: skip
    if grid or few is not None:
        if install or install_anyway:
            raise ConfigError("--install: of a grid, add the model that you choose with: napari-sr models add FILE.")
        train_many(config, output, axes_of(grid or (), few), curve=few is not None, **how)
        return
    installed: Installed = "all" if install_anyway else "good" if install else "none"
    if installed != "none":
        check_installable(config, overwrite=overwrite)
    console = Console(soft_wrap=True)
    trained = output / f"{config.name}.safetensors"
    if install_anyway and not (overwrite or resume) and trained.exists() and (output / "report.html").exists():
        console.print(f"Nothing is trained: {trained} is there already.", highlight=False)
        _say(console, settle(trained, installed="all"), installed)
        return
    with interruptible() as stopped:
        path = fit(
            config, output, resume=resume, on_event=lambda event: show(console, event), should_stop=stopped.is_set,
            **how,
        )  # fmt: skip
    if is_main_process():
        _say(console, settle(path, installed=installed, overwrite=overwrite), installed)


def show(console: Console, event: TrainProgress) -> None:
    """Print one look at the run."""
    if event.note or event.stage:
        console.print(event.note or event.stage, style="yellow" if event.note else "", highlight=False)
    if event.is_message:
        return
    line = f"step {event.step}/{event.steps}  {event.seconds:.0f} s  {event.loss_text}".rstrip()
    if event.val_psnr is not None and event.val_bicubic is not None:
        line += f"  validation {event.val_psnr:.2f} dB (bicubic {event.val_bicubic:.2f})"
    line += "".join(f"  {name.replace('_', ' ')} {value:.4g}" for name, value in event.losses.items())
    console.print(line, highlight=False)


def _say(console: Console, trained: Trained, wanted: Installed) -> None:
    """Print what came out, the verdict on it, and where it is."""
    console.print(f"Model: {trained.path}", highlight=False)
    verdict = trained.verdict
    if verdict is None:
        console.print("It was not measured: compare it before you rely on it.", style="yellow", highlight=False)
    else:
        style = {"good": "green", "doubtful": "yellow", "bad": "bold red"}[verdict.level]
        console.print(verdict.headline, style=style, highlight=False, markup=False)
        for sentence in (*verdict.reasons, *verdict.advice):
            console.print(sentence, style=style.removeprefix("bold "), highlight=False, markup=False)
    if trained.installed:
        console.print(f"Added to your models as {trained.name}.", highlight=False)
    elif wanted != "none":
        console.print(
            f"Not added to your models. To add it anyway, give the same command with --install-anyway in place of "
            f"--install (and without --overwrite and --resume): nothing is trained again. Its files are in "
            f"{trained.path.parent}.",
            highlight=False, markup=False,
        )  # fmt: skip
