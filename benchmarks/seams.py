"""Whether tiles can be seen in what the shipped models make, in fp32 on the CPU.

    python benchmarks/seams.py [--side 576] [--models em-x4 nbody-rcan-x4]

A step is the difference between two neighbouring pixels. For each model, the mean absolute step across tile borders

*middles*
    over that in the middle half of the tiles, also between the pixels of two LR pixels. What the image shows there is
    something else, hence the standard error (over lines).
*same place*
    over that at the very same places in a second run, whose tiles lie elsewhere. The image cancels; the standard error
    is that of the seam alone. Both runs' borders count. A seam is a ratio above 1.02, or below 1 / 1.02: tiles that
    know nothing of each other may also be smoother at their borders than the image is.
*changed*
    the mean absolute difference of these steps, over the mean step in the second run: it sees any seam.

and the last two for a run whose tiles are cut sharply and are shown nothing of their neighbours, so that the measures
are seen to see a seam.

Tiles are those of a large job without a search. With blending, a border is where a tile's part begins and where it
ends. Densities are compared by their logarithm. Images are the samples, the fluorescence images those of
scripts/simulate_fluorescence.py, reduced as the models expect and mirrored until they are large.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import degrade
from napari_sr.densities import log_density
from napari_sr.images.axes import Layout
from napari_sr.images.samples import load_sample
from napari_sr.inference import Upscaler
from napari_sr.inference.device import Target
from napari_sr.inference.tiles import Span, TilePlan, plan_tiles
from napari_sr.inference.tiling import choose_tiling, end_of, may_fit
from napari_sr.models.model import Model
from napari_sr.models.store import load_model, shipped_folder

#: farthest from 1 that the ratio may be
MOST = 1.02
#: LR pixels by which the second run's tiles lie elsewhere, as a share of a tile
ELSEWHERE = 0.4
#: nearest border of the other run, as a share of a tile
FAR = 1 / 12


@cache
def truth(kind: str) -> npt.NDArray[Any]:
    """Return an HR image of the kind that a model is for."""
    if kind == "fluorescence":
        sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
        from simulate_fluorescence import simulate

        return np.asarray(simulate((0, 0, 0), "reticulum", 512))
    return np.asarray(load_sample("nbody" if kind == "N-body" else "em-phantom").hr)


def large_image(kind: str, scale: int, side: int) -> npt.NDArray[Any]:
    """Return an LR image of ``side`` pixels: a small one, mirrored again and again."""
    hr = truth(kind)
    lr = degrade(hr, {"EM": "em", "N-body": "nbody"}.get(kind, "fluorescence"), scale)
    lr = np.clip(np.rint(lr), 0, np.iinfo(hr.dtype).max).astype(hr.dtype) if hr.dtype.kind == "u" else lr
    return np.pad(lr, [(0, side - n) for n in lr.shape], mode="symmetric")


@dataclass(frozen=True)
class Run:
    """A result, its tiles, and its first LR pixel along both axes."""

    sr: npt.NDArray[np.float64]
    plan: TilePlan
    start: int

    def spans(self, axis: int) -> tuple[Span, ...]:
        """Return the windows along an axis."""
        return (self.plan.rows, self.plan.columns)[axis]

    def borders(self, axis: int) -> list[int]:
        """Return the LR pixels of the whole image before which a border lies."""
        return sorted({self.start + n for a, b in pairs(self.spans(axis)) for n in (b.inner_start, a.inner_stop)})

    def middles(self, axis: int) -> list[int]:
        """Return the LR pixels in the middle half of the tiles."""
        found: list[int] = []
        for span in self.spans(axis):
            quarter = (span.inner_stop - span.inner_start) // 4
            found += range(self.start + span.inner_start + quarter, self.start + span.inner_stop - quarter)
        return [n for n in found if n > self.start]

    def steps(self, axis: int, places: Sequence[int], *, other: int) -> npt.NDArray[np.float64]:
        """Return the steps before some LR pixels, a line each; ``other``: the first pixel along the other axis."""
        scale = self.plan.scale
        sr = np.moveaxis(self.sr, axis, 0)[:, (other - self.start) * scale :]
        at = (np.asarray(places, dtype=int) - self.start) * scale
        return np.asarray(sr[at] - sr[at - 1])


def pairs(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Return neighbours."""
    return list(pairwise(spans))


def run(model: Model, lr: npt.NDArray[Any], *, overlap: int | None = None, start: int = 0) -> Run:
    """Super-resolve an image from its pixel ``start`` on."""
    part = slice(start, None)
    upscaler = for_image(Upscaler(model, device="cpu", precision="fp32", overlap=overlap), lr)
    sr = upscaler(lr, axes="YX", dtype=np.float32, rows=part, columns=part)
    shape = (lr.shape[0] - start, lr.shape[1] - start)
    used, target = upscaler.model, Target("cpu", "fp32")
    tiling = choose_tiling(used, used.network, target, shape=shape, planes=1, tile=None, overlap=overlap)
    plan = plan_tiles(
        shape, scale=model.scale, tile=tiling.tile, halo=tiling.halo, blend=tiling.blend, grid=tiling.grid,
        fit=may_fit(used.network),  # as the engine does
    )  # fmt: skip
    return Run(np.asarray(log_density(sr) if model.intensity.kind == "log" else sr, np.float64), plan, start)


def for_image(upscaler: Upscaler, lr: npt.NDArray[Any]) -> Upscaler:
    """Return the upscaler that the engine works with on a whole image: its channels may be fixed."""
    return end_of(upscaler.iter_for(lr, Layout("YX", lr.shape), pixels=lr.size))


@dataclass(frozen=True)
class Steps:
    """Mean absolute steps at borders, at the same places in another run, and of the difference; one a line."""

    above: npt.NDArray[np.float64]
    below: npt.NDArray[np.float64]
    between: npt.NDArray[np.float64]

    def with_(self, other: Steps) -> Steps:
        """Return the lines of both."""
        parts = zip((self.above, self.below, self.between), (other.above, other.below, other.between), strict=True)
        return Steps(*(np.concatenate(part) for part in parts))

    def changed(self) -> float:
        """Return the share of the steps that is the borders' doing."""
        return float(self.between.sum() / self.below.sum())

    def ratio(self) -> tuple[float, float]:
        """Return the ratio of the steps, and its standard error."""
        return ratio(self.above, self.below)


def ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the ratio of the sums of paired lines, and its standard error (jackknife)."""
    without = (above.sum() - above) / (below.sum() - below)
    n = len(above)
    return float(above.sum() / below.sum()), float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))


def same_place(one: Run, other: Run) -> Steps:
    """Return the steps at the borders of ``one``, and those of ``other`` there, where it has none near."""
    found = []
    far = round(FAR * min(r.spans(0)[0].outer_stop for r in (one, other)))
    first = max(one.start, other.start) + far  # the later one's own edge is no border
    for axis in (0, 1):
        near = np.asarray(other.borders(axis))
        places = [n for n in one.borders(axis) if n >= first and np.abs(near - n).min() >= far]
        above, below = (r.steps(axis, places, other=first) for r in (one, other))
        found.append(Steps(*(np.abs(x).mean(axis=1) for x in (above, below, above - below))))
    return found[0].with_(found[1])


def over_middles(runs: Sequence[Run]) -> tuple[float, float]:
    """Return the mean step at borders over that in the middles of tiles, and its standard error."""
    means = []
    for kind in (Run.borders, Run.middles):
        steps = [r.steps(a, kind(r, a), other=r.start) for r in runs for a in (0, 1)]
        lines = np.concatenate([np.abs(x).mean(axis=1) for x in steps])
        means.append((lines.mean(), lines.std(ddof=1) / np.sqrt(len(lines))))
    (border, error), (middle, rest) = means
    found = float(border / middle)
    return found, found * float(np.hypot(error / border, rest / middle))


def measure(model: Model, side: int) -> tuple[str, bool]:
    """Return a line of the table, and whether no seam was found."""
    lr = large_image(model.card.kind, model.scale, side)
    first = run(model, lr)
    span = first.plan.rows[0]
    tile = span.outer_stop - span.outer_start
    second = run(model, lr, start=round(ELSEWHERE * (span.inner_stop - span.inner_start)))
    cut = run(model, lr, overlap=0)
    plain, plain_error = over_middles((first, second))
    paired = same_place(first, second).with_(same_place(second, first))
    bare = same_place(cut, first).with_(same_place(cut, second))
    found, error = paired.ratio()
    line = (
        f"{model.card.name:<20} {tile:>4} {len(paired.above):>6}   {plain:.3f} ± {plain_error:.3f}   "
        f"{found:.4f} ± {error:.4f}  {paired.changed():.5f}   {bare.ratio()[0]:.3f} ± {bare.ratio()[1]:.3f}  "
        f"{bare.changed():.3f}"
    )
    good = 1 / MOST <= found <= MOST
    return f"{line}{'' if good else '  SEAM'}", good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=576, help="LR pixels, a multiple of 192")
    parser.add_argument("--models", nargs="*", default=sorted(p.stem for p in shipped_folder().glob("*.safetensors")))
    given = parser.parse_args()
    print(f"{'':<75}without context:")
    columns = f"{'middles':<13}   {'same place':<15}  {'changed':<7}   same place     changed"
    print(f"{'model':<20} {'tile':>4} {'lines':>6}   {columns}")
    seen = []
    for name in given.models:
        line, good = measure(load_model(name), given.side)
        print(line, flush=True)
        seen += [] if good else [name]
    sys.exit(f"Tiles can be seen: {', '.join(seen)}" if seen else 0)


if __name__ == "__main__":
    main()
