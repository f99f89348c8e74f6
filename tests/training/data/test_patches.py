import numpy as np
import pytest
import torch

from napari_sr.degradations import make_degradation
from napari_sr.errors import TrainingError
from napari_sr.intensity import Intensity
from napari_sr.training.data.patches import PatchDataset, Plane2D, lr_of, symmetry


def dataset(hr, preset="em", scale=4, **settings):
    defaults = {
        "intensity": Intensity(kind="range"),
        "lr_patch": 8,
        "length": 200,
        "seed": 3,
        "rotate": False,
        "flip": False,
    }
    return PatchDataset(
        planes=[Plane2D(hr)] if isinstance(hr, np.ndarray) else hr,
        degradation=make_degradation(preset, scale),
        scale=scale,
        **{**defaults, **settings},
    )


@pytest.mark.parametrize("preset", ["em", "area", "nbody"])
def test_patches_are_cuts_of_the_degraded_whole_image(preset, rng):
    hr = rng.uniform(0, 200, (75, 66)).astype(np.float32)
    patches = dataset(hr, preset)
    whole = lr_of(hr, patches.degradation)
    fitted = patches.fitted(0)
    cuts = np.lib.stride_tricks.sliding_window_view(fitted.forward(whole), (8, 8)).reshape(-1, 64)
    for index in range(12):
        lr, target, _ = patches[index]
        assert lr.shape == (1, 8, 8)
        assert target.shape == (1, 32, 32)
        # the blur is cut after four sigma, so patches agree with the whole to that tail
        assert np.abs(cuts - lr.numpy().reshape(1, 64)).max(axis=1).min() < 2e-3


def test_patches_have_the_noise_of_their_whole_image():
    """Also where a patch is dark and would look fully exposed by itself."""
    hr = np.full((64, 64), 10.0, np.float32)
    hr[:8, :8] = 1000
    patches = dataset(hr, "point-scanning", lr_patch=4, intensity=Intensity(kind="identity"))
    dark = [lr for lr, target, _ in (patches[i] for i in range(200)) if float(target.max()) == 10]
    whole = lr_of(hr, patches.degradation)[4:, 4:]
    assert float(torch.stack(dark).std()) == pytest.approx(float(whole.std()), rel=0.15)


def test_same_seed_same_patches_in_any_order(rng):
    hr = rng.uniform(0, 200, (75, 66)).astype(np.float32)
    first, second = dataset(hr, rotate=True, flip=True), dataset(hr, rotate=True, flip=True)
    torch.testing.assert_close(first[17], second[17], rtol=0, atol=0)
    assert not torch.equal(first[17][0], first[18][0])
    assert not torch.equal(first[17][0], dataset(hr, rotate=True, flip=True, seed=4)[17][0])


def test_lr_and_hr_are_turned_together(rng):
    hr = rng.uniform(0, 200, (64, 64)).astype(np.float32)
    patches = dataset(hr, "area", rotate=True, flip=True)
    for index in range(10):
        lr, target, _ = patches[index]
        mean = target.reshape(8, 4, 8, 4).mean(dim=(1, 3))
        torch.testing.assert_close(mean, lr[0], rtol=1e-4, atol=1e-4)


def test_eight_symmetries_are_different():
    image = np.arange(6).reshape(2, 3)
    seen = {symmetry(image, i).tobytes() + bytes(symmetry(image, i).shape) for i in range(8)}
    assert len(seen) == 8


def test_weights_count(rng):
    black, white = np.zeros((64, 64), np.float32), np.full((64, 64), 9, np.float32)
    patches = dataset(
        [Plane2D(black, 0.25), Plane2D(white, 0.75)], "area", intensity=Intensity(kind="identity"), length=2000
    )
    share = np.mean([patches[i][1].mean() > 0 for i in range(1000)])
    assert share == pytest.approx(0.75, abs=0.05)


def test_images_smaller_than_a_patch_are_said(rng):
    with pytest.raises(TrainingError, match="Choose smaller patches"):
        dataset(rng.uniform(size=(20, 20)))
