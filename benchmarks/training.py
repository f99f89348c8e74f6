"""Steps per second of a training beside a plain PyTorch loop, and memory with a large stack of images.

    python benchmarks/training.py [--steps 20] [--gigabytes 2]

Both train the same networks on patches of the same images in one process, one after the other: `fit`, with its
checks, reports, checkpoints and lazy patches, and a loop that does only what the paper says, on patches that lie in
memory. Then `fit` runs on a memory-mapped stack of 2 GB, and the growth of peak memory is printed.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from napari_sr.data.samples import load_sample
from napari_sr.losses import create_loss
from napari_sr.losses.adversarial import gradient_penalty
from napari_sr.networks import create_critic, create_network
from napari_sr.training import Source, TrainConfig, fit, recipe_config
from napari_sr.training.progress import TrainProgress

SETTINGS = {"wgan-gp": {"batch_size": 2}, "dfcan": {"batch_size": 1, "lr_patch": 32}}


def config_of(recipe: str, source: Path, steps: int) -> TrainConfig:
    return recipe_config(
        recipe, name="x", train=(Source(str(source)),), steps=steps, validate_every=steps, **SETTINGS[recipe]
    )


def seconds_of_fit(config: TrainConfig, folder: Path) -> float:
    """Return the seconds a step, from the end of the first to the end of the last."""
    ends: dict[int, float] = {}

    def see(event: TrainProgress) -> None:
        ends.setdefault(event.step, time.perf_counter())

    fit(config, folder, on_event=see)
    first, last = min(s for s in ends if s >= 2), config.steps
    return (ends[last] - ends[first]) / (last - first)


def naive(config: TrainConfig, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Return the seconds a step of the plain loop."""
    network = create_network(config.network, scale=4, **dict(config.hyper_parameters))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    loss_of = create_loss(config.loss, lower=-0.8, upper=0.8) if config.adversarial else create_loss(config.loss)
    rival = config.adversarial
    if rival is not None:
        critic = create_critic(rival.critic, in_channels=1)
        against = torch.optim.Adam(critic.parameters(), lr=1e-4)
    start = 0.0
    for step, (lr, hr) in enumerate(pairs):
        if step == 2:
            start = time.perf_counter()
        if rival is not None and step % (rival.n_critic + 1) != rival.n_critic:
            with torch.no_grad():
                sr = network(lr)
            loss = critic(sr).mean() - critic(hr).mean()
            loss = loss + rival.gradient_penalty * gradient_penalty(critic, hr, sr, torch.rand(len(hr)))
            against.zero_grad()
            loss.backward()
            against.step()
            continue
        sr = network(lr)
        loss = loss_of(sr, hr) if rival is None else rival.pixel_weight * loss_of(sr, hr) - critic(sr).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - start) / (len(pairs) - 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--gigabytes", type=float, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hr = load_sample("em-phantom").hr
        np.save(folder / "hr.npy", np.stack([hr, hr[::-1]]))
        for recipe in SETTINGS:
            config = config_of(recipe, folder / "hr.npy", arguments.steps)
            side = config.lr_patch * 4
            drawn = torch.Generator().manual_seed(0)
            pairs = []
            for _ in range(arguments.steps):
                patch = torch.rand(config.batch_size, 1, side, side, generator=drawn)
                pairs.append((F.avg_pool2d(patch, 4), patch))
            plain = naive(config, pairs)
            ours = seconds_of_fit(config, folder / recipe)
            print(
                f"{recipe}: {1 / ours:.2f} steps/s, plain loop {1 / plain:.2f} steps/s, ratio {plain / ours:.2f}",
                flush=True,
            )
        planes = int(arguments.gigabytes * 1e9 / 2 / 1000**2)
        large = np.lib.format.open_memmap(folder / "large.npy", mode="w+", dtype=np.uint16, shape=(planes, 1000, 1000))
        block = np.random.default_rng(0).integers(0, 4000, (1000, 1000)).astype(np.uint16)
        for plane in large:
            plane[...] = block
        large.flush()
        del large
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        fit(config_of("dfcan", folder / "large.npy", 20), folder / "large")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024**2
        print(f"{planes} planes, {arguments.gigabytes:g} GB: peak memory grew by {grown:.2f} GiB")


if __name__ == "__main__":
    main()
