"""Measure the models on LR images of many blurs, samplings and noises; prints the tables of docs/results.md.


    python scripts/measure_cells.py [--sets "FlyEM" …] [--models NAME.safetensors …]

For every cell: PSNR of bicubic interpolation, and what others gain over it: the best linear filter *fitted for that
very cell* on the training images (the least-squares optimum), the specialists of the theses, and the model that is told
blur and noise, once exactly and once as estimated from the LR image alone, as users get it. Real fluorescence has noise
of its own, of which the LR image keeps some: there, the model is told the sum as well.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from finish_models import HERE

from napari_sr import load_model, upscale
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.degradations.suffered import Suffered
from napari_sr.densities import log_density
from napari_sr.estimation import estimate_noise
from napari_sr.images.listing import read_planes
from napari_sr.intensity import Intensity
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.naturalness import niqe, shipped_model
from napari_sr.metrics.pixel import psnr
from napari_sr.models.model import Model, ModelCard, save
from napari_sr.models.store import model_paths
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.patches import Plane2D, described
from napari_sr.training.data.sources import load_sources
from napari_sr.training.fit_filters import fit_wiener

#: noise whose neighbouring pixels are alike
FILTERED = "noise(sigma=15) + gaussian(sigma=0.6)"
CELLS = {
    "as the specialists were trained (blur 3, bilinear)": "gaussian(sigma=3) + bilinear",
    "larger pixels": "area",
    "blur 1.5, larger pixels": "gaussian(sigma=1.5) + area",
    "blur 4.5, larger pixels": "gaussian(sigma=4.5) + area",
    "blur 3, larger pixels, 100 photons": "gaussian(sigma=3) + area + shot(photons=100)",
    "larger pixels, 100 photons": "area + shot(photons=100)",
    "larger pixels, 25 photons": "area + shot(photons=25)",
    "points, 100 photons": "bilinear + shot(photons=100)",
    "blur 2, larger pixels, noise of 15 %, filtered since": f"gaussian(sigma=2) + area + {FILTERED}",
}
#: the same for pixels twice as large
CELLS_X2 = {
    "larger pixels": "area",
    "blur 0.75, larger pixels": "gaussian(sigma=0.75) + area",
    "blur 1.5, larger pixels": "gaussian(sigma=1.5) + area",
    "blur 2.25, larger pixels": "gaussian(sigma=2.25) + area",
    "blur 1.5, larger pixels, 100 photons": "gaussian(sigma=1.5) + area + shot(photons=100)",
    "larger pixels, 100 photons": "area + shot(photons=100)",
    "larger pixels, 25 photons": "area + shot(photons=25)",
    "points, 100 photons": "bilinear + shot(photons=100)",
    "blur 1, larger pixels, noise of 15 %, filtered since": f"gaussian(sigma=1) + area + {FILTERED}",
}
LIGHT_CELLS = {
    "larger pixels": "area",
    "blur 1, larger pixels": "gaussian(sigma=1) + area",
    "blur 2, larger pixels": "gaussian(sigma=2) + area",
    "blur 1, larger pixels, 200 photons": "gaussian(sigma=1) + area + shot(photons=200, read=2)",
    "blur 1, larger pixels, 50 photons": "gaussian(sigma=1) + area + shot(photons=50, read=2)",
    "blur 2, larger pixels, 50 photons": "gaussian(sigma=2) + area + shot(photons=50, read=2)",
    "points, 50 photons": "bilinear + shot(photons=50, read=2)",
}
LIGHT_CELLS_X4 = {
    "larger pixels": "area",
    "blur 2, larger pixels": "gaussian(sigma=2) + area",
    "blur 4, larger pixels": "gaussian(sigma=4) + area",
    "blur 2, larger pixels, 200 photons": "gaussian(sigma=2) + area + shot(photons=200, read=2)",
    "blur 2, larger pixels, 50 photons": "gaussian(sigma=2) + area + shot(photons=50, read=2)",
    "blur 4, larger pixels, 50 photons": "gaussian(sigma=4) + area + shot(photons=50, read=2)",
    "points, 50 photons": "bilinear + shot(photons=50, read=2)",
}
DENSITY_CELLS = {
    "mean of the logarithm (as the specialists were trained)": "nbody",
    "mean density": "area",
    "smoothed by 1 pixel, mean density": "gaussian(sigma=1) + area",
    "smoothed by 2 pixels, mean density": "gaussian(sigma=2) + area",
    "smoothed by 3 pixels, mean density": "gaussian(sigma=3) + area",
}
DATA = HERE / "data"
RESULTS = HERE.parents[1] / "docs/results.md"
BEGIN, END = "<!-- cells: written by scripts/measure_cells.py -->", "<!-- end of cells -->"
#: real fluorescence images that nothing was trained on
LIGHT = (
    "fluo_neubias/xyc_16bit__nup_nuclei_c1", "fluo_neubias/xyc_8bit__membranes_nuclei_c0",
    "fluo_neubias/xyc_8bit__membranes_nuclei_c1", "fluo_neubias/xyc_8bit__nuclei_nup_c0",
    "fluo_neubias/xyz_nuclear_envelope_drosophila_z7", "fluo_ccby_notebooks/membranes_2d",
    "fluo_ccby_notebooks/morpholibj_NucleiDAPIconfocal",
)  # fmt: skip


@dataclass(frozen=True)
class TestSet:
    """Images, what made the models' training images, and the models."""

    title: str
    images: list[np.ndarray]
    like: str
    ours: str
    specialists: tuple[str, ...]
    cells: dict[str, str]
    density: bool = False
    partner: str = ""  #: the realistic one
    noisy: bool = False  #: True if the images have noise of their own


def centre(image: Any, side: int, scale: int) -> np.ndarray:
    """Return the middle of an image, its sides multiples of the scale."""
    image = np.asarray(image)
    size = [min(side, n) // scale * scale for n in image.shape]
    start = [(n - m) // 2 for n, m in zip(image.shape, size, strict=True)]
    return image[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]


def binned(image: Any, side: int) -> np.ndarray:
    """Return the rounded means over squares: the optics' blur of a finely sampled image is then less than a pixel."""
    image = np.asarray(image)
    rows, columns = (n // side for n in image.shape)
    blocks = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.rint(blocks.mean(axis=(1, 3))).astype(image.dtype)


def test_sets() -> list[TestSet]:
    """Return what is measured on."""
    fly = read_planes(DATA / "em_flyem_medulla/flyem_test_independent_250px.tif")[::4]
    nerve = read_planes(DATA / "sem_axondeepseg_MIT/test")
    cord = read_planes(DATA / "em_vnc_sstem_NC/vnc_stack2_test_00-09.tif")[::3]
    light = [np.asarray(read_planes(DATA / f"{name}.tif")[0]) for name in LIGHT]
    means = sorted((DATA / "pair_w2s_avg1_avg400").glob("*_avg400.tif"))[::3]
    still = [centre(binned(read_planes(path)[0], 3), 168, 4) for path in means]
    em = ("em-x4.1.yaml", "em-x4", ("em-dfcan-x4", "em-wgan-pixel-x4"), CELLS, False, "em-x4-realistic")
    electron = [
        TestSet(f"FlyEM, independent tissue ({len(fly)} × 248²)", [centre(p, 248, 4) for p in fly], *em),
        TestSet("AxonDeepSeg SEM, test animals (4 × 480²)", [centre(p, 480, 4) for p in nerve], *em),
        TestSet(
            f"ssTEM of a nerve cord ({len(cord)} × 512², never trained on)", [centre(p, 512, 4) for p in cord], *em
        ),
    ]
    return [
        *electron,
        TestSet(
            f"real fluorescence ×2 ({len(light)} images, up to 512²)",
            [centre(p, 512, 2) for p in light],
            "fluo-x2.1.yaml",
            "fluo-x2",
            ("fluo-wiener-x2",),
            LIGHT_CELLS,
            noisy=True,
        ),
        *(
            replace(one, title=title, like="em-x2.1.yaml", ours="em-x2", specialists=(), cells=CELLS_X2, partner="")
            for one, title in zip(electron, ("FlyEM ×2 (13 × 248²)", "AxonDeepSeg SEM ×2 (4 × 480²)"), strict=False)
        ),
        TestSet(
            f"real fluorescence ×2 with hardly any noise of its own ({len(still)} × {still[0].shape[0]}²)",
            still, "fluo-x2.1.yaml", "fluo-x2", (), LIGHT_CELLS, noisy=True,
        ),
        TestSet(
            f"real fluorescence ×4 ({len(light)} images, up to 512²)", [centre(p, 512, 4) for p in light],
            "fluo-x4.1.yaml", "fluo-x4", (), LIGHT_CELLS_X4, noisy=True,
        ),
        *(
            TestSet(
                f"N-body, box of {size} Mpc/h (6 × 256²)", densities(size), "nbody-x4.1.yaml", "nbody-x4",
                ("nbody-wiener-x4", "nbody-rcan-x4"), DENSITY_CELLS, density=True,
                partner="nbody-x4-realistic",
            )
            for size in (75, 200, 750)
            if box(size).exists()
        ),
    ]  # fmt: skip


def box(size: int) -> Path:
    """Return where the test box of so many Mpc/h a side is, once scripts/simulate_nbody.py has made it."""
    return HERE / f"nbody/mpc{size}/test_box5.npz"


def densities(size: int) -> list[np.ndarray]:
    """Return slices of the test box, two along each axis."""
    return [np.asarray(p) for p in read_planes(box(size))[4::8]]


def linear(config: TrainConfig, degradation: str) -> Model:
    """Fit the best linear filter for one cell on (at most 32 of) the training images."""
    planes = [p for p in load_sources(config.train, config.scale) if min(p.hr.shape) >= 32 * config.scale]
    planes = [Plane2D(centre(p.hr, 512, config.scale), p.weight, name=p.name) for p in planes[:: -(-len(planes) // 32)]]
    intensity = Intensity.from_dict(config.intensity)
    network = fit_wiener(planes, degradation=make_degradation(degradation, config.scale), intensity=intensity)
    card = ModelCard(
        name="linear", network="wiener", hyper_parameters=network.hyper_parameters, scale=config.scale,
        intensity=intensity.to_dict(),
    )  # fmt: skip
    return Model(network.eval(), card)


def with_own_noise(suffered: Suffered, hr: np.ndarray, cell: str, scale: int) -> Suffered:
    """Return what an LR image has of blur and noise, with what it keeps of the noise of its HR image.

    The latter is measured by :func:`estimate_noise` (Foi et al. 2008) on the HR image, and taken for white.
    """
    noise = estimate_noise(hr)
    linear = " + ".join(step for step in cell.split(" + ") if not step.startswith(("shot", "noise")))
    white = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    kept = float(low_resolution_told(white, make_degradation(linear, scale), np.random.default_rng(0))[0].var())
    slope, intercept = suffered.slope + kept * noise.slope, suffered.intercept + kept * noise.intercept
    return replace(suffered, slope=slope, intercept=intercept)


def figure(sr: np.ndarray, hr: np.ndarray, crop: int, density: bool = False) -> float:
    """Return PSNR inside the border: range 255 for 8 bit, otherwise the image's own (of densities: the logarithm's)."""
    if density:
        sr, hr = log_density(sr), log_density(hr)
    inner = slice(crop, -crop)
    pair = (image[inner, inner].astype(np.float64) for image in (sr, hr))
    return float(psnr(*pair, data_range=data_range_of([hr])))


def unnatural(sr: np.ndarray, hr: np.ndarray, crop: int, kind: str, density: bool) -> float:
    """Return NIQE inside the border, against the statistics of sharp images of this kind; lower is better."""
    inner = slice(crop, -crop)
    if density:
        sr, hr = log_density(sr), log_density(hr)
    return niqe(sr[inner, inner], shipped_model(kind), data_range=data_range_of([hr]))


def measure(test: TestSet, ours: Model) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the table of one set, and the means over its cells as entries of the models' cards."""
    config = TrainConfig.read(HERE / test.like)
    scale, bicubic = config.scale, load_model(f"bicubic-x{config.scale}")
    specialists = [load_model(name) for name in test.specialists]
    partners = [load_model(test.partner)] if test.partner else []
    names = ["linear, fitted here", *test.specialists, f"{test.ours}, told"]
    names += [f"{test.ours}, told the sum of noise"] if test.noisy else []
    names += [f"{test.ours}, estimated"]
    names += [f"{test.partner}, estimated"] if partners else []
    lines = [f"| LR images | bicubic | {' | '.join(names)} |", f"|{'---|' * (len(names) + 2)}"]
    all_gains, bases, natural = [], [], []
    for title, cell in test.cells.items():
        filter_here, gains, base = linear(config, cell), [], []
        for number, hr in enumerate(test.images):
            chain = make_degradation(cell, scale)
            lr, suffered = low_resolution_told(hr, chain, np.random.default_rng(number))
            stored = lr.astype(hr.dtype)
            assert suffered is not None
            fitted = ours.intensity.fit(stored)
            runs: list[tuple[Model, dict[str, float] | None]] = [(bicubic, None), (filter_here, None)]
            runs += [*((m, None) for m in specialists), (ours, described(suffered, fitted))]
            if test.noisy:
                runs.append((ours, described(with_own_noise(suffered, hr, cell, scale), fitted)))
            runs += [(ours, None), *((m, None) for m in partners)]
            made = [upscale(stored, m, dtype=np.float32, precision="fp32", conditions=c) for m, c in runs]
            reached = [figure(sr, hr, scale, test.density) for sr in made]
            if partners:
                seen = (made[0], made[-2], made[-1])
                natural.append([unnatural(sr, hr, scale, ours.card.kind, test.density) for sr in seen])
            base.append(reached[0])
            gains.append([value - reached[0] for value in reached[1:]])
        mean = np.mean(gains, axis=0)
        all_gains.append(mean)
        bases.append(float(np.mean(base)))
        lines.append(f"| {title} | {np.mean(base):.2f} | {' | '.join(f'{g:+.2f}' for g in mean)} |")
        print(lines[-1], flush=True)
    lines.append(f"| **mean** | | {' | '.join(f'{g:+.2f}' for g in np.mean(all_gains, axis=0))} |")
    if natural:
        without, *theirs = np.mean(natural, axis=0)
        shown = ["", *("" for _ in specialists), "", *(f"{value:.1f}" for value in theirs)]
        lines.append(f"| **NIQE, mean** (lower is better) | {without:.1f} | {' | '.join(shown)} |")
    bicubic_psnr, last = float(np.mean(bases)), np.mean(all_gains, axis=0)[len(specialists) + 2 + test.noisy :]
    data = f"{test.title}; mean over {len(test.cells)} kinds of LR images, blur and noise estimated; "
    entries = {
        name: {
            "data": f"{data}border left out: {scale} px",
            "model": {"psnr": bicubic_psnr + float(gain)},
            "bicubic": {"psnr": bicubic_psnr},
        }
        for name, gain in zip((test.ours, test.partner), last, strict=False)
    }
    if natural:
        for value, entry in zip(theirs, entries.values(), strict=True):
            entry["model"]["niqe"], entry["bicubic"]["niqe"] = float(value), float(without)
    return "\n".join(lines), entries


def write(title: str, table: str) -> None:
    """Put a table into docs/results.md, in the place of the one of the same title."""
    head, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    body, _, tail = rest.partition(END)
    sections = {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in body.split("### ")[1:]}
    sections[title] = table
    text = "\n\n".join(f"### {name}\n\n{content}" for name, content in sections.items())
    RESULTS.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def note(name: str, entry: dict[str, Any]) -> None:
    """Put a figure on the card of a shipped model, in the place of the one of the same images."""
    model = load_model(name)
    others = [m for m in model.card.metrics if str(m["data"]).split(";")[0] != entry["data"].split(";")[0]]
    card = replace(model.card, metrics=(*others, entry))
    save(Model(network=model.network, card=card), model_paths()[name], half=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[""], help="only sets whose titles begin so")
    parser.add_argument("--models", nargs="*", type=Path, default=[], help="files to take in place of shipped models")
    arguments = parser.parse_args()
    given = {path.stem: path for path in arguments.models}
    for size in (75, 200, 750):
        if not box(size).exists():
            print(f"Not measured: there is no {box(size)} (scripts/simulate_nbody.py makes it)")
    for test in test_sets():
        if not any(test.title.startswith(start) for start in arguments.sets):
            continue
        print(f"\n### {test.title}\n", flush=True)
        table, entries = measure(test, load_model(given.get(test.ours, test.ours)))
        print(table.splitlines()[-1], flush=True)
        if not given:
            write(test.title, table)
            for name, entry in entries.items():
                note(name, entry)


if __name__ == "__main__":
    sys.exit(main())
