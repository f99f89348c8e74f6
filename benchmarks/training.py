"""Steps per second of a training beside a plain PyTorch loop, and memory with a large stack of images.

    python benchmarks/training.py [--steps 20] [--gigabytes 2] [--device cuda]

Both train the same networks on patches of the same images in one process, one after the other: `fit`, with its
checks, reports, checkpoints and lazy patches, and a loop that does only what the paper says, on patches that lie in
memory. Then `fit` runs on a memory-mapped stack of 0.2 and of 2 GB, and the peaks of memory are printed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from napari_sr.images.samples import load_sample
from napari_sr.losses import create_loss
from napari_sr.losses.adversarial import gradient_penalty
from napari_sr.networks import create_critic, create_network
from napari_sr.training import Source, TrainConfig, fit, recipe_config
from napari_sr.training.lightning.machine import usual_workers
from napari_sr.training.progress import TrainProgress

SETTINGS = {"wgan-gp": {"batch_size": 2}, "dfcan": {"batch_size": 1, "lr_patch": 32}}


def config_of(recipe: str, source: Path, steps: int) -> TrainConfig:
    return recipe_config(
        recipe, name="x", train=(Source(str(source)),), steps=steps, validate_every=steps, **SETTINGS[recipe]
    )


def seconds_of_fit(config: TrainConfig, folder: Path, device: str, workers: int) -> float:
    """Return the seconds a step, from the end of the first to the end of the last."""
    ends: dict[int, float] = {}

    def see(event: TrainProgress) -> None:
        ends.setdefault(event.step, time.perf_counter())

    fit(config, folder, device=device, workers=workers, on_event=see)
    first, last = min(s for s in ends if s >= 2), config.steps
    return (ends[last] - ends[first]) / (last - first)


def naive(config: TrainConfig, pairs: list[tuple[torch.Tensor, torch.Tensor]], device: str) -> float:
    """Return the seconds a step of the plain loop, without any data pipeline."""
    network = create_network(config.network, scale=4, **dict(config.hyper_parameters)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    loss_of = create_loss(config.loss, lower=-0.8, upper=0.8) if config.adversarial else create_loss(config.loss)
    settings = config.adversarial
    if settings is not None:
        critic = create_critic(settings.critic, in_channels=1).to(device)
        against = torch.optim.Adam(critic.parameters(), lr=1e-4)
    start = 0.0
    for step, pair in enumerate(pairs):
        lr, hr = (image.to(device) for image in pair)
        if step == 2:
            wait(device)
            start = time.perf_counter()
        if settings is not None and step % (settings.n_critic + 1) != settings.n_critic:
            with torch.no_grad():
                sr = network(lr)
            loss = critic(sr).mean() - critic(hr).mean()
            loss = loss + settings.gradient_penalty * gradient_penalty(
                critic, hr, sr, torch.rand(len(hr), device=device)
            )
            against.zero_grad()
            loss.backward()
            against.step()
            continue
        sr = network(lr)
        loss = loss_of(sr, hr) if settings is None else settings.pixel_weight * loss_of(sr, hr) - critic(sr).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wait(device)
    return (time.perf_counter() - start) / (len(pairs) - 2)


def wait(device: str) -> None:
    """Let the clock see the end of what a GPU was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--gigabytes", type=float, default=2, help="of images, for the peaks of memory; 0 for none")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", type=int, help="patches a step (2 and 1)")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak_of:
        print_peak(arguments.peak_of)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hr = load_sample("em-phantom").hr
        np.save(folder / "hr.npy", np.stack([hr, hr[::-1]]))
        for recipe in SETTINGS:
            config = config_of(recipe, folder / "hr.npy", arguments.steps)
            if arguments.batch:
                config = replace(config, batch_size=arguments.batch)
            side = config.lr_patch * 4
            drawn = torch.Generator().manual_seed(0)
            pairs = []
            for _ in range(arguments.steps):
                patch = torch.rand(config.batch_size, 1, side, side, generator=drawn)
                pairs.append((F.avg_pool2d(patch, 4), patch))
            plain = naive(config, pairs, arguments.device)
            for workers in sorted({0, usual_workers(arguments.device)}):
                ours = seconds_of_fit(config, folder / f"{recipe}{workers}", arguments.device, workers)
                print(
                    f"{recipe}, {config.batch_size} patches, {workers} processes that prepare them: "
                    f"{1 / ours:.2f} steps/s; plain loop without data {1 / plain:.2f}; ratio {plain / ours:.2f}",
                    flush=True,
                )
        for gigabytes in (arguments.gigabytes / 10, arguments.gigabytes) if arguments.gigabytes else ():
            write_stack(folder / "large.npy", gigabytes)
            # a process of its own: what earlier trainings used is not counted
            command = [sys.executable, __file__, "--peak-of", str(folder / "large.npy")]
            print(f"{gigabytes:g} GB: {subprocess.check_output(command, text=True).strip()}", flush=True)


def write_stack(path: Path, gigabytes: float) -> None:
    """Write images of 1000 x 1000 pixels, uint16."""
    block = np.random.default_rng(0).integers(0, 4000, (1000, 1000)).astype(np.uint16)
    planes = int(gigabytes * 1e9 / block.nbytes)
    large = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=(planes, *block.shape))
    for plane in large:
        plane[...] = block
    large.flush()


def print_peak(path: Path) -> None:
    """Train on a stack, and print the peak of the memory that is the process's own, and of all that it had mapped."""
    own = [0]

    def watch() -> None:
        while True:  # pages of the file are not counted: the system takes them back whenever it needs them
            own[0] = max(own[0], int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]))
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        fit(config_of("dfcan", path, 20), Path(folder))
    mapped = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {own[0] / 1024**2:.2f} GiB, with mapped files {mapped / 1024**2:.2f} GiB")


if __name__ == "__main__":
    main()
