"""Measure the models on pairs that instruments recorded; prints the table "Real pairs" of docs/results.md.

    python scripts/measure_pairs.py

Noise is the camera's own here, and nobody knows blur and noise: both are estimated, as for users. The pairs are for
benchmarks only (their licences: scripts/models/data/README.md); no model that ships was trained on them.

* W2S: one widefield frame, 2 × 2 pixels averaged, against the mean of 400 frames;
* SEM: a fast scan of mouse brain, 2 × 2 or 4 × 4 pixels averaged, against a slow one;
* confocal (60 nm) against STED (15 nm) of the same neurons.

Scale and offset of every result are fitted to its reference before PSNR, as each file was stretched on its own; results
of interpolation too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from measure_cells import DATA, RESULTS
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from napari_sr import load_model, upscale
from napari_sr.degradations.resample import BlockMean
from napari_sr.estimation import estimate
from napari_sr.images.listing import read_planes
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.pixel import psnr

BEGIN, END = "<!-- pairs: written by scripts/measure_pairs.py -->", "<!-- end of pairs -->"
#: HR pixels left out
BORDER = 8
Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Pairs:
    """Pairs of one kind: models, files (LR, HR), and how many pixels a side of the LR file are averaged first."""

    title: str
    models: tuple[str, ...]
    files: tuple[tuple[Path, Path], ...]
    scale: int
    binned: int
    registered: bool = False

    def __iter__(self) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        for low, high in self.files:
            lr, hr = (np.asarray(read_planes(path)[0]) for path in (low, high))
            if self.binned > 1:
                mean = BlockMean(self.binned)(lr.astype(np.float32), np.random.default_rng())
                lr = np.rint(mean).astype(lr.dtype)
            yield lr, hr[: lr.shape[0] * self.scale, : lr.shape[1] * self.scale]


def all_pairs() -> list[Pairs]:
    """Return what is measured."""
    names = ("w2s_avg1_avg400", "sem_noisy_clean_emdiffuse", "confocal_sted_tagan")
    w2s, sem, sted = (DATA / f"pair_{name}" for name in names)
    frames = partners(sorted(w2s.glob("*_avg1.tif"))[::3], "_avg1", "_avg400")
    scans = partners(sorted(sem.glob("*_noisy.tif")), "_noisy", "_clean")
    neurons = partners(sorted(sted.glob("*_conf60nm_native.tif")), "_conf60nm_native", "_sted15nm")
    return [
        Pairs(f"W2S, one frame → mean of 400 ({len(frames)} × 512²)", ("fluo-x2",), frames, 2, 2),
        Pairs(f"SEM of mouse brain, fast → slow, ×2 ({len(scans)} × 768²)", ("em-x2",), scans, 2, 2),
        Pairs(f"SEM of mouse brain, fast → slow, ×4 ({len(scans)} × 768²)", ("em-x4", "em-x4-realistic"), scans, 4, 4),
        Pairs(f"confocal → STED, ×4 ({len(neurons)} × 508²)", ("fluo-x4",), neurons, 4, 1, registered=True),
    ]


def partners(low: list[Path], own: str, theirs: str) -> tuple[tuple[Path, Path], ...]:
    """Return each file with the one of the same name but for its last part."""
    return tuple((path, path.with_name(path.name.replace(own, theirs))) for path in low)


def fitted(sr: Array, hr: Array) -> Array:
    """Return ``sr`` with the scale and the offset that bring it closest to ``hr``."""
    slope, offset = np.polyfit(sr.ravel(), hr.ravel(), 1)
    return np.asarray(slope * sr + offset)


def registered(hr: Array, sr: Array) -> Array:
    """Return ``hr`` shifted by whole pixels to where ``sr`` is, by phase correlation of what both show."""
    seen = [np.asarray(image, np.float64) for image in (sr, hr)]
    shown = [ndimage.gaussian_filter(image, 3) - ndimage.gaussian_filter(image, 20) for image in seen]
    shift, _, _ = phase_cross_correlation(*shown)
    return np.roll(hr, tuple(int(s) for s in shift), axis=(0, 1))


def measure(pairs: Pairs) -> str:
    """Return the rows of one kind of pairs."""
    bicubic = load_model(f"bicubic-x{pairs.scale}")
    models = [bicubic, *(load_model(name) for name in pairs.models)]
    found, seen = [], []
    for lr, hr in pairs:
        results = [upscale(lr, m, dtype=np.float32, precision="fp32").astype(np.float64) for m in models]
        if pairs.registered:
            hr = registered(hr, results[0])
        inner = slice(BORDER, -BORDER)
        span, target = data_range_of([hr[inner, inner]]), hr[inner, inner].astype(np.float64)
        best = [fitted(sr[inner, inner], target) for sr in results]
        alike = [float(np.corrcoef(one.ravel(), target.ravel())[0, 1]) for one in best]
        found.append([(psnr(one, target, data_range=span), a) for one, a in zip(best, alike, strict=True)])
        told, low, high = estimate(lr), *np.percentile(lr, (0.5, 99.5))
        noise = np.sqrt(told.noise.variance(np.asarray(lr, np.float64)).mean()) / (high - low)
        seen.append((told.blur.sigma, 100 * noise))
    mean, (blur, noise) = np.mean(found, axis=0), np.median(seen, axis=0)
    lines = []
    for number, model in enumerate(models):
        better = sum(row[number][0] > row[0][0] for row in found)
        first = [pairs.title, f"{blur:.2f} px, {noise:.1f} %"] if number == 0 else ["", ""]
        figures = [f"{mean[number][0]:.2f}", f"{mean[number][1]:.3f}", f"{better} of {len(found)}" if number else ""]
        lines.append(f"| {' | '.join([*first, model.card.name, *figures])} |")
    return "\n".join(lines)


def main() -> None:
    lines = ["| pairs | blur and noise, estimated (median) | model | PSNR | correlation | better than bicubic |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for pairs in all_pairs():
        lines.append(measure(pairs))
        print(lines[-1], flush=True)
    text = RESULTS.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    RESULTS.write_text(f"{head}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
