"""What tells structure from noise, against closed forms and eigenvalues of the structure tensor."""

import numpy as np
import pytest

from napari_sr.estimation.structure import QUANTILES, bending, coherence, same_places, structure


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def bands_of(sample):
    """Any three images of the shape of the tiles would do: differences over one, two and four pixels."""
    return {step: sample - np.roll(sample, step, axis=2) for step in (1, 2, 4)}


def unit(sample):
    return (sample - sample.mean()) / sample.std()


@pytest.mark.parametrize("side", [3, 5])
def test_coherence_is_that_of_the_eigenvalues(rng, side):
    tile = rng.normal(size=(12, 14))
    found = []
    for y in range(1 + side // 2, 11 - side // 2):
        for x in range(1 + side // 2, 13 - side // 2):
            tensor = np.zeros((2, 2))
            for v in range(y - side // 2, y + side // 2 + 1):
                for u in range(x - side // 2, x + side // 2 + 1):
                    g = np.array([tile[v, u + 1] - tile[v, u - 1], tile[v + 1, u] - tile[v - 1, u]])
                    tensor += np.outer(g, g)
            small, large = np.linalg.eigvalsh(tensor)
            found.append(((large - small) / (large + small), large + small))
    each, weight = np.array(found).T
    expected = [each.mean(), np.average(each, weights=weight), *np.quantile(each, QUANTILES)]
    np.testing.assert_allclose(coherence(tile[None], side), expected, rtol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2, 2.0])
def test_stripes_have_one_direction(angle):
    y, x = np.mgrid[:40, :40]
    stripes = np.sin(0.7 * (x * np.cos(angle) + y * np.sin(angle)))[None]
    assert coherence(stripes, 3)[0] > 0.99
    assert bending(unit(stripes))[0] > 1.0


def test_a_bowl_bends_alike_along_rows_and_columns():
    """Of x² + y², second differences are 2, and 4 along diagonals: their squares' ratio is 4."""
    y, x = np.mgrid[:20, :20].astype(float)
    np.testing.assert_allclose(bending((x**2 + y**2)[None]), np.log(4), atol=1e-9)


def test_noise_has_no_direction(rng):
    noise = rng.normal(size=(2, 128, 128))
    edges = np.repeat(np.repeat(rng.normal(size=(2, 16, 16)), 8, axis=1), 8, axis=2)  # squares
    assert coherence(noise, 5)[1] < 0.3
    assert coherence(edges, 5)[1] > 0.6
    assert bending(noise)[0] < 0.7 * bending(unit(edges + 1e-3 * noise))[0]


def test_details_of_structure_lie_at_the_same_places(rng):
    noise = rng.normal(size=(1, 128, 128))
    assert (np.abs(same_places(noise, {s: rng.normal(size=noise.shape) for s in (1, 2, 4)})[:3]) < 0.05).all()
    edges = np.repeat(np.repeat(rng.normal(size=(1, 16, 16)), 8, axis=1), 8, axis=2)
    sample = unit(edges + 1e-2 * noise)
    assert (same_places(sample, bands_of(sample)) > 0.3).all()


@pytest.mark.parametrize("change", [lambda x: -x, lambda x: x[:, ::-1], lambda x: x.astype(np.float32)])
def test_inversion_mirroring_and_seven_digits_do_not_matter(rng, change):
    tiles = unit(np.cumsum(rng.normal(size=(3, 64, 50)), axis=1))
    bands = bands_of(tiles)
    found = structure(change(tiles), {step: change(band) for step, band in bands.items()})
    np.testing.assert_allclose(found, structure(tiles, bands), rtol=1e-5, atol=1e-5)


def test_a_constant_image_is_no_error():
    flat = np.full((1, 44, 44), 7.0)
    assert np.isfinite(structure(flat, bands_of(flat))).all()
