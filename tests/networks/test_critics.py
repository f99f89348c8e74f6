"""What every critic and discriminator must do."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from napari_sr.errors import ConfigError
from napari_sr.networks import CRITICS, create_critic


def built(name, patch, **hyper_parameters):
    """A critic for patches of one size, if it is made for one."""
    if CRITICS[name].one_patch_size:
        hyper_parameters["patch"] = patch
    return create_critic(name, **hyper_parameters)


def judged(critic, images):
    """What it thinks of images, given the LR images that they came from if it wants them."""
    return critic(images, F.avg_pool2d(images, 4)) if critic.sees_lr else critic(images)


def count(critic):
    return sum(p.numel() for p in critic.parameters())


@pytest.mark.parametrize("name", list(CRITICS))
@pytest.mark.parametrize("size", [32, 48, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_number_an_image_or_a_place(name, size, channels):
    critic = built(name, size, num_features=4, in_channels=channels)
    assert size >= critic.min_patch
    scores = judged(critic, torch.rand(3, channels, size, size))
    assert len(scores) == 3
    assert scores.ndim in (1, 3)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", list(CRITICS))
def test_its_smallest_patch_is_enough_and_every_weight_learns(name):
    side = CRITICS[name].min_patch
    critic = built(name, side, num_features=4)
    loss = F.softplus(judged(critic, torch.rand(2, 1, side, side))).mean()
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in critic.parameters())


@pytest.mark.parametrize("name", list(CRITICS))
def test_it_learns_to_tell_two_kinds_of_image_apart(name):
    torch.manual_seed(0)
    critic = built(name, 32, num_features=8)
    smooth = F.interpolate(torch.rand(8, 1, 8, 8), scale_factor=4, mode="bicubic")
    rough = torch.rand(8, 1, 32, 32)
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)

    def of_images():
        return judged(critic, torch.cat([smooth, rough])).reshape(16, -1).mean(dim=1)

    for _ in range(25):
        scores = of_images()
        loss = F.softplus(-scores[:8]).mean() + F.softplus(scores[8:]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = of_images()
    assert scores[:8].min() > scores[8:].max()


def test_discriminators_have_their_published_sizes():
    """WGAN: the thesis; U-Net: Real-ESRGAN's code; SRGAN: its table of layers, 96 pixels; the last two in colour."""
    assert count(create_critic("wgan-critic")) == 1_554_433
    assert count(create_critic("unet-discriminator", in_channels=3)) == 4_376_897
    widths = (3, 64, 64, 128, 128, 256, 256, 512, 512)
    kernels = 9 * sum(a * b for a, b in pairwise(widths))
    norms, dense = 2 * (64 + 2 * 128 + 2 * 256 + 2 * 512), 512 * 6 * 6 * 1024 + 1024 + 1024 + 1
    assert count(create_critic("srgan-discriminator", in_channels=3)) == kernels + 64 + norms + dense


@pytest.mark.parametrize("name", ["wgan-critic", "conditional-critic", "unet-discriminator"])
def test_it_judges_each_image_alone(name):
    # the gradient penalty is taken image by image, so nothing may pass between the images of a batch
    critic = create_critic(name, num_features=4).eval()
    images = torch.rand(4, 1, 32, 32)
    torch.testing.assert_close(judged(critic, images)[1], judged(critic, images[1:2])[0])


def test_the_u_net_is_as_smooth_as_spectral_norm_makes_it():
    """Each normalised convolution's matrix has a largest singular value of one."""
    torch.manual_seed(0)
    critic = create_critic("unet-discriminator", num_features=4)
    for _ in range(30):  # each look at the weights in training improves the estimate
        critic(torch.rand(1, 1, 16, 16))
    for layer in (*critic.down, *critic.up, *critic.after):
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item() == pytest.approx(1, abs=1e-2)


def test_the_u_net_sees_patches_of_any_size():
    assert create_critic("unet-discriminator", num_features=4)(torch.rand(2, 1, 45, 70)).shape == (2, 45, 70)


def test_a_value_of_the_patch_critic_sees_eleven_pixels():
    critic = create_critic("singan-critic", num_features=4).eval().double()
    image = torch.rand(1, 1, 31, 31, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(image)[0, 10, 10], image)
    seen = torch.nonzero(gradient[0, 0])
    assert critic(image).shape == (1, 21, 21)
    assert seen.amin(dim=0).tolist() == [10, 10]
    assert seen.amax(dim=0).tolist() == [20, 20]


def test_a_critic_for_one_size_of_patch_says_so():
    critic = create_critic("srgan-discriminator", num_features=4, patch=64)
    with pytest.raises(ConfigError, match=r"64 × 64 pixels, these have 96 × 96"):
        critic(torch.rand(2, 1, 96, 96))


def test_a_critic_that_sees_the_lr_image_tells_one_from_another():
    critic = create_critic("conditional-critic", num_features=4)
    image, lr = torch.rand(2, 1, 32, 32), torch.rand(2, 1, 8, 8)
    assert (critic(image, lr) - critic(image, lr.flip(0))).abs().max() > 1e-6
    with pytest.raises(ConfigError, match="LR image"):
        critic(image)
    with pytest.raises(ConfigError, match="one of nearest, bilinear"):
        create_critic("conditional-critic", upsampling="nix")


def test_unknown_settings_are_named():
    with pytest.raises(ConfigError, match="colour"):
        create_critic("wgan-critic", colour=1)
    with pytest.raises(ConfigError, match="no critic called"):
        create_critic("nix")
