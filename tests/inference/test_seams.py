"""Steps across tile borders are those of the image, with a model's context; benchmarks/seams.py asks all models."""

import numpy as np
import pytest

from napari_sr.images.axes import Layout
from napari_sr.images.samples import load_sample
from napari_sr.inference import Upscaler
from napari_sr.inference.tiles import plan_tiles
from napari_sr.inference.tiling import context
from napari_sr.models.store import load_model

TILE, SIDE = 64, 128
MOST = 1.02
FP32 = {"device": "cpu", "precision": "fp32"}


def border_steps(model, lr, overlap):
    """Return the steps across the borders of a tiled run, and those of the whole image there."""
    tiled, whole = Upscaler(model, tile=TILE, overlap=overlap, **FP32), Upscaler(model, tile=SIDE, **FP32)
    told = whole.told(lr, Layout("YX", lr.shape), ())
    halo, blend = context(model, tiled.prepared.target, overlap)
    plan = plan_tiles(lr.shape, scale=model.scale, tile=TILE, halo=halo, blend=blend)
    borders = {n for a, b in zip(plan.rows, plan.rows[1:], strict=False) for n in (b.inner_start, a.inner_stop)}
    at = np.array(sorted(borders)) * model.scale
    found = []
    for upscaler in (tiled, whole):
        sr = upscaler(lr, axes="YX", dtype=np.float32, conditions=told).astype(np.float64)
        found.append(np.concatenate([sr[at] - sr[at - 1], (sr[:, at] - sr[:, at - 1]).T]))
    assert found[0].size >= 2 * SIDE * model.scale
    return found


@pytest.mark.parametrize(("name", "changed"), [("em-x4", 1e-4), ("em-wiener-x4", 1e-4), ("em-dfcan-x4", 0.01)])
def test_no_step_at_a_tile_s_border_is_the_border_s(name, changed):
    """DFCAN pools over its tiles: blended, they never agree to the last digit with the whole image."""
    model, lr = load_model(name), load_sample("em-phantom").lr[:SIDE, :SIDE]
    tiled, whole = border_steps(model, lr, None)
    assert 1 / MOST < np.abs(tiled).mean() / np.abs(whole).mean() < MOST
    assert np.abs(tiled - whole).mean() < changed * np.abs(whole).mean()
    cut, same = border_steps(model, lr, 0)
    assert not 1 / MOST < np.abs(cut).mean() / np.abs(same).mean() < MOST
    assert np.abs(cut - same).mean() > 0.1 * np.abs(same).mean()


def test_tiles_without_context_make_larger_steps():
    """Densities by their logarithm, smooth between haloes: the borders stand out of it."""
    model, lr = load_model("nbody-x4"), np.tile(load_sample("nbody").lr, (2, 2))
    ratios = [np.abs(a).mean() / np.abs(b).mean() for a, b in (border_steps(model, lr, o) for o in (None, 0))]
    assert ratios[0] == pytest.approx(1, abs=1e-3)
    assert ratios[1] > MOST
