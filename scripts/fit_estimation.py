"""Fit the networks that estimate blur and noise from one image (napari_sr.estimation.learned).

    python scripts/fit_estimation.py --of images --seeds 1 2 --cases 9000 --out cases      # draws; these and
    python scripts/fit_estimation.py --of densities --seeds 1 2 --cases 5000 --out cases   # those side by side
    python scripts/fit_estimation.py --fit cases --of images       # writes estimation/learned_images.npz
    python scripts/fit_estimation.py --fit cases --of images_even  # the same, with as much blur as is most likely
    python scripts/fit_estimation.py --fit cases --of densities    # writes estimation/learned_densities.npz

Images are members of the family of any microscope, as in training (napari_sr.degradations.microscope), of the training
images of the models: FlyEM, AxonDeepSeg, two of C. elegans, real and simulated fluorescence; and of images that were
drawn (dead_leaves.py, draw_em_phantom.py with other seeds than the sample). Densities are the logarithms of members of
the family of any density, of N-body boxes, and some of that of any microscope: maps that were observed have noise. None
of them is tested on by scripts/measure_cells.py; two fluorescence images are by scripts/measure_estimation.py.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dead_leaves import dead_leaves
from draw_em_phantom import draw as draw_tissue
from torch import Tensor, nn

from napari_sr.degradations.blur import TRUNCATED
from napari_sr.degradations.density import AnyDensity
from napari_sr.degradations.microscope import WIDEST, AnyMicroscope, Member
from napari_sr.degradations.noise import RowNoise
from napari_sr.degradations.suffered import Suffered
from napari_sr.degradations.variety import limits_of, reduced
from napari_sr.densities import log_density
from napari_sr.estimation import learned
from napari_sr.estimation.learned import FARTHEST, statistics
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.sources import load_sources

HERE = Path(__file__).parent / "models"
OUT = Path(learned.__file__).parent
#: sides of LR images in pixels
SIDES = (44, 256)


@dataclass(frozen=True)
class Kind:
    """Images that cases are drawn from.

    Attributes
    ----------
    share
        Of the cases.
    inverts
        True if they may be inverted.
    density
        True if they are densities, of which the network sees the logarithm.
    reduction
        By how much most of them are reduced at most, before the family reduces them by 1 to 2: tissue may be as dense
        as a pixel. Fluorescence is not: how sharp its images are is what the models take for sharp.
    """

    share: float
    inverts: bool = False
    density: bool = False
    reduction: float = 1.0


LEAVES, TISSUE = "dead leaves", "drawn tissue"
#: what either network learns from: configurations whose training images are drawn from, and what is drawn by hand
KINDS = {
    learned.IMAGES: {
        "em-x4.1.yaml": Kind(0.44, inverts=True, reduction=2.2),
        "fluo-x2.1.yaml": Kind(0.29),
        LEAVES: Kind(0.15, inverts=True, reduction=2.2),
        TISSUE: Kind(0.12, inverts=True, reduction=2.2),
    },
    learned.DENSITIES: {"nbody-x4.1.yaml": Kind(1.0, density=True, reduction=2.2)},
}
#: share of the cases that are not reduced before
AS_THEY_ARE = 0.4
#: share of the densities that are as a simulation makes them
SIMULATED = 0.7
#: drawn images a seed, and the side of those of tissue
DRAWN = {LEAVES: 60, TISSUE: 8}
SECTION = 960
#: half of the images get a spectrum that falls more or less steeply: its exponent changes by so much (σ)
TILT = 0.4
#: shares of the images whose noise is smeared along rows, and whose rows differ, beyond those of the family; by how
#: much: standard deviation in LR pixels, and the decimal logarithm of that of rows over the range
SMEARED, STRIPED = 0.15, 0.1
SMEAR, STRIPES = (0.35, 1.2), (-2.5, -1.2)
#: share of the variance of rows that counts as noise: em-x4, told half to all of it, gains up to 0.6 dB over told none
TOLD = 0.6
#: with 30 epochs, errors on the same images fall by a twentieth, and grow on images of other kinds
HIDDEN, MEMBERS, EPOCHS, BATCH = 128, 6, 8, 128
DROPOUT, JITTER, DECAY = 0.2, 0.12, 0.1
#: quantile of the noise that is learnt: too little of it costs more than too much
CAUTIOUS = 0.6
#: quantile of the blur that is learnt, with hardly any noise and with more: sharpening what is sharp costs more than
#: leaving blur behind. Noise that is sharpened becomes texture: with the median, noisy sections of real microscopes
#: were full of it, though PSNR on images whose noise is known hardly told
CLEAR, IN_NOISE = 0.4, {learned.IMAGES: 0.35, learned.EVEN: 0.5, learned.DENSITIES: 0.5}
#: ln(noise variance / image variance) above which there is noise
NOISY = -4.0


class Scanned(Member):
    """A member whose noise is told with half of what whole rows have in common: models do best with that."""

    def suffered(self) -> Suffered:
        found = super().suffered()
        return found if self.rows is None else replace(found, intercept=found.intercept + TOLD * self.rows.sigma**2)


class Scans(AnyMicroscope):
    """The family, with more of what scans do to noise."""

    def member(self, *, low: float, high: float, rng: np.random.Generator, **settings: Any) -> Member:
        found = super().member(low=low, high=high, rng=rng, **settings)
        noise, rows = found.noise, found.rows
        if noise is not None and rng.random() < SMEARED:
            noise = replace(noise, grain=(0.0, rng.uniform(*SMEAR)))
        if rng.random() < STRIPED:
            rows = RowNoise((high - low) * 10 ** rng.uniform(*STRIPES))
        kept = {field.name: getattr(found, field.name) for field in fields(found)}
        return Scanned(**kept | {"noise": noise, "rows": rows})


def draw(of: str, seed: int, count: int, folder: Path) -> None:
    """Draw cases and keep what a network sees of them, and the truth."""
    rng = np.random.default_rng(seed)
    kinds = KINDS[of]
    images = {name: sources(name, rng) for name in kinds}
    seen, true = [], []
    margin = math.ceil(TRUNCATED * WIDEST)
    while len(seen) < count:
        name = str(rng.choice(list(kinds), p=[kind.share for kind in kinds.values()]))
        kind, (planes, cumulative) = kinds[name], images[name]
        hr = np.asarray(planes[min(int(np.searchsorted(cumulative, rng.random())), len(planes) - 1)], np.float32)
        if kind.density:
            hr = np.tile(hr, (2, 2))  # boxes are periodic
        simulated = kind.density and rng.random() < SIMULATED
        if kind.density and not simulated:
            hr = log_density(hr).astype(np.float32)
        scale = int(rng.choice([2, 4]))
        side = round(math.exp(rng.uniform(*np.log(SIDES))))
        side = min(side, min(hr.shape) // scale - 2 * margin)
        if side < SIDES[0]:
            continue

        tilt = float(rng.normal(0, TILT)) if not kind.density and rng.random() < 0.5 else 0.0
        before = 1.0 if rng.random() < AS_THEY_ARE else rng.uniform(1, kind.reduction)

        def cut(
            length: int, hr: np.ndarray = hr, tilt: float = tilt, before: float = before, simulated: bool = simulated
        ) -> np.ndarray:
            wide = min(round(length * before), *hr.shape)
            top, left = (int(rng.integers(0, n - wide + 1)) for n in hr.shape)
            part = tilted(reduced(hr[top : top + wide, left : left + wide], min(length, wide)), tilt)
            return np.maximum(part, 0) if simulated else part

        family = AnyDensity(scale) if simulated else Scans(scale, limits_of(hr), inverts=kind.inverts)
        lr, _, suffered, _ = family.pair(cut, side, margin, rng)
        found = statistics(log_density(lr) if simulated else lr)
        if found is None:
            continue
        variance = float(np.maximum(suffered.slope * lr + suffered.intercept, 0).mean())
        seen.append(found.seen_by(of))
        true.append((suffered.blur, math.log(max(variance, 1e-6) / found.variance)))
        if len(seen) % 500 == 0 or len(seen) == count:
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(folder / f"{of}{seed}.npz", seen=np.array(seen, np.float32), true=np.array(true, np.float32))
            print(f"{of}, seed {seed}: {len(seen)} cases", flush=True)


def sources(name: str, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Return images of a kind, and up to which number of a draw from 0 to 1 each of them is taken."""
    if name in DRAWN:
        seeds = rng.integers(1000, 2**31, DRAWN[name])  # the sample's is lower
        if name == LEAVES:
            drawn = [dead_leaves(np.random.default_rng(seed)) for seed in seeds]
        else:
            drawn = [draw_tissue(SECTION, int(seed)).astype(np.float32) for seed in seeds]
        return drawn, np.linspace(0, 1, len(drawn) + 1)[1:]
    planes = load_sources(TrainConfig.read(HERE / name).train, 1)
    pixels: dict[int, int] = {}
    for p in planes:
        pixels[p.source] = pixels.get(p.source, 0) + p.hr.size
    share = np.array([p.weight * p.hr.size / pixels[p.source] for p in planes])  # as in training
    return [np.asarray(p.hr) for p in planes], np.cumsum(share / share.sum())


def tilted(image: np.ndarray, tilt: float) -> np.ndarray:
    """Return an image whose power is multiplied by frequency to the power of ``-tilt``, with its mean and variance."""
    if not tilt:
        return image
    frequency = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1]))
    frequency[0, 0] = 1.0
    mean, deviation = float(image.mean()), float(image.std())
    other = np.fft.irfft2(np.fft.rfft2(image - mean) * frequency ** (-tilt / 2), s=image.shape)
    return np.asarray(mean + other * deviation / max(float(other.std()), 1e-9), dtype=np.float32)


def pinball(error: Tensor, quantile: float | Tensor) -> Tensor:
    """Return the loss whose minimum is a quantile (Koenker & Bassett 1978); of all cases, or of each its own."""
    return torch.maximum(quantile * error, (quantile - 1) * error).mean()


def train(seen: Tensor, missing: Tensor, noisy: Tensor, in_noise: float, seed: int) -> nn.Sequential:
    """Train one member on what is missing from the judgement by the spectrum; prints errors on a tenth of the cases."""
    quantile = torch.where(noisy, in_noise, CLEAR)
    torch.manual_seed(seed)
    order = torch.randperm(len(seen))
    test, rest = order[: len(seen) // 10], order[len(seen) // 10 :]
    network = nn.Sequential(
        nn.Linear(seen.shape[1], HIDDEN), nn.SiLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(),
        nn.Linear(HIDDEN, 2),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    steps = EPOCHS * len(rest) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(steps):
        chosen = rest[torch.randint(len(rest), (BATCH,))]
        blur, noise = (missing[chosen] - network(seen[chosen] + JITTER * torch.randn(BATCH, seen.shape[1]))).unbind(1)
        loss = 4 * pinball(blur, quantile[chosen]) + 0.5 * pinball(noise, CAUTIOUS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        error = network(seen[test]) - missing[test]
    print(f"member {seed}: blur ±{error[:, 0].abs().mean():.3f}, "
          f"ln of the noise ±{error[:, 1].abs().mean() / 2:.2f}")  # fmt: skip
    return network


def fit(of: str, folder: Path) -> None:
    """Train an ensemble on all drawn cases and write it."""
    found = [np.load(path) for path in sorted(folder.glob(f"{of.split('_', maxsplit=1)[0]}*.npz"))]
    seen, true = (np.concatenate([f[key] for f in found]) for key in ("seen", "true"))
    mean, deviation = seen.mean(axis=0), seen.std(axis=0) + 1e-3
    normalised = torch.from_numpy((seen - mean) / deviation).clamp(-FARTHEST, FARTHEST)
    missing, noisy = torch.from_numpy(true - seen[:, -2:]), torch.from_numpy(true[:, 1] > NOISY)
    members = [train(normalised, missing, noisy, IN_NOISE[of], seed) for seed in range(MEMBERS)]
    layers = [[layer for layer in member if isinstance(layer, nn.Linear)] for member in members]
    arrays = {"mean": mean, "deviation": deviation}
    for number in range(len(layers[0])):
        arrays[f"matrix{number}"] = np.stack([one[number].weight.detach().numpy().T for one in layers])
        arrays[f"bias{number}"] = np.stack([one[number].bias.detach().numpy() for one in layers])
    out = OUT / learned.WEIGHTS.format(of)
    np.savez_compressed(
        out, **{key: value.astype(np.float16 if "matrix" in key else np.float32) for key, value in arrays.items()}
    )
    print(f"{len(seen)} cases; wrote {out.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=list(IN_NOISE), required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--cases", type=int, default=9000, help="of each seed")
    parser.add_argument("--out", type=Path, default=Path("cases"))
    parser.add_argument("--fit", type=Path, help="folder with drawn cases")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        draw(arguments.of, seed, arguments.cases, arguments.out)
    if arguments.fit:
        fit(arguments.of, arguments.fit)


if __name__ == "__main__":
    main()
