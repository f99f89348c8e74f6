"""The second-order degradation beside the published code (github.com/xinntao/Real-ESRGAN), written out here."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from napari_sr.degradations import make_degradation, second_order
from napari_sr.degradations.blur import gaussian_kernel, plateau_kernel, sinc_kernel
from napari_sr.degradations.compression import jpeg
from napari_sr.degradations.second_order import FIRST, SECOND, random_kernel

SCALE, SIDE, DRAWS = 4, 128, 400
pytestmark = pytest.mark.xdist_group("second order")  # all look at the same draws, which take a while


def published_kernel(rng, sigma):
    """degradations.random_mixed_kernels, with the options of options/train_realesrgan_x4plus.yml."""
    size = rng.choice([2 * v + 1 for v in range(3, 11)])
    if rng.uniform() < 0.1:
        return sinc_kernel(size, rng.uniform(np.pi / 3, np.pi) if size < 13 else rng.uniform(np.pi / 5, np.pi))
    names = ("iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso")
    kind = rng.choice(names, p=[0.45, 0.25, 0.12, 0.03, 0.12, 0.03])
    x, y = rng.uniform(*sigma), rng.uniform(*sigma)
    theta = rng.uniform(-np.pi, np.pi)
    if not kind.endswith("aniso"):
        y, theta = x, 0.0
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    inverse = np.linalg.inv(turn @ np.diag([x**2, y**2]) @ turn.T)
    ax = np.arange(-size // 2 + 1.0, size // 2 + 1.0)
    grid = np.stack(np.meshgrid(ax, ax), -1)
    distance = np.sum(grid @ inverse * grid, 2)
    if kind.startswith("generalized"):
        beta = rng.uniform(0.5, 1) if rng.uniform() < 0.5 else rng.uniform(1, 4)
        kernel = np.exp(-0.5 * distance**beta)
    elif kind.startswith("plateau"):
        beta = rng.uniform(1, 1) if rng.uniform() < 0.5 else rng.uniform(1, 2)
        kernel = np.reciprocal(distance**beta + 1)
    else:
        kernel = np.exp(-0.5 * distance)
    return kernel / kernel.sum()


def published(hr, rng, sizes):
    """RealESRGANModel.feed_data for one grey image."""

    def interpolated(x, size):
        mode = rng.choice(["area", "bilinear", "bicubic"])
        sizes.append(size)
        kwargs = {} if mode == "area" else {"align_corners": False}
        return F.interpolate(torch.from_numpy(x)[None, None], size=size, mode=mode, **kwargs)[0, 0].numpy()

    def noisy(x, gaussian, poisson):
        if rng.uniform() < 0.5:
            return np.clip(x + rng.normal(0, rng.uniform(*gaussian) / 255, x.shape), 0, 1)
        x = np.clip(x, 0, 1)
        values = 2 ** np.ceil(np.log2(len(np.unique(np.round(x * 255)))))
        return np.clip(x + rng.uniform(*poisson) * (rng.poisson(x * values) / values - x), 0, 1)

    x = ndimage.convolve(hr, published_kernel(rng, (0.2, 3)), mode="reflect")
    kind = rng.choice(["up", "down", "keep"], p=[0.2, 0.7, 0.1])
    scale = {"up": rng.uniform(1, 1.5), "down": rng.uniform(0.15, 1), "keep": 1.0}[kind]
    x = interpolated(x, (int(SIDE * scale), int(SIDE * scale)))
    x = jpeg(noisy(x, (1, 30), (0.05, 3)), int(rng.uniform(30, 95)))
    if rng.uniform() < 0.8:
        x = ndimage.convolve(x, published_kernel(rng, (0.2, 1.5)), mode="reflect")
    kind = rng.choice(["up", "down", "keep"], p=[0.3, 0.4, 0.3])
    scale = {"up": rng.uniform(1, 1.2), "down": rng.uniform(0.3, 1), "keep": 1.0}[kind]
    x = noisy(interpolated(x, (int(SIDE / SCALE * scale),) * 2), (1, 25), (0.05, 2.5))
    final = np.ones((1, 1))
    if rng.uniform() < 0.8:
        final = sinc_kernel(rng.choice([2 * v + 1 for v in range(3, 11)]), rng.uniform(np.pi / 3, np.pi))
    size = (SIDE // SCALE,) * 2
    if rng.uniform() < 0.5:
        return jpeg(ndimage.convolve(interpolated(x, size), final, mode="reflect"), int(rng.uniform(30, 95)))
    x = jpeg(np.clip(x, 0, 1), int(rng.uniform(30, 95)))
    return ndimage.convolve(interpolated(x, size), final, mode="reflect")


def noise_of(image):
    return (image - image.mean(0)).std()


@pytest.fixture(scope="module")
def both():
    """Median size of the second resizing and noise of a flat image: of ours, and of the published code."""
    flat = np.tile(np.linspace(0.3, 0.7, SIDE, dtype=np.float32), (SIDE, 1))  # but for a slope, which is taken away
    found = {}
    seen = []
    made = second_order.resized
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second_order, "resized", lambda x, size, rng: (seen.append(size), made(x, size, rng))[1])
        step = second_order.SecondOrder(SCALE, limits=(0.0, 1.0))
        rng = np.random.default_rng(0)
        noise = [noise_of(step(flat, rng)) for _ in range(DRAWS)]
    found["ours"] = (seen[0::3], seen[1::3], noise)
    seen = []
    rng = np.random.default_rng(1)
    noise = [noise_of(published(flat, rng, seen)) for _ in range(DRAWS)]
    found["published"] = (seen[0::3], seen[1::3], noise)
    return found


def test_both_resizings_are_relative_to_what_the_published_ones_are(both):
    for which, (low, high) in enumerate(((0.15 * SIDE, 1.5 * SIDE), (0.3 * SIDE / SCALE, 1.2 * SIDE / SCALE))):
        ours, reference = (np.array(both[name][which])[:, 0] for name in ("ours", "published"))
        assert ours.min() >= int(low)
        assert ours.max() <= high
        assert np.median(ours) == pytest.approx(np.median(reference), rel=0.12)
    assert np.median(np.array(both["ours"][1])) == SIDE // SCALE


def test_lr_images_are_as_noisy_as_the_published_ones(both):
    ours, reference = (np.array(both[name][2]) for name in ("ours", "published"))
    for share in (25, 50, 75):
        assert np.percentile(ours, share) == pytest.approx(np.percentile(reference, share), rel=0.25)


def test_kernels_are_the_published_ones():
    for size, sigma, angle, beta in (
        (7, (0.5, 2.0), 0.3, 1.7),
        (21, (3.0, 0.2), -2.0, 1.0),
        (13, (1.0, 1.0), 0.0, 0.6),
    ):
        ax = np.arange(-(size // 2), size // 2 + 1.0)
        rows, columns = np.meshgrid(ax, ax, indexing="ij")
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        inverse = np.linalg.inv(turn @ np.diag(np.square(sigma)) @ turn.T)
        u = np.stack((rows, columns), -1)
        distance = np.einsum("...i,ij,...j->...", u, inverse, u)
        for made, kernel in (
            (gaussian_kernel, np.exp(-0.5 * distance**beta)), (plateau_kernel, 1 / (1 + distance**beta)),
        ):  # fmt: skip
            np.testing.assert_allclose(made(size, sigma, angle=angle, beta=beta), kernel / kernel.sum(), atol=1e-12)


@pytest.mark.parametrize(("order", "widest"), [(FIRST, 3.0), (SECOND, 1.5)])
def test_kinds_of_kernels_have_their_published_chances(order, widest, monkeypatch):
    drawn = []

    def recorded(name):
        def record(size, first, *, angle=0.0, beta=1.0):
            drawn.append((name, size, first, angle, beta))
            return np.ones((1, 1))

        return record

    for name in ("gaussian_kernel", "plateau_kernel", "sinc_kernel"):
        monkeypatch.setattr(second_order, name, recorded(name))
    rng = np.random.default_rng(0)
    for _ in range(4000):
        random_kernel(order, rng)
    assert {size for _, size, *_ in drawn} == set(range(7, 22, 2))
    sinc = [(size, cutoff) for name, size, cutoff, *_ in drawn if name == "sinc_kernel"]
    assert len(sinc) / 4000 == pytest.approx(0.1, abs=0.02)
    assert min(cutoff for size, cutoff in sinc if size < 13) >= np.pi / 3
    assert np.pi / 5 <= min(cutoff for size, cutoff in sinc if size >= 13) < np.pi / 3.5
    others = [d for d in drawn if d[0] != "sinc_kernel"]
    chances = {
        ("gaussian_kernel", False, True): 0.45, ("gaussian_kernel", False, False): 0.25,
        ("gaussian_kernel", True, True): 0.12, ("gaussian_kernel", True, False): 0.03,
    }  # fmt: skip
    for (name, generalised, is_round), chance in chances.items():
        like = [n == name and (b != 1) == generalised and (s[0] == s[1]) == is_round for n, _, s, _, b in others]
        assert np.mean(like) == pytest.approx(chance, abs=0.03)
    for is_round, chance in ((True, 0.12), (False, 0.03)):
        like = [n == "plateau_kernel" and (s[0] == s[1]) == is_round for n, _, s, *_ in others]
        assert np.mean(like) == pytest.approx(chance, abs=0.02)
    assert max(max(s) for _, _, s, *_ in others) <= widest


def test_it_reaches_no_further_than_it_says(rng):
    chain = make_degradation("second-order", SCALE)
    assert chain.reach >= 10 + 10 / 0.15 + 10 * SCALE
