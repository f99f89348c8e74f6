"""Measure how well blur and noise are estimated, on images made from sharp ones with known blur and noise.

python scripts/measure_estimation.py FOLDER [--cases 300] [--seed 0] [--only NAME] [--details]

FOLDER holds em_flyem_medulla, sem_axondeepseg_MIT, em_vnc_sstem_NC, fluo_neubias, fluo_ccby_notebooks and
fluo_osteosarcoma. The networks of napari_sr.estimation.learned were fitted on the training images of the first two, on
fluorescence images other than those below (but for two, BBBC022 and osteosarcoma), and on other N-body boxes; nothing
was fitted on ssTEM. Cases are drawn at random from a grid of reductions, blurs, noises, rounding and inversion. Prints
tables in markdown.

What HR images bring along counts as error: their own blur (fluorescence: 0.5 to 1 HR pixel) and their own noise
(FIB-SEM: 2 % of the range, which points keep). Hence the columns for blurs of 0.5 pixels and more.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_sr import load_sample
from napari_sr.degradations.blur import GaussianBlur
from napari_sr.degradations.resample import BilinearDown, BlockMean
from napari_sr.estimation import estimate, estimate_blur, sharp_spectrum

Image = npt.NDArray[Any]
FLUORESCENCE = (
    "fluo_neubias/xyc_16bit__nup_nuclei_c1",
    "fluo_neubias/xyc_8bit__nuclei_nup_c0",
    "fluo_neubias/xyz_nuclear_envelope_drosophila_z7",
    "fluo_ccby_notebooks/membranes_2d",
    "fluo_ccby_notebooks/maize_clsm",
    "fluo_ccby_notebooks/morpholibj_NucleiDAPIconfocal",
    "fluo_ccby_notebooks/BBBC022_IXMtest_A02_s9_c2",
    "fluo_osteosarcoma/Osteosarcoma_01_R",
)
OPTICS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.2)
#: photons at the 99.9th percentile, or read noise in per cent of the range
NOISES = ("none", "200 photons", "50 photons", "15 photons", "1 %", "3 %", "10 %")
#: longest side of an LR image
LONGEST = 384
#: grey values of the 0.1th and 99.9th percentile of an LR image
DARK, BRIGHT = 20.0, 220.0


@dataclass(frozen=True)
class Case:
    """An LR image with the truth about it: var(v) = max(slope · v + intercept, floor)."""

    lr: Image
    blur: float
    optics: float
    noise: str
    scale: int
    slope: float
    intercept: float
    floor: float

    def sigma(self, values: Image) -> Image:
        return np.sqrt(np.maximum(self.slope * values + self.intercept, self.floor))


def reduced(image: Image, way: str, scale: int, rng: np.random.Generator) -> tuple[Image, float]:
    """Return the LR image, and the variance of its pixels' area in LR pixels²."""
    cut = image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale]
    if way == "area":
        return BlockMean(scale)(cut, rng), (scale**2 - 1) / 12 / scale**2
    if way == "bilinear":
        return BilinearDown(scale)(cut, rng), 0.25 / scale**2
    return cut[scale // 2 :: scale, scale // 2 :: scale], 0.0


def make_case(hr: Image, rng: np.random.Generator) -> Case:
    """Draw a case from the grid."""
    before, scale = int(rng.choice([1, 2])), int(rng.choice([2, 4]))
    if min(hr.shape) < 60 * before * scale:
        before = 1
    length = LONGEST * before * scale
    top, left = (int(rng.integers(0, max(n - length, 0) + 1)) for n in hr.shape)
    cut = hr[top : top + length, left : left + length].astype(np.float64)
    cut = reduced(cut, "area", before, rng)[0]
    optics = float(rng.choice(OPTICS))
    way = str(rng.choice(["area", "bilinear", "points"]))
    lr, pixel = reduced(GaussianBlur(optics * scale)(cut, rng) if optics else cut, way, scale, rng)
    low, high = np.percentile(lr, (0.1, 99.9))
    lr = (lr - low) / (high - low) * (BRIGHT - DARK) + DARK
    noise = str(rng.choice(NOISES))
    slope = intercept = floor = 0.0
    if noise.endswith("photons"):
        slope = (BRIGHT - DARK) / float(noise.split(maxsplit=1)[0])
        counts = rng.poisson(np.clip((lr - DARK) / slope, 0, None)) + rng.normal(0, 1, lr.shape)
        lr, intercept, floor = counts * slope + DARK, slope**2 - slope * DARK, slope**2
    elif noise.endswith("%"):
        floor = intercept = (float(noise.split(maxsplit=1)[0]) / 100 * (BRIGHT - DARK)) ** 2
        lr = lr + rng.normal(0, np.sqrt(floor), lr.shape)
    if rng.random() < 0.5:
        lr, intercept, slope = DARK + BRIGHT - lr, intercept + slope * (DARK + BRIGHT), -slope
    if rng.random() < 0.5:
        lr, intercept, floor = np.clip(np.rint(lr), 0, 255).astype(np.uint8), intercept + 1 / 12, floor + 1 / 12
    blur = float(np.sqrt(optics**2 + pixel))
    return Case(lr, blur, optics, noise, before * scale, slope, intercept, floor)


def images(folder: Path) -> dict[str, list[Image]]:
    """Return the test images by kind."""
    density = np.asarray(load_sample("nbody").hr)
    return {
        "FIB-SEM": list(tifffile.imread(folder / "em_flyem_medulla" / "flyem_test_independent_250px.tif")),
        "SEM": [tifffile.imread(p) for p in sorted((folder / "sem_axondeepseg_MIT" / "test").glob("*.tif"))],
        "ssTEM": list(tifffile.imread(folder / "em_vnc_sstem_NC" / "vnc_stack2_test_00-09.tif")),
        "fluorescence": [tifffile.imread(folder / f"{name}.tif") for name in FLUORESCENCE],
        "N-body": [np.log10(density + 0.02)],
    }


def references(folder: Path) -> dict[tuple[str, int], Image]:
    """Return spectra of sharp images of the kinds of which there are training images, by kind and reduction."""
    kinds = {
        "FIB-SEM": list(tifffile.imread(folder / "em_flyem_medulla" / "flyem_train.tif")[::10]),
        "SEM": [tifffile.imread(p) for p in sorted((folder / "sem_axondeepseg_MIT" / "train").glob("*.tif"))],
    }
    return {
        (kind, step): sharp_spectrum([image[step // 2 :: step, step // 2 :: step] for image in found])
        for kind, found in kinds.items()
        for step in (2, 4, 8)
    }


def numbers(errors: Sequence[float]) -> str:
    """Return mean and 90th percentile of absolute errors."""
    return f"{np.mean(np.abs(errors)):.2f} / {np.percentile(np.abs(errors), 90):.2f}" if len(errors) else ""


def row(name: str, cases: Sequence[Case], spectra: dict[int, Image]) -> str:
    """Return one line of the table."""
    found = [estimate(c.lr, density=name == "N-body") for c in cases]
    noises = [e.noise for e in found]
    blurs = [e.blur.sigma - c.blur for c, e in zip(cases, found, strict=True)]
    quiet = [e for c, e in zip(cases, blurs, strict=True) if c.noise in {"none", "1 %"}]
    known = [estimate_blur(c.lr, reference=spectra[c.scale]).sigma - c.blur for c in cases if c.scale in spectra]
    ratios, blurred, absent = [], [], []
    for case, noise in zip(cases, noises, strict=True):
        at = np.percentile(case.lr, (5, 25, 50, 75, 95)).astype(np.float64)
        if case.noise == "none":
            absent.append(float(noise.sigma(at).mean()) / (BRIGHT - DARK) * 100)
            continue
        ratio = noise.sigma(at) / case.sigma(at)
        ratios.append(ratio)
        if case.optics >= 0.5:
            blurred.append(np.abs(ratio - 1).mean())
    below = f"{np.mean(np.array(ratios) < 0.5) * 100:.1f} %" if ratios else ""
    none = f"{np.median(absent):.2f} %" if absent else ""
    errors = [float(np.abs(r - 1).mean()) for r in ratios]
    return (
        f"| {name} | {len(cases)} | {numbers(blurs)} | {np.median(blurs):+.2f} | {numbers(quiet)} | {numbers(known)} "
        f"| {numbers(errors)} | {numbers(blurred)} | {below} | {none} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=300, help="of each kind of image")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="kind of image")
    parser.add_argument("--details", action="store_true", help="also one line a noise")
    chosen = parser.parse_args()
    spectra = references(chosen.folder)
    print(
        "Errors as mean / 90th percentile of their absolute values; blur in LR pixels, noise relative to its sigma.\n"
    )
    print("| images | cases | blur | bias | blur, noise ≤ 1 % | blur, with reference | noise |", end="")
    print(" noise, optics ≥ 0.5 | below half | where none was added |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind, found in images(chosen.folder).items():
        if chosen.only in {None, kind}:
            rng = np.random.default_rng(chosen.seed)
            cases = [make_case(found[int(rng.integers(len(found)))], rng) for _ in range(chosen.cases)]
            known = {scale: spectrum for (of, scale), spectrum in spectra.items() if of == kind}
            print(row(kind, cases, known), flush=True)
            for noise in NOISES if chosen.details else ():
                print(row(f"{kind}, {noise}", [c for c in cases if c.noise == noise], known), flush=True)


if __name__ == "__main__":
    main()
