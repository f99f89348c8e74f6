"""Losses against closed forms, scikit-image and torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_sr.errors import ConfigError
from napari_sr.losses import LOSSES, create_loss, perceptual
from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES, gradient_penalty

NEEDS_VGG = ("perceptual", "texture")


@pytest.fixture
def pair():
    torch.manual_seed(0)
    target = F.interpolate(torch.rand(2, 1, 8, 8), scale_factor=8, mode="bicubic")
    return target + 0.1 * torch.randn_like(target), target


@pytest.fixture
def vgg(monkeypatch):
    """VGG19 with random weights: the shape of the computation without 548 MB from the network."""
    torch.manual_seed(0)
    state, width, number = {}, 3, 0
    for channels, count in perceptual.BLOCKS:
        for _ in range(count):
            state[f"features.{number}.weight"] = torch.randn(channels, width, 3, 3) / (9 * width) ** 0.5
            state[f"features.{number}.bias"] = torch.zeros(channels)
            width, number = channels, number + 2
        number += 1
    monkeypatch.setattr(perceptual, "read_weights", lambda file: state)
    return state


@pytest.mark.parametrize("name", list(LOSSES))
def test_zero_for_equal_images_positive_and_differentiable_for_others(name, pair, vgg):
    pred, target = pair
    loss = create_loss(name, lower=-0.2, upper=1.2)
    # charbonnier's floor is its epsilon
    assert float(loss(target, target)) == pytest.approx(1e-3 if name == "charbonnier" else 0, abs=1e-6)
    pred = pred.clone().requires_grad_(True)
    value = loss(pred, target)
    assert value.ndim == 0
    assert value.item() > 1e-4 or name == "texture"
    value.backward()
    assert torch.isfinite(pred.grad).all()
    assert pred.grad.abs().max() > 0


def test_pixel_losses_are_what_they_say(pair):
    pred, target = pair
    torch.testing.assert_close(create_loss("l1")(pred, target), F.l1_loss(pred, target))
    torch.testing.assert_close(create_loss("mse")(pred, target), F.mse_loss(pred, target))
    flat = torch.zeros(1, 1, 6, 5)
    assert float(create_loss("charbonnier", epsilon=4.0)(flat + 3, flat)) == pytest.approx(5)
    ramp = torch.arange(5.0).expand(1, 1, 6, 5)  # 1 between columns, 0 between rows
    assert float(create_loss("gradient")(ramp, flat)) == pytest.approx(1)
    assert float(create_loss("gradient")(ramp + 7, ramp)) == 0  # blind to a constant


def test_psnr_is_the_mean_psnr_of_the_images_but_for_a_constant():
    torch.manual_seed(0)
    target = torch.rand(3, 1, 16, 16)
    noise = torch.tensor([0.02, 0.1, 0.5])[:, None, None, None]
    pair = [(target + noise * torch.randn_like(target)).double().requires_grad_(), target.double()]
    figures = [
        peak_signal_noise_ratio(t.numpy(), p.detach().numpy(), data_range=1.0) for p, t in zip(*pair, strict=True)
    ]
    epsilon = 1e-9  # beside which the errors are large
    loss = create_loss("psnr", epsilon=epsilon)(*pair)
    assert loss.item() == pytest.approx(-10 * np.log10(epsilon) - np.mean(figures), abs=1e-4)
    # an image with a small error pulls as hard as one with a large error: the gradient's length goes with 1 / error
    loss.backward()
    steps = pair[0].grad.flatten(1).norm(dim=1) * (pair[0] - pair[1]).flatten(1).norm(dim=1)
    torch.testing.assert_close(steps, torch.full_like(steps, 20 / np.log(10) / 3), rtol=1e-4, atol=0)


def test_psnr_does_not_run_after_images_that_are_flat():
    target = torch.zeros(1, 1, 8, 8)
    pulls = []
    for error in (1e-5, 1e-3):  # far below a grey level of 255, and near one
        pred = (target + error).requires_grad_()
        create_loss("psnr")(pred, target).backward()
        pulls.append(float(pred.grad.norm() * error))
    assert pulls[0] < 1e-3 * pulls[1]


def test_ssim_is_scikit_images(pair):
    pred, target = pair
    ours = float(create_loss("ssim", lower=-0.5, upper=1.5)(pred[:1], target[:1]))
    a, b = (np.asarray(x[0, 0], dtype=np.float64) for x in (pred, target))
    # the mean over the whole map, borders too, as torchmetrics takes it
    theirs = structural_similarity(
        a, b, data_range=2.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1].mean()
    assert ours == pytest.approx(1 - theirs, abs=2e-3)
    combined = create_loss("mse+ssim", lower=-0.5, upper=1.5)(pred[:1], target[:1])
    assert float(combined) == pytest.approx(float(F.mse_loss(pred[:1], target[:1])) + 0.1 * ours, abs=1e-6)


@pytest.mark.parametrize("side", [16, 32, 64, 88, 96, 104, 128, 192])
def test_ms_ssim_takes_patches_of_any_size(side):
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim

    torch.manual_seed(1)
    target = F.interpolate(torch.rand(1, 1, side // 8, side // 8), scale_factor=8, mode="bicubic")
    pred = target + 0.05 * torch.randn_like(target)
    ours = create_loss("ms-ssim")(pred, target)
    assert 0 < float(ours) < 1
    if side > 176:  # all five scales: the published measure
        assert float(ours) == pytest.approx(1 - float(ms_ssim(pred, target, data_range=1.0)), abs=1e-5)


def test_perceptual_is_the_distance_of_the_features_of_vgg19(pair, vgg):
    pred, target = pair

    def features(image):  # conv1_1 - conv1_2 before its activation, written out
        x = (image.expand(-1, 3, -1, -1) - torch.tensor(perceptual.MEAN)[:, None, None]) / torch.tensor(perceptual.STD)[
            :, None, None
        ]
        x = F.relu(F.conv2d(x, vgg["features.0.weight"], padding=1))
        return F.conv2d(x, vgg["features.2.weight"], padding=1)

    a, b = features(pred), features(target)
    ours = create_loss("perceptual", layer="conv1_2")(pred, target)
    torch.testing.assert_close(ours, F.l1_loss(a, b))
    shifted = create_loss("perceptual", layer="conv1_2", lower=-1, upper=1)(2 * pred - 1, 2 * target - 1)
    torch.testing.assert_close(shifted, ours, rtol=1e-4, atol=1e-5)
    squared = create_loss("perceptual", layer="conv1_2", distance="l2")(pred, target)
    torch.testing.assert_close(squared, F.mse_loss(a, b))
    srgan = create_loss("perceptual", layer="conv1_2", distance="l2", after_activation=True)(pred, target)
    torch.testing.assert_close(srgan, F.mse_loss(a.relu(), b.relu()))
    with pytest.raises(ConfigError, match="l1, l2"):
        create_loss("perceptual", layer="conv1_2", distance="l3")
    grams = [torch.einsum("nfhw,nghw->nfg", x, x) / x[0].numel() for x in (a, b)]
    torch.testing.assert_close(
        create_loss("texture", layer="conv1_2")(pred, target), F.mse_loss(*grams), rtol=1e-4, atol=1e-7
    )


def test_texture_does_not_see_where_things_are(vgg):
    # a circular shift by the pooling's stride moves the features and leaves their Gram matrix almost alone
    torch.manual_seed(2)
    image = torch.rand(1, 1, 64, 64)
    moved, other = image.roll((8, 8), (-2, -1)), torch.rand(1, 1, 64, 64) * 0.5
    loss = create_loss("texture", layer="conv2_1")
    assert float(loss(moved, image)) < 0.05 * float(loss(other, image))


def test_missing_weights_are_said_and_wrong_ones_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(perceptual, "ADDRESS", "http://127.0.0.1:9/vgg19-dcbb9e9d.pth")
    with pytest.raises(ConfigError, match="could not be fetched"):
        create_loss("perceptual")
    with pytest.raises(ConfigError, match="no file"):
        create_loss("perceptual", weights=str(tmp_path / "none.pth"))
    (tmp_path / "vgg.pth").write_bytes(b"something else")
    with pytest.raises(ConfigError, match="SHA-256"):
        create_loss("texture", weights=str(tmp_path / "vgg.pth"))
    with pytest.raises(ConfigError, match="no layer"):
        create_loss("texture", layer="conv9_9")


def test_unknown_names_and_options_are_said():
    with pytest.raises(ConfigError, match=r"Known: .*charbonnier"):
        create_loss("nix")
    with pytest.raises(ConfigError, match="colour"):
        create_loss("mse", colour=1)


def test_adversarial_losses_are_the_published_ones():
    torch.manual_seed(0)
    real, fake = torch.randn(7), torch.randn(7)
    bce = F.binary_cross_entropy_with_logits
    one, zero = torch.ones(7), torch.zeros(7)
    expected = {
        "wasserstein": (fake.mean() - real.mean(), -fake.mean()),
        "standard": (bce(real, one) + bce(fake, zero), bce(fake, one)),
        "relativistic": (
            bce(real - fake.mean(), one) + bce(fake - real.mean(), zero),
            bce(real - fake.mean(), zero) + bce(fake - real.mean(), one),
        ),
    }
    assert set(expected) == set(ADVERSARIAL_LOSSES)
    for name, (critic, generator) in expected.items():
        torch.testing.assert_close(ADVERSARIAL_LOSSES[name].critic(real, fake), critic)
        torch.testing.assert_close(ADVERSARIAL_LOSSES[name].generator(real, fake), generator)


def test_gradient_penalty_of_critics_whose_gradient_is_known():
    real, fake, epsilon = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4), torch.rand(3)
    slope = torch.full((16,), 0.5, requires_grad=True)  # norm 2

    class Linear(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1) @ slope

    penalty = gradient_penalty(Linear(), real, fake, epsilon)
    assert penalty.item() == pytest.approx(1)  # (2 - 1)^2
    penalty.backward()  # d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|
    torch.testing.assert_close(slope.grad, torch.full((16,), 2 * 0.5 / 2))

    class Square(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1).square().sum(1) / 2  # gradient x itself

    between = epsilon.view(-1, 1, 1, 1) * real + (1 - epsilon.view(-1, 1, 1, 1)) * fake
    expected = (between.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(gradient_penalty(Square(), real, fake, epsilon), expected)


@pytest.mark.parametrize("name", ["ssim", "ms-ssim", "mse+ssim"])
def test_structure_is_compared_in_single_precision_also_in_mixed_training(name):
    torch.manual_seed(0)
    target = 0.5 + 0.02 * torch.randn(1, 1, 64, 64)  # low contrast: E[x^2] - mu^2 is small
    pred = target + 0.002 * torch.randn_like(target)
    loss = create_loss(name)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = loss(pred, target)
    torch.testing.assert_close(mixed, loss(pred, target))
