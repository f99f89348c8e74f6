"""Output megapixels a second of `napari-sr upscale` with one process, one worker and two; and whether all are equal.

    python benchmarks/workers.py [--side 2048] [--model em-x4] [--workers 1 2] [--device cpu]

Every run computes in fp32 and in processes of one thread each. The time that workers take to start and to load the
model is told apart: a large image pays it once. Seconds of the processors are told beside those of the clock: on a
machine that is shared with others, they are what can be compared.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def timed(
    source: Path, target: Path, upscaler: Any, used: Callable[[], float], hire: Any = None
) -> tuple[float, float, float, float]:
    """Return seconds to the first pixels; and from then to the end seconds, seconds of processors, and megapixels."""
    from napari_sr.inference import Finished
    from napari_sr.inference.files import iter_upscale_file

    start = time.perf_counter()
    first, before, megapixels, total = 0.0, 0.0, 0.0, 0.0
    for event in iter_upscale_file(source, target, upscaler, hire=hire):
        if not isinstance(event, Finished):
            if event.megapixels and not first:
                first, before, megapixels = time.perf_counter() - start, used(), event.megapixels
            total = event.megapixels
    return first, time.perf_counter() - start - first, used() - before, total - megapixels


def digest(path: Path) -> str:
    found = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        found.update(str(file.relative_to(path)).encode() + file.read_bytes())
    return found.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--model", default="em-x4")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()

    import torch

    from napari_sr import load_model
    from napari_sr.inference import Upscaler
    from napari_sr.inference.cluster import team

    torch.set_num_threads(1)
    model = load_model(arguments.model)
    settings: dict[str, Any] = {"device": arguments.device, "precision": "fp32", "tile": "auto", "overlap": None}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rng = np.random.default_rng(0)
        waves = np.sin(np.arange(arguments.side)[:, None] / 7) * np.cos(np.arange(arguments.side) / 5)
        image = 20_000 + 9_000 * waves + rng.normal(0, 300, waves.shape)
        np.save(folder / "lr.npy", image.astype(np.uint16))
        digests = set()

        def say(name: str, upscaler: Any, used: Callable[[], float], hire: Any = None) -> None:
            first, rest, cpu, megapixels = timed(folder / "lr.npy", folder / "sr.zarr", upscaler, used, hire)
            digests.add(digest(folder / "sr.zarr"))
            (folder / "sr.zarr").rename(folder / f"{name}.zarr")
            print(
                f"{name}: first pixels after {first:.1f} s, then {megapixels / rest:.2f} Mpx/s, which is "
                f"{megapixels / cpu:.2f} a second of a processor",
                flush=True,
            )

        say("this process", Upscaler(model, **settings), time.process_time)
        for count in arguments.workers:
            start = time.perf_counter()
            with team(workers=count) as found:
                upscaler = found.upscaler(model, **settings)
                started, client = time.perf_counter() - start, found.client
                name = f"{count} worker{'s' if count > 1 else ''}"
                say(name, upscaler, lambda: sum(client.run(time.process_time).values()), found.hire)  # noqa: B023
                print(f"    they took {started:.1f} s to start")
        print(f"the {len(arguments.workers) + 1} results are {'equal' if len(digests) == 1 else 'NOT EQUAL'} (fp32)")


if __name__ == "__main__":
    main()
