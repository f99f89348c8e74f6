"""Where the time of a run goes: a table of stages for each model.

    python benchmarks/stages.py [--size 1024] [--models em-x4 em-wgan-pixel-x4] [--backend torch]

With torch, the network is split into its body, which works at the size of the tile, and its upsampler, which works on
more pixels than that: by the size of what each layer returns. Reading and writing are from and into memory here.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import torch
from inference import model_of, picture

from napari_sr.inference import Upscaler, plane
from napari_sr.inference.checks import Checks
from napari_sr.inference.conditions import PlaneConditions
from napari_sr.inference.device import Prepared
from napari_sr.inference.output import RowWriter
from napari_sr.inference.parts import PlaneFits
from napari_sr.inference.runner import Runner
from napari_sr.intensity import FittedIntensity

STAGES: dict[str, float] = {}
#: stages, and what does them: the first of two that lie in each other counts both
WATCHED: tuple[tuple[str, Any, str], ...] = (
    ("read", plane, "_read"),
    ("normalise", FittedIntensity, "forward"),
    ("fit intensities", PlaneFits, "__call__"),
    ("estimate blur and noise", PlaneConditions, "__call__"),
    ("network", Runner, "infer"),
    ("back to image values", plane, "image_values"),
    ("check", Checks, "add"),
    ("blend, round and write", RowWriter, "add"),
)


def watch(owner: Any, name: str, stage: str) -> None:
    """Add the time of every call to a stage."""
    inner: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(inner)
    def timed(*args: Any, **settings: Any) -> Any:
        start = time.perf_counter()
        try:
            return inner(*args, **settings)
        finally:
            STAGES[stage] = STAGES.get(stage, 0.0) + time.perf_counter() - start

    setattr(owner, name, timed)


def watch_layers(network: torch.nn.Module) -> None:
    """Add the time of every layer to the body or to the upsampler, by how large its input and output are."""
    begun: dict[int, float] = {}
    side: dict[str, int] = {}

    def before(module: torch.nn.Module, inputs: Any) -> None:
        begun[id(module)] = time.perf_counter()

    def after(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if torch.is_tensor(output) and output.ndim == 4:
            stage = (
                "  layers above the tile's size" if output.shape[-1] > side["tile"] else "  layers at the tile's size"
            )
            STAGES[stage] = STAGES.get(stage, 0.0) + time.perf_counter() - begun[id(module)]

    def whole(module: torch.nn.Module, inputs: Any) -> None:
        side["tile"] = inputs[0].shape[-1]

    network.register_forward_pre_hook(whole)
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_pre_hook(before)
            module.register_forward_hook(after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="side of the LR image")
    parser.add_argument("--models", nargs="+", default=["em-x4", "em-wgan-pixel-x4"])
    parser.add_argument("--backend", default="torch")
    arguments = parser.parse_args()
    image = picture(arguments.size)
    for stage, owner, name in WATCHED:
        watch(owner, name, stage)
    prepare = Prepared.network

    @functools.wraps(prepare)
    def network(self: Prepared, *args: Any, **settings: Any) -> Any:
        found = prepare(self, *args, **settings)
        if not getattr(found, "watched", False):
            found.watched = True
            watch_layers(found)
        return found

    Prepared.network = network  # type: ignore[method-assign]
    for name in arguments.models:
        upscaler = Upscaler(model_of(name), backend=arguments.backend)
        upscaler(image)
        STAGES.clear()
        start = time.perf_counter()
        upscaler(image)
        seconds = time.perf_counter() - start
        print(f"{name}, {arguments.backend}: {seconds:.2f} s")
        for stage, took in sorted(STAGES.items(), key=lambda item: -item[1]):
            print(f"  {stage:32} {took:7.3f} s  {took / seconds:5.1%}")
        inside = sum(took for stage, took in STAGES.items() if not stage.startswith(" ") and stage != "normalise")
        print(f"  {'the rest':32} {seconds - inside:7.3f} s  {1 - inside / seconds:5.1%}", flush=True)


if __name__ == "__main__":
    main()
