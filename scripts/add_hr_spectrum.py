"""Write the mean spectrum of a model's HR images on its card: what *Fine detail* compares pictures with.

python scripts/add_hr_spectrum.py MODEL.safetensors IMAGES... [--planes 40]

IMAGES are the HR images that it was trained on: stacks, or folders of images, of which at most so many planes count.
Each stack and folder counts as much as another. The weights stay what they are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors import safe_open

from napari_sr.densities import log_density
from napari_sr.estimation import sharp_spectrum
from napari_sr.images.listing import read_planes
from napari_sr.models.model import Model, load, save


def with_spectrum(model: Model, sets: list[Path], most: int) -> Model:
    """Return the model with the mean spectrum on its card; of densities, that of their logarithm."""
    view = log_density if model.intensity.kind == "log" else np.asarray
    found = []
    for path in sets:
        planes = read_planes(path)
        found.append(sharp_spectrum(view(plane) for plane in planes[:: max(1, len(planes) // most)]))
    values = [round(float(v), 3) for v in np.mean(found, axis=0)]
    return replace(model, card=replace(model.card, training={**model.card.training, "hr_spectrum": values}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--planes", type=int, default=40)
    arguments = parser.parse_args()
    with safe_open(arguments.model, framework="pt") as file:
        half = any("F16" in file.get_slice(name).get_dtype() for name in file.keys())  # noqa: SIM118
    before = load(arguments.model)
    after = save(with_spectrum(before, arguments.images, arguments.planes), arguments.model, half=half)
    assert after.weights_sha256 == before.card.weights_sha256
    print(f"{arguments.model.name}: {after.training['hr_spectrum']}")


if __name__ == "__main__":
    main()
