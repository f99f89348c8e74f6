"""Hold what is said of models before a run against what they do: verdicts over many blurs and noises; prints the table.

    python scripts/measure_fit.py [--models em-wiener-x4 …]

For every cell and image: the verdict of :func:`napari_sr.models.fit.fit`, once on the true blur and noise and once on
what is estimated from the LR image alone, and the gain over bicubic interpolation. Harm is a gain below -1 dB, help one
of 0 dB or more.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from measure_cells import DATA, centre, figure

from napari_sr import load_model, upscale
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.images.listing import read_planes
from napari_sr.models.fit import Seen, fit, look
from napari_sr.training.data.patches import described

BLURS, PHOTONS = (0, 1, 1.5, 2, 2.5, 3, 3.5, 4.5), (10_000, 2000, 800, 400, 200, 100, 25)


def cells() -> list[str]:
    """Return all blurs with both samplings, and two blurs with all noises."""
    blurred = [f"gaussian(sigma={b}) + " if b else "" for b in BLURS]
    noisy = [f"{b}area + shot(photons={p})" for b in ("", "gaussian(sigma=3) + ") for p in PHOTONS]
    return [b + sampling for b in blurred for sampling in ("area", "bilinear")] + noisy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["em-wiener-x4", "em-wgan-pixel-x4", "em-dfcan-x4", "em-x4"])
    arguments = parser.parse_args()
    fly = read_planes(DATA / "em_flyem_medulla/flyem_test_independent_250px.tif")
    nerve = read_planes(DATA / "sem_axondeepseg_MIT/test")
    images = [centre(p, 248, 4) for p in (fly[0], fly[16], nerve[1], nerve[2])]
    models, bicubic = [load_model(name) for name in arguments.models], load_model("bicubic-x4")
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for cell in cells():
        for number, hr in enumerate(images):
            lr, suffered = low_resolution_told(hr, make_degradation(cell, 4), np.random.default_rng(number))
            stored = lr.astype(np.uint8)
            assert suffered is not None
            told = described(suffered, bicubic.intensity.fit(stored))
            seen = {"true": Seen(told["blur"], told["noise"], kind="EM"), "estimated": look(stored, kind="EM")}
            base = figure(upscale(stored, bicubic, dtype=np.float32, precision="fp32"), hr, 4)
            for model in models:
                gain = figure(upscale(stored, model, dtype=np.float32, precision="fp32"), hr, 4) - base
                outcome = "harm" if gain < -1 else "help" if gain >= 0 else "little"
                for how, what in seen.items():
                    counts[model.card.name, how, fit(model.card, what).verdict, outcome] += 1
        print(cell, flush=True)
    print("\n| model | blur and noise | verdict | harm | between | help |\n|---|---|---|---|---|---|")
    for model in models:
        for how in ("true", "estimated"):
            for verdict in ("green", "yellow", "red"):
                row = [counts[model.card.name, how, verdict, outcome] for outcome in ("harm", "little", "help")]
                if any(row):
                    print(f"| {model.card.name} | {how} | {verdict} | {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
