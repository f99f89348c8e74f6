"""Speed of tiled inference beside the loop that upscaling programs usually have, with the limit of the machine.

    python benchmarks/inference.py [--size 1024] [--models em-x4 em-dfcan-x4] [--device cuda] [--usual fp32]
    python benchmarks/inference.py --size 512 --models wgan:4 rrdb:2 srvgg:4 swinir:4

A model is one that ships, or NETWORK:SCALE with random weights, which are as fast; it gets as much context as the usual
loop gives (what a file's network needs is measured when it is opened).

The usual loop is the one of Real-ESRGAN's programs: one tile after another with 10 px of context, fp32 in tiles of
256 px, and as its users speed it up: autocast to half precision, channels last, in tiles of 128 px (CPU) or 512 px
(GPU). All run the same weights on the same image in one process; the ratio is what counts. The limit is the rate of
one 3x3 convolution of 64 features, the best over several sizes, in the precision of our run.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_sr import load_model
from napari_sr.errors import SRError
from napari_sr.images.samples import load_sample
from napari_sr.inference import Finished, Upscaler, iter_upscale, openvino
from napari_sr.inference.device import DTYPES, Target, choose, device_title
from napari_sr.inference.timings import processor
from napari_sr.models.model import Model, ModelCard
from napari_sr.networks import create_network

PAD = 10
T = TypeVar("T")


@dataclass(frozen=True)
class Loop:
    """Settings of the usual loop."""

    precision: str
    tile: int


def picture(size: int) -> np.ndarray:
    """A structured uint8 image of any size: the EM phantom's LR image, repeated with flips so that it joins."""
    lr = load_sample("em-phantom").lr
    joined = np.block([[lr, lr[:, ::-1]], [lr[::-1], lr[::-1, ::-1]]])
    times = -(-size // joined.shape[0])
    return np.ascontiguousarray(np.tile(joined, (times, times))[:size, :size])


def wait(device: str) -> None:
    """Let the clock see the end of what a GPU was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(torch.device(device))


def usual(image: np.ndarray, network: torch.nn.Module, model: Model, device: str, loop: Loop) -> float:
    """Run the usual loop and return its seconds."""
    fitted, s, side = model.intensity.fit(image), model.scale, loop.tile
    low = loop.precision != "fp32"
    memory_format = torch.channels_last if low else torch.contiguous_format
    network = network.to(memory_format=memory_format)
    rows, columns = image.shape
    out = np.empty((rows * s, columns * s), np.uint8)
    wait(device)
    start = time.perf_counter()
    with torch.inference_mode(), torch.autocast(device.split(":", maxsplit=1)[0], DTYPES[loop.precision], enabled=low):
        for y in range(0, rows, side):
            for x in range(0, columns, side):
                top, left = max(0, y - PAD), max(0, x - PAD)
                window = fitted.forward(image[top : y + side + PAD, left : x + side + PAD])
                lr = torch.from_numpy(window)[None, None].to(device, memory_format=memory_format)
                sr = fitted.inverse(network(lr)[0, 0].float().cpu().numpy())
                kept = sr[(y - top) * s :, (x - left) * s :][: side * s, : side * s]
                out[y * s : (y + side) * s, x * s : (x + side) * s] = np.clip(np.rint(kept), 0, 255)
    return time.perf_counter() - start


def model_of(name: str) -> Model:
    """Return a model that ships, or a network with random weights, by NETWORK:SCALE."""
    if ":" not in name:
        return load_model(name)
    network, scale = name.split(":")
    torch.manual_seed(0)
    made = create_network(network, scale=int(scale)).eval()
    card = ModelCard(
        name=name, network=network, hyper_parameters=made.hyper_parameters, scale=int(scale),
        halo=dict.fromkeys(("fp32", "low"), min(PAD, made.halo)),
    )  # fmt: skip
    return Model(network=made, card=card)


def engine(image: np.ndarray, upscaler: Upscaler) -> tuple[Finished, float]:
    """Run a prepared engine; return its last event, and the seconds with what is measured and built for each image."""
    start = time.perf_counter()
    for event in upscaler.iter(image):
        if isinstance(event, Finished):
            return event, time.perf_counter() - start
    raise AssertionError("no result")


def by_backend(image: np.ndarray, model: Model, target: Target) -> dict[str, tuple[Finished, float]]:
    """Return the runs with torch and with OpenVINO, the faster first; prints what preparing OpenVINO took."""
    backends = ["torch"]
    able = openvino.can_run(model.network, target.precision)
    able = able or (model.network.fixes and not (target.precision == "bf16" and model.network.rounds_badly))
    if target.device == "cpu" and openvino.installed() and able:
        backends.append("openvino")
    done: dict[str, tuple[Finished, float]] = {}
    for backend in backends:
        start = time.perf_counter()
        try:
            upscaler = Upscaler(model, device=target.device, precision=target.precision, backend=backend)
            engine(image[:64, :64], upscaler)
        except SRError as error:
            print(f"  {error}")
            continue
        if backend == "openvino":
            print(f"  ready for OpenVINO after {time.perf_counter() - start:.1f} s", flush=True)
        engine(image, upscaler)  # kernels are made for each size of tiles
        done[backend] = engine(image, upscaler)
    return dict(sorted(done.items(), key=lambda item: item[1][1]))


def tiled(image: np.ndarray, model: Model, **settings: object) -> Finished:
    """Run the engine and return its last event."""
    for event in iter_upscale(image, model, **settings):
        if isinstance(event, Finished):
            return event
    raise AssertionError("no result")


def flop_per_pixel(model: Model) -> float:
    """Operations an output pixel, of convolutions (a multiplication and an addition are two)."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model.network(torch.zeros(1, 1, 64, 64))
    return float(counter.get_total_flops()) / (64 * model.scale) ** 2


def convolution_rate(device: str, precision: str) -> float:
    """FLOP/s of a 3x3 convolution of 64 features: the best over sizes of image and batch."""
    best = 0.0
    conv = torch.nn.Conv2d(64, 64, 3, padding=1).to(device, DTYPES[precision]).to(memory_format=torch.channels_last)
    for batch, side in ((1, 64), (8, 64), (1, 128), (1, 256), (1, 512), (1, 1024)):
        x = torch.rand(batch, 64, side, side, device=device, dtype=DTYPES[precision])
        x = x.to(memory_format=torch.channels_last)
        with torch.inference_mode():
            for _ in range(3):
                conv(x)
            wait(device)
            count, start = 0, time.perf_counter()
            while count < 3 or time.perf_counter() - start < 0.3:
                conv(x)
                count += 1
                if count % 16 == 0 or not device.startswith("cuda"):
                    wait(device)
            wait(device)
            seconds = (time.perf_counter() - start) / count
        best = max(best, 2 * 9 * 64 * 64 * batch * side**2 / seconds)
    return best


def peak_of(device: str, run: Callable[[], T]) -> tuple[T, str]:
    """Return what ``run`` returns, and the peak of a GPU's memory meanwhile."""
    if not device.startswith("cuda"):
        return run(), ""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    done = run()
    return done, f"; peak {torch.cuda.max_memory_reserved() / 1024**3:.2f} GiB on the GPU"


def seam(image: np.ndarray, model: Model) -> str:
    """Deviation of the tiled result from one tile over the whole image, at and away from tile borders."""
    part = image[:256, :256]
    whole = tiled(part, model, tile=256, precision="fp32", dtype=np.float32).image
    default = tiled(part, model, precision="fp32", dtype=np.float32)
    difference = np.abs(default.image - whole)
    blended = tiled(part, model, tile=default.report.tile, overlap=0, precision="fp32", dtype=np.float32)
    cut = np.abs(blended.image - whole)
    return (
        f"tile {default.report.tile}: mean {difference.mean():.3f}, 99.9th percentile "
        f"{np.percentile(difference, 99.9):.2f} grey levels of 255 (without context and blending: "
        f"{cut.mean():.3f}, {np.percentile(cut, 99.9):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="side of the LR image")
    parser.add_argument("--models", nargs="+", default=["em-x4", "em-wgan-pixel-x4", "em-dfcan-x4"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="of our run, and of the faster one of the usual loop")
    parser.add_argument("--usual", choices=("all", "fp32", "none"), default="all", help="which usual loops are run")
    arguments = parser.parse_args()
    target: Target = choose(arguments.device, arguments.precision)
    on_gpu = target.device.startswith("cuda")
    low = target.precision if target.precision != "fp32" else ("fp16" if on_gpu else "bf16")
    image = picture(arguments.size)
    limit = convolution_rate(target.device, target.precision)
    where = processor() if target.device == "cpu" else device_title(target.device)
    print(
        f"{where}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"LR {image.shape}; a convolution reaches {limit / 1e9:.0f} GFLOP/s in {target.precision}",
        flush=True,
    )
    rates: dict[str, float] = {}
    for name in arguments.models:
        model = model_of(name)
        # a network may refuse low precision: then it is what auto takes for it
        own = choose(arguments.device, arguments.precision, rounds_badly=model.network.rounds_badly)
        # libraries are loaded, and kernels built, before the clock runs: for the usual loop, too
        runs, peak = peak_of(own.device, lambda m=model, t=own: by_backend(image, m, t))
        flop = flop_per_pixel(model)
        for backend, (done, seconds) in runs.items():
            report = done.report
            rate = report.megapixels / seconds
            fixed = ", channels fixed" if report.fixed_channels else ""
            rates[name] = max(rates.get(name, 0.0), rate)
            print(
                f"{name}: {rate:.3g} Mpx/s in {report.precision} by {backend} (LR tile {report.tile}, halo "
                f"{report.halo}, blend {report.blend}{fixed}), {rate * 1e6 * flop / limit:.0%} of the limit{peak}",
                flush=True,
            )
        rate = rates[name]
        loops = {"none": [], "fp32": [Loop("fp32", 256)], "all": [Loop("fp32", 256), Loop(low, 512 if on_gpu else 128)]}
        network = copy.deepcopy(model.network).eval().to(target.device)
        for loop in loops[arguments.usual]:
            usual(image[: loop.tile + 2 * PAD, : loop.tile + 2 * PAD], network, model, target.device, loop)
            plain = report.megapixels / usual(image, network, model, target.device, loop)
            print(f"  the usual loop: {plain:.3g} Mpx/s in {loop.precision}; ratio {rate / plain:.2f}", flush=True)
        if model.network.pools_tile:
            print(f"  seam, {seam(image, model)}", flush=True)
    if "em-x4" in rates and "em-wgan-pixel-x4" in rates:
        print(f"em-x4 has {rates['em-x4'] / rates['em-wgan-pixel-x4']:.1f} times the rate of em-wgan-pixel-x4")


if __name__ == "__main__":
    main()
