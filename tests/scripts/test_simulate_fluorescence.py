import numpy as np
import pytest
import tifffile


@pytest.fixture
def script(script_of):
    return script_of("simulate_fluorescence")


def test_each_kind_draws_a_finite_image_with_contrast(script):
    for kind in dict.fromkeys(script.ORDER):
        image = script.simulate((3, 0, 0), kind, 96)
        assert image.shape == (96, 96), kind
        assert image.dtype == np.uint16, kind
        assert image.max() > image.min(), kind


def test_images_follow_the_seed_only(script):
    first, again, other = (script.simulate(seed, "actin", 64) for seed in ((1, 0, 2), (1, 0, 2), (1, 0, 3)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pixels_are_band_limited(script):
    image = script.simulate((5, 0, 0), "microtubules", 128).astype(float)
    power = np.abs(np.fft.fft2((image - image.mean()) * np.outer(np.hanning(128), np.hanning(128)))) ** 2
    radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None])
    assert power[radius > 0.45].sum() < 0.01 * power.sum()


def test_command_writes_two_stacks(script, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["simulate", "--out", str(tmp_path), "--train", "2", "--val", "1", "--size", "64"])
    script.main()
    assert tifffile.imread(tmp_path / "simulated_train.tif").shape == (2, 64, 64)
    assert tifffile.imread(tmp_path / "simulated_val.tif").squeeze().shape == (64, 64)
