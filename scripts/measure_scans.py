"""Measure em-x4 on images whose noise a scan has smeared, or whose rows differ; prints the table of docs/results.md.

    python scripts/measure_scans.py

Of LR images of test sections, three blurs each: the mean gain over bicubic interpolation, told blur and noise (of rows,
TOLD of the variance) and with both estimated, and what noise is told. A border of 4 HR pixels is left out; data range
255.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
from fit_estimation import TOLD
from measure_cells import figure, test_sets

from napari_sr import load_model, upscale
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.degradations.noise import RowNoise, smoothed
from napari_sr.inference.conditions import estimate_conditions
from napari_sr.training.data.patches import described

SETS = ("FlyEM, independent", "AxonDeepSeg SEM, test")
CELLS = ("area", "gaussian(sigma=1.5) + area", "gaussian(sigma=3) + area")
IMAGES, SCALE = 4, 4


@dataclass(frozen=True)
class Scan:
    """What a scan adds: noise, smeared along rows by a Gaussian, and rows that differ, in per cent of the range."""

    noise: float = 0.0
    smeared: float = 0.0
    rows: float = 0.0

    def __str__(self) -> str:
        what = [f"noise of {self.noise:g} %"] if self.noise else []
        what += [f"smeared by {self.smeared:g} px"] if self.smeared else []
        what += [f"rows that differ by {self.rows:g} %"] if self.rows else []
        return ", ".join(what) or "none"


SCANS = (Scan(), Scan(4), Scan(3, 0.5), Scan(3, 0.9), Scan(6, 0.9), Scan(0, 0, 2), Scan(2, 0, 4))


def scanned(lr: np.ndarray, scan: Scan, span: float, rng: np.random.Generator) -> np.ndarray:
    """Return an LR image as a scan would give it, uint8."""
    noise = smoothed(rng.normal(0, scan.noise / 100 * span, lr.shape), (0.0, scan.smeared))
    rows = RowNoise(scan.rows / 100 * span)
    return np.clip(np.rint(rows((lr + noise).astype(np.float32), rng)), 0, 255).astype(np.uint8)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    model, bicubic = load_model("em-x4"), load_model("bicubic-x4")
    conditions = model.network.conditions
    print("| images | noise | told | estimated | noise told | noise estimated |\n|---|---|---|---|---|---|")
    for test in test_sets():
        if not test.title.startswith(SETS):
            continue
        for scan in SCANS:
            found = []
            for number, hr in enumerate(test.images[:IMAGES]):
                span = float(np.ptp(np.percentile(hr, (0.2, 99.8))))
                for cell in CELLS:
                    rng = np.random.default_rng(number)
                    clean, suffered = low_resolution_told(hr, make_degradation(cell, SCALE), rng)
                    lr = scanned(clean, scan, span, rng)
                    fitted = model.intensity.fit(lr)
                    added = (scan.noise**2 + TOLD * scan.rows**2) * (span / 100) ** 2
                    told = described(replace(suffered, intercept=suffered.intercept + added), fitted)
                    estimated = estimate_conditions(conditions, lr, fitted)
                    base = figure(upscale(lr, bicubic, dtype=np.float32, precision="fp32"), hr, SCALE)
                    gains = [
                        figure(upscale(lr, model, dtype=np.float32, precision="fp32", conditions=given), hr, SCALE)
                        - base
                        for given in ({c.name: told[c.name] for c in conditions}, estimated)
                    ]
                    found.append((*gains, told["noise"], estimated["noise"]))
            one, two, true, seen = np.mean(found, axis=0)
            print(f"| {test.title.split(',')[0]} | {scan} | {one:+.2f} | {two:+.2f} | {true:.1f} % | {seen:.1f} % |",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
