"""Which figure tells ruined pictures from good ones without a reference: the area under the ROC curve of each.

    python benchmarks/trust_auc.py FOLDER [--cache FOLDER] [--mild]

FOLDER holds em_flyem_medulla and sem_axondeepseg_MIT. HR images of both are made low-resolution in several ways, also
such as the shipped models were not trained on, and super-resolved. A picture is *ruined* if its PSNR is more than 1 dB
below bicubic interpolation's, and *good* if it is not below it; one of a model that was trained against a critic also
if it is at most 1 dB below it on images like those it was trained on. With --mild, the images are only a little unlike
them: the hardest cases. Prints tables in markdown.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_sr import load_model, upscale
from napari_sr.degradations import degrade
from napari_sr.estimation import sharp_spectrum
from napari_sr.evaluation.evidence import MOST, SOME, Evidence
from napari_sr.evaluation.examine import iter_evidence

Image = npt.NDArray[Any]
MODELS = ("em-dfcan-x4", "em-wgan-pixel-x4", "em-rcan-x4", "em-wiener-x4", "em-wgan-x4", "bicubic-x4")
BICUBIC, CRITIC, SCALE = "bicubic-x4", "em-wgan-x4", 4
TRAINED = "gaussian(sigma=3) + bilinear"
CELLS = (
    TRAINED, "area", "gaussian(sigma=1.5) + area", "gaussian(sigma=4.5) + area",
    "gaussian(sigma=3) + area + shot(photons=100)", "area + shot(photons=100)", "area + shot(photons=25)",
    "bilinear + shot(photons=100)",
)  # fmt: skip
MILD = (
    "gaussian(sigma=2.5) + bilinear", "gaussian(sigma=2) + area", f"{TRAINED} + shot(photons=3000)",
    f"{TRAINED} + shot(photons=300)", "gaussian(sigma=2.5) + area + shot(photons=1000)",
)  # fmt: skip
#: sides of the squares that are cut out of the images
FIB, SEM = 248, 384


@dataclass(frozen=True)
class Case:
    """One picture: how it came about, PSNR above bicubic's, and what its LR image says of it."""

    image: str
    cell: str
    model: str
    gain: float
    alone: Evidence
    known: Evidence

    @property
    def ruined(self) -> bool:
        return self.gain < -1

    @property
    def good(self) -> bool:
        least = -1 if (self.model, self.cell) == (CRITIC, TRAINED) else 0
        return self.gain >= least


#: figures that are high where a picture is bad
FIGURES: dict[str, Callable[[Case], float]] = {
    "1 - RSP with the card's blur": lambda c: 1 - (c.alone.by_card or c.alone.own).rsp,
    "1 - RSP with the image's own blur": lambda c: 1 - c.alone.own.rsp,
    "contradicted share of the contrast, own blur": lambda c: c.alone.unexplained or 0.0,
    "fine detail, expected from the image itself": lambda c: c.alone.detail or 0.0,
    "fine detail, expected from images of this kind": lambda c: c.known.detail or 0.0,
}
FIGURES["fine detail of this kind, or contradicted: the worse"] = lambda c: max(
    (c.known.detail or 0.0) / MOST, (c.alone.unexplained or 0.0) / 0.3
)


def area_under_curve(bad: Sequence[float], good: Sequence[float]) -> float:
    """Return the share of pairs in which the bad one is higher."""
    first, second = np.array(bad)[:, None], np.array(good)[None, :]
    return float((first > second).mean() + 0.5 * (first == second).mean())


def images(folder: Path) -> dict[str, Image]:
    """Return squares of the test images."""
    stack = tifffile.imread(folder / "em_flyem_medulla" / "flyem_test_independent_250px.tif")
    found = {f"FIB-SEM {i}": stack[i, :FIB, :FIB] for i in (0, 16, 32, 48)}
    for path in sorted((folder / "sem_axondeepseg_MIT" / "test").glob("*.tif")):
        image = tifffile.imread(path)
        top, left = ((n - SEM) // 2 for n in image.shape)
        found[f"SEM {path.stem.split('_')[1]}"] = image[top : top + SEM, left : left + SEM]
    return found


def kind_spectrum(folder: Path) -> npt.NDArray[np.float64]:
    """Return the mean spectrum of training images: what a model's card would hold."""
    fib = tifffile.imread(folder / "em_flyem_medulla" / "flyem_train.tif")[::10]
    sem = [tifffile.imread(p) for p in sorted((folder / "sem_axondeepseg_MIT" / "train").glob("*.tif"))]
    return np.asarray((sharp_spectrum(fib) + sharp_spectrum(sem)) / 2)


def pictures(hr: Image, cell: str, cache: Path | None) -> tuple[Image, dict[str, Image]]:
    """Return the LR image and what every model makes of it, from the cache if it is there."""
    lr = degrade(hr, cell, SCALE)
    file = None if cache is None else cache / f"{hashlib.sha256(lr.tobytes() + cell.encode()).hexdigest()[:16]}.npz"
    if file is not None and file.exists():
        return lr, dict(np.load(file))
    made = {m: upscale(lr, load_model(m), dtype=np.float32, device="cpu", precision="fp32") for m in MODELS}
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **made)
    return lr, made


def psnr(image: Image, hr: Image) -> float:
    return float(10 * np.log10(255**2 / np.mean((image - hr.astype(np.float64)) ** 2)))


def evidence(sr: Image, lr: Image, sharp: npt.NDArray[np.float64] | None) -> Evidence:
    *_, found = iter_evidence(sr, lr, axes="YX", scale=SCALE, card="em", sharp=sharp)
    assert isinstance(found, Evidence)
    return found


def cases(folder: Path, cells: Sequence[str], cache: Path | None) -> list[Case]:
    """Return all pictures of all images."""
    sharp, found = kind_spectrum(folder), []
    for name, hr in images(folder).items():
        for cell in cells:
            lr, made = pictures(hr, cell, cache)
            floor = psnr(made[BICUBIC], hr)
            found += [
                Case(name, cell, m, psnr(sr, hr) - floor, evidence(sr, lr, None), evidence(sr, lr, sharp))
                for m, sr in made.items()
            ]
    return found


def print_areas(found: Sequence[Case]) -> None:
    ruined, good = [c for c in found if c.ruined], [c for c in found if c.good]
    print(f"{len(ruined)} ruined and {len(good)} good pictures, {len(found) - len(ruined) - len(good)} between\n")
    print("| figure | AUC | without bicubic | good: 95 % below, highest | ruined: 5 % below, lowest |")
    print("|---|---|---|---|---|")
    for name, figure in FIGURES.items():
        bad, fine = [figure(c) for c in ruined], [figure(c) for c in good]
        made = [figure(c) for c in good if c.model != BICUBIC]
        print(
            f"| {name} | {area_under_curve(bad, fine):.3f} | {area_under_curve(bad, made):.3f} "
            f"| {np.percentile(fine, 95):.3g}, {max(fine):.3g} | {np.percentile(bad, 5):.3g}, {min(bad):.3g} |"
        )
    for title, pick in (("image itself", "alone"), ("kind", "known")):
        for group, members in (("ruined", ruined), ("good", good)):
            ratios = [getattr(c, pick).detail or 0.0 for c in members]
            red, yellow = (np.mean([r > limit for r in ratios]) for limit in (MOST, SOME))
            print(f"\nFine detail by the {title}: of the {group}, {red:.0%} red, {yellow - red:.0%} yellow", end="")
    print("\n")


def print_cells(found: Sequence[Case], cells: Sequence[str]) -> None:
    """Print gain over bicubic and fine detail beside images of this kind, mean over the images."""
    print("| LR image | " + " | ".join(MODELS) + " |\n|---|" + "---|" * len(MODELS))
    for cell in cells:
        row = []
        for model in MODELS:
            of = [c for c in found if (c.cell, c.model) == (cell, model)]
            detail = np.exp(np.mean([np.log(c.known.detail or 1e-9) for c in of]))
            row.append(f"{np.mean([c.gain for c in of]):+.1f} dB, ×{detail:.2g}")
        print(f"| {cell} | " + " | ".join(row) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, help="Keep the pictures here: they take most of the time.")
    parser.add_argument("--mild", action="store_true")
    arguments = parser.parse_args()
    cells = MILD if arguments.mild else CELLS
    found = cases(arguments.folder, cells, arguments.cache)
    print_areas(found)
    print_cells(found, cells)


if __name__ == "__main__":
    main()
