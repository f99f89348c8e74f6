"""Which map finds fake detail: the area under the ROC curve of each, as a detector of the fakes' pixels.

    python benchmarks/planted_fakes.py [IMAGE]

Fakes are planted in what a shipped model makes of an image (the EM phantom, or IMAGE) after the EM degradation: copies
of other parts of the picture, of which the degradation keeps a trace, and stripes of three pixels, of which it keeps
none.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_sr import load_model, upscale
from napari_sr.degradations import degrade
from napari_sr.evaluation.planted import found_by, plant_copies, plant_stripes
from napari_sr.evaluation.trust import plane_consistency
from napari_sr.images.listing import read_planes
from napari_sr.images.samples import load_sample
from napari_sr.metrics.sfrc import sfrc_map

SIDE, COUNT = 32, 12


def main() -> None:
    hr = read_planes(Path(sys.argv[1]))[0] if len(sys.argv) > 1 else load_sample("em-phantom").hr
    hr = np.asarray(hr)[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
    lr = degrade(hr, "em", 4)
    sr = upscale(lr, load_model("em-wgan-pixel-x4"), dtype=np.float32)
    rng = np.random.default_rng(0)
    fakes = {
        f"copies of {SIDE} px": plant_copies(sr, count=COUNT, side=SIDE, rng=rng),
        "stripes of 3 px, ±20": plant_stripes(sr, count=COUNT, side=SIDE, period=3, amplitude=20, rng=rng),
    }
    print(f"{hr.shape}, {COUNT} fakes each, maps averaged over {SIDE // 2} px\n")
    print("| fakes | consistency map | scanning FRC with the reference |\n|---|---|---|")
    for name, planted in fakes.items():
        residual = plane_consistency(planted.pred, lr, scale=4, degradation="em").residual
        wrong = np.kron(np.abs(residual), np.ones((4, 4)))
        unexplained = sfrc_map(planted.pred, hr).unexplained
        clean = sfrc_map(sr, hr).unexplained
        print(
            f"| {name} | {found_by(wrong, planted.mask, side=SIDE // 2):.3f} | "
            f"{found_by(unexplained, planted.mask, side=SIDE // 2):.3f} |"
        )
        print(f"| (sFRC of the picture without fakes, same places) | | {found_by(clean, planted.mask):.3f} |")


if __name__ == "__main__":
    main()
