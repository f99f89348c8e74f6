"""Fit the NIQE models that ship, on the high-resolution training images.

    python scripts/fit_naturalness.py

FlyEM's training sections for EM (CC BY), the logarithm of the simulated training boxes for N-body densities.
"""

from __future__ import annotations

import numpy as np
from finish_models import HERE

from napari_sr.densities import log_density
from napari_sr.images.listing import read_planes
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.naturalness import FOLDER, fit_naturalness


def main() -> None:
    sections = read_planes(HERE / "data/em_flyem_medulla/flyem_train.tif")
    boxes = [p for n in (1, 2) for p in read_planes(HERE / f"nbody/train_box{n}.npz")]
    fields = [log_density(np.asarray(p)) for p in boxes]
    for kind, images, data_range in (("em", sections, 255.0), ("n-body", fields, data_range_of(fields))):
        model = fit_naturalness(images, data_range=data_range)
        model.save(FOLDER / f"niqe-{kind}.npz")
        print(f"{kind}: {len(images)} images, {model.patches} sharp patches")


if __name__ == "__main__":
    main()
